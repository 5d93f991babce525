//! Facts: what is true of the memory of whoever tells it, sent until it is taken.
//!
//! A session that has ended, a presence, a place in a voice channel: nothing of it is stored, since it ends with the process
//! that knows it (then [`crate::Watcher::node_gone`] speaks for it). But as long as that process lives the receiver must learn
//! of it, however full its mailbox is: a lost "offline" would show somebody for ever.
//!
//! What is told about one thing goes in order, one at a time; a newer fact takes the place of those that still wait, unless
//! they are to be kept. One that is refused for the moment is told again after a pause. One that is refused for good (there is
//! no such guild) is done.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use consort_model::{ChannelId, GuildId, UserId};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot};

use crate::guild::voice as states;
use crate::private::call as calls;
use crate::user::relationship;
use crate::{Caller, NodeId, Owner, guild, name, private, relay, user, voice};

/// Facts of one node that wait to be taken. One beyond it is lost, with an error in the log; from half of it on the gateway lets
/// nobody new in.
pub const FACTS_WAITING_MAX: usize = 262_144;
/// What is so, and whom it concerns. Telling it twice does no harm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Fact {
    /// To the owner of a user.
    User { user: UserId, op: user::Op },
    /// To the owner of a guild.
    Guild { guild: GuildId, op: guild::Op },
    /// To the owner of a private channel.
    Private { channel: ChannelId, op: private::Op },
    /// To the owner of a name.
    Name { key: u64, op: name::Op },
    /// To the voice server of a guild.
    Voice { guild: GuildId, op: voice::Op },
    /// To the relay of a node: it ends with the node.
    Relay { node: NodeId, message: relay::Op },
}

/// What a fact is about, at its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum About {
    Session(u64),
    MemberLists(u64),
    Voice(u64),
    Presence(u64),
    Account(u64),
    Node(u16),
    Others,
}

impl Fact {
    fn receiver(&self) -> Owner {
        match self {
            Self::User { user, .. } => Owner::of::<user::User>(user.get()),
            Self::Guild { guild, .. } => Owner::of::<guild::Guild>(guild.get()),
            Self::Private { channel, .. } => Owner::of::<private::Private>(channel.get()),
            Self::Name { key, .. } => Owner::of::<name::Name>(*key),
            Self::Voice { guild, .. } => Owner::of::<voice::Voice>(guild.get()),
            Self::Relay { node, .. } => Owner::of::<relay::Relay>(u64::from(node.0)),
        }
    }

    /// What it is about, and whether a newer fact makes this one needless.
    fn about(&self) -> (About, bool) {
        match self {
            Self::User { op: user::Op::Gateway(op), .. } => match op {
                user::gateway::Op::Open(open) => (About::Session(open.session.number), false),
                user::gateway::Op::SetPresence { session, .. } => (About::Session(session.number), true),
                user::gateway::Op::Closed { session } => (About::Session(session.number), true),
                user::gateway::Op::Find { .. } => (About::Others, false),
            },
            Self::User { op: user::Op::Relationship(relationship::Op::Presence(told)), .. } => {
                (About::Presence(told.presence.user.id.get()), !told.wants_reply)
            }
            Self::Guild { op: guild::Op::Gateway(op), .. } => match op {
                guild::gateway::Op::Presence { presence } => (About::Presence(presence.user.id.get()), true),
                guild::gateway::Op::Subscribe { session, .. }
                | guild::gateway::Op::Unsubscribe { session } => (About::MemberLists(session.number), false),
                guild::gateway::Op::Detached { node } => (About::Node(node.0), true),
                _ => (About::Others, false),
            },
            Self::Guild { op: guild::Op::Voice(states::Op::Update { session, .. }), .. }
            | Self::Guild { op: guild::Op::Voice(states::Op::Gone { session }), .. } => {
                (About::Voice(session.number), true)
            }
            Self::Private { op: private::Op::Call(calls::Op::Join { session, .. }), .. }
            | Self::Private { op: private::Op::Call(calls::Op::Leave { session }), .. } => {
                (About::Voice(session.number), true)
            }
            Self::Voice { op, .. } => (About::Voice(op.user().get()), true),
            // What is told of an account stays in order, and one account does not wait for another.
            Self::Relay { message, .. } => {
                (message.account().map_or(About::Others, |user| About::Account(user.get())), false)
            }
            _ => (About::Others, false),
        }
    }
}

pub(crate) struct Waiting {
    pub(crate) caller: Caller,
    pub(crate) fact: Fact,
    is_replaced: bool,
    /// Those who wait until it waits no more; they hear of it when it is dropped.
    ends: Mutex<Vec<oneshot::Sender<()>>>,
}

pub(crate) type QueueId = (Owner, About);

/// The facts of a node that are not taken yet.
#[derive(Default)]
pub(crate) struct Facts {
    state: Mutex<State>,
    /// Owners have moved: who was refused may be taken now.
    moved: Arc<Notify>,
}

#[derive(Default)]
struct State {
    /// By receiver and subject, oldest first. A queue that is there has a task that works it off.
    queues: HashMap<QueueId, VecDeque<Arc<Waiting>>>,
    waiting: usize,
}

impl Facts {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notified when owners have moved.
    pub(crate) fn moved(&self) -> Arc<Notify> {
        self.moved.clone()
    }

    /// Has everything be told again now that waits for its pause to end.
    pub(crate) fn hurry(&self) {
        self.moved.notify_waiters();
    }

    /// How many wait.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    /// Takes a fact; gives its queue if that has nobody to work it off.
    pub(crate) fn add(&self, caller: Caller, fact: Fact) -> Option<(QueueId, Arc<Waiting>)> {
        let (about, is_replaced) = fact.about();
        let id = (fact.receiver(), about);
        let mut state = self.lock();
        let state = &mut *state;
        if state.waiting >= FACTS_WAITING_MAX {
            tracing::error!(receiver = %id.0, "too many facts wait to be taken, one is lost");
            return None;
        }
        let waiting = Arc::new(Waiting { caller, fact, is_replaced, ends: Mutex::default() });
        state.waiting += 1;
        match state.queues.get_mut(&id) {
            Some(queue) => {
                // The first may be under way.
                while queue.len() > 1 && queue.back().is_some_and(|last| last.is_replaced) {
                    queue.pop_back();
                    state.waiting -= 1;
                }
                queue.push_back(waiting);
                None
            }
            None => {
                state.queues.insert(id.clone(), VecDeque::from([waiting.clone()]));
                Some((id, waiting))
            }
        }
    }

    /// Is answered, in whatever way, once what waits in a queue now waits no more; `None` when nothing does.
    pub(crate) fn end_of(&self, id: &QueueId) -> Option<oneshot::Receiver<()>> {
        let (ends, ended) = oneshot::channel();
        let state = self.lock();
        let last = state.queues.get(id)?.back()?;
        last.ends.lock().unwrap_or_else(PoisonError::into_inner).push(ends);
        Some(ended)
    }

    /// The first of a queue is done: gives the next.
    pub(crate) fn done(&self, id: &QueueId) -> Option<Arc<Waiting>> {
        let mut state = self.lock();
        let queue = state.queues.get_mut(id)?;
        let taken = usize::from(queue.pop_front().is_some());
        let next = queue.front().cloned();
        if next.is_none() {
            state.queues.remove(id);
        }
        state.waiting -= taken;
        next
    }

    /// What to tell after the first of a queue was refused: itself, or what has taken its place.
    pub(crate) fn again(&self, id: &QueueId) -> Option<Arc<Waiting>> {
        let mut state = self.lock();
        let state = &mut *state;
        let queue = state.queues.get_mut(id)?;
        if queue.len() > 1 && queue.front().is_some_and(|first| first.is_replaced) {
            queue.pop_front();
            state.waiting -= 1;
        }
        queue.front().cloned()
    }
}

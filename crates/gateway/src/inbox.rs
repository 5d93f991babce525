//! The bounded inbox of a slice.
//!
//! The slice takes everything that waits in one go, so its side of the lock is taken once for a whole batch. It is woken for
//! that, unless what comes only has to be there before what comes next. When the
//! inbox is full nobody waits: `deliver` of a relay must not block.
//!
//! * From [`INBOX_VOLATILE_MAX`] (or [`INBOX_BYTES_MAX`]) on, volatile events are dropped.
//! * From [`INBOX_EVENTS_MAX`] (or [`INBOX_BYTES_MAX`]) on, other events are lost. A session that should have had one
//!   would have a gap, so it ends: its guild or number is noted, and once the slice has worked off what came before, the
//!   sessions concerned are told to identify again (opcode 9 with `false`, then close code 4000).
//! * A guild for a session that attaches (GUILD_CREATE) is counted apart, up to [`INBOX_GUILDS_BYTES_MAX`]. One beyond it is
//!   not kept, and nobody ends for it: until it comes the session is not attached, so it has no gap, and the slice asks for it
//!   again once it has worked off what came before. Who asks for much and does not read waits for oneself.
//! * Changes of subscriptions and of what a member may see must never be lost alone; they have room up to
//!   [`INBOX_MAX`]. Beyond that every session of the slice ends in the same way.

use std::collections::HashSet;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use consort_model::GuildId;
use consort_rpc::relay::SessionKey;
use consort_runtime::{OpName, Queue};
use tokio::sync::oneshot;

use crate::config::{
    INBOX_BYTES_MAX, INBOX_EVENTS_MAX, INBOX_GUILDS_BYTES_MAX, INBOX_LOST_MAX, INBOX_MAX, INBOX_VOLATILE_MAX,
};
use crate::slice::{Asks, Input, Look};

/// Wakes the slice's thread.
pub(crate) trait Wake: Send + Sync {
    fn wake(&self);
}

/// What was lost since the slice last looked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) everything: bool,
    pub(crate) guilds: HashSet<GuildId>,
    pub(crate) sessions: HashSet<u64>,
    /// Guilds that were sent to sessions and not kept; to be asked again.
    pub(crate) unattached: Vec<(SessionKey, GuildId)>,
}

impl Lost {
    pub(crate) fn is_empty(&self) -> bool {
        !self.has_gaps() && self.unattached.is_empty()
    }

    /// Whether sessions have missed something that they were to have.
    pub(crate) fn has_gaps(&self) -> bool {
        self.everything || !self.guilds.is_empty() || !self.sessions.is_empty()
    }

    fn note(&mut self, input: &Input) {
        if self.guilds.len() + self.sessions.len() >= INBOX_LOST_MAX {
            self.everything = true;
        }
        match input.concerns() {
            _ if self.everything => {}
            Concerns::Guild(guild) => drop(self.guilds.insert(guild)),
            Concerns::Sessions(numbers) => self.sessions.extend(numbers),
            Concerns::Everybody => self.everything = true,
        }
    }
}

/// Whose loss it is if an input is lost.
pub(crate) enum Concerns {
    Guild(GuildId),
    Sessions(Vec<u64>),
    Everybody,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Input>,
    bytes: usize,
    /// Of guilds for sessions that attach.
    guilds_bytes: usize,
    lost: Lost,
    woken: bool,
    /// When the first of those that wait came.
    since: Option<Instant>,
}

/// The inbox; shared by everybody who has something for the slice.
pub(crate) struct Inbox {
    state: Mutex<State>,
    waker: Box<dyn Wake>,
    depth: AtomicUsize,
    dropped_volatile: AtomicU64,
    lost_events: AtomicU64,
}

/// A shared inbox.
pub(crate) type InboxRef = Arc<Inbox>;

impl Inbox {
    pub(crate) fn new(waker: Box<dyn Wake>) -> InboxRef {
        Arc::new(Self {
            state: Mutex::default(),
            waker,
            depth: AtomicUsize::new(0),
            dropped_volatile: AtomicU64::new(0),
            lost_events: AtomicU64::new(0),
        })
    }

    /// Puts an input in, or does what the module says of a full inbox. Gives the input back when it is a connection
    /// there is no room for.
    pub(crate) fn push(&self, input: Input) -> Result<(), Box<Input>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (len, bytes) = (state.queue.len(), input.bytes());
        let full = if input.is_event() {
            len >= INBOX_EVENTS_MAX || state.bytes.saturating_add(bytes) > INBOX_BYTES_MAX
        } else {
            len >= INBOX_MAX
        };
        if input.is_volatile() && (full || len >= INBOX_VOLATILE_MAX) {
            self.dropped_volatile.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        if full {
            if input.is_connection() {
                return Err(Box::new(input));
            }
            self.lost_events.fetch_add(1, Ordering::Relaxed);
            state.lost.note(&input);
            return Ok(());
        }
        if let Some((key, guild)) = input.attaches() {
            // One at least has room, however large it is.
            if state.guilds_bytes > 0 && state.guilds_bytes + bytes > INBOX_GUILDS_BYTES_MAX {
                // More than can be noted are asked again when they have not come for a while.
                if state.lost.unattached.len() < INBOX_LOST_MAX {
                    state.lost.unattached.push((key, guild));
                }
                return Ok(());
            }
            state.guilds_bytes += bytes;
        } else {
            state.bytes += bytes;
        }
        let can_wait = input.can_wait();
        if state.queue.is_empty() {
            state.since = Some(Instant::now());
        }
        state.queue.push_back(input);
        self.depth.store(state.queue.len(), Ordering::Relaxed);
        let wake = !can_wait && !std::mem::replace(&mut state.woken, true);
        drop(state);
        if wake {
            self.waker.wake();
        }
        Ok(())
    }

    /// Takes everything. `into` is empty and becomes the batch; what was lost was lost after it.
    pub(crate) fn take(&self, into: &mut VecDeque<Input>) -> Lost {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.queue, into);
        (state.bytes, state.guilds_bytes) = (0, 0);
        state.woken = false;
        state.since = None;
        self.depth.store(0, Ordering::Relaxed);
        std::mem::take(&mut state.lost)
    }

    /// Inputs that wait.
    pub(crate) fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    /// Volatile events dropped so far.
    pub(crate) fn dropped_volatile(&self) -> u64 {
        self.dropped_volatile.load(Ordering::Relaxed)
    }

    /// Other inputs lost so far.
    pub(crate) fn lost_events(&self) -> u64 {
        self.lost_events.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").field("depth", &self.depth()).finish_non_exhaustive()
    }
}

impl Queue for Inbox {
    fn depth(&self) -> usize {
        Self::depth(self)
    }

    fn oldest(&self) -> Option<Duration> {
        let since = self.state.lock().unwrap_or_else(PoisonError::into_inner).since;
        since.map(|since| since.elapsed())
    }

    fn capacity(&self) -> usize {
        INBOX_MAX
    }

    fn types(&self, walked: usize) -> Vec<OpName> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.queue.iter().take(walked).map(|input| OpName::plain(Input::NAMES[input.kind()])).collect()
    }

    fn ask_state(&self, answer: oneshot::Sender<String>) -> bool {
        let look = Look { asks: Asks::State(answer), now: Instant::now() };
        self.push(Input::Look(Box::new(look))).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use consort_model::{Intents, UserId};
    use consort_rpc::relay::{Op, Question};
    use consort_rpc::{Audience, Event, NodeId};
    use consort_session::Dispatch;

    use super::*;
    use crate::slice::Attached;

    struct Count(Arc<AtomicUsize>);

    impl Wake for Count {
        fn wake(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn inbox() -> (InboxRef, Arc<AtomicUsize>) {
        let wakes = Arc::new(AtomicUsize::new(0));
        (Inbox::new(Box::new(Count(wakes.clone()))), wakes)
    }

    fn event(guild: u64, volatile: bool, body: impl Into<bytes::Bytes>) -> Input {
        let mut event = Event::new("E", Intents::empty(), Audience::all(), &());
        event.body = body.into();
        event.guild = Some(GuildId::new(guild));
        event.volatile = volatile;
        Input::Publish(Arc::new(Dispatch::published(Arc::new(event))))
    }

    fn key(number: u64) -> SessionKey {
        SessionKey { node: NodeId(1), generation: 7, slice: 0, number, user: UserId::new(1) }
    }

    fn push(inbox: &Inbox, input: Input) {
        assert!(inbox.push(input).is_ok());
    }

    #[test]
    fn a_batch_is_one_wake_up() {
        let (inbox, wakes) = inbox();
        (0..10).for_each(|_| push(&inbox, Input::Moved));
        let mut batch = VecDeque::new();
        assert!(inbox.take(&mut batch).is_empty());
        assert_eq!((batch.len(), wakes.load(Ordering::Relaxed)), (10, 1));
        push(&inbox, Input::Moved);
        assert_eq!(wakes.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn nobody_is_woken_for_what_is_followed_by_more() {
        let (inbox, wakes) = inbox();
        let identity = consort_session::Identity {
            key: key(1),
            id: "00010000000000010000000000000000".parse().expect("an id"),
            viewer: consort_session::Viewer { user: UserId::new(1), intents: Intents::all(), bot: false },
            bot: false,
            shard: None,
            auth_session: 1,
            token_hash: [0; 32],
            capabilities: 0,
            large_threshold: 50,
        };
        let (client, conn) = (Default::default(), crate::slice::ConnId(1));
        let admission = crate::slice::Admission {
            slot: 0,
            conn,
            identity,
            application: None,
            client,
            presence: None,
            compress: false,
        };
        push(&inbox, Input::Admit(Box::new(admission)));
        assert_eq!((inbox.depth(), wakes.load(Ordering::Relaxed)), (1, 0));
        push(&inbox, Input::Moved);
        assert_eq!((inbox.depth(), wakes.load(Ordering::Relaxed)), (2, 1));
    }

    #[test]
    fn volatile_events_go_first_then_events_with_their_guild_noted_then_everything() {
        let (inbox, _) = inbox();
        (0..INBOX_VOLATILE_MAX).for_each(|_| push(&inbox, event(1, false, "")));
        push(&inbox, event(1, true, ""));
        assert_eq!((inbox.depth(), inbox.dropped_volatile()), (INBOX_VOLATILE_MAX, 1));
        (INBOX_VOLATILE_MAX..INBOX_EVENTS_MAX).for_each(|_| push(&inbox, event(1, false, "")));
        push(&inbox, event(7, false, ""));
        push(
            &inbox,
            Input::Direct(
                vec![key(3)],
                match event(9, false, "") {
                    Input::Publish(dispatch) => dispatch,
                    _ => unreachable!(),
                },
            ),
        );
        assert_eq!((inbox.depth(), inbox.lost_events()), (INBOX_EVENTS_MAX, 2));
        // A change of subscriptions still has room.
        push(&inbox, Input::Relay(Op::Drop { guild: GuildId::new(7) }));
        let mut batch = VecDeque::new();
        let lost = inbox.take(&mut batch);
        assert_eq!(batch.len(), INBOX_EVENTS_MAX + 1);
        assert_eq!(lost, Lost { guilds: [GuildId::new(7)].into(), sessions: [3].into(), ..Lost::default() });
        batch.clear();
        (0..INBOX_MAX).for_each(|_| push(&inbox, Input::Relay(Op::Drop { guild: GuildId::new(7) })));
        push(&inbox, Input::Relay(Op::Drop { guild: GuildId::new(7) }));
        assert!(inbox.take(&mut batch).everything);
    }

    #[test]
    fn bytes_count_as_well() {
        let (inbox, _) = inbox();
        let body = bytes::Bytes::from(vec![b' '; INBOX_BYTES_MAX / 2 + 1]);
        (0..3).for_each(|n| push(&inbox, event(n, false, body.clone())));
        let mut batch = VecDeque::new();
        let lost = inbox.take(&mut batch);
        assert_eq!((batch.len(), lost.guilds.len()), (1, 2));
        push(&inbox, event(1, false, ""));
        assert_eq!(inbox.depth(), 1);
    }

    #[test]
    fn large_guilds_take_no_room_from_events_and_are_asked_again() {
        let (inbox, _) = inbox();
        let attached = |number: u64, len: usize| {
            let guild_create = bytes::Bytes::from(vec![b' '; len]).into();
            let (session, guild, question) = (key(number), GuildId::new(1), Question::default());
            let attached =
                Attached { session, question, guild, class: 0, guild_create, late: Vec::new(), place: None };
            Input::Attached(Box::new(attached))
        };
        (1..=9).for_each(|number| push(&inbox, attached(number, INBOX_GUILDS_BYTES_MAX / 4)));
        push(&inbox, event(2, false, vec![b' '; INBOX_BYTES_MAX]));
        let mut batch = VecDeque::new();
        let lost = inbox.take(&mut batch);
        assert_eq!((batch.len(), lost.has_gaps(), inbox.lost_events()), (5, false, 0));
        assert_eq!(lost.unattached, (5..=9).map(|n| (key(n), GuildId::new(1))).collect::<Vec<_>>());
        batch.clear();
        // One that is larger than all of it comes alone.
        (1..=2).for_each(|number| push(&inbox, attached(number, INBOX_GUILDS_BYTES_MAX + 1)));
        assert_eq!((inbox.take(&mut batch).unattached.len(), batch.len()), (1, 1));
    }

    #[test]
    fn nobody_ends_for_want_of_a_volatile_event() {
        let (inbox, _) = inbox();
        let body = bytes::Bytes::from(vec![b' '; INBOX_BYTES_MAX]);
        push(&inbox, event(1, false, body));
        push(&inbox, event(2, true, "1"));
        assert_eq!((inbox.depth(), inbox.dropped_volatile(), inbox.lost_events()), (1, 1, 0));
        assert!(inbox.take(&mut VecDeque::new()).is_empty());
    }
}

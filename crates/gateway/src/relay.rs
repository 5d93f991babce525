//! The relay of the node: hands what owners say to the slices, in order and without waiting.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use consort_model::{GuildId, UserId};
use consort_rpc::guild::{Guild, News};
use consort_rpc::relay::{Heard, Numbered, Op, Relay, SessionKey};
use consort_rpc::user::User;
use consort_rpc::{Answer, Call, Caller, Host, Mesh, NodeId, Watcher};
use consort_runtime::Planted;
use consort_session::Dispatch;
use tokio::sync::Notify;

use crate::bodies::Bodies;
use crate::inbox::InboxRef;
use crate::interest::{Arrival, Interest, Slices};
use crate::slice::{Attached, Input, Said};

/// A guild that says nothing for so long, and for twice as long at most, is asked whether something was missed.
const SILENCE: Duration = Duration::from_secs(10);

/// Routes operations to inboxes. What one owner says one after the other reaches each slice in that order, since each
/// call puts its inputs into the inboxes before it returns.
pub(crate) struct Router {
    pub(crate) inboxes: Vec<InboxRef>,
    pub(crate) interest: Arc<Interest>,
    /// What its sessions hold of guilds.
    bodies: Bodies,
    /// Weak, since the mesh holds its hosts.
    pub(crate) mesh: Weak<Mesh>,
    /// The map has changed.
    moved: Arc<Notify>,
    /// The nodes that were on it and are gone.
    gone: Mutex<Vec<NodeId>>,
    /// This node was not on the map, and has not been seen there since.
    was_off: AtomicBool,
}

impl Router {
    /// A router that hears what is said to this node, looks after silent guilds, and wakes the next owners of those that move.
    pub(crate) fn start(inboxes: Vec<InboxRef>, interest: Arc<Interest>, mesh: &Arc<Mesh>) {
        let moved = Arc::new(Notify::new());
        let (mesh_of, gone, was_off) = (Arc::downgrade(mesh), Mutex::default(), false.into());
        let bodies = Bodies::default();
        let router = Arc::new(Self { inboxes, interest, bodies, mesh: mesh_of, moved, gone, was_off });
        let watcher: Weak<Self> = Arc::downgrade(&router);
        mesh.watch(watcher);
        router.look_for_others(mesh);
        router.watch();
        mesh.host::<Relay>(router);
    }

    fn put(&self, slice: usize, input: Input) {
        if let Some(inbox) = self.inboxes.get(slice) {
            // Only sockets are ever given back.
            let _lost = inbox.push(input);
        }
    }

    fn to(&self, slices: Slices, op: &Op) {
        slices.iter().for_each(|slice| self.put(slice, Input::Relay(op.clone())));
    }

    /// Groups sessions by slice.
    fn by_slice(&self, sessions: &[SessionKey]) -> impl Iterator<Item = (usize, Vec<SessionKey>)> {
        let mut groups = vec![Vec::new(); self.inboxes.len()];
        for session in sessions {
            if let Some(group) = groups.get_mut(usize::from(session.slice)) {
                group.push(*session);
            }
        }
        groups.into_iter().enumerate().filter(|(_, group)| !group.is_empty())
    }

    /// Takes a numbered word, once and in order, or asks for what is missing before it.
    fn hear(&self, word: Numbered) {
        let (guild, epoch, n) = (word.guild, word.epoch, word.n);
        let mut missed = None;
        let attaches = match &word.op {
            Op::Attached { session, .. } => Some(*session),
            _ => None,
        };
        let not_attached = || {
            if let Some(session) = attaches {
                self.put(usize::from(session.slice), Input::Unattached(session, guild));
            }
        };
        self.interest.arrive(word, |arrival, word| match arrival {
            Arrival::Next(slices) => {
                let place = Heard { line: word.line, n: word.n };
                match word.op {
                    Op::Publish(event) => {
                        self.publish(slices, &Arc::new(Dispatch::published_at(event, place)));
                    }
                    op @ Op::Attached { .. } => self.attached(op, Some(place)),
                    Op::Refused { .. } => self.route(word.op),
                    _ => self.to(slices, &Op::Numbered(Box::new(word))),
                }
            }
            Arrival::Old | Arrival::Awaited => {
                tracing::debug!(%guild, ?epoch, n, "a word of a guild is not taken");
                not_attached();
            }
            Arrival::Missed(heard) => {
                missed = Some(heard);
                not_attached();
            }
        });
        if let Some(heard) = missed {
            tracing::warn!(%guild, ?epoch, n, ?heard, "words of a guild are missing and asked for");
            self.ask(guild, heard);
        }
    }

    /// Has sessions tell their account's owner of themselves, which knows nothing of them.
    fn tell_of_sessions(&self, user: UserId) {
        // Whenever it was loaded: also a session that is being opened just now is told of again.
        self.route(Op::UserRestarted { user, since_ms: u64::MAX });
    }

    fn ask(&self, guild: GuildId, Heard { line, n: after }: Heard) {
        let Some(mesh) = self.mesh.upgrade() else { return };
        let news = News::Replay { node: mesh.node(), line, after };
        let asked = mesh.client::<Guild>().cast_lossy(guild.get(), Caller::system(), news);
        if let Err(error) = asked {
            // The next word asks again.
            tracing::warn!(%error, %guild, "a guild's owner cannot be asked for what is missing");
        }
    }

    /// Asks the guilds that have said nothing for a while what the node has missed. A word that is lost on the way is noticed by
    /// the next one; this notices the last, and an owner that has moved and whose announcement was lost.
    fn ask_the_silent(&self) {
        // A node that is alone loses nothing on its way to itself.
        if self.mesh.upgrade().is_none_or(|mesh| mesh.nodes_of::<Relay>().len() < 2) {
            return;
        }
        for (guild, heard) in self.interest.silent() {
            self.ask(guild, heard);
        }
    }

    /// Wakes the owners that guilds and accounts have now, as far as they are others than before: each is up before the first
    /// call. A guild's says what was missed or that it is new; an account's is told of its sessions.
    fn wake_next_owners(&self) {
        let Some(mesh) = self.mesh.upgrade() else { return };
        let gone = std::mem::take(&mut *self.gone.lock().unwrap_or_else(PoisonError::into_inner));
        for user in self.interest.moved_users(|user| mesh.owner_of::<User>(user.get()), &gone) {
            self.tell_of_sessions(user);
        }
        let owner = |guild: GuildId| mesh.owner_of::<Guild>(guild.get());
        for (guild, heard) in self.interest.moved(owner, &gone) {
            self.ask(guild, heard);
        }
        (0..self.inboxes.len()).for_each(|slice| self.put(slice, Input::Moved));
        let is_back = self.was_off.swap(false, Ordering::AcqRel) || gone.contains(&mesh.node());
        if is_back && is_listed(&mesh) {
            // It is on the map again, or as another life. Who came to own something meanwhile has told all nodes of the map, and not
            // this one; what its owners were told then may be lost with one of them. From now on nobody answers who does not know
            // that it is back.
            self.reborn();
        } else if is_back {
            self.was_off.store(true, Ordering::Release);
        }
    }

    fn look_for_others(&self, mesh: &Mesh) {
        let others = mesh.nodes_of::<Relay>().into_iter().any(|node| node != mesh.node());
        self.interest.set_others(others);
    }

    /// An account's word.
    fn said(&self, n: u64, op: Op) {
        let (sessions, said) = match op {
            Op::Direct { sessions, event } => (sessions, Said::Event(Arc::new(Dispatch::direct(event)))),
            Op::Join { sessions, guild } => (sessions, Said::Join(guild)),
            _ => return tracing::error!(n, "an account has said what none says"),
        };
        for (slice, sessions) in self.by_slice(&sessions) {
            self.put(slice, Input::Said(n, sessions, said.clone()));
        }
    }

    /// Has a router look after its guilds for as long as its node is there.
    fn watch(self: &Arc<Self>) {
        let router = Arc::downgrade(self);
        consort_runtime::spawn("silent-guilds", async move {
            loop {
                tokio::time::sleep(SILENCE).await;
                let Some(router) = router.upgrade() else { return };
                router.ask_the_silent();
            }
        });
        let (router, moved) = (Arc::downgrade(self), self.moved.clone());
        consort_runtime::spawn("moved-guilds", async move {
            loop {
                moved.notified().await;
                let Some(router) = router.upgrade() else { return };
                router.wake_next_owners();
            }
        });
    }

    fn publish(&self, slices: Slices, dispatch: &Arc<Dispatch>) {
        slices.iter().for_each(|slice| self.put(slice, Input::Publish(dispatch.clone())));
    }

    /// The answer of a guild to a session that attaches, and how far that guild is with it.
    fn attached(&self, op: Op, place: Option<Heard>) {
        let Op::Attached { session, guild, question, class, guild_create, late } = op else { return };
        let guild_create = self.bodies.share(session.user, guild, guild_create);
        let attached = Attached { session, question, guild, class, guild_create, late, place };
        self.put(usize::from(session.slice), Input::Attached(Box::new(attached)));
    }

    fn route(&self, op: Op) {
        match op {
            Op::Numbered(word) => self.hear(*word),
            Op::Publish(event) => {
                let Some(guild) = event.guild else {
                    tracing::error!(event = %event.name, "published without a guild");
                    return;
                };
                self.publish(self.interest.slices(guild), &Arc::new(Dispatch::published(event)));
            }
            Op::Direct { sessions, event } => {
                let dispatch = Arc::new(Dispatch::direct(event));
                for (slice, sessions) in self.by_slice(&sessions) {
                    self.put(slice, Input::Direct(sessions, dispatch.clone()));
                }
            }
            Op::Said { n, op } => self.said(n, *op),
            Op::Behind { sessions, heard } => {
                for (slice, sessions) in self.by_slice(&sessions) {
                    self.put(slice, Input::Relay(Op::Behind { sessions, heard }));
                }
            }
            Op::Attached { .. } => self.attached(op, None),
            Op::Refused { session, .. } => self.put(usize::from(session.slice), Input::Relay(op)),
            Op::Class { guild, .. } | Op::Detach { guild, .. } | Op::Drop { guild } => {
                self.to(self.interest.slices(guild), &op)
            }
            Op::GuildLoaded { guild } => {
                // Who is not attached yet asks again in time.
                if let Some(heard) = self.interest.to_ask(guild) {
                    self.ask(guild, heard);
                }
            }
            Op::GuildRestarted { .. } if Planted::OldOwnerHeard.is_here() => {}
            Op::GuildRestarted { guild, line } => self.interest.restart(guild, line, |slices, heard| {
                slices.iter().for_each(|slice| self.put(slice, Input::GuildRestarted(guild, heard)));
            }),
            Op::UserRestarted { user, .. } => self.to(self.interest.slices_of_user(user), &op),
            Op::Join { sessions, guild } => {
                for (slice, sessions) in self.by_slice(&sessions) {
                    self.put(slice, Input::Relay(Op::Join { sessions, guild }));
                }
            }
            Op::Close { sessions, code } => {
                for (slice, sessions) in self.by_slice(&sessions) {
                    self.put(slice, Input::Relay(Op::Close { sessions, code }));
                }
            }
        }
    }
}

/// Whether this node is on the map as one whose relay is told things.
fn is_listed(mesh: &Mesh) -> bool {
    mesh.nodes_of::<Relay>().contains(&mesh.node())
}

impl Watcher for Router {
    /// Owners have let go of the sessions of this node: each guild is asked what was missed, each account told of its sessions.
    fn reborn(&self) {
        for guild in self.interest.all_guilds() {
            self.route(Op::GuildLoaded { guild });
        }
        self.interest.all_users().into_iter().for_each(|user| self.tell_of_sessions(user));
    }

    fn moved(&self) {
        if let Some(mesh) = self.mesh.upgrade() {
            self.look_for_others(&mesh);
            if !is_listed(&mesh) {
                self.was_off.store(true, Ordering::Release);
            }
        }
        self.moved.notify_one();
    }

    /// Another life of the node is another owner of what this one had.
    fn node_gone(&self, node: NodeId, _generation: u64) {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).push(node);
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        // Whoever waits for a change finds that nobody is there.
        self.moved.notify_one();
    }
}

impl Host<Relay> for Router {
    fn deliver(&self, _node: u64, call: Call<Relay>) {
        self.route(call.op);
        call.respond.send(Ok(Answer::Empty));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use bytes::Bytes;
    use consort_rpc::guild::{self, gateway};
    use consort_rpc::relay::{Epoch, Question};
    use consort_rpc::{InProcess, Static};
    use tokio::sync::mpsc;

    use super::*;
    use crate::inbox::{Inbox, Wake};

    const HERE: NodeId = NodeId(1);
    const THERE: NodeId = NodeId(2);

    struct Asleep;

    impl Wake for Asleep {
        fn wake(&self) {}
    }

    /// Owners on the other node, who say what they are asked.
    struct Asked(mpsc::Sender<guild::Op>);

    impl Host<Guild> for Asked {
        fn deliver(&self, _guild: u64, call: Call<Guild>) {
            self.0.try_send(call.op).unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_comes_back_to_the_map_tells_owners_that_have_stayed_of_its_sessions() {
        let (directory, network) = (Arc::new(Static::new(vec![HERE, THERE])), InProcess::new());
        let [here, there] = [HERE, THERE].map(|node| {
            let mesh = Mesh::new(node, directory.clone(), Arc::new(network.clone()));
            network.join(&mesh);
            mesh
        });
        let (asked, mut asks) = mpsc::channel(8);
        there.host::<Guild>(Arc::new(Asked(asked)));
        let guild =
            (1..).map(GuildId::new).find(|id| here.owner_of::<Guild>(id.get()) == Some(THERE)).unwrap();
        let user = (1..).map(UserId::new).find(|id| here.owner_of::<User>(id.get()) == Some(THERE)).unwrap();

        let (inbox, interest) = (Inbox::new(Box::new(Asleep)), Arc::new(Interest::new(1)));
        interest.add(guild, 0);
        interest.add_user(user, 0, Some(THERE));
        Router::start(vec![inbox.clone()], interest, &here);
        let session = SessionKey { node: HERE, generation: 7, slice: 0, number: 1, user };
        let epoch = Epoch { ownership: 1, life: 1 };
        let (guild_create, late, question) = (Bytes::new(), Vec::new(), Question::default());
        let op = Op::Attached { session, guild, question, class: 0, guild_create, late };
        let word = Numbered { guild, epoch, line: epoch, n: 7, follows: true, op };
        here.client::<Relay>()
            .cast_lossy(u64::from(HERE.0), Caller::system(), Op::Numbered(Box::new(word)))
            .unwrap();
        // The first look at a map asks for the places of all owners.
        directory.set(vec![HERE, THERE]);
        asks.recv().await.unwrap();
        inbox.take(&mut VecDeque::new());

        for node_is_seen_away in [true, false] {
            directory.set(vec![THERE]);
            if node_is_seen_away {
                tokio::task::yield_now().await;
            }
            directory.set(vec![HERE, THERE]);
            let asked = asks.recv().await.unwrap();
            assert!(
                matches!(asked, guild::Op::Gateway(gateway::Op::Replay { node: HERE, after: 7, .. })),
                "{asked:?}"
            );
            let mut inputs = VecDeque::new();
            inbox.take(&mut inputs);
            let told = inputs.iter().filter(
                |input| matches!(input, Input::Relay(Op::UserRestarted { user: told, .. }) if *told == user),
            );
            assert_eq!(told.count(), 1);
        }
    }
}

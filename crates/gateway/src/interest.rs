//! Which slices have sessions of a guild, how far the node is in what the guild says, and when the last session has left.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use consort_model::{GuildId, UserId};
use consort_rpc::NodeId;
use consort_rpc::relay::{Epoch, Heard, Numbered, Op};
use consort_runtime::Planted;
use consort_session::SessionId;
use tokio::time::Instant;

use crate::config::{ASK_AGAIN, SLICES_MAX};

const SHARDS: usize = 32;

/// Counts, for each guild and slice, the sessions that are attached or about to be. A session is counted before its
/// guild is asked and until after it has let go, so a guild with events for a slice always finds it here.
#[derive(Debug)]
pub(crate) struct Interest {
    slices: usize,
    shards: [Mutex<HashMap<GuildId, Here>>; SHARDS],
    /// The slices where a user has sessions, or is about to.
    users: [Mutex<HashMap<UserId, User>>; SHARDS],
    /// Sessions that have moved here, with their slices and their numbers now: their public ids say where they were made.
    moved: Mutex<HashMap<SessionId, (u16, u64)>>,
    /// Other nodes have gateways.
    others: AtomicBool,
}

/// What a node has of a user.
#[derive(Debug, Default)]
struct User {
    slices: Slices,
    /// Whose the user was when the map last changed, or its session was opened.
    owner: Option<NodeId>,
}

/// What a node has of a guild.
#[derive(Debug)]
struct Here {
    /// Sessions, by slice.
    counts: Box<[u32]>,
    /// How far the node is in what the guild says; `None` until a session is attached.
    heard: Option<Position>,
    /// The newest life of the guild's owner that was heard: what an older one says late is not taken.
    newest: Epoch,
    /// Whose the guild was when the map last changed.
    owner: Option<NodeId>,
}

/// How far a node has heard a guild, and what it has done about it.
#[derive(Debug, Clone, Copy)]
struct Position {
    line: Epoch,
    n: u64,
    /// When it was asked for what was missed behind `n`.
    asked: Option<Instant>,
    /// Nothing was said since the node last looked ([`Interest::silent`]).
    silent: bool,
}

/// What becomes of a word of a guild.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It is next: to these slices.
    Next(Slices),
    /// It was heard before, or comes from an owner that is no more, or nobody is here.
    Old,
    /// Something is missing before it, or its owner is a new one that was not announced: what comes after this is to be asked
    /// for, this word included.
    Missed(Heard),
    /// As `Missed`, and that was asked for just now.
    Awaited,
}

/// A set of slices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Slices(u64);

impl Slices {
    pub(crate) fn iter(self) -> impl Iterator<Item = usize> {
        (0..SLICES_MAX).filter(move |slice| self.0 >> slice & 1 == 1)
    }
}

impl Here {
    fn slices(&self) -> Slices {
        let bits = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        Slices(bits.fold(0, |set, (slice, _)| set | 1 << slice))
    }
}

impl Position {
    /// Whether what comes next may be asked for; it is, then.
    fn ask(&mut self) -> bool {
        let may = self.asked.is_none_or(|at| at.elapsed() >= ASK_AGAIN);
        if may {
            self.asked = Some(Instant::now());
        }
        may
    }
}

impl Here {
    fn arrive(&mut self, word: &Numbered) -> Arrival {
        if word.epoch < self.newest {
            return Arrival::Old;
        }
        let slices = self.slices();
        let attaches = matches!(word.op, Op::Attached { .. });
        let first = Position { line: word.line, n: word.n, asked: None, silent: false };
        let Some(position) = &mut self.heard else {
            self.newest = word.epoch;
            // Until a session is attached nobody misses anything.
            self.heard = attaches.then_some(first);
            return Arrival::Next(slices);
        };
        // The word before it, or the one it follows. One that was handed the memory of the owner before goes on where that one
        // was; another one's numbers are its own.
        let needs = if word.follows { word.n } else { word.n.saturating_sub(1) };
        let is_anothers = word.line != position.line && !Planted::OldOwnerHeard.is_here();
        if is_anothers || (needs > position.n && !Planted::GapUnnoticed.is_here()) {
            return if position.ask() {
                Arrival::Missed(Heard { line: position.line, n: position.n })
            } else {
                Arrival::Awaited
            };
        }
        self.newest = word.epoch;
        if needs >= position.n {
            *position = first;
            return Arrival::Next(slices);
        }
        if Planted::WordTwice.is_here() {
            return Arrival::Next(slices);
        }
        // What is only said aside harms nobody late; an attachment would have a gap behind it, and is asked again.
        if word.follows && !attaches { Arrival::Next(slices) } else { Arrival::Old }
    }
}

impl Interest {
    pub(crate) fn new(slices: usize) -> Self {
        let users = std::array::from_fn(|_| Mutex::default());
        let shards = std::array::from_fn(|_| Mutex::default());
        Self { slices, shards, users, moved: Mutex::default(), others: false.into() }
    }

    pub(crate) fn add(&self, guild: GuildId, slice: u16) {
        let mut shard = self.shard(guild);
        let new = || Here {
            counts: vec![0; self.slices].into(),
            heard: None,
            newest: Epoch::default(),
            owner: None,
        };
        shard.entry(guild).or_insert_with(new).counts[usize::from(slice)] += 1;
    }

    /// Counts a session out. `true` when it was the node's last: the guild is to be told, by way of
    /// [`Interest::if_nobody`].
    pub(crate) fn remove(&self, guild: GuildId, slice: u16) -> bool {
        let mut shard = self.shard(guild);
        let Some(Here { counts, .. }) = shard.get_mut(&guild) else { return false };
        counts[usize::from(slice)] = counts[usize::from(slice)].saturating_sub(1);
        let last = counts.iter().all(|count| *count == 0);
        if last {
            shard.remove(&guild);
        }
        last
    }

    /// Runs `tell` if the node still has no session of the guild, before anybody can be counted in: so what it tells the
    /// guild arrives before the question of a newcomer, or not at all.
    pub(crate) fn if_nobody(&self, guild: GuildId, tell: impl FnOnce()) {
        let shard = self.shard(guild);
        if !shard.contains_key(&guild) {
            tell();
        }
    }

    /// The slices with sessions of a guild.
    pub(crate) fn slices(&self, guild: GuildId) -> Slices {
        self.shard(guild).get(&guild).map_or(Slices::default(), Here::slices)
    }

    /// The guild's owner has no more of a line, and whatever it says first is right. `tell` is given the slices that are to attach to
    /// it, and how far they are in what the one before has said. A node that hears another line by now has attached.
    pub(crate) fn restart(&self, guild: GuildId, line: Epoch, tell: impl FnOnce(Slices, Option<Heard>)) {
        if Planted::OldOwnerHeard.is_here() {
            return;
        }
        let mut shard = self.shard(guild);
        if let Some(here) = shard.get_mut(&guild)
            && here.heard.as_ref().is_none_or(|position| position.line == line)
        {
            let heard = here.heard.take().map(|Position { line, n, .. }| Heard { line, n });
            tell(here.slices(), heard);
        }
    }

    /// How far the node is in what a guild says; its owner is about to be asked for the rest.
    pub(crate) fn to_ask(&self, guild: GuildId) -> Option<Heard> {
        let mut shard = self.shard(guild);
        let position = shard.get_mut(&guild)?.heard.as_mut()?;
        position.asked = Some(Instant::now());
        Some(Heard { line: position.line, n: position.n })
    }

    /// The map has changed: the guilds whose owner may be another one now, and how far the node is in what they say.
    /// `gone`: nodes that were on it; another life of one of them may be there.
    pub(crate) fn moved(
        &self,
        owner: impl Fn(GuildId) -> Option<NodeId>,
        gone: &[NodeId],
    ) -> Vec<(GuildId, Heard)> {
        let mut moved = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for (guild, here) in shard.iter_mut() {
                let before = std::mem::replace(&mut here.owner, owner(*guild));
                let stays =
                    before.is_some_and(|before| here.owner == Some(before) && !gone.contains(&before));
                if let Some(position) = here.heard.as_mut().filter(|_| !stays) {
                    position.asked = Some(Instant::now());
                    moved.push((*guild, Heard { line: position.line, n: position.n }));
                }
            }
        }
        moved.sort_unstable();
        moved
    }

    /// A word of a guild arrives. `act` does what comes of it before anything else of the guild may.
    pub(crate) fn arrive(&self, word: Numbered, act: impl FnOnce(Arrival, Numbered)) {
        let mut shard = self.shard(word.guild);
        act(shard.get_mut(&word.guild).map_or(Arrival::Old, |here| here.arrive(&word)), word);
    }

    /// The guilds that have said nothing since this was last called, and how far the node is with each, by their ids.
    pub(crate) fn silent(&self) -> Vec<(GuildId, Heard)> {
        let mut silent = Vec::new();
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for (guild, here) in shard.iter_mut() {
                let Some(position) = &mut here.heard else { continue };
                if std::mem::replace(&mut position.silent, true) {
                    silent.push((*guild, Heard { line: position.line, n: position.n }));
                }
            }
        }
        silent.sort_unstable();
        silent
    }

    /// Guilds with sessions on this node.
    pub(crate) fn guilds(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// The guilds with sessions on this node.
    pub(crate) fn all_guilds(&self) -> Vec<GuildId> {
        let keys = |shard: &Mutex<HashMap<GuildId, Here>>| {
            shard.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect::<Vec<_>>()
        };
        let mut all: Vec<_> = self.shards.iter().flat_map(keys).collect();
        all.sort_unstable();
        all
    }

    /// The users with sessions on this node.
    pub(crate) fn all_users(&self) -> Vec<UserId> {
        let keys = |shard: &Mutex<HashMap<UserId, User>>| {
            shard.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect::<Vec<_>>()
        };
        let mut all: Vec<_> = self.users.iter().flat_map(keys).collect();
        all.sort_unstable();
        all
    }

    /// A user is about to have a session on a slice, which `owner` will be asked for.
    pub(crate) fn add_user(&self, user: UserId, slice: u16, owner: Option<NodeId>) {
        let mut users = self.users_of(user);
        let known = users.entry(user).or_insert(User { slices: Slices::default(), owner });
        known.slices.0 |= 1 << slice;
    }

    /// A user has no session on a slice any more.
    pub(crate) fn remove_user(&self, user: UserId, slice: u16) {
        let mut users = self.users_of(user);
        if let Some(known) = users.get_mut(&user) {
            known.slices.0 &= !(1 << slice);
            if known.slices.0 == 0 {
                users.remove(&user);
            }
        }
    }

    /// A session has moved to a slice, where it has this number.
    pub(crate) fn add_moved(&self, id: SessionId, place: (u16, u64)) {
        self.moved_sessions().insert(id, place);
    }

    /// A session is not at this place any more.
    pub(crate) fn remove_moved(&self, id: SessionId, place: (u16, u64)) {
        let mut moved = self.moved_sessions();
        if moved.get(&id) == Some(&place) {
            moved.remove(&id);
        }
    }

    /// Where a session is that has moved here.
    pub(crate) fn moved_to(&self, id: SessionId) -> Option<(u16, u64)> {
        self.moved_sessions().get(&id).copied()
    }

    /// The slice of this node where a session with a public id is, if it is on this node.
    pub(crate) fn slice_of(&self, id: SessionId, node: NodeId, slices: usize) -> Option<u16> {
        match self.moved_to(id) {
            Some((slice, _)) => Some(slice),
            None => (id.node == node && usize::from(id.slice) < slices).then_some(id.slice),
        }
    }

    /// Says whether other nodes have gateways.
    pub(crate) fn set_others(&self, others: bool) {
        self.others.store(others, Ordering::Relaxed);
    }

    /// Whether other nodes have gateways: a session that is not here may be there.
    pub(crate) fn has_others(&self) -> bool {
        self.others.load(Ordering::Relaxed)
    }

    fn moved_sessions(&self) -> MutexGuard<'_, HashMap<SessionId, (u16, u64)>> {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The slices with sessions of a user.
    pub(crate) fn slices_of_user(&self, user: UserId) -> Slices {
        self.users_of(user).get(&user).map_or(Slices::default(), |known| known.slices)
    }

    /// The map has changed: the users whose owner is another one now, or another life of the node that is `gone`.
    pub(crate) fn moved_users(
        &self,
        owner: impl Fn(UserId) -> Option<NodeId>,
        gone: &[NodeId],
    ) -> Vec<UserId> {
        let mut moved = Vec::new();
        for shard in &self.users {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for (user, known) in shard.iter_mut() {
                let now = owner(*user);
                // One whom nobody owns just now is told of to the next owner.
                if known.owner.is_some_and(|owner| gone.contains(&owner)) {
                    known.owner = None;
                }
                if now.is_some() && known.owner != now {
                    known.owner = now;
                    moved.push(*user);
                }
            }
        }
        moved.sort_unstable();
        moved
    }

    fn users_of(&self, user: UserId) -> MutexGuard<'_, HashMap<UserId, User>> {
        self.users[shard_of(user.get())].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(&self, guild: GuildId) -> MutexGuard<'_, HashMap<GuildId, Here>> {
        self.shards[shard_of(guild.get())].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The low 22 bits of a snowflake are hardly random; the time in milliseconds is.
fn shard_of(id: u64) -> usize {
    (id >> 22) as usize % SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_rpc::relay::Question;

    #[test]
    fn only_the_last_of_all_slices_leaves() {
        let interest = Interest::new(3);
        let guild = GuildId::new(5);
        interest.add(guild, 0);
        interest.add(guild, 2);
        interest.add(guild, 2);
        assert_eq!(interest.slices(guild).iter().collect::<Vec<_>>(), [0, 2]);
        assert!(!interest.remove(guild, 2));
        assert!(!interest.remove(guild, 0));
        assert_eq!(interest.slices(guild).iter().collect::<Vec<_>>(), [2]);
        let mut told = 0;
        interest.if_nobody(guild, || told += 1);
        assert_eq!(told, 0);
        assert!(interest.remove(guild, 2));
        assert!(!interest.remove(guild, 2));
        interest.if_nobody(guild, || told += 1);
        assert_eq!((told, interest.guilds()), (1, 0));
    }

    fn arrive(interest: &Interest, word: &Numbered) -> Arrival {
        let mut arrival = None;
        interest.arrive(word.clone(), |came, _| arrival = Some(came));
        arrival.unwrap()
    }

    fn missed(epoch: u64, n: u64) -> Arrival {
        Arrival::Missed(Heard { line: said(epoch, 1).line, n })
    }

    fn word(epoch: u64, n: u64, follows: bool, op: Op) -> Numbered {
        let epoch = Epoch { ownership: epoch, life: 1 };
        Numbered { guild: GuildId::new(5), epoch, line: epoch, n, follows, op }
    }

    fn said(epoch: u64, n: u64) -> Numbered {
        word(epoch, n, false, Op::Drop { guild: GuildId::new(5) })
    }

    fn attached(epoch: u64, n: u64) -> Numbered {
        let session = consort_rpc::relay::SessionKey {
            node: consort_rpc::NodeId(1),
            generation: 7,
            slice: 0,
            number: 1,
            user: UserId::new(1),
        };
        let guild_create = bytes::Bytes::new();
        word(
            epoch,
            n,
            true,
            Op::Attached {
                session,
                guild: GuildId::new(5),
                question: Question::default(),
                class: 0,
                guild_create,
                late: Vec::new(),
            },
        )
    }

    #[test]
    fn an_owner_before_the_one_that_was_heard_is_not_heard_any_more() {
        let (interest, guild) = (Interest::new(1), GuildId::new(5));
        interest.add(guild, 0);
        let next = Arrival::Next(Slices(1));
        assert_eq!([attached(2, 7), said(2, 8)].map(|word| arrive(&interest, &word)), [next; 2]);
        // The next owner is announced; what the one before says late comes between, also an attachment.
        let line = said(2, 8).line;
        interest.restart(guild, said(1, 8).line, |_, _| panic!("an answer about an earlier line"));
        interest.restart(guild, line, |_, _| {});
        assert_eq!([attached(1, 9), said(1, 9)].map(|word| arrive(&interest, &word)), [Arrival::Old; 2]);
        assert_eq!([attached(3, 0), said(3, 1)].map(|word| arrive(&interest, &word)), [next; 2]);
        assert_eq!(arrive(&interest, &said(2, 9)), Arrival::Old);
    }

    #[test]
    fn an_owner_with_the_memory_of_the_one_before_goes_on_with_its_numbers() {
        let (interest, guild) = (Interest::new(1), GuildId::new(5));
        interest.add(guild, 0);
        let handed = |n| Numbered { line: said(1, n).epoch, ..said(2, n) };
        let next = Arrival::Next(Slices(1));
        assert_eq!([attached(1, 7), said(1, 8), handed(9)].map(|word| arrive(&interest, &word)), [next; 3]);
        assert_eq!(arrive(&interest, &said(1, 10)), Arrival::Old, "it has handed the guild over");
        assert_eq!(arrive(&interest, &handed(11)), missed(1, 9));
    }

    #[test]
    fn a_guild_with_another_owner_is_told_how_far_the_node_is() {
        let interest = Interest::new(1);
        let (guild, quiet) = (GuildId::new(5), GuildId::new(6));
        interest.add(guild, 0);
        interest.add(quiet, 0);
        let _heard = arrive(&interest, &attached(1, 7));
        let line = said(1, 7).epoch;
        let at = |node| move |_| Some(NodeId(node));
        let heard = (guild, Heard { line, n: 7 });
        assert_eq!(interest.moved(at(1), &[]), [heard], "who had it before is not known");
        assert!(interest.moved(at(1), &[]).is_empty());
        assert_eq!(
            interest.moved(at(2), &[]),
            [heard],
            "sessions that wait for an answer ask again themselves"
        );
        assert!(interest.moved(at(2), &[NodeId(1)]).is_empty());
        assert_eq!(interest.moved(at(2), &[NodeId(2)]), [heard], "the next life of the owner's node");
    }

    #[test]
    fn each_word_is_taken_once_and_a_missing_one_is_asked_for() {
        let interest = Interest::new(1);
        let guild = GuildId::new(5);
        assert_eq!(arrive(&interest, &said(1, 3)), Arrival::Old, "nobody is here");
        interest.add(guild, 0);
        let next = Arrival::Next(Slices(1));
        assert_eq!([said(1, 3), attached(1, 7), said(1, 8)].map(|word| arrive(&interest, &word)), [next; 3]);
        assert_eq!(arrive(&interest, &said(1, 8)), Arrival::Old, "twice");
        let typing = |n| word(1, n, true, Op::GuildRestarted { guild, line: Epoch::default() });
        assert_eq!(arrive(&interest, &typing(8)), next);
        // 9 is lost.
        assert_eq!(arrive(&interest, &said(1, 10)), missed(1, 8));
        assert_eq!(arrive(&interest, &said(1, 11)), Arrival::Awaited);
        assert_eq!(arrive(&interest, &attached(1, 11)), Arrival::Awaited);
        assert_eq!([9, 10, 11].map(|n| arrive(&interest, &said(1, n))), [next; 3]);
        // One that is seen to be missing by what is only said aside.
        assert_eq!(arrive(&interest, &typing(12)), missed(1, 11));
        assert_eq!(arrive(&interest, &attached(1, 10)), Arrival::Old);
    }

    #[test]
    fn a_guild_is_silent_that_has_said_nothing_since_it_was_looked_at() {
        let interest = Interest::new(1);
        let guild = GuildId::new(5);
        interest.add(guild, 0);
        assert_eq!(interest.silent(), [], "nobody is attached yet");
        let at = |n| (guild, Heard { line: said(1, n).line, n });
        let _heard = arrive(&interest, &attached(1, 7));
        assert_eq!(interest.silent(), []);
        assert_eq!(interest.silent(), [at(7)]);
        let _heard = arrive(&interest, &said(1, 8));
        assert_eq!(interest.silent(), []);
        assert_eq!(interest.silent(), [at(8)]);
    }

    #[test]
    fn a_former_owner_is_not_heard_and_a_new_one_has_everybody_attach_again() {
        let interest = Interest::new(1);
        let guild = GuildId::new(5);
        interest.add(guild, 0);
        let next = Arrival::Next(Slices(1));
        assert_eq!(arrive(&interest, &attached(5, 7)), next);
        assert_eq!(arrive(&interest, &said(4, 8)), Arrival::Old);
        assert_eq!(arrive(&interest, &said(6, 1)), missed(5, 7), "first all of the one before");
        assert_eq!(
            arrive(&interest, &Numbered { line: said(5, 1).line, ..said(6, 8) }),
            next,
            "as it says it"
        );
        interest.restart(guild, said(5, 1).line, |slices, heard| {
            assert_eq!((slices, heard), (Slices(1), Some(Heard { line: said(5, 1).line, n: 8 })));
        });
        assert_eq!([said(6, 2), attached(6, 2), said(6, 3)].map(|word| arrive(&interest, &word)), [next; 3]);
        assert_eq!(arrive(&interest, &said(5, 8)), Arrival::Old);
        let line = said(6, 3).line;
        interest.restart(guild, said(5, 8).line, |_, _| panic!("an answer about an earlier line"));
        interest.restart(guild, line, |_, _| {});
        assert_eq!(arrive(&interest, &attached(9, 40)), next);
    }

    #[test]
    fn users_are_known_while_a_slice_has_them() {
        let interest = Interest::new(64);
        let user = UserId::new(5);
        for slice in [63, 0, 63] {
            interest.add_user(user, slice, Some(NodeId(1)));
        }
        assert_eq!(interest.slices_of_user(user).iter().collect::<Vec<_>>(), [0, 63]);
        let at = |node| move |_| node;
        assert!(
            interest.moved_users(at(Some(NodeId(1))), &[]).is_empty()
                && interest.moved_users(at(None), &[]).is_empty()
        );
        assert_eq!(interest.moved_users(at(Some(NodeId(2))), &[]), [user]);
        assert!(interest.moved_users(at(Some(NodeId(2))), &[]).is_empty());
        let gone = [NodeId(2)];
        assert!(interest.moved_users(at(None), &gone).is_empty());
        assert_eq!(
            interest.moved_users(at(Some(NodeId(2))), &[]),
            [user],
            "the next life of its owner's node"
        );
        assert_eq!(interest.all_users(), [user]);
        interest.remove_user(user, 0);
        assert_eq!(interest.slices_of_user(user).iter().collect::<Vec<_>>(), [63]);
        interest.remove_user(user, 63);
        assert_eq!(interest.slices_of_user(user).iter().count(), 0);
        assert!(interest.users.iter().all(|users| users.lock().expect("no panic").is_empty()));
    }
}

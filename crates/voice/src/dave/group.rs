//! The group of one channel, without I/O: who comes, goes and says what goes in, messages to members come out.
//!
//! It is **off** (transport encryption alone) while somebody in the channel cannot take part, **pending** until the first commit, and
//! **established** from then on. Everything that changes in an epoch is a proposal; a commit counts if it names all proposals that its
//! author was sent in the epoch, and the first one that counts is taken. Whoever cannot follow throws its group away and sends a new
//! key package: its leaf is removed and it is added again. When nobody is left who follows, all begin anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use consort_model::{ChannelId, UserId};

use super::VERSION;
use super::codec::put_vector;
use super::message::{Commit, KeyPackage};
use super::sender::{Change, ExternalSender, Signed};
use crate::protocol::Message;

/// Members of a channel that is encrypted from end to end, at most; choice of ours. Each join and leave costs each of them a commit.
const MEMBERS_MAX: usize = 200;
/// How long members may take until they are ready for a transition, milliseconds (the whitepaper implies about two seconds).
const TRANSITION_MS: u64 = 2_000;
/// How long a member may take to send its key package, milliseconds; choice of ours. One that does not cannot take part.
const KEY_PACKAGE_MS: u64 = 10_000;
/// How long members may take to commit, milliseconds; choice of ours. Then all begin anew.
const COMMIT_MS: u64 = 10_000;
/// Beginnings anew in a row after which the channel does without.
const STALLS_MAX: u32 = 3;
/// Kinds of opcode 27.
const APPEND: u8 = 0;
const REVOKE: u8 = 1;

/// Somebody in the channel.
#[derive(Debug)]
struct Member {
    /// It speaks the protocol, and has not shown otherwise.
    is_able: bool,
    /// The version that it was told last.
    version: u16,
    /// It knows the external sender.
    has_sender: bool,
    /// With what it is to be added; none once it is in the group.
    key_package: Option<KeyPackage>,
    /// It has thrown away the group in which it still has a leaf.
    is_lost: bool,
    /// Until when its key package is awaited.
    due_ms: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Add(UserId),
    Remove(u32),
}

#[derive(Debug)]
struct Proposal {
    about: About,
    signed: Signed,
}

/// A change of keys that members get ready for.
#[derive(Debug)]
struct Transition {
    members: Vec<UserId>,
    awaited: BTreeSet<UserId>,
    due_ms: u64,
}

/// See the module.
#[derive(Debug)]
pub struct Group {
    id: [u8; 8],
    sender: Arc<ExternalSender>,
    is_on: bool,
    members: BTreeMap<UserId, Member>,
    epoch: u64,
    /// Who sits where; nobody while it is pending.
    leaves: Vec<Option<UserId>>,
    /// Those of this epoch that were not taken back.
    proposals: Vec<Proposal>,
    commit_due_ms: Option<u64>,
    transitions: BTreeMap<u16, Transition>,
    last_transition: u16,
    stalls: u32,
    out: Vec<(UserId, Message)>,
}

impl Group {
    /// Nobody is there.
    pub fn new(channel: ChannelId, sender: Arc<ExternalSender>) -> Self {
        Self {
            id: channel.get().to_be_bytes(),
            sender,
            is_on: false,
            members: BTreeMap::new(),
            epoch: 0,
            leaves: Vec::new(),
            proposals: Vec::new(),
            commit_due_ms: None,
            transitions: BTreeMap::new(),
            last_transition: 0,
            stalls: 0,
            out: Vec::new(),
        }
    }

    /// The version in force.
    pub fn version(&self) -> u16 {
        if self.is_on { VERSION } else { 0 }
    }

    /// Whether members are getting ready for other keys, or for none.
    pub fn is_changing(&self) -> bool {
        !self.transitions.is_empty()
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The epoch of the established group; 0 without one.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// What members are to be told, in order.
    pub fn take_outputs(&mut self) -> Vec<(UserId, Message)> {
        std::mem::take(&mut self.out)
    }

    /// When [`Group::tick`] is to be called, if ever.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let transitions = self.transitions.values().map(|transition| transition.due_ms);
        let members = self.members.values().filter_map(|member| member.due_ms);
        transitions.chain(members).chain(self.commit_due_ms).min()
    }

    /// Somebody is about to be told which version there is: gives it.
    pub fn join(&mut self, user: UserId, is_able: bool, now_ms: u64) -> u16 {
        let is_first = self.members.is_empty();
        let member = Member {
            is_able,
            version: 0,
            has_sender: false,
            key_package: None,
            is_lost: false,
            due_ms: None,
        };
        self.members.insert(user, member);
        if is_first {
            self.is_on = self.is_possible();
        } else if self.is_on && !self.is_possible() {
            self.turn_off(now_ms);
        }
        if self.is_on {
            self.introduce(user, now_ms);
        }
        self.version()
    }

    /// Somebody has left.
    pub fn leave(&mut self, user: UserId, now_ms: u64) {
        let Some(gone) = self.members.remove(&user) else { return };
        self.forget_in_transitions(user);
        if self.members.is_empty() {
            return;
        }
        if !self.is_on {
            if self.is_possible() {
                self.turn_on(now_ms);
            }
            return;
        }
        if gone.key_package.is_some() {
            self.take_back(user);
        }
        let Some(leaf) = self.leaf_of(user) else { return };
        if self.members.len() == 1 || self.followers().is_empty() {
            return self.begin_anew(now_ms);
        }
        self.propose_removal(leaf, now_ms);
    }

    /// Opcode 26. Of whom the key package is was checked.
    pub fn key_package(&mut self, user: UserId, key_package: KeyPackage, now_ms: u64) {
        let is_on = self.is_on;
        let leaf = self.leaf_of(user);
        let Some(member) = self.members.get_mut(&user).filter(|_| is_on) else { return };
        member.due_ms = None;
        let known = member.key_package.replace(key_package).is_some();
        member.is_lost = leaf.is_some();
        if known {
            self.take_back(user);
        }
        if let Some(leaf) = leaf {
            if self.followers().is_empty() {
                return self.begin_anew(now_ms);
            }
            self.propose_removal(leaf, now_ms);
        }
        // Whoever waits for the first group needs the others, also those who came before.
        let others = self.messages(|about| *about != About::Add(user));
        if self.leaves.is_empty() && !others.is_empty() {
            self.append(&[user], &others);
        }
        self.propose_addition(user, now_ms);
    }

    /// Opcode 28. One that does not count is passed over: another member's may.
    pub fn commit(&mut self, user: UserId, commit: Commit, now_ms: u64) {
        if !self.counts(user, &commit) {
            return;
        }
        let is_first = self.leaves.is_empty();
        let mut told = self.followers();
        if is_first {
            told = vec![user];
            self.leaves = vec![Some(user)];
            self.settle(user);
        }
        let named = |reference: &[u8; 32]| {
            self.proposals.iter().find(|proposal| proposal.signed.reference == *reference)
        };
        let abouts: Vec<_> = commit.proposals.iter().filter_map(named).map(|found| found.about).collect();
        for about in &abouts {
            if let About::Remove(leaf) = about
                && let Some(seat) = self.leaves.get_mut(*leaf as usize)
            {
                *seat = None;
            }
        }
        let mut added = Vec::new();
        for about in abouts {
            let About::Add(user) = about else { continue };
            self.seat(user);
            self.settle(user);
            added.push(user);
        }
        self.epoch += 1;
        self.proposals.clear();
        (self.commit_due_ms, self.stalls) = (None, 0);
        // What is there from the beginning is in force at once.
        let id = if is_first { 0 } else { self.next_transition() };
        for user in &told {
            self.out.push((*user, Message::announce_commit(id, &commit.bytes)));
        }
        if let Some(welcome) = &commit.welcome {
            for user in &added {
                self.out.push((*user, Message::welcome(id, welcome)));
            }
        }
        if id != 0 {
            self.await_ready(id, [told, added].concat(), now_ms);
        }
    }

    /// Opcode 23.
    pub fn ready(&mut self, user: UserId, id: u16) {
        let Some(transition) = self.transitions.get_mut(&id) else { return };
        transition.awaited.remove(&user);
        if transition.awaited.is_empty() {
            self.execute(id);
        }
    }

    /// Opcode 31: a member could not follow. A key package comes next.
    pub fn invalid(&mut self, user: UserId, now_ms: u64) {
        if !self.is_on {
            return;
        }
        let has_leaf = self.leaf_of(user).is_some();
        let Some(member) = self.members.get_mut(&user) else { return };
        member.is_lost = has_leaf;
        member.due_ms = Some(now_ms + KEY_PACKAGE_MS);
        if member.key_package.take().is_some() {
            self.take_back(user);
        }
    }

    /// A member may have missed something that is not said again: it begins anew.
    pub fn missed(&mut self, user: UserId, now_ms: u64) {
        if self.is_on && self.members.contains_key(&user) {
            self.out.push((user, Message::prepare_epoch(VERSION, 1)));
            self.invalid(user, now_ms);
        }
    }

    /// Does what is due.
    pub fn tick(&mut self, now_ms: u64) {
        let is_due = |due: Option<u64>| due.is_some_and(|due_ms| due_ms <= now_ms);
        let late = self.transitions.iter().filter(|(_, transition)| transition.due_ms <= now_ms);
        for id in late.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.execute(id);
        }
        for member in self.members.values_mut().filter(|member| is_due(member.due_ms)) {
            (member.due_ms, member.is_able) = (None, false);
        }
        if is_due(self.commit_due_ms) {
            self.stalls += 1;
            self.begin_anew(now_ms);
        }
        if self.is_on && !self.is_possible() {
            self.turn_off(now_ms);
        }
    }

    /// Whether all can take part, and there is reason to believe that it works.
    fn is_possible(&self) -> bool {
        self.stalls < STALLS_MAX
            && self.members.len() <= MEMBERS_MAX
            && self.members.values().all(|member| member.is_able)
    }

    /// Somebody who does not know the external sender learns it, and is asked for a key package by that.
    fn introduce(&mut self, user: UserId, now_ms: u64) {
        let Some(member) = self.members.get_mut(&user) else { return };
        (member.version, member.due_ms) = (VERSION, Some(now_ms + KEY_PACKAGE_MS));
        if !std::mem::replace(&mut member.has_sender, true) {
            self.out.push((user, Message::external_sender(&self.sender.describe())));
        }
    }

    fn clear(&mut self) {
        self.epoch = 0;
        self.leaves.clear();
        self.proposals.clear();
        self.commit_due_ms = None;
        for member in self.members.values_mut() {
            (member.key_package, member.is_lost, member.due_ms) = (None, false, None);
        }
    }

    fn turn_off(&mut self, now_ms: u64) {
        self.is_on = false;
        self.clear();
        let mut told = Vec::new();
        for (user, member) in &mut self.members {
            if std::mem::take(&mut member.version) != 0 {
                told.push(*user);
            }
        }
        if told.is_empty() {
            return;
        }
        let id = self.next_transition();
        for user in &told {
            self.out.push((*user, Message::prepare_transition(0, id)));
        }
        self.await_ready(id, told, now_ms);
    }

    fn turn_on(&mut self, now_ms: u64) {
        self.is_on = true;
        // Nobody is to fall back any more.
        self.transitions.clear();
        for user in self.members.keys().copied().collect::<Vec<_>>() {
            self.out.push((user, Message::prepare_epoch(VERSION, 1)));
            self.introduce(user, now_ms);
        }
    }

    /// All throw their group away, and send new key packages.
    fn begin_anew(&mut self, now_ms: u64) {
        self.clear();
        for user in self.members.keys().copied().collect::<Vec<_>>() {
            self.out.push((user, Message::prepare_epoch(VERSION, 1)));
            self.out.push((user, Message::prepare_transition(VERSION, 0)));
            self.introduce(user, now_ms);
        }
    }

    fn leaf_of(&self, user: UserId) -> Option<u32> {
        self.leaves.iter().position(|seat| *seat == Some(user)).and_then(|leaf| u32::try_from(leaf).ok())
    }

    /// The leftmost free leaf (RFC 9420, section 7.7).
    fn seat(&mut self, user: UserId) {
        match self.leaves.iter_mut().find(|seat| seat.is_none()) {
            Some(seat) => *seat = Some(user),
            None => self.leaves.push(Some(user)),
        }
    }

    /// Somebody is in the group.
    fn settle(&mut self, user: UserId) {
        if let Some(member) = self.members.get_mut(&user) {
            (member.key_package, member.is_lost, member.due_ms) = (None, false, None);
        }
    }

    /// Those who get proposals: the members of the established group, or whoever waits for the first.
    fn followers(&self) -> Vec<UserId> {
        let is_pending = self.leaves.is_empty();
        let follows = |user: &UserId, member: &Member| match is_pending {
            true => member.key_package.is_some(),
            false => !member.is_lost && self.leaf_of(*user).is_some(),
        };
        self.members.iter().filter(|(user, member)| follows(user, member)).map(|(user, _)| *user).collect()
    }

    fn propose_addition(&mut self, user: UserId, now_ms: u64) {
        let Some(key_package) = self.members.get(&user).and_then(|member| member.key_package.as_ref()) else {
            return;
        };
        let signed = self.sender.propose(&self.id, self.epoch, Change::Add(&key_package.bytes));
        self.propose(About::Add(user), signed, now_ms);
    }

    fn propose_removal(&mut self, leaf: u32, now_ms: u64) {
        if self.proposals.iter().all(|proposal| proposal.about != About::Remove(leaf)) {
            let signed = self.sender.propose(&self.id, self.epoch, Change::Remove(leaf));
            self.propose(About::Remove(leaf), signed, now_ms);
        }
    }

    fn propose(&mut self, about: About, signed: Option<Signed>, now_ms: u64) {
        let Some(signed) = signed else { return };
        let mut receivers = self.followers();
        receivers.retain(|user| about != About::Add(*user));
        if !receivers.is_empty() {
            self.append(&receivers, &signed.message);
            self.commit_due_ms = Some(now_ms + COMMIT_MS);
        }
        self.proposals.push(Proposal { about, signed });
    }

    fn messages(&self, wanted: impl Fn(&About) -> bool) -> Vec<u8> {
        let wanted = self.proposals.iter().filter(|proposal| wanted(&proposal.about));
        wanted.flat_map(|proposal| &proposal.signed.message).copied().collect()
    }

    fn append(&mut self, receivers: &[UserId], messages: &[u8]) {
        let mut payload = vec![APPEND];
        put_vector(&mut payload, messages);
        for user in receivers {
            self.out.push((*user, Message::proposals(&payload)));
        }
    }

    /// Takes the addition of somebody back.
    fn take_back(&mut self, user: UserId) {
        let is_it = |proposal: &Proposal| proposal.about == About::Add(user);
        let Some(at) = self.proposals.iter().position(is_it) else { return };
        let Proposal { signed, .. } = self.proposals.remove(at);
        let (mut references, mut payload) = (Vec::new(), vec![REVOKE]);
        put_vector(&mut references, &signed.reference);
        put_vector(&mut payload, &references);
        for other in self.followers().into_iter().filter(|other| *other != user) {
            self.out.push((other, Message::proposals(&payload)));
        }
        if self.proposals.is_empty() {
            self.commit_due_ms = None;
        }
    }

    fn counts(&self, user: UserId, commit: &Commit) -> bool {
        let is_pending = self.leaves.is_empty();
        let place = if is_pending { Some(0) } else { self.leaf_of(user) };
        let is_from = self.followers().contains(&user)
            && place == Some(commit.leaf)
            && commit.author.is_none_or(|author| author == user);
        let for_author = |proposal: &&Proposal| !is_pending || proposal.about != About::Add(user);
        let sent: Vec<_> = self.proposals.iter().filter(for_author).collect();
        let mut wanted: Vec<_> = sent.iter().map(|proposal| proposal.signed.reference).collect();
        let mut named = commit.proposals.clone();
        wanted.sort_unstable();
        named.sort_unstable();
        let adds = sent.iter().any(|proposal| matches!(proposal.about, About::Add(_)));
        let is_of_now = commit.group == self.id && commit.epoch == self.epoch;
        self.is_on
            && is_of_now
            && is_from
            && !wanted.is_empty()
            && wanted == named
            && adds == commit.welcome.is_some()
    }

    /// Identifiers of transitions are never 0, which means at once.
    fn next_transition(&mut self) -> u16 {
        self.last_transition = self.last_transition.checked_add(1).unwrap_or(1);
        self.last_transition
    }

    fn await_ready(&mut self, id: u16, members: Vec<UserId>, now_ms: u64) {
        let awaited = members.iter().copied().collect();
        self.transitions.insert(id, Transition { members, awaited, due_ms: now_ms + TRANSITION_MS });
    }

    fn execute(&mut self, id: u16) {
        let Some(transition) = self.transitions.remove(&id) else { return };
        for user in transition.members {
            if self.members.contains_key(&user) {
                self.out.push((user, Message::execute_transition(id)));
            }
        }
    }

    fn forget_in_transitions(&mut self, user: UserId) {
        for id in self.transitions.keys().copied().collect::<Vec<_>>() {
            self.ready(user, id);
        }
    }
}

//! The members of a guild in memory: packed, in pages, by id.
//!
//! A guild may have millions of members, and its owner answers from memory. A [`Member`] with its account takes 1.4 KB;
//! here it takes what differs from a new member's defaults, about the length of its names and hashes and 20 bytes. Whoever
//! asks gets a [`Packed`] view, which answers the questions that are asked all the time (roles, names, is it a bot)
//! without a copy, and makes the whole [`Member`] when that is wanted.
//!
//! Invariant: `unpack` gives exactly what was put in.

mod bytes;
mod heads;
mod json;
mod presences;
mod record;
mod role_sets;

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::ops::Bound;
use std::sync::OnceLock;

use ::bytes::Bytes;
use consort_model::{Member, RoleId, Timestamp, User, UserId};
use consort_rpc::Answer;
use consort_store::{Error, row};
use serde::{Serialize, Serializer};

use bytes::{Reader, put_number};
use heads::{Beginning, Heads, begins_with};
pub use presences::Presences;
use record::{Front, MemberRow, Record, bit};
use role_sets::{RoleSets, SetId};

/// Members in a page; a split leaves half in each. The larger, the more bytes an insertion moves: at 128 about 7 KB.
const PAGE_MEMBERS_MAX: usize = 128;

/// How far from the guess of its place an id is looked for first: as far as a cache line or two reach.
const GUESS_SPREAD: usize = 4;

/// The members of one guild.
#[derive(Debug, Default)]
pub struct Roster {
    /// By the smallest id a page may hold; the first page's key is 0.
    pages: BTreeMap<u64, Page>,
    sets: RoleSets,
    len: usize,
    /// The JSON of all members, while a small guild's sessions attach and nothing changes.
    list: OnceLock<Bytes>,
}

/// Neighbours by id.
#[derive(Debug, Default)]
struct Page {
    ids: Vec<u64>,
    /// Where each member's record ends in `bytes`.
    ends: Vec<u32>,
    /// How each member's names begin.
    heads: Vec<Heads>,
    /// Records: the number of the set of roles, then the rest as `record` packs it.
    bytes: Vec<u8>,
}

/// A member as it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Packed<'a> {
    id: UserId,
    set: SetId,
    roles: &'a [RoleId],
    record: &'a [u8],
}

impl Roster {
    /// How many members there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a user is a member.
    pub fn contains(&self, user: UserId) -> bool {
        self.find(user).is_some()
    }

    /// A member.
    pub fn get(&self, user: UserId) -> Option<Packed<'_>> {
        let (page, index) = self.find(user)?;
        Some(self.packed(page, index))
    }

    /// The roles of a user; none for somebody who is no member.
    pub fn roles(&self, user: UserId) -> &[RoleId] {
        self.get(user).map(|member| member.roles).unwrap_or_default()
    }

    /// Members by id.
    pub fn iter(&self) -> impl Iterator<Item = Packed<'_>> {
        self.pages.values().flat_map(|page| (0..page.ids.len()).map(|index| self.packed(page, index)))
    }

    /// Members whose id is larger than `after`, by id.
    pub fn after(&self, after: UserId) -> impl Iterator<Item = Packed<'_>> {
        let first = self.page_of(after.get()).map_or(0, |(first, _)| first);
        self.pages.range(first..).flat_map(move |(_, page)| {
            let from = page.ids.partition_point(|id| *id <= after.get());
            (from..page.ids.len()).map(|index| self.packed(page, index))
        })
    }

    /// Members whose username, display name or nick begins with `query`, whatever the case, by id. Looks at a few bytes of
    /// each member: a millisecond or two for a million.
    pub fn named<'a>(&'a self, query: &str) -> impl Iterator<Item = Packed<'a>> + use<'a> {
        let query = query.to_lowercase();
        let beginning = Beginning::of(&query);
        let pages = self.pages.values().flat_map(move |page| {
            let may = page.heads.iter().enumerate().filter(move |(_, heads)| heads.may_begin(beginning));
            may.map(move |(index, _)| self.packed(page, index))
        });
        pages.filter(move |member| member.names().any(|name| begins_with(name, &query)))
    }

    /// The ids of all members.
    pub fn ids(&self) -> impl Iterator<Item = UserId> {
        self.pages.values().flat_map(|page| page.ids.iter().map(|id| UserId::new(*id)))
    }

    /// The JSON of all members, an array; kept until one changes.
    ///
    /// # Panics
    /// Never: see [`Answer::json`].
    pub fn list(&self) -> &Bytes {
        self.list.get_or_init(|| encode(&self.iter().collect::<Vec<_>>()))
    }

    /// Adds a member or replaces it. One without an account is not taken.
    pub fn insert(&mut self, member: &Member) {
        let Some(user) = &member.user else { return };
        self.put(user.id, &member.roles, &Record::of_member(member, user));
    }

    /// Adds a member as its row says, but for roles that are not `known`.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the row is no member's.
    pub fn insert_row(&mut self, bytes: &[u8], known: impl Fn(&RoleId) -> bool) -> Result<(), Error> {
        let mut row: MemberRow<'_> = row::decode_borrowed(bytes)?;
        row.roles.retain(known);
        let (user, roles) = (row.user(), std::mem::take(&mut row.roles));
        self.put(user, &roles, &Record::of_row(row));
        Ok(())
    }

    /// Takes a member out; whether it was there.
    pub fn remove(&mut self, user: UserId) -> bool {
        let Some((first, page)) = self.page_of(user.get()) else { return false };
        let Ok(index) = page.position(user.get()) else { return false };
        let set = page.set(index);
        self.list.take();
        if let Some(page) = self.pages.get_mut(&first) {
            page.remove(index);
            if page.ids.is_empty() {
                self.pages.remove(&first);
            } else {
                self.join(first);
            }
        }
        self.sets.release(set);
        self.len -= 1;
        true
    }

    /// Takes a role away from everybody who has it, without looking at each.
    pub fn remove_role(&mut self, role: RoleId) {
        self.list.take();
        self.sets.remove_role(role);
    }

    /// Every set of roles that members have, with the number of those members; a set may come more than once.
    pub fn role_sets(&self) -> impl Iterator<Item = (&[RoleId], u32)> {
        self.sets.counted()
    }

    fn packed<'a>(&'a self, page: &'a Page, index: usize) -> Packed<'a> {
        let mut record = Reader(page.record(index));
        let set = record.number() as SetId;
        Packed { id: UserId::new(page.ids[index]), set, roles: self.sets.roles(set), record: record.0 }
    }

    fn find(&self, user: UserId) -> Option<(&Page, usize)> {
        let (_, page) = self.page_of(user.get())?;
        Some((page, page.position(user.get()).ok()?))
    }

    /// The page where an id is or belongs.
    fn page_of(&self, id: u64) -> Option<(u64, &Page)> {
        let (first, page) = self.pages.range(..=id).next_back()?;
        Some((*first, page))
    }

    fn put(&mut self, user: UserId, roles: &[RoleId], record: &Record<'_>) {
        self.list.take();
        let id = user.get();
        // The new set is held before the old one is let go, so that a set that stays keeps its number.
        let set = self.sets.hold(roles);
        let mut packed = Vec::with_capacity(64);
        put_number(&mut packed, u64::from(set));
        record.put(&mut packed);
        let first = self.page_of(id).map_or(0, |(first, _)| first);
        // Below the first page there is room only before the first member ever: pages are keyed from 0.
        let page = match self.pages.entry(first) {
            btree_map::Entry::Vacant(entry) => entry.insert(Page::default()),
            btree_map::Entry::Occupied(entry) => entry.into_mut(),
        };
        match page.position(id) {
            Ok(index) => {
                let old = page.set(index);
                page.replace(index, &packed);
                self.sets.release(old);
            }
            Err(index) => {
                page.insert(index, id, &packed);
                self.len += 1;
                if page.ids.len() > PAGE_MEMBERS_MAX {
                    let right = page.split(index);
                    self.pages.insert(right.ids[0], right);
                }
            }
        }
    }

    /// Joins a page that has become small with a neighbour, if both fit in half a page.
    fn join(&mut self, first: u64) {
        let before = self.pages.range(..first).next_back().map(|(before, _)| *before);
        let next = self.pages.range((Bound::Excluded(first), Bound::Unbounded)).next().map(|(next, _)| *next);
        for (left, right) in [(Some(first), next), (before, Some(first))] {
            let Some((left, right)) = left.zip(right) else { continue };
            let members = |first| self.pages.get(&first).map_or(0, |page| page.ids.len());
            if members(left) + members(right) > PAGE_MEMBERS_MAX / 2 {
                continue;
            }
            let gone = self.pages.remove(&right);
            if let Some((page, gone)) = self.pages.get_mut(&left).zip(gone) {
                page.append(&gone);
            }
            return;
        }
    }
}

impl Page {
    /// Where an id is, or belongs. Ids are spread rather evenly, so the place is guessed first: halving would wait for the
    /// memory four times.
    fn position(&self, id: u64) -> Result<usize, usize> {
        let (Some(first), Some(last)) = (self.ids.first(), self.ids.last()) else { return Err(0) };
        let (ahead, span) = (id.saturating_sub(*first), last.saturating_sub(*first));
        let guess = u128::from(ahead) * self.ids.len() as u128 / (u128::from(span) + 1);
        let from = usize::try_from(guess).unwrap_or(usize::MAX).saturating_sub(GUESS_SPREAD);
        let to = from.saturating_add(2 * GUESS_SPREAD);
        let near = self.ids.get(from..to.min(self.ids.len())).unwrap_or_default();
        if let [low, .., high] = near
            && (*low..=*high).contains(&id)
        {
            let place = |index| from + index;
            return near.binary_search(&id).map(place).map_err(place);
        }
        self.ids.binary_search(&id)
    }

    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends[before] as usize)
    }

    fn record(&self, index: usize) -> &[u8] {
        &self.bytes[self.start(index)..self.ends[index] as usize]
    }

    fn set(&self, index: usize) -> SetId {
        Reader(self.record(index)).number() as SetId
    }

    fn insert(&mut self, index: usize, id: u64, record: &[u8]) {
        let start = self.start(index);
        self.splice(start..start, record);
        make_room(&mut self.ids, 1);
        make_room(&mut self.ends, 1);
        make_room(&mut self.heads, 1);
        self.ids.insert(index, id);
        self.ends.insert(index, start as u32);
        self.heads.insert(index, heads(record));
        self.shift(index, record.len() as i64);
    }

    fn replace(&mut self, index: usize, record: &[u8]) {
        let old = self.start(index)..self.ends[index] as usize;
        let growth = record.len() as i64 - old.len() as i64;
        self.splice(old, record);
        self.shift(index, growth);
        self.heads[index] = heads(record);
    }

    fn remove(&mut self, index: usize) {
        let old = self.start(index)..self.ends[index] as usize;
        let growth = -(old.len() as i64);
        self.bytes.drain(old);
        self.shift(index, growth);
        self.ids.remove(index);
        self.ends.remove(index);
        self.heads.remove(index);
    }

    fn splice(&mut self, range: std::ops::Range<usize>, record: &[u8]) {
        make_room(&mut self.bytes, record.len());
        self.bytes.splice(range, record.iter().copied());
    }

    /// Moves the ends from `index` on.
    fn shift(&mut self, index: usize, by: i64) {
        for end in &mut self.ends[index..] {
            *end = (i64::from(*end) + by) as u32;
        }
    }

    /// Cuts a page in two after an insertion at `index`; gives the right one. Members that come in the order of their ids
    /// fill their pages instead of leaving them half empty.
    fn split(&mut self, index: usize) -> Self {
        let last = self.ids.len() - 1;
        let cut = if index == last { last } else { self.ids.len() / 2 };
        let start = self.start(cut);
        let mut right = Self {
            ids: self.ids.split_off(cut),
            ends: self.ends.split_off(cut),
            heads: self.heads.split_off(cut),
            bytes: self.bytes.split_off(start),
        };
        right.ends.iter_mut().for_each(|end| *end -= start as u32);
        self.ids.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.heads.shrink_to_fit();
        self.bytes.shrink_to_fit();
        right
    }

    fn append(&mut self, right: &Self) {
        let start = self.bytes.len() as u32;
        self.ids.extend_from_slice(&right.ids);
        self.ends.extend(right.ends.iter().map(|end| end + start));
        self.heads.extend_from_slice(&right.heads);
        self.bytes.extend_from_slice(&right.bytes);
    }
}

/// How the names in a record begin.
fn heads(record: &[u8]) -> Heads {
    let mut record = Reader(record);
    record.number();
    let front = Front::read(record.0);
    Heads::of([Some(front.username), front.global_name, front.nick])
}

/// Grows a vector by an eighth at a time: doubling would leave half of the table empty.
fn make_room<T>(vec: &mut Vec<T>, more: usize) {
    if vec.capacity() - vec.len() < more {
        vec.reserve_exact(more.max(vec.len() / 8));
    }
}

impl<'a> Packed<'a> {
    /// Whose membership it is.
    pub fn id(self) -> UserId {
        self.id
    }

    /// The roles, without @everyone.
    pub fn roles(self) -> &'a [RoleId] {
        self.roles
    }

    /// The number of its set of roles. Those are small, and members with the same number have the same roles while the table
    /// does not change.
    pub fn role_set(self) -> u32 {
        self.set
    }

    /// Whether it is a bot.
    pub fn is_bot(self) -> bool {
        self.bits() & bit::BOT != 0
    }

    /// Whether it has not passed screening.
    pub fn is_pending(self) -> bool {
        self.bits() & bit::PENDING != 0
    }

    /// Whether the guild has muted it.
    pub fn is_muted(self) -> bool {
        self.bits() & bit::MUTE != 0
    }

    /// Whether the guild has deafened it.
    pub fn is_deafened(self) -> bool {
        self.bits() & bit::DEAF != 0
    }

    /// Member flags.
    pub fn flags(self) -> u64 {
        if self.bits() & bit::FLAGS == 0 { 0 } else { Record::read(self.record).flags }
    }

    /// When its timeout ends, which may have been.
    pub fn timeout(self) -> Option<Timestamp> {
        if self.bits() & bit::TIMEOUT == 0 { None } else { Record::read(self.record).timeout }
    }

    /// When the user joined.
    pub fn joined_at(self) -> Timestamp {
        Front::read(self.record).joined_at
    }

    /// The name shown in the guild.
    pub fn display_name(self) -> &'a str {
        let front = Front::read(self.record);
        front.nick.or(front.global_name).unwrap_or(front.username)
    }

    /// The names by which it can be found: username, display name and nick.
    pub fn names(self) -> impl Iterator<Item = &'a str> {
        let front = Front::read(self.record);
        [Some(front.username), front.global_name, front.nick].into_iter().flatten()
    }

    /// The whole member.
    pub fn unpack(self) -> Member {
        Record::read(self.record).unpack(self.id, self.roles)
    }

    /// Adds the JSON of the whole member, as serde writes it, but for the brace that closes it.
    pub fn put_open_json(self, out: &mut Vec<u8>) {
        Record::read(self.record).put_open_json(out, self.id, self.roles);
    }

    /// The member without its account, as it stands beside an author.
    pub fn without_user(self) -> Member {
        Member { user: None, ..self.unpack() }
    }

    /// The account.
    pub fn account(self) -> Option<User> {
        self.unpack().user
    }

    fn bits(self) -> u64 {
        Reader(self.record).number()
    }
}

fn encode<T: Serialize>(objects: &T) -> Bytes {
    Answer::bytes(objects)
}

/// As [`Member`].
impl Serialize for Packed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.unpack().serialize(serializer)
    }
}

#[cfg(test)]
mod tests;

//! Splitting partitions that grow without end.
//!
//! A channel is written to for years, and a guild may have a million members. The embedded store does not mind how long a
//! partition is. A distributed engine does: it keeps a partition on one set of nodes, and repairs, moves and compacts it as
//! one. So each table says how its partitions grow ([`Table::growth`]), and an engine may split those without a bound into
//! *buckets*. Callers see nothing of it, but for one law: a batch is isolated within a bucket only.
//!
//! * A bucket is an interval of keys, named by the lowest key it can have. Buckets lie in the order of their keys, so that a
//!   scan reads one after the other.
//! * Which bucket a key is in follows from the table and the key alone. So one row is read or written without looking for it.
//! * An engine keeps, for each partition, **which buckets there are**. A scan reads that list and then those buckets, so it
//!   walks over no stretch of time in which nothing was written, however long.
//! * Few buckets are read in vain: [`Walk`] reads one, then two at a time, then four, as long as rows are missing.

use crate::{Bound, Key, Order, Range, Row, Table};
use std::collections::VecDeque;

/// Bits of a snowflake below its time.
const BITS_BELOW_TIME: u32 = 22;
/// About 19 hours: what is deleted after days goes by whole buckets.
const HOURS: u32 = BITS_BELOW_TIME + 26;
/// About 12 days.
const DAYS: u32 = BITS_BELOW_TIME + 30;
/// About 99 days.
const SEASON: u32 = BITS_BELOW_TIME + 33;
/// About 199 days.
const HALF_YEAR: u32 = BITS_BELOW_TIME + 34;
/// Buckets that are read at the same time.
const WAVE_MAX: usize = 16;

/// How the partitions of a table grow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Growth {
    /// There is a bound, by a limit of the product or because rows are deleted before long.
    Bounded,
    /// Keys begin with a snowflake, and there are ever more of them. A bucket holds those that are the same but for so many
    /// low bits.
    Snowflakes(u32),
    /// Keys begin with a tag, up to the first `/`, and a snowflake. Each tag is split like [`Growth::Snowflakes`]; a key
    /// without a tag is a bucket of its own.
    Tags(u32),
}

impl Table {
    /// How the table's partitions grow.
    pub fn growth(self) -> Growth {
        match self {
            // One message after the other, for years.
            Table::Messages | Table::AuditLog => Growth::Snowflakes(DAYS),
            // Those that are archived stay.
            Table::Threads => Growth::Snowflakes(SEASON),
            // A row for each account; those of accounts of an age lie together.
            Table::Members | Table::Bans => Growth::Snowflakes(HALF_YEAR),
            // Rows about members, former ones, too, and about who wrote in a slow channel.
            Table::GuildMisc => Growth::Tags(HALF_YEAR),
            // A row for each guild that has an application's commands.
            Table::Commands => Growth::Snowflakes(HALF_YEAR),
            // Kept for a week, then deleted from the oldest on.
            Table::Changes => Growth::Snowflakes(HOURS),
            // Single rows, or as many as there are shards of the hash that is the partition.
            Table::Users
            | Table::Credentials
            | Table::UsernameIndex
            | Table::EmailIndex
            | Table::Guilds
            | Table::ChannelIndex
            | Table::InviteIndex
            | Table::WebhookIndex
            | Table::PrivateChannels
            | Table::Meta
            | Table::Epochs => Growth::Bounded,
            // What a person, a guild or an application may have so many of, or does by hand.
            Table::UserTokens
            | Table::UserGuilds
            | Table::UserChannels
            | Table::Relationships
            | Table::ReadStates
            | Table::UserSettings
            | Table::UserGuildSettings
            | Table::Notes
            | Table::DmIndex
            | Table::Mentions
            | Table::Roles
            | Table::Channels
            | Table::Emojis
            | Table::Stickers
            | Table::Invites
            | Table::Webhooks
            | Table::Sounds
            | Table::AutoMod
            | Table::Integrations
            | Table::Pins
            | Table::ThreadMembers
            | Table::UserApplications
            | Table::Applications => Growth::Bounded,
            // A few bytes for each person who has reacted, voted or said to come, in a partition of one message or event.
            Table::Reactions | Table::Polls | Table::Events => Growth::Bounded,
            // Deleted when they are done or over.
            Table::Nonces
            | Table::Timers
            | Table::Alarms
            | Table::Erasures
            | Table::Outbox
            | Table::Senders
            | Table::Marks
            | Table::Orphans
            | Table::Words => Growth::Bounded,
        }
    }

    /// The bucket of a key, named by the lowest key in it: the greater the key, the greater the bucket, or the same. Of a table
    /// with [`Growth::Bounded`] it is the empty key.
    pub fn bucket(self, key: &Key) -> Key {
        match self.growth() {
            Growth::Bounded => Key::empty(),
            Growth::Snowflakes(bits) => floor(key.as_bytes(), 0, bits),
            Growth::Tags(bits) => match key.as_bytes().iter().position(|byte| *byte == b'/') {
                Some(end) => floor(key.as_bytes(), end + 1, bits),
                None => key.clone(),
            },
        }
    }
}

/// The lowest key that is the same up to `at` and, in the 8 bytes from there, but for the low `bits`. Bytes that are missing
/// count as 0.
fn floor(key: &[u8], at: usize, bits: u32) -> Key {
    let mut id = [0; 8];
    let rest = &key[at..];
    let given = rest.len().min(id.len());
    id[..given].copy_from_slice(&rest[..given]);
    let id = (u64::from_be_bytes(id) >> bits << bits).to_be_bytes();
    let length = id.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut lowest = key[..at].to_vec();
    lowest.extend_from_slice(&id[..length]);
    Key::bytes(&lowest)
}

/// What of the buckets of a partition an interval of its keys touches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Span {
    /// The first bucket that may have keys of the interval; `None` without a lower end.
    pub first: Option<Key>,
    /// The last one; `None` without an upper end.
    pub last: Option<Key>,
}

impl Span {
    /// The buckets of an interval of keys.
    pub fn new(table: Table, from: &Bound<Key>, to: &Bound<Key>) -> Span {
        let bucket = |bound: &Bound<Key>| match bound {
            Bound::Included(key) | Bound::Excluded(key) => Some(table.bucket(key)),
            Bound::Unbounded => None,
        };
        match table.growth() {
            Growth::Bounded => Span { first: Some(Key::empty()), last: Some(Key::empty()) },
            _ => Span { first: bucket(from), last: bucket(to) },
        }
    }

    /// The bucket, when there can be one only: then nobody has to know which there are.
    pub fn only(&self) -> Option<&Key> {
        self.first.as_ref().filter(|_| self.first == self.last)
    }

    /// Whether a bucket may have keys of the interval.
    pub fn contains(&self, bucket: &Key) -> bool {
        self.first.as_ref().is_none_or(|first| first <= bucket)
            && self.last.as_ref().is_none_or(|last| bucket <= last)
    }

    /// Whether the interval has all keys that a bucket can have, so that the bucket can go as one.
    pub fn covers(&self, from: &Bound<Key>, bucket: &Key) -> bool {
        let from_its_start = match from {
            Bound::Included(key) if key <= bucket => true,
            _ => self.first.as_ref().is_none_or(|first| first < bucket),
        };
        from_its_start && self.last.as_ref().is_none_or(|last| bucket < last)
    }
}

/// A scan of a partition that is split: which buckets to read next, until it has its rows.
///
/// ```
/// # use consort_store::{Key, Range, Table, bucket::Walk};
/// let of_a_year = |year: u64| Table::Messages.bucket(&Key::id((year * 31_557_600_000) << 22));
/// let mut walk = Walk::new(Range::newest(50), [1, 2, 9].map(of_a_year).to_vec());
/// assert_eq!(walk.next(), [of_a_year(9)]);
/// walk.add(Vec::new());
/// assert_eq!(walk.next(), [of_a_year(2), of_a_year(1)], "two at a time, as the first had too few");
/// ```
#[derive(Debug)]
pub struct Walk {
    range: Range,
    /// Those not read yet, the next one in front.
    buckets: VecDeque<Key>,
    /// How many are read next at the same time.
    wave: usize,
    rows: Vec<Row>,
}

impl Walk {
    /// Begins a scan, given the buckets that there are within its [`Span`], in any order.
    pub fn new(range: Range, mut buckets: Vec<Key>) -> Walk {
        buckets.sort();
        buckets.dedup();
        if range.order == Order::Descending {
            buckets.reverse();
        }
        Walk { range, buckets: buckets.into(), wave: 1, rows: Vec::new() }
    }

    /// What to read in each of the next buckets: the interval, with as many rows as are missing.
    pub fn range(&self) -> Range {
        Range { limit: self.range.row_limit() - self.rows.len(), ..self.range.clone() }
    }

    /// The buckets to read next, all at the same time; none when the scan is over.
    #[expect(clippy::should_implement_trait, reason = "what is read is put in between two calls")]
    pub fn next(&mut self) -> Vec<Key> {
        if self.rows.len() >= self.range.row_limit() {
            return Vec::new();
        }
        let count = self.wave.min(self.buckets.len());
        self.wave = (self.wave * 2).min(WAVE_MAX);
        self.buckets.drain(..count).collect()
    }

    /// Takes what the next bucket has of [`Walk::range`], in the order of [`Walk::next`].
    pub fn add(&mut self, rows: Vec<Row>) {
        let missing = self.range.row_limit() - self.rows.len();
        self.rows.extend(rows.into_iter().take(missing));
    }

    /// The rows, in the order of the scan.
    pub fn into_rows(self) -> Vec<Row> {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables() -> impl Iterator<Item = Table> {
        Table::ALL.iter().copied().filter(|table| table.growth() != Growth::Bounded)
    }

    /// Keys of many shapes, in order.
    fn keys() -> Vec<Key> {
        let mut keys: Vec<Key> = [0, 1, 1 << 40, 1 << 52, (1 << 52) + 1, 3 << 52, 1 << 62, u64::MAX]
            .into_iter()
            .flat_map(|id| [Key::id(id), Key::ids(&[id, 7]), Key::bytes(&id.to_be_bytes()[..3])])
            .collect();
        for tag in ["", "a", "a.", "a/", "a0", "left/", "seen/", "seen/x", "seen//"] {
            keys.push(Key::text(tag));
            for id in [0, 1 << 50, 1 << 57, u64::MAX] {
                let mut key = tag.as_bytes().to_vec();
                key.extend_from_slice(&u64::to_be_bytes(id));
                keys.push(Key::bytes(&key));
            }
        }
        keys.sort();
        keys.dedup();
        keys
    }

    #[test]
    fn buckets_lie_in_the_order_of_their_keys() {
        for table in tables() {
            let keys = keys();
            assert!(keys.is_sorted_by_key(|key| table.bucket(key)), "{table:?}");
            for key in &keys {
                let bucket = table.bucket(key);
                assert!(bucket <= *key, "{table:?}: {bucket:?} is not the lowest of {key:?}");
                assert_eq!(table.bucket(&bucket), bucket, "{table:?}");
            }
        }
    }

    #[test]
    fn the_span_of_an_interval_has_every_bucket_of_its_keys() {
        for table in tables() {
            let keys = keys();
            let mut bounds = vec![Bound::Unbounded];
            bounds.extend(
                keys.iter().flat_map(|key| [Bound::Included(key.clone()), Bound::Excluded(key.clone())]),
            );
            for (from, to) in bounds.iter().flat_map(|from| bounds.iter().map(move |to| (from, to))) {
                let span = Span::new(table, from, to);
                let range = Range { from: from.clone(), to: to.clone(), ..Range::all(1) };
                for key in &keys {
                    let bucket = table.bucket(key);
                    assert!(!range.contains(key) || span.contains(&bucket), "{table:?} {range:?} {key:?}");
                    let covered = span.contains(&bucket) && span.covers(from, &bucket);
                    assert!(!covered || range.contains(key), "{table:?} {range:?} {key:?}");
                }
            }
        }
    }

    #[test]
    fn messages_of_a_moment_lie_together_and_members_by_the_age_of_their_accounts() {
        let day = 86_400_000u64 << 22;
        let apart = |table: Table, days: u64| {
            table.bucket(&Key::id(400 * day)) != table.bucket(&Key::id((400 + days) * day))
        };
        assert!(!apart(Table::Messages, 1) && apart(Table::Messages, 13));
        assert!(!apart(Table::Members, 90) && apart(Table::Members, 200));
        assert_eq!(Table::Roles.bucket(&Key::id(7)), Key::empty());
        let of = |tag: &str, id: u64| {
            Table::GuildMisc.bucket(&Key::bytes(&[tag.as_bytes(), &id.to_be_bytes()].concat()))
        };
        assert_eq!(of("left/", 5), of("left/", 1 << 50));
        assert_ne!(of("left/", 5), of("seen/", 5));
    }

    #[test]
    fn a_walk_reads_no_more_buckets_than_it_needs() {
        let row = |id| Row { key: Key::id(id), value: bytes::Bytes::new() };
        let buckets: Vec<Key> = (0..40u64).map(Key::id).collect();
        let mut walk = Walk::new(Range::newest(5), buckets.clone());
        assert_eq!(walk.next(), [Key::id(39)]);
        walk.add(vec![row(399), row(398)]);
        assert_eq!((walk.next(), walk.range().limit), (vec![Key::id(38), Key::id(37)], 3));
        walk.add(vec![row(389), row(388)]);
        walk.add(vec![row(379), row(378), row(377)]);
        assert!(walk.next().is_empty());
        assert_eq!(walk.into_rows(), [399, 398, 389, 388, 379].map(row));

        let mut walk = Walk::new(Range::all(1), buckets);
        let waves: Vec<usize> =
            std::iter::from_fn(|| Some(walk.next().len()).filter(|count| *count > 0)).collect();
        assert_eq!(waves, [1, 2, 4, 8, 16, 9], "empty ones are passed in few steps");
    }
}

//! The moment at which an owner must be awake although nobody calls, as rows of [`Table::Alarms`].
//!
//! An owner has one alarm, for the first of whatever it waits for. Rows: in the partition of a shard and a day, by time and owner, for
//! [`run_scheduler`](crate::run_scheduler) to find; and in the partition of the shard alone, by owner, when its alarm is, for the
//! owner that comes to life. Both are written in the batch of the turn that causes them.
//!
//! An alarm that becomes later is left as it is: the owner is woken once too early and then sets the next. So whoever puts a
//! time off with each call (a message in a thread) writes nothing for that.

use consort_rpc::Owner;
use consort_store::{Batch, Error, Key, Range, Row, Scan, Table, row};

use crate::owner_key::{owner_of, prefix, shard};

const DAY_MS: u64 = 24 * 3600 * 1000;

/// The day of a time, counted from 1970; from 1 on, since 0 is the partition of a shard alone.
pub(crate) fn day(at_ms: u64) -> u64 {
    (at_ms / DAY_MS).max(1)
}

/// The partition of the alarms of a shard on a day.
pub(crate) fn partition(shard: u64, day: u64) -> u64 {
    (day << 16) | shard
}

/// The time and the owner in the key of an alarm.
pub(crate) fn decode(key: &[u8]) -> Option<(u64, Owner)> {
    let (at, rest) = key.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*at), owner_of(rest)?.0))
}

/// The alarm of one owner: what its rows say, with all turns so far.
pub(crate) struct Alarm {
    me: Owner,
    set_ms: Option<u64>,
    /// What the owner has waited for since its last turn; asking it may cost a look at all its threads.
    wanted_ms: Option<u64>,
}

impl Alarm {
    /// `set_ms`: what its rows say; `wanted_ms`: what it waits for.
    pub(crate) fn new(me: Owner, set_ms: Option<u64>, wanted_ms: Option<u64>) -> Self {
        Self { me, set_ms, wanted_ms }
    }

    /// Where it stands when the alarm of an owner is.
    pub(crate) fn scan(owner: &Owner) -> Scan {
        let range = Range::one(Key::bytes(&prefix(owner)));
        Scan { table: Table::Alarms, partition: shard(owner), range }
    }

    /// When the alarm is, by what was found there.
    ///
    /// # Errors
    /// When the row cannot be read.
    pub(crate) fn of(rows: &[Row]) -> Result<Option<u64>, Error> {
        rows.first().map(|row| row::decode(&row.value)).transpose()
    }

    /// When it is.
    pub(crate) fn at_ms(&self) -> Option<u64> {
        self.set_ms
    }

    /// When the rows are to be brought up to date although no turn does it: 0 is at once.
    pub(crate) fn refresh_ms(&self) -> Option<u64> {
        match (self.wanted_ms, self.set_ms) {
            // When its time has come, what it is for is done first.
            (Some(wanted), Some(set)) if wanted == set => None,
            (Some(wanted), Some(set)) if wanted > set => Some(set),
            (Some(_), _) => Some(0),
            (None, set) => set,
        }
    }

    /// Brings the rows up to date: sets an alarm that is earlier than the one there is, and replaces one whose time has come.
    /// `over`: the owner waits for nothing ever again.
    pub(crate) fn write(&mut self, batch: &mut Batch, now_ms: u64, wanted_ms: Option<u64>, over: bool) {
        let wanted = wanted_ms.filter(|_| !over);
        self.wanted_ms = wanted;
        let stale = over || self.refresh_ms().is_some_and(|at| at <= now_ms);
        if !stale || (wanted.is_none() && self.set_ms.is_none()) {
            return;
        }
        if let Some(set) = self.set_ms.take() {
            batch.delete(Table::Alarms, self.partition(set), self.key(set));
        }
        let pointer = Key::bytes(&prefix(&self.me));
        if let Some(at) = wanted {
            // What should have happened already is looked for among what is due now, not on a day that is over.
            let at = if day(at) < day(now_ms) { now_ms } else { at };
            batch.put(Table::Alarms, self.partition(at), self.key(at), bytes::Bytes::new());
            batch.put_row(Table::Alarms, shard(&self.me), pointer, &at);
            self.set_ms = Some(at);
        } else {
            batch.delete(Table::Alarms, shard(&self.me), pointer);
        }
    }

    fn partition(&self, at_ms: u64) -> u64 {
        partition(shard(&self.me), day(at_ms))
    }

    fn key(&self, at_ms: u64) -> Key {
        Key::bytes(&[&at_ms.to_be_bytes()[..], &prefix(&self.me)].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 100 * DAY_MS;

    fn writes(alarm: &mut Alarm, now_ms: u64, wanted_ms: Option<u64>, over: bool) -> usize {
        let mut batch = Batch::new();
        alarm.write(&mut batch, now_ms, wanted_ms, over);
        batch.writes.len()
    }

    #[test]
    fn only_an_earlier_time_is_written_at_once_and_a_later_one_when_the_alarm_has_rung() {
        let mut alarm = Alarm::new(Owner { service: "guild".into(), key: 7 }, None, None);
        assert_eq!(writes(&mut alarm, NOW, None, false), 0);
        assert_eq!(writes(&mut alarm, NOW, Some(NOW + 50), false), 2, "set");
        assert_eq!(writes(&mut alarm, NOW, Some(NOW + 90), false), 0, "put off");
        assert_eq!(writes(&mut alarm, NOW, Some(NOW + 20), false), 3, "brought forward");
        assert_eq!(writes(&mut alarm, NOW + 20, Some(NOW + 20), false), 0, "due, and not done yet");
        assert_eq!(writes(&mut alarm, NOW + 20, Some(NOW + 90), false), 3, "done");
        assert_eq!(writes(&mut alarm, NOW + 30, None, false), 0, "called off");
        assert_eq!(writes(&mut alarm, NOW + 90, None, false), 2, "rung for nothing");
        assert_eq!(writes(&mut alarm, NOW + 90, None, false), 0);
    }

    #[test]
    fn what_is_over_keeps_no_alarm() {
        let mut alarm = Alarm::new(Owner { service: "guild".into(), key: 7 }, Some(NOW + 50), Some(NOW + 50));
        assert_eq!(writes(&mut alarm, NOW, Some(NOW + 50), true), 2);
        assert_eq!(alarm.at_ms(), None);
    }

    #[test]
    fn a_time_on_a_day_that_is_over_is_set_among_what_is_due_now() {
        let mut alarm = Alarm::new(Owner { service: "guild".into(), key: 7 }, None, None);
        assert_eq!(writes(&mut alarm, NOW, Some(1), false), 2);
        assert_eq!(alarm.at_ms(), Some(NOW));
    }

    #[test]
    fn the_key_of_an_alarm_tells_time_and_owner() {
        let alarm = Alarm::new(Owner { service: "guild".into(), key: 7 }, None, None);
        assert_eq!(decode(alarm.key(5).as_bytes()), Some((5, alarm.me.clone())));
        assert_eq!(decode(b"short"), None);
    }
}

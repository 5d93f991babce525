//! How much of the owner's time lists may take.

/// What it takes to see that a window is as it was told, in nanoseconds; this and the next two as measured by the case
/// `windows` of the bench.
pub(super) const LOOK_NS: u64 = 900;
/// What an update takes beside its rows.
pub(super) const UPDATE_NS: u64 = 1_500;
/// What a row takes that comes into a window.
pub(super) const ROW_NS: u64 = 550;
/// What is told in one go, before the owner turns to what else waits.
pub(super) const GO_NS: u64 = 1_000_000;
/// Of a second, what may go into telling: the rest is for everything else that the owner does.
const SHARE_PERCENT: u64 = 70;
/// So long in advance time may be taken: what is few is told at once.
const ADVANCE_NS: u64 = 4_000_000;
const NS_PER_MS: u64 = 1_000_000;

/// Time is credited at a steady rate and taken by what is told. Costs are reckoned, not measured: a core has no clock.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// All that was told is paid for at this time, in Unix nanoseconds.
    paid_ns: u64,
}

impl Pace {
    /// From when on more may be told.
    pub(super) fn due_ms(&self) -> u64 {
        self.paid_ns.saturating_sub(ADVANCE_NS).div_ceil(NS_PER_MS)
    }

    /// Takes what telling took.
    pub(super) fn take(&mut self, now_ms: u64, nanoseconds: u64) {
        self.paid_ns = self.paid_ns.max(now_ms * NS_PER_MS) + nanoseconds * 100 / SHARE_PERCENT;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telling_takes_its_share_of_the_time_whatever_the_bites() {
        for bite in [1_000, 50_000, GO_NS] {
            let (mut pace, mut told) = (Pace::default(), 0);
            for now_ms in 5_000..6_000 {
                while pace.due_ms() <= now_ms {
                    pace.take(now_ms, bite);
                    told += bite;
                }
            }
            let most = SHARE_PERCENT * 10_000_000 + ADVANCE_NS + GO_NS;
            assert!((SHARE_PERCENT * 9_900_000..most).contains(&told), "{told} in bites of {bite}");
        }
    }

    #[test]
    fn what_is_few_is_told_at_once() {
        let mut pace = Pace::default();
        (0..10).for_each(|_| pace.take(5_000, 10_000));
        assert!(pace.due_ms() <= 5_000);
        (0..1_000).for_each(|_| pace.take(5_000, 10_000));
        assert!(pace.due_ms() > 5_000);
    }
}

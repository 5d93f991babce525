//! What clients count, and latencies in constant memory.

/// Values below this have a bucket each; above, each doubling has [`PARTS`].
const PARTS: usize = 64;
/// Doublings beyond [`PARTS`]: 2^(6 + 34) µs are twelve days.
const DOUBLINGS: usize = 34;

/// Latencies in microseconds, in buckets of at most 1.6 % of their value.
#[derive(Clone)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; PARTS * (DOUBLINGS + 1)], count: 0, max: 0 }
    }
}

impl Histogram {
    /// Counts a value.
    pub fn record(&mut self, us: u64) {
        let last = self.buckets.len() - 1;
        self.buckets[bucket(us).min(last)] += 1;
        self.count += 1;
        self.max = self.max.max(us);
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The largest value.
    pub fn max(&self) -> u64 {
        self.max
    }

    /// A value that `percent` of the values do not exceed; 0 when there are none.
    pub fn percentile(&self, percent: f64) -> u64 {
        let wanted = ((self.count as f64 * percent / 100.0).ceil() as u64).max(1);
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper(index).min(self.max);
            }
        }
        self.max
    }

    fn add(&mut self, other: &Self) {
        self.buckets.iter_mut().zip(&other.buckets).for_each(|(sum, count)| *sum += count);
        self.count += other.count;
        self.max = self.max.max(other.max);
    }
}

fn bucket(us: u64) -> usize {
    match usize::try_from(us) {
        Ok(small) if small < PARTS => small,
        _ => {
            let doubling = (us / PARTS as u64).ilog2() as usize;
            PARTS * (doubling + 1) + (us >> doubling) as usize - PARTS
        }
    }
}

/// The largest value of a bucket.
fn upper(index: usize) -> u64 {
    if index < PARTS {
        return index as u64;
    }
    let (doubling, part) = (index / PARTS - 1, index % PARTS);
    (((PARTS + part + 1) as u64) << doubling) - 1
}

/// What a part of the clients has seen since it was asked last.
#[derive(Default)]
pub struct Tally {
    /// From the post, or from when it should have been, until a client read the event.
    pub latency: Histogram,
    /// From the beginning of a connection to RESUMED.
    pub resumed: Histogram,
    /// From when all were cut off until a client was ready again.
    pub back: Histogram,
    /// Events delivered, also by clients whose latencies are not taken.
    pub deliveries: u64,
    /// Sequence numbers left out.
    pub gaps: u64,
    /// Sequence numbers that came again.
    pub doubles: u64,
    /// Events out of their order or that nobody posted, and payloads that could not be read.
    pub wrong: u64,
    /// Dispatches that are no events of the bench.
    pub others: u64,
    /// Bytes of the last event's frame.
    pub frame_bytes: u64,
    /// Reads of sockets.
    pub reads: u64,
    /// Heartbeats sent and their answers.
    pub beats: u64,
    /// Answers to heartbeats.
    pub acks: u64,
    /// Connections that we cut.
    pub cut: u64,
    /// Times that the server refused a session (opcode 9).
    pub invalid: u64,
    /// Connections that did not come as far as READY or RESUMED, and were tried again.
    pub retries: u64,
    /// Connections that the server closed when they were ready, by code; 1006 is without a word.
    pub closes: Vec<(u16, u64)>,
}

impl Tally {
    /// Counts a connection that the server closed.
    pub fn closed(&mut self, code: u16, count: u64) {
        match self.closes.iter_mut().find(|(known, _)| *known == code) {
            Some((_, sum)) => *sum += count,
            None => self.closes.push((code, count)),
        }
    }

    /// How many ready connections the server closed.
    pub fn closes(&self) -> u64 {
        self.closes.iter().map(|(_, count)| count).sum()
    }

    /// Everything that must not happen, whatever is measured.
    pub fn faults(&self) -> u64 {
        self.gaps + self.doubles + self.wrong
    }

    /// Adds another part's.
    pub fn add(&mut self, other: &Self) {
        self.latency.add(&other.latency);
        self.resumed.add(&other.resumed);
        self.back.add(&other.back);
        let sums = [
            (&mut self.deliveries, other.deliveries),
            (&mut self.gaps, other.gaps),
            (&mut self.doubles, other.doubles),
            (&mut self.wrong, other.wrong),
            (&mut self.others, other.others),
            (&mut self.reads, other.reads),
            (&mut self.beats, other.beats),
            (&mut self.acks, other.acks),
            (&mut self.cut, other.cut),
            (&mut self.invalid, other.invalid),
            (&mut self.retries, other.retries),
        ];
        sums.into_iter().for_each(|(sum, more)| *sum += more);
        self.frame_bytes = self.frame_bytes.max(other.frame_bytes);
        other.closes.iter().for_each(|(code, count)| self.closed(*code, *count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_and_are_narrow() {
        let mut last = 0;
        for us in 0..1_000_000u64 {
            let index = bucket(us);
            assert!(index == last || index == last + 1, "{us}");
            assert!(us <= upper(index) && upper(index) - us <= us / 32, "{us}");
            last = index;
        }
    }

    #[test]
    fn percentiles() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(99.0), 0);
        (1..=100).for_each(|us| histogram.record(us));
        assert_eq!((histogram.percentile(50.0), histogram.percentile(100.0)), (50, 100));
        histogram.record(u64::MAX);
        assert_eq!((histogram.count(), histogram.max()), (101, u64::MAX));
    }

    #[test]
    fn tallies_add_up() {
        let mut one = Tally { gaps: 1, frame_bytes: 5, ..Tally::default() };
        one.closed(1006, 2);
        one.latency.record(7);
        let mut sum = Tally { doubles: 2, frame_bytes: 4, ..Tally::default() };
        sum.closed(1006, 1);
        sum.add(&one);
        sum.add(&one);
        assert_eq!((sum.faults(), sum.closes(), sum.frame_bytes, sum.latency.count()), (4, 5, 5, 2));
    }
}

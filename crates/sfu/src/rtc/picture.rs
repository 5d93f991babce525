//! One picture of somebody, as one receiver gets it: of its layers one at a time, under one SSRC, with numbers and times that go on.

/// Times of video count 90,000 a second (RFC 7741, 4.1).
const TICKS_PER_MS: u64 = 90;

/// A stream of packets with 16-bit numbers, seen from outside.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    newest: Option<u64>,
}

impl Numbers {
    /// The number of a packet with how often they have wrapped; `None` for one before the first.
    pub(super) fn extend(&mut self, sequence: u16) -> Option<u64> {
        let Some(newest) = self.newest else {
            self.newest = Some(u64::from(sequence));
            return self.newest;
        };
        // The shorter way round.
        let step = sequence.wrapping_sub(newest as u16).cast_signed();
        let number = newest.checked_add_signed(i64::from(step))?;
        self.newest = Some(newest.max(number));
        Some(number)
    }
}

/// The layer that a receiver gets now.
#[derive(Debug)]
struct Current {
    layer: u32,
    numbers: Numbers,
    /// What is added to its numbers and times.
    number_step: i64,
    time_step: u32,
}

/// A picture, for one receiver.
#[derive(Debug, Default)]
pub(super) struct Picture {
    current: Option<Current>,
    /// The newest that was sent: number, time, and when that was.
    sent: Option<(u64, u32, u64)>,
}

/// What becomes of a packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes out with this number and time.
    Send {
        /// The number, with wraps.
        number: u64,
        /// The time.
        timestamp: u32,
    },
    /// It is of another layer than is sent.
    Drop,
    /// It is of the layer that is to be sent, which can begin with a key frame only.
    WantsKeyframe,
}

impl Picture {
    /// Says what becomes of a packet of `layer` when `target` is to be sent. `begins`: whether a key frame begins with it.
    pub(super) fn take(
        &mut self,
        (layer, target): (u32, u32),
        (sequence, timestamp): (u16, u32),
        begins: bool,
        now_ms: u64,
    ) -> Fate {
        let is_current = self.current.as_ref().is_some_and(|current| current.layer == layer);
        if !is_current {
            match (layer == target, begins) {
                (false, _) => return Fate::Drop,
                (true, false) => return Fate::WantsKeyframe,
                (true, true) => self.turn_to(layer, sequence, timestamp, now_ms),
            }
        }
        let Some(current) = &mut self.current else { return Fate::Drop };
        let number =
            current.numbers.extend(sequence).and_then(|it| it.checked_add_signed(current.number_step));
        // What was sent before the turn stays where it was.
        let Some(number) = number else { return Fate::Drop };
        let timestamp = timestamp.wrapping_add(current.time_step);
        if self.sent.is_none_or(|(newest, ..)| number > newest) {
            self.sent = Some((number, timestamp, now_ms));
        }
        Fate::Send { number, timestamp }
    }

    /// Goes on with another layer, whose first packet this is.
    fn turn_to(&mut self, layer: u32, sequence: u16, timestamp: u32, now_ms: u64) {
        let (number_step, time_step) = match self.sent {
            // Numbers begin with the first packet that the receiver gets.
            None => (0, 0),
            Some((number, time, sent_ms)) => {
                let passed = now_ms.saturating_sub(sent_ms).max(1).saturating_mul(TICKS_PER_MS);
                let goes_on = time.wrapping_add(passed as u32);
                let next = i64::try_from(number).unwrap_or(i64::MAX).saturating_add(1);
                (next - i64::from(sequence), goes_on.wrapping_sub(timestamp))
            }
        };
        self.current = Some(Current { layer, numbers: Numbers::default(), number_step, time_step });
    }

    /// The layer that is sent.
    pub(super) fn layer(&self) -> Option<u32> {
        self.current.as_ref().map(|current| current.layer)
    }

    /// Nothing is sent until a key frame comes.
    pub(super) fn stop(&mut self) {
        self.current = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_a_stream_begin_with_the_first_packet_and_go_on_over_their_end() {
        let mut numbers = Numbers::default();
        let all = [65_534, 65_535, 1, 0, 2].map(|sequence| numbers.extend(sequence));
        assert_eq!(all, [65_534, 65_535, 65_537, 65_536, 65_538].map(Some));
        let mut numbers = Numbers::default();
        assert_eq!((numbers.extend(3), numbers.extend(1), numbers.extend(65_535)), (Some(3), Some(1), None));
    }

    fn sent(number: u64, timestamp: u32) -> Fate {
        Fate::Send { number, timestamp }
    }

    #[test]
    fn a_layer_begins_with_a_key_frame_and_goes_on_where_the_one_before_ended() {
        let mut picture = Picture::default();
        assert_eq!(picture.take((1, 1), (65_535, 500), false, 0), Fate::WantsKeyframe);
        assert_eq!(picture.take((1, 1), (65_535, 500), true, 0), sent(65_535, 500));
        assert_eq!(picture.take((1, 1), (1, 600), false, 10), sent(65_537, 600));
        assert_eq!(picture.take((1, 1), (0, 500), false, 10), sent(65_536, 500), "late");
        // Another is wanted: the one that is sent goes on until that has a key frame.
        assert_eq!(picture.take((2, 2), (7, 9_000), false, 20), Fate::WantsKeyframe);
        assert_eq!(picture.take((1, 2), (2, 700), false, 20), sent(65_538, 700));
        assert_eq!(picture.take((2, 2), (8, 9_100), true, 30), sent(65_539, 700 + 900));
        assert_eq!(picture.take((2, 2), (9, 9_100), false, 30), sent(65_540, 1_600));
        assert_eq!(picture.take((1, 2), (3, 800), false, 30), Fate::Drop);
        picture.stop();
        assert_eq!(picture.take((2, 2), (10, 9_200), false, 40), Fate::WantsKeyframe);
    }
}

//! The numbered messages of a session, kept for a client that resumes it.

use std::collections::VecDeque;

use crate::protocol::Frame;

/// Messages of a session that are kept, at most; older ones go.
const MESSAGES_MAX: usize = 256;
/// Bytes of them.
const BYTES_MAX: usize = 64 << 10;

/// Messages with numbers from 1 on, which wrap after 16 bits. (@discordjs/voice takes 0 for none.)
#[derive(Debug, Default)]
pub(super) struct Log {
    /// How many messages there were.
    sent: u64,
    kept: VecDeque<Frame>,
    bytes: usize,
}

impl Log {
    /// The number of the next message.
    pub(super) fn next(&self) -> u16 {
        // The lower half: numbers wrap.
        (self.sent + 1) as u16
    }

    /// Keeps the message of that number.
    pub(super) fn push(&mut self, message: Frame) {
        self.sent += 1;
        self.bytes += message.size();
        self.kept.push_back(message);
        while self.kept.len() > MESSAGES_MAX || self.bytes > BYTES_MAX {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.kept.pop_front() {
            self.bytes -= oldest.size();
        }
    }

    /// The messages after the one of a number; `None` when that number was not given, or not all of them are kept. Without a number, or
    /// with a negative one, the client has none.
    pub(super) fn after(&self, seq: Option<i64>) -> Option<impl Iterator<Item = &Frame>> {
        let missed = match seq.filter(|seq| *seq >= 0) {
            None => usize::try_from(self.sent).ok()?,
            Some(seq) => usize::from((self.sent as u16).wrapping_sub(u16::try_from(seq).ok()?)),
        };
        let first = self.kept.len().checked_sub(missed)?;
        Some(self.kept.iter().skip(first))
    }

    /// The client has the message of this number, and needs none up to it again.
    pub(super) fn acknowledge(&mut self, seq: Option<i64>) {
        let Some(left) = self.after(seq).map(Iterator::count) else { return };
        while self.kept.len() > left {
            self.drop_oldest();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(messages: usize) -> Log {
        let mut log = Log::default();
        (0..messages).for_each(|_| log.push(Frame::Text(log.next().to_string())));
        log
    }

    fn after(log: &Log, seq: Option<i64>) -> Option<Vec<&str>> {
        fn text(frame: &Frame) -> &str {
            match frame {
                Frame::Text(text) => text,
                Frame::Binary(_) => unreachable!(),
            }
        }
        Some(log.after(seq)?.map(text).collect())
    }

    #[test]
    fn what_is_behind_a_number_is_said_again() {
        let mut log = log(3);
        assert_eq!(after(&log, Some(1)), Some(vec!["2", "3"]));
        assert_eq!(after(&log, Some(3)), Some(vec![]));
        for none in [None, Some(-1), Some(0)] {
            assert_eq!(after(&log, none), Some(vec!["1", "2", "3"]));
        }
        assert_eq!(after(&log, Some(4)), None, "a number that was not given");
        log.acknowledge(Some(2));
        assert_eq!((after(&log, Some(2)), after(&log, Some(1))), (Some(vec!["3"]), None));
        log.acknowledge(None);
        log.acknowledge(Some(9));
        assert_eq!(after(&log, Some(2)), Some(vec!["3"]), "nonsense changes nothing");
    }

    #[test]
    fn numbers_wrap_and_memory_does_not_grow() {
        let log = log(65_536 + 2);
        assert_eq!(after(&log, Some(65_534)).unwrap(), ["65535", "0", "1", "2"]);
        assert_eq!(after(&log, Some(0)).unwrap(), ["1", "2"]);
        assert_eq!(after(&log, None), None);
        assert_eq!(log.kept.len(), MESSAGES_MAX);
    }
}

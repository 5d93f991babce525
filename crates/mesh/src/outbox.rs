//! What waits to be sent over a link.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::frame::Frame;

/// Frames of one class that may wait, and their bytes.
const FRAMES_MAX: usize = 16_384;
const BYTES_MAX: usize = 64 << 20;
/// Bytes of a message, unless one frame has more.
const MESSAGE_BYTES: usize = 128 << 10;

/// In which order classes go out. Within each the order is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Signs of life.
    Control,
    /// Calls, and answers to them.
    Call,
    /// Events to relays.
    Event,
}

/// Why something was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// Bounded queues, one for each class.
///
/// When a queue is full, what comes is refused, so that its sender hears of it. What is volatile is refused when half of the
/// queue is full already: it stands in the queue of events, since it may not overtake them.
#[derive(Debug, Default)]
pub struct Outbox {
    queues: [VecDeque<Frame>; 3],
    bytes: [usize; 3],
}

impl Outbox {
    pub(crate) fn push(&mut self, urgency: Urgency, volatile: bool, frame: Frame) -> Result<(), Full> {
        let class = urgency as usize;
        let part = if volatile { 2 } else { 1 };
        // A frame larger than all the room there is must be able to go when nothing else waits.
        let bytes = if self.queues[class].is_empty() { 0 } else { self.bytes[class] + frame.len() };
        if self.queues[class].len() >= FRAMES_MAX / part || bytes > BYTES_MAX / part {
            return Err(Full);
        }
        self.bytes[class] += frame.len();
        self.queues[class].push_back(frame);
        Ok(())
    }

    /// The next message: as much as fits, the most urgent first, and some of each class, so that none waits for ever.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        let mut message = BytesMut::new();
        for class in 0..self.queues.len() {
            let end = message.len() + MESSAGE_BYTES;
            while let Some(frame) = self.queues[class].front() {
                if message.len() + frame.len() > end && !message.is_empty() {
                    break;
                }
                frame.write(&mut message);
                self.bytes[class] -= frame.len();
                self.queues[class].pop_front();
            }
        }
        (!message.is_empty()).then(|| message.freeze())
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queues.iter().all(VecDeque::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Kind, read};

    fn frame(id: u64, bytes: usize) -> Frame {
        Frame::answer(Kind::Cast, id, vec![0; bytes].into())
    }

    fn ids(message: Bytes) -> Vec<u64> {
        read(message).unwrap().into_iter().map(|frame| frame.id).collect()
    }

    #[test]
    fn the_urgent_goes_first_all_go_together_and_each_class_keeps_its_order() {
        let mut outbox = Outbox::default();
        for id in 0..3 {
            outbox.push(Urgency::Event, id == 1, frame(20 + id, 10)).unwrap();
            outbox.push(Urgency::Call, false, frame(10 + id, 10)).unwrap();
        }
        outbox.push(Urgency::Control, false, frame(1, 0)).unwrap();
        assert_eq!(ids(outbox.next().unwrap()), [1, 10, 11, 12, 20, 21, 22]);
        assert!(outbox.is_empty() && outbox.next().is_none());
    }

    #[test]
    fn a_flood_of_calls_does_not_keep_events_back() {
        let mut outbox = Outbox::default();
        (0..50).for_each(|id| outbox.push(Urgency::Call, false, frame(id, 10_000)).unwrap());
        outbox.push(Urgency::Event, false, frame(99, 10)).unwrap();
        let first = ids(outbox.next().unwrap());
        assert!(first.len() < 20 && first.contains(&99));
    }

    #[test]
    fn a_full_queue_refuses_and_the_volatile_is_refused_first() {
        let mut outbox = Outbox::default();
        while outbox.push(Urgency::Event, true, frame(0, 1)).is_ok() {}
        assert_eq!(outbox.queues[2].len(), FRAMES_MAX / 2);
        outbox.push(Urgency::Event, false, frame(0, 1)).unwrap();
        while outbox.push(Urgency::Event, false, frame(0, 1)).is_ok() {}
        assert_eq!(outbox.queues[2].len(), FRAMES_MAX);
        outbox.push(Urgency::Call, false, frame(0, 1)).unwrap();
        let mut large = Outbox::default();
        large.push(Urgency::Call, false, frame(0, BYTES_MAX)).unwrap();
        assert_eq!(large.push(Urgency::Call, false, frame(0, 1)), Err(Full));
    }
}

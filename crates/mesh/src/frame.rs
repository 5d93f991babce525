//! The bytes of a message: frames one after the other.
//!
//! `kind` (1 byte), `id` (8), `key` (8), length of `service` (1), length of `body` (4), `service`, `body`; numbers are big endian.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// Bytes of a frame's body at most: above what a store reads at once.
pub(crate) const BODY_BYTES_MAX: usize = 68 << 20;
const HEAD_BYTES: usize = 22;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing but a sign of life.
    Beat = 0,
    /// A call; its answer has the same id.
    Call = 1,
    /// A call that wants no answer.
    Cast = 2,
    /// An answer.
    Reply = 3,
    /// The call could not be delivered: the body says why, see `CallError`.
    NotOwner = 4,
    /// As above: lost.
    Lost = 5,
    /// As above: undecodable, with a text.
    Codec = 6,
    /// As above: too many calls at once.
    Full = 7,
}

/// One thing that is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    pub(crate) id: u64,
    pub(crate) key: u64,
    pub(crate) service: Bytes,
    pub(crate) body: Bytes,
}

impl Frame {
    /// One that has only an id and a body.
    pub(crate) fn answer(kind: Kind, id: u64, body: Bytes) -> Self {
        Self { kind, id, key: 0, service: Bytes::new(), body }
    }

    pub(crate) fn len(&self) -> usize {
        HEAD_BYTES + self.service.len() + self.body.len()
    }

    pub(crate) fn write(&self, out: &mut BytesMut) {
        out.put_u8(self.kind as u8);
        out.put_u64(self.id);
        out.put_u64(self.key);
        out.put_u8(self.service.len().min(255) as u8);
        out.put_u32(self.body.len().min(BODY_BYTES_MAX) as u32);
        out.put_slice(&self.service[..self.service.len().min(255)]);
        out.put_slice(&self.body[..self.body.len().min(BODY_BYTES_MAX)]);
    }
}

/// Takes the frames of a message apart, without copying bodies; `None` when it is no message.
pub(crate) fn read(mut message: Bytes) -> Option<Vec<Frame>> {
    let mut frames = Vec::new();
    while !message.is_empty() {
        if message.len() < HEAD_BYTES {
            return None;
        }
        let kind = match message.get_u8() {
            0 => Kind::Beat,
            1 => Kind::Call,
            2 => Kind::Cast,
            3 => Kind::Reply,
            4 => Kind::NotOwner,
            5 => Kind::Lost,
            6 => Kind::Codec,
            7 => Kind::Full,
            _ => return None,
        };
        let (id, key) = (message.get_u64(), message.get_u64());
        let (service, body) = (usize::from(message.get_u8()), message.get_u32() as usize);
        if body > BODY_BYTES_MAX || message.len() < service + body {
            return None;
        }
        let (service, body) = (message.split_to(service), message.split_to(body));
        frames.push(Frame { kind, id, key, service, body });
    }
    Some(frames)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_frames_that_were_written_so_or_none(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            heads in prop::collection::vec((0..9_u8, 0..4_u8, 0..9_u32), 0..4),
        ) {
            let mut message = BytesMut::new();
            for (kind, service, body) in heads {
                message.put_u8(kind);
                message.put_u128(7);
                message.put_u8(service);
                message.put_u32(body);
                message.put_slice(&bytes[..bytes.len().min(usize::from(service) + body as usize)]);
            }
            for message in [message.freeze(), bytes.into()] {
                if let Some(frames) = read(message.clone()) {
                    let mut again = BytesMut::new();
                    frames.iter().for_each(|frame| frame.write(&mut again));
                    prop_assert_eq!(again.freeze(), message);
                }
            }
        }
    }

    #[test]
    fn frames_come_back_as_they_were_and_no_prefix_of_them_is_one() {
        let frames = vec![
            Frame { kind: Kind::Call, id: 7, key: 9, service: "guild".into(), body: "hello".into() },
            Frame::answer(Kind::Beat, 0, Bytes::new()),
            Frame::answer(Kind::Reply, u64::MAX, vec![1; 300].into()),
        ];
        let mut bytes = BytesMut::new();
        frames.iter().for_each(|frame| frame.write(&mut bytes));
        let bytes = bytes.freeze();
        let whole = [0, frames[0].len(), frames[0].len() + frames[1].len(), bytes.len()];
        for cut in 0..=bytes.len() {
            let read = read(bytes.slice(..cut));
            assert_eq!(read.is_some(), whole.contains(&cut), "{cut}");
        }
        assert_eq!(read(bytes).unwrap(), frames);
        assert_eq!(read(vec![200; 64].into()), None);
    }
}

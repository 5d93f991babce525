//! The frame decoder: pieces of a byte stream in, whole messages out.

use super::error::Error;
use super::frame::{MAX_CONTROL_BYTES, MAX_HEADER_BYTES, Opcode, is_valid_close_code};

/// A whole message, or a control frame, lent from the read buffer or from the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text message; valid UTF-8.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// A ping of at most 125 bytes, to be answered by a pong with the same payload.
    Ping(&'a [u8]),
    /// A pong of at most 125 bytes.
    Pong(&'a [u8]),
    /// A close frame; `None` when it had no code. Nothing is decoded after it.
    Close(Option<(u16, &'a str)>),
}

/// The unread part of a caller's read buffer. Frames are unmasked in place, so the bytes are not kept as they came.
#[derive(Debug)]
pub struct Input<'b> {
    bytes: &'b mut [u8],
    at: usize,
}

impl<'b> Input<'b> {
    /// Wraps the bytes of one read.
    pub fn new(bytes: &'b mut [u8]) -> Self {
        Input { bytes, at: 0 }
    }

    /// Returns the number of bytes not taken yet.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn take(&mut self, len: usize) -> &mut [u8] {
        let taken = &mut self.bytes[self.at..self.at + len];
        self.at += len;
        taken
    }
}

/// Decodes the frames of one connection. 16 bytes while idle; a buffer exists only while a message is incomplete.
#[derive(Debug)]
pub struct Decoder {
    max_message_bytes: u32,
    /// Whether the peer is a client, whose frames must be masked.
    from_client: bool,
    finished: bool,
    partial: Option<Box<Partial>>,
}

/// What is kept of messages that have not arrived whole.
#[derive(Debug, Default)]
struct Partial {
    head: [u8; MAX_HEADER_BYTES],
    head_len: u8,
    /// The frame whose header has arrived but not all of its payload.
    frame: Option<Frame>,
    /// Payload bytes of `frame` that have arrived.
    taken: usize,
    /// The data message begun, and its fragments so far.
    message: Option<Opcode>,
    fragments: u32,
    data: Vec<u8>,
    /// Payload of a control frame that has not arrived whole.
    control: Vec<u8>,
    /// The data message was lent out and is to be dropped at the next call.
    lent: bool,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    opcode: Opcode,
    fin: bool,
    len: usize,
    mask: Option<[u8; 4]>,
}

/// Where a finished message lies.
enum Found {
    InPlace { opcode: Opcode, start: usize, end: usize },
    Data(Opcode),
    Control(Opcode),
}

impl Decoder {
    /// Returns the decoder of a server, whose peer is a client; messages over `max_message_bytes` are refused.
    pub fn server(max_message_bytes: usize) -> Self {
        Self::new(max_message_bytes, true)
    }

    /// Returns the decoder of a client, whose peer is a server; for tests and load generators.
    pub fn client(max_message_bytes: usize) -> Self {
        Self::new(max_message_bytes, false)
    }

    fn new(max_message_bytes: usize, from_client: bool) -> Self {
        let max_message_bytes = u32::try_from(max_message_bytes).unwrap_or(u32::MAX);
        Decoder { max_message_bytes, from_client, finished: false, partial: None }
    }

    /// Changes the limit for messages that begin from now on, e.g. once it is known what kind of account speaks.
    pub fn set_max_message_bytes(&mut self, max_message_bytes: usize) {
        self.max_message_bytes = u32::try_from(max_message_bytes).unwrap_or(u32::MAX);
    }

    /// Returns the bytes of heap memory kept for an incomplete message: 0 while idle.
    pub fn buffered_bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |p| size_of::<Partial>() + p.data.capacity() + p.control.capacity())
    }

    /// Takes the next message out of `input`. `None` means that all of `input` is taken and more is needed.
    ///
    /// Call it until it returns `None`; that also lets go of the memory of the last message. After a close frame
    /// or an error the rest of the stream is swallowed (RFC 6455, sections 5.5.1 and 7.1.7).
    ///
    /// # Errors
    ///
    /// The peer's breach of the protocol or of the size limit; see [`Error::close_code`].
    pub fn decode<'a>(&'a mut self, input: &'a mut Input<'_>) -> Result<Option<Message<'a>>, Error> {
        self.release();
        if self.finished {
            input.at = input.bytes.len();
            self.partial = None;
            return Ok(None);
        }
        let message = match self.find(input) {
            Ok(None) => return Ok(None),
            Ok(Some(found)) => {
                let (opcode, payload): (Opcode, &'a [u8]) = match (found, &self.partial) {
                    (Found::InPlace { opcode, start, end }, _) => (opcode, &input.bytes[start..end]),
                    (Found::Data(opcode), Some(partial)) => (opcode, &partial.data),
                    (Found::Control(opcode), Some(partial)) => (opcode, &partial.control),
                    (Found::Data(opcode) | Found::Control(opcode), None) => (opcode, &[]),
                };
                self.finished = opcode == Opcode::Close;
                message(opcode, payload)
            }
            Err(error) => Err(error),
        };
        self.finished |= message.is_err();
        message.map(Some)
    }

    /// Drops what the message lent out by the call before needed.
    fn release(&mut self) {
        let Some(partial) = &mut self.partial else { return };
        if partial.lent {
            partial.lent = false;
            partial.message = None;
            partial.fragments = 0;
            partial.data = Vec::new();
        }
        if partial.frame.is_none() {
            partial.control = Vec::new();
            if partial.head_len == 0 && partial.message.is_none() {
                self.partial = None;
            }
        }
    }

    fn find(&mut self, input: &mut Input<'_>) -> Result<Option<Found>, Error> {
        loop {
            if self.partial.as_ref().is_none_or(|p| p.frame.is_none()) {
                let Some(frame) = self.header(input)? else { return Ok(None) };
                self.check(&frame)?;
                let begun = self.partial.as_ref().is_some_and(|p| p.message.is_some());
                let whole = frame.opcode.is_control() || (frame.fin && !begun);
                if whole && frame.len <= input.remaining() {
                    let start = input.at;
                    let payload = input.take(frame.len);
                    unmask(payload, frame.mask, 0);
                    return Ok(Some(Found::InPlace { opcode: frame.opcode, start, end: input.at }));
                }
                self.begin(frame);
            }
            match self.fill(input) {
                Filled::NeedMore => return Ok(None),
                Filled::Fragment => {}
                Filled::Whole(found) => return Ok(Some(found)),
            }
        }
    }

    /// Takes the next frame's header, from what was kept of it and from `input`.
    fn header(&mut self, input: &mut Input<'_>) -> Result<Option<Frame>, Error> {
        let kept = self.partial.as_ref().map_or(0, |p| usize::from(p.head_len));
        if kept == 0
            && let Some((frame, size)) = parse_header(input.rest(), self.from_client)?
        {
            input.take(size);
            return Ok(Some(frame));
        }
        if input.remaining() == 0 {
            return Ok(None);
        }
        let partial = self.partial.get_or_insert_default();
        while input.remaining() > 0 {
            partial.head[usize::from(partial.head_len)] = input.take(1)[0];
            partial.head_len += 1;
            let head = &partial.head[..usize::from(partial.head_len)];
            if let Some((frame, _)) = parse_header(head, self.from_client)? {
                partial.head_len = 0;
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// Checks a header against the message in progress and the limits, before anything is allocated for it.
    fn check(&self, frame: &Frame) -> Result<(), Error> {
        if frame.opcode.is_control() {
            return Ok(());
        }
        let begun = self.partial.as_ref().filter(|p| p.message.is_some());
        let so_far = match (frame.opcode, begun) {
            (Opcode::Continuation, None) => return Err(Error::UnexpectedContinuation),
            (Opcode::Continuation, Some(partial)) => {
                if partial.fragments > self.max_message_bytes {
                    return Err(Error::TooManyFragments);
                }
                partial.data.len()
            }
            (_, Some(_)) => return Err(Error::ExpectedContinuation),
            (_, None) => 0,
        };
        let limit = self.max_message_bytes as usize;
        if so_far.checked_add(frame.len).is_none_or(|total| total > limit) {
            return Err(Error::TooLarge { limit });
        }
        Ok(())
    }

    /// Opens a frame whose payload must be kept.
    fn begin(&mut self, frame: Frame) {
        let partial = self.partial.get_or_insert_default();
        if !frame.opcode.is_control() {
            partial.fragments += 1;
            if frame.opcode != Opcode::Continuation {
                partial.message = Some(frame.opcode);
            }
        }
        partial.frame = Some(frame);
        partial.taken = 0;
    }

    /// Moves what `input` has of the open frame's payload into the kept message.
    fn fill(&mut self, input: &mut Input<'_>) -> Filled {
        let Some(partial) = &mut self.partial else { return Filled::NeedMore };
        let Some(frame) = partial.frame else { return Filled::Fragment };
        let len = input.remaining().min(frame.len - partial.taken);
        let bytes = input.take(len);
        unmask(bytes, frame.mask, partial.taken);
        let kept = if frame.opcode.is_control() { &mut partial.control } else { &mut partial.data };
        kept.extend_from_slice(bytes);
        partial.taken += len;
        if partial.taken < frame.len {
            return Filled::NeedMore;
        }
        partial.frame = None;
        if frame.opcode.is_control() {
            return Filled::Whole(Found::Control(frame.opcode));
        }
        match partial.message {
            Some(opcode) if frame.fin => {
                partial.lent = true;
                Filled::Whole(Found::Data(opcode))
            }
            _ => Filled::Fragment,
        }
    }
}

enum Filled {
    NeedMore,
    /// A fragment ended, but not its message.
    Fragment,
    Whole(Found),
}

/// Reads a header off the start of `bytes`; `None` while it is incomplete. Returns its size too.
fn parse_header(bytes: &[u8], from_client: bool) -> Result<Option<(Frame, usize)>, Error> {
    let &[first, second, ..] = bytes else { return Ok(None) };
    if first & 0x70 != 0 {
        return Err(Error::ReservedBits);
    }
    let opcode = Opcode::from_bits(first & 0x0F).ok_or(Error::ReservedOpcode(first & 0x0F))?;
    let fin = first & 0x80 != 0;
    let masked = second & 0x80 != 0;
    if masked != from_client {
        return Err(if from_client { Error::Unmasked } else { Error::Masked });
    }
    let short = usize::from(second & 0x7F);
    if opcode.is_control() {
        if !fin {
            return Err(Error::FragmentedControl);
        }
        if short > MAX_CONTROL_BYTES {
            return Err(Error::ControlTooLong);
        }
    }
    let (len, size) = match short {
        126 => match bytes.get(2..4) {
            Some(&[a, b]) => (usize::from(u16::from_be_bytes([a, b])), 4),
            _ => return Ok(None),
        },
        127 => match bytes.get(2..10).and_then(|b| <[u8; 8]>::try_from(b).ok()) {
            Some(long) => {
                let len = u64::from_be_bytes(long);
                if len >> 63 != 0 {
                    return Err(Error::BadLength);
                }
                (usize::try_from(len).map_err(|_| Error::BadLength)?, 10)
            }
            None => return Ok(None),
        },
        short => (short, 2),
    };
    if !masked {
        return Ok(Some((Frame { opcode, fin, len, mask: None }, size)));
    }
    match bytes.get(size..size + 4) {
        Some(&[a, b, c, d]) => Ok(Some((Frame { opcode, fin, len, mask: Some([a, b, c, d]) }, size + 4))),
        _ => Ok(None),
    }
}

/// Applies the mask to bytes that begin `offset` bytes into their frame's payload (RFC 6455, section 5.3).
pub(super) fn unmask(bytes: &mut [u8], mask: Option<[u8; 4]>, offset: usize) {
    let Some(mut mask) = mask else { return };
    mask.rotate_left(offset % 4);
    let wide = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
    let (words, tail) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= key;
    }
}

fn message(opcode: Opcode, payload: &[u8]) -> Result<Message<'_>, Error> {
    Ok(match opcode {
        Opcode::Text => Message::Text(text(payload)?),
        Opcode::Binary | Opcode::Continuation => Message::Binary(payload),
        Opcode::Ping => Message::Ping(payload),
        Opcode::Pong => Message::Pong(payload),
        Opcode::Close => Message::Close(match payload {
            [] => None,
            [a, b, reason @ ..] => {
                let code = u16::from_be_bytes([*a, *b]);
                if !is_valid_close_code(code) {
                    return Err(Error::BadClose);
                }
                Some((code, text(reason)?))
            }
            [_] => return Err(Error::BadClose),
        }),
    })
}

fn text(bytes: &[u8]) -> Result<&str, Error> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| Error::InvalidUtf8)
}

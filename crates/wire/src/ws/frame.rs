//! Frame headers and whole small frames, as a server writes them.

use std::ops::Deref;

/// The longest payload of a control frame, in bytes (RFC 6455, section 5.5).
pub const MAX_CONTROL_BYTES: usize = 125;
/// The longest header that a server writes: 2 bytes and a 64-bit length.
pub const MAX_SERVER_HEADER_BYTES: usize = 10;
/// The longest header there is: a server's and the mask of 4 bytes.
pub(crate) const MAX_HEADER_BYTES: usize = MAX_SERVER_HEADER_BYTES + 4;

/// The opcode of a frame (RFC 6455, section 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// Continues the fragmented message begun before.
    Continuation = 0x0,
    /// UTF-8 text.
    Text = 0x1,
    /// Bytes.
    Binary = 0x2,
    /// Begins or answers the closing handshake.
    Close = 0x8,
    /// Asks for a pong with the same payload.
    Ping = 0x9,
    /// Answers a ping.
    Pong = 0xA,
}

impl Opcode {
    /// Returns the opcode of the four low bits of a frame's first byte, or `None` for a reserved one.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => Opcode::Binary,
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xA => Opcode::Pong,
            _ => return None,
        })
    }

    /// Tells whether frames of this opcode are control frames.
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}

/// The bytes of one frame header, kept inline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    bytes: [u8; MAX_HEADER_BYTES],
    len: u8,
}

impl Header {
    /// Returns the header of a frame of `payload_len` bytes, with `mask` if a client sends it.
    pub(crate) fn new(opcode: Opcode, fin: bool, payload_len: usize, mask: Option<[u8; 4]>) -> Self {
        let mut bytes = [0; MAX_HEADER_BYTES];
        bytes[0] = if fin { 0x80 } else { 0 } | opcode as u8;
        let mask_bit = if mask.is_some() { 0x80 } else { 0 };
        let mut len = match payload_len {
            0..=125 => {
                bytes[1] = mask_bit | payload_len as u8;
                2
            }
            126..=0xFFFF => {
                bytes[1] = mask_bit | 126;
                bytes[2..4].copy_from_slice(&(payload_len as u16).to_be_bytes());
                4
            }
            _ => {
                bytes[1] = mask_bit | 127;
                bytes[2..10].copy_from_slice(&(payload_len as u64).to_be_bytes());
                10
            }
        };
        if let Some(mask) = mask {
            bytes[len..len + 4].copy_from_slice(&mask);
            len += 4;
        }
        Header { bytes, len: len as u8 }
    }
}

impl Deref for Header {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl AsRef<[u8]> for Header {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

/// Returns the header of a server's frame (unmasked) whose payload has `payload_len` bytes: at most 10 bytes.
pub fn frame_header(opcode: Opcode, fin: bool, payload_len: usize) -> Header {
    Header::new(opcode, fin, payload_len, None)
}

/// Appends a whole server frame, header and payload, to `out`.
pub fn put_frame(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    let header = frame_header(opcode, true, payload.len());
    out.reserve(header.len() + payload.len());
    out.extend_from_slice(&header);
    out.extend_from_slice(payload);
}

/// Returns a whole close frame with `code`; `reason` is cut at a character boundary to the 123 bytes it may have.
pub fn close_frame(code: u16, reason: &str) -> Vec<u8> {
    let reason = cut(reason, MAX_CONTROL_BYTES - 2);
    let mut out = Vec::with_capacity(4 + reason.len());
    out.extend_from_slice(&frame_header(Opcode::Close, true, 2 + reason.len()));
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
    out
}

/// Returns the whole pong frame that answers a ping with `payload`; what is beyond 125 bytes is cut off.
pub fn pong_frame(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_frame(&mut out, Opcode::Pong, &payload[..payload.len().min(MAX_CONTROL_BYTES)]);
    out
}

/// Tells whether a peer may send `code` in a close frame (RFC 6455, section 7.4, and the IANA registry).
pub const fn is_valid_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

fn cut(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_the_shortest_form() {
        assert_eq!(&*frame_header(Opcode::Text, true, 125), [0x81, 125]);
        assert_eq!(&*frame_header(Opcode::Binary, true, 126), [0x82, 126, 0, 126]);
        assert_eq!(&*frame_header(Opcode::Binary, false, 65535), [0x02, 126, 255, 255]);
        assert_eq!(&*frame_header(Opcode::Text, true, 65536), [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn close_reason_is_cut_at_a_character() {
        let frame = close_frame(4002, &"é".repeat(80));
        assert_eq!(frame[0], 0x88);
        assert_eq!(usize::from(frame[1]), frame.len() - 2);
        assert_eq!(frame.len(), 2 + 2 + 122);
        assert!(std::str::from_utf8(&frame[4..]).is_ok());
    }

    #[test]
    fn pong_never_exceeds_a_control_frame() {
        assert_eq!(pong_frame(&[7; 300]).len(), 2 + 125);
        assert_eq!(pong_frame(b"x"), [0x8A, 1, b'x']);
    }

    #[test]
    fn close_codes_that_may_not_be_sent_are_known() {
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
            assert!(!is_valid_close_code(code), "{code}");
        }
        for code in [1000, 1001, 1003, 1007, 1011, 3000, 4000, 4999] {
            assert!(is_valid_close_code(code), "{code}");
        }
    }
}

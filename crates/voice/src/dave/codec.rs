//! The encoding of MLS messages (RFC 9420, section 2.1): numbers in network order, vectors with a length of one, two or four bytes.

use ring::digest;

/// What was read is no such message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Reads from the front of bytes; nothing is copied, and nothing is believed beyond their end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    left: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { left: bytes }
    }

    pub(super) fn left(&self) -> &'a [u8] {
        self.left
    }

    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// What was read since an earlier place.
    pub(super) fn since(&self, before: Self) -> &'a [u8] {
        &before.left[..before.left.len() - self.left.len()]
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (read, left) = self.left.split_at_checked(count).ok_or(Malformed)?;
        self.left = left;
        Ok(read)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.bytes(N)?.try_into().map_err(|_| Malformed)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(super) fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// A vector. Its length is written in as few bytes as it needs (RFC 9420, section 2.1.2).
    pub(super) fn vector(&mut self) -> Result<&'a [u8], Malformed> {
        let first = self.u8()?;
        let low = usize::from(first & 0x3F);
        let (length, least) = match first >> 6 {
            0 => (low, 0),
            1 => (low << 8 | usize::from(self.u8()?), 1 << 6),
            2 => {
                let [a, b, c] = self.array()?;
                (low << 24 | usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c), 1 << 14)
            }
            _ => return Err(Malformed),
        };
        if length < least {
            return Err(Malformed);
        }
        self.bytes(length)
    }

    /// A number that must be this one.
    pub(super) fn expect(&mut self, number: u16) -> Result<(), Malformed> {
        if self.u16()? == number { Ok(()) } else { Err(Malformed) }
    }

    /// There is nothing more.
    pub(super) fn end(self) -> Result<(), Malformed> {
        if self.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// Appends a vector.
pub(super) fn put_vector(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = bytes.len() as u32;
    match length {
        0..=0x3F => out.push(length as u8),
        0x40..=0x3FFF => out.extend_from_slice(&(length as u16 | 0x4000).to_be_bytes()),
        _ => out.extend_from_slice(&(length & 0x3FFF_FFFF | 0x8000_0000).to_be_bytes()),
    }
    out.extend_from_slice(bytes);
}

/// What a signature with a label is made over (RFC 9420, section 5.1.2).
pub(super) fn labelled(label: &str, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 40);
    put_vector(&mut out, format!("MLS 1.0 {label}").as_bytes());
    put_vector(&mut out, content);
    out
}

/// The name of a proposal in commits (RFC 9420, section 5.2). `content`: it as it is signed, with its wire format in front.
pub(super) fn proposal_reference(content: &[u8]) -> [u8; 32] {
    let input = labelled("Proposal Reference", content);
    let digest = digest::digest(&digest::SHA256, &input);
    // The digest of SHA-256 has 32 bytes.
    digest.as_ref().try_into().unwrap_or([0; 32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_any_length_come_back() {
        for length in [0, 1, 63, 64, 16_383, 16_384, 70_000] {
            let bytes = vec![7; length];
            let mut out = Vec::new();
            put_vector(&mut out, &bytes);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.vector(), Ok(bytes.as_slice()));
            assert_eq!(reader.end(), Ok(()));
        }
    }

    #[test]
    fn lengths_that_lie_or_waste_bytes_are_refused() {
        for bytes in
            [&[5, 1][..], &[0x40, 5, 0, 0, 0, 0, 0], &[0x80, 0, 0, 1, 9], &[0xC0, 0, 0, 0, 0, 0, 0, 0], &[]]
        {
            assert_eq!(Reader::new(bytes).vector(), Err(Malformed), "{bytes:?}");
        }
    }
}

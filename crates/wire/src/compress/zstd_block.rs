//! Blocks of a zstd frame that can follow anything (RFC 8878, section 3.1.1).
//!
//! libzstd compresses a message as the first of a frame; its blocks then bring their own tables and look back at
//! nothing but themselves, so they can be put into any connection's frame. One thing they may assume is that the
//! three repeat offsets are those that a frame starts with: 1, 4 and 8 (section 3.1.1.5). [`RESET`] restores them.

use zstd::zstd_safe::{CCtx, ResetDirective, compress_bound};

use super::Error;
use super::context::put_zstd_flushed;

/// The window of a connection's frame: 2^18 bytes. A decoder allocates that much; no match reaches further back.
pub(super) const WINDOW_LOG: u32 = 18;
/// A frame header: magic number; a descriptor without content size, checksum or dictionary; the window's exponent.
pub(super) const FRAME_HEADER: [u8; 6] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, ((WINDOW_LOG - 10) << 3) as u8];
/// The size of a block's header.
pub(super) const BLOCK_HEADER_BYTES: usize = 3;
/// The most bytes that one block may stand for (section 3.1.1.2.4).
const MAX_BLOCK_BYTES: usize = 128 * 1024;

const RAW: u32 = 0;
const RLE: u32 = 1;
const COMPRESSED: u32 = 2;

/// How many spaces [`RESET`] stands for.
pub(super) const RESET_SPACES: usize = 3 * (8 + 3);

/// A block that stands for [`RESET_SPACES`] spaces and leaves the repeat offsets at 1, 4 and 8, whatever they were.
///
/// Three sequences of 8 literals and a match of 3 bytes, with offsets 8, 4 and 1 told in full.
pub(super) const RESET: [u8; 12] = {
    let header = block_header(COMPRESSED, 9);
    // The sequences' bits (section 3.1.1.3.2.1.1), the first to be read at the top: a marker; then three times the
    // state of the predefined offset table (5 bits; state 5 is code 3, state 14 is code 2) and the offset's extra
    // bits (as many as its code). An offset is 2^code + extra - 3. Lengths use RLE tables, which take no bits.
    let mut bits: u32 = 1;
    bits = bits << 5 | 5;
    bits = bits << 3 | 3; // 8 + 3 - 3 = 8
    bits = bits << 5 | 14;
    bits = bits << 2 | 3; // 4 + 3 - 3 = 4
    bits = bits << 5 | 14;
    bits <<= 2; // 4 + 0 - 3 = 1
    let bits = bits.to_le_bytes();
    [
        header[0],
        header[1],
        header[2],
        // Literals: RLE (1), 24 times a space.
        1 | 24 << 3,
        b' ',
        // Three sequences; literal lengths and match lengths RLE, offsets predefined.
        3,
        1 << 6 | 1 << 2,
        // Literal length code 8 is 8 bytes, match length code 0 is 3 bytes.
        8,
        0,
        bits[0],
        bits[1],
        bits[2],
    ]
};

/// Returns the header of a block that is not the last of its frame. `size` is below 2^21.
const fn block_header(kind: u32, size: u32) -> [u8; BLOCK_HEADER_BYTES] {
    let [a, b, c, _] = (kind << 1 | size << 3).to_le_bytes();
    [a, b, c]
}

/// Returns the header of a raw block of `len` bytes, at most 128 KiB.
pub(super) fn raw_header(len: usize) -> [u8; BLOCK_HEADER_BYTES] {
    block_header(RAW, len as u32)
}

/// Appends `bytes` in raw blocks, which neither look at nor change the repeat offsets.
pub(super) fn put_raw(out: &mut Vec<u8>, bytes: &[u8]) {
    if bytes.is_empty() {
        out.extend_from_slice(&raw_header(0));
    }
    for chunk in bytes.chunks(MAX_BLOCK_BYTES) {
        out.extend_from_slice(&raw_header(chunk.len()));
        out.extend_from_slice(chunk);
    }
}

/// Returns `bytes` in blocks as the first of a frame. `context` has [`WINDOW_LOG`] set.
pub(super) fn compress(context: &mut CCtx<'static>, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    context.reset(ResetDirective::SessionOnly).map_err(|_| Error("zstd context cannot be reset"))?;
    let mut out = Vec::new();
    put_zstd_flushed(context, bytes, &mut out)?;
    if !out.starts_with(&FRAME_HEADER) {
        return Err(Error("zstd wrote another frame header"));
    }
    out.drain(..FRAME_HEADER.len());
    Ok(out)
}

/// Appends `bytes` in blocks that may refer to `window`, which a decoder has right before them. The window and `bytes`
/// together are within [`WINDOW_LOG`].
pub(super) fn compress_after(
    context: &mut CCtx<'static>,
    level: i32,
    window: &[u8],
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    if window.len() + bytes.len() > 1 << WINDOW_LOG {
        return Err(Error("too much to look back at"));
    }
    let mut frame = Vec::with_capacity(compress_bound(bytes.len()));
    context.compress_using_dict(&mut frame, bytes, window, level).map_err(|_| Error("zstd refused input"))?;
    let start = frame_header_len(&frame)?;
    out.extend_from_slice(&frame[start..]);
    let from = out.len() - (frame.len() - start);
    continue_frame(&mut out[from..])
}

/// Returns the length of a frame's header (section 3.1.1.1) that has no checksum.
fn frame_header_len(frame: &[u8]) -> Result<usize, Error> {
    let Some((magic, &[descriptor, ..])) = frame.split_first_chunk::<4>() else {
        return Err(Error("zstd wrote no frame"));
    };
    let (is_single, has_checksum) = (descriptor & 1 << 5 != 0, descriptor & 1 << 2 != 0);
    if *magic != FRAME_HEADER[..4] || has_checksum {
        return Err(Error("zstd wrote another frame header"));
    }
    let window_len = usize::from(!is_single);
    let dictionary_len = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content_len = [usize::from(is_single), 2, 4, 8][usize::from(descriptor >> 6)];
    Ok(5 + window_len + dictionary_len + content_len)
}

/// Makes the last block of a frame one that others can follow.
fn continue_frame(blocks: &mut [u8]) -> Result<(), Error> {
    let mut at = 0;
    loop {
        let Some(&[a, b, c]) = blocks.get(at..at + BLOCK_HEADER_BYTES) else {
            return Err(Error("zstd wrote a block that is cut off"));
        };
        let header = u32::from_le_bytes([a, b, c, 0]);
        let len = if header >> 1 & 3 == RLE { 1 } else { (header >> 3) as usize };
        let end = at + BLOCK_HEADER_BYTES + len;
        if header & 1 != 0 {
            blocks[at] &= !1;
            return if end == blocks.len() { Ok(()) } else { Err(Error("zstd wrote too much")) };
        }
        at = end;
    }
}

/// Tells whether any of `blocks` is compressed, and so may use the repeat offsets.
///
/// # Errors
///
/// The blocks do not add up, or one is the last of a frame.
pub(super) fn any_compressed(mut blocks: &[u8]) -> Result<bool, Error> {
    let mut any = false;
    while let Some((&[a, b, c], rest)) = blocks.split_first_chunk::<BLOCK_HEADER_BYTES>() {
        let header = u32::from_le_bytes([a, b, c, 0]);
        let (is_last, kind, size) = (header & 1 != 0, header >> 1 & 3, header >> 3);
        if is_last || kind > COMPRESSED {
            return Err(Error("zstd wrote an unexpected block"));
        }
        any |= kind == COMPRESSED;
        let len = if kind == RLE { 1 } else { size as usize };
        blocks = rest.get(len..).ok_or(Error("zstd wrote a block that is cut off"))?;
    }
    if blocks.is_empty() { Ok(any) } else { Err(Error("zstd wrote a block that is cut off")) }
}

#[cfg(test)]
mod tests {
    use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

    use super::*;

    fn decode(stream: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 1 << 20];
        let mut input = InBuffer::around(stream);
        let mut output = OutBuffer::around(&mut out[..]);
        let mut decoder = Decoder::new().unwrap();
        while input.pos() < stream.len() {
            decoder.run(&mut input, &mut output).unwrap();
        }
        let len = output.pos();
        out.truncate(len);
        out
    }

    #[test]
    fn the_reset_block_is_spaces() {
        let stream = [&FRAME_HEADER[..], &RESET, &RESET].concat();
        assert_eq!(decode(&stream), vec![b' '; 2 * RESET_SPACES]);
    }

    /// A block made by hand: two literals, then a match by the first, second or third repeat offset.
    fn repeat(offset_value: u32) -> Vec<u8> {
        // Offset codes 0 (value 1) and 1 (values 2 and 3) are states 0 and 23 of the predefined table.
        let (state, extra_bits, extra) = match offset_value {
            1 => (0u32, 0, 0),
            value => (23, 1, value - 2),
        };
        let bits = (1 << 5 | state) << extra_bits | extra;
        let content = [2 << 3, b'x', b'y', 1, 1 << 6 | 1 << 2, 2, 0, bits as u8];
        [&block_header(COMPRESSED, content.len() as u32)[..], &content].concat()
    }

    #[test]
    fn the_reset_block_sets_all_three_repeat_offsets() {
        for (offset_value, expected) in [(1, &b"xyyyy"[..]), (2, b"xyefx"), (3, b"xyabc")] {
            // A fresh frame, and one whose offsets were moved by sequences before.
            for before in [&[][..], &[&repeat(2)[..], &repeat(3)].concat()] {
                let mut stream = FRAME_HEADER.to_vec();
                put_raw(&mut stream, b"0123456789");
                stream.extend_from_slice(before);
                stream.extend(RESET);
                put_raw(&mut stream, b"abcdef");
                stream.extend(repeat(offset_value));
                let text = decode(&stream);
                assert_eq!(&text[text.len() - 5..], expected, "offset {offset_value}");
            }
        }
    }

    #[test]
    fn blocks_are_walked() {
        let mut blocks = Vec::new();
        put_raw(&mut blocks, &vec![b'x'; MAX_BLOCK_BYTES + 1]);
        assert_eq!(any_compressed(&blocks), Ok(false));
        blocks.extend(RESET);
        assert_eq!(any_compressed(&blocks), Ok(true));
        assert!(any_compressed(&blocks[..blocks.len() - 1]).is_err());
        assert!(any_compressed(&blocks[1..]).is_err());
        assert_eq!(any_compressed(&[]), Ok(false));
    }
}

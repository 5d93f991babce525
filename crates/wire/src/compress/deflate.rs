//! Raw deflate segments that stand by themselves, and stored blocks.

use flate2::{Compress, Compression, FlushCompress, Status};

use super::{Error, ZLIB_SUFFIX};

/// Header of a zlib stream with a 32 KiB window (RFC 1950, section 2.2).
pub(super) const ZLIB_HEADER: [u8; 2] = [0x78, 0x9C];
/// The most bytes of one stored block (RFC 1951, section 3.2.4).
const MAX_STORED_BYTES: usize = 0xFFFF;
/// The header of a stored block at a byte boundary: its type, its length, and that complemented.
pub(super) const STORED_HEADER_BYTES: usize = 5;

/// Returns the header of a stored block of `len` bytes that is not the last block. `len` is below 65,536.
pub(super) fn stored_header(len: usize) -> [u8; STORED_HEADER_BYTES] {
    let [a, b] = (len as u16).to_le_bytes();
    [0, a, b, !a, !b]
}

/// Appends `bytes` in stored blocks and ends them as a sync flush does.
pub(super) fn put_stored(out: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.chunks(MAX_STORED_BYTES) {
        out.extend_from_slice(&stored_header(chunk.len()));
        out.extend_from_slice(chunk);
    }
    out.push(0);
    out.extend_from_slice(&ZLIB_SUFFIX);
}

/// Feeds `bytes` to `compress` and appends all it makes of them to `out`, ended by a sync flush.
pub(super) fn put_flushed(compress: &mut Compress, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
    drive(compress, bytes, out, FlushCompress::Sync)
}

fn drive(
    compress: &mut Compress,
    bytes: &[u8],
    out: &mut Vec<u8>,
    flush: FlushCompress,
) -> Result<(), Error> {
    let start = compress.total_in();
    // A first guess; a flush is done once it leaves room in `out`.
    out.reserve(bytes.len() / 2 + 64);
    loop {
        let taken = usize::try_from(compress.total_in() - start).map_err(|_| Error("zlib lost count"))?;
        let status =
            compress.compress_vec(&bytes[taken..], out, flush).map_err(|_| Error("zlib refused input"))?;
        let all_in = compress.total_in() - start == bytes.len() as u64;
        let done = match flush {
            FlushCompress::Finish => matches!(status, Status::StreamEnd),
            // With room left over, zlib has written all it had ("deflate() ... Z_SYNC_FLUSH" in its manual).
            _ => all_in && out.len() < out.capacity(),
        };
        if done {
            return Ok(());
        }
        out.reserve(out.capacity().max(256));
    }
}

/// Compresses one payload to a whole zlib stream: what IDENTIFY's `compress` asks for.
///
/// # Errors
///
/// zlib fails.
pub fn payload_zlib(bytes: &[u8], level: u32) -> Result<Vec<u8>, Error> {
    let mut compress = Compress::new(Compression::new(level.min(9)), true);
    let mut out = Vec::new();
    drive(&mut compress, bytes, &mut out, FlushCompress::Finish)?;
    Ok(out)
}

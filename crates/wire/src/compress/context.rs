//! A compression context for each connection: smallest on the wire, dear in memory and time.

use flate2::{Compress, Compression};
use zstd::zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, zstd_sys::ZSTD_EndDirective};

use super::{Error, deflate};

/// One zlib stream. Its context is made with the first message: 270 KiB with 15 window bits,
/// 210 KiB with 12 (as measured, level 6).
pub struct ZlibStream {
    level: u32,
    window_bits: u8,
    compress: Option<Compress>,
}

impl ZlibStream {
    /// Returns a stream of this level (0 to 9) and window (9 to 15 bits); what is out of range is brought into it.
    pub fn new(level: u32, window_bits: u8) -> Self {
        ZlibStream { level: level.min(9), window_bits: window_bits.clamp(9, 15), compress: None }
    }

    /// Appends `message` compressed to `out`; it ends in [`ZLIB_SUFFIX`](super::ZLIB_SUFFIX).
    ///
    /// # Errors
    ///
    /// zlib fails; the stream is then broken.
    pub fn message(&mut self, message: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let new = || Compress::new_with_window_bits(Compression::new(self.level), true, self.window_bits);
        deflate::put_flushed(self.compress.get_or_insert_with(new), message, out)
    }
}

/// One zstd frame. Its context is made with the first message: 305 KiB at level 1 and a window of 32 KiB,
/// 1.0 MiB at level 3, 3.5 MiB at level 6 and a window of 256 KiB (as libzstd counts it; less is touched).
pub struct ZstdStream {
    level: i32,
    window_log: u32,
    context: Option<CCtx<'static>>,
}

impl ZstdStream {
    /// Returns a stream of this level (1 to 19) and window (2^10 to 2^23 bytes); what is out of range is brought
    /// into it.
    pub fn new(level: i32, window_log: u32) -> Self {
        ZstdStream { level: level.clamp(1, 19), window_log: window_log.clamp(10, 23), context: None }
    }

    /// Appends `message` compressed to `out`, flushed so that the peer can read all of it.
    ///
    /// # Errors
    ///
    /// zstd fails; the stream is then broken.
    pub fn message(&mut self, message: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let context = match &mut self.context {
            Some(context) => context,
            none => none.insert(zstd_context(self.level, self.window_log)?),
        };
        put_zstd_flushed(context, message, out)
    }
}

/// Makes a context that writes neither a checksum nor a content size.
pub(super) fn zstd_context(level: i32, window_log: u32) -> Result<CCtx<'static>, Error> {
    let mut context = CCtx::try_create().ok_or(Error("no memory for a zstd context"))?;
    for parameter in [
        CParameter::CompressionLevel(level),
        CParameter::WindowLog(window_log),
        CParameter::ChecksumFlag(false),
        CParameter::ContentSizeFlag(false),
        CParameter::DictIdFlag(false),
    ] {
        context.set_parameter(parameter).map_err(|_| Error("zstd refused a parameter"))?;
    }
    Ok(context)
}

/// Feeds `message` to `context` and appends all it makes of it to `out`, flushed.
pub(super) fn put_zstd_flushed(
    context: &mut CCtx<'static>,
    message: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let mut input = InBuffer::around(message);
    out.reserve(message.len() / 2 + 64);
    loop {
        let at = out.len();
        let mut output = OutBuffer::around_pos(&mut *out, at);
        let left = context
            .compress_stream2(&mut output, &mut input, ZSTD_EndDirective::ZSTD_e_flush)
            .map_err(|_| Error("zstd refused input"))?;
        if left == 0 && input.pos() == message.len() {
            return Ok(());
        }
        out.reserve(left.max(out.capacity()).max(256));
    }
}

//! Compressed once, sent to many: pieces that can be appended to every connection's own stream.

use bytes::Bytes;
use flate2::{Compress, Compression};
use zstd::zstd_safe::CCtx;

use super::context::zstd_context;
use super::past::{Past, absent_byte};
use super::{Error, Transport, deflate, zstd_block};
use crate::gateway::Encoding;

/// Below this many bytes a compressor gains nothing over a stored block.
const MIN_COMPRESSED_BYTES: usize = 64;
/// zstd's level for what looks back, where it gains 5 % over level 3; level 6 gains another 1 %.
const ZSTD_LEVEL_AFTER: i32 = 5;

/// The compressors of one thread. Contexts are made at first use, 270 KiB for zlib at level 6 and 1.8 MiB for zstd at
/// level 3 (as measured), and used for every connection of the thread. What looks back has a zstd context of its own.
pub struct Compressor {
    zlib_level: u32,
    zstd_level: i32,
    zlib: Option<Compress>,
    zstd: Option<CCtx<'static>>,
    zstd_after: Option<CCtx<'static>>,
    window: Vec<u8>,
}

impl Default for Compressor {
    /// Levels 6 and 3: with pieces of some hundred bytes zstd's level 6 gains nothing at three times the time.
    fn default() -> Self {
        Self::new(6, 3)
    }
}

impl Compressor {
    /// Returns a compressor of these levels: zlib 0 to 9, zstd 1 to 19; what is out of range is brought into it.
    pub fn new(zlib_level: u32, zstd_level: i32) -> Self {
        Compressor {
            zlib_level: zlib_level.min(9),
            zstd_level: zstd_level.clamp(1, 19),
            zlib: None,
            zstd: None,
            zstd_after: None,
            window: Vec::new(),
        }
    }

    /// Compresses the tail of a broadcast after others, for the streams that end in those. `None` if it gains nothing.
    pub(super) fn after(
        &mut self,
        transport: Transport,
        encoding: Encoding,
        past: &Past<'_, '_>,
        tail: &[u8],
    ) -> Option<Bytes> {
        let mut window = std::mem::take(&mut self.window);
        past.put(transport, encoding, absent_byte(tail)?, &mut window);
        let piece = match transport {
            Transport::Plain => None,
            Transport::Zlib => self.deflate_after(&window, tail),
            Transport::Zstd => self.blocks_after(&window, tail),
        };
        self.window = window;
        piece.filter(|piece| piece.len() < tail.len()).map(Bytes::from)
    }

    fn deflate_after(&mut self, window: &[u8], tail: &[u8]) -> Option<Vec<u8>> {
        let level = Compression::new(self.zlib_level);
        let compress = self.zlib.get_or_insert_with(|| Compress::new(level, false));
        compress.reset();
        let mut out = Vec::new();
        let result = compress
            .set_dictionary(window)
            .map_err(|_| Error("zlib refused a dictionary"))
            .and_then(|_| deflate::put_flushed(compress, tail, &mut out));
        if result.is_err() {
            self.zlib = None;
        }
        result.is_ok().then_some(out)
    }

    fn blocks_after(&mut self, window: &[u8], tail: &[u8]) -> Option<Vec<u8>> {
        let context = match &mut self.zstd_after {
            Some(context) => context,
            none => none.insert(CCtx::try_create()?),
        };
        let mut out = zstd_block::RESET.to_vec();
        zstd_block::compress_after(context, self.zstd_level.max(ZSTD_LEVEL_AFTER), window, tail, &mut out)
            .ok()?;
        Some(out)
    }

    /// Compresses `bytes` to a piece of a zstd-stream that is padded in any case, as those looking back at it expect.
    pub(super) fn zstd_padded(&mut self, bytes: &[u8]) -> Bytes {
        let piece = self.zstd(bytes);
        if piece.is_padded { piece.bytes } else { [&zstd_block::RESET[..], &piece.bytes].concat().into() }
    }

    /// Compresses `bytes` to a piece of a zlib-stream. Should zlib fail, the piece is merely not smaller.
    pub fn zlib(&mut self, bytes: &[u8]) -> ZlibPiece {
        if let Some(piece) = self.deflate(bytes).filter(|piece| piece.len() < bytes.len()) {
            return ZlibPiece(piece.into());
        }
        let mut out = Vec::with_capacity(bytes.len() + 16);
        deflate::put_stored(&mut out, bytes);
        ZlibPiece(out.into())
    }

    fn deflate(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        if bytes.len() < MIN_COMPRESSED_BYTES {
            return None;
        }
        let level = Compression::new(self.zlib_level);
        let compress = self.zlib.get_or_insert_with(|| Compress::new(level, false));
        compress.reset();
        let mut out = Vec::new();
        match deflate::put_flushed(compress, bytes, &mut out) {
            Ok(()) => Some(out),
            Err(_) => {
                self.zlib = None;
                None
            }
        }
    }

    /// Compresses `bytes` to a piece of a zstd-stream. Should zstd fail, the piece is merely not smaller.
    pub fn zstd(&mut self, bytes: &[u8]) -> ZstdPiece {
        match self.blocks(bytes) {
            Ok(Some(piece)) => piece,
            other => {
                if other.is_err() {
                    self.zstd = None;
                }
                let mut out = Vec::with_capacity(bytes.len() + 16);
                zstd_block::put_raw(&mut out, bytes);
                ZstdPiece { bytes: out.into(), is_padded: false }
            }
        }
    }

    fn blocks(&mut self, bytes: &[u8]) -> Result<Option<ZstdPiece>, Error> {
        if bytes.len() < MIN_COMPRESSED_BYTES {
            return Ok(None);
        }
        let context = match &mut self.zstd {
            Some(context) => context,
            none => none.insert(zstd_context(self.zstd_level, zstd_block::WINDOW_LOG)?),
        };
        let blocks = zstd_block::compress(context, bytes)?;
        if !zstd_block::any_compressed(&blocks)? {
            return Ok(Some(ZstdPiece { bytes: blocks.into(), is_padded: false }));
        }
        if zstd_block::RESET.len() + blocks.len() >= bytes.len() {
            return Ok(None);
        }
        Ok(Some(ZstdPiece { bytes: [&zstd_block::RESET[..], &blocks].concat().into(), is_padded: true }))
    }
}

/// A piece of a zlib-stream: raw deflate that refers to nothing before it, aligned to bytes, ended by a sync flush.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZlibPiece(Bytes);

impl ZlibPiece {
    /// Returns the bytes of the piece.
    pub fn bytes(&self) -> &Bytes {
        &self.0
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.0
    }
}

/// A piece of a zstd-stream: whole blocks that refer to nothing before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZstdPiece {
    bytes: Bytes,
    is_padded: bool,
}

impl ZstdPiece {
    /// Returns the bytes of the piece.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Tells whether the piece stands for [`PADDING`](Self::PADDING) spaces before what was compressed. JSON has room
    /// for them between the members of an object; in ETF they are the value of a key that nobody reads.
    pub fn is_padded(&self) -> bool {
        self.is_padded
    }

    /// The number of spaces before the content of a padded piece.
    pub const PADDING: usize = zstd_block::RESET_SPACES;
}

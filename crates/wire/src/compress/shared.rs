//! Compressed once, sent to many: pieces that can be appended to every connection's own stream.

use std::sync::OnceLock;

use bytes::Bytes;
use flate2::{Compress, Compression};
use zstd::zstd_safe::CCtx;

use super::context::zstd_context;
use super::{Error, deflate, zstd_block};
use crate::gateway::{Encoding, outbound};

/// Below this many bytes a compressor gains nothing over a stored block.
const MIN_COMPRESSED_BYTES: usize = 64;

/// The compressors of one thread. Contexts are made at first use, 270 KiB for zlib at level 6 and 1.8 MiB for zstd at
/// level 3 (as measured), and used for every connection of the thread.
pub struct Compressor {
    zlib_level: u32,
    zstd_level: i32,
    zlib: Option<Compress>,
    zstd: Option<CCtx<'static>>,
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
        }
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

/// The tail of a dispatch, shared by all sessions of one encoding, and its compressed forms, made when first asked
/// for.
#[derive(Debug)]
pub struct Broadcast {
    encoding: Encoding,
    tail: Bytes,
    zlib: OnceLock<ZlibPiece>,
    zstd: OnceLock<ZstdPiece>,
}

impl Broadcast {
    /// Makes the broadcast of event `name` whose `d` is the JSON given; for ETF it is transcoded here.
    ///
    /// # Errors
    ///
    /// With ETF, `d` is not JSON.
    pub fn new(encoding: Encoding, name: &str, d: &[u8]) -> Result<Self, serde_json::Error> {
        outbound::tail(encoding, name, d).map(|tail| Self::from_tail(encoding, tail))
    }

    /// Makes the broadcast of a tail made by [`outbound::tail`].
    pub fn from_tail(encoding: Encoding, tail: Bytes) -> Self {
        Broadcast { encoding, tail, zlib: OnceLock::new(), zstd: OnceLock::new() }
    }

    /// Returns the encoding that the tail is in.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Returns the tail as it is.
    pub fn tail(&self) -> &Bytes {
        &self.tail
    }

    /// Returns the piece for zlib-streams, compressed now if nobody asked before.
    pub fn zlib(&self, compressor: &mut Compressor) -> &ZlibPiece {
        self.zlib.get_or_init(|| compressor.zlib(&self.tail))
    }

    /// Returns the piece for zstd-streams, compressed now if nobody asked before.
    pub fn zstd(&self, compressor: &mut Compressor) -> &ZstdPiece {
        self.zstd.get_or_init(|| compressor.zstd(&self.tail))
    }

    /// Returns the bytes of heap memory that the forms made so far take.
    pub fn heap_bytes(&self) -> usize {
        self.tail.len()
            + self.zlib.get().map_or(0, |piece| piece.0.len())
            + self.zstd.get().map_or(0, |piece| piece.bytes.len())
    }
}

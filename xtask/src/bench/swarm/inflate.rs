//! Transport compression as a client reads it: one stream for the whole connection, each message whole after its own bytes.

use flate2::{Decompress, FlushDecompress};
use std::io::Write;
use std::str::FromStr;

/// A message larger than this is refused.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// How much room a step of inflating is given.
const STEP_BYTES: usize = 16 << 10;

/// The transport compression that a client asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compress {
    /// None.
    #[default]
    None,
    /// `compress=zlib-stream`.
    Zlib,
    /// `compress=zstd-stream`.
    Zstd,
}

impl Compress {
    /// As it stands in the URL.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Zlib => "zlib-stream",
            Self::Zstd => "zstd-stream",
        }
    }
}

impl FromStr for Compress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::None, Self::Zlib, Self::Zstd]
            .into_iter()
            .find(|one| one.name() == text)
            .ok_or_else(|| format!("{text:?} is none of none, zlib-stream, zstd-stream"))
    }
}

/// A connection's decompressor.
pub enum Inflater {
    Zlib(Decompress),
    Zstd(zstd::stream::write::Decoder<'static, Vec<u8>>),
}

impl Inflater {
    /// One for a new connection; `None` without compression.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new(compress: Compress) -> Result<Option<Self>, String> {
        Ok(match compress {
            Compress::None => None,
            Compress::Zlib => Some(Self::Zlib(Decompress::new(true))),
            Compress::Zstd => {
                let decoder = zstd::stream::write::Decoder::new(Vec::new());
                Some(Self::Zstd(decoder.map_err(|error| error.to_string())?))
            }
        })
    }

    /// Puts the message that `input` holds into `out`.
    ///
    /// # Errors
    /// When it is no continuation of the stream, or not whole.
    pub fn message(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        out.clear();
        match self {
            Self::Zlib(decompress) => zlib_message(decompress, input, out),
            Self::Zstd(decoder) => {
                decoder.write_all(input).and_then(|()| decoder.flush()).map_err(|error| error.to_string())?;
                std::mem::swap(decoder.get_mut(), out);
                Ok(())
            }
        }
    }
}

fn zlib_message(decompress: &mut Decompress, input: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    if !input.ends_with(&[0, 0, 0xff, 0xff]) {
        return Err("no flush at the end of a message".to_owned());
    }
    let mut rest = input;
    loop {
        out.reserve(STEP_BYTES);
        let (before_in, before_out) = (decompress.total_in(), out.len());
        decompress.decompress_vec(rest, out, FlushDecompress::Sync).map_err(|error| error.to_string())?;
        rest = &rest[(decompress.total_in() - before_in) as usize..];
        if rest.is_empty() && out.len() < out.capacity() {
            return Ok(());
        }
        let stuck = decompress.total_in() == before_in && out.len() == before_out;
        if stuck || out.len() > MESSAGE_BYTES_MAX {
            return Err("the stream has ended".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compress as Deflate, Compression, FlushCompress};

    #[test]
    fn a_zlib_stream_gives_each_message_whole() {
        let mut deflate = Deflate::new(Compression::new(6), true);
        let mut inflater = Inflater::new(Compress::Zlib).unwrap().unwrap();
        let mut out = Vec::new();
        for text in ["one".to_owned(), "two ".repeat(20_000), "three".to_owned()] {
            let mut wire = Vec::with_capacity(100_000);
            deflate.compress_vec(text.as_bytes(), &mut wire, FlushCompress::Sync).unwrap();
            inflater.message(&wire, &mut out).unwrap();
            assert_eq!(out, text.as_bytes());
        }
        assert!(inflater.message(b"no stream", &mut out).is_err());
    }

    #[test]
    fn a_zstd_stream_gives_each_message_whole() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
        let mut inflater = Inflater::new(Compress::Zstd).unwrap().unwrap();
        let mut out = Vec::new();
        for text in ["one".to_owned(), "two ".repeat(50_000), "three".to_owned()] {
            encoder.write_all(text.as_bytes()).unwrap();
            encoder.flush().unwrap();
            inflater.message(&std::mem::take(encoder.get_mut()), &mut out).unwrap();
            assert_eq!(out, text.as_bytes());
        }
        assert!(inflater.message(b"no stream", &mut out).is_err());
    }

    #[test]
    fn names() {
        assert_eq!("zlib-stream".parse(), Ok(Compress::Zlib));
        assert!("gzip".parse::<Compress>().is_err());
        assert!(Inflater::new(Compress::None).unwrap().is_none());
    }
}

//! Broadcasts in parts: what is large and stands in several of them is held and compressed once.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::Transport;
use super::broadcast::Broadcast;
use super::shared::Compressor;

/// The parts of a broadcast, one after the other. Each refers to nothing before it, so their compressed forms can be
/// appended to each other as they are appended to a stream.
#[derive(Debug)]
pub(super) struct Parts {
    parts: Box<[Arc<Broadcast>]>,
    /// All of them in one place, for the few who need that.
    whole: OnceLock<Bytes>,
    /// Their forms for each transport.
    plain: OnceLock<Box<[Bytes]>>,
    zlib: OnceLock<Box<[Bytes]>>,
    zstd: OnceLock<Box<[Bytes]>>,
}

impl Parts {
    pub(super) fn new(parts: Vec<Arc<Broadcast>>) -> Self {
        Self {
            parts: parts.into(),
            whole: OnceLock::new(),
            plain: OnceLock::new(),
            zlib: OnceLock::new(),
            zstd: OnceLock::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.tail_len()).sum()
    }

    pub(super) fn whole(&self) -> &Bytes {
        self.whole.get_or_init(|| {
            let mut whole = Vec::with_capacity(self.len());
            self.parts.iter().for_each(|part| whole.extend_from_slice(part.tail()));
            whole.into()
        })
    }

    /// What is sent of them, made now if nobody asked before.
    pub(super) fn forms(&self, transport: Transport, compressor: &mut Compressor) -> &[Bytes] {
        let forms = match transport {
            Transport::Plain => &self.plain,
            Transport::Zlib => &self.zlib,
            Transport::Zstd => &self.zstd,
        };
        forms
            .get_or_init(|| self.parts.iter().map(|part| part.alone(transport, compressor).clone()).collect())
    }

    /// Bytes of heap memory, with the parts as if nobody else had them.
    pub(super) fn heap_bytes(&self) -> usize {
        let forms = [&self.plain, &self.zlib, &self.zstd].into_iter().filter_map(OnceLock::get);
        let whole = self.whole.get().map_or(0, Bytes::len);
        whole
            + self.parts.iter().map(|part| part.heap_bytes()).sum::<usize>()
            + forms.map(|forms| size_of_val(&**forms)).sum::<usize>()
    }
}

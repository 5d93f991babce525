//! Blobs in memory, for tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use consort_store::BoxFuture;

use super::{BlobReader, BlobWriter, Blobs, Result};

/// Blobs that are gone with the process. Clones are the same blobs.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<String, Bytes>>>);

impl Memory {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names of all blobs.
    pub fn names(&self) -> Vec<String> {
        self.lock().keys().cloned().collect()
    }
}

struct Writer {
    blobs: Memory,
    name: String,
    bytes: BytesMut,
}

impl BlobWriter for Writer {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<()>> {
        self.bytes.extend_from_slice(&bytes);
        Box::pin(async { Ok(()) })
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        let Self { blobs, name, bytes } = *self;
        blobs.lock().insert(name, bytes.freeze());
        Box::pin(async { Ok(()) })
    }
}

struct Reader(Bytes);

impl BlobReader for Reader {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read(&mut self, from: u64, max: usize) -> BoxFuture<'_, Result<Bytes>> {
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(self.0.len());
        let part = self.0.slice(from..from.saturating_add(max).min(self.0.len()));
        Box::pin(async { Ok(part) })
    }
}

impl Blobs for Memory {
    fn create<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Box<dyn BlobWriter>>> {
        let (blobs, name) = (self.clone(), name.to_owned());
        Box::pin(async {
            Ok(Box::new(Writer { blobs, name, bytes: BytesMut::new() }) as Box<dyn BlobWriter>)
        })
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Box<dyn BlobReader>>>> {
        let found = self.lock().get(name).cloned();
        Box::pin(async { Ok(found.map(|bytes| Box::new(Reader(bytes)) as Box<dyn BlobReader>)) })
    }

    fn copy<'a>(&'a self, from: &'a str, to: &'a str) -> BoxFuture<'a, Result<bool>> {
        let mut blobs = self.lock();
        let found = blobs.get(from).cloned();
        let is_there = found.is_some();
        blobs.extend(found.map(|bytes| (to.to_owned(), bytes)));
        Box::pin(async move { Ok(is_there) })
    }

    fn remove<'a>(&'a self, name: &'a str, max: usize) -> BoxFuture<'a, Result<bool>> {
        let beneath = format!("{name}/");
        let mut blobs = self.lock();
        let mut doomed: Vec<String> =
            blobs.keys().filter(|other| *other == name || other.starts_with(&beneath)).cloned().collect();
        let done = doomed.len() <= max;
        doomed.truncate(max);
        doomed.iter().for_each(|name| drop(blobs.remove(name)));
        Box::pin(async move { Ok(done) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn memory_keeps_the_contract() {
        crate::blobs::contract::check(&Memory::default()).await;
    }
}

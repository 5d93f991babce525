//! Blobs that one node has and the others reach over the mesh.
//!
//! Reading asks for a part at a time and leaves nothing behind on the other node. Writing begins an upload there, which is
//! dropped when its writer is, or when nothing has come of it for three minutes.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use consort_model::ApiError;
use consort_rpc::{Answer, Call, Caller, Client, Host, MeshRef, Placement, Reply, Service};
use consort_runtime::{random_u64, spawn};
use consort_store::BoxFuture;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{BlobError, BlobReader, BlobWriter, Blobs, Result};

/// Uploads under way; more are refused.
const UPLOADS_MAX: usize = 1024;
/// After so long without a byte an upload is dropped.
const UPLOAD_IDLE: Duration = Duration::from_secs(180);
/// Bytes of a part at most.
const PART_BYTES_MAX: usize = 1 << 20;

/// The service; its key is the number of the node that has the blobs.
#[derive(Debug)]
pub enum FilesService {}

impl Service for FilesService {
    const NAME: &'static str = "files";
    const PLACEMENT: Placement = Placement::Node;
    type Op = Op;
    type News = GivenUp;
}

/// An upload is given up: one that is not told of is dropped after a while.
#[derive(Debug, Clone, Copy)]
pub struct GivenUp(u64);

impl From<GivenUp> for Op {
    fn from(GivenUp(upload): GivenUp) -> Self {
        Self::Drop { upload }
    }
}

/// What is asked of the node that has the blobs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Begins to write a blob.
    Begin { upload: u64, name: String },
    /// Adds bytes at a position, which must be the end.
    Write { upload: u64, at: u64, bytes: Bytes },
    /// Ends a blob; durable when it is answered.
    Finish { upload: u64 },
    /// The upload is given up.
    Drop { upload: u64 },
    /// Answers how many bytes a blob has, or null.
    Size { name: String },
    /// Answers bytes of a blob.
    Read { name: String, from: u64, max: u64 },
    /// Answers whether there was such a blob.
    Copy { from: String, to: String },
    /// Answers whether nothing is left.
    Remove { name: String, max: u64 },
}

/// An upload under way.
struct Upload {
    /// `None` while bytes are being written, and when it has failed.
    writer: Option<(Box<dyn BlobWriter>, u64)>,
    used: Instant,
}

/// Serves blobs to other nodes.
pub struct SharedBlobs(Arc<Kept>);

struct Kept {
    blobs: Arc<dyn Blobs>,
    uploads: Mutex<HashMap<u64, Upload>>,
}

impl fmt::Debug for SharedBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedBlobs").field(&self.0.blobs).finish()
    }
}

impl SharedBlobs {
    /// Serves these.
    pub fn new(blobs: Arc<dyn Blobs>) -> Arc<Self> {
        Arc::new(Self(Arc::new(Kept { blobs, uploads: Mutex::default() })))
    }
}

impl Host<FilesService> for SharedBlobs {
    fn deliver(&self, _node: u64, call: Call<FilesService>) {
        let kept = self.0.clone();
        spawn("files", async move { call.respond.send(kept.answer(call.op).await) });
    }
}

impl Kept {
    fn uploads(&self) -> MutexGuard<'_, HashMap<u64, Upload>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, op: Op) -> Reply {
        match op {
            Op::Begin { upload, name } => {
                let writer = self.blobs.create(&name).await?;
                let mut uploads = self.uploads();
                uploads.retain(|_, upload| upload.used.elapsed() < UPLOAD_IDLE);
                if uploads.len() >= UPLOADS_MAX || uploads.contains_key(&upload) {
                    return Err(ApiError::overloaded());
                }
                uploads.insert(upload, Upload { writer: Some((writer, 0)), used: Instant::now() });
                Ok(Answer::Empty)
            }
            Op::Write { upload, at, bytes } => self.write(upload, at, bytes).await,
            Op::Finish { upload } => {
                let found = self.uploads().remove(&upload).and_then(|upload| upload.writer);
                let Some((writer, _)) = found else { return Err(ApiError::unavailable()) };
                writer.finish().await?;
                Ok(Answer::Empty)
            }
            Op::Drop { upload } => {
                self.uploads().remove(&upload);
                Ok(Answer::Empty)
            }
            Op::Size { name } => {
                let size = self.blobs.open(&name).await?.map(|reader| reader.size());
                Ok(Answer::json(&size))
            }
            Op::Read { name, from, max } => {
                let reader = self.blobs.open(&name).await?;
                let mut reader = reader.ok_or_else(ApiError::unavailable)?;
                let max = usize::try_from(max).unwrap_or(usize::MAX).min(PART_BYTES_MAX);
                Ok(Answer::Encoded(reader.read(from, max).await?))
            }
            Op::Copy { from, to } => Ok(Answer::json(&self.blobs.copy(&from, &to).await?)),
            Op::Remove { name, max } => {
                let max = usize::try_from(max).unwrap_or(usize::MAX);
                Ok(Answer::json(&self.blobs.remove(&name, max).await?))
            }
        }
    }

    async fn write(&self, upload: u64, at: u64, bytes: Bytes) -> Reply {
        let taken = self.uploads().get_mut(&upload).and_then(|upload| upload.writer.take());
        // Whoever writes at two places at once, or to what is gone, has lost the upload.
        let Some((mut writer, end)) = taken.filter(|(_, end)| *end == at) else {
            self.uploads().remove(&upload);
            return Err(ApiError::unavailable());
        };
        let end = end + bytes.len() as u64;
        writer.write(bytes).await?;
        if let Some(upload) = self.uploads().get_mut(&upload) {
            *upload = Upload { writer: Some((writer, end)), used: Instant::now() };
        }
        Ok(Answer::Empty)
    }
}

/// The blobs that another node has.
#[derive(Clone)]
pub struct RemoteBlobs {
    mesh: MeshRef,
    client: Client<FilesService>,
}

impl fmt::Debug for RemoteBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RemoteBlobs").field(&self.mesh.node()).finish()
    }
}

/// What the other node's refusal is here.
fn failed(error: ApiError) -> BlobError {
    if error.status == 507 {
        BlobError::Full
    } else if error.code == ApiError::overloaded().code {
        BlobError::Busy
    } else {
        BlobError::Failed(io::Error::other(error.to_string()))
    }
}

fn nonsense() -> BlobError {
    BlobError::Failed(io::Error::other("the node with the files answers nonsense"))
}

impl RemoteBlobs {
    /// The blobs of the node that runs the service.
    pub fn new(mesh: &MeshRef) -> Self {
        Self { mesh: mesh.clone(), client: mesh.client() }
    }

    fn key(&self) -> Result<u64> {
        let node = self.mesh.nodes_of::<FilesService>().first().copied();
        let nobody = || BlobError::Failed(io::Error::other("no node has the files"));
        node.map(|node| u64::from(node.0)).ok_or_else(nobody)
    }

    async fn ask(&self, op: Op) -> Result<Answer> {
        self.client.call(self.key()?, Caller::system(), op).await.map_err(failed)
    }

    async fn read<T: DeserializeOwned>(&self, op: Op) -> Result<T> {
        let answer = self.ask(op).await?;
        let body = answer.body().ok_or_else(nonsense)?;
        serde_json::from_slice(body).map_err(|_| nonsense())
    }
}

impl Blobs for RemoteBlobs {
    fn create<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Box<dyn BlobWriter>>> {
        Box::pin(async move {
            let upload = random_u64();
            self.ask(Op::Begin { upload, name: name.to_owned() }).await?;
            Ok(Box::new(Writer { blobs: self.clone(), upload, at: 0, over: false }) as Box<dyn BlobWriter>)
        })
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Box<dyn BlobReader>>>> {
        Box::pin(async move {
            let size: Option<u64> = self.read(Op::Size { name: name.to_owned() }).await?;
            let reader = |size| Reader { blobs: self.clone(), name: name.to_owned(), size };
            Ok(size.map(|size| Box::new(reader(size)) as Box<dyn BlobReader>))
        })
    }

    fn copy<'a>(&'a self, from: &'a str, to: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.read(Op::Copy { from: from.to_owned(), to: to.to_owned() }))
    }

    fn remove<'a>(&'a self, name: &'a str, max: usize) -> BoxFuture<'a, Result<bool>> {
        Box::pin(self.read(Op::Remove { name: name.to_owned(), max: max as u64 }))
    }
}

struct Writer {
    blobs: RemoteBlobs,
    upload: u64,
    at: u64,
    over: bool,
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.over
            && let Ok(key) = self.blobs.key()
        {
            // It may be lost.
            let _told = self.blobs.client.cast_lossy(key, Caller::system(), GivenUp(self.upload));
        }
    }
}

impl BlobWriter for Writer {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let mut left = bytes;
            while !left.is_empty() {
                let part = left.split_to(left.len().min(PART_BYTES_MAX));
                let (at, length) = (self.at, part.len() as u64);
                self.blobs.ask(Op::Write { upload: self.upload, at, bytes: part }).await?;
                self.at += length;
            }
            Ok(())
        })
    }

    fn finish(mut self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move {
            self.blobs.ask(Op::Finish { upload: self.upload }).await?;
            self.over = true;
            Ok(())
        })
    }
}

struct Reader {
    blobs: RemoteBlobs,
    name: String,
    size: u64,
}

impl BlobReader for Reader {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&mut self, from: u64, max: usize) -> BoxFuture<'_, Result<Bytes>> {
        let op = Op::Read { name: self.name.clone(), from, max: max as u64 };
        Box::pin(async move {
            match self.blobs.ask(op).await? {
                Answer::Encoded(bytes) => Ok(bytes),
                _ => Err(nonsense()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use consort_rpc::{InProcess, Mesh, NodeId, Static};

    use super::*;
    use crate::blobs::Memory;

    #[tokio::test]
    async fn blobs_of_another_node_keep_the_contract() {
        let (directory, network) = (Arc::new(Static::new(vec![NodeId(1), NodeId(2)])), InProcess::new());
        let meshes = [1, 2].map(|node| Mesh::new(NodeId(node), directory.clone(), Arc::new(network.clone())));
        meshes.iter().for_each(|mesh| network.join(mesh));
        let shared = SharedBlobs::new(Arc::new(Memory::default()));
        meshes[0].host::<FilesService>(shared.clone());
        crate::blobs::contract::check(&RemoteBlobs::new(&meshes[1])).await;
        assert!(shared.0.uploads().is_empty(), "an upload that was dropped is dropped there too");
        network.part(NodeId(1));
        assert!(RemoteBlobs::new(&meshes[1]).open("w/1/a").await.is_err(), "away is not absent");
    }
}

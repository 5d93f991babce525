//! Blobs in a bucket of an object store that speaks the S3 protocol, which every node of a cluster reaches by itself.
//!
//! What fits into one part is written by one request; more goes up in parts while it comes in, and is there once the last request has
//! put them together. A part is kept in memory until it is sent, since a request that failed is sent again. Reading begins with the
//! first bytes, which are all there is of most pictures, and goes on as one stream for as long as it is read on from where it is.

mod address;
mod http;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use consort_store::BoxFuture;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::aws::AmazonS3Builder;
use object_store::client::HttpError;
use object_store::path::Path;
use object_store::{
    Error as StoreError, GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload,
    RetryConfig,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{BlobError, BlobReader, BlobWriter, Blobs, Result, is_name};

pub use address::{BucketAddress, BucketAddressError};

/// Bytes of a part; stores refuse smaller ones, but for the last.
const PART_BYTES: usize = 5 << 20;
/// Bytes with which reading begins.
const FIRST_BYTES: u64 = 64 << 10;
/// Bytes of blobs that are being written, kept in memory, at most; who would need more is refused. In units of [`UNIT_BYTES`].
const BUFFER_UNITS_MAX: usize = (256 << 20) / UNIT_BYTES;
const UNIT_BYTES: usize = 64 << 10;
/// For a request, all its repetitions included.
const DEADLINE: Duration = Duration::from_secs(30);
/// Until the next bytes of an answer.
const SILENCE: Duration = Duration::from_secs(15);
/// How often a request that failed is sent again, and for how long.
const RETRIES_MAX: usize = 4;
const RETRY_FOR: Duration = Duration::from_secs(20);

/// A bucket of blobs. Clones are the same.
#[derive(Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: String,
    buffers: Arc<Semaphore>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bucket")
            .field("store", &self.store.to_string())
            .field("prefix", &self.prefix)
            .finish()
    }
}

impl From<StoreError> for BlobError {
    fn from(error: StoreError) -> Self {
        Self::Failed(io::Error::other(error))
    }
}

/// Waits for an answer as long as one may take.
async fn in_time<T, E: Into<BlobError>>(
    limit: Duration,
    answer: impl Future<Output = std::result::Result<T, E>>,
) -> Result<T> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the bucket does not answer").into()),
    }
}

impl Bucket {
    /// A bucket. Who may use it is in the environment, as the tools of AWS have it: `AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, or what gives a machine its role; also `AWS_REGION` and `AWS_CA_BUNDLE`.
    ///
    /// # Errors
    /// When the environment or the address makes no sense.
    pub fn new(address: &BucketAddress) -> io::Result<Self> {
        let retry =
            RetryConfig { max_retries: RETRIES_MAX, retry_timeout: RETRY_FOR, ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(&address.bucket)
            .with_retry(retry)
            .with_http_connector(http::Connector::new()?);
        if let Some(endpoint) = &address.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        if let Some(region) = &address.region {
            builder = builder.with_region(region);
        }
        let store = builder.build().map_err(io::Error::other)?;
        let buffers = Arc::new(Semaphore::new(BUFFER_UNITS_MAX));
        Ok(Self { store: Arc::new(store), prefix: address.prefix.clone(), buffers })
    }

    /// Looks whether the bucket is there and may be used. One that cannot be reached just now may be later: that is logged.
    ///
    /// # Errors
    /// When there is no such bucket, or not for us.
    pub async fn check(&self) -> io::Result<()> {
        let prefix = Path::from(self.prefix.as_str());
        let looked = async { self.store.list(Some(&prefix)).next().await.transpose() };
        match in_time(DEADLINE, looked).await {
            Ok(_) => Ok(()),
            Err(BlobError::Failed(error)) if is_temporary(&error) => {
                tracing::warn!(%error, "the bucket of files cannot be reached now");
                Ok(())
            }
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn path(&self, name: &str) -> Option<Path> {
        let joined =
            || if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) };
        is_name(name).then(|| Path::from(joined()))
    }

    fn path_or_error(&self, name: &str) -> Result<Path> {
        let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "not the name of a blob");
        Ok(self.path(name).ok_or_else(wrong)?)
    }
}

/// Whether nobody has answered, so that it may go well later.
fn is_temporary(error: &io::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.get_ref().map(|error| error as _);
    while let Some(error) = cause {
        if error.is::<HttpError>() {
            return true;
        }
        cause = error.source();
    }
    error.kind() == io::ErrorKind::TimedOut
}

fn is_absence(error: &BlobError) -> bool {
    let BlobError::Failed(error) = error else { return false };
    let told = error.get_ref().and_then(|error| error.downcast_ref::<StoreError>());
    matches!(told, Some(StoreError::NotFound { .. }))
}

impl Blobs for Bucket {
    fn create<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Box<dyn BlobWriter>>> {
        let path = self.path_or_error(name);
        Box::pin(async move {
            let writer = Writer { bucket: self.clone(), path: path?, upload: None, part: Part::default() };
            Ok(Box::new(writer) as Box<dyn BlobWriter>)
        })
    }

    fn open<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Box<dyn BlobReader>>>> {
        Box::pin(async move {
            let Some(path) = self.path(name) else { return Ok(None) };
            match Reader::open(self.store.clone(), path).await {
                Ok(reader) => Ok(Some(Box::new(reader) as Box<dyn BlobReader>)),
                Err(error) if is_absence(&error) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    fn copy<'a>(&'a self, from: &'a str, to: &'a str) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let (from, to) = (self.path_or_error(from)?, self.path_or_error(to)?);
            match in_time(DEADLINE, self.store.copy(&from, &to)).await {
                Ok(()) => Ok(true),
                Err(error) if is_absence(&error) => Ok(false),
                Err(error) => Err(error),
            }
        })
    }

    fn remove<'a>(&'a self, name: &'a str, max: usize) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let Some(path) = self.path(name) else { return Ok(true) };
            let listed = async {
                let beneath = self.store.list(Some(&path)).take(max.saturating_add(1));
                beneath.map(|found| found.map(|found| found.location)).collect::<Vec<_>>().await
            };
            let listed = in_time(DEADLINE, async { Ok::<_, BlobError>(listed.await) }).await?;
            let mut doomed = listed.into_iter().collect::<std::result::Result<Vec<_>, _>>()?;
            let whole = doomed.len() <= max;
            doomed.truncate(max);
            if whole {
                doomed.push(path);
            }
            let doomed = futures_util::stream::iter(doomed.into_iter().map(Ok)).boxed();
            let mut removed = self.store.delete_stream(doomed);
            while let Some(removed) =
                in_time(DEADLINE, async { Ok::<_, BlobError>(removed.next().await) }).await?
            {
                match removed.map_err(BlobError::from) {
                    Err(error) if !is_absence(&error) => return Err(error),
                    // Somebody else has removed it, or the name itself is none of a blob.
                    _ => {}
                }
            }
            Ok(whole)
        })
    }
}

/// Bytes that wait to be sent, and the room that they take.
#[derive(Default)]
struct Part {
    bytes: BytesMut,
    room: Option<OwnedSemaphorePermit>,
}

struct Writer {
    bucket: Bucket,
    path: Path,
    /// Where parts go, once there was a whole one.
    upload: Option<Box<dyn MultipartUpload>>,
    part: Part,
}

impl Writer {
    /// Takes the room for so many bytes more.
    fn grow(&mut self, by: usize) -> Result<()> {
        let have = self.part.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let need = (self.part.bytes.len() + by).div_ceil(UNIT_BYTES).saturating_sub(have);
        let Some(need) = u32::try_from(need).ok().filter(|need| *need > 0) else { return Ok(()) };
        let more = self.bucket.buffers.clone().try_acquire_many_owned(need).map_err(|_| BlobError::Busy)?;
        match &mut self.part.room {
            Some(room) => room.merge(more),
            room => *room = Some(more),
        }
        Ok(())
    }

    /// Sends the part there is.
    async fn send(&mut self) -> Result<()> {
        let Part { bytes, room } = std::mem::take(&mut self.part);
        let upload = match &mut self.upload {
            Some(upload) => upload,
            none => none.insert(in_time(DEADLINE, self.bucket.store.put_multipart(&self.path)).await?),
        };
        let sent = in_time(DEADLINE, upload.put_part(PutPayload::from_bytes(bytes.freeze()))).await;
        drop(room);
        sent
    }

    async fn finish(mut self) -> Result<()> {
        if self.upload.is_none() {
            let bytes = std::mem::take(&mut self.part.bytes).freeze();
            let put = self.bucket.store.put(&self.path, PutPayload::from_bytes(bytes));
            return in_time(DEADLINE, put).await.map(drop);
        }
        if !self.part.bytes.is_empty() {
            self.send().await?;
        }
        if let Some(upload) = &mut self.upload {
            in_time(DEADLINE, upload.complete()).await?;
        }
        self.upload = None;
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Some(mut upload) = self.upload.take()
            && tokio::runtime::Handle::try_current().is_ok()
        {
            let path = self.path.clone();
            consort_runtime::spawn("bucket-abort", async move {
                if let Err(error) = in_time(DEADLINE, upload.abort()).await {
                    tracing::warn!(%error, %path, "parts of a file that was not finished stay in the bucket");
                }
            });
        }
    }
}

impl BlobWriter for Writer {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let mut left = bytes;
            while !left.is_empty() {
                let fits = left.split_to(left.len().min(PART_BYTES - self.part.bytes.len()));
                self.grow(fits.len())?;
                self.part.bytes.extend_from_slice(&fits);
                if self.part.bytes.len() == PART_BYTES {
                    self.send().await?;
                }
            }
            Ok(())
        })
    }

    fn finish(self: Box<Self>) -> BoxFuture<'static, Result<()>> {
        Box::pin(Self::finish(*self))
    }
}

type Bytestream = BoxStream<'static, object_store::Result<Bytes>>;

struct Reader {
    store: Arc<dyn ObjectStore>,
    path: Path,
    size: u64,
    /// The first bytes.
    first: Bytes,
    /// What came last, where it begins, and what comes after it.
    ahead: Option<(u64, Bytes, Bytestream)>,
}

impl Reader {
    async fn open(store: Arc<dyn ObjectStore>, path: Path) -> Result<Self> {
        let begin = GetOptions { range: Some(GetRange::Bounded(0..FIRST_BYTES)), ..GetOptions::default() };
        let begun = in_time(DEADLINE, store.get_opts(&path, begin)).await;
        let (size, first) = match begun {
            Ok(found) => (found.meta.size, in_time(DEADLINE, found.bytes()).await?),
            Err(error) if is_absence(&error) => return Err(error),
            // Of one that is empty no range can be had.
            Err(error) => match in_time(DEADLINE, store.head(&path)).await {
                Ok(found) if found.size == 0 => (0, Bytes::new()),
                _ => return Err(error),
            },
        };
        Ok(Self { store, path, size, first, ahead: None })
    }

    /// Begins to read at a position.
    fn begin(&self, from: u64) -> impl Future<Output = Result<Bytestream>> + Send + use<> {
        let (store, path) = (self.store.clone(), self.path.clone());
        async move {
            let range = GetOptions { range: Some(GetRange::Offset(from)), ..GetOptions::default() };
            let found = in_time(DEADLINE, store.get_opts(&path, range)).await?;
            Ok(found.into_stream())
        }
    }

    async fn part(&mut self, from: u64, max: usize) -> Result<Bytes> {
        let take = |bytes: &Bytes, at: u64| {
            let at = usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
            bytes.slice(at..at.saturating_add(max).min(bytes.len()))
        };
        if from >= self.size || max == 0 {
            return Ok(Bytes::new());
        }
        if from < self.first.len() as u64 {
            return Ok(take(&self.first, from));
        }
        let (mut at, mut bytes, mut stream) = match self.ahead.take() {
            Some(ahead) if (ahead.0..=ahead.0 + ahead.1.len() as u64).contains(&from) => ahead,
            _ => (from, Bytes::new(), self.begin(from).await?),
        };
        while from >= at + bytes.len() as u64 {
            let next = in_time(SILENCE, async { stream.next().await.transpose() }).await?;
            let broken = || io::Error::new(io::ErrorKind::UnexpectedEof, "the bucket's answer is too short");
            (at, bytes) = (at + bytes.len() as u64, next.ok_or_else(broken)?);
        }
        let part = take(&bytes, from - at);
        self.ahead = Some((at, bytes, stream));
        Ok(part)
    }
}

impl BlobReader for Reader {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&mut self, from: u64, max: usize) -> BoxFuture<'_, Result<Bytes>> {
        Box::pin(self.part(from, max))
    }
}

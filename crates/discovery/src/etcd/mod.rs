//! A client of etcd's gRPC API: what a cluster needs of it, and no more.

mod proto;

use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

pub(crate) use proto::KeyValue;
use proto::{compare, request_op};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two signs of life of a connection. etcd closes one that gives more than one in five seconds
/// (`--grpc-keepalive-min-time`), or gives one while nothing is asked.
const PING_EVERY: Duration = Duration::from_secs(6);
/// Keys of one range at most; a cluster has some thousands.
const KEYS_MAX: i64 = 20_000;
/// An answer at most: a range of all keys.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// What went wrong with etcd.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address that is none.
    #[error("{0}: not the address of an etcd server, such as http://127.0.0.1:2379")]
    Address(String),
    /// It could not be reached, or refused.
    #[error("etcd: {0}")]
    Status(String),
    /// It did not answer in time.
    #[error("etcd does not answer")]
    Deadline,
    /// What is stored there is not understood.
    #[error("etcd: {key}: {what}")]
    Corrupt {
        /// The key.
        key: String,
        /// What is wrong.
        what: String,
    },
    /// Something that may not be written.
    #[error("{0}")]
    Invalid(String),
}

impl From<tonic::Status> for Error {
    fn from(status: tonic::Status) -> Self {
        Self::Status(format!("{:?}: {}", status.code(), status.message()))
    }
}

/// A key that is set in a transaction.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) key: String,
    pub(crate) value: Vec<u8>,
    /// The lease it ends with; 0 for none.
    pub(crate) lease: i64,
}

/// What a watch tells.
#[derive(Debug)]
pub(crate) enum Change {
    Put(KeyValue),
    Deleted(Vec<u8>),
}

/// A connection to one of several servers of one etcd. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Client(Channel);

impl Client {
    /// Connects when it is first needed, and again when a connection ends. Must be called on a runtime.
    pub(crate) fn new(urls: &[String]) -> Result<Self, Error> {
        let endpoint = |url: &String| {
            let wrong = || Error::Address(url.clone());
            let endpoint = Endpoint::from_shared(url.clone()).map_err(|_| wrong())?;
            if endpoint.uri().scheme_str() != Some("http") {
                return Err(wrong());
            }
            Ok(endpoint
                .connect_timeout(Duration::from_secs(1))
                .http2_keep_alive_interval(PING_EVERY)
                .keep_alive_timeout(Duration::from_secs(1))
                .tcp_nodelay(true))
        };
        let endpoints = urls.iter().map(endpoint).collect::<Result<Vec<_>, Error>>()?;
        match endpoints.as_slice() {
            [] => Err(Error::Address("none given".to_owned())),
            [only] => Ok(Self(only.connect_lazy())),
            _ => Ok(Self(Channel::balance_list(endpoints.into_iter()))),
        }
    }

    fn grpc(&self) -> Grpc<Channel> {
        Grpc::new(self.0.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    async fn unary<M, R>(&self, path: &'static str, message: M) -> Result<R, Error>
    where
        M: prost::Message + 'static,
        R: prost::Message + Default + 'static,
    {
        let answer = async {
            let mut grpc = self.grpc();
            grpc.ready().await.map_err(|error| Error::Status(error.to_string()))?;
            let (path, codec) = (PathAndQuery::from_static(path), ProstCodec::<M, R>::default());
            Ok(grpc.unary(tonic::Request::new(message), path, codec).await?.into_inner())
        };
        tokio::time::timeout(PATIENCE, answer).await.unwrap_or(Err(Error::Deadline))
    }

    /// All keys that begin with `prefix`, and the revision at which they were read.
    pub(crate) async fn range(&self, prefix: &str) -> Result<(i64, Vec<KeyValue>), Error> {
        let key = prefix.as_bytes().to_vec();
        let request = proto::RangeRequest { key, range_end: prefix_end(prefix), limit: KEYS_MAX };
        let answer: proto::RangeResponse = self.unary("/etcdserverpb.KV/Range", request).await?;
        if answer.more {
            return Err(Error::Corrupt { key: prefix.to_owned(), what: "too many keys".to_owned() });
        }
        Ok((answer.header.unwrap_or_default().revision, answer.kvs))
    }

    /// Writes if each key of `unchanged` was changed last at the revision beside it (0: it does not exist). Gives the revision
    /// of the write, or `None` when nothing was written.
    pub(crate) async fn write(
        &self,
        unchanged: &[(&str, i64)],
        writes: Vec<Write>,
    ) -> Result<Option<i64>, Error> {
        let compare = |(key, revision): &(&str, i64)| proto::Compare {
            result: 0,
            target: 2,
            key: key.as_bytes().to_vec(),
            mod_revision: Some(compare::Target::ModRevision(*revision)),
        };
        let op = |write| {
            let Write { key, value, lease } = write;
            let put = proto::PutRequest { key: key.into_bytes(), value, lease };
            proto::RequestOp { request: Some(request_op::Request::Put(put)) }
        };
        let request = proto::TxnRequest {
            compare: unchanged.iter().map(compare).collect(),
            success: writes.into_iter().map(op).collect(),
        };
        let answer: proto::TxnResponse = self.unary("/etcdserverpb.KV/Txn", request).await?;
        Ok(answer.succeeded.then_some(answer.header.unwrap_or_default().revision))
    }

    /// A new lease, and how long it holds without being renewed.
    pub(crate) async fn grant(&self, ttl: Duration) -> Result<(i64, Duration), Error> {
        let request = proto::LeaseGrantRequest { ttl: ttl.as_secs().max(1).try_into().unwrap_or(i64::MAX) };
        let answer: proto::LeaseGrantResponse = self.unary("/etcdserverpb.Lease/LeaseGrant", request).await?;
        if !answer.error.is_empty() {
            return Err(Error::Status(answer.error));
        }
        Ok((answer.id, Duration::from_secs(answer.ttl.try_into().unwrap_or_default())))
    }

    /// Ends a lease, and all keys under it.
    pub(crate) async fn revoke(&self, lease: i64) -> Result<(), Error> {
        let id = proto::LeaseId { id: lease };
        let _: proto::Nothing = self.unary("/etcdserverpb.Lease/LeaseRevoke", id).await?;
        Ok(())
    }

    /// Renews a lease for each message that is sent; answers how long it holds, zero when it is gone.
    pub(crate) async fn keep_alive(
        &self,
        lease: i64,
    ) -> Result<(mpsc::Sender<()>, impl Stream<Item = Result<Duration, Error>> + Send + use<>), Error> {
        let (renew, renewals) = mpsc::channel::<()>(1);
        // etcd sends nothing, not even headers, before the first request is there.
        renew.try_send(()).map_err(|_| Error::Deadline)?;
        let requests = futures_util::stream::unfold(renewals, move |mut renewals| async move {
            renewals.recv().await.map(|()| (proto::LeaseId { id: lease }, renewals))
        });
        let path = "/etcdserverpb.Lease/LeaseKeepAlive";
        let answers = self.stream::<_, proto::LeaseKeepAliveResponse>(path, requests).await?;
        let ttl = |answer: Result<proto::LeaseKeepAliveResponse, tonic::Status>| {
            Ok(Duration::from_secs(answer?.ttl.try_into().unwrap_or_default()))
        };
        Ok((renew, answers.map(ttl)))
    }

    /// Every change of keys that begin with `prefix`, from a revision on. An item is what changed together. The stream ends, or
    /// gives an error, when changes may have been missed: then all must be read again.
    pub(crate) async fn watch(
        &self,
        prefix: &str,
        from_revision: i64,
    ) -> Result<impl Stream<Item = Result<Vec<Change>, Error>> + Send + use<>, Error> {
        let key = prefix.as_bytes().to_vec();
        let create = proto::WatchCreate { key, range_end: prefix_end(prefix), start_revision: from_revision };
        let first = futures_util::stream::iter([proto::WatchRequest { create: Some(create) }]);
        // The requests must not end, or the watch does.
        let requests = first.chain(futures_util::stream::pending());
        let answers = self.stream::<_, proto::WatchResponse>("/etcdserverpb.Watch/Watch", requests).await?;
        Ok(answers.map(|answer| {
            let answer = answer?;
            if answer.canceled || answer.compact_revision != 0 {
                return Err(Error::Status(format!("the watch ended at {}", answer.compact_revision)));
            }
            let change = |event: proto::Event| {
                let kv = event.kv.unwrap_or_default();
                if event.kind == 1 { Change::Deleted(kv.key) } else { Change::Put(kv) }
            };
            Ok(answer.events.into_iter().map(change).collect())
        }))
    }

    async fn stream<M, R>(
        &self,
        path: &'static str,
        requests: impl Stream<Item = M> + Send + 'static,
    ) -> Result<tonic::Streaming<R>, Error>
    where
        M: prost::Message + 'static,
        R: prost::Message + Default + 'static,
    {
        let open = async {
            let mut grpc = self.grpc();
            grpc.ready().await.map_err(|error| Error::Status(error.to_string()))?;
            let (path, codec) = (PathAndQuery::from_static(path), ProstCodec::<M, R>::default());
            Ok(grpc.streaming(tonic::Request::new(requests), path, codec).await?.into_inner())
        };
        tokio::time::timeout(PATIENCE, open).await.unwrap_or(Err(Error::Deadline))
    }
}

/// The end of the range of all keys that begin with `prefix`.
fn prefix_end(prefix: &str) -> Vec<u8> {
    let mut end = prefix.as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

//! The lease that says that this node lives.
//!
//! It is renewed by a thread of its own with a connection of its own, so that no load of the node can keep it from being
//! renewed. Until when it surely holds is counted from the moment a renewal was *sent*, so it ends here no later than there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::sync::watch;

use crate::Error;
use crate::etcd::Client;

/// Clocks of two machines run apart by less than this part of the lease.
const MARGIN: u32 = 8;

/// Until when a lease holds; shared by all leases of a node, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Validity {
    base: Instant,
    until_us: Arc<AtomicU64>,
}

impl Validity {
    pub(crate) fn new() -> Self {
        Self { base: Instant::now(), until_us: Arc::default() }
    }

    /// Whether it holds now.
    pub(crate) fn holds(&self) -> bool {
        self.base.elapsed().as_micros() < u128::from(self.until_us.load(Ordering::Relaxed))
    }

    fn extend(&self, sent: Instant, ttl: Duration) {
        let until = sent.duration_since(self.base) + ttl - ttl / MARGIN;
        self.until_us.fetch_max(until.as_micros().try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn end(&self) {
        self.until_us.store(0, Ordering::Relaxed);
    }
}

/// A lease that is being renewed until it is dropped or lost.
#[derive(Debug)]
pub(crate) struct Lease {
    pub(crate) id: i64,
    /// Becomes true when etcd knows the lease no more.
    pub(crate) lost: watch::Receiver<bool>,
    stop: Arc<AtomicBool>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Lease {
    /// Takes a lease and starts the thread that renews it.
    pub(crate) async fn start(urls: Vec<String>, ttl: Duration, validity: Validity) -> Result<Self, Error> {
        let (granted, grant) = tokio::sync::oneshot::channel();
        let (tell, lost) = watch::channel(false);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = match runtime {
                Ok(runtime) => runtime,
                Err(error) => return drop(granted.send(Err(Error::Status(error.to_string())))),
            };
            runtime.block_on(async {
                let sent = Instant::now();
                let begun = async {
                    let client = Client::new(&urls)?;
                    let (id, ttl) = client.grant(ttl).await?;
                    Ok((client, id, ttl))
                };
                let (client, id, ttl) = match begun.await {
                    Ok(begun) => begun,
                    Err(error) => return drop(granted.send(Err(error))),
                };
                validity.extend(sent, ttl);
                if granted.send(Ok(id)).is_ok() {
                    renew(&client, id, ttl, &validity, &stopped).await;
                }
                validity.end();
                tell.send_replace(true);
            });
        };
        let thread = std::thread::Builder::new().name("lease".to_owned()).spawn(run);
        thread.map_err(|error| Error::Status(error.to_string()))?;
        let id = grant.await.map_err(|_| Error::Deadline)??;
        Ok(Self { id, lost, stop })
    }
}

/// Renews until the lease is gone or nobody wants it any more.
async fn renew(client: &Client, id: i64, ttl: Duration, validity: &Validity, stop: &AtomicBool) {
    let pause = ttl / 5;
    while !stop.load(Ordering::Relaxed) {
        match renew_over_one_stream(client, id, pause, validity, stop).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "the node's lease could not be renewed"),
        }
        tokio::time::sleep(pause.min(Duration::from_millis(200))).await;
    }
}

async fn renew_over_one_stream(
    client: &Client,
    id: i64,
    pause: Duration,
    validity: &Validity,
    stop: &AtomicBool,
) -> Result<(), Error> {
    let mut sent = Instant::now();
    let (renew, answers) = client.keep_alive(id).await?;
    let mut answers = std::pin::pin!(answers);
    loop {
        let answer = tokio::time::timeout(pause * 3, answers.next()).await;
        let ttl = answer.ok().flatten().ok_or(Error::Deadline)??;
        if ttl.is_zero() {
            tracing::error!("the node's lease has run out");
            return Ok(());
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        validity.extend(sent, ttl);
        tokio::time::sleep(pause).await;
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        sent = Instant::now();
        renew.try_send(()).map_err(|_| Error::Deadline)?;
    }
}

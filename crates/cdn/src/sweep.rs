//! Taking away what belongs to nothing: what was released, soon; what nobody has taken, when its time is over.

use std::sync::Arc;
use std::time::Duration;

use consort_files::orphans::{self, Found};
use consort_store::Error;

use crate::blobs::BlobError;
use crate::{Cdn, upload};

/// Between two looks at what was released. Nothing of it is served meanwhile.
const PAUSE: Duration = Duration::from_secs(1);
/// Looks at what was released between two looks at one partition of what waits for an owner: each is looked at every eight
/// minutes.
const LOOKS_AT_RELEASED: u64 = 30;
/// Released names of one partition handled in one round.
const NAMES_MAX: usize = 32;
/// Blobs removed by one operation on the disk, so that others have their turn.
const BLOBS_MAX: usize = 256;

/// Why a sweep stopped; the next one goes on.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Store(#[from] Error),
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

impl Cdn {
    /// Sweeps until the store is closed. Several nodes may do so at once: removing twice does no harm.
    pub async fn sweep_forever(self: Arc<Self>) {
        let mut look = 0u64;
        loop {
            tokio::time::sleep(PAUSE).await;
            look += 1;
            let waiting =
                look.is_multiple_of(LOOKS_AT_RELEASED).then_some(look / LOOKS_AT_RELEASED % orphans::SHARDS);
            match self.sweep(waiting).await {
                Ok(()) => {}
                Err(Failure::Store(Error::Closed)) => return,
                Err(error) => tracing::warn!(%error, "files that belong to nothing are swept later"),
            }
        }
    }

    /// Removes everything that was released, and everything that was not taken in time.
    ///
    /// # Errors
    /// A text that says what failed.
    pub async fn sweep_all(&self) -> Result<(), String> {
        for partition in 0..orphans::SHARDS {
            self.sweep(Some(partition)).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    async fn sweep(&self, waiting: Option<u64>) -> Result<(), Failure> {
        loop {
            let released = orphans::released(&*self.store.0, NAMES_MAX).await?;
            if released.is_empty() {
                break;
            }
            self.remove(&released).await?;
        }
        if let Some(partition) = waiting {
            let overdue = orphans::overdue(&*self.store.0, partition, self.now_ms()).await?;
            self.remove(&overdue).await?;
        }
        Ok(())
    }

    async fn remove(&self, found: &[Found]) -> Result<(), Failure> {
        for orphan in found {
            while !self.blobs.remove(&orphan.name, BLOBS_MAX).await? {}
            if let Some(key) = upload::key_of(&orphan.name) {
                self.uploads.forget(key);
            }
        }
        let mut batch = consort_store::Batch::new();
        found.iter().for_each(|orphan| orphans::removed(&mut batch, orphan));
        if !batch.is_empty() {
            self.store.0.commit(batch).await?;
        }
        Ok(())
    }
}

//! Attachments, avatars, icons, emojis: storing them, serving them, and taking away what belongs to nothing.
//!
//! * Owns: the blobs, and the HTTP side that serves them. Whose they are is in rows ([`consort_files::orphans`]).
//! * Never: decides who may upload or see what; the owners do. An attachment's address carries its permission.
//! * Invariant: a blob is on the list of orphans before it is there, and durable before its name is given out; it never
//!   changes after that. An image's name is used once, so that a released name never means a new image.
//!
//! Images are kept as `{kind}/{owner}/{hash}`; the extension of a URL is not part of the name, and the original is served
//! whatever extension or `size` is asked for.

mod attachment;
pub mod blobs;
mod default_avatar;
mod image;
mod media;
mod outgoing;
mod picture;
mod proxy;
mod range;
mod serve;
mod setup;
mod sound;
mod sticker;
mod sweep;
mod upload;

pub use attachment::StoredAttachment;
pub use consort_files::{Kind, Links};
pub use outgoing::{Outgoing, Posted};
pub use proxy::{Media, Refusal};
pub use serve::{media_router, router};
pub use setup::{SettledBase, signing_key, stored_base};
pub use upload::{UploadSlot, Uploader};

use std::sync::Arc;

use consort_files::orphans;
use consort_model::ApiError;
use consort_runtime::ClockRef;
use consort_store::{Batch, Error, StoreRef};

use blobs::Blobs;

/// The files of an installation.
#[derive(Debug)]
pub struct Cdn {
    blobs: Arc<dyn Blobs>,
    links: Links,
    store: Rows,
    clock: ClockRef,
    uploads: upload::Uploads,
    pictures: picture::Pictures,
}

/// The rows beside the blobs.
struct Rows(StoreRef);

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rows")
    }
}

impl Cdn {
    /// Puts it together. Nothing is swept before [`Cdn::sweep_forever`] is run.
    pub fn new(blobs: Arc<dyn Blobs>, links: Links, store: StoreRef, clock: ClockRef) -> Arc<Self> {
        Arc::new(Self {
            blobs,
            links,
            store: Rows(store),
            clock,
            uploads: upload::Uploads::default(),
            pictures: picture::Pictures::default(),
        })
    }

    /// What makes the addresses of files.
    pub fn links(&self) -> &Links {
        &self.links
    }

    fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    async fn commit(&self, build: impl FnOnce(&mut Batch)) -> Result<(), ApiError> {
        let mut batch = Batch::new();
        build(&mut batch);
        self.store.0.commit(batch).await.map_err(|error| failed(&error))
    }

    /// Puts blobs on the list of orphans, from which their owner takes them with the commit that shows them.
    async fn reserve(&self, names: &[String]) -> Result<(), ApiError> {
        let due_ms = self.now_ms() + orphans::RESERVED_MS;
        self.commit(|batch| names.iter().for_each(|name| orphans::reserve(batch, name, due_ms))).await
    }

    /// Gives up what was stored for an owner that refused it. Whatever goes wrong here is swept later.
    pub async fn give_up(&self, names: &[String]) {
        if names.is_empty() {
            return;
        }
        let now_ms = self.now_ms();
        let given_up = self.commit(|batch| {
            for name in names {
                orphans::claim(batch, name);
                orphans::release(batch, name, now_ms);
            }
        });
        if let Err(error) = given_up.await {
            tracing::debug!(%error, "what a refused request stored is swept later");
        }
    }
}

/// A store that fails is 503: it may work when asked again.
fn failed(error: &Error) -> ApiError {
    tracing::warn!(%error, "rows of files could not be read or written");
    ApiError::overloaded()
}

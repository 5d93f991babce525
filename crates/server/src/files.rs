//! Opening the files of an installation, and what their addresses begin with.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use consort_cdn::blobs::{Blobs, Bucket, Folder};
use consort_cdn::{Cdn, Links, Media, signing_key, stored_base};
use consort_runtime::ClockRef;
use consort_store::StoreRef;

use crate::Settings;
use crate::settings::BlobsKind;

/// The files, and whether what their addresses begin with is known before the server listens.
pub(crate) struct Files {
    pub(crate) cdn: Arc<Cdn>,
    pub(crate) media: Arc<Media>,
    base_is_known: bool,
}

impl Files {
    /// Puts the files together: the key and the base are in the store.
    ///
    /// # Errors
    /// A text that says what is wrong.
    pub(crate) async fn open(
        settings: &Settings,
        store: &StoreRef,
        blobs: Arc<dyn Blobs>,
        clock: ClockRef,
    ) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", settings.data.display());
        let key = signing_key(store).await.map_err(|error| failed(&error))?;
        let base = match &settings.public_url {
            Some(url) => Some(url.trim_end_matches('/').to_owned()),
            None => stored_base(store).await.map_err(|error| failed(&error))?,
        };
        let links = Links::new(key, base.as_deref().unwrap_or_default());
        let kept = empty_folder(&settings.data.join("media")).map_err(|error| failed(&error))?;
        let anywhere = settings.media_proxy_allow_private;
        let media = Media::new(links.clone(), clock.clone(), Arc::new(kept), anywhere);
        let cdn = Cdn::new(blobs, links, store.clone(), clock);
        Ok(Self { cdn, media, base_is_known: base.is_some() })
    }

    /// Without a configured base, and before somebody has registered under a name, addresses begin with the one that the
    /// server listens at.
    pub(crate) fn listening(&self, address: SocketAddr) {
        if !self.base_is_known {
            self.cdn.links().set_base(&format!("http://{}", reachable(address)));
        }
    }
}

/// The files that this node reaches by itself: those of its own folder, or of the bucket.
///
/// # Errors
/// A text that says what is wrong.
pub(crate) async fn open_blobs(settings: &Settings) -> Result<Arc<dyn Blobs>, String> {
    match &settings.blobs {
        BlobsKind::Folder => {
            let folder = Folder::open(settings.data.join("blobs"));
            Ok(Arc::new(folder.map_err(|error| format!("{}: {error}", settings.data.display()))?))
        }
        BlobsKind::Bucket(address) => {
            let failed = |error| format!("the bucket {} cannot be used: {error}", address.bucket);
            let bucket = Bucket::new(address).map_err(failed)?;
            bucket.check().await.map_err(failed)?;
            Ok(Arc::new(bucket))
        }
    }
}

/// A folder for what may be fetched again.
fn empty_folder(path: &Path) -> std::io::Result<Folder> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Folder::open(path.to_owned()),
    }
}

/// An address at which this machine reaches what listens at `address`.
fn reachable(address: SocketAddr) -> SocketAddr {
    let mut reachable = address;
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => reachable.set_ip(Ipv4Addr::LOCALHOST.into()),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => reachable.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    reachable
}

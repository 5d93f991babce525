//! Whose a file is: names of blobs, the list of blobs that belong to nothing, and the addresses that readers get.
//!
//! * A blob's **name** says what it belongs to ([`name`]): `attachments/{channel}/{attachment}`, `avatars/{user}/{hash}`.
//!   Names are never used twice, so what was removed under one cannot be meant by another.
//! * A blob is on the list of [`orphans`] before it exists, leaves the list in the commit of what it belongs to, and is on
//!   it again with the commit that ends that. So whatever is cut short by a crash, every blob is either somebody's or on
//!   the list, and whoever sweeps the list finds it.
//! * Rows hold no **addresses**. A message is stored with the names of its files; [`Links::show`] puts in addresses with a
//!   base, a signature and an end each time the message is shown. Blobs themselves are another crate's.

pub mod name;
pub mod orphans;

mod links;
mod message;
mod show;
mod sign;

pub use links::{AttachmentPath, CDN_PATH, Links, MEDIA_PATH};
pub use message::{claim_files, of_message, release_files};
pub use name::Kind;
pub use show::require_files;
pub use sign::{Signature, Signer};

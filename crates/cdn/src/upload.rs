//! Uploads in two steps: a slot with a URL to PUT the bytes to, then a message that names the slot.
//!
//! A slot is for one account and one channel, and takes one upload. The bytes go to the disk as they come. How many uploads
//! an account and an address have under way, and how many bytes of an account wait for messages, is bounded; this is
//! counted in memory, so a restart forgets it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Body;
use consort_files::{CDN_PATH, Signature, name, orphans};
use consort_model::validate::clean_file_name;
use consort_model::{ApiError, AttachmentId, ChannelId, UserId};
use consort_runtime::random_hex;
use consort_store::{Batch, Error};
use futures_util::StreamExt as _;

use crate::attachment::{HEAD_BYTES, StoredAttachment};
use crate::blobs::head;
use crate::{Cdn, failed};

/// How long a slot can be written to.
const SLOT_LIFETIME_S: u64 = 3600;
/// How long its bytes wait for a message.
const UNCLAIMED_MS: u64 = 6 * 3_600_000;
/// How long a client may take to send them.
const DEADLINE: Duration = Duration::from_secs(120);
/// How long a client may be silent meanwhile.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// Uploads under way of one account: the files of a message.
const ACCOUNT_ACTIVE_MAX: usize = 10;
/// Uploads under way from one address.
const ADDRESS_ACTIVE_MAX: usize = 40;
/// Uploads under way.
const ACTIVE_MAX: usize = 512;
/// Bytes of an account that are under way or wait for messages.
const ACCOUNT_BYTES_MAX: u64 = 256 << 20;
/// Hexadecimal digits of each half of a key: what is drawn, and what binds it.
const HALF_CHARS: usize = 32;

/// Where an upload comes from; whoever serves the router puts it into the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Uploader(pub IpAddr);

/// A place for the bytes of an attachment to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadSlot {
    /// Where to PUT them.
    pub upload_url: String,
    /// What to call them in the message (`uploaded_filename`).
    pub upload_filename: String,
}

/// Whose a slot is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot<'a> {
    pub(crate) channel: u64,
    pub(crate) user: u64,
    pub(crate) key: &'a str,
    pub(crate) filename: &'a str,
}

impl Slot<'_> {
    /// The part of its URL that is signed.
    fn path(&self) -> String {
        let Self { channel, user, key, filename } = self;
        format!("/upload/{channel}/{user}/{key}/{filename}")
    }
}

/// The key of an upload's blob.
pub(crate) fn key_of(blob: &str) -> Option<&str> {
    blob.strip_prefix("uploads/")
}

impl Cdn {
    /// What binds the drawn half of a key to an account and a channel.
    fn binding(&self, channel: u64, user: u64, drawn: &str) -> String {
        let mut mac = self.links.signer().mac_of(&format!("/slot/{channel}/{user}/{drawn}"));
        mac.truncate(HALF_CHARS);
        mac
    }

    /// Opens a slot for a file of at most `bytes_max` bytes, of a message by `user` in `channel`.
    pub fn upload_slot(
        &self,
        channel: ChannelId,
        user: UserId,
        filename: &str,
        bytes_max: u64,
    ) -> UploadSlot {
        let filename = clean_file_name(filename).name;
        let drawn = random_hex::<16>();
        let key = format!("{drawn}{}", self.binding(channel.get(), user.get(), &drawn));
        let path = Slot { channel: channel.get(), user: user.get(), key: &key, filename: &filename }.path();
        let now_s = self.now_ms() / 1000;
        let query = self.links.signer().sign(&path, now_s, now_s + SLOT_LIFETIME_S, Some(bytes_max));
        UploadSlot {
            upload_url: format!("{}{CDN_PATH}{path}?{query}", self.links.base()),
            upload_filename: format!("{key}/{filename}"),
        }
    }

    /// The size a slot takes, if its URL is right.
    pub(crate) fn slot_limit(&self, slot: Slot<'_>, query: &str) -> Option<u64> {
        let signature = Signature::read(query);
        let now_s = self.now_ms() / 1000;
        let signed = is_key(slot.key) && self.links.signer().verify(&slot.path(), &signature, now_s);
        if signed { signature.extra() } else { None }
    }

    /// Takes the bytes of a slot, at most `limit`. When it fails the slot can be tried again.
    ///
    /// # Errors
    /// 403 when the slot has been used, 413 for too many bytes, 408 when they take too long, 503 when too much is under way,
    /// 507 without room.
    pub(crate) async fn fill_slot(
        &self,
        slot: Slot<'_>,
        from: Option<IpAddr>,
        limit: u64,
        body: Body,
    ) -> Result<(), ApiError> {
        let blob = name::upload(slot.key);
        let active = self.uploads.begin(slot.user, from, limit)?;
        let mut batch = Batch::new();
        orphans::require_unreserved(&mut batch, &blob);
        orphans::reserve(&mut batch, &blob, self.now_ms() + UNCLAIMED_MS);
        match self.store.0.commit(batch).await {
            Ok(()) => {}
            Err(Error::Conflict { .. }) => return Err(ApiError::forbidden()),
            Err(error) => return Err(failed(&error)),
        }
        let received = tokio::time::timeout(DEADLINE, self.receive(&blob, limit, body)).await;
        match received.unwrap_or_else(|_| Err(ApiError::too_slow())) {
            Ok(size) => {
                active.keep(slot.key, size);
                Ok(())
            }
            Err(error) => {
                self.commit(|batch| orphans::claim(batch, &blob)).await?;
                Err(error)
            }
        }
    }

    async fn receive(&self, blob: &str, limit: u64, body: Body) -> Result<u64, ApiError> {
        let mut writer = self.blobs.create(blob).await?;
        let mut size = 0u64;
        let mut chunks = body.into_data_stream();
        loop {
            let chunk =
                tokio::time::timeout(SILENCE_MAX, chunks.next()).await.map_err(|_| ApiError::too_slow())?;
            let Some(chunk) = chunk else { break };
            let chunk = chunk.map_err(|_| ApiError::bad_request())?;
            size += chunk.len() as u64;
            if size > limit {
                return Err(ApiError::too_large());
            }
            writer.write(chunk).await?;
        }
        writer.finish().await?;
        Ok(size)
    }

    /// The blob that a message of `user` in `channel` names as uploaded.
    ///
    /// # Errors
    /// 400/50146 when the slot was another's.
    pub fn uploaded_blob(
        &self,
        uploaded_filename: &str,
        channel: ChannelId,
        user: UserId,
    ) -> Result<String, ApiError> {
        let key = uploaded_filename.split('/').next().filter(|key| is_key(key));
        let own = key.filter(|key| {
            let (drawn, binding) = key.split_at(HALF_CHARS);
            self.binding(channel.get(), user.get(), drawn) == binding
        });
        own.map(name::upload).ok_or_else(ApiError::upload_gone)
    }

    /// Makes an attachment, whose name was reserved, of what was uploaded. The upload stays until it is given up.
    ///
    /// # Errors
    /// 400/50146 when nothing was uploaded, 507 without room, 503 when the disk fails.
    pub async fn claim_upload(
        &self,
        blob: &str,
        channel: ChannelId,
        attachment: AttachmentId,
        filename: &str,
    ) -> Result<StoredAttachment, ApiError> {
        let mut upload = self.blobs.open(blob).await?.ok_or_else(ApiError::upload_gone)?;
        let size = upload.size();
        let head = head(&mut *upload, HEAD_BYTES).await?;
        let stored = StoredAttachment::describe(channel, attachment, filename, (&head, size));
        let to = name::attachment(channel.get(), attachment.get());
        if self.blobs.copy(blob, &to).await? { Ok(stored) } else { Err(ApiError::upload_gone()) }
    }
}

fn is_key(key: &str) -> bool {
    key.len() == 2 * HALF_CHARS && key.bytes().all(|b| b.is_ascii_hexdigit())
}

/// What of uploads is under way and waits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Uploads(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    active: usize,
    by_account: HashMap<u64, Account>,
    by_address: HashMap<IpAddr, usize>,
    /// The account and size of what waits, by key.
    waiting: HashMap<String, (u64, u64)>,
}

#[derive(Debug, Default)]
struct Account {
    active: usize,
    /// Under way, as announced, and waiting.
    bytes: u64,
}

/// An upload under way.
pub(crate) struct Active {
    uploads: Uploads,
    user: u64,
    address: Option<IpAddr>,
    bytes: u64,
}

impl Uploads {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, user: u64, address: Option<IpAddr>, bytes: u64) -> Result<Active, ApiError> {
        let mut state = self.lock();
        let of_address = address.and_then(|address| state.by_address.get(&address)).copied().unwrap_or(0);
        let (of_account, held) =
            state.by_account.get(&user).map_or((0, 0), |account| (account.active, account.bytes));
        let full = state.active >= ACTIVE_MAX
            || of_account >= ACCOUNT_ACTIVE_MAX
            || of_address >= ADDRESS_ACTIVE_MAX
            || held.saturating_add(bytes) > ACCOUNT_BYTES_MAX;
        if full {
            return Err(ApiError::overloaded());
        }
        state.active += 1;
        let account = state.by_account.entry(user).or_default();
        account.active += 1;
        account.bytes += bytes;
        if let Some(address) = address {
            *state.by_address.entry(address).or_default() += 1;
        }
        Ok(Active { uploads: self.clone(), user, address, bytes })
    }

    /// What was uploaded under a key is gone.
    pub(crate) fn forget(&self, key: &str) {
        let mut state = self.lock();
        if let Some((user, bytes)) = state.waiting.remove(key) {
            state.take_bytes(user, bytes);
        }
    }
}

impl State {
    fn take_bytes(&mut self, user: u64, bytes: u64) {
        let Some(account) = self.by_account.get_mut(&user) else { return };
        account.bytes = account.bytes.saturating_sub(bytes);
        if account.active == 0 && account.bytes == 0 {
            self.by_account.remove(&user);
        }
    }
}

impl Active {
    /// It came to its end: so many bytes wait now.
    fn keep(mut self, key: &str, bytes: u64) {
        let mut state = self.uploads.lock();
        state.waiting.insert(key.to_owned(), (self.user, bytes));
        // What was announced and has not come is given back with the rest.
        let rest = self.bytes.saturating_sub(bytes);
        drop(state);
        self.bytes = rest;
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        let mut state = self.uploads.lock();
        state.active -= 1;
        if let Some(account) = state.by_account.get_mut(&self.user) {
            account.active -= 1;
        }
        state.take_bytes(self.user, self.bytes);
        if let Some(address) = self.address
            && let Some(count) = state.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                state.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_no_more_under_way_and_waiting_than_its_share() {
        let uploads = Uploads::default();
        let address = Some(IpAddr::from([127, 0, 0, 1]));
        let begin = |user, bytes| uploads.begin(user, address, bytes);
        let active: Vec<_> = (0..ACCOUNT_ACTIVE_MAX).map(|_| begin(1, 10).unwrap()).collect();
        assert_eq!(begin(1, 10).err().unwrap().status, 503);
        assert!(begin(2, 10).is_ok());
        drop(active);
        begin(1, ACCOUNT_BYTES_MAX).unwrap().keep("k", ACCOUNT_BYTES_MAX - 5);
        assert!(begin(1, 6).is_err());
        assert!(begin(1, 5).is_ok());
        uploads.forget("k");
        assert!(begin(1, ACCOUNT_BYTES_MAX).is_ok());
        let state = uploads.lock();
        assert!(state.active == 0 && state.by_account.is_empty() && state.by_address.is_empty());
    }

    #[test]
    fn an_address_has_no_more_under_way_than_its_share() {
        let uploads = Uploads::default();
        let address = Some(IpAddr::from([127, 0, 0, 1]));
        let active: Vec<_> =
            (0..ADDRESS_ACTIVE_MAX).map(|user| uploads.begin(user as u64, address, 1).unwrap()).collect();
        assert!(uploads.begin(1000, address, 1).is_err());
        assert!(uploads.begin(1000, Some(IpAddr::from([127, 0, 0, 2])), 1).is_ok());
        drop(active);
        assert!(uploads.begin(1000, address, 1).is_ok());
    }
}

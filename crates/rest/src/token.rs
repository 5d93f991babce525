//! Tokens: made, kept as hashes, looked up, revoked.
//!
//! A token is `base64url(user id).time.secret`: client libraries decode the first part to learn the bot's id. The store
//! holds its SHA-256 only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use consort_model::{ApplicationId, AuthSessionId, UserId};
use consort_runtime::{ClockRef, random_bytes};
use consort_store::{Batch, Error, Key, Range, StoreExt as _, StoreRef, Table};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::broadcast;

/// Tokens remembered; beyond it all are forgotten and read again.
const CACHED_MAX: usize = 65_536;
/// How long a token is believed without a look at the store: the longest time a token revoked on another node goes on
/// working here.
const CACHED_MS: u64 = 15_000;
/// Longest token that is looked up.
const TOKEN_BYTES_MAX: usize = 256;
/// Logins of one account; the oldest beyond it is revoked.
pub const SESSIONS_MAX: usize = 100;
/// Revocations a slow listener may miss before it must look itself.
const REVOCATIONS_MAX: usize = 1024;

/// What a token is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person's login.
    User,
    /// A bot.
    Bot {
        /// Its application.
        application: ApplicationId,
    },
    /// OAuth2 on behalf of a person.
    Bearer {
        /// Whom the person trusts.
        application: ApplicationId,
        /// What with.
        scopes: Vec<String>,
    },
    /// Renews a [`Kind::Bearer`]; good for nothing else.
    Refresh {
        /// Whom the person trusts.
        application: ApplicationId,
        /// What with.
        scopes: Vec<String>,
    },
    /// A person's consent, to be exchanged for a [`Kind::Bearer`]; good for nothing else.
    Code {
        /// Whom the person trusts.
        application: ApplicationId,
        /// What with.
        scopes: Vec<String>,
        /// Where the code was sent; the exchange must name the same place.
        redirect_uri: String,
        /// Base64url of the verifier's SHA-256, or `plain:` and the verifier (RFC 7636).
        challenge: Option<String>,
    },
}

/// The client a login was made with, as it describes itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientInfo {
    /// Operating system.
    pub os: Option<String>,
    /// Platform or browser.
    pub platform: Option<String>,
}

/// The row of [`Table::Tokens`] (partition: first 8 bytes of the hash; key: the hash), and, under the session's id, of
/// [`Table::UserTokens`] (partition: the user).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    /// The account.
    pub user: UserId,
    /// The login; unique over all tokens.
    pub session: AuthSessionId,
    /// What it is for.
    pub kind: Kind,
    /// The token's hash in hexadecimal.
    pub hash: String,
    /// When it was made, Unix milliseconds.
    pub created_ms: u64,
    /// When it stops working, Unix milliseconds.
    #[serde(default)]
    pub expires_ms: Option<u64>,
    /// Who uses it.
    #[serde(default)]
    pub client: ClientInfo,
}

impl TokenRow {
    /// Whether it is a bot's.
    pub fn is_bot(&self) -> bool {
        matches!(self.kind, Kind::Bot { .. })
    }

    /// The application behind it.
    pub fn application(&self) -> Option<ApplicationId> {
        match &self.kind {
            Kind::User => None,
            Kind::Bot { application }
            | Kind::Bearer { application, .. }
            | Kind::Refresh { application, .. }
            | Kind::Code { application, .. } => Some(*application),
        }
    }

    /// Whether it has not expired.
    fn works_at(&self, now_ms: u64) -> bool {
        self.expires_ms.is_none_or(|expires| expires > now_ms)
    }

    /// The public name of the login: a hash of the token's hash.
    pub fn id_hash(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.hash.as_bytes()))
    }
}

/// A token that is not valid any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revoked {
    /// The account.
    pub user: UserId,
    /// The login.
    pub session: AuthSessionId,
}

/// How the header names the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Bare,
    Bot,
    Bearer,
}

impl Scheme {
    fn split(header: &str) -> (Self, &str) {
        let header = header.trim();
        match header.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bot") => (Self::Bot, token.trim()),
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => (Self::Bearer, token.trim()),
            _ => (Self::Bare, header),
        }
    }

    /// Whether a token of a kind may come under this scheme. A bot's may come bare (observed with detritus).
    fn fits(self, kind: &Kind) -> bool {
        match kind {
            Kind::User => self == Self::Bare,
            Kind::Bot { .. } => self != Self::Bearer,
            Kind::Bearer { .. } => self == Self::Bearer,
            Kind::Refresh { .. } | Kind::Code { .. } => false,
        }
    }
}

/// The SHA-256 of a token.
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// The hash of what may be a token.
fn presentable(token: &str) -> Option<[u8; 32]> {
    (!token.is_empty() && token.len() <= TOKEN_BYTES_MAX).then(|| hash(token))
}

/// Where a hash is kept.
fn place(hash: &[u8; 32]) -> (u64, Key) {
    let [a, b, c, d, e, f, g, h, ..] = *hash;
    (u64::from_be_bytes([a, b, c, d, e, f, g, h]), Key::bytes(hash))
}

/// A new token of a user; 58 characters or more.
pub fn mint(user: UserId, now_ms: u64) -> String {
    let id = URL_SAFE_NO_PAD.encode(user.to_string());
    let time = URL_SAFE_NO_PAD.encode(&(now_ms / 1000).to_be_bytes()[3..]);
    let secret = URL_SAFE_NO_PAD.encode(random_bytes::<36>());
    format!("{id}.{time}.{secret}")
}

#[derive(Debug)]
struct Cached {
    token: Arc<TokenRow>,
    until_ms: u64,
}

/// Every token of the installation, over the store, with a cache.
pub struct Tokens {
    store: StoreRef,
    clock: ClockRef,
    cache: Mutex<HashMap<[u8; 32], Cached>>,
    revoked: broadcast::Sender<Revoked>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    /// The tokens in a store.
    pub fn new(store: StoreRef, clock: ClockRef) -> Self {
        let (revoked, _) = broadcast::channel(REVOCATIONS_MAX);
        Self { store, clock, cache: Mutex::default(), revoked }
    }

    /// Looks up what an `Authorization` header says; `None` when it is no valid token under that scheme.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn authorize(&self, header: &str) -> Result<Option<Arc<TokenRow>>, Error> {
        let (scheme, token) = Scheme::split(header);
        Ok(self.find(token).await?.filter(|row| scheme.fits(&row.kind)))
    }

    /// Looks up a token, and remembers it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find(&self, token: &str) -> Result<Option<Arc<TokenRow>>, Error> {
        let Some(hash) = presentable(token) else { return Ok(None) };
        let now_ms = self.clock.now_ms();
        if let Some(cached) = self.cached(&hash, now_ms) {
            return Ok(Some(cached).filter(|row| row.works_at(now_ms)));
        }
        let Some(row) = self.read(&hash).await? else {
            self.lock().remove(&hash);
            return Ok(None);
        };
        let token = Arc::new(row);
        let mut cache = self.lock();
        if cache.len() >= CACHED_MAX {
            cache.clear();
        }
        cache.insert(hash, Cached { token: token.clone(), until_ms: now_ms + CACHED_MS });
        drop(cache);
        Ok(Some(token).filter(|row| row.works_at(now_ms)))
    }

    /// Looks up a token that is not expected again soon: one that begins a gateway session. It is not remembered, so that
    /// very many of those push out nobody else's.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find_once(&self, token: &str) -> Result<Option<TokenRow>, Error> {
        let Some(hash) = presentable(token) else { return Ok(None) };
        let now_ms = self.clock.now_ms();
        Ok(self.read(&hash).await?.filter(|row| row.works_at(now_ms)))
    }

    fn cached(&self, hash: &[u8; 32], now_ms: u64) -> Option<Arc<TokenRow>> {
        self.lock().get(hash).filter(|cached| cached.until_ms > now_ms).map(|cached| cached.token.clone())
    }

    async fn read(&self, hash: &[u8; 32]) -> Result<Option<TokenRow>, Error> {
        let (partition, key) = place(hash);
        self.store.get_row(Table::Tokens, partition, key).await
    }

    /// Adds a new token to a batch and returns its secret text and its row.
    pub fn issue(
        &self,
        batch: &mut Batch,
        user: UserId,
        session: AuthSessionId,
        kind: Kind,
        expires_ms: Option<u64>,
        client: ClientInfo,
    ) -> (String, TokenRow) {
        let created_ms = self.clock.now_ms();
        let token = mint(user, created_ms);
        let hash = hash(&token);
        let row = TokenRow { user, session, kind, hash: hex::encode(hash), created_ms, expires_ms, client };
        let (partition, key) = place(&hash);
        batch.put_row(Table::Tokens, partition, key, &row);
        batch.put_row(Table::UserTokens, user.get(), session.get(), &row);
        (token, row)
    }

    /// A user's tokens, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, user: UserId) -> Result<Vec<TokenRow>, Error> {
        let rows = self.store.scan_rows(Table::UserTokens, user.get(), Range::all(10 * SESSIONS_MAX)).await?;
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// Adds the removal of a token to a batch; call [`Tokens::forget`] once it is committed.
    pub fn revoke(&self, batch: &mut Batch, row: &TokenRow) {
        if let Some(hash) = row_hash(row) {
            let (partition, key) = place(&hash);
            batch.delete(Table::Tokens, partition, key);
        }
        batch.delete(Table::UserTokens, row.user.get(), row.session.get());
    }

    /// Lets a batch fail unless a token is still there.
    pub fn require(&self, batch: &mut Batch, row: &TokenRow) {
        if let Some(hash) = row_hash(row) {
            let (partition, key) = place(&hash);
            batch.require_present(Table::Tokens, partition, key);
        }
    }

    /// Drops revoked tokens from the cache and tells the listeners.
    pub fn forget(&self, rows: &[TokenRow]) {
        let mut cache = self.lock();
        for hash in rows.iter().filter_map(row_hash) {
            cache.remove(&hash);
        }
        drop(cache);
        for row in rows {
            // Nobody listening is fine.
            let _listeners = self.revoked.send(Revoked { user: row.user, session: row.session });
        }
    }

    /// Tells of every revocation on this node from now on.
    pub fn revocations(&self) -> broadcast::Receiver<Revoked> {
        self.revoked.subscribe()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Cached>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn row_hash(row: &TokenRow) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    hex::decode_to_slice(&row.hash, &mut hash).ok().map(|()| hash)
}

//! Tokens at the edge: minted, presented, remembered. Their owner is that of the account ([`consort_rpc::account`]).
//!
//! A token is `base64url(user id).time.secret`: client libraries decode the first part to learn the bot's id, and the edge to
//! learn whom to ask. Only its SHA-256 is kept anywhere.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use consort_model::{ApiError, ApplicationId, AuthSessionId, Intents, UserId};
use consort_rpc::account::{self, Op};
pub use consort_rpc::account::{ClientInfo, Kind, TokenRow};
use consort_rpc::{Answer, Call, Caller, Client, Host, MeshRef, identity};
use consort_runtime::{ClockRef, random_bytes};
use sha2::{Digest as _, Sha256};

/// Tokens, and applications, remembered; beyond it all are forgotten and asked for again.
const CACHED_MAX: usize = 65_536;
/// How long one is believed without asking its owner. Owners say at once what is not true any more; this is for when their word is
/// lost with a node.
const CACHED_MS: u64 = 15_000;
/// Longest token that is looked up.
const TOKEN_BYTES_MAX: usize = 256;

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

/// Whose token something may be, and its hash in hexadecimal.
fn presented(token: &str) -> Option<(UserId, String)> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let user = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
    let user = std::str::from_utf8(&user).ok()?.parse().ok()?;
    Some((user, hex::encode(hash(token))))
}

/// A new token of a user; 58 characters or more.
pub fn mint(user: UserId, now_ms: u64) -> String {
    let id = URL_SAFE_NO_PAD.encode(user.to_string());
    let time = URL_SAFE_NO_PAD.encode(&(now_ms / 1000).to_be_bytes()[3..]);
    let secret = URL_SAFE_NO_PAD.encode(random_bytes::<36>());
    format!("{id}.{time}.{secret}")
}

/// A new token of a user: its secret text and its row, for the owner to add.
pub fn fresh(
    user: UserId,
    session: AuthSessionId,
    kind: Kind,
    now_ms: u64,
    expires_ms: Option<u64>,
    client: ClientInfo,
) -> (String, TokenRow) {
    let token = mint(user, now_ms);
    let hash = hex::encode(hash(&token));
    let row = TokenRow { user, session, kind, hash, created_ms: now_ms, expires_ms, client };
    (token, row)
}

/// What a node remembers until it is told otherwise, or for [`CACHED_MS`].
#[derive(Debug, Default)]
struct Memory {
    tokens: HashMap<String, (Arc<TokenRow>, u64)>,
    /// The privileged intents that applications do not have.
    lacking: HashMap<ApplicationId, (Intents, u64)>,
    /// Counts what was told: an answer that was on its way meanwhile is not remembered.
    told: u64,
}

/// Tokens as this node knows them.
pub struct Tokens {
    accounts: Client<account::Account>,
    clock: ClockRef,
    memory: Mutex<Memory>,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Host<identity::Identity> for Tokens {
    fn deliver(&self, _node: u64, call: Call<identity::Identity>) {
        let mut memory = self.lock();
        memory.told += 1;
        match call.op {
            identity::Op::Revoked { hashes } => {
                hashes.iter().for_each(|hash| drop(memory.tokens.remove(hash)))
            }
            identity::Op::Changed { application } => drop(memory.lacking.remove(&application)),
        }
        drop(memory);
        call.respond.send(Ok(consort_rpc::Answer::Empty));
    }
}

impl Tokens {
    /// This node's view of the tokens; owners tell it what it must forget.
    pub fn new(mesh: &MeshRef, clock: ClockRef) -> Arc<Self> {
        let tokens = Arc::new(Self { accounts: mesh.client(), clock, memory: Mutex::default() });
        mesh.host::<identity::Identity>(tokens.clone());
        tokens
    }

    /// Looks up what an `Authorization` header says; `None` when it is no valid token under that scheme.
    ///
    /// # Errors
    /// 503 when the owner cannot be asked.
    pub async fn authorize(&self, header: &str) -> Result<Option<Arc<TokenRow>>, ApiError> {
        let (scheme, token) = Scheme::split(header);
        Ok(self.find(token).await?.filter(|row| scheme.fits(&row.kind)))
    }

    /// Looks up a token, and remembers it.
    ///
    /// # Errors
    /// 503 when the owner cannot be asked.
    pub async fn find(&self, token: &str) -> Result<Option<Arc<TokenRow>>, ApiError> {
        let Some((user, hash)) = presented(token) else { return Ok(None) };
        let now_ms = self.clock.now_ms();
        let told = {
            let memory = self.lock();
            if let Some((row, _)) = memory.tokens.get(&hash).filter(|(_, until_ms)| *until_ms > now_ms) {
                return Ok(Some(row.clone()).filter(|row| row.works_at(now_ms)));
            }
            memory.told
        };
        let Some(row) = self.ask(user, hash.clone()).await? else { return Ok(None) };
        let row = Arc::new(row);
        let mut memory = self.lock();
        if memory.told == told {
            if memory.tokens.len() >= CACHED_MAX {
                memory.tokens.clear();
            }
            memory.tokens.insert(hash, (row.clone(), now_ms + CACHED_MS));
        }
        Ok(Some(row))
    }

    /// Looks up a token that is not expected again soon: one that begins a gateway session. It is not remembered, so that
    /// very many of those push out nobody else's.
    ///
    /// # Errors
    /// 503 when the owner cannot be asked.
    pub async fn find_once(&self, token: &str) -> Result<Option<TokenRow>, ApiError> {
        let Some((user, hash)) = presented(token) else { return Ok(None) };
        self.ask(user, hash).await
    }

    async fn ask(&self, user: UserId, hash: String) -> Result<Option<TokenRow>, ApiError> {
        match self.accounts.call(user.get(), Caller::system(), Op::Find { hash }).await {
            Ok(Answer::Token(row)) => Ok(Some(*row)),
            Ok(_) => {
                tracing::error!(%user, "an account's owner answers something else than was asked");
                Err(ApiError::internal())
            }
            Err(error) if error.status == 401 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The privileged intents an application is remembered not to have, or the mark for [`Tokens::remember_lacking`].
    pub(crate) fn lacking(&self, application: ApplicationId) -> Result<Intents, u64> {
        let now_ms = self.clock.now_ms();
        let memory = self.lock();
        let known = memory.lacking.get(&application).filter(|(_, until_ms)| *until_ms > now_ms);
        known.map(|(lacking, _)| *lacking).ok_or(memory.told)
    }

    /// Remembers it, unless something was told since the mark.
    pub(crate) fn remember_lacking(&self, application: ApplicationId, lacking: Intents, mark: u64) {
        let mut memory = self.lock();
        if memory.told != mark {
            return;
        }
        if memory.lacking.len() >= CACHED_MAX {
            memory.lacking.clear();
        }
        memory.lacking.insert(application, (lacking, self.clock.now_ms() + CACHED_MS));
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_whose_it_may_be() {
        let user = UserId::new(1_574_663_987_637_780_480);
        let token = mint(user, 1_790_000_000_000);
        assert_eq!(presented(&token), Some((user, hex::encode(hash(&token)))));
        for other in ["", ".", "x.y.z", "nonsense", &"a".repeat(300), "MTIz\u{e9}.x.y"] {
            assert_eq!(presented(other), None, "{other}");
        }
    }
}

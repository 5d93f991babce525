//! Who a token belongs to, as the gateway wants to know it.

use std::future::Future;
use std::pin::Pin;

use consort_model::{ApplicationId, UserId};

/// A future of an [`Authenticator`].
pub type AuthFuture<'a> = Pin<Box<dyn Future<Output = Result<Principal, AuthError>> + Send + 'a>>;

/// Knows tokens.
pub trait Authenticator: Send + Sync + 'static {
    /// Finds the account behind a token, which comes without the prefix `Bot `.
    ///
    /// # Errors
    /// See [`AuthError`].
    fn authenticate<'a>(&'a self, token: &'a str) -> AuthFuture<'a>;
}

/// The account behind a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The account.
    pub user: UserId,
    /// Whether it is a bot.
    pub bot: bool,
    /// The application of a bot.
    pub application: Option<ApplicationId>,
    /// The application's flags, with the privileged intents that are switched on (bits 12 to 15, 18 and 19).
    pub application_flags: u64,
    /// The login, so that a logout can close its sessions.
    pub auth_session: u64,
}

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Nobody's token: close code 4004, on which clients give up.
    #[error("the token is not valid")]
    Invalid,
    /// It cannot be said now: the client is to try again.
    #[error("tokens cannot be checked now")]
    Unavailable,
}

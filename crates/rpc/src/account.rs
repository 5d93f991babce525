//! The contract of an account's secrets: password and tokens. Names and everything that others see belong to [`user`](crate::user).
//!
//! Only the system asks: edges have found out who calls. Secrets themselves do not cross the seam, only their hashes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use consort_model::{ApplicationId, AuthSessionId, UserId};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Nothing, Service};

/// The service; its key is the account.
#[derive(Debug)]
pub enum Account {}

impl Service for Account {
    const NAME: &'static str = "account";
    type Op = Op;
    type News = Nothing;
}

impl From<Nothing> for Op {
    fn from(nothing: Nothing) -> Self {
        match nothing {}
    }
}

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Sets the first password and adds the first token, in one step. Refused (400) when there is a password already.
    Open { password: String, token: Box<TokenRow> },
    /// Answers the Argon2id hash as a text; 401 when there is none.
    Password,
    /// Sets another password. All logins but one end.
    SetPassword { password: String, keep: AuthSessionId },
    /// Adds tokens; the oldest beyond the limits end. With `using`, that token must still be there (404 otherwise) and is taken
    /// away in the same step, so that a code works once. With `alone`, all others of the account end.
    Add { tokens: Vec<TokenRow>, using: Option<AuthSessionId>, alone: bool },
    /// Looks up a token by its hash. Answers [`crate::Answer::Token`]; 401 when there is none or it has expired.
    Find { hash: String },
    /// Answers all tokens, oldest first.
    List,
    /// Takes tokens back; gateway sessions that began with them are closed.
    End { sessions: Vec<AuthSessionId> },
    /// Takes all tokens back, and the password.
    Close,
    /// The applications of the account. Answers their ids, oldest first.
    Applications,
    /// Adds an application to the list. Refused with 400/30... of the limit when there are too many.
    AddApplication { application: ApplicationId },
    /// Takes an application from the list.
    RemoveApplication { application: ApplicationId },
}

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

/// A token as it is kept: `Table::UserTokens`, partition the user, key the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    /// The account.
    pub user: UserId,
    /// The login; unique over all tokens.
    pub session: AuthSessionId,
    /// What it is for.
    pub kind: Kind,
    /// The token's SHA-256 in hexadecimal.
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
    pub fn works_at(&self, now_ms: u64) -> bool {
        self.expires_ms.is_none_or(|expires| expires > now_ms)
    }

    /// The public name of the login: a hash of the token's hash.
    pub fn id_hash(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.hash.as_bytes()))
    }
}

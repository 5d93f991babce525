//! OAuth2 (RFC 6749, RFC 7636): what an application may be granted, codes, access and refresh tokens.

pub mod grant;
pub mod scope;

use axum::response::{IntoResponse, Response};
use consort_model::{ApiError, ApplicationId, UserId};
use consort_rpc::account;
use http::StatusCode;
use serde_json::json;

use crate::token::{ClientInfo, Kind, TokenRow};
use crate::{App, Failure};

/// How long an authorisation code can be exchanged.
const CODE_MS: u64 = 10 * 60 * 1000;
/// How long an access token works, as its `expires_in` says.
pub const ACCESS_S: u64 = 604_800;
/// How long a refresh token works after its access token was made.
const REFRESH_MS: u64 = 90 * 24 * 3600 * 1000;

/// A refusal in the form of RFC 6749, section 5.2; the token endpoints answer nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OauthError(pub &'static str, pub &'static str);

impl IntoResponse for OauthError {
    fn into_response(self) -> Response {
        let Self(error, description) = self;
        let status =
            if error == "invalid_client" { StatusCode::UNAUTHORIZED } else { StatusCode::BAD_REQUEST };
        let body = json!({"error": error, "error_description": description}).to_string();
        crate::failure::with_body(status, body.into())
    }
}

/// Refused by the token endpoint, or a failure of the server.
#[derive(Debug)]
pub enum TokenFailure {
    /// As the RFC says it.
    Oauth(OauthError),
    /// As the rest of the API says it.
    Api(Failure),
}

impl From<OauthError> for TokenFailure {
    fn from(error: OauthError) -> Self {
        Self::Oauth(error)
    }
}

impl From<Failure> for TokenFailure {
    fn from(failure: Failure) -> Self {
        Self::Api(failure)
    }
}

impl From<ApiError> for TokenFailure {
    fn from(error: ApiError) -> Self {
        Self::Api(error.into())
    }
}

impl IntoResponse for TokenFailure {
    fn into_response(self) -> Response {
        match self {
            Self::Oauth(error) => error.into_response(),
            Self::Api(failure) => failure.into_response(),
        }
    }
}

/// What a token endpoint gives out.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The access token.
    pub access: String,
    /// The refresh token; client credentials get none.
    pub refresh: Option<String>,
    /// What both are good for.
    pub scopes: Vec<String>,
}

impl App {
    /// Makes a code for a person's consent.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn issue_code(&self, user: UserId, kind: Kind) -> Result<String, Failure> {
        let expires = Some(self.now_ms() + CODE_MS);
        let (code, row) = self.fresh_token(user, kind, expires, ClientInfo::default());
        self.ask_account(user, account::Op::Add { tokens: vec![row], using: None, alone: false }).await?;
        Ok(code)
    }

    /// Makes tokens for a person and an application, and takes `used` (a code, a refresh token) back in the same step, so
    /// that it works once.
    ///
    /// # Errors
    /// `invalid_grant` when `used` was used meanwhile.
    pub async fn issue_tokens(
        &self,
        user: UserId,
        application: ApplicationId,
        scopes: Vec<String>,
        used: Option<&TokenRow>,
        with_refresh: bool,
    ) -> Result<Issued, TokenFailure> {
        let now_ms = self.now_ms();
        let issue = |kind, lifetime_ms| {
            self.fresh_token(user, kind, Some(now_ms + lifetime_ms), ClientInfo::default())
        };
        let (access, row) = issue(Kind::Bearer { application, scopes: scopes.clone() }, ACCESS_S * 1000);
        let mut tokens = vec![row];
        let refresh = with_refresh.then(|| {
            let (refresh, row) = issue(Kind::Refresh { application, scopes: scopes.clone() }, REFRESH_MS);
            tokens.push(row);
            refresh
        });
        let op = account::Op::Add { tokens, using: used.map(|used| used.session), alone: false };
        match self.ask_account(user, op).await {
            Ok(_) => {}
            Err(Failure(error)) if error.status == 401 => {
                return Err(OauthError("invalid_grant", "It has been used.").into());
            }
            Err(failure) => return Err(failure.into()),
        }
        Ok(Issued { access, refresh, scopes })
    }

    /// Takes everything back that a person granted an application.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn revoke_grants(&self, user: UserId, application: ApplicationId) -> Result<(), Failure> {
        let rows = self.tokens_of(user).await?;
        let granted = rows
            .iter()
            .filter(|row| !matches!(row.kind, Kind::User | Kind::Bot { .. }))
            .filter(|row| row.application() == Some(application));
        self.end(user, granted).await
    }
}

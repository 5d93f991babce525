//! Who is calling.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use consort_model::limits::AUDIT_LOG_REASON_CHARS;
use consort_model::{ApiError, ApplicationId, Intents, UserId};
use consort_rpc::Caller;
use http::Method;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use crate::extract::Query;
use crate::token::{Kind, TokenRow};
use crate::{App, Failure};

/// What the edge found out before routing; in the extensions of every API request.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The token of the `Authorization` header, if it is valid.
    pub token: Option<Arc<TokenRow>>,
    /// The privileged intents that a bot's application does not have.
    pub lacks: Intents,
    /// The client's address.
    pub ip: IpAddr,
}

/// A person or a bot with a valid token; 401 otherwise. OAuth2 tokens are refused: see [`AnyAuth`].
#[derive(Debug, Clone)]
pub struct Auth {
    /// The token.
    pub token: Arc<TokenRow>,
    /// The decoded `X-Audit-Log-Reason`.
    pub reason: Option<String>,
    /// The privileged intents that a bot's application does not have.
    pub lacks: Intents,
}

impl Auth {
    /// The account.
    pub fn user_id(&self) -> UserId {
        self.token.user
    }

    /// Whether it is a bot.
    pub fn is_bot(&self) -> bool {
        self.token.is_bot()
    }

    /// The application of a bot or of an OAuth2 token.
    pub fn application(&self) -> Option<ApplicationId> {
        self.token.application()
    }

    /// The caller for an owner.
    pub fn caller(&self) -> Caller {
        Caller {
            user: self.token.user,
            bot: self.token.is_bot(),
            application: self.token.application(),
            reason: self.reason.clone(),
            system: false,
            lacks: self.lacks,
        }
    }

    /// Refuses a bot whose application does not have a privileged intent (Gateway, "HTTP Restrictions").
    ///
    /// # Errors
    /// 403/50001.
    pub fn require_intent(&self, intent: Intents) -> Result<(), Failure> {
        if self.lacks.contains(intent) { Err(Failure(ApiError::missing_access())) } else { Ok(()) }
    }

    fn read(parts: &Parts) -> Result<Option<Self>, Failure> {
        let Some(identity) = parts.extensions.get::<Identity>() else { return Ok(None) };
        let Some(token) = identity.token.clone() else { return Ok(None) };
        Ok(Some(Self { token, reason: reason(parts)?, lacks: identity.lacks }))
    }
}

/// In the extensions of requests of API v9.
#[derive(Debug, Clone, Copy)]
pub(crate) struct V9;

/// Reads `X-Audit-Log-Reason`: percent-encoded UTF-8; empty is none. Version 9 takes `?reason=` as well (Change Log of
/// 2022-02-14: taken away in version 10; discordgo and detritus send it).
fn reason(parts: &Parts) -> Result<Option<String>, ApiError> {
    let header = parts.headers.get("x-audit-log-reason").map(|header| {
        let raw = String::from_utf8_lossy(header.as_bytes());
        percent_decode_str(&raw).decode_utf8_lossy().into_owned()
    });
    let query = || {
        parts.extensions.get::<V9>().filter(|_| parts.method != Method::GET)?;
        let pairs = Query::parse(parts.uri.query()?.as_bytes());
        pairs.into_iter().find_map(|(key, value)| (key == "reason").then_some(value))
    };
    let Some(reason) = header.or_else(query) else { return Ok(None) };
    let reason = consort_model::validate::line(&reason);
    if reason.chars().count() > *AUDIT_LOG_REASON_CHARS.end() {
        let message = "Must be between 1 and 512 in length.";
        return Err(ApiError::invalid_field("X-Audit-Log-Reason", "BASE_TYPE_BAD_LENGTH", message));
    }
    Ok((!reason.is_empty()).then_some(reason))
}

/// A valid token of any kind, OAuth2 included. What it may see is up to [`AnyAuth::require_scope`].
#[derive(Debug, Clone)]
pub struct AnyAuth(pub Auth);

impl AnyAuth {
    /// Whether the token may do what a scope stands for. People and bots may do everything.
    pub fn has_scope(&self, scope: &str) -> bool {
        match &self.0.token.kind {
            Kind::User | Kind::Bot { .. } => true,
            Kind::Bearer { scopes, .. } => scopes.iter().any(|granted| granted == scope),
            Kind::Refresh { .. } | Kind::Code { .. } => false,
        }
    }

    /// As [`AnyAuth::has_scope`].
    ///
    /// # Errors
    /// 403/50026 when the scope was not granted.
    pub fn require_scope(&self, scope: &str) -> Result<(), Failure> {
        if self.has_scope(scope) { Ok(()) } else { Err(Failure(ApiError::missing_scope())) }
    }
}

/// A person; bots get 403/20001.
#[derive(Debug, Clone)]
pub struct UserAuth(pub Auth);

/// A bot; people get 403/20002.
#[derive(Debug, Clone)]
pub struct BotAuth(pub Auth);

/// Whoever it is, be it nobody: wrong tokens count as none.
#[derive(Debug, Clone)]
pub struct MaybeAuth(pub Option<Auth>);

macro_rules! deref {
    ($($name:ident)*) => {$(
        impl std::ops::Deref for $name {
            type Target = Auth;

            fn deref(&self) -> &Auth {
                &self.0
            }
        }
    )*};
}
deref!(AnyAuth UserAuth BotAuth);

impl FromRequestParts<Arc<App>> for AnyAuth {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Failure> {
        Auth::read(parts)?.map(Self).ok_or(Failure(ApiError::unauthorized()))
    }
}

impl FromRequestParts<Arc<App>> for Auth {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let AnyAuth(auth) = AnyAuth::from_request_parts(parts, app).await?;
        match auth.token.kind {
            Kind::User | Kind::Bot { .. } => Ok(auth),
            Kind::Bearer { .. } | Kind::Refresh { .. } | Kind::Code { .. } => {
                Err(Failure(ApiError::missing_scope()))
            }
        }
    }
}

impl FromRequestParts<Arc<App>> for UserAuth {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let auth = Auth::from_request_parts(parts, app).await?;
        if auth.is_bot() { Err(Failure(ApiError::bots_not_allowed())) } else { Ok(Self(auth)) }
    }
}

impl FromRequestParts<Arc<App>> for BotAuth {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
        let auth = Auth::from_request_parts(parts, app).await?;
        if auth.is_bot() { Ok(Self(auth)) } else { Err(Failure(ApiError::only_bots_allowed())) }
    }
}

impl FromRequestParts<Arc<App>> for MaybeAuth {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Failure> {
        Auth::read(parts).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Option<String>, ApiError> {
        let mut request = http::Request::new(());
        let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
        request.headers_mut().insert("x-audit-log-reason", value);
        reason(&request.into_parts().0)
    }

    #[test]
    fn version_9_takes_the_reason_from_the_query() {
        let read = |method, v9: bool| {
            let mut request =
                http::Request::builder().method(method).uri("/x?a=1&reason=caf%C3%A9+x").body(()).unwrap();
            if v9 {
                request.extensions_mut().insert(V9);
            }
            reason(&request.into_parts().0).unwrap()
        };
        assert_eq!(read(Method::PUT, true).as_deref(), Some("café x"));
        assert_eq!(read(Method::PUT, false), None);
        assert_eq!(read(Method::GET, true), None);
    }

    #[test]
    fn reasons_are_decoded_and_bounded_in_characters() {
        assert_eq!(read("caf%C3%A9%20x").unwrap().as_deref(), Some("café x"));
        assert_eq!(read("plain text").unwrap().as_deref(), Some("plain text"));
        assert_eq!(read("%20").unwrap(), None);
        assert_eq!(read(&"%C3%A9".repeat(512)).unwrap().unwrap().chars().count(), 512);
        assert_eq!(read(&"a".repeat(513)).unwrap_err().code, 50035);
    }
}

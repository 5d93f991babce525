//! Who the gateway's tokens belong to: the edge's lookup, and the application's flags.

use std::sync::Arc;

use consort_gateway::{AuthError, AuthFuture, Authenticator, Principal};
use consort_rest::App;
use consort_rest::token::Kind;

/// The edge's tokens for the gateway.
#[derive(Debug)]
pub struct Tokens(pub Arc<App>);

impl Authenticator for Tokens {
    fn authenticate<'a>(&'a self, token: &'a str) -> AuthFuture<'a> {
        Box::pin(async move {
            let found = self.0.tokens.find_once(token).await.map_err(|error| {
                tracing::warn!(%error, "a token cannot be checked");
                AuthError::Unavailable
            })?;
            let row = found.ok_or(AuthError::Invalid)?;
            let application = match row.kind {
                Kind::User => None,
                Kind::Bot { application } => Some(application),
                // OAuth2 tokens open no sessions.
                Kind::Bearer { .. } | Kind::Refresh { .. } | Kind::Code { .. } => {
                    return Err(AuthError::Invalid);
                }
            };
            let application_flags = match application {
                Some(id) => self.0.application(id).await.map_err(|_| AuthError::Unavailable)?.flags,
                None => 0,
            };
            Ok(Principal {
                user: row.user,
                bot: row.is_bot(),
                application,
                application_flags,
                auth_session: row.session.get(),
            })
        })
    }
}

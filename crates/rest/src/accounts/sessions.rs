//! Logins of a person: made, listed, ended.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use consort_model::{AuthSessionId, UserId};
use consort_rpc::{Caller, user};
use consort_store::Batch;
use http::HeaderMap;
use http::header::USER_AGENT;
use serde_json::Value;

use crate::token::{ClientInfo, Kind, SESSIONS_MAX, TokenRow};
use crate::{App, Failure};

/// Reads what a client says of itself: `X-Super-Properties` (base64 of JSON with `os` and `browser`, as user clients
/// send it), else the user agent.
pub fn client_info(headers: &HeaderMap) -> ClientInfo {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let properties = text("x-super-properties")
        .filter(|encoded| encoded.len() <= 4096)
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .and_then(|json| serde_json::from_slice::<Value>(&json).ok());
    let property = |name: &str| {
        let value = properties.as_ref()?.get(name)?.as_str()?;
        Some(value.chars().take(64).collect::<String>()).filter(|value| !value.is_empty())
    };
    let agent = text(USER_AGENT.as_str()).unwrap_or_default();
    let known =
        |names: &[&str]| names.iter().find(|name| agent.contains(**name)).map(|name| (*name).to_owned());
    ClientInfo {
        os: property("os").or_else(|| known(&["Windows", "Android", "iPhone", "Mac OS", "Linux"])),
        platform: property("browser").or_else(|| known(&["Firefox", "Edg", "Chrome", "Safari"])),
    }
}

impl App {
    /// Adds a login of a person to a batch and returns its token.
    pub fn add_login(&self, batch: &mut Batch, user: UserId, client: ClientInfo) -> String {
        let session = AuthSessionId::new(self.next_id());
        self.tokens.issue(batch, user, session, Kind::User, None, client).0
    }

    /// Logs a person in. The oldest logins beyond [`SESSIONS_MAX`] end.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn log_in(&self, user: UserId, client: ClientInfo) -> Result<String, Failure> {
        let logins = self.logins(user).await?;
        let surplus = (logins.len() + 1).saturating_sub(SESSIONS_MAX);
        let mut batch = Batch::new();
        for row in &logins[..surplus] {
            self.tokens.revoke(&mut batch, row);
        }
        let token = self.add_login(&mut batch, user, client);
        self.store.commit(batch).await?;
        self.revoked(&logins[..surplus]);
        Ok(token)
    }

    /// A person's logins, oldest first.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn logins(&self, user: UserId) -> Result<Vec<TokenRow>, Failure> {
        let rows = self.tokens.list(user).await?;
        Ok(rows.into_iter().filter(|row| row.kind == Kind::User).collect())
    }

    /// Ends logins, or takes tokens back: they stop working, their gateway sessions are closed.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn end(&self, rows: &[TokenRow]) -> Result<(), Failure> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut batch = Batch::new();
        for row in rows {
            self.tokens.revoke(&mut batch, row);
        }
        self.store.commit(batch).await?;
        self.revoked(rows);
        Ok(())
    }

    /// Tells everybody that tokens have stopped working, after that was committed.
    pub(crate) fn revoked(&self, rows: &[TokenRow]) {
        self.tokens.forget(rows);
        let mut sessions: BTreeMap<UserId, Vec<u64>> = BTreeMap::new();
        for row in rows {
            sessions.entry(row.user).or_default().push(row.session.get());
        }
        for (user, auth_sessions) in sessions {
            let op = user::Op::Account(user::account::Op::LoggedOut { auth_sessions });
            if let Err(error) = self.users.cast(user.get(), Caller::system(), op) {
                // The tokens are dead; only sockets that are open stay so until their session ends.
                tracing::warn!(%error, "sessions of ended logins could not be closed");
            }
        }
    }

    /// Ends every login of a person but one: after a change of the password.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn end_other_logins(&self, user: UserId, keep: AuthSessionId) -> Result<(), Failure> {
        let others: Vec<_> = self.logins(user).await?.into_iter().filter(|row| row.session != keep).collect();
        self.end(&others).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_named_by_what_they_say() {
        let mut headers = HeaderMap::new();
        assert_eq!(client_info(&headers), ClientInfo::default());
        headers.insert(USER_AGENT, "Mozilla/5.0 (X11; Linux x86_64) Firefox/140".parse().unwrap());
        let info = client_info(&headers);
        assert_eq!((info.os.as_deref(), info.platform.as_deref()), (Some("Linux"), Some("Firefox")));
        let properties = STANDARD.encode(r#"{"os":"Plan 9","browser":"Mothra"}"#);
        headers.insert("x-super-properties", properties.parse().unwrap());
        let info = client_info(&headers);
        assert_eq!((info.os.as_deref(), info.platform.as_deref()), (Some("Plan 9"), Some("Mothra")));
        headers.insert("x-super-properties", "%%%".parse().unwrap());
        assert_eq!(client_info(&headers).os.as_deref(), Some("Linux"));
    }
}

//! Logins of a person: made, listed, ended.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use consort_model::{AuthSessionId, UserId};
use consort_rpc::account::Op;
use http::HeaderMap;
use http::header::USER_AGENT;
use serde_json::Value;

use crate::reply::read;
use crate::token::{self, ClientInfo, Kind, TokenRow};
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
    /// A new token: its secret text, and its row for the owner.
    pub(crate) fn fresh_token(
        &self,
        user: UserId,
        kind: Kind,
        expires_ms: Option<u64>,
        client: ClientInfo,
    ) -> (String, TokenRow) {
        let session = AuthSessionId::new(self.next_id());
        token::fresh(user, session, kind, self.now_ms(), expires_ms, client)
    }

    /// Logs a person in. The oldest logins beyond a limit end.
    ///
    /// # Errors
    /// 503 when the owner cannot be asked.
    pub async fn log_in(&self, user: UserId, client: ClientInfo) -> Result<String, Failure> {
        let (token, row) = self.fresh_token(user, Kind::User, None, client);
        self.ask_account(user, Op::Add { tokens: vec![row], using: None, alone: false }).await?;
        Ok(token)
    }

    /// An account's tokens, oldest first.
    ///
    /// # Errors
    /// 503 when the owner cannot be asked.
    pub async fn tokens_of(&self, user: UserId) -> Result<Vec<TokenRow>, Failure> {
        Ok(read(&self.ask_account(user, Op::List).await?)?)
    }

    /// A person's logins, oldest first.
    ///
    /// # Errors
    /// 503 when the owner cannot be asked.
    pub async fn logins(&self, user: UserId) -> Result<Vec<TokenRow>, Failure> {
        let rows = self.tokens_of(user).await?;
        Ok(rows.into_iter().filter(|row| row.kind == Kind::User).collect())
    }

    /// Ends logins, or takes tokens of one account back: they stop working, their gateway sessions are closed.
    ///
    /// # Errors
    /// 503 when the owner cannot be asked.
    pub async fn end<'a>(
        &self,
        user: UserId,
        rows: impl IntoIterator<Item = &'a TokenRow>,
    ) -> Result<(), Failure> {
        let sessions: Vec<_> = rows.into_iter().map(|row| row.session).collect();
        if !sessions.is_empty() {
            self.ask_account(user, Op::End { sessions }).await?;
        }
        Ok(())
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

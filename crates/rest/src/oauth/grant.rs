//! The token endpoint's grants.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use consort_model::{Application, ApplicationId};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Issued, OauthError, TokenFailure, scope};
use crate::App;
use crate::token::Kind;

const NO_CLIENT: OauthError = OauthError("invalid_client", "Invalid client credentials.");
const NO_GRANT: OauthError = OauthError("invalid_grant", "Invalid code or refresh token.");

fn field<'a>(form: &'a Value, name: &str) -> Option<&'a str> {
    form.get(name)?.as_str().filter(|text| !text.is_empty())
}

/// Id and secret of the client: Basic, or in the form.
fn client(headers: &HeaderMap, form: &Value) -> Option<(ApplicationId, Option<String>)> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(basic) = header.and_then(|header| header.strip_prefix("Basic ")) {
        let decoded = String::from_utf8(STANDARD.decode(basic.trim()).ok()?).ok()?;
        let (id, secret) = decoded.split_once(':')?;
        return Some((id.parse().ok()?, Some(secret.to_owned())));
    }
    Some((field(form, "client_id")?.parse().ok()?, field(form, "client_secret").map(str::to_owned)))
}

/// Whether a verifier fits a challenge (RFC 7636, section 4.6). Without a challenge none is needed.
fn verifies(challenge: Option<&str>, verifier: Option<&str>) -> bool {
    match challenge {
        None => true,
        Some(challenge) => verifier.is_some_and(|verifier| match challenge.strip_prefix("plain:") {
            Some(plain) => plain == verifier,
            None => challenge == URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())),
        }),
    }
}

impl App {
    /// Finds the client of a token request. A public one (with PKCE) has no secret.
    ///
    /// # Errors
    /// `invalid_client`.
    pub async fn oauth_client(
        &self,
        headers: &HeaderMap,
        form: &Value,
        may_be_public: bool,
    ) -> Result<Application, TokenFailure> {
        let (id, secret) = client(headers, form).ok_or(NO_CLIENT)?;
        let application = match self.application(id).await {
            Ok(application) => application,
            Err(failure) if failure.0.status == 404 => return Err(NO_CLIENT.into()),
            Err(failure) => return Err(failure.into()),
        };
        let right = match secret {
            Some(secret) => self.check_secret(id, &secret).await?,
            None => may_be_public,
        };
        if right { Ok(application) } else { Err(NO_CLIENT.into()) }
    }

    /// Answers a token request.
    ///
    /// # Errors
    /// See [`TokenFailure`].
    pub async fn grant(&self, headers: &HeaderMap, form: &Value) -> Result<Issued, TokenFailure> {
        match field(form, "grant_type") {
            Some("authorization_code") => {
                let verifier = field(form, "code_verifier");
                let client = self.oauth_client(headers, form, verifier.is_some()).await?;
                self.grant_code(&client, form, verifier).await
            }
            Some("refresh_token") => {
                let client = self.oauth_client(headers, form, false).await?;
                self.grant_refresh(&client, form).await
            }
            Some("client_credentials") => {
                let client = self.oauth_client(headers, form, false).await?;
                let scopes = field(form, "scope").and_then(scope::parse);
                let scopes = scopes.ok_or(OauthError("invalid_scope", "The scope is invalid or unknown."))?;
                self.issue_tokens(client.owner.id, client.id, scopes, None, false).await
            }
            _ => Err(OauthError("unsupported_grant_type", "Grant type is not supported.").into()),
        }
    }

    async fn grant_code(
        &self,
        client: &Application,
        form: &Value,
        verifier: Option<&str>,
    ) -> Result<Issued, TokenFailure> {
        let code = self.tokens.find(field(form, "code").ok_or(NO_GRANT)?).await?.ok_or(NO_GRANT)?;
        let Kind::Code { application, scopes, redirect_uri, challenge } = &code.kind else {
            return Err(NO_GRANT.into());
        };
        let has_secret = client_has_secret(form, verifier);
        let fits = *application == client.id
            && field(form, "redirect_uri") == Some(redirect_uri.as_str())
            && verifies(challenge.as_deref(), verifier)
            // A client without a secret proves itself with the verifier, so there must have been a challenge.
            && (has_secret || challenge.is_some());
        if !fits {
            return Err(NO_GRANT.into());
        }
        self.issue_tokens(code.user, client.id, scopes.clone(), Some(&code), true).await
    }

    async fn grant_refresh(&self, client: &Application, form: &Value) -> Result<Issued, TokenFailure> {
        let token = field(form, "refresh_token").ok_or(NO_GRANT)?;
        let row = self.tokens.find(token).await?.ok_or(NO_GRANT)?;
        match &row.kind {
            Kind::Refresh { application, scopes } if *application == client.id => {
                self.issue_tokens(row.user, client.id, scopes.clone(), Some(&row), true).await
            }
            _ => Err(NO_GRANT.into()),
        }
    }
}

/// Whether the client was identified by more than its public id. Basic always is; a form without a secret only came this far
/// with a verifier.
fn client_has_secret(form: &Value, verifier: Option<&str>) -> bool {
    verifier.is_none() || field(form, "client_secret").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn clients_name_themselves_by_basic_or_in_the_form() {
        let mut headers = HeaderMap::new();
        let form = json!({"client_id": "5", "client_secret": "s"});
        assert_eq!(client(&headers, &form), Some((ApplicationId::new(5), Some("s".to_owned()))));
        headers.insert(AUTHORIZATION, format!("Basic {}", STANDARD.encode("7:a:b")).parse().unwrap());
        assert_eq!(client(&headers, &form), Some((ApplicationId::new(7), Some("a:b".to_owned()))));
        headers.insert(AUTHORIZATION, "Basic %".parse().unwrap());
        assert_eq!(client(&headers, &form), None);
    }

    #[test]
    fn a_verifier_fits_its_challenge() {
        // The example of RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(verifies(Some(challenge), Some(verifier)));
        assert!(!verifies(Some(challenge), Some("other")));
        assert!(!verifies(Some(challenge), None));
        assert!(verifies(Some("plain:x"), Some("x")) && verifies(None, None));
    }
}

//! Interactions that are posted to the application instead of being sent over the gateway ("Receiving and Responding", "Security and
//! Authorization").
//!
//! Each post is signed with the application's key (Ed25519, over the time and the body). The answer to it is the first answer to
//! the interaction; 202 says that one will come by the callback. An application that names an address must show that it looks
//! at signatures: a ping with a right one is to be answered, one with a wrong one refused.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest as _, Request};
use bytes::Bytes;
use consort_cdn::{Posted, Refusal};
use consort_model::{ApiError, ApplicationId, InteractionId};
use consort_rpc::application::Op;
use http::header::CONTENT_TYPE;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use super::{Token, mint};
use crate::extract::Upload;
use crate::reply::read;
use crate::{App, Failure};

/// How long an application has for its answer.
const ANSWER: Duration = Duration::from_secs(3);
/// Bytes of an answer, files included.
const ANSWER_BYTES_MAX: usize = 25 << 20;
/// The kind of a ping, and of the answer to it.
const PING: u64 = 1;
/// Bytes of a key's seed.
const SEED_BYTES: usize = 32;

impl App {
    /// The key that signs what is posted to an application.
    pub(crate) async fn signing_key(&self, application: ApplicationId) -> Result<Ed25519KeyPair, Failure> {
        let fresh = consort_runtime::random_bytes::<SEED_BYTES>();
        let op =
            Op::SigningKey { seed: hex::encode(fresh), verify_key: hex::encode(key(&fresh)?.public_key()) };
        let kept: String = read(&self.ask_application(application, op).await?)?;
        let seed = hex::decode(kept).map_err(|_| ApiError::internal())?;
        Ok(key(&seed)?)
    }

    /// Posts a signed body. `forged`: with a signature that is wrong.
    async fn post_signed(
        &self,
        key: &Ed25519KeyPair,
        url: &str,
        body: &Value,
        forged: bool,
    ) -> Result<Posted, Refusal> {
        let (timestamp, body) = ((self.now_ms() / 1000).to_string(), Bytes::from(body.to_string()));
        let signed = [timestamp.as_bytes(), &body].concat();
        let mut signature = key.sign(&signed).as_ref().to_vec();
        if forged {
            signature[0] ^= 1;
        }
        let headers = [("x-signature-ed25519", hex::encode(signature)), ("x-signature-timestamp", timestamp)];
        self.media.outgoing().post(url, &headers, body, (ANSWER_BYTES_MAX, ANSWER)).await
    }

    /// Looks whether an application answers at an address, and only to what is signed.
    ///
    /// # Errors
    /// 400/50035 when it does not.
    pub(crate) async fn verify_endpoint(&self, application: ApplicationId, url: &str) -> Result<(), Failure> {
        let key = self.signing_key(application).await?;
        let id = InteractionId::new(self.next_id());
        let ping = json!({
            "id": id, "application_id": application, "type": PING, "token": mint(application, id), "version": 1,
        });
        let wrong = |what: &str| {
            let message = format!("The specified interactions endpoint url could not be verified: {what}.");
            let code = "APPLICATION_INTERACTIONS_ENDPOINT_INVALID";
            Failure(ApiError::invalid_field("interactions_endpoint_url", code, message))
        };
        let answered = self.post_signed(&key, url, &ping, false).await;
        let answered = answered.map_err(|refusal| wrong(&refusal.to_string()))?;
        let pong: Value = serde_json::from_slice(&answered.body).unwrap_or_default();
        if answered.status != 200 || pong["type"] != PING {
            return Err(wrong("a ping must be answered 200 with {\"type\": 1}"));
        }
        let refused = self.post_signed(&key, url, &ping, true).await;
        let refused = refused.map_err(|refusal| wrong(&refusal.to_string()))?;
        match refused.status {
            401 => Ok(()),
            _ => Err(wrong("a wrong signature must be answered 401")),
        }
    }

    /// Posts an interaction to its application and takes the answer in. Whoever gives none in time has failed, and its person is
    /// told so by the owner of the interaction.
    pub(super) async fn deliver_over_http(
        self: &Arc<Self>,
        application: ApplicationId,
        url: &str,
        token: &str,
        payload: &Value,
    ) -> Result<(), Failure> {
        let key = self.signing_key(application).await?;
        let posted = match self.post_signed(&key, url, payload, false).await {
            Ok(posted) => posted,
            Err(refusal) => {
                tracing::debug!(%application, %refusal, "an application could not be reached");
                return Ok(());
            }
        };
        if posted.status != 200 {
            tracing::debug!(%application, status = posted.status, "an application gave no answer to an interaction");
            return Ok(());
        }
        let request = Request::post("/").header(CONTENT_TYPE, posted.content_type);
        let request = request.body(Body::from(posted.body)).map_err(|_| ApiError::bad_request())?;
        let upload = Upload::from_request(request, self).await?;
        let token = Token::read(token).ok_or_else(ApiError::internal)?;
        self.respond(token, upload).await?;
        Ok(())
    }
}

fn key(seed: &[u8]) -> Result<Ed25519KeyPair, ApiError> {
    Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| ApiError::internal())
}

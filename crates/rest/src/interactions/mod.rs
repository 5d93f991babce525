//! Interactions: a person uses a command or a component, the application answers ("Receiving and Responding").
//!
//! An interaction belongs to the owner of its application, for a quarter of an hour. Its token, which is all an answer needs, names
//! both and is kept as a hash. Interactions reach an application over the
//! gateway, or are posted to the address it names ([`http`]).
//!
//! [`start`] makes one, [`respond`] takes the first answer, [`followup`] what comes after it. Messages only the person may
//! see are in [`ephemeral`]. What a person sends is held against what the application declared before it is passed on:
//! [`options`] of commands, [`select`] of messages, [`modal`] forms; [`resolved`] looks up what ids stand for.

pub mod context;
pub mod data;
pub mod ephemeral;
pub mod followup;
pub mod http;
pub mod modal;
pub mod named;
pub mod options;
pub mod resolved;
pub mod respond;
pub mod select;
pub mod start;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use consort_model::{ApiError, ApplicationId, InteractionId};
use consort_rpc::Answer;
use consort_rpc::application::{Interaction, InteractionOp, Op};
use consort_runtime::random_token;

use crate::reply::read;
use crate::{App, Failure};

/// Kinds of interactions.
pub mod kind {
    /// A command is used.
    pub const COMMAND: u8 = 2;
    /// A button or select is used.
    pub const COMPONENT: u8 = 3;
    /// A command is typed.
    pub const AUTOCOMPLETE: u8 = 4;
    /// A form is sent.
    pub const MODAL: u8 = 5;
}

const TOKEN_PREFIX: &str = "interaction:";

/// What the token of an interaction says, and its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Who owns the interaction.
    pub application: ApplicationId,
    /// Which it is.
    pub interaction: InteractionId,
    /// SHA-256 of the token in hexadecimal.
    pub hash: String,
}

/// A token for an interaction. Answers and followups name no more than it, so it holds both ids.
fn mint(application: ApplicationId, id: InteractionId) -> String {
    URL_SAFE_NO_PAD.encode(format!("{TOKEN_PREFIX}{application}:{id}:{}", random_token(64)))
}

impl Token {
    /// Reads a token; `None` when it is that of a webhook.
    pub fn read(token: &str) -> Option<Self> {
        if token.len() > 256 {
            return None;
        }
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let mut parts = text.strip_prefix(TOKEN_PREFIX)?.split(':');
        let (application, interaction) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { application, interaction, hash: token_hash(token) })
    }
}

fn token_hash(token: &str) -> String {
    hex::encode(crate::token::hash(token))
}

impl App {
    pub(crate) async fn ask_interaction(
        &self,
        application: ApplicationId,
        op: InteractionOp,
    ) -> Result<Answer, Failure> {
        self.ask_application(application, Op::Interaction(op)).await.map_err(|Failure(error)| {
            // Whoever holds a token of an application that is gone holds nothing.
            if error.code == ApiError::unknown_application().code {
                return Failure(ApiError::unknown_interaction());
            }
            Failure(error)
        })
    }

    /// Reads an interaction by its token.
    ///
    /// # Errors
    /// 404/10062 when there is none or its time is over.
    pub(crate) async fn interaction(&self, of: &Token) -> Result<Interaction, Failure> {
        let op = InteractionOp::Get { interaction: of.interaction, hash: Some(of.hash.clone()) };
        Ok(read(&self.ask_interaction(of.application, op).await?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_interaction_and_a_webhooks_does_not() {
        let id = InteractionId::new(1_574_663_987_637_780_480);
        let application = ApplicationId::new(7);
        let token = mint(application, id);
        let read = Token::read(&token).unwrap();
        assert_eq!((read.application, read.interaction, read.hash), (application, id, token_hash(&token)));
        assert_ne!(mint(application, id), token);
        for other in ["", "x", &random_token(68), &URL_SAFE_NO_PAD.encode("interaction:1:y")] {
            assert_eq!(Token::read(other), None, "{other}");
        }
    }
}

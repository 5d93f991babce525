//! What comes after the first answer: the routes of webhooks, with the token of an interaction.

use consort_model::request::message::{CreateMessage, FLAG_EPHEMERAL};
use consort_model::{ApiError, MessageId};
use consort_rpc::Caller;
use consort_rpc::application::{Interaction, InteractionOp, Settled, State};
use consort_rpc::message::Op;
use serde_json::{Value, json};

use super::Token;
use super::context::read;
use crate::{Answered, App, Failure, Upload, empty, json as answer_json};

/// Which message is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The one that answered first (`@original`).
    Original,
    /// One by its id.
    Id(MessageId),
}

impl App {
    /// The interaction of a token in the path of a webhook's route.
    ///
    /// # Errors
    /// 401/50027 when its time is over, 404/10015 when it was not answered yet.
    async fn answered(&self, token: &str) -> Result<(Token, Interaction), Failure> {
        let token = Token::read(token).ok_or_else(ApiError::unknown_webhook)?;
        let row = self.interaction(&token).await.map_err(|failure| match failure.0.code {
            10062 => Failure(ApiError::invalid_webhook_token()),
            _ => failure,
        })?;
        if row.state == State::Pending { Err(Failure(ApiError::unknown_webhook())) } else { Ok((token, row)) }
    }

    /// Posts a followup; the first after a deferred answer is that answer.
    ///
    /// # Errors
    /// As those of posting, and 401/50027 when the token's time is over.
    pub async fn follow_up(&self, token: &str, upload: Upload) -> Answered {
        let (token, mut row) = self.answered(token).await?;
        if row.state == State::Deferred {
            return Ok(answer_json(&self.complete(&token, upload).await?));
        }
        let body = CreateMessage::parse(&upload.payload)?;
        let ephemeral = body.flags & FLAG_EPHEMERAL != 0;
        if let Some(original) = row.original {
            row.metadata["original_response_message_id"] = json!(original);
        }
        Ok(answer_json(&self.post_for(&row, body, upload, ephemeral).await?))
    }

    /// Posts the message that was promised. Whether others see it was said with the promise.
    async fn complete(&self, token: &Token, upload: Upload) -> Result<Value, Failure> {
        let op = InteractionOp::ClaimDeferred { interaction: token.interaction, hash: token.hash.clone() };
        let row: Interaction = read(&self.ask_interaction(token.application, op).await?)?;
        let posted = match CreateMessage::parse(&upload.payload) {
            Ok(body) => self.post_for(&row, body, upload, row.ephemeral).await,
            Err(error) => Err(error.into()),
        };
        let Ok(message) = &posted else {
            self.unclaim(&row).await?;
            return posted;
        };
        let original = message["id"].as_str().and_then(|id| id.parse().ok());
        let settled =
            Settled { state: State::Answered, ephemeral: row.ephemeral, original, form: None, told: false };
        self.settle(&row, settled, None).await?;
        posted
    }

    fn id_of(row: &Interaction, which: Which) -> Result<MessageId, Failure> {
        match which {
            Which::Original => Ok(row.original.ok_or_else(ApiError::unknown_message)?),
            Which::Id(id) => Ok(id),
        }
    }

    /// Answers a message of an interaction.
    ///
    /// # Errors
    /// 404/10008 when there is none.
    pub async fn show_answer(&self, token: &str, which: Which) -> Answered {
        let (_, row) = self.answered(token).await?;
        let id = Self::id_of(&row, which)?;
        if let Some(message) = self.ephemeral(row.application, id, row.user).await? {
            return Ok(answer_json(&self.with_addresses(message)?));
        }
        let message: Value = read(&self.own_message(&row, id).await?)?;
        Ok(answer_json(&message))
    }

    /// Changes a message of an interaction; one that was promised is posted.
    ///
    /// # Errors
    /// As those of editing.
    pub async fn change_answer(&self, token: &str, which: Which, upload: Upload) -> Answered {
        let (token, row) = self.answered(token).await?;
        if row.state == State::Deferred && which == Which::Original {
            return Ok(answer_json(&self.complete(&token, upload).await?));
        }
        let id = Self::id_of(&row, which)?;
        Ok(answer_json(&self.edit_answer(&row, id, upload).await?))
    }

    /// Deletes a message of an interaction.
    ///
    /// # Errors
    /// 404/10008 when there is none.
    pub async fn remove_answer(&self, token: &str, which: Which) -> Answered {
        let (_, row) = self.answered(token).await?;
        let id = Self::id_of(&row, which)?;
        if self.ephemeral(row.application, id, row.user).await?.is_some() {
            self.remove_ephemeral(&row, id).await?;
            return Ok(empty());
        }
        self.own_message(&row, id).await?;
        self.call_message(row.channel, Caller::system(), Op::Delete { message: id }).await??;
        Ok(empty())
    }
}

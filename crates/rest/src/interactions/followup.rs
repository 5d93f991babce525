//! What comes after the first answer: the routes of webhooks, with the token of an interaction.

use consort_model::request::message::{CreateMessage, FLAG_EPHEMERAL};
use consort_model::{ApiError, MessageId};
use consort_rpc::Caller;
use consort_rpc::message::Op;
use serde_json::{Value, json};

use super::context::read;
use super::{Held, State, of_token};
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
    async fn answered(&self, token: &str) -> Result<Held, Failure> {
        let id = of_token(token).ok_or_else(ApiError::unknown_webhook)?;
        let held = self.interaction(id, token).await.map_err(|failure| match failure.0.code {
            10062 => Failure(ApiError::invalid_webhook_token()),
            _ => failure,
        })?;
        if held.row.state == State::Pending { Err(Failure(ApiError::unknown_webhook())) } else { Ok(held) }
    }

    /// Posts a followup; the first after a deferred answer is that answer.
    ///
    /// # Errors
    /// As those of posting, and 401/50027 when the token's time is over.
    pub async fn follow_up(&self, token: &str, upload: Upload) -> Answered {
        let mut held = self.answered(token).await?;
        let message = if held.row.state == State::Deferred {
            self.complete(&mut held, upload).await?
        } else {
            let body = CreateMessage::parse(&upload.payload)?;
            let ephemeral = body.flags & FLAG_EPHEMERAL != 0;
            let mut row = held.row.clone();
            if let Some(original) = row.original {
                row.metadata["original_response_message_id"] = json!(original);
            }
            self.post_for(&row, body, upload, ephemeral).await?
        };
        Ok(answer_json(&message))
    }

    /// Posts the message that was promised. Whether others see it was said with the promise.
    async fn complete(&self, held: &mut Held, upload: Upload) -> Result<Value, Failure> {
        held.row.state = State::Answered;
        self.keep_interaction(held).await?;
        let body = CreateMessage::parse(&upload.payload)?;
        let posted = self.post_for(&held.row, body, upload, held.row.ephemeral).await;
        match &posted {
            Ok(message) => held.row.original = message["id"].as_str().and_then(|id| id.parse().ok()),
            Err(_) => held.row.state = State::Deferred,
        }
        self.keep_interaction(held).await?;
        posted
    }

    fn id_of(held: &Held, which: Which) -> Result<MessageId, Failure> {
        match which {
            Which::Original => Ok(held.row.original.ok_or_else(ApiError::unknown_message)?),
            Which::Id(id) => Ok(id),
        }
    }

    /// Answers a message of an interaction.
    ///
    /// # Errors
    /// 404/10008 when there is none.
    pub async fn show_answer(&self, token: &str, which: Which) -> Answered {
        let held = self.answered(token).await?;
        let id = Self::id_of(&held, which)?;
        if let Some(message) = self.ephemeral(id, held.row.user).await? {
            return Ok(answer_json(&self.with_addresses(message)?));
        }
        let message: Value = read(&self.own_message(&held.row, id).await?)?;
        Ok(answer_json(&message))
    }

    /// Changes a message of an interaction; one that was promised is posted.
    ///
    /// # Errors
    /// As those of editing.
    pub async fn change_answer(&self, token: &str, which: Which, upload: Upload) -> Answered {
        let mut held = self.answered(token).await?;
        if held.row.state == State::Deferred && which == Which::Original {
            return Ok(answer_json(&self.complete(&mut held, upload).await?));
        }
        let id = Self::id_of(&held, which)?;
        Ok(answer_json(&self.edit_answer(&held.row, id, upload).await?))
    }

    /// Deletes a message of an interaction.
    ///
    /// # Errors
    /// 404/10008 when there is none.
    pub async fn remove_answer(&self, token: &str, which: Which) -> Answered {
        let held = self.answered(token).await?;
        let id = Self::id_of(&held, which)?;
        if self.ephemeral(id, held.row.user).await?.is_some() {
            self.remove_ephemeral(&held.row, id).await?;
            return Ok(empty());
        }
        self.own_message(&held.row, id).await?;
        self.call_message(held.row.channel, Caller::system(), Op::Delete { message: id }).await??;
        Ok(empty())
    }
}

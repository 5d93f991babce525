//! What comes after the first answer: the routes of webhooks, with the token of an interaction.

use consort_model::request::message::{CreateMessage, FLAG_EPHEMERAL};
use consort_model::{ApiError, ApplicationId, MessageId};
use consort_rpc::Caller;
use consort_rpc::application::{Interaction, InteractionOp, Settled, State};
use consort_rpc::message::Op;
use serde_json::{Value, json};

use super::Token;
use super::context::read;
use super::respond::Becomes;
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

    /// Looks whether a token is one of this application's and was answered, before anything else is done.
    ///
    /// # Errors
    /// 404/10015 when it is another application's; as those of what follows.
    pub async fn require_answered(&self, application: ApplicationId, token: &str) -> Result<(), Failure> {
        let (token, _) = self.answered(token).await?;
        if token.application == application { Ok(()) } else { Err(Failure(ApiError::unknown_webhook())) }
    }

    /// Posts a followup; the first after a promise is the answer.
    ///
    /// # Errors
    /// As those of posting, and 401/50027 when the token's time is over.
    pub async fn follow_up(&self, token: &str, upload: Upload) -> Answered {
        let (token, mut row) = self.answered(token).await?;
        if let (State::Deferred, Some(promise)) = (row.state, row.original) {
            if self.is_there(&row, promise).await? {
                return Ok(answer_json(&self.fulfil(&token, promise, upload).await?));
            }
            self.settle(&row, Self::kept(&row), None).await?;
        }
        let body = CreateMessage::parse(&upload.payload)?;
        let ephemeral = body.flags & FLAG_EPHEMERAL != 0;
        if let Some(original) = row.original {
            row.metadata["original_response_message_id"] = json!(original);
        }
        Ok(answer_json(&self.post_for(&row, body, upload, (ephemeral, Becomes::New)).await?))
    }

    /// Puts the answer that was promised into the message that promised it. Whether others see it was said with the promise.
    async fn fulfil(&self, token: &Token, promise: MessageId, upload: Upload) -> Result<Value, Failure> {
        let op = InteractionOp::ClaimDeferred { interaction: token.interaction, hash: token.hash.clone() };
        let row: Interaction = read(&self.ask_interaction(token.application, op).await?)?;
        let posted = match CreateMessage::parse(&upload.payload) {
            Ok(body) => self.post_for(&row, body, upload, (row.ephemeral, Becomes::Promised(promise))).await,
            Err(error) => Err(error.into()),
        };
        match posted {
            Ok(message) => {
                self.settle(&row, Self::kept(&row), None).await?;
                Ok(message)
            }
            Err(failure) => {
                self.unclaim(&row).await?;
                Err(failure)
            }
        }
    }

    /// Whether a promise is still to be seen: a moderator may have deleted it.
    async fn is_there(&self, row: &Interaction, promise: MessageId) -> Result<bool, Failure> {
        if row.ephemeral {
            return Ok(self.ephemeral(row.application, promise, row.user).await?.is_some());
        }
        match self.own_message(row, promise).await {
            Ok(_) => Ok(true),
            Err(Failure(error)) if error.code == ApiError::unknown_message().code => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// What becomes of an interaction whose promise is kept, or taken back.
    fn kept(row: &Interaction) -> Settled {
        let (ephemeral, original) = (row.ephemeral, row.original);
        Settled { state: State::Answered, ephemeral, original, form: None, told: false }
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

    /// Changes a message of an interaction; one that promised an answer becomes it.
    ///
    /// # Errors
    /// As those of editing.
    pub async fn change_answer(&self, token: &str, which: Which, upload: Upload) -> Answered {
        let (token, row) = self.answered(token).await?;
        let id = Self::id_of(&row, which)?;
        if row.state == State::Deferred && row.original == Some(id) {
            return Ok(answer_json(&self.fulfil(&token, id, upload).await?));
        }
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
        } else {
            self.own_message(&row, id).await?;
            self.call_message(row.channel, Caller::system(), Op::Delete { message: id }).await??;
        }
        if row.state == State::Deferred && row.original == Some(id) {
            // What follows is no longer the answer that was promised.
            self.settle(&row, Self::kept(&row), None).await?;
        }
        Ok(empty())
    }
}

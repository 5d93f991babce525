//! The first answer to an interaction (the callback).

use consort_model::request::message::{CreateMessage, EditMessage, FLAG_EPHEMERAL};
use consort_model::{ApiError, Form, MessageId, MessageType, WebhookId};
use consort_rpc::Caller;
use consort_rpc::message::{Op, Speaker};
use serde_json::{Value, json};

use super::context::read;
use super::modal::Modal;
use super::{ANSWER_GRACE_MS, ANSWER_MS, Held, Interaction, State, ephemeral, kind};
use crate::routes::messages::prepare;
use crate::{App, Failure, Upload};

/// Kinds of answers ("Interaction Callback Type").
mod answer {
    pub const PONG: u64 = 1;
    pub const MESSAGE: u64 = 4;
    pub const DEFERRED_MESSAGE: u64 = 5;
    pub const DEFERRED_UPDATE: u64 = 6;
    pub const UPDATE: u64 = 7;
    pub const CHOICES: u64 = 8;
    pub const MODAL: u64 = 9;
}

/// Choices of an autocompletion.
const CHOICES_MAX: usize = 25;
/// Characters of a choice's value.
const CHOICE_CHARS_MAX: usize = 100;

/// Whether a kind of answer fits a kind of interaction.
fn fits(row: &Interaction, answer: u64) -> bool {
    match answer {
        answer::MESSAGE | answer::DEFERRED_MESSAGE => row.kind != kind::AUTOCOMPLETE,
        // A form that no message led to is closed by it (observed with poise).
        answer::DEFERRED_UPDATE => matches!(row.kind, kind::COMPONENT | kind::MODAL),
        answer::UPDATE => row.source.is_some() && matches!(row.kind, kind::COMPONENT | kind::MODAL),
        answer::CHOICES => row.kind == kind::AUTOCOMPLETE,
        answer::MODAL => matches!(row.kind, kind::COMMAND | kind::COMPONENT),
        _ => false,
    }
}

/// What an answer brought forth.
#[derive(Debug, Default)]
pub struct Response {
    /// The kind of answer.
    kind: u64,
    /// The message that was made or changed.
    message: Option<Value>,
}

impl Response {
    /// The body for `with_response=true` ("Interaction Callback Response Object").
    pub fn view(&self, row: &Interaction) -> Value {
        let mut view = json!({
            "interaction": {
                "id": row.id,
                "type": row.kind,
                "response_message_loading": row.state == State::Deferred,
                "response_message_ephemeral": row.ephemeral,
            },
        });
        // Without a message the key is left out: hikari reads a null as an id.
        if let Some(message) = &self.message {
            view["interaction"]["response_message_id"] = message["id"].clone();
            view["resource"] = json!({"type": self.kind, "message": message});
        }
        view
    }
}

/// Reads the choices of an autocompletion; known fields only ("Autocomplete").
fn read_choices(data: &Value) -> Result<Vec<Value>, ApiError> {
    let body = json!({"data": data});
    Form::root(&body)?.check(|f| {
        f.required(
            "data",
            f.object("data", |f| {
                let choices = f.array("choices", CHOICES_MAX, |f| {
                    let name = f.required("name", f.str("name", 1..=100));
                    let value = f.required("value", f.value("value"));
                    let fits = match &value {
                        Some(Value::String(text)) => text.chars().count() <= CHOICE_CHARS_MAX,
                        Some(value) => value.is_number(),
                        None => false,
                    };
                    if value.is_some() && !fits {
                        f.error(
                            "value",
                            "BASE_TYPE_BAD_TYPE",
                            "Must be a number or a text of 1 to 100 characters.",
                        );
                    }
                    Some(json!({"name": name?, "value": value.filter(|_| fits)?}))
                });
                f.required("choices", choices)
            }),
        )
    })
}

impl App {
    /// Takes the first answer.
    ///
    /// # Errors
    /// 404/10062 when it comes too late, 400/40060 when there was one already, 400/50035 for what does not fit.
    pub(crate) async fn respond(
        &self,
        mut held: Held,
        mut upload: Upload,
    ) -> Result<(Interaction, Response), Failure> {
        if held.row.state != State::Pending {
            return Err(Failure(ApiError::interaction_already_answered()));
        }
        if self.now_ms() > held.row.id.timestamp_ms() + ANSWER_MS + ANSWER_GRACE_MS {
            return Err(Failure(ApiError::unknown_interaction()));
        }
        let answer = Form::root(&upload.payload)?
            .check(|f| f.required("type", f.int("type", 0..=u64::from(u8::MAX))))?;
        if !fits(&held.row, answer) && answer != answer::PONG {
            let message = "Invalid interaction callback type for this interaction.";
            return Err(Failure(ApiError::invalid_field(
                "type",
                "INTERACTION_CALLBACK_TYPE_INVALID",
                message,
            )));
        }
        upload.payload = upload.payload["data"].take();
        let before = held.row.clone();
        // Claimed before anything is done, so that of two answers one does nothing.
        held.row.state = State::Answered;
        self.keep_interaction(&mut held).await?;
        match self.perform(&mut held.row, answer, upload).await {
            Ok(message) => {
                self.keep_interaction(&mut held).await?;
                if held.row.kind != kind::AUTOCOMPLETE {
                    self.tell_outcome(&held.row, "INTERACTION_SUCCESS");
                }
                Ok((held.row, Response { kind: answer, message }))
            }
            Err(failure) => {
                held.row = before;
                self.keep_interaction(&mut held).await?;
                Err(failure)
            }
        }
    }

    async fn perform(
        &self,
        row: &mut Interaction,
        answer: u64,
        upload: Upload,
    ) -> Result<Option<Value>, Failure> {
        match answer {
            answer::MESSAGE => self.answer_message(row, upload).await.map(Some),
            answer::DEFERRED_MESSAGE => {
                let flags =
                    Form::root(&upload.payload)?.check(|f| Some(f.int("flags", 0..=u64::from(u32::MAX))))?;
                row.ephemeral = flags.unwrap_or_default() & FLAG_EPHEMERAL != 0;
                row.state = State::Deferred;
                Ok(None)
            }
            answer::DEFERRED_UPDATE => {
                row.original = row.source;
                Ok(None)
            }
            answer::UPDATE => {
                row.original = row.source;
                let source = row.source.ok_or_else(ApiError::unknown_message)?;
                self.edit_answer(row, source, upload).await.map(Some)
            }
            answer::CHOICES => self.offer(row, &upload.payload).map(|()| None),
            answer::MODAL => self.show_modal(row, &upload.payload).map(|()| None),
            _ => Ok(None),
        }
    }

    /// Posts the message that answers.
    pub(super) async fn answer_message(
        &self,
        row: &mut Interaction,
        upload: Upload,
    ) -> Result<Value, Failure> {
        let body = CreateMessage::parse(&upload.payload)?;
        row.ephemeral = body.flags & FLAG_EPHEMERAL != 0;
        let message = self.post_for(row, body, upload, row.ephemeral).await?;
        row.original = message["id"].as_str().and_then(|id| id.parse().ok());
        Ok(message)
    }

    /// Posts a message in the name of the application, for the channel or for the person alone.
    pub(super) async fn post_for(
        &self,
        row: &Interaction,
        mut body: CreateMessage,
        upload: Upload,
        ephemeral: bool,
    ) -> Result<Value, Failure> {
        body.flags &= !FLAG_EPHEMERAL;
        // An answer neither replies nor forwards.
        body.message_reference = None;
        body.nonce = None;
        let author = self.account(row.application.cast()).await?.current.user;
        let (mut create, kept) = prepare(self, Caller::system(), row.channel, body, upload).await?;
        if ephemeral {
            // Nobody takes the files: they are swept when the interaction is over.
            drop(kept);
            if create.body.content.is_empty()
                && create.body.embeds.is_empty()
                && create.body.components.is_empty()
                && create.attachments.is_empty()
            {
                return Err(Failure(ApiError::cannot_send_empty_message()));
            }
            let id = MessageId::new(self.next_id());
            let message = ephemeral::compose(row, &author, id, self.now(), &create.body, &create.attachments);
            return self.show_ephemeral(row, "MESSAGE_CREATE", message).await;
        }
        create.speaker = Some(Box::new(Speaker {
            author,
            webhook: Some(WebhookId::new(row.application.get())),
            application: Some(row.application),
            kind: row.message_kind.map(MessageType::from),
            interaction: Some((row.metadata.clone(), row.old.clone().unwrap_or(Value::Null))),
            may_mention_all: row.may_mention_all,
        }));
        let posted = self.call_message(row.channel, Caller::system(), Op::Create(Box::new(create))).await?;
        kept.settle(self, &posted).await;
        read(&posted?)
    }

    /// Suggests values to the person that types.
    fn offer(&self, row: &Interaction, data: &Value) -> Result<(), Failure> {
        let choices = read_choices(data)?;
        let offered = json!({"choices": choices, "nonce": row.nonce});
        self.tell(row.user, None, "APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE", &offered);
        Ok(())
    }

    /// Shows a form to the person.
    fn show_modal(&self, row: &mut Interaction, data: &Value) -> Result<(), Failure> {
        let modal = Modal::read(data)?;
        let shown = json!({
            "id": row.id,
            "channel_id": row.channel,
            "title": modal.title,
            "custom_id": modal.custom_id,
            "components": modal.components,
            "application": {"id": row.application},
            "nonce": row.nonce,
        });
        self.tell(row.user, None, "INTERACTION_MODAL_CREATE", &shown);
        row.form = Some(modal);
        Ok(())
    }

    /// Changes a message of the application: the one that answers, or the one whose component was used.
    pub(super) async fn edit_answer(
        &self,
        row: &Interaction,
        id: MessageId,
        upload: Upload,
    ) -> Result<Value, Failure> {
        let body = EditMessage::parse(&upload.payload)?;
        if let Some(message) = self.ephemeral(id, row.user).await? {
            return self.edit_ephemeral(row, message, &body).await;
        }
        let message: Value = read(&self.own_message(row, id).await?)?;
        let (mut edit, kept) =
            crate::routes::messages::prepare_edit(self, Caller::system(), row.channel, body, upload).await?;
        // What it posted with its own account it edits with it; what it posted as an answer is a webhook's.
        let caller = match message["webhook_id"].as_str() {
            Some(_) => {
                edit.webhook = Some(WebhookId::new(row.application.get()));
                Caller::system()
            }
            None => super::data::bot(row.application),
        };
        let op = Op::Edit { message: id, edit: Box::new(edit) };
        let edited = self.call_message(row.channel, caller, op).await?;
        kept.settle(self, &edited).await;
        read(&edited?)
    }

    /// A message of the application in the interaction's channel.
    pub(super) async fn own_message(
        &self,
        row: &Interaction,
        id: MessageId,
    ) -> Result<consort_rpc::Answer, Failure> {
        let found = self.call_message(row.channel, Caller::system(), Op::Get { message: id }).await??;
        let message: Value = read(&found)?;
        let application = row.application.to_string();
        let is_own = message["application_id"] == application || message["author"]["id"] == application;
        if is_own { Ok(found) } else { Err(Failure(ApiError::unknown_message())) }
    }
}

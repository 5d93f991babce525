//! The first answer to an interaction (the callback).

use consort_model::limits::CHOICES_MAX;
use consort_model::request::message::{CreateMessage, EditMessage, FLAG_EPHEMERAL};
use consort_model::{ApiError, Form, MessageId, MessageType, WebhookId};
use consort_rpc::Caller;
use consort_rpc::message::{Op, Speaker};
use serde_json::{Value, json};

use super::context::read;
use super::ephemeral::Shown;
use super::modal;
use super::{Token, ephemeral, kind};
use crate::routes::messages::prepare;
use crate::{App, Failure, Upload};
use consort_rpc::application::{Interaction, InteractionOp, Settled, State};

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

/// Which message an answer becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Becomes {
    /// A new one.
    New,
    /// A new one that only says that the answer will come (LOADING).
    Promise,
    /// That which promised it.
    Promised(MessageId),
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

/// What an answer did.
struct Performed {
    message: Option<Value>,
    settled: Settled,
    choices: Option<Value>,
}

impl Performed {
    fn new(row: &Interaction) -> Self {
        let settled = Settled {
            state: State::Answered,
            ephemeral: row.ephemeral,
            original: row.original,
            form: None,
            told: true,
        };
        Self { message: None, settled, choices: None }
    }
}

impl App {
    /// Takes the first answer.
    ///
    /// # Errors
    /// 404/10062 when it comes too late, 400/40060 when there was one already, 400/50035 for what does not fit.
    pub(crate) async fn respond(
        &self,
        token: Token,
        mut upload: Upload,
    ) -> Result<(Interaction, Response), Failure> {
        let answer = Form::root(&upload.payload)?
            .check(|f| f.required("type", f.int("type", 0..=u64::from(u8::MAX))))?;
        let row = self.interaction(&token).await?;
        if row.state == State::Pending && !fits(&row, answer) && answer != answer::PONG {
            let message = "Invalid interaction callback type for this interaction.";
            return Err(Failure(ApiError::invalid_field(
                "type",
                "INTERACTION_CALLBACK_TYPE_INVALID",
                message,
            )));
        }
        upload.payload = upload.payload["data"].take();
        // Claimed before anything is done, so that of two answers one does nothing.
        let op = InteractionOp::Claim { interaction: token.interaction, hash: token.hash };
        let row: Interaction = read(&self.ask_interaction(token.application, op).await?)?;
        match self.perform(&row, answer, upload).await {
            Ok(Performed { message, settled, choices }) => {
                let row = Interaction { state: settled.state, ephemeral: settled.ephemeral, ..row };
                self.settle(&row, settled, choices).await?;
                Ok((row, Response { kind: answer, message }))
            }
            Err(failure) => {
                self.unclaim(&row).await?;
                Err(failure)
            }
        }
    }

    /// Says what became of an interaction that was claimed.
    pub(super) async fn settle(
        &self,
        row: &Interaction,
        settled: Settled,
        choices: Option<Value>,
    ) -> Result<(), Failure> {
        let op = InteractionOp::Settle { interaction: row.id, settled: Box::new(settled), choices };
        self.ask_interaction(row.application, op).await?;
        Ok(())
    }

    /// Gives an interaction back as it was when it was claimed.
    pub(super) async fn unclaim(&self, row: &Interaction) -> Result<(), Failure> {
        let op = InteractionOp::Unclaim { interaction: row.id, state: row.state };
        self.ask_interaction(row.application, op).await?;
        Ok(())
    }

    async fn perform(&self, row: &Interaction, answer: u64, upload: Upload) -> Result<Performed, Failure> {
        let mut done = Performed::new(row);
        let settled = &mut done.settled;
        match answer {
            answer::MESSAGE => {
                let body = CreateMessage::parse(&upload.payload)?;
                settled.ephemeral = body.flags & FLAG_EPHEMERAL != 0;
                let message = self.post_for(row, body, upload, (settled.ephemeral, Becomes::New)).await?;
                settled.original = message["id"].as_str().and_then(|id| id.parse().ok());
                done.message = Some(message);
            }
            answer::DEFERRED_MESSAGE => {
                let flags =
                    Form::root(&upload.payload)?.check(|f| Some(f.int("flags", 0..=u64::from(u32::MAX))))?;
                settled.ephemeral = flags.unwrap_or_default() & FLAG_EPHEMERAL != 0;
                settled.state = State::Deferred;
                let (body, nothing) = (CreateMessage::default(), Upload::default());
                let message =
                    self.post_for(row, body, nothing, (settled.ephemeral, Becomes::Promise)).await?;
                settled.original = message["id"].as_str().and_then(|id| id.parse().ok());
                done.message = Some(message);
            }
            answer::DEFERRED_UPDATE => settled.original = row.source,
            answer::UPDATE => {
                settled.original = row.source;
                let source = row.source.ok_or_else(ApiError::unknown_message)?;
                done.message = Some(self.edit_answer(row, source, upload).await?);
            }
            answer::CHOICES => done.choices = Some(Value::Array(read_choices(&upload.payload)?)),
            answer::MODAL => settled.form = Some(modal::read(&upload.payload)?),
            _ => {}
        }
        Ok(done)
    }

    /// Posts a message in the name of the application, for the channel or for the person alone.
    pub(super) async fn post_for(
        &self,
        row: &Interaction,
        mut body: CreateMessage,
        upload: Upload,
        (ephemeral, becomes): (bool, Becomes),
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
            let (id, shown) = match becomes {
                Becomes::Promised(id) => (id, Shown::Changed),
                Becomes::New | Becomes::Promise => (MessageId::new(self.next_id()), Shown::New),
            };
            let message = ephemeral::compose(row, &author, (id, becomes), &create)?;
            return self.show_ephemeral(row, id, message, shown).await;
        }
        create.speaker = Some(Box::new(Speaker {
            author,
            webhook: Some(WebhookId::new(row.application.get())),
            application: Some(row.application),
            kind: row.message_kind.map(MessageType::from),
            interaction: Some((row.metadata.clone(), row.old.clone().unwrap_or(Value::Null))),
            may_mention_all: row.may_mention_all,
            promises: becomes == Becomes::Promise,
        }));
        let create = Box::new(create);
        let op = match becomes {
            Becomes::Promised(message) => Op::Fulfil { message, create },
            Becomes::New | Becomes::Promise => Op::Create(create),
        };
        let posted = self.call_message(row.channel, Caller::system(), op).await?;
        kept.settle(self, &posted).await;
        read(&posted?)
    }

    /// Changes a message of the application: the one that answers, or the one whose component was used.
    pub(super) async fn edit_answer(
        &self,
        row: &Interaction,
        id: MessageId,
        upload: Upload,
    ) -> Result<Value, Failure> {
        let body = EditMessage::parse(&upload.payload)?;
        if let Some(message) = self.ephemeral(row.application, id, row.user).await? {
            return self.edit_ephemeral(row, id, message, (body, upload)).await;
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

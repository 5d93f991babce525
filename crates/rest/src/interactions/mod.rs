//! Interactions: a person uses a command or a component, the application answers ("Receiving and Responding").
//!
//! An interaction is a row for a quarter of an hour. Its token, which is all an answer needs, names it and is kept as a hash.
//! What may race (two answers) is decided by preconditions. Interactions reach applications over the gateway only.
//!
//! [`start`] makes one, [`respond`] takes the first answer, [`followup`] what comes after it. Messages only the person may
//! see are in [`ephemeral`]. What a person sends is held against what the application declared before it is passed on:
//! [`options`] of commands, [`select`] of messages, [`modal`] forms; [`resolved`] looks up what ids stand for.

pub mod context;
pub mod data;
pub mod ephemeral;
pub mod followup;
pub mod modal;
pub mod named;
pub mod options;
pub mod resolved;
pub mod respond;
pub mod select;
pub mod start;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use consort_model::snowflake::EPOCH_MS;
use consort_model::{
    ApiError, ApplicationId, ChannelId, GuildId, Intents, InteractionId, MessageId, UserId, snowflake,
};
use consort_rpc::{Audience, Caller, Event, user};
use consort_runtime::random_token;
use consort_store::{Batch, Bound, Error, Key, Table, row};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::modal::Modal;
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

/// Where interactions are in [`Table::Commands`]; no application has this id. The key is the interaction.
const INTERACTIONS: u64 = 0;
/// Where messages that one person sees are. The key is the message.
const EPHEMERALS: u64 = 1;
/// How long a token works after the first answer.
pub const LIFETIME_MS: u64 = 15 * 60 * 1000;
/// How long the application has for its first answer, as it is told. A little more is let through.
pub const ANSWER_MS: u64 = 3000;
const ANSWER_GRACE_MS: u64 = 2000;
const TOKEN_PREFIX: &str = "interaction:";

/// How far an interaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Nothing came yet.
    Pending,
    /// The application has asked for time for a message.
    Deferred,
    /// It has answered.
    Answered,
}

/// The row of an interaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interaction {
    /// Its id.
    pub id: InteractionId,
    /// One of [`kind`].
    pub kind: u8,
    /// Who is asked.
    pub application: ApplicationId,
    /// Who asks.
    pub user: UserId,
    /// Where, if in a guild.
    pub guild: Option<GuildId>,
    /// Where.
    pub channel: ChannelId,
    /// SHA-256 of the token in hexadecimal.
    pub token_hash: String,
    /// As the client sent it.
    pub nonce: Option<Value>,
    /// `interaction_metadata` of the messages that come of it.
    pub metadata: Value,
    /// The old `interaction` of them, for commands.
    pub old: Option<Value>,
    /// The type of the message that answers: 20, 23, or an ordinary one.
    pub message_kind: Option<u16>,
    /// Whether the application may mention everybody there.
    pub may_mention_all: bool,
    /// The message whose component was used.
    pub source: Option<MessageId>,
    /// The form that was shown.
    #[serde(default)]
    pub form: Option<Modal>,
    /// How far it is.
    pub state: State,
    /// Whether the deferred message is for the person alone.
    pub ephemeral: bool,
    /// The message that answers.
    pub original: Option<MessageId>,
}

/// A token for an interaction. Followups name the application and the token only, so it holds the id.
fn mint(id: InteractionId) -> String {
    URL_SAFE_NO_PAD.encode(format!("{TOKEN_PREFIX}{id}:{}", random_token(64)))
}

/// The interaction a token is of; `None` when it is the token of a webhook.
pub fn of_token(token: &str) -> Option<InteractionId> {
    if token.len() > 256 {
        return None;
    }
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.strip_prefix(TOKEN_PREFIX)?.split(':').next()?.parse().ok()
}

fn token_hash(token: &str) -> String {
    hex::encode(crate::token::hash(token))
}

/// An interaction as it was read, to be written back if nobody else did.
pub(crate) struct Held {
    pub(crate) row: Interaction,
    before: Bytes,
}

impl App {
    /// Reads an interaction by its token.
    ///
    /// # Errors
    /// 404/10062 when there is none or its time is over.
    pub(crate) async fn interaction(&self, id: InteractionId, token: &str) -> Result<Held, Failure> {
        let held = self.interaction_by_id(id).await?;
        if held.row.token_hash != token_hash(token) || self.now_ms() > id.timestamp_ms() + LIFETIME_MS {
            return Err(Failure(ApiError::unknown_interaction()));
        }
        Ok(held)
    }

    pub(crate) async fn interaction_by_id(&self, id: InteractionId) -> Result<Held, Failure> {
        let before = self.store.get(Table::Commands, INTERACTIONS, Key::id(id.get())).await?;
        let before = before.ok_or_else(ApiError::unknown_interaction)?;
        let row = row::decode(&before)?;
        Ok(Held { row, before })
    }

    /// Writes a new interaction and forgets those whose time is over.
    async fn add_interaction(&self, row: &Interaction) -> Result<(), Failure> {
        let mut batch = Batch::new();
        let over = snowflake::at(self.now_ms().saturating_sub(LIFETIME_MS + 60_000).max(EPOCH_MS));
        for partition in [INTERACTIONS, EPHEMERALS] {
            batch.delete_range(Table::Commands, partition, Bound::Unbounded, Bound::Excluded(Key::id(over)));
        }
        batch.put_row(Table::Commands, INTERACTIONS, row.id.get(), row);
        Ok(self.store.commit(batch).await?)
    }

    /// Writes an interaction back.
    ///
    /// # Errors
    /// 400/40060 when somebody else has written it: another answer was faster.
    pub(crate) async fn keep_interaction(&self, held: &mut Held) -> Result<(), Failure> {
        let after = row::encode(&held.row);
        let mut batch = Batch::new();
        let key = held.row.id.get();
        batch.require_equals(Table::Commands, INTERACTIONS, key, held.before.clone());
        batch.put(Table::Commands, INTERACTIONS, key, after.clone());
        match self.store.commit(batch).await {
            Ok(()) => {
                held.before = after;
                Ok(())
            }
            Err(Error::Conflict { .. }) => Err(Failure(ApiError::interaction_already_answered())),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends an event to every session of somebody; of a bot to the shard of the guild.
    pub(crate) fn tell(&self, to: UserId, guild: Option<GuildId>, name: &'static str, d: &Value) {
        let mut event = Event::new(name, Intents::empty(), Audience::all(), d);
        event.guild = guild;
        if let Err(error) = self.users.cast(to.get(), Caller::system(), user::Op::Deliver(Arc::new(event))) {
            tracing::warn!(%error, name, "an event could not be delivered");
        }
    }

    /// Tells the person what became of its interaction.
    pub(crate) fn tell_outcome(&self, row: &Interaction, name: &'static str) {
        self.tell(row.user, None, name, &json!({"id": row.id, "nonce": row.nonce, "reason_code": null}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_interaction_and_a_webhooks_does_not() {
        let id = InteractionId::new(1_574_663_987_637_780_480);
        let token = mint(id);
        assert_eq!(of_token(&token), Some(id));
        assert_ne!(mint(id), token);
        for other in ["", "x", &random_token(68), &URL_SAFE_NO_PAD.encode("interaction:x:y")] {
            assert_eq!(of_token(other), None, "{other}");
        }
    }
}

//! Messages that only one person sees: they are never in a channel, and forgotten with their interaction.

use consort_model::request::message::{CreateMessage, EditMessage, FLAG_EPHEMERAL};
use consort_model::{ApiError, Attachment, Component, Embed, MessageFlags, MessageId, Patch, User, UserId};
use consort_store::{Batch, Key, StoreExt as _, Table};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{EPHEMERALS, Interaction};
use crate::{App, Failure};

/// The row of such a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ephemeral {
    /// Who sees it.
    pub(super) user: UserId,
    /// The message, without addresses.
    pub(super) message: Value,
}

/// A message for one person, without addresses.
pub(super) fn compose(
    row: &Interaction,
    author: &User,
    id: MessageId,
    timestamp: consort_model::Timestamp,
    body: &CreateMessage,
    attachments: &[Attachment],
) -> Value {
    let mut message = json!({
        "id": id,
        "channel_id": row.channel,
        "author": author,
        "content": body.content,
        "timestamp": timestamp,
        "edited_timestamp": null,
        "tts": false,
        "mention_everyone": false,
        "mentions": [],
        "mention_roles": [],
        "attachments": attachments,
        "embeds": body.embeds,
        "components": body.components,
        "flags": FLAG_EPHEMERAL | body.flags,
        "pinned": false,
        "type": row.message_kind.unwrap_or(0),
        "application_id": row.application,
        "webhook_id": row.application,
        "interaction_metadata": row.metadata,
        "nonce": row.nonce,
    });
    if let Some(guild) = row.guild {
        message["guild_id"] = json!(guild);
    }
    if let Some(old) = &row.old {
        message["interaction"] = old.clone();
    }
    message
}

/// Applies an edit to a message.
fn apply(message: &mut Value, edit: &EditMessage, now: consort_model::Timestamp) {
    fn set<T: Serialize>(message: &mut Value, name: &str, patch: &Patch<T>, empty: Value) {
        match patch {
            Patch::Absent => {}
            Patch::Null => message[name] = empty,
            Patch::Value(value) => message[name] = json!(value),
        }
    }
    set(message, "content", &edit.content, json!(""));
    set(message, "embeds", &edit.embeds, json!([]));
    set(message, "components", &edit.components, json!([]));
    message["edited_timestamp"] = json!(now);
}

impl App {
    /// Puts in the addresses of files.
    ///
    /// # Errors
    /// 500 when what was stored cannot be read.
    pub(super) fn with_addresses(&self, mut message: Value) -> Result<Value, Failure> {
        fn part<T: DeserializeOwned>(message: &mut Value, name: &str) -> Result<T, Failure> {
            serde_json::from_value(message[name].take()).map_err(|_| Failure(ApiError::internal()))
        }
        let flags = MessageFlags::from_bits_retain(message["flags"].as_u64().unwrap_or_default());
        let mut embeds = part::<Vec<Embed>>(&mut message, "embeds")?;
        let mut components = part::<Vec<Component>>(&mut message, "components")?;
        let mut attachments = part::<Vec<Attachment>>(&mut message, "attachments")?;
        let links = self.cdn.links();
        links.show_parts(self.now_ms(), flags, &mut embeds, &mut components, &mut attachments);
        message["embeds"] = json!(embeds);
        message["components"] = json!(components);
        message["attachments"] = json!(attachments);
        Ok(message)
    }

    /// A message that only `user` sees, without addresses, if there is one of that id.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub(super) async fn ephemeral(&self, id: MessageId, user: UserId) -> Result<Option<Value>, Failure> {
        let row: Option<Ephemeral> =
            self.store.get_row(Table::Commands, EPHEMERALS, Key::id(id.get())).await?;
        Ok(row.filter(|row| row.user == user).map(|row| row.message))
    }

    /// Keeps a message and shows it to its person.
    pub(super) async fn show_ephemeral(
        &self,
        row: &Interaction,
        event: &'static str,
        message: Value,
    ) -> Result<Value, Failure> {
        let id: MessageId =
            serde_json::from_value(message["id"].clone()).map_err(|_| ApiError::internal())?;
        let mut batch = Batch::new();
        let kept = Ephemeral { user: row.user, message: message.clone() };
        batch.put_row(Table::Commands, EPHEMERALS, id.get(), &kept);
        self.store.commit(batch).await?;
        let shown = self.with_addresses(message)?;
        self.tell(row.user, None, event, &shown);
        Ok(shown)
    }

    /// Changes a message only the interaction's person sees.
    pub(super) async fn edit_ephemeral(
        &self,
        row: &Interaction,
        mut message: Value,
        edit: &EditMessage,
    ) -> Result<Value, Failure> {
        apply(&mut message, edit, self.now());
        self.show_ephemeral(row, "MESSAGE_UPDATE", message).await
    }

    /// Takes a message away from its person.
    pub(super) async fn remove_ephemeral(&self, row: &Interaction, id: MessageId) -> Result<(), Failure> {
        let mut batch = Batch::new();
        batch.delete(Table::Commands, EPHEMERALS, id.get());
        self.store.commit(batch).await?;
        let gone = json!({"id": id, "channel_id": row.channel, "guild_id": row.guild});
        self.tell(row.user, None, "MESSAGE_DELETE", &gone);
        Ok(())
    }
}

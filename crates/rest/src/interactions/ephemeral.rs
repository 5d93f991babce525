//! Messages that only one person sees: they are never in a channel, and forgotten with their interaction.

use consort_model::request::message::{CreateMessage, EditMessage, FLAG_EPHEMERAL};
use consort_model::{
    ApiError, ApplicationId, Attachment, Component, Embed, MessageFlags, MessageId, Patch, User, UserId,
};
use consort_rpc::application::{Interaction, InteractionOp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::reply::read;
use crate::{App, Failure};

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
    /// 503 when the owner cannot be asked.
    pub(super) async fn ephemeral(
        &self,
        application: ApplicationId,
        message: MessageId,
        user: UserId,
    ) -> Result<Option<Value>, Failure> {
        Ok(read(&self.ask_interaction(application, InteractionOp::Shown { message, user }).await?)?)
    }

    /// Keeps a message and shows it to its person.
    pub(super) async fn show_ephemeral(
        &self,
        row: &Interaction,
        id: MessageId,
        message: Value,
        is_new: bool,
    ) -> Result<Value, Failure> {
        let shown = self.with_addresses(message.clone())?;
        let op = InteractionOp::Show {
            interaction: row.id,
            message: id,
            body: message,
            shown: shown.clone(),
            is_new,
        };
        self.ask_interaction(row.application, op).await?;
        Ok(shown)
    }

    /// Changes a message only the interaction's person sees.
    pub(super) async fn edit_ephemeral(
        &self,
        row: &Interaction,
        id: MessageId,
        mut message: Value,
        edit: &EditMessage,
    ) -> Result<Value, Failure> {
        apply(&mut message, edit, self.now());
        self.show_ephemeral(row, id, message, false).await
    }

    /// Takes a message away from its person.
    pub(super) async fn remove_ephemeral(
        &self,
        row: &Interaction,
        message: MessageId,
    ) -> Result<(), Failure> {
        self.ask_interaction(row.application, InteractionOp::Hide { interaction: row.id, message }).await?;
        Ok(())
    }
}

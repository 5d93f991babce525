//! Messages that only one person sees: they are never in a channel, and forgotten with their interaction.

use consort_model::limits::ATTACHMENTS_MAX;
use consort_model::request::message::{
    AttachmentRequest, EditMessage, FLAG_COMPONENTS_V2, FLAG_EPHEMERAL, FLAG_SUPPRESS_EMBEDS,
    require_one_style,
};
use consort_model::{
    ApiError, ApplicationId, Attachment, Component, Embed, MessageFlags, MessageId, Patch, Timestamp, User,
    UserId,
};
use consort_rpc::Caller;
use consort_rpc::application::{Interaction, InteractionOp};
use consort_rpc::message::Create;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::respond::Becomes;
use crate::reply::read;
use crate::routes::messages::prepare_edit;
use crate::{App, Failure, Upload};

/// Whether its person has seen a message before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    New,
    Changed,
}

/// A message for one person, without addresses.
///
/// # Errors
/// 400/50006 when there is nothing in it.
pub(super) fn compose(
    row: &Interaction,
    author: &User,
    (id, becomes): (MessageId, Becomes),
    create: &Create,
) -> Result<Value, ApiError> {
    let Create { body, attachments, .. } = create;
    let promises = becomes == Becomes::Promise;
    let loading = if promises { MessageFlags::LOADING.bits() } else { 0 };
    let mut message = json!({
        "id": id,
        "channel_id": row.channel,
        "author": author,
        "content": body.content,
        "timestamp": Timestamp::from_ms(id.timestamp_ms()),
        "edited_timestamp": null,
        "tts": false,
        "mention_everyone": false,
        "mentions": [],
        "mention_roles": [],
        "attachments": attachments,
        "embeds": body.embeds,
        "components": body.components,
        "flags": FLAG_EPHEMERAL | loading | body.flags,
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
    if !promises && is_empty(&message) {
        return Err(ApiError::cannot_send_empty_message());
    }
    Ok(message)
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
    if let Patch::Value(flags) = edit.flags {
        let old = message["flags"].as_u64().unwrap_or_default();
        let components_v2 = (old | flags) & FLAG_COMPONENTS_V2;
        let others = old & !(FLAG_SUPPRESS_EMBEDS | FLAG_COMPONENTS_V2);
        message["flags"] = json!(others | components_v2 | (flags & FLAG_SUPPRESS_EMBEDS));
    }
    message["edited_timestamp"] = json!(now);
}

/// The files that an edit keeps, with what it says of them, and its new ones.
fn files(
    old: Vec<Attachment>,
    wanted: &Patch<Vec<AttachmentRequest>>,
    new: &[Attachment],
) -> Vec<Attachment> {
    let mut kept = match wanted {
        Patch::Absent => old,
        Patch::Null => Vec::new(),
        Patch::Value(wanted) => {
            let find = |request: &AttachmentRequest| {
                let mut kept = old.iter().find(|file| file.id.get() == request.id)?.clone();
                request.apply(&mut kept);
                Some(kept)
            };
            wanted.iter().filter_map(find).collect()
        }
    };
    kept.extend_from_slice(new);
    kept
}

/// Whether there is nothing in a message.
fn is_empty(message: &Value) -> bool {
    let is_nothing = |name: &str| match &message[name] {
        Value::String(text) => text.is_empty(),
        Value::Array(parts) => parts.is_empty(),
        _ => true,
    };
    ["content", "embeds", "components", "attachments"].into_iter().all(is_nothing)
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
        how: Shown,
    ) -> Result<Value, Failure> {
        let shown = self.with_addresses(message.clone())?;
        let op = InteractionOp::Show {
            interaction: row.id,
            message: id,
            body: message,
            shown: shown.clone(),
            is_new: how == Shown::New,
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
        (body, upload): (EditMessage, Upload),
    ) -> Result<Value, Failure> {
        let (edit, kept) = prepare_edit(self, Caller::system(), row.channel, body, upload).await?;
        // Nobody takes the files, as those of a new one.
        drop(kept);
        apply(&mut message, &edit.body, self.now());
        let old = serde_json::from_value(message["attachments"].take()).map_err(|_| ApiError::internal())?;
        let attachments = files(old, &edit.body.attachments, &edit.attachments);
        if attachments.len() > ATTACHMENTS_MAX {
            return Err(Failure(ApiError::max_attachments()));
        }
        message["attachments"] = json!(attachments);
        let v2 = message["flags"].as_u64().unwrap_or_default() & FLAG_COMPONENTS_V2 != 0;
        let has_legacy = message["content"] != "" || message["embeds"] != json!([]);
        require_one_style(v2, has_legacy, edit.body.components.as_option())?;
        if is_empty(&message) {
            return Err(Failure(ApiError::cannot_send_empty_message()));
        }
        self.show_ephemeral(row, id, message, Shown::Changed).await
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

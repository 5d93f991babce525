//! Bodies of the message routes, and what can be said of a message without knowing its channel.
//!
//! Rules: Message page, "Create Message" and "Edit Message"; Channel page for allowed mentions.

mod embed;
mod files;
mod poll;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::{BULK_DELETE_MESSAGES, MESSAGE_CONTENT_CHARS_MAX, MESSAGE_STICKERS_MAX, NONCE_CHARS_MAX};
use crate::mention::AllowedMentions;
use crate::request::component;
use crate::{ApiError, ChannelId, Component, Embed, Form, GuildId, MessageId, Nonce, Patch, StickerId};

pub use files::{ATTACHMENT_SPOILER, AttachmentRequest, SPOILER_PREFIX};
pub use poll::NewPoll;

/// Whether a message is a voice message (Message page, "Message Flags").
pub const FLAG_SUPPRESS_EMBEDS: u64 = 1 << 2;
/// Nobody is notified by push or sound.
pub const FLAG_SUPPRESS_NOTIFICATIONS: u64 = 1 << 12;
/// A voice message.
pub const FLAG_VOICE_MESSAGE: u64 = 1 << 13;
/// The message consists of components only.
pub const FLAG_COMPONENTS_V2: u64 = 1 << 15;
const CREATE_FLAGS: u64 =
    FLAG_SUPPRESS_EMBEDS | FLAG_SUPPRESS_NOTIFICATIONS | FLAG_VOICE_MESSAGE | FLAG_COMPONENTS_V2;
/// An ephemeral answer; understood from applications only.
pub const FLAG_EPHEMERAL: u64 = 1 << 6;

/// Who sends components (Webhook page, "Execute Webhook", `with_components`; people are held to what webhooks without an
/// application are).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComponentSender {
    /// An application, or a webhook that one owns: all of them.
    Application,
    /// Anybody else: none, or with the query's `with_components=true` those that nobody interacts with.
    Other {
        /// As in the query.
        with_components: bool,
    },
}

impl ComponentSender {
    /// Whether the components are kept; false when they are ignored.
    fn takes(self, components: &[Component]) -> Result<bool, ApiError> {
        match self {
            Self::Application => Ok(true),
            Self::Other { with_components: false } => Ok(components.is_empty()),
            Self::Other { with_components: true } => {
                component::require_not_interactive(components).map(|()| true)
            }
        }
    }
}

/// Body of Create Message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CreateMessage {
    /// Text, trimmed, at most 2000 characters.
    pub content: String,
    /// Whether it is read out.
    pub tts: bool,
    /// Embeds, brought to type `rich`.
    pub embeds: Vec<Embed>,
    /// Components, numbered.
    pub components: Vec<Component>,
    /// Stickers.
    pub sticker_ids: Vec<StickerId>,
    /// What is said of the files; `None` when the key was absent.
    pub attachments: Option<Vec<AttachmentRequest>>,
    /// Reply or forward.
    pub message_reference: Option<Reference>,
    /// Whom it may ping; `None` when absent.
    pub allowed_mentions: Option<AllowedMentions>,
    /// Text or number, as sent.
    pub nonce: Option<Nonce>,
    /// Whether a second request with the same nonce gives the first message.
    pub enforce_nonce: bool,
    /// Those flags that may be set.
    pub flags: u64,
    /// Poll.
    pub poll: Option<NewPoll>,
}

impl CreateMessage {
    /// Reads a body.
    ///
    /// # Errors
    /// 400/50035 with the paths of all that is wrong.
    pub fn parse(body: &Value) -> Result<Self, ApiError> {
        Form::root(body)?.check(Self::read)
    }

    /// Reads the body; errors are noted in the form.
    pub fn read(form: &Form<'_>) -> Option<Self> {
        let flags = form.int("flags", 0..=u64::from(u32::MAX)).unwrap_or(0);
        let components = component::of_message(form, flags & FLAG_COMPONENTS_V2 != 0).value();
        let create = Self {
            content: form.text("content", 0..=MESSAGE_CONTENT_CHARS_MAX).unwrap_or_default(),
            tts: form.bool("tts").unwrap_or(false),
            embeds: embed::read_all(form).value().unwrap_or_default(),
            components: components.unwrap_or_default(),
            sticker_ids: form.ids("sticker_ids", MESSAGE_STICKERS_MAX).unwrap_or_default(),
            attachments: files::read(form).value(),
            message_reference: form.object("message_reference", Reference::read),
            allowed_mentions: form.object("allowed_mentions", AllowedMentions::from_form),
            nonce: nonce(form),
            enforce_nonce: form.bool("enforce_nonce").unwrap_or(false),
            flags: flags & (CREATE_FLAGS | FLAG_EPHEMERAL),
            poll: form.object("poll", NewPoll::read),
        };
        if flags & FLAG_COMPONENTS_V2 != 0 {
            create.refuse_with_v2(form);
        }
        Some(create)
    }

    /// V2 components stand alone (Component Reference, "Legacy Message Component Behavior").
    fn refuse_with_v2(&self, form: &Form<'_>) {
        let message = "The 'IS_COMPONENTS_V2' flag cannot be used together with this field";
        let others = [
            ("content", !self.content.is_empty()),
            ("embeds", !self.embeds.is_empty()),
            ("sticker_ids", !self.sticker_ids.is_empty()),
            ("poll", self.poll.is_some()),
        ];
        for (name, _) in others.iter().filter(|(_, set)| *set) {
            form.error(name, "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", message);
        }
    }

    /// Leaves of the components what the sender may send; see [`ComponentSender`].
    ///
    /// # Errors
    /// 400/50035 at a component that only applications may send.
    pub fn limit_components(&mut self, sender: ComponentSender) -> Result<(), ApiError> {
        if sender.takes(&self.components)? {
            return Ok(());
        }
        self.components.clear();
        self.flags &= !FLAG_COMPONENTS_V2;
        Ok(())
    }

    /// Whether there is nothing to post, files apart.
    pub fn is_empty(&self) -> bool {
        self.content.is_empty()
            && self.embeds.is_empty()
            && self.components.is_empty()
            && self.sticker_ids.is_empty()
            && self.poll.is_none()
    }

    /// The nonce as text.
    pub fn nonce_text(&self) -> Option<String> {
        match self.nonce.as_ref()? {
            Nonce::Text(text) => Some(text.clone()),
            Nonce::Number(number) => Some(number.to_string()),
        }
    }
}

/// Body of Edit Message.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EditMessage {
    /// Text.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    pub content: Patch<String>,
    /// Embeds.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    pub embeds: Patch<Vec<Embed>>,
    /// Flags: SUPPRESS_EMBEDS, and COMPONENTS_V2 once.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    pub flags: Patch<u64>,
    /// Whom it may ping.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    pub allowed_mentions: Patch<AllowedMentions>,
    /// Components.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    pub components: Patch<Vec<Component>>,
    /// The full wanted set of files.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    pub attachments: Patch<Vec<AttachmentRequest>>,
}

impl EditMessage {
    /// Reads a body.
    ///
    /// # Errors
    /// 400/50035 with the paths of all that is wrong.
    pub fn parse(body: &Value) -> Result<Self, ApiError> {
        Form::root(body)?.check(Self::read)
    }

    /// Reads the body; errors are noted in the form.
    pub fn read(form: &Form<'_>) -> Option<Self> {
        let flags = form.patch_int("flags", 0..=u64::from(u32::MAX));
        // Whether it is a V2 message already is known to the owner; nesting is limited either way.
        let v2 = flags.as_option().is_none_or(|flags| flags & FLAG_COMPONENTS_V2 != 0);
        Some(Self {
            content: form.patch_text("content", 0..=MESSAGE_CONTENT_CHARS_MAX),
            embeds: embed::read_all(form),
            allowed_mentions: form.patch_object("allowed_mentions", AllowedMentions::from_form),
            components: component::of_message(form, v2),
            attachments: files::read(form),
            flags,
        })
    }

    /// As [`CreateMessage::limit_components`]: those that are ignored leave the message's own as they are.
    ///
    /// # Errors
    /// 400/50035 at a component that only applications may send.
    pub fn limit_components(&mut self, sender: ComponentSender) -> Result<(), ApiError> {
        let Patch::Value(components) = &self.components else { return Ok(()) };
        if sender.takes(components)? {
            return Ok(());
        }
        self.components = Patch::Absent;
        self.flags = self.flags.map(|flags| flags & !FLAG_COMPONENTS_V2);
        Ok(())
    }

    /// Whether nothing but flags is to change, which needs no authorship.
    pub fn only_flags(&self) -> bool {
        self.content.is_absent()
            && self.embeds.is_absent()
            && self.components.is_absent()
            && self.attachments.is_absent()
            && self.allowed_mentions.is_absent()
    }
}

/// Checks that a message that was changed is either one of components (`v2`) or has text, embeds and stickers (`has_legacy`).
/// `components` are those it is given.
///
/// # Errors
/// 400/50035 at `flags`, or at a component that only messages of components hold.
pub fn require_one_style(
    v2: bool,
    has_legacy: bool,
    components: Option<&Vec<Component>>,
) -> Result<(), ApiError> {
    if v2 && has_legacy {
        let text = "The 'IS_COMPONENTS_V2' flag cannot be used together with this field";
        let code = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2";
        return Err(ApiError::invalid_field("flags", code, text));
    }
    match components {
        Some(components) if !v2 => component::require_message_v1(components),
        _ => Ok(()),
    }
}

/// What a new message refers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reference {
    /// Whether it is forwarded rather than answered.
    pub forward: bool,
    /// The message.
    pub message: MessageId,
    /// Its channel; needed for a forward.
    pub channel: Option<ChannelId>,
    /// Its guild.
    pub guild: Option<GuildId>,
    /// Replies: whether it is an error when the message is gone; otherwise the message is posted without a reference.
    pub fail_if_not_exists: bool,
}

impl Reference {
    fn read(form: &Form<'_>) -> Option<Self> {
        let forward = form.choice_u8("type", &[0, 1]) == Some(1);
        let message = form.required("message_id", form.id("message_id"));
        let channel = form.id("channel_id");
        let channel = if forward { form.required("channel_id", channel) } else { channel };
        let fail_if_not_exists = form.bool("fail_if_not_exists").unwrap_or(true);
        Some(Self { forward, message: message?, channel, guild: form.id("guild_id"), fail_if_not_exists })
    }
}

fn nonce(form: &Form<'_>) -> Option<Nonce> {
    match form.opt("nonce")? {
        Value::String(_) => form.str("nonce", 0..=NONCE_CHARS_MAX).map(Nonce::Text),
        Value::Number(number) if number.is_i64() => number.as_i64().map(Nonce::Number),
        // A number too large for the wire's type is given back as text.
        Value::Number(number) if number.is_u64() => Some(Nonce::Text(number.to_string())),
        _ => {
            form.error("nonce", "NONCE_TYPE_COERCE", "Value is neither a text nor a whole number.");
            None
        }
    }
}

/// Body of Bulk Delete Messages: 2 to 100 ids, doubles dropped.
///
/// # Errors
/// 400/50035 when there is no list of ids, 400/50016 when there are too few or too many.
pub fn bulk_delete(body: &Value) -> Result<Vec<MessageId>, ApiError> {
    let mut ids: Vec<MessageId> =
        Form::root(body)?.check(|form| form.required("messages", form.ids("messages", 1000)))?;
    ids.sort_unstable();
    ids.dedup();
    if BULK_DELETE_MESSAGES.contains(&ids.len()) { Ok(ids) } else { Err(ApiError::bulk_delete_count()) }
}

#[cfg(test)]
mod tests;

//! Typed snowflake ids: `Id<marker::Guild>` cannot be passed where a channel's id is wanted.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::snowflake::EPOCH_MS;

/// Snowflake of a thing of kind `T`; a string in JSON, a number in binary formats.
pub struct Id<T>(u64, PhantomData<fn() -> T>);

impl<T> Id<T> {
    /// Wraps a raw snowflake.
    pub const fn new(raw: u64) -> Self {
        Self(raw, PhantomData)
    }

    /// Returns the raw snowflake.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Reads the id as one of another kind, where the protocol says that the two coincide.
    pub const fn cast<U>(self) -> Id<U> {
        Id::new(self.0)
    }

    /// Returns the time of creation in Unix milliseconds.
    pub const fn timestamp_ms(self) -> u64 {
        (self.0 >> 22) + EPOCH_MS
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}
impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl<T> From<u64> for Id<T> {
    fn from(raw: u64) -> Self {
        Self::new(raw)
    }
}
impl<T> From<Id<T>> for u64 {
    fn from(id: Id<T>) -> Self {
        id.0
    }
}

impl<T> FromStr for Id<T> {
    type Err = ParseIntError;

    /// Parses decimal digits in the one form that ids are given out in: signs and leading zeros are refused. Texts are told
    /// apart as ids are then, wherever one stands for the other: limits and caches by text cannot be evaded by spelling.
    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let is_canonical = !text.starts_with('+') && (!text.starts_with('0') || text == "0");
        if is_canonical { text.parse().map(Self::new) } else { "+".parse::<u64>().map(Self::new) }
    }
}

impl<T> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&self.0)
        } else {
            serializer.serialize_u64(self.0)
        }
    }
}

impl<'de, T> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;
        impl Visitor<'_> for IdVisitor {
            type Value = u64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a snowflake")
            }
            fn visit_u64<E: de::Error>(self, raw: u64) -> Result<u64, E> {
                Ok(raw)
            }
            fn visit_i64<E: de::Error>(self, raw: i64) -> Result<u64, E> {
                u64::try_from(raw).map_err(|_| E::invalid_value(de::Unexpected::Signed(raw), &self))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
                let id: Result<Id<marker::Generic>, _> = text.parse();
                id.map(Id::get).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        // Both forms are taken in every format: values buffered for `flatten` forget which format they came from.
        deserializer.deserialize_any(IdVisitor).map(Self::new)
    }
}

/// Kinds of things that have ids; never instantiated.
pub mod marker {
    macro_rules! markers {
        ($($(#[$doc:meta])* $name:ident),* $(,)?) => { $($(#[$doc])* #[derive(Debug)] pub enum $name {})* };
    }
    markers! {
        /// Account, bot or person.
        User,
        /// Community.
        Guild,
        /// Channel, thread or conversation.
        Channel,
        /// Message.
        Message,
        /// Role.
        Role,
        /// Custom emoji.
        Emoji,
        /// Uploaded file.
        Attachment,
        /// Webhook.
        Webhook,
        /// Application.
        Application,
        /// Sticker.
        Sticker,
        /// Entry of the audit log.
        AuditLogEntry,
        /// Integration of a guild.
        Integration,
        /// One use of a command or component.
        Interaction,
        /// Application command, or one version of it.
        Command,
        /// Scheduled event of a guild.
        ScheduledEvent,
        /// Stage instance.
        Stage,
        /// Soundboard sound.
        Sound,
        /// AutoMod rule.
        Rule,
        /// Target of a permission overwrite: a role or a user.
        Overwrite,
        /// Forum tag.
        Tag,
        /// Authenticated login of an account.
        AuthSession,
        /// Anything: for ids whose kind depends on context.
        Generic,
    }
}

/// Id of an account.
pub type UserId = Id<marker::User>;
/// Id of a guild; also of its @everyone role.
pub type GuildId = Id<marker::Guild>;
/// Id of a channel or thread.
pub type ChannelId = Id<marker::Channel>;
/// Id of a message; also of a thread started from it.
pub type MessageId = Id<marker::Message>;
/// Id of a role.
pub type RoleId = Id<marker::Role>;
/// Id of a custom emoji.
pub type EmojiId = Id<marker::Emoji>;
/// Id of an uploaded file.
pub type AttachmentId = Id<marker::Attachment>;
/// Id of a webhook; also of the author of its messages.
pub type WebhookId = Id<marker::Webhook>;
/// Id of an application; also of its bot user.
pub type ApplicationId = Id<marker::Application>;
/// Id of a sticker.
pub type StickerId = Id<marker::Sticker>;
/// Id of an audit log entry.
pub type AuditLogEntryId = Id<marker::AuditLogEntry>;
/// Id of an integration.
pub type IntegrationId = Id<marker::Integration>;
/// Id of an interaction.
pub type InteractionId = Id<marker::Interaction>;
/// Id of an application command.
pub type CommandId = Id<marker::Command>;
/// Id of a guild scheduled event.
pub type EventId = Id<marker::ScheduledEvent>;
/// Id of a stage instance.
pub type StageId = Id<marker::Stage>;
/// Id of a soundboard sound.
pub type SoundId = Id<marker::Sound>;
/// Id of an AutoMod rule.
pub type RuleId = Id<marker::Rule>;
/// Id of a role or a user, as an overwrite names it.
pub type OverwriteId = Id<marker::Overwrite>;
/// Id of a forum tag.
pub type TagId = Id<marker::Tag>;
/// Id of an authenticated login.
pub type AuthSessionId = Id<marker::AuthSession>;
/// Id whose kind depends on context.
pub type GenericId = Id<marker::Generic>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_strings_in_json_and_read_from_both_forms() {
        let id = UserId::new(80351110224678912);
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"80351110224678912\"");
        assert_eq!(serde_json::from_str::<UserId>("\"80351110224678912\"").unwrap(), id);
        assert_eq!(serde_json::from_str::<UserId>("80351110224678912").unwrap(), id);
        assert!(serde_json::from_str::<UserId>("-1").is_err());
        assert!(serde_json::from_str::<UserId>("\"x\"").is_err());
    }

    #[test]
    fn ids_are_map_keys() {
        let map = std::collections::BTreeMap::from([(RoleId::new(7), 1)]);
        let json = serde_json::to_string(&map).unwrap();
        assert_eq!(json, "{\"7\":1}");
        assert_eq!(serde_json::from_str::<std::collections::BTreeMap<RoleId, i32>>(&json).unwrap(), map);
    }

    #[test]
    fn parsing_refuses_overflow_and_every_form_but_one() {
        for text in ["+1", "-1", "01", "00", "", " 1", "1 ", "1_0", "\u{661}"] {
            assert!(text.parse::<UserId>().is_err(), "{text}");
            assert!(serde_json::from_value::<UserId>(text.into()).is_err(), "{text}");
        }
        assert_eq!("0".parse::<UserId>().unwrap().get(), 0);
        assert!("18446744073709551616".parse::<UserId>().is_err());
        assert_eq!("18446744073709551615".parse::<UserId>().unwrap().get(), u64::MAX);
    }

    #[test]
    fn creation_time_is_read_from_the_upper_bits() {
        // Example of the API reference: 175928847299117063 was made 2016-04-30 11:18:25.796 UTC.
        assert_eq!(UserId::new(175928847299117063).timestamp_ms(), 1462015105796);
    }
}

//! The things of the platform, each as one struct: a row in the store, an answer of the REST edge and a body in the
//! gateway at once.
//!
//! Keys that the documented schema requires are always present (as `null` where that is allowed); optional ones are left
//! out when empty. What was `null` and what was absent therefore survive a round trip.

mod activity;
mod application;
mod audit_log;
mod channel;
mod emoji;
mod guild;
mod invite;
mod member;
mod message;
mod onboarding;
mod presence;
mod recurrence;
mod role;
mod sound;
mod template;
mod user;
mod voice;
mod webhook;

pub mod account;
pub mod auto_moderation;
pub mod command;
pub mod component;
pub mod scheduled_event;
pub mod stage;

pub use activity::{Activity, ActivityAssets, ActivityEmoji, ActivityParty, ActivityTimestamps};
pub use application::{
    Application, ApplicationFlags, Integration, IntegrationAccount, IntegrationApplication,
};
pub use audit_log::{AuditLogChange, AuditLogEntry, AuditLogEvent};
pub use auto_moderation::{ActionMetadata, AutoModerationAction, AutoModerationRule, TriggerMetadata};
pub use channel::{Channel, ChannelType, DefaultReaction, ForumTag, ThreadMember, ThreadMetadata};
pub use component::{Component, number_components};
pub use emoji::{Emoji, PartialEmoji, Sticker, StickerItem};
pub use guild::{Ban, GatewayGuild, Guild, MyGuild, UnavailableGuild};
pub use invite::{Invite, InviteChannel, InviteGuild};
pub use member::Member;
pub use message::{
    Attachment, CountDetails, Embed, EmbedAuthor, EmbedField, EmbedFooter, EmbedMedia, EmbedProvider,
    MentionedUser, Message, MessageCall, MessageFlags, MessageReference, MessageSnapshot, MessageType, Nonce,
    Reaction, SnapshotMessage,
};
pub use onboarding::{Onboarding, OnboardingOption, OnboardingPrompt, OptionEmoji};
pub use presence::{ClientStatus, Presence, Status, UserRef};
pub use recurrence::{NthWeekday, RecurrenceRule};
pub use role::{Role, RoleColors, RoleTags};
pub use scheduled_event::{EntityMetadata, ScheduledEvent};
pub use sound::SoundboardSound;
pub use stage::StageInstance;
pub use template::{GuildTemplate, TemplateChannel, TemplateGuild, TemplateRole, TemplateTag};
pub use user::{CurrentUser, PrimaryGuild, User, UserFlags};
pub use voice::{VoiceRegion, VoiceState};
pub use webhook::Webhook;

/// Makes an enumeration that is a number on the wire and keeps numbers it does not know.
macro_rules! numeric {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)*
            /// A number of a newer protocol.
            Unknown(u16),
        }

        impl $name {
            /// The number on the wire.
            pub const fn number(self) -> u16 {
                match self {
                    $(Self::$variant => $number,)*
                    Self::Unknown(number) => number,
                }
            }
        }

        impl From<u16> for $name {
            fn from(number: u16) -> Self {
                match number {
                    $($number => Self::$variant,)*
                    other => Self::Unknown(other),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_u16(self.number())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                u16::deserialize(deserializer).map(Self::from)
            }
        }
    };
}
pub(crate) use numeric;

/// For `skip_serializing_if`: a flag that is only shown when set.
#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature serde wants")]
pub(crate) fn is_false(flag: &bool) -> bool {
    !flag
}

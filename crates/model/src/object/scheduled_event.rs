//! Scheduled events of a guild ("Guild Scheduled Event" page).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{RecurrenceRule, User};
use crate::{ChannelId, EventId, GenericId, GuildId, Timestamp, UserId};

/// Where an event takes place (Guild Scheduled Event Entity Types).
pub mod entity {
    /// In a stage channel.
    pub const STAGE: u8 = 1;
    /// In a voice channel.
    pub const VOICE: u8 = 2;
    /// Somewhere else.
    pub const EXTERNAL: u8 = 3;
}

/// How far an event is (Guild Scheduled Event Status).
pub mod status {
    /// To come.
    pub const SCHEDULED: u8 = 1;
    /// It goes on.
    pub const ACTIVE: u8 = 2;
    /// Over.
    pub const COMPLETED: u8 = 3;
    /// It will not be.
    pub const CANCELED: u8 = 4;
}

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduledEvent {
    /// Its id.
    pub id: EventId,
    /// Its guild.
    pub guild_id: GuildId,
    /// Where; null for an external one.
    pub channel_id: Option<ChannelId>,
    /// Who made it.
    pub creator_id: Option<UserId>,
    /// The same, as an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<User>,
    /// 1 to 100 characters.
    pub name: String,
    /// Up to 1000 characters.
    pub description: Option<String>,
    /// Hash of its cover.
    pub image: Option<String>,
    /// Of one that recurs, the next time.
    pub scheduled_start_time: Timestamp,
    /// External events have one.
    pub scheduled_end_time: Option<Timestamp>,
    /// 2: for members only.
    pub privacy_level: u8,
    /// One of [`status`].
    pub status: u8,
    /// One of [`entity`].
    pub entity_type: u8,
    /// What it is, such as the stage; null while there is none.
    pub entity_id: Option<GenericId>,
    /// Null but for an external one.
    pub entity_metadata: Option<EntityMetadata>,
    /// When it is again.
    pub recurrence_rule: Option<RecurrenceRule>,
    /// Occurrences that are otherwise; not offered: always empty.
    #[serde(default)]
    pub guild_scheduled_event_exceptions: Vec<Value>,
    /// How many are interested, where asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_count: Option<u64>,
}

impl ScheduledEvent {
    /// Whether it is to come or goes on.
    pub fn is_open(&self) -> bool {
        matches!(self.status, status::SCHEDULED | status::ACTIVE)
    }
}

/// Where an external event is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityMetadata {
    /// 1 to 100 characters.
    pub location: String,
}

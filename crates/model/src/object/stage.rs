//! Stages that go on ("Stage Instance" page).

use serde::{Deserialize, Serialize};

use crate::{ChannelId, EventId, GuildId, StageId};

/// `privacy_level` of a stage: for members only. The other one, public, is of the past.
pub const GUILD_ONLY: u8 = 2;

/// A stage channel in which something goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageInstance {
    /// Its id.
    pub id: StageId,
    /// Its guild.
    pub guild_id: GuildId,
    /// Where.
    pub channel_id: ChannelId,
    /// What it is about, 1 to 120 characters.
    pub topic: String,
    /// [`GUILD_ONLY`].
    pub privacy_level: u8,
    /// Of the past: nothing is shown to strangers.
    pub discoverable_disabled: bool,
    /// The scheduled event that it is.
    pub guild_scheduled_event_id: Option<EventId>,
}

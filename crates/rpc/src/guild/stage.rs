//! Stages that go on in stage channels of a guild.

use consort_model::{ChannelId, EventId};
use serde::{Deserialize, Serialize};

/// What can be asked; each of one channel. Whoever opens, changes or closes a stage moderates it: MANAGE_CHANNELS, MUTE_MEMBERS
/// and MOVE_MEMBERS in the channel.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// What goes on there. Answers it, or 10067.
    Get { channel: ChannelId },
    /// Opens the stage. `notify` names everybody in the channel's talk and needs MENTION_EVERYONE. Answers the stage.
    Open { channel: ChannelId, topic: String, notify: bool, event: Option<EventId> },
    /// Changes the topic. Answers the stage.
    Update { channel: ChannelId, topic: Option<String> },
    /// Closes the stage.
    Close { channel: ChannelId },
}

//! Invites into a guild.

use consort_model::{ChannelId, EventId, GuildId, UserId};
use serde::{Deserialize, Serialize};

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// MANAGE_GUILD. All invites with metadata. Answers an array.
    List,
    /// MANAGE_CHANNELS. Those of a channel.
    ListChannel { channel: ChannelId },
    /// CREATE_INSTANT_INVITE in the channel. Answers the invite with metadata.
    Create { channel: ChannelId, create: Box<Create> },
    /// MANAGE_CHANNELS in the channel, or MANAGE_GUILD. Answers the invite.
    Delete { code: String },
    /// Anybody: what the invite page shows, with an event of the guild if one is named and open. Answers the invite.
    Resolve {
        code: String,
        with_counts: bool,
        #[serde(default)]
        event: Option<EventId>,
    },
}

/// An invite to be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Create {
    /// Seconds; 0 for ever. At most a week.
    pub max_age: u32,
    /// 0 without limit, at most 100.
    pub max_uses: u32,
    pub temporary: bool,
    /// `false`: an equal one of the caller's is given again.
    pub unique: bool,
    pub target_type: Option<u8>,
    pub target_user_id: Option<UserId>,
}

/// The row of `Table::InviteIndex` by which an edge finds the guild of a code. Its partition is
/// [`consort_model::account::index_partition`] of the code, its key the code's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexRow {
    /// The guild that has the invite.
    pub guild: GuildId,
}

//! What an account has read.

use consort_model::{ChannelId, MessageId};
use serde::{Deserialize, Serialize};

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// A channel is read up to a message. Tells the account's sessions (MESSAGE_ACK).
    Ack(Ack),
    /// Several channels are read.
    AckBulk { acks: Vec<Ack> },
    /// The pins of a channel were seen. Tells the sessions (CHANNEL_PINS_ACK).
    AckPins { channel: ChannelId },
    /// The state of a channel is forgotten.
    Forget { channel: ChannelId },
}

/// How far a channel is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    /// The channel.
    pub channel: ChannelId,
    /// The newest message read.
    pub message: MessageId,
    /// Whether the person has chosen the place itself, which may be before what was read (marking unread).
    pub manual: bool,
    /// With `manual`: how many unread mentions remain.
    pub mention_count: Option<u32>,
    /// Bits of the client.
    pub flags: Option<u64>,
    /// Day of the last look, days since 2015.
    pub last_viewed: Option<u64>,
}

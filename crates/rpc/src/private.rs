//! The owner of one private channel: a DM or a group DM.

use consort_model::{ChannelId, Patch, UserId};
use serde::{Deserialize, Serialize};

use crate::{Nothing, Service, message};

pub mod call;

/// The service; its key is the channel's id.
#[derive(Debug)]
pub struct Private;

impl Service for Private {
    const NAME: &'static str = "private";
    type Op = Op;
    type News = Nothing;
}

impl From<Nothing> for Op {
    fn from(nothing: Nothing) -> Self {
        match nothing {}
    }
}

/// What a private channel's owner is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Messages, reactions, pins, typing; see [`message`].
    Message { channel: ChannelId, op: message::Op },
    /// Calls; see [`call`].
    Call(call::Op),
    /// The channel as the caller sees it (recipients without the caller). Answers a channel.
    Get,
    /// Changes a group's name or icon. Answers the channel.
    Update {
        /// 1 to 100 characters; null takes it away.
        #[serde(default, skip_serializing_if = "Patch::is_absent")]
        name: Patch<String>,
        /// Hash of a stored picture.
        #[serde(default, skip_serializing_if = "Patch::is_absent")]
        icon: Patch<String>,
        /// A new owner, from the present one.
        owner: Option<UserId>,
    },
    /// Adds a person to a group.
    AddRecipient { user: UserId },
    /// Takes a person out of a group.
    RemoveRecipient { user: UserId },
    /// Closes a DM for the caller, or leaves a group. Answers the channel.
    Close,
    /// Closes a DM for one of its people, who has too many. From the system.
    CloseFor { user: UserId },
    /// Lists the channel for the caller again and tells its sessions (CHANNEL_CREATE). Answers the channel.
    Open,
    /// Makes the channel: a DM with one other person, or a group. Who may be spoken to is checked here. Answers the channel;
    /// 409 when a DM of the two exists already.
    Found { group: bool, recipients: Vec<UserId> },
    /// A recipient blocks or no longer blocks the other one of a DM. From the system.
    Blocked { by: UserId, blocked: bool },
    /// A recipient has changed name or avatar.
    UserChanged { user: Box<consort_model::User> },
}

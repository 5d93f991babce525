//! Invites into a guild.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{ApiError, ChannelId};
use consort_rpc::guild::invite::Op;
use serde::{Deserialize, Serialize};

use super::Guild;

/// An invite as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct InviteRow {
    pub(crate) code: String,
    pub(crate) channel_id: ChannelId,
}

impl Guild {
    pub(crate) fn handle_invite(&mut self, _cx: &mut Cx<'_>, _op: &Op) -> Result<Outcome, Stop> {
        Err(ApiError::not_found_route().into())
    }

    /// Deletes the invites that lead to a channel.
    pub(crate) fn drop_channel_invites(&mut self, _cx: &mut Cx<'_>, channel: ChannelId) {
        self.invites.retain(|_, invite| invite.channel_id != channel);
    }

    /// Deletes every invite and its entry in the index.
    pub(crate) fn drop_all_invites(&mut self, _cx: &mut Cx<'_>) {
        self.invites.clear();
    }
}

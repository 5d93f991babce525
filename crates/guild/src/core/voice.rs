//! Voice states of a guild.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{ApiError, ChannelId};
use consort_rpc::guild::voice::Op;

use super::Guild;

impl Guild {
    pub(crate) fn handle_voice(&mut self, _cx: &mut Cx<'_>, _op: &Op) -> Result<Outcome, Stop> {
        Err(ApiError::not_found_route().into())
    }

    /// Disconnects everybody from a channel.
    pub(crate) fn leave_voice_channel(&mut self, _cx: &mut Cx<'_>, channel: ChannelId) {
        self.voice.retain(|_, (state, _)| state.channel_id != Some(channel));
    }
}

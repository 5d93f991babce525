//! Webhooks of a guild.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{ApiError, ChannelId};
use consort_rpc::guild::webhook::Op;

use super::Guild;

impl Guild {
    pub(crate) fn handle_webhook(&mut self, _cx: &mut Cx<'_>, _op: &Op) -> Result<Outcome, Stop> {
        Err(ApiError::not_found_route().into())
    }

    /// Deletes the webhooks of a channel.
    pub(crate) fn drop_channel_webhooks(&mut self, _cx: &mut Cx<'_>, channel: ChannelId) {
        self.webhooks.retain(|_, webhook| webhook.channel_id != Some(channel));
    }

    /// Deletes every webhook and its entry in the index.
    pub(crate) fn drop_all_webhooks(&mut self, _cx: &mut Cx<'_>) {
        self.webhooks.clear();
    }
}

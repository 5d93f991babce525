//! Messages in the channels of a guild.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{ApiError, ChannelId};
use consort_rpc::message::Op;

use super::Guild;

/// What talk needs to remember in memory.
#[derive(Debug, Default)]
pub(crate) struct Talk {}

impl Guild {
    pub(crate) fn handle_message(
        &mut self,
        _cx: &mut Cx<'_>,
        _channel: ChannelId,
        _op: &Op,
    ) -> Result<Outcome, Stop> {
        Err(ApiError::not_found_route().into())
    }
}

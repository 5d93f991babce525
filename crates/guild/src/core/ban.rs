//! Ban of a guild.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::ApiError;
use consort_rpc::guild::ban::Op;

use super::Guild;

impl Guild {
    pub(crate) fn handle_ban(&mut self, _cx: &mut Cx<'_>, _op: &Op) -> Result<Outcome, Stop> {
        Err(ApiError::not_found_route().into())
    }
}

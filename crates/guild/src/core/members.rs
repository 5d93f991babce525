//! Members of a guild.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::ApiError;
use consort_rpc::guild::member::Op;

use super::Guild;

impl Guild {
    pub(crate) fn handle_member(&mut self, _cx: &mut Cx<'_>, _op: &Op) -> Result<Outcome, Stop> {
        Err(ApiError::not_found_route().into())
    }

    /// Takes a member out of the guild and tells of it.
    pub(crate) fn remove_member(&mut self, _cx: &mut Cx<'_>, user: consort_model::UserId) {
        self.members.remove(&user);
        self.classes.forget(user);
    }
}

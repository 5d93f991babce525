//! Members of a guild: reading, searching, and what there is to be changed about them.
//!
//! * `join`: ways in. `leave`: ways out. `departed`: who has left. `update`: nicks, roles, timeouts, voice.
//!
//! Nothing here but search and prune looks at every member.

mod departed;
mod join;
mod leave;
mod update;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{ApiError, MyGuild, UserId};
use consort_rpc::guild::member::Op;

use super::Guild;
use crate::roster::Packed;
pub(super) use departed::still_in;
pub(super) use leave::{SEEN, TEMPORARY, key_member, member_key};

impl Guild {
    pub(crate) fn handle_member(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::List { limit, after } => {
                self.require_member(cx)?;
                let page = self.members.after(*after);
                Outcome::json(&page.take(*limit as usize).collect::<Vec<_>>())
            }
            Op::Search { query, limit } => {
                self.require_member(cx)?;
                Outcome::json(&self.members.named(query).take(*limit as usize).collect::<Vec<_>>())
            }
            Op::Get { user } => {
                self.require_member(cx)?;
                Outcome::json(&self.member(*user)?)
            }
            Op::Update { user, update } => self.update_member(cx, *user, update),
            Op::UpdateSelf(update) => self.update_self(cx, update),
            Op::AddRole { user, role } => self.change_role(cx, *user, *role, true),
            Op::RemoveRole { user, role } => self.change_role(cx, *user, *role, false),
            Op::Kick { user } => self.kick(cx, *user),
            Op::Leave => self.leave(cx),
            Op::JoinByInvite { code, user } => self.join_by_invite(cx, code, user),
            Op::Add(add) => self.add_by_consent(cx, add),
            Op::AddBot { bot, application, name, permissions } => {
                self.add_bot(cx, bot, *application, name, *permissions)
            }
            Op::Prune { days, include_roles, compute, dry } => {
                self.prune(cx, *days, include_roles, *compute, *dry)
            }
            Op::Own => {
                let own = self.members.get(cx.caller.user).ok_or_else(ApiError::unknown_guild)?;
                Outcome::json(&own)
            }
            Op::Summary { with_counts } => self.summary(cx, *with_counts),
        }
    }

    /// A member.
    pub(crate) fn member(&self, user: UserId) -> Result<Packed<'_>, ApiError> {
        self.members.get(user).ok_or_else(ApiError::unknown_member)
    }

    fn summary(&self, cx: &Cx<'_>, with_counts: bool) -> Result<Outcome, Stop> {
        let user = cx.caller.user;
        if !self.members.contains(user) {
            return Err(ApiError::unknown_guild().into());
        }
        Outcome::json(&MyGuild {
            id: self.id,
            name: self.info.name.clone(),
            icon: self.info.icon.clone(),
            banner: self.info.banner.clone(),
            owner: user == self.info.owner_id,
            permissions: self.base_permissions(user),
            features: self.info.features.clone(),
            approximate_member_count: with_counts.then_some(self.members.len() as u64),
            approximate_presence_count: with_counts.then_some(self.presences.len() as u64),
        })
    }
}

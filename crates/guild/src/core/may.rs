//! Whether a caller may do what it is about to send a picture for. The act is judged again when its body is there.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::command::Overwrite;
use consort_model::{ApiError, ChannelId, Form, Permissions, RoleId};
use consort_rpc::guild::Rights;
use consort_rpc::guild::may::May;

use super::Guild;

impl Guild {
    pub(super) fn handle_may(&self, cx: &Cx<'_>, what: &May) -> Result<(), Stop> {
        match what {
            May::ChangeGuild => self.require(cx, Permissions::MANAGE_GUILD),
            May::AddExpression => self.may_create_expression(cx),
            May::CreateRole => self.require(cx, Permissions::MANAGE_ROLES),
            May::ChangeRole { role } => self.may_change_role(cx, *role),
            May::CreateWebhook { channel } => self.may_create_webhook(cx, *channel),
            May::ChangeWebhook { webhook, token } => {
                self.accessible_webhook(cx, *webhook, token.as_deref()).map(drop)
            }
            May::CreateEvent => self.may_make_events(cx),
            May::ChangeEvent { event } => self.may_change_event_of(cx, *event),
            May::ChangeOneself => self.require_member(cx),
            May::SetCommandPermissions { of } => self.may_set_command_permissions(cx, of),
        }
    }

    pub(super) fn rights(&mut self, cx: &mut Cx<'_>, channel: ChannelId) -> Result<Outcome, Stop> {
        self.bring_thread(cx, channel)?;
        let (user, now_ms) = (cx.caller.user, cx.now_ms);
        let permissions = self.permissions_in(user, channel, now_ms).ok_or_else(ApiError::unknown_channel)?;
        Outcome::json(&Rights { permissions, silenced: self.is_silenced(user, now_ms) })
    }

    /// MANAGE_GUILD and MANAGE_ROLES, and the roles concerned are below the caller's highest (Application Commands, "Edit
    /// Application Command Permissions"). Roles and channels are there; anybody may be named.
    fn may_set_command_permissions(&self, cx: &Cx<'_>, of: &[Overwrite]) -> Result<(), Stop> {
        self.require(cx, Permissions::MANAGE_GUILD | Permissions::MANAGE_ROLES)?;
        let errors = Form::empty();
        for (index, overwrite) in of.iter().enumerate() {
            let id = overwrite.id;
            let path = format!("permissions.{index}.id");
            match overwrite.kind {
                1 if !self.roles.contains_key(&id.cast()) => {
                    errors.error(&path, "GUILD_INVALID_ROLE", "Invalid role");
                }
                1 if id.get() != self.id.get() => self.require_above_role(cx, id.cast())?,
                // One less than the guild's id stands for all channels.
                3 if !self.channels.contains_key(&id.cast()) && id.get() + 1 != self.id.get() => {
                    errors.error(&path, "GUILD_INVALID_CHANNEL", "Invalid channel");
                }
                _ => {}
            }
        }
        Ok(errors.finish()?)
    }

    /// MANAGE_ROLES, and the role is @everyone or below the caller's highest.
    pub(super) fn may_change_role(&self, cx: &Cx<'_>, role: RoleId) -> Result<(), Stop> {
        self.require(cx, Permissions::MANAGE_ROLES)?;
        if !self.roles.contains_key(&role) {
            return Err(ApiError::unknown_role().into());
        }
        if role == self.id.cast() { Ok(()) } else { self.require_above_role(cx, role) }
    }

    /// CREATE_EVENTS in the guild, or in a channel where events can be.
    fn may_make_events(&self, cx: &Cx<'_>) -> Result<(), Stop> {
        let wanted = Permissions::CREATE_EVENTS;
        let of_guild = self.require(cx, wanted);
        let has_voice = |id: &_| self.require_voice_channel(*id).is_ok();
        let in_one = || {
            self.channels.keys().filter(|id| has_voice(id)).any(|id| self.require_in(cx, *id, wanted).is_ok())
        };
        if of_guild.is_ok() || in_one() { Ok(()) } else { of_guild }
    }
}

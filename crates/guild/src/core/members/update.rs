//! What changes about a member: nick, roles, timeout, and its state in voice.

use std::collections::BTreeSet;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{
    ApiError, AuditLogChange, AuditLogEvent, ChannelId, Member, Patch, Permissions, RoleId, Timestamp,
    UserId, limits,
};
use consort_rpc::guild::member::{Update, UpdateSelf};
use consort_store::Table;
use serde_json::{Value, json};

use super::super::Guild;
use super::super::access::is_timed_out;
use super::super::audit::Note;
use super::super::automod::QUARANTINED;
use crate::roster::Packed;

/// Properties of a member that the audit log follows.
const AUDITED: &[&str] = &["nick", "mute", "deaf", "communication_disabled_until", "flags"];
/// Member flags that moderators may set: exempt from verification (Guild, Guild Member Flags).
const SETTABLE_FLAGS: u64 = 1 << 2;

impl Guild {
    pub(super) fn update_member(
        &mut self,
        cx: &mut Cx<'_>,
        user: UserId,
        update: &Update,
    ) -> Result<Outcome, Stop> {
        self.require_member(cx)?;
        let old = self.member(user)?.unpack();
        self.may_update_member(cx, user, &old, update)?;
        let mut member = old.clone();
        update.nick.clone().apply(&mut member.nick);
        member.nick = member.nick.filter(|nick| !nick.is_empty());
        if update.roles.is_present() {
            member.roles = update.roles.clone().value().unwrap_or_default();
            member.roles.sort_unstable();
            member.roles.dedup();
        }
        update.mute.apply_or(&mut member.mute, false);
        update.deaf.apply_or(&mut member.deaf, false);
        update.communication_disabled_until.apply(&mut member.communication_disabled_until);
        if let Patch::Value(flags) = update.flags {
            member.flags = member.flags & !SETTABLE_FLAGS | flags & SETTABLE_FLAGS;
        }
        self.replace_member(cx, user, &old, member);
        if (old.mute, old.deaf)
            != self.members.get(user).map_or((false, false), |m| (m.is_muted(), m.is_deafened()))
        {
            self.refresh_voice(cx, user);
        }
        match update.channel_id {
            Patch::Absent => {}
            Patch::Null => self.disconnect(cx, user),
            Patch::Value(channel) => self.move_voice(cx, user, channel),
        }
        Outcome::json(&self.member(user)?)
    }

    /// Every check of [`Guild::update_member`], before anything is changed.
    fn may_update_member(
        &self,
        cx: &Cx<'_>,
        user: UserId,
        old: &Member,
        update: &Update,
    ) -> Result<(), Stop> {
        let own = user == cx.caller.user;
        if update.nick.is_present() {
            let held = self.permissions(cx.caller.user, cx.now_ms);
            if !(own && held.contains(Permissions::CHANGE_NICKNAME)) {
                self.require(cx, Permissions::MANAGE_NICKNAMES)?;
            }
            if !own {
                self.require_above(cx, user)?;
            }
        }
        if update.roles.is_present() {
            let wanted = update.roles.as_option().map(Vec::as_slice).unwrap_or_default();
            self.may_set_roles(cx, &old.roles, wanted)?;
        }
        self.may_change_voice(cx, user, update)?;
        if update.communication_disabled_until.is_present() {
            self.may_time_out(cx, user, update.communication_disabled_until.as_option())?;
        }
        if update.flags.is_present() {
            self.may_set_flags(cx)?;
        }
        Ok(())
    }

    /// MANAGE_GUILD, or MANAGE_ROLES, or all of MODERATE_MEMBERS, KICK_MEMBERS and BAN_MEMBERS (Guild, Modify Guild Member).
    fn may_set_flags(&self, cx: &Cx<'_>) -> Result<(), Stop> {
        let moderator = Permissions::MODERATE_MEMBERS | Permissions::KICK_MEMBERS | Permissions::BAN_MEMBERS;
        let held = self.permissions(cx.caller.user, cx.now_ms);
        let either = held.intersects(Permissions::MANAGE_GUILD | Permissions::MANAGE_ROLES);
        if either { Ok(()) } else { self.require(cx, moderator) }
    }

    /// MANAGE_ROLES, and each role that is given or taken must be below the caller's highest and nobody's own (managed).
    fn may_set_roles(&self, cx: &Cx<'_>, old: &[RoleId], wanted: &[RoleId]) -> Result<(), Stop> {
        self.require(cx, Permissions::MANAGE_ROLES)?;
        let (old, wanted): (BTreeSet<_>, BTreeSet<_>) = (old.iter().collect(), wanted.iter().collect());
        for id in old.symmetric_difference(&wanted) {
            self.may_hand_out(cx, **id)?;
        }
        Ok(())
    }

    pub(crate) fn may_hand_out(&self, cx: &Cx<'_>, id: RoleId) -> Result<(), Stop> {
        let role = self.roles.get(&id).ok_or_else(ApiError::unknown_role)?;
        if role.managed || id == self.id.cast() {
            return Err(ApiError::invalid_role().into());
        }
        self.require_above_role(cx, id)
    }

    /// MODERATE_MEMBERS over somebody below, who is no administrator; 28 days at most.
    fn may_time_out(&self, cx: &Cx<'_>, user: UserId, until: Option<&Timestamp>) -> Result<(), Stop> {
        self.require(cx, Permissions::MODERATE_MEMBERS)?;
        self.require_above(cx, user)?;
        let Some(until) = until else { return Ok(()) };
        if self.base_permissions(user).is_admin() {
            return Err(ApiError::missing_permissions().into());
        }
        // A minute of grace for clocks that are ahead.
        if until.ms() > cx.now_ms + limits::TIMEOUT_MS_MAX + 60_000 {
            let message = "The timeout must end within 28 days.";
            return Err(
                ApiError::invalid_field("communication_disabled_until", "TIMEOUT_TOO_LONG", message).into()
            );
        }
        Ok(())
    }

    fn may_change_voice(&self, cx: &Cx<'_>, user: UserId, update: &Update) -> Result<(), Stop> {
        let asked = [
            (update.mute.is_present(), Permissions::MUTE_MEMBERS),
            (update.deaf.is_present(), Permissions::DEAFEN_MEMBERS),
            (update.channel_id.is_present(), Permissions::MOVE_MEMBERS),
        ];
        for (_, right) in asked.into_iter().filter(|(present, _)| *present) {
            match self.voice_channel_of(user) {
                Some(channel) => self.require_in(cx, channel, right)?,
                None => {
                    self.require(cx, right)?;
                    return Err(ApiError::not_connected_to_voice().into());
                }
            }
        }
        if let Patch::Value(channel) = update.channel_id {
            self.require_voice_channel(channel)?;
            // In the channel that the member goes to as well (Guild, Modify Guild Member).
            self.require_in(cx, channel, Permissions::CONNECT | Permissions::MOVE_MEMBERS)?;
        }
        Ok(())
    }

    /// Changes the roles of a member by itself, without a check.
    pub(super) fn set_roles(&mut self, cx: &mut Cx<'_>, user: UserId, change: impl FnOnce(&mut Vec<RoleId>)) {
        let Some(old) = self.members.get(user).map(Packed::unpack) else { return };
        let mut member = old.clone();
        change(&mut member.roles);
        member.roles.sort_unstable();
        member.roles.dedup();
        self.replace_member(cx, user, &old, member);
    }

    /// Stores a changed member, tells of it, audits it, and moves its sessions to their class.
    pub(crate) fn replace_member(&mut self, cx: &mut Cx<'_>, user: UserId, old: &Member, mut member: Member) {
        if *old == member {
            return;
        }
        let renamed = old.nick != member.nick;
        let found = if renamed { self.screen_profile(&mut member) } else { Vec::new() };
        cx.put(Table::Members, self.id.get(), user.get(), &member);
        self.members.insert(&member);
        self.publish_member_update(cx, &member);
        if old.roles != member.roles {
            self.reclassify(cx, [user]);
            let change = self.role_changes(&old.roles, &member.roles);
            self.audit(cx, AuditLogEvent::MemberRoleUpdate, Note::of(user, change));
        }
        let changes = AuditLogChange::between(&value(old), &value(&member), AUDITED);
        if !changes.is_empty() {
            self.audit(cx, AuditLogEvent::MemberUpdate, Note::of(user, changes));
        }
        self.act_on_profile(cx, &member, &found);
    }

    /// `$add` and `$remove`, each with the roles' ids and names (Audit Log, Audit Log Change Exceptions).
    fn role_changes(&self, old: &[RoleId], new: &[RoleId]) -> Vec<AuditLogChange> {
        let named = |from: &[RoleId], without: &[RoleId]| -> Vec<Value> {
            let roles = from.iter().filter(|id| !without.contains(id));
            roles.map(|id| json!({"id": id, "name": self.roles.get(id).map(|role| &role.name)})).collect()
        };
        [("$add", named(new, old)), ("$remove", named(old, new))]
            .into_iter()
            .filter(|(_, roles)| !roles.is_empty())
            .map(|(key, roles)| AuditLogChange {
                key: key.into(),
                old_value: None,
                new_value: Some(Value::Array(roles)),
            })
            .collect()
    }

    pub(super) fn change_role(
        &mut self,
        cx: &mut Cx<'_>,
        user: UserId,
        role: RoleId,
        give: bool,
    ) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::MANAGE_ROLES)?;
        self.member(user)?;
        self.may_hand_out(cx, role)?;
        self.set_roles(cx, user, |roles| match give {
            true => roles.push(role),
            false => roles.retain(|held| *held != role),
        });
        Outcome::EMPTY
    }

    /// The caller's own nick and images. A profile text of its own for each guild is not kept.
    pub(super) fn update_self(&mut self, cx: &mut Cx<'_>, update: &UpdateSelf) -> Result<Outcome, Stop> {
        self.require_member(cx)?;
        let user = cx.caller.user;
        let old = self.member(user)?.unpack();
        if update.nick.is_present() {
            self.may_rename_itself(cx)?;
        }
        let mut member = old.clone();
        update.nick.clone().apply(&mut member.nick);
        member.nick = member.nick.filter(|nick| !nick.is_empty());
        update.avatar.clone().apply(&mut member.avatar);
        update.banner.clone().apply(&mut member.banner);
        self.replace_member_images(cx, user, &old, Some(&member));
        self.replace_member(cx, user, &old, member);
        Outcome::json(&self.member(user)?)
    }

    /// CHANGE_NICKNAME. Whoever is kept from acting for its name may have another: that is the way out.
    fn may_rename_itself(&self, cx: &Cx<'_>) -> Result<(), Stop> {
        let member = self.member(cx.caller.user)?;
        let marked = member.flags() & QUARANTINED != 0 && !member.is_pending();
        if marked && !is_timed_out(member, cx.now_ms) {
            let held = self.base_permissions(cx.caller.user);
            let may = held.contains(Permissions::CHANGE_NICKNAME);
            return if may { Ok(()) } else { Err(ApiError::missing_permissions().into()) };
        }
        self.require(cx, Permissions::CHANGE_NICKNAME)
    }

    /// The voice channel a member is in.
    pub(crate) fn voice_channel_of(&self, user: UserId) -> Option<ChannelId> {
        self.voice.get(user)?.state.channel_id
    }
}

fn value(member: &Member) -> Value {
    serde_json::to_value(member).unwrap_or_default()
}

//! Ways into a guild: by invite, and for bots by being added.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{
    ApiError, ApplicationId, AuditLogEvent, Integration, IntegrationAccount, IntegrationApplication, Intents,
    Member, MessageType, Permissions, Role, RoleId, RoleTags, Timestamp, User, UserId,
};
use consort_rpc::guild::member::Add;
use consort_rpc::{Audience, Effect, Event, Withheld, user};
use consort_store::{Key, Table};
use serde::Serialize;
use serde_json::json;

use super::super::Guild;
use super::super::audit::Note;
use super::super::gateway::MemberEvent;
use super::departed::Departed;
use crate::planted::Leak;

/// Bit of `system_channel_flags`: no message when somebody joins (Guild, System Channel Flags).
const SUPPRESS_JOINS: u64 = 1 << 0;
/// Feature by which a guild lets nobody in for now (Guild, Guild Features).
const INVITES_DISABLED: &str = "INVITES_DISABLED";

/// INTEGRATION_CREATE: an integration with its guild.
#[derive(Serialize)]
struct IntegrationEvent<'a> {
    guild_id: consort_model::GuildId,
    #[serde(flatten)]
    integration: &'a Integration,
}

impl Guild {
    pub(super) fn join_by_invite(
        &mut self,
        cx: &mut Cx<'_>,
        code: &str,
        user: &User,
    ) -> Result<Outcome, Stop> {
        let invite = self.live_invite(code, cx.now_ms)?.clone();
        let mut shown = self.show_invite(&invite, false, true);
        if self.members.contains(user.id) {
            // Should its account not know of the guild, it learns it now.
            self.tell_joined(cx, user.id);
            shown.new_member = Some(false);
            return Outcome::json(&shown);
        }
        let departed = self.may_join(cx, user.id)?;
        self.use_invite(cx, &invite);
        let member = Member::new(user.clone(), Timestamp::from_ms(cx.now_ms));
        self.add_member(cx, member, departed);
        if invite.temporary {
            self.note_temporary(cx, user.id);
        }
        shown.new_member = Some(true);
        Outcome::json(&shown)
    }

    /// A bot brings somebody in who has allowed it to (Guild, Add Guild Member).
    pub(super) fn add_by_consent(&mut self, cx: &mut Cx<'_>, add: &Add) -> Result<Outcome, Stop> {
        let asked = [
            (true, Permissions::CREATE_INSTANT_INVITE),
            (add.nick.is_some(), Permissions::MANAGE_NICKNAMES),
            (!add.roles.is_empty(), Permissions::MANAGE_ROLES),
            (add.mute, Permissions::MUTE_MEMBERS),
            (add.deaf, Permissions::DEAFEN_MEMBERS),
        ];
        for (_, right) in asked.into_iter().filter(|(asked, _)| *asked) {
            self.require(cx, right)?;
        }
        for role in &add.roles {
            self.may_hand_out(cx, *role)?;
        }
        if self.members.contains(add.user.id) {
            return Outcome::EMPTY;
        }
        let departed = self.may_join(cx, add.user.id)?;
        let mut member = Member::new(add.user.clone(), Timestamp::from_ms(cx.now_ms));
        member.nick.clone_from(&add.nick);
        member.roles.clone_from(&add.roles);
        member.roles.sort_unstable();
        member.roles.dedup();
        (member.mute, member.deaf) = (add.mute, add.deaf);
        self.add_member(cx, member, departed);
        Outcome::created(&self.member(add.user.id)?)
    }

    /// Refuses banned users (40007), and everybody when the guild is full (30019) or lets nobody in (40006). What is
    /// remembered of a user who was here before.
    fn may_join(&self, cx: &mut Cx<'_>, user: UserId) -> Result<Option<Departed>, Stop> {
        if cx.has_row(Table::Bans, self.id.get(), user.get())? && !Leak::Bans.is_planted() {
            return Err(ApiError::user_banned().into());
        }
        let paused = self.invites_paused(cx.now_ms);
        if paused || self.info.features.iter().any(|feature| feature == INVITES_DISABLED) {
            return Err(ApiError::feature_disabled().into());
        }
        if self.members.len() >= self.info.max_members as usize {
            return Err(ApiError::max_members().into());
        }
        self.departed(cx, user)
    }

    /// Makes a user a member: the row, GUILD_MEMBER_ADD, the word of welcome, and its sessions are told to attach.
    fn add_member(&mut self, cx: &mut Cx<'_>, member: Member, departed: Option<Departed>) {
        let mut member = self.take_up(cx, member, departed);
        let found = self.screen_profile(&mut member);
        let Some(user) = member.user.clone() else { return };
        cx.put(Table::Members, self.id.get(), user.id.get(), &member);
        let body = MemberEvent { guild_id: self.id, member: &member };
        let event = Event::new("GUILD_MEMBER_ADD", Intents::GUILD_MEMBERS, Audience::all(), &body);
        self.publish(cx, event.withhold(Withheld::wholly()));
        self.members.insert(&member);
        self.relist(cx, user.id);
        self.tell_joined(cx, user.id);
        let quiet = self.info.system_channel_flags & SUPPRESS_JOINS != 0;
        let channel = self.info.system_channel_id.filter(|id| !quiet && self.channels.contains_key(id));
        if let Some(channel) = channel {
            let kind = MessageType::UserJoin;
            consort_conversation::system_message(self, cx, channel, user, kind, "", |_| {});
        }
        self.act_on_profile(cx, &member, &found);
    }

    /// Tells an account that it is a member. Whoever let it in finds the guild in its list, so the answer waits for that.
    pub(crate) fn tell_joined(&self, cx: &mut Cx<'_>, user: UserId) {
        let op = user::Op::GuildJoined { guild: self.id };
        cx.effect_before_answer(Effect::User { user, op });
    }

    /// Adds a bot, or renews the rights of one that is here. Its integration has the application's id.
    pub(super) fn add_bot(
        &mut self,
        cx: &mut Cx<'_>,
        bot: &User,
        application: ApplicationId,
        name: &str,
        permissions: Permissions,
    ) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::MANAGE_GUILD)?;
        let present = self.members.contains(bot.id);
        let integrated = cx.has_row(Table::Integrations, self.id.get(), application.get())?;
        let departed = if present { None } else { self.may_add_bot(cx, bot.id)? };
        // Nobody gives what they do not have themselves.
        let granted = match cx.caller.system {
            true => permissions,
            false => permissions & self.permissions(cx.caller.user, cx.now_ms),
        };
        let adder = self.account(cx.caller.user);
        if !present {
            let member = Member::new(bot.clone(), Timestamp::from_ms(cx.now_ms));
            self.add_member(cx, member, departed);
            self.audit(cx, AuditLogEvent::BotAdd, Note::of(bot.id, Vec::new()));
        }
        if !granted.is_empty() {
            self.grant_managed_role(cx, bot.id, name, granted);
        }
        if !integrated {
            self.integrate(cx, integration(bot, application, name, adder));
        }
        Outcome::json(&self.member(bot.id)?)
    }

    /// A ban holds for bots too; the guild may be closed to invites all the same.
    fn may_add_bot(&self, cx: &mut Cx<'_>, bot: UserId) -> Result<Option<Departed>, Stop> {
        if cx.has_row(Table::Bans, self.id.get(), bot.get())? {
            return Err(ApiError::user_banned().into());
        }
        if self.members.len() >= self.info.max_members as usize {
            return Err(ApiError::max_members().into());
        }
        self.departed(cx, bot)
    }

    /// The role that belongs to a bot.
    pub(crate) fn managed_role_of(&self, bot: UserId) -> Option<RoleId> {
        let owns = |role: &&Role| role.tags.as_ref().is_some_and(|tags| tags.bot_id == Some(bot));
        self.roles.values().find(owns).map(|role| role.id)
    }

    /// Gives a bot its managed role; an old one gets the new rights.
    fn grant_managed_role(&mut self, cx: &mut Cx<'_>, bot: UserId, name: &str, permissions: Permissions) {
        if let Some(id) = self.managed_role_of(bot) {
            return self.renew_managed_role(cx, id, permissions);
        }
        let mut role = Role::new(RoleId::new(cx.next_id()), name, permissions, 1);
        role.managed = true;
        role.tags = Some(RoleTags { bot_id: Some(bot), integration_id: None });
        let id = role.id;
        self.raise_roles(cx);
        self.insert_role(cx, role);
        self.set_roles(cx, bot, |roles| roles.push(id));
    }

    /// Makes room above @everyone for a new role.
    fn raise_roles(&mut self, cx: &mut Cx<'_>) {
        let mut moved = Vec::new();
        for other in self.roles.values_mut().filter(|other| other.position >= 1) {
            other.position += 1;
            moved.push(other.clone());
        }
        for role in &moved {
            cx.put(Table::Roles, self.id.get(), role.id.get(), role);
            self.publish_all(
                cx,
                "GUILD_ROLE_UPDATE",
                Intents::GUILDS,
                &json!({"guild_id": self.id, "role": role}),
            );
        }
    }

    fn renew_managed_role(&mut self, cx: &mut Cx<'_>, id: RoleId, permissions: Permissions) {
        let before = self.seen();
        let Some(role) = self.roles.get_mut(&id).filter(|role| role.permissions != permissions) else {
            return;
        };
        role.permissions = permissions;
        let role = role.clone();
        cx.put(Table::Roles, self.id.get(), id.get(), &role);
        self.publish_all(
            cx,
            "GUILD_ROLE_UPDATE",
            Intents::GUILDS,
            &json!({"guild_id": self.id, "role": role}),
        );
        self.announce_views(cx, &before);
        self.rebuild_lists(cx);
    }

    fn integrate(&self, cx: &mut Cx<'_>, integration: Integration) {
        cx.put(Table::Integrations, self.id.get(), integration.id.get(), &integration);
        let body = IntegrationEvent { guild_id: self.id, integration: &integration };
        self.publish_all(cx, "INTEGRATION_CREATE", Intents::GUILD_INTEGRATIONS, &body);
        self.publish_integrations(cx);
        self.audit(cx, AuditLogEvent::IntegrationCreate, Note::of(integration.id, Vec::new()));
    }

    /// Takes a bot's integration out, if it has one; its id is the application's.
    pub(super) fn disintegrate(&self, cx: &mut Cx<'_>, bot: UserId) {
        cx.delete(Table::Integrations, self.id.get(), Key::id(bot.get()));
        let body = json!({"id": bot, "guild_id": self.id, "application_id": bot});
        self.publish_all(cx, "INTEGRATION_DELETE", Intents::GUILD_INTEGRATIONS, &body);
        self.publish_integrations(cx);
    }

    fn publish_integrations(&self, cx: &mut Cx<'_>) {
        let audience = Audience::all();
        let body = json!({"guild_id": self.id});
        self.publish(
            cx,
            Event::new("GUILD_INTEGRATIONS_UPDATE", Intents::GUILD_INTEGRATIONS, audience, &body),
        );
    }
}

fn integration(bot: &User, application: ApplicationId, name: &str, adder: Option<User>) -> Integration {
    Integration {
        id: application.cast(),
        kind: "discord".into(),
        name: name.into(),
        account: IntegrationAccount { id: application.to_string(), name: name.into() },
        enabled: true,
        application: IntegrationApplication {
            id: application,
            name: name.into(),
            icon: bot.avatar.clone(),
            description: String::new(),
            kind: None,
            bot: Some(bot.clone()),
        },
        scopes: vec!["bot".into(), "applications.commands".into()],
        user: adder,
    }
}

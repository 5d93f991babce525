//! Invites into a guild. An edge finds the guild of a code by `Table::InviteIndex`; see [`IndexRow`].

use std::collections::BTreeMap;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::account::index_partition;
use consort_model::{
    ApiError, AuditLogChange, AuditLogEvent, ChannelId, ChannelType, Intents, Invite, InviteChannel,
    InviteGuild, Permissions, Timestamp, User, UserId, limits,
};
use consort_rpc::guild::invite::{Create, IndexRow, Op};
use consort_rpc::{Audience, Event, Withheld};
use consort_store::{Key, Table};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Guild;
use super::audit::Note;

/// Characters of a code: 62^8 of them, so none is found by trying.
const CODE_CHARS: usize = 8;
/// Properties of an invite that the audit log follows.
const AUDITED: &[&str] = &["code", "channel_id", "inviter_id", "uses", "max_uses", "max_age", "temporary"];

/// An invite as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct InviteRow {
    pub(crate) code: String,
    pub(crate) channel_id: ChannelId,
    pub(crate) inviter: Option<User>,
    pub(crate) created_ms: u64,
    /// Seconds; 0 for ever.
    pub(crate) max_age: u32,
    /// 0 without limit.
    pub(crate) max_uses: u32,
    pub(crate) uses: u32,
    pub(crate) temporary: bool,
    /// 1 for a stream, 2 for an activity.
    pub(crate) target_type: Option<u8>,
    pub(crate) target_user_id: Option<UserId>,
}

impl InviteRow {
    fn expires_at(&self) -> Option<Timestamp> {
        (self.max_age > 0).then(|| Timestamp::from_ms(self.created_ms + u64::from(self.max_age) * 1000))
    }

    fn is_live(&self, now_ms: u64) -> bool {
        self.expires_at().is_none_or(|end| end.ms() > now_ms)
    }

    /// Whether it is what a request without `unique` would make.
    fn equals(&self, channel: ChannelId, inviter: UserId, create: &Create) -> bool {
        self.channel_id == channel
            && self.inviter.as_ref().is_some_and(|user| user.id == inviter)
            && (self.max_age, self.max_uses, self.temporary)
                == (create.max_age, create.max_uses, create.temporary)
            && (self.target_type, self.target_user_id) == (create.target_type, create.target_user_id)
    }
}

impl Guild {
    pub(crate) fn handle_invite(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::List => {
                self.require(cx, Permissions::MANAGE_GUILD)?;
                self.list_invites(cx, |_| true)
            }
            Op::ListChannel { channel } => {
                self.channel(*channel)?;
                self.require_in(cx, *channel, Permissions::MANAGE_CHANNELS)?;
                self.list_invites(cx, |invite| invite.channel_id == *channel)
            }
            Op::Create { channel, create } => self.create_invite(cx, *channel, create),
            Op::Delete { code } => self.delete_invite(cx, code),
            Op::Resolve { code, with_counts, event } => {
                let invite = self.live_invite(code, cx.now_ms)?;
                let mut shown = self.show_invite(invite, false, *with_counts);
                shown.guild_scheduled_event = event.and_then(|event| self.invited_event(event)).map(Box::new);
                Outcome::json(&shown)
            }
        }
    }

    fn list_invites(&self, cx: &Cx<'_>, wanted: impl Fn(&InviteRow) -> bool) -> Result<Outcome, Stop> {
        let live = self.invites.values().filter(|invite| invite.is_live(cx.now_ms) && wanted(invite));
        Outcome::json(&live.map(|invite| self.show_invite(invite, true, false)).collect::<Vec<_>>())
    }

    /// An invite that has not expired.
    ///
    /// # Errors
    /// 10006.
    pub(crate) fn live_invite(&self, code: &str, now_ms: u64) -> Result<&InviteRow, ApiError> {
        let invite = self.invites.get(code).filter(|invite| invite.is_live(now_ms));
        invite
            .filter(|invite| self.channels.contains_key(&invite.channel_id))
            .ok_or_else(ApiError::unknown_invite)
    }

    /// An invite as it is answered.
    pub(crate) fn show_invite(&self, invite: &InviteRow, metadata: bool, with_counts: bool) -> Invite {
        let info = &self.info;
        let channel = self.channels.get(&invite.channel_id);
        Invite {
            kind: 0,
            code: invite.code.clone(),
            inviter: invite.inviter.clone(),
            expires_at: invite.expires_at(),
            flags: 0,
            guild: InviteGuild {
                id: self.id,
                name: info.name.clone(),
                splash: info.splash.clone(),
                banner: info.banner.clone(),
                description: info.description.clone(),
                icon: info.icon.clone(),
                features: info.features.clone(),
                verification_level: info.verification_level,
                vanity_url_code: info.vanity_url_code.clone(),
                nsfw_level: info.nsfw_level,
                nsfw: info.nsfw,
                premium_subscription_count: info.premium_subscription_count,
            },
            guild_id: self.id,
            channel: InviteChannel {
                id: invite.channel_id,
                kind: channel.map_or(ChannelType::GuildText, |channel| channel.kind),
                name: channel.and_then(|channel| channel.name.clone()),
            },
            target_type: invite.target_type,
            target_user: invite.target_user_id.and_then(|user| self.account(user)),
            approximate_member_count: with_counts.then_some(self.members.len() as u64),
            approximate_presence_count: with_counts.then_some(self.presences.len() as u64),
            uses: metadata.then_some(invite.uses),
            max_uses: metadata.then_some(invite.max_uses),
            max_age: metadata.then_some(invite.max_age),
            temporary: metadata.then_some(invite.temporary),
            created_at: metadata.then(|| Timestamp::from_ms(invite.created_ms)),
            guild_scheduled_event: None,
            new_member: None,
        }
    }

    fn create_invite(
        &mut self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        create: &Create,
    ) -> Result<Outcome, Stop> {
        if self.channel(channel)?.kind == ChannelType::GuildCategory {
            return Err(ApiError::wrong_channel_type().into());
        }
        self.require_in(cx, channel, Permissions::CREATE_INSTANT_INVITE)?;
        self.require_target(channel, create)?;
        let inviter = cx.caller.user;
        let equal =
            |invite: &&InviteRow| invite.is_live(cx.now_ms) && invite.equals(channel, inviter, create);
        if !create.unique
            && let Some(invite) = self.invites.values().find(equal)
        {
            return Outcome::json(&self.show_invite(invite, true, false));
        }
        let live = self.invites.values().filter(|invite| invite.is_live(cx.now_ms)).count();
        if live >= limits::INVITES_MAX {
            return Err(ApiError::max_invites().into());
        }
        self.drop_expired_invites(cx);
        let invite = InviteRow {
            code: cx.random.token(CODE_CHARS),
            channel_id: channel,
            inviter: self.account(inviter),
            created_ms: cx.now_ms,
            max_age: create.max_age,
            max_uses: create.max_uses,
            uses: 0,
            temporary: create.temporary,
            target_type: create.target_type,
            target_user_id: create.target_user_id.filter(|_| create.target_type.is_some()),
        };
        self.put_invite(cx, invite.clone());
        let partition = index_partition(&invite.code);
        cx.put(Table::InviteIndex, partition, Key::text(&invite.code), &IndexRow { guild: self.id });
        self.publish_invite_create(cx, &invite);
        let changes = AuditLogChange::between(&Value::Null, &audited(&invite), AUDITED);
        self.audit(cx, AuditLogEvent::InviteCreate, Note { changes, ..Note::default() });
        Outcome::json(&self.show_invite(&invite, true, false))
    }

    /// An invite may be to the stream of somebody who has one in the channel. There are no applications to embed (Channel, "Create
    /// Channel Invite").
    fn require_target(&self, channel: ChannelId, create: &Create) -> Result<(), ApiError> {
        let streams = |user: UserId| {
            let state = self.voice.get(user).map(|inside| &inside.state);
            state.is_some_and(|state| state.channel_id == Some(channel) && state.self_stream)
        };
        match create.target_type {
            None => Ok(()),
            Some(1) if create.target_user_id.is_some_and(streams) => Ok(()),
            Some(1) => {
                let message = "The specified user is currently not streaming in this channel";
                Err(ApiError::invalid_field("target_user_id", "GUILD_INVITE_INVALID_STREAMER", message))
            }
            Some(_) => {
                let message = "The application is not embedded or doesn't exist";
                Err(ApiError::invalid_field(
                    "target_application_id",
                    "GUILD_INVITE_INVALID_APPLICATION",
                    message,
                ))
            }
        }
    }

    fn publish_invite_create(&self, cx: &mut Cx<'_>, invite: &InviteRow) {
        let mut body = json!({
            "type": 0, "channel_id": invite.channel_id, "code": invite.code, "guild_id": self.id,
            "created_at": Timestamp::from_ms(invite.created_ms), "inviter": invite.inviter,
            "max_age": invite.max_age, "max_uses": invite.max_uses, "temporary": invite.temporary,
            "uses": invite.uses, "expires_at": invite.expires_at(),
        });
        if let Some(target) = invite.target_type {
            body["target_type"] = json!(target);
        }
        if let Some(user) = invite.target_user_id.and_then(|user| self.account(user)) {
            body["target_user"] = json!(user);
        }
        let audience = Audience::view(self.view_with(invite.channel_id, Permissions::MANAGE_CHANNELS));
        let event = Event::new("INVITE_CREATE", Intents::GUILD_INVITES, audience, &body);
        self.publish(cx, event.withhold(Withheld::wholly()));
    }

    fn delete_invite(&mut self, cx: &mut Cx<'_>, code: &str) -> Result<Outcome, Stop> {
        let invite = self.live_invite(code, cx.now_ms)?.clone();
        self.require_member(cx)?;
        if !self.permissions(cx.caller.user, cx.now_ms).contains(Permissions::MANAGE_GUILD) {
            self.require_in(cx, invite.channel_id, Permissions::MANAGE_CHANNELS)?;
        }
        self.drop_invite(cx, &invite);
        let changes = AuditLogChange::between(&audited(&invite), &Value::Null, AUDITED);
        self.audit(cx, AuditLogEvent::InviteDelete, Note { changes, ..Note::default() });
        Outcome::json(&self.show_invite(&invite, false, false))
    }

    /// Counts a use; the last one ends the invite.
    pub(crate) fn use_invite(&mut self, cx: &mut Cx<'_>, invite: &InviteRow) {
        let used = InviteRow { uses: invite.uses + 1, ..invite.clone() };
        if used.max_uses > 0 && used.uses >= used.max_uses {
            return self.drop_invite(cx, &used);
        }
        self.put_invite(cx, used);
    }

    fn put_invite(&mut self, cx: &mut Cx<'_>, invite: InviteRow) {
        cx.put(Table::Invites, self.id.get(), Key::text(&invite.code), &invite);
        self.invites.insert(invite.code.clone(), invite);
    }

    /// Deletes an invite and tells those who manage its channel.
    fn drop_invite(&mut self, cx: &mut Cx<'_>, invite: &InviteRow) {
        self.forget_invite(cx, &invite.code);
        let audience = Audience::view(self.view_with(invite.channel_id, Permissions::MANAGE_CHANNELS));
        let body = json!({"channel_id": invite.channel_id, "guild_id": self.id, "code": invite.code});
        let event = Event::new("INVITE_DELETE", Intents::GUILD_INVITES, audience, &body);
        self.publish(cx, event.withhold(Withheld::wholly()));
    }

    fn forget_invite(&mut self, cx: &mut Cx<'_>, code: &str) {
        self.invites.remove(code);
        cx.delete(Table::Invites, self.id.get(), Key::text(code));
        cx.delete(Table::InviteIndex, index_partition(code), Key::text(code));
    }

    /// Clears away what has expired; nobody is told, since everybody knew when.
    fn drop_expired_invites(&mut self, cx: &mut Cx<'_>) {
        self.drop_invites_where(cx, |invite, now_ms| !invite.is_live(now_ms));
    }

    /// Deletes the invites that lead to a channel.
    pub(crate) fn drop_channel_invites(&mut self, cx: &mut Cx<'_>, channel: ChannelId) {
        self.drop_invites_where(cx, |invite, _| invite.channel_id == channel);
    }

    /// Deletes every invite and its entry in the index.
    pub(crate) fn drop_all_invites(&mut self, cx: &mut Cx<'_>) {
        self.drop_invites_where(cx, |_, _| true);
    }

    fn drop_invites_where(&mut self, cx: &mut Cx<'_>, doomed: impl Fn(&InviteRow, u64) -> bool) {
        let (gone, kept): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.invites).into_iter().partition(|(_, invite)| doomed(invite, cx.now_ms));
        self.invites = kept;
        for code in gone.keys() {
            self.forget_invite(cx, code);
        }
    }
}

/// An invite with the keys of the audit log.
fn audited(invite: &InviteRow) -> Value {
    let mut value = serde_json::to_value(invite).unwrap_or_default();
    value["inviter_id"] = json!(invite.inviter.as_ref().map(|user| user.id));
    value
}

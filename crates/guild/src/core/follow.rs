//! Following announcement channels into other guilds. The followed guild keeps who follows, the following one a webhook of
//! type 2; what is published in the one is posted by that webhook in the other. Later edits and deletions do not follow.

use consort_actor::{Cx, Outcome, Stop};
use consort_conversation::{self as conversation, Draft};
use consort_model::{
    ApiError, AuditLogChange, AuditLogEvent, ChannelId, ChannelType, GuildId, Message, MessageFlags,
    MessageId, MessageReference, MessageType, Permissions, Webhook, WebhookId,
};
use consort_rpc::guild::webhook::{IndexRow, Op, Source};
use consort_rpc::{Effect, guild};
use consort_store::{Key, Table};
use serde_json::{Value, json};

use super::Guild;
use super::audit::Note;
use super::webhooks::{audited, author};

/// Channels that follow one channel; a publication is an effect for each.
const FOLLOWERS_MAX: usize = 1_000;
/// Followers that are sent a message in one step.
const FOLLOWERS_STEP: usize = 50;
/// Follows an announcement channel (Webhook, Webhook Types).
const FOLLOWER: u8 = 2;
/// Keys in `Table::GuildMisc` of those who follow: the channel and the webhook, the value is the following guild.
pub(crate) const FOLLOW: &[u8] = b"follow/";

fn follow_key(channel: ChannelId, webhook: WebhookId) -> Key {
    let mut key = FOLLOW.to_vec();
    key.extend_from_slice(&channel.get().to_be_bytes());
    key.extend_from_slice(&webhook.get().to_be_bytes());
    Key::bytes(&key)
}

/// The channel and webhook of such a key.
pub(crate) fn key_follow(key: &Key) -> Option<(ChannelId, WebhookId)> {
    let (ids, rest) = key.as_bytes().strip_prefix(FOLLOW)?.as_chunks::<8>();
    match (ids, rest) {
        ([channel, webhook], []) => {
            Some((u64::from_be_bytes(*channel).into(), u64::from_be_bytes(*webhook).into()))
        }
        _ => None,
    }
}

impl Guild {
    pub(super) fn followable(&self, cx: &Cx<'_>, channel: ChannelId) -> Result<Outcome, Stop> {
        let found = self.channel(channel)?;
        self.require_in(cx, channel, Permissions::VIEW_CHANNEL)?;
        if found.kind != ChannelType::GuildAnnouncement {
            return Err(ApiError::wrong_channel_type().into());
        }
        if self.followers_of(channel).count() >= FOLLOWERS_MAX {
            return Err(ApiError::max_webhooks().into());
        }
        Outcome::json(&Source {
            guild: self.id,
            guild_name: self.info.name.clone(),
            guild_icon: self.info.icon.clone(),
            channel,
            channel_name: found.name.clone().unwrap_or_default(),
        })
    }

    fn followers_of(&self, channel: ChannelId) -> impl Iterator<Item = (WebhookId, GuildId)> {
        let range = (channel, WebhookId::new(0))..=(channel, WebhookId::new(u64::MAX));
        self.followers.range(range).map(|((_, webhook), guild)| (*webhook, *guild))
    }

    /// Makes the webhook that posts what is published there, and says so in the channel.
    pub(super) fn follow(
        &mut self,
        cx: &mut Cx<'_>,
        id: WebhookId,
        source: &Source,
        target: ChannelId,
    ) -> Result<Outcome, Stop> {
        let kind = self.channel(target)?.kind;
        self.require_in(cx, target, Permissions::MANAGE_WEBHOOKS)?;
        if !matches!(kind, ChannelType::GuildText | ChannelType::GuildAnnouncement) {
            return Err(ApiError::wrong_channel_type().into());
        }
        self.refuse_more_webhooks(target)?;
        let follower = self.account(cx.caller.user).ok_or_else(ApiError::missing_access)?;
        let webhook = Webhook {
            id,
            kind: FOLLOWER,
            guild_id: Some(self.id),
            channel_id: Some(target),
            user: Some(follower.clone()),
            name: format!("{} #{}", source.guild_name, source.channel_name).chars().take(80).collect(),
            avatar: None,
            token: None,
            application_id: None,
            source_channel: Some(json!({"id": source.channel, "name": source.channel_name})),
            source_guild: Some(
                json!({"id": source.guild, "name": source.guild_name, "icon": source.guild_icon}),
            ),
            url: None,
        };
        cx.put(Table::WebhookIndex, id.get(), Key::empty(), &IndexRow { guild: self.id });
        self.put_webhook(cx, webhook.clone());
        self.publish_webhooks(cx, target);
        let kind = MessageType::ChannelFollowAdd;
        let name = source.channel_name.clone();
        let (channel_id, guild_id) = (source.channel, Some(source.guild));
        conversation::system_message(self, cx, target, follower, kind, name, |message| {
            message.message_reference =
                Some(MessageReference { kind: 0, message_id: None, channel_id, guild_id });
        });
        let changes = AuditLogChange::between(&Value::Null, &audited(&webhook), super::webhooks::AUDITED);
        self.audit(cx, AuditLogEvent::WebhookCreate, Note::of(id, changes));
        let op = Op::Followed { channel: source.channel, webhook: id, guild: self.id };
        cx.effect(Effect::Guild { guild: source.guild, op: guild::Op::Webhook(op) });
        Outcome::json(&json!({"channel_id": source.channel, "webhook_id": id}))
    }

    pub(super) fn followed(
        &mut self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        webhook: WebhookId,
        guild: GuildId,
    ) -> Result<Outcome, Stop> {
        from_system(cx)?;
        if self.channels.contains_key(&channel) {
            self.followers.insert((channel, webhook), guild);
            cx.put(Table::GuildMisc, self.id.get(), follow_key(channel, webhook), &guild);
        }
        Outcome::EMPTY
    }

    pub(super) fn unfollowed(
        &mut self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        webhook: WebhookId,
    ) -> Result<Outcome, Stop> {
        from_system(cx)?;
        if self.followers.remove(&(channel, webhook)).is_some() {
            cx.delete(Table::GuildMisc, self.id.get(), follow_key(channel, webhook));
        }
        Outcome::EMPTY
    }

    /// Forgets who follows a channel that is deleted.
    pub(super) fn drop_followers(&mut self, cx: &mut Cx<'_>, channel: ChannelId) {
        let gone: Vec<_> = self.followers_of(channel).map(|(webhook, _)| webhook).collect();
        for webhook in gone {
            self.followers.remove(&(channel, webhook));
            cx.delete(Table::GuildMisc, self.id.get(), follow_key(channel, webhook));
        }
    }

    /// Tells the guild that a webhook which is gone was following.
    pub(super) fn stop_following(&self, cx: &mut Cx<'_>, webhook: &Webhook) {
        let id = |object: &Option<Value>| object.as_ref()?.get("id")?.as_str()?.parse::<u64>().ok();
        let (Some(guild), Some(channel)) = (id(&webhook.source_guild), id(&webhook.source_channel)) else {
            return;
        };
        let op = Op::Unfollowed { channel: channel.into(), webhook: webhook.id };
        cx.effect(Effect::Guild { guild: guild.into(), op: guild::Op::Webhook(op) });
    }

    /// Sends a published message to all who follow its channel.
    pub(crate) fn send_to_followers(&self, cx: &mut Cx<'_>, message: &Message) {
        self.send_to_some(cx, message, None);
    }

    /// Sends a published message to the next followers. A message may be large and followers many, so the rest is a step of
    /// its own.
    fn send_to_some(&self, cx: &mut Cx<'_>, message: &Message, after: Option<WebhookId>) {
        let channel = message.channel_id;
        let mut rest = self.followers_of(channel).filter(|(webhook, _)| Some(*webhook) > after).peekable();
        let mut last = after;
        for (webhook, guild) in rest.by_ref().take(FOLLOWERS_STEP) {
            let message = Box::new(Message { guild_id: Some(self.id), ..message.clone() });
            let op = guild::Op::Webhook(Op::Deliver { webhook, message });
            cx.effect(Effect::Guild { guild, op });
            last = Some(webhook);
        }
        if rest.peek().is_some() {
            let op = guild::Op::Webhook(Op::Spread { channel, message: message.id, after: last });
            cx.effect(Effect::Guild { guild: self.id, op });
        }
    }

    /// Goes on with [`Guild::send_to_followers`]. A message that was deleted meanwhile goes no further.
    pub(super) fn spread(
        &self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        message: MessageId,
        after: Option<WebhookId>,
    ) -> Result<Outcome, Stop> {
        from_system(cx)?;
        let message = conversation::stored(cx, channel, message)?;
        self.send_to_some(cx, &message, after);
        Outcome::EMPTY
    }

    /// Posts what was published elsewhere.
    pub(super) fn deliver(
        &mut self,
        cx: &mut Cx<'_>,
        webhook: WebhookId,
        published: &Message,
    ) -> Result<Outcome, Stop> {
        from_system(cx)?;
        let webhook = self.webhooks.get(&webhook).filter(|webhook| webhook.kind == FOLLOWER).cloned();
        let Some(webhook) = webhook else { return Outcome::EMPTY };
        let Some(channel) = webhook.channel_id.filter(|id| self.channels.contains_key(id)) else {
            return Outcome::EMPTY;
        };
        let mut message = conversation::blank(cx, channel, author(&webhook, None), MessageType::Default);
        message.webhook_id = Some(webhook.id);
        message.content.clone_from(&published.content);
        message.embeds.clone_from(&published.embeds);
        message.attachments.clone_from(&published.attachments);
        message.flags.insert(MessageFlags::IS_CROSSPOST);
        message.message_reference = Some(MessageReference {
            kind: 0,
            message_id: Some(published.id),
            channel_id: published.channel_id,
            guild_id: published.guild_id,
        });
        conversation::post(self, cx, Draft { message, silent: false });
        Outcome::EMPTY
    }
}

fn from_system(cx: &Cx<'_>) -> Result<(), Stop> {
    if cx.caller.system { Ok(()) } else { Err(ApiError::missing_permissions().into()) }
}

//! Webhooks of a guild. An edge finds the guild of a webhook by `Table::WebhookIndex`; see [`IndexRow`].
//!
//! Whoever knows a webhook's token may use, change and delete it without an account. Such calls come from the system, and
//! the token is checked here.

use consort_actor::{Cx, Outcome, Stop};
use consort_conversation as conversation;
use consort_model::{
    ApiError, AuditLogChange, AuditLogEvent, ChannelId, ChannelType, Intents, MessageId, Patch, Permissions,
    User, Webhook, WebhookId, limits,
};
use consort_rpc::guild::webhook::{Execute, IndexRow, OnMessage, Op};
use consort_rpc::message::Speaker;
use consort_rpc::{Event, Withheld, message};
use consort_store::{Key, Table};
use serde_json::{Value, json};

use super::Guild;
use super::audit::Note;

/// Characters of a token, as upstream; 62^68 of them.
const TOKEN_CHARS: usize = 68;
/// Posts by token (Webhook, Webhook Types).
const INCOMING: u8 = 1;
/// Properties of a webhook that the audit log follows.
pub(super) const AUDITED: &[&str] = &["name", "type", "channel_id", "avatar_hash", "application_id"];

impl Guild {
    pub(crate) fn handle_webhook(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::List => {
                self.require(cx, Permissions::MANAGE_WEBHOOKS)?;
                // A webhook comes with its token, so that whoever sees it can write in its channel.
                let manages = |webhook: &&Webhook| {
                    let channel =
                        webhook.channel_id.map(|id| self.require_in(cx, id, Permissions::MANAGE_WEBHOOKS));
                    channel.is_some_and(|managed| managed.is_ok())
                };
                Outcome::json(&self.webhooks.values().filter(manages).collect::<Vec<_>>())
            }
            Op::ListChannel { channel } => {
                self.channel(*channel)?;
                self.require_in(cx, *channel, Permissions::MANAGE_WEBHOOKS)?;
                Outcome::json(&self.webhooks_of(*channel).collect::<Vec<_>>())
            }
            Op::Create { id, channel, name, avatar } => {
                self.create_webhook(cx, *id, *channel, name, avatar.clone())
            }
            Op::Get { webhook, token } => {
                let found = self.accessible_webhook(cx, *webhook, token.as_deref())?;
                // Who made it is nothing for those who only have the token.
                let user = found.user.clone().filter(|_| token.is_none());
                Outcome::json(&Webhook { user, ..found.clone() })
            }
            Op::Update { webhook, token, name, avatar, channel } => {
                self.update_webhook(cx, *webhook, token.as_deref(), (name.as_deref(), avatar, *channel))
            }
            Op::Delete { webhook, token } => self.delete_webhook(cx, *webhook, token.as_deref()),
            Op::Followable { channel } => self.followable(cx, *channel),
            Op::Follow { id, source, target } => self.follow(cx, *id, source, *target),
            Op::Followed { channel, webhook, guild } => self.followed(cx, *channel, *webhook, *guild),
            Op::Unfollowed { channel, webhook } => self.unfollowed(cx, *channel, *webhook),
            Op::Spread { channel, message, after } => self.spread(cx, *channel, *message, *after),
            Op::Deliver { webhook, message } => self.deliver(cx, *webhook, message),
            Op::Execute(execute) => self.execute_webhook(cx, execute),
            Op::OnMessage { webhook, token, thread, message, act } => {
                self.on_webhook_message(cx, *webhook, token, *thread, *message, act)
            }
        }
    }

    fn webhooks_of(&self, channel: ChannelId) -> impl Iterator<Item = &Webhook> {
        self.webhooks.values().filter(move |webhook| webhook.channel_id == Some(channel))
    }

    fn create_webhook(
        &mut self,
        cx: &mut Cx<'_>,
        id: WebhookId,
        channel: ChannelId,
        name: &str,
        avatar: Option<String>,
    ) -> Result<Outcome, Stop> {
        self.may_create_webhook(cx, channel)?;
        let webhook = Webhook {
            id,
            kind: INCOMING,
            guild_id: Some(self.id),
            channel_id: Some(channel),
            user: self.account(cx.caller.user),
            name: name.to_owned(),
            avatar,
            token: Some(cx.random.token(TOKEN_CHARS)),
            application_id: cx.caller.application,
            source_channel: None,
            source_guild: None,
            url: None,
        };
        cx.put(Table::WebhookIndex, id.get(), Key::empty(), &IndexRow { guild: self.id });
        self.put_webhook(cx, webhook.clone());
        self.publish_webhooks(cx, channel);
        let changes = AuditLogChange::between(&Value::Null, &audited(&webhook), AUDITED);
        self.audit(cx, AuditLogEvent::WebhookCreate, Note::of(id, changes));
        Outcome::json(&webhook)
    }

    /// MANAGE_WEBHOOKS in a channel that takes one more.
    pub(super) fn may_create_webhook(&self, cx: &Cx<'_>, channel: ChannelId) -> Result<(), Stop> {
        self.require_webhook_channel(channel)?;
        self.require_in(cx, channel, Permissions::MANAGE_WEBHOOKS)?;
        self.refuse_more_webhooks(channel)
    }

    fn require_webhook_channel(&self, channel: ChannelId) -> Result<(), Stop> {
        match self.channel(channel)?.kind {
            ChannelType::GuildCategory | ChannelType::GuildDirectory => {
                Err(ApiError::wrong_channel_type().into())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn refuse_more_webhooks(&self, channel: ChannelId) -> Result<(), Stop> {
        if self.webhooks.len() >= limits::GUILD_WEBHOOKS_MAX {
            return Err(ApiError::max_guild_webhooks().into());
        }
        if self.webhooks_of(channel).count() >= limits::CHANNEL_WEBHOOKS_MAX {
            return Err(ApiError::max_webhooks().into());
        }
        Ok(())
    }

    /// A webhook for those who have its token (401/50027 for a wrong one), or MANAGE_WEBHOOKS in its channel.
    pub(super) fn accessible_webhook(
        &self,
        cx: &Cx<'_>,
        webhook: WebhookId,
        token: Option<&str>,
    ) -> Result<&Webhook, Stop> {
        let found = self.webhooks.get(&webhook).ok_or_else(ApiError::unknown_webhook)?;
        match token {
            Some(token) => {
                let right = found.token.as_deref().is_some_and(|known| equal(known, token));
                right.then_some(found).ok_or_else(|| ApiError::invalid_webhook_token().into())
            }
            None => {
                self.require_member(cx)?;
                let channel = found.channel_id.ok_or_else(ApiError::unknown_webhook)?;
                self.require_in(cx, channel, Permissions::MANAGE_WEBHOOKS)?;
                Ok(found)
            }
        }
    }

    fn update_webhook(
        &mut self,
        cx: &mut Cx<'_>,
        id: WebhookId,
        token: Option<&str>,
        (name, avatar, channel): (Option<&str>, &Patch<String>, Option<ChannelId>),
    ) -> Result<Outcome, Stop> {
        let old = self.accessible_webhook(cx, id, token)?.clone();
        let mut webhook = old.clone();
        webhook.name = name.unwrap_or(&old.name).to_owned();
        avatar.clone().apply(&mut webhook.avatar);
        // By token it stays where it is.
        if let Some(channel) = channel.filter(|channel| token.is_none() && Some(*channel) != old.channel_id) {
            self.may_create_webhook(cx, channel)?;
            webhook.channel_id = Some(channel);
        }
        if webhook != old {
            self.put_webhook(cx, webhook.clone());
            let mut told = vec![old.channel_id, webhook.channel_id];
            told.dedup();
            for channel in told.into_iter().flatten() {
                self.publish_webhooks(cx, channel);
            }
            let changes = AuditLogChange::between(&audited(&old), &audited(&webhook), AUDITED);
            self.audit(cx, AuditLogEvent::WebhookUpdate, Note::of(id, changes));
        }
        let user = webhook.user.clone().filter(|_| token.is_none());
        Outcome::json(&Webhook { user, ..webhook })
    }

    fn delete_webhook(
        &mut self,
        cx: &mut Cx<'_>,
        id: WebhookId,
        token: Option<&str>,
    ) -> Result<Outcome, Stop> {
        let old = self.accessible_webhook(cx, id, token)?.clone();
        self.forget_webhook(cx, id);
        if let Some(channel) = old.channel_id {
            self.publish_webhooks(cx, channel);
        }
        let changes = AuditLogChange::between(&audited(&old), &Value::Null, AUDITED);
        self.audit(cx, AuditLogEvent::WebhookDelete, Note::of(id, changes));
        Outcome::EMPTY
    }

    pub(super) fn put_webhook(&mut self, cx: &mut Cx<'_>, webhook: Webhook) {
        cx.put(Table::Webhooks, self.id.get(), webhook.id.get(), &webhook);
        self.replace_webhook_avatar(cx, self.webhooks.get(&webhook.id), Some(&webhook));
        self.webhooks.insert(webhook.id, webhook);
    }

    fn forget_webhook(&mut self, cx: &mut Cx<'_>, id: WebhookId) {
        if let Some(webhook) = self.webhooks.remove(&id) {
            self.stop_following(cx, &webhook);
            self.replace_webhook_avatar(cx, Some(&webhook), None);
        }
        cx.delete(Table::Webhooks, self.id.get(), id.get());
        cx.delete(Table::WebhookIndex, id.get(), Key::empty());
    }

    /// WEBHOOKS_UPDATE says where something changed, not what.
    pub(super) fn publish_webhooks(&mut self, cx: &mut Cx<'_>, channel: ChannelId) {
        let body = json!({"guild_id": self.id, "channel_id": channel});
        let audience = self.audience_of(channel);
        let event = Event::new("WEBHOOKS_UPDATE", Intents::GUILD_WEBHOOKS, audience, &body);
        self.publish(cx, event.withhold(Withheld::wholly()));
    }

    /// Where a webhook speaks: its channel, or a thread of it. Forums need a thread (400/220001).
    fn webhook_place(
        &mut self,
        cx: &mut Cx<'_>,
        webhook: &Webhook,
        thread: Option<ChannelId>,
    ) -> Result<ChannelId, Stop> {
        let channel = webhook.channel_id.ok_or_else(ApiError::unknown_channel)?;
        let Some(thread) = thread.filter(|thread| *thread != channel) else {
            let forum = self.channel(channel)?.kind.is_forum();
            return if forum { Err(ApiError::webhook_forum_needs_thread().into()) } else { Ok(channel) };
        };
        self.bring_thread(cx, thread)?;
        let parent = self.thread(thread).and_then(|thread| thread.channel.parent_id);
        if parent == Some(channel) { Ok(thread) } else { Err(ApiError::unknown_channel().into()) }
    }

    fn execute_webhook(&mut self, cx: &mut Cx<'_>, execute: &Execute) -> Result<Outcome, Stop> {
        let webhook = self.webhook_by_token(cx, execute.webhook, &execute.token)?;
        let speaker = Speaker {
            author: author(&webhook, execute.username.as_deref()),
            webhook: Some(webhook.id),
            application: webhook.application_id,
            kind: None,
            interaction: None,
            may_mention_all: true,
            promises: false,
        };
        let create = message::Create { speaker: Some(Box::new(speaker)), ..execute.create.clone() };
        if let Some(start) = &execute.post {
            let channel = self.post_place(&webhook, execute.thread)?;
            return Outcome::json(&self.open_post(cx, channel, start, &create)?.1);
        }
        let place = self.webhook_place(cx, &webhook, execute.thread)?;
        // Whoever holds the token need not manage threads (Threads page: a message opens an archived thread "unless the thread has
        // been locked by a moderator").
        self.not_locked(place)?;
        Outcome::json(&conversation::create(self, cx, place, &create)?)
    }

    /// The forum that a new post goes to.
    fn post_place(&self, webhook: &Webhook, thread: Option<ChannelId>) -> Result<ChannelId, Stop> {
        let channel = webhook.channel_id.ok_or_else(ApiError::unknown_channel)?;
        if !self.channel(channel)?.kind.is_forum() {
            return Err(ApiError::webhook_thread_only_in_forum().into());
        }
        if thread.is_some() {
            return Err(ApiError::webhook_forum_one_thread().into());
        }
        Ok(channel)
    }

    fn webhook_by_token(&self, cx: &Cx<'_>, webhook: WebhookId, token: &str) -> Result<Webhook, Stop> {
        if !cx.caller.system {
            return Err(ApiError::missing_permissions().into());
        }
        Ok(self.accessible_webhook(cx, webhook, Some(token))?.clone())
    }

    /// A webhook sees and changes its own messages only.
    fn on_webhook_message(
        &mut self,
        cx: &mut Cx<'_>,
        webhook: WebhookId,
        token: &str,
        thread: Option<ChannelId>,
        message: MessageId,
        act: &OnMessage,
    ) -> Result<Outcome, Stop> {
        let webhook = self.webhook_by_token(cx, webhook, token)?;
        let place = self.webhook_place(cx, &webhook, thread)?;
        if conversation::stored(cx, place, message)?.webhook_id != Some(webhook.id) {
            return Err(ApiError::unknown_message().into());
        }
        let op = match act {
            OnMessage::Get => message::Op::Get { message },
            OnMessage::Delete => message::Op::Delete { message },
            OnMessage::Edit(edit) => {
                let edit = message::Edit { webhook: Some(webhook.id), ..message::Edit::clone(edit) };
                message::Op::Edit { message, edit: Box::new(edit) }
            }
        };
        conversation::handle(self, cx, place, &op)
    }

    /// Deletes the webhooks of a channel.
    pub(crate) fn drop_channel_webhooks(&mut self, cx: &mut Cx<'_>, channel: ChannelId) {
        let doomed: Vec<_> = self.webhooks_of(channel).map(|webhook| webhook.id).collect();
        doomed.into_iter().for_each(|id| self.forget_webhook(cx, id));
        self.drop_followers(cx, channel);
    }

    /// Deletes every webhook and its entry in the index.
    pub(crate) fn drop_all_webhooks(&mut self, cx: &mut Cx<'_>) {
        let doomed: Vec<_> = self.webhooks.keys().copied().collect();
        doomed.into_iter().for_each(|id| self.forget_webhook(cx, id));
    }
}

/// The author of a webhook's messages (Message, Author).
pub(super) fn author(webhook: &Webhook, username: Option<&str>) -> User {
    User {
        bot: true,
        discriminator: "0000".into(),
        avatar: webhook.avatar.clone(),
        ..User::person(webhook.id.cast(), username.unwrap_or(&webhook.name))
    }
}

/// Compares secrets in a time that does not tell how much of them is right.
fn equal(known: &str, given: &str) -> bool {
    let (known, given) = (known.as_bytes(), given.as_bytes());
    known.len() == given.len() && known.iter().zip(given).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

/// A webhook with the keys of the audit log.
pub(super) fn audited(webhook: &Webhook) -> Value {
    json!({
        "name": webhook.name, "type": webhook.kind, "channel_id": webhook.channel_id,
        "avatar_hash": webhook.avatar, "application_id": webhook.application_id,
    })
}

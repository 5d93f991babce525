//! What rules do about a find: block, alert, timeout; with an event and an entry of the audit log for each.

use consort_actor::{Cx, Stop};
use consort_model::auto_moderation::action;
use consort_model::id::Id;
use consort_model::{
    ApiError, AuditLogEvent, AutoModerationAction, AutoModerationRule, ChannelId, Embed, EmbedField, GuildId,
    Intents, MessageId, MessageType, Permissions, RuleId, Timestamp, UserId,
};
use consort_rpc::{Answer, Audience, Event, Withheld};
use consort_store::Table;
use serde::Serialize;
use serde_json::json;

use crate::core::Guild;
use crate::core::audit::Note;
use crate::roster::Packed;

/// What a rule has found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(super) rule: RuleId,
    /// The rule's word or expression, and what of the text it is.
    pub(super) hit: Option<(String, String)>,
}

impl Found {
    /// A find that is no part of the text.
    pub(super) fn by(rule: RuleId) -> Self {
        Self { rule, hit: None }
    }
}

/// What it was found in.
#[derive(Debug, Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) user: UserId,
    pub(super) channel: Option<ChannelId>,
    /// The message, if it is posted all the same.
    pub(super) message: Option<MessageId>,
    pub(super) content: &'a str,
}

/// AUTO_MODERATION_ACTION_EXECUTION (Gateway Events page).
#[derive(Serialize)]
struct Execution<'a> {
    guild_id: GuildId,
    action: &'a AutoModerationAction,
    rule_id: RuleId,
    rule_trigger_type: u8,
    user_id: UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_id: Option<ChannelId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<MessageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alert_system_message_id: Option<MessageId>,
    content: &'a str,
    matched_keyword: Option<&'a str>,
    matched_content: Option<&'a str>,
}

impl Guild {
    /// Does what the rules want about a text, and refuses it with `refusal` if one of them blocks it.
    pub(super) fn act_on_text(
        &mut self,
        cx: &mut Cx<'_>,
        found: &[Found],
        about: About<'_>,
        refusal: fn() -> ApiError,
    ) -> Result<(), Stop> {
        let blocking = found.iter().find_map(|found| {
            let rule = &self.automod.rules[&found.rule];
            rule.actions.iter().find(|action| action.kind == action::BLOCK_MESSAGE)
        });
        let refusal = blocking.map(|action| {
            let told = action.metadata.custom_message.clone();
            told.map_or_else(refusal, |told| refusal().message(told))
        });
        let about = About { message: about.message.filter(|_| refusal.is_none()), ..about };
        for found in found {
            self.act(cx, found, about);
        }
        match refusal {
            Some(refusal) => Err(Stop::Refused(Box::new(refusal))),
            None => Ok(()),
        }
    }

    pub(super) fn act(&mut self, cx: &mut Cx<'_>, found: &Found, about: About<'_>) {
        let Some(rule) = self.automod.rules.get(&found.rule).cloned() else { return };
        for action in &rule.actions {
            let (event, alert) = match action.kind {
                action::BLOCK_MESSAGE => (AuditLogEvent::AutoModerationBlockMessage, None),
                action::ALERT => {
                    let Some(alert) = self.alert(cx, &rule, action, found, about) else { continue };
                    (AuditLogEvent::AutoModerationFlagToChannel, Some(alert))
                }
                action::TIMEOUT => {
                    self.time_out_by_rule(cx, about.user, action.metadata.duration_seconds.unwrap_or(0));
                    (AuditLogEvent::AutoModerationTimeout, None)
                }
                _ => (AuditLogEvent::AutoModerationQuarantine, None),
            };
            self.audit_action(cx, event, &rule, about);
            self.publish_action(cx, &rule, action, found, about, alert);
        }
    }

    /// The message that tells of a find (24), by its author; without one when the channel is gone.
    fn alert(
        &mut self,
        cx: &mut Cx<'_>,
        rule: &AutoModerationRule,
        action: &AutoModerationAction,
        found: &Found,
        about: About<'_>,
    ) -> Option<MessageId> {
        let channel = action.metadata.channel_id.filter(|channel| self.channels.contains_key(channel))?;
        let author = self.account(about.user)?;
        let decision: Id<()> = Id::new(cx.next_id());
        let (keyword, content) = found.hit.clone().unzip();
        let profile = rule.event_type == super::MEMBER;
        let fields = [
            ("rule_name", Some(rule.name.clone())),
            ("decision_id", Some(decision.to_string())),
            ("channel_id", about.channel.map(|channel| channel.to_string())),
            ("flagged_message_id", about.message.map(|message| message.to_string())),
            ("keyword", keyword),
            ("keyword_matched_content", content),
            ("quarantine_user", profile.then(|| "username".to_owned())),
        ];
        let field = |(name, value): (&str, Option<String>)| {
            Some(EmbedField { name: name.to_owned(), value: value?, inline: false })
        };
        let embed = Embed {
            kind: "auto_moderation_message".into(),
            description: Some(about.content.to_owned()),
            fields: fields.into_iter().filter_map(field).collect(),
            ..Embed::default()
        };
        let kind = MessageType::AutoModerationAction;
        let alert = consort_conversation::system_message(self, cx, channel, author, kind, "", |message| {
            message.embeds.push(embed);
        });
        Some(alert.id)
    }

    /// A timeout that goes on longer stays as it is.
    fn time_out_by_rule(&mut self, cx: &mut Cx<'_>, user: UserId, seconds: u32) {
        let Some(mut member) = self.members.get(user).map(Packed::unpack) else { return };
        let until = Timestamp::from_ms(cx.now_ms + u64::from(seconds) * 1000);
        if member.communication_disabled_until.is_some_and(|present| present >= until) {
            return;
        }
        member.communication_disabled_until = Some(until);
        cx.put(Table::Members, self.id.get(), user.get(), &member);
        self.members.insert(&member);
        self.publish_member_update(cx, &member);
        self.refresh_voice_rights(cx, user);
    }

    /// Nobody did it, so the entry has no user; its target is whose text or name it was.
    fn audit_action(
        &self,
        cx: &mut Cx<'_>,
        event: AuditLogEvent,
        rule: &AutoModerationRule,
        about: About<'_>,
    ) {
        let mut note = Note::of(about.user, Vec::new())
            .with("auto_moderation_rule_name", &rule.name)
            .with("auto_moderation_rule_trigger_type", rule.trigger_type);
        if let Some(channel) = about.channel {
            note = note.with("channel_id", channel);
        }
        self.audit_by(cx, None, event, note);
    }

    fn publish_action(
        &self,
        cx: &mut Cx<'_>,
        rule: &AutoModerationRule,
        action: &AutoModerationAction,
        found: &Found,
        about: About<'_>,
        alert_system_message_id: Option<MessageId>,
    ) {
        let hit = found.hit.as_ref();
        let mut body = Execution {
            guild_id: self.id,
            action,
            rule_id: rule.id,
            rule_trigger_type: rule.trigger_type,
            user_id: about.user,
            channel_id: about.channel,
            message_id: about.message,
            alert_system_message_id,
            content: about.content,
            matched_keyword: hit.map(|(keyword, _)| keyword.as_str()),
            matched_content: hit.map(|(_, content)| content.as_str()),
        };
        let audience = Audience::view(self.view_guild(Permissions::MANAGE_GUILD));
        let (name, intents) = ("AUTO_MODERATION_ACTION_EXECUTION", Intents::AUTO_MODERATION_EXECUTION);
        let mut event = Event::new(name, intents, audience, &body);
        // The text needs the MESSAGE_CONTENT intent.
        body.content = "";
        body.matched_content = None;
        event.redacted = Some(Answer::bytes(&body));
        self.publish(cx, event.withhold(Withheld::wholly()));
    }

    /// Tells those who manage the guild of a raid.
    pub(super) fn publish_raid(&self, cx: &mut Cx<'_>, until_ms: u64) {
        let decision: Id<()> = Id::new(cx.next_id());
        let body = json!({
            "guild_id": self.id, "decision_id": decision,
            "suspicious_mention_activity_until": Timestamp::from_ms(until_ms),
        });
        let audience = Audience::view(self.view_guild(Permissions::MANAGE_GUILD));
        let intents = Intents::AUTO_MODERATION_EXECUTION;
        let event = Event::new("AUTO_MODERATION_MENTION_RAID_DETECTION", intents, audience, &body);
        self.publish(cx, event.withhold(Withheld::wholly()));
    }
}

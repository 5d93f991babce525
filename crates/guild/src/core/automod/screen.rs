//! What is said, and what members are called, held against the rules.
//!
//! Left alone are bots, webhooks, and who holds MANAGE_GUILD or ADMINISTRATOR.

use std::borrow::Cow;

use consort_actor::{Cx, Stop};
use consort_conversation::said;
use consort_model::auto_moderation::{action, trigger};
use consort_model::{ApiError, AutoModerationRule, ChannelId, Member, Message, Permissions, RuleId, UserId};

use super::act::{About, Found};
use super::habits::Raided;
use super::{MEMBER, MESSAGE};
use crate::core::Guild;

/// Member flag: a name is blocked by a rule (Guild, Guild Member Flags).
pub(crate) const QUARANTINED: u64 = 1 << 7;

impl Guild {
    /// Looks at a message before it is posted or changed.
    ///
    /// # Errors
    /// 400/200000 when a rule blocks it: then what the rules do stands.
    pub(crate) fn screen_message(&mut self, cx: &mut Cx<'_>, message: &Message) -> Result<(), Stop> {
        let author = cx.caller.user;
        let wanted = self.rules_for_text(cx, message.channel_id);
        if wanted.is_empty() {
            return Ok(());
        }
        let text = said(message);
        let mut found = self.find(&text, &wanted);
        if let Some(rule) = self.of_trigger(&wanted, trigger::SPAM)
            && self.automod.repeats.is_spam(cx.now_ms, author, &text)
        {
            found.push(Found::by(rule));
        }
        if let Some(rule) = self.of_trigger(&wanted, trigger::MENTION_SPAM)
            && self.mentions_too_much(cx, rule, message.mentions.len() + message.mention_roles.len())
        {
            found.push(Found::by(rule));
        }
        let about = About {
            user: author,
            channel: Some(message.channel_id),
            message: Some(message.id),
            content: &text,
        };
        self.act_on_text(cx, &found, about, ApiError::blocked_by_automod)
    }

    /// Looks at the first message of a post, whose thread there is not yet: it counts as said in the forum.
    pub(crate) fn screen_post(
        &mut self,
        cx: &mut Cx<'_>,
        forum: ChannelId,
        first: &Message,
    ) -> Result<(), Stop> {
        self.screen_message(cx, &Message { channel_id: forum, ..first.clone() })
    }

    /// Looks at the title of a thread or post of a channel.
    ///
    /// # Errors
    /// 400/200001 when a rule blocks it, as [`Guild::screen_message`].
    pub(crate) fn screen_title(
        &mut self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        title: &str,
    ) -> Result<(), Stop> {
        let wanted = self.rules_for_text(cx, channel);
        if wanted.is_empty() {
            return Ok(());
        }
        let found = self.find(title, &wanted);
        let about = About { user: cx.caller.user, channel: Some(channel), message: None, content: title };
        self.act_on_text(cx, &found, about, ApiError::title_blocked_by_automod)
    }

    /// The rules that look at what the caller says in a channel or thread.
    fn rules_for_text(&self, cx: &Cx<'_>, channel: ChannelId) -> Vec<RuleId> {
        let idle = self.automod.rules.is_empty() || cx.caller.system || cx.caller.bot;
        if idle || self.is_trusted(cx.caller.user) {
            return Vec::new();
        }
        let parent = self.thread(channel).and_then(|thread| thread.channel.parent_id);
        let exempt = |rule: &AutoModerationRule| {
            rule.exempt_channels.iter().any(|exempt| *exempt == channel || Some(*exempt) == parent)
        };
        self.rules_for(cx.caller.user, MESSAGE).filter(|rule| !exempt(rule)).map(|rule| rule.id).collect()
    }

    fn is_trusted(&self, user: UserId) -> bool {
        self.base_permissions(user).intersects(Permissions::MANAGE_GUILD | Permissions::ADMINISTRATOR)
    }

    fn rules_for(&self, user: UserId, event: u8) -> impl Iterator<Item = &AutoModerationRule> {
        let held = self.members.roles(user);
        let looks = move |rule: &&AutoModerationRule| rule.enabled && rule.event_type == event;
        let rules = self.automod.rules.values().filter(looks);
        rules.filter(move |rule| !rule.exempt_roles.iter().any(|exempt| held.contains(exempt)))
    }

    fn of_trigger(&self, wanted: &[RuleId], trigger_type: u8) -> Option<RuleId> {
        let of_trigger = |rule: &&RuleId| self.automod.rules[*rule].trigger_type == trigger_type;
        wanted.iter().find(of_trigger).copied()
    }

    fn find(&mut self, text: &str, wanted: &[RuleId]) -> Vec<Found> {
        let (engine, order) = self.automod.engine();
        let finds = engine.search(text, |place| wanted.contains(&order[place]));
        finds
            .into_iter()
            .map(|find| Found { rule: order[find.rule], hit: Some((find.keyword, find.content)) })
            .collect()
    }

    /// More mentions than a rule allows, or any while there is a raid.
    fn mentions_too_much(&mut self, cx: &mut Cx<'_>, rule: RuleId, mentions: usize) -> bool {
        let metadata = &self.automod.rules[&rule].trigger_metadata;
        let limit = usize::from(metadata.mention_total_limit.unwrap_or_default());
        if metadata.mention_raid_protection_enabled == Some(true) {
            match self.automod.raid.note(cx.now_ms, mentions, limit) {
                Raided::No => {}
                Raided::Still => return true,
                Raided::Begins { until_ms } => {
                    self.publish_raid(cx, until_ms);
                    return true;
                }
            }
        }
        mentions > limit
    }

    /// Looks at the names of somebody who comes or has changed, and marks the member if a rule keeps it from acting. What is found
    /// is for [`Guild::act_on_profile`], once the member is stored.
    pub(crate) fn screen_profile(&mut self, member: &mut Member) -> Vec<Found> {
        let Some(user) = &member.user else { return Vec::new() };
        if self.automod.rules.is_empty() || user.bot {
            return Vec::new();
        }
        let wanted: Vec<_> = match self.is_trusted(user.id) {
            true => Vec::new(),
            false => self.rules_for(user.id, MEMBER).map(|rule| rule.id).collect(),
        };
        let names = [Some(&user.username), user.global_name.as_ref(), member.nick.as_ref()];
        let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
        let found = if wanted.is_empty() { Vec::new() } else { self.find(&names.join("\n"), &wanted) };
        let blocks = |found: &Found| self.automod.rules[&found.rule].has_action(action::BLOCK_INTERACTION);
        member.flags &= !QUARANTINED;
        if found.iter().any(blocks) {
            member.flags |= QUARANTINED;
        }
        found
    }

    /// What rules do about the names of a member that was stored.
    pub(crate) fn act_on_profile(&mut self, cx: &mut Cx<'_>, member: &Member, found: &[Found]) {
        let Some(user) = &member.user else { return };
        for found in found {
            let name =
                found.hit.as_ref().map_or(Cow::Borrowed(""), |(_, content)| Cow::Borrowed(content.as_str()));
            let about = About { user: user.id, channel: None, message: None, content: &name };
            self.act(cx, found, about);
        }
    }
}

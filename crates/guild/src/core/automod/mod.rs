//! The guild's own moderation (Auto Moderation page): its rules, what they look at, what they do.
//!
//! * here: the rules, as rows of `Table::AutoMod`, and the changes of them;
//! * [`screen`]: what is said and who is called what, held against the rules;
//! * [`act`]: what rules do about a find;
//! * [`habits`]: what only shows over several messages, in memory alone.
//!
//! What is found in a text is the business of [`crate::automod`].

mod act;
mod habits;
mod screen;

use std::collections::BTreeMap;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::auto_moderation::{action, trigger};
use consort_model::id::Id;
use consort_model::request::auto_moderation::RuleForm;
use consort_model::{
    ActionMetadata, ApiError, AuditLogChange, AuditLogEvent, AutoModerationAction, AutoModerationRule,
    ChannelId, ChannelType, Form, Intents, Permissions, RoleId, RuleId, TriggerMetadata, limits,
};
use consort_rpc::guild::automod::Op;
use consort_rpc::{Audience, Event, Withheld};
use consort_store::Table;
use serde_json::Value;

use super::Guild;
use super::audit::Note;
use crate::automod::{Engine, Expression};
use crate::planted::Leak;
use habits::{Raid, Repeats};
pub(crate) use screen::QUARANTINED;

/// Properties of a rule that the audit log follows.
const AUDITED: &[&str] = &[
    "name",
    "event_type",
    "trigger_type",
    "trigger_metadata",
    "actions",
    "enabled",
    "exempt_roles",
    "exempt_channels",
];
/// Event types: a message, a member.
const MESSAGE: u8 = 1;
const MEMBER: u8 = 2;

/// The rules, and what they remember.
#[derive(Debug, Default)]
pub(crate) struct AutoMod {
    rules: BTreeMap<RuleId, AutoModerationRule>,
    /// Of the rules as they were when `order` was made.
    engine: Engine,
    /// The rules of the engine, by place; `None` when they have changed since.
    order: Option<Vec<RuleId>>,
    repeats: Repeats,
    raid: Raid,
}

impl AutoMod {
    /// Takes up a stored rule.
    pub(crate) fn restore(&mut self, rule: AutoModerationRule) {
        self.order = None;
        self.rules.insert(rule.id, rule);
    }

    /// The rules that entries of an audit log name.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &AutoModerationRule> {
        self.rules.values()
    }

    /// Whether members with a forbidden name are kept from acting. Without such a rule the mark on them means nothing.
    pub(crate) fn quarantines(&self) -> bool {
        self.rules.values().any(|rule| rule.enabled && rule.has_action(action::BLOCK_INTERACTION))
    }

    /// The engine of the rules as they are, and the rules by their place in it.
    fn engine(&mut self) -> (&mut Engine, &[RuleId]) {
        if self.order.is_none() {
            let enabled = || self.rules.values().filter(|rule| rule.enabled);
            let engine = Engine::new(enabled(), std::mem::take(&mut self.engine));
            self.order = Some(enabled().map(|rule| rule.id).collect());
            self.engine = engine;
        }
        (&mut self.engine, self.order.as_deref().unwrap_or_default())
    }
}

impl Guild {
    pub(crate) fn handle_automod(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::MANAGE_GUILD)?;
        match op {
            Op::List => Outcome::json(&self.automod.rules.values().collect::<Vec<_>>()),
            Op::Get { rule } => Outcome::json(self.rule(*rule)?),
            Op::Create(form) => self.create_rule(cx, form),
            Op::Update { rule, form } => self.update_rule(cx, *rule, form),
            Op::Delete { rule } => self.delete_rule(cx, *rule),
        }
    }

    fn rule(&self, id: RuleId) -> Result<&AutoModerationRule, ApiError> {
        self.automod.rules.get(&id).ok_or_else(ApiError::unknown_automod_rule)
    }

    fn create_rule(&mut self, cx: &mut Cx<'_>, form: &RuleForm) -> Result<Outcome, Stop> {
        let trigger_type = form.trigger_type.unwrap_or_default();
        let equal = self.automod.rules.values().filter(|rule| rule.trigger_type == trigger_type).count();
        let max = if trigger_type == trigger::KEYWORD { limits::AUTOMOD_KEYWORD_RULES_MAX } else { 1 };
        if equal >= max {
            let message = format!("Maximum number of rules of this type reached ({max}).");
            let code = "AUTO_MODERATION_MAX_RULES_OF_TYPE_EXCEEDED";
            return Err(ApiError::invalid_field("trigger_type", code, message).into());
        }
        let rule = AutoModerationRule {
            id: Id::new(cx.next_id()),
            guild_id: self.id,
            name: String::new(),
            creator_id: cx.caller.user,
            event_type: if trigger_type == trigger::PROFILE { MEMBER } else { MESSAGE },
            trigger_type,
            trigger_metadata: fitting(trigger_type, TriggerMetadata::default()),
            actions: vec![usual_action(trigger_type)],
            enabled: false,
            exempt_roles: Vec::new(),
            exempt_channels: Vec::new(),
        };
        let rule = self.changed_rule(cx, rule, form)?;
        let changes = AuditLogChange::between(&Value::Null, &value(&rule), AUDITED);
        self.put_rule(cx, rule.clone(), "AUTO_MODERATION_RULE_CREATE");
        self.audit(cx, AuditLogEvent::AutoModerationRuleCreate, Note::of(rule.id, changes));
        Outcome::json(&rule)
    }

    fn update_rule(&mut self, cx: &mut Cx<'_>, id: RuleId, form: &RuleForm) -> Result<Outcome, Stop> {
        let old = self.rule(id)?.clone();
        let rule = self.changed_rule(cx, old.clone(), form)?;
        if rule != old {
            let changes = AuditLogChange::between(&value(&old), &value(&rule), AUDITED);
            self.put_rule(cx, rule.clone(), "AUTO_MODERATION_RULE_UPDATE");
            self.audit(cx, AuditLogEvent::AutoModerationRuleUpdate, Note::of(id, changes));
        }
        Outcome::json(&rule)
    }

    fn delete_rule(&mut self, cx: &mut Cx<'_>, id: RuleId) -> Result<Outcome, Stop> {
        let old = self.rule(id)?.clone();
        self.automod.rules.remove(&id);
        self.automod.order = None;
        cx.delete(Table::AutoMod, self.id.get(), id.get());
        self.publish_rule(cx, "AUTO_MODERATION_RULE_DELETE", &old);
        let changes = AuditLogChange::between(&value(&old), &Value::Null, AUDITED);
        self.audit(cx, AuditLogEvent::AutoModerationRuleDelete, Note::of(id, changes));
        Outcome::EMPTY
    }

    fn put_rule(&mut self, cx: &mut Cx<'_>, rule: AutoModerationRule, event: &'static str) {
        cx.put(Table::AutoMod, self.id.get(), rule.id.get(), &rule);
        self.publish_rule(cx, event, &rule);
        self.automod.restore(rule);
    }

    /// Tells those who may read the rules.
    fn publish_rule(&self, cx: &mut Cx<'_>, name: &'static str, rule: &AutoModerationRule) {
        let audience = match Leak::Rules.is_planted() {
            true => Audience::all(),
            false => Audience::view(self.view_guild(Permissions::MANAGE_GUILD)),
        };
        let event = Event::new(name, Intents::AUTO_MODERATION_CONFIGURATION, audience, rule);
        self.publish(cx, event.withhold(Withheld::wholly()));
    }

    /// A rule with a change applied and judged.
    fn changed_rule(
        &self,
        cx: &Cx<'_>,
        mut rule: AutoModerationRule,
        form: &RuleForm,
    ) -> Result<AutoModerationRule, Stop> {
        let RuleForm { name, actions, enabled, exempt_roles, exempt_channels, .. } = form.clone();
        rule.name = name.unwrap_or(rule.name);
        rule.enabled = enabled.unwrap_or(rule.enabled);
        let before = (rule.exempt_roles.clone(), rule.exempt_channels.clone());
        rule.exempt_roles = exempt_roles.map_or(rule.exempt_roles, distinct);
        rule.exempt_channels = exempt_channels.map_or(rule.exempt_channels, distinct);
        if let Some(metadata) = &form.trigger_metadata {
            rule.trigger_metadata = merged(rule.trigger_type, rule.trigger_metadata, metadata);
        }
        let errors = Form::empty();
        let event = if rule.trigger_type == trigger::PROFILE { MEMBER } else { MESSAGE };
        if form.event_type.is_some_and(|wanted| wanted != event) {
            errors.error("event_type", "BASE_TYPE_CHOICES", format!("Value must be one of {{{event}}}."));
        }
        if form.trigger_type.is_some_and(|wanted| wanted != rule.trigger_type) {
            let choice = rule.trigger_type;
            errors.error("trigger_type", "BASE_TYPE_CHOICES", format!("Value must be one of {{{choice}}}."));
        }
        self.judge_exemptions(&rule, &before, &errors);
        judge_metadata(&rule, form.trigger_metadata.is_some(), &errors);
        if let Some(actions) = actions {
            self.judge_actions(&rule, &actions, &errors);
            rule.actions = actions;
        }
        errors.finish()?;
        if form.actions.is_some() && rule.has_action(action::TIMEOUT) {
            self.require(cx, Permissions::MODERATE_MEMBERS)?;
        }
        Ok(rule)
    }

    /// What is newly left alone is there. What was there once may be sent back after it has gone.
    fn judge_exemptions(
        &self,
        rule: &AutoModerationRule,
        (roles, channels): &(Vec<RoleId>, Vec<ChannelId>),
        errors: &Form<'_>,
    ) {
        for (index, role) in rule.exempt_roles.iter().enumerate() {
            if !roles.contains(role) && !self.roles.contains_key(role) {
                errors.error(&format!("exempt_roles.{index}"), "GUILD_INVALID_ROLE", "Invalid role");
            }
        }
        for (index, channel) in rule.exempt_channels.iter().enumerate() {
            let is_there = self.channels.contains_key(channel) || self.thread(*channel).is_some();
            if !channels.contains(channel) && !is_there {
                let path = format!("exempt_channels.{index}");
                errors.error(&path, "GUILD_INVALID_CHANNEL", "Invalid channel");
            }
        }
    }

    fn judge_actions(&self, rule: &AutoModerationRule, actions: &[AutoModerationAction], errors: &Form<'_>) {
        let legal: &[u8] = match rule.trigger_type {
            trigger::PROFILE => &[action::ALERT, action::BLOCK_INTERACTION],
            trigger::KEYWORD | trigger::MENTION_SPAM => {
                &[action::BLOCK_MESSAGE, action::ALERT, action::TIMEOUT]
            }
            _ => &[action::BLOCK_MESSAGE, action::ALERT],
        };
        for (index, wanted) in actions.iter().enumerate() {
            if !legal.contains(&wanted.kind) {
                let message = format!("Value must be one of {legal:?} for this trigger.");
                errors.error(&format!("actions.{index}.type"), "BASE_TYPE_CHOICES", message);
            }
            if actions[..index].iter().any(|other| other.kind == wanted.kind) {
                let message = "An action of this type is there already.";
                errors.error(&format!("actions.{index}.type"), "SET_TYPE_ALREADY_CONTAINS_VALUE", message);
            }
            let Some(channel) = wanted.metadata.channel_id else { continue };
            let kind = self.channels.get(&channel).map(|channel| channel.kind);
            if !matches!(kind, Some(ChannelType::GuildText | ChannelType::GuildAnnouncement)) {
                let path = format!("actions.{index}.metadata.channel_id");
                errors.error(&path, "GUILD_INVALID_CHANNEL", "Invalid channel");
            }
        }
    }
}

fn distinct<T: PartialEq + Copy>(list: Vec<T>) -> Vec<T> {
    let mut kept = Vec::with_capacity(list.len());
    for item in list {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

/// What a rule does unless told.
fn usual_action(trigger_type: u8) -> AutoModerationAction {
    let kind =
        if trigger_type == trigger::PROFILE { action::BLOCK_INTERACTION } else { action::BLOCK_MESSAGE };
    AutoModerationAction { kind, metadata: ActionMetadata::default() }
}

/// The fields that a trigger has, each with a value.
fn fitting(trigger_type: u8, metadata: TriggerMetadata) -> TriggerMetadata {
    let words = matches!(trigger_type, trigger::KEYWORD | trigger::PROFILE);
    let (preset, mentions) = (trigger_type == trigger::PRESET, trigger_type == trigger::MENTION_SPAM);
    TriggerMetadata {
        keyword_filter: words.then(|| metadata.keyword_filter.unwrap_or_default()),
        regex_patterns: words.then(|| metadata.regex_patterns.unwrap_or_default()),
        presets: preset.then(|| metadata.presets.unwrap_or_default()),
        allow_list: (words || preset).then(|| metadata.allow_list.unwrap_or_default()),
        mention_total_limit: mentions
            .then(|| metadata.mention_total_limit.unwrap_or(limits::AUTOMOD_MENTIONS_MAX)),
        mention_raid_protection_enabled: mentions
            .then(|| metadata.mention_raid_protection_enabled.unwrap_or(false)),
    }
}

fn merged(trigger_type: u8, old: TriggerMetadata, new: &TriggerMetadata) -> TriggerMetadata {
    let new = new.clone();
    let merged = TriggerMetadata {
        keyword_filter: new.keyword_filter.or(old.keyword_filter),
        regex_patterns: new.regex_patterns.or(old.regex_patterns),
        presets: new.presets.or(old.presets),
        allow_list: new.allow_list.or(old.allow_list),
        mention_total_limit: new.mention_total_limit.or(old.mention_total_limit),
        mention_raid_protection_enabled: new
            .mention_raid_protection_enabled
            .or(old.mention_raid_protection_enabled),
    };
    fitting(trigger_type, merged)
}

/// Notes what of the metadata its trigger does not take, and expressions that cannot be compiled.
fn judge_metadata(rule: &AutoModerationRule, changed: bool, errors: &Form<'_>) {
    if !changed {
        return;
    }
    let metadata = &rule.trigger_metadata;
    let allowed = metadata.allow_list.as_ref().map_or(0, Vec::len);
    if rule.trigger_type != trigger::PRESET && allowed > limits::AUTOMOD_KEYWORD_ALLOWED_MAX {
        errors.bad_length("trigger_metadata.allow_list", 0, limits::AUTOMOD_KEYWORD_ALLOWED_MAX);
    }
    for (index, pattern) in metadata.regex_patterns.iter().flatten().enumerate() {
        if let Err(error) = Expression::new(pattern) {
            let path = format!("trigger_metadata.regex_patterns.{index}");
            errors.error(&path, "AUTO_MODERATION_INVALID_REGEX", error);
        }
    }
}

fn value(rule: &AutoModerationRule) -> Value {
    serde_json::to_value(rule).unwrap_or_default()
}

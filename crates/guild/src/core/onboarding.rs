//! Questions for new members (Guild, Guild Onboarding): what is asked, and what answers give.
//!
//! A guild needs channels for everybody before it may ask: seven that everybody sees, five of them to write in. Answers give roles;
//! which channels somebody has chosen is kept by its client.

use std::collections::BTreeSet;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::permissions::compute_channel;
use consort_model::request::onboarding::OnboardingForm;
use consort_model::{
    ApiError, AuditLogChange, AuditLogEvent, ChannelId, Form, GenericId, Onboarding, OnboardingOption,
    OnboardingPrompt, OptionEmoji, Permissions, RoleId, UserId, limits,
};
use consort_rpc::guild::onboarding::Op;
use consort_store::{Key, Table};
use serde_json::{Value, json};

use super::Guild;
use super::audit::Note;
use super::members::member_key;
use crate::planted::Leak;
use crate::roster::Packed;

/// Key of the row (`Table::GuildMisc`).
const ONBOARDING: &str = "onboarding";
/// Keys of rows of members' answers.
const ANSWERS: &[u8] = b"answers/";
/// Features by which clients know of it (Guild, Guild Features; the second is seen upstream).
const FEATURES: [&str; 2] = ["GUILD_ONBOARDING", "GUILD_ONBOARDING_HAS_PROMPTS"];
/// Member flags: has answered all that must be, has begun to answer (Guild, Guild Member Flags).
const COMPLETED: u64 = 1 << 1;
const STARTED: u64 = 1 << 3;
/// Properties that the audit log follows.
const AUDITED: &[&str] = &["default_channel_ids", "enabled", "mode"];
const AUDITED_PROMPT: &[&str] = &["title", "type", "options", "single_select", "required", "in_onboarding"];

impl Guild {
    pub(crate) fn handle_onboarding(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        self.require_member(cx)?;
        let stored: Option<Onboarding> = cx.row(Table::GuildMisc, self.id.get(), Key::text(ONBOARDING))?;
        let mut present = stored.clone().unwrap_or_else(|| Onboarding::none(self.id));
        self.forget_what_is_gone(&mut present);
        match op {
            Op::Get => Outcome::json(&present),
            Op::Set(form) => self.set_onboarding(cx, present, stored.is_none(), form),
            Op::Answer { chosen } => self.answer_onboarding(cx, &present, chosen),
        }
    }

    /// Roles, channels and emojis may have been deleted since they were chosen.
    fn forget_what_is_gone(&self, onboarding: &mut Onboarding) {
        onboarding.default_channel_ids.retain(|channel| self.channels.contains_key(channel));
        for option in onboarding.prompts.iter_mut().flat_map(|prompt| &mut prompt.options) {
            option.channel_ids.retain(|channel| self.channels.contains_key(channel));
            option.role_ids.retain(|role| self.roles.contains_key(role));
            if option.emoji.id.is_some_and(|emoji| !self.emojis.contains_key(&emoji)) {
                option.emoji = OptionEmoji::default();
            }
        }
    }

    fn set_onboarding(
        &mut self,
        cx: &mut Cx<'_>,
        old: Onboarding,
        new: bool,
        form: &OnboardingForm,
    ) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::MANAGE_GUILD | Permissions::MANAGE_ROLES)?;
        let mut wanted = old.clone();
        wanted.enabled = form.enabled.unwrap_or(old.enabled);
        wanted.mode = form.mode.unwrap_or(old.mode);
        if let Some(channels) = &form.default_channel_ids {
            wanted.default_channel_ids.clone_from(channels);
        }
        if let Some(prompts) = &form.prompts {
            wanted.prompts = prompts.iter().map(|prompt| numbered(cx, &old, prompt)).collect();
        }
        self.judge_onboarding(cx, &old, &wanted)?;
        if wanted.enabled && !self.has_enough_channels(&wanted) {
            let error = match old.enabled {
                true => ApiError::onboarding_below_requirements(),
                false => ApiError::onboarding_requirements(),
            };
            return Err(error.into());
        }
        if wanted == old {
            return Outcome::json(&wanted);
        }
        cx.put(Table::GuildMisc, self.id.get(), Key::text(ONBOARDING), &wanted);
        self.show_onboarding(cx, &wanted);
        self.audit_onboarding(cx, &old, &wanted, new);
        Outcome::json(&wanted)
    }

    /// A member who goes is asked again when it comes back.
    pub(crate) fn forget_answers(&self, cx: &mut Cx<'_>, user: UserId) {
        if self.members.get(user).is_some_and(|member| member.flags() & STARTED != 0) {
            cx.delete(Table::GuildMisc, self.id.get(), member_key(ANSWERS, user));
        }
    }

    /// Channels and emojis must be there; roles that an answer is to give must be the caller's to give.
    fn judge_onboarding(&self, cx: &Cx<'_>, old: &Onboarding, wanted: &Onboarding) -> Result<(), Stop> {
        let errors = Form::empty();
        let unknown = |path: &str, channels: &[ChannelId]| {
            for (index, channel) in channels.iter().enumerate() {
                if !self.channels.contains_key(channel) {
                    errors.error(&format!("{path}.{index}"), "GUILD_INVALID_CHANNEL", "Invalid channel");
                }
            }
        };
        unknown("default_channel_ids", &wanted.default_channel_ids);
        let given: BTreeSet<RoleId> =
            options(old).flat_map(|option| option.role_ids.iter().copied()).collect();
        for (n, prompt) in wanted.prompts.iter().enumerate() {
            for (m, option) in prompt.options.iter().enumerate() {
                let path = format!("prompts.{n}.options.{m}");
                unknown(&format!("{path}.channel_ids"), &option.channel_ids);
                if option.emoji.id.is_some_and(|emoji| !self.emojis.contains_key(&emoji)) {
                    errors.error(&format!("{path}.emoji_id"), "INVALID_EMOJI", "Invalid emoji");
                }
                if option.channel_ids.is_empty() && option.role_ids.is_empty() {
                    let message = "An answer must give a role or a channel.";
                    errors.error(&path, "ONBOARDING_OPTION_EMPTY", message);
                }
                for (index, role) in option.role_ids.iter().enumerate() {
                    // What was given before may stay, whoever changes the rest.
                    let may = given.contains(role) || Leak::Answers.is_planted();
                    if !may && self.may_hand_out(cx, *role).is_err() {
                        errors.error(&format!("{path}.role_ids.{index}"), "INVALID_ROLE", "Invalid role");
                    }
                }
            }
        }
        Ok(errors.finish()?)
    }

    /// Seven channels that everybody sees, five of them to write in.
    fn has_enough_channels(&self, onboarding: &Onboarding) -> bool {
        let mut shown: BTreeSet<ChannelId> = onboarding.default_channel_ids.iter().copied().collect();
        if onboarding.mode == 1 {
            shown.extend(options(onboarding).flat_map(|option| option.channel_ids.iter().copied()));
        }
        let everyone = self.roles.get(&self.id.cast()).map(|role| role.permissions).unwrap_or_default();
        let held = |channel: &ChannelId| {
            let overwrites = self.channels.get(channel)?.permission_overwrites.as_deref().unwrap_or_default();
            Some(compute_channel(everyone, self.id, &[], UserId::new(0), overwrites))
        };
        let seen: Vec<_> =
            shown.iter().filter_map(held).filter(|held| held.contains(Permissions::VIEW_CHANNEL)).collect();
        let written = seen.iter().filter(|held| held.contains(Permissions::SEND_MESSAGES)).count();
        seen.len() >= limits::ONBOARDING_DEFAULT_CHANNELS_MIN
            && written >= limits::ONBOARDING_WRITABLE_CHANNELS_MIN
    }

    /// Features tell clients whether there is something to answer.
    fn show_onboarding(&mut self, cx: &mut Cx<'_>, wanted: &Onboarding) {
        let on = [wanted.enabled, wanted.enabled && !wanted.prompts.is_empty()];
        let mut features = self.info.features.clone();
        features.retain(|feature| !FEATURES.contains(&feature.as_str()));
        features
            .extend(FEATURES.iter().zip(on).filter(|(_, on)| *on).map(|(feature, _)| (*feature).to_owned()));
        if features != self.info.features {
            self.info.features = features;
            self.put_info(cx);
            self.publish_guild_update(cx);
        }
    }

    fn audit_onboarding(&self, cx: &mut Cx<'_>, old: &Onboarding, wanted: &Onboarding, new: bool) {
        for prompt in &wanted.prompts {
            let before = old.prompts.iter().find(|before| before.id == prompt.id);
            let changes = AuditLogChange::between(&json!(before), &json!(prompt), AUDITED_PROMPT);
            let event = match before {
                None => AuditLogEvent::OnboardingPromptCreate,
                Some(_) => AuditLogEvent::OnboardingPromptUpdate,
            };
            if !changes.is_empty() {
                self.audit(cx, event, Note::of(prompt.id, changes));
            }
        }
        let kept = |prompt: &&OnboardingPrompt| wanted.prompts.iter().any(|other| other.id == prompt.id);
        for prompt in old.prompts.iter().filter(|prompt| !kept(prompt)) {
            let changes = AuditLogChange::between(&json!(prompt), &Value::Null, AUDITED_PROMPT);
            self.audit(cx, AuditLogEvent::OnboardingPromptDelete, Note::of(prompt.id, changes));
        }
        let changes = AuditLogChange::between(&json!(old), &json!(wanted), AUDITED);
        let event = if new { AuditLogEvent::OnboardingCreate } else { AuditLogEvent::OnboardingUpdate };
        if new || !changes.is_empty() {
            self.audit(cx, event, Note::of(self.id, changes));
        }
    }

    fn answer_onboarding(
        &mut self,
        cx: &mut Cx<'_>,
        onboarding: &Onboarding,
        chosen: &[GenericId],
    ) -> Result<Outcome, Stop> {
        if !onboarding.enabled {
            return Err(ApiError::missing_access().into());
        }
        let chosen: BTreeSet<GenericId> = chosen.iter().copied().collect();
        judge_answers(onboarding, &chosen)?;
        let user = cx.caller.user;
        let Some(old) = self.members.get(user).map(Packed::unpack) else {
            return Err(ApiError::unknown_member().into());
        };
        let is_chosen = |option: &&OnboardingOption| chosen.contains(&option.id);
        let roles_of = |option: &OnboardingOption| option.role_ids.clone();
        let given: BTreeSet<RoleId> = options(onboarding).filter(is_chosen).flat_map(roles_of).collect();
        let offered: BTreeSet<RoleId> = options(onboarding).flat_map(roles_of).collect();
        let mut member = old.clone();
        member.roles.retain(|role| !offered.contains(role));
        member.roles.extend(given);
        member.roles.sort_unstable();
        let answered = |prompt: &OnboardingPrompt| prompt.options.iter().any(|o| chosen.contains(&o.id));
        let must = |prompt: &&OnboardingPrompt| prompt.required && prompt.in_onboarding;
        let complete = onboarding.prompts.iter().filter(must).all(answered);
        member.flags |= STARTED | if complete { COMPLETED } else { 0 };
        let kept: Vec<_> = chosen.into_iter().collect();
        cx.put(Table::GuildMisc, self.id.get(), member_key(ANSWERS, user), &kept);
        self.replace_member(cx, user, &old, member);
        Outcome::json(&json!({"guild_id": self.id, "user_id": user, "onboarding_responses": kept}))
    }
}

fn options(onboarding: &Onboarding) -> impl Iterator<Item = &OnboardingOption> {
    onboarding.prompts.iter().flat_map(|prompt| &prompt.options)
}

/// Answers must be those of the questions, and one at most where only one may be.
fn judge_answers(onboarding: &Onboarding, chosen: &BTreeSet<GenericId>) -> Result<(), ApiError> {
    let errors = Form::empty();
    let known = |id: &GenericId| options(onboarding).any(|option| option.id == *id);
    if !chosen.iter().all(known) {
        errors.error("onboarding_responses", "ONBOARDING_UNKNOWN_OPTION", "Unknown answer");
    }
    for prompt in onboarding.prompts.iter().filter(|prompt| prompt.single_select) {
        if prompt.options.iter().filter(|option| chosen.contains(&option.id)).count() > 1 {
            let message = format!("Only one answer may be given to \"{}\".", prompt.title);
            errors.error("onboarding_responses", "ONBOARDING_SINGLE_SELECT", message);
        }
    }
    errors.finish()
}

/// A question with ids of its own: those of questions and answers that there are stay, placeholders are replaced.
fn numbered(cx: &Cx<'_>, old: &Onboarding, wanted: &OnboardingPrompt) -> OnboardingPrompt {
    let mut prompt = wanted.clone();
    let before = old.prompts.iter().find(|before| before.id == prompt.id);
    if before.is_none() {
        prompt.id = GenericId::new(cx.next_id());
    }
    for option in &mut prompt.options {
        let known = before.is_some_and(|before| before.options.iter().any(|other| other.id == option.id));
        if !known {
            option.id = GenericId::new(cx.next_id());
        }
    }
    prompt
}

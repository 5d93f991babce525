//! Bodies of the auto moderation routes.

use serde::{Deserialize, Serialize};

use crate::limits::{
    AUTOMOD_ACTIONS_MAX, AUTOMOD_ALLOWED_MAX, AUTOMOD_CUSTOM_MESSAGE_CHARS_MAX, AUTOMOD_EXEMPT_CHANNELS_MAX,
    AUTOMOD_EXEMPT_ROLES_MAX, AUTOMOD_KEYWORD_CHARS, AUTOMOD_KEYWORDS_MAX, AUTOMOD_MENTIONS_MAX,
    AUTOMOD_REGEX_CHARS, AUTOMOD_REGEXES_MAX, AUTOMOD_TIMEOUT_SECS_MAX,
};
use crate::object::auto_moderation::{ActionMetadata, AutoModerationAction, TriggerMetadata, action};
use crate::validate::Named;
use crate::{ChannelId, Form, RoleId};

/// A rule, or a change of one: what is absent stays, or has its default. What depends on the trigger is for the guild's owner to
/// judge, who knows the trigger of a rule that there is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RuleForm {
    /// Name, 1 to 100 characters.
    pub name: Option<String>,
    /// 1 or 2.
    pub event_type: Option<u8>,
    /// 1, 3, 4, 5 or 6.
    pub trigger_type: Option<u8>,
    /// What to look for.
    pub trigger_metadata: Option<TriggerMetadata>,
    /// What to do, 1 to 5.
    pub actions: Option<Vec<AutoModerationAction>>,
    /// Whether it is on.
    pub enabled: Option<bool>,
    /// Up to 20.
    pub exempt_roles: Option<Vec<RoleId>>,
    /// Up to 50.
    pub exempt_channels: Option<Vec<ChannelId>>,
}

impl RuleForm {
    /// Reads the body; errors are noted in the form. `new`: what a rule cannot be without must be there.
    pub fn read(form: &Form<'_>, new: bool) -> Option<Self> {
        let read = Self {
            name: form.name("name", Named::Rule),
            event_type: form.choice_u8("event_type", &[1, 2]),
            trigger_type: form.choice_u8("trigger_type", &[1, 3, 4, 5, 6]),
            trigger_metadata: form.object("trigger_metadata", metadata),
            actions: form.array("actions", AUTOMOD_ACTIONS_MAX, action),
            enabled: form.bool("enabled"),
            exempt_roles: form.ids("exempt_roles", AUTOMOD_EXEMPT_ROLES_MAX),
            exempt_channels: form.ids("exempt_channels", AUTOMOD_EXEMPT_CHANNELS_MAX),
        };
        if read.actions.as_ref().is_some_and(Vec::is_empty) {
            form.bad_length("actions", 1, AUTOMOD_ACTIONS_MAX);
        }
        if new {
            form.required("name", read.name.as_ref());
            form.required("event_type", read.event_type);
            form.required("trigger_type", read.trigger_type);
        }
        Some(read)
    }
}

fn metadata(form: &Form<'_>) -> Option<TriggerMetadata> {
    Some(TriggerMetadata {
        keyword_filter: words(form, "keyword_filter", AUTOMOD_KEYWORDS_MAX),
        regex_patterns: form.strings("regex_patterns", AUTOMOD_REGEXES_MAX, AUTOMOD_REGEX_CHARS),
        presets: presets(form),
        allow_list: words(form, "allow_list", AUTOMOD_ALLOWED_MAX),
        mention_total_limit: form.int("mention_total_limit", 0..=AUTOMOD_MENTIONS_MAX),
        mention_raid_protection_enabled: form.bool("mention_raid_protection_enabled"),
    })
}

/// Words with something besides the `*` of their ends.
fn words(form: &Form<'_>, name: &str, max: usize) -> Option<Vec<String>> {
    let words = form.strings(name, max, AUTOMOD_KEYWORD_CHARS)?;
    for (index, word) in words.iter().enumerate() {
        if word.trim().trim_matches('*').trim().is_empty() {
            form.error(&format!("{name}.{index}"), "BASE_TYPE_REQUIRED", "This field is required");
        }
    }
    Some(words)
}

fn presets(form: &Form<'_>) -> Option<Vec<u8>> {
    let mut kept = Vec::new();
    for (index, value) in form.list("presets", 16)?.iter().enumerate() {
        match value.as_u64() {
            Some(preset @ 1..=3) => kept.push(preset as u8),
            _ => {
                let message = "Value must be one of {1, 2, 3}.";
                form.error(&format!("presets.{index}"), "BASE_TYPE_CHOICES", message);
            }
        }
    }
    kept.sort_unstable();
    kept.dedup();
    Some(kept)
}

fn action(form: &Form<'_>) -> Option<AutoModerationAction> {
    let kind = form.required("type", form.choice_u8("type", &[1, 2, 3, 4]))?;
    let details = form.object("metadata", |form| {
        Some(match kind {
            action::BLOCK_MESSAGE => ActionMetadata {
                custom_message: form.lines("custom_message", 0..=AUTOMOD_CUSTOM_MESSAGE_CHARS_MAX),
                ..ActionMetadata::default()
            },
            action::ALERT => ActionMetadata {
                channel_id: form.required("channel_id", form.id("channel_id")),
                ..ActionMetadata::default()
            },
            action::TIMEOUT => ActionMetadata {
                duration_seconds: Some(
                    form.int("duration_seconds", 0..=AUTOMOD_TIMEOUT_SECS_MAX).unwrap_or(0),
                ),
                ..ActionMetadata::default()
            },
            _ => ActionMetadata::default(),
        })
    });
    if matches!(kind, action::ALERT | action::TIMEOUT) && details.is_none() && !form.has_errors() {
        form.required::<()>("metadata", None);
    }
    let mut metadata = details.unwrap_or_default();
    // An empty text is none.
    metadata.custom_message = metadata.custom_message.filter(|text| !text.is_empty());
    Some(AutoModerationAction { kind, metadata })
}

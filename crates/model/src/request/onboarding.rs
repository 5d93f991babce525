//! Bodies of the onboarding routes.

use serde::{Deserialize, Serialize};

use crate::limits::{
    GUILD_CHANNELS_MAX, ONBOARDING_DESCRIPTION_CHARS_MAX, ONBOARDING_GIVES_MAX, ONBOARDING_OPTIONS,
    ONBOARDING_PROMPTS_MAX,
};
use crate::object::{OnboardingOption, OnboardingPrompt, OptionEmoji};
use crate::validate::Named;
use crate::{ChannelId, Form, GenericId};

/// A change of the onboarding; what is absent stays. Ids of new questions and answers are placeholders.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OnboardingForm {
    /// All questions.
    pub prompts: Option<Vec<OnboardingPrompt>>,
    /// Channels that everybody is shown.
    pub default_channel_ids: Option<Vec<ChannelId>>,
    /// Whether it is on.
    pub enabled: Option<bool>,
    /// 0 or 1.
    pub mode: Option<u8>,
}

impl OnboardingForm {
    /// Reads the body; errors are noted in the form.
    pub fn read(form: &Form<'_>) -> Option<Self> {
        Some(Self {
            prompts: form.array("prompts", ONBOARDING_PROMPTS_MAX, prompt),
            default_channel_ids: form.ids("default_channel_ids", GUILD_CHANNELS_MAX),
            enabled: form.bool("enabled"),
            mode: form.choice_u8("mode", &[0, 1]),
        })
    }
}

fn prompt(form: &Form<'_>) -> Option<OnboardingPrompt> {
    let title = form.required("title", form.name("title", Named::Question));
    let options = form.required("options", form.array("options", *ONBOARDING_OPTIONS.end(), option));
    if options.as_ref().is_some_and(Vec::is_empty) {
        form.bad_length("options", *ONBOARDING_OPTIONS.start(), *ONBOARDING_OPTIONS.end());
    }
    Some(OnboardingPrompt {
        id: form.cursor("id").unwrap_or(GenericId::new(0)),
        kind: form.choice_u8("type", &[0, 1]).unwrap_or(0),
        options: options?,
        title: title?,
        single_select: form.flag("single_select"),
        required: form.flag("required"),
        in_onboarding: form.flag("in_onboarding"),
    })
}

fn option(form: &Form<'_>) -> Option<OnboardingOption> {
    let title = form.required("title", form.name("title", Named::Answer));
    let description = form.line("description", 0..=ONBOARDING_DESCRIPTION_CHARS_MAX);
    let (id, name) = form.emoji_reference();
    // Some libraries send the emoji as it is answered.
    let nested =
        form.object("emoji", |form| Some((form.id("id"), form.str("name", 0..=100), form.flag("animated"))));
    let emoji = match nested.filter(|_| id.is_none() && name.is_none()) {
        Some((id, name, animated)) => OptionEmoji { id, name, animated },
        None => OptionEmoji { id, name, animated: form.flag("emoji_animated") },
    };
    Some(OnboardingOption {
        id: form.cursor("id").unwrap_or(GenericId::new(0)),
        channel_ids: form.ids("channel_ids", ONBOARDING_GIVES_MAX).unwrap_or_default(),
        role_ids: form.ids("role_ids", ONBOARDING_GIVES_MAX).unwrap_or_default(),
        emoji,
        title: title?,
        description: description.unwrap_or_default(),
    })
}

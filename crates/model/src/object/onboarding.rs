//! Questions for new members ("Guild", Guild Onboarding).

use serde::{Deserialize, Serialize};

use crate::{ChannelId, EmojiId, GenericId, GuildId, RoleId};

/// The onboarding of a guild.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Onboarding {
    /// The guild.
    pub guild_id: GuildId,
    /// The questions.
    pub prompts: Vec<OnboardingPrompt>,
    /// Channels that everybody is shown.
    pub default_channel_ids: Vec<ChannelId>,
    /// Whether it is on.
    pub enabled: bool,
    /// 0: the channels that everybody is shown must be enough; 1: those of questions count as well.
    pub mode: u8,
}

impl Onboarding {
    /// One that is off.
    pub fn none(guild_id: GuildId) -> Self {
        Self { guild_id, prompts: Vec::new(), default_channel_ids: Vec::new(), enabled: false, mode: 0 }
    }
}

/// A question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OnboardingPrompt {
    /// Its id.
    pub id: GenericId,
    /// 0 all at once, 1 as a list to open.
    #[serde(rename = "type")]
    pub kind: u8,
    /// The answers.
    pub options: Vec<OnboardingOption>,
    /// 1 to 100 characters.
    pub title: String,
    /// Whether one answer at most may be chosen.
    pub single_select: bool,
    /// Whether an answer must be chosen.
    pub required: bool,
    /// Whether it is asked of new members; otherwise only where members choose their channels.
    pub in_onboarding: bool,
}

/// An answer to a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OnboardingOption {
    /// Its id.
    pub id: GenericId,
    /// Channels that it shows.
    pub channel_ids: Vec<ChannelId>,
    /// Roles that it gives.
    pub role_ids: Vec<RoleId>,
    /// Its emoji.
    pub emoji: OptionEmoji,
    /// 1 to 50 characters.
    pub title: String,
    /// Up to 100 characters.
    pub description: String,
}

/// The emoji of an answer; with neither there is none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OptionEmoji {
    /// A custom emoji.
    pub id: Option<EmojiId>,
    /// Its name, or a character.
    pub name: Option<String>,
    /// Whether it moves.
    pub animated: bool,
}

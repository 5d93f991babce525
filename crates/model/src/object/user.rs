//! Accounts.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::is_false;
use crate::UserId;

/// Bits of `flags` and `public_flags` (User object, User Flags).
pub struct UserFlags;

impl UserFlags {
    /// The account belongs to somebody who runs the installation; shown as the staff badge.
    pub const STAFF: u64 = 1 << 0;
    /// A bot whose identity the installation vouches for.
    pub const VERIFIED_BOT: u64 = 1 << 16;
}

/// An account as everybody may see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// Its id; a bot's is its application's.
    pub id: UserId,
    /// Unique among people.
    pub username: String,
    /// `"0"` for unique names, four digits for bots, `"0000"` for webhooks.
    pub discriminator: String,
    /// The name shown, if another than `username`.
    #[serde(default)]
    pub global_name: Option<String>,
    /// Hash of the avatar.
    #[serde(default)]
    pub avatar: Option<String>,
    /// Only present when true.
    #[serde(default, skip_serializing_if = "is_false")]
    pub bot: bool,
    /// Only present when true.
    #[serde(default, skip_serializing_if = "is_false")]
    pub system: bool,
    /// [`UserFlags`], all that others may see.
    #[serde(default)]
    pub public_flags: u64,
    /// [`UserFlags`].
    #[serde(default)]
    pub flags: u64,
    /// Hash of the banner.
    #[serde(default)]
    pub banner: Option<String>,
    /// 0xRRGGBB.
    #[serde(default)]
    pub accent_color: Option<u32>,
    /// Not offered: always null.
    #[serde(default)]
    pub avatar_decoration_data: Option<Value>,
    /// Not offered: always null.
    #[serde(default)]
    pub collectibles: Option<Value>,
    /// The guild whose tag the account wears.
    #[serde(default)]
    pub primary_guild: Option<PrimaryGuild>,
}

/// A worn guild tag.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrimaryGuild {
    /// The guild.
    pub identity_guild_id: Option<crate::GuildId>,
    /// Whether it is shown.
    pub identity_enabled: Option<bool>,
    /// The tag.
    pub tag: Option<String>,
    /// Hash of the badge.
    pub badge: Option<String>,
}

impl User {
    /// A person's account.
    pub fn person(id: UserId, username: impl Into<String>) -> Self {
        Self {
            id,
            username: username.into(),
            discriminator: "0".into(),
            global_name: None,
            avatar: None,
            bot: false,
            system: false,
            public_flags: 0,
            flags: 0,
            banner: None,
            accent_color: None,
            avatar_decoration_data: None,
            collectibles: None,
            primary_guild: None,
        }
    }

    /// A bot's account. Its discriminator has four digits, drawn from the id so that it stays.
    pub fn bot(id: UserId, username: impl Into<String>) -> Self {
        let discriminator = format!("{:04}", (id.get() >> 22) % 9999 + 1);
        Self { bot: true, discriminator, ..Self::person(id, username) }
    }

    /// The name shown where no nickname is set.
    pub fn display_name(&self) -> &str {
        self.global_name.as_deref().unwrap_or(&self.username)
    }
}

/// An account as it sees itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurrentUser {
    /// What everybody sees.
    #[serde(flatten)]
    pub user: User,
    /// Whether a second factor is set up.
    #[serde(default)]
    pub mfa_enabled: bool,
    /// BCP 47 tag, such as `en-US`.
    pub locale: String,
    /// 0: none is offered.
    #[serde(default)]
    pub premium_type: u8,
    /// The address; null for bots.
    #[serde(default)]
    pub email: Option<String>,
    /// Whether the address was verified.
    #[serde(default)]
    pub verified: bool,
    /// The profile's text.
    #[serde(default)]
    pub bio: String,
    /// Null; kept for clients that read it.
    #[serde(default)]
    pub phone: Option<String>,
    /// Whether age-restricted content may be shown.
    #[serde(default)]
    pub nsfw_allowed: Option<bool>,
    /// Pronouns of the profile.
    #[serde(default)]
    pub pronouns: String,
}

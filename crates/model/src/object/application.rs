//! Applications, and what they are in a guild.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::User;
use crate::{ApplicationId, IntegrationId, Intents, Timestamp};

/// Bits of an application's `flags` (Application, Application Flags).
pub struct ApplicationFlags;

impl ApplicationFlags {
    /// May ask for the GUILD_PRESENCES intent.
    pub const GATEWAY_PRESENCE: u64 = 1 << 12;
    /// The same, in few guilds.
    pub const GATEWAY_PRESENCE_LIMITED: u64 = 1 << 13;
    /// May ask for the GUILD_MEMBERS intent.
    pub const GATEWAY_GUILD_MEMBERS: u64 = 1 << 14;
    /// The same, in few guilds.
    pub const GATEWAY_GUILD_MEMBERS_LIMITED: u64 = 1 << 15;
    /// May ask for the MESSAGE_CONTENT intent.
    pub const GATEWAY_MESSAGE_CONTENT: u64 = 1 << 18;
    /// The same, in few guilds.
    pub const GATEWAY_MESSAGE_CONTENT_LIMITED: u64 = 1 << 19;
    /// What a new application has: all privileged intents. Nobody reviews applications here, so its owner need not ask.
    pub const NEW: u64 = Self::GATEWAY_PRESENCE_LIMITED
        | Self::GATEWAY_GUILD_MEMBERS_LIMITED
        | Self::GATEWAY_MESSAGE_CONTENT_LIMITED;

    /// The privileged intents, and the flags of which either switches them on.
    pub const PRIVILEGED: [(Intents, u64); 3] = [
        (Intents::GUILD_PRESENCES, Self::GATEWAY_PRESENCE | Self::GATEWAY_PRESENCE_LIMITED),
        (Intents::GUILD_MEMBERS, Self::GATEWAY_GUILD_MEMBERS | Self::GATEWAY_GUILD_MEMBERS_LIMITED),
        (Intents::MESSAGE_CONTENT, Self::GATEWAY_MESSAGE_CONTENT | Self::GATEWAY_MESSAGE_CONTENT_LIMITED),
    ];

    /// The privileged intents that an application with these flags does not have.
    pub fn lacking(flags: u64) -> Intents {
        let off = Self::PRIVILEGED.iter().filter(|(_, bits)| flags & bits == 0);
        off.fold(Intents::empty(), |lacking, (intent, _)| lacking | *intent)
    }
}

/// An application as its owner sees it (`Table::Applications`, partition: the id, key: empty).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Application {
    /// Its id, and its bot's.
    pub id: ApplicationId,
    /// Its name.
    pub name: String,
    /// Hash.
    #[serde(default)]
    pub icon: Option<String>,
    /// Text.
    #[serde(default)]
    pub description: String,
    /// Null: an ordinary one.
    #[serde(rename = "type", default)]
    pub kind: Option<u8>,
    /// The bot's account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot: Option<User>,
    /// Hex key for signed interactions.
    pub verify_key: String,
    /// [`ApplicationFlags`].
    #[serde(default)]
    pub flags: u64,
    /// The same as text.
    pub flags_new: String,
    /// Where OAuth2 may send people back.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Where interactions are posted, instead of the gateway.
    #[serde(default)]
    pub interactions_endpoint_url: Option<String>,
    /// For linked roles.
    #[serde(default)]
    pub role_connections_verification_url: Option<String>,
    /// Who owns it.
    pub owner: User,
    /// How many guilds it is in.
    #[serde(default)]
    pub approximate_guild_count: u32,
    /// How many people installed it.
    #[serde(default)]
    pub approximate_user_install_count: u32,
    /// How many people authorised it.
    #[serde(default)]
    pub approximate_user_authorization_count: u32,
    /// 0.
    #[serde(default)]
    pub explicit_content_filter: u8,
    /// Null: teams are not offered.
    #[serde(default)]
    pub team: Option<Value>,
    /// What it may ask for.
    #[serde(default)]
    pub eligible_oauth2_scopes: Vec<String>,
    /// Whether others than the owner may add it.
    #[serde(default)]
    pub bot_public: bool,
    /// Whether adding it needs the full code flow.
    #[serde(default)]
    pub bot_require_code_grant: bool,
    /// Terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms_of_service_url: Option<String>,
    /// Privacy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy_policy_url: Option<String>,
    /// Install page of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_install_url: Option<String>,
    /// What a plain invite asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install_params: Option<Value>,
    /// Where it can be installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration_types_config: Option<Value>,
    /// Words to find it by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Always there for older libraries.
    #[serde(default)]
    pub summary: String,
}

/// An application in a guild (`Table::Integrations`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Integration {
    /// Its id.
    pub id: IntegrationId,
    /// `discord` for applications.
    #[serde(rename = "type")]
    pub kind: String,
    /// The application's name.
    pub name: String,
    /// The application again, as an account.
    pub account: IntegrationAccount,
    /// On.
    pub enabled: bool,
    /// The application.
    pub application: IntegrationApplication,
    /// What it was given.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Who added it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
}

/// The account behind an integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationAccount {
    /// The application's id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// The application of an integration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IntegrationApplication {
    /// Its id.
    pub id: ApplicationId,
    /// Its name.
    pub name: String,
    /// Hash.
    pub icon: Option<String>,
    /// Text.
    pub description: String,
    /// Null: an ordinary one.
    #[serde(rename = "type", default)]
    pub kind: Option<u8>,
    /// The bot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot: Option<User>,
}

impl Application {
    /// A new application without a bot.
    pub fn new(id: ApplicationId, name: impl Into<String>, owner: User, verify_key: String) -> Self {
        Self {
            id,
            name: name.into(),
            icon: None,
            description: String::new(),
            kind: None,
            bot: None,
            verify_key,
            flags: ApplicationFlags::NEW,
            flags_new: ApplicationFlags::NEW.to_string(),
            redirect_uris: Vec::new(),
            interactions_endpoint_url: None,
            role_connections_verification_url: None,
            owner,
            approximate_guild_count: 0,
            approximate_user_install_count: 0,
            approximate_user_authorization_count: 0,
            explicit_content_filter: 0,
            team: None,
            eligible_oauth2_scopes: Vec::new(),
            bot_public: true,
            bot_require_code_grant: false,
            terms_of_service_url: None,
            privacy_policy_url: None,
            custom_install_url: None,
            install_params: None,
            integration_types_config: None,
            tags: Vec::new(),
            summary: String::new(),
        }
    }

    /// When it was made, from its id.
    pub fn created_at(&self) -> Timestamp {
        Timestamp::from_ms(self.id.timestamp_ms())
    }
}

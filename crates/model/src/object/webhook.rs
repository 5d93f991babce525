//! Webhooks.

use serde::{Deserialize, Serialize};

use super::User;
use crate::{ApplicationId, ChannelId, GuildId, WebhookId};

/// A way into a channel for programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// 1 incoming, 2 follower of an announcement channel, 3 of an application.
    #[serde(rename = "type")]
    pub kind: u8,
    /// Its guild.
    pub guild_id: Option<GuildId>,
    /// Where it posts.
    pub channel_id: Option<ChannelId>,
    /// Who made it; left out when it is fetched by its token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// 1 to 80 characters.
    pub name: String,
    /// Hash of its avatar.
    pub avatar: Option<String>,
    /// The secret, for type 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Of type 3, and of followers' sources null.
    pub application_id: Option<ApplicationId>,
    /// Of followers: the announcement channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_channel: Option<serde_json::Value>,
    /// Of followers: its guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_guild: Option<serde_json::Value>,
    /// Where to post to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

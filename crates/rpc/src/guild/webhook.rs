//! Webhooks of a guild.

use consort_model::{ChannelId, Patch, WebhookId};
use serde::{Deserialize, Serialize};

/// What can be asked. A token, where given, stands in for the caller's rights.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// MANAGE_WEBHOOKS. Answers an array.
    List,
    /// MANAGE_WEBHOOKS in the channel. Answers an array.
    ListChannel { channel: ChannelId },
    /// MANAGE_WEBHOOKS in the channel. Answers the webhook with its token.
    Create { channel: ChannelId, name: String, avatar: Option<String> },
    /// One webhook.
    Get { webhook: WebhookId, token: Option<String> },
    /// Answers the webhook.
    Update {
        webhook: WebhookId,
        token: Option<String>,
        name: Option<String>,
        avatar: Patch<String>,
        channel: Option<ChannelId>,
    },
    /// Deletes it.
    Delete { webhook: WebhookId, token: Option<String> },
    /// Follows an announcement channel into one of this guild's channels. Answers `{channel_id, webhook_id}`.
    Follow { source_guild: u64, source_channel: ChannelId, source_name: String, target: ChannelId },
}

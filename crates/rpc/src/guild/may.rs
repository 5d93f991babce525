//! What is asked before a body with a picture is read: whoever may not send it costs no more than the question.

use consort_model::command::Overwrite;
use consort_model::{ChannelId, EventId, RoleId, WebhookId};
use serde::{Deserialize, Serialize};

/// What the caller is about to do. The answer is empty; the act itself is judged again, by all that the body says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum May {
    /// Changing the guild: MANAGE_GUILD.
    ChangeGuild,
    /// Adding an emoji or a sticker: CREATE_GUILD_EXPRESSIONS or MANAGE_GUILD_EXPRESSIONS.
    AddExpression,
    /// Making a role: MANAGE_ROLES.
    CreateRole,
    /// Changing a role: MANAGE_ROLES, and a role above it.
    ChangeRole { role: RoleId },
    /// Making a webhook: MANAGE_WEBHOOKS in the channel.
    CreateWebhook { channel: ChannelId },
    /// Changing a webhook: its token, or MANAGE_WEBHOOKS in its channel.
    ChangeWebhook { webhook: WebhookId, token: Option<String> },
    /// Making a scheduled event: CREATE_EVENTS in the guild or in one of its voice channels.
    CreateEvent,
    /// Changing a scheduled event: MANAGE_EVENTS where it is, or CREATE_EVENTS for one's own.
    ChangeEvent { event: EventId },
    /// Changing what the guild shows of oneself: being a member.
    ChangeOneself,
    /// Saying who may use a command: MANAGE_GUILD, MANAGE_ROLES, and the roles concerned below one's own. By field for roles
    /// and channels that are not there.
    SetCommandPermissions { of: Vec<Overwrite> },
}

//! Every route of the API: one file an area, one table here.
//!
//! Paths are those after the version: `/channels/{channel_id}/messages`. Parameters have the same name in every area, or
//! the router could not be built: `{application_id}`, `{channel_id}`, `{code}`, `{emoji_id}`, `{event_id}`, `{guild_id}`,
//! `{message_id}`, `{overwrite_id}`, `{role_id}`, `{rule_id}`, `{sound_id}`, `{sticker_id}`, `{user_id}`, `{webhook_id}`, `{webhook_token}`.
//! Different methods of one path may be added by different areas.

use std::sync::Arc;

use axum::Router;

use crate::App;

pub mod applications;
pub mod attachments;
pub mod audit_log;
pub mod auth;
pub mod auto_moderation;
pub mod bans;
pub mod calls;
pub mod channels;
pub mod commands;
pub mod emojis;
pub mod gateway;
pub mod guilds;
pub mod interactions;
pub mod invites;
pub mod members;
pub mod messages;
pub mod misc;
pub mod oauth2;
pub mod pins;
pub mod private_channels;
pub mod reactions;
pub mod read_states;
pub mod relationships;
pub mod role_connections;
pub mod roles;
pub mod scheduled_events;
pub mod search;
pub mod settings;
pub mod soundboard;
pub mod stages;
pub mod stickers;
pub mod templates;
pub mod threads;
pub mod users;
pub mod voice;
pub mod webhooks;

/// All areas.
pub fn all() -> Router<Arc<App>> {
    Router::new()
        .merge(auth::routes())
        .merge(applications::routes())
        .merge(commands::routes())
        .merge(interactions::routes())
        .merge(oauth2::routes())
        .merge(gateway::routes())
        .merge(users::routes())
        .merge(relationships::routes())
        .merge(read_states::routes())
        .merge(search::routes())
        .merge(settings::routes())
        .merge(private_channels::routes())
        .merge(calls::routes())
        .merge(guilds::routes())
        .merge(channels::routes())
        .merge(roles::routes())
        .merge(members::routes())
        .merge(bans::routes())
        .merge(invites::routes())
        .merge(emojis::routes())
        .merge(stickers::routes())
        .merge(webhooks::routes())
        .merge(audit_log::routes())
        .merge(auto_moderation::routes())
        .merge(role_connections::routes())
        .merge(scheduled_events::routes())
        .merge(templates::routes())
        .merge(messages::routes())
        .merge(reactions::routes())
        .merge(pins::routes())
        .merge(threads::routes())
        .merge(attachments::routes())
        .merge(voice::routes())
        .merge(stages::routes())
        .merge(soundboard::routes())
        .merge(misc::routes())
}

#[cfg(test)]
mod tests {
    #[test]
    fn no_route_is_listed_twice() {
        // The router refuses to be built with two handlers for one method of a path.
        let _router = super::all();
    }
}

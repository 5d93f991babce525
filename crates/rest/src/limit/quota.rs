//! How much of what is allowed: one table.
//!
//! Windows are short, so that a library that has used one up waits a moment and not seconds; the means are near those
//! of the vendor, as far as they are known.

use http::Method;

/// Who a quota is counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// The token, or the address without one.
    Caller,
    /// The address, whoever calls.
    Address,
}

/// Requests in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Name of the bucket; routes of one bucket share it.
    pub name: &'static str,
    /// Requests.
    pub limit: u32,
    /// Length of the window in milliseconds.
    pub window_ms: u64,
    /// Who is counted.
    pub per: Per,
}

const fn quota(name: &'static str, limit: u32, window_ms: u64) -> Quota {
    Quota { name, limit, window_ms, per: Per::Caller }
}

const fn per_address(name: &'static str, limit: u32, window_ms: u64) -> Quota {
    Quota { name, limit, window_ms, per: Per::Address }
}

/// One message.
pub const MESSAGE: &str = "/channels/{channel_id}/messages/{message_id}";
/// Deletion of messages older than 14 days.
pub const OLD_DELETE: Quota = quota("delete-old", 30, 120_000);
/// Edits of messages older than an hour, in a channel (docs.discord.food, Message, "Edit Message").
pub const OLD_EDIT: Quota = quota("edit-old", 3, 6_000);
/// Whatever has no entry and changes something.
pub const OTHER_WRITE: Quota = quota("write", 10, 2_000);
/// Whatever has no entry and reads.
const OTHER_READ: Quota = quota("read", 60, 3_000);
/// Reactions; eris and oceanic take a window of 1 s for this one anyway.
const REACTION: Quota = quota("reaction", 1, 250);

/// The quota of a route.
pub fn of(method: &Method, template: &str) -> Quota {
    match (method.as_str(), template) {
        ("POST", "/auth/register") => per_address("register", 5, 600_000),
        ("POST", "/auth/login" | "/auth/mfa/{authenticator_type}") => per_address("login", 10, 60_000),
        ("POST", "/auth/forgot" | "/auth/reset" | "/auth/verify") => per_address("recover", 5, 600_000),
        ("POST", "/channels/{channel_id}/messages") => quota("send", 5, 1_500),
        ("DELETE", MESSAGE) => quota("delete", 5, 1_000),
        ("PATCH", MESSAGE) => quota("edit", 5, 1_500),
        ("POST", "/channels/{channel_id}/typing") => quota("typing", 5, 5_000),
        ("POST", "/channels/{channel_id}/messages/bulk-delete") => quota("bulk-delete", 1, 1_000),
        ("POST", t) if t.starts_with("/webhooks/{webhook_id}/{webhook_token}") => quota("webhook", 5, 2_000),
        ("PUT" | "DELETE", t) if t.contains("/reactions") => REACTION,
        ("POST", "/guilds") => quota("guild-create", 10, 10_000),
        ("PATCH", "/users/@me") => quota("account", 5, 10_000),
        ("GET" | "HEAD", _) => OTHER_READ,
        _ => OTHER_WRITE,
    }
}

/// What of the template tells buckets of one quota apart: reactions share one over all their routes.
pub fn bucket_template<'a>(method: &Method, template: &'a str) -> &'a str {
    if of(method, template) == REACTION { "" } else { template }
}

/// Answers to interactions and webhooks with their own token do not count as requests of a bot (Rate Limits, "Global Rate
/// Limit").
pub fn is_exempt_from_global(template: &str) -> bool {
    template.starts_with("/interactions/") || template.starts_with("/webhooks/{webhook_id}/{webhook_token}")
}

/// Routes whose answers do not tell their limit: upstream sends no bucket for the callbacks of interactions, and hikari takes
/// one for an error.
pub fn is_silent(template: &str) -> bool {
    template.starts_with("/interactions/") && template.ends_with("/callback")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_of_one_route_have_buckets_of_their_own_where_libraries_expect_it() {
        assert_ne!(of(&Method::DELETE, MESSAGE).name, of(&Method::PATCH, MESSAGE).name);
        assert_ne!(of(&Method::GET, MESSAGE).name, of(&Method::PATCH, MESSAGE).name);
    }

    #[test]
    fn all_reactions_share_a_bucket() {
        let own = "/channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me";
        let all = "/channels/{channel_id}/messages/{message_id}/reactions";
        assert_eq!(bucket_template(&Method::PUT, own), bucket_template(&Method::DELETE, all));
        assert_eq!(of(&Method::PUT, own), of(&Method::DELETE, all));
    }
}

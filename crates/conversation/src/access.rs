//! What the caller may do in a channel.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{ApiError, Channel, ChannelId, ChannelType, Permissions};

use crate::Host;

/// The caller's rights in a channel it sees; the system has all.
///
/// # Errors
/// 404/10003 when there is no such channel, 403/50001 when the caller does not see it, 403/50013 when it lacks one of
/// `wanted`.
pub(crate) fn require<H: Host>(
    host: &H,
    cx: &Cx<'_>,
    channel: ChannelId,
    wanted: Permissions,
) -> Result<Permissions, Stop> {
    let held = host.permissions(cx, cx.caller.user, channel);
    let held = held.ok_or_else(ApiError::unknown_channel)?;
    if cx.caller.system {
        return Ok(Permissions::all());
    }
    if !held.contains(Permissions::VIEW_CHANNEL) {
        return Err(ApiError::missing_access().into());
    }
    if held.contains(wanted) { Ok(held) } else { Err(ApiError::missing_permissions().into()) }
}

/// The channel, if messages can be in it.
///
/// # Errors
/// 404/10003 when there is no such channel; 400/40058 for forums, 400/50008 for categories and directories.
pub(crate) fn text_channel<H: Host>(host: &H, channel: ChannelId) -> Result<&Channel, Stop> {
    let found = host.channel(channel).ok_or_else(ApiError::unknown_channel)?;
    match found.kind {
        ChannelType::GuildForum | ChannelType::GuildMedia => Err(ApiError::no_messages_in_forum().into()),
        ChannelType::GuildCategory | ChannelType::GuildDirectory => {
            Err(ApiError::cannot_send_in_non_text().into())
        }
        _ => Ok(found),
    }
}

/// Refuses changes in an archived thread, where only deletion works (Threads page).
///
/// # Errors
/// 400/50083.
pub(crate) fn not_archived<H: Host>(host: &H, channel: ChannelId) -> Result<(), Stop> {
    let metadata = host.channel(channel).and_then(|channel| channel.thread_metadata.as_ref());
    match metadata {
        Some(metadata) if metadata.archived => Err(ApiError::thread_archived().into()),
        _ => Ok(()),
    }
}

/// Answers whether the caller may post, with what it needs besides.
pub(crate) fn may_post<H: Host>(
    host: &H,
    cx: &Cx<'_>,
    channel: ChannelId,
    besides: Permissions,
) -> Result<Outcome, Stop> {
    let held = require(host, cx, channel, Permissions::SEND_MESSAGES | besides)?;
    host.may_write(cx, channel, held)?;
    Outcome::EMPTY
}

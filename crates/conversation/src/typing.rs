//! TYPING_START: the one event nobody misses, so it may be dropped under load.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{ChannelId, GuildId, Intents, Member, Permissions, UserId};
use consort_rpc::{Event, Withheld};
use serde::Serialize;

use crate::Host;
use crate::access::{require, text_channel};

#[derive(Serialize)]
struct TypingStart {
    channel_id: ChannelId,
    #[serde(skip_serializing_if = "Option::is_none")]
    guild_id: Option<GuildId>,
    user_id: UserId,
    /// Unix seconds.
    timestamp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<Member>,
}

/// Tells that the caller types.
pub(crate) fn typing<H: Host>(host: &mut H, cx: &mut Cx<'_>, channel: ChannelId) -> Result<Outcome, Stop> {
    let held = require(host, cx, channel, Permissions::SEND_MESSAGES)?;
    text_channel(host, channel)?;
    host.may_write(cx, channel, held)?;
    let (guild_id, user_id) = (host.guild(), cx.caller.user);
    let member = host.member_with_user(user_id);
    let body = TypingStart { channel_id: channel, guild_id, user_id, timestamp: cx.now_ms / 1000, member };
    let intents = match guild_id {
        Some(_) => Intents::GUILD_MESSAGE_TYPING,
        None => Intents::DIRECT_MESSAGE_TYPING,
    };
    let event =
        Event { volatile: true, ..Event::new("TYPING_START", intents, host.audience(channel), &body) };
    host.publish(cx, event.withhold(Withheld::wholly()));
    Outcome::EMPTY
}

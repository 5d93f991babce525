//! Slowmode: how long the members of a channel wait between two messages, and between two threads.
//!
//! When a user wrote last is a row (`Table::GuildMisc`, the channel's partition), so that nobody waits less because the owner
//! was loaded again. The row goes with the channel.

use consort_actor::{Cx, Stop};
use consort_model::{ApiError, ChannelId, Permissions, UserId};
use consort_store::{Key, Table};

use crate::Host;

/// What is rationed; each by itself (Channel page, `rate_limit_per_user`: "users can send one message and create one thread
/// during each interval").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rationed {
    /// Messages.
    Message,
    /// Threads, and posts of a forum.
    Thread,
}

fn key(user: UserId, what: Rationed) -> Key {
    let mut key = b"wrote/".to_vec();
    key.push(what as u8);
    key.extend_from_slice(&user.get().to_be_bytes());
    Key::bytes(&key)
}

/// The interval that counts for the caller, milliseconds; 0 for none. Bots and holders of BYPASS_SLOWMODE never wait.
fn interval_ms<H: Host>(host: &H, cx: &Cx<'_>, channel: ChannelId, held: Permissions) -> u64 {
    if cx.caller.bot || cx.caller.system || held.contains(Permissions::BYPASS_SLOWMODE) {
        return 0;
    }
    host.channel(channel).map_or(0, |channel| u64::from(channel.rate_limit_per_user) * 1000)
}

/// Refuses a caller, who holds `held` in the channel, while it must wait.
///
/// # Errors
/// 429/20016 with the time to wait; rows to be loaded.
pub fn require_turn<H: Host>(
    host: &H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    held: Permissions,
    what: Rationed,
) -> Result<(), Stop> {
    let interval = interval_ms(host, cx, channel, held);
    if interval == 0 {
        return Ok(());
    }
    let last: Option<u64> = cx.row(Table::GuildMisc, channel.get(), key(cx.caller.user, what))?;
    // A clock that went back makes nobody wait longer than the interval.
    let wait = last.map_or(0, |last| (last + interval).saturating_sub(cx.now_ms).min(interval));
    if wait == 0 { Ok(()) } else { Err(ApiError::slowmode(wait as f64 / 1000.0).into()) }
}

/// The caller has taken its turn.
pub fn take_turn<H: Host>(host: &H, cx: &mut Cx<'_>, channel: ChannelId, held: Permissions, what: Rationed) {
    if interval_ms(host, cx, channel, held) > 0 {
        let (key, now) = (key(cx.caller.user, what), cx.now_ms);
        cx.put(Table::GuildMisc, channel.get(), key, &now);
    }
}

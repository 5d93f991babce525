//! Pins: a row per pinned message with the time, and a flag on the message.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::limits::PINS_MAX;
use consort_model::{
    ApiError, ChannelId, GuildId, Intents, Message, MessageId, MessageType, Permissions, Timestamp,
};
use consort_rpc::{Answer, Change, Event, Withheld};
use consort_store::{Key, Range, StoreExt as _, Table};
use serde::Serialize;

use crate::access::{not_archived, require};
use crate::changes::note_messages;
use crate::events::publish_updated;
use crate::history::complete;
use crate::post::{reference, system_message};
use crate::viewer::{Viewer, failed};
use crate::{Audit, Host, store, stored};

#[derive(Serialize)]
struct PinsUpdate {
    #[serde(skip_serializing_if = "Option::is_none")]
    guild_id: Option<GuildId>,
    channel_id: ChannelId,
    last_pin_timestamp: Option<Timestamp>,
}

#[derive(Serialize)]
struct Pinned {
    pinned_at: Timestamp,
    message: Message,
}

#[derive(Serialize)]
struct PinnedPage {
    items: Vec<Pinned>,
    has_more: bool,
}

/// In a guild PIN_MESSAGES is needed, split off MANAGE_MESSAGES in 2025; in private channels every recipient may.
fn require_pin<H: Host>(host: &H, cx: &Cx<'_>, channel: ChannelId) -> Result<(), Stop> {
    let right = if host.guild().is_some() { Permissions::PIN_MESSAGES } else { Permissions::empty() };
    require(host, cx, channel, right | Permissions::READ_MESSAGE_HISTORY)?;
    Ok(())
}

/// The pins of a channel: message and time.
fn pins(cx: &mut Cx<'_>, channel: ChannelId) -> Result<Vec<(Key, Timestamp)>, Stop> {
    cx.scan_rows(Table::Pins, channel.get(), Range::all(PINS_MAX + 1))
}

fn announce<H: Host>(host: &mut H, cx: &mut Cx<'_>, channel_id: ChannelId, newest: Option<Timestamp>) {
    host.pinned(cx, channel_id, newest);
    let body = PinsUpdate { guild_id: host.guild(), channel_id, last_pin_timestamp: newest };
    let intents = if host.guild().is_some() { Intents::GUILDS } else { Intents::DIRECT_MESSAGES };
    let event = Event::new("CHANNEL_PINS_UPDATE", intents, host.audience(channel_id), &body);
    let last_message_id = host.channel(channel_id).and_then(|channel| channel.last_message_id);
    let change = Change::Pins { channel: channel_id, last_message_id, at: newest };
    host.publish(cx, event.withhold(Withheld::but(change)));
}

/// Pins a message and says so in the channel.
pub(crate) fn pin<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    message: MessageId,
) -> Result<Outcome, Stop> {
    require_pin(host, cx, channel)?;
    let mut message = stored(cx, channel, message)?;
    not_archived(host, channel)?;
    if message.pinned {
        return Outcome::EMPTY;
    }
    if !message.kind.is_written() {
        return Err(ApiError::system_message().into());
    }
    if pins(cx, channel)?.len() >= PINS_MAX {
        return Err(ApiError::max_pins().into());
    }
    let pinner = host.user(cx.caller.user).ok_or_else(ApiError::missing_access)?;
    let now = Timestamp::from_ms(cx.now_ms);
    message.pinned = true;
    cx.put(Table::Pins, channel.get(), message.id.get(), &now);
    store(cx, &message);
    note_messages(host, cx, channel, vec![message.id]);
    publish_updated(host, cx, &message);
    announce(host, cx, channel, Some(now));
    host.audit(cx, Audit::Pinned { channel, message: message.id, author: message.author.id });
    let reference = reference(host, channel, message.id);
    system_message(host, cx, channel, pinner, MessageType::ChannelPinnedMessage, "", |system| {
        system.message_reference = Some(reference);
    });
    Outcome::EMPTY
}

/// Unpins a message.
pub(crate) fn unpin<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    message: MessageId,
) -> Result<Outcome, Stop> {
    require_pin(host, cx, channel)?;
    let mut message = stored(cx, channel, message)?;
    not_archived(host, channel)?;
    if !message.pinned {
        return Outcome::EMPTY;
    }
    let others = pins(cx, channel)?.into_iter().filter(|(key, _)| *key != Key::id(message.id.get()));
    let newest = others.map(|(_, at)| at).max();
    message.pinned = false;
    cx.delete(Table::Pins, channel.get(), message.id.get());
    store(cx, &message);
    note_messages(host, cx, channel, vec![message.id]);
    publish_updated(host, cx, &message);
    announce(host, cx, channel, newest);
    host.audit(cx, Audit::Unpinned { channel, message: message.id, author: message.author.id });
    Outcome::EMPTY
}

/// Pinned messages, the newest pin first.
pub(crate) fn list<H: Host>(
    host: &H,
    cx: &Cx<'_>,
    channel: ChannelId,
    before: Option<Timestamp>,
    limit: u16,
    bare: bool,
) -> Result<Outcome, Stop> {
    let held = require(host, cx, channel, Permissions::empty())?;
    let readable = held.contains(Permissions::READ_MESSAGE_HISTORY);
    let viewer = Viewer::of(host, cx);
    let limit = if readable { usize::from(limit) } else { 0 };
    Outcome::later(move |store| async move {
        let range = Range::all(PINS_MAX + 1);
        let mut pins: Vec<(Key, Timestamp)> =
            store.scan_rows(Table::Pins, channel.get(), range).await.map_err(failed)?;
        pins.retain(|(_, at)| before.is_none_or(|before| *at < before));
        pins.sort_by(|(a, at_a), (b, at_b)| (at_b, b).cmp(&(at_a, a)));
        let has_more = readable && pins.len() > limit;
        pins.truncate(limit);
        let keys = pins.iter().map(|(key, _)| key.clone()).collect();
        let rows: Vec<Option<Message>> =
            store.get_rows(Table::Messages, channel.get(), keys).await.map_err(failed)?;
        let (times, mut messages): (Vec<Timestamp>, Vec<Message>) =
            pins.into_iter().zip(rows).filter_map(|((_, at), row)| Some((at, row?))).unzip();
        complete(&store, &viewer, &mut messages).await?;
        if bare {
            return Ok(Answer::json(&messages));
        }
        let items = times.into_iter().zip(messages).map(|(pinned_at, message)| Pinned { pinned_at, message });
        Ok(Answer::json(&PinnedPage { items: items.collect(), has_more }))
    })
}

//! Deleting messages, with their reactions, votes and pins.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::limits::BULK_DELETE_AGE_MS_MAX;
use consort_model::{ApiError, ChannelId, Message, MessageId, MessageType, Permissions, UserId, snowflake};
use consort_rpc::{Effect, guild, message};
use consort_store::{Key, Range, Table};

use crate::access::require;
use crate::changes::note_messages;
use crate::events::{publish_bulk_delete, publish_delete};
use crate::{Audit, Host, polls, stored};

/// Messages looked at by one step of a purge.
const PURGE_STEP_ROWS: usize = 500;

fn erase<H: Host>(host: &mut H, cx: &mut Cx<'_>, message: &Message) {
    let (channel, id) = (message.channel_id.get(), message.id.get());
    cx.delete(Table::Messages, channel, id);
    let now_ms = cx.now_ms;
    consort_files::release_files(&mut cx.batch, message, None, now_ms);
    // Nothing reads them without their message. Row by row, since on a distributed store each range that is deleted leaves a
    // tombstone.
    if !message.reactions.is_empty() {
        cx.batch.erase_later(Table::Reactions, id);
    }
    if message.poll.is_some() {
        cx.batch.erase_later(Table::Polls, id);
        polls::unwatch(host, cx, message);
    }
    if message.pinned {
        cx.delete(Table::Pins, channel, id);
    }
}

/// Deletes one message: the caller's own, or any with MANAGE_MESSAGES.
pub(crate) fn delete<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    message: MessageId,
) -> Result<Outcome, Stop> {
    let held = require(host, cx, channel, Permissions::empty())?;
    let message = stored(cx, channel, message)?;
    if !message.kind.is_deletable() {
        return Err(ApiError::system_message().into());
    }
    let own = message.author.id == cx.caller.user && message.webhook_id.is_none();
    let by_moderator = !own || message.kind == MessageType::AutoModerationAction;
    if by_moderator
        && !(host.guild().is_some() && held.contains(Permissions::MANAGE_MESSAGES))
        && !cx.caller.system
    {
        return Err(ApiError::missing_permissions().into());
    }
    erase(host, cx, &message);
    note_messages(host, cx, channel, vec![message.id]);
    publish_delete(host, cx, &message);
    host.removed(cx, channel, &[message.id]);
    if !own && !cx.caller.system {
        host.audit(cx, Audit::Deleted { channel, author: message.author.id });
    }
    Outcome::EMPTY
}

/// Deletes several messages of a guild's channel with one event. Ids of which there is no message are passed over.
pub(crate) fn bulk_delete<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    messages: &[MessageId],
) -> Result<Outcome, Stop> {
    if host.guild().is_none() {
        return Err(ApiError::cannot_execute_on_dm().into());
    }
    require(host, cx, channel, Permissions::MANAGE_MESSAGES)?;
    let oldest = snowflake::at(cx.now_ms.saturating_sub(BULK_DELETE_AGE_MS_MAX));
    if messages.iter().any(|id| id.get() < oldest) {
        return Err(ApiError::message_too_old_to_bulk_delete().into());
    }
    let mut found = Vec::with_capacity(messages.len());
    for id in messages {
        found.extend(cx.row::<Message>(Table::Messages, channel.get(), id.get())?);
    }
    found.retain(|message| message.kind.is_deletable());
    erase_all(host, cx, channel, &found);
    if !found.is_empty() {
        host.audit(cx, Audit::BulkDeleted { channel, count: found.len() });
    }
    Outcome::EMPTY
}

fn erase_all<H: Host>(host: &mut H, cx: &mut Cx<'_>, channel: ChannelId, messages: &[Message]) {
    let ids: Vec<_> = messages.iter().map(|message| message.id).collect();
    messages.iter().for_each(|message| erase(host, cx, message));
    match messages {
        [] => return,
        [one] => publish_delete(host, cx, one),
        all => publish_bulk_delete(host, cx, channel, all),
    }
    note_messages(host, cx, channel, ids.clone());
    host.removed(cx, channel, &ids);
}

/// Deletes what a user wrote in a channel after an id, a step at a time: after a full step the owner asks itself for the
/// next, so that a long purge does not hold up others.
pub(crate) fn purge<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    author: UserId,
    after: MessageId,
) -> Result<Outcome, Stop> {
    if !cx.caller.system {
        return Err(ApiError::missing_permissions().into());
    }
    let rows: Vec<(Key, Message)> =
        cx.scan_rows(Table::Messages, channel.get(), Range::after(after.get(), PURGE_STEP_ROWS))?;
    let last = (rows.len() == PURGE_STEP_ROWS).then(|| rows.last().map(|(_, message)| message.id)).flatten();
    // What a scan shows may be older than a commit on its way, which matters to nothing that `erase` looks at but the
    // pin and the reactions; both are harmless leftovers without their message.
    let theirs: Vec<Message> =
        rows.into_iter().map(|(_, message)| message).filter(|message| message.author.id == author).collect();
    for part in theirs.chunks(100) {
        erase_all(host, cx, channel, part);
    }
    if let (Some(last), Some(guild)) = (last, host.guild()) {
        let op = message::Op::Purge { author, after: last };
        cx.effect(Effect::Guild { guild, op: guild::Op::Message { channel, op } });
    }
    Outcome::EMPTY
}

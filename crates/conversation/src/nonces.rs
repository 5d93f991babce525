//! Nonces of messages sent with `enforce_nonce`: a message that is sent again within minutes is the first one.
//!
//! They are remembered in memory, and for the owner that comes after a crash as rows of [`Table::Nonces`]: partition
//! channel, key the span of time, the author and the nonce, value the message. A span is as long as a nonce counts, so two
//! spans are all that is ever looked at, and what is older is deleted with the first nonce of a new span.
//!
//! Time is that of ids here ([`Cx::id_time_ms`]): an owner whose clock is behind that of the one before it would look for the
//! nonce in spans that are over.

use std::ops::Bound;

use consort_actor::{Cx, Stop};
use consort_model::request::message::CreateMessage;
use consort_model::{ChannelId, MessageId, UserId};
use consort_runtime::Planted;
use consort_store::{Key, Table};

use crate::Host;
use crate::talk::NONCE_MS;

fn key(span: u64, author: UserId, nonce: &str) -> Key {
    let mut key = span.to_be_bytes().to_vec();
    key.extend_from_slice(&author.get().to_be_bytes());
    key.extend_from_slice(nonce.as_bytes());
    Key::bytes(&key)
}

/// The message that an author has posted with this nonce in the last minutes.
pub(crate) fn find<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    author: UserId,
    nonce: &str,
) -> Result<Option<MessageId>, Stop> {
    let now_ms = cx.id_time_ms();
    if let Some(id) = host.talk().posted_with(now_ms, channel, author, nonce) {
        return Ok(Some(id));
    }
    if host.talk().knows_all_nonces(now_ms) {
        return Ok(None);
    }
    let span = now_ms / NONCE_MS;
    for span in [span, span.saturating_sub(1)] {
        let found: Option<MessageId> = cx.row(Table::Nonces, channel.get(), key(span, author, nonce))?;
        if let Some(id) = found.filter(|id| id.timestamp_ms() + NONCE_MS > now_ms) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Remembers the nonce of a message, if it has one that counts.
pub(crate) fn note<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    (channel, author): (ChannelId, UserId),
    message: MessageId,
    body: &CreateMessage,
) {
    let Some(nonce) = body.nonce_text().filter(|_| body.enforce_nonce) else { return };
    let posted_ms = message.timestamp_ms();
    let span = posted_ms / NONCE_MS;
    if !Planted::NonceWithoutRow.is_here() {
        cx.put(Table::Nonces, channel.get(), key(span, author, &nonce), &message);
    }
    if host.talk().sweeps_nonces(span, channel) {
        let end = Bound::Excluded(Key::id(span.saturating_sub(1)));
        cx.batch.delete_range(Table::Nonces, channel.get(), Bound::Unbounded, end);
    }
    host.talk().note_nonce(posted_ms, message, (channel, author, nonce));
}

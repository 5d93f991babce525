//! What changes after it was posted is noted for those who search: rows of [`Table::Changes`], see [`Change`].

use std::ops::Bound;

use consort_actor::Cx;
use consort_model::{ChannelId, MessageId, snowflake};
use consort_rpc::search::{CHANGE_KEPT_MS, Change};
use consort_store::{Key, Table};

use crate::Host;

/// Notes that no longer count are deleted once in so long, in milliseconds: a day.
const SWEPT_EACH_MS: u64 = 24 * 3_600_000;

/// Notes a change in a channel with what this turn writes.
pub fn note_change<H: Host>(host: &mut H, cx: &mut Cx<'_>, channel: ChannelId, change: &Change) {
    let owner = host.guild().map_or(channel.get(), |guild| guild.get());
    let key = cx.next_id();
    cx.put(Table::Changes, owner, key, change);
    if host.talk().sweeps_changes(cx.now_ms / SWEPT_EACH_MS) {
        let end = Bound::Excluded(Key::id(snowflake::at(cx.now_ms.saturating_sub(CHANGE_KEPT_MS))));
        cx.batch.delete_range(Table::Changes, owner, Bound::Unbounded, end);
    }
}

/// Notes that messages were changed or deleted.
pub(crate) fn note_messages<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    messages: Vec<MessageId>,
) {
    note_change(host, cx, channel, &Change::Messages(channel, messages));
}

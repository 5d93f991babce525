//! What goes with a row that is erased.

use consort_files::{name, orphans};
use consort_model::{Channel, GuildId, Message};
use consort_rpc::guild::emoji::{EMOJI_INDEX_KEY, INDEX_KEY};
use consort_rpc::{Caller, Client, user};
use consort_store::erasure::CHANNEL_TABLES;
use consort_store::{Batch, Key, Row, Table, row};
use futures_util::{StreamExt as _, stream};

/// Adds to a batch what goes with a row of a table.
pub(crate) fn of_row(batch: &mut Batch, table: Table, row: &Row) {
    match table {
        Table::Messages => {
            // Of a row that cannot be read nothing more is known; it is erased all the same.
            let Ok(message) = row::decode::<Message>(&row.value) else { return };
            if !message.reactions.is_empty() {
                batch.delete_partition(Table::Reactions, message.id.get());
            }
            if message.poll.is_some() {
                batch.delete_partition(Table::Polls, message.id.get());
            }
        }
        Table::Channels => {
            // The index of its archived threads.
            if let Some(channel) = row.key.to_id() {
                batch.erase_later(Table::Threads, channel);
            }
        }
        // The row by which edges find the guild of an emoji or sticker lies in a partition of its own.
        Table::Emojis | Table::Stickers => {
            let index = if table == Table::Emojis { EMOJI_INDEX_KEY } else { INDEX_KEY };
            if let Some(id) = row.key.to_id() {
                batch.delete(Table::GuildMisc, id, Key::text(index));
            }
        }
        // In the partition of a guild a row is the thread itself; in that of a channel it is an entry of the index.
        Table::Threads => {
            let Ok(thread) = row::decode::<Channel>(&row.value) else { return };
            let id = thread.id.get();
            batch.delete(Table::ChannelIndex, id, Key::empty());
            // Due at once, whenever that is.
            orphans::release(batch, &name::attachments_of(id), 0);
            for table in CHANNEL_TABLES {
                batch.erase_later(*table, id);
            }
        }
        _ => {}
    }
}

/// Users told at once; each may have to be loaded.
const TELLING_MAX: usize = 16;

/// Tells the owners of members that their guild is gone, and gives whether all have taken it. Telling twice does no harm.
pub(crate) async fn tell_members(users: &Client<user::User>, guild: u64, rows: &[Row]) -> bool {
    let guild = GuildId::new(guild);
    let members: Vec<u64> = rows.iter().filter_map(|row| row.key.to_id()).collect();
    let told = stream::iter(members).map(|user| async move {
        let told = users.call(user, Caller::system(), user::Op::GuildLeft { guild }).await;
        // A user without an account (404) has nothing to forget.
        told.is_ok() || told.is_err_and(|error| error.status < 500)
    });
    told.buffer_unordered(TELLING_MAX).all(|told| async move { told }).await
}

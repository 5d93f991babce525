//! Rows of other owners, read as they are durable. What follows from them may be out of date the next moment; where that
//! matters the owners tell each other.

use std::collections::BTreeSet;

use consort_actor::{Cx, Stop};
use consort_model::object::account::UserRow;
use consort_model::{ApiError, ChannelId, GuildId, UserId};
use consort_store::limits::ROWS_MAX;
use consort_store::{Range, Table};

use crate::rows::RelationshipRow;

/// Reads another account's row, which its own owner writes.
pub(crate) fn account_of(cx: &mut Cx<'_>, user: UserId) -> Result<UserRow, Stop> {
    let rows = cx.scan_rows::<UserRow>(Table::Users, user.get(), Range::all(1))?;
    let row = rows.into_iter().next().map(|(_, row)| row);
    Ok(row.ok_or_else(ApiError::unknown_user)?)
}

/// Reads the guilds of another account.
pub(crate) fn guilds_of(cx: &mut Cx<'_>, user: UserId) -> Result<BTreeSet<GuildId>, Stop> {
    let rows = cx.scan(Table::UserGuilds, user.get(), Range::all(ROWS_MAX))?;
    Ok(rows.into_iter().filter_map(|row| row.key.to_id()).map(GuildId::new).collect())
}

/// The one row with this key. Nobody has the last of all ids, whoever asks for it.
fn just(key: u64) -> Range {
    Range::between(key, key.saturating_add(1), 1)
}

/// Reads what another account holds of this one.
pub(crate) fn relation_of(
    cx: &mut Cx<'_>,
    user: UserId,
    to: UserId,
) -> Result<Option<RelationshipRow>, Stop> {
    let only = just(to.get());
    Ok(cx.scan_rows(Table::Relationships, user.get(), only)?.into_iter().next().map(|(_, row)| row))
}

/// Reads which DM two people have. Whoever has not been written to yet does not list it.
pub(crate) fn dm_of(cx: &mut Cx<'_>, a: UserId, b: UserId) -> Result<Option<ChannelId>, Stop> {
    let (low, high) = (a.min(b).get(), a.max(b).get());
    let only = just(high);
    Ok(cx.scan_rows(Table::DmIndex, low, only)?.into_iter().next().map(|(_, id)| id))
}

//! Counting messages to everybody in large guilds, which are not told to each member; see [`consort_rpc::guild::everyone`].
//!
//! Done beside the owner, from rows, when a session begins. Only where there is something to count is it looked whether the
//! account sees the channel.

use std::collections::{BTreeMap, BTreeSet};

use consort_model::permissions::{compute_base, compute_channel};
use consort_model::{
    Channel, ChannelId, Guild, GuildId, Member, MessageId, Permissions, Role, Timestamp, UserId, snowflake,
};
use consort_rpc::guild::everyone;
use consort_rpc::user::Reach;
use consort_store::{Error, Key, Range, Row, Scan, StoreRef, Table, row};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::User;
use super::settings::{is_muted, is_suppressed};
use crate::limits::PAGE_ROWS;

/// Guilds read at once.
const GUILDS_AT_ONCE: usize = 400;

/// What of an account it takes to count.
pub(super) struct Reader {
    user: UserId,
    /// Each with when the account has joined it.
    guilds: Vec<(GuildId, Timestamp)>,
    settings: BTreeMap<u64, Map<String, Value>>,
    shunned: BTreeSet<UserId>,
    /// Up to where each channel is read, or counted.
    known: BTreeMap<ChannelId, MessageId>,
    now_ms: u64,
}

impl Reader {
    pub(super) fn of(user: &User, now_ms: u64) -> Self {
        let known = user
            .reads
            .iter()
            .filter_map(|(channel, row)| Some((*channel, row.last_message_id.max(row.counted_until)?)));
        Self {
            user: user.id,
            guilds: user.guilds.iter().map(|(guild, joined)| (*guild, *joined)).collect(),
            settings: user.guild_settings.clone(),
            shunned: user.relations.keys().copied().filter(|other| user.shuns(*other)).collect(),
            known: known.collect(),
            now_ms,
        }
    }

    /// The account's guilds.
    pub(super) fn guilds(&self) -> &[(GuildId, Timestamp)] {
        &self.guilds
    }

    fn is_quiet(&self, guild: GuildId, channel: ChannelId) -> bool {
        self.settings.get(&guild.get()).is_some_and(|settings| {
            is_muted(settings, channel, self.now_ms) || is_suppressed(settings, Reach::Everyone)
        })
    }

    /// How many of a channel's messages count for somebody who is there since `joined`.
    fn count(&self, channel: ChannelId, row: &everyone::Row, joined: MessageId) -> u32 {
        let after = self.known.get(&channel).copied().max(Some(joined));
        let counts = |(message, author): &&(MessageId, UserId)| {
            Some(*message) > after && *author != self.user && !self.shunned.contains(author)
        };
        row.0.iter().filter(counts).count() as u32
    }
}

/// Where the messages to everybody of a guild are.
pub(super) fn scan((guild, _): &(GuildId, Timestamp)) -> Scan {
    let range = Range::prefix(everyone::PREFIX, PAGE_ROWS);
    Scan { table: Table::GuildMisc, partition: guild.get(), range }
}

/// How many messages to everybody the account has not read in these guilds, by channel that it sees.
///
/// # Errors
/// Those of the store.
pub(super) async fn unread(
    store: &StoreRef,
    reader: &Reader,
    guilds: &[(GuildId, Timestamp)],
) -> Result<BTreeMap<ChannelId, u32>, Error> {
    let mut unread = BTreeMap::new();
    for guilds in guilds.chunks(GUILDS_AT_ONCE) {
        let found = store.scan_many(guilds.iter().map(scan).collect()).await?;
        unread.extend(count(store, reader, guilds.iter().zip(found)).await?);
    }
    Ok(unread)
}

/// As [`unread`], of guilds with what [`scan`] has found of each.
///
/// # Errors
/// Those of the store.
pub(super) async fn count(
    store: &StoreRef,
    reader: &Reader,
    found: impl Iterator<Item = (&(GuildId, Timestamp), Vec<Row>)>,
) -> Result<BTreeMap<ChannelId, u32>, Error> {
    let mut unread = BTreeMap::new();
    for ((guild, joined), rows) in found {
        let joined = MessageId::new(snowflake::at(joined.ms()));
        let mut of_guild = BTreeMap::new();
        for kept in &rows {
            let Some(channel) = everyone::channel_of(kept.key.as_bytes()) else { continue };
            let count = reader.count(channel, &row::decode(&kept.value)?, joined);
            if count > 0 && !reader.is_quiet(*guild, channel) {
                of_guild.insert(channel, count);
            }
        }
        if !of_guild.is_empty() {
            keep_seen(store, (*guild, reader.user), &mut of_guild).await?;
            unread.extend(of_guild);
        }
    }
    Ok(unread)
}

/// Takes out the channels that the account does not see.
async fn keep_seen(
    store: &StoreRef,
    (guild, user): (GuildId, UserId),
    channels: &mut BTreeMap<ChannelId, u32>,
) -> Result<(), Error> {
    let one = |table, key: Key| Scan { table, partition: guild.get(), range: Range::one(key) };
    let mut scans = vec![
        one(Table::Guilds, Key::empty()),
        one(Table::Members, Key::id(user.get())),
        Scan { table: Table::Roles, partition: guild.get(), range: Range::all(PAGE_ROWS) },
    ];
    scans.extend(channels.keys().map(|channel| one(Table::Channels, Key::id(channel.get()))));
    let mut found = store.scan_many(scans).await?.into_iter();
    let mut next = || found.next().unwrap_or_default();
    let (info, member) = (first::<Guild>(&next())?, first::<Member>(&next())?);
    let roles = next().iter().map(|row| row::decode::<Role>(&row.value)).collect::<Result<Vec<_>, _>>()?;
    let (Some(info), Some(member)) = (info, member) else {
        channels.clear();
        return Ok(());
    };
    let of =
        |id| roles.iter().find(|role| role.id == id).map_or(Permissions::empty(), |role| role.permissions);
    let held = member.roles.iter().map(|role| of(*role));
    let base = compute_base(info.owner_id == user, of(guild.cast()), held);
    let mut seen = BTreeSet::new();
    for channel in channels.keys() {
        let Some(row) = first::<Channel>(&next())? else { continue };
        let overwrites = row.permission_overwrites.as_deref().unwrap_or_default();
        let there = compute_channel(base, guild, &member.roles, user, overwrites);
        if there.contains(Permissions::VIEW_CHANNEL) {
            seen.insert(*channel);
        }
    }
    channels.retain(|channel, _| seen.contains(channel));
    Ok(())
}

fn first<T: DeserializeOwned>(rows: &[Row]) -> Result<Option<T>, Error> {
    rows.first().map(|row| row::decode(&row.value)).transpose()
}

//! Counting messages to everybody in large guilds, which are not told to each member; see [`consort_rpc::guild::everyone`].
//!
//! Done beside the owner, from rows, when a session begins. Only where there is something to count is it looked whether the
//! account sees the channel.

use std::collections::{BTreeMap, BTreeSet};

use consort_model::permissions::{compute_base, compute_channel};
use consort_model::{
    Channel, ChannelId, Guild, GuildId, Member, MessageId, Permissions, Role, UserId, snowflake,
};
use consort_rpc::guild::everyone;
use consort_rpc::user::Reach;
use consort_store::{Error, Key, Range, Row, Scan, StoreRef, Table, row};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::User;
use super::settings::{is_muted, is_suppressed};
use crate::limits::PAGE_ROWS;
use crate::rows::UserGuildRow;

/// Guilds read at once: two lists of so many fit one look at the store.
const GUILDS_AT_ONCE: usize = 400;

/// What of an account it takes to count.
pub(super) struct Reader {
    user: UserId,
    guilds: Vec<GuildId>,
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
            guilds: user.guilds.iter().copied().collect(),
            settings: user.guild_settings.clone(),
            shunned: user.relations.keys().copied().filter(|other| user.shuns(*other)).collect(),
            known: known.collect(),
            now_ms,
        }
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

/// How many messages to everybody the account has not read, by channel that it sees.
///
/// # Errors
/// Those of the store.
pub(super) async fn unread(store: &StoreRef, reader: &Reader) -> Result<BTreeMap<ChannelId, u32>, Error> {
    let mut unread = BTreeMap::new();
    for guilds in reader.guilds.chunks(GUILDS_AT_ONCE) {
        let of_guild = |guild: &GuildId| Scan {
            table: Table::GuildMisc,
            partition: guild.get(),
            range: Range::prefix(everyone::PREFIX, PAGE_ROWS),
        };
        let joined = |guild: &GuildId| Scan {
            table: Table::UserGuilds,
            partition: reader.user.get(),
            range: Range::one(guild.get()),
        };
        let scans = guilds.iter().flat_map(|guild| [of_guild(guild), joined(guild)]).collect();
        let mut found = store.scan_many(scans).await?.into_iter();
        for guild in guilds {
            let (rows, joined) = (found.next().unwrap_or_default(), found.next().unwrap_or_default());
            let Some(joined) = first::<UserGuildRow>(&joined)? else { continue };
            let joined = MessageId::new(snowflake::at(joined.joined_at.ms()));
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

//! Bringing an account to life from its rows.

use std::collections::{BTreeMap, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use consort_model::object::account::UserRow;
use consort_model::{Presence, UserId};
use consort_rpc::user::settings::ProtoKind;
use consort_store::{Error, Key, Range, Row, Scan, StoreExt as _, StoreRef, Table, row};
use serde::de::DeserializeOwned;
use serde_json::Map;

use super::User;
use super::grace::{Grace, LastWords};
use super::settings::{LEGACY_KEY, SAID_KEY, SEATS_KEY, STATUS_KEY, proto_key};
use crate::limits::{PAGE_ROWS, READ_STATES_MAX};
use crate::rows::{ReadStateRow, UserGuildRow};

/// Where an account is.
pub(super) fn scans(id: UserId) -> Vec<Scan> {
    let all = Range::all(PAGE_ROWS);
    let scan = |(table, range): (Table, Range)| Scan { table, partition: id.get(), range };
    let scans = [
        (Table::Users, Range::one(Key::empty())),
        (Table::UserGuilds, all.clone()),
        (Table::UserChannels, all.clone()),
        (Table::Relationships, all.clone()),
        (Table::ReadStates, all.clone()),
        (Table::UserGuildSettings, all.clone()),
        (Table::UserSettings, all),
    ];
    scans.map(scan).into()
}

/// Makes an account of what [`scans`] found; what is longer than a page is read on.
pub(super) async fn load(
    id: UserId,
    found: Vec<Vec<Row>>,
    store: StoreRef,
    now_ms: u64,
) -> Result<Option<User>, Error> {
    let mut found = found.into_iter();
    let mut next = || found.next().unwrap_or_default();
    let Some(row) = next().pop() else { return Ok(None) };
    let mut user = blank(id, row::decode(&row.value)?, now_ms);
    let rest = Rest { store: &store, user: id };
    let guilds = rest.rows::<UserGuildRow>(Table::UserGuilds, next()).await?;
    user.guilds = guilds.into_iter().map(|(guild, row)| (guild.into(), row.joined_at)).collect();
    user.channels = ids(rest.rows(Table::UserChannels, next()).await?);
    user.relations = ids(rest.rows(Table::Relationships, next()).await?);
    user.reads = ids(rest.rows::<ReadStateRow>(Table::ReadStates, next()).await?);
    user.read_version = user.reads.values().map(|row| row.version).max().unwrap_or(0);
    user.guild_settings = rest.rows(Table::UserGuildSettings, next()).await?;
    take_settings(&mut user, &next())?;
    debug_assert!(user.reads.len() <= READ_STATES_MAX, "read states are bounded where they are made");
    Ok(Some(user))
}

/// An account without anything but its row.
pub(super) fn blank(id: UserId, row: UserRow, now_ms: u64) -> User {
    User {
        id,
        founded: true,
        since_ms: now_ms,
        row,
        guilds: BTreeMap::new(),
        channels: BTreeMap::new(),
        relations: BTreeMap::new(),
        reads: BTreeMap::new(),
        read_version: 0,
        guild_settings: BTreeMap::new(),
        legacy: Map::new(),
        protos: BTreeMap::new(),
        chosen: crate::rows::ChosenStatus::default(),
        seats: Vec::new(),
        sessions: BTreeMap::new(),
        shown: Presence::offline(id),
        friends: BTreeMap::new(),
        said: 0,
        last_words: LastWords::default(),
        call: None,
        replaced_ms: 0,
        replace_due_ms: None,
        grace: Some(Grace::new(now_ms)),
        forgotten: false,
        ended_logins: VecDeque::new(),
        has_shown: false,
    }
}

fn take_settings(user: &mut User, rows: &[Row]) -> Result<(), Error> {
    let value = |key: &str| rows.iter().find(|row| row.key == Key::text(key)).map(|row| &row.value);
    if let Some(legacy) = value(LEGACY_KEY) {
        user.legacy = row::decode(legacy)?;
    }
    if let Some(said) = value(SAID_KEY) {
        user.said = row::decode(said)?;
    }
    if let Some(seats) = value(SEATS_KEY) {
        user.seats = row::decode(seats)?;
    }
    if let Some(chosen) = value(STATUS_KEY) {
        user.chosen = row::decode(chosen)?;
    }
    for kind in [ProtoKind::Preloaded, ProtoKind::FrequentlyUsed] {
        if let Some(text) = value(proto_key(kind)) {
            let text: String = row::decode(text)?;
            let bytes =
                STANDARD.decode(text).map_err(|_| Error::Corrupt("settings are not base64".to_owned()))?;
            user.protos.insert(kind.number(), bytes.into());
        }
    }
    Ok(())
}

struct Rest<'a> {
    store: &'a StoreRef,
    user: UserId,
}

impl Rest<'_> {
    /// The rows of a table whose key is an id: the first page, and what comes after it.
    async fn rows<T: DeserializeOwned>(
        &self,
        table: Table,
        first: Vec<Row>,
    ) -> Result<BTreeMap<u64, T>, Error> {
        let mut all = BTreeMap::new();
        let mut take = |key: &Key, value: T| key.to_id().map(|id| all.insert(id, value));
        for row in &first {
            take(&row.key, row::decode(&row.value)?);
        }
        if let Some(last) = first.last().filter(|_| first.len() >= PAGE_ROWS) {
            let after = Range::after(last.key.clone(), PAGE_ROWS);
            let mut pages = self.store.pages(table, self.user.get(), after);
            while let Some(page) = pages.next_rows::<T>().await? {
                page.into_iter().for_each(|(key, row)| drop(take(&key, row)));
            }
        }
        Ok(all)
    }
}

fn ids<K: From<u64> + Ord, T>(rows: BTreeMap<u64, T>) -> BTreeMap<K, T> {
    rows.into_iter().map(|(id, row)| (K::from(id), row)).collect()
}

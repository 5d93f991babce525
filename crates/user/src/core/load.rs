//! Bringing an account to life from its rows.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use consort_model::object::account::UserRow;
use consort_model::{Presence, UserId};
use consort_rpc::user::settings::ProtoKind;
use consort_store::{Error, Key, Range, StoreExt as _, StoreRef, Table};
use serde::de::DeserializeOwned;
use serde_json::Map;

use super::User;
use super::grace::Grace;
use super::settings::{LEGACY_KEY, STATUS_KEY, proto_key};
use crate::limits::{PAGE_ROWS, READ_STATES_MAX};
use crate::rows::{ReadStateRow, UserGuildRow};

pub(super) async fn load(id: UserId, store: StoreRef, now_ms: u64) -> Result<Option<User>, Error> {
    let Some(row) = store.get_row::<UserRow>(Table::Users, id.get(), Key::empty()).await? else {
        return Ok(None);
    };
    let bot = row.user().bot;
    let mut user = User {
        id,
        row,
        guilds: rows::<UserGuildRow>(&store, Table::UserGuilds, id)
            .await?
            .into_keys()
            .map(Into::into)
            .collect(),
        channels: ids(rows(&store, Table::UserChannels, id).await?),
        relations: BTreeMap::new(),
        reads: BTreeMap::new(),
        read_version: 0,
        guild_settings: BTreeMap::new(),
        legacy: Map::new(),
        protos: BTreeMap::new(),
        chosen: crate::rows::ChosenStatus::default(),
        sessions: BTreeMap::new(),
        shown: Presence::offline(id),
        friends: BTreeMap::new(),
        grace: Some(Grace::new(now_ms)),
    };
    if !bot {
        user.relations = ids(rows(&store, Table::Relationships, id).await?);
        user.reads = ids(rows::<ReadStateRow>(&store, Table::ReadStates, id).await?);
        user.read_version = user.reads.values().map(|row| row.version).max().unwrap_or(0);
        user.guild_settings = rows(&store, Table::UserGuildSettings, id).await?;
        load_settings(&mut user, &store).await?;
        debug_assert!(user.reads.len() <= READ_STATES_MAX, "read states are bounded where they are made");
    }
    Ok(Some(user))
}

async fn load_settings(user: &mut User, store: &StoreRef) -> Result<(), Error> {
    let partition = user.id.get();
    let keys = vec![Key::text(LEGACY_KEY)];
    if let Some(legacy) = store.get_rows(Table::UserSettings, partition, keys).await?.pop().flatten() {
        user.legacy = legacy;
    }
    if let Some(chosen) = store.get_row(Table::UserSettings, partition, Key::text(STATUS_KEY)).await? {
        user.chosen = chosen;
    }
    for kind in [ProtoKind::Preloaded, ProtoKind::FrequentlyUsed] {
        let row: Option<String> =
            store.get_row(Table::UserSettings, partition, Key::text(proto_key(kind))).await?;
        if let Some(text) = row {
            let bytes =
                STANDARD.decode(text).map_err(|_| Error::Corrupt("settings are not base64".to_owned()))?;
            user.protos.insert(kind.number(), bytes.into());
        }
    }
    Ok(())
}

/// All rows of the user's partition whose key is an id.
async fn rows<T: DeserializeOwned>(
    store: &StoreRef,
    table: Table,
    id: UserId,
) -> Result<BTreeMap<u64, T>, Error> {
    let mut all = BTreeMap::new();
    let mut pages = store.pages(table, id.get(), Range::all(PAGE_ROWS));
    while let Some(page) = pages.next_rows::<T>().await? {
        all.extend(page.into_iter().filter_map(|(key, row)| Some((key.to_id()?, row))));
    }
    Ok(all)
}

fn ids<K: From<u64> + Ord, T>(rows: BTreeMap<u64, T>) -> BTreeMap<K, T> {
    rows.into_iter().map(|(id, row)| (K::from(id), row)).collect()
}

//! What READY carries of an account. Field names: "Ready" of the Gateway Events page for bots; for people as their clients
//! were seen to read them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use consort_model::{Channel, ChannelId, GuildId, Presence, User as UserObject, UserId};
use consort_rpc::Answer;
use consort_rpc::user::gateway::{OpenSession, Opened};
use consort_rpc::user::settings::ProtoKind;
use consort_runtime::Planted;
use consort_store::limits::SCANS_MAX;
use consort_store::{Error, Key, Range, Row, Scan, StoreRef, Table, row};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::object::Object;
use super::read_states::{Entry, entry};
use super::relationships::view;
use super::{User, everyone, notes};
use crate::rows::{PrivateChannelRow, ReadStateRow};

/// Capability bits of user accounts (IDENTIFY, `capabilities`).
mod capability {
    pub(super) const LAZY_NOTES: u64 = 1 << 0;
    pub(super) const VERSIONED_READ_STATES: u64 = 1 << 2;
    pub(super) const VERSIONED_GUILD_SETTINGS: u64 = 1 << 3;
    pub(super) const DEDUPE_USERS: u64 = 1 << 4;
    pub(super) const PRIORITIZED_READY: u64 = 1 << 5;
}

/// What is the same in every READY: fields that libraries read and stumble without ("Ready" of the Gateway Events page, and what
/// client libraries were seen to read), and that say nothing here.
const EVERYBODYS: &str =
    r#""session_type":"normal","guild_join_requests":[],"geo_ordered_rtc_regions":[],"_trace":[]"#;
/// As [`EVERYBODYS`], of bots.
const BOTS: &str = r#""private_channels":[],"relationships":[],"presences":[],"user_settings":{},"auth":{}"#;
/// As [`EVERYBODYS`], of people.
const PEOPLES: &str = concat!(
    r#""country_code":"ZZ","consents":{"personalization":{"consented":false}},"tutorial":null,"experiments":[],"#,
    r#""guild_experiments":[],"connected_accounts":[],"api_code_version":0,"friend_suggestion_count":0,"#,
    r#""auth":{"authenticator_types":[]}"#
);

/// READY of a bot. `application` is added by the gateway, which knows its flags from the token.
pub(super) fn of_bot(user: &User) -> Bytes {
    let mut ready = Object::new();
    ready.put("user", &user.row.current);
    ready.put_fields(BOTS);
    ready.put_fields(EVERYBODYS);
    ready.finish()
}

/// What of an account's memory goes into READY, taken at the moment the session was registered.
pub(super) struct Gathered {
    id: UserId,
    auth_session: u64,
    capabilities: u64,
    ready: Object,
    users: BTreeMap<UserId, UserObject>,
    listed: Vec<ChannelId>,
    reads: Vec<Entry>,
    reads_version: Option<u64>,
    reader: everyone::Reader,
    presences: Vec<Presence>,
    guilds: Vec<GuildId>,
    owner_since_ms: u64,
    pub(super) heard: Option<u64>,
}

impl Gathered {
    pub(super) fn of(user: &User, open: &OpenSession, now_ms: u64) -> Self {
        let has = |bit: u64| open.capabilities & bit != 0;
        let dedupe = has(capability::DEDUPE_USERS);
        let mut users = BTreeMap::new();
        if dedupe {
            users.extend(user.relations.values().map(|row| (row.user.id, row.user.clone())));
        }
        let mut ready = Object::new();
        ready.put("user", &user.row.current);
        ready.put_list("relationships", user.relations.iter().map(|(id, row)| view(*id, row, dedupe)));
        let settings: Vec<_> = user.guild_settings.values().collect();
        let settings_version = has(capability::VERSIONED_GUILD_SETTINGS).then_some(0);
        put_versioned(&mut ready, "user_guild_settings", &settings, settings_version);
        ready.put_text("user_settings", &super::settings::legacy(user));
        ready.put("user_settings_proto", &STANDARD.encode(user.proto(ProtoKind::Preloaded)));
        ready.put("sessions", &user.session_views());
        ready.put("static_client_session_id", &open.session_id);
        ready.put_fields(PEOPLES);
        ready.put_fields(EVERYBODYS);
        Self {
            id: user.id,
            auth_session: open.auth_session,
            capabilities: open.capabilities,
            ready,
            users,
            listed: user.listed().collect(),
            reads: user.reads.iter().map(|(channel, row)| entry(*channel, row)).collect(),
            reads_version: has(capability::VERSIONED_READ_STATES).then_some(user.read_version),
            reader: everyone::Reader::of(user, now_ms),
            presences: user.friends.values().filter(|presence| is_seen(presence)).cloned().collect(),
            guilds: user.guilds.keys().copied().collect(),
            owner_since_ms: user.since_ms,
            heard: None,
        }
    }

    fn has(&self, bit: u64) -> bool {
        self.capabilities & bit != 0
    }
}

/// Whether there is something to tell of a presence.
pub(super) fn is_seen(presence: &Presence) -> bool {
    presence.status != consort_model::Status::Offline
}

/// A list that clients may ask for with its version.
fn put_versioned<T: Serialize>(ready: &mut Object, key: &str, entries: &[T], version: Option<u64>) {
    #[derive(Serialize)]
    struct Versioned<'a, T> {
        entries: &'a [T],
        partial: bool,
        version: u64,
    }
    match version {
        Some(version) => ready.put(key, &Versioned { entries, partial: false, version }),
        None => ready.put(key, entries),
    }
}

/// A private channel as READY has it.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    channel: Channel,
    /// In the place of its recipients, for sessions whose READY names each user once.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_ids: Option<Vec<UserId>>,
}

/// READY of a person; `None` when its login has ended meanwhile. The session is registered by now, so a login that ends after this
/// has looked takes it along.
pub(super) async fn of_person(store: &StoreRef, mut gathered: Gathered) -> Result<Option<Opened>, Error> {
    let Some(stored) = stored(store, &gathered).await? else { return Ok(None) };
    let Stored { channels, hash, notes, unread } = stored;
    let dedupe = gathered.has(capability::DEDUPE_USERS);
    let show = |mut channel: Channel| {
        if !dedupe {
            return Shown { channel, recipient_ids: None };
        }
        let recipients = channel.recipients.take().unwrap_or_default();
        let ids = recipients.iter().map(|user| user.id).collect();
        gathered.users.extend(recipients.into_iter().map(|user| (user.id, user)));
        Shown { channel, recipient_ids: Some(ids) }
    };
    let shown: Vec<_> = channels.into_iter().map(show).collect();
    let supplemental = gathered.has(capability::PRIORITIZED_READY).then(|| {
        Answer::bytes(&json!({
            "merged_members": [],
            "merged_presences": { "friends": gathered.presences, "guilds": [] },
            "lazy_private_channels": [],
            "disclose": [],
            "game_invites": [],
        }))
    });
    let presences = if supplemental.is_some() { Vec::new() } else { gathered.presences };
    let mut ready = gathered.ready;
    let reads = with_mentions(gathered.reads, unread);
    put_versioned(&mut ready, "read_state", &reads, gathered.reads_version);
    ready.put("private_channels", &shown);
    ready.put_list("users", gathered.users.values());
    ready.put("presences", &presences);
    ready.put("notes", &notes);
    ready.put("auth_session_id_hash", &hash);
    Ok(Some(Opened {
        ready: ready.finish(),
        supplemental,
        guilds: gathered.guilds,
        owner_since_ms: gathered.owner_since_ms,
        heard: gathered.heard,
    }))
}

/// Read states with the messages to everybody that were counted beside them, also of channels that were never read.
fn with_mentions(mut reads: Vec<Entry>, mut unread: BTreeMap<ChannelId, u32>) -> Vec<Entry> {
    for entry in &mut reads {
        entry.add_mentions(unread.remove(&entry.channel()).unwrap_or(0));
    }
    reads.extend(unread.into_iter().map(|(channel, count)| {
        let row = ReadStateRow { mention_count: count, ..ReadStateRow::default() };
        entry(channel, &row)
    }));
    reads
}

/// The private channels of these ids, as a user sees them.
pub(super) async fn private_channels(
    store: &StoreRef,
    user: UserId,
    ids: &[ChannelId],
) -> Result<Vec<Channel>, Error> {
    let mut channels = Vec::with_capacity(ids.len());
    for ids in ids.chunks(SCANS_MAX) {
        let scans = ids.iter().map(|id| channel_scan(*id)).collect();
        for rows in store.scan_many(scans).await? {
            channels.extend(channel_of(user, &rows)?);
        }
    }
    Ok(channels)
}

fn channel_scan(id: ChannelId) -> Scan {
    Scan { table: Table::PrivateChannels, partition: id.get(), range: Range::one(Key::empty()) }
}

fn channel_of(user: UserId, rows: &[Row]) -> Result<Option<Channel>, Error> {
    let Some(row) = rows.first() else { return Ok(None) };
    let row: PrivateChannelRow = row::decode(&row.value)?;
    Ok(row.people().any(|id| id == user).then(|| row.seen_by(user)))
}

/// Whether an account has a login. To be asked once its session is registered; see [`of_person`].
pub(super) async fn is_login(store: &StoreRef, id: UserId, login: u64) -> Result<bool, Error> {
    let row = store.get(Table::UserTokens, id.get(), Key::id(login)).await?;
    Ok(row.is_some() || Planted::LoginUnchecked.is_here())
}

/// The public name of a login, as the list of logins has it: a hash of the token's hash. `rows`: that of the token; `None` when
/// there is none any more.
fn auth_session_hash(session: u64, rows: &[Row]) -> Result<Option<String>, Error> {
    #[derive(serde::Deserialize)]
    struct Token {
        hash: String,
    }
    let row: Option<Token> = rows.first().map(|row| row::decode(&row.value)).transpose()?;
    let known = Planted::LoginUnchecked.is_here().then(|| session.to_string());
    let text = row.map(|row| row.hash).or(known);
    Ok(text.map(|text| URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))))
}

/// What of the store goes into a person's READY.
struct Stored {
    channels: Vec<Channel>,
    hash: String,
    notes: BTreeMap<UserId, String>,
    /// Messages to everybody that the account has not read, by channel.
    unread: BTreeMap<ChannelId, u32>,
}

/// Reads it all at once; who has very many private channels or guilds waits for more. `None` when the login has ended.
async fn stored(store: &StoreRef, gathered: &Gathered) -> Result<Option<Stored>, Error> {
    let (id, session, reader) = (gathered.id, gathered.auth_session, &gathered.reader);
    let with_notes = !gathered.has(capability::LAZY_NOTES);
    let (first, more) = gathered.listed.split_at(gathered.listed.len().min(SCANS_MAX / 2));
    let (guilds, more_guilds) = reader.guilds().split_at(reader.guilds().len().min(SCANS_MAX / 2 - 2));
    let token = Scan { table: Table::UserTokens, partition: id.get(), range: Range::one(session) };
    let mut scans = Vec::with_capacity(2 + first.len() + guilds.len());
    scans.push(token);
    scans.extend(with_notes.then(|| notes::scan(id)));
    scans.extend(first.iter().map(|channel| channel_scan(*channel)));
    scans.extend(guilds.iter().map(everyone::scan));
    let mut found = store.scan_many(scans).await?.into_iter();
    let Some(hash) = auth_session_hash(session, &found.next().unwrap_or_default())? else { return Ok(None) };
    let notes = if with_notes { notes::of(&found.next().unwrap_or_default())? } else { BTreeMap::new() };
    let mut channels = Vec::with_capacity(gathered.listed.len());
    for rows in found.by_ref().take(first.len()) {
        channels.extend(channel_of(id, &rows)?);
    }
    channels.extend(private_channels(store, id, more).await?);
    let mut unread = everyone::count(store, reader, guilds.iter().zip(found)).await?;
    unread.extend(everyone::unread(store, reader, more_guilds).await?);
    Ok(Some(Stored { channels, hash, notes, unread }))
}

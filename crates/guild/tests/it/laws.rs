//! The laws between what the guild is and what its sessions are told. Checked after every call of
//! [`crate::world::World::ok`].
//!
//! * **Nobody sees what they may not**: a session is told nothing of a channel that its user could see neither before nor
//!   after the call, judged from the guild's rows by the permission rules alone.
//! * **The living guild shows what is stored**: GUILD_CREATE of the guild that has lived through everything equals that of one
//!   that is loaded from its rows at this moment.
//! * **Old state and dispatches are the new state**: what a client has made of its GUILD_CREATE and the dispatches since
//!   equals the GUILD_CREATE of a guild that is loaded from its rows at this moment.

use std::collections::{BTreeMap, BTreeSet};

use consort_model::permissions::{compute_base, compute_channel};
use consort_model::{Channel, ChannelId, GatewayGuild, Intents, Permissions, UserId};
use serde_json::Value;

use crate::client::Client;
use crate::world::{Dispatch, FakeSession, GUILD, Session, World};

/// Checks the laws for all sessions; `from` is how much each was told before the call.
///
/// # Panics
/// When one does not hold.
pub fn check(
    world: &World,
    call: &str,
    before: Option<&GatewayGuild>,
    after: Option<&GatewayGuild>,
    from: &BTreeMap<Session, usize>,
) {
    for (session, state) in world.sessions() {
        let new = &state.seen[from.get(&session).copied().unwrap_or(0).min(state.seen.len())..];
        check_sight(&format!("after {call}, user {}", state.user), &state, new, before, after);
        if state.client.is_some() && state.intents == Intents::all() {
            check_state(world, &format!("after {call}, user {}", state.user), &state, after);
        }
    }
}

/// Checks that every session was told only of what its user sees, or saw until now.
fn check_sight(
    context: &str,
    state: &FakeSession,
    new: &[Dispatch],
    before: Option<&GatewayGuild>,
    after: Option<&GatewayGuild>,
) {
    for (name, d) in new {
        for channel in channels_of(name, d) {
            let saw = before.is_some_and(|truth| sees(truth, state.user, channel));
            let sees = after.is_some_and(|truth| sees(truth, state.user, channel));
            let last = name.ends_with("_DELETE") || after.is_none();
            assert!(sees || saw && last, "{context}: {name} of a hidden channel: {d}");
        }
    }
}

/// Checks that a session's client has kept up.
fn check_state(world: &World, context: &str, state: &FakeSession, after: Option<&GatewayGuild>) {
    let (Some(client), Some(after)) = (&state.client, after) else { return };
    let names: Vec<_> = state.seen.iter().map(|(name, _)| name.as_str()).collect();
    assert!(client.faults.is_empty(), "{context}: {:#?}\ntold: {names:?}", client.faults);
    let fresh = world.stored_guild_create(state.user.get());
    let mut fresh = fresh.unwrap_or_else(|| panic!("{context}: attached, but refused after a restart"));
    let mut living = world.guild_create(state.user.get()).expect("attached");
    for guild in [&mut fresh, &mut living] {
        // These are not stored.
        guild["presences"] = Value::Null;
    }
    assert_eq!(living, fresh, "{context}: GUILD_CREATE of the living guild is out of date");
    let fresh = Client::new(state.user, &fresh);
    let differences = client.differences(&fresh, false);
    assert!(differences.is_empty(), "{context}:\n  {}\ntold: {names:?}", differences.join("\n  "));
    let shown: BTreeSet<_> = fresh.channels.keys().cloned().collect();
    let visible = after.channels.iter().filter(|channel| sees(after, state.user, channel.id));
    let visible: BTreeSet<_> = visible.map(|channel| channel.id.to_string()).collect();
    assert_eq!(shown, visible, "{context}: GUILD_CREATE shows other channels than the rules allow");
}

/// Whether a user sees a channel, or the channel of a thread. What is not there is seen by nobody.
pub fn sees(truth: &GatewayGuild, user: UserId, channel: ChannelId) -> bool {
    permissions(truth, user, channel).is_some_and(|held| held.contains(Permissions::VIEW_CHANNEL))
}

/// The rights of a user in a channel, or in the channel of a thread, by the rules alone; timeouts are not considered.
pub fn permissions(truth: &GatewayGuild, user: UserId, channel: ChannelId) -> Option<Permissions> {
    let thread = truth.threads.iter().find(|thread| thread.id == channel);
    let place = thread.and_then(|thread| thread.parent_id).unwrap_or(channel);
    let place: &Channel = truth.channels.iter().find(|other| other.id == place)?;
    let member = truth.members.iter().find(|m| m.user.as_ref().is_some_and(|account| account.id == user))?;
    let role = |id| truth.guild.roles.iter().find(|role| role.id == id).map(|role| role.permissions);
    let held = member.roles.iter().filter_map(|id| role(*id));
    let base = compute_base(truth.guild.owner_id == user, role(GUILD.cast())?, held);
    let overwrites = place.permission_overwrites.as_deref().unwrap_or_default();
    Some(compute_channel(base, GUILD, &member.roles, user, overwrites))
}

/// The channels a dispatch tells of.
fn channels_of(name: &str, d: &Value) -> Vec<ChannelId> {
    let id = |value: &Value| value.as_str().and_then(|id| id.parse().ok());
    match name {
        "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "CHANNEL_DELETE" | "VOICE_CHANNEL_STATUS_UPDATE" => {
            id(&d["id"]).into_iter().collect()
        }
        "THREAD_CREATE" | "THREAD_UPDATE" | "THREAD_DELETE" => id(&d["parent_id"]).into_iter().collect(),
        "THREAD_MEMBERS_UPDATE" | "THREAD_MEMBER_UPDATE" => Vec::new(),
        "THREAD_LIST_SYNC" => d["threads"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|thread| id(&thread["parent_id"]))
            .collect(),
        _ => id(&d["channel_id"]).into_iter().collect(),
    }
}

//! What must be true when everything works again and all that was caused had time to happen.

mod apps;
mod things;

use std::collections::{BTreeMap, BTreeSet};

use consort_model::{ChannelId, GuildId, Message};
use consort_store::memory::Memory;
use consort_store::{Range, Store as _, StoreExt as _, Table};
use consort_user::rows::{ReadStateRow, RelationshipKind, RelationshipRow};

use crate::people::{Facts, LISTENERS, Outcome, People, Span, Way};
use crate::world::World;

/// Rows of one partition at most that a simulation makes.
const ROWS: usize = 10_000;

/// All checks; gives what is broken, in words.
pub(crate) async fn all(world: &World, people: &People) -> Vec<String> {
    let mut broken = world.ledger.broken();
    let facts = people.facts().clone();
    let memory = &world.memory;
    members(memory, &facts, world.people(), &mut broken).await;
    messages(memory, &facts, &mut broken).await;
    mentions(memory, &facts, world.people(), &mut broken).await;
    friends(memory, world.people(), &mut broken).await;
    things::all(memory, &facts, &mut broken).await;
    apps::all(world, &facts, &mut broken).await;
    effects(memory, &mut broken).await;
    broken
}

async fn keys(memory: &Memory, table: Table, partition: u64) -> BTreeSet<u64> {
    let rows = memory.scan(table, partition, Range::all(ROWS)).await.unwrap_or_default();
    rows.iter().filter_map(|row| row.key.to_id()).collect()
}

/// A guild and its members agree about who is in it, and an acknowledged join or departure that nothing followed holds.
async fn members(memory: &Memory, facts: &Facts, people: u64, broken: &mut Vec<String>) {
    let mut of_guilds: BTreeMap<GuildId, BTreeSet<u64>> = BTreeMap::new();
    for guild in &facts.guilds {
        of_guilds.insert(guild.id, keys(memory, Table::Members, guild.id.get()).await);
    }
    for person in 1..=people {
        let own = keys(memory, Table::UserGuilds, person).await;
        for (guild, members) in &of_guilds {
            let (one, other) = (members.contains(&person), own.contains(&guild.get()));
            if one != other {
                broken.push(format!(
                    "guild {guild} has person {person} as a member: {one}; the person has the guild: {other}"
                ));
            }
            let ways = facts.ways.get(&(person, *guild)).map(Vec::as_slice).unwrap_or_default();
            if let Some(inside) = certain(ways).map(|way| way == Way::In)
                && inside != one
            {
                broken.push(format!("person {person} should be in guild {guild}: {inside}, is: {one}"));
            }
        }
    }
}

/// What is so for sure, by the last acknowledged act that no other act overlaps or follows.
fn certain<T: Copy + PartialEq>(acts: &[(T, Span)]) -> Option<T> {
    let last = acts.iter().filter(|(_, span)| span.outcome == Outcome::Acknowledged);
    let (value, span) = last.max_by_key(|(_, span)| span.began)?;
    let unsettled = acts.iter().any(|(other, later)| {
        other != value && later.outcome != Outcome::Refused && later.ended > span.began
    });
    (!unsettled).then_some(*value)
}

/// What a message said before it was edited.
fn first_text(content: &str) -> &str {
    content
        .split_once(' ')
        .filter(|(_, edit)| edit.parse::<u64>().is_ok())
        .map_or(content, |(first, _)| first)
}

/// What was acknowledged and not deleted is stored, once; nothing is stored twice.
async fn messages(memory: &Memory, facts: &Facts, broken: &mut Vec<String>) {
    let channels: BTreeSet<ChannelId> = facts.posts.values().map(|posted| posted.channel).collect();
    let mut stored: BTreeMap<String, Vec<(ChannelId, u64)>> = BTreeMap::new();
    for channel in channels {
        let rows = memory.scan_rows::<Message>(Table::Messages, channel.get(), Range::all(ROWS)).await;
        for (_, message) in rows.unwrap_or_default() {
            stored
                .entry(first_text(&message.content).to_owned())
                .or_default()
                .push((channel, message.id.get()));
        }
    }
    for (content, posted) in &facts.posts {
        let found = stored.get(content).map(Vec::as_slice).unwrap_or_default();
        if found.len() > 1 {
            broken.push(format!("message {content:?} is there {} times", found.len()));
        }
        if posted.outcome == Outcome::Acknowledged && !posted.doomed && found.is_empty() {
            broken.push(format!("message {content:?} was acknowledged and is gone"));
        }
        if posted.outcome == Outcome::Refused && !found.is_empty() {
            broken.push(format!("message {content:?} was refused and is there"));
        }
    }
}

/// Each mention of somebody who reads nothing was counted once.
async fn mentions(memory: &Memory, facts: &Facts, people: u64, broken: &mut Vec<String>) {
    for person in people - LISTENERS + 1..=people {
        for guild in &facts.guilds {
            // One who was let in late or is not in the guild is not told of all.
            let ways = facts.ways.get(&(person, guild.id)).map(Vec::as_slice).unwrap_or_default();
            let joined = ways.iter().filter(|(_, span)| span.outcome == Outcome::Acknowledged);
            let Some(joined) = joined.map(|(_, span)| span.ended).min() else { continue };
            let of_person = facts
                .posts
                .values()
                .filter(|posted| posted.channel == guild.channel && posted.mentioned == Some(person));
            let of_person: Vec<_> = of_person.collect();
            let certain = of_person
                .iter()
                .filter(|posted| posted.outcome == Outcome::Acknowledged && posted.began > joined)
                .count();
            let possible = of_person.iter().filter(|posted| posted.outcome != Outcome::Refused).count();
            let row = memory
                .get_row::<ReadStateRow>(Table::ReadStates, person, guild.channel.get())
                .await
                .ok()
                .flatten();
            let counted = row.map_or(0, |row| row.mention_count as usize);
            if counted < certain || counted > possible {
                broken.push(format!(
                    "person {person} has {counted} mentions in guild {}, of {certain} to {possible}",
                    guild.id
                ));
            }
        }
    }
}

/// Two people say the same of each other.
async fn friends(memory: &Memory, people: u64, broken: &mut Vec<String>) {
    let mut kinds = BTreeMap::new();
    for person in 1..=people {
        let rows = memory
            .scan_rows::<RelationshipRow>(Table::Relationships, person, Range::all(ROWS))
            .await
            .unwrap_or_default();
        for (key, row) in rows {
            kinds.extend(row.kind.map(|kind| ((person, key.to_id().unwrap_or_default()), kind)));
        }
    }
    let mirrored = |kind: RelationshipKind| match kind {
        RelationshipKind::Incoming => RelationshipKind::Outgoing,
        RelationshipKind::Outgoing => RelationshipKind::Incoming,
        same => same,
    };
    for ((one, other), kind) in &kinds {
        let there = kinds.get(&(*other, *one)).copied();
        // A block is nobody else's business, and leaves the other nothing but a block of its own.
        let fits = match *kind {
            RelationshipKind::Blocked => there.is_none_or(|kind| kind == RelationshipKind::Blocked),
            kind => there == Some(mirrored(kind)),
        };
        if !fits {
            broken.push(format!("person {one} has {kind:?} with {other}, who has {there:?}"));
        }
    }
}

/// No effect is left over.
async fn effects(memory: &Memory, broken: &mut Vec<String>) {
    for ((_, _, key), value) in memory.rows().into_iter().filter(|((table, _, _), _)| *table == Table::Outbox)
    {
        let value = String::from_utf8_lossy(&value).into_owned();
        broken.push(format!("an effect was never done: {key:?}: {value}"));
    }
}

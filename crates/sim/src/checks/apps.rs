//! What people made with applications, and the files of messages.

use std::collections::{BTreeMap, BTreeSet};

use consort_files::{name, orphans};
use consort_model::Message;
use consort_rpc::application::{self, CommandOp, Interaction, State};
use consort_rpc::{Caller, Reply};
use consort_store::memory::Memory;
use consort_store::{Key, Range, StoreExt as _, Table};
use serde_json::Value;

use super::{ROWS, certain};
use crate::people::{Facts, Outcome, Thing};
use crate::world::World;

/// What was acknowledged last is so; files belong to the messages that have them, and to nothing else.
pub(super) async fn all(world: &World, facts: &Facts, broken: &mut Vec<String>) {
    for (thing, acts) in &facts.wishes {
        let Some(wanted) = certain(acts) else { continue };
        let found = match thing {
            Thing::Command { application, name } => described(world, *application, name).await,
            Thing::Answer { application, interaction } => {
                u64::from(is_answered(&world.memory, *application, *interaction).await)
            }
            _ => continue,
        };
        if found != wanted {
            broken.push(format!("{thing:?} is {found}, but {wanted} was acknowledged"));
        }
    }
    files(&world.memory, facts, broken).await;
}

/// What the description of a command says, as its owner answers; 0 when there is none.
async fn described(world: &World, application: u64, name: &str) -> u64 {
    let Some(life) = world.all().first().cloned() else { return 0 };
    let op = application::Op::Command(CommandOp::List { guild: None });
    let applications = life.mesh.client::<application::Application>();
    let list = applications.call(application, Caller::system(), op);
    let reply: Reply = life.scope.within(list).await;
    let list: Option<Value> = reply.ok().and_then(|answer| serde_json::from_slice(answer.body()?).ok());
    let list = list.unwrap_or_default();
    let found = list.as_array().into_iter().flatten().find(|command| command["name"] == name);
    found.and_then(|command| command["description"].as_str()?.parse().ok()).unwrap_or(0)
}

async fn is_answered(memory: &Memory, application: u64, interaction: u64) -> bool {
    let key = Key::bytes(&[&b"i"[..], &interaction.to_be_bytes()].concat());
    let row = memory.get_row::<Interaction>(Table::Applications, application, key).await.ok().flatten();
    row.is_some_and(|row| row.state == State::Answered)
}

/// A file is claimed by the commit of its message, and released by that of the message's end.
async fn files(memory: &Memory, facts: &Facts, broken: &mut Vec<String>) {
    let mut reserved = BTreeSet::new();
    for shard in 0..orphans::SHARDS {
        let found = orphans::overdue(memory, shard, u64::MAX).await.unwrap_or_default();
        reserved.extend(found.into_iter().map(|found| found.name));
    }
    let released = orphans::released(memory, ROWS).await.unwrap_or_default();
    let released: BTreeSet<String> = released.into_iter().map(|found| found.name).collect();
    let with_files = || facts.posts.values().filter_map(|posted| Some((posted, posted.file?)));
    let mut owned: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for channel in with_files().map(|(posted, _)| posted.channel.get()).collect::<BTreeSet<_>>() {
        let rows = memory.scan_rows::<Message>(Table::Messages, channel, Range::all(ROWS)).await;
        let messages = rows.unwrap_or_default().into_iter().map(|(_, message)| message);
        let files = messages.flat_map(|message| message.attachments).map(|file| file.id.get());
        owned.insert(channel, files.collect());
    }
    for (posted, file) in with_files() {
        let channel = posted.channel.get();
        let blob = name::attachment(channel, file);
        let is_owned = owned.get(&channel).is_some_and(|files| files.contains(&file));
        let (is_reserved, is_released) = (reserved.contains(&blob), released.contains(&blob));
        let fits = match posted.outcome {
            _ if is_owned => !is_reserved && !is_released,
            Outcome::Acknowledged => !is_reserved && is_released,
            // It was never posted, or posted and deleted.
            Outcome::Refused | Outcome::Unknown => is_reserved != is_released,
        };
        if !fits {
            broken.push(format!(
                "the file {blob} of a message ({:?}) has a message: {is_owned}, waits for one: {is_reserved}, is released: {is_released}",
                posted.outcome
            ));
        }
    }
}

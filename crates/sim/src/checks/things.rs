//! What people made and changed besides messages.

use std::collections::{BTreeMap, BTreeSet};

use consort_model::Message;
use consort_model::account::index_partition;
use consort_store::memory::Memory;
use consort_store::{Key, Range, Store as _, StoreExt as _, Table};

use super::{ROWS, certain};
use crate::people::{Facts, Thing};

/// What was acknowledged last is so, and what is stored in two places is the same in both.
pub(super) async fn all(memory: &Memory, facts: &Facts, broken: &mut Vec<String>) {
    let doomed = facts.posts.values().filter(|posted| posted.doomed).filter_map(|posted| posted.id);
    let doomed: BTreeSet<u64> = doomed.map(|id| id.get()).collect();
    for (thing, acts) in &facts.wishes {
        let (Thing::Pin { message, .. } | Thing::Text { message, .. } | Thing::Vote { message, .. }) = thing
        else {
            made(memory, thing, certain(acts), broken).await;
            continue;
        };
        let Some(wanted) = certain(acts).filter(|_| !doomed.contains(message)) else { continue };
        let found = found(memory, thing).await;
        if found != wanted {
            broken.push(format!("{thing:?} is {found}, but {wanted} was acknowledged"));
        }
    }
    let channels: BTreeSet<u64> = facts.posts.values().map(|posted| posted.channel.get()).collect();
    for channel in channels {
        agree(memory, channel, broken).await;
    }
}

async fn has(memory: &Memory, table: Table, partition: u64, key: impl Into<Key>) -> bool {
    memory.get(table, partition, key.into()).await.ok().flatten().is_some()
}

/// What is stored of something about a message.
async fn found(memory: &Memory, thing: &Thing) -> u64 {
    match *thing {
        Thing::Pin { channel, message } => u64::from(has(memory, Table::Pins, channel, message).await),
        Thing::Text { channel, message } => {
            let row = memory.get_row::<Message>(Table::Messages, channel, message).await.ok().flatten();
            let text = row.map(|message| message.content).unwrap_or_default();
            text.split_once(' ').and_then(|(_, edit)| edit.parse().ok()).unwrap_or(0)
        }
        Thing::Vote { message, user } => {
            let key = [&[0][..], &user.to_be_bytes()].concat();
            let row = memory.get_row::<Vec<u8>>(Table::Polls, message, Key::bytes(&key)).await.ok().flatten();
            row.and_then(|answers| answers.first().copied()).map_or(0, u64::from)
        }
        Thing::Webhook { .. }
        | Thing::Invite { .. }
        | Thing::Token { .. }
        | Thing::Command { .. }
        | Thing::Answer { .. } => 0,
    }
}

/// What was made is there, what was taken away is not, and it is found by its index, or not at all.
async fn made(memory: &Memory, thing: &Thing, wanted: Option<u64>, broken: &mut Vec<String>) {
    let (there, listed) = match thing {
        Thing::Webhook { guild, webhook } => (
            has(memory, Table::Webhooks, *guild, *webhook).await,
            Some(has(memory, Table::WebhookIndex, *webhook, Key::empty()).await),
        ),
        Thing::Invite { guild, code } => (
            has(memory, Table::Invites, *guild, Key::text(code)).await,
            Some(has(memory, Table::InviteIndex, index_partition(code), Key::text(code)).await),
        ),
        Thing::Token { user, session } => (has(memory, Table::UserTokens, *user, *session).await, None),
        Thing::Pin { .. }
        | Thing::Text { .. }
        | Thing::Vote { .. }
        | Thing::Command { .. }
        | Thing::Answer { .. } => return,
    };
    if wanted.is_some_and(|wanted| (wanted == 1) != there) {
        broken.push(format!("{thing:?} is there: {there}, but the contrary was acknowledged"));
    }
    if listed.is_some_and(|listed| listed != there) {
        broken.push(format!("{thing:?} is there: {there}, and its index says the contrary"));
    }
}

/// The messages of a channel say the same of pins and votes as the lists of these.
async fn agree(memory: &Memory, channel: u64, broken: &mut Vec<String>) {
    let rows =
        memory.scan_rows::<Message>(Table::Messages, channel, Range::all(ROWS)).await.unwrap_or_default();
    let messages: BTreeMap<u64, Message> =
        rows.into_iter().map(|(_, message)| (message.id.get(), message)).collect();
    let pins = super::keys(memory, Table::Pins, channel).await;
    let pinned: BTreeSet<u64> =
        messages.values().filter(|message| message.pinned).map(|m| m.id.get()).collect();
    if pins != pinned {
        broken.push(format!("pins of channel {channel} are {pins:?}, and messages say {pinned:?}"));
    }
    for message in messages.values() {
        let Some(poll) = &message.poll else { continue };
        let counts = poll["results"]["answer_counts"].as_array().into_iter().flatten();
        let counts = counts.map(|count| (count["id"].as_u64(), count["count"].as_u64()));
        let counts: BTreeMap<_, _> = counts.filter(|(_, count)| *count != Some(0)).collect();
        let votes = memory.scan(Table::Polls, message.id.get(), Range::all(ROWS)).await.unwrap_or_default();
        let mut voted: BTreeMap<Option<u64>, Option<u64>> = BTreeMap::new();
        for answer in votes.iter().filter_map(|row| row.key.as_bytes().first()).filter(|answer| **answer > 0)
        {
            *voted.entry(Some(u64::from(*answer))).or_insert(Some(0)) = voted
                .get(&Some(u64::from(*answer)))
                .copied()
                .flatten()
                .map_or(Some(1), |count| Some(count + 1));
        }
        if counts != voted {
            broken.push(format!("poll {} counts {counts:?}, and {voted:?} have voted", message.id));
        }
    }
}

//! The queues of a cluster: within their bounds while people are at work, and empty when everything has come to its end.

use std::sync::Arc;
use std::time::Duration;

use consort_actor::{COMMITS_PENDING_MAX, LOADS_PENDING_MAX, MAILBOX_CALLS_MAX, MAILBOX_CASTS_MAX};
use consort_gateway::INBOX_MAX;
use consort_rpc::{Caller, FACTS_WAITING_MAX, Reply, user};
use tokio::time::sleep;

use crate::world::{Life, Stage, World};

/// How often queues are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// Turns of one actor that wait for the store at most: those of calls, and of effects that were let in together.
const TURNS_MAX: usize = COMMITS_PENDING_MAX + LOADS_PENDING_MAX;

/// Looks at all queues until everything is over. Each bound is broken once at most.
pub(crate) async fn watch(world: Arc<World>) {
    while world.stage() != Stage::Over {
        sleep(LOOK).await;
        let over: Vec<String> = world.all().iter().flat_map(|life| over(life)).collect();
        if !over.is_empty() {
            return world.report().broken.extend(over);
        }
    }
}

/// What is in each queue of a node, and how much may be.
fn depths(life: &Life) -> Vec<(String, usize, usize)> {
    let mut depths =
        vec![("facts that are not taken".to_owned(), life.mesh.facts_waiting(), FACTS_WAITING_MAX)];
    for actor in life.registry.list(None) {
        let name = format!("{} {}", actor.kind, actor.key);
        let (mail, mail_max) = (actor.queue as usize, MAILBOX_CALLS_MAX + MAILBOX_CASTS_MAX);
        depths.push((format!("the mailbox of {name}"), mail, mail_max));
        depths.push((
            format!("turns of {name} without an outcome"),
            actor.commits_pending as usize,
            TURNS_MAX,
        ));
    }
    for (index, waiting) in life.edge.waiting().into_iter().enumerate() {
        let slice = format!("slice {index}");
        depths.push((format!("inputs of {slice}"), waiting.inputs, INBOX_MAX));
        let (events, bytes) = (waiting.journal_events, waiting.journal_bytes);
        depths.push((format!("dispatches kept by {slice}"), events, waiting.journal_events_max()));
        depths.push((format!("bytes kept by {slice}"), bytes, waiting.journal_bytes_max()));
    }
    depths
}

fn over(life: &Life) -> Vec<String> {
    let over = depths(life).into_iter().filter(|(_, depth, max)| depth > max);
    over.map(|(name, depth, max)| format!("{}: {name} are {depth}, of {max} at most", life.mesh.node()))
        .collect()
}

/// When nobody is connected and nothing is caused any more, nothing waits and no session is remembered.
pub(crate) async fn left(world: &World) -> Vec<String> {
    let mut left = Vec::new();
    for life in world.all() {
        let filled = depths(&life).into_iter().filter(|(_, depth, _)| *depth > 0);
        left.extend(filled.map(|(name, depth, _)| format!("{}: {name} are still {depth}", life.mesh.node())));
        let lost = life.edge.lost_events();
        if lost > 0 {
            left.push(format!("{lost} inputs had no room in the inboxes of {}", life.mesh.node()));
        }
    }
    let Some(life) = world.all().first().cloned() else { return left };
    let users = life.mesh.client::<user::User>();
    for person in 1..=world.people() {
        let sessions = users.call(person, Caller::system(), user::Op::Sessions);
        let reply: Reply = life.scope.within(sessions).await;
        let sessions = reply.as_ref().ok().and_then(|answer| answer.body());
        if sessions.is_none_or(|sessions| sessions.as_ref() != b"[]") {
            left.push(format!("person {person}, who has left, has sessions: {sessions:?}"));
        }
    }
    left
}

//! Trials: people at two gateways talk in guilds and in private while nodes of the owners are killed, hang, and are drained.
//!
//! What must hold: every acknowledged message is in its channel, once; each session is told of it, once, unless it was told in so
//! many words that it has missed something; no socket of another node closed; what is refused is taken again. How soon is
//! measured and not judged: that depends on the machine.

use super::edges;
use super::people::{Ear, Heard, history, private, say};
use super::rig::{Kept, Rig};
use crate::api::{Api, User};
use crate::args::Args;
use crate::{server, sh};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The nodes of a trial: edges at 0 and 1, owners at 2 and 3; see the layout of four nodes.
const NODES: usize = 4;
const EDGES: [usize; 2] = [0, 1];
const OWNERS: [usize; 2] = [2, 3];
/// After so long a conversation that does not go on never will, on the slowest machine. The node's lease of 2 s is part of it.
const BACK_LIMIT: Duration = Duration::from_secs(90);
/// The same of a message on its way to every socket.
const TOLD_LIMIT: Duration = Duration::from_secs(60);
/// Between two messages of a conversation.
const PAUSE: Duration = Duration::from_millis(20);
/// Messages of each conversation between two blows.
const BETWEEN: usize = 10;

/// How large a trial is.
struct Size {
    people: usize,
    guilds: usize,
    blows: Vec<Blow>,
    kept: Kept,
}

/// What is done to a node.
#[derive(Clone, Copy, PartialEq)]
enum Blow {
    /// It ends without warning, and is started again.
    Kill,
    /// It stands still until others own what it owned, and then goes on as if nothing had been.
    Hang,
    /// It ends in order, as an operator asks, and is started again.
    Roll,
}

/// A channel, and who is in it.
struct Conversation {
    channel: String,
    people: Vec<usize>,
}

/// A message that was acknowledged.
struct Acknowledged {
    conversation: usize,
    id: String,
    content: String,
    /// When somebody began to say it, and when it was acknowledged.
    asked: Instant,
    at: Instant,
    /// How often it was refused before.
    refused: usize,
}

impl Acknowledged {
    /// For whoever looks for what went wrong.
    fn tell(&self, began: Instant) -> String {
        let at = self.at.duration_since(began).as_millis();
        format!("{:?} (after {at} ms, refused {} times before)", self.content, self.refused)
    }
}

/// What people share while they talk.
struct Talk {
    began: Instant,
    over: AtomicBool,
    acknowledged: Mutex<Vec<Acknowledged>>,
    refused: Mutex<usize>,
    failed: Mutex<Option<String>>,
}

/// People, where they are, and what they are in.
struct Stage {
    rig: Rig,
    people: Vec<User>,
    conversations: Vec<Conversation>,
    ears: Vec<Ear>,
}

/// What came of a trial.
#[derive(Default)]
struct Outcome {
    acknowledged: usize,
    refused: usize,
    /// How long each conversation stood still after each kill, sorted.
    back: Vec<Duration>,
    broken: Vec<String>,
    /// How often a session was told that it has missed something, and its client identified again.
    again: usize,
}

/// Runs a small trial as a part of all tests, with a node that is killed, one that hangs and one that is drained; gives how many
/// messages held.
///
/// # Errors
/// With what did not hold.
pub fn check() -> Result<usize, String> {
    let (blows, kept) = (vec![Blow::Kill, Blow::Hang, Blow::Roll], Kept::EmbeddedRpc);
    let size = Size { people: 2, guilds: 2, blows, kept };
    let (mut outcome, mut rig) = trial(&size, "cluster-trial")?;
    println!("     {}", outcome.tell());
    let edges = edges::on(&mut rig, 2, 5, 1)?;
    edges.tell();
    outcome.broken.extend(edges.broken);
    if outcome.broken.is_empty() { Ok(outcome.acknowledged) } else { Err(outcome.broken.join("\n")) }
}

/// `kill`, `hang` or `rolling`, `--people N --guilds N --blows N --store embedded-rpc|cassandra`: strikes nodes of owners under load, and prints what came of it.
///
/// # Errors
/// With what did not hold.
pub fn chaos(kind: &str, args: &mut Args) -> Result<(), String> {
    let blow = match kind {
        "kill" => Blow::Kill,
        "hang" => Blow::Hang,
        "rolling" => Blow::Roll,
        other => return Err(format!("chaos {other}: only kill, hang, rolling and gateway are built")),
    };
    let (people, guilds) = (args.option("--people")?.unwrap_or(8), args.option("--guilds")?.unwrap_or(12));
    let blows: usize = args.option("--blows")?.unwrap_or(4);
    let kept = args.option("--store")?.unwrap_or_default();
    args.rest()?;
    let size = Size { people, guilds, blows: vec![blow; blows], kept };
    let (outcome, _rig) = trial(&size, &format!("chaos-{kind}"))?;
    let Outcome { acknowledged, refused, broken, again, .. } = &outcome;
    let (half, most, last) = (outcome.back(50), outcome.back(99), outcome.back(100));
    println!("{kind}: {NODES} nodes, {guilds} guilds, {people} people, {blows} blows");
    println!(
        "| acknowledged | refused | back: 50 % ms | 99 % ms | last ms | identified again | broken promises |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    println!("| {acknowledged} | {refused} | {half} | {most} | {last} | {again} | {} |", broken.len());
    println!(
        "{}",
        json!({
            "chaos": kind, "nodes": NODES, "guilds": guilds, "people": people, "blows": blows,
            "acknowledged": acknowledged, "refused": refused, "back_p50_ms": half, "back_p99_ms": most,
            "back_max_ms": last, "identified_again": again, "broken": broken.len(),
        })
    );
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
}

impl Outcome {
    /// After how many milliseconds so many of a hundred conversations went on.
    fn back(&self, part: usize) -> u64 {
        let at = (self.back.len() * part / 100).min(self.back.len().saturating_sub(1));
        self.back.get(at).map_or(0, |back| back.as_millis() as u64)
    }

    /// In one line.
    fn tell(&self) -> String {
        let Self { acknowledged, refused, again, .. } = self;
        let (half, last) = (self.back(50), self.back(100));
        format!(
            "{acknowledged} messages, {refused} refused at first, back after {half} to {last} ms, {again} identified again"
        )
    }
}

fn trial(size: &Size, name: &str) -> Result<(Outcome, Rig), String> {
    let binary = server::build(false)?;
    let mut stage =
        Stage::set(Rig::start(&binary, name, NODES, size.kept, &["--rate-limits", "off"])?, size)?;
    let talk = Talk {
        began: Instant::now(),
        over: AtomicBool::new(false),
        acknowledged: Mutex::default(),
        refused: Mutex::default(),
        failed: Mutex::default(),
    };
    let apis: Vec<Api> = EDGES
        .iter()
        .map(|edge| stage.rig.server(*edge).map(|edge| Api::new(&edge.api())))
        .collect::<Result<_, _>>()?;
    let mut outcome = Outcome::default();
    let Stage { rig, people, conversations, ears } = &mut stage;
    let blows = std::thread::scope(|scope| {
        for (number, conversation) in conversations.iter().enumerate() {
            let (talk, apis, people) = (&talk, &apis, &*people);
            scope.spawn(move || talk.on(number, conversation, people, apis));
        }
        let struck = strike(rig, &talk, conversations.len(), &size.blows, &mut outcome);
        talk.over.store(true, Ordering::Relaxed);
        struck
    });
    blows?;
    if let Some(failure) = lock(&talk.failed).take() {
        return Err(failure);
    }
    outcome.refused = *lock(&talk.refused);
    outcome.back.sort_unstable();
    let acknowledged = lock(&talk.acknowledged);
    outcome.acknowledged = acknowledged.len();
    kept(conversations, people, &apis, &acknowledged, &mut outcome)?;
    told(conversations, ears, &acknowledged, &mut outcome);
    Ok((outcome, stage.rig))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stage {
    /// Makes accounts, guilds that all are in, and a private channel for each two; opens a session for each.
    fn set(rig: Rig, size: &Size) -> Result<Self, String> {
        let api = |at: usize| rig.server(EDGES[at % 2]).map(|edge| Api::new(&edge.api()));
        let name = |at: usize| format!("person{at}");
        let people: Vec<User> =
            (0..size.people).map(|at| api(at)?.user(&name(at), "c")).collect::<Result<_, String>>()?;
        let mut conversations = Vec::new();
        for guild in 0..size.guilds {
            let founder = guild % size.people;
            let (_, channel) = api(founder)?.guild(&people[founder], &format!("Guild {guild}"))?;
            for (at, person) in people.iter().enumerate().filter(|(at, _)| *at != founder) {
                // The one who invites and the one who joins are at different nodes.
                api(at)?.join(&people[founder], &channel, person)?;
            }
            conversations.push(Conversation { channel, people: (0..size.people).collect() });
        }
        for at in (0..size.people - 1).step_by(2) {
            let channel = private(&api(at)?, &people[at].token, &people[at + 1].id)?;
            conversations.push(Conversation { channel, people: vec![at, at + 1] });
        }
        let ear = |(at, person): (usize, &User)| Ear::open(rig.server(EDGES[at % 2])?.address, &person.token);
        let ears = people.iter().enumerate().map(ear).collect::<Result<_, String>>()?;
        Ok(Self { rig, people, conversations, ears })
    }
}

impl Talk {
    /// People of a conversation speak in turn, each at their own edge, until the trial is over.
    fn on(&self, number: usize, conversation: &Conversation, people: &[User], apis: &[Api]) {
        for turn in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let speaker = conversation.people[turn % conversation.people.len()];
            let content = format!("c{number} t{turn}");
            let asked = Instant::now();
            match say(&apis[speaker % 2], &people[speaker].token, &conversation.channel, &content) {
                Ok(said) => {
                    *lock(&self.refused) += said.refused;
                    let (conversation, id, refused) = (number, said.id, said.refused);
                    let at = Instant::now();
                    let one = Acknowledged { conversation, id, content, asked, at, refused };
                    lock(&self.acknowledged).push(one);
                }
                Err(error) => {
                    *lock(&self.failed) = Some(error);
                    return self.over.store(true, Ordering::Relaxed);
                }
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until each conversation has so many messages more that were acknowledged after a moment.
    fn goes_on(
        &self,
        conversations: usize,
        since: Instant,
        count: usize,
        limit: Duration,
    ) -> Result<(), String> {
        let enough = || {
            let mut counts = vec![0; conversations];
            lock(&self.acknowledged)
                .iter()
                .filter(|one| one.at > since)
                .for_each(|one| counts[one.conversation] += 1);
            counts.iter().all(|have| *have >= count)
        };
        let went_on = sh::poll(limit, || enough() || self.over.load(Ordering::Relaxed));
        if let Some(failure) = &*lock(&self.failed) {
            return Err(failure.clone());
        }
        if went_on {
            Ok(())
        } else {
            Err(format!("a conversation does not go on within {} s", limit.as_secs()))
        }
    }

    /// How long each conversation stood still after a moment.
    fn back_after(&self, conversations: usize, moment: Instant) -> Vec<Duration> {
        let acknowledged = lock(&self.acknowledged);
        let first = |number| {
            let after = acknowledged.iter().filter(|one| one.conversation == number && one.at > moment);
            after.map(|one| one.at - moment).min()
        };
        (0..conversations).filter_map(first).collect()
    }
}

/// Strikes the nodes of owners one after the other, has them back, and has one end on a signal at last.
fn strike(
    rig: &mut Rig,
    talk: &Talk,
    conversations: usize,
    blows: &[Blow],
    outcome: &mut Outcome,
) -> Result<(), String> {
    talk.goes_on(conversations, Instant::now(), BETWEEN, BACK_LIMIT)?;
    for (number, blow) in blows.iter().enumerate() {
        let victim = OWNERS[number % OWNERS.len()];
        let moment = Instant::now();
        println!("     {} is struck after {} ms", rig.members[victim].name, talk.began.elapsed().as_millis());
        match blow {
            Blow::Kill => rig.kill(victim),
            Blow::Hang => sh::signal("STOP", &[rig.server(victim)?.pid()]),
            Blow::Roll => rig.drain(victim)?,
        }
        talk.goes_on(conversations, moment, BETWEEN, BACK_LIMIT)?;
        outcome.back.extend(talk.back_after(conversations, moment));
        match blow {
            Blow::Kill | Blow::Roll => rig.bring(victim)?,
            Blow::Hang => sh::signal("CONT", &[rig.server(victim)?.pid()]),
        }
        talk.goes_on(conversations, Instant::now(), BETWEEN, BACK_LIMIT)?;
    }
    let stopped = Instant::now();
    rig.stop(OWNERS[0])?;
    talk.goes_on(conversations, stopped, BETWEEN, BACK_LIMIT)?;
    let gone = &rig.members[OWNERS[0]].name;
    let nodes = rig.status()?;
    let left =
        nodes["nodes"].as_array().is_some_and(|nodes| nodes.iter().all(|node| node["name"] != gone.as_str()));
    if left { Ok(()) } else { Err(format!("{gone} has ended and is still registered")) }
}

/// Every acknowledged message is in its channel once, as both edges see it.
fn kept(
    conversations: &[Conversation],
    people: &[User],
    apis: &[Api],
    acknowledged: &[Acknowledged],
    outcome: &mut Outcome,
) -> Result<(), String> {
    for (number, conversation) in conversations.iter().enumerate() {
        for (edge, api) in apis.iter().enumerate() {
            let reader =
                conversation.people.iter().find(|person| *person % 2 == edge).copied().unwrap_or_default();
            let (contents, ids) = history(api, &people[reader].token, &conversation.channel)?;
            for one in acknowledged.iter().filter(|one| one.conversation == number) {
                if !ids.contains(&one.id) {
                    outcome.broken.push(format!("lost at edge {edge}: {:?} ({})", one.content, one.id));
                }
                if contents.get(&one.content) != Some(&1) {
                    outcome.broken.push(format!("not once at edge {edge}: {:?}", one.content));
                }
            }
        }
    }
    Ok(())
}

/// Each session was told of each message once, unless it was told that it has missed something; no socket has ended.
fn told(conversations: &[Conversation], ears: &[Ear], acknowledged: &[Acknowledged], outcome: &mut Outcome) {
    let began = acknowledged.iter().map(|one| one.at).min().unwrap_or_else(Instant::now);
    for (person, ear) in ears.iter().enumerate() {
        let untold = |heard: &Heard| -> Vec<String> {
            let own =
                acknowledged.iter().filter(|one| conversations[one.conversation].people.contains(&person));
            let missed = own.filter(|one| !heard.messages.contains_key(&one.id));
            let missed = missed.filter(|one| heard.since.is_none_or(|since| one.asked > since));
            missed.map(|one| format!("person {person} was not told of {}", one.tell(began))).collect()
        };
        sh::poll(TOLD_LIMIT, || ear.with(|heard| untold(heard).is_empty()));
        ear.with(|heard| {
            outcome.again += heard.again;
            outcome.broken.extend(untold(heard));
            let twice = heard.messages.iter().filter(|(_, times)| **times > 1);
            outcome
                .broken
                .extend(twice.map(|(id, times)| format!("person {person} was told {times} times of {id}")));
            outcome.broken.extend(heard.jumps.iter().map(|jump| format!("person {person}: sequence {jump}")));
            outcome
                .broken
                .extend(heard.ended.iter().map(|why| format!("the socket of person {person} ended: {why}")));
        });
    }
}

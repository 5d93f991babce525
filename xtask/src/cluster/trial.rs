//! Trials: people at two gateways talk in guilds and in private while nodes of the owners are killed, hang, and are drained.
//!
//! What must hold: every acknowledged message is in its channel, once; each session is told of it, once, unless it was told in so
//! many words that it has missed something; no socket of another node closed; what is refused is taken again. How soon is
//! measured and not judged: that depends on the machine.

use super::people::{Ear, Heard, history, private, say};
use super::rig::{Kept, Plan, Rig};
use super::{edges, outages};
use crate::api::{Api, User};
use crate::args::Args;
use crate::{server, sh};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The nodes of a trial: edges at 0 and 1, owners at 2 and 3; see the layout of four nodes.
const NODES: usize = 4;
pub(super) const EDGES: [usize; 2] = [0, 1];
pub(super) const OWNERS: [usize; 2] = [2, 3];
/// After so long a conversation that does not go on never will, on the slowest machine. The node's lease of 2 s is part of it.
pub(super) const BACK_LIMIT: Duration = Duration::from_secs(90);
/// The same of a message on its way to every socket.
const TOLD_LIMIT: Duration = Duration::from_secs(60);
/// Between two messages of a conversation.
const PAUSE: Duration = Duration::from_millis(20);
/// Messages of each conversation between two blows.
pub(super) const BETWEEN: usize = 10;

/// How large a trial is.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub people: usize,
    pub guilds: usize,
    /// Whether those at one edge speak without waiting for those at the other.
    pub apart: bool,
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

/// People who speak in turn in a conversation.
struct Voice {
    conversation: usize,
    people: Vec<usize>,
}

/// A message that was acknowledged.
struct Acknowledged {
    conversation: usize,
    voice: usize,
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
pub(super) struct Talk {
    pub began: Instant,
    voices: Vec<Voice>,
    over: AtomicBool,
    acknowledged: Mutex<Vec<Acknowledged>>,
    /// Refusals that did not say that it is worth trying again.
    rude: Mutex<Vec<String>>,
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
pub(super) struct Outcome {
    pub acknowledged: usize,
    pub refused: usize,
    /// How long each voice stood still after each blow, sorted.
    pub back: Vec<Duration>,
    pub broken: Vec<String>,
    /// How often a session was told that it has missed something, and its client identified again.
    pub again: usize,
}

/// Runs a small trial as a part of all tests, with a node that is killed, one that hangs and one that is drained; gives how many
/// messages held.
///
/// # Errors
/// With what did not hold.
pub fn check() -> Result<usize, String> {
    let blows = [Blow::Kill, Blow::Hang, Blow::Roll];
    let size = Size { people: 2, guilds: 2, apart: false };
    let (mut outcome, mut rig) = trial(size, &blows, Kept::EmbeddedRpc, "cluster-trial")?;
    println!("     {}", outcome.tell());
    let edges = edges::on(&mut rig, 2, 5, 1)?;
    edges.tell();
    outcome.broken.extend(edges.broken);
    drop(rig);
    let outages = outages::check()?;
    outcome.acknowledged += outages.acknowledged;
    outcome.broken.extend(outages.broken);
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
        other => {
            return Err(format!(
                "chaos {other}: only kill, hang, rolling, gateway, etcd, partition and store are built"
            ));
        }
    };
    let (people, guilds) = (args.option("--people")?.unwrap_or(8), args.option("--guilds")?.unwrap_or(12));
    let blows: usize = args.option("--blows")?.unwrap_or(4);
    let kept = args.option("--store")?.unwrap_or_default();
    args.rest()?;
    let size = Size { people, guilds, apart: false };
    let (outcome, _rig) = trial(size, &vec![blow; blows], kept, &format!("chaos-{kind}"))?;
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
    pub fn tell(&self) -> String {
        let Self { acknowledged, refused, again, .. } = self;
        let (half, last) = (self.back(50), self.back(100));
        format!(
            "{acknowledged} messages, {refused} refused at first, back after {half} to {last} ms, {again} identified again"
        )
    }
}

fn trial(size: Size, blows: &[Blow], kept: Kept, name: &str) -> Result<(Outcome, Rig), String> {
    let rig = Rig::start(&server::build(false)?, name, Plan::of(NODES, kept))?;
    run(rig, size, |rig, talk, _, outcome| strike(rig, talk, blows, outcome))
}

/// Has people talk in a cluster while `act` does something to it, and looks whether what was promised holds.
///
/// # Errors
/// When nobody can talk, or `act` fails. What does not hold is in the outcome.
pub(super) fn run(
    rig: Rig,
    size: Size,
    act: impl FnOnce(&mut Rig, &Talk, &[Ear], &mut Outcome) -> Result<(), String>,
) -> Result<(Outcome, Rig), String> {
    let mut stage = Stage::set(rig, &size)?;
    let talk = Talk {
        began: Instant::now(),
        voices: stage.voices(size.apart),
        over: AtomicBool::new(false),
        acknowledged: Mutex::default(),
        rude: Mutex::default(),
        failed: Mutex::default(),
    };
    let apis: Vec<Api> = EDGES
        .iter()
        .map(|edge| stage.rig.server(*edge).map(|edge| Api::new(&edge.api())))
        .collect::<Result<_, _>>()?;
    let mut outcome = Outcome::default();
    let Stage { rig, people, conversations, ears } = &mut stage;
    let acted = std::thread::scope(|scope| {
        for (number, voice) in talk.voices.iter().enumerate() {
            let (talk, apis, people) = (&talk, &apis, &*people);
            let channel = &conversations[voice.conversation].channel;
            scope.spawn(move || talk.on(number, voice, channel, (people, apis)));
        }
        let acted = act(rig, &talk, ears, &mut outcome);
        talk.over.store(true, Ordering::Relaxed);
        acted
    });
    acted?;
    if let Some(failure) = lock(&talk.failed).take() {
        return Err(failure);
    }
    outcome.back.sort_unstable();
    let rude = lock(&talk.rude);
    outcome.broken.extend(rude.iter().map(|rude| format!("not refused by 503 with Retry-After: {rude}")));
    let acknowledged = lock(&talk.acknowledged);
    outcome.acknowledged = acknowledged.len();
    outcome.refused = acknowledged.iter().map(|one| one.refused).sum();
    in_order(&acknowledged, talk.voices.len(), &mut outcome);
    kept(conversations, people, &apis, &acknowledged, &mut outcome)?;
    told(conversations, ears, &acknowledged, &mut outcome);
    drop(rude);
    drop(acknowledged);
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

    /// Who speaks with whom in turn: all of a conversation, or those at each edge.
    fn voices(&self, apart: bool) -> Vec<Voice> {
        let conversations = self.conversations.iter().enumerate();
        let voices = conversations.flat_map(|(conversation, Conversation { people, .. })| {
            let of_edge = |edge: usize| people.iter().copied().filter(|at| at % 2 == edge).collect();
            let groups = if apart { vec![of_edge(0), of_edge(1)] } else { vec![people.clone()] };
            groups.into_iter().map(move |people: Vec<usize>| Voice { conversation, people })
        });
        voices.filter(|voice| !voice.people.is_empty()).collect()
    }
}

impl Talk {
    /// People of a voice speak in turn, each at their own edge, until the trial is over.
    fn on(&self, number: usize, voice: &Voice, channel: &str, (people, apis): (&[User], &[Api])) {
        for turn in 0.. {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            let speaker = voice.people[turn % voice.people.len()];
            let content = format!("v{number} t{turn}");
            let asked = Instant::now();
            match say(&apis[speaker % 2], &people[speaker].token, channel, &content) {
                Ok(said) => {
                    let after = self.began.elapsed().as_millis();
                    lock(&self.rude).extend(said.rude.map(|rude| format!("{rude} (before {after} ms)")));
                    let (voice, conversation) = (number, voice.conversation);
                    let (id, refused, at) = (said.id, said.refused, Instant::now());
                    let one = Acknowledged { conversation, voice, id, content, asked, at, refused };
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

    /// Waits until each voice has so many messages more that were acknowledged after a moment.
    pub fn goes_on(&self, since: Instant, count: usize, limit: Duration) -> Result<(), String> {
        let enough = || {
            let mut counts = vec![0; self.voices.len()];
            lock(&self.acknowledged)
                .iter()
                .filter(|one| one.at > since)
                .for_each(|one| counts[one.voice] += 1);
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

    /// How long each voice stood still after a moment.
    pub fn back_after(&self, moment: Instant) -> Vec<Duration> {
        let acknowledged = lock(&self.acknowledged);
        let first = |number| {
            let after = acknowledged.iter().filter(|one| one.voice == number && one.at > moment);
            after.map(|one| one.at - moment).min()
        };
        (0..self.voices.len()).filter_map(first).collect()
    }

    /// How many messages were acknowledged between two moments, and how many refusals there were before those.
    pub fn between(&self, from: Instant, to: Instant) -> (usize, usize) {
        let acknowledged = lock(&self.acknowledged);
        let within = acknowledged.iter().filter(|one| one.at > from && one.at <= to);
        within.fold((0, 0), |(count, refused), one| (count + 1, refused + one.refused))
    }
}

/// Strikes the nodes of owners one after the other, has them back, and has one end on a signal at last.
fn strike(rig: &mut Rig, talk: &Talk, blows: &[Blow], outcome: &mut Outcome) -> Result<(), String> {
    talk.goes_on(Instant::now(), BETWEEN, BACK_LIMIT)?;
    for (number, blow) in blows.iter().enumerate() {
        let victim = OWNERS[number % OWNERS.len()];
        let moment = Instant::now();
        println!("     {} is struck after {} ms", rig.members[victim].name, talk.began.elapsed().as_millis());
        match blow {
            Blow::Kill => rig.kill(victim),
            Blow::Hang => sh::signal("STOP", &[rig.server(victim)?.pid()]),
            Blow::Roll => rig.drain(victim)?,
        }
        talk.goes_on(moment, BETWEEN, BACK_LIMIT)?;
        outcome.back.extend(talk.back_after(moment));
        match blow {
            Blow::Kill | Blow::Roll => rig.bring(victim)?,
            Blow::Hang => sh::signal("CONT", &[rig.server(victim)?.pid()]),
        }
        talk.goes_on(Instant::now(), BETWEEN, BACK_LIMIT)?;
    }
    let stopped = Instant::now();
    rig.stop(OWNERS[0])?;
    talk.goes_on(stopped, BETWEEN, BACK_LIMIT)?;
    let gone = &rig.members[OWNERS[0]].name;
    let nodes = rig.status()?;
    let left =
        nodes["nodes"].as_array().is_some_and(|nodes| nodes.iter().all(|node| node["name"] != gone.as_str()));
    if left { Ok(()) } else { Err(format!("{gone} has ended and is still registered")) }
}

/// What somebody says after an answer is newer than what was answered: two who own one channel at a time would break that.
fn in_order(acknowledged: &[Acknowledged], voices: usize, outcome: &mut Outcome) {
    for voice in 0..voices {
        let ids = acknowledged.iter().filter(|one| one.voice == voice);
        let ids: Vec<u64> = ids.map(|one| one.id.parse().unwrap_or_default()).collect();
        let wrong = ids.windows(2).filter(|pair| pair[0] >= pair[1]);
        outcome.broken.extend(wrong.map(|pair| format!("{} was said after {}", pair[1], pair[0])));
    }
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

//! Trials of gateways: sockets are cut, a gateway is drained, a gateway is killed, while somebody speaks.
//!
//! What must hold: a client that comes back finds its session at whichever gateway it comes to, unless that session's node was killed;
//! then it is told so. Every client is told of every message since its last READY, once, and its sequence has no gap.

use super::people::{lock, say};
use super::rig::{Kept, Plan, Rig};
use super::roamer::{Gateways, Roamer};
use crate::api::{Api, User};
use crate::args::Args;
use crate::{server, sh};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Nodes of a trial of its own: gateways at 0 and 1, owners behind them. The first gateway has the store, so the other one is struck.
const NODES: usize = 4;
const STAYS: usize = 0;
const STRUCK: usize = 1;
/// After so long a client that is not back never will be, on the slowest machine.
const BACK_LIMIT: Duration = Duration::from_secs(60);
/// The same of a message on its way to every client.
const TOLD_LIMIT: Duration = Duration::from_secs(20);
/// Between two messages.
const PAUSE: Duration = Duration::from_millis(20);

/// What befalls gateways.
#[derive(Clone, Copy, PartialEq)]
enum Blow {
    /// Every client's socket breaks.
    Cut,
    /// The gateway leaves as an operator asks, and is started again.
    Drain,
    /// It ends without warning, and is started again.
    Kill,
}

impl Blow {
    fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut sockets",
            Self::Drain => "drained gateway",
            Self::Kill => "killed gateway",
        }
    }
}

/// What came of one blow.
struct Row {
    blow: Blow,
    /// Sessions whose clients had to come back.
    struck: usize,
    resumed: usize,
    elsewhere: usize,
    again: usize,
    /// How long each client was away, sorted.
    away: Vec<Duration>,
}

/// A message that was acknowledged, and when somebody began to say it.
struct Said {
    id: String,
    asked: Instant,
}

impl Row {
    fn part(&self, part: usize) -> u128 {
        let at = (self.away.len() * part / 100).min(self.away.len().saturating_sub(1));
        self.away.get(at).map_or(0, Duration::as_millis)
    }

    fn json(&self) -> Value {
        json!({
            "blow": self.blow.name(), "sessions": self.struck, "resumed": self.resumed, "elsewhere": self.elsewhere,
            "identified_again": self.again, "back_p50_ms": self.part(50) as u64, "back_max_ms": self.part(100) as u64,
        })
    }
}

/// What came of a trial.
pub struct Outcome {
    rows: Vec<Row>,
    messages: usize,
    pub broken: Vec<String>,
}

impl Outcome {
    /// In one line for each blow.
    pub fn tell(&self) {
        for row in &self.rows {
            println!(
                "     {}: {} sessions, {} resumed ({} elsewhere), {} identified again, back after {} to {} ms",
                row.blow.name(),
                row.struck,
                row.resumed,
                row.elsewhere,
                row.again,
                row.part(50),
                row.part(100)
            );
        }
    }
}

/// `cargo xtask chaos gateway [--people N] [--sessions N] [--rounds N]`: cuts, drains and kills, and prints what came of it.
///
/// # Errors
/// With what did not hold.
pub fn chaos(args: &mut Args) -> Result<(), String> {
    let (people, sessions) =
        (args.option("--people")?.unwrap_or(8), args.option("--sessions")?.unwrap_or(25));
    let rounds: usize = args.option("--rounds")?.unwrap_or(1);
    args.rest()?;
    let mut rig = Rig::start(&server::build(false)?, "chaos-gateway", Plan::of(NODES, Kept::EmbeddedRpc))?;
    let outcome = on(&mut rig, people, sessions, rounds)?;
    let Outcome { rows, messages, broken } = &outcome;
    println!(
        "gateway: {NODES} nodes, 2 of them gateways, {people} people, {sessions} sessions each, {messages} messages"
    );
    println!(
        "| blow | sessions | resumed | of them elsewhere | identified again | back: 50 % ms | 99 % ms | last ms |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for row in rows {
        let (half, most, last) = (row.part(50), row.part(99), row.part(100));
        println!(
            "| {} | {} | {} | {} | {} | {half} | {most} | {last} |",
            row.blow.name(),
            row.struck,
            row.resumed,
            row.elsewhere,
            row.again
        );
    }
    let rows: Vec<_> = rows.iter().map(Row::json).collect();
    println!("{}", json!({"chaos": "gateway", "messages": messages, "blows": rows, "broken": broken.len()}));
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
}

/// Runs a trial on a cluster whose gateways are its first two nodes.
///
/// # Errors
/// When somebody does not come back, or nothing can be said.
pub fn on(rig: &mut Rig, people: usize, sessions: usize, rounds: usize) -> Result<Outcome, String> {
    let api = Api::new(&rig.server(STAYS)?.api());
    let people: Vec<User> =
        (0..people).map(|at| api.user(&format!("roamer{at}"), "r")).collect::<Result<_, _>>()?;
    let (_, channel) = api.guild(&people[0], "Roamers")?;
    people[1..].iter().try_for_each(|person| api.join(&people[0], &channel, person).map(drop))?;
    let gateways: Gateways =
        Arc::new(Mutex::new(vec![rig.server(STAYS)?.address, rig.server(STRUCK)?.address]));
    let clients = people.iter().flat_map(|person| (0..sessions).map(move |_| person)).enumerate();
    let clients: Vec<_> =
        clients.map(|(at, person)| Roamer::start(gateways.clone(), at, &person.token)).collect();
    if !sh::poll(BACK_LIMIT, || clients.iter().all(|client| client.with(|seen| seen.back.is_some()))) {
        return Err("not everybody is let in".to_owned());
    }
    let (said, over, failed) = (Mutex::default(), AtomicBool::new(false), Mutex::default());
    let rows = std::thread::scope(|scope| {
        scope.spawn(|| speak(&api, &people[0].token, &channel, (&said, &over, &failed)));
        let rows = strike_all(rig, &gateways, &clients, rounds);
        over.store(true, Ordering::Relaxed);
        rows
    });
    if let Some(failure) = lock::<Option<String>>(&failed).take() {
        return Err(failure);
    }
    let (rows, said) = (rows?, lock(&said));
    let mut broken = judge(&clients, &said);
    let lost = rows.iter().filter(|row| row.blow != Blow::Kill && row.again > 0);
    broken
        .extend(lost.map(|row| format!("{}: {} sessions were not found again", row.blow.name(), row.again)));
    Ok(Outcome { rows, messages: said.len(), broken })
}

fn speak(
    api: &Api,
    token: &str,
    channel: &str,
    (said, over, failed): (&Mutex<Vec<Said>>, &AtomicBool, &Mutex<Option<String>>),
) {
    for turn in 0.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let asked = Instant::now();
        match say(api, token, channel, &format!("roamers hear {turn}")) {
            Ok(one) => lock(said).push(Said { id: one.id, asked }),
            Err(error) => {
                *lock(failed) = Some(error);
                return;
            }
        }
        std::thread::sleep(PAUSE);
    }
}

fn strike_all(
    rig: &mut Rig,
    gateways: &Gateways,
    clients: &[Roamer],
    rounds: usize,
) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for _ in 0..rounds {
        for blow in [Blow::Cut, Blow::Drain, Blow::Kill] {
            rows.push(strike(rig, gateways, clients, blow)?);
        }
    }
    Ok(rows)
}

/// Strikes, waits until everybody is back, and has the gateway back.
fn strike(rig: &mut Rig, gateways: &Gateways, clients: &[Roamer], blow: Blow) -> Result<Row, String> {
    let counts = |client: &Roamer| client.with(|seen| (seen.resumed, seen.elsewhere, seen.again));
    let before: Vec<_> = clients.iter().map(counts).collect();
    let target = rig.server(STRUCK)?.address;
    let is_struck = |client: &&Roamer| blow == Blow::Cut || client.with(|seen| seen.at == Some(target));
    let struck: Vec<_> = clients.iter().filter(is_struck).collect();
    let moment = Instant::now();
    match blow {
        Blow::Cut => clients.iter().for_each(Roamer::cut),
        Blow::Drain => rig.drain(STRUCK)?,
        Blow::Kill => rig.kill(STRUCK),
    }
    let is_back = |client: &&Roamer| client.with(|seen| seen.back.is_some_and(|back| back > moment));
    if !sh::poll(BACK_LIMIT, || struck.iter().all(is_back)) {
        let missing = struck.iter().filter(|client| !is_back(client)).count();
        return Err(format!("{}: {missing} clients are not back", blow.name()));
    }
    let mut away: Vec<_> =
        struck.iter().filter_map(|client| client.with(|seen| seen.back.map(|back| back - moment))).collect();
    away.sort_unstable();
    if blow != Blow::Cut {
        rig.bring(STRUCK)?;
        lock(gateways)[STRUCK] = rig.server(STRUCK)?.address;
        // Some are to be there when it is struck again.
        let moment = Instant::now();
        clients.iter().step_by(2).for_each(Roamer::cut);
        let is_back = |client: &Roamer| client.with(|seen| seen.back.is_some_and(|back| back > moment));
        if !sh::poll(BACK_LIMIT, || clients.iter().step_by(2).all(is_back)) {
            return Err("not everybody comes back once the gateway is there again".to_owned());
        }
    }
    let after: Vec<_> = clients.iter().map(counts).collect();
    let sum = |of: fn(&(usize, usize, usize)) -> usize| {
        after.iter().map(of).sum::<usize>() - before.iter().map(of).sum::<usize>()
    };
    let (resumed, elsewhere, again) = (sum(|it| it.0), sum(|it| it.1), sum(|it| it.2));
    Ok(Row { blow, struck: struck.len(), resumed, elsewhere, again, away })
}

/// Each client was told of each message once that was said since its last READY.
fn judge(clients: &[Roamer], said: &[Said]) -> Vec<String> {
    let mut broken = Vec::new();
    let untold = |client: &Roamer| {
        client.with(|seen| {
            let since = |one: &&Said| seen.since.is_none_or(|since| one.asked > since);
            said.iter().filter(since).filter(|one| !seen.messages.contains_key(&one.id)).count()
        })
    };
    sh::poll(TOLD_LIMIT, || clients.iter().all(|client| untold(client) == 0));
    for (at, client) in clients.iter().enumerate() {
        let missed = untold(client);
        if missed > 0 {
            broken.push(format!("client {at} was not told of {missed} messages"));
        }
        client.with(|seen| {
            let twice = seen.messages.values().filter(|times| **times > 1).count();
            if twice > 0 {
                broken.push(format!("client {at} was told {twice} messages twice"));
            }
            broken.extend(seen.jumps.iter().map(|jump| format!("client {at}: sequence {jump}")));
        });
    }
    broken
}

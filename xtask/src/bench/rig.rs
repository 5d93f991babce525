//! A server under measurement: its world, its clients, who posts, and what a phase of it costs.

use super::measure::{self, Memory};
use super::options::Options;
use super::swarm::{self, Board, Compress, PATIENCE, Plan, Swarm, Tally};
use super::world::{Kind, Poster, World};
use crate::server::{self, Server};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// How many events warm up.
const WARM_UP: usize = 3;
/// GUILDS, GUILD_MESSAGES and MESSAGE_CONTENT.
const INTENTS: u64 = 1 | 1 << 9 | 1 << 15;
/// GUILD_MEMBERS, for changes of names.
const MEMBERS: u64 = 1 << 1;

/// What a bench wants of its clients beyond the common options.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wants {
    /// Clients that are closed come back.
    pub tolerant: bool,
    /// Changes of names are heard, too.
    pub names: bool,
}

/// A running server with its clients.
pub struct Rig {
    /// How many sessions there are.
    pub sessions: usize,
    /// Members of the guild.
    pub members: usize,
    /// Transport compression.
    pub compress: Compress,
    /// How the server was told to send.
    pub gateway_io: Option<String>,
    /// The clients.
    pub swarm: Swarm,
    /// Who makes events.
    pub poster: Poster,
    /// From the first connection to the last READY.
    pub ready: Duration,
    /// Connections that had to be tried again until then.
    pub retries: u64,
    /// CPU of the server for each session until all were ready, microseconds.
    pub identify_us: f64,
    server: Server,
    memory: Vec<(&'static str, Memory)>,
}

/// One measured phase.
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Events in it.
    pub events: usize,
    /// How long it took.
    pub wall: Duration,
    /// CPU of the server, microseconds.
    pub server_us: u64,
    /// CPU of the clients and who posts, microseconds.
    pub client_us: u64,
    /// What the clients saw.
    pub tally: Tally,
    /// For each event that is everywhere, how long that took, microseconds, sorted.
    pub walls: Vec<u32>,
}

impl Rig {
    /// Fills a world, starts a server and its sessions, warms up.
    ///
    /// # Errors
    /// When any of that fails.
    pub fn start(options: &Options, sessions: usize, wants: Wants) -> Result<Self, String> {
        let members = options.members(sessions);
        swarm::hints(sessions).iter().for_each(|hint| eprintln!("for so many sessions: {hint}"));
        let world = World::prepare(&options.binary, options.world.as_ref(), members, sessions)?;
        let (server, gateway) = start_server(options, sessions, &world)?;
        let tokens = world.tokens(sessions)?;
        let member = tokens.first().cloned().unwrap_or_default();
        let before = (measure::memory(server.pid())?, measure::cpu_us(server.pid())?);
        let swarm = Swarm::start(Plan {
            targets: vec![(gateway, sessions)],
            raw: 0,
            tokens,
            intents: INTENTS | if wants.names { MEMBERS } else { 0 },
            events: if wants.names {
                &["MESSAGE_CREATE", "GUILD_MEMBER_UPDATE"]
            } else {
                &["MESSAGE_CREATE"]
            },
            compress: options.compress,
            inflate_every: options.inflate_every,
            live_every: options.live_every,
            lazy: options.lazy,
            tolerant: wants.tolerant,
            in_flight: options.in_flight,
            coalesce: options.coalesce,
        })?;
        let ready = swarm.await_ready()?;
        swarm.await_quiet()?;
        let identify_us = (measure::cpu_us(server.pid())? - before.1) as f64 / sessions as f64;
        let retries = swarm.tally()?.retries;
        eprintln!(
            "{sessions} sessions ready after {:.1} s; {retries} connections were tried again",
            ready.as_secs_f64()
        );
        let poster = Poster::new(server.address, &world, member, swarm.board.clone(), options.pad)?;
        let memory = vec![("before", before.0), ("ready", measure::memory(server.pid())?)];
        let (compress, gateway_io) = (options.compress, options.gateway_io.clone());
        let mut rig = Self {
            sessions,
            members,
            compress,
            gateway_io,
            swarm,
            poster,
            ready,
            retries,
            identify_us,
            server,
            memory,
        };
        rig.one_at_a_time(Kind::Message, WARM_UP)?;
        rig.swarm.tally()?;
        Ok(rig)
    }

    /// The process under measurement.
    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Takes note of the server's memory under a name.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn weigh(&mut self, name: &'static str) -> Result<Memory, String> {
        let memory = measure::memory(self.server.pid())?;
        self.memory.push((name, memory));
        Ok(memory)
    }

    /// Makes events, each when the last is everywhere.
    ///
    /// # Errors
    /// When one does not get everywhere.
    pub fn one_at_a_time(&mut self, kind: Kind, events: usize) -> Result<std::ops::Range<u64>, String> {
        let mut range = 0..0;
        for count in 0..events {
            let number = self.poster.post(kind)?;
            self.swarm.board.await_event(number, PATIENCE)?;
            range = if count == 0 { number..number + 1 } else { range.start..number + 1 };
        }
        Ok(range)
    }

    /// Waits until every session has these events; the last must be everywhere at last, the others are looked at then.
    ///
    /// # Errors
    /// When one does not get everywhere.
    pub fn await_all(&self, events: std::ops::Range<u64>) -> Result<(), String> {
        for number in events.rev() {
            self.swarm.board.await_event(number, PATIENCE)?;
        }
        Ok(())
    }

    /// Waits until every session is ready again.
    ///
    /// # Errors
    /// When nothing comes for `patience`.
    pub fn await_back(&self, patience: Duration) -> Result<(), String> {
        let back = || self.swarm.board.ready.load(Relaxed);
        let state = || format!("{} of {} sessions are back", back(), self.sessions);
        self.swarm.board.wait(patience, state, || (back() == self.sessions).then_some(()))
    }

    /// Waits until these events are with everybody, or nothing comes any more: what is missing then shows in the figures.
    ///
    /// # Errors
    /// When the clients fail.
    pub fn settle(&self, events: std::ops::Range<u64>) -> Result<std::ops::Range<u64>, String> {
        self.swarm.await_rest(events.clone())?;
        Ok(events)
    }

    /// Measures what `body` costs. It returns the events that it made.
    ///
    /// # Errors
    /// Those of `body`.
    pub fn phase(
        &mut self,
        name: &str,
        body: impl FnOnce(&mut Self) -> Result<std::ops::Range<u64>, String>,
    ) -> Result<Phase, String> {
        let (server, own) = (self.server.pid(), std::process::id());
        self.swarm.tally()?;
        let before = (measure::cpu_us(server)?, measure::cpu_us(own)?, Instant::now());
        let events = body(self)?;
        let wall = before.2.elapsed();
        let (server_us, client_us) = (measure::cpu_us(server)? - before.0, measure::cpu_us(own)? - before.1);
        let tally = self.swarm.tally()?;
        let board: &Arc<Board> = &self.swarm.board;
        let mut walls: Vec<u32> = events
            .clone()
            .filter_map(|number| Some(u32::try_from(board.wall(number)?.as_micros()).unwrap_or(u32::MAX)))
            .collect();
        walls.sort_unstable();
        Ok(Phase { name: name.to_owned(), events: events.count(), wall, server_us, client_us, tally, walls })
    }

    /// The server's memory a session at each weighing, beyond what it had before: RSS and PSS in bytes.
    pub fn memory_json(&self) -> Value {
        let (_, before) = self.memory.first().copied().unwrap_or_default();
        let rows = self.memory.iter().map(|(name, memory)| {
            let each = |now: u64, then: u64| now.saturating_sub(then) / self.sessions as u64;
            let row = json!({
                "rss": memory.rss, "pss": memory.pss, "rss_per_session": each(memory.rss, before.rss),
                "pss_per_session": each(memory.pss, before.pss),
            });
            ((*name).to_owned(), row)
        });
        Value::Object(rows.collect())
    }

    /// Ends clients and server. What was measured stands, so a server that takes its time is only told of.
    pub fn stop(self) {
        drop(self.swarm);
        if let Err(error) = self.server.stop() {
            eprintln!("{error}");
        }
    }
}

/// Starts the server; returns it with the address of its gateway.
fn start_server(
    options: &Options,
    sessions: usize,
    world: &World,
) -> Result<(Server, std::net::SocketAddr), String> {
    let gateway = options.has_own_listeners(sessions).then(server::free_address).transpose()?;
    let mut words = vec!["--dev".to_owned(), "--rate-limits".to_owned(), "off".to_owned()];
    if let Some(address) = gateway {
        words.extend(["--gateway-listen".to_owned(), address.to_string()]);
    }
    if let Some(slices) = options.slices(sessions) {
        words.extend(["--slices".to_owned(), slices.to_string()]);
    }
    if let Some(io) = &options.gateway_io {
        words.extend(["--gateway-io".to_owned(), io.clone()]);
    }
    let extra: Vec<&str> = words.iter().map(String::as_str).collect();
    let server = Server::start(&server::Options {
        binary: &options.binary,
        data: &world.data,
        log: "bench-server",
        extra: &extra,
        env: &[],
    })?;
    let address = gateway.unwrap_or(server.address);
    Ok((server, address))
}

//! The guild that benches listen to, and who posts in it.

use super::{http, swarm};
use crate::sh;
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use swarm::Board;

/// How long writing the rows may take.
const FILL_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Where the world is and what is to be known of it.
pub struct World {
    /// The server's data folder.
    pub data: PathBuf,
    channel: String,
    authorization: String,
    tokens: PathBuf,
}

impl World {
    /// A guild with `members`, `sessions` of whom have tokens, written into the store while no server runs. One that is
    /// in `place` (data and description) already is taken as it is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn prepare(
        binary: &Path,
        place: Option<&(PathBuf, PathBuf)>,
        members: usize,
        sessions: usize,
    ) -> Result<Self, String> {
        let (data, out) = match place {
            Some((data, out)) => (data.clone(), out.clone()),
            None => (sh::fresh("bench-data")?, sh::fresh("bench-world")?),
        };
        if !out.join("world.env").exists() {
            let mut fill = Command::new(binary);
            let (members, tokens) = (members.to_string(), sessions.to_string());
            fill.args(["bench-world", "--members", &members, "--tokens", &tokens, "--data"]);
            fill.arg(&data).arg("--out").arg(&out);
            sh::logged("bench-world", &mut fill, FILL_LIMIT)?;
        }
        let env = sh::read(&out.join("world.env"));
        let value = |name: &str| {
            env.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
                .map(str::to_owned)
                .ok_or_else(|| format!("world.env has no {name}"))
        };
        Ok(Self {
            data,
            channel: value("CHANNEL_ID")?,
            authorization: value("POST_TOKEN")?,
            tokens: out.join("tokens.txt"),
        })
    }

    /// Tokens of so many members.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn tokens(&self, count: usize) -> Result<Vec<Box<str>>, String> {
        swarm::read_tokens(&self.tokens, count)
    }
}

/// What an event is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// MESSAGE_CREATE: a bot posts.
    Message,
    /// GUILD_MEMBER_UPDATE: a member changes its name, with its own token.
    Name,
}

/// Makes events, numbered, one after the other on one connection, since clients expect them in their order.
pub struct Poster {
    http: http::Http,
    board: Arc<Board>,
    messages: String,
    authorization: String,
    /// Whose name changes.
    member: Box<str>,
    pad: usize,
    next: u64,
}

impl Poster {
    /// Connects to the API. `member` is a token.
    ///
    /// # Errors
    /// When that fails.
    pub fn new(
        address: SocketAddr,
        world: &World,
        member: Box<str>,
        board: Arc<Board>,
        pad: usize,
    ) -> Result<Self, String> {
        Ok(Self {
            http: http::Http::connect(address)?,
            board,
            messages: format!("/channels/{}/messages", world.channel),
            authorization: world.authorization.clone(),
            member,
            pad,
            next: 0,
        })
    }

    /// Makes an event now; returns its number.
    ///
    /// # Errors
    /// When the API refuses.
    pub fn post(&mut self, kind: Kind) -> Result<u64, String> {
        self.post_due(kind, Instant::now())
    }

    /// Makes an event that was due at this time, from which on latencies count.
    ///
    /// # Errors
    /// When the API refuses.
    pub fn post_due(&mut self, kind: Kind, due: Instant) -> Result<u64, String> {
        let number = self.next;
        self.next += 1;
        self.board.post(number, due)?;
        let request = match kind {
            Kind::Message => {
                let body = json!({ "content": format!("fan {number} {}", "x".repeat(self.pad)) });
                http::request("POST", &self.messages, &self.authorization, &body.to_string())
            }
            Kind::Name => {
                let body = json!({ "global_name": format!("fan {number}") });
                http::request("PATCH", "/users/@me", &self.member, &body.to_string())
            }
        };
        self.http.call(&request).map(|_| number)
    }

    /// Makes events at a rate for some time; returns the numbers of the first and the one behind the last.
    ///
    /// # Errors
    /// When the API refuses.
    pub fn post_at_rate(&mut self, per_second: f64, time: Duration) -> Result<std::ops::Range<u64>, String> {
        let (first, begun) = (self.next, Instant::now());
        for count in 0..(time.as_secs_f64() * per_second) as u32 {
            let due = begun + Duration::from_secs_f64(f64::from(count) / per_second);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            self.post_due(Kind::Message, due)?;
        }
        std::thread::sleep((begun + time).saturating_duration_since(Instant::now()));
        Ok(first..self.next)
    }
}

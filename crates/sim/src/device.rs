//! A client of the gateway: identifies, beats, is cut off, resumes, and keeps what it is told.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use consort_wire::ws::{self, Decoder, Input, Message};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::chance::Chance;
use crate::edge::{HEARTBEAT, RESUME_WINDOW, Socket};
use crate::view::View;
use crate::world::{Life, Stage, World};

/// Bytes of a message at most.
const MESSAGE_MAX: usize = 1 << 24;
/// A connection that was lost so much before the end of the promise must be found again.
const MARGIN: Duration = Duration::from_secs(6);

/// A node that was asked for a session looks for it no longer than so: longer than the product's patience and two questions take.
const SEARCH: Duration = Duration::from_secs(20);

/// What people show.
const STATUSES: [&str; 4] = ["online", "idle", "dnd", "invisible"];

/// What a client knows of its session.
struct Known {
    id: String,
    seq: u64,
    /// With what it was begun.
    login: u64,
    /// When it was last connected.
    parted: Instant,
    /// The lives of nodes that may have it, the last one that had it for sure first, and those that were asked for it since or not
    /// long before.
    homes: Vec<Home>,
}

/// A node that may have a session.
struct Home {
    life: Arc<Life>,
    /// How many sessions it had ended by then for want of a word that nobody has, and how often it had been taken from the map;
    /// before the connection began, if the session was gone already: its client may have left before it read so.
    before: (u64, u64),
    /// When it was last asked for the session: it may still look for it, although its client has left.
    asked: Instant,
}

impl Home {
    fn is(&self, life: &Arc<Life>) -> bool {
        Arc::ptr_eq(&self.life, life)
    }
}

impl Known {
    /// It lives at this node, or may do so from now on.
    fn may_be_at(&mut self, life: &Arc<Life>) {
        let asked = Instant::now();
        match self.homes.iter_mut().find(|home| home.is(life)) {
            Some(home) => home.asked = asked,
            None => {
                let before = (life.edge.invalidated(), life.struck());
                self.homes.push(Home { life: life.clone(), before, asked });
            }
        }
    }

    /// It lives at this node, unless one that was asked just before has it by now.
    fn is_at(&mut self, life: &Arc<Life>, before: (u64, u64)) {
        self.homes.retain(|home| !home.is(life) && home.asked.elapsed() < SEARCH);
        self.homes.insert(0, Home { life: life.clone(), before, asked: Instant::now() });
    }

    /// Whether nothing has befallen the nodes that may have it.
    fn is_kept(&self, world: &World) -> bool {
        self.homes.iter().all(|Home { life, before: (ended, struck), .. }| {
            let alive = match life.edge.is_leaving() {
                true => life.has_left_all_well(world),
                false => !life.edge.is_dead.load(Ordering::Relaxed),
            };
            let calm = life.struck() == *struck && !life.is_doubted();
            alive && calm && life.edge.invalidated() == *ended
        })
    }
}

/// Why a connection ended.
#[derive(PartialEq)]
enum End {
    /// It is closed, or cut, or was of no use.
    Over,
    /// The session is compared.
    Judged,
}

/// A client. It goes on until everything works again, and then says whether what it knows is what is so.
pub(crate) struct Device {
    user: u64,
    /// With what it has identified last.
    login: u64,
    world: Arc<World>,
    chance: Chance,
    known: Option<Known>,
    /// What had befallen the node of this connection before it began: see [`Known::homes`].
    before: (u64, u64),
    view: View,
    events: u64,
    /// When it shows itself next after everything works again, and how often it has done so.
    shows: Option<(Instant, u8)>,
}

/// A connection and what is read from it.
struct Line {
    socket: Socket,
    decoder: Decoder,
}

impl Line {
    fn say(&self, payload: &Value) {
        let mut bytes = Vec::new();
        let text = payload.to_string();
        ws::client::put_frame(&mut bytes, ws::Opcode::Text, true, [7, 1, 4, 9], text.as_bytes());
        self.socket.write(bytes);
    }

    /// The payloads that come next; `None` when nothing more will come.
    async fn hear(&mut self, until: Instant) -> Option<Vec<Value>> {
        let mut bytes = self.socket.read(until).await?;
        let mut input = Input::new(&mut bytes);
        let mut payloads = Vec::new();
        loop {
            match self.decoder.decode(&mut input) {
                Ok(Some(Message::Text(text))) => payloads.push(serde_json::from_str(text).ok()?),
                Ok(Some(Message::Close(reason))) => {
                    payloads.push(json!({"op": "close", "d": reason.map(|(code, _)| code)}));
                }
                Ok(Some(_)) => {}
                Ok(None) => return Some(payloads),
                Err(_) => return None,
            }
        }
    }
}

impl Device {
    pub(crate) fn new(user: u64, world: Arc<World>) -> Self {
        let chance = world.chance.fork();
        let (known, view) = (None, View::default());
        Self { user, login: user, world, chance, known, before: (0, 0), view, events: 0, shows: None }
    }

    /// Lives until it was judged, and gives what it found wrong.
    pub(crate) async fn live(mut self) -> (u64, Vec<String>) {
        let mut broken = Vec::new();
        while self.connection(&mut broken).await != End::Judged {
            sleep(self.chance.millis(50..3_000)).await;
            if self.world.stage() == Stage::Over {
                broken.push(format!("a client of person {} has no session although all works", self.user));
                break;
            }
        }
        broken.append(&mut self.view.broken);
        (self.events, broken)
    }

    /// The node that it comes to: now and then another one than that which has its session, as by way of a load balancer.
    fn life(&self) -> Option<Arc<Life>> {
        let home = self.known.as_ref().and_then(|known| known.homes.first()).map(|home| &home.life);
        let own = home.filter(|life| !life.edge.is_dead.load(Ordering::Relaxed));
        let own = own.filter(|_| self.world.stage() != Stage::Busy || self.chance.per_mille(600));
        own.cloned().or_else(|| self.world.any(&self.chance))
    }

    /// One connection, from its beginning to its end.
    async fn connection(&mut self, broken: &mut Vec<String>) -> End {
        let Some(life) = self.life() else { return End::Over };
        let Some(socket) = life.edge.connect() else { return End::Over };
        let mut line = Line { socket, decoder: Decoder::client(MESSAGE_MAX) };
        self.before = (life.edge.invalidated(), life.struck());
        let resumed = self.greet(&line);
        if let Some(known) = &mut self.known {
            known.may_be_at(&life);
        }
        let rival = self.rival();
        let end = Instant::now() + self.chance.millis(500..40_000);
        let mut beat = Instant::now() + HEARTBEAT;
        let over = loop {
            if self.world.stage() == Stage::Judged && self.known.is_some() {
                self.judge(&life, broken).await;
                line.say(&json!({"op": "nothing"}));
                break End::Judged;
            }
            if self.world.stage() == Stage::Over
                || (Instant::now() >= end && self.world.stage() == Stage::Busy)
            {
                break End::Over;
            }
            if Instant::now() >= beat {
                beat += HEARTBEAT;
                line.say(&json!({"op": 1, "d": self.known.as_ref().map(|known| known.seq)}));
            }
            self.show(&line);
            self.speak(&line);
            if self.chance.per_mille(20) && self.world.stage() == Stage::Busy {
                // One that does not read for a while.
                sleep(self.chance.millis(100..1_500)).await;
            }
            let Some(payloads) = line.hear(beat.min(Instant::now() + Duration::from_secs(1))).await else {
                break End::Over;
            };
            if payloads.iter().any(|payload| !self.take(payload, &life, resumed, broken)) {
                break End::Over;
            }
        };
        if let Some(known) = &mut self.known {
            known.parted = Instant::now();
            // What befell the node while it no longer had the session may be why.
            let has = life.edge.has_session(&known.id);
            for home in known.homes.iter_mut().filter(|home| has && home.is(&life)) {
                home.before = (life.edge.invalidated(), life.struck());
            }
        }
        line.socket.cut(self.chance.per_mille(600));
        if let Some(rival) = rival {
            rival.socket.cut(true);
        }
        over
    }

    /// Now and then the client resumes at another node at the same time, over a connection that it does not read: its former one,
    /// which it has given up.
    fn rival(&mut self) -> Option<Line> {
        if self.world.stage() != Stage::Busy || !self.chance.per_mille(80) {
            return None;
        }
        let life = self.known.as_ref().and_then(|_| self.world.any(&self.chance))?;
        let line = Line { socket: life.edge.connect()?, decoder: Decoder::client(MESSAGE_MAX) };
        self.greet(&line);
        self.known.as_mut()?.may_be_at(&life);
        Some(line)
    }

    /// Changes what others see, now and then, and twice after everything works again: what was volatile may be lost before, and
    /// is right again with the next change.
    fn show(&mut self, line: &Line) {
        let shown = match self.world.stage() {
            Stage::Busy if self.chance.per_mille(20) => self.chance.pick(&STATUSES).copied(),
            Stage::Calm if self.known.is_some() => {
                let soon = self.chance.millis(40_000..60_000);
                let (at, times) = self.shows.get_or_insert_with(|| (Instant::now() + soon, 0));
                if *at > Instant::now() || *times == 2 {
                    return;
                }
                (*at, *times) = (*at + Duration::from_secs(25), *times + 1);
                if *times == 1 { Some("dnd") } else { self.chance.pick(&["online", "idle"]).copied() }
            }
            _ => None,
        };
        if let Some(status) = shown {
            let d = json!({"since": null, "activities": [], "status": status, "afk": false});
            line.say(&json!({"op": 3, "d": d}));
        }
    }

    /// Joins a voice channel now and then, goes to another, or leaves.
    fn speak(&mut self, line: &Line) {
        if self.world.stage() != Stage::Busy || !self.chance.per_mille(20) {
            return;
        }
        let channels: Vec<(u64, u64)> = self.view.voice_channels().collect();
        let Some((guild, channel)) = self.chance.pick(&channels).copied() else { return };
        let channel = self.chance.per_mille(700).then(|| channel.to_string());
        let d = json!({"guild_id": guild.to_string(), "channel_id": channel, "self_mute": false, "self_deaf": false});
        line.say(&json!({"op": 4, "d": d}));
    }

    /// Identifies or resumes. Gives when the session was last connected, if its node must still have it.
    fn greet(&mut self, line: &Line) -> Option<Instant> {
        match &self.known {
            Some(Known { id, seq, login, parted, .. }) => {
                let d = json!({"token": token(self.user, *login), "session_id": id, "seq": seq});
                line.say(&json!({"op": 6, "d": d}));
                Some(*parted)
            }
            None => {
                // Now and then it does not know yet that it has another login.
                if self.world.stage() != Stage::Busy || self.chance.per_mille(700) {
                    self.login = self.world.logins().of(self.user);
                }
                line.say(&identify(self.user, self.login));
                None
            }
        }
    }

    /// Takes what the gateway says. Gives `false` when the connection is of no more use.
    fn take(
        &mut self,
        payload: &Value,
        life: &Arc<Life>,
        resumed: Option<Instant>,
        broken: &mut Vec<String>,
    ) -> bool {
        let user = self.user;
        if payload["op"] == "close" {
            if payload["d"] == 4007 {
                broken.push(format!("a number of person {user}'s session that was sent is said not to be"));
            }
            if payload["d"] == 4004 {
                let login = self.known.take().map_or(self.login, |known| known.login);
                if !self.world.logins().is_ending(login) {
                    broken.push(format!("a login of person {user} that nobody has ended is refused"));
                }
                self.view.guilds.clear();
            }
            return false;
        }
        match payload["op"].as_u64() {
            Some(0) => self.dispatch(payload, life, broken),
            Some(7) => return false,
            // It is to ask again: its session is just on its way, or somebody does not answer.
            Some(9) if payload["d"] == true => return false,
            Some(9) => {
                let logins = self.world.logins();
                let kept = self
                    .known
                    .take()
                    .is_some_and(|known| known.is_kept(&self.world) && !logins.is_ending(known.login));
                if !kept {
                    self.world.report().ended += 1;
                }
                let parted = resumed.map(|parted| parted.elapsed());
                if kept && parted.is_some_and(|parted| parted + MARGIN < RESUME_WINDOW) {
                    let text = format!("a session of person {user} is gone {parted:?} after its connection");
                    broken.push(text);
                }
                self.view.guilds.clear();
                return false;
            }
            _ => {}
        }
        true
    }

    fn dispatch(&mut self, payload: &Value, life: &Arc<Life>, broken: &mut Vec<String>) {
        let (seq, name) =
            (payload["s"].as_u64().unwrap_or_default(), payload["t"].as_str().unwrap_or_default());
        let d = &payload["d"];
        self.events += 1;
        let expected = self.known.as_ref().map_or(1, |known| known.seq + 1);
        if seq != expected {
            let text = format!("person {} is told {name} as number {seq} in place of {expected}", self.user);
            broken.push(text);
        }
        match &mut self.known {
            Some(known) => {
                known.seq = seq;
                if name == "RESUMED" {
                    if !known.homes.first().is_some_and(|home| home.is(life)) {
                        self.world.report().moved += 1;
                    }
                    known.is_at(life, self.before);
                }
            }
            None => {
                let id = d["session_id"].as_str().unwrap_or_default().to_owned();
                let (login, parted) = (self.login, Instant::now());
                let mut known = Known { id, seq, login, parted, homes: Vec::new() };
                known.is_at(life, self.before);
                self.known = Some(known);
                let found = std::mem::take(&mut self.view.broken);
                self.view = View { broken: found, ..View::default() };
            }
        }
        self.view.take(name, d);
    }

    /// Whether what the client knows is what it would be told now, and whether it has heard every message.
    async fn judge(&mut self, life: &Arc<Life>, broken: &mut Vec<String>) {
        let login = self.known.as_ref().map_or(self.login, |known| known.login);
        if self.world.logins().has_ended(login) {
            broken.push(format!("a session of person {} is open, whose login has ended", self.user));
        }
        let current = self.world.logins().of(self.user);
        let Some(fresh) = fresh((self.user, current), life).await else {
            return broken.push(format!("person {} cannot identify although all works", self.user));
        };
        let user = self.user;
        broken.extend(
            self.view
                .differs(user, &fresh)
                .into_iter()
                .map(|text| format!("person {user} after all: {text}")),
        );
        for (id, guild) in self.view.guilds.iter().filter(|(id, _)| fresh.guilds.contains_key(id)) {
            for (channel, known) in guild.places() {
                let stored = self.world.stored_messages(channel).await;
                let missed = known.missed(&stored);
                if !missed.is_empty() {
                    broken.push(format!(
                        "person {user} was not told {missed:?} of channel {channel} of guild {id}"
                    ));
                }
            }
        }
        for (channel, known) in &self.view.private {
            let missed = known.missed(&self.world.stored_messages(*channel).await);
            if !missed.is_empty() {
                broken.push(format!("person {user} was not told {missed:?} of private channel {channel}"));
            }
        }
    }
}

fn token(user: u64, login: u64) -> String {
    format!("{user}-{login}")
}

fn identify(user: u64, login: u64) -> Value {
    let properties = json!({"os": "sim", "browser": "sim", "device": "sim"});
    json!({"op": 2, "d": {"token": token(user, login), "properties": properties, "large_threshold": 250}})
}

/// What a session is told that begins now.
async fn fresh((user, login): (u64, u64), life: &Arc<Life>) -> Option<View> {
    let mut line = Line { socket: life.edge.connect()?, decoder: Decoder::client(MESSAGE_MAX) };
    line.say(&identify(user, login));
    let until = Instant::now() + Duration::from_secs(6);
    let (mut view, mut ready) = (View::default(), false);
    while Instant::now() < until {
        for payload in line.hear(until).await? {
            if payload["op"] == 0 {
                ready = true;
                view.take(payload["t"].as_str().unwrap_or_default(), &payload["d"]);
            }
        }
    }
    let mut bytes = Vec::new();
    ws::client::put_close(&mut bytes, [1, 2, 3, 4], 1000, "");
    line.socket.write(bytes);
    line.socket.cut(true);
    ready.then_some(view)
}

//! The core alone: made-up time, sockets that take as much as the test says, and owners that are looked at.

use std::collections::HashMap;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use consort_model::{GuildId, Intents, UserId};
use consort_rpc::relay::{Epoch, Op, Question, SessionKey};
use consort_rpc::{Audience, Caller, Change, ClassId, ClassSet, Event, Fact, NodeId, View, Withheld, user};
use consort_session::{Attachment, Dispatch, Identity, Opened, SessionId, Viewer};
use consort_wire::compress::Transport;
use consort_wire::gateway::{Connect, Encoding};
use consort_wire::json::Limits;
use consort_wire::{etf, ws};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zstd::stream::raw::{InBuffer, Operation as _, OutBuffer};

use super::*;
use crate::inbox::Lost;

mod anything;
mod bulk;
mod cohorts;
mod cost;
mod cuts;
mod drain;
mod large;
mod members;
mod moving;
mod passive;
mod wires;
mod words;

use wires::Socket;

const LIMITS: Limits = Limits { bytes: 1 << 20, depth: 32, values: 1 << 16 };
const GUILD: GuildId = GuildId::new(77);

/// A slice and the clients of its connections.
struct Bench {
    slice: Slice,
    now: Instant,
    effects: Vec<Effect>,
    next_number: u32,
    /// When the last owner of a user was loaded that has asked who is here before the first one, of 5, answers.
    owner_since_ms: u64,
    /// How many sends are put before any of them is made.
    at_once: usize,
    /// The classes in which owners put users; 0 if not said.
    classes: HashMap<UserId, ClassId>,
    /// What guilds answer those who attach.
    guild_create: String,
    /// Whether those who identify want large payloads compressed.
    compress: bool,
}

/// The address of a session of slice 0.
fn key_of(number: u64, user: u64) -> SessionKey {
    SessionKey { node: NodeId(1), generation: 7, slice: 0, number, user: UserId::new(user) }
}

/// What somebody who identifies is.
#[derive(Debug, Clone, Copy)]
struct Kind {
    bot: bool,
    capabilities: u64,
}

impl Kind {
    const BOT: Self = Self { bot: true, capabilities: 0 };
    const PERSON: Self = Self { bot: false, capabilities: 0 };
    /// Takes deltas of guilds that it does not look at.
    const PASSIVE: Self = Self { bot: false, capabilities: 1 << 14 };
}

/// The far end of a connection.
struct Far {
    slot: usize,
    decoder: ws::Decoder,
    inflate: Inflate,
    encoding: Encoding,
    socket: Socket,
    payloads: Vec<Value>,
    closed: Option<u16>,
}

enum Inflate {
    Not,
    Zlib(flate2::Decompress),
    Zstd(zstd::stream::raw::Decoder<'static>),
}

impl Bench {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        Self::of(0, config)
    }

    /// The slice of this number, of two.
    fn of(index: u16, config: Config) -> Self {
        let config = Arc::new(Config { slices: 2, hello_delay: Duration::ZERO, ..config });
        let slice = Slice::new(NodeId(1), index, config, Arc::new(Interest::new(2)));
        Self {
            slice,
            now: Instant::now(),
            effects: Vec::new(),
            next_number: 1,
            owner_since_ms: 5,
            at_once: 1,
            classes: HashMap::new(),
            guild_create: "{\"n\":0}".to_owned(),
            compress: false,
        }
    }

    fn connect(&mut self, query: &str) -> Far {
        let connect = Connect::parse_query(query);
        let slot = self.slice.accept(self.now, Opening { connect, resume_url: "ws://a".into() });
        let Connect { compress, encoding, .. } = connect.unwrap_or_default();
        let inflate = match compress {
            Transport::Plain => Inflate::Not,
            Transport::Zlib => Inflate::Zlib(flate2::Decompress::new(true)),
            Transport::Zstd => Inflate::Zstd(zstd::stream::raw::Decoder::new().unwrap()),
        };
        let decoder = ws::Decoder::client(1 << 26);
        Far {
            slot,
            decoder,
            inflate,
            encoding,
            socket: Socket::default(),
            payloads: Vec::new(),
            closed: None,
        }
    }

    fn say(&mut self, far: &Far, payload: &Value) {
        let (json, mut bytes) = (payload.to_string().into_bytes(), Vec::new());
        let (opcode, payload) = match far.encoding {
            Encoding::Json => (ws::Opcode::Text, json),
            Encoding::Etf => {
                (ws::Opcode::Binary, [&[etf::VERSION][..], &etf::from_json(&json).unwrap()].concat())
            }
        };
        ws::client::put_frame(&mut bytes, opcode, true, [1, 2, 3, 4], &payload);
        self.slice.receive(self.now, far.slot, &mut bytes);
        self.settle();
    }

    /// What a session has asked the guild.
    fn question(&mut self, session: SessionKey) -> Question {
        let (_, held) = self.slice.at(&session).expect("a session");
        held.session.question(GUILD).expect("a question that stands")
    }

    /// What a shell does after each input. Owners answer attachments at once.
    fn settle(&mut self) {
        loop {
            let effects = self.slice.take_effects();
            if effects.is_empty() {
                return;
            }
            for effect in &effects {
                if let Effect::Attach { guild, news, caller } = effect
                    && let consort_rpc::guild::News::Attach { session, question, .. } = **news
                {
                    let class = self.classes.get(&caller.user).copied().unwrap_or(0);
                    let guild_create = self.guild_create.clone().into();
                    let (guild, late) = (*guild, Vec::new());
                    let attached = Op::Attached { session, guild, question, class, guild_create, late };
                    self.slice.input(self.now, Input::Relay(attached));
                }
            }
            self.effects.extend(effects);
        }
    }

    /// IDENTIFY, as the admission answers it.
    fn identify(&mut self, far: &Far, user: u64, guilds: &[GuildId]) -> SessionId {
        self.identify_as(far, user, guilds, Kind::BOT)
    }

    fn identify_as(&mut self, far: &Far, user: u64, guilds: &[GuildId], kind: Kind) -> SessionId {
        self.identify_with(far, user, guilds, kind, Intents::all())
    }

    fn identify_with(
        &mut self,
        far: &Far,
        user: u64,
        guilds: &[GuildId],
        kind: Kind,
        intents: Intents,
    ) -> SessionId {
        self.say(far, &json!({"op": 2, "d": {"token": format!("t{user}"), "properties": {}, "intents": 1}}));
        let Some(Effect::Identify(identifying)) = self.effects.pop() else { panic!("no IDENTIFY") };
        let number = self.next_number;
        self.next_number += 1;
        let slice = self.slice.index;
        let key = SessionKey { slice, ..key_of(u64::from(number), user) };
        let id = SessionId { node: NodeId(1), slice, number, secret: 9 };
        let identity = Identity {
            key,
            id,
            viewer: Viewer { user: UserId::new(user), intents, bot: kind.bot },
            bot: kind.bot,
            shard: None,
            auth_session: 0,
            token_hash: Sha256::digest(format!("t{user}")).into(),
            capabilities: kind.capabilities,
            large_threshold: 50,
        };
        let admission = Admission {
            slot: identifying.slot,
            conn: identifying.conn,
            identity,
            application: None,
            client: Default::default(),
            presence: None,
            compress: self.compress,
        };
        self.slice.input(self.now, Input::Admit(Box::new(admission)));
        // Its owner was loaded for it, and asks who is there.
        let since_ms = self.owner_since_ms;
        self.slice.input(self.now, Input::Relay(Op::UserRestarted { user: UserId::new(user), since_ms }));
        let opened = Opened {
            opening: b"{\"v\":10".to_vec(),
            supplemental: None,
            guilds: guilds.to_vec(),
            owner_since_ms: 5,
            heard: None,
        };
        let caller = Caller::user(UserId::new(user), kind.bot);
        self.slice.input(self.now, Input::Opened { key, caller, result: Ok(Box::new(opened)) });
        self.settle();
        id
    }

    /// The address of a session.
    fn key(&self, id: SessionId) -> SessionKey {
        self.key_of_number(u64::from(id.number)).expect("a session")
    }

    fn key_of_number(&self, number: u64) -> Option<SessionKey> {
        let slot = *self.slice.numbers.get(&number)?;
        Some(self.slice.sessions[slot].session.identity().key)
    }

    fn publish(&mut self, n: u64, padding: usize) {
        let d = json!({"n": n, "x": "y".repeat(padding)});
        let mut event = Event::new("E", Intents::empty(), Audience::all(), &d);
        event.guild = Some(GUILD);
        self.slice.input(self.now, Input::Relay(Op::Publish(Arc::new(event))));
    }

    fn read(&mut self, far: &mut Far) {
        self.flush(far, usize::MAX);
        far.read(usize::MAX);
    }
}

impl Bench {
    /// What must hold between any two inputs.
    fn check(&self) {
        let slice = &self.slice;
        assert_eq!(slice.numbers.len(), slice.sessions.len());
        assert_eq!(
            slice.users.entries().into_iter().map(|(_, slots)| slots.len()).sum::<usize>(),
            slice.sessions.len()
        );
        for user in (1..8).map(UserId::new) {
            let known = slice.interest.slices_of_user(user).iter().any(|index| index == 0);
            assert_eq!(known, slice.users.contains_key(&user));
        }
        let detached = slice.sessions.iter().filter(|(_, held)| held.detached_since.is_some());
        assert_eq!(detached.count(), slice.detached_count);
        let mut listed = 0;
        for (slot, held) in &slice.sessions {
            assert_eq!(held.detached_since.is_some(), held.conn.is_none());
            if let Some(conn) = held.conn {
                assert_eq!(slice.conns[conn].phase, Phase::Live(slot));
            }
            let awaited = held.session.attachments().filter(|(_, attachment)| attachment.is_awaited());
            assert_eq!(awaited.count(), held.session.awaited());
            for (guild, attachment) in held.session.attachments() {
                assert!(slice.interest.slices(guild).iter().any(|slice| slice == 0));
                if let Attachment::At(position) = attachment {
                    let subscribers = &slice.guilds[&guild];
                    assert_eq!(subscribers.list[position as usize].session as usize, slot);
                    assert_eq!(subscribers.is_passive(position), !held.is_active_in(guild));
                    listed += 1;
                }
            }
        }
        assert_eq!(
            slice.guilds.entries().into_iter().map(|(_, guild)| guild.list.len()).sum::<usize>(),
            listed
        );
        slice.check_bulk();
        for (slot, conn) in &slice.conns {
            if let Phase::Live(session) = conn.phase {
                assert_eq!(slice.sessions[session].conn, Some(slot));
            }
        }
    }

    /// An owner's word about the sessions there are, rather than about numbers nobody has.
    fn word(&mut self, op: &mut Op, step: usize) {
        let mut numbers: Vec<_> = self.slice.numbers.keys().into_iter().copied().collect();
        numbers.sort_unstable();
        let Some(number) = numbers.get(step % numbers.len().max(1)) else { return };
        let key = self.slice.sessions[self.slice.numbers[number]].session.identity().key;
        match op {
            Op::Attached { session, guild, question, .. } | Op::Refused { session, guild, question, .. } => {
                *session = key;
                // Now and then it is the answer to an earlier question.
                let stands = self.slice.sessions[self.slice.numbers[number]].session.question(*guild);
                *question = stands.filter(|_| !step.is_multiple_of(4)).unwrap_or_default();
            }
            Op::Direct { sessions, .. } | Op::Join { sessions, .. } | Op::Close { sessions, .. } => {
                sessions.iter_mut().for_each(|session| *session = key);
            }
            _ => {}
        }
    }
}

impl Inflate {
    /// All that a message of the stream stands for.
    fn read(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 << 17);
        match self {
            Inflate::Not => out.extend_from_slice(bytes),
            Inflate::Zlib(stream) => {
                stream.decompress_vec(bytes, &mut out, flate2::FlushDecompress::Sync).unwrap();
            }
            Inflate::Zstd(stream) => {
                let mut input = InBuffer::around(bytes);
                let mut output = OutBuffer::around(&mut out);
                while input.pos() < bytes.len() {
                    stream.run(&mut input, &mut output).unwrap();
                }
            }
        }
        assert!(out.len() < 1 << 17);
        out
    }
}

impl Far {
    fn read(&mut self, most: usize) {
        let wire = &mut self.socket.borrow_mut().bytes;
        let mut bytes: Vec<u8> = wire.drain(..most.min(wire.len())).collect();
        let mut input = ws::Input::new(&mut bytes);
        while let Some(message) = self.decoder.decode(&mut input).unwrap() {
            let payload = match message {
                ws::Message::Text(text) => text.as_bytes().to_vec(),
                ws::Message::Binary(bytes) => self.inflate.read(bytes),
                ws::Message::Close(reason) => {
                    self.closed = reason.map(|(code, _)| code);
                    continue;
                }
                other => panic!("{other:?}"),
            };
            self.payloads.push(match self.encoding {
                Encoding::Json => serde_json::from_slice(&payload).unwrap(),
                Encoding::Etf => etf::read(&payload, LIMITS).unwrap(),
            });
        }
    }

    fn ops(&self) -> Vec<u64> {
        self.payloads.iter().map(|payload| payload["op"].as_u64().unwrap()).collect()
    }

    fn names(&self) -> Vec<&str> {
        self.payloads.iter().filter_map(|payload| payload["t"].as_str()).collect()
    }
}

#[test]
fn hello_ready_and_guild_create_leave_in_this_order() {
    let mut bench = Bench::new();
    let mut far = bench.connect("v=10");
    bench.identify(&far, 1, &[GUILD]);
    bench.publish(1, 0);
    bench.read(&mut far);
    assert_eq!(far.ops()[0], 10);
    assert_eq!(far.names(), ["READY", "GUILD_CREATE", "E"]);
    assert_eq!(far.payloads[3]["s"], 3);
}

#[test]
fn hello_comes_a_moment_after_the_upgrade_or_when_the_client_speaks() {
    let config = Config { hello_delay: Duration::from_millis(15), slices: 2, ..Config::default() };
    let mut bench = Bench::new();
    bench.slice = Slice::new(NodeId(1), 0, Arc::new(config), Arc::new(Interest::new(2)));
    let (mut silent, mut eager) = (bench.connect("v=10"), bench.connect("v=10"));
    bench.read(&mut silent);
    assert!(silent.payloads.is_empty());
    bench.say(&eager, &json!({"op": 1, "d": null}));
    bench.read(&mut eager);
    assert_eq!(eager.ops(), [10, 11]);
    bench.now += Duration::from_millis(15);
    bench.slice.tick(bench.now);
    bench.read(&mut silent);
    assert_eq!(silent.ops(), [10]);
    bench.now += Duration::from_secs(30);
    bench.slice.tick(bench.now);
    bench.read(&mut silent);
    assert_eq!(silent.closed, Some(4009));
}

#[test]
fn everything_that_waits_for_a_connection_is_one_send() {
    let mut bench = Bench::new();
    let mut far = bench.connect("v=10");
    bench.identify(&far, 1, &[GUILD]);
    bench.read(&mut far);
    (0..20).for_each(|n| bench.publish(n, 10));
    let mut flushed = 0;
    assert_eq!(bench.slice.next_dirty(&mut flushed), Some(far.slot));
    let mut given = 0;
    let put = |parts: &[IoSlice<'_>]| given = parts.iter().map(|part| part.len()).sum();
    let offer = bench.slice.prepare(bench.now, far.slot, put).unwrap_or_else(|flushed| panic!("{flushed:?}"));
    let outcome = bench.slice.complete(bench.now, far.slot, &offer, Ok(given));
    assert_eq!((outcome, bench.slice.next_dirty(&mut flushed)), (Some(Flushed::All), None));
}

#[test]
fn a_session_with_a_gap_is_told_to_identify_again() {
    let mut bench = Bench::new();
    let mut far = bench.connect("v=10");
    bench.identify(&far, 1, &[GUILD]);
    bench.read(&mut far);
    let lost = Lost { guilds: [GUILD].into(), ..Lost::default() };
    bench.slice.lost_events(bench.now, &lost);
    bench.read(&mut far);
    assert_eq!((far.ops().last(), far.closed), (Some(&9), Some(4000)));
    assert_eq!(bench.slice.figures().sessions, 0);
    assert!(bench.effects.iter().any(|effect| matches!(effect, Effect::Tell { .. })));
    assert!(bench.effects.iter().any(|effect| matches!(effect, Effect::Detached(guild) if *guild == GUILD)));
}

#[test]
fn a_dispatch_cut_in_the_middle_is_finished_before_the_connection_is_closed() {
    let mut bench = Bench::new();
    for query in ["v=10", "v=10&compress=zlib-stream"] {
        let mut far = bench.connect(query);
        let id = bench.identify(&far, 1, &[GUILD]);
        bench.read(&mut far);
        bench.publish(1, 500);
        bench.flush(&far, 40);
        bench.slice.input(bench.now, Input::Relay(Op::Close { sessions: vec![bench.key(id)], code: 4004 }));
        bench.read(&mut far);
        assert_eq!((*far.names().last().unwrap(), far.closed), ("E", Some(4004)), "{query}");
    }
}

#[test]
fn silence_is_noticed_and_heartbeats_keep_the_connection() {
    let mut bench = Bench::new();
    let mut far = bench.connect("v=10");
    bench.identify(&far, 1, &[]);
    bench.read(&mut far);
    for _ in 0..5 {
        bench.now += Duration::from_secs(41);
        bench.say(&far, &json!({"op": 1, "d": 1}));
        bench.slice.tick(bench.now);
        bench.read(&mut far);
    }
    assert_eq!(far.closed, None);
    bench.now += Duration::from_secs(62);
    bench.slice.tick(bench.now);
    bench.read(&mut far);
    assert_eq!(far.closed, Some(4000));
    assert_eq!((bench.slice.figures().detached, bench.slice.figures().sessions), (1, 1));
    bench.now += Duration::from_secs(180);
    bench.slice.tick(bench.now);
    assert_eq!((bench.slice.figures().detached, bench.slice.figures().sessions), (0, 0));
}

#[test]
fn the_kernel_forgets_what_a_client_does_not_take_but_not_what_it_may_yet_read() {
    let mut bench = Bench::new();
    let config = Config::default();
    let gone = |bench: &mut Bench| bench.slice.take_gone().iter().map(|gone| gone.reset).collect::<Vec<_>>();
    // One that takes nothing any more.
    let mut slow = bench.connect("v=10");
    bench.identify(&slow, 1, &[GUILD]);
    bench.read(&mut slow);
    bench.publish(1, 500);
    bench.flush(&slow, 40);
    bench.now += config.stall_timeout;
    bench.slice.tick(bench.now);
    assert_eq!((bench.slice.figures().cut_slow, gone(&mut bench)), (1, vec![true]));
    // One that does not even answer a close frame.
    let mut silent = bench.connect("v=10");
    bench.identify(&silent, 1, &[]);
    bench.read(&mut silent);
    bench.now += config.heartbeat_timeout();
    bench.slice.tick(bench.now);
    bench.read(&mut silent);
    assert_eq!((silent.closed, gone(&mut bench)), (Some(4000), vec![]));
    bench.now += config.close_timeout;
    bench.slice.tick(bench.now);
    assert_eq!(gone(&mut bench), [true]);
    // One that leaves by itself.
    let mut polite = bench.connect("v=10");
    bench.identify(&polite, 1, &[]);
    bench.read(&mut polite);
    bench.slice.lost(bench.now, polite.slot);
    assert_eq!(gone(&mut bench), [false]);
}

#[test]
fn the_end_before_the_answer_of_the_owner_is_told_again() {
    let mut bench = Bench::new();
    let key = key_of(99, 1);
    let caller = Caller::user(UserId::new(1), true);
    bench.slice.input(bench.now, Input::Opened { key, caller, result: Ok(Box::default()) });
    assert!(matches!(&bench.slice.take_effects()[..], [Effect::Tell { .. }]));
}

#[test]
fn an_old_address_reaches_nobody() {
    let mut bench = Bench::new();
    let mut far = bench.connect("v=10");
    let id = bench.identify(&far, 1, &[]);
    let key = bench.key(id);
    let old = [
        SessionKey { generation: key.generation + 1, ..key },
        SessionKey { user: UserId::new(2), ..key },
        SessionKey { node: NodeId(2), ..key },
        SessionKey { slice: 1, ..key },
    ];
    let event = Arc::new(Event::new("E", Intents::empty(), Audience::all(), "secret"));
    for session in old {
        let (guild_create, question) = ("{\"n\":0}".into(), Question::default());
        for op in [
            Op::Direct { sessions: vec![session], event: event.clone() },
            Op::Join { sessions: vec![session], guild: GUILD },
            Op::Attached { session, guild: GUILD, question, class: 0, guild_create, late: Vec::new() },
            Op::Refused { session, guild: GUILD, question, unavailable: false },
            Op::Close { sessions: vec![session], code: 4004 },
        ] {
            bench.slice.input(bench.now, Input::Relay(op));
        }
        bench.slice.input(bench.now, Input::Direct(vec![session], Arc::new(Dispatch::direct(event.clone()))));
        bench.settle();
    }
    bench.read(&mut far);
    assert_eq!((far.names(), far.closed), (vec!["READY"], None));
    assert_eq!(bench.slice.sessions[0].session.attachments().count(), 0);
    bench.slice.input(bench.now, Input::Relay(Op::Direct { sessions: vec![key], event }));
    bench.read(&mut far);
    assert_eq!(far.names(), ["READY", "E"]);
}

#[test]
fn a_session_that_is_being_opened_is_registered_again_only_with_a_successor() {
    for (owner_since_ms, again) in [(5, 0), (6, 1)] {
        let mut bench = Bench { owner_since_ms, ..Bench::new() };
        let far = bench.connect("v=10");
        bench.identify(&far, 1, &[]);
        let told = bench.effects.iter().filter(|effect| match effect {
            Effect::Tell { fact, .. } => {
                matches!(&**fact, Fact::User { op: user::Op::Gateway(user::gateway::Op::Open(open)), .. } if open.again)
            }
            _ => false,
        });
        assert_eq!(told.count(), again);
        assert_eq!(bench.slice.interest.slices_of_user(UserId::new(1)).iter().count(), 1);
    }
}

#[test]
fn abandoned_sessions_of_one_account_are_few() {
    let mut bench = Bench::new();
    for _ in 0..30 {
        let mut far = bench.connect("v=10");
        bench.identify(&far, 1, &[]);
        bench.read(&mut far);
        bench.now += Duration::from_millis(10);
        bench.slice.lost(bench.now, far.slot);
        bench.slice.take_gone();
    }
    assert!(bench.slice.figures().sessions <= 10, "{:?}", bench.slice.figures());
}

#[test]
fn nothing_is_heard_from_a_socket_that_is_gone() {
    let mut bench = Bench::new();
    let mut far = bench.connect("v=10");
    let id = bench.identify(&far, 1, &[]);
    bench.read(&mut far);
    bench.slice.lost(bench.now, far.slot);
    bench.slice.take_gone();
    // The socket of the next one is found broken before what it brought is looked at.
    let far = bench.connect("v=10");
    bench.slice.lost(bench.now, far.slot);
    let d = json!({"token": "t1", "session_id": id.to_string(), "seq": 1});
    bench.say(&far, &json!({"op": 6, "d": d}));
    bench.slice.take_gone();
    bench.check();
    assert_eq!(bench.slice.figures().detached, 1);
}

#[test]
fn a_guild_that_is_gone_before_it_answers_again_is_told() {
    let mut bench = Bench::new();
    let mut far = bench.connect("v=10");
    let id = bench.identify(&far, 1, &[GUILD]);
    let mut other = bench.connect("v=10");
    bench.identify(&other, 2, &[GUILD]);
    bench.slice.input(bench.now, Input::Relay(Op::GuildRestarted { guild: GUILD, line: Epoch::default() }));
    // The second one is attached again, the first one still waits.
    let (session, guild_create, late) = (key_of(2, 2), "{\"n\":0}".into(), Vec::new());
    let question = bench.question(session);
    let attached = Op::Attached { session, guild: GUILD, question, class: 0, guild_create, late };
    bench.slice.input(bench.now, Input::Relay(attached));
    bench.slice.take_effects();
    bench.slice.input(bench.now, Input::Relay(Op::Drop { guild: GUILD }));
    let session = bench.key(id);
    let question = bench.question(session);
    let refused = Op::Refused { session, guild: GUILD, question, unavailable: false };
    bench.slice.input(bench.now, Input::Relay(refused));
    bench.flush_into(&[(&far, usize::MAX), (&other, usize::MAX)], 0);
    far.read(usize::MAX);
    other.read(usize::MAX);
    assert_eq!(far.names(), ["READY", "GUILD_CREATE", "GUILD_DELETE"]);
    // It has heard it from the guild.
    assert_eq!(other.names(), ["READY", "GUILD_CREATE", "GUILD_CREATE"]);
    bench.check();
    assert_eq!(bench.slice.interest.guilds(), 0);
}

#[test]
fn who_is_refused_does_not_look_at_the_guild_any_more() {
    let mut bench = Bench::new();
    let mut far = bench.connect("v=10");
    let id = bench.identify_as(&far, 1, &[GUILD], Kind::PASSIVE);
    bench.read(&mut far);
    bench.say(&far, &json!({"op": 14, "d": {"guild_id": GUILD, "typing": true}}));
    bench.say(&far, &json!({"op": 4, "d": {"guild_id": GUILD, "channel_id": "1"}}));
    // Its user has left the guild while the owner was loaded again.
    bench.slice.input(bench.now, Input::Relay(Op::GuildRestarted { guild: GUILD, line: Epoch::default() }));
    bench.slice.take_effects();
    let session = bench.key(id);
    let question = bench.question(session);
    let refused = Op::Refused { session, guild: GUILD, question, unavailable: false };
    bench.slice.input(bench.now, Input::Relay(refused));
    bench.slice.input(bench.now, Input::Relay(Op::Join { sessions: vec![bench.key(id)], guild: GUILD }));
    bench.settle();
    let held = &bench.slice.sessions[0];
    assert!(matches!(held.session.attachment(GUILD), Some(Attachment::At(_))));
    assert!(!held.is_active_in(GUILD) && held.voice.is_empty());
    bench.check();
}

#[test]
fn what_came_back_is_not_remembered_as_cut_off() {
    let mut bench = Bench::new();
    let mut far = bench.connect("v=10");
    let id = bench.identify(&far, 1, &[]);
    bench.read(&mut far);
    for _ in 0..100 {
        bench.slice.lost(bench.now, far.slot);
        bench.slice.take_gone();
        bench.now += bench.slice.config.resume_window / 4;
        bench.slice.tick(bench.now);
        far = bench.connect("v=10");
        let resume = json!({"token": "t1", "session_id": id.to_string(), "seq": bench.slice.sessions[0].session.sent()});
        bench.say(&far, &json!({"op": 6, "d": resume}));
        bench.read(&mut far);
    }
    assert_eq!(far.names(), ["RESUMED"]);
    assert!(bench.slice.detached.len() <= 5, "{} are remembered", bench.slice.detached.len());
}

#[test]
fn a_bot_gets_all_its_guilds_however_many() {
    let mut bench = Bench::new();
    let mut far = bench.connect("v=10");
    let guilds: Vec<_> = (1..=100).map(GuildId::new).collect();
    bench.identify(&far, 1, &guilds);
    bench.read(&mut far);
    assert_eq!(far.names().iter().filter(|name| **name == "GUILD_CREATE").count(), guilds.len());
    let held = &bench.slice.sessions[0];
    assert_eq!((held.session.awaited(), held.session.has_queued()), (0, false));
}

#[test]
fn guilds_of_a_bot_whose_payloads_are_compressed_follow_one_another() {
    let mut bench = Bench::new();
    bench.guild_create = json!({"x": "y".repeat(300 * 1024)}).to_string();
    let far = bench.connect("v=10");
    let guilds: Vec<_> = (1..=40).map(GuildId::new).collect();
    bench.compress = true;
    bench.identify(&far, 1, &guilds);
    for _ in 0..guilds.len() {
        bench.flush(&far, usize::MAX);
    }
    far.socket.borrow_mut().bytes.clear();
    let session = &bench.slice.sessions[0].session;
    assert!(!session.has_queued() && session.awaited() == 0 && !session.has_unsent());
}

#[test]
fn who_is_slow_with_a_payload_compressed_by_itself_may_heartbeat_meanwhile() {
    let mut bench = Bench::new();
    let noise: String = (0..40_000u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_string()).collect();
    bench.guild_create = json!({"x": noise}).to_string();
    bench.compress = true;
    let far = bench.connect("v=10");
    bench.identify(&far, 1, &[GUILD]);
    for _ in 0..3 {
        bench.flush(&far, 1_000);
        bench.say(&far, &json!({"op": 1, "d": null}));
    }
    let conn = &bench.slice.conns[far.slot];
    assert!(conn.own.len() > crate::config::OWN_BYTES_MAX && !conn.gone);
    assert_eq!(bench.slice.figures().cut_slow, 0);
    // But for what it asks for while it reads nothing there is a limit.
    for _ in 0..1_000 {
        bench.slice.put_frame(far.slot, &[0; 100]);
    }
    bench.say(&far, &json!({"op": 1, "d": null}));
    assert_eq!(bench.slice.figures().cut_slow, 1);
}

#[test]
fn an_idle_session_costs_less_than_two_kibibytes() {
    let sizes = size_of::<Conn>() + size_of::<Held>();
    assert!(sizes < 1024, "{} + {}", size_of::<Conn>(), size_of::<Held>());
}

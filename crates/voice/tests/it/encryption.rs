//! Encryption from end to end, with davey as the client: groups form, grow, shrink, and fall back.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;

use consort_voice::ConnId;
use consort_voice::dave::Policy;
use consort_voice::protocol::{CloseCode, Frame, decode, decode_binary};
use davey::{DaveSession, MediaType, ProposalsOperationType};
use serde_json::{Value, json};

use crate::world::{GUILD, World};

const CHANNEL: u64 = 7;

/// A client as libraries are, around davey.
struct Client {
    user: u64,
    conn: ConnId,
    dialect: u8,
    /// The version in force.
    version: u16,
    session: Option<DaveSession>,
    /// Who was said to be there.
    known: BTreeSet<u64>,
    pending: BTreeMap<u16, u16>,
    /// How often it could not follow.
    failures: u32,
    /// It reads nothing for now.
    is_deaf: bool,
}

impl Client {
    fn new(user: u64, conn: ConnId, dialect: u8) -> Self {
        Self {
            user,
            conn,
            dialect,
            version: 0,
            session: None,
            known: BTreeSet::from([user]),
            pending: BTreeMap::new(),
            failures: 0,
            is_deaf: false,
        }
    }

    fn session(&mut self) -> &mut DaveSession {
        self.session.as_mut().expect("a session")
    }

    /// Throws its group away, and gives a key package.
    fn begin(&mut self, replies: &mut Vec<Frame>) {
        let version = NonZeroU16::MIN;
        match &mut self.session {
            Some(session) => session.reinit(version, self.user, CHANNEL, None).unwrap(),
            None => self.session = Some(DaveSession::new(version, self.user, CHANNEL, None).unwrap()),
        }
        let key_package = self.session().create_key_package().unwrap();
        replies.push(Frame::Binary([&[26], &key_package[..]].concat()));
    }

    fn take(&mut self, frame: &Frame) -> Vec<Frame> {
        let mut replies = Vec::new();
        match frame {
            Frame::Text(text) => self.take_text(&serde_json::from_str(text).unwrap(), &mut replies),
            Frame::Binary(bytes) => {
                let bytes = if self.dialect >= 8 { &bytes[2..] } else { bytes };
                self.take_binary(bytes[0], &bytes[1..], &mut replies);
            }
        }
        replies
    }

    fn take_text(&mut self, message: &Value, replies: &mut Vec<Frame>) {
        let d = &message["d"];
        let number = |name: &str| d[name].as_u64().and_then(|number| u16::try_from(number).ok()).unwrap();
        match message["op"].as_u64().unwrap() {
            4 => {
                self.version = number("dave_protocol_version");
                if self.version > 0 {
                    self.begin(replies);
                }
            }
            11 => {
                let users = d["user_ids"].as_array().unwrap();
                self.known.extend(users.iter().map(|user| user.as_str().unwrap().parse::<u64>().unwrap()));
            }
            13 => drop(self.known.remove(&d["user_id"].as_str().unwrap().parse().unwrap())),
            21 => {
                let (id, version) = (number("transition_id"), number("protocol_version"));
                self.pending.insert(id, version);
                if id == 0 {
                    self.execute(0);
                } else {
                    replies.push(text(23, &json!({"transition_id": id})));
                }
            }
            22 => self.execute(number("transition_id")),
            24 if d["epoch"] == 1 => {
                self.version = number("protocol_version");
                self.begin(replies);
            }
            _ => {}
        }
    }

    fn execute(&mut self, id: u16) {
        if let Some(version) = self.pending.remove(&id) {
            self.version = version;
            if let Some(session) = &mut self.session {
                session.execute_transition(id).unwrap();
            }
        }
    }

    fn take_binary(&mut self, op: u8, payload: &[u8], replies: &mut Vec<Frame>) {
        let known: Vec<_> = self.known.iter().copied().collect();
        match op {
            25 => self.session().set_external_sender(payload).unwrap(),
            27 => {
                let kind = match payload[0] {
                    0 => ProposalsOperationType::APPEND,
                    _ => ProposalsOperationType::REVOKE,
                };
                // What was under way while it threw its group away is of an epoch that it does not know.
                let done = self.session().process_proposals(kind, &payload[1..], Some(&known));
                if let Ok(Some(made)) = done {
                    let welcome = made.welcome.unwrap_or_default();
                    replies.push(Frame::Binary([&[28], &made.commit[..], &welcome].concat()));
                }
            }
            29 | 30 => {
                let id = u16::from_be_bytes([payload[0], payload[1]]);
                let session = self.session();
                let done = match op {
                    29 => session.process_commit(&payload[2..]).map_err(|error| error.to_string()).map(drop),
                    _ => session
                        .process_welcome(&payload[2..], Some(&known))
                        .map_err(|error| error.to_string()),
                };
                match done {
                    Ok(()) => {
                        session.prepare_transition(id, 1).unwrap();
                        if id != 0 {
                            self.pending.insert(id, 1);
                            replies.push(text(23, &json!({"transition_id": id})));
                        }
                    }
                    Err(_) => {
                        self.failures += 1;
                        replies.push(text(31, &json!({"transition_id": id})));
                        self.begin(replies);
                    }
                }
            }
            _ => panic!("opcode {op} in bytes"),
        }
    }

    /// The number that members of one group and epoch have in common.
    fn secret(&self) -> Option<(u64, Vec<u8>)> {
        let session = self.session.as_ref().filter(|_| self.version > 0)?;
        let epoch = session.epoch()?.as_u64();
        let authenticator = session.get_epoch_authenticator()?;
        Some((epoch, authenticator.as_slice().to_vec())).filter(|_| epoch > 0)
    }
}

fn text(op: u8, d: &Value) -> Frame {
    Frame::Text(json!({"op": op, "d": d}).to_string())
}

/// A channel with clients.
struct Call {
    world: World,
    clients: Vec<Client>,
}

impl Call {
    fn new(policy: Policy) -> Self {
        Self { world: World::with(policy), clients: Vec::new() }
    }

    /// Users join who speak up to a version, all before anybody reads anything.
    fn join(&mut self, users: impl IntoIterator<Item = u64>, version: u16, dialect: u8) {
        for user in users {
            let participant = World::participant(user, CHANNEL);
            self.world.put(participant.clone());
            let conn = self.world.connect(dialect);
            let d = json!({
                "server_id": GUILD, "user_id": participant.user, "session_id": participant.session_id,
                "token": participant.token, "max_dave_protocol_version": version,
            });
            self.world.say(conn, 0, d);
            self.world.select(conn);
            self.clients.push(Client::new(user, conn, dialect));
        }
        self.settle();
    }

    fn leave(&mut self, users: impl IntoIterator<Item = u64>) {
        for user in users {
            self.world.remove(user);
            self.clients.retain(|client| client.user != user);
        }
        self.settle();
    }

    /// Lets everybody read and answer until nobody has anything to say.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            let mut replies = Vec::new();
            for client in self.clients.iter_mut().filter(|client| !client.is_deaf) {
                for frame in self.world.frames(client.conn) {
                    replies.extend(client.take(&frame).into_iter().map(|reply| (client.conn, reply)));
                }
            }
            if replies.is_empty() {
                return;
            }
            for (conn, reply) in replies {
                let message = match &reply {
                    Frame::Text(text) => decode(text),
                    Frame::Binary(bytes) => decode_binary(bytes),
                };
                assert!(message.is_ok(), "what davey sends is read");
                self.world.hub.receive(conn, message, self.world.now_ms);
            }
        }
        panic!("they never come to an end");
    }

    /// Whether all are in one group of an epoch, or none in any.
    fn epoch(&self) -> Option<u64> {
        let secrets: Vec<_> = self.clients.iter().map(Client::secret).collect();
        assert!(secrets.windows(2).all(|pair| pair[0] == pair[1]), "{secrets:?}");
        secrets[0].as_ref().map(|(epoch, _)| *epoch)
    }

    fn versions(&self) -> BTreeSet<u16> {
        self.clients.iter().map(|client| client.version).collect()
    }

    fn failures(&self) -> u32 {
        self.clients.iter().map(|client| client.failures).sum()
    }

    /// Everybody hears everybody else.
    fn assert_all_hear(&mut self) {
        for from in 0..self.clients.len() {
            let frame = b"a frame of Opus".to_vec();
            let sealed = self.clients[from].session().encrypt_opus(&frame).unwrap().into_owned();
            assert_ne!(sealed, frame);
            let user = self.clients[from].user;
            for to in (0..self.clients.len()).filter(|to| *to != from) {
                let heard = self.clients[to].session().decrypt(user, MediaType::AUDIO, &sealed);
                assert_eq!(heard.unwrap(), frame);
            }
        }
    }
}

#[test]
fn a_group_forms_of_two_and_of_three_and_all_hear_each_other() {
    for dialect in [8, 4] {
        let mut call = Call::new(Policy::Prefer);
        call.join([1], 1, dialect);
        assert_eq!((call.epoch(), call.versions()), (None, BTreeSet::from([1])), "nobody to speak to");
        call.join([2], 1, dialect);
        assert_eq!(call.epoch(), Some(1));
        call.assert_all_hear();
        call.join([3], 1, dialect);
        assert_eq!(call.epoch(), Some(2));
        call.assert_all_hear();
        assert_eq!(call.failures(), 0);
    }
}

#[test]
fn many_at_once_are_one_group_and_so_are_those_who_stay() {
    let mut call = Call::new(Policy::Prefer);
    call.join(1..=12, 1, 8);
    assert!(call.epoch().is_some());
    call.assert_all_hear();
    call.leave([1, 4, 5, 12]);
    call.join([4, 20, 21], 1, 8);
    call.leave([2, 20]);
    assert!(call.epoch().is_some());
    call.assert_all_hear();
    assert_eq!(call.failures(), 0);
}

#[test]
fn joins_and_leaves_that_cross_each_other_end_in_one_group() {
    let mut call = Call::new(Policy::Prefer);
    call.join(1..=4, 1, 8);
    for round in 0..6 {
        // Nobody reads while people come and go, so commits are made for what is over.
        call.clients.iter_mut().for_each(|client| client.is_deaf = true);
        call.join([100 + round], 1, 8);
        call.leave([if round % 2 == 0 { 100 + round } else { round }]);
        call.join([200 + round], 1, 8);
        call.clients.iter_mut().for_each(|client| client.is_deaf = false);
        call.settle();
        assert!(call.epoch().is_some(), "round {round}");
        call.assert_all_hear();
    }
}

#[test]
fn whoever_is_left_alone_begins_anew_and_whoever_comes_joins_it() {
    let mut call = Call::new(Policy::Prefer);
    call.join([1, 2], 1, 8);
    call.leave([2]);
    assert_eq!(call.epoch(), None);
    call.join([3], 1, 8);
    assert_eq!(call.epoch(), Some(1));
    call.assert_all_hear();
}

#[test]
fn one_who_cannot_take_part_has_all_fall_back_until_it_leaves() {
    let mut call = Call::new(Policy::Prefer);
    call.join([1, 2], 1, 8);
    call.join([3], 0, 8);
    assert_eq!(call.versions(), BTreeSet::from([0]));
    call.join([4], 1, 8);
    assert_eq!(call.versions(), BTreeSet::from([0]), "told so from the beginning");
    call.leave([3]);
    assert_eq!((call.versions(), call.epoch()), (BTreeSet::from([1]), Some(1)));
    call.assert_all_hear();
}

#[test]
fn a_fall_back_does_not_wait_for_whoever_does_not_answer() {
    let mut call = Call::new(Policy::Prefer);
    call.join([1, 2], 1, 8);
    call.clients[1].is_deaf = true;
    call.join([3], 0, 8);
    assert_eq!(call.clients[0].version, 1, "not before all are ready");
    call.world.pass(2_000);
    call.settle();
    assert_eq!(call.clients[0].version, 0);
}

#[test]
fn one_that_says_it_can_and_sends_no_key_package_counts_as_one_that_cannot() {
    let mut call = Call::new(Policy::Prefer);
    call.join([1, 2], 1, 8);
    call.world.put(World::participant(3, CHANNEL));
    call.join([3], 1, 8);
    call.clients[2].is_deaf = true;
    call.leave([3]);
    let mut silent = Call::new(Policy::Prefer);
    silent.join([1, 2], 1, 8);
    silent.clients.iter_mut().for_each(|client| client.is_deaf = true);
    silent.join([3], 1, 8);
    silent.clients[2].is_deaf = true;
    silent.world.pass(10_000);
    silent.clients.iter_mut().for_each(|client| client.is_deaf = false);
    silent.settle();
    // All of them had messages to read, and nobody is left between two groups.
    assert!(silent.epoch().is_some() || silent.versions() == BTreeSet::from([0]));
}

#[test]
fn whoever_cannot_follow_is_taken_out_and_added_again() {
    let mut call = Call::new(Policy::Prefer);
    call.join(1..=3, 1, 8);
    let conn = call.clients[1].conn;
    call.world.say(conn, 31, json!({"transition_id": 5}));
    let mut replies = Vec::new();
    call.clients[1].begin(&mut replies);
    let Some(Frame::Binary(key_package)) = replies.pop() else { panic!() };
    call.world.hub.receive(conn, decode_binary(&key_package), call.world.now_ms);
    call.settle();
    assert!(call.epoch().is_some());
    call.assert_all_hear();
}

#[test]
fn when_nobody_can_follow_all_begin_anew() {
    let mut call = Call::new(Policy::Prefer);
    call.join(1..=3, 1, 8);
    for at in 0..3 {
        let conn = call.clients[at].conn;
        call.world.say(conn, 31, json!({"transition_id": 5}));
        let mut replies = Vec::new();
        call.clients[at].begin(&mut replies);
        let Some(Frame::Binary(key_package)) = replies.pop() else { panic!() };
        call.world.hub.receive(conn, decode_binary(&key_package), call.world.now_ms);
    }
    call.settle();
    assert_eq!(call.epoch(), Some(1));
    call.assert_all_hear();
}

#[test]
fn a_key_package_of_somebody_else_is_refused() {
    let mut call = Call::new(Policy::Prefer);
    call.join([1, 2], 1, 8);
    let mut other = DaveSession::new(NonZeroU16::MIN, 2, CHANNEL, None).unwrap();
    let key_package = [&[26], &other.create_key_package().unwrap()[..]].concat();
    let conn = call.clients[0].conn;
    call.world.hub.receive(conn, decode_binary(&key_package), call.world.now_ms);
    assert_eq!(call.world.closed(conn), Some(CloseCode::BadRequest));
    for at in 1..key_package.len() {
        let mut damaged = key_package.clone();
        damaged[at] ^= 1;
        assert_ne!(decode_binary(&damaged).ok(), decode_binary(&key_package).ok(), "byte {at}");
    }
}

#[test]
fn the_setting_decides_who_comes_in_and_whether_there_is_any() {
    let mut call = Call::new(Policy::Off);
    call.join([1, 2], 1, 8);
    assert_eq!(call.versions(), BTreeSet::from([0]));
    let mut call = Call::new(Policy::Require);
    call.join([1, 2], 1, 8);
    assert_eq!(call.epoch(), Some(1));
    call.join([3], 0, 8);
    let conn = call.clients[2].conn;
    assert_eq!(call.world.closed(conn), Some(CloseCode::EncryptionRequired));
}

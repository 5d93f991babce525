//! Sessions that move from one slice to another.

use consort_rpc::Responder;
use consort_rpc::session::Ticket;
use consort_wire::gateway::Resume;

use super::*;

/// One thing that happens to a session, or to its client.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// Its guild says something.
    Guild,
    /// Its account says something.
    Word,
    /// Some bytes reach the client.
    Read(usize),
    Beat,
    Cut,
    Resume,
    Move,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => Just(Act::Guild),
        4 => Just(Act::Word),
        6 => (1..400usize).prop_map(Act::Read),
        1 => Just(Act::Beat),
        1 => Just(Act::Cut),
        4 => Just(Act::Resume),
        2 => Just(Act::Move),
    ]
}

/// Two slices, a session that is on one of them, and its client.
struct Trip {
    benches: [Bench; 2],
    at: usize,
    id: SessionId,
    number: u64,
    far: Option<Far>,
    seq: u64,
    words: u64,
    said: Vec<(&'static str, u64)>,
    told: Vec<(String, u64)>,
}

impl Trip {
    fn start() -> Self {
        let mut benches = [0, 1].map(|index| Bench::of(index, Config::default()));
        benches[1].now = benches[0].now;
        let mut far = benches[0].connect("v=10");
        let id = benches[0].identify(&far, 1, &[GUILD]);
        let slot = benches[0].slice.numbers[&1];
        benches[0].slice.sessions[slot].heard = Some(0);
        benches[0].read(&mut far);
        let (said, told) = (Vec::new(), Vec::new());
        let mut trip = Self { benches, at: 0, id, number: 1, far: Some(far), seq: 0, words: 0, said, told };
        trip.listen();
        trip
    }

    /// The client takes what it has read: each number once and in order.
    fn listen(&mut self) {
        for payload in self.far.iter_mut().flat_map(|far| far.payloads.drain(..)) {
            if payload["op"] != 0 {
                continue;
            }
            self.seq += 1;
            assert_eq!(payload["s"], self.seq, "{payload}");
            let name = payload["t"].as_str().unwrap();
            if let Some(n) = payload["d"]["n"].as_u64().filter(|_| ["E", "WORD"].contains(&name)) {
                self.told.push((name.to_owned(), n));
            }
        }
    }

    fn key(&self) -> SessionKey {
        self.benches[self.at].key_of_number(self.number).expect("it is there")
    }

    fn take(&mut self, act: Act) {
        let n = self.said.len() as u64;
        let key = self.key();
        let bench = &mut self.benches[self.at];
        match act {
            Act::Guild => {
                self.said.push(("E", n));
                bench.publish(n, 20);
            }
            Act::Word => {
                self.said.push(("WORD", n));
                self.words += 1;
                let event = Event::new("WORD", Intents::empty(), Audience::all(), &json!({"n": n}));
                let op = Box::new(Op::Direct { sessions: vec![key], event: Arc::new(event) });
                bench.slice.input(bench.now, Input::Relay(Op::Said { n: self.words, op }));
            }
            Act::Read(bytes) => {
                if let Some(far) = &mut self.far {
                    bench.flush(far, bytes);
                    far.read(usize::MAX);
                }
            }
            Act::Beat => {
                if let Some(far) = &self.far {
                    bench.say(far, &json!({"op": 1, "d": self.seq}));
                }
            }
            Act::Cut => {
                if let Some(far) = self.far.take() {
                    bench.slice.lost(bench.now, far.slot);
                }
            }
            Act::Resume => {
                if self.far.is_none() {
                    let far = bench.connect("v=10");
                    let d = json!({"token": "t1", "session_id": self.id.to_string(), "seq": self.seq});
                    bench.say(&far, &json!({"op": 6, "d": d}));
                    self.far = Some(far);
                }
            }
            Act::Move => self.travel(key),
        }
        self.benches[self.at].settle();
        self.listen();
    }

    fn travel(&mut self, before: SessionKey) {
        let bench = &mut self.benches[self.at];
        let departure = bench.slice.export(bench.now, self.id).expect("it can move");
        bench.settle();
        assert!(!bench.slice.has(self.id) && bench.slice.sessions.is_empty());
        self.far = None;
        self.at = 1 - self.at;
        self.number += 1;
        let bench = &mut self.benches[self.at];
        bench.effects.clear();
        assert_eq!(bench.slice.import(bench.now, &departure.bytes, (7, self.number)).unwrap(), self.id);
        bench.settle();
        let told: Vec<_> = bench.effects.iter().filter_map(told_to_account).collect();
        let [user::gateway::Op::Open(open)] = &told[..] else { panic!("{told:?}") };
        assert_eq!((open.session, open.again, open.heard), (self.key(), true, Some(self.words)));
        let closed = departure.closed();
        let Fact::User { op: user::Op::Gateway(user::gateway::Op::Closed { session }), .. } = closed else {
            panic!("{closed:?}")
        };
        assert_eq!(session, before);
    }
}

fn told_to_account(effect: &Effect) -> Option<user::gateway::Op> {
    match effect {
        Effect::Tell { fact, .. } => match &**fact {
            Fact::User { op: user::Op::Gateway(op), .. } => Some(op.clone()),
            _ => None,
        },
        _ => None,
    }
}

proptest! {
    #[test]
    fn a_session_that_moves_goes_on_where_it_was(acts in proptest::collection::vec(act(), 1..150)) {
        let mut trip = Trip::start();
        for act in acts.into_iter().chain([Act::Resume, Act::Read(usize::MAX)]) {
            trip.take(act);
        }
        let told: Vec<_> = trip.told.iter().map(|(name, n)| (name.as_str(), *n)).collect();
        prop_assert_eq!(told, trip.said);
        trip.benches[0].check();
    }

    #[test]
    fn whatever_bytes_are_imported_the_slice_holds_together(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        (at, to) in (0..2_000usize, any::<u8>()),
    ) {
        let mut bench = Bench::new();
        prop_assert!(bench.slice.import(bench.now, &bytes, (7, 1)).is_err());
        let mut trip = Trip::start();
        let now = trip.benches[0].now;
        let mut damaged = trip.benches[0].slice.export(now, trip.id).unwrap().bytes.to_vec();
        let at = at % damaged.len();
        damaged[at] = to;
        let _taken = bench.slice.import(bench.now, &damaged, (7, 2));
        bench.settle();
        bench.check();
    }
}

#[test]
fn a_session_that_nobody_could_tell_what_it_misses_on_the_way_stays() {
    let mut bench = Bench::new();
    let mut far = bench.connect("v=10");
    let id = bench.identify(&far, 1, &[GUILD]);
    assert!(bench.slice.export(bench.now, id).is_none(), "its client does not know it");
    bench.read(&mut far);
    assert!(bench.slice.export(bench.now, id).is_none(), "its account's words have no numbers");
    bench.publish(1, 0);
    bench.read(&mut far);
    assert_eq!((far.closed, &far.payloads.last().unwrap()["t"]), (None, &json!("E")));
    bench.check();
}

/// A session on the first of two nodes, and the second node.
fn two_nodes() -> (Bench, SessionId, Bench) {
    let (here, _, id, there) = two_nodes_and_a_client();
    (here, id, there)
}

fn two_nodes_and_a_client() -> (Bench, Far, SessionId, Bench) {
    let mut here = Bench::new();
    let mut far = here.connect("v=10");
    let id = here.identify(&far, 1, &[GUILD]);
    let slot = here.slice.numbers[&1];
    here.slice.sessions[slot].heard = Some(0);
    here.read(&mut far);
    let config = Arc::new(Config { slices: 2, hello_delay: Duration::ZERO, ..Config::default() });
    let mut there = Bench::new();
    there.slice = Slice::new(NodeId(2), 0, config, Arc::new(Interest::new(2)));
    there.slice.interest.set_others(true);
    (here, far, id, there)
}

/// Asks a node for a session; what it gives.
fn ask(bench: &mut Bench, id: SessionId, user: u64, token: &str) -> Option<Departure> {
    let ticket = Ticket { node: NodeId(2), generation: 1, n: 1 };
    let (respond, _answer) = Responder::channel();
    let asked = Asked {
        id,
        user: UserId::new(user),
        token: Sha256::digest(token).into(),
        ticket,
        respond,
        passing: None,
    };
    bench.slice.input(bench.now, Input::Export(Box::new(asked)));
    bench.settle();
    match bench.effects.pop() {
        Some(Effect::Exported(exported)) => exported.1,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_session_is_given_to_its_own_client_alone() {
    let (mut here, id, _) = two_nodes();
    for (user, token) in [(1, "t2"), (2, "t1"), (2, "t2")] {
        assert!(ask(&mut here, id, user, token).is_none());
        assert!(here.slice.has(id), "it stays");
    }
    let guessed = SessionId { secret: id.secret + 1, ..id };
    assert!(ask(&mut here, guessed, 1, "t1").is_none());
    assert!(ask(&mut here, id, 1, "t1").is_some());
    assert!(ask(&mut here, id, 1, "t1").is_none(), "once");
    here.check();
}

/// A client asks another node than the one that has its session; the connection that waits.
fn resume(bench: &mut Bench, id: SessionId, seq: u64) -> (Far, ConnId, Resume) {
    let far = bench.connect("v=10");
    bench.say(&far, &json!({"op": 6, "d": {"token": "t1", "session_id": id.to_string(), "seq": seq}}));
    match bench.effects.pop() {
        Some(Effect::Fetch(fetching)) => (far, fetching.conn, fetching.resume),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_client_goes_on_at_another_node_once_its_session_is_there() {
    let (mut here, id, mut there) = two_nodes();
    let (mut far, conn, again) = resume(&mut there, id, 2);
    assert_eq!(there.slice.conns[far.slot].phase, Phase::Identifying);
    here.publish(7, 0);
    here.settle();
    let departure = ask(&mut here, id, 1, "t1").unwrap();
    let copy = departure.bytes.clone();
    let landing = Landing {
        copy,
        address: (9, 1),
        client: Some((far.slot, conn, again)),
        origin: Origin::Here(departure),
        passing: None,
    };
    there.slice.input(there.now, Input::Land(Box::new(landing)));
    there.settle();
    assert!(there.effects.iter().any(|effect| matches!(effect, Effect::Landed(landed) if landed.id == id)));
    there.read(&mut far);
    let told: Vec<_> = far.payloads.iter().map(|one| (one["s"].clone(), one["t"].clone())).collect();
    assert!(
        told.contains(&(json!(3), json!("E"))) && told.contains(&(json!(4), json!("RESUMED"))),
        "{told:?}"
    );
    // From there it may go on to a third, under the id that it has always had.
    assert!(ask(&mut there, id, 1, "t1").is_some());
    there.check();
}

#[test]
fn what_is_half_written_when_a_session_leaves_counts_as_sent() {
    let (mut here, mut far, id, mut there) = two_nodes_and_a_client();
    here.publish(1, 500);
    here.flush(&far, 40);
    let departure = ask(&mut here, id, 1, "t1").unwrap();
    here.read(&mut far);
    assert_eq!((&far.payloads.last().unwrap()["s"], far.closed), (&json!(3), Some(4000)));
    let (mut far, conn, again) = resume(&mut there, id, 3);
    let (copy, client) = (departure.bytes.clone(), Some((far.slot, conn, again)));
    let landing = Landing { copy, address: (9, 1), client, origin: Origin::Here(departure), passing: None };
    there.slice.input(there.now, Input::Land(Box::new(landing)));
    there.settle();
    there.read(&mut far);
    assert_eq!((far.closed, far.names()), (None, vec!["RESUMED", "GUILD_CREATE"]));
}

#[test]
fn a_guild_that_has_been_heard_elsewhere_is_not_heard_from_an_owner_before_that() {
    let (mut here, id, mut there) = two_nodes();
    let place = |ownership| Heard { line: Epoch { ownership, life: 1 }, n: 3 };
    here.slice.heard_until(GUILD, place(2));
    let departure = ask(&mut here, id, 1, "t1").unwrap();
    there.slice.import(there.now, &departure.bytes, (9, 1)).unwrap();
    there.slice.take_effects();
    let session = SessionKey { node: NodeId(2), generation: 9, ..key_of(1, 1) };
    let question = there.question(session);
    let answer = |ownership| Attached {
        session,
        question,
        guild: GUILD,
        class: 0,
        guild_create: bytes::Bytes::from("{}").into(),
        late: Vec::new(),
        place: Some(place(ownership)),
    };
    let awaited = |there: &Bench| there.slice.sessions[0].session.awaited();
    there.slice.input(there.now, Input::Attached(Box::new(answer(1))));
    assert_eq!(awaited(&there), 1, "this node has not heard of the next owner yet");
    there.slice.input(there.now, Input::Attached(Box::new(answer(2))));
    assert_eq!(awaited(&there), 0);
    there.check();
}

#[test]
fn a_session_whose_client_has_not_waited_is_kept_for_it() {
    let (mut here, id, mut there) = two_nodes();
    let (far, conn, again) = resume(&mut there, id, 1);
    there.slice.lost(there.now, far.slot);
    there.slice.take_gone();
    let departure = ask(&mut here, id, 1, "t1").unwrap();
    let copy = departure.bytes.clone();
    let client = Some((far.slot, conn, again));
    let landing = Landing { copy, address: (9, 1), client, origin: Origin::Here(departure), passing: None };
    there.slice.input(there.now, Input::Land(Box::new(landing)));
    assert!(there.slice.has(id) && there.slice.figures().detached == 1);
    there.check();
}

#[test]
fn who_resumes_at_a_node_that_is_alone_or_leaves_is_told_so_at_once() {
    let (_, id, mut there) = two_nodes();
    let d = json!({"token": "t1", "session_id": id.to_string(), "seq": 1});
    let ask = |there: &mut Bench| {
        let mut far = there.connect("v=10");
        there.say(&far, &json!({"op": 6, "d": d}));
        there.read(&mut far);
        far.payloads.iter().find(|payload| payload["op"] == 9).map(|payload| payload["d"].clone())
    };
    there.slice.interest.set_others(false);
    assert_eq!(ask(&mut there), Some(json!(false)));
    there.slice.interest.set_others(true);
    there.slice.input(there.now, Input::Drain { urls: [].into(), gives: true });
    assert_eq!(ask(&mut there), Some(json!(true)), "it is to ask elsewhere");
}

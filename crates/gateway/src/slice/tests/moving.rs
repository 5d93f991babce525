//! Sessions that move from one slice to another.

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
        let former = &mut self.benches[1 - self.at];
        former.effects.clear();
        former.slice.departed(&departure);
        former.settle();
        let told: Vec<_> = former.effects.iter().filter_map(told_to_account).collect();
        assert!(
            matches!(&told[..], [user::gateway::Op::Closed { session }] if *session == before),
            "{told:?}"
        );
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
        let mut damaged = trip.benches[0].slice.export(now, trip.id).unwrap().bytes;
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

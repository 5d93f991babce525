//! Sockets that take a stream in pieces, or nothing for a while.

use super::*;

#[test]
fn an_answer_behind_a_half_written_dispatch_leaves_in_the_same_turn() {
    let mut bench = Bench::new();
    let mut far = bench.connect("v=10");
    bench.identify(&far, 1, &[GUILD]);
    bench.read(&mut far);
    bench.publish(1, 500);
    bench.flush(&far, 40);
    bench.say(&far, &json!({"op": 1, "d": 2}));
    bench.read(&mut far);
    assert_eq!(far.ops()[far.ops().len() - 2..], [0, 11]);
}

/// Clients that look on while sockets are cut.
const CLIENTS: usize = 3;

/// What may happen between a slice and some clients.
#[derive(Debug, Clone)]
enum Happening {
    Publish(usize),
    /// The sockets take so many bytes, or none.
    Take([usize; CLIENTS]),
    /// A client reads so many bytes of those.
    Read(usize, usize),
    Heartbeat(usize),
    /// A socket breaks, and the client resumes on another one.
    Resume(usize),
    /// A client resumes while the former socket is still there.
    TakeOver(usize),
}

fn happening() -> impl Strategy<Value = Happening> {
    let room = || prop_oneof![1 => Just(0), 4 => 1..3000usize];
    let client = || 0..CLIENTS;
    prop_oneof![
        8 => (0..600usize).prop_map(Happening::Publish),
        6 => [room(), room(), room()].prop_map(Happening::Take),
        6 => (client(), 1..3000usize).prop_map(|(client, most)| Happening::Read(client, most)),
        1 => client().prop_map(Happening::Heartbeat),
        1 => client().prop_map(Happening::Resume),
        1 => client().prop_map(Happening::TakeOver),
    ]
}

/// A client that comes back.
struct Client {
    far: Far,
    query: &'static str,
    user: u64,
    id: SessionId,
    seen: Vec<Value>,
    commands: usize,
}

impl Client {
    fn new(bench: &mut Bench, query: &'static str, user: u64) -> Self {
        let mut far = bench.connect(query);
        let id = bench.identify(&far, user, &[GUILD]);
        bench.read(&mut far);
        let mut client = Self { far, query, user, id, seen: Vec::new(), commands: 0 };
        client.look();
        client
    }

    /// Keeps what it has read.
    fn look(&mut self) {
        self.seen.extend(self.far.payloads.drain(..).filter(|payload| payload["op"] == 0));
    }

    fn resume(&mut self, bench: &mut Bench) {
        self.look();
        self.far = bench.connect(self.query);
        self.commands = 0;
        let token = format!("t{}", self.user);
        let d = json!({"token": token, "session_id": self.id.to_string(), "seq": self.seen.len()});
        bench.say(&self.far, &json!({"op": 6, "d": d}));
    }

    fn heartbeat(&mut self, bench: &mut Bench) {
        self.commands += 1;
        if self.commands < 100 {
            bench.say(&self.far, &json!({"op": 1, "d": self.seen.len()}));
        }
    }

    /// That it was told each event once and in order.
    fn check(mut self, published: u64) {
        self.far.read(usize::MAX);
        self.look();
        let seqs: Vec<_> = self.seen.iter().map(|payload| payload["s"].as_u64().unwrap()).collect();
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
        let events = self.seen.iter().filter(|payload| payload["t"] == "E");
        let numbers: Vec<_> = events.map(|payload| payload["d"]["n"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (0..published).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn however_sockets_cut_the_stream_nothing_is_missed_or_doubled(
        happenings in proptest::collection::vec(happening(), 1..150),
        zlib in any::<[bool; CLIENTS]>(),
        at_once in prop_oneof![Just(1), Just(2), Just(64)],
    ) {
        let mut bench = Bench::new();
        bench.at_once = at_once;
        let mut clients: Vec<_> = (1..).zip(zlib).map(|(user, zlib)| {
            let query = if zlib { "v=10&compress=zlib-stream" } else { "v=10" };
            Client::new(&mut bench, query, user)
        }).collect();
        let mut published = 0;
        for happening in happenings {
            match happening {
                Happening::Publish(padding) => {
                    bench.publish(published, padding);
                    published += 1;
                }
                Happening::Take(rooms) => {
                    let fars: Vec<_> = clients.iter().map(|client| &client.far).zip(rooms).collect();
                    bench.flush_into(&fars, usize::MAX);
                }
                Happening::Read(client, most) => clients[client].far.read(most),
                Happening::Heartbeat(client) => clients[client].heartbeat(&mut bench),
                Happening::Resume(client) => {
                    bench.slice.lost(bench.now, clients[client].far.slot);
                    bench.slice.take_gone();
                    clients[client].resume(&mut bench);
                }
                Happening::TakeOver(client) => clients[client].resume(&mut bench),
            }
        }
        let fars: Vec<_> = clients.iter().map(|client| (&client.far, usize::MAX)).collect();
        bench.flush_into(&fars, usize::MAX);
        for client in clients {
            client.check(published);
        }
    }
}

#[test]
fn where_there_is_no_room_those_leave_who_have_had_time_to_identify() {
    let mut bench = Bench::new();
    let first = bench.connect("v=10");
    let speaks = bench.connect("v=10");
    bench.identify(&speaks, 2, &[]);
    assert!(!bench.slice.make_room(bench.now), "nobody has had a second");
    bench.now += Duration::from_millis(1500);
    let second = bench.connect("v=10");
    assert!(bench.slice.make_room(bench.now));
    assert!(!bench.slice.make_room(bench.now), "the other has only just come, the third has a session");
    let gone: Vec<_> = bench.slice.take_gone().into_iter().map(|gone| gone.slot).collect();
    assert_eq!(gone, [first.slot]);
    assert_ne!(second.slot, first.slot);
}

#[test]
fn few_are_told_at_once_that_there_is_no_room() {
    let mut bench = Bench::new();
    let slots: Vec<_> = std::iter::from_fn(|| bench.slice.turn_away(bench.now)).collect();
    assert_eq!(slots.len(), crate::config::TURNED_AWAY_MAX);
    let mut request = consort_wire::ws::client::request("a", "/?v=10", "dGhlIHNhbXBsZSBub25jZQ==");
    bench.slice.receive(bench.now, slots[0], &mut request);
    assert!(bench.slice.conns[slots[0]].own.starts_with(b"HTTP/1.1 503 "));
    bench.slice.lost(bench.now, slots[0]);
    bench.slice.take_gone();
    assert!(bench.slice.turn_away(bench.now).is_some());
}

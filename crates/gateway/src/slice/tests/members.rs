//! Member chunks go at the pace of the client, and end with it.

use consort_rpc::guild::gateway::ChunkNext;
use consort_session::Dispatch;

use super::*;

const SMALL: usize = 10;
const LARGE: usize = 100_000;

impl Bench {
    /// How the next chunk was asked for, if it was: the index it is to have.
    fn asked(&mut self) -> Option<(String, u32)> {
        self.settle();
        let asked = self.effects.drain(..).filter_map(|effect| match effect {
            Effect::Chunk { request, .. } => {
                Some((request.nonce.unwrap_or_default(), request.next.map_or(0, |next| next.index)))
            }
            _ => None,
        });
        let asked: Vec<_> = asked.collect();
        assert!(asked.len() <= 1, "one at a time: {asked:?}");
        asked.into_iter().next()
    }

    fn answer(&mut self, (nonce, index): (String, u32), count: u32, padding: usize) {
        let d = json!({"chunk_index": index, "nonce": nonce, "x": "y".repeat(padding)});
        let next = ChunkNext { after: UserId::new(7), index: index + 1, count, left: 9, began_ms: 5 };
        let chunk = MemberChunk {
            dispatch: Arc::new(Dispatch::new("GUILD_MEMBERS_CHUNK", d.to_string())),
            next: (index + 1 < count).then_some(next),
        };
        self.slice.input(self.now, Input::Members(1, Some(chunk)));
    }
}

fn request(nonce: &str) -> Value {
    json!({"op": 8, "d": {"guild_id": GUILD, "user_ids": ["5"], "nonce": nonce}})
}

fn everybody() -> Value {
    json!({"op": 8, "d": {"guild_id": GUILD, "query": "", "limit": 0, "nonce": "all"}})
}

fn ready(bench: &mut Bench) -> (Far, SessionId) {
    let mut far = bench.connect("v=10");
    let id = bench.identify(&far, 3, &[GUILD]);
    bench.read(&mut far);
    bench.effects.clear();
    (far, id)
}

fn chunks(far: &Far) -> Vec<(String, u64)> {
    let chunks = far.payloads.iter().filter(|payload| payload["t"] == "GUILD_MEMBERS_CHUNK");
    let place = |d: &Value| (d["nonce"].as_str().unwrap().to_owned(), d["chunk_index"].as_u64().unwrap());
    chunks.map(|payload| place(&payload["d"])).collect()
}

#[test]
fn the_next_chunk_is_asked_for_when_the_client_has_taken_the_last_ones() {
    let mut bench = Bench::new();
    let (mut far, _) = ready(&mut bench);
    bench.say(&far, &everybody());
    let mut asked = 0;
    // Nobody reads: it stops at what may wait, and one more.
    while let Some(next) = bench.asked() {
        bench.answer(next, 50, LARGE);
        asked += 1;
        assert!(asked < 10);
    }
    assert_eq!(asked, 3);
    while far.payloads.iter().filter(|payload| payload["t"] == "GUILD_MEMBERS_CHUNK").count() < 50 {
        bench.read(&mut far);
        if let Some(next) = bench.asked() {
            bench.answer(next, 50, LARGE);
        }
    }
    assert_eq!(chunks(&far), (0..50).map(|index| ("all".to_owned(), index)).collect::<Vec<_>>());
    assert!(bench.slice.sessions.iter().all(|(_, held)| held.members.is_none()));
}

#[test]
fn requests_take_turns() {
    let mut bench = Bench::new();
    let (mut far, _) = ready(&mut bench);
    bench.say(&far, &everybody());
    bench.say(&far, &request("one"));
    while let Some(next) = bench.asked() {
        let count = if next.0 == "all" { 3 } else { 1 };
        bench.answer(next, count, SMALL);
    }
    bench.read(&mut far);
    let expected = [("all", 0), ("one", 0), ("all", 1), ("all", 2)];
    assert_eq!(chunks(&far), expected.map(|(nonce, index)| (nonce.to_owned(), index)));
}

#[test]
fn a_request_ends_with_its_session() {
    let mut bench = Bench::new();
    let (far, _) = ready(&mut bench);
    bench.say(&far, &everybody());
    let first = bench.asked().expect("asked");
    let slot = bench.slice.numbers[&1];
    bench.slice.end_session(slot);
    bench.answer(first, 9, SMALL);
    assert_eq!(bench.asked(), None);
}

#[test]
fn a_request_ends_when_the_session_leaves_the_guild_and_when_the_owner_says_no() {
    let mut bench = Bench::new();
    let (far, _) = ready(&mut bench);
    bench.say(&far, &everybody());
    let first = bench.asked().expect("asked");
    bench.slice.input(bench.now, Input::Relay(Op::Detach { guild: GUILD, user: UserId::new(3) }));
    bench.answer(first, 9, SMALL);
    assert_eq!(bench.asked(), None);
    let mut bench = Bench::new();
    let (far, _) = ready(&mut bench);
    bench.say(&far, &everybody());
    bench.say(&far, &request("one"));
    assert_eq!(bench.asked(), Some(("all".into(), 0)));
    bench.slice.input(bench.now, Input::Members(1, None));
    assert_eq!(bench.asked(), Some(("one".into(), 0)));
}

#[test]
fn a_request_waits_for_the_client_to_come_back() {
    let mut bench = Bench::new();
    let (far, id) = ready(&mut bench);
    bench.say(&far, &everybody());
    let first = bench.asked().expect("asked");
    bench.slice.lost(bench.now, far.slot);
    bench.answer(first, 2, SMALL);
    assert_eq!(bench.asked(), None, "nobody is there to read it");
    let mut again = bench.connect("v=10");
    let seq = bench.slice.sessions[bench.slice.numbers[&1]].session.sent();
    bench.say(&again, &json!({"op": 6, "d": {"token": "t3", "session_id": id.to_string(), "seq": seq}}));
    let second = bench.asked().expect("asked again");
    bench.answer(second, 2, SMALL);
    bench.read(&mut again);
    assert_eq!(chunks(&again), [("all".to_owned(), 0), ("all".to_owned(), 1)]);
}

#[test]
fn everybody_is_not_asked_for_twice_at_once() {
    let mut bench = Bench::new();
    let (mut far, _) = ready(&mut bench);
    bench.say(&far, &everybody());
    bench.now += crate::config::ALL_MEMBERS_WINDOW;
    bench.say(&far, &everybody());
    bench.say(&far, &json!({"op": 8, "d": {"guild_id": GUILD, "user_ids": [], "query": ""}}));
    bench.say(&far, &json!({"op": 8, "d": {"guild_id": GUILD, "limit": 5000, "query": ""}}));
    bench.read(&mut far);
    assert_eq!(far.payloads.iter().filter(|payload| payload["t"] == "RATE_LIMITED").count(), 3);
    assert_eq!(bench.asked(), Some(("all".into(), 0)));
}

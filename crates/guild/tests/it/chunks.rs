//! REQUEST_GUILD_MEMBERS: chunk after chunk, while members come and go.

use std::time::Duration;

use consort_model::{Member, Timestamp, UserId};
use consort_rpc::Answer;
use consort_rpc::guild::Op;
use consort_rpc::guild::gateway::{self, ChunkNext, ChunkPart, ChunkRequest};
use consort_rpc::guild::member::Op as M;
use serde_json::{Value, json};

use crate::invites::{forever, join, make};
use crate::world::{GUILD, OWNER, World, account};

/// When the members of these worlds joined.
const LONG_AGO_MS: u64 = 1_700_000_000_000;

/// A guild with members 2 to `last` beside its owner.
fn large(last: u64) -> World {
    let mut world = World::new();
    let joined = Timestamp::from_ms(LONG_AGO_MS);
    world.seed_members((2..=last).map(|user| Member::new(account(user), joined)));
    world
}

fn everybody() -> ChunkRequest {
    ChunkRequest {
        query: Some(String::new()),
        may_list_all: true,
        nonce: Some("n".into()),
        ..ChunkRequest::default()
    }
}

fn part(world: &World, request: &ChunkRequest) -> ChunkPart<Value> {
    match world.call(OWNER, Op::Gateway(gateway::Op::Chunk(request.clone()))).expect("a chunk") {
        Answer::Chunk(part) => {
            ChunkPart { chunk: serde_json::from_slice(&part.chunk).expect("JSON"), next: part.next }
        }
        other => panic!("{other:?}"),
    }
}

fn ids(chunk: &Value) -> Vec<u64> {
    let members = chunk["members"].as_array().expect("members").iter();
    members.map(|member| member["user"]["id"].as_str().unwrap().parse().unwrap()).collect()
}

/// Asks for part after part, with something happening before each but the first.
fn ask(
    world: &mut World,
    mut request: ChunkRequest,
    mut happens: impl FnMut(&mut World, u64),
) -> Vec<Vec<u64>> {
    let mut chunks: Vec<Vec<u64>> = Vec::new();
    loop {
        let ChunkPart { chunk, next } = part(world, &request);
        assert_eq!(chunk["chunk_index"], chunks.len());
        assert_eq!((&chunk["guild_id"], &chunk["nonce"]), (&json!(GUILD), &json!("n")));
        assert_eq!(chunk.get("not_found"), None);
        chunks.push(ids(&chunk));
        if next.is_none() {
            assert_eq!(chunk["chunk_count"], chunks.len());
            return chunks;
        }
        request.next = next;
        happens(world, chunks.len() as u64);
    }
}

#[test]
fn everybody_comes_in_chunks_of_a_thousand() {
    for (last, sizes) in [(1, &[1][..]), (999, &[999]), (1000, &[1000]), (2001, &[1000, 1000, 1])] {
        let chunks = ask(&mut large(last), everybody(), |_, _| {});
        assert_eq!(chunks.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
        assert_eq!(chunks.concat(), (1..=last).collect::<Vec<_>>());
    }
}

#[test]
fn a_limit_counts_over_all_chunks() {
    let request = ChunkRequest { limit: 1500, ..everybody() };
    assert_eq!(ask(&mut large(2001), request, |_, _| {}).concat(), (1..=1500).collect::<Vec<_>>());
    let request = ChunkRequest { limit: 1500, may_list_all: false, ..everybody() };
    assert_eq!(ask(&mut large(2001), request, |_, _| {}).concat(), (1..=100).collect::<Vec<_>>());
    let request = ChunkRequest { may_list_all: false, ..everybody() };
    assert_eq!(ask(&mut large(2001), request, |_, _| {}), [Vec::<u64>::new()]);
}

#[test]
fn who_comes_and_goes_meanwhile_changes_neither_the_count_nor_who_stays() {
    let mut world = large(4000);
    world.advance(Duration::from_secs(1));
    let chunks = ask(&mut world, everybody(), |world, chunk| {
        world.advance(Duration::from_secs(1));
        let code = make(world, forever());
        // Behind what was given, where it goes on, and where it ends.
        for user in [5_000_000 + chunk, 10_000 + chunk] {
            world.call(user, join(&code, user)).expect("joined");
        }
        for user in [chunk * 1000 - 1, chunk * 1000 + 500, 4000 - chunk] {
            world.call(OWNER, Op::Member(M::Kick { user: UserId::new(user) })).expect("kicked");
        }
    });
    assert_eq!(chunks.len(), 4);
    assert!(chunks.iter().all(|chunk| chunk.len() <= 1000));
    let given = chunks.concat();
    assert!(given.is_sorted_by(|a, b| a < b), "by id, and nobody twice");
    let gone = [1500, 2500, 3500, 3999, 3998, 3997];
    assert!(given.iter().copied().eq((1..=4000).filter(|id| !gone.contains(id))), "{} members", given.len());
}

#[test]
fn the_last_chunk_has_whoever_is_left_even_if_they_are_more_than_were_counted() {
    let world = large(2500);
    let next =
        ChunkNext { after: UserId::new(100), index: 1, count: 2, left: u32::MAX, began_ms: u64::MAX / 2 };
    let ChunkPart { chunk, next } = part(&world, &ChunkRequest { next: Some(next), ..everybody() });
    assert_eq!((ids(&chunk).len(), next), (2400, None));
}

#[test]
fn those_asked_for_by_id_or_name_come_in_one_chunk() {
    let world = large(300);
    let named = ChunkRequest { user_ids: [5, 77_777, 4].map(UserId::new).to_vec(), ..everybody() };
    let ChunkPart { chunk, next } = part(&world, &named);
    assert_eq!((ids(&chunk), &chunk["not_found"], next), (vec![5, 4], &json!(["77777"]), None));
    let nobody = ChunkRequest { query: Some("nobody is called so".into()), ..everybody() };
    let ChunkPart { chunk, next } = part(&world, &nobody);
    assert_eq!((ids(&chunk), &chunk["chunk_count"], next), (vec![], &json!(1), None));
}

#[test]
fn a_stranger_gets_no_chunk() {
    let mut world = large(3);
    assert_eq!(world.err(99, Op::Gateway(gateway::Op::Chunk(everybody()))), (403, 50001));
}

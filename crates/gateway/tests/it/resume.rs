use consort_model::Intents;
use consort_rpc::Audience;
use consort_rpc::relay::Op;
use serde_json::json;

use crate::client::Got;
use crate::rig::{Rig, guild};

#[tokio::test(flavor = "multi_thread")]
async fn exactly_what_was_missed_is_replayed() {
    let rig = Rig::start().await;
    let (mut client, ready) = rig.bot_in(2, &[guild(1)]).await;
    for n in 1..=3 {
        rig.publish(guild(1), n);
        assert_eq!(client.dispatch().await.1["n"], n);
    }
    let seq = client.seq;
    client.cut().await;
    for n in 4..=8 {
        rig.publish(guild(1), n);
    }
    let mut again = rig.connect("v=10").await;
    // The client claims to have read one less than it did.
    again.resume("bot-2", &ready["session_id"], seq - 1).await;
    for n in 3..=8 {
        assert_eq!(again.dispatch().await.1["n"], n);
    }
    assert_eq!(again.dispatch().await.0, "RESUMED");
    rig.publish(guild(1), 9);
    assert_eq!(again.dispatch().await.1["n"], 9);
    // Once more, and on the other slice: one connection after the other goes to the next.
    again.cut().await;
    let mut again = rig.connect("v=10").await;
    again.resume("bot-2", &ready["session_id"], seq).await;
    for n in 4..=8 {
        assert_eq!(again.dispatch().await.1["n"], n);
    }
    assert_eq!(again.dispatch().await.0, "RESUMED");
    assert_eq!(again.dispatch().await.1["n"], 9);
    assert_eq!(again.dispatch().await.0, "RESUMED");
    again.settle().await;
    assert_eq!(rig.gateway.stats().sum(|slice| slice.resumed as usize), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_from_before_a_restart_never_reaches_a_stranger() {
    let event = |d: &str| {
        let mut event = consort_rpc::Event::new("E", Intents::empty(), Audience::all(), d);
        event.guild = None;
        std::sync::Arc::new(event)
    };
    let before = Rig::start().await;
    let (_client, _) = before.bot_in(2, &[]).await;
    let old = before.opened(2).await.session;
    // The node starts again, and a stranger's session gets the number and the place of the one that was.
    let after = Rig::start().await;
    let (mut stranger, _) = after.bot_in(4, &[]).await;
    let new = after.opened(4).await.session;
    assert_eq!((old.node, old.slice, old.number), (new.node, new.slice, new.number));
    after.relay(Op::Direct { sessions: vec![old], event: event("secret") });
    after.relay(Op::Close { sessions: vec![old], code: 4004 });
    after.relay(Op::Direct { sessions: vec![new], event: event("its own") });
    assert_eq!(stranger.dispatch().await.1, "its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_takes_the_session_over_from_a_socket_that_still_lives() {
    let rig = Rig::start().await;
    let (mut first, ready) = rig.bot_in(2, &[guild(1)]).await;
    for round in 0..4 {
        let mut next = rig.connect("v=10").await;
        next.resume("bot-2", &ready["session_id"], first.seq).await;
        assert_eq!(next.dispatch().await.0, "RESUMED");
        assert_eq!(first.next().await, Got::Closed(4000));
        rig.publish(guild(1), round);
        assert_eq!(next.dispatch().await.1["n"], round);
        first = next;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_right_behind_a_resume_are_heard_where_the_session_lives() {
    let rig = Rig::start().await;
    for _ in 0..2 {
        let (first, ready) = rig.bot_in(2, &[]).await;
        let mut next = rig.connect("v=10").await;
        // In one segment with the RESUME, as far as the kernel is concerned.
        assert_eq!(next.payload().await["op"], 10);
        next.seq = first.seq;
        let resume =
            json!({"op": 6, "d": {"token": "bot-2", "session_id": ready["session_id"], "seq": first.seq}});
        next.send_many(&[resume, json!({"op": 1, "d": 1}), json!({"op": 1, "d": 1})]).await;
        let mut got = Vec::new();
        for _ in 0..3 {
            got.push(next.payload().await["op"].as_u64().unwrap());
        }
        got.sort_unstable();
        assert_eq!(got, [0, 11, 11]);
        first.cut().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_cannot_be_resumed_are_invalid_and_the_client_may_identify() {
    let rig = Rig::start().await;
    let (client, ready) = rig.bot_in(2, &[]).await;
    let id = ready["session_id"].as_str().unwrap();
    let flip = |text: &str| match text.strip_prefix('0') {
        Some(rest) => format!("1{rest}"),
        None => format!("0{}", &text[1..]),
    };
    let other_secret = format!("{}{}", &id[..16], flip(&id[16..]));
    let other_node = flip(id);
    let other_slice = format!("{}0040{}", &id[..4], &id[8..]);
    let cases = [
        ("bot-2", "nonsense"),
        ("bot-2", &other_secret),
        ("bot-2", &other_node),
        ("bot-2", &other_slice),
        ("bot-4", id),
        ("nobody", id),
    ];
    for (token, session_id) in cases {
        let mut again = rig.connect("v=10").await;
        again.resume(token, &json!(session_id), 1).await;
        assert_eq!(again.op(9).await, false, "{token} {session_id}");
        again.send(json!({"op": 2, "d": {"token": "user-6", "properties": {}}})).await;
        again.seq = 0;
        assert_eq!(again.dispatch().await.0, "READY");
    }
    // None of this has touched the session.
    client.cut().await;
    let mut again = rig.connect("v=10").await;
    again.resume("bot-2", &json!(id), 1).await;
    assert_eq!(again.dispatch().await.0, "RESUMED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_was_never_sent_closes_with_4007() {
    let rig = Rig::start().await;
    let (_client, ready) = rig.bot_in(2, &[]).await;
    let mut again = rig.connect("v=10").await;
    again.resume("bot-2", &ready["session_id"], 7).await;
    assert_eq!(again.close_code().await, 4007);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_journal_has_forgotten_makes_the_session_invalid() {
    let rig = Rig::start().await;
    let (mut client, ready) = rig.bot_in(2, &[guild(1)]).await;
    let seq = client.seq;
    client.settle().await;
    client.cut().await;
    for n in 0..5000 {
        rig.publish(guild(1), n);
    }
    let mut again = rig.connect("v=10").await;
    again.resume("bot-2", &ready["session_id"], seq).await;
    assert_eq!(again.op(9).await, false);
    rig.closed(2).await;
}

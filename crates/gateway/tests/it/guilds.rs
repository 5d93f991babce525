use std::sync::Arc;

use consort_model::{Intents, UserId};
use consort_rpc::guild;
use consort_rpc::relay::{Epoch, Numbered, Op, Question};
use consort_rpc::{Audience, ClassSet, View, user};
use serde_json::{Value, json};

use crate::rig::{Manner, NODE, Rig, Told, event, guild as guild_id};

fn users(ids: &[u64]) -> Vec<UserId> {
    ids.iter().copied().map(UserId::new).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_who_may_see_an_event_get_it() {
    let rig = Rig::start().await;
    let g = guild_id(1);
    rig.class(2, 1);
    rig.class(4, 65);
    let (mut one, _) = rig.bot_in(2, &[g]).await;
    let (mut other, _) = rig.bot_in(4, &[g]).await;
    let (mut outside, _) = rig.bot_in(6, &[guild_id(2)]).await;
    let classes = Arc::new(ClassSet::from_iter([65]));
    rig.publish_event(event(g, Audience::view(View::Classes(classes.clone())), &json!(1)));
    rig.publish_event(event(g, Audience::users(users(&[2, 6])), &json!(2)));
    rig.publish_event(event(g, Audience::only(users(&[2])), &json!(3)));
    rig.publish_event(event(g, Audience::all().without(users(&[4])), &json!(4)));
    // Now the first one may see it, too.
    rig.relay(Op::Class { guild: g, user: UserId::new(2), class: 65 });
    rig.publish_event(event(g, Audience::view(View::Classes(classes)), &json!(5)));
    for expected in [2, 3, 4, 5] {
        assert_eq!(one.dispatch().await.1, expected);
    }
    for expected in [1, 5] {
        assert_eq!(other.dispatch().await.1, expected);
    }
    outside.settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn content_is_only_for_those_with_the_intent_and_those_concerned() {
    let rig = Rig::start().await;
    let g = guild_id(1);
    rig.member(2, &[g]);
    rig.member(3, &[g]);
    rig.member(5, &[g]);
    let mut clients = Vec::new();
    for (token, intents) in
        [("bot-2", 1 << 9 | 1 << 15), ("bot-3", 1 << 9), ("bot-5", 1 << 9), ("bot-2", 1 << 10)]
    {
        let mut client = rig.connect("v=10").await;
        client.identify_as(json!({"token": token, "intents": intents})).await;
        clients.push(client);
    }
    // Without the GUILDS intent nothing says that they are attached; their owner has answered all the same.
    rig.guilds.log.wait_for(4).await;
    let mut message = event(g, Audience::all(), &json!("secret"));
    message.redacted = Some(r#""""#.into());
    message.unredacted_for = users(&[5]).into();
    rig.publish_event(message);
    assert_eq!(clients[0].dispatch().await.1, "secret");
    assert_eq!(clients[1].dispatch().await.1, "");
    assert_eq!(clients[2].dispatch().await.1, "secret");
    clients[3].settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_gets_the_guild_and_who_leaves_gets_no_more_of_it() {
    let rig = Rig::start().await;
    let g = guild_id(9);
    let (mut client, _) = rig.bot_in(2, &[]).await;
    let session = rig.opened(2).await.session;
    rig.relay(Op::Join { sessions: vec![session], guild: g });
    assert_eq!(client.dispatch().await.0, "GUILD_CREATE");
    rig.publish(g, 1);
    assert_eq!(client.dispatch().await.1, json!({"n": 1}));
    let mut farewell = event(g, Audience::only(users(&[2])), &json!({"id": g}));
    farewell.name = "GUILD_DELETE".into();
    rig.publish_event(farewell);
    rig.relay(Op::Detach { guild: g, user: UserId::new(2) });
    rig.publish(g, 2);
    assert_eq!(client.dispatch().await.0, "GUILD_DELETE");
    client.settle().await;
    rig.guilds
        .log
        .wait(|told| match &told.op {
            guild::Op::Gateway(guild::gateway::Op::Detached { node }) if told.key == g.get() => Some(*node),
            _ => None,
        })
        .await;
    assert_eq!(rig.gateway.stats().guilds, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_owner_of_a_guild_is_asked_again_and_its_classes_count() {
    let rig = Rig::start().await;
    let g = guild_id(1);
    rig.class(2, 3);
    let (mut client, _) = rig.bot_in(2, &[g]).await;
    rig.class(2, 4);
    rig.relay(Op::GuildRestarted { guild: g, line: Epoch::default() });
    assert_eq!(client.dispatch().await.0, "GUILD_CREATE");
    for (class, n) in [(3, 1), (4, 2)] {
        let view = View::Classes(Arc::new(ClassSet::from_iter([class])));
        rig.publish_event(event(g, Audience::view(view), &json!(n)));
    }
    assert_eq!(client.dispatch().await.1, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_owner_of_a_guild_learns_which_member_lists_are_looked_at() {
    let rig = Rig::start().await;
    let g = guild_id(1);
    rig.member(2, &[g]);
    let mut client = rig.connect("v=10&encoding=json").await;
    client.identify_as(json!({"token": "user-2"})).await;
    let looks = |channels: serde_json::Value| json!({"op": 14, "d": {"guild_id": g, "typing": true, "channels": channels}});
    client.send(looks(json!({"10": [[0, 99]]}))).await;
    client.send(looks(json!({"10": [[0, 99], [100, 199]], "11": [[5, 6]]}))).await;
    client.settle().await;
    let asked = || {
        let ops = rig.guilds.log.all().into_iter().filter_map(|told| match told.op {
            guild::Op::Gateway(guild::gateway::Op::Subscribe { request, .. }) => {
                Some(request["channels"].clone())
            }
            _ => None,
        });
        ops.collect::<Vec<_>>()
    };
    let before = asked();
    assert_eq!(before.len(), 2);
    rig.relay(Op::GuildRestarted { guild: g, line: Epoch::default() });
    assert_eq!(client.dispatch().await.0, "GUILD_CREATE");
    client.settle().await;
    assert_eq!(asked()[2..], before[1..], "what was said last");
    client.send(json!({"op": 14, "d": {"guild_id": g, "channels": {}}})).await;
    client.settle().await;
    rig.relay(Op::GuildRestarted { guild: g, line: Epoch::default() });
    assert_eq!(client.dispatch().await.0, "GUILD_CREATE");
    client.settle().await;
    assert_eq!(asked().len(), 4, "nothing is looked at any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_owner_that_cannot_serve_makes_the_guild_unavailable() {
    let rig = Rig::start().await;
    let g = guild_id(1);
    let (mut client, _) = rig.bot_in(2, &[g]).await;
    rig.manner(g, Manner::Unavailable);
    rig.relay(Op::GuildRestarted { guild: g, line: Epoch::default() });
    assert_eq!(client.dispatch().await, ("GUILD_DELETE".to_owned(), json!({"id": g, "unavailable": true})));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_owner_of_a_user_learns_of_its_sessions() {
    let rig = Rig::start().await;
    let (mut client, _) = rig.bot_in(2, &[]).await;
    client
        .send(json!({"op": 3, "d": {"status": "dnd", "activities": [], "since": null, "afk": false}}))
        .await;
    client.settle().await;
    let session = rig.opened(2).await.session;
    rig.relay(Op::UserRestarted { user: UserId::new(2), since_ms: 5 });
    let again = rig
        .users
        .log
        .wait(|told| match &told.op {
            user::Op::Gateway(user::gateway::Op::Open(open)) if open.again => Some(open.clone()),
            _ => None,
        })
        .await;
    assert_eq!(again.session, session);
    assert_eq!(again.presence.unwrap().status, consort_model::Status::Dnd);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_asked_for_and_everybody_only_now_and_then() {
    let rig = Rig::start().await;
    let g = guild_id(1);
    let (mut client, _) = rig.bot_in(3, &[g]).await;
    let all = json!({"op": 8, "d": {"guild_id": g, "query": "", "limit": 0, "nonce": "x"}});
    client.send(all.clone()).await;
    for index in 0..2 {
        let (name, chunk) = client.dispatch().await;
        assert_eq!((name.as_str(), &chunk["chunk_index"]), ("GUILD_MEMBERS_CHUNK", &json!(index)));
        assert_eq!(chunk["nonce"], "x");
    }
    let request = rig
        .guilds
        .log
        .wait(|told| match &told.op {
            guild::Op::Gateway(guild::gateway::Op::Chunk(request)) => Some(request.clone()),
            _ => None,
        })
        .await;
    assert!(!request.may_list_all, "without GUILD_MEMBERS");
    client.send(all).await;
    let (name, limited) = client.dispatch().await;
    assert_eq!((name.as_str(), &limited["opcode"]), ("RATE_LIMITED", &json!(8)));
    assert!((0.0..=30.0).contains(&limited["retry_after"].as_f64().unwrap()));
    assert_eq!(limited["meta"], json!({"guild_id": g, "nonce": "x"}));
    client.send(json!({"op": 8, "d": {"guild_id": g, "user_ids": ["5"]}})).await;
    assert_eq!(client.dispatch().await.0, "GUILD_MEMBERS_CHUNK");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_session_looks_at_and_where_it_speaks_is_told_and_taken_back() {
    let rig = Rig::start().await;
    let g = guild_id(1);
    rig.member(2, &[g]);
    let (mut client, ready) = rig.ready("user-2").await;
    client.send(json!({"op": 14, "d": {"guild_id": g, "typing": true, "channels": {"5": [[0, 99]]}}})).await;
    client.send(json!({"op": 37, "d": {"subscriptions": {(g.to_string()): {"threads": true}}}})).await;
    client
        .send(
            json!({"op": 4, "d": {"guild_id": g, "channel_id": "8", "self_mute": true, "self_deaf": false}}),
        )
        .await;
    client.settle().await;
    client.close(1000).await;
    rig.closed(2).await;
    // A fact is told until it is taken, so it may come after what follows it.
    let gone = |told: &Told<guild::Op>| {
        matches!(told.op, guild::Op::Voice(guild::voice::Op::Gone { .. })).then_some(())
    };
    let unsubscribed = |told: &Told<guild::Op>| {
        matches!(told.op, guild::Op::Gateway(guild::gateway::Op::Unsubscribe { .. })).then_some(())
    };
    rig.guilds.log.wait(gone).await;
    rig.guilds.log.wait(unsubscribed).await;
    let mut told: Vec<Value> = rig
        .guilds
        .log
        .all()
        .into_iter()
        .filter_map(|told| match told.op {
            guild::Op::Gateway(guild::gateway::Op::Subscribe { request, .. }) => Some(*request),
            guild::Op::Gateway(guild::gateway::Op::Unsubscribe { .. }) => Some("unsubscribe".into()),
            guild::Op::Voice(guild::voice::Op::Update { channel, flags, session_id, .. }) => {
                Some(json!({"channel": channel, "mute": flags.self_mute, "session": session_id}))
            }
            guild::Op::Voice(guild::voice::Op::Gone { .. }) => Some("gone".into()),
            _ => None,
        })
        .collect();
    told[3..].sort_by_key(Value::to_string);
    let expected = [
        json!({"guild_id": g, "typing": true, "channels": {"5": [[0, 99]]}}),
        json!({"guild_id": g, "threads": true}),
        json!({"channel": "8", "mute": true, "session": ready["session_id"]}),
        json!("gone"),
        json!("unsubscribe"),
    ];
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn guilds_are_asked_for_their_sounds_by_who_is_in_them() {
    let rig = Rig::start().await;
    let g = guild_id(1);
    let (mut client, _) = rig.bot_in(2, &[g]).await;
    client.send(json!({"op": 31, "d": {"guild_ids": [g, guild_id(5)]}})).await;
    let session = rig.opened(2).await.session;
    let asked = |told: &Told<guild::Op>| match told.op {
        guild::Op::Gateway(guild::gateway::Op::Sounds { session }) => Some((told.key, session)),
        _ => None,
    };
    assert_eq!(rig.guilds.log.wait(asked).await, (g.get(), session));
    client.settle().await;
    let all: Vec<_> = rig.guilds.log.all().iter().filter_map(asked).collect();
    assert_eq!(all.len(), 1, "a guild that it is not in is not asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn private_events_need_their_intent() {
    let rig = Rig::start().await;
    let (mut with, _) = rig.bot_in(2, &[]).await;
    let session = rig.opened(2).await.session;
    for (intents, n) in [(Intents::DIRECT_MESSAGES, 1), (Intents::GUILD_MESSAGES, 2), (Intents::empty(), 3)] {
        let event = consort_rpc::Event::new("E", intents, Audience::all(), &n);
        rig.relay(Op::Direct { sessions: vec![session], event: event.into() });
    }
    // The tests' bots have GUILD_MESSAGES and not DIRECT_MESSAGES.
    assert_eq!(with.dispatch().await.1, 2);
    assert_eq!(with.dispatch().await.1, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_a_guild_are_taken_once_and_missing_ones_are_asked_for() {
    let rig = Rig::start().await;
    let g = guild_id(1);
    let (mut client, _) = rig.bot_in(2, &[g]).await;
    let session = rig.opened(2).await.session;
    let say = |epoch, n, follows, op| {
        let epoch = Epoch { ownership: epoch, life: 1 };
        rig.relay(Op::Numbered(Box::new(Numbered { guild: g, epoch, line: epoch, n, follows, op })));
    };
    let event = |n: u64| Op::Publish(event(g, Audience::all(), &json!({"n": n})).into());
    say(1, 7, true, rig.guilds.welcome(g, (session, Question::default()), 2.into()));
    for n in [8, 8, 10, 11, 8] {
        say(1, n, false, event(n));
    }
    let asked = |told: &Told<guild::Op>| match told.op {
        guild::Op::Gateway(guild::gateway::Op::Replay {
            node: NODE,
            line: Epoch { ownership: 1, .. },
            after,
        }) => Some(after),
        _ => None,
    };
    assert_eq!(rig.guilds.log.wait(asked).await, 8);
    for n in [9, 10, 11] {
        say(1, n, false, event(n));
    }
    say(0, 12, false, event(12));
    for n in 8..=11 {
        assert_eq!(client.dispatch().await.1["n"], n);
    }
    // An owner that nobody has heard of is asked what its predecessor has said. It knows nothing of that: the sessions attach again.
    say(2, 1, false, event(13));
    assert_eq!(rig.guilds.log.wait(|told| asked(told).filter(|after| *after > 8)).await, 11);
    let line = Epoch { ownership: 1, life: 1 };
    rig.relay(Op::GuildRestarted { guild: g, line });
    assert_eq!(client.dispatch().await.0, "GUILD_CREATE");
}

use std::time::Duration;

use consort_gateway::Config;
use consort_rpc::{guild as guilds, user};
use serde_json::{Value, json};

use crate::rig::{Manner, Rig, Told, guild};

#[tokio::test(flavor = "multi_thread")]
async fn hello_comes_first_and_heartbeats_are_answered_before_identify() {
    let rig = Rig::start().await;
    let mut client = rig.connect("v=10&encoding=json").await;
    assert_eq!(client.op(10).await["heartbeat_interval"], 41_250);
    client.send(json!({"op": 1, "d": null})).await;
    assert_eq!(client.op(11).await, Value::Null);
    client.send(json!({"op": 40, "d": {"seq": null, "qos": {}}})).await;
    assert_eq!(client.op(11).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bot_is_ready_at_once_and_then_gets_its_guilds() {
    let rig = Rig::start().await;
    rig.member(11, &[guild(1), guild(2)]);
    let (mut client, ready) = rig.ready("Bot bot-11").await;
    assert_eq!(ready["v"], 10);
    assert_eq!(ready["user"]["id"], "11");
    assert_eq!(
        ready["guilds"],
        json!([{"id": guild(1), "unavailable": true}, {"id": guild(2), "unavailable": true}])
    );
    assert_eq!(ready["session_id"].as_str().unwrap().len(), 32);
    assert_eq!(ready["resume_gateway_url"], format!("ws://{}", rig.addr));
    assert_eq!(ready["application"]["id"], "11");
    assert!(ready.get("shard").is_none());
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (name, body) = client.dispatch().await;
        assert_eq!(name, "GUILD_CREATE");
        ids.push(body["id"].clone());
    }
    assert_eq!(ids, [json!(guild(1)), json!(guild(2))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_gets_its_guilds_in_ready_and_what_happens_meanwhile_after_it() {
    let rig = Rig::start().await;
    rig.member(12, &[guild(1), guild(2)]);
    rig.manner(guild(2), Manner::Silent);
    let mut client = rig.connect("v=10").await;
    client.op(10).await;
    client.send(json!({"op": 2, "d": {"token": "user-12", "properties": {}, "capabilities": 1 << 5}})).await;
    let session = rig.opened(12).await.session;
    // The first guild has answered; an event of it comes while the second is awaited.
    rig.guilds.log.wait(|told| (told.key == guild(2).get()).then_some(())).await;
    rig.publish(guild(1), 1);
    let asked = |told: &Told<guilds::Op>| match told.op {
        guilds::Op::Gateway(guilds::gateway::Op::Attach { question, .. }) => {
            (told.key == guild(2).get()).then_some(question)
        }
        _ => None,
    };
    let question = rig.guilds.log.wait(asked).await;
    rig.relay(rig.guilds.welcome(guild(2), (session, question), 12.into()));
    let (name, ready) = client.dispatch().await;
    assert_eq!(name, "READY");
    let ids: Vec<_> =
        ready["guilds"].as_array().unwrap().iter().map(|g| (&g["id"], &g["unavailable"])).collect();
    assert_eq!(ids, [(&json!(guild(1)), &json!(false)), (&json!(guild(2)), &json!(false))]);
    let (name, supplemental) = client.dispatch().await;
    assert_eq!(name, "READY_SUPPLEMENTAL");
    assert_eq!(supplemental["guilds"].as_array().unwrap().len(), 2);
    assert_eq!(client.dispatch().await, ("MESSAGE_CREATE".to_owned(), json!({"n": 1})));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_that_does_not_answer_is_unavailable_and_comes_later() {
    let config = Config {
        slices: 1,
        attach_deadline: Duration::from_millis(50),
        attach_retry: Duration::from_millis(50),
        ..Config::default()
    };
    let rig = Rig::with(config).await;
    rig.member(14, &[guild(1), guild(2)]);
    rig.manner(guild(2), Manner::Unavailable);
    rig.manner(guild(1), Manner::Silent);
    let (mut client, ready) = rig.ready("user-14").await;
    assert_eq!(
        ready["guilds"],
        json!([{"id": guild(1), "unavailable": true}, {"id": guild(2), "unavailable": true}])
    );
    rig.manner(guild(1), Manner::Welcoming);
    let (name, body) = client.dispatch().await;
    assert_eq!((name.as_str(), &body["id"]), ("GUILD_CREATE", &json!(guild(1))));
    rig.manner(guild(2), Manner::Welcoming);
    let (name, body) = client.dispatch().await;
    assert_eq!((name.as_str(), &body["id"]), ("GUILD_CREATE", &json!(guild(2))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_that_refuses_is_not_in_a_users_ready_and_gone_for_a_bot() {
    let rig = Rig::start().await;
    rig.manner(guild(1), Manner::NoMember);
    rig.member(16, &[guild(1)]);
    let (_, ready) = rig.ready("user-16").await;
    assert_eq!(ready["guilds"], json!([]));
    let (mut bot, _) = rig.ready("bot-16").await;
    assert_eq!(bot.dispatch().await, ("GUILD_DELETE".to_owned(), json!({"id": guild(1)})));
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_share_the_guilds_and_private_events_are_for_the_first() {
    let rig = Rig::start().await;
    rig.member(20, &[guild(1), guild(2), guild(3)]);
    let mut shards = Vec::new();
    for id in 0..2 {
        let mut client = rig.connect("v=10").await;
        let ready =
            client.identify_as(json!({"token": "bot-20", "intents": 1 << 12 | 1, "shard": [id, 2]})).await;
        assert_eq!(ready["shard"], json!([id, 2]));
        let expected: Vec<_> =
            [1, 2, 3].into_iter().filter(|n| n % 2 == id).map(|n| json!(guild(n))).collect();
        let ids: Vec<_> = ready["guilds"].as_array().unwrap().iter().map(|g| g["id"].clone()).collect();
        assert_eq!(ids, expected);
        for id in ids {
            assert_eq!(client.dispatch().await.1["id"], id);
        }
        shards.push(client);
    }
    let sessions = rig.users.log.all().into_iter().filter_map(|told| match told.op {
        user::Op::Gateway(user::gateway::Op::Open(open)) => Some(open.session),
        _ => None,
    });
    let event = consort_rpc::Event::new(
        "MESSAGE_CREATE",
        consort_model::Intents::DIRECT_MESSAGES,
        consort_rpc::Audience::all(),
        &json!({"n": 9}),
    );
    rig.relay(consort_rpc::relay::Op::Direct { sessions: sessions.collect(), event: event.into() });
    assert_eq!(shards[0].dispatch().await.1, json!({"n": 9}));
    shards[1].settle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_learns_of_the_client_its_presence_and_the_end() {
    let rig = Rig::start().await;
    let mut client = rig.connect("v=10").await;
    client
        .identify_as(
            json!({"token": "bot-22", "intents": 0, "presence": {"status": "idle", "activities": []}}),
        )
        .await;
    let open = rig.opened(22).await;
    assert_eq!(open.client, ("linux".to_owned(), "test".to_owned(), "test".to_owned()));
    assert_eq!(open.presence.unwrap().status, consort_model::Status::Idle);
    assert_eq!((open.auth_session, open.bot), (5, true));
    for status in ["dnd", "online", "dnd", "online", "idle", "dnd", "dnd", "dnd"] {
        client
            .send(json!({"op": 3, "d": {"since": null, "activities": [], "status": status, "afk": false}}))
            .await;
    }
    client.settle().await;
    client.close(1000).await;
    assert_eq!(rig.closed(22).await, open.session);
    let updates = rig.users.log.all().into_iter().filter_map(|told| match told.op {
        user::Op::Gateway(user::gateway::Op::SetPresence { presence, .. }) => Some(presence.status),
        _ => None,
    });
    let updates: Vec<_> = updates.collect();
    // Those that waited for others to be taken were passed over for newer ones, or the end.
    assert!(updates.len() <= 5, "more than five in 20 s are ignored");
    assert_eq!(updates[0], consort_model::Status::Dnd);
    if updates.len() == 5 {
        assert_eq!(updates[4], consort_model::Status::Idle);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_cannot_be_checked_now_is_asked_for_again() {
    let rig = Rig::start().await;
    let mut client = rig.connect("v=10").await;
    client.op(10).await;
    client.send(json!({"op": 2, "d": {"token": "later-1", "properties": {}}})).await;
    assert_eq!(client.op(9).await, json!(false));
    client.send(json!({"op": 2, "d": {"token": "user-1", "properties": {}}})).await;
    assert_eq!(client.dispatch().await.0, "READY");
}

//! Posting, editing, deleting and reading messages.

use consort_model::request::message::{CreateMessage, EditMessage};
use consort_model::{
    Intents, Member, MessageFlags, MessageId, Permissions, Timestamp, User, UserId, snowflake,
};
use consort_rpc::Caller;
use consort_rpc::guild::{self, everyone};
use consort_rpc::message::{Create, Edit, Op, Page};
use consort_runtime::Clock as _;
use consort_store::{Batch, Key, StoreExt as _, Table};
use serde_json::{Value, json};

use super::world::{ANN, BEN, GUILD, NOW_MS, OWNER, World, world};

fn edit(message: MessageId, body: Value) -> Op {
    Op::Edit { message, edit: Box::new(Edit { body: EditMessage::parse(&body).unwrap(), ..Edit::default() }) }
}

async fn contents(world: &World, page: Page, limit: u16) -> Vec<String> {
    let general = world.channel("general").await;
    let list = world.message(ANN, general, Op::List { page, limit }).await.unwrap();
    list.as_array().unwrap().iter().map(|m| m["content"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_message_is_answered_published_and_read_back_alike() {
    let world = world().await;
    let general = world.channel("general").await;
    let message =
        world.post(ANN, general, json!({"content": " hi ", "nonce": 7, "tts": false})).await.unwrap();
    assert_eq!((message.content.as_str(), message.author.id), ("hi", ANN));
    assert!(message.guild_id.is_none() && message.member.is_none());

    let create = world.event("MESSAGE_CREATE");
    assert!(create.is_for_classes());
    assert_eq!(create.body["guild_id"], GUILD.to_string());
    assert!(create.body["member"]["joined_at"].is_string() && create.body["member"].get("user").is_none());
    assert_eq!(create.body["nonce"], 7);
    assert_eq!(world.users_told(), ["2: posted"]);

    let read = world.message(BEN, general, Op::Get { message: message.id }).await.unwrap();
    assert!(read.get("nonce").is_none() && read.get("guild_id").is_none());
    assert_eq!(read["content"], "hi");
    for key in
        ["edited_timestamp", "mentions", "mention_roles", "attachments", "embeds", "components", "flags"]
    {
        assert!(read.get(key).is_some(), "{key}");
    }
}

#[tokio::test]
async fn sessions_without_message_content_get_nothing_of_it_but_those_mentioned() {
    let world = world().await;
    let general = world.channel("general").await;
    world.post(ANN, general, json!({"content": "hello <@3>", "embeds": [{"title": "t"}]})).await.unwrap();
    let create = world.event("MESSAGE_CREATE");
    let redacted: Value = serde_json::from_slice(create.event.redacted.as_ref().unwrap()).unwrap();
    assert_eq!((&redacted["content"], &redacted["embeds"]), (&json!(""), &json!([])));
    assert_eq!(redacted["mentions"][0]["id"], "3");
    assert_eq!(*create.event.unredacted_for, [ANN, BEN]);
    assert!(world.users_told().contains(&"3: mentioned".to_owned()));
}

#[tokio::test]
async fn answers_to_a_bot_without_message_content_hold_nothing_of_it_but_its_own_and_what_mentions_it() {
    let world = world().await;
    let general = world.channel("general").await;
    let bot = Caller { lacks: Intents::MESSAGE_CONTENT, ..Caller::user(BEN, true) };
    let ask = |op: Op| world.ask_as(bot.clone(), guild::Op::Message { channel: general, op });
    let body = |reply: consort_rpc::Reply| -> Value {
        serde_json::from_slice(reply.unwrap().body().unwrap()).unwrap()
    };
    let secret =
        world.post(ANN, general, json!({"content": "secret", "embeds": [{"title": "t"}]})).await.unwrap();
    world.post(ANN, general, json!({"content": "hello <@3>"})).await.unwrap();
    let reply = json!({"content": "mine", "message_reference": {"message_id": secret.id}});
    let create = Create { body: CreateMessage::parse(&reply).unwrap(), ..Create::default() };
    let own = body(ask(Op::Create(Box::new(create))).await);
    assert_eq!((&own["content"], &own["referenced_message"]["content"]), (&json!("mine"), &json!("")));
    assert_eq!(own["referenced_message"]["embeds"], json!([]));

    let list = body(ask(Op::List { page: Page::Newest, limit: 50 }).await);
    let contents: Vec<_> = list.as_array().unwrap().iter().map(|m| m["content"].as_str().unwrap()).collect();
    assert_eq!(contents, ["mine", "hello <@3>", ""]);
    assert_eq!(list[0]["referenced_message"]["content"], "");
    assert_eq!(list[2]["embeds"], json!([]));
    assert_eq!(body(ask(Op::Get { message: secret.id }).await)["content"], "");
    world.message(OWNER, general, Op::Pin { message: secret.id }).await.unwrap();
    let pins = body(ask(Op::Pins { before: None, limit: 50, bare: true }).await);
    assert_eq!(pins[0]["content"], "");
    let edited = Op::Edit {
        message: own["id"].as_str().unwrap().parse().unwrap(),
        edit: Box::new(Edit {
            body: EditMessage::parse(&json!({"content": "new"})).unwrap(),
            ..Edit::default()
        }),
    };
    let edited = body(ask(edited).await);
    assert_eq!((&edited["content"], &edited["referenced_message"]["content"]), (&json!("new"), &json!("")));
    let person = world.message(ANN, general, Op::Get { message: secret.id }).await.unwrap();
    assert_eq!(person["content"], "secret");
}

#[tokio::test]
async fn history_is_paged_from_either_end_and_around() {
    let world = world().await;
    let general = world.channel("general").await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(world.post(ANN, general, json!({"content": n.to_string()})).await.unwrap().id);
    }
    assert_eq!(contents(&world, Page::Newest, 2).await, ["4", "3"]);
    assert_eq!(contents(&world, Page::Before(ids[2]), 50).await, ["1", "0"]);
    assert_eq!(contents(&world, Page::After(ids[1]), 2).await, ["3", "2"]);
    assert_eq!(contents(&world, Page::Around(ids[2]), 3).await, ["3", "2", "1"]);
    assert_eq!(contents(&world, Page::After(MessageId::new(1)), 1).await, ["0"]);
    world.overwrite(general, Permissions::empty(), Permissions::READ_MESSAGE_HISTORY).await;
    assert!(contents(&world, Page::Newest, 50).await.is_empty());
}

#[tokio::test]
async fn who_may_not_see_or_write_is_refused_with_the_right_code() {
    let world = world().await;
    let general = world.channel("general").await;
    let hello = || json!({"content": "x"});
    assert_eq!(world.post(UserId::new(99), general, hello()).await.unwrap_err().code, 50001);
    assert_eq!(world.post(ANN, consort_model::ChannelId::new(5), hello()).await.unwrap_err().code, 10003);
    assert_eq!(world.post(ANN, world.channel("forum").await, hello()).await.unwrap_err().code, 40058);
    assert_eq!(world.post(ANN, general, json!({"content": "  "})).await.unwrap_err().code, 50006);
    world.overwrite(general, Permissions::empty(), Permissions::SEND_MESSAGES).await;
    assert_eq!(world.post(ANN, general, hello()).await.unwrap_err().code, 50013);
    world.overwrite(general, Permissions::empty(), Permissions::VIEW_CHANNEL).await;
    assert_eq!(world.post(ANN, general, hello()).await.unwrap_err().code, 50001);
    assert!(world.post(OWNER, general, hello()).await.is_ok());
    assert!(!world.event("MESSAGE_CREATE").event.audience.except.contains(&ANN));
}

#[tokio::test]
async fn an_enforced_nonce_gives_the_first_message_again() {
    let world = world().await;
    let general = world.channel("general").await;
    let body = || json!({"content": "once", "nonce": "n", "enforce_nonce": true});
    let first = world.post(ANN, general, body()).await.unwrap();
    let second = world.post(ANN, general, body()).await.unwrap();
    assert_eq!((first.id, &first.nonce), (second.id, &second.nonce));
    assert_eq!(world.names(), ["MESSAGE_CREATE"]);
    assert_ne!(world.post(BEN, general, body()).await.unwrap().id, first.id);
    world.clock.advance(301_000);
    assert_ne!(world.post(ANN, general, body()).await.unwrap().id, first.id);
}

#[tokio::test]
async fn an_enforced_nonce_counts_with_the_next_owner_also_where_its_clock_is_behind() {
    let mut world = world().await;
    let general = world.channel("general").await;
    // Over whatever length of time nonces are kept by, one of these is posted just after such a time has begun.
    for seconds in [0, 20, 40, 60, 80, 100, 101, 120, 140] {
        world.clock.advance((10 + seconds) * 1000);
        let body = || json!({"content": "once", "nonce": seconds, "enforce_nonce": true});
        let first = world.post(ANN, general, body()).await.unwrap();
        let next = world.crashed_at(world.clock.now_ms() - 10_000);
        assert_eq!(next.post(ANN, general, body()).await.unwrap().id, first.id);
        world = next;
    }
    world.stop();
}

#[tokio::test]
async fn a_nonce_whose_message_is_gone_posts_nothing() {
    let world = world().await;
    let general = world.channel("general").await;
    let body = || json!({"content": "once", "nonce": "n", "enforce_nonce": true});
    let first = world.post(ANN, general, body()).await.unwrap();
    world.message(ANN, general, Op::Delete { message: first.id }).await.unwrap();
    let error = world.post(ANN, general, body()).await.unwrap_err();
    assert_eq!((error.status, error.code), (404, 10008));
    assert_eq!(world.names(), ["MESSAGE_CREATE", "MESSAGE_DELETE"]);
}

#[tokio::test]
async fn slowmode_makes_people_wait_but_not_bots() {
    let world = world().await;
    let general = world.channel("general").await;
    let update = Box::new(guild::channel::Update {
        rate_limit_per_user: consort_model::Patch::Value(10),
        ..Default::default()
    });
    let op = guild::channel::Op::Update { channel: general, update };
    world.ask(OWNER, guild::Op::Channel(op)).await.unwrap();
    world.post(ANN, general, json!({"content": "1"})).await.unwrap();
    world.clock.advance(4_000);
    let error = world.post(ANN, general, json!({"content": "2"})).await.unwrap_err();
    assert_eq!((error.status, error.code, error.retry_after), (429, 20016, Some(6.0)));
    let create = Create {
        body: serde_json::from_value(json!({"content": "b", "tts": false, "embeds": [],
        "components": [], "sticker_ids": [], "enforce_nonce": false, "flags": 0}))
        .unwrap(),
        ..Create::default()
    };
    for _ in 0..2 {
        let op = guild::Op::Message { channel: general, op: Op::Create(Box::new(create.clone())) };
        world.ask_as(Caller::user(BEN, true), op).await.unwrap();
    }
    world.clock.advance(6_000);
    world.post(ANN, general, json!({"content": "3"})).await.unwrap();
}

#[tokio::test]
async fn a_message_to_everyone_is_counted_for_those_who_are_away() {
    let world = world().await;
    let general = world.channel("general").await;
    world.clear();
    world.post(OWNER, general, json!({"content": "@everyone, come"})).await.unwrap();
    let told = world.users_told();
    assert!(
        told.contains(&format!("{ANN}: mentioned")) && told.contains(&format!("{BEN}: mentioned")),
        "{told:?}"
    );
    assert!(!told.contains(&format!("{OWNER}: mentioned")), "{told:?}");
}

#[tokio::test]
async fn replies_show_what_they_answer_and_ping_its_author() {
    let world = world().await;
    let general = world.channel("general").await;
    let first = world.post(ANN, general, json!({"content": "question"})).await.unwrap();
    let reply = |id: MessageId, fail: bool| json!({"content": "answer", "message_reference": {"message_id": id, "fail_if_not_exists": fail}});
    world.clear();
    let answer = world.post(BEN, general, reply(first.id, true)).await.unwrap();
    assert_eq!(answer.kind.number(), 19);
    assert_eq!(answer.mentions[0].user.id, ANN);
    assert_eq!(answer.referenced_message.unwrap().unwrap().content, "question");
    assert_eq!(world.event("MESSAGE_CREATE").body["referenced_message"]["content"], "question");
    assert!(world.users_told().contains(&"2: mentioned".to_owned()));

    let quiet = json!({"content": "a", "message_reference": {"message_id": first.id}, "allowed_mentions": {"parse": []}});
    assert!(world.post(BEN, general, quiet).await.unwrap().mentions.is_empty());
    let unknown = MessageId::new(snowflake::at(NOW_MS));
    let error = world.post(BEN, general, reply(unknown, true)).await.unwrap_err();
    assert_eq!((error.status, error.code), (400, 50035));
    assert_eq!(world.post(BEN, general, reply(unknown, false)).await.unwrap().kind.number(), 0);

    world.message(ANN, general, Op::Delete { message: first.id }).await.unwrap();
    let read = world.message(BEN, general, Op::Get { message: answer.id }).await.unwrap();
    assert!(read["referenced_message"].is_null() && read.get("referenced_message").is_some());
}

#[tokio::test]
async fn roles_and_everyone_ping_only_with_the_right_to() {
    let world = world().await;
    let general = world.channel("general").await;
    world.overwrite(general, Permissions::empty(), Permissions::MENTION_EVERYONE).await;
    let message = world.post(ANN, general, json!({"content": "@everyone <@&5> <@99>"})).await.unwrap();
    assert!(!message.mention_everyone && message.mention_roles.is_empty() && message.mentions.is_empty());
    assert!(world.post(OWNER, general, json!({"content": "@here"})).await.unwrap().mention_everyone);
}

#[tokio::test]
async fn an_edit_is_the_authors_and_flags_are_also_the_moderators() {
    let world = world().await;
    let general = world.channel("general").await;
    let message =
        world.post(ANN, general, json!({"content": "befor", "embeds": [{"title": "t"}]})).await.unwrap();
    world.clear();
    world.clock.advance(1000);
    let edited =
        world.message(ANN, general, edit(message.id, json!({"content": "before <@3>"}))).await.unwrap();
    assert_eq!(edited["content"], "before <@3>");
    assert_eq!(edited["mentions"][0]["id"], "3");
    assert!(edited["edited_timestamp"].is_string());
    let update = world.event("MESSAGE_UPDATE");
    assert_eq!((&update.body["guild_id"], &update.body["tts"]), (&json!(GUILD), &json!(false)));

    let other = world.message(OWNER, general, edit(message.id, json!({"content": "x"}))).await.unwrap_err();
    assert_eq!(other.code, 50005);
    assert_eq!(
        world.message(BEN, general, edit(message.id, json!({"flags": 4}))).await.unwrap_err().code,
        50013
    );
    let hidden = world.message(OWNER, general, edit(message.id, json!({"flags": 4}))).await.unwrap();
    assert_eq!(hidden["flags"], MessageFlags::SUPPRESS_EMBEDS.bits());
    let empty = edit(message.id, json!({"content": "", "embeds": []}));
    assert_eq!(world.message(ANN, general, empty).await.unwrap_err().code, 50006);
    let unknown = edit(MessageId::new(7), json!({"content": "x"}));
    assert_eq!(world.message(ANN, general, unknown).await.unwrap_err().code, 10008);
}

#[tokio::test]
async fn deleting_for_others_takes_the_right_and_is_audited() {
    let world = world().await;
    let general = world.channel("general").await;
    let message = world.post(ANN, general, json!({"content": "x"})).await.unwrap();
    world.clear();
    assert_eq!(
        world.message(BEN, general, Op::Delete { message: message.id }).await.unwrap_err().code,
        50013
    );
    assert!(world.names().is_empty());
    world.message(OWNER, general, Op::Delete { message: message.id }).await.unwrap();
    let delete = world.event("MESSAGE_DELETE");
    assert_eq!(delete.body, json!({"id": message.id, "channel_id": general, "guild_id": GUILD}));
    let entry = world.audited().await;
    assert_eq!((&entry["action_type"], &entry["target_id"]), (&json!(72), &json!(ANN)));
    assert_eq!(entry["options"], json!({"channel_id": general, "count": "1"}));
    assert_eq!(world.message(ANN, general, Op::Get { message: message.id }).await.unwrap_err().code, 10008);
}

#[tokio::test]
async fn bulk_deletion_is_one_event_and_refuses_old_messages() {
    let world = world().await;
    let general = world.channel("general").await;
    let mut ids = Vec::new();
    for n in 0..3 {
        ids.push(world.post(ANN, general, json!({"content": n.to_string()})).await.unwrap().id);
    }
    let delete = |messages: Vec<MessageId>| Op::BulkDelete { messages };
    assert_eq!(world.message(ANN, general, delete(ids.clone())).await.unwrap_err().code, 50013);
    world.clear();
    ids.push(MessageId::new(snowflake::at(NOW_MS - 1000)));
    world.message(OWNER, general, delete(ids.clone())).await.unwrap();
    let event = world.event("MESSAGE_DELETE_BULK");
    assert_eq!(event.body["ids"].as_array().unwrap().len(), 3);
    assert_eq!(world.names(), ["MESSAGE_DELETE_BULK"]);
    world.clock.advance(15 * 24 * 3_600_000);
    assert_eq!(world.message(OWNER, general, delete(ids)).await.unwrap_err().code, 50034);
}

#[tokio::test]
async fn what_is_acknowledged_survives_a_restart() {
    let world = world().await;
    let general = world.channel("general").await;
    let message = world.post(ANN, general, json!({"content": "kept"})).await.unwrap();
    let world = world.restarted().await;
    assert_eq!(contents(&world, Page::Newest, 50).await, ["kept"]);
    let channels = world.attach(BEN).await["channels"].clone();
    let shown =
        channels.as_array().unwrap().iter().find(|channel| channel["name"] == "general").unwrap().clone();
    assert_eq!(shown["last_message_id"], message.id.to_string());
}

#[tokio::test]
async fn a_purge_deletes_what_one_author_wrote_since() {
    let world = world().await;
    let general = world.channel("general").await;
    let old = world.post(ANN, general, json!({"content": "old"})).await.unwrap();
    world.clock.advance(60_000);
    for (user, text) in [(ANN, "a"), (BEN, "b"), (ANN, "c")] {
        world.post(user, general, json!({"content": text})).await.unwrap();
    }
    let op = Op::Purge { author: ANN, after: old.id };
    assert_eq!(world.message(OWNER, general, op.clone()).await.unwrap_err().code, 50013);
    world.ask_as(Caller::system(), guild::Op::Message { channel: general, op }).await.unwrap();
    assert_eq!(contents(&world, Page::Newest, 50).await, ["b", "old"]);
}

#[tokio::test]
async fn typing_is_volatile_and_carries_the_member() {
    let world = world().await;
    let general = world.channel("general").await;
    world.message(ANN, general, Op::Typing).await.unwrap();
    let typing = world.event("TYPING_START");
    assert!(typing.event.volatile);
    assert_eq!((&typing.body["user_id"], &typing.body["timestamp"]), (&json!(ANN), &json!(NOW_MS / 1000)));
    assert!(typing.body["member"]["joined_at"].is_string());
}

#[tokio::test]
async fn announcements_are_crossposted_once() {
    let world = world().await;
    let (news, general) = (world.channel("news").await, world.channel("general").await);
    let message = world.post(OWNER, news, json!({"content": "news"})).await.unwrap();
    let posted = world.message(OWNER, news, Op::Crosspost { message: message.id }).await.unwrap();
    assert_eq!(posted["flags"], 1);
    let again = world.message(OWNER, news, Op::Crosspost { message: message.id }).await.unwrap_err();
    assert_eq!(again.code, 40033);
    let other = world.post(OWNER, general, json!({"content": "x"})).await.unwrap();
    assert_eq!(
        world.message(OWNER, general, Op::Crosspost { message: other.id }).await.unwrap_err().code,
        50024
    );
}

#[tokio::test]
async fn a_voice_message_is_one_sound_with_its_shape_and_stays_as_it_is() {
    const VOICE: u64 = 1 << 13;
    let world = world().await;
    let general = world.channel("general").await;
    let sound = |more: Value| {
        let mut sound = json!({
            "id": "77", "filename": "voice-message.ogg", "size": 9, "url": "attachments/1/77/voice-message.ogg",
            "proxy_url": "", "content_type": "audio/ogg", "waveform": "AAECAw==", "duration_secs": 1.5,
        });
        sound.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        sound
    };
    let say = async |body: Value, files: Vec<Value>| {
        let body = CreateMessage::parse(&body).unwrap();
        let attachments = files.into_iter().map(|file| serde_json::from_value(file).unwrap()).collect();
        let create = Create { body, attachments, ..Create::default() };
        world.message(ANN, general, Op::Create(Box::new(create))).await.map_err(|error| error.code)
    };
    let spoken = |more: Value| {
        let mut body = json!({"flags": VOICE, "attachments": [{"id": 0}]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (body, files, code) in [
        (spoken(json!({"content": "words"})), vec![sound(json!({}))], 50159),
        (spoken(json!({})), vec![sound(json!({})), sound(json!({"id": "78"}))], 50160),
        (spoken(json!({})), vec![sound(json!({"content_type": "image/png"}))], 50160),
        (spoken(json!({})), vec![sound(json!({"waveform": null}))], 50161),
        (spoken(json!({})), vec![sound(json!({"duration_secs": 0.0}))], 50161),
    ] {
        assert_eq!(say(body.clone(), files).await, Err(code), "{body}");
    }
    let plain = say(json!({"content": "a song"}), vec![sound(json!({}))]).await.unwrap();
    assert!(plain["attachments"][0].get("waveform").is_none(), "only voice messages have a shape");
    let message = say(spoken(json!({})), vec![sound(json!({}))]).await.unwrap();
    let shown = &message["attachments"][0];
    assert_eq!((&shown["waveform"], &shown["duration_secs"]), (&json!("AAECAw=="), &json!(1.5)));
    let id: MessageId = message["id"].as_str().unwrap().parse().unwrap();
    let edited = world.message(ANN, general, edit(id, json!({"content": "words"}))).await;
    assert_eq!(edited.unwrap_err().code, 50162);
    world.message(ANN, general, edit(id, json!({"flags": VOICE | 1 << 2}))).await.unwrap();
}

#[tokio::test]
async fn who_moderates_hides_embeds_of_others_and_changes_no_other_flag() {
    let world = world().await;
    let general = world.channel("general").await;
    let message = world.post(ANN, general, json!({"content": "x"})).await.unwrap();
    let edit = |flags: u64| {
        let body = consort_model::request::message::EditMessage::parse(&json!({ "flags": flags })).unwrap();
        let edit = Box::new(consort_rpc::message::Edit { body, attachments: Vec::new(), webhook: None });
        Op::Edit { message: message.id, edit }
    };
    let edited = world.message(OWNER, general, edit(1 << 15 | 1 << 2)).await.unwrap();
    assert_eq!(edited["flags"], 1 << 2);
    let edited = world.message(OWNER, general, edit(1 << 15)).await.unwrap();
    assert_eq!(edited["flags"], 0);
}

#[tokio::test]
async fn where_members_are_many_a_message_to_everyone_is_kept_for_those_who_come() {
    let world = world().await;
    let general = world.channel("general").await;
    let mut batch = Batch::new();
    for id in 100..1100u64 {
        let member = Member::new(User::person(UserId::new(id), "many"), Timestamp::from_ms(NOW_MS));
        batch.put_row(Table::Members, GUILD.get(), id, &member);
    }
    world.store.commit(batch).await.unwrap();
    let world = world.restarted().await;
    let first = world.post(OWNER, general, json!({"content": "@everyone, come"})).await.unwrap();
    assert!(!world.users_told().iter().any(|told| told.ends_with("mentioned")), "{:?}", world.users_told());
    let kept = async |world: &World| -> Option<everyone::Row> {
        world.store.get_row(Table::GuildMisc, GUILD.get(), Key::bytes(&everyone::key(general))).await.unwrap()
    };
    assert_eq!(kept(&world).await, Some(everyone::Row(vec![(first.id, OWNER)])));
    // The next life of the owner goes on with it.
    let world = world.restarted().await;
    world.clock.advance(6_000);
    let second = world.post(OWNER, general, json!({"content": "@here"})).await.unwrap();
    assert_eq!(kept(&world).await, Some(everyone::Row(vec![(first.id, OWNER), (second.id, OWNER)])));
    let delete =
        consort_rpc::guild::Op::Channel(consort_rpc::guild::channel::Op::Delete { channel: general });
    world.ask(OWNER, delete).await.unwrap();
    assert_eq!(kept(&world).await, None);
}

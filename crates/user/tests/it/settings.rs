use consort_model::{ChannelId, GuildId, MessageId, Status, UserId};
use consort_rpc::user::settings::{Op as Settings, ProtoKind};
use consort_rpc::user::{Op, Reach};
use serde_json::{Map, Value, json};

use crate::world::{GUILD, World};

fn op(op: Settings) -> Op {
    Op::Settings(op)
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn settings_messages_are_merged_and_versioned() {
    let mut world = World::new([1]);
    let session = world.connect(1);
    let kind = ProtoKind::Preloaded;
    let patch = |bytes: &'static [u8], required_version| {
        op(Settings::PatchProto { kind, patch: bytes.into(), required_version })
    };
    let first = world.ok(1, patch(&[0x22, 1, b'a'], None));
    // Versions {data_version: 1}, then field 4.
    assert_eq!(first, json!({"settings": "CgIYASIBYQ=="}));
    let second = world.ok(1, patch(&[0x1a, 1, b'b'], Some(1)));
    assert_eq!(second["settings"], "CgIYAiIBYRoBYg==");
    let late = world.ok(1, patch(&[0x1a, 1, b'c'], Some(1)));
    assert_eq!(late, json!({"settings": second["settings"], "out_of_date": true}));
    assert_eq!(world.names(session), ["USER_SETTINGS_PROTO_UPDATE"; 2]);
    // No message at all, and settings of guilds that are none.
    for bad in [&[0xff][..], &[0x12, 1, b'a']] {
        let bad =
            op(Settings::PatchProto { kind, patch: bytes::Bytes::from_static(bad), required_version: None });
        assert_eq!(world.err(1, bad), (400, 50105));
    }
    world.restart();
    assert_eq!(world.ok(1, op(Settings::Proto { kind })), json!({"settings": second["settings"]}));
    let other = op(Settings::Proto { kind: ProtoKind::FrequentlyUsed });
    assert_eq!(world.ok(1, other), json!({"settings": ""}));
}

#[test]
fn the_json_form_keeps_what_it_knows_and_sets_the_status() {
    let mut world = World::new([1]);
    let (a, b) = (world.connect(1), world.connect(1));
    world.guild_presences();
    let patch = object(
        json!({"theme": "light", "unheard_of": 1, "status": "dnd", "custom_status": {"text": "busy"}}),
    );
    let after = world.ok(1, op(Settings::PatchLegacy { patch }));
    assert_eq!((&after["theme"], &after["status"]), (&json!("light"), &json!("dnd")));
    assert_eq!(after["custom_status"]["text"], "busy");
    assert!(after.get("unheard_of").is_none());
    let told = world.guild_presences();
    assert_eq!((told.len(), told[0].status), (1, Status::Dnd));
    assert_eq!(told[0].activities[0].state.as_deref(), Some("busy"));
    for session in [a, b] {
        assert!(world.names(session).contains(&"USER_SETTINGS_UPDATE".to_owned()));
    }
}

#[test]
fn notifications_are_set_by_guild_and_mute_mentions() {
    let mut world = World::new([1]);
    let session = world.connect(1);
    let channel = ChannelId::new(5);
    let patch =
        object(json!({"suppress_roles": true, "channel_overrides": [{"channel_id": "5", "muted": true}]}));
    let set = op(Settings::PatchGuilds { patches: vec![(Some(GUILD), patch.clone())] });
    let after = world.ok(1, set);
    assert_eq!((&after[0]["guild_id"], &after[0]["suppress_roles"]), (&json!("77"), &json!(true)));
    assert_eq!(world.names(session), ["SESSIONS_REPLACE", "USER_GUILD_SETTINGS_UPDATE"][1..]);
    let elsewhere = op(Settings::PatchGuilds { patches: vec![(Some(GuildId::new(9)), patch)] });
    assert_eq!(world.err(1, elsewhere), (404, 10004));
    // The law of this crate's clients does not cover messages of guilds; what counts is the row.
    world.outside().sessions.clear();
    let mention = |channel, message, by| Op::Mentioned {
        guild: Some(GUILD),
        channel,
        message: MessageId::new(message),
        author: UserId::new(2),
        by,
    };
    world.tell(1, mention(channel, 10, Reach::Name));
    world.tell(1, mention(ChannelId::new(6), 11, Reach::Everyone));
    world.tell(1, mention(ChannelId::new(6), 12, Reach::Role));
    let fresh = world.connect_as_raw(1, 0).0;
    assert_eq!(fresh["read_state"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&fresh["read_state"][0]["id"], &fresh["read_state"][0]["mention_count"]),
        (&json!("6"), &json!(1))
    );
}

#[test]
fn bots_have_no_settings() {
    let mut world = World::new([1000]);
    assert_eq!(world.err(1000, op(Settings::Legacy)), (403, 20001));
}

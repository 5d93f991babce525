//! Payloads as libraries send them, and what is refused with which close code.

use consort_wire::etf;
use consort_wire::gateway::limits::{MAX_BOT_PAYLOAD_BYTES, MAX_USER_PAYLOAD_BYTES};
use consort_wire::gateway::{
    DecodeError, Encoding, Inbound, MemberRange, Opcode, RequestGuildMembers, Shard, Status, StreamKind,
    decode,
};
use serde_json::{Value, json};

/// Decodes a payload in both encodings, which must agree.
fn both(payload: Value) -> Result<Inbound, DecodeError> {
    let text = payload.to_string();
    let from_json = decode(Encoding::Json, text.as_bytes(), MAX_USER_PAYLOAD_BYTES);
    let mut term = vec![etf::VERSION];
    term.extend(etf::from_json(text.as_bytes()).unwrap());
    let from_etf = decode(Encoding::Etf, &term, MAX_USER_PAYLOAD_BYTES);
    assert_eq!(format!("{from_json:?}"), format!("{from_etf:?}"));
    from_json
}

fn ok(payload: Value) -> Inbound {
    both(payload).unwrap()
}

fn close_code(payload: Value) -> u16 {
    both(payload).unwrap_err().close_code().number()
}

fn identify(d: Value) -> consort_wire::gateway::Identify {
    match ok(json!({"op": 2, "d": d})) {
        Inbound::Identify(identify) => *identify,
        other => panic!("{other:?}"),
    }
}

#[test]
fn heartbeats_in_every_form() {
    assert_eq!(ok(json!({"op": 1, "d": 42})), Inbound::Heartbeat(Some(42)));
    assert_eq!(ok(json!({"op": 1, "d": null})), Inbound::Heartbeat(None));
    assert_eq!(ok(json!({"op": 1})), Inbound::Heartbeat(None));
    assert_eq!(ok(json!({"op": 1, "d": "42"})), Inbound::Heartbeat(Some(42)));
    assert_eq!(ok(json!({"op": 1, "d": 4294967296.0})), Inbound::Heartbeat(Some(1 << 32)));
    assert_eq!(ok(json!({"op": 1, "d": -1})), Inbound::Heartbeat(None));
    let qos = json!({"seq": 7, "qos": {"ver": 26, "active": true, "reasons": ["foregrounded"]}});
    assert_eq!(ok(json!({"op": 40, "d": qos})), Inbound::Heartbeat(Some(7)));
    assert_eq!(ok(json!({"op": 40, "d": {"seq": null}})), Inbound::Heartbeat(None));
    assert_eq!(close_code(json!({"op": 1, "d": {}})), 4001);
    assert_eq!(close_code(json!({"op": 40, "d": 7})), 4001);
}

#[test]
fn identify_of_a_plain_library() {
    let identify = identify(json!({
        "token": "abc.def.ghi",
        "properties": {"os": "linux", "browser": "discord.py", "device": "discord.py"},
        "compress": true, "large_threshold": 250, "intents": 3276799, "shard": [1, 4],
        "presence": {"status": "dnd", "game": null, "since": 0, "afk": false, "activities": [{"name": "x", "type": 0}]},
        "v": 3, "guild_subscriptions": true, "synced_guilds": [], "capabilities": 0
    }));
    assert_eq!(identify.token.expose(), "abc.def.ghi");
    assert_eq!(identify.properties.browser, "discord.py");
    assert_eq!(identify.shard, Some(Shard { id: 1, count: 4 }));
    assert!(identify.shard.unwrap().is_valid());
    assert_eq!(identify.intents, Some(3276799));
    assert_eq!(identify.large_threshold, 250);
    assert!(identify.compress);
    let presence = identify.presence.unwrap();
    assert_eq!(
        (presence.status, presence.activities.len(), presence.since),
        (Status::DoNotDisturb, 1, Some(0))
    );
}

#[test]
fn identify_of_careless_libraries() {
    // eris, oceanic: prefix, null activities, `$` names.
    let eris = identify(json!({
        "token": "Bot abc", "v": 9, "compress": false, "large_threshold": 10,
        "properties": {"$os": "linux", "$browser": "Eris", "$device": "Eris"},
        "presence": {"activities": null, "game": null, "since": null, "status": "offline", "afk": false}
    }));
    assert_eq!((eris.token.expose(), eris.properties.os.as_str()), ("abc", "linux"));
    assert_eq!(eris.large_threshold, 50);
    assert_eq!(eris.intents, None);
    assert_eq!(eris.presence.unwrap().status, Status::Offline);
    // serenity: a time object.
    let serenity = identify(json!({
        "token": "Bot abc", "intents": 513,
        "presence": {"since": {"secs_since_epoch": 1, "nanos_since_epoch": 2}, "status": "idle", "afk": false}
    }));
    let presence = serenity.presence.unwrap();
    assert_eq!((presence.since, presence.status), (None, Status::Idle));
    // discordgo: empty strings everywhere.
    let discordgo = identify(json!({
        "token": "Bot abc", "intents": 1, "shard": null,
        "presence": {"game": {"name": "", "type": 0, "application_id": ""}, "status": "", "afk": false}
    }));
    let presence = discordgo.presence.unwrap();
    assert_eq!((presence.status, presence.activities), (Status::Online, vec![]));
    // Nonsense in what does not matter.
    let odd = identify(json!({
        "token": "a", "properties": 7, "presence": "x", "compress": "yes", "capabilities": "?", "large_threshold": 9e9
    }));
    assert_eq!((odd.presence, odd.compress, odd.capabilities, odd.large_threshold), (None, false, 0, 250));
    let bad_status = identify(json!({"token": "a", "presence": {"status": "away"}}));
    assert_eq!(bad_status.presence, None);
}

/// What erlpack 0.1.4 makes of an IDENTIFY and of a heartbeat with a number beyond 32 bits.
#[test]
fn payloads_packed_by_erlpack() {
    let packed =
        b"\x83t\x00\x00\x00\x02m\x00\x00\x00\x02opa\x02m\x00\x00\x00\x01dt\x00\x00\x00\x07m\x00\x00\x00\
        \x05tokenm\x00\x00\x00\x05Bot xm\x00\x00\x00\x07intentsb\x00\
        1\xff\xffm\x00\x00\x00\x05shardl\x00\x00\x00\x02a\x00a\x01jm\x00\x00\x00\x0fla\
        rge_thresholda\xfam\x00\x00\x00\x08compresss\x05\
        falsem\x00\x00\x00\x0apropertiest\x00\x00\x00\x01m\x00\x00\x00\x02\
        osm\x00\x00\x00\x01lm\x00\x00\x00\x08presencet\x00\x00\x00\x04m\x00\x00\x00\
        \x05sinceFBx\xbc\xfeV\x80\x00\x00m\x00\x00\x00\x06statusm\x00\x00\x00\
        \x04idlem\x00\x00\x00\x03afks\x05falsem\x00\x00\x00\x0aactiv\
        itiess\x03nil";
    let inbound = decode(Encoding::Etf, packed, MAX_BOT_PAYLOAD_BYTES).unwrap();
    let Inbound::Identify(identify) = inbound else { panic!("{inbound:?}") };
    assert_eq!((identify.token.expose(), identify.intents), ("x", Some(3276799)));
    assert_eq!(identify.shard, Some(Shard { id: 0, count: 1 }));
    assert_eq!(
        (identify.properties.os.as_str(), identify.large_threshold, identify.compress),
        ("l", 250, false)
    );
    let presence = identify.presence.unwrap();
    assert_eq!((presence.since, presence.status), (Some(1_700_000_000_000), Status::Idle));
    let packed = b"\x83t\0\0\0\x02m\0\0\0\x02opa\x01m\0\0\0\x01dFA\xf2\xa0\x5f\x20\0\0\0";
    let inbound = decode(Encoding::Etf, packed, MAX_BOT_PAYLOAD_BYTES).unwrap();
    assert_eq!(inbound, Inbound::Heartbeat(Some(5_000_000_000)));
}

#[test]
fn intents_keep_their_bits() {
    assert_eq!(identify(json!({"token": "a", "intents": "513"})).intents, Some(513));
    assert_eq!(identify(json!({"token": "a", "intents": -1})).intents, Some(u64::MAX));
    assert_eq!(close_code(json!({"op": 2, "d": {"token": "a", "intents": []}})), 4001);
}

#[test]
fn identify_without_what_it_needs_is_refused() {
    assert_eq!(close_code(json!({"op": 2, "d": null})), 4001);
    assert_eq!(close_code(json!({"op": 2, "d": {}})), 4001);
    assert_eq!(close_code(json!({"op": 2, "d": {"token": 7}})), 4001);
    assert_eq!(close_code(json!({"op": 2, "d": {"token": "a", "shard": [1]}})), 4001);
    assert_eq!(close_code(json!({"op": 2, "d": {"token": "a", "shard": [0, -1]}})), 4001);
    assert!(!identify(json!({"token": "a", "shard": [4, 4]})).shard.unwrap().is_valid());
}

#[test]
fn a_token_never_shows_in_debug_output() {
    let shown = format!("{:?}", ok(json!({"op": 2, "d": {"token": "Bot s3cret"}})));
    assert!(!shown.contains("s3cret"));
}

#[test]
fn presence_and_voice_state() {
    let presence = json!({"since": 91879201, "activities": [{"name": "a"}, 7, {"state": "b", "type": 4}],
        "status": "invisible", "afk": true});
    match ok(json!({"op": 3, "d": presence})) {
        Inbound::PresenceUpdate(p) => {
            assert_eq!(
                (p.status, p.afk, p.since, p.activities.len()),
                (Status::Invisible, true, Some(91879201), 2)
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(close_code(json!({"op": 3, "d": {"status": "away"}})), 4001);
    let voice =
        json!({"guild_id": "41771983423143937", "channel_id": null, "self_mute": true, "self_deaf": false});
    match ok(json!({"op": 4, "d": voice})) {
        Inbound::VoiceStateUpdate(v) => {
            assert_eq!((v.guild_id, v.channel_id, v.self_mute), (Some(41771983423143937), None, true));
        }
        other => panic!("{other:?}"),
    }
    let user =
        json!({"guild_id": null, "channel_id": 7, "preferred_regions": ["rotterdam", "x"], "flags": 2});
    match ok(json!({"op": 4, "d": user})) {
        Inbound::VoiceStateUpdate(v) => {
            assert_eq!((v.guild_id, v.channel_id, v.flags), (None, Some(7), 2));
            assert_eq!(v.preferred_region.as_deref(), Some("rotterdam"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(close_code(json!({"op": 4, "d": {"guild_id": "x"}})), 4001);
}

#[test]
fn resume() {
    match ok(json!({"op": 6, "d": {"token": "Bot abc", "session_id": "s", "seq": "1337"}})) {
        Inbound::Resume(r) => {
            assert_eq!((r.token.expose(), r.session_id.as_str(), r.seq), ("abc", "s", 1337))
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(ok(json!({"op": 6, "d": {"token": "a", "session_id": "s", "seq": null}})),
        Inbound::Resume(r) if r.seq == 0));
    assert_eq!(close_code(json!({"op": 6, "d": {"token": "abc", "seq": 1}})), 4001);
}

#[test]
fn request_guild_members_in_every_form() {
    let all = RequestGuildMembers { guild_ids: vec![5], query: Some(String::new()), ..Default::default() };
    let d = json!({"guild_id": "5", "query": "", "limit": 0});
    assert_eq!(ok(json!({"op": 8, "d": d})), Inbound::RequestGuildMembers(all));
    let some = RequestGuildMembers {
        guild_ids: vec![5, 6],
        limit: 100,
        user_ids: Some(vec![7]),
        presences: true,
        nonce: Some("n".into()),
        query: None,
    };
    let d = json!({"guild_id": ["5", 6], "user_ids": "7", "limit": 100, "presences": true, "nonce": "n"});
    assert_eq!(ok(json!({"op": 8, "d": d})), Inbound::RequestGuildMembers(some));
    let long = json!({"guild_id": "5", "query": "a", "limit": 1, "nonce": "n".repeat(33)});
    assert!(matches!(ok(json!({"op": 8, "d": long})), Inbound::RequestGuildMembers(r) if r.nonce.is_none()));
    assert_eq!(close_code(json!({"op": 8, "d": {"query": ""}})), 4001);
    assert_eq!(close_code(json!({"op": 8, "d": {"guild_id": "5", "limit": -1}})), 4001);
    let many: Vec<u64> = (0..101).collect();
    assert_eq!(close_code(json!({"op": 8, "d": {"guild_id": "5", "user_ids": many}})), 4001);
}

#[test]
fn guild_subscriptions_alone_and_in_bulk() {
    let body = json!({"typing": true, "threads": false, "members": ["3"], "thread_member_lists": [],
        "channels": {"9": [[0, 99], [100, 199]]}});
    let mut alone = body.clone();
    alone["guild_id"] = json!("5");
    let Inbound::GuildSubscriptions(one) = ok(json!({"op": 14, "d": alone})) else { panic!() };
    let bulk = ok(json!({"op": 37, "d": {"subscriptions": {"5": body, "6": {}}}}));
    let Inbound::GuildSubscriptionsBulk(many) = bulk else { panic!() };
    assert_eq!(many[0], one);
    assert_eq!((many[1].guild_id, many[1].typing, &many[1].channels), (6, None, &None));
    assert_eq!((one.typing, one.threads, one.activities), (Some(true), Some(false), None));
    assert_eq!((one.members, one.thread_member_lists), (Some(vec![3]), Some(vec![])));
    let ranges = vec![MemberRange { first: 0, last: 99 }, MemberRange { first: 100, last: 199 }];
    assert_eq!(one.channels, Some(vec![(9, ranges)]));
    for channels in
        [json!({"9": [[99, 0]]}), json!({"x": []}), json!({"9": [[0]]}), json!({"9": 7}), json!([])]
    {
        let d = json!({"guild_id": 5, "channels": channels});
        assert_eq!(close_code(json!({"op": 14, "d": d})), 4001);
    }
    assert_eq!(close_code(json!({"op": 37, "d": {"subscriptions": {"x": {}}}})), 4001);
    assert_eq!(close_code(json!({"op": 37, "d": {"subscriptions": {"5": null}}})), 4001);
}

#[test]
fn the_smaller_requests() {
    assert_eq!(ok(json!({"op": 13, "d": {"channel_id": "7"}})), Inbound::CallConnect { channel_id: 7 });
    assert_eq!(
        ok(json!({"op": 31, "d": {"guild_ids": ["1", "2"]}})),
        Inbound::RequestSoundboardSounds { guild_ids: vec![1, 2] }
    );
    assert_eq!(
        ok(json!({"op": 34, "d": {"guild_id": "1", "channel_ids": ["2"]}})),
        Inbound::RequestLastMessages { guild_id: 1, channel_ids: vec![2] }
    );
    assert_eq!(
        ok(json!({"op": 39, "d": {"guild_id": "1", "channel_id": "2"}})),
        Inbound::RequestChannelMemberCount { guild_id: 1, channel_id: 2 }
    );
    assert_eq!(
        ok(json!({"op": 36, "d": {"guild_id": "1"}})),
        Inbound::RequestChannelStatuses { guild_id: 1 }
    );
    assert_eq!(
        ok(json!({"op": 43, "d": {"guild_id": "1", "fields": ["status"]}})),
        Inbound::RequestChannelInfo { guild_id: 1, fields: vec!["status".into()] }
    );
    assert!(
        matches!(ok(json!({"op": 35, "d": {"guild_id": 1}})), Inbound::SearchRecentMembers(s) if s.query.is_empty())
    );
    let unreads =
        json!({"guild_id": 1, "channel_id": 2, "threads": [{"thread_id": "3", "ack_message_id": null}]});
    assert!(
        matches!(ok(json!({"op": 28, "d": unreads})), Inbound::RequestForumUnreads(r) if r.threads == [(3, None)])
    );
}

#[test]
fn streams() {
    let create = json!({"type": "guild", "guild_id": "1", "channel_id": "2", "preferred_region": null});
    assert!(
        matches!(ok(json!({"op": 18, "d": create})), Inbound::StreamCreate(s) if s.kind == StreamKind::Guild)
    );
    assert_eq!(close_code(json!({"op": 18, "d": {"type": "guild", "channel_id": "2"}})), 4001);
    assert_eq!(
        ok(json!({"op": 19, "d": {"stream_key": "k"}})),
        Inbound::StreamDelete { stream_key: "k".into() }
    );
    assert_eq!(
        ok(json!({"op": 20, "d": {"stream_key": "k"}})),
        Inbound::StreamWatch { stream_key: "k".into() }
    );
    assert_eq!(
        ok(json!({"op": 22, "d": {"stream_key": "k", "paused": true}})),
        Inbound::StreamSetPaused { stream_key: "k".into(), paused: true }
    );
}

#[test]
fn every_opcode_has_an_answer() {
    for opcode in Opcode::ALL {
        let result = both(json!({"op": opcode.number(), "d": null}));
        match (opcode, result) {
            (opcode, Err(DecodeError::UnknownOpcode(_))) => assert!(!opcode.is_from_client(), "{opcode:?}"),
            (Opcode::Heartbeat, result) => assert_eq!(result.unwrap(), Inbound::Heartbeat(None)),
            (opcode, Ok(inbound)) => assert_eq!(inbound, Inbound::Ignored(opcode)),
            (_, Err(error)) => assert_eq!(error.close_code().number(), 4001),
        }
    }
    for op in [44, 1000, u64::MAX] {
        assert_eq!(close_code(json!({"op": op, "d": null})), 4001);
    }
}

#[test]
fn what_cannot_be_decoded_is_a_decode_error() {
    for payload in
        [json!([]), json!(7), json!({}), json!({"op": null}), json!({"op": "x"}), json!({"op": 0.5})]
    {
        assert_eq!(close_code(payload), 4002);
    }
    let code = |encoding, bytes: &[u8], max| decode(encoding, bytes, max).unwrap_err().close_code().number();
    assert_eq!(code(Encoding::Json, b"{\"op\":1,", 4096), 4002);
    assert_eq!(code(Encoding::Json, b"", 4096), 4002);
    assert_eq!(code(Encoding::Etf, b"{\"op\":1}", 4096), 4002);
    // Atom keys.
    assert_eq!(code(Encoding::Etf, b"\x83\x74\0\0\0\x01\x73\x02op\x61\x01", 4096), 4002);
}

#[test]
fn size_depth_and_count_are_capped() {
    let code = |bytes: &[u8], max| decode(Encoding::Json, bytes, max).unwrap_err().close_code().number();
    let padded = format!("{{\"op\":1,\"d\":1,\"x\":\"{}\"}}", "x".repeat(MAX_BOT_PAYLOAD_BYTES));
    assert_eq!(code(padded.as_bytes(), MAX_BOT_PAYLOAD_BYTES), 4002);
    assert!(decode(Encoding::Json, padded.as_bytes(), MAX_USER_PAYLOAD_BYTES).is_ok());
    let deep = format!("{{\"op\":1,\"x\":{}{}}}", "[".repeat(40), "]".repeat(40));
    assert_eq!(code(deep.as_bytes(), 4096), 4002);
    let mut wide = b"\x83\x74\0\0\0\x01\x6d\0\0\0\x01x\x6b\x30\x00".to_vec();
    wide.extend(vec![1; 0x3000]);
    assert_eq!(decode(Encoding::Etf, &wide, MAX_USER_PAYLOAD_BYTES).unwrap_err().close_code().number(), 4002);
}

#[test]
fn only_heartbeat_identify_and_resume_may_come_first() {
    assert!(ok(json!({"op": 1})).is_allowed_unauthenticated());
    assert!(ok(json!({"op": 2, "d": {"token": "a"}})).is_allowed_unauthenticated());
    assert!(!ok(json!({"op": 4, "d": {}})).is_allowed_unauthenticated());
    assert!(!ok(json!({"op": 41, "d": {}})).is_allowed_unauthenticated());
}

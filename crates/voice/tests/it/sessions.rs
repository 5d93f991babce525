//! How sessions begin, go on and end.

use consort_sfu::{Order, Room};
use consort_voice::Output;
use consort_voice::protocol::CloseCode;
use serde_json::{Value, json};

use crate::world::{GUILD, World};

#[test]
fn a_client_is_told_step_by_step_what_it_needs_and_in_an_order_that_every_library_takes() {
    let mut world = World::new();
    let (speaker, speaker_ssrc) = world.join(2, 5);
    let participant = World::participant(1, 5);
    world.put(participant.clone());
    assert_eq!(world.look(), [Output::Announce(GUILD, Box::new(participant.clone()))]);
    let conn = world.connect(8);
    assert_eq!(world.told(conn), [json!({"op": 8, "d": {"v": 8, "heartbeat_interval": 13_750}})]);
    world.identify(conn, &participant);
    let told = world.told(conn);
    let ready = &told[0]["d"];
    assert_eq!(
        (&told[0]["op"], &ready["ip"], &ready["port"]),
        (&json!(2), &json!("192.0.2.9"), &json!(50_000))
    );
    assert_eq!(ready["modes"], json!(["aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize"]));
    assert_eq!(ready["heartbeat_interval"], 13_750);
    let ssrc = ready["ssrc"].as_u64().unwrap();
    assert_eq!(ready["streams"][0]["ssrc"], ssrc + 1);
    assert_eq!(ready["streams"][0]["rtx_ssrc"], ssrc + 2);
    assert_eq!(told[1], json!({"op": 11, "d": {"user_ids": ["2"]}, "seq": 1}));
    assert_eq!(world.told(speaker)[0]["d"], json!({"user_ids": ["1"]}));
    world.select(conn);
    let told = world.told(conn);
    assert_eq!((&told[0]["op"], &told[0]["d"]["mode"]), (&json!(4), &json!("aead_aes256_gcm_rtpsize")));
    assert_eq!(told[0]["d"]["secret_key"].as_array().unwrap().len(), 32);
    assert_eq!(told[0]["d"]["dave_protocol_version"], 0);
    let speaks = json!({"op": 5, "d": {"user_id": "2", "ssrc": speaker_ssrc, "speaking": 1}, "seq": 2});
    assert_eq!(told[1], speaks, "who speaks already");
    world.say(conn, 5, json!({"speaking": 1}));
    let media: Vec<_> = world.media().into_iter().map(|(_, order)| order).collect();
    let [Order::Open(seat), Order::Select(choice), Order::Bind] = &media[..] else { panic!("{media:?}") };
    assert_eq!((seat.ssrcs, seat.room), (3, Room(5)));
    assert!(choice.proven && choice.address.port() == 5000, "its connection comes from there");
}

#[test]
fn nobody_begins_without_the_token_of_its_participant() {
    let mut world = World::new();
    let (participant, other) = (World::participant(1, 5), World::participant(2, 5));
    world.put(participant.clone());
    world.put(other.clone());
    let mut closed = |change: fn(&mut consort_rpc::voice::Participant)| {
        let mut said = participant.clone();
        change(&mut said);
        let conn = world.connect(8);
        world.identify(conn, &said);
        world.closed(conn)
    };
    assert_eq!(closed(|said| said.token = "token-2-5".into()), Some(CloseCode::AuthenticationFailed));
    assert_eq!(closed(|said| said.token = String::new()), Some(CloseCode::AuthenticationFailed));
    assert_eq!(closed(|said| said.user = 3.into()), Some(CloseCode::AuthenticationFailed));
    assert_eq!(closed(|said| said.session_id = "session-2".into()), Some(CloseCode::SessionInvalid));
    assert_eq!(closed(|_| {}), None);
    world.remove(1);
    let conn = world.connect(8);
    world.identify(conn, &participant);
    assert_eq!(world.closed(conn), Some(CloseCode::AuthenticationFailed), "it has left");
}

#[test]
fn what_comes_out_of_turn_is_refused_by_its_code() {
    let mut world = World::new();
    let mut closed = |messages: &[(u8, Value)]| {
        let conn = world.connect(8);
        messages.iter().for_each(|(op, d)| world.say(conn, *op, d.clone()));
        world.closed(conn)
    };
    assert_eq!(closed(&[(5, json!({"speaking": 1}))]), Some(CloseCode::NotAuthenticated));
    assert_eq!(closed(&[(3, json!(1)), (99, json!({}))]), Some(CloseCode::UnknownOpcode));
    let mut world = World::new();
    let (conn, _) = world.join(1, 5);
    world.identify(conn, &World::participant(1, 5));
    assert_eq!(world.closed(conn), Some(CloseCode::AlreadyAuthenticated));
    for (d, code) in [
        (json!({"protocol": "tcp", "data": {}}), CloseCode::UnknownProtocol),
        (json!({"protocol": "webrtc", "data": "a=x"}), CloseCode::DecodeError),
        (
            json!({"protocol": "udp", "data": {"address": "192.0.2.1", "port": 1, "mode": "plain"}}),
            CloseCode::UnknownMode,
        ),
        (
            json!({"protocol": "udp", "data": {"port": 1, "mode": "aead_aes256_gcm_rtpsize"}}),
            CloseCode::DecodeError,
        ),
    ] {
        let (conn, _) = world.join(1, 5);
        world.say(conn, 1, d);
        assert_eq!(world.closed(conn), Some(code));
    }
}

#[test]
fn heartbeats_are_answered_in_their_own_shape_and_silence_ends_a_session() {
    let mut world = World::new();
    let ((conn, ssrc), (other, _)) = (world.join(1, 5), world.join(2, 5));
    world.look();
    world.say(conn, 3, json!({"t": 17, "seq_ack": 1}));
    world.say(other, 3, json!(18));
    assert_eq!(world.told(conn), [json!({"op": 6, "d": {"t": 17}})]);
    assert_eq!(world.told(other), [json!({"op": 6, "d": 18})]);
    world.pass(27_000);
    world.say(other, 3, json!(19));
    world.look();
    world.pass(2_000);
    assert_eq!(world.closed(conn), Some(CloseCode::SessionTimeout));
    assert_eq!(world.media(), [(ssrc, Order::Close)]);
    assert_eq!(world.told(other)[0]["op"], 13);
    assert_eq!(world.closed(other), None);
    let stranger = world.connect(8);
    world.pass(15_000);
    assert_eq!(world.closed(stranger), Some(CloseCode::SessionTimeout));
}

#[test]
fn a_client_that_was_cut_off_resumes_and_hears_what_it_has_missed() {
    let mut world = World::new();
    let ((conn, _), (other, _)) = (world.join(1, 5), world.join(2, 5));
    // That the other has come, and speaks.
    let seq = 2;
    world.hub.disconnected(conn, world.now_ms);
    world.say(other, 5, json!({"speaking": 0}));
    world.say(other, 5, json!({"speaking": 1}));
    assert_eq!(world.media(), []);
    world.look();
    let again = world.connect(8);
    world.resume(again, &World::participant(1, 5), seq);
    let told = world.told(again);
    let ops: Vec<_> = told.iter().map(|message| message["op"].as_u64().unwrap()).collect();
    assert_eq!(ops, [8, 9, 4, 5, 5]);
    assert_eq!((&told[3]["seq"], &told[4]["seq"]), (&json!(seq + 1), &json!(seq + 2)));
    assert_eq!(world.ops(other), [0u64; 0], "nobody has left");
    // A connection that is there still gives way to one that resumes.
    let third = world.connect(8);
    world.resume(third, &World::participant(1, 5), seq + 2);
    assert_eq!(world.closed(again), Some(CloseCode::SessionInvalid));
    assert_eq!(world.ops(third), [8, 9, 4]);
    // Before version 8 nothing has a number, and nothing is said again.
    let old = world.connect(4);
    let d = json!({"server_id": GUILD, "session_id": "session-1", "token": "token-1-5"});
    world.say(old, 7, d);
    assert_eq!(world.ops(old), [8, 9]);
    world.say(other, 5, json!({"speaking": 1}));
    assert_eq!(world.told(old)[0].get("seq"), None);
}

#[test]
fn what_cannot_be_resumed_is_begun_anew() {
    let mut world = World::new();
    let (conn, _) = world.join(1, 5);
    world.join(2, 5);
    let mut refused = |change: fn(&mut consort_rpc::voice::Participant), seq| {
        let mut participant = World::participant(1, 5);
        change(&mut participant);
        let again = world.connect(8);
        world.resume(again, &participant, seq);
        world.closed(again) == Some(CloseCode::SessionInvalid)
    };
    assert!(refused(|participant| participant.session_id = "nobody".into(), -1));
    assert!(refused(|participant| participant.token = "token-2-5".into(), -1));
    assert!(refused(|_| {}, 900), "a number that was not given");
    assert!(!refused(|_| {}, -1));
    world.hub.disconnected(conn, world.now_ms);
    world.remove(1);
    let again = world.connect(8);
    world.resume(again, &World::participant(1, 5), -1);
    assert_eq!(world.closed(again), Some(CloseCode::SessionInvalid), "it has left");
}

#[test]
fn a_cut_that_nobody_mends_ends_the_session_for_the_others() {
    let mut world = World::new();
    let ((conn, ssrc), (other, _)) = (world.join(1, 5), world.join(2, 5));
    world.look();
    world.hub.disconnected(conn, world.now_ms);
    world.pass(20_000);
    world.say(other, 3, json!(1));
    world.look();
    world.pass(10_001);
    assert_eq!(
        (world.told(other)[0]["d"].clone(), world.media()),
        (json!({"user_id": "1"}), vec![(ssrc, Order::Close)])
    );
    // It still counts as in the channel.
    let again = world.connect(8);
    world.identify(again, &World::participant(1, 5));
    assert_eq!(world.ops(again)[1], 2);
}

#[test]
fn a_new_connection_of_a_user_takes_the_place_of_the_old_one() {
    let mut world = World::new();
    let ((old, old_ssrc), (other, _)) = (world.join(1, 5), world.join(2, 5));
    world.look();
    let (new, new_ssrc) = world.join(1, 5);
    assert_ne!(old_ssrc, new_ssrc);
    assert_eq!(world.hub.population(), (2, 2));
    world.look();
    world.say(old, 5, json!({"speaking": 1}));
    assert_eq!(world.ops(other), [0u64; 0], "the old one has no say any more");
    world.say(new, 5, json!({"speaking": 0}));
    assert_eq!(world.ops(other), [5]);
}

#[test]
fn a_move_ends_the_session_for_the_old_channel_at_once_and_for_the_client_a_little_later() {
    let mut world = World::new();
    let ((conn, ssrc), (other, _)) = (world.join(1, 5), world.join(2, 5));
    world.look();
    let moved = World::participant(1, 6);
    world.put(moved.clone());
    assert_eq!(world.media(), [(ssrc, Order::Close)]);
    assert_eq!(world.ops(other), [13]);
    assert_eq!(world.closed(conn), None, "the news of the move comes first");
    world.say(conn, 5, json!({"speaking": 1}));
    world.pass(100);
    assert_eq!(world.closed(conn), Some(CloseCode::Disconnected));
    let (new, _) = world.join(1, 6);
    assert_eq!(world.ops(other), [0u64; 0], "in another channel");
    world.look();
    world.say(other, 5, json!({"speaking": 1}));
    assert_eq!(world.ops(new), [0u64; 0]);
}

#[test]
fn a_token_that_is_new_is_told_and_a_live_session_goes_on_with_the_old_or_the_new() {
    let mut world = World::new();
    let (conn, _) = world.join(1, 5);
    world.look();
    let renewed = consort_rpc::voice::Participant { token: "renewed".into(), ..World::participant(1, 5) };
    world.put(renewed.clone());
    world.put(renewed.clone());
    assert_eq!(world.look(), [Output::Announce(GUILD, Box::new(renewed.clone()))], "once");
    world.hub.disconnected(conn, world.now_ms);
    for participant in [renewed, World::participant(1, 5)] {
        let again = world.connect(8);
        world.resume(again, &participant, -1);
        assert_eq!(world.ops(again)[1], 9);
    }
}

#[test]
fn guilds_that_another_node_has_now_are_sent_to_ask_where() {
    let mut world = World::new();
    let (conn, _) = world.join(1, 5);
    world.hub.keep_guilds(|guild| guild == GUILD, world.now_ms);
    assert_eq!(world.closed(conn), None);
    world.hub.keep_guilds(|_| false, world.now_ms);
    assert_eq!(world.closed(conn), Some(CloseCode::SessionInvalid));
    assert_eq!(world.hub.population(), (0, 0));
    let (conn, ssrc) = world.join(1, 5);
    world.hub.fail(ssrc, world.now_ms);
    assert_eq!(world.closed(conn), Some(CloseCode::ServerCrashed), "the media plane cannot take it");
}

#[test]
fn who_sends_too_much_is_closed() {
    let mut world = World::new();
    let (conn, _) = world.join(1, 5);
    (0..200).for_each(|_| world.say(conn, 5, json!({"speaking": 1})));
    assert_eq!(world.closed(conn), Some(CloseCode::RateLimited));
    let (conn, _) = world.join(1, 5);
    for _ in 0..200 {
        world.pass(200);
        world.say(conn, 3, json!(1));
    }
    assert_eq!(world.closed(conn), None);
}

/// What a browser says of itself in SELECT_PROTOCOL.
fn offer(ufrag: &str) -> Value {
    let fingerprint = ["ab"; 32].join(":");
    let data = format!(
        "a=ice-ufrag:{ufrag}\na=ice-pwd:0123456789012345678901\na=fingerprint:sha-256 {fingerprint}\n\
         a=extmap:3 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
    );
    json!({"protocol": "webrtc", "data": data, "codecs": [{"name": "opus", "type": "audio", "payload_type": 111}]})
}

#[test]
fn a_browser_is_told_where_to_find_the_media_plane_and_may_offer_anew() {
    let mut world = World::new();
    let (_, speaker_ssrc) = world.join(2, 5);
    let participant = World::participant(1, 5);
    world.put(participant.clone());
    let conn = world.connect(8);
    world.identify(conn, &participant);
    world.told(conn);
    world.media();
    let mut logins = Vec::new();
    for ufrag in ["first", "second"] {
        world.say(conn, 1, offer(ufrag));
        let told = world.told(conn);
        let description = &told[0]["d"];
        assert_eq!((&told[0]["op"], &description["secret_key"]), (&json!(4), &Value::Null));
        assert_eq!(
            (&description["audio_codec"], &description["dave_protocol_version"]),
            (&json!("opus"), &json!(0))
        );
        let sdp = description["sdp"].as_str().unwrap();
        assert!(
            sdp.contains("192.0.2.9 50000 typ host") && sdp.contains("a=fingerprint:sha-256 AB"),
            "{sdp}"
        );
        let speaks = told.get(1).map(|message| message["d"]["ssrc"].clone());
        assert_eq!(speaks, (ufrag == "first").then(|| json!(speaker_ssrc)), "who speaks is said once");
        let [(_, Order::Offer(offer))] = &world.media()[..] else { panic!("no offer") };
        assert_eq!((offer.theirs.ufrag.as_str(), offer.opus), (ufrag, 111));
        assert!(sdp.contains(&offer.own.ufrag) && sdp.contains(&offer.own.password), "{sdp}");
        logins.push(offer.own.clone());
    }
    assert_ne!(logins[0], logins[1]);
}

#[test]
fn a_browser_may_send_under_ssrcs_of_its_own_choice_and_others_know_those_of_ready() {
    let mut world = World::new();
    let (other, _) = world.join(2, 5);
    let participant = World::participant(1, 5);
    world.put(participant.clone());
    let conn = world.connect(8);
    world.identify(conn, &participant);
    let ssrc = world.told(conn)[1]["d"]["ssrc"].as_u64().unwrap();
    let given = u32::try_from(ssrc).unwrap();
    world.say(conn, 1, offer("abcd"));
    world.media();
    world.told(other);
    world.say(conn, 5, json!({"speaking": 1, "delay": 0, "ssrc": 900}));
    let stream = json!({"type": "video", "rid": "100", "quality": 100, "ssrc": 901, "rtx_ssrc": 902});
    world.say(conn, 12, json!({"audio_ssrc": 900, "video_ssrc": 901, "rtx_ssrc": 902, "streams": [stream]}));
    let names: Vec<_> = world
        .media()
        .into_iter()
        .filter_map(|(_, order)| match order {
            Order::Name(name) => Some((name.given, name.chosen, name.again)),
            _ => None,
        })
        .collect();
    assert_eq!(names, [(given, 900, None), (given + 1, 901, Some(902))]);
    let told = world.told(other);
    assert_eq!(told[0]["d"]["ssrc"], given);
    let shown = &told[1]["d"];
    assert_eq!((&shown["video_ssrc"], &shown["streams"][0]["ssrc"]), (&json!(given + 1), &json!(given + 1)));
}

//! What the guild allows is what happens, in what is said and in what the media plane is told.

use consort_rpc::voice::{Participant, Rights};
use consort_sfu::{self as sfu, Order};
use serde_json::json;

use crate::world::{ALL, World};

#[test]
fn a_change_of_rights_reaches_the_media_plane_and_those_who_look_on() {
    let mut world = World::new();
    let ((_, ssrc), (other, _)) = (world.join(1, 5), world.join(2, 5));
    world.look();
    let muted = Participant { rights: Rights { speak: false, ..ALL }, ..World::participant(1, 5) };
    world.put(muted.clone());
    assert_eq!(world.media(), [(ssrc, Order::Allow(sfu::Rights { speak: false, hear: true }))]);
    assert_eq!(world.told(other)[0]["d"]["speaking"], 0);
    world.put(muted);
    assert_eq!(world.look(), [], "nothing has changed");
    let deafened = Participant { rights: Rights { hear: false, ..ALL }, ..World::participant(1, 5) };
    world.put(deafened);
    assert_eq!(world.media(), [(ssrc, Order::Allow(sfu::Rights { speak: true, hear: false }))]);
    assert_eq!(world.told(other)[0]["d"]["speaking"], 1);
}

#[test]
fn who_joins_muted_is_so_from_the_first_packet_and_priority_needs_its_right() {
    let mut world = World::new();
    let (other, _) = world.join(2, 5);
    let participant = Participant { rights: Rights { speak: false, ..ALL }, ..World::participant(1, 5) };
    world.put(participant.clone());
    let conn = world.connect(8);
    world.identify(conn, &participant);
    let (_, Order::Open(seat)) = world.media().pop().unwrap() else { panic!("not opened") };
    assert!(!seat.rights.speak && seat.rights.hear);
    world.look();
    world.say(conn, 5, json!({"speaking": 5}));
    assert_eq!(world.told(other)[0]["d"]["speaking"], 0);
    world.put(Participant { rights: Rights { priority: false, ..ALL }, ..participant.clone() });
    assert_eq!(world.told(other)[0]["d"]["speaking"], 1);
    world.put(Participant { rights: ALL, ..participant });
    assert_eq!(world.told(other)[0]["d"]["speaking"], 5);
}

#[test]
fn a_camera_is_shown_under_ones_own_ssrcs_to_newcomers_too_and_not_without_the_right() {
    let mut world = World::new();
    let ((conn, ssrc), (other, _)) = (world.join(1, 5), world.join(2, 5));
    world.look();
    let stream = |ssrc: u32| json!({"type": "video", "rid": "100", "ssrc": ssrc, "rtx_ssrc": ssrc + 1, "active": true});
    let on = json!({"audio_ssrc": ssrc, "video_ssrc": ssrc + 1, "rtx_ssrc": ssrc + 2, "streams": [stream(ssrc + 1), stream(7)]});
    world.say(conn, 12, on.clone());
    let shown =
        json!({"user_id": "1", "audio_ssrc": ssrc, "video_ssrc": ssrc + 1, "streams": [stream(ssrc + 1)]});
    assert_eq!(world.told(other)[0]["d"], shown);
    world.say(conn, 12, json!({"audio_ssrc": ssrc}));
    assert_eq!(world.ops(other), [0u64; 0], "that says nothing of cameras");
    world.put(World::participant(3, 5));
    let newcomer = world.connect(8);
    world.identify(newcomer, &World::participant(3, 5));
    world.select(newcomer);
    assert!(world.told(newcomer).iter().any(|message| message["d"] == shown));
    world.look();
    world.put(Participant { rights: Rights { video: false, ..ALL }, ..World::participant(1, 5) });
    assert_eq!(world.told(other).last().unwrap()["d"]["video_ssrc"], 0);
    world.look();
    world.say(conn, 12, on);
    assert_eq!(world.ops(other), [0u64; 0]);
    world.say(conn, 12, json!({"video_ssrc": 99, "streams": [7, null, {}]}));
    assert_eq!(world.ops(other), [0u64; 0]);
}

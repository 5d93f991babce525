//! Who gets what.

use consort_sfu::{Choice, Mode, Order, Rights, discovery_request};

use crate::world::{BOTH, World, address, rtp_header};

const MODE: Mode = Mode::Aes256Gcm;

#[test]
fn everybody_in_the_room_hears_the_speaker_in_the_mode_and_with_the_key_of_its_own() {
    let mut world = World::default();
    let mut speaker = world.join(1, 7, Mode::Aes256Gcm);
    let listeners = [world.join(2, 7, Mode::XChaCha20Poly1305), world.join(3, 7, Mode::Aes256Gcm)];
    world.join(4, 8, Mode::Aes256Gcm);
    let header = rtp_header(0x80, 120, 5, 1);
    let packet = speaker.packet_under(&header, b"opus");
    let sent = world.receive(speaker.address, &packet);
    assert_eq!(sent.len(), 2, "not to oneself, and not to other rooms");
    for ((to, packet), listener) in sent.iter().zip(&listeners) {
        assert_eq!((*to, &packet[..12]), (listener.address, &header[..]), "the header is the sender's");
        assert_eq!(listener.open(packet).as_deref(), Some(&b"opus"[..]));
    }
    assert_eq!(world.plane.counts().dropped(), 0);
}

#[test]
fn a_nonce_is_used_once_for_each_listener() {
    let mut world = World::default();
    let (mut first, mut second) = (world.join(1, 7, MODE), world.join(2, 7, MODE));
    world.join(3, 7, MODE);
    let mut nonces = Vec::new();
    for _ in 0..10 {
        for speaker in [&mut first, &mut second] {
            let sent = world.send(speaker, b"opus");
            let (_, packet) = sent.iter().find(|(to, _)| *to == address(3)).unwrap();
            nonces.push(packet[packet.len() - 4..].to_vec());
        }
    }
    let all = nonces.len();
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), all);
}

#[test]
fn an_extension_stays_and_sources_that_were_mixed_are_taken_out() {
    let mut world = World::default();
    let (mut speaker, listener) = (world.join(1, 7, MODE), world.join(2, 7, MODE));
    let mut header = rtp_header(0x92, 120, 5, 1);
    header.extend_from_slice(&[1, 1, 1, 1, 2, 2, 2, 2, 0xBE, 0xDE, 0, 1]);
    let packet = speaker.packet_under(&header, b"\x10\x85\0\0opus");
    let sent = world.receive(speaker.address, &packet);
    let expected = [&[0x90], &header[1..12], &[0xBE, 0xDE, 0, 1]].concat();
    assert_eq!(sent[0].1[..16], expected);
    assert_eq!(listener.sealer.open(&sent[0].1, 16).unwrap(), b"\x10\x85\0\0opus");
}

#[test]
fn who_may_not_speak_or_has_not_said_so_is_not_heard_and_who_may_not_hear_gets_nothing() {
    let mut world = World::default();
    let (mut speaker, listener) = (world.join(1, 7, MODE), world.join(2, 7, MODE));
    world.tell(1, Order::Allow(Rights { speak: false, hear: true }));
    assert_eq!(world.send(&mut speaker, b"muted"), []);
    assert_eq!(world.plane.counts().silenced, 1);
    world.tell(1, Order::Allow(BOTH));
    world.tell(2, Order::Allow(Rights { speak: true, hear: false }));
    assert_eq!(world.send(&mut speaker, b"nobody hears"), []);
    world.tell(2, Order::Allow(BOTH));
    assert_eq!(world.send(&mut speaker, b"heard")[0].0, listener.address);

    world.seat(3, 7);
    let choice = Choice { mode: MODE, key: [3; 32], address: address(3), proven: true };
    world.tell(3, Order::Select(choice));
    let mut silent = world.join(4, 7, MODE);
    silent.ssrc = 3;
    silent.sealer = consort_sfu::Sealer::new(MODE, &[3; 32]);
    assert_eq!(world.send(&mut silent, b"before opcode 5"), []);
    assert_eq!(world.plane.counts().silenced, 2);
}

#[test]
fn what_is_forged_said_again_or_sent_for_somebody_else_goes_nowhere() {
    let mut world = World::default();
    let (mut speaker, mut other) = (world.join(1, 7, MODE), world.join(2, 7, MODE));
    let packet = speaker.packet(b"opus");
    let mut broken = packet.clone();
    broken[3] ^= 1;
    assert_eq!(world.receive(speaker.address, &broken), []);
    assert_eq!(world.receive(speaker.address, &packet).len(), 1);
    assert_eq!(world.receive(speaker.address, &packet), []);
    other.ssrc = 1;
    other.packet(b"its nonces are others");
    let foreign = other.packet(b"under another's SSRC");
    assert_eq!(world.receive(other.address, &foreign), []);
    other.ssrc = 99;
    let nobodys = other.packet(b"under nobody's SSRC");
    assert_eq!(world.receive(other.address, &nobodys), []);
    let counts = world.plane.counts();
    assert_eq!((counts.forged, counts.replayed, counts.unknown), (2, 1, 1));
}

#[test]
fn a_client_whose_address_changes_is_followed_by_a_packet_that_only_it_can_make() {
    let mut world = World::default();
    let (mut speaker, mut other) = (world.join(1, 7, MODE), world.join(2, 7, MODE));
    let old = speaker.packet(b"one");
    world.receive(speaker.address, &old);
    speaker.address = address(1001);
    world.send(&mut speaker, b"two");
    assert_eq!(world.send(&mut other, b"opus")[0].0, address(1001));
    // A packet of before, sent again from elsewhere, draws nothing there.
    world.receive(address(666), &old);
    assert_eq!(world.send(&mut other, b"opus")[0].0, address(1001));
    // Neither does a request for its address.
    world.receive(address(666), &discovery_request(1));
    assert_eq!(world.send(&mut other, b"opus")[0].0, address(1001));
}

#[test]
fn nothing_is_sent_for_long_to_an_address_that_nobody_is_known_to_be_at() {
    let mut world = World { now_ms: 1, ..World::default() };
    let mut speaker = world.join(1, 7, MODE);
    world.seat(2, 7);
    let choice = Choice { mode: MODE, key: [2; 32], address: address(2), proven: false };
    world.tell(2, Order::Select(choice));
    assert_eq!(world.send(&mut speaker, b"opus"), [], "nobody has asked from there");
    world.receive(address(2), &discovery_request(2));
    assert_eq!(world.send(&mut speaker, b"opus").len(), 1);
    world.now_ms += 59_000;
    world.receive(address(2), &[9, 0, 0, 0, 0, 0, 0, 0]);
    world.now_ms += 59_000;
    assert_eq!(world.send(&mut speaker, b"opus").len(), 1, "it keeps its way open");
    world.now_ms += 60_000;
    assert_eq!(world.send(&mut speaker, b"opus"), []);
    world.tell(2, Order::Select(Choice { proven: true, ..choice }));
    world.now_ms += 600_000;
    assert_eq!(world.send(&mut speaker, b"opus").len(), 1, "its signalling comes from there");
}

#[test]
fn a_sender_is_held_to_a_rate() {
    let mut world = World::default();
    let mut speaker = world.join(1, 7, MODE);
    world.join(2, 7, MODE);
    let heard = (0..1500).filter(|_| !world.send(&mut speaker, b"opus").is_empty()).count();
    assert_eq!((heard, world.plane.counts().throttled), (1000, 500));
    world.now_ms += 100;
    let heard = (0..1500).filter(|_| !world.send(&mut speaker, b"opus").is_empty()).count();
    assert_eq!(heard, 100);
}

#[test]
fn questions_are_answered_with_as_many_bytes_and_only_to_those_who_are_known() {
    let mut world = World::default();
    assert_eq!(world.receive(address(5), &discovery_request(1)), []);
    assert_eq!(world.receive(address(5), &[0x13, 0x37, 0xCA, 0xFE, 0, 0, 0, 1]), []);
    world.seat(1, 7);
    let answer = world.receive(address(5), &discovery_request(1));
    let mut expected = vec![0, 2, 0, 70, 0, 0, 0, 1];
    expected.extend_from_slice(b"192.0.2.1");
    expected.resize(72, 0);
    expected.extend_from_slice(&5u16.to_be_bytes());
    assert_eq!(answer, [(address(5), expected)]);
    let pong = world.receive(address(5), &[0x13, 0x37, 0xCA, 0xFE, 0, 0, 0, 1]);
    assert_eq!(pong, [(address(5), vec![0x13, 0x37, 0xF0, 0x0D, 0, 0, 0, 1])]);
    world.tell(1, Order::Close);
    assert_eq!(world.receive(address(5), &[0x13, 0x37, 0xCA, 0xFE, 0, 0, 0, 1]), []);
    assert_eq!(world.plane.sessions(), 0);
}

#[test]
fn reports_of_a_sender_go_to_the_room_and_requests_to_whom_they_are_for() {
    let mut world = World::default();
    let (mut speaker, mut listener) = (world.join(1, 7, MODE), world.join(2, 7, MODE));
    world.join(3, 7, MODE);
    let header = |kind: u8, words: u8, ssrc: u8| [0x80, kind, 0, words, 0, 0, 0, ssrc];
    let report = speaker.packet_under(&header(200, 6, 1), &[0; 20]);
    let sent = world.receive(speaker.address, &report);
    assert_eq!(sent.len(), 2);
    assert_eq!(listener.sealer.open(&sent[0].1, 8).unwrap(), [0; 20]);
    let picture_loss = listener.packet_under(&header(206, 2, 2), &[0, 0, 0, 1]);
    let sent = world.receive(listener.address, &picture_loss);
    assert_eq!(sent.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [speaker.address]);
    let received = listener.packet_under(&header(201, 1, 2), &[]);
    assert_eq!(world.receive(listener.address, &received), []);
    let unsound = listener.packet_under(&header(206, 9, 2), &[0, 0, 0, 1]);
    assert_eq!(world.receive(listener.address, &unsound), []);
    assert_eq!((world.plane.counts().reports, world.plane.counts().malformed), (1, 1));
}

//! Browsers among bots.

use std::net::SocketAddr;

use consort_sfu::{Mode, Name, Order, Rights, Shown, Wants};

use crate::browser::{OPUS, Peer, login};
use crate::world::{World, address, rtp_header};

const MODE: Mode = Mode::Aes256Gcm;

fn there(host: u8) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, host], 4000))
}

/// Whether a datagram is a packet of media, and no report (RFC 5761, 4).
fn is_media((_, datagram): &(SocketAddr, Vec<u8>)) -> bool {
    datagram[0] >> 6 == 2 && !(192..=223).contains(&datagram[1])
}

#[test]
fn a_bot_and_browsers_hear_each_other() {
    let mut world = World::default();
    let mut bot = world.join(1, 7, MODE);
    let mut ada = world.join_by_browser(17, 7, there(1));
    let mut ben = world.join_by_browser(33, 7, there(2));
    for peer in [&mut ada, &mut ben] {
        let own = peer.ssrc;
        [1, 17, 33].into_iter().filter(|ssrc| *ssrc != own).for_each(|ssrc| peer.expect(ssrc));
    }
    // With an extension, which browsers are not sent, and padding, which they need not know.
    let mut header = rtp_header(0xB0, 120, 9, 1);
    header.extend_from_slice(&[0xBE, 0xDE, 0, 1]);
    let packet = bot.packet_under(&header, b"\x10\x85\0\0from the bot\0\0\x03");
    let mut sent = world.receive(bot.address, &packet);
    sent.retain(is_media);
    assert_eq!(sent.len(), 2);
    for (to, datagram) in sent {
        let peer = if to == ada.address { &mut ada } else { &mut ben };
        let now = world.now();
        peer.receive(&datagram, now);
        let heard = peer.heard.pop().unwrap();
        assert_eq!(*heard.payload, *b"from the bot");
        assert_eq!((*heard.header.ssrc, *heard.header.payload_type), (1, OPUS));
        assert_eq!((heard.header.sequence_number, heard.header.timestamp), (9, 9 * 960));
    }
    // Its numbers wrap on the way.
    let mut last = Vec::new();
    for step in 0u16..10 {
        ada.say(&[step as u8], world.now());
        let others = world.run(&mut [&mut ada, &mut ben], 20);
        assert_eq!(others.len(), 1, "to the bot");
        let (to, packet) = &others[0];
        let expected = [&[0x80, 0xF8], &65_530u16.wrapping_add(step).to_be_bytes()[..]].concat();
        assert_eq!((*to, &packet[..4], &packet[8..12]), (bot.address, &expected[..], &[0, 0, 0, 17][..]));
        assert_eq!(bot.open(packet).unwrap(), [step as u8]);
        last = ben.heard.drain(..).map(|packet| packet.payload.to_vec()).collect();
        assert_eq!(last, [[step as u8]]);
    }
    assert_eq!(last, [[9]]);
    assert_eq!(world.plane.counts().dropped(), 0, "{:?}", world.plane.counts());
}

#[test]
fn a_browser_that_may_not_speak_is_not_heard_and_one_that_may_not_hear_gets_nothing() {
    let mut world = World::default();
    let bot = world.join(1, 7, MODE);
    let mut ada = world.join_by_browser(17, 7, there(1));
    let said = |world: &mut World, ada: &mut Peer| {
        ada.say(b"x", world.now());
        world.run(&mut [ada], 20).len()
    };
    assert_eq!(said(&mut world, &mut ada), 1);
    world.tell(17, Order::Allow(Rights { speak: false, hear: false }));
    assert_eq!(said(&mut world, &mut ada), 0);
    assert_eq!(world.plane.counts().silenced, 1);
    ada.expect(1);
    let mut bot = bot;
    assert!(world.send(&mut bot, b"opus").is_empty());
    world.tell(17, Order::Allow(Rights { speak: true, hear: true }));
    let heard = world.send(&mut bot, b"opus").iter().filter(|sent| is_media(sent)).count();
    assert_eq!((said(&mut world, &mut ada), heard), (1, 1));
}

#[test]
fn whoever_leaves_is_forgotten_with_streams_addresses_and_timers() {
    let mut world = World::default();
    let mut bot = world.join(1, 7, MODE);
    let mut ada = world.join_by_browser(17, 7, there(1));
    world.send(&mut bot, b"opus");
    world.tell(1, Order::Close);
    world.tell(17, Order::Close);
    assert_eq!((world.plane.sessions(), world.plane.next_deadline_ms()), (0, None));
    let before = world.plane.counts();
    ada.say(b"late", world.now());
    world.run(&mut [&mut ada], 20);
    let counts = world.plane.counts();
    assert_eq!(counts.sent, before.sent, "nobody is answered");
    assert!(counts.unknown > before.unknown, "{counts:?}");
}

#[test]
fn an_offer_that_nobody_follows_is_forgotten_and_a_new_one_takes_the_place_of_the_former() {
    let mut world = World::default();
    world.seat(17, 7);
    let (_, offer) = Peer::new(&world, 17, there(1));
    world.tell(17, Order::Offer(Box::new(offer)));
    let steps = std::iter::from_fn(|| {
        world.plane.next_deadline_ms().inspect(|due| {
            world.now_ms = *due;
            assert!(world.pass(0).is_empty(), "nobody has shown where he is");
        })
    });
    assert!(steps.take(1000).last().unwrap() <= 30_000);
    assert_eq!((world.plane.counts().failed, world.plane.next_deadline_ms()), (1, None));
    // Its session is there still, and a browser that offers anew is connected.
    let mut former = world.join_by_browser(33, 7, there(2));
    let (mut peer, mut offer) = Peer::new(&world, 33, there(3));
    offer.own.ufrag.push('x');
    peer.log_in_as(&offer.own);
    world.tell(33, Order::Offer(Box::new(offer)));
    former.say(b"x", world.now());
    world.run(&mut [&mut former, &mut peer], 1000);
    assert!(peer.is_connected());
}

#[test]
fn checks_of_strangers_and_with_wrong_passwords_are_counted_and_not_answered() {
    let mut world = World::default();
    world.seat(17, 7);
    let (mut ada, offer) = Peer::new(&world, 17, there(1));
    let check = ada.check(&mut world);
    assert!(world.receive(ada.address, &check).is_empty());
    assert_eq!(world.plane.counts().unknown, 1, "nobody has this name");
    world.tell(17, Order::Offer(Box::new(offer)));
    let mut wrong = login(17);
    wrong.password.push('x');
    let (mut eve, _) = Peer::new(&world, 17, there(6));
    eve.log_in_as(&wrong);
    let check = eve.check(&mut world);
    assert!(world.receive(eve.address, &check).is_empty());
    assert_eq!(world.plane.counts().forged, 1);
    let mut cut = ada.check(&mut world);
    cut.truncate(cut.len() - 4);
    assert!(world.receive(ada.address, &cut).is_empty());
    assert_eq!(world.plane.counts().dropped(), 3, "{:?}", world.plane.counts());
}

#[test]
fn a_browser_takes_nobodys_address() {
    let mut world = World::default();
    let mut bot = world.join(1, 7, MODE);
    world.join(2, 7, MODE);
    world.seat(17, 7);
    // Its checks say that they come from where the bot is.
    let (mut eve, offer) = Peer::new(&world, 17, bot.address);
    world.tell(17, Order::Offer(Box::new(offer)));
    let check = eve.check(&mut world);
    assert!(world.receive(bot.address, &check).is_empty());
    assert_eq!(world.plane.counts().forged, 1);
    assert_eq!(world.send(&mut bot, b"opus").len(), 1, "the bot is heard");
    // Nor that of another browser.
    let mut ada = world.join_by_browser(33, 7, there(1));
    let (mut eve, mut offer) = Peer::new(&world, 17, there(1));
    offer.own.ufrag.push('x');
    eve.log_in_as(&offer.own);
    world.tell(17, Order::Offer(Box::new(offer)));
    let check = eve.check(&mut world);
    assert!(world.receive(there(1), &check).is_empty());
    ada.say(b"x", world.now());
    let heard = world.run(&mut [&mut ada], 20);
    assert_eq!(heard.iter().filter(|(to, _)| *to == address(2)).count(), 1);
}

#[test]
fn a_picture_begins_with_one_that_stands_alone_and_goes_to_those_who_want_it() {
    let mut world = World::default();
    world.join(1, 7, MODE);
    let mut ada = world.join_by_browser(17, 7, there(1));
    let mut ben = world.join_by_browser(33, 7, there(2));
    ben.expect_picture(18);
    let mut shows = |world: &mut World, ada: &mut Peer, is_key: bool| {
        ada.show(is_key, world.now());
        let others = world.run(&mut [ada, &mut ben], 50);
        assert!(!others.iter().any(is_media), "nothing of it is for bots");
        ben.heard.drain(..).map(|packet| *packet.header.ssrc).collect::<Vec<_>>()
    };
    assert!(shows(&mut world, &mut ada, true).is_empty());
    assert_eq!(world.plane.counts().silenced, 1, "she has not said that she shows something");
    world.tell(17, Order::Show(Some(Shown { ssrc: 18, layers: vec![(18, 100)] })));
    assert!(shows(&mut world, &mut ada, false).is_empty());
    assert_eq!(ada.asked, 1, "nobody can begin with that");
    assert_eq!(shows(&mut world, &mut ada, true), [18]);
    assert_eq!(shows(&mut world, &mut ada, false), [18]);
    let wants = |any| Order::Want(Wants { any, by_ssrc: Vec::new() });
    world.tell(33, wants(0));
    assert!(shows(&mut world, &mut ada, true).is_empty());
    world.tell(33, wants(100));
    world.now_ms += 1000;
    assert!(shows(&mut world, &mut ada, false).is_empty());
    assert_eq!(ada.asked, 2);
    assert_eq!(shows(&mut world, &mut ada, true), [18]);
    world.tell(17, Order::Show(None));
    assert!(shows(&mut world, &mut ada, true).is_empty());
}

#[test]
fn a_browser_that_chooses_its_own_ssrc_is_heard_under_the_one_it_was_given() {
    let mut world = World::default();
    world.join(1, 7, MODE);
    let mut ada = world.join_by_browser(17, 7, there(1));
    ada.send_under(900);
    let said = |world: &mut World, ada: &mut Peer| {
        ada.say(b"x", world.now());
        let mut heard = world.run(&mut [ada], 20);
        heard.retain(is_media);
        heard.iter().map(|(_, packet)| packet[8..12].to_vec()).collect::<Vec<_>>()
    };
    assert!(said(&mut world, &mut ada).is_empty());
    for given in [17, 33] {
        world.tell(17, Order::Name(Name { given, chosen: 900, again: None }));
    }
    assert_eq!(said(&mut world, &mut ada), [[0, 0, 0, 17]], "33 is nothing of hers");
}

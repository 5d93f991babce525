//! Broadcasts compressed after others, read by ordinary streaming decoders on connections that got this and that.

use bytes::Bytes;
use consort_wire::compress::Transport;
use consort_wire::compress::broadcast::{Broadcast, JOIN_BYTES_MAX};
use consort_wire::compress::shared::Compressor;
use consort_wire::compress::stream::{Recipe, Stream};
use consort_wire::gateway::{Encoding, outbound};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::compressed_streams::{Client, body, name, payload, value};
use crate::rng::Rng;

const TRANSPORTS: [Transport; 2] = [Transport::Zlib, Transport::Zstd];
const ENCODINGS: [Encoding; 2] = [Encoding::Json, Encoding::Etf];

/// An event as two encodings have it.
struct Event {
    name: String,
    d: Value,
    of: [Broadcast; 2],
}

impl Event {
    fn new(name: String, d: Value, joins: bool) -> Self {
        let of = ENCODINGS.map(|encoding| {
            let broadcast = Broadcast::new(encoding, &name, d.to_string().as_bytes()).unwrap();
            if joins { broadcast.joined() } else { broadcast }
        });
        Event { name, d, of }
    }

    fn some(rng: &mut Rng, at: usize, joins: bool) -> Self {
        Event::new(name(rng), body(rng, at), joins)
    }

    fn of(&self, encoding: Encoding) -> &Broadcast {
        &self.of[usize::from(encoding == Encoding::Etf)]
    }
}

/// A connection and what it was sent.
struct Connection<'e> {
    encoding: Encoding,
    stream: Stream,
    client: Client,
    sent: Vec<&'e Event>,
    wire: usize,
}

impl<'e> Connection<'e> {
    fn new(transport: Transport, encoding: Encoding) -> Self {
        let (stream, client) = (Stream::new(transport, encoding), Client::new(transport));
        Connection { encoding, stream, client, sent: Vec::new(), wire: 0 }
    }

    /// Makes the frame of an event without sending it.
    fn make(
        &mut self,
        seq: u64,
        event: &'e Event,
        compressor: &mut Compressor,
    ) -> (Vec<u8>, Recipe, *const u8) {
        let (sent, encoding) = (&self.sent, self.encoding);
        let mut trail = self.stream.trail(|back| Some(sent[sent.len() - back].of(encoding)));
        let delivery = self.stream.dispatch(seq, event.of(encoding), &mut trail, compressor);
        let mut frame = Vec::new();
        delivery.put(&mut frame);
        (frame, delivery.recipe, delivery.body[0].as_ptr())
    }

    fn read(&mut self, frame: &[u8]) -> Value {
        self.wire += frame.len();
        value(self.encoding, &self.client.read(&payload(frame)))
    }

    fn bring(&mut self, seq: u64, event: &'e Event, compressor: &mut Compressor) -> *const u8 {
        let (frame, _, body) = self.make(seq, event, compressor);
        self.sent.push(event);
        let expected = json!({"t": event.name, "s": seq, "op": 0, "d": event.d});
        assert_eq!(self.read(&frame), expected, "{:?} {:?}", self.stream, self.encoding);
        body
    }

    fn own(&mut self, compressor: &mut Compressor) {
        let mut frame = Vec::new();
        self.stream.own(outbound::heartbeat_ack(self.encoding), compressor, &mut frame);
        assert_eq!(self.read(&frame)["op"], 11);
    }
}

/// What may happen to one of some connections.
#[derive(Debug, Clone)]
enum Happening {
    /// Everybody gets the next event whose bit is set.
    Event { receivers: u16, joins: bool },
    /// A message of the connection's own.
    Own(usize),
    /// Another connection takes its place.
    Anew(usize),
    /// Its numbers are very large from here on.
    Count(usize),
}

const CONNECTIONS: usize = 12;

fn happening() -> impl Strategy<Value = Happening> {
    let one = || 0..CONNECTIONS;
    prop_oneof![
        20 => Just(Happening::Event { receivers: u16::MAX, joins: true }),
        4 => any::<u16>().prop_map(|receivers| Happening::Event { receivers, joins: true }),
        1 => any::<u16>().prop_map(|receivers| Happening::Event { receivers, joins: false }),
        2 => one().prop_map(Happening::Own),
        1 => one().prop_map(Happening::Anew),
        1 => one().prop_map(Happening::Count),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn whoever_gets_what_every_message_is_read_as_it_was(
        happenings in proptest::collection::vec(happening(), 1..120),
        seed in any::<u64>(),
    ) {
        let mut rng = Rng::new(seed);
        let events: Vec<_> = happenings
            .iter()
            .map(|happening| Event::some(&mut rng, 0, !matches!(happening, Happening::Event { joins: false, .. })))
            .collect();
        // As many threads, so that none depends on what another one's compressor did before.
        let mut compressors = [Compressor::default(), Compressor::default()];
        let new = |at: usize| Connection::new(TRANSPORTS[at % 2], ENCODINGS[at / 2 % 2]);
        let mut connections: Vec<_> = (0..CONNECTIONS).map(new).collect();
        let mut numbers = [0; CONNECTIONS];
        for (happening, event) in happenings.iter().zip(&events) {
            match *happening {
                Happening::Event { receivers, .. } => {
                    for (at, connection) in connections.iter_mut().enumerate() {
                        if receivers >> at & 1 == 1 {
                            numbers[at] += 1;
                            connection.bring(numbers[at], event, &mut compressors[at / 4 % 2]);
                        }
                    }
                }
                Happening::Own(at) => connections[at].own(&mut compressors[0]),
                Happening::Anew(at) => connections[at] = new(at),
                Happening::Count(at) => numbers[at] = [999_999_990, (1 << 31) - 10][at % 2],
            }
        }
    }
}

/// Some events of the same kind, as a guild has; every eleventh is about the same person.
fn alike(count: u64) -> Vec<Event> {
    let d = |n: u64| {
        let hex = format!("{:016x}", Rng::new(100 + n % 11).next());
        let who = json!({"id": "234567890123456789", "username": hex, "avatar": hex.repeat(2), "nick": null});
        json!({"id": n.to_string(), "channel_id": "1234567890123456789", "author": who, "mentions": [], "embeds": []})
    };
    (0..count).map(|n| Event::new("MESSAGE_CREATE".to_owned(), d(n), true)).collect()
}

#[test]
fn connections_that_got_the_same_share_every_form() {
    let mut compressor = Compressor::default();
    for encoding in ENCODINGS {
        for transport in TRANSPORTS {
            let events = alike(60);
            let mut connections = [0; 3].map(|_| Connection::new(transport, encoding));
            let (mut alone, mut late) = (0, 0);
            for (at, event) in events.iter().enumerate() {
                // Each has numbers of its own.
                let bodies = [7, 70_000, 8_000_000].map(|seq| seq + at as u64);
                let bodies: Vec<_> = connections
                    .iter_mut()
                    .zip(bodies)
                    .map(|(connection, seq)| connection.bring(seq, event, &mut compressor))
                    .collect();
                assert!(
                    bodies.iter().all(|body| *body == bodies[0]),
                    "{transport:?} {encoding:?}, event {at}"
                );
                match at {
                    0 => alone = connections[0].wire,
                    40.. => late += 1,
                    _ => {}
                }
                if at == 39 {
                    connections[0].wire = 0;
                }
            }
            assert!(
                connections[0].wire / late * 2 < alone,
                "{transport:?} {encoding:?}: {} of {alone}",
                connections[0].wire / late
            );
        }
    }
}

/// A connection that was sent something of its own looks back less far, and then further again.
#[test]
fn the_further_a_stream_may_look_back_the_less_it_takes() {
    let mut compressor = Compressor::default();
    let events = alike(64);
    let mut connection = Connection::new(Transport::Zlib, Encoding::Json);
    let mut sizes = Vec::new();
    for (at, event) in events.iter().enumerate() {
        if at == 40 {
            connection.own(&mut compressor);
        }
        connection.wire = 0;
        connection.bring(at as u64, event, &mut compressor);
        sizes.push(connection.wire);
    }
    assert!(sizes[39] < sizes[40] / 3, "{sizes:?}");
    assert!(sizes[40] > sizes[41] && sizes[41] > sizes[56], "{sizes:?}");
    assert!(sizes[56].abs_diff(sizes[39]) <= 3, "{sizes:?}");
}

#[test]
fn a_frame_is_made_again_the_same_whatever_happened_since() {
    let mut compressor = Compressor::default();
    for encoding in ENCODINGS {
        for transport in TRANSPORTS {
            let events = alike(30);
            let mut connection = Connection::new(transport, encoding);
            let mut others: Vec<_> = (0..40).map(|_| Connection::new(transport, encoding)).collect();
            for (at, event) in events.iter().enumerate() {
                let (frame, recipe, _) = connection.make(at as u64, event, &mut compressor);
                connection.sent.push(event);
                // Others get the event after something else, and the connection has something to say.
                for (place, other) in others.iter_mut().enumerate() {
                    if (at + place) % 7 == 0 {
                        other.own(&mut compressor);
                    }
                    other.bring(at as u64, event, &mut compressor);
                }
                let mut own = Vec::new();
                if at % 5 == 0 {
                    connection.stream.own(outbound::heartbeat_ack(encoding), &mut compressor, &mut own);
                }
                let mut again = Vec::new();
                let broadcast = event.of(encoding);
                connection
                    .stream
                    .again(at as u64, broadcast, recipe, &mut Compressor::default())
                    .put(&mut again);
                assert_eq!(frame, again);
                assert_eq!(connection.read(&again)["s"], at);
                if !own.is_empty() {
                    assert_eq!(connection.read(&own)["op"], 11);
                }
            }
        }
    }
}

/// The byte in the place of a sequence number must not be in the message; if all are, nothing is looked back at.
#[test]
fn messages_of_any_bytes_follow_each_other() {
    let mut rng = Rng::new(11);
    let all: Vec<u8> = (0..=255).chain(0..=255).collect();
    let few: Vec<u8> = [0xFF; 30].into_iter().chain(*b"\xFE\xFD\xFC repeated, repeated, repeated").collect();
    let tails = [&all, &few, &all, &few, &few]
        .map(|tail| Broadcast::from_tail(Encoding::Etf, tail.clone().into()).joined());
    let noise = (0..40).map(|_| {
        let bytes: Bytes = (0..rng.below(400)).map(|_| rng.next() as u8 | 0xF0).collect();
        Broadcast::from_tail(Encoding::Etf, bytes).joined()
    });
    let tails: Vec<_> = tails.into_iter().chain(noise).collect();
    for transport in TRANSPORTS {
        let mut compressor = Compressor::default();
        let (mut stream, mut client) = (Stream::new(transport, Encoding::Etf), Client::new(transport));
        for (at, tail) in tails.iter().enumerate() {
            let mut trail = stream.trail(|back| Some(&tails[at - back]));
            let mut frame = Vec::new();
            stream.dispatch(at as u64, tail, &mut trail, &mut compressor).put(&mut frame);
            assert!(client.read(&payload(&frame)).ends_with(tail.tail()), "{transport:?}, message {at}");
        }
    }
}

/// 16 large messages are more than a deflate window has room for.
#[test]
fn large_messages_do_not_reach_out_of_the_window() {
    let mut rng = Rng::new(12);
    let mut text = |len: usize| (0..len).map(|_| char::from(b'a' + rng.below(26) as u8)).collect::<String>();
    let phrase = text(500);
    let events: Vec<_> = (0..60)
        .map(|n| {
            let len = [10, 900, 4_000, JOIN_BYTES_MAX - 900, JOIN_BYTES_MAX + 900][n % 5];
            Event::new("E".to_owned(), json!([phrase, text(len), phrase]), true)
        })
        .collect();
    let mut compressor = Compressor::default();
    for encoding in ENCODINGS {
        for transport in TRANSPORTS {
            let mut connection = Connection::new(transport, encoding);
            for (at, event) in events.iter().enumerate() {
                connection.bring(at as u64, event, &mut compressor);
            }
        }
    }
}

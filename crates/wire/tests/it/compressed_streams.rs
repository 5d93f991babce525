//! Streams made of independent and shared pieces, read by ordinary streaming decoders.

use std::sync::Arc;

use consort_wire::compress::broadcast::Broadcast;
use consort_wire::compress::context::{ZlibStream, ZstdStream};
use consort_wire::compress::past::Trail;
use consort_wire::compress::shared::{Compressor, ZstdPiece};
use consort_wire::compress::stream::{MAX_HEAD_BYTES, Recipe, Stream};
use consort_wire::compress::{Transport, ZLIB_SUFFIX, payload_zlib};
use consort_wire::etf;
use consort_wire::gateway::{Encoding, outbound};
use consort_wire::json::Limits;
use consort_wire::ws::{Decoder, Input, Message};
use flate2::{Decompress, FlushDecompress};
use serde_json::{Value, json};
use zstd::stream::raw::{Decoder as ZstdDecoder, InBuffer, Operation, OutBuffer};

use crate::rng::Rng;

const LIMITS: Limits = Limits { bytes: 1 << 22, depth: 64, values: 1 << 20 };

/// What a client does with one binary message.
pub enum Client {
    Plain,
    Zlib(Decompress),
    Zstd(ZstdDecoder<'static>),
}

impl Client {
    pub fn new(transport: Transport) -> Self {
        match transport {
            Transport::Plain => Client::Plain,
            Transport::Zlib => Client::Zlib(Decompress::new(true)),
            Transport::Zstd => Client::Zstd(ZstdDecoder::new().unwrap()),
        }
    }

    /// Returns all that can be read once `bytes` have arrived.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(1 << 16);
        match self {
            Client::Plain => out.extend_from_slice(bytes),
            Client::Zlib(decompress) => {
                assert!(bytes.ends_with(&ZLIB_SUFFIX), "clients look for the end of a flush");
                let start = decompress.total_in();
                loop {
                    let taken = (decompress.total_in() - start) as usize;
                    decompress.decompress_vec(&bytes[taken..], &mut out, FlushDecompress::Sync).unwrap();
                    let all_in = decompress.total_in() - start == bytes.len() as u64;
                    if all_in && out.len() < out.capacity() {
                        break;
                    }
                    out.reserve(1 << 16);
                }
            }
            Client::Zstd(decoder) => {
                let mut input = InBuffer::around(bytes);
                loop {
                    let at = out.len();
                    let mut output = OutBuffer::around_pos(&mut out, at);
                    decoder.run(&mut input, &mut output).unwrap();
                    if input.pos() == bytes.len() && out.len() < out.capacity() {
                        break;
                    }
                    out.reserve(1 << 16);
                }
            }
        }
        out
    }
}

pub fn payload(frame: &[u8]) -> Vec<u8> {
    let mut frame = frame.to_vec();
    let mut input = Input::new(&mut frame);
    let mut decoder = Decoder::client(1 << 22);
    let payload = match decoder.decode(&mut input).unwrap().unwrap() {
        Message::Text(text) => text.as_bytes().to_vec(),
        Message::Binary(bytes) => bytes.to_vec(),
        other => panic!("{other:?}"),
    };
    assert_eq!(input.remaining(), 0, "one frame for each message");
    payload
}

pub fn value(encoding: Encoding, bytes: &[u8]) -> Value {
    let mut value = match encoding {
        Encoding::Json => serde_json::from_slice(bytes).unwrap(),
        Encoding::Etf => etf::read(bytes, LIMITS).unwrap(),
    };
    // The key that nobody reads.
    if let Some(padding) = value.as_object_mut().unwrap().shift_remove("_") {
        assert_eq!(padding, " ".repeat(ZstdPiece::PADDING));
    }
    value
}

/// The content of some event, with what makes compressors use their repeat offsets at once among it.
pub fn body(rng: &mut Rng, at: usize) -> Value {
    if at == 150 {
        let words = ["guild", "channel", "message", "é", "日本", "member", "role"];
        let text: Vec<_> = (0..120_000).map(|_| rng.pick(&words)).collect();
        return json!({"large": text.join(" ")});
    }
    match rng.below(8) {
        0 => json!({"a": "x".repeat(rng.below(5000))}),
        1 => json!({"a": "abcd".repeat(rng.below(500))}),
        2 => json!({"a": "abcdefgh".repeat(rng.below(500))}),
        3 => json!({}),
        4 => json!({"noise": (0..rng.below(300)).map(|_| rng.next()).collect::<Vec<_>>()}),
        5 => json!([null, true, false, 1.5, -1, rng.next().to_string()]),
        _ => json!({
            "id": rng.next().to_string(), "channel_id": "1234567890123456789", "type": 0, "tts": false,
            "content": rng.pick(&["hello there", "ok", "what is this", "lorem ipsum dolor sit amet"]).repeat(1 + rng.below(9)),
            "author": {"id": rng.next().to_string(), "username": "somebody", "avatar": null, "bot": false},
            "mentions": [], "embeds": [], "attachments": [], "edited_timestamp": null, "pinned": false
        }),
    }
}

/// Names whose tails begin with runs of period 1, 4 and 8, where a compressor's first match is by a repeat offset.
pub fn name(rng: &mut Rng) -> String {
    match rng.below(8) {
        0 => "A".repeat(40 + rng.below(100)),
        1 => "ABCD".repeat(20 + rng.below(30)),
        2 => "ABCDEFGH".repeat(10 + rng.below(30)),
        _ => {
            rng.pick(&["MESSAGE_CREATE", "TYPING_START", "GUILD_MEMBER_UPDATE", "PRESENCE_UPDATE"]).to_owned()
        }
    }
}

fn run(transport: Transport, encoding: Encoding, seed: u64) -> (usize, usize) {
    let mut rng = Rng::new(seed);
    let mut compressor = Compressor::default();
    let (mut stream, mut client) = (Stream::new(transport, encoding), Client::new(transport));
    let (mut wire, mut plain) = (0, 0);
    for at in 0..400 {
        let mut frame = Vec::new();
        let expected = match rng.below(5) {
            0 => {
                stream.own(outbound::heartbeat_ack(encoding), &mut compressor, &mut frame);
                json!({"t": null, "s": null, "op": 11, "d": null})
            }
            1 => {
                let (name, body) = (name(&mut rng), body(&mut rng, at));
                let own =
                    outbound::dispatch(encoding, at as u64, &name, body.to_string().as_bytes()).unwrap();
                stream.own(&own, &mut compressor, &mut frame);
                json!({"t": name, "s": at, "op": 0, "d": body})
            }
            _ => {
                let (name, body) = (name(&mut rng), body(&mut rng, at));
                let broadcast = Broadcast::new(encoding, &name, body.to_string().as_bytes()).unwrap();
                let seq = rng.next() >> 11 >> rng.below(50);
                let delivery = stream.dispatch(seq, &broadcast, &mut Trail::default(), &mut compressor);
                assert!(delivery.head.len() <= MAX_HEAD_BYTES);
                delivery.put(&mut frame);
                assert_eq!(frame.len(), delivery.len());
                json!({"t": name, "s": seq, "op": 0, "d": body})
            }
        };
        wire += frame.len();
        let read = client.read(&payload(&frame));
        plain += read.len();
        assert_eq!(
            value(encoding, &read),
            expected,
            "message {at} of {transport:?} {encoding:?}, seed {seed}"
        );
    }
    (wire, plain)
}

#[test]
fn every_message_is_whole_once_its_bytes_are_there() {
    for encoding in [Encoding::Json, Encoding::Etf] {
        for transport in [Transport::Plain, Transport::Zlib, Transport::Zstd] {
            for seed in [1, 2] {
                let (wire, plain) = run(transport, encoding, seed);
                if transport != Transport::Plain {
                    assert!(wire < plain, "{transport:?} {encoding:?}: {wire} of {plain} bytes");
                }
            }
        }
    }
}

#[test]
fn one_broadcast_serves_connections_of_every_kind() {
    let d = json!({"content": "hello ".repeat(50)});
    let mut compressor = Compressor::default();
    for encoding in [Encoding::Json, Encoding::Etf] {
        let broadcast = Broadcast::new(encoding, "MESSAGE_CREATE", d.to_string().as_bytes()).unwrap();
        for transport in [Transport::Plain, Transport::Zlib, Transport::Zstd] {
            for seq in [1, 99, 1 << 40] {
                let mut stream = Stream::new(transport, encoding);
                let mut client = Client::new(transport);
                for seq in [seq, seq + 1] {
                    let mut frame = Vec::new();
                    stream.dispatch(seq, &broadcast, &mut Trail::default(), &mut compressor).put(&mut frame);
                    let read = client.read(&payload(&frame));
                    let expected = json!({"t": "MESSAGE_CREATE", "s": seq, "op": 0, "d": d});
                    assert_eq!(value(encoding, &read), expected);
                }
            }
        }
        let first = broadcast.alone(Transport::Zlib, &mut compressor).as_ptr();
        assert_eq!(broadcast.alone(Transport::Zlib, &mut compressor).as_ptr(), first, "compressed once");
        assert!(broadcast.heap_bytes() > broadcast.tail().len());
    }
}

/// Large parts are held and compressed once, in whichever broadcasts they stand.
#[test]
fn what_is_in_parts_reads_as_if_it_were_whole() {
    let mut rng = Rng::new(7);
    let noise: Vec<_> = (0..3000).map(|_| rng.next()).collect();
    let words = body(&mut rng, 150);
    let texts = [json!({"n": 1}), words, json!({"noise": noise}), json!({"a": "abcd".repeat(9000)})];
    let part = |text: String| Arc::new(Broadcast::from_tail(Encoding::Json, text.into()));
    let shared: Vec<_> = texts.iter().map(|text| part(text.to_string())).collect();
    let of = |name: &str| {
        let mut parts = vec![part(format!("\"t\":\"{name}\",\"op\":0,\"d\":["))];
        for (index, shared) in shared.iter().enumerate() {
            parts.extend((index > 0).then(|| part(",".to_owned())));
            parts.push(shared.clone());
        }
        parts.push(part("]}".to_owned()));
        Broadcast::in_parts(parts)
    };
    let (first, second) = (of("A"), of("B"));
    let between = Broadcast::new(Encoding::Json, "C", b"{}").unwrap().joined();
    let mut compressor = Compressor::default();
    for transport in [Transport::Plain, Transport::Zlib, Transport::Zstd] {
        let (mut stream, mut client) = (Stream::new(transport, Encoding::Json), Client::new(transport));
        let mut bodies = Vec::new();
        for (seq, (name, broadcast)) in
            (1..).zip([("A", &first), ("C", &between), ("B", &second), ("C", &between), ("A", &first)])
        {
            let mut frame = Vec::new();
            let delivery = stream.dispatch(seq, broadcast, &mut Trail::default(), &mut compressor);
            assert_eq!(delivery.body.len() > 1, broadcast.is_in_parts());
            delivery.put(&mut frame);
            assert_eq!(frame.len(), delivery.len());
            bodies.push(delivery.body.iter().map(|piece| piece.as_ptr()).collect::<Vec<_>>());
            let mut again = Vec::new();
            stream.again(seq, broadcast, delivery.recipe, &mut compressor).put(&mut again);
            assert_eq!(again, frame, "as often as it is asked for");
            let d = if name == "C" { json!({}) } else { json!(texts) };
            let read = value(Encoding::Json, &client.read(&payload(&frame)));
            assert_eq!(read, json!({"t": name, "s": seq, "op": 0, "d": d}));
        }
        assert_eq!(bodies[0][3], bodies[2][3], "held once");
        assert_eq!(bodies[0], bodies[4]);
    }
    assert_eq!(first.tail().len(), first.tail_len());
}

/// Shows that the padding is needed: some blocks are read wrong without the reset block before them.
#[test]
fn without_the_reset_block_repeat_offsets_are_read_wrong() {
    const RESET_BYTES: usize = 12;
    let mut compressor = Compressor::default();
    // Moves the repeat offsets: matches far back in a message before.
    let before = compressor.zstd("0123456789abcdefghijklmnopqrstuvwxyz".repeat(9).as_bytes());
    let start = [&[0x28, 0xB5, 0x2F, 0xFD, 0, 0x40], &before.bytes()[..]].concat();
    let (mut rng, mut wrong) = (Rng::new(5), 0);
    for _ in 0..400 {
        let text = format!("\"t\":\"{}\",{}", name(&mut rng), body(&mut rng, 0));
        let piece = compressor.zstd(text.as_bytes());
        if !piece.is_padded() {
            continue;
        }
        let read = Client::new(Transport::Zstd).read(&[&start, &piece.bytes()[..]].concat());
        assert!(read.ends_with(text.as_bytes()));
        let without = [&start, &piece.bytes()[RESET_BYTES..]].concat();
        let mut out = vec![0; 1 << 16];
        let (mut input, mut output) = (InBuffer::around(&without), OutBuffer::around(&mut out[..]));
        let result = ZstdDecoder::new().unwrap().run(&mut input, &mut output);
        wrong += usize::from(result.is_err() || !output.as_slice().ends_with(text.as_bytes()));
    }
    assert!(wrong > 0, "the reset block would not be needed");
}

/// The parsers of higher levels use all three repeat offsets, those of lower ones only the first two.
#[test]
fn pieces_of_every_level_follow_each_other() {
    for (zlib_level, zstd_level) in [(0, 1), (1, 2), (4, 5), (6, 7), (8, 13), (9, 16), (9, 19)] {
        let mut compressor = Compressor::new(zlib_level, zstd_level);
        let mut clients = [Client::new(Transport::Zlib), Client::new(Transport::Zstd)];
        let mut starts = [vec![0x78, 0x9C], vec![0x28, 0xB5, 0x2F, 0xFD, 0, 0x40]];
        let mut rng = Rng::new(zstd_level as u64);
        for _ in 0..60 {
            let text = format!("\"t\":\"{}\",{}", name(&mut rng), body(&mut rng, 0));
            let pieces = [
                compressor.zlib(text.as_bytes()).bytes().clone(),
                compressor.zstd(text.as_bytes()).bytes().clone(),
            ];
            for ((client, start), piece) in clients.iter_mut().zip(&mut starts).zip(pieces) {
                let read = client.read(&[&std::mem::take(start)[..], &piece].concat());
                assert_eq!(String::from_utf8(read).unwrap().trim_start(), text, "level {zstd_level}");
            }
        }
    }
}

#[test]
fn what_cannot_be_compressed_is_sent_as_it_is() {
    let mut rng = Rng::new(3);
    let noise: Vec<u8> = (0..200_000).map(|_| rng.next() as u8).collect();
    let mut compressor = Compressor::default();
    let zlib = compressor.zlib(&noise);
    assert!(zlib.bytes().len() < noise.len() + 100);
    let mut client = Client::new(Transport::Zlib);
    assert_eq!(client.read(&[&[0x78, 0x9C], &zlib.bytes()[..]].concat()), noise);
    let zstd = compressor.zstd(&noise);
    assert!(!zstd.is_padded());
    assert!(zstd.bytes().len() < noise.len() + 100);
    let mut client = Client::new(Transport::Zstd);
    assert_eq!(client.read(&[&[0x28, 0xB5, 0x2F, 0xFD, 0, 0x40], &zstd.bytes()[..]].concat()), noise);
    assert!(compressor.zlib(b"").bytes().ends_with(&ZLIB_SUFFIX));
    assert_eq!(compressor.zstd(b"").bytes().len(), 3);
}

#[test]
fn streams_with_a_context_are_whole_after_each_message() {
    let mut rng = Rng::new(4);
    let (mut zlib, mut zstd) = (ZlibStream::new(6, 12), ZstdStream::new(3, 15));
    let (mut zlib_client, mut zstd_client) = (Client::new(Transport::Zlib), Client::new(Transport::Zstd));
    for at in 0..200 {
        let message = body(&mut rng, at).to_string().into_bytes();
        let mut out = Vec::new();
        zlib.message(&message, &mut out).unwrap();
        assert_eq!(zlib_client.read(&out), message);
        out.clear();
        zstd.message(&message, &mut out).unwrap();
        assert_eq!(zstd_client.read(&out), message);
    }
}

#[test]
fn one_payload_can_be_a_zlib_stream_of_its_own() {
    for text in [String::new(), "x".into(), "hello ".repeat(10_000)] {
        let mut out = Vec::with_capacity(text.len() + 1);
        let compressed = payload_zlib(text.as_bytes(), 6).unwrap();
        let mut decompress = Decompress::new(true);
        let status = decompress.decompress_vec(&compressed, &mut out, FlushDecompress::Finish).unwrap();
        assert_eq!(status, flate2::Status::StreamEnd);
        assert_eq!(out, text.as_bytes());
    }
}

#[test]
fn a_stream_takes_next_to_no_memory() {
    assert!(size_of::<Stream>() + size_of::<Recipe>() <= 6);
}

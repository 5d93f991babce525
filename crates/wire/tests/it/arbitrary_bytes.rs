//! Every decoder bears any bytes: it answers or refuses, and never panics. The fuzz targets do the same for longer.

use consort_wire::etf;
use consort_wire::gateway::{Connect, Encoding, decode};
use consort_wire::json::{self, Limits};
use consort_wire::ws::handshake::Head;
use consort_wire::ws::{Decoder, Input, Opcode, client};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

const LIMITS: Limits = Limits { bytes: 1 << 20, depth: 64, values: 1 << 16 };

/// JSON values as the transcoder must carry them.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<u8>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e300..1e300f64).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::from),
            vec((".{0,6}", inner), 0..8).prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Bytes that are ETF in parts: tags and lengths are likelier than chance has it.
fn etf_like() -> impl Strategy<Value = Vec<u8>> {
    let tag = prop::sample::select(vec![
        70u8, 80, 97, 98, 99, 100, 104, 105, 106, 107, 108, 109, 110, 111, 115, 116, 118, 119,
    ]);
    vec(prop_oneof![3 => tag, 3 => 0u8..4, 1 => any::<u8>()], 0..200).prop_map(|mut bytes| {
        bytes.insert(0, etf::VERSION);
        bytes
    })
}

proptest! {
    #[test]
    fn websocket_decoder_bears_any_bytes(chunks in vec(vec(any::<u8>(), 0..300), 0..8), from_client: bool) {
        let mut decoder = if from_client { Decoder::server(500) } else { Decoder::client(500) };
        for mut chunk in chunks {
            let mut input = Input::new(&mut chunk);
            while let Ok(Some(_)) = decoder.decode(&mut input) {}
            prop_assert!(decoder.buffered_bytes() < 2500);
        }
    }

    #[test]
    fn websocket_messages_come_back(
        messages in vec((any::<bool>(), vec(any::<u8>(), 0..400), 1usize..5, any::<[u8; 4]>()), 1..6),
        cut in 1usize..200,
    ) {
        let mut stream = Vec::new();
        for (ping, payload, parts, mask) in &messages {
            let size = payload.len().div_ceil(*parts).max(1);
            let chunks: Vec<&[u8]> = payload.chunks(size).collect();
            let chunks = if chunks.is_empty() { vec![&[][..]] } else { chunks };
            for (at, chunk) in chunks.iter().enumerate() {
                let opcode = if at == 0 { Opcode::Binary } else { Opcode::Continuation };
                client::put_frame(&mut stream, opcode, at + 1 == chunks.len(), *mask, chunk);
                if *ping {
                    client::put_frame(&mut stream, Opcode::Ping, true, *mask, b"ping");
                }
            }
        }
        let mut decoder = Decoder::server(1000);
        let mut got = Vec::new();
        for chunk in stream.chunks_mut(cut) {
            let mut input = Input::new(chunk);
            while let Some(message) = decoder.decode(&mut input).unwrap() {
                if let consort_wire::ws::Message::Binary(bytes) = message {
                    got.push(bytes.to_vec());
                }
            }
        }
        let sent: Vec<_> = messages.into_iter().map(|(_, payload, ..)| payload).collect();
        prop_assert_eq!(got, sent);
        prop_assert_eq!(decoder.buffered_bytes(), 0);
    }

    #[test]
    fn payload_decoders_bear_any_bytes(bytes in vec(any::<u8>(), 0..300)) {
        let _ = decode(Encoding::Json, &bytes, 4096);
        let _ = decode(Encoding::Etf, &bytes, 4096);
        let _ = json::parse(&bytes, LIMITS);
        let _ = Head::parse(&bytes);
    }

    #[test]
    fn etf_decoder_bears_bytes_that_look_like_etf(bytes in etf_like()) {
        let _ = decode(Encoding::Etf, &bytes, 4096);
        if let Ok(value) = etf::read(&bytes, LIMITS) {
            // What was read can be written, and reads the same again. (By way of text, which may change the last
            // bit of a float.)
            let text = value.to_string();
            let mut again = vec![etf::VERSION];
            again.extend(etf::from_json(text.as_bytes()).unwrap());
            prop_assert_eq!(etf::read(&again, LIMITS).unwrap(), json::parse(text.as_bytes(), LIMITS).unwrap());
        }
    }

    #[test]
    fn any_object_for_any_opcode_is_answered(op in 0u64..50, d in values()) {
        let payload = serde_json::json!({"op": op, "d": d}).to_string();
        let _ = decode(Encoding::Json, payload.as_bytes(), 1 << 20);
    }

    #[test]
    fn json_and_etf_hold_the_same_values(value in values()) {
        let text = value.to_string();
        let parsed = json::parse(text.as_bytes(), LIMITS).unwrap();
        prop_assert_eq!(&parsed, &serde_json::from_str::<Value>(&text).unwrap());
        let mut term = vec![etf::VERSION];
        term.extend(etf::from_json(text.as_bytes()).unwrap());
        prop_assert_eq!(etf::read(&term, LIMITS).unwrap(), parsed);
    }

    #[test]
    fn connect_urls_bear_any_text(target in ".{0,60}", query in "[vencodigmprs=&?#0-9]{0,40}") {
        let _ = Connect::parse_target(&target);
        let _ = Connect::parse_query(&query);
    }
}

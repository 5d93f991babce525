//! The frame decoder against the rules of RFC 6455.

use consort_wire::ws::{self, Decoder, Error, Input, Message, Opcode, client};

use crate::rng::Rng;

const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// A message kept for comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kept {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
}

impl From<Message<'_>> for Kept {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(text) => Kept::Text(text.to_owned()),
            Message::Binary(bytes) => Kept::Binary(bytes.to_vec()),
            Message::Ping(bytes) => Kept::Ping(bytes.to_vec()),
            Message::Pong(bytes) => Kept::Pong(bytes.to_vec()),
            Message::Close(close) => Kept::Close(close.map(|(code, reason)| (code, reason.to_owned()))),
        }
    }
}

fn feed(decoder: &mut Decoder, bytes: &[u8], kept: &mut Vec<Kept>) -> Result<(), Error> {
    let mut buffer = bytes.to_vec();
    let mut input = Input::new(&mut buffer);
    while let Some(message) = decoder.decode(&mut input)? {
        kept.push(message.into());
    }
    assert_eq!(input.remaining(), 0, "all input is taken");
    Ok(())
}

fn frame(opcode: Opcode, fin: bool, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    client::put_frame(&mut out, opcode, fin, MASK, payload);
    out
}

fn decode(bytes: &[u8]) -> Result<Vec<Kept>, Error> {
    let mut kept = Vec::new();
    feed(&mut Decoder::server(1000), bytes, &mut kept).map(|()| kept)
}

fn error(bytes: &[u8]) -> (Error, u16) {
    let error = decode(bytes).expect_err("refused");
    (error, error.close_code())
}

#[test]
fn control_frames_may_come_within_a_fragmented_message() {
    let bytes = [
        frame(Opcode::Text, false, b"he"),
        frame(Opcode::Ping, true, b"p"),
        frame(Opcode::Continuation, false, b""),
        frame(Opcode::Pong, true, b""),
        frame(Opcode::Continuation, true, b"llo"),
        frame(Opcode::Binary, true, b"\xff"),
    ]
    .concat();
    let expected =
        [Kept::Ping(b"p".to_vec()), Kept::Pong(vec![]), Kept::Text("hello".into()), Kept::Binary(vec![0xff])];
    assert_eq!(decode(&bytes).unwrap(), expected);
}

#[test]
fn it_does_not_matter_how_the_stream_is_cut() {
    let long = "é".repeat(300);
    let stream = [
        frame(Opcode::Text, true, long.as_bytes()),
        frame(Opcode::Binary, false, &[1; 126]),
        frame(Opcode::Ping, true, &[2; 125]),
        frame(Opcode::Continuation, true, &[3; 127]),
        frame(Opcode::Text, true, b""),
        frame(Opcode::Text, false, &long.as_bytes()[..301]),
        frame(Opcode::Continuation, true, &long.as_bytes()[301..]),
        frame(Opcode::Close, true, b"\x03\xe8bye"),
        b"whatever follows".to_vec(),
    ]
    .concat();
    let whole = decode(&stream).unwrap();
    assert_eq!(whole.len(), 6);
    assert_eq!(whole[5], Kept::Close(Some((1000, "bye".into()))));
    for size in 1..40 {
        let mut decoder = Decoder::server(1000);
        let mut kept = Vec::new();
        for chunk in stream.chunks(size) {
            feed(&mut decoder, chunk, &mut kept).unwrap();
        }
        assert_eq!(kept, whole, "in chunks of {size}");
    }
    let mut rng = Rng::new(7);
    for _ in 0..200 {
        let mut decoder = Decoder::server(1000);
        let (mut kept, mut rest) = (Vec::new(), &stream[..]);
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(1 + rng.below(rest.len().min(400)));
            feed(&mut decoder, chunk, &mut kept).unwrap();
            rest = after;
        }
        assert_eq!(kept, whole);
    }
}

#[test]
fn an_idle_decoder_holds_no_memory() {
    assert!(size_of::<Decoder>() <= 16);
    let mut decoder = Decoder::server(100_000);
    let mut kept = Vec::new();
    let bytes = frame(Opcode::Binary, true, &[7; 60_000]);
    feed(&mut decoder, &bytes, &mut kept).unwrap();
    assert_eq!(decoder.buffered_bytes(), 0);
    feed(&mut decoder, &bytes[..30_000], &mut kept).unwrap();
    assert!(decoder.buffered_bytes() >= 29_000);
    feed(&mut decoder, &bytes[30_000..], &mut kept).unwrap();
    assert_eq!(decoder.buffered_bytes(), 0);
    assert_eq!(kept.len(), 2);
    let ping = frame(Opcode::Ping, true, &[1; 100]);
    feed(&mut decoder, &ping[..50], &mut kept).unwrap();
    feed(&mut decoder, &ping[50..], &mut kept).unwrap();
    assert_eq!(decoder.buffered_bytes(), 0);
}

#[test]
fn a_declared_length_allocates_nothing() {
    let mut decoder = Decoder::server(10_000_000);
    let header = frame(Opcode::Binary, true, &[0; 9_000_000])[..14].to_vec();
    feed(&mut decoder, &header, &mut Vec::new()).unwrap();
    assert!(decoder.buffered_bytes() < 500);
}

#[test]
fn a_message_whole_in_the_buffer_is_lent_from_it() {
    let mut buffer = frame(Opcode::Text, true, b"hello");
    let range = buffer.as_ptr_range();
    let mut decoder = Decoder::server(1000);
    let mut input = Input::new(&mut buffer);
    match decoder.decode(&mut input).unwrap() {
        Some(Message::Text(text)) => assert!(range.contains(&text.as_ptr())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn breaches_of_the_framing_are_told_apart() {
    assert_eq!(error(&[0x81, 0x00]), (Error::Unmasked, 1002));
    assert_eq!(error(&[0xC1, 0x80]), (Error::ReservedBits, 1002));
    assert_eq!(error(&[0xA1, 0x80]), (Error::ReservedBits, 1002));
    assert_eq!(error(&[0x91, 0x80]), (Error::ReservedBits, 1002));
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        assert_eq!(error(&[0x80 | opcode, 0x80]), (Error::ReservedOpcode(opcode), 1002));
    }
    assert_eq!(error(&frame(Opcode::Ping, false, b"")), (Error::FragmentedControl, 1002));
    assert_eq!(error(&frame(Opcode::Ping, true, &[0; 126])), (Error::ControlTooLong, 1002));
    assert_eq!(error(&frame(Opcode::Continuation, true, b"")), (Error::UnexpectedContinuation, 1002));
    let nested = [frame(Opcode::Text, false, b"a"), frame(Opcode::Text, true, b"b")].concat();
    assert_eq!(error(&nested), (Error::ExpectedContinuation, 1002));
    let huge = [0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(error(&huge), (Error::BadLength, 1002));
    let mut masked = frame(Opcode::Text, true, b"x");
    let mut input = Input::new(&mut masked);
    assert_eq!(Decoder::client(10).decode(&mut input), Err(Error::Masked));
}

#[test]
fn text_must_be_utf8_as_a_whole() {
    assert_eq!(error(&frame(Opcode::Text, true, b"\xff")), (Error::InvalidUtf8, 1007));
    let split = [frame(Opcode::Text, false, b"\xc3"), frame(Opcode::Continuation, true, b"\xa9")].concat();
    assert_eq!(decode(&split).unwrap(), [Kept::Text("é".into())]);
    let cut = [frame(Opcode::Text, false, b"\xc3"), frame(Opcode::Continuation, true, b"")].concat();
    assert_eq!(error(&cut), (Error::InvalidUtf8, 1007));
    // A surrogate half, which UTF-8 does not have.
    assert_eq!(error(&frame(Opcode::Text, true, b"\xed\xa0\x80")), (Error::InvalidUtf8, 1007));
}

#[test]
fn close_frames_are_checked() {
    assert_eq!(decode(&frame(Opcode::Close, true, b"")).unwrap(), [Kept::Close(None)]);
    assert_eq!(error(&frame(Opcode::Close, true, b"\x03")), (Error::BadClose, 1002));
    for code in [0u16, 999, 1004, 1005, 1006, 1015, 2000, 2999, 5000, 65535] {
        assert_eq!(
            error(&frame(Opcode::Close, true, &code.to_be_bytes())),
            (Error::BadClose, 1002),
            "{code}"
        );
    }
    assert_eq!(error(&frame(Opcode::Close, true, b"\x03\xe8\xff")), (Error::InvalidUtf8, 1007));
    let mut close = Vec::new();
    client::put_close(&mut close, MASK, 4000, "later");
    assert_eq!(decode(&close).unwrap(), [Kept::Close(Some((4000, "later".into())))]);
}

#[test]
fn nothing_is_decoded_after_a_close_or_an_error() {
    let mut decoder = Decoder::server(1000);
    let mut kept = Vec::new();
    let bad = [frame(Opcode::Text, true, b"a"), vec![0x81, 0x00]].concat();
    assert_eq!(feed(&mut decoder, &bad, &mut kept), Err(Error::Unmasked));
    feed(&mut decoder, &frame(Opcode::Text, true, b"b"), &mut kept).unwrap();
    assert_eq!(kept, [Kept::Text("a".into())]);
}

#[test]
fn messages_over_the_limit_are_refused_before_they_arrive() {
    let too_large = (Error::TooLarge { limit: 1000 }, 1009);
    assert_eq!(error(&frame(Opcode::Text, true, &[b'x'; 1001])), too_large);
    assert_eq!(error(&frame(Opcode::Text, true, &[b'x'; 1001])[..8]), too_large);
    assert!(decode(&frame(Opcode::Text, true, &[b'x'; 1000])).is_ok());
    let parts =
        [frame(Opcode::Text, false, &[b'x'; 600]), frame(Opcode::Continuation, true, &[b'x'; 401])].concat();
    assert_eq!(error(&parts), too_large);
    let longest = [0x82, 0xFF, 0x7F, 255, 255, 255, 255, 255, 255, 255, 1, 2, 3, 4];
    assert_eq!(error(&longest), too_large);
}

#[test]
fn the_limit_may_change_between_messages() {
    let mut decoder = Decoder::server(10);
    decoder.set_max_message_bytes(100);
    feed(&mut decoder, &frame(Opcode::Text, true, &[b'x'; 50]), &mut Vec::new()).unwrap();
}

#[test]
fn empty_fragments_without_end_are_refused() {
    let mut decoder = Decoder::server(100);
    feed(&mut decoder, &frame(Opcode::Text, false, b""), &mut Vec::new()).unwrap();
    let empty = frame(Opcode::Continuation, false, b"");
    let result = (0..200).find_map(|_| feed(&mut decoder, &empty, &mut Vec::new()).err());
    assert_eq!(result.map(|e| e.close_code()), Some(1008));
}

#[test]
fn server_frames_reach_a_client() {
    let mut decoder = Decoder::client(1 << 20);
    let mut bytes = Vec::new();
    for len in [0, 1, 125, 126, 65535, 65536] {
        ws::put_frame(&mut bytes, Opcode::Binary, &vec![9; len]);
    }
    bytes.extend(ws::pong_frame(b"x"));
    bytes.extend(ws::close_frame(4004, "Authentication failed."));
    let mut kept = Vec::new();
    feed(&mut decoder, &bytes, &mut kept).unwrap();
    let lens: Vec<_> = kept
        .iter()
        .filter_map(|m| match m {
            Kept::Binary(bytes) => Some(bytes.len()),
            _ => None,
        })
        .collect();
    assert_eq!(lens, [0, 1, 125, 126, 65535, 65536]);
    assert_eq!(kept.last(), Some(&Kept::Close(Some((4004, "Authentication failed.".into())))));
}

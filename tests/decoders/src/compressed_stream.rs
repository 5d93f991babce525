//! The encoder that has to be right for every input: pieces put one after another in one zstd frame, or one zlib
//! stream, read back as what went in, message by message; and so do broadcasts that look back at each other.

use consort_wire::compress::Transport;
use consort_wire::compress::broadcast::Broadcast;
use consort_wire::compress::shared::{Compressor, ZstdPiece};
use consort_wire::compress::stream::Stream;
use consort_wire::gateway::Encoding;
use consort_wire::ws::{Decoder as Frames, Input, Message};
use flate2::{Decompress, FlushDecompress};
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

/// Compresses the lines one after another.
///
/// # Panics
/// When what must hold does not.
pub fn feed(data: &[u8]) {
    let mut compressor = Compressor::default();
    let mut out = vec![0; 2 * data.len() + 4096];
    let mut decoder = Decoder::new().expect("memory");
    let mut inflate = Decompress::new(true);
    let mut zstd_start = vec![0x28, 0xB5, 0x2F, 0xFD, 0, 0x40];
    let mut zlib_start = vec![0x78, 0x9C];
    for message in data.split(|&byte| byte == b'\n') {
        let piece = compressor.zstd(message);
        let bytes = [&std::mem::take(&mut zstd_start)[..], piece.bytes()].concat();
        let mut input = InBuffer::around(&bytes);
        let mut output = OutBuffer::around(&mut out[..]);
        while input.pos() < bytes.len() {
            decoder.run(&mut input, &mut output).expect("valid zstd");
        }
        let padding = if piece.is_padded() { ZstdPiece::PADDING } else { 0 };
        assert_eq!(&output.as_slice()[padding..], message);

        let bytes = [&std::mem::take(&mut zlib_start)[..], compressor.zlib(message).bytes()].concat();
        let mut text = Vec::with_capacity(message.len() + 64);
        inflate.decompress_vec(&bytes, &mut text, FlushDecompress::Sync).expect("valid deflate");
        assert_eq!(text, message);
    }
    for transport in [Transport::Zlib, Transport::Zstd] {
        look_back(data, transport, &mut compressor);
    }
}

/// Brings each line as a broadcast after those before it; every 19th comes on a connection that was sent something else.
fn look_back(data: &[u8], transport: Transport, compressor: &mut Compressor) {
    let broadcasts: Vec<_> = data
        .split(|&byte| byte == b'\n')
        .map(|line| Broadcast::from_tail(Encoding::Etf, line.to_vec().into()).joined())
        .collect();
    let mut stream = Stream::new(transport, Encoding::Etf);
    let mut inflate = Decompress::new(true);
    let mut decoder = Decoder::new().expect("memory");
    for (at, broadcast) in broadcasts.iter().enumerate() {
        let mut frame = Vec::new();
        if at % 19 == 18 {
            stream.own(b"\x83\x74\0\0\0\0", compressor, &mut frame);
        }
        let mut trail = stream.trail(|back| broadcasts.get(at.checked_sub(back)?));
        stream.dispatch(at as u64, broadcast, &mut trail, compressor).put(&mut frame);
        let (mut frames, mut input) = (Frames::client(1 << 24), Input::new(&mut frame));
        let mut text = vec![0; 2 * broadcast.tail().len() + 4096];
        let mut len = 0;
        while let Some(message) = frames.decode(&mut input).expect("valid frames") {
            let Message::Binary(bytes) = message else { panic!("binary") };
            if transport == Transport::Zlib {
                let before = inflate.total_out();
                inflate.decompress(bytes, &mut text, FlushDecompress::Sync).expect("valid deflate");
                len = (inflate.total_out() - before) as usize;
                continue;
            }
            let mut input = InBuffer::around(bytes);
            let mut output = OutBuffer::around(&mut text[..]);
            while input.pos() < bytes.len() {
                decoder.run(&mut input, &mut output).expect("valid zstd");
            }
            len = output.pos();
        }
        assert!(text[..len].ends_with(broadcast.tail()));
    }
}

//! The encoder that has to be right for every input: pieces put one after another in one zstd frame, or one zlib
//! stream, read back as what went in, message by message.
#![no_main]

use consort_wire::compress::shared::{Compressor, ZstdPiece};
use flate2::{Decompress, FlushDecompress};
use libfuzzer_sys::fuzz_target;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

fuzz_target!(|data: &[u8]| {
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
});

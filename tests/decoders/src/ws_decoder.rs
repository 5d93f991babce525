//! The frame decoder: the first byte chooses the side and how the rest is cut; however it is cut, the messages and
//! the error are the same.

use consort_wire::ws::{Decoder, Error, Input};

const MAX_MESSAGE_BYTES: usize = 4096;

fn run(decoder: &mut Decoder, bytes: &[u8], cut: usize) -> (Vec<String>, Option<Error>) {
    let mut messages = Vec::new();
    for chunk in bytes.chunks(cut) {
        let mut chunk = chunk.to_vec();
        let mut input = Input::new(&mut chunk);
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(message)) => messages.push(format!("{message:?}")),
                Ok(None) => break,
                Err(error) => return (messages, Some(error)),
            }
        }
        assert!(decoder.buffered_bytes() <= 4 * MAX_MESSAGE_BYTES);
    }
    (messages, None)
}

/// Reads frames, whole and cut.
///
/// # Panics
/// When what must hold does not.
pub fn feed(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let decoder = || match first & 1 {
        0 => Decoder::server(MAX_MESSAGE_BYTES),
        _ => Decoder::client(MAX_MESSAGE_BYTES),
    };
    let whole = run(&mut decoder(), rest, rest.len().max(1));
    let cut = run(&mut decoder(), rest, usize::from(first >> 1) + 1);
    assert_eq!(whole, cut);
}

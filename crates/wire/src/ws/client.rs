//! The client's side: masked frames and the upgrade request, for tests, load generators and voice peers.
//!
//! Decode what the server sends with [`Decoder::client`](super::Decoder::client).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::decoder::unmask;
use super::frame::{Header, Opcode};
use super::handshake::{Error, MAX_HEAD_BYTES, MAX_HEADERS, accept_key};

/// Appends a client's frame to `out`, its payload masked with `mask`.
pub fn put_frame(out: &mut Vec<u8>, opcode: Opcode, fin: bool, mask: [u8; 4], payload: &[u8]) {
    out.extend_from_slice(&Header::new(opcode, fin, payload.len(), Some(mask)));
    let start = out.len();
    out.extend_from_slice(payload);
    unmask(&mut out[start..], Some(mask), 0);
}

/// Appends a client's close frame with `code` and `reason` to `out`; the reason may have 123 bytes.
pub fn put_close(out: &mut Vec<u8>, mask: [u8; 4], code: u16, reason: &str) {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(&reason.as_bytes()[..reason.len().min(123)]);
    put_frame(out, Opcode::Close, true, mask, &payload);
}

/// Returns the `Sec-WebSocket-Key` of 16 random bytes.
pub fn key(random: [u8; 16]) -> String {
    STANDARD.encode(random)
}

/// Returns the bytes of an upgrade request for `target` (path and query) at `host`.
pub fn request(host: &str, target: &str, key: &str) -> Vec<u8> {
    format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    .into_bytes()
}

/// Checks the server's answer to a request made with `key`. Returns the length of its head, after which frames
/// follow, or `None` while it is incomplete.
///
/// # Errors
///
/// The head is malformed or too long, its status is not 101, or its accept key is not the one for `key`.
pub fn check_response(bytes: &[u8], key: &str) -> Result<Option<usize>, Error> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let len = match response.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) if bytes.len() >= MAX_HEAD_BYTES => return Err(Error::HeadTooLong),
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Error::Malformed),
    };
    if response.code != Some(101) {
        return Err(Error::NotUpgraded(response.code.unwrap_or(0)));
    }
    let wanted = accept_key(key.as_bytes());
    let given = response.headers.iter().find(|h| h.name.eq_ignore_ascii_case("sec-websocket-accept"));
    match given {
        Some(header) if header.value == wanted.as_bytes() => Ok(Some(len)),
        _ => Err(Error::BadKey),
    }
}

//! The opening handshake (RFC 6455, section 4.2): is this request an upgrade, and what answers it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

/// The longest request head that is read, in bytes.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;
/// The most headers a request may have.
pub const MAX_HEADERS: usize = 64;
/// RFC 6455, section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The whole response to a request for which there is no room; the client comes again a little later.
pub const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\n\
    Content-Type: text/plain\r\nContent-Length: 37\r\n\r\nthe gateway takes no more connections";

/// Why a request is no WebSocket upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not an HTTP/1.1 head, or one with too many headers.
    #[error("request head is malformed")]
    Malformed,
    /// The head does not end within [`MAX_HEAD_BYTES`].
    #[error("request head is too long")]
    HeadTooLong,
    /// Only GET upgrades.
    #[error("method is not GET")]
    Method,
    /// No `Upgrade: websocket` with `Connection: Upgrade`: a plain HTTP request.
    #[error("request is not a WebSocket upgrade")]
    NotUpgrade,
    /// `Sec-WebSocket-Version` is not 13.
    #[error("WebSocket version is not 13")]
    Version,
    /// `Sec-WebSocket-Key` (or the server's accept key) is missing or wrong.
    #[error("WebSocket key is missing or wrong")]
    BadKey,
    /// A server answered a client with another status than 101.
    #[error("server answered {0}")]
    NotUpgraded(u16),
}

impl Error {
    /// Returns the HTTP status that answers this error.
    pub const fn status(&self) -> u16 {
        match self {
            Error::HeadTooLong => 431,
            Error::Method => 405,
            Error::NotUpgrade | Error::Version => 426,
            Error::Malformed | Error::BadKey | Error::NotUpgraded(_) => 400,
        }
    }

    /// Returns a whole HTTP response that says so and ends the connection.
    pub fn response(&self) -> Vec<u8> {
        let reason = match self.status() {
            405 => "Method Not Allowed",
            426 => "Upgrade Required",
            431 => "Request Header Fields Too Large",
            _ => "Bad Request",
        };
        let body = self.to_string();
        format!(
            "HTTP/1.1 {} {reason}\r\nConnection: close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
            self.status(),
            body.len()
        )
        .into_bytes()
    }
}

/// A valid upgrade: the `Sec-WebSocket-Accept` value, 28 characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accept(String);

impl Accept {
    /// Returns the value of `Sec-WebSocket-Accept`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the whole 101 response. No extension and no subprotocol is accepted.
    pub fn response(&self) -> Vec<u8> {
        format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            self.0
        )
        .into_bytes()
    }
}

/// Checks an upgrade request. `header` looks a header up by its lower-case name and gives the first value.
///
/// # Errors
///
/// What the request lacks; answer [`Error::status`].
pub fn validate<'h>(method: &str, header: impl Fn(&str) -> Option<&'h [u8]>) -> Result<Accept, Error> {
    if !has_token(header("upgrade"), b"websocket") || !has_token(header("connection"), b"upgrade") {
        return Err(Error::NotUpgrade);
    }
    if method != "GET" {
        return Err(Error::Method);
    }
    if header("sec-websocket-version").map(<[u8]>::trim_ascii) != Some(b"13") {
        return Err(Error::Version);
    }
    let key = header("sec-websocket-key").ok_or(Error::BadKey)?.trim_ascii();
    // 16 bytes are 24 characters of base64, two of them padding.
    if key.len() != 24 || STANDARD.decode(key).map_err(|_| Error::BadKey)?.len() != 16 {
        return Err(Error::BadKey);
    }
    Ok(Accept(accept_key(key)))
}

/// A request head read from a socket that nobody else has parsed.
#[derive(Debug)]
pub struct Head<'b> {
    /// The method, e.g. `GET`.
    pub method: &'b str,
    /// The request target: path and query.
    pub target: &'b str,
    /// The bytes the head takes; what follows is the body, or frames.
    pub len: usize,
    headers: Vec<(&'b str, &'b [u8])>,
}

impl<'b> Head<'b> {
    /// Reads a head off the start of `bytes`; `None` while it is incomplete.
    ///
    /// # Errors
    ///
    /// [`Error::Malformed`] or [`Error::HeadTooLong`].
    pub fn parse(bytes: &'b [u8]) -> Result<Option<Self>, Error> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let len = match request.parse(bytes) {
            Ok(httparse::Status::Complete(len)) if len <= MAX_HEAD_BYTES => len,
            Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD_BYTES => return Ok(None),
            Ok(_) => return Err(Error::HeadTooLong),
            Err(_) => return Err(Error::Malformed),
        };
        let (Some(method), Some(target), Some(1)) = (request.method, request.path, request.version) else {
            return Err(Error::Malformed);
        };
        let headers = request.headers.iter().map(|h| (h.name, h.value)).collect();
        Ok(Some(Head { method, target, len, headers }))
    }

    /// Returns the first value of the header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&'b [u8]> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|&(_, value)| value)
    }

    /// Checks that this is an upgrade request; see [`validate`].
    ///
    /// # Errors
    ///
    /// What the request lacks.
    pub fn upgrade(&self) -> Result<Accept, Error> {
        validate(self.method, |name| self.header(name))
    }
}

/// Returns `Sec-WebSocket-Accept` for the value of `Sec-WebSocket-Key`.
pub fn accept_key(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

fn has_token(value: Option<&[u8]>, token: &[u8]) -> bool {
    value.is_some_and(|v| v.split(|&b| b == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::client;

    const REQUEST: &str = "GET /?v=10 HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
        Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";

    fn upgrade(request: &str) -> Result<Accept, Error> {
        Head::parse(request.as_bytes()).unwrap().unwrap().upgrade()
    }

    #[test]
    fn the_example_of_the_rfc_is_accepted() {
        assert_eq!(upgrade(REQUEST).unwrap().as_str(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_head_may_come_in_pieces() {
        for cut in 0..REQUEST.len() {
            assert!(Head::parse(&REQUEST.as_bytes()[..cut]).unwrap().is_none());
        }
        let with_rest = format!("{REQUEST}frames");
        assert_eq!(Head::parse(with_rest.as_bytes()).unwrap().unwrap().len, REQUEST.len());
    }

    #[test]
    fn what_is_missing_is_told_apart() {
        assert_eq!(upgrade(&REQUEST.replace("WebSocket\r\n", "h2c\r\n")), Err(Error::NotUpgrade));
        assert_eq!(upgrade(&REQUEST.replace("keep-alive, Upgrade", "close")), Err(Error::NotUpgrade));
        assert_eq!(upgrade(&REQUEST.replace("GET", "POST")), Err(Error::Method));
        assert_eq!(upgrade(&REQUEST.replace("Version: 13", "Version: 8")), Err(Error::Version));
        assert_eq!(upgrade(&REQUEST.replace("dGhl", "dGh")), Err(Error::BadKey));
        assert_eq!(upgrade(&REQUEST.replace("dGhl", "!!!!")), Err(Error::BadKey));
        assert_eq!(Error::Version.status(), 426);
    }

    #[test]
    fn heads_are_bounded() {
        let endless = format!("GET / HTTP/1.1\r\nA: {}", "x".repeat(MAX_HEAD_BYTES));
        assert_eq!(Head::parse(endless.as_bytes()).unwrap_err(), Error::HeadTooLong);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        assert_eq!(Head::parse(many.as_bytes()).unwrap_err(), Error::Malformed);
        assert_eq!(Head::parse(b"\x16\x03\x01").unwrap_err(), Error::Malformed);
    }

    #[test]
    fn client_and_server_agree() {
        let key = client::key([9; 16]);
        let request = client::request("localhost", "/?v=10", &key);
        let answer = Head::parse(&request).unwrap().unwrap().upgrade().unwrap().response();
        assert_eq!(client::check_response(&answer, &key), Ok(Some(answer.len())));
        assert_eq!(client::check_response(&answer[..20], &key), Ok(None));
        assert_eq!(client::check_response(&answer, &client::key([8; 16])), Err(Error::BadKey));
        assert_eq!(client::check_response(&Error::Version.response(), &key), Err(Error::NotUpgraded(426)));
    }
}

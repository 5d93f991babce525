//! A cheap HTTP/1.1 client: one blocking keep-alive connection, ready-made requests.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(30);
/// An answer larger than this is refused.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// A connection that was not used for so long is made anew: servers close idle ones.
const IDLE: Duration = Duration::from_secs(10);

/// A connection.
pub struct Http {
    address: SocketAddr,
    used: Instant,
    socket: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
}

/// A request as it goes over the wire.
pub fn request(method: &str, path: &str, authorization: &str, body: &str) -> Vec<u8> {
    let mut text =
        format!("{method} /api/v10{path} HTTP/1.1\r\nHost: bench\r\nAuthorization: {authorization}\r\n");
    if !body.is_empty() {
        text.push_str(&format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

impl Http {
    /// Connects.
    ///
    /// # Errors
    /// When that fails.
    pub fn connect(address: SocketAddr) -> Result<Self, String> {
        let socket = socket(address).map_err(|error| error.to_string())?;
        Ok(Self { address, used: Instant::now(), socket, buffer: vec![0; 64 << 10], filled: 0 })
    }

    /// Sends a request and returns the body of its 2xx answer.
    ///
    /// # Errors
    /// When the connection breaks or the answer is another.
    pub fn call(&mut self, request: &[u8]) -> Result<&[u8], String> {
        self.filled = 0;
        if self.used.elapsed() > IDLE {
            self.socket = socket(self.address).map_err(|error| error.to_string())?;
        }
        self.used = Instant::now();
        self.socket.write_all(request).map_err(|error| error.to_string())?;
        let (head, status, length) = loop {
            self.read_some()?;
            let filled = &self.buffer[..self.filled];
            if let Some(end) = filled.windows(4).position(|window| window == b"\r\n\r\n") {
                let (status, length) = parse_head(&filled[..end])?;
                break (end + 4, status, length);
            }
        };
        while self.filled < head + length {
            self.read_some()?;
        }
        let body = &self.buffer[head..head + length];
        if (200..300).contains(&status) {
            Ok(body)
        } else {
            Err(format!("answered {status} {}", String::from_utf8_lossy(body)))
        }
    }

    fn read_some(&mut self) -> Result<(), String> {
        if self.filled == self.buffer.len() {
            if self.filled >= ANSWER_BYTES_MAX {
                return Err("the answer is too large".to_owned());
            }
            self.buffer.resize(self.filled * 2, 0);
        }
        match self.socket.read(&mut self.buffer[self.filled..]) {
            Ok(0) => Err("the server closed the connection".to_owned()),
            Ok(count) => {
                self.filled += count;
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

fn socket(address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(LIMIT))?;
    Ok(socket)
}

/// Status and body length of an answer's head.
fn parse_head(head: &[u8]) -> Result<(u16, usize), String> {
    let head = String::from_utf8_lossy(head);
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or("no status")?;
    let mut length = 0;
    for line in head.lines().skip(1) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(|_| "no length")?;
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err("chunked answers are not expected".to_owned());
        }
    }
    Ok((status, length))
}

#[cfg(test)]
mod tests {
    use super::parse_head;

    #[test]
    fn heads_are_read() {
        assert_eq!(parse_head(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nA: b"), Ok((200, 12)));
        assert_eq!(parse_head(b"HTTP/1.1 204 No Content"), Ok((204, 0)));
        assert!(parse_head(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked").is_err());
    }
}

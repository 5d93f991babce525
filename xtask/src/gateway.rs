//! The least of a gateway client: a blocking WebSocket over loopback, uncompressed JSON, HELLO, IDENTIFY
//! and whatever dispatches follow.

use serde_json::{Value, json};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a frame may take to come.
const READ_LIMIT: Duration = Duration::from_secs(20);
/// A frame larger than this is refused.
const FRAME_BYTES_MAX: u64 = 16 << 20;
/// Of a frame that is skipped, so much is looked at.
const FIRST_BYTES: u64 = 256;

/// A connection that has been upgraded.
pub struct Gateway(TcpStream);

impl Gateway {
    /// Connects and upgrades.
    ///
    /// # Errors
    /// When the server does not answer 101.
    pub fn connect(address: SocketAddr) -> Result<Self, String> {
        Self::connect_with(address, "")
    }

    /// As [`Gateway::connect`], with further parameters in the URL.
    ///
    /// # Errors
    /// As [`Gateway::connect`].
    pub fn connect_with(address: SocketAddr, query: &str) -> Result<Self, String> {
        let mut socket = TcpStream::connect(address).map_err(|error| format!("gateway: {error}"))?;
        socket.set_read_timeout(Some(READ_LIMIT)).map_err(|error| error.to_string())?;
        socket
            .write_all(upgrade(&address.to_string(), query).as_bytes())
            .map_err(|error| format!("gateway: {error}"))?;
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            socket.read_exact(&mut byte).map_err(|error| format!("gateway upgrade: {error}"))?;
            head.push(byte[0]);
        }
        if !head.starts_with(b"HTTP/1.1 101 ") {
            return Err(format!("gateway upgrade: {}", String::from_utf8_lossy(&head)));
        }
        Ok(Self(socket))
    }

    /// A second handle on the same connection, so that one thread can send while another receives.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn twin(&self) -> Result<Self, String> {
        self.0.try_clone().map(Self).map_err(|error| format!("gateway: {error}"))
    }

    /// How long the next payload may take to come.
    ///
    /// # Errors
    /// When the socket is broken.
    pub fn wait_at_most(&self, longest: Duration) -> Result<(), String> {
        self.0.set_read_timeout(Some(longest)).map_err(|error| format!("gateway: {error}"))
    }

    /// Breaks the connection.
    pub fn cut(&self) {
        // Fails only when it is broken already.
        let _ = self.0.shutdown(std::net::Shutdown::Both);
    }

    /// As [`Gateway::receive`]; `None` when nothing has come in time.
    ///
    /// # Errors
    /// As there.
    pub fn next(&mut self) -> Result<Option<Value>, String> {
        let mut first = [0];
        match self.0.peek(&mut first) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(None),
            Err(error) => Err(format!("gateway: {error}")),
            Ok(_) => self.receive().map(Some),
        }
    }

    /// Sends one payload.
    ///
    /// # Errors
    /// When the socket is broken.
    pub fn send(&mut self, payload: &Value) -> Result<(), String> {
        let frame = masked_text(payload.to_string().as_bytes());
        self.0.write_all(&frame).map_err(|error| format!("gateway: {error}"))
    }

    /// Waits for the next payload.
    ///
    /// # Errors
    /// When the socket ends, a close frame or nothing comes.
    pub fn receive(&mut self) -> Result<Value, String> {
        loop {
            let (opcode, body) = self.frame()?;
            match opcode {
                1 => return serde_json::from_slice(&body).map_err(|error| format!("gateway: {error}")),
                8 => return Err(format!("gateway closed: {:?}", String::from_utf8_lossy(&body))),
                _ => {}
            }
        }
    }

    /// HELLO, IDENTIFY, and every payload up to READY, which is returned.
    ///
    /// # Errors
    /// When anything else comes.
    pub fn identify(&mut self, token: &str, intents: u64) -> Result<Value, String> {
        let hello = self.receive()?;
        if hello["op"] != 10 {
            return Err(format!("gateway: no HELLO but {hello}"));
        }
        self.send(&identify_payload(token, intents))?;
        let ready = self.receive()?;
        if ready["t"] == "READY" { Ok(ready) } else { Err(format!("gateway: no READY but {ready}")) }
    }

    fn frame(&mut self) -> Result<(u8, Vec<u8>), String> {
        let (opcode, length) = self.begin_frame()?;
        if length > FRAME_BYTES_MAX {
            return Err(format!("gateway: a frame of {length} bytes"));
        }
        let mut body = vec![0; usize::try_from(length).unwrap_or_default()];
        self.0.read_exact(&mut body).map_err(|error| format!("gateway: {error}"))?;
        Ok((opcode, body))
    }

    /// Waits for the next frame and leaves its body where it is; its opcode and length.
    ///
    /// # Errors
    /// When the socket ends or nothing comes.
    pub fn begin_frame(&mut self) -> Result<(u8, u64), String> {
        let failed = |error: std::io::Error| format!("gateway: {error}");
        let mut head = [0; 2];
        self.0.read_exact(&mut head).map_err(failed)?;
        let length = match head[1] & 0x7f {
            126 => {
                let mut long = [0; 2];
                self.0.read_exact(&mut long).map_err(failed)?;
                u64::from(u16::from_be_bytes(long))
            }
            127 => {
                let mut long = [0; 8];
                self.0.read_exact(&mut long).map_err(failed)?;
                u64::from_be_bytes(long)
            }
            short => u64::from(short),
        };
        Ok((head[0] & 0x0f, length))
    }

    /// Reads so much of a frame's body; gives the first bytes of it.
    ///
    /// # Errors
    /// When the socket ends or nothing comes.
    pub fn skip(&mut self, length: u64) -> Result<Vec<u8>, String> {
        let failed = |error: std::io::Error| format!("gateway: {error}");
        let mut first = vec![0; usize::try_from(length.min(FIRST_BYTES)).unwrap_or_default()];
        self.0.read_exact(&mut first).map_err(failed)?;
        let rest = length - first.len() as u64;
        let skipped = std::io::copy(&mut (&mut self.0).take(rest), &mut std::io::sink()).map_err(failed)?;
        if skipped == rest { Ok(first) } else { Err("gateway: it ends within a frame".to_owned()) }
    }

    /// Whether anything comes within a time.
    ///
    /// # Errors
    /// When the socket is broken.
    pub fn is_quiet(&mut self, time: Duration) -> Result<bool, String> {
        self.0.set_read_timeout(Some(time)).map_err(|error| error.to_string())?;
        let quiet = match self.0.peek(&mut [0]) {
            Ok(0) => Err("gateway: it has ended".to_owned()),
            Ok(_) => Ok(false),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(true),
            Err(error) => Err(format!("gateway: {error}")),
        };
        self.0.set_read_timeout(Some(READ_LIMIT)).map_err(|error| error.to_string())?;
        quiet
    }
}

/// The upgrade request for JSON, version 10; `query` is further parameters, each with its `&`.
pub fn upgrade(host: &str, query: &str) -> String {
    format!(
        "GET /?v=10&encoding=json{query} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// An IDENTIFY payload.
pub fn identify_payload(token: &str, intents: u64) -> Value {
    let properties = json!({"os": "linux", "browser": "xtask", "device": "xtask"});
    json!({"op": 2, "d": {"token": token, "intents": intents, "properties": properties, "large_threshold": 50}})
}

/// A text frame from a client; the mask is zero, which every server must accept and which costs nothing.
pub fn masked_text(body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x81];
    match body.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(body);
    frame
}

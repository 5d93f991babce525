//! Clients on plain sockets.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

/// A client's socket. What it waits for comes, or the test has failed.
pub struct Raw(pub TcpStream);

impl Raw {
    pub fn connect(address: SocketAddr) -> Self {
        Self::from(TcpStream::connect(address).unwrap())
    }

    /// Connects from another address of this machine.
    pub fn connect_from(ip: [u8; 4], address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((ip, 0)).into()).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::from(TcpStream::from(socket))
    }

    /// A client that takes little before it must read.
    pub fn connect_narrow(address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&address.into()).unwrap();
        Self::from(TcpStream::from(socket))
    }

    fn from(socket: TcpStream) -> Self {
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        socket.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
        Self(socket)
    }

    pub fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
    }

    /// The next answer: status, head in lower case, body.
    pub fn answer(&mut self) -> (u16, String, String) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap_or_else(|error| panic!("{error} after {head:?}"));
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let status = head[9..12].parse().unwrap();
        let length = head
            .split("content-length: ")
            .nth(1)
            .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (status, head, String::from_utf8(body).unwrap())
    }

    /// Whether the server has said something, or closed.
    pub fn has_answer(&self) -> bool {
        self.0.set_nonblocking(true).unwrap();
        let peeked = self.0.peek(&mut [0]);
        self.0.set_nonblocking(false).unwrap();
        !matches!(peeked, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }

    /// Whether an answer comes before the end of the connection.
    pub fn is_answered(&self) -> bool {
        matches!(self.0.peek(&mut [0]), Ok(1))
    }

    /// Reads the frames of a WebSocket that have come; whether one of them closes it, or it is closed.
    pub fn is_told_to_close(&mut self) -> bool {
        self.0.set_nonblocking(true).unwrap();
        let mut bytes = vec![0; 1 << 16];
        let read = self.0.read(&mut bytes);
        self.0.set_nonblocking(false).unwrap();
        match read {
            Ok(0) => true,
            Ok(length) => {
                let mut left = &bytes[..length];
                while let [head, size, rest @ ..] = left {
                    if head & 0x0f == 8 {
                        return true;
                    }
                    let skipped = match (size, rest) {
                        (126, [high, low, ..]) => 2 + usize::from(u16::from_be_bytes([*high, *low])),
                        (size, _) => usize::from(*size),
                    };
                    left = rest.get(skipped..).unwrap_or_default();
                }
                false
            }
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }

    /// Whether the server closes in order, without a reset.
    pub fn ends(&mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(0))
    }
}

/// Runs what waits on sockets beside the server.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

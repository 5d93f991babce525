//! A socket that tells its seat whose turn it is.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::seats::Seat;

/// How long, and how much, is read from a client that was answered before it had sent everything.
const LINGER: Duration = Duration::from_secs(10);
const LINGER_BYTES_MAX: usize = 32 << 20;
/// How long it may be silent meanwhile.
const LINGER_SILENCE: Duration = Duration::from_secs(2);

/// The socket of a connection.
#[derive(Debug)]
pub(crate) struct Socket {
    tcp: TcpStream,
    seat: Arc<Seat>,
    /// Whether the last write took nothing.
    blocked: bool,
}

impl Socket {
    pub(crate) fn new(tcp: TcpStream, seat: Arc<Seat>) -> Self {
        Self { tcp, seat, blocked: false }
    }

    /// Closes it so that the last answer arrives: says that nothing more will be sent, and takes what the client still sends,
    /// within bounds. Closed at once, the system would answer that with a reset, which takes the answer from the client
    /// (RFC 9112, 9.6).
    pub(crate) async fn close(mut self) {
        if self.tcp.shutdown().await.is_err() {
            return;
        }
        let deadline = Instant::now() + LINGER;
        let mut left = LINGER_BYTES_MAX;
        let mut waste = vec![0; 16 << 10];
        while left > 0 {
            let silence = deadline.min(Instant::now() + LINGER_SILENCE);
            let read = tokio::select! {
                read = tokio::time::timeout_at(silence, self.tcp.read(&mut waste)) => read,
                () = self.seat.asked_to_leave() => return,
            };
            match read {
                Ok(Ok(bytes)) if bytes > 0 => left = left.saturating_sub(bytes),
                _ => return,
            }
        }
    }

    /// Says the last word to a client whose request nobody has answered.
    pub(crate) async fn say(&mut self, status: StatusCode) {
        let body = format!(r#"{{"message":"{status}","code":0}}"#);
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        // Whoever takes nothing is not waited for.
        let _said = tokio::time::timeout(LINGER_SILENCE, self.tcp.write_all(answer.as_bytes())).await;
    }

    /// Closes it and forgets what the client has not taken.
    pub(crate) fn reset(self) {
        // Whoever has gone already needs no reset.
        let _gone = socket2::SockRef::from(&self.tcp).set_linger(Some(Duration::ZERO));
    }

    fn written(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Pending if self.blocked => {}
            Poll::Pending => {
                self.blocked = true;
                self.seat.listen();
            }
            Poll::Ready(Ok(bytes)) if self.blocked => {
                self.blocked = false;
                self.seat.progress(*bytes);
                self.seat.speak_on();
            }
            Poll::Ready(_) => {}
        }
        written
    }
}

impl From<Socket> for TcpStream {
    fn from(socket: Socket) -> Self {
        socket.tcp
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(cx, buf);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

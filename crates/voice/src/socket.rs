//! One connection: TLS, the WebSocket in it, and what goes through.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::hub::ConnId;
use crate::protocol::{self, CloseCode, Frame, Version};
use crate::server::Server;
use crate::strangers::Stranger;

/// Bytes of the longest message that is read: what one MLS commit of a large group would need.
const MESSAGE_BYTES_MAX: usize = 64 << 10;
/// Bytes that are read at once.
const READ_BYTES: usize = 4 << 10;
/// How long TLS and the upgrade may take together.
const OPENING: Duration = Duration::from_secs(10);
/// How long a message may take to be sent.
const SENDING: Duration = Duration::from_secs(10);
/// How long the client has to answer a close; aiohttp reports 1006 instead of the code when it is not waited for (observed).
const CLOSING: Duration = Duration::from_millis(500);

/// What is for a connection.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Frame(Frame),
    Close(CloseCode),
}

type Socket<S> = WebSocketStream<S>;

/// A connection as it comes: through this server's TLS, or through a listener that has upgraded it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Serves a connection to its end.
pub(crate) async fn serve(
    tcp: TcpStream,
    peer: SocketAddr,
    acceptor: TlsAcceptor,
    server: &Server,
    stranger: Stranger,
) {
    let opened = timeout(OPENING, open(tcp, acceptor)).await;
    match opened {
        Ok(Some((socket, version))) => attend(socket, version, peer, server, stranger).await,
        Ok(None) | Err(_) => tracing::debug!(%peer, "a voice connection was not opened"),
    }
}

/// Serves a connection that others have upgraded, and what the client has sent since, to its end.
pub(crate) async fn serve_upgraded<S: Stream>(
    stream: S,
    sent: Vec<u8>,
    (version, peer): (Version, SocketAddr),
    server: &Server,
    stranger: Stranger,
) {
    let socket = WebSocketStream::from_partially_read(stream, sent, Role::Server, Some(config())).await;
    attend(socket, version, peer, server, stranger).await;
}

async fn attend<S: Stream>(
    mut socket: Socket<S>,
    version: Version,
    peer: SocketAddr,
    server: &Server,
    stranger: Stranger,
) {
    let (conn, mut outgoing) = server.connected(version, peer);
    exchange(&mut socket, conn, &mut outgoing, server, stranger).await;
    server.disconnected(conn);
    // The client may be gone.
    let _gone = timeout(CLOSING, socket.close(None)).await;
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(1 << 20)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}

async fn open(tcp: TcpStream, acceptor: TlsAcceptor) -> Option<(Socket<TlsStream<TcpStream>>, Version)> {
    tcp.set_nodelay(true).ok()?;
    let tls = acceptor.accept(tcp).await.inspect_err(|error| tracing::debug!(%error, "no TLS")).ok()?;
    let mut version = Version::of_query(None);
    // Every path is the gateway's: libraries differ in what they ask for.
    #[expect(clippy::result_large_err, reason = "the type is the library's")]
    let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        version = Version::of_query(request.uri().query());
        Ok(response)
    };
    let socket = tokio_tungstenite::accept_hdr_async_with_config(tls, look, Some(config())).await;
    let socket = socket.inspect_err(|error| tracing::debug!(%error, "no WebSocket")).ok()?;
    Some((socket, version))
}

async fn exchange<S: Stream>(
    socket: &mut Socket<S>,
    conn: ConnId,
    outgoing: &mut mpsc::Receiver<Outgoing>,
    server: &Server,
    stranger: Stranger,
) {
    let mut stranger = Some(stranger);
    loop {
        tokio::select! {
            biased;
            next = outgoing.recv() => match next {
                Some(Outgoing::Frame(frame)) => {
                    let message = match frame {
                        Frame::Text(text) => Message::text(text),
                        Frame::Binary(bytes) => Message::binary(bytes),
                    };
                    let sent = timeout(SENDING, socket.send(message)).await;
                    if !matches!(sent, Ok(Ok(()))) {
                        return;
                    }
                }
                Some(Outgoing::Close(code)) => return close(socket, code).await,
                None => return,
            },
            message = socket.next() => {
                let message = match message {
                    Some(Ok(Message::Text(text))) => protocol::decode(&text),
                    Some(Ok(Message::Binary(bytes))) => protocol::decode_binary(&bytes),
                    Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                    Some(Err(Error::Capacity(_) | Error::Utf8(_))) => {
                        return close(socket, CloseCode::DecodeError).await;
                    }
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                };
                if server.received(conn, message) {
                    drop(stranger.take());
                }
            }
        }
    }
}

/// Says why, and waits for the client to have heard it.
async fn close<S: Stream>(socket: &mut Socket<S>, code: CloseCode) {
    let frame = CloseFrame { code: (code as u16).into(), reason: "".into() };
    let closing = async {
        socket.close(Some(frame)).await?;
        while let Some(message) = socket.next().await {
            message?;
        }
        Ok::<_, Error>(())
    };
    // One that does not answer has no more of it.
    let _answered = timeout(CLOSING, closing).await;
}

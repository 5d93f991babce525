//! From an HTTP request to a socket in a slice.

use std::sync::Arc;

use bytes::Bytes;
use consort_wire::gateway::Connect;
use consort_wire::ws::handshake;
use hyper::header::{CONNECTION, CONTENT_TYPE, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::upgrade::{OnUpgrade, Parts};
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::slice::Opening;
use crate::{Gateway, Seat};

/// Whether a request wants to become a WebSocket.
pub fn is_upgrade(headers: &HeaderMap) -> bool {
    let value = headers.get(UPGRADE).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.split(',').any(|token| token.trim().eq_ignore_ascii_case("websocket")))
}

/// Answers an upgrade request; any path will do. The connection must be one of hyper's HTTP/1 server on `TokioIo<S>`, served
/// with upgrades: the socket is taken out of it and goes to a slice, with what the client has sent already. `seat` is asked
/// for when the upgrade comes about.
pub async fn upgrade<S, B, R>(
    gateway: Arc<Gateway>,
    mut request: Request<B>,
    seat: impl FnOnce() -> Option<Box<dyn Seat>>,
) -> Response<R>
where
    S: Into<TcpStream> + AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: From<Bytes>,
{
    let header = |name: &str| request.headers().get(name).map(|value| value.as_bytes());
    let accept = match handshake::validate(request.method().as_str(), header) {
        Ok(accept) => accept,
        Err(error) => return refuse(error.status(), &error.to_string()),
    };
    if !gateway.has_room() {
        return refuse(503, "the gateway takes no more connections");
    }
    let opening = Opening {
        connect: Connect::parse_query(request.uri().query().unwrap_or("")),
        resume_url: resume_url(gateway.config.public_url.as_deref(), header),
    };
    let upgrading = hyper::upgrade::on(&mut request);
    consort_runtime::spawn("upgrade", take_socket::<S>(gateway, upgrading, opening, seat()));
    let mut response = Response::new(R::from(Bytes::new()));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, hyper::header::HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, hyper::header::HeaderValue::from_static("websocket"));
    if let Ok(accept) = accept.as_str().parse() {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

async fn take_socket<S>(
    gateway: Arc<Gateway>,
    upgrading: OnUpgrade,
    opening: Opening,
    seat: Option<Box<dyn Seat>>,
) where
    S: Into<TcpStream> + AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let upgraded = match upgrading.await {
        Ok(upgraded) => upgraded,
        Err(error) => return tracing::debug!(%error, "an upgrade did not come about"),
    };
    let Ok(Parts { io, read_buf, .. }) = upgraded.downcast::<TokioIo<S>>() else {
        return tracing::error!("an upgraded connection is not of the socket it should be");
    };
    match io.into_inner().into().into_std() {
        Ok(socket) => gateway.hand_in(socket, opening, read_buf.to_vec(), seat),
        Err(error) => tracing::warn!(%error, "an upgraded socket could not be taken"),
    }
}

fn refuse<R: From<Bytes>>(status: u16, reason: &str) -> Response<R> {
    let mut response = Response::new(R::from(Bytes::copy_from_slice(reason.as_bytes())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/plain"));
    headers.insert(SEC_WEBSOCKET_VERSION, hyper::header::HeaderValue::from_static("13"));
    response
}

/// `resume_gateway_url`: the configured one, or where the client came to. One that came by `ws` must not be sent to
/// `wss`, nor the other way round.
pub(crate) fn resume_url<'h>(public: Option<&str>, header: impl Fn(&str) -> Option<&'h [u8]>) -> Box<str> {
    if let Some(url) = public {
        return url.trim_end_matches('/').into();
    }
    let text = |name: &str| header(name).and_then(|value| std::str::from_utf8(value).ok());
    let secure = text("x-forwarded-proto").is_some_and(|proto| matches!(proto.trim(), "https" | "wss"));
    let host = text("host").filter(|host| is_authority(host)).unwrap_or("localhost");
    format!("{}://{host}", if secure { "wss" } else { "ws" }).into()
}

/// Whether a `Host` is fit to be sent back: a name or address, with a port or not.
fn is_authority(host: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    (1..=255).contains(&host.len()) && host.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (hyper::header::HeaderName::from_static(name), hyper::header::HeaderValue::from_static(value))
        });
        pairs.collect()
    }

    #[test]
    fn clients_are_sent_back_to_where_they_came() {
        let url = |pairs: &[(&str, &'static str)]| {
            let header = |name: &str| {
                let found = pairs.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| value.as_bytes())
            };
            resume_url(None, header).into_string()
        };
        assert_eq!(url(&[("host", "127.0.0.1:8080")]), "ws://127.0.0.1:8080");
        assert_eq!(url(&[("host", "chat.example"), ("x-forwarded-proto", "https")]), "wss://chat.example");
        assert_eq!(url(&[("host", "a\"b")]), "ws://localhost");
        assert_eq!(url(&[]), "ws://localhost");
        assert_eq!(&*resume_url(Some("wss://gw.example/"), |_| None), "wss://gw.example");
    }

    #[test]
    fn upgrades_are_told_from_other_requests() {
        assert!(is_upgrade(&headers(&[("upgrade", "WebSocket")])));
        assert!(!is_upgrade(&headers(&[("upgrade", "h2c")])));
        assert!(!is_upgrade(&headers(&[])));
    }
}

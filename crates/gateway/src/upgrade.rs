//! From an HTTP request to a socket in a slice.

use std::sync::Arc;

use bytes::Bytes;
use consort_wire::gateway::Connect;
use consort_wire::ws::handshake;
use hyper::header::{
    CONNECTION, CONTENT_TYPE, RETRY_AFTER, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::upgrade::{OnUpgrade, Parts};
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::config::RETRY_AFTER_SECS;
use crate::resume_url::resume_url;
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
        let mut response = refuse(503, "the gateway takes no more connections");
        response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECS.into());
        // Its descriptor is needed.
        response.headers_mut().insert(CONNECTION, hyper::header::HeaderValue::from_static("close"));
        return response;
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
    fn upgrades_are_told_from_other_requests() {
        assert!(is_upgrade(&headers(&[("upgrade", "WebSocket")])));
        assert!(!is_upgrade(&headers(&[("upgrade", "h2c")])));
        assert!(!is_upgrade(&headers(&[])));
    }
}

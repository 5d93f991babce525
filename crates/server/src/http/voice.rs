//! The voice gateway for the web client, on the address that the page came from.
//!
//! A page can make a browser trust no authority, so the voice gateway with its own certificate is out of its reach. This one has the
//! transport of the page: none on the same host, the operator's TLS elsewhere. A page names the endpoint that it was told; when
//! that is another node's, it goes there itself.

use std::net::SocketAddr;
use std::sync::PoisonError;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use consort_wire::ws::handshake;
use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use http::{HeaderValue, StatusCode};
use hyper::Request;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::socket::Socket;
use super::{Shared, Visit};

/// The path of it.
pub(super) const PATH: &str = "/voice";

/// Answers an upgrade request.
pub(super) fn upgrade(
    shared: &Shared,
    visit: &Visit,
    peer: SocketAddr,
    mut request: Request<Body>,
) -> Response {
    let refuse = |status: StatusCode, why: &'static str| (status, why).into_response();
    let Some(server) = shared.voice.get() else {
        return refuse(StatusCode::NOT_FOUND, "this node has no voice\n");
    };
    let query = request.uri().query().unwrap_or("");
    let endpoint = query.split('&').find_map(|pair| pair.strip_prefix("endpoint="));
    let endpoint = endpoint.map(|text| percent_encoding::percent_decode_str(text).decode_utf8_lossy());
    if endpoint.is_some_and(|endpoint| endpoint != server.endpoint()) {
        return refuse(StatusCode::MISDIRECTED_REQUEST, "that voice gateway is not here\n");
    }
    let header = |name: &str| request.headers().get(name).map(|value| value.as_bytes());
    let accept = match handshake::validate(request.method().as_str(), header) {
        Ok(accept) => accept,
        Err(error) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
            return (status, error.to_string()).into_response();
        }
    };
    let query = query.to_owned();
    let upgrading = hyper::upgrade::on(&mut request);
    let upgraded = async move {
        let upgraded = upgrading.await.inspect_err(|error| tracing::debug!(%error, "no upgrade")).ok()?;
        let parts = upgraded.downcast::<TokioIo<Socket>>().ok()?;
        Some((TcpStream::from(parts.io.into_inner()), parts.read_buf.to_vec()))
    };
    visit.seat.upgraded();
    let place = visit.place.lock().unwrap_or_else(PoisonError::into_inner).take();
    if !server.take_in(peer, Some(&query), upgraded, place) {
        return refuse(StatusCode::SERVICE_UNAVAILABLE, "the voice gateway takes no more connections\n");
    }
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = accept.as_str().parse() {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

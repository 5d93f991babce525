//! Where a request came from and how the server was called.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;

use crate::App;

/// The other end of the connection; the server puts it into the request's extensions.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The client's address and the base URLs to give it.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The client, through a trusted proxy if there is one.
    pub ip: IpAddr,
    /// Base of URLs, without a slash at the end: `http://127.0.0.1:8080`.
    pub base: String,
    /// Base of gateway URLs, without a slash at the end: `ws://127.0.0.1:8080`.
    pub gateway: String,
}

impl FromRequestParts<Arc<App>> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        let base = base(app.config.public_url.as_deref(), &parts.headers);
        let gateway = match &app.config.gateway_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => base.replacen("http", "ws", 1),
        };
        Ok(Self { ip: ip(parts, app.config.trust_proxy), base, gateway })
    }
}

fn base(public_url: Option<&str>, headers: &HeaderMap) -> String {
    if let Some(url) = public_url {
        return url.trim_end_matches('/').to_owned();
    }
    let host =
        headers.get(http::header::HOST).and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
    format!("http://{}", host.unwrap_or("localhost"))
}

/// Whether a Host header may be put into a URL.
fn is_host(host: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b);
    !host.is_empty() && host.len() <= 255 && host.bytes().all(allowed)
}

/// The address that limits are counted for.
pub(crate) fn ip(parts: &Parts, trust_proxy: bool) -> IpAddr {
    let peer = parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip());
    let forwarded = || {
        // The last entry is what our own proxy saw; those before it are the client's word.
        let header = parts.headers.get("x-forwarded-for")?.to_str().ok()?;
        header.rsplit(',').next()?.trim().parse().ok()
    };
    if trust_proxy { forwarded().unwrap_or(peer) } else { peer }.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_follows_the_host_header_unless_it_is_set() {
        let mut headers = HeaderMap::new();
        assert_eq!(base(None, &headers), "http://localhost");
        headers.insert("host", "chat.example:8080".parse().unwrap());
        assert_eq!(base(None, &headers), "http://chat.example:8080");
        assert_eq!(base(Some("https://a.example/"), &headers), "https://a.example");
        headers.insert("host", "a/\"><script>".parse().unwrap());
        assert_eq!(base(None, &headers), "http://localhost");
    }
}

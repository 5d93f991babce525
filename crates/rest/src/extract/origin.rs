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
        let elsewhere = || app.config.gateway_elsewhere.as_ref().and_then(|elsewhere| elsewhere.0());
        let gateway = match app.config.gateway_url.clone().or_else(elsewhere) {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => base.replacen("http", "ws", 1),
        };
        Ok(Self { ip: ip(parts, app.config.trusted_proxies), base, gateway })
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

/// The address that limits are counted for: the other end of the connection or, behind proxies of ours, whom the outermost
/// of them saw.
pub(crate) fn ip(parts: &Parts, proxies: usize) -> IpAddr {
    let peer = parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |peer| peer.0.ip());
    forwarded(&parts.headers, proxies).unwrap_or(peer).to_canonical()
}

/// Each proxy adds whom it saw at the end of `X-Forwarded-For`, be it to the last line or in a line of its own (HAProxy).
/// So the last `proxies` entries are ours, and all before them the client's word.
fn forwarded(headers: &HeaderMap, proxies: usize) -> Option<IpAddr> {
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let entries = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    address(entries.take(proxies).last()?.trim())
}

/// An address, with a port or not.
fn address(entry: &str) -> Option<IpAddr> {
    let with_port = || entry.parse().ok().map(|address: SocketAddr| address.ip());
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    bare.parse().ok().or_else(with_port)
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

    #[test]
    fn of_forwarded_addresses_only_those_that_our_proxies_added_are_believed() {
        let read = |lines: &[&str], proxies| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            forwarded(&headers, proxies).map(|ip| ip.to_string())
        };
        let seen = |ip: &str| Some(ip.to_owned());
        assert_eq!(read(&["6.6.6.6"], 0), None);
        assert_eq!(read(&[], 1), None);
        assert_eq!(read(&["6.6.6.6, 1.1.1.1"], 1), seen("1.1.1.1"));
        // The client's own line comes first, whatever is in it.
        assert_eq!(read(&["6.6.6.6, 7.7.7.7", "1.1.1.1"], 1), seen("1.1.1.1"));
        assert_eq!(read(&["6.6.6.6", "1.1.1.1, 2.2.2.2"], 2), seen("1.1.1.1"));
        assert_eq!(read(&["6.6.6.6, 1.1.1.1", "2.2.2.2"], 2), seen("1.1.1.1"));
        // Whoever came past the outer proxy was seen by the inner one.
        assert_eq!(read(&["2.2.2.2"], 2), seen("2.2.2.2"));
        assert_eq!(read(&["[2001:db8::1]:443"], 1), seen("2001:db8::1"));
        assert_eq!(read(&["1.1.1.1:80"], 1), seen("1.1.1.1"));
        assert_eq!(read(&["[2001:db8::1]"], 1), seen("2001:db8::1"));
        assert_eq!(read(&["unknown"], 1), None);
    }
}

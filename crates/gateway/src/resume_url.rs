//! Where a client is told to come back to.

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
}

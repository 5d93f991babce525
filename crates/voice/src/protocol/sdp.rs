//! What browsers say of themselves in SELECT_PROTOCOL, and are answered in SESSION_DESCRIPTION: lines of SDP, from which each builds the
//! whole (Discord Userdoccers, Voice Connections, "WebRTC Connections"; RFC 8839 for ICE, RFC 8122 for fingerprints).

use std::net::IpAddr;

use consort_sfu::IceLogin;
use serde::Deserialize;

/// Extensions of RTP headers that are read; browsers have some fifteen.
const EXTENSIONS_MAX: usize = 32;
/// Characters of an address of an extension.
const URI_CHARS_MAX: usize = 128;
/// Payload types that no codec has, since RTCP would be taken for them (RFC 5761, 4).
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 64..=95;

/// A browser's side of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Browser {
    /// How checks of ICE to it are addressed.
    pub ice: IceLogin,
    /// Of its certificate: `sha-256 AB:CD:…`.
    pub fingerprint: String,
    /// Its payload type for Opus.
    pub opus: u8,
    /// Its payload types for VP8, and for what is sent again of that.
    pub vp8: Option<(u8, Option<u8>)>,
    /// Extensions of RTP headers by its numbers.
    pub extensions: Vec<(u8, String)>,
}

/// A codec, as it stands beside the lines.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Codec {
    /// `opus`, `VP8`, …
    pub name: String,
    /// The number of its packets.
    #[serde(default)]
    pub payload_type: Option<u8>,
    /// That of packets that are sent again.
    #[serde(default)]
    pub rtx_payload_type: Option<u8>,
}

/// Reads the lines; `None` when something is missing without which there is no call. What is not known is passed over.
pub fn read(lines: &str, codecs: &[Codec]) -> Option<Browser> {
    let all = |prefix: &'static str| lines.lines().filter_map(move |line| line.trim().strip_prefix(prefix));
    let ufrag = all("a=ice-ufrag:").find(|text| is_ice(text, 4))?.to_owned();
    let password = all("a=ice-pwd:").find(|text| is_ice(text, 22))?.to_owned();
    let fingerprint = all("a=fingerprint:").find_map(fingerprint)?;
    let said = |name: &str| codecs.iter().find(|codec| codec.name.eq_ignore_ascii_case(name));
    let mapped = |name: &str| {
        all("a=rtpmap:").find_map(|text| {
            let (number, codec) = text.split_once(' ')?;
            codec.split('/').next()?.eq_ignore_ascii_case(name).then(|| number.parse().ok())?
        })
    };
    let number = |name: &str| said(name).and_then(|codec| codec.payload_type).or_else(|| mapped(name));
    let opus = number("opus").filter(is_payload_type)?;
    let vp8 = number("VP8").filter(is_payload_type).map(|vp8| {
        let again = said("VP8").and_then(|codec| codec.rtx_payload_type);
        (vp8, again.filter(is_payload_type).filter(|again| *again != vp8))
    });
    let extensions = all("a=extmap:").filter_map(extension).take(EXTENSIONS_MAX).collect();
    Some(Browser { ice: IceLogin { ufrag, password }, fingerprint, opus, vp8, extensions })
}

fn is_payload_type(number: &u8) -> bool {
    *number <= 127 && !RTCP_TYPES.contains(number)
}

/// Whether a text can be a part of a login: so long, of the characters of RFC 8839, 5.4.
fn is_ice(text: &str, least: usize) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    (least..=256).contains(&text.len()) && text.bytes().all(known)
}

/// A fingerprint by SHA-256, in the one spelling in which it is compared.
fn fingerprint(text: &str) -> Option<String> {
    let (hash, bytes) = text.split_once(' ')?;
    let bytes = bytes.trim();
    let parts: Vec<_> = bytes.split(':').collect();
    let sound = parts.len() == 32
        && parts.iter().all(|part| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit()));
    (hash.eq_ignore_ascii_case("sha-256") && sound).then(|| format!("sha-256 {}", bytes.to_ascii_uppercase()))
}

/// `3 http://…`, or `3/sendonly http://…`.
fn extension(text: &str) -> Option<(u8, String)> {
    let (number, uri) = text.split_once(' ')?;
    let number = number.split('/').next()?.parse().ok().filter(|number| (1..=14).contains(number))?;
    let uri = uri.split(' ').next()?;
    (uri.len() <= URI_CHARS_MAX).then(|| (number, uri.to_owned()))
}

/// What a browser is answered: this server's login, fingerprint, and the one place where it is.
pub fn answer(own: &IceLogin, fingerprint: &str, (ip, port): (&str, u16)) -> String {
    let family = match ip.parse() {
        Ok(IpAddr::V6(_)) => "IP6",
        _ => "IP4",
    };
    let IceLogin { ufrag, password } = own;
    [
        format!("m=audio {port} ICE/SDP"),
        format!("a=fingerprint:{fingerprint}"),
        format!("c=IN {family} {ip}"),
        format!("a=rtcp:{port}"),
        format!("a=ice-ufrag:{ufrag}"),
        format!("a=ice-pwd:{password}"),
        format!("a=fingerprint:{fingerprint}"),
        // The one candidate there is: RFC 8445, 5.1.2.1, gives a host's first one this priority.
        format!("a=candidate:1 1 UDP 2130706431 {ip} {port} typ host"),
    ]
    .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hash(byte: &str) -> String {
        vec![byte; 32].join(":")
    }

    fn lines() -> String {
        format!(
            "a=extmap-allow-mixed\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=ice-options:trickle\r\n\
             a=fingerprint:sha-256 {}\r\na=extmap:3 http://x/twcc\r\na=extmap:99 http://x/far\r\na=rtpmap:111 opus/48000/2",
            hash("ab")
        )
    }

    #[test]
    fn a_browser_is_read_from_its_lines_and_codecs() {
        let browser = read(&lines(), &[]).unwrap();
        assert_eq!((browser.ice.ufrag.as_str(), browser.opus), ("abcd", 111));
        assert_eq!(browser.fingerprint, format!("sha-256 {}", hash("AB")));
        assert_eq!(browser.extensions, [(3, "http://x/twcc".to_owned())]);
        let codec = |name: &str, payload_type| Codec {
            name: name.into(),
            payload_type: Some(payload_type),
            rtx_payload_type: Some(97),
        };
        let both = read(&lines(), &[codec("VP8", 96), codec("opus", 109)]).unwrap();
        assert_eq!((both.opus, both.vp8, browser.vp8), (109, Some((96, Some(97))), None));
        assert_eq!(read(&lines(), &[codec("opus", 72)]), None, "a number of RTCP");
        for missing in ["a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=rtpmap:"] {
            assert_eq!(read(&lines().replace(missing, "a=other:"), &[]), None, "{missing}");
        }
        for (whole, broken) in [("abcd", "ab d"), ("sha-256", "md5"), ("ab:ab", "ab:a")] {
            assert_eq!(read(&lines().replacen(whole, broken, 1), &[]), None, "{broken}");
        }
    }

    #[test]
    fn the_answer_says_where_this_server_is() {
        let own = IceLogin { ufrag: "u".into(), password: "p".into() };
        let text = answer(&own, "sha-256 AB", ("::1", 7));
        assert!(text.contains("c=IN IP6 ::1\n") && text.contains("a=ice-ufrag:u\n"), "{text}");
        assert!(text.ends_with("a=candidate:1 1 UDP 2130706431 ::1 7 typ host"), "{text}");
    }

    proptest! {
        #[test]
        fn any_lines_are_read_or_refused(text in "(a=(ice-ufrag|ice-pwd|fingerprint|extmap|rtpmap):.{0,30}\n|.{0,20}){0,8}") {
            let _read = read(&text, &[]);
        }
    }
}

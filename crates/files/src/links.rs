//! Addresses of files: base, path, signature.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use consort_model::limits::ATTACHMENT_URL_SECS;

use crate::sign::{Signature, Signer};

/// Where files are below the base of the server's URLs.
pub const CDN_PATH: &str = "/cdn";
/// Where pictures of other servers are below it, and the files again.
pub const MEDIA_PATH: &str = "/media";

/// Addresses made within so many seconds are equal, so that what a client has fetched is found in its cache.
const STEP_S: u64 = 6 * 3600;

/// Makes the addresses of an installation's files. Clones share their base.
#[derive(Clone)]
pub struct Links(Arc<Inner>);

struct Inner {
    base: RwLock<Arc<str>>,
    signer: Signer,
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Links").field(&self.base()).finish()
    }
}

impl Links {
    /// Addresses below a base (`https://chat.example`, without a slash at the end), signed with a key.
    pub fn new(key: [u8; 32], base: &str) -> Self {
        Self(Arc::new(Inner { base: RwLock::new(base.into()), signer: Signer::new(key) }))
    }

    /// Addresses that no server serves, for tests of those who only show them.
    pub fn sample() -> Self {
        Self::new([7; 32], "http://files.test")
    }

    /// The base of the server's URLs.
    pub fn base(&self) -> Arc<str> {
        self.0.base.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sets the base: it became known after the start.
    pub fn set_base(&self, base: &str) {
        *self.0.base.write().unwrap_or_else(PoisonError::into_inner) = base.into();
    }

    /// What signs.
    pub fn signer(&self) -> &Signer {
        &self.0.signer
    }

    /// The address of an attachment, for a reader who may see it now.
    pub fn attachment(&self, path: &AttachmentPath<'_>, now_ms: u64) -> String {
        let path = path.to_string();
        let issued_s = now_ms / 1000 / STEP_S * STEP_S;
        let query = self.0.signer.sign(&path, issued_s, issued_s + ATTACHMENT_URL_SECS, None);
        format!("{}{CDN_PATH}{path}?{query}", self.base())
    }

    /// Whether an attachment's path is signed, and its time not over.
    pub fn verify(&self, path: &AttachmentPath<'_>, query: &str, now_ms: u64) -> bool {
        self.0.signer.verify(&path.to_string(), &Signature::read(query), now_ms / 1000)
    }

    /// The attachment that an address of ours names: one whose signature was right once.
    pub fn own<'a>(&self, url: &'a str) -> Option<AttachmentPath<'a>> {
        let (_, rest) = url.split_once("://")?;
        let path = &rest[rest.find('/')?..];
        let path = path.strip_prefix(CDN_PATH).or_else(|| path.strip_prefix(MEDIA_PATH))?;
        let (path, query) = path.split_once('?')?;
        let path = AttachmentPath::parse(path)?;
        let query = query.split('#').next().unwrap_or_default();
        self.0.signer.was_signed(&path.to_string(), &Signature::read(query)).then_some(path)
    }

    /// Signs an attachment's address anew; `None` when it never was one.
    pub fn refresh(&self, url: &str, now_ms: u64) -> Option<String> {
        Some(self.attachment(&self.own(url)?, now_ms))
    }

    /// The address under which this server shows a picture of another, so that its readers do not ask that one.
    pub fn proxied(&self, url: &str) -> String {
        let place = URL_SAFE_NO_PAD.encode(url);
        let mac = self.0.signer.mac_of(&external(&place));
        format!("{}{MEDIA_PATH}/external/{mac}/{place}", self.base())
    }

    /// The picture's address behind [`Links::proxied`], if this server made it.
    pub fn unproxied(&self, mac: &str, place: &str) -> Option<String> {
        if !self.0.signer.is_mac_of(&external(place), mac) {
            return None;
        }
        String::from_utf8(URL_SAFE_NO_PAD.decode(place).ok()?).ok()
    }
}

fn external(place: &str) -> String {
    format!("/external/{place}")
}

/// The part of an attachment's address that is signed: `/attachments/{channel}/{attachment}/{filename}`. Rows keep it in
/// place of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttachmentPath<'a> {
    /// The channel it was uploaded to.
    pub channel: u64,
    /// The attachment.
    pub attachment: u64,
    /// The cleaned name.
    pub filename: &'a str,
}

impl fmt::Display for AttachmentPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/attachments/{}/{}/{}", self.channel, self.attachment, self.filename)
    }
}

impl<'a> AttachmentPath<'a> {
    /// Reads a path.
    pub fn parse(path: &'a str) -> Option<Self> {
        let mut parts = path.strip_prefix("/attachments/")?.split('/');
        let (channel, attachment, filename) = (parts.next()?, parts.next()?, parts.next()?);
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        if parts.next().is_some() || filename.is_empty() || !filename.bytes().all(is_name) {
            return None;
        }
        Some(Self { channel: channel.parse().ok()?, attachment: attachment.parse().ok()?, filename })
    }

    /// The name of the blob.
    pub fn blob(&self) -> String {
        crate::name::attachment(self.channel, self.attachment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_790_000_000_000;
    const PATH: AttachmentPath<'_> = AttachmentPath { channel: 1, attachment: 2, filename: "a.png" };

    #[test]
    fn an_address_works_for_about_a_day_and_can_be_renewed_after_it() {
        let links = Links::sample();
        let url = links.attachment(&PATH, NOW_MS);
        let query = url.split_once('?').unwrap().1;
        assert!(url.starts_with("http://files.test/cdn/attachments/1/2/a.png?ex="));
        assert!(links.verify(&PATH, query, NOW_MS) && links.verify(&PATH, query, NOW_MS + 18 * 3_600_000));
        assert!(!links.verify(&PATH, query, NOW_MS + 24 * 3_600_000));
        assert_eq!(links.attachment(&PATH, NOW_MS + 1), url);
        let later = NOW_MS + 400 * 24 * 3_600_000;
        let renewed = links.refresh(&url, later).unwrap();
        assert!(links.verify(&PATH, renewed.split_once('?').unwrap().1, later));
    }

    #[test]
    fn only_what_was_signed_once_is_signed_anew() {
        let links = Links::sample();
        let url = links.attachment(&PATH, NOW_MS);
        let others = [
            url.split('?').next().unwrap().to_owned(),
            url.replace("/2/", "/3/"),
            url.replace("a.png", "b.png"),
            url.replace("a.png", "../a.png"),
            Links::new([8; 32], "http://files.test").attachment(&PATH, NOW_MS),
            "http://files.test/cdn/attachments/1/2/a.png?ex=ffffffff&is=0&hm=00".to_owned(),
            "x".to_owned(),
        ];
        for other in others {
            assert_eq!(links.refresh(&other, NOW_MS), None, "{other}");
        }
    }

    #[test]
    fn a_picture_of_another_server_is_named_by_an_address_that_only_this_one_makes() {
        let links = Links::sample();
        let url = "https://other.test/cat.png?size=1&x=%20";
        let proxied = links.proxied(url);
        let (mac, place) =
            proxied.strip_prefix("http://files.test/media/external/").unwrap().split_once('/').unwrap();
        assert_eq!(links.unproxied(mac, place).as_deref(), Some(url));
        assert_eq!(links.unproxied(mac, &place[1..]), None);
        assert_eq!(Links::new([8; 32], "").unproxied(mac, place), None);
    }
}

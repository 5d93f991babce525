//! Signatures of URLs: `ex` and `is` are expiry and issue as hex Unix seconds, `hm` signs them and the path (API
//! Reference, "Signed Attachment CDN URLs").

use std::fmt::Write as _;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// Signs and checks paths.
#[derive(Clone)]
pub struct Signer {
    key: [u8; 32],
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

/// The signing parameters of a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signature {
    expires: String,
    issued: String,
    mac: String,
    extra: String,
}

impl Signature {
    /// Reads the parameters of a query; what is missing is empty and signs nothing.
    pub fn read(query: &str) -> Self {
        let mut signature = Self::default();
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            let field = match key {
                "ex" => &mut signature.expires,
                "is" => &mut signature.issued,
                "hm" => &mut signature.mac,
                "max" => &mut signature.extra,
                _ => continue,
            };
            value.clone_into(field);
        }
        signature
    }

    /// A further signed number (the size limit of an upload).
    pub fn extra(&self) -> Option<u64> {
        self.extra.parse().ok()
    }
}

impl Signer {
    /// Signs with a key.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    fn mac(&self, path: &str, expires: &str, issued: &str, extra: &str) -> Option<Hmac<Sha256>> {
        // A key of any length is fine for HMAC, so there is always one.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        for part in [expires, issued, extra, path] {
            mac.update(part.as_bytes());
            mac.update(b"\n");
        }
        Some(mac)
    }

    /// The query that makes a path valid from `issued_s` to `expires_s` (Unix seconds).
    pub fn sign(&self, path: &str, issued_s: u64, expires_s: u64, extra: Option<u64>) -> String {
        let (expires, issued) = (format!("{expires_s:x}"), format!("{issued_s:x}"));
        let extra = extra.map(|number| number.to_string()).unwrap_or_default();
        let mac = self.mac(path, &expires, &issued, &extra);
        let mac = mac.map(|mac| hex::encode(mac.finalize().into_bytes())).unwrap_or_default();
        let mut query = format!("ex={expires}&is={issued}&hm={mac}");
        if !extra.is_empty() {
            let _never = write!(query, "&max={extra}");
        }
        query
    }

    /// Whether a path is signed and not expired.
    pub fn verify(&self, path: &str, signature: &Signature, now_s: u64) -> bool {
        let in_time = u64::from_str_radix(&signature.expires, 16).is_ok_and(|expires| now_s < expires);
        in_time && self.was_signed(path, signature)
    }

    /// Whether a path was signed, be it for a time that is over.
    pub fn was_signed(&self, path: &str, signature: &Signature) -> bool {
        let Signature { expires, issued, mac, extra } = signature;
        let Ok(mac) = hex::decode(mac) else { return false };
        self.mac(path, expires, issued, extra).is_some_and(|own| own.verify_slice(&mac).is_ok())
    }

    /// Signs a text for good, as hexadecimal.
    pub fn mac_of(&self, text: &str) -> String {
        let mac = self.mac(text, "", "", "");
        mac.map(|mac| hex::encode(mac.finalize().into_bytes())).unwrap_or_default()
    }

    /// Whether [`Signer::mac_of`] a text is this.
    pub fn is_mac_of(&self, text: &str, mac: &str) -> bool {
        let Ok(mac) = hex::decode(mac) else { return false };
        self.mac(text, "", "", "").is_some_and(|own| own.verify_slice(&mac).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_path_and_time_only() {
        let signer = Signer::new([7; 32]);
        let query = signer.sign("/a/1/x.png", 1000, 2000, None);
        let signature = Signature::read(&query);
        assert!(query.starts_with("ex=7d0&is=3e8&hm="));
        assert_eq!(signature.mac.len(), 64);
        assert!(signer.verify("/a/1/x.png", &signature, 1999));
        assert!(!signer.verify("/a/1/x.png", &signature, 2000));
        assert!(!signer.verify("/a/1/y.png", &signature, 1500));
        assert!(!Signer::new([8; 32]).verify("/a/1/x.png", &signature, 1500));
        let later = Signature { expires: "fffffff".to_owned(), ..signature };
        assert!(!signer.verify("/a/1/x.png", &later, 1500));
        assert!(!signer.verify("/a/1/x.png", &Signature::read(""), 0));
    }

    #[test]
    fn a_signed_number_cannot_be_changed() {
        let signer = Signer::new([7; 32]);
        let signature = Signature::read(&signer.sign("/u", 0, 10, Some(500)));
        assert_eq!(signature.extra(), Some(500));
        assert!(signer.verify("/u", &signature, 5));
        assert!(!signer.verify("/u", &Signature { extra: "501".to_owned(), ..signature }, 5));
    }
}

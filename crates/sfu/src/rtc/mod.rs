//! WebRTC: what a browser offers, the certificate it is answered with, and one browser's side of a call.

mod browser;
mod crypto;
mod picture;

use std::fmt;
use std::io;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use str0m::crypto::CryptoProvider;
use str0m::crypto::dtls::DtlsCert;

pub(crate) use self::browser::{Browser, Happening, Media, Sight, ufrag_of};

/// What this server is to browsers: a certificate, whose fingerprint SESSION_DESCRIPTION tells them.
#[derive(Clone)]
pub struct Identity {
    certificate: DtlsCert,
    fingerprint: Arc<str>,
    provider: Arc<CryptoProvider>,
}

/// Without the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

impl Identity {
    /// A new one. Browsers are told the fingerprint over a connection that they trust, so nothing else has to vouch for it.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub fn generate() -> io::Result<Self> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let params = CertificateParams::new(Vec::<String>::new()).map_err(io::Error::other)?;
        let certificate = params.self_signed(&key).map_err(io::Error::other)?.der().to_vec();
        let provider = Arc::new(crypto::provider());
        let hash = provider.sha256_provider.sha256(&certificate);
        let hash: Vec<_> = hash.iter().map(|byte| format!("{byte:02X}")).collect();
        Ok(Self {
            certificate: DtlsCert { certificate, private_key: key.serialize_der() },
            fingerprint: format!("sha-256 {}", hash.join(":")).into(),
            provider,
        })
    }

    /// What str0m is set up with; here, and for tests and load generators, which are the other side of a call.
    pub fn config(&self) -> str0m::RtcConfig {
        let config = str0m::RtcConfig::new().set_crypto_provider(self.provider.clone());
        config.set_dtls_cert(self.certificate.clone()).set_rtp_mode(true).clear_codecs().clear_extension_map()
    }

    /// As it stands in SDP (RFC 8122, 5): the hash, and its bytes.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// How one side of a call is addressed by the checks of ICE (RFC 8839, 5.4).
#[derive(Clone, PartialEq, Eq)]
pub struct IceLogin {
    /// The user name's part of this side.
    pub ufrag: String,
    /// The password of checks to this side.
    pub password: String,
}

/// Without the password.
impl fmt::Debug for IceLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceLogin").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// How a browser has chosen to be reached, and what it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What it was answered; nobody else has this user name.
    pub own: IceLogin,
    /// What it has said of itself.
    pub theirs: IceLogin,
    /// The fingerprint of its certificate, as in SDP: `sha-256 AB:CD:…`.
    pub fingerprint: String,
    /// Its payload type for Opus.
    pub opus: u8,
    /// Its payload types for VP8, and for what is sent again of that; `None` when it has no video.
    pub vp8: Option<(u8, Option<u8>)>,
    /// Extensions of RTP headers, by its numbers, 1 to 14.
    pub extensions: Vec<(u8, String)>,
}

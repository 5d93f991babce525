//! Transport encryption: the two modes of which the names end in `rtpsize` (Voice Connections, "Transport Encryption Modes").
//!
//! A packet is `header | ciphertext | 16 bytes of tag | 4 bytes of nonce`. The header is authenticated and stays in clear; with the X
//! bit that is the preamble of the extension too, but not its body. The four bytes are the beginning of the nonce, and the rest
//! of it is zero.

use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::aead::{AeadInOut as _, KeyInit as _};
use chacha20poly1305::{Tag, XChaCha20Poly1305, XNonce};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

/// Bytes of the tag.
pub(crate) const TAG_BYTES: usize = 16;
/// Bytes of the nonce that travel.
pub(crate) const NONCE_BYTES: usize = 4;
/// What encryption adds to a packet.
pub(crate) const OVERHEAD_BYTES: usize = TAG_BYTES + NONCE_BYTES;

/// How packets are encrypted between a client and this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `aead_aes256_gcm_rtpsize`.
    Aes256Gcm,
    /// `aead_xchacha20_poly1305_rtpsize`.
    XChaCha20Poly1305,
}

impl Mode {
    /// All of them, the preferred first: clients take the first that they know.
    pub const ALL: [Self; 2] = [Self::Aes256Gcm, Self::XChaCha20Poly1305];

    /// Its name in READY and SELECT_PROTOCOL.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "aead_aes256_gcm_rtpsize",
            Self::XChaCha20Poly1305 => "aead_xchacha20_poly1305_rtpsize",
        }
    }

    /// The mode of a name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// A mode with a key.
pub(crate) enum Cipher {
    Aes(Box<LessSafeKey>),
    XChaCha(XChaCha20Poly1305),
}

impl Cipher {
    pub(crate) fn new(mode: Mode, key: &[u8; 32]) -> Self {
        match mode {
            Mode::XChaCha20Poly1305 => Self::XChaCha(XChaCha20Poly1305::new(key.into())),
            Mode::Aes256Gcm => match UnboundKey::new(&AES_256_GCM, key) {
                Ok(key) => Self::Aes(Box::new(LessSafeKey::new(key))),
                Err(_) => unreachable!("a key of 32 bytes is one of AES-256"),
            },
        }
    }

    /// Decrypts `body`, ciphertext and tag, in place; `None` when it was not encrypted with this key.
    pub(crate) fn open<'b>(&self, nonce: u32, header: &[u8], body: &'b mut [u8]) -> Option<&'b mut [u8]> {
        match self {
            Self::Aes(key) => key.open_in_place(short_nonce(nonce), Aad::from(header), body).ok(),
            Self::XChaCha(key) => {
                let (text, tag) = body.split_last_chunk_mut::<TAG_BYTES>()?;
                let tag = Tag::from(*tag);
                let nonce = long_nonce(nonce);
                key.decrypt_inout_detached(&nonce, header, InOutBuf::from(&mut *text), &tag).ok()?;
                Some(text)
            }
        }
    }

    /// Encrypts `text` in place; gives the tag. A nonce must not be used twice.
    pub(crate) fn seal(&self, nonce: u32, header: &[u8], text: &mut [u8]) -> Option<[u8; TAG_BYTES]> {
        match self {
            Self::Aes(key) => {
                let tag = key.seal_in_place_separate_tag(short_nonce(nonce), Aad::from(header), text);
                tag.ok()?.as_ref().try_into().ok()
            }
            Self::XChaCha(key) => {
                let tag = key.encrypt_inout_detached(&long_nonce(nonce), header, InOutBuf::from(text));
                tag.ok().map(Into::into)
            }
        }
    }
}

fn short_nonce(counter: u32) -> Nonce {
    let mut nonce = [0; 12];
    nonce[..NONCE_BYTES].copy_from_slice(&counter.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

fn long_nonce(counter: u32) -> XNonce {
    let mut nonce = [0; 24];
    nonce[..NONCE_BYTES].copy_from_slice(&counter.to_be_bytes());
    nonce.into()
}

/// The client's side of a mode: makes and opens packets; for tests and load generators.
pub struct Sealer {
    cipher: Cipher,
    counter: u32,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("counter", &self.counter).finish_non_exhaustive()
    }
}

impl Sealer {
    /// With a key from SESSION_DESCRIPTION.
    pub fn new(mode: Mode, key: &[u8; 32]) -> Self {
        Self { cipher: Cipher::new(mode, key), counter: 0 }
    }

    /// A packet: `header` in clear, `text` encrypted.
    pub fn seal(&mut self, header: &[u8], text: &[u8]) -> Vec<u8> {
        self.counter += 1;
        let mut packet = [header, text].concat();
        let tag = self.cipher.seal(self.counter, header, &mut packet[header.len()..]);
        packet.extend_from_slice(&tag.unwrap_or_default());
        packet.extend_from_slice(&self.counter.to_be_bytes());
        packet
    }

    /// What was encrypted in a packet behind `header_bytes` in clear; `None` when it is not for this key.
    pub fn open(&self, packet: &[u8], header_bytes: usize) -> Option<Vec<u8>> {
        let (front, nonce) = packet.split_last_chunk::<NONCE_BYTES>()?;
        let (header, body) = front.split_at_checked(header_bytes)?;
        let mut body = body.to_vec();
        Some(self.cipher.open(u32::from_be_bytes(*nonce), header, &mut body)?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_modes_open_what_they_sealed_and_nothing_else() {
        for mode in Mode::ALL {
            assert_eq!(Mode::of_name(mode.name()), Some(mode));
            let mut sealer = Sealer::new(mode, &[7; 32]);
            let packet = sealer.seal(b"twelve bytes", b"opus");
            assert_eq!(packet.len(), 12 + 4 + OVERHEAD_BYTES);
            assert_eq!(sealer.open(&packet, 12).as_deref(), Some(&b"opus"[..]));
            assert_eq!(Sealer::new(mode, &[8; 32]).open(&packet, 12), None);
            for at in 0..packet.len() {
                let mut broken = packet.clone();
                broken[at] ^= 1;
                assert_eq!(sealer.open(&broken, 12), None, "{mode:?}, byte {at}");
            }
        }
        assert_eq!(Mode::of_name("xsalsa20_poly1305"), None);
    }

    /// By PyNaCl (libsodium) and cryptography (OpenSSL), which clients use: key 0..32, counter 1, header `header`, text `text`.
    #[test]
    fn the_bytes_are_those_of_other_implementations() {
        let key: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let seal = |mode| Sealer::new(mode, &key).seal(b"header", b"text");
        let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(
            hex(seal(Mode::Aes256Gcm)),
            "6865616465723053b5dee4d6e147750db80c5d3238747c26f3a500000001"
        );
        assert_eq!(
            hex(seal(Mode::XChaCha20Poly1305)),
            "6865616465727dc22954742fb77f452a122d41022dfb1590215300000001"
        );
    }
}

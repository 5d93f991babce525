//! The cryptography of WebRTC: what str0m asks for, by ring, and DTLS by dimpl on RustCrypto.
//!
//! str0m's own choices are OpenSSL and AWS-LC, which this build does not have (`deny.toml`). Here is glue only: SRTP's AEAD and
//! hashes are ring's, its counter mode (RFC 3711, 4.1.1) is RustCrypto's, since ring has none.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use aes::cipher::{BlockCipherEncrypt as _, InnerIvInit as _, KeyInit as _, StreamCipher as _};
use aes::{Aes128, Aes256, Block};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, Tag, UnboundKey};
use ring::{digest, hmac};
use str0m::crypto::dtls::{
    DtlsCert, DtlsImplError, DtlsInstance, DtlsOutput, DtlsProvider, DtlsVersion, ProtocolVersion,
};
use str0m::crypto::{
    AeadAes128GcmCipher, AeadAes256GcmCipher, Aes128CmSha1_80Cipher, CryptoError, CryptoProvider,
    Sha1HmacProvider, Sha1Provider, Sha256Provider, SrtpProvider, SupportedAeadAes128Gcm,
    SupportedAeadAes256Gcm, SupportedAes128CmSha1_80,
};

/// Bytes of the tag of AES-GCM.
const TAG_BYTES: usize = 16;

/// All of it, for a configuration of str0m.
pub(crate) fn provider() -> CryptoProvider {
    CryptoProvider {
        srtp_provider: &Here,
        sha1_hmac_provider: &Here,
        sha1_provider: &Here,
        sha256_provider: &Here,
        dtls_provider: &Here,
    }
}

#[derive(Debug)]
struct Here;

impl Sha1Provider for Here {
    fn sha1(&self, data: &[u8]) -> [u8; 20] {
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, data);
        hash.as_ref().try_into().unwrap_or_else(|_| unreachable!("SHA-1 has 20 bytes"))
    }
}

impl Sha256Provider for Here {
    fn sha256(&self, data: &[u8]) -> [u8; 32] {
        let hash = digest::digest(&digest::SHA256, data);
        hash.as_ref().try_into().unwrap_or_else(|_| unreachable!("SHA-256 has 32 bytes"))
    }
}

impl Sha1HmacProvider for Here {
    fn sha1_hmac(&self, key: &[u8], payloads: &[&[u8]]) -> [u8; 20] {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key));
        payloads.iter().for_each(|payload| context.update(payload));
        context.sign().as_ref().try_into().unwrap_or_else(|_| unreachable!("SHA-1 has 20 bytes"))
    }
}

impl SrtpProvider for Here {
    fn aes_128_cm_sha1_80(&self) -> &'static dyn SupportedAes128CmSha1_80 {
        &Here
    }

    fn aead_aes_128_gcm(&self) -> &'static dyn SupportedAeadAes128Gcm {
        &Here
    }

    fn aead_aes_256_gcm(&self) -> &'static dyn SupportedAeadAes256Gcm {
        &Here
    }

    fn srtp_aes_128_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        let cipher = Aes128::new_from_slice(key).unwrap_or_else(|_| unreachable!("a key of 16 bytes"));
        one_block(input, output, |block| cipher.encrypt_block(block));
    }

    fn srtp_aes_256_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        let cipher = Aes256::new_from_slice(key).unwrap_or_else(|_| unreachable!("a key of 32 bytes"));
        one_block(input, output, |block| cipher.encrypt_block(block));
    }
}

/// Encrypts one block, by which keys are derived (RFC 3711, 4.3).
fn one_block(input: &[u8], output: &mut [u8], encrypt: impl Fn(&mut Block)) {
    let mut block = Block::default();
    block.copy_from_slice(&input[..16]);
    encrypt(&mut block);
    output[..16].copy_from_slice(&block);
}

impl SupportedAes128CmSha1_80 for Here {
    fn create_cipher(&self, key: [u8; 16], _encrypt: bool) -> Box<dyn Aes128CmSha1_80Cipher> {
        Box::new(CounterMode(Aes128::new(&key.into())))
    }
}

impl SupportedAeadAes128Gcm for Here {
    fn create_cipher(&self, key: [u8; 16], _encrypt: bool) -> Box<dyn AeadAes128GcmCipher> {
        Box::new(Gcm::new(&AES_128_GCM, &key))
    }
}

impl SupportedAeadAes256Gcm for Here {
    fn create_cipher(&self, key: [u8; 32], _encrypt: bool) -> Box<dyn AeadAes256GcmCipher> {
        Box::new(Gcm::new(&AES_256_GCM, &key))
    }
}

struct CounterMode(Aes128);

impl fmt::Debug for CounterMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CounterMode")
    }
}

impl Aes128CmSha1_80Cipher for CounterMode {
    fn encrypt(&mut self, iv: &[u8; 16], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        let output = output.get_mut(..input.len()).ok_or_else(too_short)?;
        output.copy_from_slice(input);
        let core = ctr::CtrCore::inner_iv_init(self.0.clone(), iv.into());
        ctr::Ctr128BE::<Aes128>::from_core(core).apply_keystream(output);
        Ok(())
    }

    /// The same the other way round.
    fn decrypt(&mut self, iv: &[u8; 16], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        self.encrypt(iv, input, output)
    }
}

struct Gcm(LessSafeKey);

impl fmt::Debug for Gcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gcm")
    }
}

impl Gcm {
    fn new(algorithm: &'static Algorithm, key: &[u8]) -> Self {
        let key = UnboundKey::new(algorithm, key);
        Self(LessSafeKey::new(key.unwrap_or_else(|_| unreachable!("the key is as long as it is to be"))))
    }

    fn seal(&self, iv: [u8; 12], aad: &[u8], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        let output = output.get_mut(..input.len() + TAG_BYTES).ok_or_else(too_short)?;
        let (text, end) = output.split_at_mut(input.len());
        text.copy_from_slice(input);
        let nonce = Nonce::assume_unique_for_key(iv);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(aad), text).map_err(refused)?;
        end.copy_from_slice(tag.as_ref());
        Ok(())
    }

    fn open(
        &self,
        iv: [u8; 12],
        aads: &[&[u8]],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, CryptoError> {
        let (sealed, tag) = input.split_last_chunk::<TAG_BYTES>().ok_or_else(too_short)?;
        let output = output.get_mut(..sealed.len()).ok_or_else(too_short)?;
        output.copy_from_slice(sealed);
        let aad = aads.concat();
        let (nonce, tag) = (Nonce::assume_unique_for_key(iv), Tag::from(*tag));
        self.0.open_in_place_separate_tag(nonce, Aad::from(aad), tag, output, 0..).map_err(refused)?;
        Ok(sealed.len())
    }
}

impl AeadAes128GcmCipher for Gcm {
    fn encrypt(
        &mut self,
        iv: &[u8; 12],
        aad: &[u8],
        input: &[u8],
        out: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.seal(*iv, aad, input, out)
    }

    fn decrypt(
        &mut self,
        iv: &[u8; 12],
        aads: &[&[u8]],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, CryptoError> {
        self.open(*iv, aads, input, output)
    }
}

impl AeadAes256GcmCipher for Gcm {
    fn encrypt(
        &mut self,
        iv: &[u8; 12],
        aad: &[u8],
        input: &[u8],
        out: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.seal(*iv, aad, input, out)
    }

    fn decrypt(
        &mut self,
        iv: &[u8; 12],
        aads: &[&[u8]],
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, CryptoError> {
        self.open(*iv, aads, input, output)
    }
}

fn too_short() -> CryptoError {
    CryptoError::Other("a buffer is too short".to_owned())
}

fn refused(_: ring::error::Unspecified) -> CryptoError {
    CryptoError::Other("a packet is not of this key".to_owned())
}

impl DtlsProvider for Here {
    /// The server has one certificate for all ([`super::Identity`]).
    fn generate_certificate(&self) -> Option<DtlsCert> {
        None
    }

    fn new_dtls(
        &self,
        cert: &DtlsCert,
        now: Instant,
        version: DtlsVersion,
        mtu: Option<usize>,
    ) -> Result<Box<dyn DtlsInstance>, CryptoError> {
        // Nobody is answered who has not shown by ICE that he is at his address, so cookies would prove nothing more.
        let mut config = dimpl::Config::builder()
            .with_crypto_provider(dimpl::crypto::rust_crypto::default_provider())
            .use_server_cookie(false);
        if let Some(mtu) = mtu {
            config = config.mtu(mtu);
        }
        let config = Arc::new(config.build().map_err(|error| CryptoError::Other(error.to_string()))?);
        let dtls = match version {
            DtlsVersion::Dtls12 => dimpl::Dtls::new_12(config, cert.clone(), now),
            DtlsVersion::Dtls13 => dimpl::Dtls::new_13(config, cert.clone(), now),
            _ => dimpl::Dtls::new_auto(config, cert.clone(), now),
        };
        Ok(Box::new(Dtls(dtls)))
    }
}

struct Dtls(dimpl::Dtls);

impl fmt::Debug for Dtls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dtls")
    }
}

impl DtlsInstance for Dtls {
    fn set_active(&mut self, active: bool) {
        self.0.set_active(active);
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), DtlsImplError> {
        self.0.handle_packet(packet)
    }

    fn poll_output<'a>(&mut self, buf: &'a mut [u8]) -> DtlsOutput<'a> {
        self.0.poll_output(buf)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsImplError> {
        self.0.handle_timeout(now)
    }

    fn send_application_data(&mut self, data: &[u8]) -> Result<usize, DtlsImplError> {
        self.0.send_application_data(data)
    }

    fn is_active(&self) -> bool {
        self.0.is_active()
    }

    fn protocol_version(&self) -> Option<ProtocolVersion> {
        self.0.protocol_version()
    }

    fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    fn close(&mut self) -> Result<(), DtlsImplError> {
        self.0.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect()
    }

    /// RFC 3711, B.2 and B.3.
    #[test]
    fn counter_mode_and_key_derivation_give_the_bytes_of_the_standard() {
        let key: [u8; 16] = bytes("2B7E151628AED2A6ABF7158809CF4F3C").try_into().unwrap();
        let iv = bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().unwrap();
        let mut stream = [0; 32];
        let mut cipher = SupportedAes128CmSha1_80::create_cipher(&Here, key, true);
        cipher.encrypt(&iv, &[0; 32], &mut stream).unwrap();
        assert_eq!(stream[..], bytes("E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB"));
        let mut block = [0; 16];
        let (master, x) =
            (bytes("E1F97A0D3E018BE0D64FA32C06DE4139"), bytes("0EC675AD498AFEEBB6960B3AABE60000"));
        Here.srtp_aes_128_ecb_round(&master, &x, &mut block);
        assert_eq!(block[..], bytes("C61E7A93744F39EE10734AFE3FF7A087"));
    }

    /// RFC 7714, 16.1.1, and what is not of the key.
    #[test]
    fn gcm_gives_the_bytes_of_the_standard_and_opens_nothing_else() {
        let key: [u8; 16] = std::array::from_fn(|at| at as u8);
        let iv = bytes("51753c6580c2726f20718414").try_into().unwrap();
        let aad = bytes("8040f17b8041f8d35501a0b2");
        let text = b"Gallia est omnis divisa in partes tres";
        let mut sealed = [0; 38 + TAG_BYTES];
        let mut cipher = SupportedAeadAes128Gcm::create_cipher(&Here, key, true);
        cipher.encrypt(&iv, &aad, text, &mut sealed).unwrap();
        let expected = "f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de3adf8833\
                        899d7f27beb16a9152cf765ee4390cce";
        assert_eq!(sealed[..], bytes(expected));
        let mut opened = [0; 38];
        assert_eq!(cipher.decrypt(&iv, &[&aad], &sealed, &mut opened).unwrap(), 38);
        assert_eq!(&opened, text);
        for broken in [&sealed[1..], &sealed[..20], &sealed[..3]] {
            assert!(cipher.decrypt(&iv, &[&aad], broken, &mut opened).is_err());
        }
        assert!(cipher.decrypt(&iv, &[&aad], &sealed, &mut opened[..5]).is_err());
    }
}

//! The external sender: it proposes who is added to a group and who is removed, and can do nothing else there.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

use super::codec::{labelled, proposal_reference, put_vector};
use super::message::{BASIC, MLS, PUBLIC_MESSAGE};

/// Its identity, which clients compare and nothing else.
const IDENTITY: &[u8] = b"consort";
/// Its place among the external senders of a group: the only one.
const INDEX: u32 = 0;
/// Kinds (RFC 9420, sections 6 and 12.1).
const EXTERNAL: u8 = 2;
const PROPOSAL: u8 = 2;
const ADD: u16 = 1;
const REMOVE: u16 = 3;

/// What is proposed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change<'a> {
    /// A key package.
    Add(&'a [u8]),
    /// A leaf.
    Remove(u32),
}

/// A proposal as it goes to clients, and its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signed {
    pub(super) message: Vec<u8>,
    pub(super) reference: [u8; 32],
}

/// A key pair that lives as long as this process.
pub struct ExternalSender {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl std::fmt::Debug for ExternalSender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExternalSender").finish_non_exhaustive()
    }
}

impl ExternalSender {
    /// With a key of its own.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate() -> Result<Self, &'static str> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random);
        let made = made.map_err(|_| "the system gives no random numbers")?;
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random);
        Ok(Self { pair: pair.map_err(|_| "a new key cannot be used")?, random })
    }

    /// What opcode 25 has.
    pub(super) fn describe(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_vector(&mut out, self.pair.public_key().as_ref());
        out.extend_from_slice(&BASIC.to_be_bytes());
        put_vector(&mut out, IDENTITY);
        out
    }

    /// A proposal for an epoch of a group; `None` when the system gives no randomness.
    pub(super) fn propose(&self, group: &[u8], epoch: u64, change: Change<'_>) -> Option<Signed> {
        let mut content = PUBLIC_MESSAGE.to_be_bytes().to_vec();
        put_vector(&mut content, group);
        content.extend_from_slice(&epoch.to_be_bytes());
        content.push(EXTERNAL);
        content.extend_from_slice(&INDEX.to_be_bytes());
        put_vector(&mut content, &[]);
        content.push(PROPOSAL);
        match change {
            Change::Add(key_package) => {
                content.extend_from_slice(&ADD.to_be_bytes());
                content.extend_from_slice(key_package);
            }
            Change::Remove(leaf) => {
                content.extend_from_slice(&REMOVE.to_be_bytes());
                content.extend_from_slice(&leaf.to_be_bytes());
            }
        }
        let version = MLS.to_be_bytes();
        let signed = labelled("FramedContentTBS", &[&version[..], &content].concat());
        let signature = self.pair.sign(&self.random, &signed).ok()?;
        put_vector(&mut content, signature.as_ref());
        let reference = proposal_reference(&content);
        Some(Signed { message: [&version[..], &content].concat(), reference })
    }
}

//! The messages of MLS that a delivery service reads: key packages and commits. Of each it reads what it decides by; the rest must have
//! the shape of RFC 9420, and is passed on as it came.

use consort_model::UserId;
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

use super::codec::{Malformed, Reader, labelled};

/// MLS 1.0.
pub(super) const MLS: u16 = 1;
/// MLS_128_DHKEMP256_AES128GCM_SHA256_P256, which DAVE has chosen.
const CIPHER_SUITE: u16 = 2;
/// Wire formats.
pub(super) const PUBLIC_MESSAGE: u16 = 1;
const KEY_PACKAGE: u16 = 5;
/// The kind of credential that is only an identity.
pub(super) const BASIC: u16 = 1;
/// Kinds of senders.
const MEMBER: u8 = 1;
/// Kinds of contents.
const COMMIT: u8 = 3;
/// A proposal that is named, not written out.
const BY_REFERENCE: u8 = 2;
/// Where leaves come from.
const OF_KEY_PACKAGE: u8 = 1;
const OF_COMMIT: u8 = 3;
/// Proposals in a commit that are read; more than any epoch has.
const PROPOSALS_MAX: usize = 2048;

/// A key package whose signatures are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPackage {
    /// Of whom it says it is.
    pub user: UserId,
    /// As it came, without a wrapping.
    pub(super) bytes: Vec<u8>,
}

impl KeyPackage {
    /// Reads what opcode 26 has: a key package, or one wrapped in a message (the whitepaper says wrapped; libraries send it bare).
    ///
    /// # Errors
    /// When it is none, or one whose signatures are not those of its key.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let mut wrapped = reader;
        if wrapped.u16()? == MLS && wrapped.u16()? == KEY_PACKAGE {
            reader = wrapped;
        }
        let begin = reader;
        reader.expect(MLS)?;
        reader.expect(CIPHER_SUITE)?;
        reader.vector()?;
        let leaf = Leaf::read(&mut reader)?;
        if leaf.source != OF_KEY_PACKAGE {
            return Err(Malformed);
        }
        reader.vector()?;
        let signed = reader.since(begin);
        let signature = reader.vector()?;
        let whole = reader.since(begin).to_vec();
        reader.end()?;
        verify(leaf.key, "LeafNodeTBS", leaf.signed, leaf.signature)?;
        verify(leaf.key, "KeyPackageTBS", signed, signature)?;
        Ok(Self { user: leaf.user, bytes: whole })
    }
}

fn verify(key: &[u8], label: &str, content: &[u8], signature: &[u8]) -> Result<(), Malformed> {
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, key);
    key.verify(&labelled(label, content), signature).map_err(|_| Malformed)
}

/// A leaf of the tree: somebody's keys.
struct Leaf<'a> {
    user: UserId,
    key: &'a [u8],
    source: u8,
    signed: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Leaf<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let begin = *reader;
        reader.vector()?;
        let key = reader.vector()?;
        reader.expect(BASIC)?;
        let identity = reader.vector()?.try_into().map_err(|_| Malformed)?;
        // Capabilities: versions, cipher suites, extensions, proposals, credentials.
        for _ in 0..5 {
            reader.vector()?;
        }
        let source = reader.u8()?;
        match source {
            OF_KEY_PACKAGE => {
                // Lifetime; DAVE has it last for ever.
                let (from, to) = (reader.u64()?, reader.u64()?);
                if (from, to) != (0, u64::MAX) {
                    return Err(Malformed);
                }
            }
            OF_COMMIT => drop(reader.vector()?),
            _ => return Err(Malformed),
        }
        reader.vector()?;
        let signed = reader.since(begin);
        let signature = reader.vector()?;
        Ok(Self { user: UserId::new(u64::from_be_bytes(identity)), key, source, signed, signature })
    }
}

/// A commit, and the welcome of those it adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    pub(super) group: Vec<u8>,
    pub(super) epoch: u64,
    /// The leaf of its author.
    pub(super) leaf: u32,
    /// Whom its path says the author is, if it has a path.
    pub(super) author: Option<UserId>,
    /// The names of the proposals, in order.
    pub(super) proposals: Vec<[u8; 32]>,
    /// As it came.
    pub(super) bytes: Vec<u8>,
    pub(super) welcome: Option<Vec<u8>>,
}

impl Commit {
    /// Reads what opcode 28 has: a commit, directly followed by a welcome if it adds somebody.
    ///
    /// # Errors
    /// When it is none, or one that has proposals of its own.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let begin = reader;
        reader.expect(MLS)?;
        reader.expect(PUBLIC_MESSAGE)?;
        let group = reader.vector()?.to_vec();
        let epoch = reader.u64()?;
        if reader.u8()? != MEMBER {
            return Err(Malformed);
        }
        let leaf = reader.u32()?;
        reader.vector()?;
        if reader.u8()? != COMMIT {
            return Err(Malformed);
        }
        let proposals = read_references(reader.vector()?)?;
        let author = match reader.u8()? {
            0 => None,
            1 => {
                let leaf = Leaf::read(&mut reader)?;
                reader.vector()?;
                Some(leaf.user).filter(|_| leaf.source == OF_COMMIT)
            }
            _ => return Err(Malformed),
        };
        // Signature, confirmation, membership.
        for _ in 0..3 {
            reader.vector()?;
        }
        let whole = reader.since(begin).to_vec();
        let welcome = if reader.is_empty() { None } else { Some(read_welcome(reader)?) };
        Ok(Self { group, epoch, leaf, author, proposals, bytes: whole, welcome })
    }
}

fn read_references(bytes: &[u8]) -> Result<Vec<[u8; 32]>, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut references = Vec::new();
    while !reader.is_empty() {
        if reader.u8()? != BY_REFERENCE || references.len() >= PROPOSALS_MAX {
            return Err(Malformed);
        }
        references.push(reader.vector()?.try_into().map_err(|_| Malformed)?);
    }
    Ok(references)
}

fn read_welcome(mut reader: Reader<'_>) -> Result<Vec<u8>, Malformed> {
    let whole = reader.left().to_vec();
    reader.expect(CIPHER_SUITE)?;
    reader.vector()?;
    reader.vector()?;
    reader.end()?;
    Ok(whole)
}

//! Owners in the keys of rows that the kit itself keeps.

use consort_rpc::Owner;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Partitions that what is to be found of all owners is spread over: alarms, and names of senders.
pub(crate) const SHARDS: u64 = 64;

/// Where an owner is to be found.
pub(crate) fn shard(owner: &Owner) -> u64 {
    xxh3_64_with_seed(owner.service.as_bytes(), owner.key) % SHARDS
}

/// What the keys of an owner begin with: the service's name, a zero byte, the key.
pub(crate) fn prefix(owner: &Owner) -> Vec<u8> {
    [owner.service.as_bytes(), &[0], &owner.key.to_be_bytes()].concat()
}

/// The owner at the beginning of a key, and the bytes after it.
pub(crate) fn owner_of(key: &[u8]) -> Option<(Owner, &[u8])> {
    let end = key.iter().position(|byte| *byte == 0)?;
    let service = std::str::from_utf8(&key[..end]).ok()?;
    let (number, rest) = key[end + 1..].split_first_chunk::<8>()?;
    let owner = Owner { service: service.to_owned().into(), key: u64::from_be_bytes(*number) };
    Some((owner, rest))
}

//! Settings messages: Protocol Buffers whose meaning is the clients' affair. Of the encoding only the top level is read, to
//! replace fields, and of the fields only the versions (field 1 of both kinds), which the server counts.
//!
//! Wire format: Protocol Buffers documentation, "Encoding".

use bytes::Bytes;

/// Fields at the top level at most.
const FIELDS_MAX: usize = 4096;
/// The field that holds the versions: `client_version = 1`, `server_version = 2`, `data_version = 3`.
const VERSIONS: u32 = 1;
const DATA_VERSION: u32 = 3;

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH_DELIMITED: u8 = 2;
const FIXED32: u8 = 5;

/// The bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// A field as it stands in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field<'a> {
    number: u32,
    /// Tag, length and value.
    raw: &'a [u8],
    /// The value alone; of a varint its bytes.
    value: &'a [u8],
}

fn varint(bytes: &[u8]) -> Result<(u64, usize), Malformed> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index as u32);
        if byte & 0x80 == 0 {
            return Ok((value, index + 1));
        }
    }
    Err(Malformed)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn fields(mut bytes: &[u8]) -> Result<Vec<Field<'_>>, Malformed> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let (tag, tag_len) = varint(bytes)?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number != 0).ok_or(Malformed)?;
        let rest = &bytes[tag_len..];
        let (skip, len) = match (tag & 7) as u8 {
            VARINT => (0, varint(rest)?.1),
            FIXED64 => (0, 8),
            FIXED32 => (0, 4),
            LENGTH_DELIMITED => {
                let (len, len_len) = varint(rest)?;
                (len_len, usize::try_from(len).map_err(|_| Malformed)?)
            }
            // Groups are long gone from the format.
            _ => return Err(Malformed),
        };
        let end = skip.checked_add(len).filter(|end| *end <= rest.len()).ok_or(Malformed)?;
        if fields.len() >= FIELDS_MAX {
            return Err(Malformed);
        }
        fields.push(Field { number, raw: &bytes[..tag_len + end], value: &rest[skip..end] });
        bytes = &rest[end..];
    }
    Ok(fields)
}

/// How often a message was changed; 0 for one that does not say.
pub(crate) fn data_version(message: &[u8]) -> u32 {
    let version = |field: &Field<'_>| {
        let inner = fields(field.value).ok()?;
        let found = inner.iter().rev().find(|field| field.number == DATA_VERSION)?;
        varint(found.value).ok()
    };
    let fields = fields(message).unwrap_or_default();
    let found = fields.iter().rev().filter(|field| field.number == VERSIONS).find_map(version);
    found.and_then(|(version, _)| u32::try_from(version).ok()).unwrap_or(0)
}

/// The message with the top-level fields of `patch` in place of its own, and a data version one higher. A field that the
/// patch has as an empty message is thereby cleared.
///
/// # Errors
/// When the patch is no message.
pub(crate) fn merge(base: &[u8], patch: &[u8]) -> Result<Bytes, Malformed> {
    let patched = fields(patch)?;
    // What is stored was merged here before; should it be unreadable all the same, the patch stands alone.
    let kept = fields(base).unwrap_or_default();
    let version = data_version(base).wrapping_add(1);
    let mut out = Vec::with_capacity(base.len() + patch.len() + 16);
    put_versions(&mut out, &patched, &kept, version);
    for field in kept.iter().filter(|field| field.number != VERSIONS) {
        if !patched.iter().any(|patch| patch.number == field.number) {
            out.extend_from_slice(field.raw);
        }
    }
    for field in patched.iter().filter(|field| field.number != VERSIONS) {
        out.extend_from_slice(field.raw);
    }
    Ok(out.into())
}

/// Writes the versions: those of the patch or else of the base, but for the data version, which is ours.
fn put_versions(out: &mut Vec<u8>, patched: &[Field<'_>], kept: &[Field<'_>], version: u32) {
    let source =
        [patched, kept].into_iter().find_map(|fields| fields.iter().rev().find(|f| f.number == VERSIONS));
    let mut inner = Vec::new();
    for field in source.and_then(|field| fields(field.value).ok()).unwrap_or_default() {
        if field.number != DATA_VERSION {
            inner.extend_from_slice(field.raw);
        }
    }
    put_varint(&mut inner, u64::from(DATA_VERSION) << 3 | u64::from(VARINT));
    put_varint(&mut inner, u64::from(version));
    put_varint(out, u64::from(VERSIONS) << 3 | u64::from(LENGTH_DELIMITED));
    put_varint(out, inner.len() as u64);
    out.extend_from_slice(&inner);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A length-delimited field with a small number.
    fn field(number: u8, value: &[u8]) -> Vec<u8> {
        [&[number << 3 | LENGTH_DELIMITED, value.len() as u8][..], value].concat()
    }

    #[test]
    fn a_patch_replaces_whole_fields_and_counts() {
        let first = merge(&[], &[field(2, b"abc"), field(3, b"x")].concat()).unwrap();
        assert_eq!(data_version(&first), 1);
        let second = merge(&first, &[field(3, b"yy"), field(5, b"")].concat()).unwrap();
        assert_eq!(data_version(&second), 2);
        let versions = field(1, &[3 << 3, 2]);
        assert_eq!(second, [versions, field(2, b"abc"), field(3, b"yy"), field(5, b"")].concat());
    }

    #[test]
    fn a_client_may_name_its_version_but_not_ours() {
        // client_version 9, data_version 77.
        let patch = field(1, &[1 << 3, 9, 3 << 3, 77]);
        let merged = merge(&[], &patch).unwrap();
        assert_eq!(merged, field(1, &[1 << 3, 9, 3 << 3, 1]));
    }

    #[test]
    fn fields_of_every_wire_type_are_carried_over() {
        let base = [&[2 << 3, 0x96, 1][..], &[3 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8], &[4 << 3 | 5, 1, 2, 3, 4]]
            .concat();
        let merged = merge(&base, &field(9, b"z")).unwrap();
        assert!(merged.windows(base.len()).any(|window| window == base));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for bytes in [&[0x12][..], &[0x12, 5, 1], &[0], &[0x0b], &[0xff; 12], &[0x09, 1, 2], b"hello"] {
            assert_eq!(merge(&[], bytes), Err(Malformed), "{bytes:?}");
        }
        assert_eq!(merge(&[0x12], &field(2, b"a")).map(|merged| data_version(&merged)), Ok(1));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_it_and_what_it_makes_it_reads(
            base in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64),
            patch in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..64),
        ) {
            if let Ok(once) = merge(&base, &patch) {
                proptest::prop_assert_eq!(data_version(&once), data_version(&base).wrapping_add(1));
                let twice = merge(&once, &patch);
                let rest = |bytes: &[u8]| {
                    let fields = fields(bytes).unwrap();
                    fields.iter().skip(1).flat_map(|field| field.raw.to_vec()).collect::<Vec<_>>()
                };
                proptest::prop_assert_eq!(twice.map(|bytes| rest(&bytes)), Ok(rest(&once)));
            }
        }
    }
}

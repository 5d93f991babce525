//! Settings messages: Protocol Buffers whose meaning is the clients' affair. Of the encoding only the top level is read, to
//! replace fields, and of the fields only the versions (field 1 of both kinds), which the server counts.
//!
//! What is taken can be read by other clients of the account: it nests no deeper than their readers go, and what names guilds
//! and channels (folders, settings by guild) is read and bounded. Numbers of fields: userdoccers, "User Settings Proto".
//!
//! Wire format: Protocol Buffers documentation, "Encoding".

use bytes::Bytes;
use consort_rpc::user::settings::ProtoKind;

/// Fields at the top level at most.
const FIELDS_MAX: usize = 4096;
/// The field that holds the versions: `client_version = 1`, `server_version = 2`, `data_version = 3`.
const VERSIONS: u32 = 1;
const DATA_VERSION: u32 = 3;

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH_DELIMITED: u8 = 2;
const FIXED32: u8 = 5;

/// How deep messages may lie in one another. Readers of Protocol Buffers give up at 100.
const DEPTH_MAX: usize = 32;
/// Guilds in the folders and with settings of their own; an account may be in fewer.
const GUILDS_MAX: usize = 2000;
/// Folders.
const FOLDERS_MAX: usize = 500;
/// Bytes of a folder's name: 100 characters of four bytes.
const FOLDER_NAME_BYTES_MAX: usize = 400;
/// Channels with settings of their own in one guild.
const CHANNELS_MAX: usize = 1000;
/// Fields of the preloaded settings: `guilds` and `guild_folders`.
const GUILDS: u32 = 2;
const GUILD_FOLDERS: u32 = 14;

/// The bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// A field as it stands in a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field<'a> {
    number: u32,
    wire: u8,
    /// Tag, length and value.
    raw: &'a [u8],
    /// The value alone; of a varint its bytes.
    value: &'a [u8],
}

impl<'a> Field<'a> {
    /// The message that it holds.
    fn message(&self) -> Result<&'a [u8], Malformed> {
        if self.wire == LENGTH_DELIMITED { Ok(self.value) } else { Err(Malformed) }
    }
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
        let wire = (tag & 7) as u8;
        let (skip, len) = match wire {
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
        fields.push(Field { number, wire, raw: &bytes[..tag_len + end], value: &rest[skip..end] });
        bytes = &rest[end..];
    }
    Ok(fields)
}

/// Checks a patch: its form, how deep it nests, and what it says of guilds and channels.
///
/// # Errors
/// When a client could not read it, or it holds more than an account can have.
pub(crate) fn check(kind: ProtoKind, patch: &[u8]) -> Result<(), Malformed> {
    let all = fields(patch)?;
    if !nests_within(patch, DEPTH_MAX) {
        return Err(Malformed);
    }
    if kind == ProtoKind::Preloaded {
        for field in &all {
            match field.number {
                GUILDS => check_guilds(field.message()?)?,
                GUILD_FOLDERS => check_folders(field.message()?)?,
                _ => {}
            }
        }
    }
    Ok(())
}

/// Whether the messages in a message lie no deeper than `depth`. What is text may look like a message by chance; it does so for
/// a few levels at most.
fn nests_within(message: &[u8], depth: usize) -> bool {
    let mut level = vec![message];
    for _ in 0..depth {
        let inner = level.iter().filter_map(|bytes| fields(bytes).ok()).flatten();
        let inner = inner.filter(|field| field.wire == LENGTH_DELIMITED && !field.value.is_empty());
        level = inner.map(|field| field.value).collect();
        if level.is_empty() {
            return true;
        }
    }
    level.iter().all(|bytes| fields(bytes).is_err())
}

/// The ids in a field: packed, or one.
fn ids<'a>(field: &Field<'a>) -> Result<impl Iterator<Item = u64> + 'a, Malformed> {
    let fits = match field.wire {
        LENGTH_DELIMITED => field.value.len().is_multiple_of(8),
        wire => wire == FIXED64,
    };
    let id = |bytes: &[u8]| bytes.try_into().map(u64::from_le_bytes).unwrap_or_default();
    if fits { Ok(field.value.chunks_exact(8).map(id)) } else { Err(Malformed) }
}

/// An id that a snowflake may be.
fn check_id(id: u64) -> Result<(), Malformed> {
    if (1..=i64::MAX as u64).contains(&id) { Ok(()) } else { Err(Malformed) }
}

/// `folders = 1 {guild_ids = 1, id = 2, name = 3, color = 4}`, `guild_positions = 2`.
fn check_folders(all: &[u8]) -> Result<(), Malformed> {
    let (mut folders, mut in_folders, mut positions) = (0, 0, 0);
    for field in fields(all)? {
        match field.number {
            1 => {
                folders += 1;
                in_folders += check_folder(field.message()?)?;
            }
            2 => {
                for id in ids(&field)? {
                    check_id(id)?;
                    positions += 1;
                }
            }
            _ => {}
        }
    }
    if folders > FOLDERS_MAX || in_folders > GUILDS_MAX || positions > GUILDS_MAX {
        return Err(Malformed);
    }
    Ok(())
}

/// Gives how many guilds are in the folder.
fn check_folder(folder: &[u8]) -> Result<usize, Malformed> {
    let mut guilds = 0;
    for field in fields(folder)? {
        match field.number {
            1 => {
                for id in ids(&field)? {
                    check_id(id)?;
                    guilds += 1;
                }
            }
            3 => {
                // A `StringValue`: the text is its field 1.
                for text in fields(field.message()?)?.iter().filter(|field| field.number == 1) {
                    let is_name = text.wire == LENGTH_DELIMITED && text.value.len() <= FOLDER_NAME_BYTES_MAX;
                    if !is_name || std::str::from_utf8(text.value).is_err() {
                        return Err(Malformed);
                    }
                }
            }
            _ => {}
        }
    }
    Ok(guilds)
}

/// `guilds = 1`, a map by id of `{channels = 1, ..}`, which is a map by id.
fn check_guilds(all: &[u8]) -> Result<(), Malformed> {
    for guild in entries(all, GUILDS_MAX)? {
        entries(guild, CHANNELS_MAX)?;
    }
    Ok(())
}

/// The values of a map by id, which is field 1: a repeated `{key = 1, value = 2}`.
fn entries(message: &[u8], entries_max: usize) -> Result<Vec<&[u8]>, Malformed> {
    let mut values = Vec::new();
    for entry in fields(message)?.iter().filter(|field| field.number == 1) {
        if values.len() >= entries_max {
            return Err(Malformed);
        }
        let mut value: &[u8] = &[];
        for part in fields(entry.message()?)? {
            match part.number {
                // 0 stands for private channels.
                1 if part.wire == FIXED64 => ids(&part)?.filter(|id| *id != 0).try_for_each(check_id)?,
                1 => return Err(Malformed),
                2 => value = part.message()?,
                _ => {}
            }
        }
        values.push(value);
    }
    Ok(values)
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

    /// A field that holds more than 127 bytes.
    fn long(number: u8, value: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | LENGTH_DELIMITED];
        put_varint(&mut out, value.len() as u64);
        out.extend_from_slice(value);
        out
    }

    fn preloaded(patch: &[u8]) -> Result<(), Malformed> {
        check(ProtoKind::Preloaded, patch)
    }

    fn folders(all: &[u8]) -> Result<(), Malformed> {
        preloaded(&long(14, all))
    }

    #[test]
    fn folders_hold_ids_and_names_within_bounds() {
        let id = |id: u64| id.to_le_bytes();
        let packed = field(1, &[id(7), id(8)].concat());
        let single = [&[1 << 3 | FIXED64][..], &id(9)].concat();
        let name = field(3, &field(1, "Spiele".as_bytes()));
        let folder = field(1, &[packed, single, name, field(2, &[1 << 3, 5])].concat());
        assert_eq!(folders(&[folder.clone(), field(2, &id(7))].concat()), Ok(()));
        assert_eq!(folders(&folder.repeat(FOLDERS_MAX)), Ok(()));
        assert_eq!(folders(&folder.repeat(FOLDERS_MAX + 1)), Err(Malformed), "folders");
        for bad in [&id(0)[..], &id(u64::MAX), &id(1 << 63), &[1, 2, 3]] {
            assert_eq!(folders(&field(1, &field(1, bad))), Err(Malformed), "{bad:?}");
            assert_eq!(folders(&field(2, bad)), Err(Malformed), "{bad:?}");
        }
        let many = long(1, &long(1, &id(7).repeat(GUILDS_MAX + 1)));
        assert_eq!(folders(&many), Err(Malformed), "guilds");
        let long_name = long(3, &long(1, &[b'x'; FOLDER_NAME_BYTES_MAX + 1]));
        assert_eq!(folders(&long(1, &long_name)), Err(Malformed));
        assert_eq!(folders(&field(1, &field(3, &field(1, &[0xff])))), Err(Malformed), "no text");
        assert_eq!(preloaded(&[14 << 3, 1]), Err(Malformed), "a number in place of the folders");
    }

    #[test]
    fn settings_by_guild_and_channel_are_maps_by_id_within_bounds() {
        let key = |id: u64| [&[1 << 3 | FIXED64][..], &id.to_le_bytes()].concat();
        let entry = |id: u64, value: &[u8]| long(1, &[key(id), long(2, value)].concat());
        let channels = |count: usize| entry(9, &[]).repeat(count);
        let guilds = |all: &[u8]| preloaded(&long(2, all));
        assert_eq!(guilds(&entry(7, &channels(2))), Ok(()));
        assert_eq!(guilds(&entry(7, &channels(CHANNELS_MAX + 1))), Err(Malformed));
        assert_eq!(guilds(&entry(7, &[]).repeat(GUILDS_MAX + 1)), Err(Malformed));
        assert_eq!(guilds(&entry(0, &[])), Ok(()));
        assert_eq!(guilds(&entry(u64::MAX, &[])), Err(Malformed), "an id");
        assert_eq!(guilds(&field(1, &[1 << 3, 7])), Err(Malformed), "a key of another type");
    }

    #[test]
    fn messages_lie_in_one_another_so_deep_and_no_deeper() {
        let nested = |depth: usize| (0..depth).fold(field(3, b""), |inner, _| long(3, &inner));
        assert_eq!(preloaded(&nested(DEPTH_MAX - 1)), Ok(()));
        for depth in [DEPTH_MAX + 1, 1000, 20_000] {
            assert_eq!(preloaded(&nested(depth)), Err(Malformed), "{depth}");
        }
        assert_eq!(check(ProtoKind::FrequentlyUsed, &nested(1000)), Err(Malformed));
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

//! The bytes of batches, reads and answers.
//!
//! Numbers are big endian; what has a length has it before itself, in 4 bytes (1 for names of tables and services). Tables go by
//! name, so that nodes of two versions understand each other. Values are not copied when they are read.

use std::sync::{LazyLock, Mutex, PoisonError};

use bytes::{BufMut as _, Bytes, BytesMut};
use consort_store::limits::{BATCH_OPS_MAX, KEY_BYTES_MAX, ROWS_MAX, SCANS_MAX};
use consort_store::{Batch, Bound, Error, Key, Order, Precondition, Range, Row, Scan, Table, Write};

/// Names of services that may be met: those of tests included.
const NAMES_MAX: usize = 64;
/// Bytes of such a name.
const NAME_BYTES_MAX: usize = 32;

/// The bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

type Decoded<T> = Result<T, Malformed>;

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Read {
    Get(Table, u64, Key),
    GetMany(Table, u64, Vec<Key>),
    Scan(Scan),
    ScanMany(Vec<Scan>),
}

/// What has bytes.
pub(crate) trait Coded: Sized {
    fn encode_to(&self, out: &mut BytesMut);
    fn decode_from(input: &mut Bytes) -> Decoded<Self>;
}

pub(crate) fn encode<T: Coded>(value: &T) -> Bytes {
    let mut out = BytesMut::new();
    value.encode_to(&mut out);
    out.freeze()
}

/// Reads a value, which must be all there is.
pub(crate) fn decode<T: Coded>(mut bytes: Bytes) -> Decoded<T> {
    let value = T::decode_from(&mut bytes)?;
    if bytes.is_empty() { Ok(value) } else { Err(Malformed) }
}

fn u8_of(input: &mut Bytes) -> Decoded<u8> {
    Ok(part(input, 1)?[0])
}

fn length(input: &mut Bytes, most: usize) -> Decoded<usize> {
    let length = part(input, 4)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
    if length <= most { Ok(length) } else { Err(Malformed) }
}

fn part(input: &mut Bytes, length: usize) -> Decoded<Bytes> {
    if input.len() < length { Err(Malformed) } else { Ok(input.split_to(length)) }
}

fn put_length(length: usize, out: &mut BytesMut) {
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
}

fn put_name(name: &str, out: &mut BytesMut) {
    let name = &name.as_bytes()[..name.len().min(usize::from(u8::MAX))];
    out.put_u8(name.len() as u8);
    out.put_slice(name);
}

fn name(input: &mut Bytes) -> Decoded<Bytes> {
    let length = usize::from(u8_of(input)?);
    part(input, length)
}

/// The names of services live as long as the process, as those of its own do. There are few, and no more than [`NAMES_MAX`].
fn service(input: &mut Bytes) -> Decoded<&'static str> {
    static NAMES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    let name = name(input)?;
    let name = std::str::from_utf8(&name).map_err(|_| Malformed)?;
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.iter().find(|known| **known == name) {
        return Ok(known);
    }
    if names.len() >= NAMES_MAX || name.len() > NAME_BYTES_MAX {
        return Err(Malformed);
    }
    let kept: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.push(kept);
    Ok(kept)
}

impl Coded for Table {
    fn encode_to(&self, out: &mut BytesMut) {
        put_name(self.name(), out);
    }

    fn decode_from(input: &mut Bytes) -> Decoded<Self> {
        static BY_NAME: LazyLock<std::collections::HashMap<&'static [u8], Table>> =
            LazyLock::new(|| Table::ALL.iter().map(|table| (table.name().as_bytes(), *table)).collect());
        BY_NAME.get(&name(input)?[..]).copied().ok_or(Malformed)
    }
}

impl Coded for u64 {
    fn encode_to(&self, out: &mut BytesMut) {
        out.put_u64(*self);
    }

    fn decode_from(input: &mut Bytes) -> Decoded<Self> {
        Ok(part(input, 8)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

impl Coded for () {
    fn encode_to(&self, _out: &mut BytesMut) {}

    fn decode_from(_input: &mut Bytes) -> Decoded<Self> {
        Ok(())
    }
}

impl Coded for Bytes {
    fn encode_to(&self, out: &mut BytesMut) {
        put_length(self.len(), out);
        out.put_slice(self);
    }

    fn decode_from(input: &mut Bytes) -> Decoded<Self> {
        let length = length(input, usize::MAX)?;
        part(input, length)
    }
}

impl Coded for Key {
    fn encode_to(&self, out: &mut BytesMut) {
        put_length(self.as_bytes().len(), out);
        out.put_slice(self.as_bytes());
    }

    /// One that is a little too long is taken, for the store to refuse it in its own words.
    fn decode_from(input: &mut Bytes) -> Decoded<Self> {
        let length = length(input, 4 * KEY_BYTES_MAX)?;
        Ok(Key::bytes(&part(input, length)?))
    }
}

impl<T: Coded> Coded for Option<T> {
    fn encode_to(&self, out: &mut BytesMut) {
        out.put_u8(u8::from(self.is_some()));
        if let Some(value) = self {
            value.encode_to(out);
        }
    }

    fn decode_from(input: &mut Bytes) -> Decoded<Self> {
        match u8_of(input)? {
            0 => Ok(None),
            1 => Ok(Some(T::decode_from(input)?)),
            _ => Err(Malformed),
        }
    }
}

fn put_all<T: Coded>(values: &[T], out: &mut BytesMut) {
    put_length(values.len(), out);
    values.iter().for_each(|value| value.encode_to(out));
}

fn take_all<T: Coded>(input: &mut Bytes, most: usize) -> Decoded<Vec<T>> {
    let count = length(input, most)?;
    // Each takes a byte at least, so a length that is a lie allocates no more than what has come.
    let mut values = Vec::with_capacity(count.min(input.len()));
    for _ in 0..count {
        values.push(T::decode_from(input)?);
    }
    Ok(values)
}

impl Coded for Bound<Key> {
    fn encode_to(&self, out: &mut BytesMut) {
        match self {
            Bound::Unbounded => out.put_u8(0),
            Bound::Included(key) => {
                out.put_u8(1);
                key.encode_to(out);
            }
            Bound::Excluded(key) => {
                out.put_u8(2);
                key.encode_to(out);
            }
        }
    }

    fn decode_from(input: &mut Bytes) -> Decoded<Self> {
        match u8_of(input)? {
            0 => Ok(Bound::Unbounded),
            1 => Ok(Bound::Included(Key::decode_from(input)?)),
            2 => Ok(Bound::Excluded(Key::decode_from(input)?)),
            _ => Err(Malformed),
        }
    }
}

impl Coded for Scan {
    fn encode_to(&self, out: &mut BytesMut) {
        let Range { from, to, order, limit } = &self.range;
        self.table.encode_to(out);
        self.partition.encode_to(out);
        from.encode_to(out);
        to.encode_to(out);
        out.put_u8(u8::from(*order == Order::Descending));
        put_length(*limit, out);
    }

    fn decode_from(input: &mut Bytes) -> Decoded<Self> {
        let (table, partition) = (Table::decode_from(input)?, u64::decode_from(input)?);
        let (from, to) = (Bound::decode_from(input)?, Bound::decode_from(input)?);
        let order = match u8_of(input)? {
            0 => Order::Ascending,
            1 => Order::Descending,
            _ => return Err(Malformed),
        };
        let limit = length(input, usize::MAX)?;
        Ok(Scan { table, partition, range: Range { from, to, order, limit } })
    }
}

impl Coded for Read {
    fn encode_to(&self, out: &mut BytesMut) {
        match self {
            Read::Get(table, partition, key) => {
                out.put_u8(0);
                table.encode_to(out);
                partition.encode_to(out);
                key.encode_to(out);
            }
            Read::GetMany(table, partition, keys) => {
                out.put_u8(1);
                table.encode_to(out);
                partition.encode_to(out);
                put_all(keys, out);
            }
            Read::Scan(scan) => {
                out.put_u8(2);
                scan.encode_to(out);
            }
            Read::ScanMany(scans) => {
                out.put_u8(3);
                put_all(scans, out);
            }
        }
    }

    fn decode_from(input: &mut Bytes) -> Decoded<Self> {
        Ok(match u8_of(input)? {
            0 => Read::Get(Table::decode_from(input)?, u64::decode_from(input)?, Key::decode_from(input)?),
            1 => Read::GetMany(
                Table::decode_from(input)?,
                u64::decode_from(input)?,
                take_all(input, ROWS_MAX)?,
            ),
            2 => Read::Scan(Scan::decode_from(input)?),
            3 => Read::ScanMany(take_all(input, SCANS_MAX)?),
            _ => return Err(Malformed),
        })
    }
}

impl Coded for Row {
    fn encode_to(&self, out: &mut BytesMut) {
        self.key.encode_to(out);
        self.value.encode_to(out);
    }

    fn decode_from(input: &mut Bytes) -> Decoded<Self> {
        Ok(Row { key: Key::decode_from(input)?, value: Bytes::decode_from(input)? })
    }
}

/// Rows, or values, of an answer.
impl<T: Coded> Coded for Vec<T> {
    fn encode_to(&self, out: &mut BytesMut) {
        put_all(self, out);
    }

    fn decode_from(input: &mut Bytes) -> Decoded<Self> {
        take_all(input, usize::MAX)
    }
}

impl Coded for Write {
    fn encode_to(&self, out: &mut BytesMut) {
        match self {
            Write::Put { table, partition, key, value } => {
                out.put_u8(0);
                table.encode_to(out);
                partition.encode_to(out);
                key.encode_to(out);
                value.encode_to(out);
            }
            Write::Delete { table, partition, key } => {
                out.put_u8(1);
                table.encode_to(out);
                partition.encode_to(out);
                key.encode_to(out);
            }
            Write::DeleteRange { table, partition, from, to } => {
                out.put_u8(2);
                table.encode_to(out);
                partition.encode_to(out);
                from.encode_to(out);
                to.encode_to(out);
            }
        }
    }

    fn decode_from(input: &mut Bytes) -> Decoded<Self> {
        let kind = u8_of(input)?;
        let (table, partition) = (Table::decode_from(input)?, u64::decode_from(input)?);
        Ok(match kind {
            0 => Write::Put {
                table,
                partition,
                key: Key::decode_from(input)?,
                value: Bytes::decode_from(input)?,
            },
            1 => Write::Delete { table, partition, key: Key::decode_from(input)? },
            2 => Write::DeleteRange {
                table,
                partition,
                from: Bound::decode_from(input)?,
                to: Bound::decode_from(input)?,
            },
            _ => return Err(Malformed),
        })
    }
}

impl Coded for Precondition {
    fn encode_to(&self, out: &mut BytesMut) {
        let mut row = |kind, table: &Table, partition: &u64, key: &Key| {
            out.put_u8(kind);
            table.encode_to(out);
            partition.encode_to(out);
            key.encode_to(out);
        };
        match self {
            Precondition::Absent { table, partition, key } => row(0, table, partition, key),
            Precondition::Present { table, partition, key } => row(1, table, partition, key),
            Precondition::Equals { table, partition, key, value } => {
                row(2, table, partition, key);
                value.encode_to(out);
            }
            Precondition::Epoch { service, owner, epoch } => {
                out.put_u8(3);
                put_name(service, out);
                owner.encode_to(out);
                epoch.encode_to(out);
            }
        }
    }

    fn decode_from(input: &mut Bytes) -> Decoded<Self> {
        let kind = u8_of(input)?;
        if kind == 3 {
            let (service, owner, epoch) =
                (service(input)?, u64::decode_from(input)?, u64::decode_from(input)?);
            return Ok(Precondition::Epoch { service, owner, epoch });
        }
        let (table, partition, key) =
            (Table::decode_from(input)?, u64::decode_from(input)?, Key::decode_from(input)?);
        Ok(match kind {
            0 => Precondition::Absent { table, partition, key },
            1 => Precondition::Present { table, partition, key },
            2 => Precondition::Equals { table, partition, key, value: Bytes::decode_from(input)? },
            _ => return Err(Malformed),
        })
    }
}

impl Coded for Batch {
    fn encode_to(&self, out: &mut BytesMut) {
        out.reserve(self.byte_size());
        put_all(&self.preconditions, out);
        put_all(&self.writes, out);
    }

    fn decode_from(input: &mut Bytes) -> Decoded<Self> {
        let preconditions = take_all(input, BATCH_OPS_MAX)?;
        Ok(Batch { preconditions, writes: take_all(input, BATCH_OPS_MAX)? })
    }
}

/// What was answered.
impl<T: Coded> Coded for Result<T, Error> {
    fn encode_to(&self, out: &mut BytesMut) {
        let error = match self {
            Ok(value) => {
                out.put_u8(0);
                return value.encode_to(out);
            }
            Err(error) => error,
        };
        let text = |kind, text: &str, out: &mut BytesMut| {
            out.put_u8(kind);
            Bytes::copy_from_slice(text.as_bytes()).encode_to(out);
        };
        match error {
            Error::Conflict { index } => {
                out.put_u8(1);
                (*index as u64).encode_to(out);
            }
            Error::StaleEpoch { service, owner, epoch, stored } => {
                out.put_u8(2);
                put_name(service, out);
                [owner, epoch, stored].iter().for_each(|number| number.encode_to(out));
            }
            Error::TooLarge => out.put_u8(3),
            Error::Invalid(what) => text(4, what, out),
            Error::Overloaded => out.put_u8(5),
            Error::Closed => out.put_u8(6),
            Error::Corrupt(what) => text(7, what, out),
            Error::Backend(error) => text(8, &error.to_string(), out),
            Error::Timeout => out.put_u8(9),
        }
    }

    fn decode_from(input: &mut Bytes) -> Decoded<Self> {
        let text = |input: &mut Bytes| Ok(String::from_utf8_lossy(&Bytes::decode_from(input)?).into_owned());
        Ok(Err(match u8_of(input)? {
            0 => return T::decode_from(input).map(Ok),
            1 => Error::Conflict { index: usize::try_from(u64::decode_from(input)?).map_err(|_| Malformed)? },
            2 => Error::StaleEpoch {
                service: service(input)?,
                owner: u64::decode_from(input)?,
                epoch: u64::decode_from(input)?,
                stored: u64::decode_from(input)?,
            },
            3 => Error::TooLarge,
            4 => {
                tracing::error!(what = text(input)?, "the store refuses a write as a mistake");
                Error::Invalid("see the log of the node")
            }
            5 => Error::Overloaded,
            // Of the other node: it is not this one's end.
            6 => Error::backend("the node with the store ends"),
            7 => Error::Corrupt(text(input)?),
            8 => Error::backend(text(input)?),
            9 => Error::Timeout,
            _ => return Err(Malformed),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        let mut batch = Batch::new();
        batch.require_absent(Table::Users, 1, 2).require_present(Table::Marks, 3, "name");
        batch
            .require_equals(Table::Meta, 0, Key::empty(), Bytes::from_static(b"v"))
            .require_epoch("guild", 7, 9);
        batch.put(Table::Messages, 5, 6, Bytes::from(vec![1; 300])).delete(
            Table::Users,
            1,
            Key::bytes(&[7; 100]),
        );
        batch.delete_prefix(Table::Pins, 8, b"ab").delete_partition(Table::Nonces, 9);
        batch
    }

    fn reads() -> Vec<Read> {
        let scan = |range| Scan { table: Table::Roles, partition: u64::MAX, range };
        vec![
            Read::Get(Table::Users, 1, Key::id(2)),
            Read::GetMany(Table::Users, 1, vec![Key::empty(), Key::text("x")]),
            Read::Scan(scan(Range::before(9, 50))),
            Read::ScanMany(vec![scan(Range::all(1)), scan(Range::between(1, 2, 3))]),
        ]
    }

    fn comes_back<T: Coded + PartialEq + std::fmt::Debug>(value: T) {
        let bytes = encode(&value);
        for cut in 0..bytes.len() {
            assert_eq!(decode::<T>(bytes.slice(..cut)).err(), Some(Malformed), "{cut}");
        }
        assert_eq!(decode::<T>(bytes), Ok(value));
    }

    #[test]
    fn everything_comes_back_as_it_was_and_no_prefix_of_it_is_anything() {
        comes_back(batch());
        reads().into_iter().for_each(comes_back);
        let row = Row { key: Key::id(1), value: Bytes::from_static(b"value") };
        comes_back(vec![vec![row.clone()], vec![], vec![row]]);
        comes_back(vec![None, Some(Bytes::new()), Some(Bytes::from_static(b"x"))]);
    }

    #[test]
    fn errors_stay_what_they_are() {
        let errors = || {
            [
                Error::Conflict { index: 3 },
                Error::StaleEpoch { service: "guild", owner: 1, epoch: 2, stored: 3 },
                Error::TooLarge,
                Error::Overloaded,
                Error::Corrupt("c".to_owned()),
                Error::backend("b"),
                Error::Timeout,
            ]
        };
        for error in errors() {
            let text = error.to_string();
            let back: Result<(), Error> = decode(encode(&Err::<(), _>(error))).unwrap();
            assert_eq!(back.unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused_and_a_long_list_is_not_believed() {
        for seed in 0..2_000u64 {
            let noise: Vec<u8> = (0..seed % 97).map(|i| (seed.wrapping_mul(i + 7) >> 3) as u8).collect();
            let _refused = (decode::<Batch>(noise.clone().into()), decode::<Read>(noise.into()));
        }
        let lie =
            Bytes::from_static(&[1, 4, b'm', b'e', b't', b'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x27, 0x10]);
        assert_eq!(decode::<Read>(lie), Err(Malformed));
        assert_eq!(decode::<Vec<Row>>(Bytes::from_static(&[0xff; 4])), Err(Malformed));
    }
}

//! The writes of a group as bytes, as they lie in a log until they are in their tables.
//!
//! A version byte, then one write after the other. Numbers are big endian; a table goes by its name, a name has its length in a
//! byte before it, a key in two and a value in four.

use bytes::{Buf, BufMut, Bytes};
use consort_store::{Bound, Error, Key, Table, Write};

const VERSION: u8 = 1;

const PUT: u8 = 0;
const DELETE: u8 = 1;
const DELETE_RANGE: u8 = 2;

/// The bytes of a group.
pub(crate) fn encode(writes: &[Write]) -> Vec<u8> {
    let mut out = vec![VERSION];
    for write in writes {
        match write {
            Write::Put { table, partition, key, value } => {
                begin(&mut out, PUT, *table, *partition);
                put_key(&mut out, key);
                out.put_u32(u32::try_from(value.len()).unwrap_or(u32::MAX));
                out.put_slice(value);
            }
            Write::Delete { table, partition, key } => {
                begin(&mut out, DELETE, *table, *partition);
                put_key(&mut out, key);
            }
            Write::DeleteRange { table, partition, from, to } => {
                begin(&mut out, DELETE_RANGE, *table, *partition);
                put_bound(&mut out, from);
                put_bound(&mut out, to);
            }
        }
    }
    out
}

fn begin(out: &mut Vec<u8>, kind: u8, table: Table, partition: u64) {
    out.put_u8(kind);
    out.put_u8(table.name().len() as u8);
    out.put_slice(table.name().as_bytes());
    out.put_u64(partition);
}

fn put_key(out: &mut Vec<u8>, key: &Key) {
    out.put_u16(u16::try_from(key.as_bytes().len()).unwrap_or(u16::MAX));
    out.put_slice(key.as_bytes());
}

fn put_bound(out: &mut Vec<u8>, bound: &Bound<Key>) {
    match bound {
        Bound::Unbounded => out.put_u8(0),
        Bound::Included(key) => {
            out.put_u8(1);
            put_key(out, key);
        }
        Bound::Excluded(key) => {
            out.put_u8(2);
            put_key(out, key);
        }
    }
}

/// Reads what [`encode`] made.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Write>, Error> {
    let mut rest = bytes;
    let mut writes = Vec::new();
    if take(&mut rest, 1)? != [VERSION] {
        return Err(corrupt());
    }
    while !rest.is_empty() {
        writes.push(write(&mut rest)?);
    }
    Ok(writes)
}

fn corrupt() -> Error {
    Error::Corrupt("a group of a log cannot be read".to_owned())
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Error> {
    let (taken, after) = rest.split_at_checked(length).ok_or_else(corrupt)?;
    *rest = after;
    Ok(taken)
}

fn write(rest: &mut &[u8]) -> Result<Write, Error> {
    let kind = take(rest, 1)?[0];
    let name = usize::from(take(rest, 1)?[0]);
    let name = take(rest, name)?;
    let table = Table::ALL.iter().find(|table| table.name().as_bytes() == name).ok_or_else(corrupt)?;
    let (table, partition) = (*table, take(rest, 8)?.get_u64());
    Ok(match kind {
        PUT => {
            let key = key(rest)?;
            let length = take(rest, 4)?.get_u32() as usize;
            Write::Put { table, partition, key, value: Bytes::copy_from_slice(take(rest, length)?) }
        }
        DELETE => Write::Delete { table, partition, key: key(rest)? },
        DELETE_RANGE => Write::DeleteRange { table, partition, from: bound(rest)?, to: bound(rest)? },
        _ => return Err(corrupt()),
    })
}

fn key(rest: &mut &[u8]) -> Result<Key, Error> {
    let length = usize::from(take(rest, 2)?.get_u16());
    Ok(Key::bytes(take(rest, length)?))
}

fn bound(rest: &mut &[u8]) -> Result<Bound<Key>, Error> {
    Ok(match take(rest, 1)?[0] {
        0 => Bound::Unbounded,
        1 => Bound::Included(key(rest)?),
        2 => Bound::Excluded(key(rest)?),
        _ => return Err(corrupt()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_store::Batch;

    #[test]
    fn a_group_is_read_as_it_was_written_and_a_cut_one_is_refused() {
        let mut batch = Batch::new();
        batch.put(Table::Messages, 7, 1 << 40, Bytes::from_static(b"text")).put(
            Table::Notes,
            u64::MAX,
            "",
            Bytes::new(),
        );
        batch.delete(Table::Roles, 3, "key").delete_partition(Table::Changes, 9);
        batch.delete_range(Table::Changes, 9, Bound::Excluded(Key::id(1)), Bound::Included(Key::id(2)));
        let bytes = encode(&batch.writes);
        assert_eq!(decode(&bytes).unwrap(), batch.writes);
        assert!(decode(&[]).is_err() && decode(&[9]).is_err());
        let whole: Vec<usize> =
            (0..batch.writes.len()).map(|count| encode(&batch.writes[..count]).len()).collect();
        for end in 0..bytes.len() {
            assert_eq!(decode(&bytes[..end]).is_ok(), whole.contains(&end), "{end}");
        }
    }
}

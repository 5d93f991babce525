//! What is written together.

use crate::{Error, Key, Table, limits::*, row};
use bytes::Bytes;
use serde::Serialize;
use std::{fmt, ops::Bound};

/// What an operation is counted with besides its key and value.
const OP_BYTES: usize = 32;

/// One change of a batch.
#[derive(Clone, PartialEq, Eq)]
pub enum Write {
    /// Sets a row, new or not.
    Put {
        /// The table.
        table: Table,
        /// The partition.
        partition: u64,
        /// The row's key.
        key: Key,
        /// The row's new value.
        value: Bytes,
    },
    /// Removes a row if it is there.
    Delete {
        /// The table.
        table: Table,
        /// The partition.
        partition: u64,
        /// The row's key.
        key: Key,
    },
    /// Removes all rows of an interval of a partition.
    DeleteRange {
        /// The table.
        table: Table,
        /// The partition.
        partition: u64,
        /// The lower end.
        from: Bound<Key>,
        /// The upper end.
        to: Bound<Key>,
    },
}

/// What must hold before a batch for it to be written. All are checked against what was there before the batch.
#[derive(Clone, PartialEq, Eq)]
pub enum Precondition {
    /// There is no such row.
    Absent {
        /// The table.
        table: Table,
        /// The partition.
        partition: u64,
        /// The row's key.
        key: Key,
    },
    /// There is such a row.
    Present {
        /// The table.
        table: Table,
        /// The partition.
        partition: u64,
        /// The row's key.
        key: Key,
    },
    /// There is such a row, with exactly this value.
    Equals {
        /// The table.
        table: Table,
        /// The partition.
        partition: u64,
        /// The row's key.
        key: Key,
        /// The value it must have.
        value: Bytes,
    },
    /// No newer epoch has written for the owner. When the batch is written, a newer epoch than before is recorded
    /// with it, in [`Table::Epochs`] with the owner's key as partition and its service as key, as 8 bytes big endian.
    Epoch {
        /// The kind of owner: owners of two services may have one key.
        service: &'static str,
        /// Whose state is written.
        owner: u64,
        /// The epoch of the writer.
        epoch: u64,
    },
}

/// Changes that are written all or not at all, and what must hold for it. Writes are applied in order.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Batch {
    /// What must hold; the first that does not is reported.
    pub preconditions: Vec<Precondition>,
    /// The changes, in order.
    pub writes: Vec<Write>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Sets a row to these bytes.
    pub fn put(&mut self, table: Table, partition: u64, key: impl Into<Key>, value: Bytes) -> &mut Batch {
        self.writes.push(Write::Put { table, partition, key: key.into(), value });
        self
    }

    /// Sets a row to a value, encoded by [`row::encode`], with its panics.
    pub fn put_row<T: Serialize + ?Sized>(
        &mut self,
        table: Table,
        partition: u64,
        key: impl Into<Key>,
        value: &T,
    ) -> &mut Batch {
        self.put(table, partition, key, row::encode(value))
    }

    /// Removes a row if it is there.
    pub fn delete(&mut self, table: Table, partition: u64, key: impl Into<Key>) -> &mut Batch {
        self.writes.push(Write::Delete { table, partition, key: key.into() });
        self
    }

    /// Removes all rows of an interval.
    pub fn delete_range(
        &mut self,
        table: Table,
        partition: u64,
        from: Bound<Key>,
        to: Bound<Key>,
    ) -> &mut Batch {
        self.writes.push(Write::DeleteRange { table, partition, from, to });
        self
    }

    /// Removes all rows of a partition.
    pub fn delete_partition(&mut self, table: Table, partition: u64) -> &mut Batch {
        self.delete_range(table, partition, Bound::Unbounded, Bound::Unbounded)
    }

    /// Removes all rows whose key begins with `prefix`.
    pub fn delete_prefix(&mut self, table: Table, partition: u64, prefix: &[u8]) -> &mut Batch {
        let range = crate::Range::prefix(prefix, 0);
        self.delete_range(table, partition, range.from, range.to)
    }

    /// Lets the batch fail when there is such a row.
    pub fn require_absent(&mut self, table: Table, partition: u64, key: impl Into<Key>) -> &mut Batch {
        self.preconditions.push(Precondition::Absent { table, partition, key: key.into() });
        self
    }

    /// Lets the batch fail when there is no such row.
    pub fn require_present(&mut self, table: Table, partition: u64, key: impl Into<Key>) -> &mut Batch {
        self.preconditions.push(Precondition::Present { table, partition, key: key.into() });
        self
    }

    /// Lets the batch fail when there is no such row or it has another value.
    pub fn require_equals(
        &mut self,
        table: Table,
        partition: u64,
        key: impl Into<Key>,
        value: Bytes,
    ) -> &mut Batch {
        self.preconditions.push(Precondition::Equals { table, partition, key: key.into(), value });
        self
    }

    /// Lets the batch fail when a newer epoch has written for the owner, and records this one.
    pub fn require_epoch(&mut self, service: &'static str, owner: u64, epoch: u64) -> &mut Batch {
        self.preconditions.push(Precondition::Epoch { service, owner, epoch });
        self
    }

    /// Whose log the batch belongs to, and in which epoch: service and key. `None` when no owner sends it, or one whose node is alone
    /// with its store.
    pub fn owner(&self) -> Option<(&'static str, u64, u64)> {
        self.preconditions.iter().find_map(|precondition| match precondition {
            Precondition::Epoch { service, owner, epoch } => Some((*service, *owner, *epoch)),
            _ => None,
        })
    }

    /// Whether the batch neither requires nor changes anything.
    pub fn is_empty(&self) -> bool {
        self.preconditions.is_empty() && self.writes.is_empty()
    }

    /// Adds another batch's preconditions and writes after this one's.
    pub fn merge(&mut self, other: Batch) {
        self.preconditions.extend(other.preconditions);
        self.writes.extend(other.writes);
    }

    /// The bytes of all keys and values, and 32 more for each precondition and write.
    pub fn byte_size(&self) -> usize {
        let writes: usize = self.writes.iter().map(Write::byte_size).sum();
        writes + self.preconditions.iter().map(Precondition::byte_size).sum::<usize>()
    }

    /// Checks all that can be checked without the data; backends do so before they take a batch.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] beyond [`limits`](crate::limits); [`Error::Invalid`] for a write of [`Table::Epochs`] or a
    /// key that is no snowflake where one is needed.
    pub fn check(&self) -> Result<(), Error> {
        if self.preconditions.len() + self.writes.len() > BATCH_OPS_MAX || self.byte_size() > BATCH_BYTES_MAX
        {
            return Err(Error::TooLarge);
        }
        self.preconditions.iter().try_for_each(Precondition::check)?;
        self.writes.iter().try_for_each(Write::check)
    }
}

impl Write {
    fn byte_size(&self) -> usize {
        OP_BYTES
            + match self {
                Write::Put { key, value, .. } => key.as_bytes().len() + value.len(),
                Write::Delete { key, .. } => key.as_bytes().len(),
                Write::DeleteRange { from, to, .. } => bound_bytes(from) + bound_bytes(to),
            }
    }

    /// Checks this write as [`Batch::check`] does.
    ///
    /// # Errors
    ///
    /// As [`Batch::check`].
    pub fn check(&self) -> Result<(), Error> {
        let table = match self {
            Write::Put { table, key, value, .. } => {
                if key.as_bytes().len() > KEY_BYTES_MAX || value.len() > VALUE_BYTES_MAX {
                    return Err(Error::TooLarge);
                }
                if table.is_snowflake_keyed() && key.to_id().is_none_or(|id| id > i64::MAX as u64) {
                    return Err(Error::Invalid("the key is not a snowflake below 2^63"));
                }
                table
            }
            Write::Delete { table, key, .. } => {
                if key.as_bytes().len() > KEY_BYTES_MAX {
                    return Err(Error::TooLarge);
                }
                table
            }
            Write::DeleteRange { table, from, to, .. } => {
                if bound_bytes(from).max(bound_bytes(to)) > KEY_BYTES_MAX {
                    return Err(Error::TooLarge);
                }
                table
            }
        };
        if *table == Table::Epochs {
            return Err(Error::Invalid("epochs are written by preconditions only"));
        }
        Ok(())
    }
}

impl Precondition {
    fn byte_size(&self) -> usize {
        OP_BYTES
            + match self {
                Precondition::Absent { key, .. } | Precondition::Present { key, .. } => key.as_bytes().len(),
                Precondition::Equals { key, value, .. } => key.as_bytes().len() + value.len(),
                Precondition::Epoch { .. } => 0,
            }
    }

    fn check(&self) -> Result<(), Error> {
        match self {
            Precondition::Absent { key, .. }
            | Precondition::Present { key, .. }
            | Precondition::Equals { key, .. }
                if key.as_bytes().len() > KEY_BYTES_MAX =>
            {
                Err(Error::TooLarge)
            }
            _ => Ok(()),
        }
    }
}

fn bound_bytes(bound: &Bound<Key>) -> usize {
    match bound {
        Bound::Included(key) | Bound::Excluded(key) => key.as_bytes().len(),
        Bound::Unbounded => 0,
    }
}

/// Shows the value's length only: values are content of users.
impl fmt::Debug for Write {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Write::Put { table, partition, key, value } => {
                write!(f, "Put({}/{partition}/{key:?}, {} bytes)", table.name(), value.len())
            }
            Write::Delete { table, partition, key } => {
                write!(f, "Delete({}/{partition}/{key:?})", table.name())
            }
            Write::DeleteRange { table, partition, from, to } => {
                write!(f, "DeleteRange({}/{partition}/{from:?}..{to:?})", table.name())
            }
        }
    }
}

/// Shows the value's length only: values are content of users.
impl fmt::Debug for Precondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Precondition::Absent { table, partition, key } => {
                write!(f, "Absent({}/{partition}/{key:?})", table.name())
            }
            Precondition::Present { table, partition, key } => {
                write!(f, "Present({}/{partition}/{key:?})", table.name())
            }
            Precondition::Equals { table, partition, key, value } => {
                write!(f, "Equals({}/{partition}/{key:?}, {} bytes)", table.name(), value.len())
            }
            Precondition::Epoch { service, owner, epoch } => write!(f, "Epoch({service}/{owner}, {epoch})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_never_shows_a_value() {
        let mut batch = Batch::new();
        batch.put(Table::Messages, 1, 2, Bytes::from_static(b"secret"));
        batch.require_equals(Table::Messages, 1, 2, Bytes::from_static(b"secret"));
        let text = format!("{batch:?}");
        assert!(!text.contains("secret") && text.contains("6 bytes"), "{text}");
    }

    #[test]
    fn size_counts_keys_values_and_operations() {
        let mut batch = Batch::new();
        assert!(batch.is_empty() && batch.byte_size() == 0);
        batch.put(Table::Users, 1, 2, Bytes::from_static(&[0; 100])).require_epoch("guild", 1, 1).delete(
            Table::Users,
            1,
            "ab",
        );
        assert_eq!(batch.byte_size(), 32 + 8 + 100 + 32 + 32 + 2);
        let mut other = Batch::new();
        other.merge(batch.clone());
        assert_eq!(other, batch);
    }

    #[test]
    fn check_refuses_what_no_store_takes() {
        let check = |build: &dyn Fn(&mut Batch)| {
            let mut batch = Batch::new();
            build(&mut batch);
            batch.check()
        };
        let large = Bytes::from(vec![0; VALUE_BYTES_MAX + 1]);
        let long = Key::bytes(&[0; KEY_BYTES_MAX + 1]);
        assert!(matches!(
            check(&|b| {
                b.put(Table::Users, 1, 1, large.clone());
            }),
            Err(Error::TooLarge)
        ));
        assert!(matches!(
            check(&|b| {
                b.delete(Table::Users, 1, &long);
            }),
            Err(Error::TooLarge)
        ));
        assert!(matches!(
            check(&|b| {
                b.require_absent(Table::Users, 1, &long);
            }),
            Err(Error::TooLarge)
        ));
        assert!(matches!(
            check(&|b| {
                b.delete_partition(Table::Epochs, 1);
            }),
            Err(Error::Invalid(_))
        ));
        assert!(matches!(
            check(&|b| {
                b.put(Table::Messages, 1, "x", Bytes::new());
            }),
            Err(Error::Invalid(_))
        ));
        assert!(matches!(
            check(&|b| {
                b.put(Table::Messages, 1, 1 << 63, Bytes::new());
            }),
            Err(Error::Invalid(_))
        ));
        let full = check(&|b| {
            (0..=BATCH_OPS_MAX as u64).for_each(|id| {
                b.delete(Table::Users, id, 1);
            })
        });
        assert!(matches!(full, Err(Error::TooLarge)));
    }
}

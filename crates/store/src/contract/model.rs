//! The laws that sum up the others: random batches and reads have the same outcome as in [`Memory`].

use super::*;
use crate::{Bound, Error, Order, memory::Memory};
use std::sync::Arc;

/// A small generator of numbers (xorshift64*), so that a run can be repeated from its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % end
    }

    fn table(&mut self) -> Table {
        [Table::Members, Table::Messages, Table::Invites][self.below(3) as usize]
    }

    /// Few distinct keys, so that they meet. A snowflake stays in its partition.
    fn key(&mut self, table: Table, partition: u64) -> Key {
        match (table, self.below(3)) {
            (Table::Messages, _) => Key::id(self.below(30) * 4 + partition),
            (_, 0) => Key::id(self.below(10)),
            (_, 1) => Key::text(&"ab".repeat(self.below(15) as usize)),
            _ => Key::bytes(&[0xff; 3][..self.below(4) as usize]),
        }
    }

    fn bound(&mut self, table: Table, partition: u64) -> Bound<Key> {
        let key = self.key(table, partition);
        match self.below(3) {
            0 => Bound::Included(key),
            1 => Bound::Excluded(key),
            _ => Bound::Unbounded,
        }
    }

    /// A batch whose rows are where `at` says.
    fn batch(&mut self, at: impl Fn(&mut Random) -> (Table, u64)) -> Batch {
        let mut batch = Batch::new();
        for _ in 0..self.below(3) {
            let (table, partition) = at(self);
            let key = self.key(table, partition);
            match self.below(4) {
                0 | 1 => batch.require_absent(table, partition, key),
                2 => batch.require_present(table, partition, key),
                _ => batch.require_equals(table, partition, key, self.value()),
            };
        }
        for _ in 0..self.below(6) {
            let (table, partition) = at(self);
            match self.below(10) {
                0 => batch.delete_range(
                    table,
                    partition,
                    self.bound(table, partition),
                    self.bound(table, partition),
                ),
                1 | 2 => batch.delete(table, partition, self.key(table, partition)),
                _ => batch.put(table, partition, self.key(table, partition), self.value()),
            };
        }
        batch
    }

    /// A batch of one partition.
    fn batch_of_one_partition(&mut self) -> Batch {
        let place = self.place();
        self.batch(|_| place)
    }

    /// A batch of an owner, over any partitions.
    fn batch_of(&mut self, owner: u64) -> Batch {
        let epoch = self.below(20);
        let mut batch = self.batch(Random::place);
        batch.require_epoch("guild", owner, epoch);
        batch
    }

    fn place(&mut self) -> (Table, u64) {
        (self.table(), self.below(4))
    }

    fn value(&mut self) -> Bytes {
        Bytes::from(vec![self.below(4) as u8; self.below(3) as usize])
    }
}

/// A result in a form that can be compared.
fn outcome(result: Result<(), Error>) -> String {
    result.map_or_else(|error| format!("{error:?}"), |()| "done".to_owned())
}

/// Each batch is waited for: between batches without an owner the store keeps no order.
pub(super) async fn one_partition_behaves_as_an_ordered_map(subject: &mut impl Subject) {
    behaves_as_an_ordered_map(subject, |random| vec![random.batch_of_one_partition()]).await;
}

/// Several batches of one owner are under way at a time.
pub(super) async fn an_owner_sees_its_batches_in_order(subject: &mut impl Subject) {
    let batches = |random: &mut Random| {
        let owner = random.below(3);
        (0..random.below(4)).map(|_| random.batch_of(owner)).collect()
    };
    behaves_as_an_ordered_map(subject, batches).await;
}

async fn behaves_as_an_ordered_map(
    subject: &mut impl Subject,
    make_batches: impl Fn(&mut Random) -> Vec<Batch>,
) {
    let model: StoreRef = Arc::new(Memory::new());
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for round in 0..4 {
        let store = subject.store();
        for step in 0..150 {
            let batches = make_batches(&mut random);
            let pending: Vec<_> = batches.iter().map(|batch| store.submit(batch.clone())).collect();
            for (batch, pending) in batches.into_iter().zip(pending) {
                let described = format!("round {round}, step {step}: {batch:?}");
                assert_eq!(outcome(pending.await), outcome(model.commit(batch).await), "{described}");
            }
            let (table, partition) = (random.table(), random.below(4));
            let (from, to) = (random.bound(table, partition), random.bound(table, partition));
            let order = if random.below(2) == 0 { Order::Ascending } else { Order::Descending };
            let range = Range { from, to, order, limit: random.below(20) as usize };
            let rows = scan(&store, table, partition, range.clone()).await;
            assert_eq!(
                rows,
                scan(&model, table, partition, range.clone()).await,
                "{table:?} {partition} {range:?}"
            );
            let key = random.key(table, partition);
            assert_eq!(get(&store, table, partition, &key).await, get(&model, table, partition, &key).await);
        }
        store.close().await;
        drop(store);
        subject.reopen().await;
    }
    let store = subject.store();
    for table in [Table::Members, Table::Messages, Table::Invites, Table::Epochs] {
        for partition in 0..4 {
            let rows = scan(&store, table, partition, Range::all(1_000)).await;
            assert_eq!(
                rows,
                scan(&model, table, partition, Range::all(1_000)).await,
                "{table:?} {partition}"
            );
        }
    }
}

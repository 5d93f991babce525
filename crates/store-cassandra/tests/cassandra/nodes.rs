//! Several nodes on one ring, of which some die.

use super::*;
use bytes::Bytes;
use consort_store::{Batch, Error, Key, Range, Scan, Store as _, StoreExt as _, Table};
use futures_util::future::join_all;

/// Tables that the batches of one owner write together: plain ones, one that is split, and one that others write, too.
const TABLES: [Table; 4] = [Table::Guilds, Table::Messages, Table::Outbox, Table::Erasures];

fn number(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes())
}

/// A batch of a guild that writes one number into several tables, and a row of its own.
fn everywhere(epoch: u64, count: u64) -> Batch {
    let mut batch = Batch::new();
    batch.require_epoch("guild", 7, epoch);
    for table in TABLES {
        batch.put(table, 7, 7, number(count));
    }
    batch.put(Table::Messages, 7, (count + 1) << 40, number(epoch));
    batch
}

async fn numbers(store: &Cassandra) -> Vec<Option<u64>> {
    let scan = |table| Scan { table, partition: 7, range: Range::one(7) };
    let rows = store.scan_many(TABLES.map(scan).into()).await.unwrap();
    let number = |row: &consort_store::Row| u64::from_be_bytes(row.value[..].try_into().unwrap());
    rows.iter().map(|rows| rows.first().map(number)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_was_replaced_writes_nothing_any_more() {
    let (ring, other, namespace) = (ring().await, ring().await, namespace());
    let (old, new) = (Cassandra::open(ring, namespace), Cassandra::open(other, namespace));
    old.commit(everywhere(3, 1)).await.unwrap();
    let mut takes_over = Batch::new();
    takes_over.require_epoch("guild", 7, 4);
    new.commit(takes_over).await.unwrap();
    let late = old.commit(everywhere(3, 2)).await;
    assert!(matches!(late, Err(Error::StaleEpoch { epoch: 3, stored: 4, .. })), "{late:?}");
    assert_eq!(numbers(&new).await, [Some(1); 4]);
    new.commit(everywhere(4, 3)).await.unwrap();
    assert_eq!(numbers(&old).await, [Some(3); 4], "and reads what the next one writes");
}

/// Kills an owner in the middle of what it does, again and again: what it was told is done is there, no batch is in some
/// tables only, and none arrives after its successor has begun.
#[test]
fn an_owner_that_dies_leaves_nothing_half_done() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let namespace = namespace();
    let survivor = runtime();
    let store = survivor.block_on(async { Cassandra::open(ring().await, namespace) });
    let mut count = 0;
    for epoch in 1..=12u64 {
        let dying = runtime();
        let acknowledged = dying.block_on(async {
            let store = Cassandra::open(ring().await, namespace);
            store.commit(everywhere(epoch, count)).await.unwrap();
            let pending: Vec<_> =
                (1..=60).map(|step| store.submit(everywhere(epoch, count + step))).collect();
            // Some are done when it dies, one group is under way, others wait.
            let (mut pending, wanted) = (pending.into_iter(), (epoch % 4) as usize);
            let done = join_all(pending.by_ref().take(wanted)).await;
            assert!(done.iter().all(Result::is_ok));
            tokio::task::yield_now().await;
            count + wanted as u64
        });
        dying.shutdown_background();
        survivor.block_on(async {
            let mut takes_over = Batch::new();
            takes_over.require_epoch("guild", 7, epoch + 1);
            store.commit(takes_over).await.unwrap();
            let found = numbers(&store).await;
            let last = found[0].expect("the first batch was acknowledged");
            assert!(last >= acknowledged, "epoch {epoch}: {acknowledged} was acknowledged, {last} is there");
            assert_eq!(found, [Some(last); 4], "epoch {epoch}");
            let rows = store.scan(Table::Messages, 7, Range::newest(1)).await.unwrap();
            assert_eq!(rows[0].key, Key::id((last + 1) << 40), "epoch {epoch}");
            count = last + 100;
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rivals_on_several_nodes_win_one_at_a_time() {
    let namespace = namespace();
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(Cassandra::open(ring().await, namespace));
    }
    for table in [Table::Meta, Table::Notes] {
        let mut first = Batch::new();
        first.put_row(table, 1, "count", &0u64);
        nodes[0].commit(first).await.unwrap();
        let count_up = async |node: &Cassandra| {
            let mut won = 0;
            while won < 5 {
                let count: u64 = node.get_row(table, 1, "count").await.unwrap().unwrap();
                let mut batch = Batch::new();
                batch.require_equals(table, 1, "count", consort_store::row::encode(&count));
                batch.put_row(table, 1, "count", &(count + 1));
                match node.commit(batch).await {
                    Ok(()) => won += 1,
                    Err(Error::Conflict { index: 0 }) => {}
                    Err(error) => panic!("{error:?}"),
                }
            }
        };
        join_all(nodes.iter().map(count_up)).await;
        let count: Option<u64> = nodes[1].get_row(table, 1, "count").await.unwrap();
        assert_eq!(count, Some(15), "{table:?}");
    }
}

/// Many read the same row while it is written: each sees what was acknowledged before it asked.
#[tokio::test(flavor = "multi_thread")]
async fn no_reader_gets_an_answer_older_than_its_question() {
    let store = Arc::new(Cassandra::open(ring().await, namespace()));
    for count in 0..30u64 {
        let mut batch = Batch::new();
        batch.put_row(Table::Channels, 1, 1, &count);
        store.commit(batch).await.unwrap();
        let read = |_| {
            let store = store.clone();
            // Nobody waits for these: their reads are under way when the next round asks.
            tokio::spawn(async move { store.get_row::<u64>(Table::Channels, 1, 1).await.unwrap() })
        };
        let readers: Vec<_> = (0..20).map(read).collect();
        let found: Option<u64> = store.get_row(Table::Channels, 1, 1).await.unwrap();
        assert_eq!(found, Some(count));
        for reader in readers.into_iter().take(10) {
            assert_eq!(reader.await.unwrap(), Some(count));
        }
    }
}

/// Owners and others write while a node of the ring is killed: nobody is told of it, and what was acknowledged is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_of_the_ring_that_is_killed_is_not_noticed() {
    let Ok(victim) = std::env::var("CONSORT_CASSANDRA_VICTIM") else { return };
    let store = Arc::new(Cassandra::open(ring().await, namespace()));
    let write = |owner: u64| {
        let store = store.clone();
        tokio::spawn(async move {
            for count in 0..60u64 {
                let mut batch = Batch::new();
                if !owner.is_multiple_of(3) {
                    batch.require_epoch("guild", owner, 1);
                }
                batch.put(Table::Messages, owner, (owner << 50) + count, number(count));
                batch.put(Table::Channels, owner, 1, number(count));
                store.commit(batch).await.unwrap_or_else(|error| panic!("{owner} {count}: {error:?}"));
            }
        })
    };
    let writers: Vec<_> = (1..=6).map(write).collect();
    while get_number(&store, 1).await < 10 {}
    let killed = std::process::Command::new("kill").args(["-KILL", &victim]).status().unwrap();
    assert!(killed.success());
    for writer in writers {
        writer.await.unwrap();
    }
    for owner in 1..=6 {
        assert_eq!(store.scan(Table::Messages, owner, Range::all(100)).await.unwrap().len(), 60);
        assert_eq!(get_number(&store, owner).await, 59);
    }
}

async fn get_number(store: &Cassandra, owner: u64) -> u64 {
    let value = store.get(Table::Channels, owner, Key::id(1)).await.unwrap();
    value.map_or(0, |value| u64::from_be_bytes(value[..].try_into().unwrap()))
}

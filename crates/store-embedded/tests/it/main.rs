//! The embedded store as its users see it.

mod bulk;
mod contract;
mod crash;
mod damage;
mod group_commit;
mod layout;
mod opening;

use consort_store::{Batch, Error, Key, Range, Row, Store, StoreExt, Table};
use consort_store_embedded::{Embedded, Options};
use std::path::Path;

fn open(dir: &Path) -> Embedded {
    Embedded::open(dir, Options::default()).expect("the directory is free")
}

/// A batch that puts one user.
fn put_user(id: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put_row(Table::Users, id, Key::empty(), &id);
    batch
}

//! What an installation decides once: the key that signs, and the base of its addresses. Both are rows, so that every node
//! has the same.

use consort_runtime::random_bytes;
use consort_store::{Batch, Error, Key, StoreExt as _, StoreRef, Table};

/// Row of the key that signs addresses ([`Table::Meta`], partition 0).
const SIGNING_KEY: &str = "files/signing_key";
/// Row of the base of addresses ([`Table::Meta`], partition 0).
const BASE: &str = "files/base";

/// The key that signs addresses; made the first time anybody asks.
///
/// # Errors
/// When the store fails.
pub async fn signing_key(store: &StoreRef) -> Result<[u8; 32], Error> {
    loop {
        if let Some(key) = store.get_row::<[u8; 32]>(Table::Meta, 0, Key::text(SIGNING_KEY)).await? {
            return Ok(key);
        }
        let mut batch = Batch::new();
        batch.require_absent(Table::Meta, 0, Key::text(SIGNING_KEY));
        batch.put_row(Table::Meta, 0, Key::text(SIGNING_KEY), &random_bytes::<32>());
        match store.commit(batch).await {
            // Made now, by this node or another.
            Ok(()) | Err(Error::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
}

/// The base that [`SettledBase::settle`] noted, if it did.
///
/// # Errors
/// When the store fails.
pub async fn stored_base(store: &StoreRef) -> Result<Option<String>, Error> {
    store.get_row(Table::Meta, 0, Key::text(BASE)).await
}

/// The base of addresses when nobody has configured one: what the first person called the server that registered on it,
/// who administers it. Whatever later requests say changes nothing.
#[derive(Debug, Clone, Copy)]
pub struct SettledBase<'a>(pub &'a str);

impl SettledBase<'_> {
    /// Adds the base to the batch that makes the first account.
    pub fn settle(self, batch: &mut Batch) {
        batch.put_row(Table::Meta, 0, Key::text(BASE), self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_store::memory::Memory;
    use std::sync::Arc;

    #[tokio::test]
    async fn every_node_signs_with_one_key() {
        let store: StoreRef = Arc::new(Memory::new());
        let (one, other) = tokio::join!(signing_key(&store), signing_key(&store));
        assert_eq!(one.unwrap(), other.unwrap());
        let another: StoreRef = Arc::new(Memory::new());
        assert_ne!(signing_key(&store).await.unwrap(), signing_key(&another).await.unwrap());
    }
}

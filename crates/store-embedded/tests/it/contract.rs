use super::*;
use consort_store::{BoxFuture, StoreRef, contract};
use std::sync::Arc;
use tempfile::TempDir;

struct Subject {
    store: StoreRef,
    dir: TempDir,
}

impl Subject {
    fn new() -> Subject {
        let dir = tempfile::tempdir().unwrap();
        Subject { store: Arc::new(open(dir.path())), dir }
    }
}

impl contract::Subject for Subject {
    fn store(&self) -> StoreRef {
        self.store.clone()
    }

    fn reopen(&mut self) -> BoxFuture<'_, ()> {
        self.store = Arc::new(open(self.dir.path()));
        Box::pin(std::future::ready(()))
    }
}

#[tokio::test]
async fn passes_the_contract() {
    contract::run(Subject::new).await;
}

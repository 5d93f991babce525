//! What every implementation of [`Blobs`] must do: called by its tests.

use bytes::Bytes;

use super::{Blobs, head, put};

/// Checks an implementation that holds nothing yet.
///
/// # Panics
/// When it does not do what it must.
pub async fn check(blobs: &dyn Blobs) {
    written_whole_or_not_at_all(blobs).await;
    read_in_parts(blobs).await;
    copied(blobs).await;
    removed_with_all_beneath(blobs).await;
}

async fn content(blobs: &dyn Blobs, name: &str) -> Option<Vec<u8>> {
    let mut reader = blobs.open(name).await.expect("a blob can be opened")?;
    Some(head(&mut *reader, usize::MAX).await.expect("a blob can be read"))
}

async fn keep(blobs: &dyn Blobs, name: &str, bytes: &'static str) {
    put(blobs, name, Bytes::from_static(bytes.as_bytes())).await.expect("a blob can be written");
}

async fn written_whole_or_not_at_all(blobs: &dyn Blobs) {
    assert_eq!(content(blobs, "w/1/a").await, None, "nothing is there before it is written");
    let mut writer = blobs.create("w/1/a").await.expect("a blob can be begun");
    writer.write(Bytes::from_static(b"on")).await.expect("a blob can be written");
    assert_eq!(content(blobs, "w/1/a").await, None, "nobody sees what is not finished");
    writer.write(Bytes::from_static(b"e")).await.expect("a blob can be written");
    writer.finish().await.expect("a blob can be finished");
    assert_eq!(content(blobs, "w/1/a").await.as_deref(), Some(&b"one"[..]));
    let mut broken = blobs.create("w/1/b").await.expect("a blob can be begun");
    broken.write(Bytes::from_static(b"x")).await.expect("a blob can be written");
    drop(broken);
    assert_eq!(content(blobs, "w/1/b").await, None, "what is not finished is not there");
    keep(blobs, "w/1/a", "two").await;
    assert_eq!(content(blobs, "w/1/a").await.as_deref(), Some(&b"two"[..]), "the last one written is there");
}

async fn read_in_parts(blobs: &dyn Blobs) {
    keep(blobs, "r/1", "0123456789").await;
    let mut reader = blobs.open("r/1").await.expect("a blob can be opened").expect("it is there");
    assert_eq!(reader.size(), 10);
    let part = reader.read(4, 3).await.expect("a part can be read");
    assert!(!part.is_empty() && b"456".starts_with(&part[..]), "{part:?}");
    assert!(reader.read(10, 3).await.expect("the end can be read").is_empty());
}

async fn copied(blobs: &dyn Blobs) {
    keep(blobs, "c/1", "same").await;
    assert!(blobs.copy("c/1", "c/deep/2").await.expect("a blob can be copied"));
    assert!(!blobs.copy("c/9", "c/3").await.expect("what is not there can be asked for"));
    assert!(blobs.remove("c/1", 10).await.expect("a blob can be removed"));
    assert_eq!(content(blobs, "c/1").await, None);
    assert_eq!(content(blobs, "c/deep/2").await.as_deref(), Some(&b"same"[..]), "a copy stays");
}

async fn removed_with_all_beneath(blobs: &dyn Blobs) {
    for name in ["d/1/a", "d/1/b", "d/1/c/x", "d/10/a"] {
        keep(blobs, name, "x").await;
    }
    assert!(blobs.remove("d/7", 10).await.expect("what is not there can be removed"));
    let mut rounds = 1;
    while !blobs.remove("d/1", 1).await.expect("blobs can be removed") {
        rounds += 1;
        assert!(rounds < 10, "each round removes something");
    }
    assert!(rounds > 1, "a round removes no more than it was asked to");
    for name in ["d/1/a", "d/1/b", "d/1/c/x"] {
        assert_eq!(content(blobs, name).await, None, "{name}");
    }
    assert!(content(blobs, "d/10/a").await.is_some(), "a name that only begins alike stays");
}

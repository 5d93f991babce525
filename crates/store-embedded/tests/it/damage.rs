//! Files that were damaged after a crash: what was acknowledged never goes without a word.

use super::*;
use consort_store_embedded::Damage;
use std::{fs, path::PathBuf};
use tempfile::TempDir;

const USERS: u64 = 300;
const LOG: &str = "store.sqlite-wal";
const MARK: &str = "store.sqlite-acked";
/// Bytes of a frame: its header and a page.
const FRAME: u64 = 24 + 8_192;

/// The files that a killed process leaves after `USERS` commits, all of them in the log.
async fn crashed() -> TempDir {
    let (running, image) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(running.path());
    // Whoever reads the old state keeps the log from beginning anew.
    let old = rusqlite::Connection::open(running.path().join("store.sqlite")).unwrap();
    old.execute_batch("BEGIN; SELECT count(*) FROM users").unwrap();
    for id in 0..USERS {
        store.commit(put_user(id)).await.unwrap();
    }
    let hold = store.hold_writes();
    for name in ["store.sqlite", LOG, MARK] {
        fs::copy(running.path().join(name), image.path().join(name)).unwrap();
    }
    drop((hold, old));
    image
}

fn change(path: PathBuf, at: u64) {
    let mut bytes = fs::read(&path).unwrap();
    bytes[at as usize] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

fn damage(dir: &Path) -> Option<Damage> {
    let Err(error) = Embedded::open(dir, Options::default()) else { return None };
    let Error::Backend(source) = error else { panic!("{error:?}") };
    Some(source.downcast_ref::<Damage>().unwrap_or_else(|| panic!("{source}")).clone())
}

async fn users(store: &Embedded) -> u64 {
    let mut found = 0;
    for id in 0..USERS {
        found += u64::from(store.get(Table::Users, id, Key::empty()).await.unwrap().is_some());
    }
    found
}

#[tokio::test]
async fn any_damage_within_the_log_is_told_and_nothing_is_changed_until_it_is_accepted() {
    let image = crashed().await;
    let log = image.path().join(LOG);
    let whole = fs::read(&log).unwrap();
    let length = whole.len() as u64;
    let last = length - FRAME;
    // The header, headers of frames, pages, in the first, a middle and the last commit.
    for at in
        [0, 9, 17, 30, 32, 40, 50, 3_000, length / 2, length / 2 + 5_000, last + 4, last + 9, length - 1]
    {
        change(log.clone(), at);
        let before = fs::read(&log).unwrap();
        let found = damage(image.path()).unwrap_or_else(|| panic!("byte {at} of {length}"));
        assert!(found.at <= at && found.frames > 0, "{at}: {found:?}");
        assert!(fs::read(&log).unwrap() == before, "the log is as it was");
        assert!(found.to_string().contains("Nothing was changed"), "{found}");
        let given_up = Damage { kept: Some("the copy".to_owned()), ..found }.to_string();
        assert!(given_up.contains("the copy") && !given_up.contains("Nothing was changed"), "{given_up}");
        fs::write(&log, &whole).unwrap();
    }

    change(log.clone(), length / 2);
    let accepted = Options { accept_damage: true, ..Options::default() };
    let store = Embedded::open(image.path(), accepted).unwrap();
    let kept = users(&store).await;
    assert!(kept > 0 && kept < USERS, "{kept}");
    assert_eq!(fs::read(image.path().join("store.sqlite-wal.damaged-1")).unwrap().len() as u64, length);
    store.commit(put_user(USERS)).await.unwrap();
    store.close().await;
    assert_eq!(damage(image.path()), None, "it is told once");
}

#[tokio::test]
async fn a_log_that_is_too_short_or_lost_its_mark_is_told() {
    let image = crashed().await;
    let log = image.path().join(LOG);
    let whole = fs::read(&log).unwrap();
    fs::write(&log, &whole[..whole.len() / 2]).unwrap();
    assert!(damage(image.path()).is_some(), "the mark tells how long it was");
    // Without the mark, commits that lie behind the damage do.
    fs::remove_file(image.path().join(MARK)).unwrap();
    fs::write(&log, &whole).unwrap();
    change(log, whole.len() as u64 / 2);
    assert!(damage(image.path()).is_some());
}

#[tokio::test]
async fn a_commit_that_a_power_failure_has_torn_is_no_damage() {
    let image = crashed().await;
    let log = image.path().join(LOG);
    let whole = fs::read(&log).unwrap();
    // Frames of one more commit, of which the last was written and the first was not.
    let mut torn = whole.clone();
    let frame = &whole[whole.len() - FRAME as usize..];
    torn.extend_from_slice(&vec![0; FRAME as usize]);
    torn.extend_from_slice(frame);
    torn.extend_from_slice(&frame[..1_000]);
    fs::write(&log, torn).unwrap();
    let store = open(image.path());
    assert_eq!(users(&store).await, USERS);
}

#[tokio::test]
async fn damage_of_the_database_file_is_found_by_the_check() {
    let image = crashed().await;
    assert_eq!(Embedded::check(image.path()).unwrap(), Vec::<String>::new());
    let database = image.path().join("store.sqlite");
    let pages = fs::metadata(&database).unwrap().len() / 8_192;
    // The head of the last page that holds rows says where they lie.
    let mut bytes = fs::read(&database).unwrap();
    let page = (1..pages).rev().find(|page| matches!(bytes[(page * 8_192) as usize], 10 | 13)).unwrap();
    bytes[(page * 8_192 + 5) as usize] ^= 0x7f;
    fs::write(&database, bytes).unwrap();
    let found = Embedded::check(image.path());
    assert!(found.as_ref().map_or(true, |lines| !lines.is_empty()), "{found:?}");
}

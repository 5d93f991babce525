//! The ordered set behind member lists: integers, and the keys of members.

use consort_guild::ranked_list::{Counted, Group, Key, List};
use consort_model::UserId;

use super::world::{Random, each, resident, timed};

const SIZES: [u64; 6] = [5_000, 50_000, 250_000, 500_000, 750_000, 1_000_000];
/// Keys added in one go.
const ADDED: u64 = 1_000;
/// Additions and removals of members' keys.
const MIXED: u64 = 400_000;

/// Sets that are added to, for a time long enough to be read from the clock.
const SETS: u64 = 20;

pub fn run() {
    // First, as memory that was used and given back would blur it.
    let (bytes, build) = build(SIZES[SIZES.len() - 1]);
    println!("| keys | add at begin µs | middle µs | end µs | members: add or remove µs |");
    println!("| ---: | ---: | ---: | ---: | ---: |");
    for size in SIZES {
        let ints: Vec<u64> = (0..size).map(|n| n * 10_000).collect();
        let at = |first: u64| {
            let sets = (0..SETS).map(|_| {
                let mut set = Counted::from_sorted(&ints);
                each(ADDED, |n| assert!(set.insert(first + n).is_some()))
            });
            sets.sum::<f64>() / SETS as f64
        };
        let (begin, middle, end) = (at(15_000), at(size / 2 * 10_000 + 1), at(size * 10_000 + 1));
        println!("| {size} | {begin:.3} | {middle:.3} | {end:.3} | {:.2} |", mixed(size));
    }
    println!(
        "\nA list of a million is built from keys in no order in {build:.0} ms and takes {bytes:.0} bytes a member beside the key."
    );
}

fn key(random: &mut Random) -> Key {
    let name: String = (0..10).map(|_| char::from(b'a' + random.below(26) as u8)).collect();
    Key::new(random.below(6) as usize, &name, UserId::new(random.next() | 1))
}

/// Bytes of a list for each member beside the key, and milliseconds to build the list.
fn build(size: u64) -> (f64, f64) {
    let mut random = Random(1);
    let keys: Vec<Key> = (0..size).map(|_| key(&mut random)).collect();
    let before = resident();
    let (list, build) = timed(|| List::of(vec![Group::Online; 6], keys));
    // The keys are in `before` and gone now, and in the list once.
    let bytes = resident() as f64 - before as f64;
    drop(list);
    (bytes / size as f64, build / 1_000.0)
}

/// Microseconds of an addition or removal at a random place.
fn mixed(size: u64) -> f64 {
    let mut random = Random(1);
    let mut keys: Vec<Key> = (0..size).map(|_| key(&mut random)).collect();
    keys.sort_unstable();
    let mut set = Counted::from_sorted(&keys);
    let fresh: Vec<Key> = (0..MIXED / 2).map(|_| key(&mut random)).collect();
    let gone: Vec<usize> = (0..MIXED / 2).map(|_| random.below(size) as usize).collect();
    each(MIXED, |n| {
        let index = match n % 2 {
            0 => set.insert(fresh[n as usize / 2]),
            _ => set.remove(&keys[gone[n as usize / 2]]),
        };
        std::hint::black_box(index);
    })
}

//! `cargo xtask bench placement`: what a lookup costs, how long a new map takes, and what lookups cost meanwhile.
#![allow(clippy::print_stdout, reason = "a bench speaks on its standard output")]

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use consort_placement::{Current, Life, Map, Member, Placement};

const LOOKUPS: u64 = 2_000_000;
const REBUILDS: u32 = 20;

fn map(version: u64, nodes: u16) -> Map {
    let weight = |node: u16| if version.is_multiple_of(2) && node == 0 { 50 } else { 100 };
    let member = |node| Member {
        life: Life { node, generation: 1 },
        roles: vec!["guild".to_owned()],
        weight: weight(node),
    };
    Map { version, before: version - 1, members: (0..nodes).map(member).collect(), pins: Vec::new() }
}

/// Time of one lookup.
fn lookup(current: &Current) -> Duration {
    let start = Instant::now();
    for key in 0..LOOKUPS {
        black_box(current.owner("guild", black_box(key << 22)));
    }
    start.elapsed() / LOOKUPS as u32
}

fn main() {
    println!("nodes  lookup  new map (equal weights)  new map (a cold node)  lookup meanwhile");
    for nodes in [4, 100, 500] {
        let current = Current::new(Placement::new(map(1, nodes), |service| service));
        let alone = lookup(&current);
        let time = |versions: &mut dyn Iterator<Item = u64>| {
            let start = Instant::now();
            let rebuilds =
                versions.map(|version| drop(black_box(Placement::new(map(version, nodes), |s| s)))).count();
            start.elapsed() / rebuilds.max(1) as u32
        };
        let equal = time(&mut (0..u64::from(REBUILDS)).map(|n| 2 * n + 1));
        let cold = time(&mut (0..u64::from(REBUILDS)).map(|n| 2 * n + 2));
        let done = AtomicBool::new(false);
        let meanwhile = std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut version = 2;
                while !done.load(Ordering::Relaxed) {
                    current.follow(map(version, nodes));
                    version += 1;
                }
            });
            let meanwhile = lookup(&current);
            done.store(true, Ordering::Relaxed);
            meanwhile
        });
        println!("{nodes:>5}  {alone:>6?}  {equal:>23.1?}  {cold:>21.1?}  {meanwhile:>16?}");
    }
}

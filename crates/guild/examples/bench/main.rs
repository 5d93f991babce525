//! What a guild costs, measured on its core alone: `cargo xtask bench guild [CASE..]`, or
//! `cargo run --release -p consort-guild --example bench [CASE..]`.
//!
//! Every case is a workload of fixed size and prints a table in Markdown, as `docs/benchmarks.md` shows it.

#![allow(clippy::print_stdout, reason = "a measuring program")]

mod attach;
mod busy;
mod lists;
mod members;
mod permissions;
mod windows;
mod world;

/// The cases by name.
const CASES: [(&str, fn()); 6] = [
    ("lists", lists::run),
    ("windows", windows::run),
    ("permissions", permissions::run),
    ("members", members::run),
    ("attach", attach::run),
    ("busy", busy::run),
];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    for name in &wanted {
        assert!(CASES.iter().any(|(case, _)| case == name), "no case {name:?}: {CASES:?}");
    }
    for (name, run) in CASES {
        if wanted.is_empty() || wanted.iter().any(|case| case == name) {
            run();
            println!();
        }
    }
}

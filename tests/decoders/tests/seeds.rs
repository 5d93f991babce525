//! Every decoder is fed its seeds, and what becomes of them when bytes are changed, as the fuzz targets do for longer.

use std::path::PathBuf;

use consort_decoders::{ALL, discovery_records, mesh_calls};

/// What is made of each seed.
const CHANGED: usize = 300;
/// Bytes of what is fed at most.
const BYTES_MAX: usize = 16 << 10;

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        // xorshift64
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

/// Changes some places: other bytes, bytes less, pieces again, pieces of another seed.
fn change(seed: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    const TELLING: &[u8] =
        &[0, 1, 0x7f, 0x80, 0xff, b'"', b'{', b'[', b'-', b'0', b'9', b'.', b'\n', 0xd9, 0xdf, 0xca];
    let mut bytes = seed.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        match numbers.below(6) {
            0 => bytes.insert(at, TELLING[numbers.below(TELLING.len())]),
            1 if at < bytes.len() => bytes[at] = TELLING[numbers.below(TELLING.len())],
            2 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            3 => bytes.truncate(at),
            4 if at < bytes.len() => {
                let piece = bytes[at..(at + 1 + numbers.below(16)).min(bytes.len())].to_vec();
                (0..1 << numbers.below(8)).for_each(|_| drop(bytes.splice(at..at, piece.iter().copied())));
            }
            _ => {
                let from = numbers.below(other.len() + 1);
                let to = (from + numbers.below(64)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
        }
        bytes.truncate(BYTES_MAX);
    }
    bytes
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| std::fs::read(file).unwrap()).collect()
}

#[test]
fn seeds_of_calls_and_records_are_what_nodes_write() {
    assert!(seeds("mesh_calls").iter().all(|seed| mesh_calls::delivers(seed)));
    assert!(seeds("discovery_records").iter().all(|seed| discovery_records::passed_over(seed) == 0));
}

#[test]
fn whatever_becomes_of_the_seeds_each_decoder_reads_or_refuses() {
    for (target, feed) in ALL {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target} has no seeds");
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        for seed in &seeds {
            feed(seed);
            for _ in 0..CHANGED / seeds.len().min(10) {
                let other = &seeds[numbers.below(seeds.len())];
                let bytes = change(seed, other, &mut numbers);
                let fed = std::panic::catch_unwind(|| feed(&bytes));
                assert!(fed.is_ok(), "{target}: {}", bytes.escape_ascii());
            }
        }
    }
}

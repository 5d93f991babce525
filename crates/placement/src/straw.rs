//! Straws: each node draws one for each slot, and the shortest wins.
//!
//! A node of weight w draws -log2(u) / w with u uniform, which makes its chance to win proportional to w and independent of
//! who else draws (weighted rendezvous hashing). All of it is integers, so that every build on every machine draws the same.

/// Bits of fraction of a logarithm.
const FRACTION: u32 = 24;
/// Bits that choose an entry of the table of logarithms.
const INDEX: u32 = 10;

/// `LOG2[i]` is log2(1 + i / 1024), with [`FRACTION`] bits of fraction.
static LOG2: [u32; (1 << INDEX) + 1] = log2_table();

const fn log2_table() -> [u32; (1 << INDEX) + 1] {
    let mut table = [0; (1 << INDEX) + 1];
    let mut i = 0;
    while i <= 1 << INDEX {
        // Bit by bit: squaring a number of [1, 2) doubles its logarithm.
        let (mut x, mut log, mut bit) = ((1u128 << 62) + ((i as u128) << (62 - INDEX)), 0u32, 0);
        if x == 1 << 63 {
            table[i] = 1 << FRACTION;
            i += 1;
            continue;
        }
        while bit < FRACTION {
            x = (x * x) >> 62;
            log <<= 1;
            if x >= 1 << 63 {
                x >>= 1;
                log |= 1;
            }
            bit += 1;
        }
        table[i] = log;
        i += 1;
    }
    table
}

/// -log2(hash / 2^64), with [`FRACTION`] bits of fraction. Never falls when the hash falls.
fn minus_log2(hash: u64) -> u64 {
    let hash = hash | 1;
    let zeros = hash.leading_zeros();
    let mantissa = (hash << zeros) << 1;
    let index = (mantissa >> (64 - INDEX)) as usize;
    let between = (mantissa >> (64 - INDEX - FRACTION)) & ((1 << FRACTION) - 1);
    let (low, high) = (u64::from(LOG2[index]), u64::from(LOG2[index + 1]));
    let log = low + (((high - low) * between) >> FRACTION);
    (u64::from(zeros + 1) << FRACTION) - log
}

/// Mixes the seed of a slot with that of a node.
fn mix(slot: u64, node: u64) -> u64 {
    let mut x = slot ^ node;
    x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    x = (x ^ (x >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    x ^ (x >> 32)
}

/// By how much the straws of a weight, in hundredths and above 0, are longer than their logarithms. At most 20 bits, so that a
/// length has at most 51.
pub(crate) fn stretch(weight: u16) -> u64 {
    (1 << 20) / u64::from(weight.max(1))
}

/// What a node draws for a slot. The smallest wins; nodes of one weight are in the order of their hashes, so that they need no
/// logarithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Straw {
    length: u64,
    hash: u64,
}

impl Straw {
    /// The straw of a node with this seed; `stretch` is [`stretch`] of its weight. `None` when it is surely longer than a
    /// straw with this [`Straw::reach`], which is seen without a logarithm.
    pub(crate) fn draw(slot: u64, node: u64, stretch: u64, reach: u64) -> Option<Self> {
        let hash = mix(slot, node);
        // -log2(u) is at least 1 - u.
        let surely = !hash >> (64 - FRACTION);
        (surely <= reach).then(|| Self { length: minus_log2(hash) * stretch, hash: !hash })
    }

    /// The longest logarithm with which a straw may be shorter than this one, if no stretch is below `least_stretch`.
    pub(crate) fn reach(self, least_stretch: u64) -> u64 {
        // Logarithms are off by a few units.
        self.length / least_stretch.max(1) + 16
    }

    /// The same for nodes that all have one weight: in the same order as by [`Straw::draw`], and sooner.
    pub(crate) fn among_equals(slot: u64, node: u64) -> Self {
        Self { length: 0, hash: !mix(slot, node) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_right_and_never_out_of_order() {
        let mut before = u64::MAX;
        for step in 0..200_000u64 {
            let hash = step << 46 | 1;
            let log = minus_log2(hash);
            let exact = -((hash as f64) / 2f64.powi(64)).log2() * f64::from(1 << FRACTION);
            assert!((log as f64 - exact).abs() < 8.0, "{hash}: {log} for {exact}");
            assert!(log <= before, "{hash}");
            before = log;
        }
        assert!(minus_log2(u64::MAX) < 8 && minus_log2(0) == 64 << FRACTION);
    }

    #[test]
    fn equals_are_in_the_same_order_with_and_without_a_logarithm() {
        for slot in 0..2_000 {
            let nodes = 0..7u64;
            let seed = |node: &u64| node.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let by_straw =
                nodes.clone().min_by_key(|node| Straw::draw(slot, seed(node), stretch(60), u64::MAX));
            assert_eq!(by_straw, nodes.min_by_key(|node| Straw::among_equals(slot, seed(node))));
        }
    }
}

//! Snowflakes: 64-bit ids that sort by time of creation.
//!
//! Layout (API Reference, "Snowflakes"): 42 bits of milliseconds since [`EPOCH_MS`], 10 bits of worker (the
//! protocol's 5 of worker and 5 of process taken as one number), 12 bits of increment.

/// First second of 2015 in Unix milliseconds.
pub const EPOCH_MS: u64 = 1_420_070_400_000;

/// Makes a snowflake for use as a cursor: the smallest id of the given Unix millisecond.
pub const fn at(unix_ms: u64) -> u64 {
    unix_ms.saturating_sub(EPOCH_MS) << 22
}

//! What a store accepts at most; all are choices of ours.

/// Longest key in bytes; longer ones make [`Error::TooLarge`](crate::Error::TooLarge).
pub const KEY_BYTES_MAX: usize = 1_024;

/// Longest value in bytes (4 MiB).
pub const VALUE_BYTES_MAX: usize = 4 << 20;

/// Most writes and preconditions of one batch together.
pub const BATCH_OPS_MAX: usize = 32_768;

/// Most bytes of one batch as [`Batch::byte_size`](crate::Batch::byte_size) counts them (16 MiB).
pub const BATCH_BYTES_MAX: usize = 16 << 20;

/// Most rows a scan answers with and keys a `get_many` takes; a scan's limit is capped at this.
pub const ROWS_MAX: usize = 10_000;

/// Most intervals of one `scan_many`.
pub const SCANS_MAX: usize = 1_000;

/// Most bytes of keys and values one read answers with (64 MiB); more is [`Error::TooLarge`](crate::Error::TooLarge).
pub const READ_BYTES_MAX: usize = 64 << 20;

const _: () = assert!(KEY_BYTES_MAX + VALUE_BYTES_MAX < BATCH_BYTES_MAX, "any single row fits a batch");
const _: () = assert!(VALUE_BYTES_MAX < READ_BYTES_MAX, "any single row can be read");

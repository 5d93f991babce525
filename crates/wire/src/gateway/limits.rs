//! Limits of the gateway protocol ("Gateway", "Rate Limiting" and "Sending Events" in the vendor's documentation).

use std::time::Duration;

/// The longest payload of a bot, in bytes; more is answered by 4002.
pub const MAX_BOT_PAYLOAD_BYTES: usize = 4096;
/// The longest payload of a user client, in bytes (observed: op 37 is that long).
pub const MAX_USER_PAYLOAD_BYTES: usize = 15 * 1024;
/// Commands a connection may send within [`COMMAND_WINDOW`]; more is answered by 4008.
pub const MAX_COMMANDS: u32 = 120;
/// The window of [`MAX_COMMANDS`].
pub const COMMAND_WINDOW: Duration = Duration::from_secs(60);
/// The deepest nesting of an inbound payload; the deepest documented one (op 37) has 6 levels. Our choice.
pub const MAX_DEPTH: usize = 32;
/// The most values of an inbound payload, counting every array, object, key and scalar. Our choice: half a payload's
/// bytes, which is what the densest JSON has (`[0,0,…]`).
pub const MAX_VALUES: usize = MAX_USER_PAYLOAD_BYTES / 2;
/// `user_ids` of REQUEST_GUILD_MEMBERS ("Request Guild Members": "You may only request 100 at a time").
pub const MAX_REQUESTED_USERS: usize = 100;
/// `channel_ids` of REQUEST_LAST_MESSAGES.
pub const MAX_REQUESTED_CHANNELS: usize = 100;
/// The longest `nonce` in bytes; a longer one is left out ("Request Guild Members").
pub const MAX_NONCE_BYTES: usize = 32;
/// The values `large_threshold` is brought into ("Identify").
pub const LARGE_THRESHOLD: std::ops::RangeInclusive<u64> = 50..=250;

const _: () = assert!(MAX_BOT_PAYLOAD_BYTES < MAX_USER_PAYLOAD_BYTES);

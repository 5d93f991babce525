//! Keys in `Table::Applications`, beside the application's own row under the empty one.

use consort_model::{EmojiId, InteractionId, MessageId, UserId};
use consort_store::Key;

/// The client secret.
pub(crate) const SECRET: &str = "secret";
/// The seed of the key that signs interactions.
pub(crate) const SIGNING: &str = "signing";
/// What guilds may ask of connections.
pub(crate) const RECORDS: &str = "records";
/// First byte of the keys of what is said of people.
pub(crate) const CONNECTIONS: &[u8] = b"c";
/// First byte of the keys of how many commands were made lately.
pub(crate) const COMMANDS_MADE: &[u8] = b"d";
/// First byte of the keys of emojis.
pub(crate) const EMOJIS: &[u8] = b"e";
/// First byte of the keys of interactions.
pub(crate) const INTERACTIONS: &[u8] = b"i";
/// First byte of the keys of messages that one person sees.
pub(crate) const MESSAGES: &[u8] = b"m";

/// A key that begins with a prefix and goes on with a snowflake.
pub(crate) fn numbered(prefix: &[u8], id: u64) -> Key {
    Key::bytes(&[prefix, &id.to_be_bytes()].concat())
}

pub(crate) fn connection(user: UserId) -> Key {
    numbered(CONNECTIONS, user.get())
}

pub(crate) fn emoji(id: EmojiId) -> Key {
    numbered(EMOJIS, id.get())
}

pub(crate) fn interaction(id: InteractionId) -> Key {
    numbered(INTERACTIONS, id.get())
}

pub(crate) fn message(id: MessageId) -> Key {
    numbered(MESSAGES, id.get())
}

//! Messages to everybody in a guild that has more members than can be told one by one.
//!
//! The guild's owner keeps the newest ones of each channel in a row ([`Row`]: `Table::GuildMisc`, partition the guild, key
//! [`key`]), whatever its size. The owner of an account reads the rows of its guilds when a session begins, and counts what
//! came after what the account has read: the cost is the reader's, and none is the sender's for each member.

use consort_model::{ChannelId, MessageId, UserId};
use serde::{Deserialize, Serialize};

/// What the keys of the rows begin with.
pub const PREFIX: &[u8] = b"everyone/";
/// Messages kept for a channel; who has missed more is told of so many.
pub const KEPT_MAX: usize = 50;

/// The newest messages to everybody of a channel, the oldest first, each with its author.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row(pub Vec<(MessageId, UserId)>);

impl Row {
    /// Adds a message; the oldest goes when there are too many.
    pub fn add(&mut self, message: MessageId, author: UserId) {
        self.0.push((message, author));
        if self.0.len() > KEPT_MAX {
            self.0.remove(0);
        }
    }
}

/// The key of a channel's row.
pub fn key(channel: ChannelId) -> Vec<u8> {
    [PREFIX, &channel.get().to_be_bytes()].concat()
}

/// The channel of a key.
pub fn channel_of(key: &[u8]) -> Option<ChannelId> {
    let id = key.strip_prefix(PREFIX)?.try_into().ok()?;
    Some(ChannelId::new(u64::from_be_bytes(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_its_channel_and_the_oldest_messages_go() {
        assert_eq!(channel_of(&key(ChannelId::new(7))), Some(ChannelId::new(7)));
        assert_eq!(channel_of(b"everyone/x"), None);
        let mut row = Row::default();
        (1..=60).for_each(|id| row.add(MessageId::new(id), UserId::new(1)));
        assert_eq!((row.0.len(), row.0[0].0), (KEPT_MAX, MessageId::new(11)));
    }
}

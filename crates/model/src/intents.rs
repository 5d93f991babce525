//! Gateway intents (Gateway, List of Intents).

use bitflags::bitflags;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

bitflags! {
    /// What a bot's session wants to be told.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Intents: u64 {
        /// Guilds, channels, roles, threads.
        const GUILDS = 1 << 0;
        /// Members; privileged.
        const GUILD_MEMBERS = 1 << 1;
        /// Bans and the audit log.
        const GUILD_MODERATION = 1 << 2;
        /// Emojis, stickers, sounds.
        const GUILD_EXPRESSIONS = 1 << 3;
        /// Integrations.
        const GUILD_INTEGRATIONS = 1 << 4;
        /// Webhooks.
        const GUILD_WEBHOOKS = 1 << 5;
        /// Invites.
        const GUILD_INVITES = 1 << 6;
        /// Voice states.
        const GUILD_VOICE_STATES = 1 << 7;
        /// Presences; privileged.
        const GUILD_PRESENCES = 1 << 8;
        /// Messages in guilds.
        const GUILD_MESSAGES = 1 << 9;
        /// Reactions in guilds.
        const GUILD_MESSAGE_REACTIONS = 1 << 10;
        /// Typing in guilds.
        const GUILD_MESSAGE_TYPING = 1 << 11;
        /// Messages in private channels.
        const DIRECT_MESSAGES = 1 << 12;
        /// Reactions in private channels.
        const DIRECT_MESSAGE_REACTIONS = 1 << 13;
        /// Typing in private channels.
        const DIRECT_MESSAGE_TYPING = 1 << 14;
        /// Content of messages; privileged, gates fields and not events.
        const MESSAGE_CONTENT = 1 << 15;
        /// Scheduled events.
        const GUILD_SCHEDULED_EVENTS = 1 << 16;
        /// Rules of the automatic moderation.
        const AUTO_MODERATION_CONFIGURATION = 1 << 20;
        /// What the automatic moderation did.
        const AUTO_MODERATION_EXECUTION = 1 << 21;
        /// Votes in guilds.
        const GUILD_MESSAGE_POLLS = 1 << 24;
        /// Votes in private channels.
        const DIRECT_MESSAGE_POLLS = 1 << 25;
    }
}

impl Intents {
    /// Those an application must have switched on.
    pub const PRIVILEGED: Self =
        Self::GUILD_MEMBERS.union(Self::GUILD_PRESENCES).union(Self::MESSAGE_CONTENT);
}

impl Serialize for Intents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.bits())
    }
}

impl<'de> Deserialize<'de> for Intents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self::from_bits_truncate)
    }
}

//! What a client may say, typed.

use std::fmt;

use serde_json::Value;

use super::Opcode;

/// One payload of a client.
#[derive(Debug, Clone, PartialEq)]
pub enum Inbound {
    /// Ops 1 and 40: the last sequence number received, `None` before the first. Legal before IDENTIFY.
    Heartbeat(Option<u64>),
    /// Op 2.
    Identify(Box<Identify>),
    /// Op 3.
    PresenceUpdate(PresenceUpdate),
    /// Op 4.
    VoiceStateUpdate(VoiceStateUpdate),
    /// Op 6.
    Resume(Resume),
    /// Op 8.
    RequestGuildMembers(RequestGuildMembers),
    /// Op 13: the DM channel whose call is asked for.
    CallConnect {
        /// The DM or group DM.
        channel_id: u64,
    },
    /// Op 14.
    GuildSubscriptions(GuildSubscription),
    /// Op 18.
    StreamCreate(StreamCreate),
    /// Op 19.
    StreamDelete {
        /// The stream's key.
        stream_key: String,
    },
    /// Op 20.
    StreamWatch {
        /// The stream's key.
        stream_key: String,
    },
    /// Op 22.
    StreamSetPaused {
        /// The stream's key.
        stream_key: String,
        /// Whether it is to pause.
        paused: bool,
    },
    /// Op 28.
    RequestForumUnreads(RequestForumUnreads),
    /// Op 31: one SOUNDBOARD_SOUNDS for each guild is asked for.
    RequestSoundboardSounds {
        /// The guilds.
        guild_ids: Vec<u64>,
    },
    /// Op 34.
    RequestLastMessages {
        /// The guild of the channels.
        guild_id: u64,
        /// At most 100 channels.
        channel_ids: Vec<u64>,
    },
    /// Op 35.
    SearchRecentMembers(SearchRecentMembers),
    /// Op 36.
    RequestChannelStatuses {
        /// The guild.
        guild_id: u64,
    },
    /// Op 37: one entry for each guild.
    GuildSubscriptionsBulk(Vec<GuildSubscription>),
    /// Op 39.
    RequestChannelMemberCount {
        /// The guild.
        guild_id: u64,
        /// The channel.
        channel_id: u64,
    },
    /// Op 43.
    RequestChannelInfo {
        /// The guild.
        guild_id: u64,
        /// The fields wanted, e.g. `status`, `voice_start_time`; unknown ones are kept.
        fields: Vec<String>,
    },
    /// A known opcode that nothing answers, legacy or niche. Its payload is not looked at.
    Ignored(Opcode),
}

impl Inbound {
    /// Tells whether it may come before IDENTIFY or RESUME, or is one of these; all else is answered by 4003.
    pub const fn is_allowed_unauthenticated(&self) -> bool {
        matches!(self, Inbound::Heartbeat(_) | Inbound::Identify(_) | Inbound::Resume(_))
    }
}

/// A client's token without its `Bot ` prefix. Its `Debug` form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a token as sent, with or without `Bot ` before it.
    pub fn new(sent: &str) -> Self {
        let sent = sent.trim();
        let bare = match sent.get(..4) {
            Some(prefix) if prefix.eq_ignore_ascii_case("bot ") => sent[4..].trim_start(),
            _ => sent,
        };
        Token(bare.to_owned())
    }

    /// Returns the token itself, which must not be logged. A user's OAuth2 token keeps its `Bearer ` prefix.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Op 2: what a client says to begin a session.
#[derive(Debug, Clone, PartialEq)]
pub struct Identify {
    /// Who it is.
    pub token: Token,
    /// What it is.
    pub properties: Properties,
    /// Whether payloads may be zlib streams of their own. Means nothing when the connect URL asked for a transport.
    pub compress: bool,
    /// How many members a guild may have for GUILD_CREATE to bring the offline ones: 50 to 250.
    pub large_threshold: u16,
    /// The shard, for sharded bots.
    pub shard: Option<Shard>,
    /// The status to begin with.
    pub presence: Option<PresenceUpdate>,
    /// The intents as sent; `None` when missing, which is legal for users only.
    pub intents: Option<u64>,
    /// The capability bits of a user client, 0 when missing.
    pub capabilities: u64,
}

/// What a client says of itself; empty strings where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties {
    /// `os` or `$os`.
    pub os: String,
    /// `browser` or `$browser`.
    pub browser: String,
    /// `device` or `$device`.
    pub device: String,
}

/// A shard as the client names it, not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Counted from 0.
    pub id: u32,
    /// How many there are.
    pub count: u32,
}

impl Shard {
    /// Tells whether there can be such a shard; if not, the answer is 4010.
    pub const fn is_valid(&self) -> bool {
        self.id < self.count
    }
}

/// Op 3, and `presence` of op 2.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PresenceUpdate {
    /// Since when the client is idle, in Unix milliseconds.
    pub since: Option<u64>,
    /// The activities as sent: JSON objects, those with an empty name left out.
    pub activities: Vec<Value>,
    /// The status; online when missing or empty.
    pub status: Status,
    /// Whether the client is away from keyboard.
    pub afk: bool,
}

/// A status that a client may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Status {
    /// `online`
    #[default]
    Online,
    /// `dnd`
    DoNotDisturb,
    /// `idle`
    Idle,
    /// `invisible`: shown to others as offline.
    Invisible,
    /// `offline`
    Offline,
}

impl Status {
    /// Returns the status of this word on the wire.
    pub fn from_wire(word: &str) -> Option<Self> {
        Some(match word {
            "online" => Status::Online,
            "dnd" => Status::DoNotDisturb,
            "idle" => Status::Idle,
            "invisible" => Status::Invisible,
            "offline" => Status::Offline,
            _ => return None,
        })
    }

    /// Returns the word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Online => "online",
            Status::DoNotDisturb => "dnd",
            Status::Idle => "idle",
            Status::Invisible => "invisible",
            Status::Offline => "offline",
        }
    }
}

/// Op 4.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VoiceStateUpdate {
    /// The guild; `None` for a DM call.
    pub guild_id: Option<u64>,
    /// The channel to be in; `None` leaves.
    pub channel_id: Option<u64>,
    /// Whether the user mutes themself.
    pub self_mute: bool,
    /// Whether the user deafens themself.
    pub self_deaf: bool,
    /// Whether the user's camera is on; user clients only.
    pub self_video: bool,
    /// Bits of user clients, 0 when missing.
    pub flags: u64,
    /// The voice region wanted, the first of `preferred_regions` when there are several.
    pub preferred_region: Option<String>,
}

/// Op 6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// Who it is.
    pub token: Token,
    /// The session to take up.
    pub session_id: String,
    /// The last sequence number that the client has; 0 when it sends null.
    pub seq: u64,
}

/// Op 8.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestGuildMembers {
    /// The guilds; a bot names one.
    pub guild_ids: Vec<u64>,
    /// What names begin with; empty is everybody.
    pub query: Option<String>,
    /// The most members wanted; 0 is all.
    pub limit: u32,
    /// The members wanted, at most 100.
    pub user_ids: Option<Vec<u64>>,
    /// Whether presences are wanted.
    pub presences: bool,
    /// What the answers carry back, at most 32 bytes.
    pub nonce: Option<String>,
}

/// Op 14, and one guild of op 37. What is `None` stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GuildSubscription {
    /// The guild.
    pub guild_id: u64,
    /// Whether typing events are wanted.
    pub typing: Option<bool>,
    /// Whether activities of members are wanted.
    pub activities: Option<bool>,
    /// Whether thread events are wanted.
    pub threads: Option<bool>,
    /// Whether member updates are wanted.
    pub member_updates: Option<bool>,
    /// Members whose presence is wanted.
    pub members: Option<Vec<u64>>,
    /// The windows of each channel's member list.
    pub channels: Option<Vec<(u64, Vec<MemberRange>)>>,
    /// Threads whose member lists are wanted.
    pub thread_member_lists: Option<Vec<u64>>,
}

/// A window of a member list, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberRange {
    /// The first index.
    pub first: u32,
    /// The last index, not less than the first.
    pub last: u32,
}

/// Op 18.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamCreate {
    /// Where it runs.
    pub kind: StreamKind,
    /// The guild, for a guild's stream.
    pub guild_id: Option<u64>,
    /// The voice channel or DM.
    pub channel_id: u64,
    /// The voice region wanted.
    pub preferred_region: Option<String>,
}

/// Where a stream runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    /// In a guild's voice channel.
    Guild,
    /// In a DM call.
    Call,
}

/// Op 28.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestForumUnreads {
    /// The guild.
    pub guild_id: u64,
    /// The forum channel.
    pub channel_id: u64,
    /// Each thread and the last message acknowledged in it.
    pub threads: Vec<(u64, Option<u64>)>,
}

/// Op 35.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchRecentMembers {
    /// The guild.
    pub guild_id: u64,
    /// What names begin with.
    pub query: String,
    /// Where the last answer ended.
    pub continuation_token: Option<String>,
    /// What the answers carry back, at most 32 bytes.
    pub nonce: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_lose_their_prefix_and_are_not_shown() {
        assert_eq!(Token::new("Bot abc.def").expose(), "abc.def");
        assert_eq!(Token::new("bot  abc").expose(), "abc");
        assert_eq!(Token::new("abc").expose(), "abc");
        assert_eq!(Token::new("Bearer abc").expose(), "Bearer abc");
        assert_eq!(Token::new("Bot").expose(), "Bot");
        assert_eq!(Token::new("日本語").expose(), "日本語");
        assert_eq!(format!("{:?}", Token::new("secret")), "Token(..)");
    }

    #[test]
    fn statuses_come_back() {
        for word in ["online", "dnd", "idle", "invisible", "offline"] {
            assert_eq!(Status::from_wire(word).map(Status::as_str), Some(word));
        }
        assert_eq!(Status::from_wire("away"), None);
    }
}

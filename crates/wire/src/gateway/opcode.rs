//! Gateway opcodes.
//!
//! From the vendor's "Opcodes and Status Codes" page; those that only user clients send are as observed by the
//! userdoccers project ("Opcodes and Close Codes").

/// What a gateway payload is: its `op`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// An event; the only opcode with `s` and `t`. Server only.
    Dispatch = 0,
    /// Keeps the connection alive; the server may ask for one with it.
    Heartbeat = 1,
    /// Begins a session.
    Identify = 2,
    /// Sets the session's status and activities.
    PresenceUpdate = 3,
    /// Joins, moves between or leaves voice channels; sets self mute and deaf.
    VoiceStateUpdate = 4,
    /// Legacy; accepted and ignored.
    VoiceServerPing = 5,
    /// Takes up a session where the last connection left it.
    Resume = 6,
    /// Tells the client to reconnect and resume. Server only.
    Reconnect = 7,
    /// Asks for members of a guild.
    RequestGuildMembers = 8,
    /// Tells that the session cannot be used; `d` says whether it can be resumed. Server only.
    InvalidSession = 9,
    /// The first frame of a connection: the heartbeat interval. Server only.
    Hello = 10,
    /// Answers a heartbeat. Server only.
    HeartbeatAck = 11,
    /// Dead; replaced by 14 and 37.
    GuildSync = 12,
    /// Asks whether a call runs in a DM.
    CallConnect = 13,
    /// Subscribes to parts of one guild (lazy guild request).
    GuildSubscriptions = 14,
    /// Dead.
    LobbyConnect = 15,
    /// Dead.
    LobbyDisconnect = 16,
    /// Lobbies; accepted and ignored.
    LobbyVoiceStates = 17,
    /// Starts a stream (Go Live).
    StreamCreate = 18,
    /// Ends a stream.
    StreamDelete = 19,
    /// Watches a stream.
    StreamWatch = 20,
    /// Accepted and ignored.
    StreamPing = 21,
    /// Pauses or resumes a stream.
    StreamSetPaused = 22,
    /// Dead.
    LfgSubscriptions = 23,
    /// Dead; a REST index replaced it.
    RequestGuildApplicationCommands = 24,
    /// Dead.
    EmbeddedActivityCreate = 25,
    /// Dead.
    EmbeddedActivityDelete = 26,
    /// Dead.
    EmbeddedActivityUpdate = 27,
    /// Asks for unread counts of forum posts.
    RequestForumUnreads = 28,
    /// Hand-off from a console; accepted and ignored.
    RemoteCommand = 29,
    /// Asks which cached entities are gone; accepted and ignored.
    RequestDeletedEntityIds = 30,
    /// Asks for the soundboard sounds of guilds.
    RequestSoundboardSounds = 31,
    /// Accepted and ignored.
    SpeedTestCreate = 32,
    /// Accepted and ignored.
    SpeedTestDelete = 33,
    /// Asks for the last messages of channels.
    RequestLastMessages = 34,
    /// Asks for members who were lately active.
    SearchRecentMembers = 35,
    /// Asks for the voice channel statuses of a guild.
    RequestChannelStatuses = 36,
    /// Subscribes to parts of several guilds.
    GuildSubscriptionsBulk = 37,
    /// Asks for hidden channels again; accepted and ignored.
    GuildChannelsResync = 38,
    /// Asks how many members may see a channel.
    RequestChannelMemberCount = 39,
    /// A heartbeat with quality-of-service figures.
    QosHeartbeat = 40,
    /// Accepted and ignored.
    UpdateTimeSpentSessionId = 41,
    /// Lobbies; accepted and ignored.
    LobbyVoiceServerPing = 42,
    /// Asks for fields of a guild's channels.
    RequestChannelInfo = 43,
}

impl Opcode {
    /// Every opcode, in order; the index is the number.
    pub const ALL: [Opcode; 44] = [
        Opcode::Dispatch,
        Opcode::Heartbeat,
        Opcode::Identify,
        Opcode::PresenceUpdate,
        Opcode::VoiceStateUpdate,
        Opcode::VoiceServerPing,
        Opcode::Resume,
        Opcode::Reconnect,
        Opcode::RequestGuildMembers,
        Opcode::InvalidSession,
        Opcode::Hello,
        Opcode::HeartbeatAck,
        Opcode::GuildSync,
        Opcode::CallConnect,
        Opcode::GuildSubscriptions,
        Opcode::LobbyConnect,
        Opcode::LobbyDisconnect,
        Opcode::LobbyVoiceStates,
        Opcode::StreamCreate,
        Opcode::StreamDelete,
        Opcode::StreamWatch,
        Opcode::StreamPing,
        Opcode::StreamSetPaused,
        Opcode::LfgSubscriptions,
        Opcode::RequestGuildApplicationCommands,
        Opcode::EmbeddedActivityCreate,
        Opcode::EmbeddedActivityDelete,
        Opcode::EmbeddedActivityUpdate,
        Opcode::RequestForumUnreads,
        Opcode::RemoteCommand,
        Opcode::RequestDeletedEntityIds,
        Opcode::RequestSoundboardSounds,
        Opcode::SpeedTestCreate,
        Opcode::SpeedTestDelete,
        Opcode::RequestLastMessages,
        Opcode::SearchRecentMembers,
        Opcode::RequestChannelStatuses,
        Opcode::GuildSubscriptionsBulk,
        Opcode::GuildChannelsResync,
        Opcode::RequestChannelMemberCount,
        Opcode::QosHeartbeat,
        Opcode::UpdateTimeSpentSessionId,
        Opcode::LobbyVoiceServerPing,
        Opcode::RequestChannelInfo,
    ];

    /// Returns the opcode of this number, or `None` for one that nobody knows.
    pub fn from_number(number: u64) -> Option<Self> {
        usize::try_from(number).ok().and_then(|n| Self::ALL.get(n).copied())
    }

    /// Returns the number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Tells whether it is taken from a client but nothing answers it: dead, or of products that this is not.
    pub const fn is_ignored(self) -> bool {
        matches!(
            self,
            Opcode::VoiceServerPing
                | Opcode::GuildSync
                | Opcode::LobbyConnect
                | Opcode::LobbyDisconnect
                | Opcode::LobbyVoiceStates
                | Opcode::StreamPing
                | Opcode::LfgSubscriptions
                | Opcode::RequestGuildApplicationCommands
                | Opcode::EmbeddedActivityCreate
                | Opcode::EmbeddedActivityDelete
                | Opcode::EmbeddedActivityUpdate
                | Opcode::RemoteCommand
                | Opcode::RequestDeletedEntityIds
                | Opcode::SpeedTestCreate
                | Opcode::SpeedTestDelete
                | Opcode::GuildChannelsResync
                | Opcode::UpdateTimeSpentSessionId
                | Opcode::LobbyVoiceServerPing
        )
    }

    /// Tells whether a client may send it; the others are the server's alone.
    pub const fn is_from_client(self) -> bool {
        !matches!(
            self,
            Opcode::Dispatch
                | Opcode::Reconnect
                | Opcode::InvalidSession
                | Opcode::Hello
                | Opcode::HeartbeatAck
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_indices() {
        for (index, opcode) in Opcode::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(opcode.number()), index);
            assert_eq!(Opcode::from_number(index as u64), Some(opcode));
        }
        assert_eq!(Opcode::from_number(44), None);
        assert_eq!(Opcode::from_number(u64::MAX), None);
        assert_eq!(Opcode::RequestChannelInfo.number(), 43);
    }
}

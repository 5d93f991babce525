//! The protocol of the voice gateway (Discord's documentation, August 2026: Voice Connections; Opcodes and Status Codes).

mod inbound;
mod outbound;
pub mod sdp;

pub use inbound::{Beat, Identify, Inbound, Resume, Select, Speaking, Stream, Video, decode, decode_binary};
pub use outbound::{Frame, Message};

/// The dialect of a connection: `v` in its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u8);

impl Version {
    /// The newest that is spoken.
    pub const NEWEST: Self = Self(8);
    /// What is spoken with those who say nothing, as discordgo.
    const UNSAID: Self = Self(4);

    /// The version in the query of an address. Later ones get the newest that is known here.
    pub fn of_query(query: Option<&str>) -> Self {
        let said =
            query.into_iter().flat_map(|query| query.split('&')).find_map(|pair| pair.strip_prefix("v="));
        said.and_then(|version| version.parse().ok())
            .map_or(Self::UNSAID, |version| Self(version).min(Self::NEWEST))
    }

    /// Whether messages have numbers, by which a session that is resumed gets those it has missed.
    pub fn is_numbered(self) -> bool {
        self >= Self(8)
    }
}

/// Opcodes, by those who send them.
pub mod op {
    #![expect(missing_docs, reason = "the names are those of the documentation")]

    pub const IDENTIFY: u8 = 0;
    pub const SELECT_PROTOCOL: u8 = 1;
    pub const READY: u8 = 2;
    pub const HEARTBEAT: u8 = 3;
    pub const SESSION_DESCRIPTION: u8 = 4;
    pub const SPEAKING: u8 = 5;
    pub const HEARTBEAT_ACK: u8 = 6;
    pub const RESUME: u8 = 7;
    pub const HELLO: u8 = 8;
    pub const RESUMED: u8 = 9;
    pub const SIGNAL: u8 = 10;
    pub const CLIENTS_CONNECT: u8 = 11;
    pub const VIDEO: u8 = 12;
    pub const CLIENT_DISCONNECT: u8 = 13;
    pub const SESSION_UPDATE: u8 = 14;
    pub const MEDIA_SINK_WANTS: u8 = 15;
    pub const VOICE_BACKEND_VERSION: u8 = 16;
    pub const DAVE_PREPARE_TRANSITION: u8 = 21;
    pub const DAVE_EXECUTE_TRANSITION: u8 = 22;
    pub const DAVE_TRANSITION_READY: u8 = 23;
    pub const DAVE_PREPARE_EPOCH: u8 = 24;
    pub const DAVE_MLS_EXTERNAL_SENDER: u8 = 25;
    pub const DAVE_MLS_KEY_PACKAGE: u8 = 26;
    pub const DAVE_MLS_PROPOSALS: u8 = 27;
    pub const DAVE_MLS_COMMIT_WELCOME: u8 = 28;
    pub const DAVE_MLS_ANNOUNCE_COMMIT: u8 = 29;
    pub const DAVE_MLS_WELCOME: u8 = 30;
    pub const DAVE_MLS_INVALID_COMMIT_WELCOME: u8 = 31;
    pub const NO_ROUTE: u8 = 32;
}

/// Why a connection is closed (Opcodes and Status Codes, "Voice Close Event Codes").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum CloseCode {
    /// The server ends (RFC 6455, 7.4.1); clients try to resume.
    GoingAway = 1001,
    /// An opcode that clients do not send.
    UnknownOpcode = 4001,
    /// No JSON, or not what its opcode needs.
    DecodeError = 4002,
    /// Something else before IDENTIFY.
    NotAuthenticated = 4003,
    /// The token is nobody's.
    AuthenticationFailed = 4004,
    /// IDENTIFY or RESUME again.
    AlreadyAuthenticated = 4005,
    /// There is no such session any more; the client asks its gateway for a new server.
    SessionInvalid = 4006,
    /// No heartbeat in time, or no IDENTIFY.
    SessionTimeout = 4009,
    /// Only `udp` and `webrtc` are spoken.
    UnknownProtocol = 4012,
    /// Moved, thrown out, gone, or connected from elsewhere.
    Disconnected = 4014,
    /// Something is wrong on this side; the client begins anew.
    ServerCrashed = 4015,
    /// A mode of encryption that is not offered.
    UnknownMode = 4016,
    /// Calls are encrypted from end to end here, and the client cannot.
    EncryptionRequired = 4017,
    /// Something that makes no sense: a key package of somebody else.
    BadRequest = 4020,
    /// Too many messages.
    RateLimited = 4021,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_what_the_address_says_within_what_is_known() {
        let of = |query| Version::of_query(query).0;
        assert_eq!((of(Some("v=8")), of(Some("encoding=json&v=4")), of(Some("v=9"))), (8, 4, 8));
        assert_eq!((of(None), of(Some("v=x")), of(Some("v=3"))), (4, 4, 3));
        assert!(Version(8).is_numbered() && !Version(4).is_numbered());
    }
}

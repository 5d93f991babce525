//! Gateway close codes.
//!
//! From the vendor's "Opcodes and Status Codes" page; 4006, 4015 and 4016 as observed by the userdoccers project.

use crate::ws;

/// Why a gateway connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum CloseCode {
    /// The peer is done. From a client it ends the session.
    Normal = 1000,
    /// The peer goes away. From a client it ends the session.
    GoingAway = 1001,
    /// We do not know what went wrong.
    UnknownError = 4000,
    /// An opcode that nobody knows, or a bad payload for a known one.
    UnknownOpcode = 4001,
    /// A payload that cannot be decoded or is too large.
    DecodeError = 4002,
    /// A payload other than a heartbeat before IDENTIFY or RESUME, or a session that was invalidated.
    NotAuthenticated = 4003,
    /// The token is wrong.
    AuthenticationFailed = 4004,
    /// A second IDENTIFY or RESUME.
    AlreadyAuthenticated = 4005,
    /// The session is gone. Legacy.
    SessionNoLongerValid = 4006,
    /// A RESUME with a sequence number that was never sent.
    InvalidSeq = 4007,
    /// More commands than allowed.
    RateLimited = 4008,
    /// Heartbeats stopped.
    SessionTimedOut = 4009,
    /// A shard that cannot be.
    InvalidShard = 4010,
    /// Too many guilds for one session.
    ShardingRequired = 4011,
    /// `v` of the connect URL is not served.
    InvalidApiVersion = 4012,
    /// Intent bits that do not exist.
    InvalidIntents = 4013,
    /// Privileged intents that the application has not switched on.
    DisallowedIntents = 4014,
    /// Too many sessions of one user.
    TooManySessions = 4015,
    /// A console's connection request was cancelled.
    ConnectionRequestCanceled = 4016,
}

impl CloseCode {
    /// Every close code, in order.
    pub const ALL: [CloseCode; 19] = [
        CloseCode::Normal,
        CloseCode::GoingAway,
        CloseCode::UnknownError,
        CloseCode::UnknownOpcode,
        CloseCode::DecodeError,
        CloseCode::NotAuthenticated,
        CloseCode::AuthenticationFailed,
        CloseCode::AlreadyAuthenticated,
        CloseCode::SessionNoLongerValid,
        CloseCode::InvalidSeq,
        CloseCode::RateLimited,
        CloseCode::SessionTimedOut,
        CloseCode::InvalidShard,
        CloseCode::ShardingRequired,
        CloseCode::InvalidApiVersion,
        CloseCode::InvalidIntents,
        CloseCode::DisallowedIntents,
        CloseCode::TooManySessions,
        CloseCode::ConnectionRequestCanceled,
    ];

    /// Returns the number on the wire.
    pub const fn number(self) -> u16 {
        self as u16
    }

    /// Returns the code of this number, or `None` for a number without meaning here.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }

    /// Tells whether the client may connect again after it.
    pub const fn can_reconnect(self) -> bool {
        !matches!(
            self,
            CloseCode::AuthenticationFailed
                | CloseCode::InvalidShard
                | CloseCode::ShardingRequired
                | CloseCode::InvalidApiVersion
                | CloseCode::InvalidIntents
                | CloseCode::DisallowedIntents
                | CloseCode::TooManySessions
                | CloseCode::ConnectionRequestCanceled
        )
    }

    /// Returns the reason sent along, as the vendor words it.
    pub const fn reason(self) -> &'static str {
        match self {
            CloseCode::Normal => "",
            CloseCode::GoingAway => "Going away.",
            CloseCode::UnknownError => "Unknown error.",
            CloseCode::UnknownOpcode => "Unknown opcode.",
            CloseCode::DecodeError => "Error while decoding payload.",
            CloseCode::NotAuthenticated => "Not authenticated.",
            CloseCode::AuthenticationFailed => "Authentication failed.",
            CloseCode::AlreadyAuthenticated => "Already authenticated.",
            CloseCode::SessionNoLongerValid => "Session no longer valid.",
            CloseCode::InvalidSeq => "Invalid seq.",
            CloseCode::RateLimited => "Rate limited.",
            CloseCode::SessionTimedOut => "Session timed out.",
            CloseCode::InvalidShard => "Invalid shard.",
            CloseCode::ShardingRequired => "Sharding required.",
            CloseCode::InvalidApiVersion => "Invalid API version.",
            CloseCode::InvalidIntents => "Invalid intent(s).",
            CloseCode::DisallowedIntents => "Disallowed intent(s).",
            CloseCode::TooManySessions => "Too many sessions.",
            CloseCode::ConnectionRequestCanceled => "Connection request canceled.",
        }
    }

    /// Returns the whole close frame with this code and its reason.
    pub fn frame(self) -> Vec<u8> {
        ws::close_frame(self.number(), self.reason())
    }
}

/// Returns the close code that answers an error of the framing layer on a gateway socket: 4002 for a message that
/// is too large, the RFC's code for the rest.
pub const fn close_code_for(error: &ws::Error) -> u16 {
    match error {
        ws::Error::TooLarge { .. } => CloseCode::DecodeError.number(),
        other => other.close_code(),
    }
}

/// Tells whether a client that closes with `code` (`None`: a close frame without one) gives its session up.
/// Any other end of the connection keeps the session for a RESUME.
pub const fn ends_session(code: Option<u16>) -> bool {
    matches!(code, Some(1000 | 1001))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fatal_codes_are_those_the_vendor_documents() {
        let fatal: Vec<u16> =
            CloseCode::ALL.into_iter().filter(|c| !c.can_reconnect()).map(CloseCode::number).collect();
        assert_eq!(fatal, [4004, 4010, 4011, 4012, 4013, 4014, 4015, 4016]);
    }

    #[test]
    fn numbers_come_back() {
        for code in CloseCode::ALL {
            assert_eq!(CloseCode::from_number(code.number()), Some(code));
            assert!(ws::is_valid_close_code(code.number()));
            assert!(code.frame().len() <= 127);
        }
        assert_eq!(CloseCode::from_number(4017), None);
    }

    #[test]
    fn oversize_is_a_decode_error_here() {
        assert_eq!(close_code_for(&ws::Error::TooLarge { limit: 4096 }), 4002);
        assert_eq!(close_code_for(&ws::Error::InvalidUtf8), 1007);
        assert_eq!(close_code_for(&ws::Error::Unmasked), 1002);
    }

    #[test]
    fn only_a_clean_goodbye_ends_the_session() {
        assert!(ends_session(Some(1000)) && ends_session(Some(1001)));
        assert!(!ends_session(Some(4000)) && !ends_session(None));
    }
}

//! Calls in private channels.

use consort_model::{MessageId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::guild::voice::Flags;
use crate::relay::SessionKey;

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Gateway opcode 4 of a session that joins, or changes its flags. Events: VOICE_STATE_UPDATE to the people, CALL_CREATE before
    /// the first, VOICE_SERVER_UPDATE to the session.
    Join { session: SessionKey, session_id: String, flags: Flags },
    /// The session leaves, or has ended. Events: VOICE_STATE_UPDATE, CALL_DELETE after the last.
    Leave { session: SessionKey },
    /// Gateway opcode 13: the session is sent CALL_CREATE, if there is a call.
    Show { session: SessionKey },
    /// Answers `{ringable}`: whether the caller may call.
    Ringable,
    /// Answers nothing if there is a call in a channel of the caller, else 404 (10003).
    Confirm,
    /// Rings these of the people, or all, from within the call. Event: CALL_UPDATE.
    Ring { users: Option<Vec<UserId>> },
    /// Stops to ring these, or the caller. Event: CALL_UPDATE.
    StopRinging { users: Option<Vec<UserId>> },
    /// The call of a message is over. From the system.
    Ended { message: MessageId, participants: Vec<UserId>, at: Timestamp },
}

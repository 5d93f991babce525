//! Voice states of a guild.

use consort_model::{ChannelId, Patch, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::relay::SessionKey;

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Gateway opcode 4 of a session: join, move, change flags; `channel: None` leaves. Events: VOICE_STATE_UPDATE to the
    /// guild, VOICE_SERVER_UPDATE to the session.
    Update { session: SessionKey, session_id: String, channel: Option<ChannelId>, flags: Flags },
    /// The session that was in voice has ended.
    Gone { session: SessionKey },
    /// One voice state; `None` is the caller's. Answers it, or 10065.
    Get { user: Option<UserId> },
    /// REST change, for stage channels: suppress and request to speak. `None` is the caller.
    Modify {
        user: Option<UserId>,
        channel: Option<ChannelId>,
        suppress: Option<bool>,
        #[serde(default, skip_serializing_if = "Patch::is_absent")]
        request_to_speak: Patch<Timestamp>,
    },
}

/// What a client says of its own microphone, headphones and camera.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flags {
    pub self_mute: bool,
    pub self_deaf: bool,
    pub self_video: bool,
    pub self_stream: bool,
}

//! What clients are sent.

use consort_model::UserId;
use consort_sfu::Mode;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Version, op};

/// A message to a client, before its number.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    /// In JSON.
    Json {
        /// The opcode.
        op: u8,
        /// The rest.
        d: Value,
    },
    /// In bytes: those of end-to-end encryption.
    Binary {
        /// The opcode.
        op: u8,
        /// The rest.
        payload: Vec<u8>,
    },
}

/// A message as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A text.
    Text(String),
    /// Bytes.
    Binary(Vec<u8>),
}

impl Frame {
    /// How many bytes it has.
    pub fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }
}

impl Message {
    /// The first of a connection. `interval_ms`: how often a heartbeat is awaited.
    pub fn hello(version: Version, interval_ms: u64) -> Self {
        Self::Json { op: op::HELLO, d: json!({"v": version.0, "heartbeat_interval": interval_ms}) }
    }

    /// A session begins. The interval stands here too, since discordgo takes it from here.
    pub fn ready(ssrc: u32, (ip, port): (&str, u16), streams: &[Value], interval_ms: u64) -> Self {
        let modes = Mode::ALL.map(Mode::name);
        Self::Json {
            op: op::READY,
            d: json!({
                "ssrc": ssrc, "ip": ip, "port": port, "modes": modes, "heartbeat_interval": interval_ms,
                "streams": streams, "experiments": [],
            }),
        }
    }

    /// How packets are encrypted. The version of end-to-end encryption is always said, since discord.py needs it.
    pub fn session_description(mode: Mode, key: &[u8; 32], session: &str, dave: u16) -> Self {
        Self::Json {
            op: op::SESSION_DESCRIPTION,
            d: json!({
                "mode": mode.name(), "secret_key": key, "audio_codec": "opus", "video_codec": "H264",
                "media_session_id": session, "dave_protocol_version": dave,
            }),
        }
    }

    /// How a browser reaches this server: the lines of [`super::sdp::answer`].
    pub fn session_description_of_browser(sdp: &str, session: &str, dave: u16) -> Self {
        Self::Json {
            op: op::SESSION_DESCRIPTION,
            d: json!({
                "sdp": sdp, "audio_codec": "opus", "video_codec": "VP8", "media_session_id": session,
                "dave_protocol_version": dave,
            }),
        }
    }

    /// Answers a heartbeat.
    pub fn heartbeat_ack(d: Value) -> Self {
        Self::Json { op: op::HEARTBEAT_ACK, d }
    }

    /// Somebody speaks, or no longer.
    pub fn speaking(user: UserId, ssrc: u32, how: u8) -> Self {
        Self::Json { op: op::SPEAKING, d: json!({"user_id": user, "ssrc": ssrc, "speaking": how}) }
    }

    /// These are in the channel.
    pub fn clients_connect(users: &[UserId]) -> Self {
        Self::Json { op: op::CLIENTS_CONNECT, d: json!({"user_ids": users}) }
    }

    /// Somebody has left.
    pub fn client_disconnect(user: UserId) -> Self {
        Self::Json { op: op::CLIENT_DISCONNECT, d: json!({"user_id": user}) }
    }

    /// Which cameras and screens somebody sends.
    pub fn video(user: UserId, (audio_ssrc, video_ssrc): (u32, u32), streams: &[Value]) -> Self {
        let d = json!({
            "user_id": user, "audio_ssrc": audio_ssrc, "video_ssrc": video_ssrc, "streams": streams,
        });
        Self::Json { op: op::VIDEO, d }
    }

    /// A session goes on; what was missed follows.
    pub fn resumed() -> Self {
        Self::Json { op: op::RESUMED, d: Value::Null }
    }

    /// The versions of this server.
    pub fn versions() -> Self {
        let version = concat!("consort ", env!("CARGO_PKG_VERSION"));
        Self::Json { op: op::VOICE_BACKEND_VERSION, d: json!({"voice": version, "rtc_worker": version}) }
    }

    /// The encryption from end to end is to be of another version, once all are ready.
    pub fn prepare_transition(version: u16, transition: u16) -> Self {
        let d = json!({"protocol_version": version, "transition_id": transition});
        Self::Json { op: op::DAVE_PREPARE_TRANSITION, d }
    }

    /// A transition is made.
    pub fn execute_transition(transition: u16) -> Self {
        Self::Json { op: op::DAVE_EXECUTE_TRANSITION, d: json!({"transition_id": transition}) }
    }

    /// A new group begins, when `epoch` is 1.
    pub fn prepare_epoch(version: u16, epoch: u64) -> Self {
        Self::Json { op: op::DAVE_PREPARE_EPOCH, d: json!({"protocol_version": version, "epoch": epoch}) }
    }

    /// Whether it is [`Message::prepare_epoch`].
    pub fn begins_epoch(&self) -> bool {
        matches!(self, Self::Json { op: op::DAVE_PREPARE_EPOCH, .. })
    }

    /// Who proposes members.
    pub fn external_sender(description: &[u8]) -> Self {
        Self::Binary { op: op::DAVE_MLS_EXTERNAL_SENDER, payload: description.to_vec() }
    }

    /// Proposals, or those that are taken back.
    pub fn proposals(payload: &[u8]) -> Self {
        Self::Binary { op: op::DAVE_MLS_PROPOSALS, payload: payload.to_vec() }
    }

    /// The commit that counts, for those who are members already.
    pub fn announce_commit(transition: u16, commit: &[u8]) -> Self {
        let payload = [&transition.to_be_bytes()[..], commit].concat();
        Self::Binary { op: op::DAVE_MLS_ANNOUNCE_COMMIT, payload }
    }

    /// The way into a group, for those whom a commit adds.
    pub fn welcome(transition: u16, welcome: &[u8]) -> Self {
        let payload = [&transition.to_be_bytes()[..], welcome].concat();
        Self::Binary { op: op::DAVE_MLS_WELCOME, payload }
    }

    /// As it is sent, with a number if it has one: that stands in front of bytes.
    pub fn encode(&self, seq: Option<u16>) -> Frame {
        #[derive(Serialize)]
        struct Envelope<'a> {
            op: u8,
            d: &'a Value,
            #[serde(skip_serializing_if = "Option::is_none")]
            seq: Option<u16>,
        }
        match self {
            Self::Json { op, d } => {
                let text = serde_json::to_string(&Envelope { op: *op, d, seq });
                Frame::Text(text.unwrap_or_else(|error| unreachable!("JSON is written: {error}")))
            }
            Self::Binary { op, payload } => {
                let seq = seq.map(u16::to_be_bytes);
                Frame::Binary([seq.as_ref().map_or(&[][..], |seq| seq), &[*op], payload].concat())
            }
        }
    }
}

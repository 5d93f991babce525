//! What clients are sent.

use consort_model::UserId;
use consort_sfu::Mode;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Version, op};

/// A message to a client, before its number.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    op: u8,
    d: Value,
}

impl Message {
    /// The first of a connection. `interval_ms`: how often a heartbeat is awaited.
    pub fn hello(version: Version, interval_ms: u64) -> Self {
        Self { op: op::HELLO, d: json!({"v": version.0, "heartbeat_interval": interval_ms}) }
    }

    /// A session begins. The interval stands here too, since discordgo takes it from here.
    pub fn ready(ssrc: u32, (ip, port): (&str, u16), streams: &[Value], interval_ms: u64) -> Self {
        let modes = Mode::ALL.map(Mode::name);
        Self {
            op: op::READY,
            d: json!({
                "ssrc": ssrc, "ip": ip, "port": port, "modes": modes, "heartbeat_interval": interval_ms,
                "streams": streams, "experiments": [],
            }),
        }
    }

    /// How packets are encrypted. The version of end-to-end encryption is always said, since discord.py needs it.
    pub fn session_description(mode: Mode, key: &[u8; 32], session: &str) -> Self {
        Self {
            op: op::SESSION_DESCRIPTION,
            d: json!({
                "mode": mode.name(), "secret_key": key, "audio_codec": "opus", "video_codec": "H264",
                "media_session_id": session, "dave_protocol_version": 0,
            }),
        }
    }

    /// How a browser reaches this server: the lines of [`super::sdp::answer`].
    pub fn session_description_of_browser(sdp: &str, session: &str) -> Self {
        Self {
            op: op::SESSION_DESCRIPTION,
            d: json!({
                "sdp": sdp, "audio_codec": "opus", "video_codec": "VP8", "media_session_id": session,
                "dave_protocol_version": 0,
            }),
        }
    }

    /// Answers a heartbeat.
    pub fn heartbeat_ack(d: Value) -> Self {
        Self { op: op::HEARTBEAT_ACK, d }
    }

    /// Somebody speaks, or no longer.
    pub fn speaking(user: UserId, ssrc: u32, how: u8) -> Self {
        Self { op: op::SPEAKING, d: json!({"user_id": user, "ssrc": ssrc, "speaking": how}) }
    }

    /// These are in the channel.
    pub fn clients_connect(users: &[UserId]) -> Self {
        Self { op: op::CLIENTS_CONNECT, d: json!({"user_ids": users}) }
    }

    /// Somebody has left.
    pub fn client_disconnect(user: UserId) -> Self {
        Self { op: op::CLIENT_DISCONNECT, d: json!({"user_id": user}) }
    }

    /// Which cameras and screens somebody sends.
    pub fn video(user: UserId, (audio_ssrc, video_ssrc): (u32, u32), streams: &[Value]) -> Self {
        let d = json!({
            "user_id": user, "audio_ssrc": audio_ssrc, "video_ssrc": video_ssrc, "streams": streams,
        });
        Self { op: op::VIDEO, d }
    }

    /// A session goes on; what was missed follows.
    pub fn resumed() -> Self {
        Self { op: op::RESUMED, d: Value::Null }
    }

    /// The versions of this server.
    pub fn versions() -> Self {
        let version = concat!("consort ", env!("CARGO_PKG_VERSION"));
        Self { op: op::VOICE_BACKEND_VERSION, d: json!({"voice": version, "rtc_worker": version}) }
    }

    /// Its JSON, with a number if it has one.
    pub fn encode(&self, seq: Option<u16>) -> String {
        #[derive(Serialize)]
        struct Envelope<'a> {
            op: u8,
            d: &'a Value,
            #[serde(skip_serializing_if = "Option::is_none")]
            seq: Option<u16>,
        }
        let envelope = Envelope { op: self.op, d: &self.d, seq };
        serde_json::to_string(&envelope).unwrap_or_else(|error| unreachable!("JSON is written: {error}"))
    }
}

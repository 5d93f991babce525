//! One session of the voice gateway, which outlives its connections.

use std::net::IpAddr;

use consort_rpc::voice::{Participant, Rights};
use consort_sfu as sfu;
use serde_json::{Value, json};

use super::ConnId;
use super::log::Log;
use crate::protocol::{Frame, Identify, Message, Stream, Version};

/// Streams of video that a session has SSRCs for.
const STREAMS_MAX: usize = 4;
const _: () = assert!(1 + 2 * STREAMS_MAX == sfu::SESSION_SSRCS_MAX as usize);

/// Where a user is, and its session, if it has connected.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) participant: Participant,
    pub(super) session: Option<Session>,
}

/// How packets of a session travel.
#[derive(Debug, Clone, Copy)]
pub(super) enum Transport {
    /// As they are, encrypted so.
    Raw { mode: sfu::Mode, key: [u8; 32] },
    /// By WebRTC.
    Browser,
}

/// Cameras and screens that somebody sends.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Video {
    pub(super) ssrc: u32,
    pub(super) streams: Vec<Value>,
}

/// A session.
#[derive(Debug)]
pub(super) struct Session {
    /// Its connection now; `None` while the client is cut off.
    pub(super) conn: Option<ConnId>,
    /// Where that comes from.
    pub(super) from: IpAddr,
    pub(super) version: Version,
    /// The token that it began with: a client may be told another meanwhile, and use either to resume.
    pub(super) token: String,
    /// The SSRC of its audio. Those of its streams follow, each with one for what is sent again.
    pub(super) ssrc: u32,
    pub(super) streams: Vec<Stream>,
    pub(super) transport: Option<Transport>,
    /// What it last said of speaking; `None` until then: its SSRC is not in use.
    pub(super) speaking: Option<u8>,
    pub(super) video: Option<Video>,
    /// The newest version of encryption from end to end that it speaks.
    pub(super) dave: u16,
    pub(super) log: Log,
    /// When it was last heard of, or has lost its connection.
    pub(super) heard_ms: u64,
}

impl Session {
    pub(super) fn new(
        identify: Identify,
        ssrc: u32,
        (conn, from, version): (ConnId, IpAddr, Version),
        now_ms: u64,
    ) -> Self {
        let mut streams = identify.streams;
        streams.truncate(STREAMS_MAX);
        Self {
            conn: Some(conn),
            from,
            version,
            token: identify.token,
            ssrc,
            streams,
            transport: None,
            speaking: None,
            video: None,
            dave: identify.max_dave_protocol_version,
            log: Log::default(),
            heard_ms: now_ms,
        }
    }

    /// How many SSRCs it has.
    pub(super) fn ssrcs(&self) -> u32 {
        1 + 2 * self.streams.len() as u32
    }

    /// What READY says of its streams.
    pub(super) fn described_streams(&self) -> Vec<Value> {
        let described = self.streams.iter().zip(self.stream_ssrcs()).map(|(stream, ssrc)| {
            json!({
                "type": stream.kind, "rid": stream.rid, "quality": stream.quality, "ssrc": ssrc,
                "rtx_ssrc": ssrc + 1, "active": false,
            })
        });
        described.collect()
    }

    /// The SSRCs of its streams, each with the next for what is sent again.
    pub(super) fn stream_ssrcs(&self) -> impl Iterator<Item = u32> + use<> {
        (self.ssrc + 1..).step_by(2).take(self.streams.len())
    }

    /// Whether an SSRC is that of one of its streams.
    pub(super) fn has_stream(&self, ssrc: u64) -> bool {
        (u64::from(self.ssrc) + 1..u64::from(self.ssrc) + u64::from(self.ssrcs())).contains(&ssrc)
    }

    /// The layers of what it shows, with their quality; those that it has switched off are none.
    pub(super) fn layers(&self, video: &Video) -> Vec<(u32, u8)> {
        let active = video.streams.iter().filter(|stream| stream["active"] != false);
        let layer = |stream: &Value| {
            let ssrc = stream["ssrc"].as_u64().and_then(|ssrc| u32::try_from(ssrc).ok())?;
            let quality = stream["quality"].as_u64().unwrap_or(100).min(100) as u8;
            Some((ssrc, quality))
        };
        let mut layers: Vec<_> = active.filter_map(layer).collect();
        if layers.is_empty() {
            layers.push((video.ssrc, 100));
        }
        layers
    }

    /// A message that a client which resumes is sent again, numbered if that client knows numbers.
    pub(super) fn keep(&mut self, message: &Message) -> Frame {
        if !self.version.is_numbered() {
            return message.encode(None);
        }
        let frame = message.encode(Some(self.log.next()));
        self.log.push(frame.clone());
        frame
    }

    /// How it speaks, as others may know: not at all when it may not, and first among others only when it may be.
    pub(super) fn shown_speaking(&self, rights: Rights) -> Option<u8> {
        let allowed = match rights {
            Rights { speak: false, .. } => 0,
            Rights { priority: false, .. } => 0b011,
            Rights { .. } => 0b111,
        };
        Some(self.speaking? & allowed)
    }
}

/// The media plane's part of somebody's rights.
pub(super) fn media_rights(rights: Rights) -> sfu::Rights {
    sfu::Rights { speak: rights.speak, hear: rights.hear }
}

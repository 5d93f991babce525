//! A hub with the guild's owner, clients and a clock, all of them the test's.

use std::net::SocketAddr;

use consort_model::{GuildId, UserId};
use consort_rpc::NodeId;
use consort_rpc::relay::SessionKey;
use consort_rpc::voice::{Op, Participant, Rights};
use consort_runtime::Random;
use consort_sfu::{Command, Order};
use consort_voice::dave::{ExternalSender, Policy};
use consort_voice::protocol::{CloseCode, Frame, Version, decode};
use consort_voice::{ConnId, Hub, Limits, MediaPlane, Output};
use serde_json::{Value, json};

pub const GUILD: GuildId = GuildId::new(100);
pub const ALL: Rights = Rights { speak: true, hear: true, priority: true, video: true };

pub struct World {
    pub hub: Hub,
    pub now_ms: u64,
    /// What the hub has said to be done, and nobody has looked at.
    outputs: Vec<Output>,
}

impl World {
    pub fn new() -> Self {
        Self::with(Policy::default())
    }

    pub fn with(policy: Policy) -> Self {
        let media = MediaPlane { ip: "192.0.2.9".into(), port: 50_000, fingerprint: "sha-256 AB".into() };
        let hub = Hub::new(
            Limits::default(),
            Random::seeded(7),
            media,
            (policy, ExternalSender::generate().unwrap()),
        );
        Self { hub, now_ms: 1_000_000, outputs: Vec::new() }
    }

    pub fn participant(user: u64, channel: u64) -> Participant {
        let user = UserId::new(user);
        let session = SessionKey { node: NodeId(1), generation: 1, slice: 0, number: user.get(), user };
        Participant {
            user,
            session,
            session_id: format!("session-{user}"),
            channel: channel.into(),
            token: format!("token-{user}-{channel}"),
            rights: ALL,
        }
    }

    pub fn put(&mut self, participant: Participant) {
        self.hub.hear(GUILD, Op::Put(Box::new(participant)), self.now_ms);
    }

    pub fn remove(&mut self, user: u64) {
        self.hub.hear(GUILD, Op::Remove { user: user.into() }, self.now_ms);
    }

    pub fn connect(&mut self, version: u8) -> ConnId {
        self.hub.connect(Version(version), SocketAddr::from(([192, 0, 2, 1], 9)), self.now_ms)
    }

    pub fn say(&mut self, conn: ConnId, op: u8, d: Value) {
        self.hub.receive(conn, decode(&json!({"op": op, "d": d}).to_string()), self.now_ms);
    }

    pub fn identify(&mut self, conn: ConnId, participant: &Participant) {
        let d = json!({
            "server_id": GUILD, "user_id": participant.user, "session_id": participant.session_id, "token": participant.token,
            "streams": [{"type": "video", "rid": "100", "quality": 100}],
        });
        self.say(conn, 0, d);
    }

    pub fn resume(&mut self, conn: ConnId, participant: &Participant, seq_ack: i64) {
        let d = json!({
            "server_id": GUILD, "session_id": participant.session_id, "token": participant.token, "seq_ack": seq_ack,
        });
        self.say(conn, 7, d);
    }

    pub fn select(&mut self, conn: ConnId) {
        let data = json!({"address": "192.0.2.1", "port": 5000, "mode": "aead_aes256_gcm_rtpsize"});
        self.say(conn, 1, json!({"protocol": "udp", "data": data}));
    }

    /// A user that has connected to its channel and speaks; and its SSRC.
    pub fn join(&mut self, user: u64, channel: u64) -> (ConnId, u32) {
        let participant = Self::participant(user, channel);
        self.put(participant.clone());
        let conn = self.connect(8);
        self.identify(conn, &participant);
        self.select(conn);
        self.say(conn, 5, json!({"speaking": 1, "delay": 0, "ssrc": 0}));
        let ready = self.look().into_iter().find_map(|output| match output {
            Output::Send(to, Frame::Text(text)) if to == conn => {
                let message: Value = serde_json::from_str(&text).unwrap();
                (message["op"] == 2).then(|| message["d"]["ssrc"].as_u64().unwrap())
            }
            _ => None,
        });
        (conn, u32::try_from(ready.unwrap()).unwrap())
    }

    pub fn pass(&mut self, by_ms: u64) {
        self.now_ms += by_ms;
        self.hub.tick(self.now_ms);
    }

    /// All that is to be done since the last look of any kind.
    pub fn look(&mut self) -> Vec<Output> {
        self.gather();
        std::mem::take(&mut self.outputs)
    }

    fn gather(&mut self) {
        self.outputs.extend(self.hub.take_outputs());
    }

    /// What a connection was sent since the last look at it.
    pub fn told(&mut self, conn: ConnId) -> Vec<Value> {
        self.gather();
        let (own, others) = std::mem::take(&mut self.outputs)
            .into_iter()
            .partition(|output| matches!(output, Output::Send(to, Frame::Text(_)) if *to == conn));
        self.outputs = others;
        let own: Vec<Output> = own;
        let parse = |output: &Output| match output {
            Output::Send(_, Frame::Text(text)) => serde_json::from_str(text).unwrap(),
            _ => Value::Null,
        };
        own.iter().map(parse).collect()
    }

    /// All that a connection was sent since the last look, as it was.
    pub fn frames(&mut self, conn: ConnId) -> Vec<Frame> {
        self.gather();
        let mut frames = Vec::new();
        for output in std::mem::take(&mut self.outputs) {
            match output {
                Output::Send(to, frame) if to == conn => frames.push(frame),
                other => self.outputs.push(other),
            }
        }
        frames
    }

    /// The opcodes of that.
    pub fn ops(&mut self, conn: ConnId) -> Vec<u64> {
        self.told(conn).iter().map(|message| message["op"].as_u64().unwrap()).collect()
    }

    /// With what a connection was closed, and forgets it.
    pub fn closed(&mut self, conn: ConnId) -> Option<CloseCode> {
        self.gather();
        let found =
            self.outputs.iter().position(|output| matches!(output, Output::Close(of, _) if *of == conn));
        found.map(|at| match self.outputs.remove(at) {
            Output::Close(_, code) => code,
            _ => unreachable!(),
        })
    }

    /// What the media plane was told, and forgets it.
    pub fn media(&mut self) -> Vec<(u32, Order)> {
        self.gather();
        let (media, others) = std::mem::take(&mut self.outputs)
            .into_iter()
            .partition(|output| matches!(output, Output::Media(_)));
        self.outputs = others;
        let media: Vec<Output> = media;
        let order = |output: Output| match output {
            Output::Media(Command { ssrc, order }) => (ssrc, order),
            _ => unreachable!(),
        };
        media.into_iter().map(order).collect()
    }
}

//! A call as bots make it: the gateway, the voice gateway in TLS, and packets.

use std::sync::Arc;
use std::time::Duration;

use consort_sfu::{Mode, Sealer, discovery_request};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::world::{Socket, World, next};

const LIMIT: Duration = Duration::from_secs(10);

/// A person with its gateway session, in a guild with a voice channel.
struct Person {
    token: String,
    id: String,
    socket: Socket,
}

impl Person {
    async fn new(world: &World, name: &str) -> Self {
        let token = world.person(name).await;
        let (_, me) = world.call("GET", "/users/@me", &token, Value::Null).await;
        Self { socket: world.socket().await, token, id: me["id"].as_str().unwrap().to_owned() }
    }

    /// Connects to the gateway.
    async fn identify(&mut self) {
        let properties = json!({"os": "Linux", "browser": "Firefox", "device": ""});
        let identify =
            json!({"op": 2, "d": {"token": self.token, "properties": properties, "capabilities": 0}});
        self.socket.send(Message::text(identify.to_string())).await.unwrap();
        self.dispatch("READY").await;
    }

    async fn dispatch(&mut self, name: &str) -> Value {
        loop {
            let frame = next(&mut self.socket).await.unwrap();
            if frame["t"] == name {
                return frame["d"].clone();
            }
        }
    }

    /// Opcode 4; where to connect, and with what.
    async fn ask(&mut self, guild: &str, channel: &str) -> Place {
        let d = json!({"guild_id": guild, "channel_id": channel, "self_mute": false, "self_deaf": false});
        self.socket.send(Message::text(json!({"op": 4, "d": d}).to_string())).await.unwrap();
        self.place(guild).await
    }

    /// Opcode 4 for a call in a private channel, which stands in the place of a guild.
    async fn call(&mut self, channel: &str) -> Place {
        let d = json!({"guild_id": null, "channel_id": channel, "self_mute": false, "self_deaf": false});
        self.socket.send(Message::text(json!({"op": 4, "d": d}).to_string())).await.unwrap();
        self.place(channel).await
    }

    /// Opcode 4 that leaves voice, as the clients of people say it.
    async fn hang_up(&mut self) {
        let d = json!({"guild_id": null, "channel_id": null, "self_mute": false, "self_deaf": false});
        self.socket.send(Message::text(json!({"op": 4, "d": d}).to_string())).await.unwrap();
    }

    /// The events that say where to connect.
    async fn place(&mut self, guild: &str) -> Place {
        let state = loop {
            let state = self.dispatch("VOICE_STATE_UPDATE").await;
            if state["user_id"] == *self.id {
                break state;
            }
        };
        let server = self.dispatch("VOICE_SERVER_UPDATE").await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Place {
            guild: guild.to_owned(),
            user: self.id.clone(),
            session: text(&state["session_id"]),
            token: text(&server["token"]),
            endpoint: text(&server["endpoint"]),
        }
    }
}

/// Where to connect, and with what.
struct Place {
    guild: String,
    user: String,
    session: String,
    token: String,
    endpoint: String,
}

/// A connection to the voice gateway.
struct Voice {
    socket: WebSocketStream<TlsStream<TcpStream>>,
    seq: i64,
}

impl Voice {
    async fn connect(world: &World, place: &Place) -> Self {
        let authority = world.directory.path().join("data/tls/ca.pem");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let tcp = TcpStream::connect(&place.endpoint).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
        let url = format!("wss://{}/?v=8", place.endpoint);
        let (socket, _) = tokio_tungstenite::client_async(url, tls).await.unwrap();
        let mut voice = Self { socket, seq: -1 };
        voice.wait(8).await;
        voice
    }

    async fn say(&mut self, op: u8, d: Value) {
        self.socket.send(Message::text(json!({"op": op, "d": d}).to_string())).await.unwrap();
    }

    /// The next message of an opcode; others are passed over. Numbers have no gaps.
    async fn wait(&mut self, op: u8) -> Value {
        loop {
            let message = tokio::time::timeout(LIMIT, self.socket.next()).await.expect("no message");
            let Message::Text(text) = message.unwrap().unwrap() else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            if let Some(seq) = message["seq"].as_i64() {
                assert_eq!(seq, self.seq.max(0) + 1);
                self.seq = seq;
            }
            if message["op"] == op {
                return message["d"].clone();
            }
        }
    }

    /// The code with which the server closes.
    async fn code(&mut self) -> u16 {
        loop {
            let message = tokio::time::timeout(LIMIT, self.socket.next()).await.expect("not closed");
            if let Message::Close(frame) = message.unwrap().unwrap() {
                return frame.unwrap().code.into();
            }
        }
    }

    /// A heartbeat there and back: what was said before is done.
    async fn sync(&mut self) {
        self.say(3, json!({"t": 1, "seq_ack": self.seq})).await;
        self.wait(6).await;
    }
}

/// A bot in a call.
struct Call {
    voice: Voice,
    udp: UdpSocket,
    sealer: Sealer,
    ssrc: u32,
    sequence: u16,
}

impl Call {
    async fn join(world: &World, place: &Place, mode: Mode) -> Self {
        let mut voice = Voice::connect(world, place).await;
        let identify = json!({
            "server_id": place.guild, "user_id": place.user, "session_id": place.session, "token": place.token,
        });
        voice.say(0, identify).await;
        let ready = voice.wait(2).await;
        let ssrc = u32::try_from(ready["ssrc"].as_u64().unwrap()).unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        udp.connect(format!("{}:{}", ready["ip"].as_str().unwrap(), ready["port"])).await.unwrap();
        udp.send(&discovery_request(ssrc)).await.unwrap();
        let answer = received(&udp).await;
        let port = u16::from_be_bytes([answer[72], answer[73]]);
        assert_eq!((&answer[8..18], port), (&b"127.0.0.1\0"[..], udp.local_addr().unwrap().port()));
        let data = json!({"address": "127.0.0.1", "port": port, "mode": mode.name()});
        voice.say(1, json!({"protocol": "udp", "data": data})).await;
        let description = voice.wait(4).await;
        assert_eq!(
            (&description["mode"], &description["dave_protocol_version"]),
            (&json!(mode.name()), &json!(0))
        );
        let key: Vec<u8> = serde_json::from_value(description["secret_key"].clone()).unwrap();
        voice.say(5, json!({"speaking": 1, "delay": 0, "ssrc": ssrc})).await;
        voice.sync().await;
        Self { voice, udp, sealer: Sealer::new(mode, &key.try_into().unwrap()), ssrc, sequence: 0 }
    }

    async fn play(&mut self, opus: &[u8]) {
        self.sequence += 1;
        let mut header = vec![0x80, 120];
        header.extend_from_slice(&self.sequence.to_be_bytes());
        header.extend_from_slice(&(u32::from(self.sequence) * 960).to_be_bytes());
        header.extend_from_slice(&self.ssrc.to_be_bytes());
        self.udp.send(&self.sealer.seal(&header, opus)).await.unwrap();
    }

    /// The next packet's text, and whose SSRC it bears.
    async fn hear(&self) -> (Vec<u8>, u32) {
        let packet = received(&self.udp).await;
        let text = self.sealer.open(&packet, 12).expect("encrypted for us");
        (text, u32::from_be_bytes(packet[8..12].try_into().unwrap()))
    }

    /// Asks for our address again: an answer that comes next says that nothing else has come before it.
    async fn hears_nothing(&self) {
        self.udp.send(&discovery_request(self.ssrc)).await.unwrap();
        assert_eq!(received(&self.udp).await.len(), 74, "a packet that is not for us");
    }
}

async fn received(udp: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 2048];
    let bytes = tokio::time::timeout(LIMIT, udp.recv(&mut buffer)).await.expect("no packet").unwrap();
    buffer.truncate(bytes);
    buffer
}

/// A server, its guild and two voice channels, and two people of it.
async fn stage() -> (World, String, [String; 2], Person, Person) {
    let world = World::unlimited().await;
    let (mut ada, mut bob) = (Person::new(&world, "ada").await, Person::new(&world, "bob").await);
    let (_, guild) = world.call("POST", "/guilds", &ada.token, json!({"name": "Testers"})).await;
    let guild = guild["id"].as_str().unwrap().to_owned();
    let mut channels = Vec::new();
    for name in ["one", "two"] {
        let made = json!({"name": name, "type": 2});
        let (_, channel) = world.call("POST", &format!("/guilds/{guild}/channels"), &ada.token, made).await;
        channels.push(channel["id"].as_str().unwrap().to_owned());
    }
    let (_, all) = world.call("GET", &format!("/guilds/{guild}/channels"), &ada.token, Value::Null).await;
    let text = all.as_array().unwrap().iter().find(|channel| channel["type"] == 0).unwrap();
    let invites = format!("/channels/{}/invites", text["id"].as_str().unwrap());
    let (_, invite) = world.call("POST", &invites, &ada.token, json!({})).await;
    let path = format!("/invites/{}", invite["code"].as_str().unwrap());
    assert_eq!(world.call("POST", &path, &bob.token, json!({})).await.0, 200);
    ada.identify().await;
    bob.identify().await;
    (world, guild, channels.try_into().unwrap(), ada, bob)
}

#[tokio::test(flavor = "multi_thread")]
async fn two_in_a_channel_hear_each_other_in_both_modes() {
    let (world, guild, [channel, _], mut ada, mut bob) = stage().await;
    let (at_ada, at_bob) = (ada.ask(&guild, &channel).await, bob.ask(&guild, &channel).await);
    for (mode, other) in [
        (Mode::Aes256Gcm, Mode::Aes256Gcm),
        (Mode::XChaCha20Poly1305, Mode::XChaCha20Poly1305),
        (Mode::Aes256Gcm, Mode::XChaCha20Poly1305),
    ] {
        let mut first = Call::join(&world, &at_ada, mode).await;
        let mut second = Call::join(&world, &at_bob, other).await;
        assert_eq!(first.voice.wait(5).await["user_id"], bob.id);
        for n in 0..20u8 {
            first.play(&[0xF8, n, 1]).await;
            second.play(&[0xF8, n, 2]).await;
        }
        for n in 0..20u8 {
            assert_eq!(second.hear().await, (vec![0xF8, n, 1], first.ssrc));
            assert_eq!(first.hear().await, (vec![0xF8, n, 2], second.ssrc));
        }
    }
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_of_a_dm_call_each_other_and_the_last_who_hangs_up_ends_it() {
    let (world, _, _, mut ada, mut bob) = stage().await;
    let (_, dm) =
        world.call("POST", "/users/@me/channels", &ada.token, json!({"recipient_id": bob.id})).await;
    let dm = dm["id"].as_str().unwrap().to_owned();
    let of_call = |rest: &str| format!("/channels/{dm}/call{rest}");
    let (_, ringable) = world.call("GET", &of_call(""), &ada.token, Value::Null).await;
    assert_eq!(ringable, json!({"ringable": true}));
    let at_ada = ada.call(&dm).await;
    assert_eq!(bob.dispatch("CALL_CREATE").await["channel_id"], dm);
    assert_eq!(world.call("POST", &of_call("/ring"), &ada.token, json!({"recipients": null})).await.0, 204);
    assert_eq!(bob.dispatch("CALL_UPDATE").await["ringing"], json!([bob.id]));
    let at_bob = bob.call(&dm).await;
    let mut first = Call::join(&world, &at_ada, Mode::Aes256Gcm).await;
    let mut second = Call::join(&world, &at_bob, Mode::Aes256Gcm).await;
    first.voice.wait(5).await;
    first.play(&[0xF8, 1, 1]).await;
    assert_eq!(second.hear().await, (vec![0xF8, 1, 1], first.ssrc));
    second.play(&[0xF8, 2, 2]).await;
    assert_eq!(first.hear().await, (vec![0xF8, 2, 2], second.ssrc));
    ada.hang_up().await;
    assert_eq!(first.voice.code().await, 4014);
    bob.hang_up().await;
    assert_eq!(second.voice.code().await, 4014);
    ada.dispatch("CALL_DELETE").await;
    let ended = ada.dispatch("MESSAGE_UPDATE").await;
    assert!(ended["call"]["ended_timestamp"].is_string(), "{ended}");
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_is_mended_by_a_resume_while_packets_go_on() {
    let (world, guild, [channel, _], mut ada, mut bob) = stage().await;
    let (at_ada, at_bob) = (ada.ask(&guild, &channel).await, bob.ask(&guild, &channel).await);
    let mut first = Call::join(&world, &at_ada, Mode::Aes256Gcm).await;
    let mut second = Call::join(&world, &at_bob, Mode::Aes256Gcm).await;
    let seq = second.voice.seq;
    // Cut without a word in TLS or WebSocket.
    second.voice.socket.get_mut().get_mut().0.shutdown().await.unwrap();
    first.voice.say(5, json!({"speaking": 0})).await;
    first.voice.sync().await;
    first.play(b"while it was away").await;
    assert_eq!(second.hear().await.0, b"while it was away");
    second.voice = Voice::connect(&world, &at_bob).await;
    second.voice.seq = seq;
    let resume =
        json!({"server_id": guild, "session_id": at_bob.session, "token": at_bob.token, "seq_ack": seq});
    second.voice.say(7, resume).await;
    second.voice.wait(9).await;
    assert_eq!(second.voice.wait(5).await["speaking"], 0, "what it has missed is said again");
    second.play(b"back").await;
    assert_eq!(first.hear().await.0, b"back");
    world.node.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guild_decides_holds_for_packets_too() {
    let (world, guild, [channel, other], mut ada, mut bob) = stage().await;
    let (at_ada, at_bob) = (ada.ask(&guild, &channel).await, bob.ask(&guild, &channel).await);
    let mut first = Call::join(&world, &at_ada, Mode::Aes256Gcm).await;
    let mut second = Call::join(&world, &at_bob, Mode::Aes256Gcm).await;
    let member = format!("/guilds/{guild}/members/{}", bob.id);
    // Each change is seen at the other's voice gateway, and the media plane was told before that.
    assert_eq!(world.call("PATCH", &member, &ada.token, json!({"mute": true})).await.0, 200);
    while first.voice.wait(5).await["speaking"] != 0 {}
    second.play(b"muted").await;
    second.hears_nothing().await;
    first.hears_nothing().await;
    assert_eq!(world.call("PATCH", &member, &ada.token, json!({"mute": false})).await.0, 200);
    while first.voice.wait(5).await["speaking"] != 1 {}
    second.play(b"heard").await;
    assert_eq!(first.hear().await.0, b"heard");
    let overwrite = json!({"type": 1, "allow": "0", "deny": (1u64 << 21).to_string()});
    let path = format!("/channels/{channel}/permissions/{}", bob.id);
    assert_eq!(world.call("PUT", &path, &ada.token, overwrite).await.0, 204);
    while first.voice.wait(5).await["speaking"] != 0 {}
    second.play(b"without SPEAK").await;
    second.hears_nothing().await;
    first.hears_nothing().await;

    assert_eq!(world.call("PATCH", &member, &ada.token, json!({"channel_id": other})).await.0, 200);
    let moved = bob.place(&guild).await;
    assert_ne!(moved.token, at_bob.token);
    assert_eq!(first.voice.wait(13).await["user_id"], bob.id);
    assert_eq!(second.voice.code().await, 4014);
    let mut second = Call::join(&world, &moved, Mode::Aes256Gcm).await;
    first.play(b"in another channel").await;
    first.hears_nothing().await;
    second.hears_nothing().await;
    let leave = json!({"guild_id": guild, "channel_id": null, "self_mute": false, "self_deaf": false});
    bob.socket.send(Message::text(json!({"op": 4, "d": leave}).to_string())).await.unwrap();
    assert_eq!(second.voice.code().await, 4014);
    let mut stranger = Voice::connect(&world, &moved).await;
    let identify =
        json!({"server_id": guild, "user_id": bob.id, "session_id": moved.session, "token": moved.token});
    stranger.say(0, identify).await;
    assert_eq!(stranger.code().await, 4004, "its token is worth nothing any more");
    world.node.shutdown().await;
    assert_eq!(first.voice.code().await, 1001);
}

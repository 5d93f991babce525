//! What clients send.

use std::collections::HashMap;
use std::net::IpAddr;

use consort_model::{GuildId, UserId};
use consort_sfu::{WANTS_MAX, Wants};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Number, Value};

use super::sdp::{self, Browser};
use super::{CloseCode, op};
use crate::dave::{Commit, KeyPackage};

/// A message of a client.
#[derive(Debug, Clone, PartialEq)]
pub enum Inbound {
    /// Begins a session.
    Identify(Identify),
    /// Chooses how packets travel.
    Select(Select),
    /// Is there.
    Heartbeat(Beat),
    /// Begins or ends to speak.
    Speaking(Speaking),
    /// Goes on with a session on another connection.
    Resume(Resume),
    /// Says which cameras and screens it sends.
    Video(Video),
    /// Says what it wants to see of others.
    Wants(Wants),
    /// Asks for the versions of this server.
    Versions,
    /// Is ready for a transition of the encryption from end to end.
    TransitionReady(u16),
    /// Could not follow the group, and is about to begin anew.
    Invalid,
    /// Its key package; `None` when it is none.
    KeyPackage(Option<Box<KeyPackage>>),
    /// A commit to what was proposed; `None` when it is none.
    Commit(Option<Box<Commit>>),
    /// Known, and without a meaning here: codecs.
    Ignored,
}

/// Opcode 0.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Identify {
    /// The guild.
    pub server_id: GuildId,
    /// The account.
    pub user_id: UserId,
    /// Its gateway session.
    pub session_id: String,
    /// From VOICE_SERVER_UPDATE.
    pub token: String,
    /// The streams of video it may send.
    #[serde(default)]
    pub streams: Vec<Stream>,
    /// The newest version of encryption from end to end that it speaks.
    #[serde(default)]
    pub max_dave_protocol_version: u16,
}

/// A stream of video that a client would send.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Stream {
    /// `video` or `screen`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name among the layers of one picture.
    #[serde(default)]
    pub rid: String,
    /// 0 to 100.
    #[serde(default)]
    pub quality: u8,
}

/// Opcode 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Select {
    /// `udp`; browsers say `webrtc`.
    pub protocol: String,
    /// Where the client says that it is; `None` when that is no address.
    pub address: Option<(IpAddr, u16)>,
    /// The name of the mode of encryption.
    pub mode: String,
    /// What a browser has said of itself; `None` also when something is missing without which there is no call.
    pub browser: Option<Box<Browser>>,
}

/// Opcode 3: the nonce, and since version 8 the last number the client has.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Beat {
    /// Since version 8.
    Numbered {
        /// The nonce.
        t: Number,
        /// The last number; -1, null or absent when there was none.
        #[serde(default)]
        seq_ack: Option<i64>,
    },
    /// Before.
    Bare(Option<Number>),
}

/// Opcode 5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Speaking {
    /// How, as a mask of bits: 1 microphone, 2 sound of a screen, 4 with priority.
    pub how: u8,
    /// Under what it is sent; `None` when that is not said.
    pub ssrc: Option<u32>,
}

/// Opcode 7.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Resume {
    /// The guild.
    pub server_id: GuildId,
    /// The gateway session.
    pub session_id: String,
    /// From VOICE_SERVER_UPDATE.
    pub token: String,
    /// The last number the client has; -1 or absent when there was none.
    #[serde(default)]
    pub seq_ack: Option<i64>,
}

/// Opcode 12.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Video {
    /// The SSRC of the stream that is sent; 0 for none. Some clients leave it out when they say something else.
    #[serde(default)]
    pub video_ssrc: Option<u32>,
    /// The streams, as the client describes them.
    #[serde(default)]
    pub streams: Vec<Value>,
}

/// Opcode 23; 31 has the same, which is not needed.
#[derive(Deserialize)]
struct Transition {
    transition_id: u16,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    op: u64,
    #[serde(borrow, default)]
    d: Option<&'a RawValue>,
}

/// Reads a text message.
///
/// # Errors
/// With what the connection is closed.
pub fn decode(text: &str) -> Result<Inbound, CloseCode> {
    let envelope: Envelope<'_> = serde_json::from_str(text).map_err(|_| CloseCode::DecodeError)?;
    let d = envelope.d.map_or("null", RawValue::get);
    Ok(match u8::try_from(envelope.op).map_err(|_| CloseCode::UnknownOpcode)? {
        op::IDENTIFY => Inbound::Identify(read(d)?),
        op::SELECT_PROTOCOL => Inbound::Select(read_select(d)?),
        op::HEARTBEAT => Inbound::Heartbeat(read(d)?),
        op::SPEAKING => Inbound::Speaking(read_speaking(d)?),
        op::RESUME => Inbound::Resume(read(d)?),
        op::VIDEO => Inbound::Video(read(d)?),
        op::MEDIA_SINK_WANTS => Inbound::Wants(read_wants(d)?),
        op::VOICE_BACKEND_VERSION => Inbound::Versions,
        op::DAVE_TRANSITION_READY => Inbound::TransitionReady(read::<Transition>(d)?.transition_id),
        op::DAVE_MLS_INVALID_COMMIT_WELCOME => {
            read::<IgnoredAny>(d)?;
            Inbound::Invalid
        }
        op::SIGNAL | op::SESSION_UPDATE | op::NO_ROUTE => {
            read::<IgnoredAny>(d)?;
            Inbound::Ignored
        }
        _ => return Err(CloseCode::UnknownOpcode),
    })
}

/// Reads a binary message, which begins with its opcode in every version. They are all of end-to-end encryption.
///
/// # Errors
/// With what the connection is closed.
pub fn decode_binary(bytes: &[u8]) -> Result<Inbound, CloseCode> {
    let (op, payload) = bytes.split_first().ok_or(CloseCode::DecodeError)?;
    // Whether there is anything wrong with it matters only once it is known who says it.
    match *op {
        op::DAVE_MLS_KEY_PACKAGE => Ok(Inbound::KeyPackage(KeyPackage::read(payload).ok().map(Box::new))),
        op::DAVE_MLS_COMMIT_WELCOME => Ok(Inbound::Commit(Commit::read(payload).ok().map(Box::new))),
        _ => Err(CloseCode::UnknownOpcode),
    }
}

fn read<'a, T: Deserialize<'a>>(d: &'a str) -> Result<T, CloseCode> {
    serde_json::from_str(d).map_err(|_| CloseCode::DecodeError)
}

/// `data` has what matters; some old clients say it beside.
fn read_select(d: &str) -> Result<Select, CloseCode> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Data {
        address: Option<String>,
        port: Option<u16>,
        mode: Option<String>,
    }
    #[derive(Deserialize)]
    struct Raw<'a> {
        protocol: String,
        #[serde(borrow, default)]
        data: Option<&'a RawValue>,
        #[serde(default)]
        sdp: Option<String>,
        #[serde(default)]
        codecs: Vec<sdp::Codec>,
        #[serde(flatten)]
        beside: Data,
    }
    let Raw { protocol, data, sdp, codecs, beside } = read(d)?;
    let data = data.map(RawValue::get).unwrap_or("{}");
    // Of a browser it is a text, which some say under another name.
    let lines = if data.starts_with('"') { Some(read::<String>(data)?) } else { sdp };
    let browser = lines.filter(|_| protocol == "webrtc").and_then(|lines| sdp::read(&lines, &codecs));
    let data = if data.starts_with('{') { read(data)? } else { Data::default() };
    let address = data.address.or(beside.address).and_then(|address| address.parse().ok());
    let mode = data.mode.or(beside.mode).unwrap_or_default();
    let address = address.zip(data.port.or(beside.port));
    Ok(Select { protocol, address, mode, browser: browser.map(Box::new) })
}

/// Qualities by SSRC, and `any`; what else there is means nothing here.
fn read_wants(d: &str) -> Result<Wants, CloseCode> {
    let said: HashMap<&str, &RawValue> = read(d)?;
    let quality =
        |value: &RawValue| value.get().parse::<f64>().ok().map(|quality| quality.clamp(0.0, 100.0) as u8);
    let any = said.get("any").and_then(|value| quality(value)).unwrap_or(Wants::default().any);
    let by_ssrc = said.iter().filter_map(|(ssrc, value)| Some((ssrc.parse().ok()?, quality(value)?)));
    Ok(Wants { any, by_ssrc: by_ssrc.take(WANTS_MAX).collect() })
}

/// Before version 4 it was a truth value.
fn read_speaking(d: &str) -> Result<Speaking, CloseCode> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum How {
        Mask(u64),
        Whether(bool),
    }
    #[derive(Deserialize)]
    struct Raw {
        speaking: How,
        #[serde(default)]
        ssrc: Option<Number>,
    }
    let Raw { speaking, ssrc } = read(d)?;
    let ssrc = ssrc.and_then(|ssrc| ssrc.as_u64()).and_then(|ssrc| u32::try_from(ssrc).ok());
    let how = match speaking {
        // The low bits are those that have a meaning.
        How::Mask(mask) => (mask & 0b111) as u8,
        How::Whether(speaks) => u8::from(speaks),
    };
    Ok(Speaking { how, ssrc: ssrc.filter(|ssrc| *ssrc != 0) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_are_read_as_texts_and_as_numbers() {
        let expected = Identify {
            server_id: 81_384_788_765_712_384.into(),
            user_id: 2.into(),
            session_id: "s".into(),
            token: "t".into(),
            streams: Vec::new(),
            max_dave_protocol_version: 0,
        };
        for id in ["\"81384788765712384\"", "81384788765712384"] {
            let text = format!(
                r#"{{"op":0,"d":{{"server_id":{id},"user_id":"2","session_id":"s","token":"t","video":true}}}}"#
            );
            assert_eq!(decode(&text), Ok(Inbound::Identify(expected.clone())));
        }
    }

    #[test]
    fn both_forms_of_heartbeats_and_of_speaking_are_read() {
        let beat = |d: &str| decode(&format!(r#"{{"op":3,"d":{d}}}"#));
        assert_eq!(beat("17"), Ok(Inbound::Heartbeat(Beat::Bare(Some(17.into())))));
        assert_eq!(beat("null"), Ok(Inbound::Heartbeat(Beat::Bare(None))));
        let numbered = Beat::Numbered { t: 5.into(), seq_ack: Some(-1) };
        assert_eq!(beat(r#"{"t":5,"seq_ack":-1}"#), Ok(Inbound::Heartbeat(numbered)));
        let speaking = |d: &str| decode(&format!(r#"{{"op":5,"d":{{"speaking":{d},"delay":0}}}}"#));
        assert_eq!(speaking("5"), Ok(Inbound::Speaking(Speaking { how: 5, ssrc: None })));
        assert_eq!(speaking("true"), Ok(Inbound::Speaking(Speaking { how: 1, ssrc: None })));
    }

    #[test]
    fn a_choice_of_protocol_is_read_from_data_or_beside_it() {
        let select = |d: &str| decode(&format!(r#"{{"op":1,"d":{d}}}"#));
        let udp = Select {
            protocol: "udp".into(),
            address: Some(([127, 0, 0, 1].into(), 5)),
            mode: "aead_aes256_gcm_rtpsize".into(),
            browser: None,
        };
        let data = r#""address":"127.0.0.1","port":5,"mode":"aead_aes256_gcm_rtpsize""#;
        let expected = Ok(Inbound::Select(udp));
        assert_eq!(select(&format!(r#"{{"protocol":"udp","data":{{{data}}}}}"#)), expected);
        assert_eq!(select(&format!(r#"{{"protocol":"udp",{data}}}"#)), expected);
        let browser = Select { protocol: "webrtc".into(), address: None, mode: String::new(), browser: None };
        assert_eq!(select(r#"{"protocol":"webrtc","data":"a=ice-ufrag:x"}"#), Ok(Inbound::Select(browser)));
    }

    #[test]
    fn what_a_browser_says_of_itself_is_read_under_either_name() {
        let lines = format!(
            "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\na=fingerprint:sha-256 {}",
            ["AB"; 32].join(":")
        );
        let codecs =
            serde_json::json!([{"name": "opus", "type": "audio", "priority": 1000, "payload_type": 111}]);
        for name in ["data", "sdp"] {
            let d = serde_json::json!({"protocol": "webrtc", name: lines, "codecs": codecs, "rtc_connection_id": "x"});
            let text = serde_json::json!({"op": 1, "d": d}).to_string();
            let Ok(Inbound::Select(select)) = decode(&text) else { panic!("{text}") };
            assert_eq!(select.browser.unwrap().opus, 111, "{name}");
        }
    }

    #[test]
    fn what_somebody_wants_to_see_is_read_by_ssrc() {
        let text = r#"{"op":15,"d":{"any":50,"17":100,"x":1,"pixelCounts":{"17":9}}}"#;
        assert_eq!(decode(text), Ok(Inbound::Wants(Wants { any: 50, by_ssrc: vec![(17, 100)] })));
        assert_eq!(decode(r#"{"op":15,"d":{}}"#), Ok(Inbound::Wants(Wants::default())));
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_close_code() {
        for text in ["{", "[1]", "{}", r#"{"op":0,"d":{}}"#, r#"{"op":5}"#, r#"{"op":-1}"#] {
            assert_eq!(decode(text), Err(CloseCode::DecodeError), "{text}");
        }
        for text in [r#"{"op":99,"d":{}}"#, r#"{"op":2}"#, r#"{"op":300}"#] {
            assert_eq!(decode(text), Err(CloseCode::UnknownOpcode), "{text}");
        }
        assert_eq!(
            decode(r#"{"op":12,"d":{"audio_ssrc":1}}"#),
            Ok(Inbound::Video(Video { video_ssrc: None, streams: vec![] }))
        );
        assert_eq!(decode_binary(&[26, 0, 1]), Ok(Inbound::KeyPackage(None)));
        assert_eq!(decode_binary(&[28]), Ok(Inbound::Commit(None)));
        assert_eq!(decode_binary(&[]), Err(CloseCode::DecodeError));
        assert_eq!(decode_binary(&[25, 1]), Err(CloseCode::UnknownOpcode));
        assert_eq!(decode(r#"{"op":23,"d":{"transition_id":7}}"#), Ok(Inbound::TransitionReady(7)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(\\{\"op\":[0-9]{1,3},\"d\":.{0,60}\\}|.{0,60})", bytes: Vec<u8>) {
            let _read = (decode(&text), decode_binary(&bytes));
        }
    }
}

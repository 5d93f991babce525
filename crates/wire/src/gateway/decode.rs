//! From the bytes of a message to an [`Inbound`], lenient where libraries in use are careless.

use serde_json::{Map, Value};

use super::fields::{Fields, ids, number};
use super::limits::{
    LARGE_THRESHOLD, MAX_DEPTH, MAX_NONCE_BYTES, MAX_REQUESTED_CHANNELS, MAX_REQUESTED_USERS, MAX_VALUES,
};
use super::{
    CloseCode, Encoding, GuildSubscription, Identify, Inbound, MemberRange, Opcode, PresenceUpdate,
    Properties, RequestForumUnreads, RequestGuildMembers, Resume, SearchRecentMembers, Shard, Status,
    StreamCreate, StreamKind, Token, VoiceStateUpdate,
};
use crate::json::Limits;
use crate::{etf, json};

/// Why a payload is refused; the connection is closed with [`DecodeError::close_code`].
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Not JSON, or beyond a cap.
    #[error("payload is not acceptable JSON")]
    Json(#[from] json::Error),
    /// Not ETF, or beyond a cap.
    #[error("payload is not acceptable ETF")]
    Etf(#[from] etf::Error),
    /// Not an object, or without a whole number as `op`.
    #[error("payload has no opcode")]
    NoOpcode,
    /// An opcode that nobody knows, or that only servers send.
    #[error("unknown opcode {0}")]
    UnknownOpcode(u64),
    /// `d` is not what this opcode needs.
    #[error("bad {field} in payload of {op:?}")]
    BadPayload {
        /// The opcode.
        op: Opcode,
        /// The field of `d` at fault, or `d` itself.
        field: &'static str,
    },
}

impl DecodeError {
    /// Returns the close code that answers it.
    pub const fn close_code(&self) -> CloseCode {
        match self {
            DecodeError::Json(_) | DecodeError::Etf(_) | DecodeError::NoOpcode => CloseCode::DecodeError,
            DecodeError::UnknownOpcode(_) | DecodeError::BadPayload { .. } => CloseCode::UnknownOpcode,
        }
    }
}

/// Decodes one message of a client. `max_bytes` is [`MAX_BOT_PAYLOAD_BYTES`](super::limits::MAX_BOT_PAYLOAD_BYTES)
/// or [`MAX_USER_PAYLOAD_BYTES`](super::limits::MAX_USER_PAYLOAD_BYTES).
///
/// # Errors
///
/// See [`DecodeError`].
pub fn decode(encoding: Encoding, bytes: &[u8], max_bytes: usize) -> Result<Inbound, DecodeError> {
    let limits = Limits { bytes: max_bytes, depth: MAX_DEPTH, values: MAX_VALUES };
    let payload = match encoding {
        Encoding::Json => json::parse(bytes, limits)?,
        Encoding::Etf => etf::read(bytes, limits)?,
    };
    let Value::Object(mut payload) = payload else { return Err(DecodeError::NoOpcode) };
    let op = payload.get("op").and_then(number).ok_or(DecodeError::NoOpcode)?;
    let op =
        Opcode::from_number(op).filter(|op| op.is_from_client()).ok_or(DecodeError::UnknownOpcode(op))?;
    let d = payload.swap_remove("d").unwrap_or(Value::Null);
    inbound(op, d)
}

fn inbound(op: Opcode, d: Value) -> Result<Inbound, DecodeError> {
    match op {
        Opcode::Heartbeat => return heartbeat(op, &d),
        ignored if ignored.is_ignored() => return Ok(Inbound::Ignored(ignored)),
        _ => {}
    }
    let d = &mut Fields::new(op, d)?;
    Ok(match op {
        Opcode::QosHeartbeat => return heartbeat(op, &d.take("seq").unwrap_or(Value::Null)),
        Opcode::Identify => Inbound::Identify(Box::new(identify(d)?)),
        Opcode::PresenceUpdate => Inbound::PresenceUpdate(presence(d)?),
        Opcode::VoiceStateUpdate => Inbound::VoiceStateUpdate(voice_state(d)?),
        Opcode::Resume => Inbound::Resume(resume(d)?),
        Opcode::RequestGuildMembers => Inbound::RequestGuildMembers(request_guild_members(d)?),
        Opcode::RequestSoundboardSounds => {
            Inbound::RequestSoundboardSounds { guild_ids: d.ids("guild_ids")? }
        }
        Opcode::RequestChannelInfo => {
            Inbound::RequestChannelInfo { guild_id: d.id("guild_id")?, fields: texts(d, "fields")? }
        }
        other => return of_user(other, d),
    })
}

/// Reads what only user clients send.
fn of_user(op: Opcode, d: &mut Fields) -> Result<Inbound, DecodeError> {
    Ok(match op {
        Opcode::CallConnect => Inbound::CallConnect { channel_id: d.id("channel_id")? },
        Opcode::GuildSubscriptions => {
            let guild_id = d.id("guild_id")?;
            Inbound::GuildSubscriptions(subscription(guild_id, d)?)
        }
        Opcode::GuildSubscriptionsBulk => Inbound::GuildSubscriptionsBulk(subscriptions(d)?),
        Opcode::StreamCreate => Inbound::StreamCreate(stream_create(d)?),
        Opcode::StreamDelete => Inbound::StreamDelete { stream_key: d.text("stream_key")? },
        Opcode::StreamWatch => Inbound::StreamWatch { stream_key: d.text("stream_key")? },
        Opcode::StreamSetPaused => {
            Inbound::StreamSetPaused { stream_key: d.text("stream_key")?, paused: d.flag("paused")? }
        }
        Opcode::RequestForumUnreads => Inbound::RequestForumUnreads(forum_unreads(d)?),
        Opcode::RequestLastMessages => Inbound::RequestLastMessages {
            guild_id: d.id("guild_id")?,
            channel_ids: at_most(d, "channel_ids", MAX_REQUESTED_CHANNELS)?.unwrap_or_default(),
        },
        Opcode::SearchRecentMembers => Inbound::SearchRecentMembers(SearchRecentMembers {
            guild_id: d.id("guild_id")?,
            query: d.opt_text("query")?.unwrap_or_default(),
            continuation_token: d.opt_text("continuation_token")?,
            nonce: nonce(d),
        }),
        Opcode::RequestChannelStatuses => Inbound::RequestChannelStatuses { guild_id: d.id("guild_id")? },
        Opcode::RequestChannelMemberCount => Inbound::RequestChannelMemberCount {
            guild_id: d.id("guild_id")?,
            channel_id: d.id("channel_id")?,
        },
        other => Inbound::Ignored(other),
    })
}

/// Reads a sequence number. Before the first event libraries send null; a negative number is taken for that too.
fn heartbeat(op: Opcode, seq: &Value) -> Result<Inbound, DecodeError> {
    if seq.is_null() || seq.as_i64().is_some_and(|n| n < 0) {
        return Ok(Inbound::Heartbeat(None));
    }
    let field = if op == Opcode::Heartbeat { "d" } else { "seq" };
    number(seq).map(|seq| Inbound::Heartbeat(Some(seq))).ok_or(DecodeError::BadPayload { op, field })
}

fn identify(d: &mut Fields) -> Result<Identify, DecodeError> {
    let token = Token::new(&d.text("token")?);
    let large_threshold = d.opt_number("large_threshold")?.unwrap_or(*LARGE_THRESHOLD.start());
    let presence = match d.take("presence") {
        // An object that some library fills carelessly must not keep it from connecting.
        Some(value @ Value::Object(_)) => presence(&mut Fields::new(Opcode::Identify, value)?).ok(),
        _ => None,
    };
    Ok(Identify {
        token,
        properties: properties(d.take("properties")),
        compress: d.take("compress").and_then(|v| v.as_bool()).unwrap_or(false),
        // At most 250, so it fits.
        large_threshold: large_threshold.clamp(*LARGE_THRESHOLD.start(), *LARGE_THRESHOLD.end()) as u16,
        shard: shard(d)?,
        presence,
        intents: d.opt_bits("intents")?,
        capabilities: d.opt_bits("capabilities").ok().flatten().unwrap_or(0),
    })
}

fn properties(value: Option<Value>) -> Properties {
    let Some(Value::Object(mut map)) = value else { return Properties::default() };
    let mut text = |plain: &str, dollar: &str| {
        [plain, dollar]
            .into_iter()
            .find_map(|key| match map.swap_remove(key) {
                Some(Value::String(text)) => Some(text),
                _ => None,
            })
            .unwrap_or_default()
    };
    Properties {
        os: text("os", "$os"),
        browser: text("browser", "$browser"),
        device: text("device", "$device"),
    }
}

fn shard(d: &mut Fields) -> Result<Option<Shard>, DecodeError> {
    let Some(values) = d.opt_list("shard")? else { return Ok(None) };
    let part = |value: &Value| number(value).and_then(|n| u32::try_from(n).ok());
    match values.iter().map(part).collect::<Option<Vec<_>>>().as_deref() {
        Some(&[id, count]) => Ok(Some(Shard { id, count })),
        _ => Err(d.bad("shard")),
    }
}

fn presence(d: &mut Fields) -> Result<PresenceUpdate, DecodeError> {
    let status = match d.opt_text("status")?.as_deref() {
        None | Some("") => Status::Online,
        Some(word) => Status::from_wire(word).ok_or_else(|| d.bad("status"))?,
    };
    let mut activities = d.opt_list("activities")?.unwrap_or_default();
    if activities.is_empty() {
        activities.extend(d.take("game"));
    }
    activities.retain(|activity| {
        activity.is_object() && activity.get("name").is_none_or(|name| name.as_str() != Some(""))
    });
    Ok(PresenceUpdate {
        // Some libraries serialise a time library's object here; it says nothing then.
        since: d.take("since").as_ref().and_then(number),
        activities,
        status,
        afk: d.take("afk").and_then(|afk| afk.as_bool()).unwrap_or(false),
    })
}

fn voice_state(d: &mut Fields) -> Result<VoiceStateUpdate, DecodeError> {
    let first_region = d
        .opt_list("preferred_regions")
        .ok()
        .flatten()
        .and_then(|regions| regions.into_iter().find_map(|region| region.as_str().map(str::to_owned)));
    Ok(VoiceStateUpdate {
        guild_id: d.opt_id("guild_id")?,
        channel_id: d.opt_id("channel_id")?,
        self_mute: d.flag("self_mute")?,
        self_deaf: d.flag("self_deaf")?,
        self_video: d.flag("self_video")?,
        flags: d.opt_bits("flags")?.unwrap_or(0),
        preferred_region: d.opt_text("preferred_region")?.or(first_region),
    })
}

fn resume(d: &mut Fields) -> Result<Resume, DecodeError> {
    Ok(Resume {
        token: Token::new(&d.text("token")?),
        session_id: d.text("session_id")?,
        seq: d.opt_number("seq")?.unwrap_or(0),
    })
}

fn request_guild_members(d: &mut Fields) -> Result<RequestGuildMembers, DecodeError> {
    let limit = d.opt_number("limit")?.unwrap_or(0);
    Ok(RequestGuildMembers {
        guild_ids: d.ids("guild_id")?,
        query: d.opt_text("query")?,
        limit: u32::try_from(limit).map_err(|_| d.bad("limit"))?,
        user_ids: at_most(d, "user_ids", MAX_REQUESTED_USERS)?,
        presences: d.flag("presences")?,
        nonce: nonce(d),
    })
}

/// Takes `nonce`; one that is too long or no text is left out ("Request Guild Members").
fn nonce(d: &mut Fields) -> Option<String> {
    match d.take("nonce")? {
        Value::String(nonce) if nonce.len() <= MAX_NONCE_BYTES => Some(nonce),
        Value::Number(nonce) => Some(nonce.to_string()),
        _ => None,
    }
}

fn at_most(d: &mut Fields, field: &'static str, max: usize) -> Result<Option<Vec<u64>>, DecodeError> {
    match d.opt_ids(field)? {
        Some(ids) if ids.len() > max => Err(d.bad(field)),
        ids => Ok(ids),
    }
}

fn texts(d: &mut Fields, field: &'static str) -> Result<Vec<String>, DecodeError> {
    let values = d.opt_list(field)?.unwrap_or_default();
    let text = |value| match value {
        Value::String(text) => Some(text),
        _ => None,
    };
    values.into_iter().map(text).collect::<Option<_>>().ok_or_else(|| d.bad(field))
}

fn subscription(guild_id: u64, d: &mut Fields) -> Result<GuildSubscription, DecodeError> {
    let channels = d.opt_map("channels")?;
    Ok(GuildSubscription {
        guild_id,
        typing: d.opt_flag("typing")?,
        activities: d.opt_flag("activities")?,
        threads: d.opt_flag("threads")?,
        member_updates: d.opt_flag("member_updates")?,
        members: d.opt_ids("members")?,
        channels: channels.map(|map| windows(&map).ok_or_else(|| d.bad("channels"))).transpose()?,
        thread_member_lists: d.take("thread_member_lists").as_ref().and_then(ids),
    })
}

/// Reads `{channel_id: [[first, last], …]}`.
fn windows(channels: &Map<String, Value>) -> Option<Vec<(u64, Vec<MemberRange>)>> {
    let index = |value: &Value| number(value).and_then(|n| u32::try_from(n).ok());
    let range = |value: &Value| match value.as_array()?.as_slice() {
        [first, last] => {
            let range = MemberRange { first: index(first)?, last: index(last)? };
            (range.first <= range.last).then_some(range)
        }
        _ => None,
    };
    let channel = |(id, ranges): (&String, &Value)| {
        let ranges = ranges.as_array()?.iter().map(range).collect::<Option<_>>()?;
        Some((id.parse().ok()?, ranges))
    };
    channels.iter().map(channel).collect()
}

fn subscriptions(d: &mut Fields) -> Result<Vec<GuildSubscription>, DecodeError> {
    let map = d.opt_map("subscriptions")?.ok_or_else(|| d.bad("subscriptions"))?;
    map.into_iter()
        .map(|(guild_id, body)| {
            let guild_id = guild_id.parse().map_err(|_| d.bad("subscriptions"))?;
            subscription(guild_id, &mut Fields::new(Opcode::GuildSubscriptionsBulk, body)?)
        })
        .collect()
}

fn stream_create(d: &mut Fields) -> Result<StreamCreate, DecodeError> {
    let kind = match d.text("type")?.as_str() {
        "guild" => StreamKind::Guild,
        "call" => StreamKind::Call,
        _ => return Err(d.bad("type")),
    };
    let guild_id = d.opt_id("guild_id")?;
    if kind == StreamKind::Guild && guild_id.is_none() {
        return Err(d.bad("guild_id"));
    }
    Ok(StreamCreate {
        kind,
        guild_id,
        channel_id: d.id("channel_id")?,
        preferred_region: d.opt_text("preferred_region")?,
    })
}

fn forum_unreads(d: &mut Fields) -> Result<RequestForumUnreads, DecodeError> {
    let threads = d.opt_list("threads")?.unwrap_or_default();
    let thread = |value: &Value| {
        let id = number(value.get("thread_id")?)?;
        match value.get("ack_message_id") {
            None | Some(Value::Null) => Some((id, None)),
            Some(ack) => Some((id, Some(number(ack)?))),
        }
    };
    Ok(RequestForumUnreads {
        guild_id: d.id("guild_id")?,
        channel_id: d.id("channel_id")?,
        threads: threads.iter().map(thread).collect::<Option<_>>().ok_or_else(|| d.bad("threads"))?,
    })
}

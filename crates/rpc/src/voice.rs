//! The contract of voice servers: what the owner of a guild tells the one that carries its voice.
//!
//! A guild's voice is on one node, the one that owns the guild's id in this service. The guild's owner decides who is in which
//! channel and what they may do there; the voice server does it, and tells sessions where to connect, since only it knows once it
//! can be connected to.

use std::sync::Arc;

use consort_model::{ChannelId, GuildId, Intents, UserId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::relay::SessionKey;
use crate::{Audience, Event, Nothing, Publication, Service, relay};

/// The service; its key is the guild's id, or that of a private channel with a call.
#[derive(Debug)]
pub enum Voice {}

impl Service for Voice {
    const NAME: &'static str = "voice";
    type Op = Op;
    type News = Nothing;
}

impl From<Nothing> for Op {
    fn from(nothing: Nothing) -> Self {
        match nothing {}
    }
}

/// What a voice server is told of a guild. Each is all that is so of one user, so a later one takes the place of those before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// A user is in a voice channel. A token that is not known yet is told to the session, with the address of this server:
    /// VOICE_SERVER_UPDATE.
    Put(Box<Participant>),
    /// A user is in no voice channel any more.
    Remove { user: UserId },
}

impl Op {
    /// Whom it is about.
    pub fn user(&self) -> UserId {
        match self {
            Self::Put(participant) => participant.user,
            Self::Remove { user } => *user,
        }
    }
}

/// Somebody in a voice channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Participant {
    /// Who.
    pub user: UserId,
    /// The gateway session that has joined.
    pub session: SessionKey,
    /// What clients call it.
    pub session_id: String,
    /// The channel.
    pub channel: ChannelId,
    /// With what the user may connect to the voice gateway, as this session and for this channel.
    pub token: String,
    /// What it may do there.
    pub rights: Rights,
}

impl Participant {
    /// Whether it is in a call of a private channel: that stands in the place of the guild. No channel has the id of its guild.
    pub fn is_in_call(&self, guild: GuildId) -> bool {
        guild.get() == self.channel.get()
    }
}

/// What somebody may do in a voice channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rights {
    /// Whether others hear it: SPEAK, or invited to speak on a stage, and not muted by the guild.
    pub speak: bool,
    /// Whether it hears others: deafened neither by the guild nor by itself.
    pub hear: bool,
    /// PRIORITY_SPEAKER.
    pub priority: bool,
    /// STREAM: camera and screen.
    pub video: bool,
}

/// VOICE_SERVER_UPDATE for a session. Without an endpoint no server carries the guild's voice now, and the client waits (Gateway
/// Events, "Voice Server Update").
pub fn server_update(guild: GuildId, participant: &Participant, endpoint: Option<&str>) -> Publication {
    let Participant { token, channel, .. } = participant;
    let body = match participant.is_in_call(guild) {
        true => json!({"token": token, "guild_id": null, "channel_id": channel, "endpoint": endpoint}),
        false => json!({"token": token, "guild_id": guild, "endpoint": endpoint}),
    };
    let event = Event::new("VOICE_SERVER_UPDATE", Intents::empty(), Audience::all(), &body);
    let message = relay::Op::Direct { sessions: vec![participant.session], event: Arc::new(event) };
    Publication::Relay { node: participant.session.node, message }
}

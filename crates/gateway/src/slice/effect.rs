//! What a slice wants done outside.

use consort_model::{ChannelId, GuildId};
use consort_rpc::guild::{gateway, voice};
use consort_rpc::relay::{Heard, Question, SessionKey};
use consort_rpc::{Caller, Fact, guild, private, user};
use consort_session::SessionId;
use consort_wire::gateway::{Identify, Resume};

use super::{Asked, ConnId, Departure, Landed};

/// Something to do for the slice, in order.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Look at an IDENTIFY: answered by `Refuse`, or by `Admit` and `Opened`.
    Identify(Box<Identifying>),
    /// Ask a guild's owner to attach a session, or for its sounds: what is not answered is asked for again.
    Attach { caller: Caller, guild: GuildId, news: Box<guild::News> },
    /// Tell an owner until it has taken it.
    Tell { caller: Caller, fact: Box<Fact> },
    /// Ask a guild for a chunk of its members: answered by `Members`.
    Chunk { session: u64, caller: Caller, guild: GuildId, request: Box<gateway::ChunkRequest> },
    /// Look for the session of a client that resumes at other nodes: answered by `Refuse`, `ResumeHere` or `Land`.
    Fetch(Box<Fetching>),
    /// Answer who has asked for a session: with the session, if it was here.
    Exported(Box<(Asked, Option<Departure>)>),
    /// A session has come; say so where it comes from.
    Landed(Box<Landed>),
    /// Give a session to another node.
    GiveAway(Box<Departure>),
    /// All sessions of the slice are given away.
    GivenAway,
    /// Tell a guild's owner that the node has no session of it any more, if that is still so.
    Detached(GuildId),
    /// Everything is closed; once it is written the slice ends.
    Stopped,
}

/// An IDENTIFY and the connection it came from.
#[derive(Debug)]
pub(crate) struct Identifying {
    pub(crate) slice: u16,
    pub(crate) slot: usize,
    pub(crate) conn: ConnId,
    pub(crate) identify: Identify,
    pub(crate) version: u8,
    pub(crate) resume_url: Box<str>,
}

/// A RESUME of a session that is not here, and the connection it came from.
#[derive(Debug)]
pub(crate) struct Fetching {
    pub(crate) slice: u16,
    pub(crate) slot: usize,
    pub(crate) conn: ConnId,
    pub(crate) id: SessionId,
    pub(crate) resume: Resume,
}

/// A RESUME for a session of another slice. The shell takes it right after the bytes that brought it, since nothing more of
/// the connection may be read here.
#[derive(Debug)]
pub(crate) struct HandOver {
    pub(crate) slot: usize,
    pub(crate) slice: u16,
    pub(crate) resume: Resume,
}

impl Effect {
    fn guild(caller: &Caller, guild: GuildId, op: guild::Op) -> Self {
        Self::Tell { caller: caller.clone(), fact: Box::new(Fact::Guild { guild, op }) }
    }

    /// A session wants to attach.
    pub(super) fn attach(
        caller: &Caller,
        guild: GuildId,
        (session, question): (SessionKey, Question),
        (large_threshold, presences): (u16, bool),
        heard: Option<Heard>,
    ) -> Self {
        let news = guild::News::Attach { session, question, large_threshold, presences, heard };
        Self::Attach { caller: caller.clone(), guild, news: Box::new(news) }
    }

    /// Opcode 31.
    pub(super) fn sounds(caller: &Caller, guild: GuildId, session: SessionKey) -> Self {
        Self::Attach { caller: caller.clone(), guild, news: Box::new(guild::News::Sounds { session }) }
    }

    /// A session looks at parts of a member list.
    pub(super) fn subscribe(
        caller: &Caller,
        guild: GuildId,
        session: SessionKey,
        request: serde_json::Value,
    ) -> Self {
        let op = gateway::Op::Subscribe { session, request: Box::new(request) };
        Self::guild(caller, guild, guild::Op::Gateway(op))
    }

    /// It does not any more.
    pub(super) fn unsubscribe(caller: &Caller, guild: GuildId, session: SessionKey) -> Self {
        Self::guild(caller, guild, guild::Op::Gateway(gateway::Op::Unsubscribe { session }))
    }

    /// Opcode 4.
    pub(super) fn voice(
        caller: &Caller,
        guild: GuildId,
        session: (SessionKey, SessionId),
        channel: Option<ChannelId>,
        flags: voice::Flags,
    ) -> Self {
        let op = voice::Op::Update { session: session.0, session_id: session.1.to_string(), channel, flags };
        Self::guild(caller, guild, guild::Op::Voice(op))
    }

    /// Opcode 4 or 13 about a private channel.
    pub(super) fn call(caller: &Caller, channel: ChannelId, op: private::call::Op) -> Self {
        let op = private::Op::Call(op);
        Self::Tell { caller: caller.clone(), fact: Box::new(Fact::Private { channel, op }) }
    }

    /// A session that was in voice is over.
    pub(super) fn voice_gone(caller: &Caller, guild: GuildId, session: SessionKey) -> Self {
        Self::guild(caller, guild, guild::Op::Voice(voice::Op::Gone { session }))
    }

    /// Something for the user's owner.
    pub(super) fn user(caller: &Caller, op: user::gateway::Op) -> Self {
        let fact = Fact::User { user: caller.user, op: user::Op::Gateway(op) };
        Self::Tell { caller: caller.clone(), fact: Box::new(fact) }
    }

    /// A session is over.
    pub(super) fn closed(caller: &Caller, session: SessionKey) -> Self {
        Self::user(caller, user::gateway::Op::Closed { session })
    }
}

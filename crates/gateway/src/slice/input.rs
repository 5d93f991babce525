//! What comes into a slice from outside its sockets.

use std::sync::Arc;
use std::time::Instant;

use consort_model::{ApplicationId, GuildId, Presence};
use consort_rpc::relay::{self, Heard, Question, SessionKey};
use consort_rpc::{Caller, ClassId, Event};
use consort_session::{Dispatch, GuildCreate, Identity, Opened};
use consort_wire::gateway::{CloseCode, Resume};

use super::look::Look;
use super::{Asked, ClientInfo, Conn, ConnId, Landing, MemberChunk, Opening, Slice};
use crate::Seat;
use crate::fd_passing::Carried;
use crate::inbox::Concerns;

/// A message in the inbox of a slice.
pub(crate) enum Input {
    /// A guild's event.
    Publish(Arc<Dispatch>),
    /// An event for these sessions.
    Direct(Vec<SessionKey>, Arc<Dispatch>),
    /// An account's word to these sessions, with its number: an event, or a guild that its user has joined.
    Said(u64, Vec<SessionKey>, Said),
    /// The answer of a guild to a session that attaches, as [`relay::Op::Attached`].
    Attached(Box<Attached>),
    /// Any other word of an owner to the relay.
    Relay(relay::Op),
    /// A guild's owner is new: whoever is attached attaches again, having heard the one before so far.
    GuildRestarted(GuildId, Option<Heard>),
    /// A guild's answer to a session that attaches was not taken.
    Unattached(SessionKey, GuildId),
    /// Owners have moved: whoever waits for an answer of one asks again.
    Moved,
    /// A connection whose upgrade is done, with what the client has said already.
    Connection { socket: Carried, opening: Opening, early: Vec<u8>, seat: Option<Box<dyn Seat>> },
    /// A connection that resumes a session of this slice, handed over by another one.
    Adopt { socket: Carried, conn: Box<Conn>, resume: Resume, rest: Vec<u8> },
    /// An IDENTIFY is refused.
    Refuse { slot: usize, conn: ConnId, refusal: Refusal },
    /// An IDENTIFY is good: the session begins, its user's owner is about to be asked.
    Admit(Box<Admission>),
    /// The user's owner has answered; `Err` when it could not or would not.
    Opened { key: SessionKey, caller: Caller, result: Result<Box<Opened>, Refusal> },
    /// Another node asks for a session.
    Export(Box<Asked>),
    /// A session comes.
    Land(Box<Landing>),
    /// A session that was looked for elsewhere is on this node.
    ResumeHere { slot: usize, conn: ConnId, resume: Resume },
    /// The members that a session gets next; none if there will be no more.
    Members(u64, Option<MemberChunk>),
    /// Somebody found no room.
    MakeRoom,
    /// Clients are to go elsewhere: to these addresses, if to others than they come to. `gives`: sessions of those who do not come
    /// back are given to other nodes.
    Drain { urls: Arc<[String]>, gives: bool },
    /// All sessions that are left are given to other nodes.
    GiveAll,
    /// The end.
    Stop,
    /// An operator wants to see something.
    Look(Box<Look>),
}

/// A session is attached to a guild.
pub(crate) struct Attached {
    pub(crate) session: SessionKey,
    pub(crate) question: Question,
    pub(crate) guild: GuildId,
    pub(crate) class: ClassId,
    pub(crate) guild_create: GuildCreate,
    pub(crate) late: Vec<Arc<Event>>,
    /// How far the guild is with that; `None` where its words have no numbers.
    pub(crate) place: Option<Heard>,
}

/// What an account says to its sessions.
#[derive(Clone)]
pub(crate) enum Said {
    Event(Arc<Dispatch>),
    Join(GuildId),
}

/// How an IDENTIFY is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// By closing the connection.
    Close(CloseCode),
    /// For now: opcode 9, after which the client identifies again.
    Later,
    /// For now: opcode 9 with `true`, after which the client resumes again.
    AskAgain,
}

/// An accepted IDENTIFY.
pub(crate) struct Admission {
    pub(crate) slot: usize,
    pub(crate) conn: ConnId,
    pub(crate) identity: Identity,
    pub(crate) application: Option<ApplicationId>,
    pub(crate) client: ClientInfo,
    pub(crate) presence: Option<Box<Presence>>,
    pub(crate) compress: bool,
}

impl Input {
    /// The types of inputs, as operators see them.
    pub(crate) const NAMES: [&'static str; 22] = [
        "Publish",
        "Direct",
        "Said",
        "Attached",
        "Relay",
        "GuildRestarted",
        "Unattached",
        "Moved",
        "Connection",
        "Adopt",
        "Refuse",
        "Admit",
        "Opened",
        "Export",
        "Land",
        "ResumeHere",
        "Members",
        "MakeRoom",
        "Drain",
        "GiveAll",
        "Stop",
        "Look",
    ];

    /// Its type: a place in [`Input::NAMES`].
    pub(crate) fn kind(&self) -> usize {
        match self {
            Self::Publish(_) => 0,
            Self::Direct(..) => 1,
            Self::Said(..) => 2,
            Self::Attached(_) => 3,
            Self::Relay(_) => 4,
            Self::GuildRestarted(..) => 5,
            Self::Unattached(..) => 6,
            Self::Moved => 7,
            Self::Connection { .. } => 8,
            Self::Adopt { .. } => 9,
            Self::Refuse { .. } => 10,
            Self::Admit(_) => 11,
            Self::Opened { .. } => 12,
            Self::Export(_) => 13,
            Self::Land(_) => 14,
            Self::ResumeHere { .. } => 15,
            Self::Members(..) => 16,
            Self::MakeRoom => 17,
            Self::Drain { .. } => 18,
            Self::GiveAll => 19,
            Self::Stop => 20,
            Self::Look(_) => 21,
        }
    }

    /// May be dropped under load.
    pub(crate) fn is_volatile(&self) -> bool {
        match self {
            Self::Publish(dispatch) | Self::Direct(_, dispatch) => {
                dispatch.event().is_some_and(|event| event.volatile)
            }
            Self::MakeRoom => true,
            _ => false,
        }
    }

    /// Whether the slice need not be woken for it: it has to be there before what follows it, and need not be seen before.
    pub(crate) fn can_wait(&self) -> bool {
        matches!(self, Self::Admit(_))
    }

    /// Whether losing it costs no more than the sessions it was for.
    pub(crate) fn is_event(&self) -> bool {
        matches!(self, Self::Publish(_) | Self::Direct(..) | Self::Said(..) | Self::Members(..))
            || self.is_connection()
    }

    /// Whether it is a socket or a session, which is refused rather than lost.
    pub(crate) fn is_connection(&self) -> bool {
        matches!(self, Self::Connection { .. } | Self::Adopt { .. } | Self::Land(_))
    }

    /// The session it attaches to a guild, and the guild.
    pub(crate) fn attaches(&self) -> Option<(SessionKey, GuildId)> {
        match self {
            Self::Attached(attached) => Some((attached.session, attached.guild)),
            _ => None,
        }
    }

    /// Bytes of the bodies in it.
    pub(crate) fn bytes(&self) -> usize {
        let full = consort_session::Choice::Full;
        match self {
            Self::Publish(dispatch) | Self::Direct(_, dispatch) | Self::Said(.., Said::Event(dispatch)) => {
                dispatch.len(full)
            }
            Self::Members(_, chunk) => chunk.as_ref().map_or(0, |chunk| chunk.dispatch.len(full)),
            Self::Land(landing) => landing.copy.len(),
            Self::Attached(attached) => {
                let Attached { guild_create, late, .. } = &**attached;
                guild_create.len() + late.iter().map(|event| event.body.len()).sum::<usize>()
            }
            _ => 0,
        }
    }

    /// Whose loss it is if it is lost.
    pub(crate) fn concerns(&self) -> Concerns {
        match self {
            Self::Publish(dispatch) => match dispatch.event().and_then(|event| event.guild) {
                Some(guild) => Concerns::Guild(guild),
                None => Concerns::Everybody,
            },
            Self::Direct(keys, _) | Self::Said(_, keys, _) => {
                Concerns::Sessions(keys.iter().map(|key| key.number).collect())
            }
            Self::Members(number, _) => Concerns::Sessions(vec![*number]),
            Self::Opened { key, .. } => Concerns::Sessions(vec![key.number]),
            // A connection waiting for its answer runs into its heartbeat timeout.
            Self::Refuse { .. } => Concerns::Sessions(Vec::new()),
            Self::Connection { .. } | Self::Adopt { .. } | Self::MakeRoom => Concerns::Sessions(Vec::new()),
            // Who waits for the answer asks again.
            Self::Export(_) | Self::Land(_) | Self::ResumeHere { .. } => Concerns::Sessions(Vec::new()),
            Self::Moved | Self::Unattached(..) => Concerns::Sessions(Vec::new()),
            Self::Attached(_) | Self::Relay(_) | Self::GuildRestarted(..) | Self::Admit(_) => {
                Concerns::Everybody
            }
            Self::Look(_) => Concerns::Sessions(Vec::new()),
            Self::Drain { .. } | Self::GiveAll | Self::Stop => Concerns::Everybody,
        }
    }
}

impl Slice {
    /// Handles an input that brings no socket.
    pub(crate) fn input(&mut self, now: Instant, input: Input) {
        match input {
            Input::Publish(dispatch) => {
                self.publish(now, &dispatch);
                if let Some((guild, place)) =
                    dispatch.event().and_then(|event| event.guild).zip(dispatch.place())
                {
                    self.heard_until(guild, place);
                }
            }
            Input::Direct(sessions, dispatch) => self.direct(&sessions, &dispatch),
            Input::Said(n, sessions, said) => self.said(now, n, &sessions, &said),
            Input::Attached(attached) => {
                let Attached { session, question, guild, class, guild_create, late, place } = *attached;
                if self.is_of_former_owner(&session, guild, place) {
                    return self.unattached(now, session, guild);
                }
                self.attached(now, (session, question), (guild, class), (guild_create, &late));
                if let Some(place) = place {
                    self.heard_until(guild, place);
                }
            }
            Input::Relay(op) => self.relay(now, op),
            Input::GuildRestarted(guild, heard) => self.guild_restarted(now, guild, heard),
            Input::Moved => self.moved(),
            Input::Unattached(session, guild) => self.unattached(now, session, guild),
            Input::Refuse { slot, conn, refusal } => self.refuse(now, slot, conn, refusal),
            Input::Admit(admission) => self.admit(now, *admission),
            Input::Opened { key, caller, result } => self.opened(now, key, &caller, result),
            Input::Members(number, chunk) => self.member_chunk(number, chunk),
            Input::MakeRoom => {
                self.make_room(now);
            }
            Input::Export(asked) => self.export_for(now, *asked),
            Input::Land(landing) => self.land(now, *landing),
            Input::ResumeHere { slot, conn, resume } => self.resume_found(now, slot, conn, resume),
            Input::Drain { urls, gives } => self.drain(now, urls, gives),
            Input::GiveAll => self.give_all(now),
            Input::Stop => self.stop(now),
            Input::Look(look) => self.show(*look),
            Input::Connection { .. } | Input::Adopt { .. } => {
                debug_assert!(false, "sockets are the shell's");
            }
        }
    }
}

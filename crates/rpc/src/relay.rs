//! The relay of a node: takes one envelope per event from an owner and hands it to the node's sessions.
//!
//! Everything an owner sends to one relay arrives in order, so an attachment's snapshot and the events after it fit
//! together without a gap or a double.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use consort_model::{GuildId, UserId};
use serde::{Deserialize, Serialize};

use crate::{ClassId, Event, Placement, Service};

/// Version 1 of the encoding of kept words: MessagePack with named fields.
const WORD_VERSION: u8 = 1;

/// The service; its key is the node's number.
#[derive(Debug)]
pub struct Relay;

impl Service for Relay {
    const NAME: &'static str = "relay";
    const PLACEMENT: Placement = Placement::Node;
    type Op = Op;
    type News = Op;

    fn is_volatile(op: &Op) -> bool {
        match op {
            Op::Publish(event) | Op::Direct { event, .. } => event.volatile,
            Op::Numbered(word) => Self::is_volatile(&word.op),
            Op::Said { op, .. } => Self::is_volatile(op),
            _ => false,
        }
    }
}

/// The address of a session: where it lives, and whose it is.
///
/// An owner may hold an address for longer than the session lives. A slice takes what is sent to an address only if all of
/// it is true of the session it has: after a restart of its node, or once its number is used again, an old address reaches
/// nobody, and never another user's session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionKey {
    /// The node.
    pub node: crate::NodeId,
    /// Which life of the node: drawn at random when its gateway starts.
    pub generation: u64,
    /// The slice on the node.
    pub slice: u16,
    /// The session's number, unique on its node within a generation.
    pub number: u64,
    /// The account.
    pub user: UserId,
}

/// A question of a session to a guild's owner: drawn by the session, and named by the answer.
///
/// Questions are casts, so an answer may be late: of an owner that is none any more, or from before the user has joined again. A session
/// takes the answer to the question that stands, and no other. One that is repeated, since nobody has answered, keeps its number;
/// whatever may have changed the answer makes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Question(pub u32);

/// Which life of an owner a word comes from: a later one is higher, on whichever node and whatever its clock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Epoch {
    /// That of the ownership ([`crate::Ownership::epoch`]): the one that the directory has given and the store checks.
    pub ownership: u64,
    /// Counts the lives under one ownership, which are all in one process: an owner that has failed is loaded again.
    pub life: u64,
}

impl Epoch {
    /// The next life under an ownership.
    pub fn next(ownership: u64) -> Self {
        static LIVES: AtomicU64 = AtomicU64::new(0);
        Self { ownership, life: LIVES.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

/// How far somebody is in what a guild says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Heard {
    /// See [`Numbered::line`].
    pub line: Epoch,
    /// The number of the last word that was heard.
    pub n: u64,
}

/// A word of a guild to the relays of its nodes, with its number among the guild's words.
///
/// Numbers grow by one. What takes none of its own says which one it follows: a volatile event, or the answer to a session
/// that attaches. So a relay sees what it has missed, has got twice, or has got from an owner that is no more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Numbered {
    /// Whose word it is.
    pub guild: GuildId,
    /// The life of the owner.
    pub epoch: Epoch,
    /// The life with which numbers and classes began. One that was handed the memory of another goes on with both.
    pub line: Epoch,
    /// Its number, or the one it follows.
    pub n: u64,
    /// Whether it takes no number of its own.
    pub follows: bool,
    /// The word.
    pub op: Op,
}

/// What a relay is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// One of the words below, with its number: all that a guild says to every node ([`Op::Publish`], [`Op::Class`],
    /// [`Op::Detach`], [`Op::Drop`]), and its answers to sessions that attach.
    Numbered(Box<Numbered>),
    /// A guild's event ([`Event::guild`] is set): to every attached session of its audience.
    Publish(Arc<Event>),
    /// An event to these sessions of this node, whatever they are attached to. Intents are still applied.
    Direct { sessions: Vec<SessionKey>, event: Arc<Event> },
    /// A session is attached to a guild from here on. `guild_create` is the `d` of its GUILD_CREATE as this member may
    /// see it. `late` is what the guild has said to such as it since the place to which it has heard it, if it was attached
    /// before.
    Attached {
        session: SessionKey,
        guild: GuildId,
        question: Question,
        class: ClassId,
        guild_create: Bytes,
        #[serde(default)]
        late: Vec<Arc<Event>>,
    },
    /// The session cannot be attached: its user is no member, or the guild is gone or unavailable.
    Refused { session: SessionKey, guild: GuildId, question: Question, unavailable: bool },
    /// The sessions of a user have another class in a guild from here on.
    Class { guild: GuildId, user: UserId, class: ClassId },
    /// The sessions of a user are no longer attached to a guild (kicked, left, banned). Comes after its GUILD_DELETE.
    Detach { guild: GuildId, user: UserId },
    /// Nobody is attached to the guild any more: it was deleted.
    Drop { guild: GuildId },
    /// An account's word to these of its sessions: an [`Op::Direct`] or [`Op::Join`] with its number among the account's words,
    /// which grow by one from owner to owner. A session takes each once, and one that finds a gap tells the owner how far it is
    /// ([`crate::user::gateway::OpenSession::heard`]).
    Said { n: u64, op: Box<Op> },
    /// These sessions have missed words of their account that nobody has any more: they end, and their clients identify again.
    /// `heard` is how far they were when they asked ([`crate::user::gateway::OpenSession::heard`]); one that has got further since
    /// asks again.
    Behind { sessions: Vec<SessionKey>, heard: Option<u64> },
    /// These sessions are to attach themselves to a guild their user has joined.
    Join { sessions: Vec<SessionKey>, guild: GuildId },
    /// The guild's owner was loaded again (after a failure or an idle time, or in place of one whose node is gone) and knows no
    /// subscriber. A relay that has heard the one before says how far it is ([`crate::guild::gateway::Op::Replay`]).
    GuildLoaded { guild: GuildId },
    /// The relay has heard all there is of this line of the guild, of which it has asked for what it has missed: whoever is attached
    /// attaches to this owner. A relay that has gone on to another line meanwhile has done so.
    GuildRestarted { guild: GuildId, line: Epoch },
    /// The user's owner was loaded again and knows no session: the relay tells it of the sessions it has
    /// ([`crate::user::gateway::Op::Open`] with `again`). `since_ms`: when it was loaded, Unix milliseconds.
    UserRestarted { user: UserId, since_ms: u64 },
    /// These sessions are to be closed: logout, password change, token reset.
    Close { sessions: Vec<SessionKey>, code: u16 },
}

impl Op {
    /// The account that this is about, if it is about one.
    pub fn account(&self) -> Option<UserId> {
        match self {
            Self::Said { op, .. } => op.account(),
            Self::UserRestarted { user, .. } => Some(*user),
            Self::Direct { sessions, .. }
            | Self::Join { sessions, .. }
            | Self::Close { sessions, .. }
            | Self::Behind { sessions, .. } => sessions.first().map(|session| session.user),
            _ => None,
        }
    }
}

/// A word as it is kept in a row: its encoding's version, then the word.
///
/// # Errors
/// A text that says what is wrong, of a word that cannot be encoded.
pub fn encode_word(op: &Op) -> Result<Bytes, String> {
    let mut bytes = vec![WORD_VERSION];
    rmp_serde::encode::write_named(&mut bytes, op).map_err(|error| error.to_string())?;
    Ok(bytes.into())
}

/// Reads what [`encode_word`] made.
///
/// # Errors
/// A text that says what is wrong.
pub fn decode_word(bytes: &[u8]) -> Result<Op, String> {
    match bytes.split_first() {
        Some((&WORD_VERSION, word)) => rmp_serde::from_slice(word).map_err(|error| error.to_string()),
        _ => Err("a word of another version".to_owned()),
    }
}

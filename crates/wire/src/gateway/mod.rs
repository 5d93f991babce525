//! The gateway's protocol above the framing: opcodes, close codes, connect URL, payloads in and frames out.

mod close;
mod connect;
mod decode;
mod fields;
mod inbound;
pub mod limits;
mod opcode;
pub mod outbound;

pub use close::{CloseCode, close_code_for, ends_session};
pub use connect::{Connect, ConnectError, Encoding};
pub use decode::{DecodeError, decode};
pub use inbound::{
    GuildSubscription, Identify, Inbound, MemberRange, PresenceUpdate, Properties, RequestForumUnreads,
    RequestGuildMembers, Resume, SearchRecentMembers, Shard, Status, StreamCreate, StreamKind, Token,
    VoiceStateUpdate,
};
pub use opcode::Opcode;

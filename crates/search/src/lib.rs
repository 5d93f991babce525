//! Finds messages by what they say.
//!
//! The index is made of what is in the store and can be made again at any time. Nothing is sent to it: posting costs nothing
//! until somebody searches. A search first brings the index up to date, and is then answered from it:
//!
//! * new messages are those of a channel that are newer than the newest one indexed;
//! * of messages that were changed or deleted, and of threads, the owner of the channel keeps a note for a week, written with
//!   the change itself ([`consort_rpc::search::Change`]). Whatever is noted is read again from the store, so that a note that is
//!   read twice does no harm.
//!
//! So what was acknowledged before a search began is seen by it, through crashes of either side. Rights are a part of the search:
//! the owner says which channels the reader may read, and nothing else is looked at.
//!
//! A guild, or a private channel, has a file of its own ([`Index`]), which goes when the guild goes or nobody has searched for a
//! month. Where a search finds very much that is new it is answered "not ready", and the work goes on beside.

mod catch_up;
mod document;
mod expression;
mod index;
mod service;
mod words;

pub use document::Document;
pub use expression::Expression;
pub use index::{Failure, Index};
pub use service::{Indexes, READY_WITHIN, Shareable};

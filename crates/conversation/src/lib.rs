//! Messages, reactions, pins, polls, typing: the rules of a channel's talk, shared by guild channels, threads and private
//! channels.
//!
//! The crate is a set of functions over a [`Host`], the owner of the channels: it checks rights, keeps the rows and
//! publishes the events. [`handle`] is the way in for calls; [`system_message`] and [`post`] for owners that say something
//! themselves.
//!
//! Rows, all written by the channel's owner alone:
//!
//! * messages: partition channel, key message id, value [`consort_model::Message`] as stored: author as it was then, counts
//!   of reactions without `me`, without `guild_id`, `member`, `referenced_message`;
//! * reactions: partition message, key emoji and user ([`reactions`]);
//! * pins: partition channel, key message id, value the time;
//! * slowmode: partition channel, who wrote when ([`slowmode`]);
//! * polls: partition message, votes by user and by answer ([`polls`]).
//!
//! Single messages are read through the owner's coherent cache and changed there; lists are read beside the owner
//! ([`history`]), after everything written before is durable.

mod access;
mod changes;
mod create;
mod delete;
mod edit;
mod events;
mod history;
mod host;
mod mentions;
mod nonces;
mod pins;
mod polls;
mod post;
mod reactions;
mod slowmode;
mod talk;
mod typing;
mod viewer;

pub use changes::note_change;
pub use host::{Audit, Host};
pub use mentions::said;
pub use polls::{OpenPoll, forget_polls, read_polls, tick};
pub use post::{Draft, amend, blank, post, system_message};
pub use slowmode::{Rationed, require_turn, take_turn};
pub use talk::Talk;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{ChannelId, Message, MessageId, Permissions};
use consort_rpc::message::Op;
use consort_store::Table;

pub use create::{compose, create};
pub use edit::flag_message;
pub use events::intents_of;

/// Handles a call on a channel's conversation.
///
/// # Errors
/// The documented refusals, or rows to be loaded.
pub fn handle<H: Host>(host: &mut H, cx: &mut Cx<'_>, channel: ChannelId, op: &Op) -> Result<Outcome, Stop> {
    match op {
        Op::Create(create) => {
            let mut message = create::create(host, cx, channel, create)?;
            events::conceal(&viewer::Viewer::of(host, cx), &mut message);
            Outcome::json(&message)
        }
        Op::Fulfil { message, create } => {
            Outcome::json(&create::fulfil(host, cx, channel, *message, create)?)
        }
        Op::Edit { message, edit } => edit::edit(host, cx, channel, *message, edit),
        Op::Unfurled { message, embeds } => edit::unfurled(host, cx, channel, *message, embeds),
        Op::Delete { message } => delete::delete(host, cx, channel, *message),
        Op::BulkDelete { messages } => delete::bulk_delete(host, cx, channel, messages),
        Op::Purge { author, after } => delete::purge(host, cx, channel, *author, *after),
        Op::Get { message } => history::get(host, cx, channel, *message),
        Op::List { page, limit } => history::list(host, cx, channel, *page, *limit),
        Op::React { message, emoji, external } => {
            reactions::react(host, cx, channel, *message, emoji, external.as_ref())
        }
        Op::Unreact { message, emoji, user } => reactions::unreact(host, cx, channel, *message, emoji, *user),
        Op::ClearReactions { message, emoji } => {
            reactions::clear(host, cx, channel, *message, emoji.as_ref())
        }
        Op::Reactors { message, emoji, after, limit } => {
            reactions::reactors(host, cx, channel, *message, emoji, *after, *limit)
        }
        Op::Pin { message } => pins::pin(host, cx, channel, *message),
        Op::Unpin { message } => pins::unpin(host, cx, channel, *message),
        Op::Pins { before, limit, bare } => pins::list(host, cx, channel, *before, *limit, *bare),
        Op::Typing => typing::typing(host, cx, channel),
        Op::Crosspost { message } => edit::crosspost(host, cx, channel, *message),
        Op::Vote { message, answers } => polls::vote(host, cx, channel, *message, answers),
        Op::Voters { message, answer, after, limit } => {
            polls::voters(host, cx, channel, *message, *answer, *after, *limit)
        }
        Op::ExpirePoll { message } => polls::expire(host, cx, channel, *message),
        Op::MayPost => access::may_post(host, cx, channel, Permissions::empty()),
        Op::MayAttach => access::may_post(host, cx, channel, Permissions::ATTACH_FILES),
    }
}

/// Reads a stored message.
///
/// # Errors
/// 404/10008 when there is none; rows to be loaded.
pub fn stored(cx: &mut Cx<'_>, channel: ChannelId, message: MessageId) -> Result<Message, Stop> {
    let found = cx.row(Table::Messages, channel.get(), message.get())?;
    Ok(found.ok_or_else(consort_model::ApiError::unknown_message)?)
}

/// Writes a message as it is stored.
pub(crate) fn store(cx: &mut Cx<'_>, message: &Message) {
    cx.put(Table::Messages, message.channel_id.get(), message.id.get(), message);
}

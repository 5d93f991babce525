//! Reading messages: checked by the owner, read beside it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::account::UserRow;
use consort_model::{
    ApiError, Channel, ChannelId, GuildId, Message, MessageFlags, MessageId, MessageType, Permissions, User,
    UserId,
};
use consort_rpc::Answer;
use consort_rpc::message::Page;
use consort_store::{Error, Key, Range, StoreExt as _, StoreRef, Table};

use crate::access::require;
use crate::events::conceal;
use crate::viewer::{Viewer, failed};
use crate::{Host, polls, reactions, stored};

/// One message.
pub(crate) fn get<H: Host>(
    host: &H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    message: MessageId,
) -> Result<Outcome, Stop> {
    require(host, cx, channel, Permissions::READ_MESSAGE_HISTORY)?;
    let message = stored(cx, channel, message)?;
    answer(Viewer::of(host, cx), message)
}

/// Answers one stored message as the viewer sees it.
pub(crate) fn answer(viewer: Viewer, message: Message) -> Result<Outcome, Stop> {
    Outcome::later(move |store| async move {
        let mut messages = [message];
        complete(&store, &viewer, &mut messages).await?;
        Ok(Answer::json(&messages[0]))
    })
}

/// A page of a channel's messages, newest first. Without READ_MESSAGE_HISTORY it is empty (Message page, "Get Channel
/// Messages").
pub(crate) fn list<H: Host>(
    host: &H,
    cx: &Cx<'_>,
    channel: ChannelId,
    page: Page,
    limit: u16,
) -> Result<Outcome, Stop> {
    let held = require(host, cx, channel, Permissions::empty())?;
    if !held.contains(Permissions::READ_MESSAGE_HISTORY) {
        return Outcome::json::<[Message]>(&[]);
    }
    let (viewer, limit) = (Viewer::of(host, cx), usize::from(limit));
    Outcome::later(move |store| async move {
        let mut messages = read_page(&store, channel, page, limit).await.map_err(failed)?;
        complete(&store, &viewer, &mut messages).await?;
        Ok(Answer::json(&messages))
    })
}

async fn read_page(
    store: &StoreRef,
    channel: ChannelId,
    page: Page,
    limit: usize,
) -> Result<Vec<Message>, Error> {
    let (older, newer) = match page {
        Page::Newest => (Some(Range::newest(limit)), None),
        Page::Before(id) => (Some(Range::before(id.get(), limit)), None),
        Page::After(id) => (None, Some(Range::after(id.get(), limit))),
        Page::Around(id) => {
            let from = Range { from: Bound::Included(Key::id(id.get())), ..Range::all(limit - limit / 2) };
            (Some(Range::before(id.get(), limit / 2)), Some(from))
        }
    };
    let mut messages = Vec::with_capacity(limit);
    if let Some(range) = newer {
        let rows: Vec<(Key, Message)> = store.scan_rows(Table::Messages, channel.get(), range).await?;
        messages.extend(rows.into_iter().rev().map(|(_, message)| message));
    }
    if let Some(range) = older.filter(|range| range.limit > 0) {
        let rows: Vec<(Key, Message)> = store.scan_rows(Table::Messages, channel.get(), range).await?;
        messages.extend(rows.into_iter().map(|(_, message)| message));
    }
    Ok(messages)
}

/// Adds what is not stored with messages: the viewer's own reactions and votes, the messages they answer, their threads,
/// the names authors have now, and the addresses of files. Takes away what the viewer may not read.
///
/// # Errors
/// 503 when the store fails.
pub(crate) async fn complete(
    store: &StoreRef,
    viewer: &Viewer,
    messages: &mut [Message],
) -> Result<(), ApiError> {
    for message in messages.iter_mut() {
        reactions::mark_own(store, viewer.user, message).await?;
        polls::mark_own(store, viewer, message).await?;
    }
    add_referenced(store, messages).await.map_err(failed)?;
    renew_authors(store, messages).await.map_err(failed)?;
    if let Some(guild) = viewer.guild {
        add_threads(store, guild, messages).await.map_err(failed)?;
    }
    for message in messages {
        viewer.links.show(viewer.now_ms, message);
        conceal(viewer, message);
    }
    Ok(())
}

/// The message a reply or thread starter shows, if it is one.
pub(crate) fn shown_reference(message: &Message) -> Option<(ChannelId, MessageId)> {
    if !matches!(message.kind, MessageType::Reply | MessageType::ThreadStarterMessage) {
        return None;
    }
    let reference = message.message_reference.as_ref()?;
    Some((reference.channel_id, reference.message_id?))
}

async fn add_referenced(store: &StoreRef, messages: &mut [Message]) -> Result<(), Error> {
    let mut wanted: BTreeMap<ChannelId, BTreeSet<MessageId>> = BTreeMap::new();
    for (channel, id) in messages.iter().filter_map(shown_reference) {
        wanted.entry(channel).or_default().insert(id);
    }
    let mut found: BTreeMap<MessageId, Message> = BTreeMap::new();
    for (channel, ids) in wanted {
        let keys = ids.iter().map(|id| Key::id(id.get())).collect();
        let rows: Vec<Option<Message>> = store.get_rows(Table::Messages, channel.get(), keys).await?;
        found.extend(rows.into_iter().flatten().map(|message| (message.id, message)));
    }
    for message in messages {
        if let Some((_, id)) = shown_reference(message) {
            message.referenced_message = Some(found.get(&id).cloned().map(Box::new));
        }
    }
    Ok(())
}

/// Shows authors as they are now; who is gone stays as it was when it wrote.
async fn renew_authors(store: &StoreRef, messages: &mut [Message]) -> Result<(), Error> {
    let mut known: BTreeMap<UserId, Option<User>> = BTreeMap::new();
    for message in messages {
        let answered = message.referenced_message.as_mut().and_then(Option::as_mut);
        let shown = answered.map(|answered| (&mut answered.author, answered.webhook_id));
        for (author, webhook) in shown.into_iter().chain([(&mut message.author, message.webhook_id)]) {
            if webhook.is_some() {
                continue;
            }
            let now = match known.entry(author.id) {
                Entry::Occupied(now) => now.into_mut(),
                Entry::Vacant(unknown) => {
                    let row: Option<UserRow> =
                        store.get_row(Table::Users, author.id.get(), Key::empty()).await?;
                    unknown.insert(row.map(|row| row.current.user))
                }
            };
            if let Some(now) = now {
                author.clone_from(now);
            }
        }
    }
    Ok(())
}

async fn add_threads(store: &StoreRef, guild: GuildId, messages: &mut [Message]) -> Result<(), Error> {
    let started = |message: &Message| message.flags.contains(MessageFlags::HAS_THREAD);
    let keys: Vec<Key> =
        messages.iter().filter(|message| started(message)).map(|message| Key::id(message.id.get())).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let threads: Vec<Option<Channel>> = store.get_rows(Table::Threads, guild.get(), keys).await?;
    let mut threads: BTreeMap<ChannelId, Channel> =
        threads.into_iter().flatten().map(|thread| (thread.id, thread)).collect();
    for message in messages.iter_mut().filter(|message| started(message)) {
        message.thread = threads.remove(&message.id.cast()).map(Box::new);
    }
    Ok(())
}

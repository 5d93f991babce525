//! Reactions. A row per emoji and user in the partition of the message; the message itself keeps the counts.
//!
//! Key: length of the emoji's key (one byte), that key ([`ReactionEmoji::key`]), the user's id. The length in front keeps an
//! emoji apart from one that begins with it.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::limits::REACTIONS_MAX;
use consort_model::validate::ReactionEmoji;
use consort_model::{
    ApiError, ChannelId, GuildId, Intents, Member, Message, MessageId, PartialEmoji, Permissions, Reaction,
    User, UserId,
};
use consort_rpc::{Answer, Event, Withheld};
use consort_store::{Key, Range, StoreExt as _, StoreRef, Table};
use serde::Serialize;

use crate::access::{not_archived, require};
use crate::viewer::{failed, users};
use crate::{Host, store, stored};

/// The part of a row's key that stands for the emoji.
pub(crate) fn prefix(emoji: &ReactionEmoji) -> Vec<u8> {
    let key = emoji.key();
    let mut prefix = Vec::with_capacity(1 + key.len() + 8);
    prefix.push(u8::try_from(key.len()).unwrap_or(u8::MAX));
    prefix.extend_from_slice(key.as_bytes());
    prefix
}

/// The key of a user's reaction.
pub(crate) fn key(emoji: &ReactionEmoji, user: UserId) -> Key {
    let mut key = prefix(emoji);
    key.extend_from_slice(&user.get().to_be_bytes());
    Key::bytes(&key)
}

/// The emoji of a stored reaction.
pub(crate) fn emoji_of(emoji: &PartialEmoji) -> ReactionEmoji {
    match emoji.id {
        Some(id) => ReactionEmoji::Custom { id, name: emoji.name.clone(), animated: emoji.animated },
        None => ReactionEmoji::Unicode(emoji.name.clone().unwrap_or_default()),
    }
}

fn position(message: &Message, emoji: &ReactionEmoji) -> Option<usize> {
    message.reactions.iter().position(|reaction| emoji_of(&reaction.emoji).same_as(emoji))
}

fn intents<H: Host>(host: &H) -> Intents {
    match host.guild() {
        Some(_) => Intents::GUILD_MESSAGE_REACTIONS,
        None => Intents::DIRECT_MESSAGE_REACTIONS,
    }
}

#[derive(Serialize)]
struct ReactionEvent<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    channel_id: ChannelId,
    message_id: MessageId,
    #[serde(skip_serializing_if = "Option::is_none")]
    guild_id: Option<GuildId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<Member>,
    #[serde(skip_serializing_if = "Option::is_none")]
    emoji: Option<&'a PartialEmoji>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_author_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    burst: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    burst_colors: Option<[&'a str; 0]>,
    /// 0: not a burst.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<u8>,
}

impl<'a> ReactionEvent<'a> {
    fn of(host: &impl Host, channel_id: ChannelId, message_id: MessageId) -> Self {
        Self {
            user_id: None,
            channel_id,
            message_id,
            guild_id: host.guild(),
            member: None,
            emoji: None,
            message_author_id: None,
            burst: None,
            burst_colors: None,
            kind: None,
        }
    }

    fn by(self, user: UserId, emoji: &'a PartialEmoji) -> Self {
        Self { user_id: Some(user), emoji: Some(emoji), burst: Some(false), kind: Some(0), ..self }
    }
}

fn publish<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    name: &'static str,
    body: &ReactionEvent<'_>,
) {
    let event = Event::new(name, intents(host), host.audience(channel), body);
    host.publish(cx, event.withhold(Withheld::wholly()));
}

/// The emoji as a new reaction of a user who holds `held` shows it: of this guild, or `external`.
///
/// # Errors
/// As [`shown`]; 403/50013 for an external one without USE_EXTERNAL_EMOJIS.
fn shown_of<H: Host>(
    host: &H,
    (user, held): (UserId, Permissions),
    emoji: &ReactionEmoji,
    external: Option<&PartialEmoji>,
) -> Result<PartialEmoji, Stop> {
    let meant = |external: &&PartialEmoji| match emoji {
        ReactionEmoji::Custom { id, .. } => external.id == Some(*id),
        ReactionEmoji::Unicode(_) => false,
    };
    match external.filter(meant) {
        None => shown(host, user, emoji),
        Some(external) if held.contains(Permissions::USE_EXTERNAL_EMOJIS) => Ok(external.clone()),
        Some(_) => Err(ApiError::missing_permissions().into()),
    }
}

/// The emoji as what a user writes shows it.
///
/// # Errors
/// 400/10014 for a custom emoji that is unknown here, or not for this user.
pub(crate) fn shown<H: Host>(host: &H, user: UserId, emoji: &ReactionEmoji) -> Result<PartialEmoji, Stop> {
    Ok(match emoji {
        ReactionEmoji::Unicode(text) => PartialEmoji { id: None, name: Some(text.clone()), animated: false },
        ReactionEmoji::Custom { id, .. } => {
            let known = host.emoji(user, *id).ok_or_else(ApiError::invalid_reaction_emoji)?;
            PartialEmoji { id: Some(*id), name: Some(known.name.clone()), animated: known.animated }
        }
    })
}

fn set_count(reaction: &mut Reaction, change: impl FnOnce(u32) -> u32) {
    reaction.count = change(reaction.count);
    reaction.count_details.normal = reaction.count;
}

/// Adds the caller's reaction. An emoji that is on the message already needs no right but to read.
pub(crate) fn react<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    message: MessageId,
    emoji: &ReactionEmoji,
    external: Option<&PartialEmoji>,
) -> Result<Outcome, Stop> {
    let held = require(host, cx, channel, Permissions::READ_MESSAGE_HISTORY)?;
    let mut message = stored(cx, channel, message)?;
    let found = position(&message, emoji);
    let user = cx.caller.user;
    if found.is_none() {
        if !held.contains(Permissions::ADD_REACTIONS) {
            return Err(ApiError::missing_permissions().into());
        }
        if message.reactions.len() >= REACTIONS_MAX {
            return Err(ApiError::max_reactions().into());
        }
    }
    let new = if found.is_none() { Some(shown_of(host, (user, held), emoji, external)?) } else { None };
    not_archived(host, channel)?;
    host.may_write(cx, channel, held)?;
    if cx.has_row(Table::Reactions, message.id.get(), key(emoji, user))? {
        return Outcome::EMPTY;
    }
    let index = match (found, new) {
        (None, Some(new)) => {
            message.reactions.push(Reaction { count: 0, ..Reaction::first(new) });
            message.reactions.len() - 1
        }
        (found, _) => found.unwrap_or(0),
    };
    set_count(&mut message.reactions[index], |count| count + 1);
    cx.put(Table::Reactions, message.id.get(), key(emoji, user), &0);
    store(cx, &message);
    let body = ReactionEvent {
        member: host.member_with_user(user),
        message_author_id: Some(message.author.id),
        burst_colors: Some([]),
        ..ReactionEvent::of(host, channel, message.id).by(user, &message.reactions[index].emoji)
    };
    publish(host, cx, channel, "MESSAGE_REACTION_ADD", &body);
    Outcome::EMPTY
}

/// Takes back a reaction; that of another user needs MANAGE_MESSAGES.
pub(crate) fn unreact<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    message: MessageId,
    emoji: &ReactionEmoji,
    user: Option<UserId>,
) -> Result<Outcome, Stop> {
    let user = user.unwrap_or(cx.caller.user);
    let others = if user == cx.caller.user { Permissions::empty() } else { Permissions::MANAGE_MESSAGES };
    require(host, cx, channel, Permissions::READ_MESSAGE_HISTORY | others)?;
    let mut message = stored(cx, channel, message)?;
    not_archived(host, channel)?;
    let Some(index) = position(&message, emoji) else { return Err(ApiError::unknown_emoji().into()) };
    if !cx.has_row(Table::Reactions, message.id.get(), key(emoji, user))? {
        return Outcome::EMPTY;
    }
    let shown = message.reactions[index].emoji.clone();
    set_count(&mut message.reactions[index], |count| count.saturating_sub(1));
    if message.reactions[index].count == 0 {
        message.reactions.remove(index);
    }
    cx.delete(Table::Reactions, message.id.get(), key(emoji, user));
    store(cx, &message);
    let body = ReactionEvent::of(host, channel, message.id).by(user, &shown);
    publish(host, cx, channel, "MESSAGE_REACTION_REMOVE", &body);
    Outcome::EMPTY
}

/// Removes all reactions, or all with one emoji.
pub(crate) fn clear<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    message: MessageId,
    emoji: Option<&ReactionEmoji>,
) -> Result<Outcome, Stop> {
    require(host, cx, channel, Permissions::READ_MESSAGE_HISTORY | Permissions::MANAGE_MESSAGES)?;
    let mut message = stored(cx, channel, message)?;
    not_archived(host, channel)?;
    let Some(emoji) = emoji else {
        message.reactions.clear();
        cx.batch.delete_partition(Table::Reactions, message.id.get());
        store(cx, &message);
        let body = ReactionEvent::of(host, channel, message.id);
        publish(host, cx, channel, "MESSAGE_REACTION_REMOVE_ALL", &body);
        return Outcome::EMPTY;
    };
    let Some(index) = position(&message, emoji) else { return Err(ApiError::unknown_emoji().into()) };
    let removed = message.reactions.remove(index);
    cx.batch.delete_prefix(Table::Reactions, message.id.get(), &prefix(emoji));
    store(cx, &message);
    let body = ReactionEvent { emoji: Some(&removed.emoji), ..ReactionEvent::of(host, channel, message.id) };
    publish(host, cx, channel, "MESSAGE_REACTION_REMOVE_EMOJI", &body);
    Outcome::EMPTY
}

/// Who has reacted with an emoji.
pub(crate) fn reactors<H: Host>(
    host: &H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    message: MessageId,
    emoji: &ReactionEmoji,
    after: Option<UserId>,
    limit: u16,
) -> Result<Outcome, Stop> {
    require(host, cx, channel, Permissions::READ_MESSAGE_HISTORY)?;
    stored(cx, channel, message)?;
    let emoji = emoji.clone();
    Outcome::later(move |store: StoreRef| async move {
        let mut range = Range::prefix(&prefix(&emoji), usize::from(limit));
        if let Some(after) = after {
            range.from = std::ops::Bound::Excluded(key(&emoji, after));
        }
        let rows = store.scan(Table::Reactions, message.get(), range).await.map_err(failed)?;
        let ids = rows.iter().filter_map(|row| user_of(&row.key)).collect();
        let users: Vec<User> = users(&store, ids).await?;
        Ok(Answer::json(&users))
    })
}

/// The user at the end of a key.
pub(crate) fn user_of(key: &Key) -> Option<UserId> {
    let id = key.as_bytes().last_chunk::<8>()?;
    Some(UserId::new(u64::from_be_bytes(*id)))
}

/// Whether a user is among the reactors, for each reaction of a message.
pub(crate) async fn mark_own(
    store: &StoreRef,
    viewer: UserId,
    message: &mut Message,
) -> Result<(), ApiError> {
    if message.reactions.is_empty() {
        return Ok(());
    }
    let keys = message.reactions.iter().map(|reaction| key(&emoji_of(&reaction.emoji), viewer)).collect();
    let rows: Vec<Option<u8>> =
        store.get_rows(Table::Reactions, message.id.get(), keys).await.map_err(failed)?;
    for (reaction, row) in message.reactions.iter_mut().zip(rows) {
        reaction.me = row.is_some();
    }
    Ok(())
}

//! Polls. The message keeps the poll with its counts; a row per voter holds the chosen answers, and a row per answer and
//! voter lists who chose it.
//!
//! An open poll has a row in [`Table::Timers`], in the partition of the channel's owner, until its time is over. An owner
//! gives those rows to [`Talk::watch_poll`](crate::Talk::watch_poll) when it comes to life ([`read_polls`]), has the first end as its
//! alarm, and calls [`tick`].
//!
//! Keys in the partition of the message: `0, user` for a voter's answers, `answer, user` for a vote. Answers count from 1.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::request::message::NewPoll;
use consort_model::{
    ApiError, ChannelId, Embed, EmbedField, GuildId, Intents, Message, MessageId, MessageType, PartialEmoji,
    Permissions, Timestamp, User, UserId,
};
use consort_rpc::{Answer, Effect, Event, Withheld, guild, message, private};
use consort_store::{Key, Range, StoreExt as _, StoreRef, Table};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::access::require;
use crate::events::publish_updated;
use crate::history::answer as answer_message;
use crate::post::{reference, system_message};
use crate::reactions::{shown, user_of};
use crate::viewer::{Viewer, failed, users};
use crate::{Host, store, stored};

const HOUR_MS: u64 = 3_600_000;
/// Rows read at a time.
const PAGE_ROWS: usize = 1_000;

fn key(answer: u8, user: UserId) -> Key {
    let mut key = [0; 9];
    key[0] = answer;
    key[1..].copy_from_slice(&user.get().to_be_bytes());
    Key::bytes(&key)
}

/// A poll as a message shows it (Poll page).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Poll {
    question: Media,
    answers: Vec<PollAnswer>,
    expiry: Option<Timestamp>,
    allow_multiselect: bool,
    layout_type: u8,
    #[serde(default)]
    results: Results,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Media {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    emoji: Option<PartialEmoji>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct PollAnswer {
    answer_id: u8,
    poll_media: Media,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Results {
    answer_counts: Vec<AnswerCount>,
    is_finalized: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct AnswerCount {
    id: u8,
    count: u32,
    #[serde(default)]
    me_voted: bool,
}

impl Poll {
    /// The poll of a message.
    fn of(message: &Message) -> Option<Self> {
        serde_json::from_value(message.poll.clone()?).ok()
    }

    /// As a message keeps it.
    pub(crate) fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn has(&self, answer: u8) -> bool {
        self.answers.iter().any(|other| other.answer_id == answer)
    }

    fn is_over(&self, now_ms: u64) -> bool {
        self.results.is_finalized || self.expiry.is_some_and(|expiry| expiry.ms() <= now_ms)
    }

    /// The embed that tells the outcome (Message page, "Poll Result Embed Fields"). With a tie there is no victor.
    fn result(&self) -> Embed {
        let counts = &self.results.answer_counts;
        let most = counts.iter().map(|count| count.count).max().unwrap_or(0);
        let mut first = counts.iter().filter(|count| count.count == most && most > 0);
        let victor = first.next().filter(|_| first.next().is_none());
        let victor = victor.and_then(|count| self.answers.iter().find(|answer| answer.answer_id == count.id));
        let total: u32 = counts.iter().map(|count| count.count).sum();
        let mut fields = vec![
            ("poll_question_text", self.question.text.clone().unwrap_or_default()),
            ("victor_answer_votes", most.to_string()),
            ("total_votes", total.to_string()),
        ];
        if let Some(victor) = victor {
            fields.push(("victor_answer_id", victor.answer_id.to_string()));
            fields.push(("victor_answer_text", victor.poll_media.text.clone().unwrap_or_default()));
        }
        let field =
            |(name, value): (&str, String)| EmbedField { name: name.to_owned(), value, inline: false };
        Embed {
            kind: "poll_result".to_owned(),
            fields: fields.into_iter().map(field).collect(),
            ..Embed::default()
        }
    }

    fn count(&mut self, answer: u8, change: impl FnOnce(u32) -> u32) {
        let counts = &mut self.results.answer_counts;
        let index = counts.iter().position(|count| count.id == answer).unwrap_or_else(|| {
            counts.push(AnswerCount { id: answer, count: 0, me_voted: false });
            counts.len() - 1
        });
        counts[index].count = change(counts[index].count);
    }
}

/// Opens a poll of a user.
///
/// # Errors
/// 400/520004 for an emoji that cannot be used here.
pub(crate) fn open<H: Host>(host: &H, author: UserId, now_ms: u64, new: &NewPoll) -> Result<Poll, Stop> {
    let mut answers = Vec::with_capacity(new.answers.len());
    for ((text, emoji), answer_id) in new.answers.iter().zip(1..) {
        let emoji = match emoji {
            Some(emoji) => Some(shown(host, author, emoji).map_err(|_| ApiError::poll_emoji_not_allowed())?),
            None => None,
        };
        answers.push(PollAnswer { answer_id, poll_media: Media { text: Some(text.clone()), emoji } });
    }
    Ok(Poll {
        question: Media { text: Some(new.question.clone()), emoji: None },
        answers,
        expiry: Some(Timestamp::from_ms(now_ms + u64::from(new.duration_hours) * HOUR_MS)),
        allow_multiselect: new.allow_multiselect,
        layout_type: 1,
        results: Results::default(),
    })
}

#[derive(Serialize)]
struct VoteEvent {
    user_id: UserId,
    channel_id: ChannelId,
    message_id: MessageId,
    #[serde(skip_serializing_if = "Option::is_none")]
    guild_id: Option<GuildId>,
    answer_id: u8,
}

/// Replaces the caller's votes.
pub(crate) fn vote<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    message: MessageId,
    answers: &[u8],
) -> Result<Outcome, Stop> {
    if cx.caller.bot {
        return Err(ApiError::bots_not_allowed().into());
    }
    let held = require(host, cx, channel, Permissions::READ_MESSAGE_HISTORY)?;
    host.may_write(cx, channel, held)?;
    let mut message = stored(cx, channel, message)?;
    let user = cx.caller.user;
    let mut poll = Poll::of(&message).ok_or_else(ApiError::unknown_message)?;
    if poll.is_over(cx.now_ms) {
        return Err(ApiError::poll_expired().into());
    }
    if !answers.iter().all(|answer| poll.has(*answer)) || (answers.len() > 1 && !poll.allow_multiselect) {
        return Err(ApiError::invalid_field("answer_ids", "BASE_TYPE_CHOICES", "Invalid answer.").into());
    }
    let before: Vec<u8> = cx.row(Table::Polls, message.id.get(), key(0, user))?.unwrap_or_default();
    let mut now = answers.to_vec();
    now.sort_unstable();
    now.dedup();
    let (added, removed): (Vec<u8>, Vec<u8>) = (
        now.iter().copied().filter(|answer| !before.contains(answer)).collect(),
        before.iter().copied().filter(|answer| !now.contains(answer)).collect(),
    );
    if added.is_empty() && removed.is_empty() {
        return Outcome::EMPTY;
    }
    for answer in &added {
        poll.count(*answer, |count| count + 1);
        cx.put(Table::Polls, message.id.get(), key(*answer, user), &0);
    }
    for answer in &removed {
        poll.count(*answer, |count| count.saturating_sub(1));
        cx.delete(Table::Polls, message.id.get(), key(*answer, user));
    }
    cx.put(Table::Polls, message.id.get(), key(0, user), &now);
    message.poll = Some(poll.to_value());
    store(cx, &message);
    for (name, answers) in [("MESSAGE_POLL_VOTE_REMOVE", removed), ("MESSAGE_POLL_VOTE_ADD", added)] {
        for answer_id in answers {
            publish_vote(host, cx, channel, name, (message.id, user, answer_id));
        }
    }
    Outcome::EMPTY
}

fn publish_vote<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel_id: ChannelId,
    name: &'static str,
    (message_id, user_id, answer_id): (MessageId, UserId, u8),
) {
    let guild_id = host.guild();
    let intents =
        if guild_id.is_some() { Intents::GUILD_MESSAGE_POLLS } else { Intents::DIRECT_MESSAGE_POLLS };
    let body = VoteEvent { user_id, channel_id, message_id, guild_id, answer_id };
    let event = Event::new(name, intents, host.audience(channel_id), &body);
    host.publish(cx, event.withhold(Withheld::wholly()));
}

/// Who has voted for an answer.
pub(crate) fn voters<H: Host>(
    host: &H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    message: MessageId,
    answer: u8,
    after: Option<UserId>,
    limit: u16,
) -> Result<Outcome, Stop> {
    #[derive(Serialize)]
    struct Voters {
        users: Vec<User>,
    }
    require(host, cx, channel, Permissions::READ_MESSAGE_HISTORY)?;
    let poll = Poll::of(&stored(cx, channel, message)?);
    if !poll.is_some_and(|poll| poll.has(answer)) {
        return Err(ApiError::unknown_message().into());
    }
    Outcome::later(move |store: StoreRef| async move {
        let mut range = Range::prefix(&[answer], usize::from(limit));
        if let Some(after) = after {
            range.from = std::ops::Bound::Excluded(key(answer, after));
        }
        let rows = store.scan(Table::Polls, message.get(), range).await.map_err(failed)?;
        let ids = rows.iter().filter_map(|row| user_of(&row.key)).collect();
        Ok(Answer::json(&Voters { users: users(&store, ids).await? }))
    })
}

/// A poll whose end is awaited; a row of [`Table::Timers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OpenPoll {
    /// When it ends, Unix milliseconds.
    pub ends_ms: u64,
    /// The message with the poll.
    pub message: MessageId,
    /// Where it is.
    pub channel: ChannelId,
}

impl OpenPoll {
    fn key(&self) -> Key {
        Key::ids(&[self.ends_ms, self.message.get()])
    }
}

/// The polls whose end the owner of a guild or private channel awaits.
///
/// # Errors
/// Those of the store.
pub async fn read_polls(store: &StoreRef, owner: u64) -> Result<Vec<OpenPoll>, consort_store::Error> {
    let mut pages = store.pages(Table::Timers, owner, Range::all(PAGE_ROWS));
    let mut polls = Vec::new();
    while let Some(rows) = pages.next_rows::<OpenPoll>().await? {
        polls.extend(rows.into_iter().map(|(_, poll)| poll));
    }
    Ok(polls)
}

/// The key of the owner of a channel: its guild, or the private channel itself.
fn owner_of<H: Host>(host: &H, channel: ChannelId) -> u64 {
    host.guild().map_or(channel.get(), GuildId::get)
}

/// Remembers when the poll of a new message ends.
pub(crate) fn watch<H: Host>(host: &mut H, cx: &mut Cx<'_>, message: &Message) {
    let Some(expiry) = Poll::of(message).and_then(|poll| poll.expiry) else { return };
    let open = OpenPoll { ends_ms: expiry.ms(), message: message.id, channel: message.channel_id };
    cx.put(Table::Timers, owner_of(host, open.channel), open.key(), &open);
    host.talk().watch_poll(open);
}

/// Stops waiting for the end of a message's poll: the message is deleted.
pub(crate) fn unwatch<H: Host>(host: &mut H, cx: &mut Cx<'_>, message: &Message) {
    let Some(expiry) = Poll::of(message).and_then(|poll| poll.expiry) else { return };
    let open = OpenPoll { ends_ms: expiry.ms(), message: message.id, channel: message.channel_id };
    if host.talk().forget_poll(open) {
        cx.delete(Table::Timers, owner_of(host, open.channel), open.key());
    }
}

/// Stops waiting for the ends of a channel's polls: the channel is deleted.
pub fn forget_polls<H: Host>(host: &mut H, cx: &mut Cx<'_>, channel: ChannelId) {
    let owner = owner_of(host, channel);
    for open in host.talk().forget_polls_of(channel) {
        cx.delete(Table::Timers, owner, open.key());
    }
}

/// Has the polls ended whose time is over. Each is ended by a call of its own, since its message must be read first.
pub fn tick<H: Host>(host: &mut H, cx: &mut Cx<'_>) {
    while let Some(open) = host.talk().take_due_poll(cx.now_ms) {
        let channel = open.channel;
        cx.delete(Table::Timers, owner_of(host, channel), open.key());
        let op = message::Op::ExpirePoll { message: open.message };
        cx.effect(match host.guild() {
            Some(guild) => Effect::Guild { guild, op: guild::Op::Message { channel, op } },
            None => Effect::Private { channel, op: private::Op::Message { channel, op } },
        });
    }
}

/// Ends a poll: its author's wish, or its time is over.
pub(crate) fn expire<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    message: MessageId,
) -> Result<Outcome, Stop> {
    require(host, cx, channel, Permissions::empty())?;
    let mut message = stored(cx, channel, message)?;
    if message.author.id != cx.caller.user && !cx.caller.system {
        return Err(ApiError::not_your_message().into());
    }
    let mut poll = Poll::of(&message).ok_or_else(ApiError::cannot_expire_non_poll)?;
    if poll.results.is_finalized || (poll.is_over(cx.now_ms) && !cx.caller.system) {
        return Err(ApiError::poll_expired().into());
    }
    unwatch(host, cx, &message);
    poll.expiry = poll.expiry.map(|expiry| expiry.min(Timestamp::from_ms(cx.now_ms)));
    poll.results.is_finalized = true;
    message.poll = Some(poll.to_value());
    store(cx, &message);
    publish_updated(host, cx, &message);
    let (author, reference) = (message.author.clone(), reference(host, channel, message.id));
    let result = poll.result();
    system_message(host, cx, channel, author, MessageType::PollResult, "", |note| {
        note.message_reference = Some(reference);
        note.embeds.push(result);
    });
    answer_message(Viewer::of(host, cx), message)
}

/// Marks what the viewer has voted for, and that the poll is over when its time is.
pub(crate) async fn mark_own(
    store: &StoreRef,
    viewer: &Viewer,
    message: &mut Message,
) -> Result<(), ApiError> {
    let Some(mut poll) = Poll::of(message) else { return Ok(()) };
    let mine: Option<Vec<u8>> =
        store.get_row(Table::Polls, message.id.get(), key(0, viewer.user)).await.map_err(failed)?;
    let mine = mine.unwrap_or_default();
    for count in &mut poll.results.answer_counts {
        count.me_voted = mine.contains(&count.id);
    }
    poll.results.is_finalized = poll.is_over(viewer.now_ms);
    message.poll = Some(poll.to_value());
    Ok(())
}

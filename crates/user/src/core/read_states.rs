//! How far channels are read, and how often the account was mentioned since.
//!
//! Clients count what they are sent; acknowledgements and the counts here are what they begin with.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{ApiError, ChannelId, GuildId, MessageId, Timestamp, UserId, snowflake};
use consort_rpc::Publication;
use consort_rpc::user::Reach;
use consort_rpc::user::read_state::{Ack, Op};
use consort_store::{Key, Range, Table};
use serde::Serialize;
use serde_json::json;

use super::User;
use super::settings::{is_muted, is_suppressed};
use crate::limits::READ_STATES_MAX;
use crate::rows::ReadStateRow;

/// Channels acknowledged by one call; the edge splits longer lists.
const BULK_MAX: usize = 100;
/// Read states looked at when a session begins, and how long it is the same ones.
const LOOKED_AT: usize = 32;
const LOOKED_AT_EVERY_MS: u64 = 1000;

/// A read state as READY has it.
pub(super) fn entry(channel: ChannelId, row: &ReadStateRow) -> Entry {
    Entry {
        id: channel,
        read_state_type: 0,
        last_message_id: row.last_message_id,
        mention_count: row.mention_count,
        last_pin_timestamp: row.last_pin_timestamp,
        flags: row.flags,
        last_viewed: row.last_viewed,
    }
}

/// See [`entry`].
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    id: ChannelId,
    read_state_type: u8,
    last_message_id: Option<MessageId>,
    mention_count: u32,
    last_pin_timestamp: Option<Timestamp>,
    flags: u64,
    last_viewed: Option<u64>,
}

impl Entry {
    /// The channel.
    pub(super) fn channel(&self) -> ChannelId {
        self.id
    }

    /// Adds what was not counted when it came.
    pub(super) fn add_mentions(&mut self, count: u32) {
        self.mention_count = self.mention_count.saturating_add(count);
    }
}

impl User {
    pub(super) fn handle_read_state(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        self.require_self(cx)?;
        if self.is_bot() {
            return Err(ApiError::bots_not_allowed().into());
        }
        match op {
            Op::Ack(ack) => self.ack(cx, ack),
            Op::AckBulk { acks } => acks.iter().take(BULK_MAX).for_each(|ack| self.ack(cx, ack)),
            Op::AckPins { channel } => self.ack_pins(cx, *channel),
            Op::Forget { channel } => {
                if self.reads.remove(channel).is_some() {
                    cx.delete(Table::ReadStates, self.id.get(), channel.get());
                }
            }
        }
        Outcome::EMPTY
    }

    fn ack(&mut self, cx: &mut Cx<'_>, ack: &Ack) {
        let before = self.reads.get(&ack.channel).cloned().unwrap_or_default();
        let mut row = before.clone();
        if ack.manual {
            row.last_message_id = Some(ack.message);
            row.mention_count = ack.mention_count.unwrap_or(0);
            row.counted_until = Some(MessageId::new(snowflake::at(cx.now_ms + 1)));
        } else if row.last_message_id.is_none_or(|last| last <= ack.message) {
            // What comes late, after a newer acknowledgement, does not make anything unread.
            row.last_message_id = Some(ack.message);
            (row.mention_count, row.counted_until) = (0, None);
        }
        row.flags = ack.flags.unwrap_or(row.flags);
        row.last_viewed = ack.last_viewed.or(row.last_viewed);
        if row == before {
            return;
        }
        let mut event = json!({
            "channel_id": ack.channel,
            "message_id": row.last_message_id,
            "flags": row.flags,
            "last_viewed": row.last_viewed,
            "version": self.read_version + 1,
        });
        if ack.manual {
            event["manual"] = json!(true);
            event["mention_count"] = json!(row.mention_count);
        }
        self.keep(cx, ack.channel, row);
        self.tell(cx, "MESSAGE_ACK", &event);
    }

    fn ack_pins(&mut self, cx: &mut Cx<'_>, channel: ChannelId) {
        let timestamp = Timestamp::from_ms(cx.now_ms);
        let mut row = self.reads.get(&channel).cloned().unwrap_or_default();
        row.last_pin_timestamp = Some(timestamp);
        self.keep(cx, channel, row);
        let event = json!({ "channel_id": channel, "timestamp": timestamp, "version": self.read_version });
        self.tell(cx, "CHANNEL_PINS_ACK", &event);
    }

    /// Counts a message that mentions the account. What is muted or suppressed, and what people write whom the account has
    /// blocked or ignores, is not counted.
    pub(super) fn mentioned(
        &mut self,
        cx: &mut Cx<'_>,
        guild: Option<GuildId>,
        channel: ChannelId,
        message: MessageId,
        (author, by): (UserId, Reach),
    ) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        let settings = self.guild_settings.get(&guild.map_or(0, GuildId::get));
        let is_quiet = |settings| is_muted(settings, channel, cx.now_ms) || is_suppressed(settings, by);
        if self.is_bot() || self.shuns(author) || settings.is_some_and(is_quiet) {
            return Outcome::EMPTY;
        }
        let mut row = self.reads.get(&channel).cloned().unwrap_or_default();
        if row.last_message_id.is_none_or(|last| last < message) {
            row.mention_count = row.mention_count.saturating_add(1);
            self.keep(cx, channel, row);
        }
        Outcome::EMPTY
    }

    /// The account has written there itself, so it has read everything up to its message.
    pub(super) fn posted(
        &mut self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        message: MessageId,
    ) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        if self.is_bot() {
            return Outcome::EMPTY;
        }
        let mut row = self.reads.get(&channel).cloned().unwrap_or_default();
        if row.last_message_id.is_none_or(|last| last < message) {
            row.last_message_id = Some(message);
            (row.mention_count, row.counted_until) = (0, None);
            self.keep(cx, channel, row);
        }
        Outcome::EMPTY
    }

    /// Has some read states looked at, other ones each time: what was deleted tells nobody who has read it.
    pub(super) fn look_at_some_reads(&self, cx: &mut Cx<'_>) {
        let parts = self.reads.len().div_ceil(LOOKED_AT).max(1);
        // By the time, so that sessions that come one after the other look at all of them.
        let part = (cx.now_ms / LOOKED_AT_EVERY_MS) as usize % parts;
        let channels: Vec<_> = self.reads.keys().copied().skip(part * LOOKED_AT).take(LOOKED_AT).collect();
        if !channels.is_empty() {
            let news = consort_rpc::user::News::LookAtReads { channels };
            cx.publish(Publication::User { user: self.id, news });
        }
    }

    pub(super) fn look_at_reads(&mut self, cx: &mut Cx<'_>, channels: &[ChannelId]) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        let mut gone = Vec::new();
        for channel in channels.iter().take(LOOKED_AT).filter(|channel| self.reads.contains_key(channel)) {
            let found = cx.scan(Table::ChannelIndex, channel.get(), Range::one(Key::empty()))?;
            gone.extend(found.is_empty().then_some(*channel));
        }
        for channel in gone {
            self.reads.remove(&channel);
            cx.delete(Table::ReadStates, self.id.get(), channel.get());
        }
        Outcome::EMPTY
    }

    fn keep(&mut self, cx: &mut Cx<'_>, channel: ChannelId, mut row: ReadStateRow) {
        if self.reads.len() >= READ_STATES_MAX
            && !self.reads.contains_key(&channel)
            && let Some(oldest) = self.reads.iter().min_by_key(|(_, row)| row.version).map(|(id, _)| *id)
        {
            self.reads.remove(&oldest);
            cx.delete(Table::ReadStates, self.id.get(), oldest.get());
        }
        self.read_version += 1;
        row.version = self.read_version;
        cx.put(Table::ReadStates, self.id.get(), channel.get(), &row);
        self.reads.insert(channel, row);
    }
}

//! Rows of an account and of a private channel.

use consort_model::{Activity, Channel, ChannelId, MessageId, Status, Timestamp, User, UserId};
use consort_rpc::user::seat::Seat;
use serde::{Deserialize, Serialize};

/// Membership in a guild (`Table::UserGuilds`, partition: the user, key: the guild).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserGuildRow {
    /// Since when.
    pub joined_at: Timestamp,
}

/// A private channel of a user (`Table::UserChannels`, partition: the user, key: the channel).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserChannelRow {
    /// Whether it is listed; a closed DM is kept, so that it is found again.
    pub listed: bool,
    /// Whether it is a group.
    pub group: bool,
    /// Who else is in it.
    pub recipients: Vec<UserId>,
}

/// Kind of a relationship (Relationships, Relationship Type).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum RelationshipKind {
    /// Both are friends.
    Friend,
    /// This account wants to hear nothing of the other.
    Blocked,
    /// The other has asked.
    Incoming,
    /// This account has asked.
    Outgoing,
}

impl From<RelationshipKind> for u8 {
    fn from(kind: RelationshipKind) -> Self {
        match kind {
            RelationshipKind::Friend => 1,
            RelationshipKind::Blocked => 2,
            RelationshipKind::Incoming => 3,
            RelationshipKind::Outgoing => 4,
        }
    }
}

impl TryFrom<u8> for RelationshipKind {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        Ok(match number {
            1 => Self::Friend,
            2 => Self::Blocked,
            3 => Self::Incoming,
            4 => Self::Outgoing,
            other => return Err(format!("{other} is no kind of relationship")),
        })
    }
}

/// A relationship (`Table::Relationships`, partition: the user, key: the other one).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RelationshipRow {
    /// What it is; `None` when the other is ignored and nothing else.
    pub kind: Option<RelationshipKind>,
    /// The other one, as last told.
    pub user: User,
    /// The name this account gives the other.
    #[serde(default)]
    pub nickname: Option<String>,
    /// Since when it is so.
    pub since: Timestamp,
    /// Whether what the other writes calls this account no more, whatever they are to each other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignored: bool,
    /// The number of this account's wish to be friends (`consort_rpc::user::relationship::Peer`), while it asks or is a friend.
    #[serde(default)]
    pub wish: u64,
    /// The number of the other's, while that asks or is a friend.
    #[serde(default)]
    pub peer_wish: u64,
}

impl RelationshipRow {
    /// What it is as a number (Relationship Type); 0 for nothing.
    pub fn number(&self) -> u8 {
        self.kind.map_or(0, u8::from)
    }
}

/// How far a channel is read (`Table::ReadStates`, partition: the user, key: the channel).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadStateRow {
    /// The newest message read.
    pub last_message_id: Option<MessageId>,
    /// Unread mentions.
    #[serde(default)]
    pub mention_count: u32,
    /// When pins were looked at last.
    #[serde(default)]
    pub last_pin_timestamp: Option<Timestamp>,
    /// Bits of the client.
    #[serde(default)]
    pub flags: u64,
    /// Messages to everybody up to here are in the count: the client said how many there are.
    #[serde(default)]
    pub counted_until: Option<MessageId>,
    /// Day of the last look, days since 2015.
    #[serde(default)]
    pub last_viewed: Option<u64>,
    /// Which change of the account's read states this was.
    #[serde(default)]
    pub version: u64,
}

/// What a person has chosen to be seen as (`Table::UserSettings`, partition: the user, key: `status`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChosenStatus {
    /// Shown for sessions that say nothing else.
    pub status: Status,
    /// The custom status, as an activity of type 4 that ends when the status does.
    #[serde(default)]
    pub custom: Option<Activity>,
}

impl Default for ChosenStatus {
    fn default() -> Self {
        Self { status: Status::Online, custom: None }
    }
}

impl ChosenStatus {
    /// The custom status, unless its time is over.
    pub fn custom_at(&self, now_ms: u64) -> Option<&Activity> {
        let custom = self.custom.as_ref()?;
        let end = custom.timestamps.and_then(|timestamps| timestamps.end);
        end.is_none_or(|end_ms| end_ms > now_ms).then_some(custom)
    }
}

/// A seat that is taken (`Table::UserSettings`, partition: the user, key: `seats`, with all others).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatRow {
    /// What it is for.
    pub seat: Seat,
    /// How many have taken it and not given it back.
    pub holders: u32,
    /// When it is free again, Unix milliseconds.
    pub until_ms: u64,
}

/// A private channel (`Table::PrivateChannels`, partition: the channel, key: empty).
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct PrivateChannelRow {
    /// The channel, with **all** its people as recipients.
    pub channel: Channel,
    /// Those for whom it is listed.
    pub listed: Vec<UserId>,
}

impl PrivateChannelRow {
    /// The channel as one of its people sees it.
    pub fn seen_by(&self, user: UserId) -> Channel {
        let mut channel = self.channel.clone();
        if let Some(recipients) = &mut channel.recipients {
            recipients.retain(|recipient| recipient.id != user);
        }
        channel
    }

    /// Its people.
    pub fn people(&self) -> impl Iterator<Item = UserId> + '_ {
        self.channel.recipients.iter().flatten().map(|user| user.id)
    }
}

/// A value that an index holds: the private channel of two people (`Table::DmIndex`, partition: the lower id, key: the
/// higher one).
pub type DmIndexRow = ChannelId;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_custom_status_ends_at_its_time() {
        let said =
            json!({"name": "x", "type": 4, "state": "away", "timestamps": {"end": 1_767_225_600_000_u64}});
        let custom = Activity::from_client(&said, false).unwrap();
        let end_ms = "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap().ms();
        let chosen = ChosenStatus { custom: Some(custom), ..ChosenStatus::default() };
        assert!(chosen.custom_at(end_ms - 1).is_some());
        assert!(chosen.custom_at(end_ms).is_none());
    }
}

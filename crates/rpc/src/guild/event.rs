//! Scheduled events of a guild.

use consort_model::request::scheduled_event::EventForm;
use consort_model::{EventId, UserId};
use serde::{Deserialize, Serialize};

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Open events that the caller sees. Answers an array.
    List { with_user_count: bool },
    /// One event, also a finished one.
    Get { event: EventId, with_user_count: bool },
    /// CREATE_EVENTS, in the event's channel if it has one. A cover is stored under `id`. Answers the event.
    Create { id: EventId, form: Box<EventForm> },
    /// As for [`Op::Create`] for one's own, MANAGE_EVENTS for others'. Answers the event.
    Update { event: EventId, form: Box<EventForm> },
    /// As [`Op::Update`].
    Delete { event: EventId },
    /// The caller is interested. Answers `{guild_scheduled_event_id, user_id, ...}`.
    Subscribe { event: EventId },
    /// The caller is not interested any more.
    Unsubscribe { event: EventId },
    /// Who is interested, by rising id. Answers an array.
    Users { event: EventId, with_member: bool, before: Option<UserId>, after: Option<UserId>, limit: u16 },
    /// How many are interested. Answers the count.
    Count { event: EventId },
}

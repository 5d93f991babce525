//! What happens to an event at its times (Guild Scheduled Event, Automated Status): an external one begins and ends by itself, one
//! in a channel ends when nobody is there any more, one that nobody has begun is called off.

use consort_actor::{Cx, Stop};
use consort_model::scheduled_event::{entity, status};
use consort_model::{ApiError, ChannelId, EventId, ScheduledEvent, StageId};

use super::Planned;
use crate::core::Guild;

/// How long after its time an event in a channel may begin, in milliseconds. Upstream "a few hours".
const LATE_MS: u64 = 3 * 3_600_000;
/// How long nobody is in the channel of an event before it ends, in milliseconds. Upstream "a few minutes".
const EMPTY_MS: u64 = 3 * 60_000;

/// Sets the status that a caller wants: an event begins, ends, or is called off; there is no way back.
pub(super) fn set_status(event: &mut ScheduledEvent, wanted: u8) -> Result<(), Stop> {
    if event.status == wanted {
        return Ok(());
    }
    match (event.status, wanted) {
        (status::SCHEDULED, status::ACTIVE | status::CANCELED) => {
            event.status = wanted;
            Ok(())
        }
        (status::ACTIVE, status::COMPLETED) => {
            finish(event);
            Ok(())
        }
        _ => {
            let message = "Invalid Guild Scheduled Event Status Update";
            Err(ApiError::invalid_field("status", "GUILD_SCHEDULED_EVENT_INVALID_STATUS", message).into())
        }
    }
}

/// An event is over; one that recurs is to come again.
fn finish(event: &mut ScheduledEvent) {
    let start = event.scheduled_start_time;
    let next = event.recurrence_rule.as_ref().and_then(|rule| rule.next_after(start.ms()));
    let Some(next) = next else {
        event.status = status::COMPLETED;
        return;
    };
    event.status = status::SCHEDULED;
    event.scheduled_end_time =
        event.scheduled_end_time.map(|end| next.plus_ms(end.ms().saturating_sub(start.ms())));
    event.scheduled_start_time = next;
}

impl Planned {
    /// When it changes by itself, Unix milliseconds.
    fn due_ms(&self) -> Option<u64> {
        let (event, start) = (&self.event, self.event.scheduled_start_time.ms());
        match (event.status, event.entity_type) {
            (status::SCHEDULED, entity::EXTERNAL) => Some(start),
            (status::SCHEDULED, _) => Some(start + LATE_MS),
            (status::ACTIVE, entity::EXTERNAL) => event.scheduled_end_time.map(|end| end.ms()),
            (status::ACTIVE, _) => self.empty_since_ms.map(|since| since + EMPTY_MS),
            _ => None,
        }
    }

    /// Takes the step that is due. What has been missed altogether, as without a server, is stepped over one time after the other.
    fn step(&mut self) {
        let event = &mut self.event;
        match (event.status, event.entity_type) {
            (status::SCHEDULED, entity::EXTERNAL) => event.status = status::ACTIVE,
            (status::SCHEDULED, _) if event.recurrence_rule.is_none() => event.status = status::CANCELED,
            // Who did not meet this time may meet the next.
            _ => finish(event),
        }
    }
}

impl Guild {
    /// An event on a stage that begins opens it, which moderators of the stage may.
    pub(super) fn open_stage_of(
        &mut self,
        cx: &mut Cx<'_>,
        old: &ScheduledEvent,
        event: &mut ScheduledEvent,
    ) -> Result<(), Stop> {
        let begins = old.status == status::SCHEDULED && event.status == status::ACTIVE;
        let Some(channel) = event.channel_id.filter(|_| begins && event.entity_type == entity::STAGE) else {
            return Ok(());
        };
        self.may_moderate_stage(cx, channel)?;
        if self.is_stage_open(channel) {
            return Err(ApiError::stage_for_event().into());
        }
        let stage = self.open_stage(cx, channel, &event.name, false, Some(event.id));
        event.entity_id = Some(stage.cast());
        Ok(())
    }

    /// Refuses a stage for an event that is not to come there.
    pub(in crate::core) fn may_begin_stage_event(
        &self,
        cx: &Cx<'_>,
        event: EventId,
        channel: ChannelId,
    ) -> Result<(), Stop> {
        let event = &self.seen_event(cx, event)?.event;
        let there = event.entity_type == entity::STAGE && event.channel_id == Some(channel);
        if there && event.status == status::SCHEDULED {
            return Ok(());
        }
        let message = "The event is not to come on this stage.";
        Err(ApiError::invalid_field(
            "guild_scheduled_event_id",
            "GUILD_SCHEDULED_EVENT_INVALID_STATUS",
            message,
        )
        .into())
    }

    /// A stage was opened for an event: it goes on.
    pub(in crate::core) fn begin_stage_event(&mut self, cx: &mut Cx<'_>, event: EventId, stage: StageId) {
        let Some(mut planned) = self.events.0.get(&event).cloned() else { return };
        planned.event.status = status::ACTIVE;
        planned.event.entity_id = Some(stage.cast());
        self.change_event(cx, planned);
    }

    /// The stage of an event is closed: the event is over.
    pub(in crate::core) fn end_stage_event(&mut self, cx: &mut Cx<'_>, event: EventId) {
        let Some(mut planned) = self.events.0.get(&event).cloned() else { return };
        if planned.event.status == status::ACTIVE {
            finish(&mut planned.event);
            self.change_event(cx, planned);
        }
    }

    /// When the next event changes by itself, Unix milliseconds.
    pub(crate) fn next_event_ms(&self) -> Option<u64> {
        self.events.open().filter_map(Planned::due_ms).min()
    }

    /// Takes all steps that are due.
    pub(crate) fn step_events(&mut self, cx: &mut Cx<'_>) {
        let due = |planned: &&Planned| planned.due_ms().is_some_and(|at| at <= cx.now_ms);
        let due: Vec<_> = self.events.open().filter(due).cloned().collect();
        for mut planned in due {
            planned.step();
            self.change_event(cx, planned);
        }
    }

    /// Looks at the voice channels of all events, once it is known who is there.
    pub(crate) fn note_all_attendance(&mut self, now_ms: u64) {
        let channels: Vec<_> = self.events.all().filter_map(|event| event.channel_id).collect();
        channels.into_iter().for_each(|channel| self.note_attendance(now_ms, channel));
    }

    /// Somebody has come to a voice channel, or left it.
    pub(crate) fn note_attendance(&mut self, now_ms: u64, channel: ChannelId) {
        let empty = self.voice.is_empty(channel);
        let of_channel = |planned: &&mut Planned| planned.event.channel_id == Some(channel);
        for planned in self.events.0.values_mut().filter(of_channel) {
            planned.empty_since_ms = if empty { planned.empty_since_ms.or(Some(now_ms)) } else { None };
        }
    }
}

//! What an event may be, and who may make and change it.

use consort_actor::{Cx, Stop};
use consort_model::request::scheduled_event::EventForm;
use consort_model::scheduled_event::{entity, status};
use consort_model::{
    ApiError, ChannelType, EntityMetadata, EventId, Form, Patch, Permissions, ScheduledEvent,
};

use super::patched;
use crate::core::Guild;

/// How far ahead an event may be, in milliseconds: five years, as upstream.
const AHEAD_MAX_MS: u64 = 5 * 366 * 24 * 3_600_000;

impl Guild {
    /// An event with a change applied and judged. `old`: as it was, unless it is new.
    pub(super) fn changed_event(
        &self,
        cx: &Cx<'_>,
        old: Option<&ScheduledEvent>,
        mut event: ScheduledEvent,
        form: &EventForm,
    ) -> Result<ScheduledEvent, Stop> {
        if let Some(name) = &form.name {
            event.name.clone_from(name);
        }
        patched(&form.description, &mut event.description);
        event.description = event.description.filter(|text| !text.is_empty());
        patched(&form.image, &mut event.image);
        event.scheduled_start_time = form.start.unwrap_or(event.scheduled_start_time);
        patched(&form.end, &mut event.scheduled_end_time);
        event.entity_type = form.entity_type.unwrap_or(event.entity_type);
        patched(&form.channel, &mut event.channel_id);
        patched(&form.recurrence, &mut event.recurrence_rule);
        if let Patch::Value(location) = &form.location {
            event.entity_metadata = Some(EntityMetadata { location: location.clone() });
        }
        if event.entity_type == entity::EXTERNAL {
            event.channel_id = None;
        } else {
            event.entity_metadata = None;
        }
        let errors = Form::empty();
        self.judge_place(&event, &errors);
        judge_times(cx.now_ms, old, &event, &errors);
        if let Some(old) = old.filter(|old| old.status == status::ACTIVE) {
            let stays = "An event that goes on stays where it is.";
            if old.entity_type != event.entity_type {
                errors.error("entity_type", "BASE_TYPE_CHOICES", stays);
            } else if old.entity_type == entity::STAGE && old.channel_id != event.channel_id {
                errors.error("channel_id", "GUILD_INVALID_CHANNEL", stays);
            }
        }
        errors.finish()?;
        Ok(event)
    }

    fn judge_place(&self, event: &ScheduledEvent, errors: &Form<'_>) {
        if event.entity_type == entity::EXTERNAL {
            if event.entity_metadata.is_none() {
                errors.error("entity_metadata.location", "BASE_TYPE_REQUIRED", "This field is required");
            }
            if event.scheduled_end_time.is_none() {
                errors.error("scheduled_end_time", "BASE_TYPE_REQUIRED", "This field is required");
            }
            return;
        }
        let Some(channel) = event.channel_id else {
            return errors.error("channel_id", "BASE_TYPE_REQUIRED", "This field is required");
        };
        let wanted = match event.entity_type {
            entity::STAGE => ChannelType::GuildStageVoice,
            _ => ChannelType::GuildVoice,
        };
        if self.channels.get(&channel).map(|channel| channel.kind) != Some(wanted) {
            errors.error("channel_id", "GUILD_INVALID_CHANNEL", "Invalid channel");
        }
    }

    /// CREATE_EVENTS where the event is, and what its channel wants of who holds it there.
    pub(super) fn may_make_event(&self, cx: &Cx<'_>, event: &ScheduledEvent) -> Result<(), Stop> {
        let right = Permissions::CREATE_EVENTS;
        let Some(channel) = event.channel_id else { return self.require(cx, right) };
        let of_entity = match event.entity_type {
            entity::STAGE => {
                Permissions::MANAGE_CHANNELS | Permissions::MUTE_MEMBERS | Permissions::MOVE_MEMBERS
            }
            _ => Permissions::CONNECT,
        };
        self.require_in(cx, channel, right | of_entity)
    }

    /// [`Guild::may_change_event`] of an event that the caller sees.
    pub(in crate::core) fn may_change_event_of(&self, cx: &Cx<'_>, event: EventId) -> Result<(), Stop> {
        self.may_change_event(cx, &self.seen_event(cx, event)?.event)
    }

    /// One's own with CREATE_EVENTS, others' with MANAGE_EVENTS.
    pub(super) fn may_change_event(&self, cx: &Cx<'_>, event: &ScheduledEvent) -> Result<(), Stop> {
        let own = event.creator_id == Some(cx.caller.user);
        let held = match event.channel_id {
            Some(channel) => self.permissions_in(cx.caller.user, channel, cx.now_ms).unwrap_or_default(),
            None => self.permissions(cx.caller.user, cx.now_ms),
        };
        let may =
            held.contains(Permissions::MANAGE_EVENTS) || own && held.contains(Permissions::CREATE_EVENTS);
        if may { Ok(()) } else { Err(ApiError::missing_permissions().into()) }
    }
}

fn judge_times(now_ms: u64, old: Option<&ScheduledEvent>, event: &ScheduledEvent, errors: &Form<'_>) {
    let start = event.scheduled_start_time;
    let moved = old.is_none_or(|old| old.scheduled_start_time != start);
    if moved && start.ms() < now_ms {
        let message = "Cannot schedule event in the past.";
        errors.error("scheduled_start_time", "GUILD_SCHEDULED_EVENT_SCHEDULE_PAST", message);
    }
    if moved && start.ms() > now_ms + AHEAD_MAX_MS {
        let message = "Cannot schedule event more than five years ahead.";
        errors.error("scheduled_start_time", "GUILD_SCHEDULED_EVENT_SCHEDULE_TOO_FAR", message);
    }
    if moved && old.is_some_and(|old| old.status == status::ACTIVE) {
        let message = "An event that goes on has begun.";
        errors.error("scheduled_start_time", "GUILD_SCHEDULED_EVENT_ALREADY_STARTED", message);
    }
    let Some(end) = event.scheduled_end_time else { return };
    if end <= start {
        let message = "An event ends after it has begun.";
        errors.error("scheduled_end_time", "GUILD_SCHEDULED_EVENT_END_BEFORE_START", message);
    } else if end.ms() > start.ms() + AHEAD_MAX_MS {
        let message = "An event cannot last more than five years.";
        errors.error("scheduled_end_time", "GUILD_SCHEDULED_EVENT_SCHEDULE_TOO_FAR", message);
    }
}

//! Scheduled events (Guild Scheduled Event page).
//!
//! * here: what there is, and the changes of it. Rows of `Table::Events`: an event in the partition of the guild, who is
//!   interested in the partition of the event, by user;
//! * [`judge`]: what an event may be, and who may make it;
//! * [`course`]: what happens at its times;
//! * [`people`]: who is interested.
//!
//! An event in a channel is seen by those who see the channel, all others by everybody.

mod course;
mod judge;
mod people;

use std::collections::{BTreeMap, BTreeSet};

use consort_actor::{Cx, Outcome, Stop};
use consort_files::Kind;
use consort_model::request::scheduled_event::EventForm;
use consort_model::scheduled_event::{entity, status};
use consort_model::{
    ApiError, AuditLogChange, AuditLogEvent, ChannelId, EventId, Intents, Patch, Permissions, ScheduledEvent,
    Timestamp, UserId, limits,
};
use consort_rpc::guild::event::Op;
use consort_rpc::{Audience, Event, View, Withheld};
use consort_store::Table;
use serde_json::{Value, json};

use super::Guild;
use super::audit::Note;
use crate::planted::Leak;

/// Properties of an event that the audit log follows.
const AUDITED: &[&str] = &[
    "name",
    "description",
    "channel_id",
    "scheduled_start_time",
    "scheduled_end_time",
    "privacy_level",
    "status",
    "entity_type",
    "location",
    "image_hash",
    "recurrence_rule",
];
/// Events of a guild that are over and kept for those who ask; the oldest go first.
const FINISHED_MAX: usize = 100;

/// An event with who is interested.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    event: ScheduledEvent,
    interested: BTreeSet<UserId>,
    /// Of one that goes on in a channel: since when nobody is there, Unix milliseconds.
    empty_since_ms: Option<u64>,
}

/// The events of a guild.
#[derive(Debug, Default)]
pub(crate) struct Events(BTreeMap<EventId, Planned>);

impl Events {
    /// Takes up a stored event, which nobody is in the channel of as far as is known.
    pub(crate) fn restore(&mut self, event: ScheduledEvent, interested: BTreeSet<UserId>, now_ms: u64) {
        self.0.insert(event.id, Planned { event, interested, empty_since_ms: Some(now_ms) });
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &ScheduledEvent> {
        self.0.values().map(|planned| &planned.event)
    }

    fn open(&self) -> impl Iterator<Item = &Planned> {
        self.0.values().filter(|planned| planned.event.is_open())
    }
}

impl Guild {
    pub(crate) fn handle_event(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::List { with_user_count } => {
                self.require_member(cx)?;
                let seen =
                    self.events.open().filter(|planned| self.may_see_event(cx, &planned.event).is_ok());
                Outcome::json(
                    &seen.map(|planned| self.show_event(planned, *with_user_count)).collect::<Vec<_>>(),
                )
            }
            Op::Get { event, with_user_count } => {
                let planned = self.seen_event(cx, *event)?;
                Outcome::json(&self.show_event(planned, *with_user_count))
            }
            Op::Create { id, form } => self.create_event(cx, *id, form),
            Op::Update { event, form } => self.update_event(cx, *event, form),
            Op::Delete { event } => self.delete_event(cx, *event),
            Op::Subscribe { event } => self.subscribe(cx, *event),
            Op::Unsubscribe { event } => self.unsubscribe(cx, *event),
            Op::Users { event, with_member, before, after, limit } => {
                self.interested(cx, *event, *with_member, (*before, *after), usize::from(*limit))
            }
            Op::Count { event } => {
                let count = self.seen_event(cx, *event)?.interested.len();
                Outcome::json(&json!({
                    "guild_scheduled_event_count": count, "guild_scheduled_event_exception_counts": {},
                }))
            }
        }
    }

    /// An event that the caller sees (404/10070; 403/50001 when it does not see its channel).
    fn seen_event(&self, cx: &Cx<'_>, event: EventId) -> Result<&Planned, Stop> {
        self.require_member(cx)?;
        let planned = self.events.0.get(&event).ok_or_else(ApiError::unknown_event)?;
        self.may_see_event(cx, &planned.event)?;
        Ok(planned)
    }

    fn may_see_event(&self, cx: &Cx<'_>, event: &ScheduledEvent) -> Result<(), Stop> {
        // The channel of an event that is over may be gone.
        let there = |channel: &ChannelId| self.channels.contains_key(channel) && !Leak::Events.is_planted();
        match event.channel_id.filter(there) {
            Some(channel) => self.require_in(cx, channel, Permissions::VIEW_CHANNEL),
            None => self.require_member(cx),
        }
    }

    fn show_event(&self, planned: &Planned, with_user_count: bool) -> ScheduledEvent {
        let creator = planned.event.creator_id.and_then(|user| self.account(user));
        let user_count = with_user_count.then_some(planned.interested.len() as u64);
        ScheduledEvent { creator, user_count, ..planned.event.clone() }
    }

    /// Open events as GUILD_CREATE has them, of those channels that `sees`.
    pub(crate) fn shown_events(&self, sees: impl Fn(ChannelId) -> bool) -> Vec<ScheduledEvent> {
        let seen = self.events.open().filter(|planned| planned.event.channel_id.is_none_or(&sees));
        seen.map(|planned| self.show_event(planned, false)).collect()
    }

    /// An open event, for an invite that shows it to everybody.
    pub(crate) fn invited_event(&self, event: EventId) -> Option<ScheduledEvent> {
        let planned = self.events.0.get(&event).filter(|planned| planned.event.is_open())?;
        Some(self.show_event(planned, true))
    }

    fn create_event(&mut self, cx: &mut Cx<'_>, id: EventId, form: &EventForm) -> Result<Outcome, Stop> {
        self.require_member(cx)?;
        let blank = ScheduledEvent {
            id,
            guild_id: self.id,
            channel_id: None,
            creator_id: Some(cx.caller.user),
            creator: None,
            name: String::new(),
            description: None,
            image: None,
            scheduled_start_time: Timestamp::from_ms(cx.now_ms),
            scheduled_end_time: None,
            privacy_level: 2,
            status: status::SCHEDULED,
            entity_type: form.entity_type.unwrap_or(entity::EXTERNAL),
            entity_id: None,
            entity_metadata: None,
            recurrence_rule: None,
            guild_scheduled_event_exceptions: Vec::new(),
            user_count: None,
        };
        let event = self.changed_event(cx, None, blank, form)?;
        self.may_make_event(cx, &event)?;
        if self.events.open().count() >= limits::EVENTS_MAX {
            return Err(ApiError::max_events().into());
        }
        self.replace_image(cx, (Kind::EventCover, id.get()), None, event.image.as_deref());
        let changes = AuditLogChange::between(&Value::Null, &audited(&event), AUDITED);
        let planned = Planned { event, interested: BTreeSet::new(), empty_since_ms: None };
        self.put_event(cx, planned, "GUILD_SCHEDULED_EVENT_CREATE");
        self.audit(cx, AuditLogEvent::EventCreate, Note::of(id, changes));
        let planned = self.events.0.get(&id).ok_or_else(ApiError::unknown_event)?;
        Outcome::json(&self.show_event(planned, false))
    }

    fn update_event(&mut self, cx: &mut Cx<'_>, id: EventId, form: &EventForm) -> Result<Outcome, Stop> {
        let planned = self.seen_event(cx, id)?.clone();
        let old = planned.event.clone();
        self.may_change_event(cx, &old)?;
        if !old.is_open() {
            return Err(ApiError::event_finished().into());
        }
        let mut event = self.changed_event(cx, Some(&old), old.clone(), form)?;
        let moved = (event.channel_id, event.entity_type) != (old.channel_id, old.entity_type);
        if moved {
            self.may_make_event(cx, &event)?;
        }
        if let Some(wanted) = form.status {
            course::set_status(&mut event, wanted)?;
            self.open_stage_of(cx, &old, &mut event)?;
        }
        if event != old {
            self.replace_image(
                cx,
                (Kind::EventCover, id.get()),
                old.image.as_deref(),
                event.image.as_deref(),
            );
            self.change_event(cx, Planned { event: event.clone(), ..planned });
            let changes = AuditLogChange::between(&audited(&old), &audited(&event), AUDITED);
            self.audit(cx, AuditLogEvent::EventUpdate, Note::of(id, changes));
        }
        let planned = self.events.0.get(&id).ok_or_else(ApiError::unknown_event)?;
        Outcome::json(&self.show_event(planned, false))
    }

    /// Keeps a changed event and tells of it. Whoever saw it where it was, and does not where it is, is told that it is gone.
    fn change_event(&mut self, cx: &mut Cx<'_>, mut planned: Planned) {
        let Some(old) = self.events.0.get(&planned.event.id).map(|planned| planned.event.clone()) else {
            return;
        };
        if old.status != planned.event.status {
            let attended = planned.event.channel_id.is_some_and(|channel| !self.voice.is_empty(channel));
            planned.empty_since_ms = (!attended).then_some(cx.now_ms);
        }
        let ends = old.status == status::ACTIVE && planned.event.status != status::ACTIVE;
        if ends {
            planned.event.entity_id = None;
        }
        let (before, after) = (self.event_audience(&old), self.event_audience(&planned.event));
        if before == after {
            self.put_event(cx, planned, "GUILD_SCHEDULED_EVENT_UPDATE");
        } else {
            self.publish_event(cx, before, "GUILD_SCHEDULED_EVENT_DELETE", &old);
            self.put_event(cx, planned, "GUILD_SCHEDULED_EVENT_CREATE");
        }
        if ends {
            self.drop_stage_of_event(cx, old.id);
        }
        self.drop_old_events(cx);
    }

    fn delete_event(&mut self, cx: &mut Cx<'_>, id: EventId) -> Result<Outcome, Stop> {
        let old = self.seen_event(cx, id)?.event.clone();
        self.may_change_event(cx, &old)?;
        self.drop_event(cx, &old);
        let changes = AuditLogChange::between(&audited(&old), &Value::Null, AUDITED);
        self.audit(cx, AuditLogEvent::EventDelete, Note::of(id, changes));
        Outcome::EMPTY
    }

    /// Deletes the events of a channel that is being deleted; those who see it are told.
    pub(crate) fn drop_channel_events(&mut self, cx: &mut Cx<'_>, channel: ChannelId) {
        let of_channel = |event: &&ScheduledEvent| event.channel_id == Some(channel);
        let doomed: Vec<_> = self.events.all().filter(of_channel).cloned().collect();
        doomed.iter().for_each(|event| self.drop_event(cx, event));
    }

    /// The guild ends: what is in partitions of their own goes with it.
    pub(crate) fn erase_events(&self, cx: &mut Cx<'_>) {
        for event in self.events.all() {
            cx.batch.erase_later(Table::Events, event.id.get());
            self.replace_image(cx, (Kind::EventCover, event.id.get()), event.image.as_deref(), None);
        }
    }

    fn drop_event(&mut self, cx: &mut Cx<'_>, event: &ScheduledEvent) {
        let audience = self.event_audience(event);
        let shown = self.events.0.remove(&event.id).map(|planned| self.show_event(&planned, false));
        cx.delete(Table::Events, self.id.get(), event.id.get());
        cx.batch.erase_later(Table::Events, event.id.get());
        self.replace_image(cx, (Kind::EventCover, event.id.get()), event.image.as_deref(), None);
        // Of one that was over, its last change was the last word.
        if let Some(shown) = shown.filter(ScheduledEvent::is_open) {
            self.publish_event(cx, audience, "GUILD_SCHEDULED_EVENT_DELETE", &shown);
        }
        self.drop_stage_of_event(cx, event.id);
    }

    fn drop_old_events(&mut self, cx: &mut Cx<'_>) {
        let finished: Vec<_> = self.events.all().filter(|event| !event.is_open()).cloned().collect();
        let too_many = finished.len().saturating_sub(FINISHED_MAX);
        finished.iter().take(too_many).for_each(|event| self.drop_event(cx, event));
    }

    fn put_event(&mut self, cx: &mut Cx<'_>, planned: Planned, name: &'static str) {
        cx.put(Table::Events, self.id.get(), planned.event.id.get(), &planned.event);
        let audience = self.event_audience(&planned.event);
        let shown = self.show_event(&planned, false);
        self.events.0.insert(planned.event.id, planned);
        self.publish_event(cx, audience, name, &shown);
    }

    fn event_audience(&mut self, event: &ScheduledEvent) -> Audience {
        match event.channel_id {
            Some(channel) if self.channels.contains_key(&channel) => self.audience_of(channel),
            Some(_) => Audience::view(View::None),
            None => Audience::all(),
        }
    }

    fn publish_event(
        &self,
        cx: &mut Cx<'_>,
        audience: Audience,
        name: &'static str,
        body: &(impl serde::Serialize + ?Sized),
    ) {
        let event = Event::new(name, Intents::GUILD_SCHEDULED_EVENTS, audience, body);
        self.publish(cx, event.withhold(Withheld::wholly()));
    }

    /// Tells those who begin, or cease, to see a channel of its events.
    pub(crate) fn sync_events(&self, cx: &mut Cx<'_>, channel: ChannelId, audience: &Audience, gone: bool) {
        let name = if gone { "GUILD_SCHEDULED_EVENT_DELETE" } else { "GUILD_SCHEDULED_EVENT_CREATE" };
        for planned in self.events.open().filter(|planned| planned.event.channel_id == Some(channel)) {
            self.publish_event(cx, audience.clone(), name, &self.show_event(planned, false));
        }
    }
}

/// An event with the keys of the audit log.
fn audited(event: &ScheduledEvent) -> Value {
    let mut value = serde_json::to_value(event).unwrap_or_default();
    value["image_hash"] = json!(event.image);
    value["location"] = json!(event.entity_metadata.as_ref().map(|metadata| &metadata.location));
    value
}

/// A patch of a field that may be null.
fn patched<T: Clone>(patch: &Patch<T>, field: &mut Option<T>) {
    patch.clone().apply(field);
}

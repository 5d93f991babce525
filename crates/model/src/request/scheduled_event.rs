//! Bodies of the scheduled event routes.

use serde::{Deserialize, Serialize};

use crate::limits::{EVENT_DESCRIPTION_CHARS, EVENT_LOCATION_CHARS, IMAGE_BYTES_MAX};
use crate::object::RecurrenceRule;
use crate::validate::Named;
use crate::{ChannelId, Form, Image, Patch, Timestamp};

/// An event, or a change of one: what is absent stays. What depends on the event that there is, and on the guild, is for the
/// guild's owner to judge.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventForm {
    /// 1 to 100 characters.
    pub name: Option<String>,
    /// Up to 1000 characters.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub description: Patch<String>,
    /// Hash of a stored cover.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub image: Patch<String>,
    /// When it begins.
    pub start: Option<Timestamp>,
    /// When it ends.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub end: Patch<Timestamp>,
    /// 1, 2 or 3.
    pub entity_type: Option<u8>,
    /// Where it is.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub channel: Patch<ChannelId>,
    /// Where an external one is.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub location: Patch<String>,
    /// 1 to 4; only of a change.
    pub status: Option<u8>,
    /// When it is again.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub recurrence: Patch<RecurrenceRule>,
}

impl EventForm {
    /// Reads the body, and the cover that is to be stored; errors are noted in the form. `new`: what an event cannot be without
    /// must be there.
    pub fn read(form: &Form<'_>, new: bool) -> Option<(Self, Patch<Image>)> {
        let location = |form: &Form<'_>| {
            let location = form.line("location", EVENT_LOCATION_CHARS);
            form.required("location", location)
        };
        let read = Self {
            name: form.name("name", Named::Event),
            description: form.patch_lines("description", 0..=*EVENT_DESCRIPTION_CHARS.end()),
            image: Patch::Absent,
            start: form.timestamp("scheduled_start_time"),
            end: form.patch_timestamp("scheduled_end_time"),
            entity_type: form.choice_u8("entity_type", &[1, 2, 3]),
            channel: form.patch_id("channel_id"),
            // Voice and stage events have none, and libraries send an empty object for it.
            location: match form.opt("entity_metadata").is_some_and(|value| value.get("location").is_none()) {
                true => Patch::Null,
                false => form.patch_object("entity_metadata", location),
            },
            status: if new { None } else { form.choice_u8("status", &[1, 2, 3, 4]) },
            recurrence: form.patch_object("recurrence_rule", RecurrenceRule::read),
        };
        let privacy = form.choice_u8("privacy_level", &[2]);
        if new {
            form.required("name", read.name.as_ref());
            form.required("privacy_level", privacy);
            form.required("entity_type", read.entity_type);
            form.required("scheduled_start_time", read.start);
        }
        Some((read, form.patch_image("image", IMAGE_BYTES_MAX)))
    }
}

//! Bodies of the thread routes.

use serde::{Deserialize, Serialize};

use crate::limits::{APPLIED_TAGS_MAX, AUTO_ARCHIVE_MINUTES, SLOWMODE_SECS_MAX};
use crate::validate::Named;
use crate::{Form, Patch, id::Id};

/// Id of a forum's tag.
type Tag = Id<()>;

/// Body of the routes that start a thread.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StartThread {
    /// Name, 1 to 100 characters.
    pub name: String,
    /// Minutes; `None` for the parent's default.
    pub auto_archive_duration: Option<u32>,
    /// Seconds of slowmode; `None` for the parent's default.
    pub rate_limit_per_user: Option<u32>,
    /// 10, 11 or 12; `None` for the default of the route.
    pub kind: Option<u8>,
    /// Private threads: whether members who are no moderators may add others.
    pub invitable: Option<bool>,
    /// Forum posts: tags.
    pub applied_tags: Vec<Tag>,
}

impl StartThread {
    /// Reads the body; errors are noted in the form.
    pub fn read(form: &Form<'_>) -> Option<Self> {
        let name = form.required("name", form.name("name", Named::Thread));
        Some(Self {
            auto_archive_duration: auto_archive(form),
            rate_limit_per_user: form.int("rate_limit_per_user", 0..=SLOWMODE_SECS_MAX),
            kind: form.choice_u8("type", &[10, 11, 12]),
            invitable: form.bool("invitable"),
            applied_tags: form.ids("applied_tags", APPLIED_TAGS_MAX).unwrap_or_default(),
            name: name?,
        })
    }
}

/// Body of PATCH on a thread.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct UpdateThread {
    /// Name, 1 to 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it is archived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<bool>,
    /// Minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_archive_duration: Option<u32>,
    /// Whether only moderators may open it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<bool>,
    /// Whether members may add others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitable: Option<bool>,
    /// Seconds of slowmode; null for none.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    pub rate_limit_per_user: Patch<u32>,
    /// Channel flags; only PINNED (`1 << 1`) can be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<u64>,
    /// Forum posts: tags.
    #[serde(default, skip_serializing_if = "Patch::is_absent")]
    pub applied_tags: Patch<Vec<Tag>>,
}

impl UpdateThread {
    /// Reads the body; errors are noted in the form.
    pub fn read(form: &Form<'_>) -> Option<Self> {
        Some(Self {
            name: form.name("name", Named::Thread),
            archived: form.bool("archived"),
            auto_archive_duration: auto_archive(form),
            locked: form.bool("locked"),
            invitable: form.bool("invitable"),
            rate_limit_per_user: form.patch_int("rate_limit_per_user", 0..=SLOWMODE_SECS_MAX),
            flags: form.int("flags", 0..=u64::from(u32::MAX)),
            applied_tags: form.patch_ids("applied_tags", APPLIED_TAGS_MAX),
        })
    }
}

fn auto_archive(form: &Form<'_>) -> Option<u32> {
    let minutes = form.int("auto_archive_duration", 0..=u32::MAX)?;
    if AUTO_ARCHIVE_MINUTES.contains(&minutes) {
        return Some(minutes);
    }
    form.error("auto_archive_duration", "BASE_TYPE_CHOICES", "Value must be one of (60, 1440, 4320, 10080).");
    None
}

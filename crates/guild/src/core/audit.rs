//! The audit log: one entry per change that moderators may want to look up.

use std::collections::BTreeMap;
use std::ops::Bound;

use consort_actor::Cx;
use consort_model::id::Id;
use consort_model::limits::AUDIT_LOG_KEPT_MS;
use consort_model::{AuditLogChange, AuditLogEntry, AuditLogEvent, Intents, Permissions, UserId, snowflake};
use consort_rpc::{Audience, Event, Withheld};
use consort_store::{Key, Table};
use serde::Serialize;

use super::Guild;
use crate::planted::Leak;

/// An entry with the guild it belongs to, as the gateway sends it.
#[derive(Serialize)]
struct EntryCreate<'a> {
    guild_id: consort_model::GuildId,
    #[serde(flatten)]
    entry: &'a AuditLogEntry,
}

/// What an entry says beside who and when.
#[derive(Debug, Default)]
pub(crate) struct Note {
    /// To what.
    pub(crate) target: Option<u64>,
    /// What changed.
    pub(crate) changes: Vec<AuditLogChange>,
    /// More, by action.
    pub(crate) options: Option<BTreeMap<String, String>>,
}

impl Note {
    /// An entry about a thing and its changes.
    pub(crate) fn of(target: impl Into<u64>, changes: Vec<AuditLogChange>) -> Self {
        Self { target: Some(target.into()), changes, options: None }
    }

    /// Adds an option; numbers are text there too.
    pub(crate) fn with(mut self, key: &str, value: impl ToString) -> Self {
        self.options.get_or_insert_default().insert(key.to_owned(), value.to_string());
        self
    }
}

impl Guild {
    /// Writes an entry in the caller's name and tells those who may read the log.
    pub(crate) fn audit(&self, cx: &mut Cx<'_>, action: AuditLogEvent, note: Note) {
        if !cx.caller.system {
            self.audit_by(cx, Some(cx.caller.user), action, note);
        }
    }

    /// Writes an entry in the name of a user, or of nobody for what the guild does by itself; as [`Guild::audit`].
    pub(crate) fn audit_by(
        &self,
        cx: &mut Cx<'_>,
        user_id: Option<UserId>,
        action: AuditLogEvent,
        note: Note,
    ) {
        let entry = AuditLogEntry {
            id: Id::new(cx.next_id()),
            target_id: note.target.map(Id::new),
            user_id,
            action_type: action,
            changes: note.changes,
            options: note.options,
            reason: cx.caller.reason.clone().filter(|_| user_id.is_some()),
        };
        cx.put(Table::AuditLog, self.id.get(), entry.id.get(), &entry);
        self.forget_old_entries(cx);
        let audience = match Leak::AuditLog.is_planted() {
            true => Audience::all(),
            false => Audience::view(self.view_guild(Permissions::VIEW_AUDIT_LOG)),
        };
        let body = EntryCreate { guild_id: self.id, entry: &entry };
        let event = Event::new("GUILD_AUDIT_LOG_ENTRY_CREATE", Intents::GUILD_MODERATION, audience, &body);
        self.publish(cx, event.withhold(Withheld::wholly()));
    }

    /// Deletes entries that are kept no longer, once a day.
    fn forget_old_entries(&self, cx: &mut Cx<'_>) {
        let day = cx.now_ms / (24 * 3_600_000);
        if self.audit_swept_day.replace(day) != day {
            let end = Bound::Excluded(Key::id(oldest_kept(cx.now_ms)));
            cx.batch.delete_range(Table::AuditLog, self.id.get(), Bound::Unbounded, end);
        }
    }
}

/// The least id of an entry that is kept.
pub(crate) fn oldest_kept(now_ms: u64) -> u64 {
    snowflake::at(now_ms.saturating_sub(AUDIT_LOG_KEPT_MS))
}

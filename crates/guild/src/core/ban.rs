//! Bans of a guild: rows that are read when needed, since there may be very many.

use std::ops::Bound;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{
    ApiError, AuditLogEvent, Ban, ChannelId, Intents, MessageId, Permissions, User, UserId, snowflake,
};
use consort_rpc::guild::ban::Op;
use consort_rpc::{Audience, Effect, Event, Withheld, guild, message};
use consort_store::{Key, Order, Range, Table};
use serde_json::json;

use super::Guild;
use super::audit::Note;

impl Guild {
    pub(crate) fn handle_ban(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::List { limit, before, after } => self.list_bans(cx, *limit as usize, *before, *after),
            Op::Get { user } => {
                self.require(cx, Permissions::BAN_MEMBERS)?;
                Outcome::json(&self.stored_ban(cx, *user)?.ok_or_else(ApiError::unknown_ban)?)
            }
            Op::Create { user, delete_message_seconds } => self.ban(cx, user, *delete_message_seconds),
            Op::Delete { user } => self.unban(cx, *user),
            Op::Bulk { users, unknown, delete_message_seconds } => {
                self.ban_many(cx, users, unknown, *delete_message_seconds)
            }
            Op::Purge { users, after } => self.purge_next(cx, users, *after),
        }
    }

    fn stored_ban(&self, cx: &mut Cx<'_>, user: UserId) -> Result<Option<Ban>, Stop> {
        cx.row(Table::Bans, self.id.get(), user.get())
    }

    fn list_bans(
        &self,
        cx: &mut Cx<'_>,
        limit: usize,
        before: Option<UserId>,
        after: Option<UserId>,
    ) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::BAN_MEMBERS)?;
        let range = match (before, after) {
            (Some(before), _) => Range::before(before.get(), limit),
            (None, Some(after)) => Range::after(after.get(), limit),
            (None, None) => Range { from: Bound::Unbounded, ..Range::all(limit) },
        };
        let descending = range.order == Order::Descending;
        let mut rows: Vec<(Key, Ban)> = cx.scan_rows(Table::Bans, self.id.get(), range)?;
        if descending {
            rows.reverse();
        }
        Outcome::json(&rows.into_iter().map(|(_, ban)| ban).collect::<Vec<_>>())
    }

    fn ban(&mut self, cx: &mut Cx<'_>, user: &User, delete_message_seconds: u32) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::BAN_MEMBERS)?;
        self.may_ban(cx, user.id)?;
        if self.stored_ban(cx, user.id)?.is_some() {
            return Outcome::EMPTY;
        }
        self.put_ban(cx, user);
        self.purge(cx, vec![user.id], delete_message_seconds);
        Outcome::EMPTY
    }

    /// Members above the caller, and the owner, cannot be banned; who is no member can by anybody with the right.
    fn may_ban(&self, cx: &Cx<'_>, user: UserId) -> Result<(), Stop> {
        if self.members.contains(user) { self.require_above(cx, user) } else { Ok(()) }
    }

    fn put_ban(&mut self, cx: &mut Cx<'_>, user: &User) {
        let ban = Ban { reason: cx.caller.reason.clone(), user: user.clone() };
        cx.put(Table::Bans, self.id.get(), user.id.get(), &ban);
        self.expel(cx, user.id);
        self.publish_ban(cx, "GUILD_BAN_ADD", user);
        self.audit(cx, AuditLogEvent::MemberBanAdd, Note::of(user.id, Vec::new()));
    }

    /// Bans are told to those who may ban or read the audit log (Gateway Events, Guild Ban Add).
    fn publish_ban(&self, cx: &mut Cx<'_>, name: &'static str, user: &User) {
        let view = self.view_guild_any(Permissions::BAN_MEMBERS | Permissions::VIEW_AUDIT_LOG);
        let body = json!({"guild_id": self.id, "user": user});
        let event = Event::new(name, Intents::GUILD_MODERATION, Audience::view(view), &body);
        self.publish(cx, event.withhold(Withheld::wholly()));
    }

    fn unban(&mut self, cx: &mut Cx<'_>, user: UserId) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::BAN_MEMBERS)?;
        let ban = self.stored_ban(cx, user)?.ok_or_else(ApiError::unknown_ban)?;
        cx.delete(Table::Bans, self.id.get(), user.get());
        self.publish_ban(cx, "GUILD_BAN_REMOVE", &ban.user);
        self.audit(cx, AuditLogEvent::MemberBanRemove, Note::of(user, Vec::new()));
        Outcome::EMPTY
    }

    fn ban_many(
        &mut self,
        cx: &mut Cx<'_>,
        users: &[User],
        unknown: &[UserId],
        delete_message_seconds: u32,
    ) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::BAN_MEMBERS | Permissions::MANAGE_GUILD)?;
        let mut failed = unknown.to_vec();
        let mut chosen: Vec<&User> = Vec::new();
        for user in users {
            let refused = matches!(self.may_ban(cx, user.id), Err(Stop::Error(_)));
            let twice = chosen.iter().any(|other| other.id == user.id);
            match refused || twice || self.stored_ban(cx, user.id)?.is_some() {
                true => failed.push(user.id),
                false => chosen.push(user),
            }
        }
        if chosen.is_empty() {
            return Err(ApiError::bulk_ban_failed().into());
        }
        for user in &chosen {
            self.put_ban(cx, user);
        }
        let banned: Vec<UserId> = chosen.iter().map(|user| user.id).collect();
        self.purge(cx, banned.clone(), delete_message_seconds);
        Outcome::json(&json!({"banned_users": banned, "failed_users": failed}))
    }

    /// Has the messages of some seconds deleted, after the ban itself: user by user, in the channels and active threads
    /// that were written in since, each step as a call of its own (see `message::Op::Purge`). Archived threads are left.
    fn purge(&self, cx: &mut Cx<'_>, users: Vec<UserId>, seconds: u32) {
        if seconds == 0 || users.is_empty() {
            return;
        }
        let from_ms = cx.now_ms.saturating_sub(u64::from(seconds) * 1000);
        let after = MessageId::new(snowflake::at(from_ms).saturating_sub(1));
        cx.effect(Effect::Guild { guild: self.id, op: guild::Op::Ban(Op::Purge { users, after }) });
    }

    fn purge_next(&self, cx: &mut Cx<'_>, users: &[UserId], after: MessageId) -> Result<Outcome, Stop> {
        if !cx.caller.system {
            return Err(ApiError::missing_permissions().into());
        }
        let Some((author, rest)) = users.split_first() else { return Outcome::EMPTY };
        for channel in self.written_in_since(after) {
            let op = message::Op::Purge { author: *author, after };
            cx.effect(Effect::Guild { guild: self.id, op: guild::Op::Message { channel, op } });
        }
        if !rest.is_empty() {
            let op = Op::Purge { users: rest.to_vec(), after };
            cx.effect(Effect::Guild { guild: self.id, op: guild::Op::Ban(op) });
        }
        Outcome::EMPTY
    }

    fn written_in_since(&self, after: MessageId) -> Vec<ChannelId> {
        let channels = self.channels.values().chain(self.threads.values().map(|thread| &thread.channel));
        channels.filter(|c| c.last_message_id.is_some_and(|last| last > after)).map(|c| c.id).collect()
    }
}

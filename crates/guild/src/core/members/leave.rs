//! Ways out of a guild: leaving, being kicked, pruning.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{ApiError, AuditLogEvent, Intents, Permissions, RoleId, UnavailableGuild, UserId};
use consort_rpc::{Audience, Effect, Event, Withheld, relay, user};
use consort_store::{Key, Table};
use serde_json::json;

use super::super::Guild;
use super::super::audit::Note;
use crate::roster::Packed;

/// Members pruned by one call; of more the oldest accounts go first and the call can be made again.
const PRUNE_MAX: usize = 5_000;
/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 3_600_000;
/// Keys in `Table::GuildMisc` of members who are to go when they are offline.
pub(crate) const TEMPORARY: &[u8] = b"temporary/";
/// Keys in `Table::GuildMisc` of the day (since 1970) a member was last seen online.
pub(crate) const SEEN: &[u8] = b"seen/";

/// The key of a row about a member in `Table::GuildMisc`.
pub(crate) fn member_key(prefix: &[u8], user: UserId) -> Key {
    let mut key = prefix.to_vec();
    key.extend_from_slice(&user.get().to_be_bytes());
    Key::bytes(&key)
}

/// The user of such a key.
pub(crate) fn key_member(prefix: &[u8], key: &Key) -> Option<UserId> {
    let id = key.as_bytes().strip_prefix(prefix)?;
    Some(UserId::new(u64::from_be_bytes(id.try_into().ok()?)))
}

impl Guild {
    pub(super) fn kick(&mut self, cx: &mut Cx<'_>, user: UserId) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::KICK_MEMBERS)?;
        self.member(user)?;
        self.require_above(cx, user)?;
        self.expel(cx, user);
        self.audit(cx, AuditLogEvent::MemberKick, Note::of(user, Vec::new()));
        Outcome::EMPTY
    }

    /// The owner has to pass the guild on or delete it first (50055).
    pub(super) fn leave(&mut self, cx: &mut Cx<'_>) -> Result<Outcome, Stop> {
        let user = cx.caller.user;
        if !self.members.contains(user) {
            return Err(ApiError::unknown_guild().into());
        }
        if user == self.info.owner_id {
            return Err(ApiError::invalid_guild().into());
        }
        self.expel(cx, user);
        Outcome::EMPTY
    }

    /// Takes a member out, a bot with its integration.
    pub(crate) fn expel(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let bot = self.members.get(user).is_some_and(Packed::is_bot);
        self.remove_member(cx, user);
        if bot {
            self.disintegrate(cx, user);
        }
    }

    /// Takes a member out of the guild and tells of it. A bot loses its managed role.
    pub(crate) fn remove_member(&mut self, cx: &mut Cx<'_>, user: UserId) {
        if !self.members.contains(user) {
            return;
        }
        self.leave_all_threads(cx, user);
        self.leave_voice(cx, user);
        self.forget_interests(cx, user);
        self.forget_answers(cx, user);
        if let Some(role) = self.managed_role_of(user).and_then(|id| self.roles.get(&id)).cloned() {
            self.remove_role(cx, &role);
        }
        self.note_departed(cx, user);
        let account = self.account(user);
        if let Some(member) = self.members.get(user).map(Packed::unpack) {
            self.replace_member_images(cx, user, &member, None);
        }
        self.members.remove(user);
        cx.delete(Table::Members, self.id.get(), user.get());
        if self.temporary.remove(&user) {
            cx.delete(Table::GuildMisc, self.id.get(), member_key(TEMPORARY, user));
        }
        if self.last_seen.remove(&user).is_some() {
            cx.delete(Table::GuildMisc, self.id.get(), member_key(SEEN, user));
        }
        self.presences.remove(user);
        self.relist(cx, user);
        let gone = UnavailableGuild { id: self.id, unavailable: false };
        self.publish(cx, Event::new("GUILD_DELETE", Intents::GUILDS, Audience::only([user]), &gone));
        let guild = self.id;
        self.tell_relays(cx, || relay::Op::Detach { guild, user });
        self.classes.forget(user);
        let body = json!({"guild_id": self.id, "user": account});
        let audience = Audience::all().without([user]);
        let event = Event::new("GUILD_MEMBER_REMOVE", Intents::GUILD_MEMBERS, audience, &body);
        self.publish(cx, event.withhold(Withheld::wholly()));
        self.tell_left(cx, user);
    }

    /// Tells an account that it is no member any more. Who leaves by itself does not find the guild in its list any more.
    pub(crate) fn tell_left(&self, cx: &mut Cx<'_>, user: UserId) {
        let left = Effect::User { user, op: user::Op::GuildLeft { guild: self.id } };
        if user == cx.caller.user {
            cx.effect_before_answer(left);
        } else {
            cx.effect(left);
        }
    }

    /// Notes that a membership ends when the member is offline, unless it is given a role.
    pub(super) fn note_temporary(&mut self, cx: &mut Cx<'_>, user: UserId) {
        self.temporary.insert(user);
        cx.put(Table::GuildMisc, self.id.get(), member_key(TEMPORARY, user), &true);
    }

    /// A member is offline now: temporary ones leave, of others the day is kept for pruning (one write a member and day).
    pub(crate) fn went_offline(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(member) = self.members.get(user) else { return };
        if self.temporary.contains(&user) {
            if member.roles().is_empty() {
                return self.expel(cx, user);
            }
            self.temporary.remove(&user);
            cx.delete(Table::GuildMisc, self.id.get(), member_key(TEMPORARY, user));
        }
        let day = day(cx.now_ms);
        if self.last_seen.insert(user, day) != Some(day) {
            cx.put(Table::GuildMisc, self.id.get(), member_key(SEEN, user), &day);
        }
    }

    /// Members are away when they are offline, joined and were last online more than `days` ago. Bots stay. Looks at each
    /// member.
    pub(super) fn prune(
        &mut self,
        cx: &mut Cx<'_>,
        days: u32,
        include_roles: &[RoleId],
        compute: bool,
        dry: bool,
    ) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::MANAGE_GUILD | Permissions::KICK_MEMBERS)?;
        let before = day(cx.now_ms).saturating_sub(days);
        let away = |user: &UserId| {
            !self.presences.contains(*user) && self.last_seen.get(user).is_none_or(|seen| *seen < before)
        };
        let own = self.rank(cx.caller.user);
        let chosen = self.members.iter().filter(|member| {
            let user = member.id();
            !member.is_bot()
                && user != self.info.owner_id
                && member.roles().iter().all(|role| include_roles.contains(role))
                && day(member.joined_at().ms()) < before
                && away(&user)
                && (cx.caller.system || own.outranks(self.rank(user)))
        });
        let chosen: Vec<UserId> = chosen.map(Packed::id).collect();
        if dry {
            return Outcome::json(&json!({"pruned": chosen.len()}));
        }
        let pruned = chosen.len().min(PRUNE_MAX);
        for user in chosen.into_iter().take(pruned) {
            self.expel(cx, user);
        }
        let note = Note::default().with("delete_member_days", days).with("members_removed", pruned);
        self.audit(cx, AuditLogEvent::MemberPrune, note);
        Outcome::json(&json!({"pruned": compute.then_some(pruned)}))
    }
}

/// The day of a time, counted from 1970.
fn day(ms: u64) -> u32 {
    u32::try_from(ms / DAY_MS).unwrap_or(u32::MAX)
}

//! Roles: what members are, and what that lets them do.

use std::collections::BTreeMap;

use consort_actor::{Cx, Outcome, Stop};
use consort_files::Kind;
use consort_model::permissions::MemberRank;
use consort_model::{
    ApiError, AuditLogChange, AuditLogEvent, GuildId, Intents, Patch, Permissions, Role, RoleColors, RoleId,
    RoleRank, limits,
};
use consort_rpc::Audience;
use consort_rpc::Event;
use consort_rpc::guild::role::{Fields, Op};
use consort_store::Table;
use serde::Serialize;
use serde_json::{Value, json};

use super::Guild;
use super::audit::Note;
use crate::planted::Leak;

/// Properties of a role that the audit log follows.
const AUDITED: &[&str] =
    &["name", "permissions", "color", "colors", "hoist", "mentionable", "icon", "unicode_emoji", "position"];

#[derive(Serialize)]
struct RoleEvent<'a> {
    guild_id: GuildId,
    role: &'a Role,
}

impl Guild {
    pub(crate) fn handle_role(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::List => {
                self.require_member(cx)?;
                Outcome::json(&self.ranked_roles())
            }
            Op::Get { role } => {
                self.require_member(cx)?;
                Outcome::json(self.role(*role)?)
            }
            Op::MemberCounts => self.role_member_counts(cx),
            Op::Create(fields) => self.create_role(cx, fields),
            Op::Update { role, fields } => self.update_role(cx, *role, fields),
            Op::Delete { role } => self.delete_role(cx, *role),
            Op::Move(moves) => self.move_roles(cx, moves),
        }
    }

    fn role(&self, id: RoleId) -> Result<&Role, ApiError> {
        self.roles.get(&id).ok_or_else(ApiError::unknown_role)
    }

    /// All roles, lowest first.
    fn ranked_roles(&self) -> Vec<&Role> {
        let mut roles: Vec<_> = self.roles.values().collect();
        roles.sort_by_key(|role| RoleRank::new(role.position, role.id));
        roles
    }

    fn everyone(&self) -> RoleId {
        self.id.cast()
    }

    fn role_member_counts(&self, cx: &mut Cx<'_>) -> Result<Outcome, Stop> {
        self.require_member(cx)?;
        let mut counts: BTreeMap<RoleId, u64> =
            self.roles.keys().filter(|id| **id != self.everyone()).map(|id| (*id, 0)).collect();
        for (roles, members) in self.members.role_sets() {
            for role in roles {
                counts.entry(*role).and_modify(|count| *count += u64::from(members));
            }
        }
        let counts: serde_json::Map<_, _> =
            counts.into_iter().map(|(id, n)| (id.to_string(), json!(n))).collect();
        Outcome::json(&Value::Object(counts))
    }

    /// Refuses rights that the caller does not have itself.
    fn require_grantable(&self, cx: &Cx<'_>, wanted: Permissions) -> Result<(), Stop> {
        let held = self.permissions(cx.caller.user, cx.now_ms);
        if cx.caller.system || Leak::RoleRights.is_planted() || held.contains(wanted) {
            return Ok(());
        }
        Err(ApiError::missing_permissions().into())
    }

    fn create_role(&mut self, cx: &mut Cx<'_>, fields: &Fields) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::MANAGE_ROLES)?;
        if self.roles.len() >= limits::ROLES_MAX {
            return Err(ApiError::max_roles().into());
        }
        let default = self.role(self.everyone())?.permissions;
        let permissions = fields.permissions.as_option().copied();
        if let Some(wanted) = permissions {
            self.require_grantable(cx, wanted)?;
        }
        let mut role = Role::new(RoleId::new(cx.next_id()), "new role", permissions.unwrap_or(default), 1);
        apply(&mut role, fields);
        self.replace_image(cx, (Kind::RoleIcon, role.id.get()), None, role.icon.as_deref());
        // A new role stands just above @everyone; the others move up.
        let mut moved = Vec::new();
        for other in self.roles.values_mut().filter(|other| other.position >= 1) {
            other.position += 1;
            moved.push(other.clone());
        }
        for other in &moved {
            cx.put(Table::Roles, self.id.get(), other.id.get(), other);
        }
        self.insert_role(cx, role.clone());
        let changes = AuditLogChange::between(&Value::Null, &value(&role), AUDITED);
        self.audit(cx, AuditLogEvent::RoleCreate, Note::of(role.id, changes));
        for other in &moved {
            self.publish_role(cx, "GUILD_ROLE_UPDATE", other);
        }
        Outcome::json(&role)
    }

    /// Adds a role and tells of it.
    pub(crate) fn insert_role(&mut self, cx: &mut Cx<'_>, role: Role) {
        cx.put(Table::Roles, self.id.get(), role.id.get(), &role);
        self.publish_role(cx, "GUILD_ROLE_CREATE", &role);
        self.roles.insert(role.id, role);
    }

    fn publish_role(&self, cx: &mut Cx<'_>, name: &'static str, role: &Role) {
        self.publish_all(cx, name, Intents::GUILDS, &RoleEvent { guild_id: self.id, role });
    }

    fn update_role(&mut self, cx: &mut Cx<'_>, id: RoleId, fields: &Fields) -> Result<Outcome, Stop> {
        self.may_change_role(cx, id)?;
        let old = self.role(id)?.clone();
        if let Some(wanted) = fields.permissions.as_option() {
            self.require_grantable(cx, *wanted & !old.permissions)?;
        }
        let mut role = old.clone();
        apply(&mut role, fields);
        if id == self.everyone() {
            role.name.clone_from(&old.name);
        }
        if role == old {
            return Outcome::json(&role);
        }
        let before = self.seen();
        self.roles.insert(id, role.clone());
        cx.put(Table::Roles, self.id.get(), id.get(), &role);
        self.replace_image(cx, (Kind::RoleIcon, id.get()), old.icon.as_deref(), role.icon.as_deref());
        self.publish_role(cx, "GUILD_ROLE_UPDATE", &role);
        if role.permissions != old.permissions {
            self.announce_views(cx, &before);
        }
        if (role.permissions, role.hoist) != (old.permissions, old.hoist) {
            self.rebuild_lists(cx);
        }
        let changes = AuditLogChange::between(&value(&old), &value(&role), AUDITED);
        self.audit(cx, AuditLogEvent::RoleUpdate, Note::of(id, changes));
        Outcome::json(&role)
    }

    fn delete_role(&mut self, cx: &mut Cx<'_>, id: RoleId) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::MANAGE_ROLES)?;
        let old = self.role(id)?.clone();
        if id == self.everyone() || old.managed {
            return Err(ApiError::invalid_role().into());
        }
        self.require_above_role(cx, id)?;
        self.remove_role(cx, &old);
        let changes = AuditLogChange::between(&value(&old), &Value::Null, AUDITED);
        self.audit(cx, AuditLogEvent::RoleDelete, Note::of(id, changes));
        Outcome::EMPTY
    }

    /// Takes a role away from the guild, its members and the overwrites, and tells of it.
    pub(crate) fn remove_role(&mut self, cx: &mut Cx<'_>, old: &Role) {
        let id = old.id;
        let before = self.seen();
        self.roles.remove(&id);
        cx.delete(Table::Roles, self.id.get(), id.get());
        self.replace_image(cx, (Kind::RoleIcon, id.get()), old.icon.as_deref(), None);
        // Their rows keep the role, so that the batch does not grow with the number of members; loading passes over it.
        let mut holders = self.classes.users();
        holders.retain(|user| self.members.roles(*user).contains(&id));
        self.members.remove_role(id);
        for channel in self.channels.values_mut() {
            let Some(overwrites) = &mut channel.permission_overwrites else { continue };
            let count = overwrites.len();
            overwrites.retain(|overwrite| overwrite.id != id.cast());
            if overwrites.len() != count {
                cx.put(Table::Channels, self.id.get(), channel.id.get(), channel);
            }
        }
        let audience = Audience::all();
        let body = json!({"guild_id": self.id, "role_id": id});
        self.publish(cx, Event::new("GUILD_ROLE_DELETE", Intents::GUILDS, audience, &body));
        self.announce_views(cx, &before);
        self.reclassify(cx, holders);
        self.rebuild_lists(cx);
    }

    fn move_roles(&mut self, cx: &mut Cx<'_>, moves: &[(RoleId, Option<i64>)]) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::MANAGE_ROLES)?;
        for (id, position) in moves {
            self.role(*id)?;
            if *id == self.everyone() {
                return Err(ApiError::invalid_role().into());
            }
            if position.is_some() {
                self.require_above_role(cx, *id)?;
            }
        }
        let order = self.reordered(moves);
        // Nothing may end up above the caller's own highest role.
        if let MemberRank::Role(Some(own)) = self.rank(cx.caller.user)
            && !cx.caller.system
        {
            let place = |id: RoleId| order.iter().position(|other| *other == id);
            let moved = moves.iter().filter(|(_, position)| position.is_some());
            if moved.map(|(id, _)| place(*id)).max().flatten() > place(own.id) {
                return Err(ApiError::missing_permissions().into());
            }
        }
        let mut changed = Vec::new();
        for (index, id) in order.into_iter().enumerate() {
            let position = index as i64 + 1;
            let Some(role) = self.roles.get_mut(&id).filter(|role| role.position != position) else {
                continue;
            };
            role.position = position;
            changed.push(role.clone());
        }
        for role in &changed {
            cx.put(Table::Roles, self.id.get(), role.id.get(), role);
            self.publish_role(cx, "GUILD_ROLE_UPDATE", role);
        }
        if changed.iter().any(|role| role.hoist) {
            self.rebuild_lists(cx);
        }
        Outcome::json(&self.ranked_roles())
    }

    /// The roles but @everyone, lowest first, with some of them moved: taken out first, then put in from below.
    fn reordered(&self, moves: &[(RoleId, Option<i64>)]) -> Vec<RoleId> {
        let moves: BTreeMap<RoleId, i64> =
            moves.iter().filter_map(|(id, position)| Some((*id, (*position)?))).collect();
        let mut moves: Vec<_> = moves.into_iter().map(|(id, position)| (position, id)).collect();
        moves.sort_by_key(|(position, id)| RoleRank::new(*position, *id));
        let rest = self.ranked_roles().into_iter().map(|role| role.id);
        let rest = rest.filter(|id| *id != self.everyone() && !moves.iter().any(|(_, moved)| moved == id));
        let mut order: Vec<_> = rest.collect();
        for (position, id) in moves {
            let to = usize::try_from(position.max(1) - 1).unwrap_or(usize::MAX).min(order.len());
            order.insert(to, id);
        }
        order
    }
}

fn value(role: &Role) -> Value {
    serde_json::to_value(role).unwrap_or_default()
}

fn apply(role: &mut Role, fields: &Fields) {
    if let Patch::Value(name) = &fields.name {
        role.name.clone_from(name);
    }
    if let Patch::Value(permissions) = fields.permissions {
        role.permissions = permissions;
    }
    if let Patch::Value(color) = fields.color {
        role.color = color;
        role.colors = RoleColors { primary_color: color, secondary_color: None, tertiary_color: None };
    }
    if let Patch::Value((primary_color, secondary_color, tertiary_color)) = fields.colors {
        role.color = primary_color;
        role.colors = RoleColors { primary_color, secondary_color, tertiary_color };
    }
    if let Patch::Value(hoist) = fields.hoist {
        role.hoist = hoist;
    }
    if let Patch::Value(mentionable) = fields.mentionable {
        role.mentionable = mentionable;
    }
    fields.icon.clone().apply(&mut role.icon);
    fields.unicode_emoji.clone().apply(&mut role.unicode_emoji);
}

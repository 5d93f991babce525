//! Who may do what, and who sees what.
//!
//! Members with the same roles see the same channels. They share a **class**; what a class may do is computed once and
//! kept until a role, an overwrite or a channel changes. Only classes of members with a session exist. A member with an
//! overwrite of its own, and the owner, is a class alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use consort_actor::{Cx, Stop};
use consort_model::permissions::{MemberRank, Scope, Standing, apply_implied, compute_base, compute_channel};
use consort_model::{
    ApiError, Channel, ChannelId, ChannelType, Lookup, LookupSet, Permissions, RoleId, RoleRank, UserId,
};
use consort_rpc::{ClassId, ClassSet, View};
use serde::{Deserialize, Serialize};

use super::Guild;
use super::automod::QUARANTINED;
use super::views::Holders;
use crate::planted::Leak;
use crate::roster::Packed;

/// Members of a guild all of whom are put in their classes before they attach.
const MEMBERS_EXPECTED_MAX: usize = 1_000;
/// Classes that are made in a larger one before anybody of them attaches, of each kind.
const CLASSES_EXPECTED_MAX: usize = 2_048;

/// What makes members see the same: the sorted roles, and for those who are a class alone the user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct ClassKey {
    pub(super) roles: Box<[RoleId]>,
    pub(super) alone: Option<UserId>,
}

/// The classes of attached members, and the cached views.
#[derive(Debug, Default)]
pub(crate) struct Classes {
    ids: Lookup<ClassKey, ClassId>,
    keys: Vec<ClassKey>,
    holders: Holders,
    /// Attached users and their class.
    users: Lookup<UserId, ClassId>,
    /// Classes that see a channel, until something changes.
    views: BTreeMap<ChannelId, Arc<ClassSet>>,
    /// Users with an overwrite of their own, until something changes.
    singled_out: Option<LookupSet<UserId>>,
}

impl Classes {
    /// The class of an attached user.
    pub(crate) fn of(&self, user: UserId) -> Option<ClassId> {
        self.users.get(&user).copied()
    }

    /// The attached users, by rising id.
    pub(crate) fn users(&self) -> Vec<UserId> {
        self.users.keys().into_iter().copied().collect()
    }

    /// The classes by number.
    pub(super) fn keys(&self) -> &[ClassKey] {
        &self.keys
    }

    /// The attached users with their classes, by rising id.
    pub(super) fn attached(&self) -> Vec<(UserId, ClassId)> {
        self.users.entries().into_iter().map(|(user, class)| (*user, *class)).collect()
    }

    /// Takes up the classes of another owner, with their numbers.
    pub(super) fn restore(&mut self, keys: Vec<ClassKey>, attached: Vec<(UserId, ClassId)>) {
        *self = Self::default();
        for key in keys {
            self.intern(key);
        }
        self.users = attached.into_iter().collect();
    }

    /// Forgets a user who is no member any more.
    pub(crate) fn forget(&mut self, user: UserId) {
        self.users.remove(&user);
    }

    /// Forgets the cached views after a change of roles or of the owner.
    pub(crate) fn invalidate(&mut self) {
        self.singled_out = None;
        self.views.clear();
    }

    /// Forgets the cached view of a channel that came, went, or has other overwrites.
    pub(crate) fn invalidate_channel(&mut self, channel: ChannelId) {
        self.singled_out = None;
        if !Leak::StaleViews.is_planted() {
            self.views.remove(&channel);
        }
    }

    /// Which classes have which roles.
    pub(super) fn holders(&self) -> &Holders {
        &self.holders
    }

    /// How many channels have a cached view.
    pub(crate) fn views(&self) -> usize {
        self.views.len()
    }

    /// Whether a class sees a channel, by its cached view.
    pub(crate) fn sees(&self, class: ClassId, channel: ChannelId) -> bool {
        self.views.get(&channel).is_some_and(|view| view.contains(class))
    }

    pub(super) fn intern(&mut self, key: ClassKey) -> ClassId {
        if let Some(id) = self.ids.get(&key) {
            return *id;
        }
        let id = ClassId::try_from(self.keys.len()).unwrap_or(ClassId::MAX);
        self.holders.add(id, &key.roles, key.alone);
        self.ids.insert(key.clone(), id);
        self.keys.push(key);
        id
    }
}

/// What each class saw before a change.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Classes there were.
    pub(crate) classes: usize,
    /// Who saw each channel.
    pub(crate) channels: BTreeMap<ChannelId, Arc<ClassSet>>,
    /// Who saw each active private thread without being in it.
    pub(crate) private: BTreeMap<ChannelId, ClassSet>,
}

impl Guild {
    /// The guild-wide rights of a user; empty for somebody who is no member.
    pub(crate) fn base_permissions(&self, user: UserId) -> Permissions {
        let Some(member) = self.members.get(user) else { return Permissions::empty() };
        self.base_of(member.roles(), user)
    }

    pub(super) fn base_of(&self, roles: &[RoleId], user: UserId) -> Permissions {
        let everyone = self.roles.get(&self.id.cast()).map_or(Permissions::empty(), |role| role.permissions);
        let held = roles.iter().filter_map(|role| self.roles.get(role)).map(|role| role.permissions);
        compute_base(user == self.info.owner_id, everyone, held)
    }

    /// The guild-wide rights of a user now: those of [`Guild::base_permissions`], less what a timeout or pending screening
    /// takes.
    pub(crate) fn permissions(&self, user: UserId, now_ms: u64) -> Permissions {
        let Some(member) = self.members.get(user) else { return Permissions::empty() };
        let base = self.base_of(member.roles(), user);
        if base.is_admin() {
            return base;
        }
        let standing = self.standing(member, now_ms);
        let mut all = base;
        if standing.timed_out {
            all &= Permissions::TIMED_OUT;
        }
        if standing.pending {
            all &= Permissions::PENDING;
        }
        all
    }

    /// The rights of a user in a channel or thread now. `None`: there is no such channel here.
    pub(crate) fn permissions_in(
        &self,
        user: UserId,
        channel: ChannelId,
        now_ms: u64,
    ) -> Option<Permissions> {
        let (place, scope) = self.place(channel)?;
        let Some(member) = self.members.get(user) else { return Some(Permissions::empty()) };
        let base = self.base_of(member.roles(), user);
        let overwrites = place.permission_overwrites.as_deref().unwrap_or_default();
        let whole = compute_channel(base, self.id, member.roles(), user, overwrites);
        let mut held = apply_implied(whole, scope, self.standing(member, now_ms));
        // A private thread is for its members and for those who manage threads; a timeout changes nothing about who sees it.
        if let Some(thread) = self.thread(channel)
            && thread.channel.kind == ChannelType::PrivateThread
            && !whole.contains(Permissions::MANAGE_THREADS)
            && !thread.members.contains_key(&user)
        {
            held = Permissions::empty();
        }
        Some(held)
    }

    /// The channel whose overwrites count for `channel` (a thread's parent), and the kind of rights.
    fn place(&self, channel: ChannelId) -> Option<(&Channel, Scope)> {
        if let Some(thread) = self.thread(channel) {
            return Some((self.channels.get(&thread.channel.parent_id?)?, Scope::Thread));
        }
        let channel = self.channels.get(&channel)?;
        let voice = matches!(channel.kind, ChannelType::GuildVoice | ChannelType::GuildStageVoice);
        Some((channel, if voice { Scope::Voice } else { Scope::Text }))
    }

    /// Refuses callers who are no members (50001) or lack one of the guild-wide rights (50013). The system may everything.
    pub(crate) fn require(&self, cx: &Cx<'_>, wanted: Permissions) -> Result<(), Stop> {
        if cx.caller.system {
            return Ok(());
        }
        self.require_member(cx)?;
        if self.permissions(cx.caller.user, cx.now_ms).contains(wanted) {
            return Ok(());
        }
        Err(ApiError::missing_permissions().into())
    }

    /// Refuses callers who are no members (50001).
    pub(crate) fn require_member(&self, cx: &Cx<'_>) -> Result<(), Stop> {
        if cx.caller.system || self.members.contains(cx.caller.user) {
            return Ok(());
        }
        Err(ApiError::missing_access().into())
    }

    /// Refuses callers who do not see a channel (50001) or lack one of the rights there (50013), and unknown channels
    /// (10003).
    pub(crate) fn require_in(
        &self,
        cx: &Cx<'_>,
        channel: ChannelId,
        wanted: Permissions,
    ) -> Result<(), Stop> {
        let held =
            self.permissions_in(cx.caller.user, channel, cx.now_ms).ok_or_else(ApiError::unknown_channel)?;
        if cx.caller.system || held.contains(wanted | Permissions::VIEW_CHANNEL) {
            return Ok(());
        }
        if !held.contains(Permissions::VIEW_CHANNEL) {
            return Err(ApiError::missing_access().into());
        }
        Err(ApiError::missing_permissions().into())
    }

    /// The rank of a member; see [`MemberRank::outranks`].
    pub(crate) fn rank(&self, user: UserId) -> MemberRank {
        let ranks = self
            .members
            .roles(user)
            .iter()
            .filter_map(|id| self.roles.get(id))
            .map(|r| RoleRank::new(r.position, r.id));
        MemberRank::of(user == self.info.owner_id, ranks)
    }

    /// Refuses to act on a member who is not below the caller (50013). Acting on oneself is the caller's business.
    pub(crate) fn require_above(&self, cx: &Cx<'_>, target: UserId) -> Result<(), Stop> {
        let planted = Leak::Ranks.is_planted();
        if cx.caller.system || planted || self.rank(cx.caller.user).outranks(self.rank(target)) {
            return Ok(());
        }
        Err(ApiError::missing_permissions().into())
    }

    /// Refuses to act on a role that is not below the caller's highest (50013).
    pub(crate) fn require_above_role(&self, cx: &Cx<'_>, role: RoleId) -> Result<(), Stop> {
        let rank = self.roles.get(&role).map(|r| RoleRank::new(r.position, r.id));
        let rank = rank.ok_or_else(ApiError::unknown_role)?;
        if cx.caller.system || self.rank(cx.caller.user).outranks_role(rank) {
            return Ok(());
        }
        Err(ApiError::missing_permissions().into())
    }

    /// Puts those who may attach in their classes, as if they had: what is said before they do is for some of them. In a large
    /// guild only the classes are made.
    pub(super) fn expect_classes(&mut self) {
        if self.members.len() <= MEMBERS_EXPECTED_MAX {
            for user in self.members.ids().collect::<Vec<_>>() {
                self.classify(user);
            }
            return;
        }
        let sets = self.members.role_sets().take(CLASSES_EXPECTED_MAX);
        let mut keys: Vec<_> = sets.map(|(roles, _)| self.class_key(roles, None)).collect();
        let alone = self.singled_out().chain([self.info.owner_id]);
        let mut alone: Vec<_> = alone.filter_map(|user| Some((user, self.members.get(user)?))).collect();
        alone.sort_unstable_by_key(|(user, _)| *user);
        alone.dedup_by_key(|(user, _)| *user);
        let alone = alone.into_iter().take(CLASSES_EXPECTED_MAX);
        keys.extend(alone.map(|(user, member)| self.class_key(member.roles(), Some(user))));
        for key in keys {
            self.intern_class(key);
        }
    }

    fn class_key(&self, roles: &[RoleId], alone: Option<UserId>) -> ClassKey {
        let mut roles: Vec<_> = roles.iter().copied().filter(|id| self.roles.contains_key(id)).collect();
        roles.sort_unstable();
        roles.dedup();
        ClassKey { roles: roles.into(), alone }
    }

    fn intern_class(&mut self, key: ClassKey) -> ClassId {
        let known = self.classes.keys.len();
        let class = self.classes.intern(key);
        if class as usize == known {
            self.add_to_views(class);
        }
        class
    }

    /// Puts an attached user in its class and tells it.
    pub(crate) fn classify(&mut self, user: UserId) -> Option<ClassId> {
        let alone = user == self.info.owner_id || self.is_singled_out(user);
        let key = self.class_key(self.members.get(user)?.roles(), alone.then_some(user));
        let class = self.intern_class(key);
        self.classes.users.insert(user, class);
        Some(class)
    }

    /// Puts a new class in the cached views of the channels it sees.
    fn add_to_views(&mut self, class: ClassId) {
        let mut views = std::mem::take(&mut self.classes.views);
        let key = &self.classes.keys[class as usize];
        let base = self.base_of(&key.roles, key.user());
        for (channel, view) in &mut views {
            let Some(channel) = self.channels.get(channel) else { continue };
            if self.holds_in(key, base, channel, Permissions::VIEW_CHANNEL) {
                Arc::make_mut(view).insert(class);
            }
        }
        self.classes.views = views;
    }

    /// Whether a class with these rights in the whole guild holds others in a channel.
    fn holds_in(&self, key: &ClassKey, base: Permissions, channel: &Channel, wanted: Permissions) -> bool {
        let overwrites = channel.permission_overwrites.as_deref().unwrap_or_default();
        compute_channel(base, self.id, &key.roles, key.user(), overwrites).contains(wanted)
    }

    /// Whether a user has an overwrite of its own somewhere.
    fn is_singled_out(&mut self, user: UserId) -> bool {
        let singled_out = match self.classes.singled_out.take() {
            Some(known) => known,
            None => self.find_singled_out(),
        };
        let found = singled_out.contains(&user);
        self.classes.singled_out = Some(singled_out);
        found
    }

    /// Whether a class sees a channel and holds a right there.
    pub(crate) fn class_holds(&self, class: ClassId, channel: ChannelId, wanted: Permissions) -> bool {
        let key = self.classes.keys.get(class as usize);
        let found = key.zip(self.channels.get(&channel));
        found.is_some_and(|(key, channel)| {
            let base = self.base_of(&key.roles, key.user());
            self.holds_in(key, base, channel, wanted | Permissions::VIEW_CHANNEL)
        })
    }

    /// The classes that hold `wanted` (and see the channel).
    pub(crate) fn view_with(&self, channel: ChannelId, wanted: Permissions) -> View {
        View::Classes(Arc::new(self.classes_with(channel, wanted)))
    }

    /// The classes that hold a right in the whole guild.
    pub(crate) fn view_guild(&self, wanted: Permissions) -> View {
        View::Classes(Arc::new(self.classes_holding(wanted, &[])))
    }

    /// The classes that hold one of several rights in the whole guild.
    pub(crate) fn view_guild_any(&self, wanted: Permissions) -> View {
        let mut holding = ClassSet::default();
        wanted.iter().for_each(|right| holding.add_all(&self.classes_holding(right, &[])));
        View::Classes(Arc::new(holding))
    }

    /// The classes whose members hold one of these roles.
    pub(crate) fn holders_of(&self, roles: &BTreeSet<RoleId>) -> View {
        let holds = |key: &ClassKey| key.roles.iter().any(|held| roles.contains(held));
        View::Classes(Arc::new(self.classes_where(holds)))
    }

    /// The classes that see a channel, or a thread's parent. For a private thread: those who manage threads; its members
    /// must be added to the audience ([`Guild::audience_of`] does).
    pub(crate) fn view_of(&mut self, channel: ChannelId) -> View {
        if let Some(thread) = self.thread(channel) {
            let Some(parent) = thread.channel.parent_id else { return View::None };
            if thread.channel.kind == ChannelType::PrivateThread {
                return self.view_with(parent, Permissions::MANAGE_THREADS);
            }
            return View::Classes(self.seen_by(parent));
        }
        View::Classes(self.seen_by(channel))
    }

    /// The classes that see a channel.
    pub(crate) fn seen_by(&mut self, channel: ChannelId) -> Arc<ClassSet> {
        if let Some(view) = self.classes.views.get(&channel) {
            return view.clone();
        }
        let view = Arc::new(self.classes_with(channel, Permissions::VIEW_CHANNEL));
        self.classes.views.insert(channel, view.clone());
        view
    }

    fn classes_with(&self, channel: ChannelId, wanted: Permissions) -> ClassSet {
        let Some(channel) = self.channels.get(&channel) else { return ClassSet::default() };
        let overwrites = channel.permission_overwrites.as_deref().unwrap_or_default();
        self.classes_holding(wanted | Permissions::VIEW_CHANNEL, overwrites)
    }

    fn classes_where(&self, holds: impl Fn(&ClassKey) -> bool) -> ClassSet {
        let classes = self.classes.keys.iter().enumerate().filter(|(_, key)| holds(key));
        classes.filter_map(|(id, _)| ClassId::try_from(id).ok()).collect()
    }

    /// What every class sees now; to be compared after a change by [`Guild::announce_views`].
    pub(crate) fn seen(&mut self) -> Seen {
        let channels: Vec<_> = self.channels.keys().copied().collect();
        let private = self.threads.values().filter(|t| t.channel.kind == ChannelType::PrivateThread);
        let private = private.filter_map(|thread| {
            let managers = self.classes_with(thread.channel.parent_id?, Permissions::MANAGE_THREADS);
            Some((thread.channel.id, managers))
        });
        Seen {
            classes: self.classes.keys.len(),
            private: private.collect(),
            channels: channels.into_iter().map(|channel| (channel, self.seen_by(channel))).collect(),
        }
    }
}

impl ClassKey {
    /// The user, for a class of one; a user id that nobody has otherwise.
    fn user(&self) -> UserId {
        self.alone.unwrap_or_else(|| UserId::new(0))
    }
}

impl Guild {
    /// What takes rights from a member whatever its roles. One with a forbidden name may do what one in a timeout may.
    fn standing(&self, member: Packed<'_>, now_ms: u64) -> Standing {
        let quarantined = member.flags() & QUARANTINED != 0 && self.automod.quarantines();
        Standing { timed_out: quarantined || is_timed_out(member, now_ms), pending: member.is_pending() }
    }

    /// Whether a member may say nothing anywhere for now: it is in a timeout or has not passed screening. Administrators never
    /// are.
    pub(crate) fn is_silenced(&self, user: UserId, now_ms: u64) -> bool {
        let Some(member) = self.members.get(user) else { return false };
        self.standing(member, now_ms) != Standing::default() && !self.base_of(member.roles(), user).is_admin()
    }
}

/// Whether a member's timeout has not ended yet.
pub(crate) fn is_timed_out(member: Packed<'_>, now_ms: u64) -> bool {
    member.timeout().is_some_and(|until| until.ms() > now_ms)
}

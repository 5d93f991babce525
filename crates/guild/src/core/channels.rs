//! Channels of a guild and their permission overwrites.

use std::collections::{BTreeMap, BTreeSet};

use consort_actor::{Cx, Outcome, Stop};
use consort_model::permissions::compute_channel;
use consort_model::validate::Named;
use consort_model::{
    ApiError, AuditLogChange, AuditLogEvent, Channel, ChannelId, ChannelType, Intents, Overwrite,
    OverwriteId, OverwriteKind, Patch, Permissions, UserId, limits, validate,
};
use consort_rpc::guild::channel::{Create, Move, Op, Update};
use consort_rpc::{Audience, Event, search};
use consort_store::erasure::CHANNEL_TABLES;
use consort_store::{Key, Table};
use serde_json::{Value, json};

use super::audit::Note;
use super::{Guild, tags};
use crate::planted::Leak;

/// Properties of a channel that the audit log follows.
const AUDITED: &[&str] = &[
    "name",
    "type",
    "topic",
    "nsfw",
    "rate_limit_per_user",
    "position",
    "parent_id",
    "bitrate",
    "user_limit",
    "rtc_region",
    "permission_overwrites",
    "default_auto_archive_duration",
    "available_tags",
    "default_reaction_emoji",
    "default_thread_rate_limit_per_user",
    "flags",
];

impl Guild {
    pub(crate) fn handle_channel(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::List => self.list_channels(cx),
            Op::Get { channel } => {
                // Threads are asked for by their own operation; here they are unknown.
                let found = self.channel(*channel)?;
                self.require_in(cx, *channel, Permissions::VIEW_CHANNEL)?;
                Outcome::json(found)
            }
            Op::Create(create) => self.create_channel(cx, create),
            Op::Update { channel, update } => self.update_channel(cx, *channel, update),
            Op::Delete { channel } => self.delete_channel(cx, *channel),
            Op::Move(moves) => self.move_channels(cx, moves),
            Op::SetOverwrite { channel, overwrite } => self.set_overwrite(cx, *channel, *overwrite),
            Op::DeleteOverwrite { channel, id } => self.delete_overwrite(cx, *channel, *id),
            Op::AddTag { channel, tag } => self.add_tag(cx, *channel, tag),
            Op::ReplaceTag { channel, id, tag } => self.replace_tag(cx, *channel, *id, tag),
            Op::RemoveTag { channel, id } => self.remove_tag(cx, *channel, *id),
            Op::SetVoiceStatus { channel, status } => self.set_voice_status(cx, *channel, status.as_deref()),
        }
    }

    /// A channel that is no thread.
    pub(crate) fn channel(&self, id: ChannelId) -> Result<&Channel, ApiError> {
        self.channels.get(&id).ok_or_else(ApiError::unknown_channel)
    }

    fn list_channels(&self, cx: &mut Cx<'_>) -> Result<Outcome, Stop> {
        self.require_member(cx)?;
        let sees = |channel: &&Channel| {
            let held = self.permissions_in(cx.caller.user, channel.id, cx.now_ms);
            let shown = cx.caller.system || Leak::ChannelLists.is_planted();
            shown || held.is_some_and(|held| held.contains(Permissions::VIEW_CHANNEL))
        };
        let mut channels: Vec<_> = self.channels.values().filter(sees).collect();
        channels.sort_by_key(|channel| (channel.position, channel.id));
        Outcome::json(&channels)
    }

    fn create_channel(&mut self, cx: &mut Cx<'_>, create: &Create) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::MANAGE_CHANNELS)?;
        if self.channels.len() >= limits::GUILD_CHANNELS_MAX {
            return Err(ApiError::max_channels().into());
        }
        let parent = create.parent_id;
        if let Some(parent) = parent {
            self.require_category(parent, None)?;
            self.require_in(cx, parent, Permissions::MANAGE_CHANNELS)?;
        }
        if let Some(overwrites) = &create.permission_overwrites {
            self.require_targets(overwrites, &[])?;
            self.require_overwrites(cx, overwrites, &[], OverwriteScope { channel: None, parent })?;
        }
        let channel = self.new_channel(cx.next_id().into(), create)?;
        let changes = AuditLogChange::between(&Value::Null, &value(&channel), AUDITED);
        self.insert_channel(cx, channel.clone());
        self.audit(cx, AuditLogEvent::ChannelCreate, Note::of(channel.id, changes));
        Outcome::created(&channel)
    }

    /// Builds a channel; nothing is stored yet.
    pub(crate) fn new_channel(&self, id: ChannelId, create: &Create) -> Result<Channel, Stop> {
        let kind = ChannelType::from(u16::from(create.kind));
        let parent = create.parent_id.and_then(|parent| self.channels.get(&parent));
        let inherited = || parent.and_then(|parent| parent.permission_overwrites.clone()).unwrap_or_default();
        let siblings = self.channels.values().filter(|c| is_heading(c.kind) == is_heading(kind));
        let next = siblings.map(|c| c.position + 1).max().unwrap_or(0);
        let mut channel = Channel::guild(id, kind, self.id, shown_name(kind, &create.name));
        channel.position = create.position.unwrap_or(next);
        channel.parent_id = create.parent_id.filter(|_| kind != ChannelType::GuildCategory);
        channel.permission_overwrites = Some(create.permission_overwrites.clone().unwrap_or_else(inherited));
        channel.topic = create.topic.clone().filter(|topic| !topic.is_empty());
        channel.nsfw = create.nsfw;
        channel.rate_limit_per_user = create.rate_limit_per_user.unwrap_or(0);
        channel.default_auto_archive_duration = create.default_auto_archive_duration;
        channel.default_thread_rate_limit_per_user = create.default_thread_rate_limit_per_user;
        if kind.is_voice() {
            channel.bitrate = Some(self.bitrate(kind, create.bitrate)?);
            channel.user_limit = Some(user_limit(kind, create.user_limit.unwrap_or(0))?);
            channel.rtc_region.clone_from(&create.rtc_region);
            channel.video_quality_mode = create.video_quality_mode;
        }
        if kind.is_forum() {
            let wanted = create.available_tags.as_deref().unwrap_or_default();
            let mut next = id.get();
            let ids = || {
                next += 1;
                next.into()
            };
            channel.available_tags = Some(tags::resolve(wanted, &[], ids)?);
            channel.default_reaction_emoji =
                create.default_reaction_emoji.clone().and_then(|v| serde_json::from_value(v).ok());
            channel.default_sort_order = create.default_sort_order;
            channel.default_forum_layout = create.default_forum_layout;
            self.require_emojis(&channel, None)?;
        }
        Ok(channel)
    }

    fn bitrate(&self, kind: ChannelType, wanted: Option<u32>) -> Result<u32, Stop> {
        let tier = usize::from(self.info.premium_tier).min(limits::BITRATE_MAX_BY_TIER.len() - 1);
        let max = match kind {
            ChannelType::GuildStageVoice => limits::STAGE_BITRATE_MAX,
            _ => limits::BITRATE_MAX_BY_TIER[tier].max(limits::BITRATE_MAX_BY_TIER[3]),
        };
        let bitrate = wanted.unwrap_or(limits::BITRATE_DEFAULT);
        if bitrate > max {
            return Err(ApiError::bitrate_too_high().into());
        }
        Ok(bitrate)
    }

    /// Adds a channel and tells those who see it.
    pub(crate) fn insert_channel(&mut self, cx: &mut Cx<'_>, channel: Channel) {
        self.put_channel(cx, &channel);
        let index = json!({ "guild": self.id });
        cx.put(Table::ChannelIndex, channel.id.get(), Key::empty(), &index);
        let id = channel.id;
        let own = targets(&channel);
        self.channels.insert(id, channel.clone());
        self.classes.invalidate_channel(id);
        // Members with an overwrite of their own are a class of one; what else they see is as before.
        self.move_classes(cx, own);
        self.publish_in(cx, id, "CHANNEL_CREATE", Intents::GUILDS, &channel);
    }

    /// Stores a channel's row.
    pub(crate) fn put_channel(&self, cx: &mut Cx<'_>, channel: &Channel) {
        cx.put(Table::Channels, self.id.get(), channel.id.get(), channel);
    }

    fn require_category(&self, id: ChannelId, moving: Option<ChannelId>) -> Result<(), Stop> {
        let not_category =
            || ApiError::invalid_field("parent_id", "CHANNEL_PARENT_INVALID_TYPE", "Not a category");
        let parent = self.channels.get(&id).ok_or_else(|| {
            ApiError::invalid_field("parent_id", "CHANNEL_PARENT_INVALID", "Category does not exist")
        })?;
        if parent.kind != ChannelType::GuildCategory {
            return Err(not_category().into());
        }
        let children = self.channels.values().filter(|c| c.parent_id == Some(id) && Some(c.id) != moving);
        if children.count() >= limits::CATEGORY_CHANNELS_MAX {
            let full = "Maximum number of channels in category reached (50)";
            return Err(ApiError::invalid_field("parent_id", "CHANNEL_PARENT_MAX_CHANNELS", full).into());
        }
        Ok(())
    }

    /// Moving a channel into a category needs MANAGE_CHANNELS there; `moving` has been asked for already.
    fn require_destination(
        &self,
        cx: &Cx<'_>,
        moving: &Channel,
        parent: Patch<ChannelId>,
    ) -> Result<(), Stop> {
        let Patch::Value(parent) = parent else { return Ok(()) };
        if moving.parent_id == Some(parent) {
            return Ok(());
        }
        self.require_category(parent, Some(moving.id))?;
        if Leak::Destinations.is_planted() {
            return Ok(());
        }
        self.require_in(cx, parent, Permissions::MANAGE_CHANNELS)
    }

    /// Who may change overwrites: the holders of MANAGE_ROLES in the channel, and of a channel that is being made in the
    /// guild, and only the rights that they hold in the guild or the category. MANAGE_ROLES itself is set by administrators
    /// alone. Whoever has MANAGE_ROLES by an overwrite of the channel sets everything there (Channel, Edit Channel Permissions;
    /// Guild, Create Guild Channel; Change Log, January 22, 2021).
    fn require_overwrites(
        &self,
        cx: &Cx<'_>,
        wanted: &[Overwrite],
        present: &[Overwrite],
        place: OverwriteScope,
    ) -> Result<(), Stop> {
        if wanted.len() > limits::OVERWRITES_MAX {
            return Err(ApiError::max_overwrites().into());
        }
        let user = cx.caller.user;
        let guild_wide = self.permissions(user, cx.now_ms);
        if cx.caller.system || guild_wide.is_admin() || wanted == present {
            return Ok(());
        }
        match place.channel {
            Some(channel) => self.require_in(cx, channel, Permissions::MANAGE_ROLES)?,
            None => self.require(cx, Permissions::MANAGE_ROLES)?,
        }
        let rules = place.channel.is_some_and(|channel| self.rules_overwrites(user, channel));
        if rules || Leak::Overwrites.is_planted() {
            return Ok(());
        }
        let inherited = place.parent.and_then(|parent| self.permissions_in(user, parent, cx.now_ms));
        let held = guild_wide | inherited.unwrap_or_default();
        let may_set = held & !Permissions::MANAGE_ROLES;
        for overwrite in wanted {
            let none = Overwrite { allow: Permissions::empty(), deny: Permissions::empty(), ..*overwrite };
            let old = present.iter().find(|old| old.id == overwrite.id).unwrap_or(&none);
            let changed = (old.allow ^ overwrite.allow) | (old.deny ^ overwrite.deny);
            if !may_set.contains(changed) {
                return Err(ApiError::missing_permissions().into());
            }
        }
        Ok(())
    }

    /// Overwrites are for roles of the guild, and for any account: whoever is no member yet has its own from the moment it joins
    /// (discord-api-docs#2856). A role that is named as a member, or the other way round, is refused (discord-api-docs#101).
    fn require_targets(&self, wanted: &[Overwrite], present: &[Overwrite]) -> Result<(), Stop> {
        let is_new = |overwrite: &&Overwrite| {
            !present.iter().any(|old| (old.id, old.kind) == (overwrite.id, overwrite.kind))
        };
        for overwrite in wanted.iter().filter(is_new) {
            let is_role = self.roles.contains_key(&overwrite.id.cast());
            if is_role != (overwrite.kind == OverwriteKind::Role) {
                return Err(ApiError::unknown_overwrite().into());
            }
        }
        Ok(())
    }

    /// Whether a member has MANAGE_ROLES by an overwrite of the channel, whatever its roles say.
    fn rules_overwrites(&self, user: UserId, channel: ChannelId) -> bool {
        let (Some(member), Some(channel)) = (self.members.get(user), self.channels.get(&channel)) else {
            return false;
        };
        let without = self.base_of(member.roles(), user) & !Permissions::MANAGE_ROLES;
        let overwrites = channel.permission_overwrites.as_deref().unwrap_or_default();
        let held = compute_channel(without, self.id, member.roles(), user, overwrites);
        held.contains(Permissions::MANAGE_ROLES)
    }

    pub(super) fn update_channel(
        &mut self,
        cx: &mut Cx<'_>,
        id: ChannelId,
        update: &Update,
    ) -> Result<Outcome, Stop> {
        let old = self.channel(id)?.clone();
        self.require_in(cx, id, Permissions::MANAGE_CHANNELS)?;
        self.require_destination(cx, &old, update.parent_id)?;
        if update.permission_overwrites.is_present() {
            let wanted = update.permission_overwrites.as_option().map(Vec::as_slice).unwrap_or_default();
            let present = old.permission_overwrites.as_deref().unwrap_or_default();
            self.require_targets(wanted, present)?;
            self.require_overwrites(cx, wanted, present, OverwriteScope::of(&old))?;
        }
        let mut channel = old.clone();
        self.apply_update(&mut channel, update)?;
        if let Some(wanted) = update.available_tags.as_ref().filter(|_| channel.kind.is_forum()) {
            let present = old.available_tags.as_deref().unwrap_or_default();
            channel.available_tags = Some(tags::resolve(wanted, present, || cx.next_id().into())?);
        }
        self.require_emojis(&channel, Some(&old))?;
        if channel == old {
            return Outcome::json(&channel);
        }
        self.replace_channel(cx, channel.clone());
        if old.kind == ChannelType::GuildCategory
            && channel.permission_overwrites != old.permission_overwrites
        {
            self.sync_children(cx, &old, &channel);
        }
        let changes = AuditLogChange::between(&value(&old), &value(&channel), AUDITED);
        self.audit(cx, AuditLogEvent::ChannelUpdate, Note::of(id, changes));
        Outcome::json(&channel)
    }

    fn apply_update(&self, channel: &mut Channel, update: &Update) -> Result<(), Stop> {
        if let Some(kind) = update.kind.map(|kind| ChannelType::from(u16::from(kind))) {
            let texts = [ChannelType::GuildText, ChannelType::GuildAnnouncement];
            if kind != channel.kind && !(texts.contains(&kind) && texts.contains(&channel.kind)) {
                return Err(ApiError::wrong_channel_type().into());
            }
            channel.kind = kind;
        }
        if let Some(name) = &update.name {
            channel.name = Some(shown_name(channel.kind, name));
        }
        update.position.apply_or(&mut channel.position, 0);
        update.topic.clone().apply(&mut channel.topic);
        channel.topic = channel.topic.take().filter(|topic| !topic.is_empty());
        update.nsfw.apply_or(&mut channel.nsfw, false);
        update.rate_limit_per_user.apply_or(&mut channel.rate_limit_per_user, 0);
        if channel.kind != ChannelType::GuildCategory {
            update.parent_id.apply(&mut channel.parent_id);
        }
        update.default_auto_archive_duration.apply(&mut channel.default_auto_archive_duration);
        update.default_thread_rate_limit_per_user.apply(&mut channel.default_thread_rate_limit_per_user);
        if update.permission_overwrites.is_present() {
            channel.permission_overwrites =
                Some(update.permission_overwrites.clone().value().unwrap_or_default());
        }
        if channel.kind.is_voice() {
            if let Patch::Value(bitrate) = update.bitrate {
                channel.bitrate = Some(self.bitrate(channel.kind, Some(bitrate))?);
            }
            if let Patch::Value(wanted) = update.user_limit {
                user_limit(channel.kind, wanted)?;
            }
            update.user_limit.apply(&mut channel.user_limit);
            update.rtc_region.clone().apply(&mut channel.rtc_region);
            update.video_quality_mode.apply(&mut channel.video_quality_mode);
        }
        if channel.kind.is_forum() {
            let emoji = update.default_reaction_emoji.clone();
            if emoji.is_present() {
                channel.default_reaction_emoji = emoji.value().and_then(|v| serde_json::from_value(v).ok());
            }
            update.default_sort_order.apply(&mut channel.default_sort_order);
            update.default_forum_layout.apply(&mut channel.default_forum_layout);
        }
        if let Some(flags) = update.flags {
            channel.flags = flags;
        }
        Ok(())
    }

    /// Puts a changed channel in its place and tells those who see it, gained it or lost it.
    fn replace_channel(&mut self, cx: &mut Cx<'_>, channel: Channel) {
        let before = self.seen();
        let id = channel.id;
        self.put_channel(cx, &channel);
        let mut own = targets(&channel);
        if let Some(old) = self.channels.insert(id, channel) {
            own.extend(targets(&old));
        }
        self.classes.invalidate_channel(id);
        let moved = self.move_classes(cx, own);
        self.announce_change(cx, &before, &moved, Some(id));
        self.rebuild_lists_of(cx, id);
    }

    /// Channels whose overwrites equalled their category's follow it.
    fn sync_children(&mut self, cx: &mut Cx<'_>, old: &Channel, new: &Channel) {
        let synced: Vec<_> = self
            .channels
            .values()
            .filter(|c| c.parent_id == Some(new.id) && same_overwrites(c, old))
            .map(|c| Channel { permission_overwrites: new.permission_overwrites.clone(), ..c.clone() })
            .collect();
        for channel in synced {
            self.replace_channel(cx, channel);
        }
    }

    fn delete_channel(&mut self, cx: &mut Cx<'_>, id: ChannelId) -> Result<Outcome, Stop> {
        let old = self.channel(id)?.clone();
        self.require_in(cx, id, Permissions::MANAGE_CHANNELS)?;
        if [self.info.rules_channel_id, self.info.public_updates_channel_id].contains(&Some(id)) {
            return Err(ApiError::channel_required_for_community().into());
        }
        self.remove_channel(cx, &old);
        let changes = AuditLogChange::between(&value(&old), &Value::Null, AUDITED);
        self.audit(cx, AuditLogEvent::ChannelDelete, Note::of(id, changes));
        Outcome::json(&old)
    }

    fn remove_channel(&mut self, cx: &mut Cx<'_>, old: &Channel) {
        let id = old.id;
        let audience = self.audience_of(id);
        self.drop_threads_of(cx, id);
        self.drop_channel_invites(cx, id);
        self.drop_channel_webhooks(cx, id);
        self.drop_channel_events(cx, id);
        self.drop_stage(cx, id);
        self.leave_voice_channel(cx, id);
        self.channels.remove(&id);
        self.classes.invalidate_channel(id);
        cx.delete(Table::Channels, self.id.get(), id.get());
        cx.delete(Table::ChannelIndex, id.get(), Key::empty());
        for table in CHANNEL_TABLES {
            cx.batch.erase_later(*table, id.get());
        }
        self.forget_everyone(cx, id);
        consort_conversation::note_change(self, cx, id, &search::Change::Channel(id));
        consort_conversation::forget_polls(self, cx, id);
        self.release_channel_files(cx, id);
        let children: Vec<_> = self.channels.values().filter(|c| c.parent_id == Some(id)).cloned().collect();
        for child in children {
            self.replace_channel(cx, Channel { parent_id: None, ..child });
        }
        let mut changed = false;
        let info = &mut *self.info;
        for slot in [
            &mut info.system_channel_id,
            &mut info.afk_channel_id,
            &mut info.widget_channel_id,
            &mut info.safety_alerts_channel_id,
        ] {
            if *slot == Some(id) {
                *slot = None;
                changed = true;
            }
        }
        self.publish(cx, Event::new("CHANNEL_DELETE", Intents::GUILDS, audience, old));
        if changed {
            self.put_info(cx);
            self.publish_guild_update(cx);
        }
    }

    /// Bulk change of positions, which is the guild's business, and of one channel's parent, which is asked for where the
    /// channel is and where it goes (Guild, Modify Guild Channel Positions).
    fn move_channels(&mut self, cx: &mut Cx<'_>, moves: &[Move]) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::MANAGE_CHANNELS)?;
        let mut changed: BTreeMap<ChannelId, Channel> = BTreeMap::new();
        let mut moved = 0;
        for entry in moves {
            let old = self.channel(entry.id)?;
            let channel = self.moved_channel(cx, changed.get(&entry.id).unwrap_or(old), entry)?;
            moved += usize::from(channel.parent_id != old.parent_id);
            changed.insert(entry.id, channel);
        }
        if moved > 1 {
            return Err(ApiError::one_parent_change().into());
        }
        for channel in changed.into_values() {
            if self.channel(channel.id)? != &channel {
                self.replace_channel(cx, channel);
            }
        }
        Outcome::EMPTY
    }

    /// A channel as an entry of a bulk move leaves it.
    fn moved_channel(&self, cx: &Cx<'_>, old: &Channel, entry: &Move) -> Result<Channel, Stop> {
        let mut channel = old.clone();
        channel.position = entry.position.unwrap_or(old.position);
        if entry.parent_id.is_present() && entry.parent_id.as_option() != old.parent_id.as_ref() {
            if !Leak::UnseenMoves.is_planted() {
                self.require_in(cx, entry.id, Permissions::MANAGE_CHANNELS)?;
            }
            self.require_destination(cx, old, entry.parent_id)?;
        }
        if channel.kind != ChannelType::GuildCategory {
            entry.parent_id.apply(&mut channel.parent_id);
        }
        let parent = channel.parent_id.and_then(|parent| self.channels.get(&parent));
        if let Some(parent) =
            parent.filter(|parent| entry.lock_permissions && !same_overwrites(&channel, parent))
        {
            channel.permission_overwrites.clone_from(&parent.permission_overwrites);
            let [wanted, present] =
                [&channel, old].map(|c| c.permission_overwrites.as_deref().unwrap_or_default());
            self.require_overwrites(cx, wanted, present, OverwriteScope::of(&channel))?;
        }
        Ok(channel)
    }

    fn set_overwrite(
        &mut self,
        cx: &mut Cx<'_>,
        id: ChannelId,
        overwrite: Overwrite,
    ) -> Result<Outcome, Stop> {
        let (old, rest) = self.overwrites_without(cx, id, overwrite.id)?;
        let mut wanted = rest;
        wanted.push(overwrite);
        let present = old.permission_overwrites.as_deref().unwrap_or_default();
        self.require_targets(&wanted, present)?;
        self.require_overwrites(cx, &wanted, present, OverwriteScope::of(&old))?;
        let existed = present.iter().copied().find(|o| o.id == overwrite.id);
        self.replace_overwrites(cx, &old, wanted);
        let action = match existed {
            Some(_) => AuditLogEvent::ChannelOverwriteUpdate,
            None => AuditLogEvent::ChannelOverwriteCreate,
        };
        self.audit_overwrite(cx, id, action, existed, Some(overwrite));
        Outcome::EMPTY
    }

    fn delete_overwrite(
        &mut self,
        cx: &mut Cx<'_>,
        id: ChannelId,
        target: OverwriteId,
    ) -> Result<Outcome, Stop> {
        let (old, rest) = self.overwrites_without(cx, id, target)?;
        let present = old.permission_overwrites.as_deref().unwrap_or_default();
        let gone =
            present.iter().copied().find(|o| o.id == target).ok_or_else(ApiError::unknown_overwrite)?;
        self.replace_overwrites(cx, &old, rest);
        self.audit_overwrite(cx, id, AuditLogEvent::ChannelOverwriteDelete, Some(gone), None);
        Outcome::EMPTY
    }

    /// Checks MANAGE_ROLES in the channel; the channel, and its overwrites but for one target.
    fn overwrites_without(
        &self,
        cx: &Cx<'_>,
        id: ChannelId,
        target: OverwriteId,
    ) -> Result<(Channel, Vec<Overwrite>), Stop> {
        self.require_in(cx, id, Permissions::MANAGE_ROLES)?;
        let channel = self.channel(id)?.clone();
        let rest =
            channel.permission_overwrites.iter().flatten().filter(|o| o.id != target).copied().collect();
        Ok((channel, rest))
    }

    fn replace_overwrites(&mut self, cx: &mut Cx<'_>, old: &Channel, wanted: Vec<Overwrite>) {
        let channel = Channel { permission_overwrites: Some(wanted), ..old.clone() };
        self.replace_channel(cx, channel.clone());
        if old.kind == ChannelType::GuildCategory {
            self.sync_children(cx, old, &channel);
        }
    }

    fn audit_overwrite(
        &self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        action: AuditLogEvent,
        old: Option<Overwrite>,
        new: Option<Overwrite>,
    ) {
        let Some(target) = new.or(old) else { return };
        let json = |o: Option<Overwrite>| o.and_then(|o| serde_json::to_value(o).ok()).unwrap_or_default();
        let changes = AuditLogChange::between(&json(old), &json(new), &["allow", "deny", "id", "type"]);
        let mut note = Note::of(channel, changes).with("id", target.id).with("type", target.kind as u8);
        if let Some(role) = self.roles.get(&target.id.cast()) {
            note = note.with("role_name", &role.name);
        }
        self.audit(cx, action, note);
    }

    fn set_voice_status(
        &mut self,
        cx: &mut Cx<'_>,
        id: ChannelId,
        status: Option<&str>,
    ) -> Result<Outcome, Stop> {
        // Who is not inside must manage the channel (Channel, Set Voice Channel Status).
        let inside = self.voice_channel_of(cx.caller.user) == Some(id);
        let besides = if inside { Permissions::empty() } else { Permissions::MANAGE_CHANNELS };
        self.require_in(cx, id, Permissions::SET_VOICE_CHANNEL_STATUS | besides)?;
        let mut channel = self.channel(id)?.clone();
        if !channel.kind.is_voice() {
            return Err(ApiError::wrong_channel_type().into());
        }
        channel.status = status.filter(|text| !text.is_empty()).map(str::to_owned);
        self.put_channel(cx, &channel);
        let body = json!({"id": id, "guild_id": self.id, "status": channel.status});
        let action = match channel.status {
            Some(_) => AuditLogEvent::VoiceChannelStatusUpdate,
            None => AuditLogEvent::VoiceChannelStatusDelete,
        };
        self.channels.insert(id, channel);
        let audience: Audience = self.audience_of(id);
        self.publish(cx, Event::new("VOICE_CHANNEL_STATUS_UPDATE", Intents::GUILDS, audience, &body));
        self.audit(cx, action, Note::of(id, Vec::new()).with("status", status.unwrap_or_default()));
        Outcome::EMPTY
    }
}

/// Where overwrites are changed.
#[derive(Clone, Copy)]
struct OverwriteScope {
    /// `None` for a channel that is being made.
    channel: Option<ChannelId>,
    /// The category that it is in, or will be.
    parent: Option<ChannelId>,
}

impl OverwriteScope {
    fn of(channel: &Channel) -> Self {
        Self { channel: Some(channel.id), parent: channel.parent_id }
    }
}

fn is_heading(kind: ChannelType) -> bool {
    kind == ChannelType::GuildCategory
}

/// Text channels are lower-cased with `-` for spaces; others keep their name.
fn shown_name(kind: ChannelType, name: &str) -> String {
    match kind {
        ChannelType::GuildText
        | ChannelType::GuildAnnouncement
        | ChannelType::GuildForum
        | ChannelType::GuildMedia => {
            // The edge has refused names that cannot be normalised.
            validate::name(Named::TextChannel, name).unwrap_or_else(|_| name.to_owned())
        }
        _ => name.to_owned(),
    }
}

/// Members with an overwrite of their own in a channel.
fn targets(channel: &Channel) -> BTreeSet<UserId> {
    let own = channel.permission_overwrites.iter().flatten().filter(|o| o.kind == OverwriteKind::Member);
    own.map(|overwrite| overwrite.id.cast()).collect()
}

fn same_overwrites(a: &Channel, b: &Channel) -> bool {
    let sorted = |channel: &Channel| {
        let mut list = channel.permission_overwrites.clone().unwrap_or_default();
        list.sort_by_key(|o| (o.kind, o.id));
        list
    };
    sorted(a) == sorted(b)
}

fn value(channel: &Channel) -> Value {
    serde_json::to_value(channel).unwrap_or_default()
}

/// Refuses more people than a voice or stage channel may be limited to (Channel, `user_limit`).
fn user_limit(kind: ChannelType, wanted: u32) -> Result<u32, Stop> {
    let max = match kind {
        ChannelType::GuildStageVoice => limits::STAGE_USER_LIMIT_MAX,
        _ => limits::VOICE_USER_LIMIT_MAX,
    };
    if wanted <= max {
        return Ok(wanted);
    }
    let message = format!("int value should be less than or equal to {max}.");
    Err(ApiError::invalid_field("user_limit", "NUMBER_TYPE_MAX", message).into())
}

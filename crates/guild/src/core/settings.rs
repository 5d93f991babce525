//! The guild itself: founding, reading, changing, deleting, its audit log.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use consort_actor::{Cx, Outcome, Stop};
use consort_files::Kind;
use consort_model::account::UserRow;
use consort_model::{
    ApiError, AuditLogChange, AuditLogEntry, AuditLogEvent, Channel, ChannelId, ChannelType, EmojiId, Form,
    Guild as Object, Integration, Intents, Member, Patch, Permissions, Role, ScheduledEvent, Timestamp,
    UnavailableGuild, User, UserId, Webhook,
};
use consort_rpc::guild::channel::Create;
use consort_rpc::guild::settings::{Op, Update};
use consort_rpc::{Answer, Audience, Event, relay};
use consort_store::erasure::CHANNEL_TABLES;
use consort_store::{Key, Order, Range, StoreExt as _, StoreRef, Table};
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::audit::{Note, oldest_kept};
use super::shown::Shown;
use super::{Guild, Phase};

/// Properties of a guild that the audit log follows.
const AUDITED: &[&str] = &[
    "name",
    "icon",
    "splash",
    "discovery_splash",
    "banner",
    "description",
    "owner_id",
    "afk_channel_id",
    "afk_timeout",
    "system_channel_id",
    "system_channel_flags",
    "rules_channel_id",
    "public_updates_channel_id",
    "verification_level",
    "default_message_notifications",
    "explicit_content_filter",
    "preferred_locale",
    "features",
    "widget_enabled",
    "widget_channel_id",
];
/// Features that a guild's managers may switch on and off.
const SETTABLE_FEATURES: &[&str] = &["COMMUNITY", "INVITES_DISABLED", "DISCOVERABLE", "RAID_ALERTS_DISABLED"];
/// Those of them that need ADMINISTRATOR.
const ADMINISTRATORS_FEATURES: &[&str] = &["COMMUNITY", "DISCOVERABLE"];
/// Keys of the row that holds what is rarely needed (`Table::GuildMisc`).
const WELCOME: &str = "welcome_screen";
/// Feature by which the welcome screen is shown.
const WELCOME_ON: &str = "WELCOME_SCREEN_ENABLED";

impl Guild {
    /// A guild that does not exist yet.
    pub(super) fn empty(id: consort_model::GuildId) -> Self {
        Self {
            id,
            info: Shown::new(Object::new(id, "", UserId::new(0))),
            roles: Default::default(),
            channels: Default::default(),
            threads: Default::default(),
            members: Default::default(),
            emojis: Default::default(),
            stickers: Default::default(),
            invites: Default::default(),
            webhooks: Default::default(),
            followers: Default::default(),
            everyone: Default::default(),
            voice: Default::default(),
            presences: Default::default(),
            temporary: Default::default(),
            last_seen: Default::default(),
            numbers: Default::default(),
            nodes: Default::default(),
            presence_nodes: Default::default(),
            classes: Default::default(),
            lists: Default::default(),
            automod: Default::default(),
            events: Default::default(),
            stages: Default::default(),
            sounds: Default::default(),
            talk: Default::default(),
            audit_swept_day: Default::default(),
            phase: Phase::Vacant,
        }
    }

    pub(crate) fn handle_settings(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::Create { owner, name, icon, channels } => {
                self.found_new(cx, (owner, name, icon.clone()), channels)
            }
            Op::CreateFrom { owner, name, icon, template } => {
                self.found(cx, (owner, name, icon.clone()), |guild, cx| guild.found_from(cx, template))
            }
            Op::Get { with_counts } => {
                self.require_member(cx)?;
                Outcome::json(&self.counted(*with_counts))
            }
            Op::Update(update) => self.update_settings(cx, update),
            Op::Delete => self.delete_guild(cx),
            Op::Preview => {
                self.require_member(cx)?;
                Outcome::json(&self.preview())
            }
            Op::AuditLog { user, action, before, after, limit } => {
                self.audit_log(cx, (*user, *action), *before, *after, *limit as usize)
            }
            Op::WidgetSettings => {
                self.require(cx, Permissions::MANAGE_GUILD)?;
                Outcome::json(&self.widget_settings())
            }
            Op::UpdateWidget { enabled, channel } => self.update_widget(cx, *enabled, channel),
            Op::Widget => self.widget(),
            Op::WelcomeScreen => {
                // Only managers see it while it is off (Guild, Get Guild Welcome Screen).
                let on = self.info.features.iter().any(|feature| feature == WELCOME_ON);
                self.require(cx, if on { Permissions::empty() } else { Permissions::MANAGE_GUILD })?;
                let stored: Option<Value> = cx.row(Table::GuildMisc, self.id.get(), Key::text(WELCOME))?;
                let mut shown = stored.ok_or_else(ApiError::unknown_welcome_screen)?;
                self.forget_gone_of_welcome(&mut shown);
                Outcome::json(&shown)
            }
            Op::UpdateWelcomeScreen { enabled, description, channels } => {
                self.update_welcome(cx, *enabled, description, channels.as_deref())
            }
            Op::VanityUrl => {
                self.require(cx, Permissions::MANAGE_GUILD)?;
                Outcome::json(&json!({"code": self.info.vanity_url_code, "uses": 0}))
            }
            Op::Integrations => {
                self.require(cx, Permissions::MANAGE_GUILD)?;
                let rows: Vec<(Key, Integration)> =
                    cx.scan_rows(Table::Integrations, self.id.get(), Range::all(100))?;
                Outcome::json(&rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>())
            }
            Op::DeleteIntegration { integration } => self.delete_integration(cx, *integration),
            Op::IncidentActions { invites_disabled_until, dms_disabled_until } => {
                self.set_incident_actions(cx, *invites_disabled_until, *dms_disabled_until)
            }
        }
    }

    /// Makes the guild with these channels, or with the usual ones.
    fn found_new(
        &mut self,
        cx: &mut Cx<'_>,
        named: (&User, &str, Option<String>),
        channels: &[Create],
    ) -> Result<Outcome, Stop> {
        // What can be refused is, before anything is changed.
        for create in channels {
            self.new_channel(ChannelId::new(0), create)?;
        }
        self.found(cx, named, |guild, cx| {
            match channels {
                [] => guild.found_usual_channels(cx)?,
                wanted => guild.found_channels(cx, wanted)?,
            }
            let text = guild.channels.values().find(|channel| channel.kind == ChannelType::GuildText);
            guild.info.system_channel_id = text.map(|channel| channel.id);
            Ok(())
        })
    }

    /// Makes the guild: @everyone, the owner as its first member, and what `furnish` makes, which must not fail.
    fn found(
        &mut self,
        cx: &mut Cx<'_>,
        (owner, name, icon): (&User, &str, Option<String>),
        furnish: impl FnOnce(&mut Self, &mut Cx<'_>) -> Result<(), Stop>,
    ) -> Result<Outcome, Stop> {
        if self.phase != Phase::Vacant {
            return Err(ApiError::overloaded().into());
        }
        self.phase = Phase::Live;
        *self.info = Object::new(self.id, name, owner.id);
        self.replace_image(cx, (Kind::Icon, self.id.get()), None, icon.as_deref());
        self.info.icon = icon;
        let everyone = Role::everyone(self.id);
        cx.put(Table::Roles, self.id.get(), everyone.id.get(), &everyone);
        self.roles.insert(everyone.id, everyone);
        let member = Member::new(owner.clone(), Timestamp::from_ms(cx.now_ms));
        cx.put(Table::Members, self.id.get(), owner.id.get(), &member);
        self.members.insert(&member);
        furnish(self, cx)?;
        self.put_info(cx);
        self.tell_joined(cx, owner.id);
        Outcome::created(&self.object())
    }

    fn found_usual_channels(&mut self, cx: &mut Cx<'_>) -> Result<(), Stop> {
        for (heading, child, kind) in [
            ("Text Channels", "general", ChannelType::GuildText),
            ("Voice Channels", "General", ChannelType::GuildVoice),
        ] {
            let category = Create {
                name: heading.into(),
                kind: ChannelType::GuildCategory.number() as u8,
                ..Create::default()
            };
            let category = self.new_channel(ChannelId::new(cx.next_id()), &category)?;
            let parent_id = Some(category.id);
            self.insert_channel(cx, category);
            let channel =
                Create { name: child.into(), kind: kind.number() as u8, parent_id, ..Create::default() };
            let channel = self.new_channel(ChannelId::new(cx.next_id()), &channel)?;
            self.insert_channel(cx, channel);
        }
        Ok(())
    }

    fn found_channels(&mut self, cx: &mut Cx<'_>, wanted: &[Create]) -> Result<(), Stop> {
        for create in wanted {
            // Parents are placeholders of the request; they are not kept.
            let create = Create { parent_id: None, ..create.clone() };
            let channel = self.new_channel(ChannelId::new(cx.next_id()), &create)?;
            self.insert_channel(cx, channel);
        }
        Ok(())
    }

    /// Stores the guild's own row.
    pub(crate) fn put_info(&self, cx: &mut Cx<'_>) {
        cx.put(Table::Guilds, self.id.get(), Key::empty(), &*self.info);
    }

    /// Sends GUILD_UPDATE to everyone.
    pub(crate) fn publish_guild_update(&self, cx: &mut Cx<'_>) {
        let object = self.object();
        self.publish_all(cx, "GUILD_UPDATE", Intents::GUILDS, &object);
    }

    fn counted(&self, with_counts: bool) -> Object {
        let mut object = self.object();
        if with_counts {
            object.approximate_member_count = Some(self.members.len() as u64);
            object.approximate_presence_count = Some(self.presences.len() as u64);
        }
        object
    }

    fn update_settings(&mut self, cx: &mut Cx<'_>, update: &Update) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::MANAGE_GUILD)?;
        if let Patch::Value(owner) = update.owner_id {
            if cx.caller.user != self.info.owner_id {
                return Err(ApiError::only_owner().into());
            }
            let next = self.members.get(owner).ok_or_else(ApiError::unknown_member)?;
            if next.is_bot() {
                return Err(ApiError::owner_cannot_be_bot().into());
            }
        }
        self.check_channel_settings(update)?;
        self.may_set_features(cx, update)?;
        let old = self.info.clone();
        let before = self.seen();
        apply(&mut self.info, update);
        if *self.info == old {
            return Outcome::json(&self.object());
        }
        self.put_info(cx);
        self.replace_guild_images(cx, &old, &self.info);
        self.publish_guild_update(cx);
        if old.owner_id != self.info.owner_id {
            self.announce_views(cx, &before);
            let owner = self.info.owner_id;
            self.reclassify(cx, [old.owner_id, owner]);
            self.rebuild_lists(cx);
        }
        let changes = AuditLogChange::between(&value(&old), &value(&self.info), AUDITED);
        self.audit(cx, AuditLogEvent::GuildUpdate, Note::of(self.id, changes));
        Outcome::json(&self.object())
    }

    /// Some features are the administrators' to switch (Guild, Mutable Guild Features).
    fn may_set_features(&self, cx: &Cx<'_>, update: &Update) -> Result<(), Stop> {
        let Some(wanted) = &update.features else { return Ok(()) };
        let has = |list: &[String], feature: &str| list.iter().any(|other| other == feature);
        let switched = |feature: &&str| has(wanted, feature) != has(&self.info.features, feature);
        match ADMINISTRATORS_FEATURES.iter().any(switched) {
            true => self.require(cx, Permissions::ADMINISTRATOR),
            false => Ok(()),
        }
    }

    /// Channels named in a change must be there and of the right kind.
    fn check_channel_settings(&self, update: &Update) -> Result<(), Stop> {
        let voice = [ChannelType::GuildVoice];
        let text = [ChannelType::GuildText, ChannelType::GuildAnnouncement];
        let named = [
            ("afk_channel_id", &update.afk_channel_id, &voice[..]),
            ("system_channel_id", &update.system_channel_id, &text[..]),
            ("rules_channel_id", &update.rules_channel_id, &text[..]),
            ("public_updates_channel_id", &update.public_updates_channel_id, &text[..]),
            ("safety_alerts_channel_id", &update.safety_alerts_channel_id, &text[..]),
        ];
        for (field, patch, kinds) in named {
            let Patch::Value(id) = patch else { continue };
            if !self.channels.get(id).is_some_and(|channel| kinds.contains(&channel.kind)) {
                return Err(ApiError::invalid_field(field, "GUILD_INVALID_CHANNEL", "Invalid channel").into());
            }
        }
        Ok(())
    }

    fn delete_guild(&mut self, cx: &mut Cx<'_>) -> Result<Outcome, Stop> {
        if !cx.caller.system && cx.caller.user != self.info.owner_id {
            let error = if self.members.contains(cx.caller.user) {
                ApiError::missing_permissions()
            } else {
                ApiError::missing_access()
            };
            return Err(error.into());
        }
        let template = self.template_code(cx)?;
        for channel in self.channels.keys() {
            cx.delete(Table::ChannelIndex, channel.get(), Key::empty());
            for table in CHANNEL_TABLES {
                cx.batch.erase_later(*table, channel.get());
            }
            self.release_channel_files(cx, *channel);
        }
        for thread in self.threads.keys() {
            cx.delete(Table::ChannelIndex, thread.get(), Key::empty());
            for table in CHANNEL_TABLES {
                cx.batch.erase_later(*table, thread.get());
            }
            self.release_channel_files(cx, *thread);
        }
        for user in self.voice.users().collect::<Vec<_>>() {
            self.tell_voice_left(cx, user);
        }
        self.release_guild_files(cx);
        self.drop_all_invites(cx);
        self.drop_all_webhooks(cx);
        self.erase_events(cx);
        self.drop_template(cx, template.as_deref());
        // Without its own row there is no guild; the rest may be large and goes a slice at a time.
        cx.delete(Table::Guilds, self.id.get(), Key::empty());
        for table in GUILD_TABLES {
            cx.batch.erase_later(*table, self.id.get());
        }
        let gone = UnavailableGuild { id: self.id, unavailable: false };
        self.publish(cx, Event::new("GUILD_DELETE", Intents::GUILDS, Audience::all(), &gone));
        let guild = self.id;
        self.tell_relays(cx, || relay::Op::Drop { guild });
        // Whoever is erased from the rows is told by the eraser. The caller, and the members of a guild of common size, are
        // told at once, so that their next request shows it.
        let told_now = if self.members.len() <= TOLD_AT_ONCE_MAX {
            self.members.ids().collect()
        } else {
            vec![cx.caller.user]
        };
        for user in told_now {
            self.tell_left(cx, user);
        }
        self.phase = Phase::Gone;
        Outcome::EMPTY
    }

    fn preview(&self) -> Value {
        json!({
            "id": self.id, "name": self.info.name, "icon": self.info.icon, "description": self.info.description,
            "home_header": self.info.home_header, "splash": self.info.splash,
            "discovery_splash": self.info.discovery_splash, "features": self.info.features,
            "approximate_member_count": self.members.len(), "approximate_presence_count": self.presences.len(),
            "emojis": self.emojis.values().collect::<Vec<_>>(), "stickers": self.stickers.values().collect::<Vec<_>>(),
        })
    }

    fn audit_log(
        &mut self,
        cx: &mut Cx<'_>,
        (user, action): (Option<UserId>, Option<u16>),
        before: Option<u64>,
        after: Option<u64>,
        limit: usize,
    ) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::VIEW_AUDIT_LOG)?;
        // Of the two, `before` counts.
        let after = after.filter(|_| before.is_none());
        let filtered = user.is_some() || action.is_some();
        // Of both cursors the first decides (disnake#919).
        let after = after.filter(|_| before.is_none());
        // What is too old is not shown, be it still there.
        let from = after.map_or(0, |id| id.saturating_add(1)).max(oldest_kept(cx.now_ms));
        let range = Range {
            from: Bound::Included(Key::id(from)),
            to: before.map_or(Bound::Unbounded, |id| Bound::Excluded(Key::id(id))),
            order: if after.is_some() { Order::Ascending } else { Order::Descending },
            // A filter looks through the newest thousands; older entries are reached with `before`.
            limit: if filtered { 5_000 } else { limit },
        };
        let rows: Vec<(Key, AuditLogEntry)> = cx.scan_rows(Table::AuditLog, self.id.get(), range)?;
        let wanted = |entry: &AuditLogEntry| {
            user.is_none_or(|user| entry.user_id == Some(user))
                && action.is_none_or(|action| entry.action_type.number() == action)
        };
        let entries: Vec<_> = rows.into_iter().map(|(_, entry)| entry).filter(wanted).take(limit).collect();
        let body = self.audit_lists(cx, &entries);
        let named = entries.iter().flat_map(|e| [e.user_id, e.target_id.map(consort_model::id::Id::cast)]);
        let named: BTreeSet<UserId> = named.flatten().collect();
        let known: BTreeMap<UserId, Option<User>> =
            named.into_iter().map(|user| (user, self.account(user))).collect();
        Outcome::later(move |store| async move {
            let users = accounts(&store, known).await.map_err(|error| {
                tracing::warn!(%error, "the accounts of an audit log could not be read");
                ApiError::overloaded()
            })?;
            let mut body = body;
            body["users"] = json!(users);
            body["audit_log_entries"] = json!(entries);
            Ok(Answer::json(&body))
        })
    }

    /// What stands beside the entries of an audit log, but for the users. The log says what was done, and gives no access: no
    /// token of a webhook, and of threads only those that the caller sees.
    fn audit_lists(&self, cx: &Cx<'_>, entries: &[AuditLogEntry]) -> Value {
        let named =
            |id: u64| entries.iter().any(|entry| entry.target_id.is_some_and(|target| target.get() == id));
        let webhooks = self.webhooks.values().filter(|webhook| named(webhook.id.get()));
        let webhooks: Vec<_> = webhooks.map(|webhook| Webhook { token: None, ..webhook.clone() }).collect();
        let threads = self.threads.values().map(|thread| &thread.channel);
        let threads = threads.filter(|thread| named(thread.id.get()));
        let events = self.events.all().filter(|event| named(event.id.get()));
        let sees = |event: &&ScheduledEvent| {
            let channel = event.channel_id.filter(|channel| self.channels.contains_key(channel));
            channel.is_none_or(|channel| self.require_in(cx, channel, Permissions::VIEW_CHANNEL).is_ok())
        };
        let events: Vec<_> = events.filter(sees).collect();
        let rules: Vec<_> = self.automod.rules().filter(|rule| named(rule.id.get())).collect();
        let seen = |thread: &&Channel| self.require_in(cx, thread.id, Permissions::VIEW_CHANNEL).is_ok();
        json!({
            "webhooks": webhooks, "threads": threads.filter(seen).collect::<Vec<_>>(), "integrations": [],
            "guild_scheduled_events": events, "application_commands": [], "auto_moderation_rules": rules,
        })
    }

    /// Measures against a raid, until the times given (Guild, Modify Guild Incident Actions).
    fn set_incident_actions(
        &mut self,
        cx: &mut Cx<'_>,
        invites: Patch<Timestamp>,
        dms: Patch<Timestamp>,
    ) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::MANAGE_GUILD)?;
        let present = self.info.incidents_data.clone().unwrap_or_default();
        let merged = |key: &str, patch: Patch<Timestamp>| match patch {
            Patch::Absent => present.get(key).cloned().unwrap_or_default(),
            patch => json!(patch.value()),
        };
        let data = json!({
            "invites_disabled_until": merged("invites_disabled_until", invites),
            "dms_disabled_until": merged("dms_disabled_until", dms),
        });
        self.info.incidents_data = Some(data.clone());
        self.put_info(cx);
        self.publish_guild_update(cx);
        self.audit(cx, AuditLogEvent::GuildUpdate, Note::of(self.id, Vec::new()));
        Outcome::json(&data)
    }

    /// Whether nobody may come in for now.
    pub(crate) fn invites_paused(&self, now_ms: u64) -> bool {
        let until = self.info.incidents_data.as_ref().and_then(|data| data.get("invites_disabled_until"));
        let until = until.and_then(|until| serde_json::from_value::<Timestamp>(until.clone()).ok());
        until.is_some_and(|until| until.ms() > now_ms)
    }

    fn widget_settings(&self) -> Value {
        json!({"enabled": self.info.widget_enabled, "channel_id": self.info.widget_channel_id})
    }

    fn update_widget(
        &mut self,
        cx: &mut Cx<'_>,
        enabled: Option<bool>,
        channel: &Patch<ChannelId>,
    ) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::MANAGE_GUILD)?;
        if let Patch::Value(id) = channel {
            self.channel(*id)?;
        }
        let old = self.info.clone();
        self.info.widget_enabled = enabled.unwrap_or(old.widget_enabled);
        (*channel).apply(&mut self.info.widget_channel_id);
        if old != *self.info {
            self.put_info(cx);
            self.publish_guild_update(cx);
            let changes = AuditLogChange::between(&value(&old), &value(&self.info), AUDITED);
            self.audit(cx, AuditLogEvent::GuildUpdate, Note::of(self.id, changes));
        }
        Outcome::json(&self.widget_settings())
    }

    fn widget(&self) -> Result<Outcome, Stop> {
        if !self.info.widget_enabled {
            return Err(ApiError::widget_disabled().into());
        }
        let everyone = |channel| {
            let channel = self.channels.get(&channel)?;
            let base = self.roles.get(&self.id.cast())?.permissions;
            let overwrites = channel.permission_overwrites.as_deref().unwrap_or_default();
            let held =
                consort_model::permissions::compute_channel(base, self.id, &[], UserId::new(0), overwrites);
            (channel.kind.is_voice() && held.contains(Permissions::VIEW_CHANNEL)).then_some(channel)
        };
        let channels: Vec<_> = self
            .channels
            .keys()
            .filter_map(|id| everyone(*id))
            .map(|c| json!({"id": c.id, "name": c.name, "position": c.position}))
            .collect();
        let members: Vec<_> = self
            .presences
            .users()
            .into_iter()
            .filter_map(|user| Some((self.presences.get(self.id, user)?, self.members.get(user)?)))
            .take(100)
            .enumerate()
            .map(|(n, (presence, member))| {
                // Ids are running numbers: a widget is public and must not tell who is who.
                json!({"id": n.to_string(), "username": member.display_name(), "discriminator": "0000", "avatar": null,
                    "status": presence.status, "avatar_url": format!("/cdn/embed/avatars/{}.png", n % 6)})
            })
            .collect();
        Outcome::json(&json!({
            "id": self.id, "name": self.info.name, "instant_invite": null, "channels": channels,
            "members": members, "presence_count": self.presences.len(),
        }))
    }

    /// Strangers are shown the welcome screen, so it leads nowhere else.
    fn require_own_of_welcome(&self, shown: &[Value]) -> Result<(), Stop> {
        let errors = Form::empty();
        for (index, shown) in shown.iter().enumerate() {
            let path = |field: &str| format!("welcome_channels.{index}.{field}");
            if !self.has_channel_of(shown) {
                errors.error(&path("channel_id"), "GUILD_INVALID_CHANNEL", "Invalid channel");
            }
            if !self.has_emoji_of(shown) {
                errors.error(&path("emoji_id"), "INVALID_EMOJI", "Invalid emoji");
            }
        }
        Ok(errors.finish()?)
    }

    /// Channels and emojis may have been deleted since the welcome screen was made.
    fn forget_gone_of_welcome(&self, screen: &mut Value) {
        let Some(shown) = screen["welcome_channels"].as_array_mut() else { return };
        shown.retain(|shown| self.has_channel_of(shown));
        for gone in shown.iter_mut().filter(|shown| !self.has_emoji_of(shown)) {
            (gone["emoji_id"], gone["emoji_name"]) = (Value::Null, Value::Null);
        }
    }

    fn has_channel_of(&self, shown: &Value) -> bool {
        let channel = ChannelId::deserialize(&shown["channel_id"]);
        channel.is_ok_and(|channel| self.channels.contains_key(&channel))
    }

    fn has_emoji_of(&self, shown: &Value) -> bool {
        let emoji = Option::<EmojiId>::deserialize(&shown["emoji_id"]);
        emoji.is_ok_and(|emoji| emoji.is_none_or(|emoji| self.emojis.contains_key(&emoji)))
    }

    fn update_welcome(
        &mut self,
        cx: &mut Cx<'_>,
        enabled: Option<bool>,
        description: &Patch<String>,
        channels: Option<&[Value]>,
    ) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::MANAGE_GUILD)?;
        let stored: Option<Value> = cx.row(Table::GuildMisc, self.id.get(), Key::text(WELCOME))?;
        let mut screen = stored.unwrap_or_else(|| json!({"description": null, "welcome_channels": []}));
        self.forget_gone_of_welcome(&mut screen);
        if description.is_present() {
            screen["description"] = json!(description.as_option());
        }
        if let Some(channels) = channels {
            self.require_own_of_welcome(channels)?;
            screen["welcome_channels"] = json!(channels);
        }
        cx.put(Table::GuildMisc, self.id.get(), Key::text(WELCOME), &screen);
        if let Some(enabled) = enabled {
            self.info.features.retain(|feature| feature != WELCOME_ON);
            if enabled {
                self.info.features.push(WELCOME_ON.into());
            }
            self.put_info(cx);
            self.publish_guild_update(cx);
        }
        Outcome::json(&screen)
    }

    fn delete_integration(&mut self, cx: &mut Cx<'_>, id: u64) -> Result<Outcome, Stop> {
        self.require(cx, Permissions::MANAGE_GUILD)?;
        let row: Option<Integration> = cx.row(Table::Integrations, self.id.get(), Key::id(id))?;
        let integration = row.ok_or_else(ApiError::unknown_integration)?;
        let application = integration.application.id;
        cx.delete(Table::Integrations, self.id.get(), Key::id(id));
        if self.members.contains(application.cast()) {
            self.remove_member(cx, application.cast());
        }
        let body = json!({"id": integration.id, "guild_id": self.id, "application_id": application});
        self.publish_all(cx, "INTEGRATION_DELETE", Intents::GUILD_INTEGRATIONS, &body);
        let body = json!({"guild_id": self.id});
        self.publish_all(cx, "GUILD_INTEGRATIONS_UPDATE", Intents::GUILD_INTEGRATIONS, &body);
        self.audit(cx, AuditLogEvent::IntegrationDelete, Note::of(id, Vec::new()));
        Outcome::EMPTY
    }
}

/// Accounts: as members have them, and of those who are none (any more) as they are stored. What is no account is left out.
async fn accounts(
    store: &StoreRef,
    known: BTreeMap<UserId, Option<User>>,
) -> Result<Vec<User>, consort_store::Error> {
    let mut accounts = Vec::with_capacity(known.len());
    for (user, known) in known {
        let stored = match known {
            Some(known) => Some(known),
            None => {
                let row: Option<UserRow> = store.get_row(Table::Users, user.get(), Key::empty()).await?;
                row.map(|row| row.current.user)
            }
        };
        accounts.extend(stored);
    }
    Ok(accounts)
}

/// Members of a deleted guild that are told by its owner itself; in a larger one all but the caller are told by the eraser.
const TOLD_AT_ONCE_MAX: usize = 1_000;

/// Every table whose partition is the guild, but the guild's own row.
const GUILD_TABLES: &[Table] = &[
    Table::Roles,
    Table::Channels,
    Table::Members,
    Table::Emojis,
    Table::Stickers,
    Table::Sounds,
    Table::Bans,
    Table::Invites,
    Table::Webhooks,
    Table::AuditLog,
    Table::Threads,
    Table::Changes,
    Table::Timers,
    Table::Events,
    Table::AutoMod,
    Table::GuildMisc,
    Table::Integrations,
    // How far it had taken what others sent it.
    Table::Marks,
    Table::Words,
];

fn value(object: &Object) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

fn apply(info: &mut Object, update: &Update) {
    if let Some(name) = &update.name {
        info.name.clone_from(name);
    }
    update.icon.clone().apply(&mut info.icon);
    update.splash.clone().apply(&mut info.splash);
    update.discovery_splash.clone().apply(&mut info.discovery_splash);
    update.banner.clone().apply(&mut info.banner);
    update.description.clone().apply(&mut info.description);
    if let Patch::Value(owner) = update.owner_id {
        info.owner_id = owner;
    }
    update.afk_channel_id.apply(&mut info.afk_channel_id);
    update.afk_timeout.apply_or(&mut info.afk_timeout, 300);
    update.system_channel_id.apply(&mut info.system_channel_id);
    update.system_channel_flags.apply_or(&mut info.system_channel_flags, 0);
    update.rules_channel_id.apply(&mut info.rules_channel_id);
    update.public_updates_channel_id.apply(&mut info.public_updates_channel_id);
    update.safety_alerts_channel_id.apply(&mut info.safety_alerts_channel_id);
    update.verification_level.apply_or(&mut info.verification_level, 0);
    update.default_message_notifications.apply_or(&mut info.default_message_notifications, 0);
    update.explicit_content_filter.apply_or(&mut info.explicit_content_filter, 0);
    update.preferred_locale.clone().apply_or(&mut info.preferred_locale, "en-US".into());
    update.premium_progress_bar_enabled.apply_or(&mut info.premium_progress_bar_enabled, false);
    if let Some(wanted) = &update.features {
        info.features.retain(|feature| !SETTABLE_FEATURES.contains(&feature.as_str()));
        info.features.extend(wanted.iter().filter(|f| SETTABLE_FEATURES.contains(&f.as_str())).cloned());
    }
}

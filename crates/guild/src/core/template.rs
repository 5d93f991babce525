//! The guild's template: what it is made of, for others to make guilds of (Guild Template page).

use std::collections::BTreeMap;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::account::index_partition;
use consort_model::{
    ApiError, Channel, ChannelId, ChannelType, GuildTemplate, Overwrite, OverwriteKind, Permissions, Role,
    RoleId, TemplateChannel, TemplateGuild, TemplateRole, TemplateTag, Timestamp, limits,
};
use consort_rpc::guild::channel::Create;
use consort_rpc::guild::invite::IndexRow;
use consort_rpc::guild::template::{Op, index_key};
use consort_store::{Key, Table};
use serde_json::{Value, json};

use super::Guild;
use crate::planted::Leak;

/// Characters of a code, as upstream.
const CODE_CHARS: usize = 12;
/// Key of the row (`Table::GuildMisc`).
const TEMPLATE: &str = "template";

impl Guild {
    pub(crate) fn handle_template(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        let by_code = matches!(op, Op::Resolve { .. } | Op::Used { .. }) && cx.caller.system;
        if !by_code && !Leak::Templates.is_planted() {
            self.require(cx, Permissions::MANAGE_GUILD)?;
        }
        let stored: Option<GuildTemplate> = cx.row(Table::GuildMisc, self.id.get(), Key::text(TEMPLATE))?;
        let of_code = |code: &str| {
            let found = stored.clone().filter(|template| template.code == code);
            found.ok_or_else(ApiError::unknown_guild_template)
        };
        match op {
            Op::Resolve { code } => Outcome::json(&self.show_template(of_code(code)?)),
            Op::List => Outcome::json(&stored.into_iter().map(|t| self.show_template(t)).collect::<Vec<_>>()),
            Op::Create { name, description } => match stored {
                Some(_) => Err(ApiError::max_template().into()),
                None => self.create_template(cx, name, description.clone()),
            },
            Op::Sync { code } => {
                let updated_at = Timestamp::from_ms(cx.now_ms);
                let serialized_source_guild = self.snapshot();
                self.put_template(cx, GuildTemplate { updated_at, serialized_source_guild, ..of_code(code)? })
            }
            Op::Update { code, name, description } => {
                let mut template = of_code(code)?;
                template.name = name.clone().unwrap_or(template.name);
                description.clone().apply(&mut template.description);
                template.updated_at = Timestamp::from_ms(cx.now_ms);
                self.put_template(cx, template)
            }
            Op::Used { code } => {
                let template = of_code(code)?;
                self.put_template(cx, GuildTemplate { usage_count: template.usage_count + 1, ..template })
            }
            Op::Delete { code } => {
                let template = of_code(code)?;
                self.forget_template(cx, &template.code);
                Outcome::json(&self.show_template(template))
            }
        }
    }

    fn create_template(
        &self,
        cx: &mut Cx<'_>,
        name: &str,
        description: Option<String>,
    ) -> Result<Outcome, Stop> {
        let (code, now) = (cx.random.token(CODE_CHARS), Timestamp::from_ms(cx.now_ms));
        let key = index_key(&code);
        cx.put(Table::InviteIndex, index_partition(&key), Key::text(&key), &IndexRow { guild: self.id });
        let template = GuildTemplate {
            code,
            name: name.to_owned(),
            description,
            usage_count: 0,
            creator_id: cx.caller.user,
            creator: self.account(cx.caller.user),
            created_at: now,
            updated_at: now,
            source_guild_id: self.id,
            serialized_source_guild: self.snapshot(),
            is_dirty: None,
        };
        self.put_template(cx, template)
    }

    fn put_template(&self, cx: &mut Cx<'_>, template: GuildTemplate) -> Result<Outcome, Stop> {
        cx.put(Table::GuildMisc, self.id.get(), Key::text(TEMPLATE), &template);
        Outcome::json(&self.show_template(template))
    }

    fn show_template(&self, template: GuildTemplate) -> GuildTemplate {
        let dirty = template.serialized_source_guild != self.snapshot();
        GuildTemplate { is_dirty: dirty.then_some(true), ..template }
    }

    fn forget_template(&self, cx: &mut Cx<'_>, code: &str) {
        let key = index_key(code);
        cx.delete(Table::InviteIndex, index_partition(&key), Key::text(&key));
        cx.delete(Table::GuildMisc, self.id.get(), Key::text(TEMPLATE));
    }

    /// The guild ends, and so does the way to its template.
    pub(crate) fn drop_template(&self, cx: &mut Cx<'_>, code: Option<&str>) {
        if let Some(code) = code {
            self.forget_template(cx, code);
        }
    }

    /// The code of the template, for [`Guild::drop_template`]: it must be read before anything is changed.
    pub(crate) fn template_code(&self, cx: &mut Cx<'_>) -> Result<Option<String>, Stop> {
        let stored: Option<GuildTemplate> = cx.row(Table::GuildMisc, self.id.get(), Key::text(TEMPLATE))?;
        Ok(stored.map(|template| template.code))
    }

    /// What the guild is made of now.
    fn snapshot(&self) -> TemplateGuild {
        let everyone: RoleId = self.id.cast();
        let mut roles: Vec<&Role> = self.roles.values().filter(|role| !role.managed).collect();
        roles.sort_by_key(|role| (role.id != everyone, role.position, std::cmp::Reverse(role.id)));
        let role_ids: BTreeMap<RoleId, u32> = (0..).zip(&roles).map(|(n, role)| (role.id, n)).collect();
        let mut channels: Vec<&Channel> = self.channels.values().collect();
        let heading = |channel: &Channel| channel.kind == ChannelType::GuildCategory;
        channels.sort_by_key(|channel| (!heading(channel), channel.position, channel.id));
        let channel_ids: BTreeMap<ChannelId, u32> = (1..).zip(&channels).map(|(n, c)| (c.id, n)).collect();
        let place = |id: Option<ChannelId>| id.and_then(|id| channel_ids.get(&id)).map(|n| placeholder(*n));
        let info = &self.info;
        TemplateGuild {
            name: info.name.clone(),
            description: info.description.clone(),
            region: None,
            verification_level: info.verification_level,
            default_message_notifications: info.default_message_notifications,
            explicit_content_filter: info.explicit_content_filter,
            preferred_locale: info.preferred_locale.clone(),
            afk_channel_id: place(info.afk_channel_id),
            afk_timeout: info.afk_timeout,
            system_channel_id: place(info.system_channel_id),
            system_channel_flags: info.system_channel_flags,
            roles: roles.iter().map(|role| template_role(role, role_ids[&role.id])).collect(),
            channels: channels
                .iter()
                .map(|channel| {
                    template_channel(channel, channel_ids[&channel.id], &role_ids, place(channel.parent_id))
                })
                .collect(),
        }
    }

    /// Makes the roles and channels of a template in a guild that is being founded.
    pub(super) fn found_from(&mut self, cx: &mut Cx<'_>, template: &TemplateGuild) -> Result<(), Stop> {
        let mut roles = BTreeMap::from([(0, self.id.cast())]);
        for (role, position) in template.roles.iter().take(limits::ROLES_MAX).zip(0..) {
            if role.id == 0 {
                if let Some(everyone) = self.roles.get_mut(&self.id.cast()) {
                    everyone.permissions = role.permissions;
                    cx.put(Table::Roles, self.id.get(), self.id.get(), everyone);
                }
                continue;
            }
            let id = RoleId::new(cx.next_id());
            let made = Role {
                color: role.color,
                colors: role.colors,
                hoist: role.hoist,
                mentionable: role.mentionable,
                unicode_emoji: role.unicode_emoji.clone(),
                ..Role::new(id, &role.name, role.permissions, position)
            };
            self.insert_role(cx, made);
            roles.insert(role.id, id);
        }
        let mut channels = BTreeMap::new();
        for channel in template.channels.iter().take(limits::GUILD_CHANNELS_MAX) {
            let parent_id = channel.parent_id.and_then(|parent| channels.get(&parent).copied());
            let made = self.new_channel(ChannelId::new(cx.next_id()), &create(channel, &roles, parent_id))?;
            channels.insert(placeholder(channel.id), made.id);
            self.insert_channel(cx, made);
        }
        let place = |id: Option<ChannelId>| id.and_then(|id| channels.get(&id)).copied();
        let info = &mut *self.info;
        info.description.clone_from(&template.description);
        info.verification_level = template.verification_level;
        info.default_message_notifications = template.default_message_notifications;
        info.explicit_content_filter = template.explicit_content_filter;
        info.preferred_locale.clone_from(&template.preferred_locale);
        info.afk_channel_id = place(template.afk_channel_id);
        info.afk_timeout = template.afk_timeout;
        info.system_channel_id = place(template.system_channel_id);
        info.system_channel_flags = template.system_channel_flags;
        Ok(())
    }
}

fn placeholder(number: u32) -> ChannelId {
    ChannelId::new(number.into())
}

fn template_role(role: &Role, id: u32) -> TemplateRole {
    TemplateRole {
        id,
        name: role.name.clone(),
        permissions: role.permissions,
        color: role.color,
        colors: role.colors,
        hoist: role.hoist,
        mentionable: role.mentionable,
        icon: None,
        unicode_emoji: role.unicode_emoji.clone(),
    }
}

fn template_channel(
    channel: &Channel,
    id: u32,
    roles: &BTreeMap<RoleId, u32>,
    parent_id: Option<ChannelId>,
) -> TemplateChannel {
    // Kinds that only communities have become the ones that are nearest.
    let kind = match channel.kind {
        ChannelType::GuildVoice | ChannelType::GuildStageVoice => 2,
        ChannelType::GuildCategory => 4,
        ChannelType::GuildForum | ChannelType::GuildMedia => 15,
        _ => 0,
    };
    // Members are not taken along.
    let by_placeholder = |overwrite: &Overwrite| {
        let of_role = overwrite.kind == OverwriteKind::Role;
        let role = roles.get(&overwrite.id.cast()).filter(|_| of_role)?;
        Some(Overwrite { id: u64::from(*role).into(), ..*overwrite })
    };
    let tag = |tag: &consort_model::ForumTag| TemplateTag {
        id: None,
        name: tag.name.clone(),
        emoji_id: None,
        emoji_name: tag.emoji_name.clone().filter(|_| tag.emoji_id.is_none()),
        moderated: Some(tag.moderated),
    };
    TemplateChannel {
        id,
        kind,
        name: channel.name.clone(),
        position: Some(channel.position),
        topic: channel.topic.clone(),
        bitrate: channel.bitrate.unwrap_or(limits::BITRATE_DEFAULT),
        user_limit: channel.user_limit.unwrap_or(0),
        nsfw: channel.nsfw,
        rate_limit_per_user: channel.rate_limit_per_user,
        parent_id,
        default_auto_archive_duration: channel.default_auto_archive_duration,
        permission_overwrites: channel
            .permission_overwrites
            .iter()
            .flatten()
            .filter_map(by_placeholder)
            .collect(),
        available_tags: channel.available_tags.as_ref().map(|tags| tags.iter().map(tag).collect()),
        template: String::new(),
        default_reaction_emoji: channel
            .default_reaction_emoji
            .clone()
            .filter(|emoji| emoji.emoji_id.is_none()),
        default_thread_rate_limit_per_user: channel.default_thread_rate_limit_per_user,
        default_sort_order: channel.default_sort_order,
        default_forum_layout: channel.default_forum_layout,
        default_tag_setting: None,
        theme_color: None,
    }
}

/// The request that makes a channel of a template.
fn create(channel: &TemplateChannel, roles: &BTreeMap<u32, RoleId>, parent_id: Option<ChannelId>) -> Create {
    let by_role = |overwrite: &Overwrite| {
        let role = roles.get(&u32::try_from(overwrite.id.get()).ok()?)?;
        Some(Overwrite { id: role.cast(), ..*overwrite })
    };
    let tags = channel.available_tags.iter().flatten();
    let tags: Vec<Value> = tags
        .map(|tag| json!({"name": tag.name, "moderated": tag.moderated, "emoji_name": tag.emoji_name}))
        .collect();
    Create {
        name: channel.name.clone().unwrap_or_default(),
        kind: channel.kind,
        topic: channel.topic.clone(),
        bitrate: Some(channel.bitrate),
        user_limit: Some(channel.user_limit),
        rate_limit_per_user: Some(channel.rate_limit_per_user),
        position: channel.position,
        permission_overwrites: Some(channel.permission_overwrites.iter().filter_map(by_role).collect()),
        parent_id,
        nsfw: channel.nsfw,
        default_auto_archive_duration: channel.default_auto_archive_duration,
        default_reaction_emoji: channel.default_reaction_emoji.as_ref().map(|emoji| json!(emoji)),
        available_tags: channel.available_tags.is_some().then_some(tags),
        default_sort_order: channel.default_sort_order,
        default_forum_layout: channel.default_forum_layout,
        default_thread_rate_limit_per_user: channel.default_thread_rate_limit_per_user,
        ..Create::default()
    }
}

//! Objects with everything set.

use consort_model::object::*;
use consort_model::{
    ApplicationId, AttachmentId, ChannelId, EmojiId, GuildId, Id, Overwrite, OverwriteKind, Permissions,
    RoleId, StickerId, Timestamp, UserId,
};

pub const GUILD: GuildId = Id::new(41_771_983_423_143_937);
pub const CHANNEL: ChannelId = Id::new(127_121_515_262_115_840);
pub const THREAD: ChannelId = Id::new(127_121_515_262_115_841);
pub const USER: UserId = Id::new(80_351_110_224_678_912);
pub const BOT: UserId = Id::new(80_351_110_224_678_913);
pub const HASH: &str = "8342729096ea3675442027381ff50dfe";

pub fn time() -> Timestamp {
    Timestamp::from_ms(1_767_225_600_123)
}

pub fn hash() -> Option<String> {
    Some(HASH.to_owned())
}

pub fn user() -> User {
    User {
        global_name: Some("Anna".to_owned()),
        avatar: hash(),
        banner: hash(),
        accent_color: Some(0x00ff_ffff),
        public_flags: UserFlags::STAFF,
        flags: UserFlags::STAFF,
        primary_guild: Some(PrimaryGuild {
            identity_guild_id: Some(GUILD),
            identity_enabled: Some(true),
            tag: Some("CONS".to_owned()),
            badge: hash(),
        }),
        ..User::person(USER, "anna")
    }
}

pub fn bot() -> User {
    User { system: true, ..User::bot(BOT, "helper") }
}

pub fn member() -> Member {
    Member {
        nick: Some("An".to_owned()),
        avatar: hash(),
        banner: hash(),
        roles: vec![RoleId::new(7)],
        premium_since: Some(time()),
        deaf: true,
        mute: true,
        flags: 1,
        pending: true,
        communication_disabled_until: Some(time()),
        ..Member::new(user(), time())
    }
}

pub fn role() -> Role {
    Role {
        color: 0x00ab_cdef,
        colors: RoleColors { primary_color: 0x00ab_cdef, secondary_color: Some(1), tertiary_color: Some(2) },
        hoist: true,
        managed: true,
        mentionable: true,
        icon: hash(),
        unicode_emoji: Some("🦀".to_owned()),
        flags: 1,
        tags: Some(RoleTags { bot_id: Some(BOT), integration_id: Some(Id::new(9)) }),
        ..Role::new(Id::new(7), "helper", Permissions::all(), 3)
    }
}

pub fn emoji() -> Emoji {
    Emoji {
        id: EmojiId::new(41_771_983_429_993_937),
        name: "blob".to_owned(),
        roles: vec![RoleId::new(7)],
        user: Some(user()),
        require_colons: true,
        managed: true,
        animated: true,
        available: true,
    }
}

pub fn sticker() -> Sticker {
    Sticker {
        id: StickerId::new(749_054_660_769_218_631),
        name: "Wave".to_owned(),
        description: Some("Waves hello".to_owned()),
        tags: "wave, hello".to_owned(),
        kind: 2,
        format_type: 1,
        available: true,
        guild_id: GUILD,
        user: Some(user()),
    }
}

pub fn overwrites() -> Vec<Overwrite> {
    let overwrite = |id: u64, kind| Overwrite {
        id: Id::new(id),
        kind,
        allow: Permissions::VIEW_CHANNEL,
        deny: Permissions::SEND_MESSAGES,
    };
    vec![overwrite(GUILD.get(), OverwriteKind::Role), overwrite(USER.get(), OverwriteKind::Member)]
}

/// A guild channel with every field of every kind set: those of other kinds must not show.
pub fn channel(kind: ChannelType) -> Channel {
    Channel {
        position: 4,
        parent_id: Some(Id::new(5)),
        permission_overwrites: Some(overwrites()),
        topic: Some("topic".to_owned()),
        nsfw: true,
        last_message_id: Some(Id::new(6)),
        last_pin_timestamp: Some(time()),
        rate_limit_per_user: 30,
        bitrate: Some(96_000),
        user_limit: Some(5),
        rtc_region: Some("here".to_owned()),
        video_quality_mode: Some(2),
        default_auto_archive_duration: Some(1440),
        default_thread_rate_limit_per_user: Some(10),
        available_tags: Some(vec![forum_tag()]),
        default_reaction_emoji: Some(DefaultReaction { emoji_id: None, emoji_name: Some("👍".to_owned()) }),
        default_sort_order: Some(1),
        default_forum_layout: Some(2),
        permissions: Some(Permissions::VIEW_CHANNEL),
        ..Channel::guild(CHANNEL, kind, GUILD, "general")
    }
}

pub fn forum_tag() -> ForumTag {
    ForumTag {
        id: Id::new(11),
        name: "bug".to_owned(),
        moderated: true,
        emoji_id: Some(EmojiId::new(12)),
        emoji_name: None,
    }
}

pub fn thread(kind: ChannelType) -> Channel {
    Channel {
        id: THREAD,
        parent_id: Some(CHANNEL),
        last_message_id: Some(Id::new(6)),
        last_pin_timestamp: Some(time()),
        rate_limit_per_user: 30,
        owner_id: Some(USER),
        thread_metadata: Some(ThreadMetadata {
            archived: true,
            archive_timestamp: time(),
            auto_archive_duration: 10_080,
            locked: true,
            invitable: Some(false),
            create_timestamp: Some(time()),
        }),
        message_count: Some(3),
        member_count: Some(2),
        total_message_sent: Some(4),
        applied_tags: Some(vec![Id::new(11)]),
        member: Some(thread_member()),
        permissions: Some(Permissions::VIEW_CHANNEL),
        ..Channel::guild(THREAD, kind, GUILD, "a thread")
    }
}

pub fn thread_member() -> ThreadMember {
    ThreadMember { id: THREAD, user_id: USER, join_timestamp: time(), flags: 1, member: Some(member()) }
}

pub fn attachment() -> Attachment {
    Attachment {
        id: AttachmentId::new(13),
        filename: "photo.png".to_owned(),
        size: 1 << 20,
        url: "https://cdn.example/attachments/1/13/photo.png?ex=1&is=2&hm=3".to_owned(),
        proxy_url: "https://media.example/attachments/1/13/photo.png".to_owned(),
        title: Some("my photo".to_owned()),
        description: Some("a crab".to_owned()),
        content_type: Some("image/png".to_owned()),
        width: Some(640),
        height: Some(480),
        ephemeral: true,
        duration_secs: Some(1.5),
        waveform: Some("AAA=".to_owned()),
        flags: Some(1 << 3),
    }
}

pub fn embed() -> Embed {
    let text = |text: &str| Some(text.to_owned());
    let media = EmbedMedia {
        url: text("https://example.org/a.png"),
        proxy_url: text("https://media.example/a.png"),
        width: Some(640),
        height: Some(480),
        content_type: text("image/png"),
    };
    Embed {
        kind: "rich".to_owned(),
        title: text("title"),
        description: text("description"),
        url: text("https://example.org/"),
        timestamp: Some(time()),
        color: Some(0x00ff_0000),
        footer: Some(EmbedFooter {
            text: "footer".to_owned(),
            icon_url: text("https://example.org/f.png"),
            proxy_icon_url: text("https://media.example/f.png"),
        }),
        image: Some(media.clone()),
        thumbnail: Some(media.clone()),
        video: Some(media),
        provider: Some(EmbedProvider { name: text("Example"), url: text("https://example.org/") }),
        author: Some(EmbedAuthor {
            name: "author".to_owned(),
            url: text("https://example.org/"),
            icon_url: text("https://example.org/i.png"),
            proxy_icon_url: text("https://media.example/i.png"),
        }),
        fields: vec![EmbedField { name: "name".to_owned(), value: "value".to_owned(), inline: true }],
    }
}

pub fn application() -> ApplicationId {
    BOT.cast()
}

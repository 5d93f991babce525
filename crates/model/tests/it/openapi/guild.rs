//! Guilds, channels, invites, emojis, webhooks, the audit log.

use std::collections::BTreeMap;

use consort_model::object::*;
use consort_model::{Id, Permissions};
use serde_json::{Value, json};

use super::samples::*;
use super::{answers, conforms};

const GUILD_KINDS: [ChannelType; 6] = [
    ChannelType::GuildText,
    ChannelType::GuildVoice,
    ChannelType::GuildCategory,
    ChannelType::GuildAnnouncement,
    ChannelType::GuildStageVoice,
    ChannelType::GuildForum,
];
const THREAD_KINDS: [ChannelType; 3] =
    [ChannelType::PublicThread, ChannelType::PrivateThread, ChannelType::AnnouncementThread];
/// Roles have a description upstream, see the roles' own test.
const ROLE_BEYOND: &str = "roles.description";

fn guild() -> Guild {
    Guild {
        icon: hash(),
        description: Some("a place".to_owned()),
        home_header: hash(),
        splash: hash(),
        discovery_splash: hash(),
        features: vec!["COMMUNITY".to_owned(), "NEWS".to_owned()],
        banner: hash(),
        application_id: Some(application()),
        afk_channel_id: Some(CHANNEL),
        afk_timeout: 900,
        system_channel_id: Some(CHANNEL),
        system_channel_flags: 0b11_1111,
        widget_enabled: true,
        widget_channel_id: Some(CHANNEL),
        verification_level: 4,
        roles: vec![Role::everyone(GUILD), role()],
        default_message_notifications: 1,
        mfa_level: 1,
        explicit_content_filter: 2,
        max_presences: Some(100),
        vanity_url_code: Some("place".to_owned()),
        rules_channel_id: Some(CHANNEL),
        safety_alerts_channel_id: Some(CHANNEL),
        public_updates_channel_id: Some(CHANNEL),
        nsfw: true,
        nsfw_level: 3,
        emojis: vec![emoji()],
        stickers: vec![sticker()],
        incidents_data: Some(json!({"invites_disabled_until": time(), "dms_disabled_until": null})),
        ..Guild::new(GUILD, "place", USER)
    }
}

#[test]
fn guilds_conform() {
    conforms("GuildResponse", &Guild::new(GUILD, "place", USER), &[]);
    conforms("GuildResponse", &guild(), &[ROLE_BEYOND]);
    let counted = Guild { approximate_member_count: Some(7), approximate_presence_count: Some(3), ..guild() };
    conforms("GuildWithCountsResponse", &counted, &[ROLE_BEYOND]);
}

#[test]
fn every_preset_of_a_guild_is_legal() {
    for (level, filter, idle) in [(0, 0, 60), (1, 1, 300), (2, 2, 900), (3, 0, 1800), (4, 1, 3600)] {
        let guild = Guild {
            verification_level: level,
            explicit_content_filter: filter,
            afk_timeout: idle,
            ..Guild::new(GUILD, "place", USER)
        };
        conforms("GuildResponse", &guild, &[]);
    }
}

#[test]
fn the_gateways_guild_is_one_of_rest_with_more() {
    let full = GatewayGuild {
        guild: guild(),
        joined_at: time(),
        large: true,
        unavailable: false,
        member_count: 2,
        voice_states: vec![voice_state()],
        members: vec![member()],
        channels: vec![channel(ChannelType::GuildText)],
        threads: vec![thread(ChannelType::PublicThread)],
        presences: vec![Presence::offline(USER)],
        stage_instances: vec![],
        guild_scheduled_events: vec![],
        soundboard_sounds: vec![],
    };
    // Gateway Events, "Guild Create Extra Fields".
    let extra = [
        "joined_at",
        "large",
        "unavailable",
        "member_count",
        "voice_states",
        "members",
        "channels",
        "threads",
        "presences",
        "stage_instances",
        "guild_scheduled_events",
        "soundboard_sounds",
    ];
    let value = conforms("GuildResponse", &full, &[&extra[..], &[ROLE_BEYOND]].concat());
    assert!(extra.iter().all(|key| value.get(key).is_some()), "all extra fields are always there");
}

#[test]
fn lists_of_own_guilds_conform() {
    let mut guild = MyGuild {
        id: GUILD,
        name: "place".to_owned(),
        icon: None,
        banner: hash(),
        owner: true,
        permissions: Permissions::all(),
        features: vec!["COMMUNITY".to_owned()],
        approximate_member_count: None,
        approximate_presence_count: None,
    };
    conforms("MyGuildResponse", &guild, &[]);
    guild.approximate_member_count = Some(2);
    guild.approximate_presence_count = Some(1);
    conforms("MyGuildResponse", &guild, &[]);
}

#[test]
fn guild_channels_conform_by_kind() {
    for kind in GUILD_KINDS {
        // `status` of a voice channel is shown when asked for with channel info, and by the gateway.
        conforms("GuildChannelResponse", &Channel::guild(CHANNEL, kind, GUILD, "general"), &[]);
        let value = answers("GuildChannelResponse", &channel(kind), &["status"]);
        let has = |key: &str| value.get(key).is_some();
        assert_eq!(has("bitrate"), kind.is_voice(), "{kind:?}");
        assert_eq!(has("available_tags"), kind.is_forum(), "{kind:?}");
        assert!(!has("thread_metadata") && !has("recipients") && !has("owner_id"), "{kind:?}");
        assert!(has("permission_overwrites") && has("position") && has("nsfw"), "{kind:?}");
        let nameless = Channel { guild_id: Some(GUILD), ..Channel::new(CHANNEL, kind) };
        answers("GuildChannelResponse", &nameless, &[]);
    }
}

#[test]
fn media_channels_are_written_as_forums() {
    // The published file does not know their type, the Channel page does.
    let keys = |kind| {
        let value = serde_json::to_value(channel(kind)).unwrap();
        value.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(keys(ChannelType::GuildMedia), keys(ChannelType::GuildForum));
}

#[test]
fn threads_conform_by_kind() {
    for kind in THREAD_KINDS {
        conforms("ThreadResponse", &thread(kind), &[]);
        answers("CreatedThreadResponse", &thread(kind), &[]);
        // THREAD_CREATE says whether the thread is new.
        answers("ThreadResponse", &Channel { newly_created: Some(true), ..thread(kind) }, &["newly_created"]);
        let bare = Channel {
            owner_id: Some(USER),
            thread_metadata: thread(kind).thread_metadata,
            ..Channel::guild(THREAD, kind, GUILD, "a thread")
        };
        let value = answers("ThreadResponse", &bare, &[]);
        assert!(value.get("permission_overwrites").is_none() && value.get("position").is_none());
    }
    conforms("ThreadMemberResponse", &thread_member(), &[]);
    conforms("ThreadMemberResponse", &ThreadMember { member: None, ..thread_member() }, &[]);
    answers(
        "ThreadsResponse",
        &json!({"threads": [thread(ChannelType::PublicThread)], "members": [thread_member()], "has_more": false}),
        &[],
    );
}

#[test]
fn private_channels_conform() {
    answers("PrivateChannelResponse", &Channel::new(CHANNEL, ChannelType::Dm), &[]);
    let direct = Channel { recipients: Some(vec![user()]), ..Channel::new(CHANNEL, ChannelType::Dm) };
    conforms("PrivateChannelResponse", &direct, &[]);
    let unnamed = Channel {
        recipients: Some(vec![user(), bot()]),
        owner_id: Some(USER),
        ..Channel::new(CHANNEL, ChannelType::GroupDm)
    };
    conforms("PrivateGroupChannelResponse", &unnamed, &[]);
    let named = Channel {
        name: Some("us".to_owned()),
        icon: hash(),
        last_message_id: Some(Id::new(6)),
        last_pin_timestamp: Some(time()),
        application_id: Some(application()),
        ..unnamed
    };
    conforms("PrivateGroupChannelResponse", &named, &[]);
}

#[test]
fn emojis_and_stickers_conform() {
    conforms("EmojiResponse", &emoji(), &[]);
    conforms("EmojiResponse", &Emoji { user: None, roles: vec![], animated: false, ..emoji() }, &[]);
    for format_type in 1..=4 {
        conforms("GuildStickerResponse", &Sticker { format_type, ..sticker() }, &[]);
    }
    conforms("GuildStickerResponse", &Sticker { user: None, description: None, ..sticker() }, &[]);
}

fn invite() -> Invite {
    Invite {
        kind: 0,
        code: "aBcD12".to_owned(),
        inviter: Some(user()),
        expires_at: Some(time()),
        flags: 0,
        guild: InviteGuild {
            id: GUILD,
            name: "place".to_owned(),
            splash: None,
            banner: hash(),
            description: Some("a place".to_owned()),
            icon: hash(),
            features: vec!["COMMUNITY".to_owned()],
            verification_level: 1,
            vanity_url_code: None,
            nsfw_level: 0,
            nsfw: false,
            premium_subscription_count: 0,
        },
        guild_id: GUILD,
        channel: InviteChannel {
            id: CHANNEL,
            kind: ChannelType::GuildText,
            name: Some("general".to_owned()),
        },
        target_type: Some(1),
        target_user: None,
        approximate_member_count: Some(7),
        approximate_presence_count: Some(3),
        uses: Some(1),
        max_uses: Some(5),
        max_age: Some(86_400),
        temporary: Some(false),
        created_at: Some(time()),
        guild_scheduled_event: None,
        new_member: None,
    }
}

#[test]
fn invites_conform() {
    conforms("GuildInviteResponse", &invite(), &[]);
    conforms("InviteChannelResponse", &invite().channel, &[]);
    conforms("InviteGuildResponse", &invite().guild, &[]);
    let public = Invite {
        inviter: None,
        expires_at: None,
        approximate_member_count: None,
        approximate_presence_count: None,
        uses: None,
        max_uses: None,
        max_age: None,
        temporary: None,
        created_at: None,
        ..invite()
    };
    conforms("GuildInviteResponse", &public, &[]);
    // Official clients read it of an accepted invite.
    conforms("GuildInviteResponse", &Invite { new_member: Some(true), ..invite() }, &["new_member"]);
}

fn voice_state() -> VoiceState {
    VoiceState {
        guild_id: Some(GUILD),
        channel_id: Some(CHANNEL),
        user_id: USER,
        member: Some(member()),
        session_id: HASH.to_owned(),
        deaf: true,
        mute: true,
        self_deaf: true,
        self_mute: true,
        self_stream: true,
        self_video: true,
        suppress: true,
        request_to_speak_timestamp: Some(time()),
    }
}

#[test]
fn voice_conforms() {
    conforms("VoiceStateResponse", &voice_state(), &[]);
    let left = VoiceState { guild_id: None, channel_id: None, member: None, ..voice_state() };
    conforms("VoiceStateResponse", &VoiceState { request_to_speak_timestamp: None, ..left }, &[]);
    let region = VoiceRegion {
        id: "here".to_owned(),
        name: "Here".to_owned(),
        optimal: true,
        deprecated: false,
        custom: false,
    };
    conforms("VoiceRegionResponse", &region, &[]);
}

#[test]
fn onboardings_conform() {
    conforms("GuildOnboardingResponse", &Onboarding::none(GUILD), &[]);
    let option = OnboardingOption {
        id: Id::new(92),
        channel_ids: vec![CHANNEL],
        role_ids: vec![role().id],
        emoji: OptionEmoji { id: None, name: Some("🔥".to_owned()), animated: false },
        title: "option".to_owned(),
        description: String::new(),
    };
    let prompt = OnboardingPrompt {
        id: Id::new(91),
        kind: 1,
        options: vec![option],
        title: "prompt".to_owned(),
        single_select: true,
        required: true,
        in_onboarding: true,
    };
    let onboarding = Onboarding {
        guild_id: GUILD,
        prompts: vec![prompt],
        default_channel_ids: vec![CHANNEL],
        enabled: true,
        mode: 1,
    };
    conforms("GuildOnboardingResponse", &onboarding, &[]);
}

#[test]
fn templates_conform() {
    let role = TemplateRole {
        id: 1,
        name: "role".to_owned(),
        permissions: Permissions::all(),
        color: 1,
        colors: RoleColors { primary_color: 1, secondary_color: Some(2), tertiary_color: Some(3) },
        hoist: true,
        mentionable: true,
        icon: None,
        unicode_emoji: Some("🔥".to_owned()),
    };
    let channel = TemplateChannel {
        id: 1,
        kind: 15,
        name: Some("posts".to_owned()),
        position: Some(1),
        topic: Some("topic".to_owned()),
        bitrate: 64_000,
        user_limit: 1,
        nsfw: true,
        rate_limit_per_user: 5,
        parent_id: Some(Id::new(2)),
        default_auto_archive_duration: Some(1440),
        permission_overwrites: Vec::new(),
        available_tags: Some(vec![TemplateTag {
            id: None,
            name: "tag".to_owned(),
            emoji_id: None,
            emoji_name: Some("🔥".to_owned()),
            moderated: Some(true),
        }]),
        template: String::new(),
        default_reaction_emoji: Some(DefaultReaction { emoji_id: None, emoji_name: Some("🔥".to_owned()) }),
        default_thread_rate_limit_per_user: Some(5),
        default_sort_order: Some(1),
        default_forum_layout: Some(2),
        default_tag_setting: None,
        theme_color: None,
    };
    let template = GuildTemplate {
        code: "code".to_owned(),
        name: "template".to_owned(),
        description: Some("text".to_owned()),
        usage_count: 1,
        creator_id: USER,
        creator: Some(user()),
        created_at: time(),
        updated_at: time(),
        source_guild_id: GUILD,
        serialized_source_guild: TemplateGuild {
            name: "guild".to_owned(),
            description: Some("text".to_owned()),
            region: None,
            verification_level: 1,
            default_message_notifications: 1,
            explicit_content_filter: 1,
            preferred_locale: "en-US".to_owned(),
            afk_channel_id: Some(Id::new(1)),
            afk_timeout: 300,
            system_channel_id: Some(Id::new(1)),
            system_channel_flags: 1,
            roles: vec![role],
            channels: vec![channel],
        },
        is_dirty: Some(true),
    };
    conforms("GuildTemplateResponse", &template, &[]);
}

#[test]
fn scheduled_events_conform_by_entity() {
    use consort_model::scheduled_event::entity;
    let event = |entity_type, channel_id, location: Option<&str>| ScheduledEvent {
        id: Id::new(81),
        guild_id: GUILD,
        channel_id,
        creator_id: Some(USER),
        creator: Some(user()),
        name: "event".to_owned(),
        description: Some("text".to_owned()),
        image: hash(),
        scheduled_start_time: time(),
        scheduled_end_time: Some(time()),
        privacy_level: 2,
        status: 1,
        entity_type,
        entity_id: None,
        entity_metadata: location.map(|location| EntityMetadata { location: location.to_owned() }),
        recurrence_rule: Some(RecurrenceRule {
            start: time(),
            end: None,
            frequency: 1,
            interval: 1,
            by_weekday: Some(vec![1]),
            by_n_weekday: Some(vec![NthWeekday { n: 5, day: 6 }]),
            by_month: Some(vec![12]),
            by_month_day: Some(vec![31]),
            by_year_day: None,
            count: None,
        }),
        guild_scheduled_event_exceptions: Vec::new(),
        user_count: Some(3),
    };
    conforms("ExternalScheduledEventResponse", &event(entity::EXTERNAL, None, Some("here")), &[]);
    conforms("VoiceScheduledEventResponse", &event(entity::VOICE, Some(CHANNEL), None), &[]);
    conforms("StageScheduledEventResponse", &event(entity::STAGE, Some(CHANNEL), None), &[]);
    let bare = ScheduledEvent {
        creator: None,
        description: None,
        image: None,
        scheduled_end_time: None,
        recurrence_rule: None,
        user_count: None,
        ..event(entity::VOICE, Some(CHANNEL), None)
    };
    conforms("VoiceScheduledEventResponse", &bare, &[]);
}

#[test]
fn sounds_conform() {
    let sound = SoundboardSound {
        name: "quack".to_owned(),
        sound_id: Id::new(63),
        volume: 0.5,
        emoji_id: Some(Id::new(64)),
        emoji_name: None,
        guild_id: Some(GUILD),
        available: true,
        user: Some(user()),
    };
    conforms("SoundboardSoundResponse", &sound, &[]);
    let bare = SoundboardSound { emoji_id: None, emoji_name: Some("🦆".to_owned()), user: None, ..sound };
    conforms("SoundboardSoundResponse", &bare, &[]);
}

#[test]
fn stages_conform() {
    let stage = StageInstance {
        id: Id::new(61),
        guild_id: GUILD,
        channel_id: CHANNEL,
        topic: "talk".to_owned(),
        privacy_level: consort_model::stage::GUILD_ONLY,
        discoverable_disabled: true,
        guild_scheduled_event_id: None,
    };
    conforms("StageInstanceResponse", &stage, &[]);
    conforms(
        "StageInstanceResponse",
        &StageInstance { guild_scheduled_event_id: Some(Id::new(62)), ..stage },
        &[],
    );
}

fn rule(trigger_type: u8, trigger_metadata: TriggerMetadata) -> AutoModerationRule {
    let action = |kind, metadata| AutoModerationAction { kind, metadata };
    let none = ActionMetadata::default;
    AutoModerationRule {
        id: Id::new(71),
        guild_id: GUILD,
        name: "rule".to_owned(),
        creator_id: USER,
        event_type: if trigger_type == 6 { 2 } else { 1 },
        trigger_type,
        trigger_metadata,
        actions: vec![
            action(1, none()),
            action(1, ActionMetadata { custom_message: Some("no".to_owned()), ..none() }),
            action(2, ActionMetadata { channel_id: Some(CHANNEL), ..none() }),
            action(3, ActionMetadata { duration_seconds: Some(60), ..none() }),
            action(4, none()),
        ],
        enabled: true,
        exempt_roles: vec![role().id],
        exempt_channels: vec![CHANNEL],
    }
}

#[test]
fn auto_moderation_rules_conform_by_trigger() {
    let words = || TriggerMetadata {
        keyword_filter: Some(vec!["a*".to_owned()]),
        regex_patterns: Some(vec!["b+".to_owned()]),
        allow_list: Some(Vec::new()),
        ..TriggerMetadata::default()
    };
    conforms("KeywordRuleResponse", &rule(1, words()), &[]);
    conforms("UserProfileRuleResponse", &rule(6, words()), &[]);
    conforms("MLSpamRuleResponse", &rule(3, TriggerMetadata::default()), &[]);
    let allow_list = Some(vec!["c".to_owned()]);
    let preset = TriggerMetadata { presets: Some(vec![1, 3]), allow_list, ..TriggerMetadata::default() };
    conforms("DefaultKeywordRuleResponse", &rule(4, preset), &[]);
    let mentions = TriggerMetadata {
        mention_total_limit: Some(5),
        mention_raid_protection_enabled: Some(true),
        ..TriggerMetadata::default()
    };
    conforms("MentionSpamRuleResponse", &rule(5, mentions), &[]);
}

fn webhook(kind: u8) -> Webhook {
    Webhook {
        id: Id::new(14),
        kind,
        guild_id: Some(GUILD),
        channel_id: Some(CHANNEL),
        user: Some(user()),
        name: "hook".to_owned(),
        avatar: hash(),
        token: None,
        application_id: None,
        source_channel: None,
        source_guild: None,
        url: None,
    }
}

#[test]
fn webhooks_conform_by_kind() {
    let incoming = Webhook {
        token: Some("token".to_owned()),
        url: Some("https://example.org/api/webhooks/14/token".to_owned()),
        ..webhook(1)
    };
    conforms("GuildIncomingWebhookResponse", &incoming, &[]);
    conforms("GuildIncomingWebhookResponse", &Webhook { user: None, avatar: None, ..incoming }, &[]);
    let follower = Webhook {
        source_channel: Some(json!({"id": CHANNEL, "name": "news"})),
        source_guild: Some(json!({"id": GUILD, "name": "place", "icon": null})),
        ..webhook(2)
    };
    conforms("ChannelFollowerWebhookResponse", &follower, &[]);
    let of_an_application = Webhook { application_id: Some(application()), ..webhook(3) };
    conforms("ApplicationIncomingWebhookResponse", &of_an_application, &[]);
}

#[test]
fn audit_logs_conform() {
    let entry = AuditLogEntry {
        id: Id::new(15),
        target_id: Some(USER.cast()),
        user_id: Some(USER),
        action_type: AuditLogEvent::MemberRoleUpdate,
        changes: vec![AuditLogChange {
            key: "$add".to_owned(),
            old_value: None,
            new_value: Some(json!([{"id": "7", "name": "helper"}])),
        }],
        options: Some(BTreeMap::from([("count".to_owned(), "1".to_owned())])),
        reason: Some("asked".to_owned()),
    };
    conforms("AuditLogEntryResponse", &entry, &[]);
    let bare = AuditLogEntry {
        target_id: None,
        user_id: None,
        changes: vec![],
        options: None,
        reason: None,
        ..entry.clone()
    };
    conforms("AuditLogEntryResponse", &bare, &[]);
    let log = json!({
        "application_commands": [], "audit_log_entries": [entry, bare], "auto_moderation_rules": [],
        "guild_scheduled_events": [], "integrations": [], "threads": [thread(ChannelType::PublicThread)],
        "users": [user()], "webhooks": [webhook(1)],
    });
    answers("GuildAuditLogResponse", &log, &[]);
}

#[test]
fn known_audit_log_actions_are_the_documented_ones() {
    for number in 0..256u16 {
        let event = AuditLogEvent::from(number);
        if !matches!(event, AuditLogEvent::Unknown(_)) {
            let problems = crate::schema::published().problems("AuditLogActionTypes", &Value::from(number));
            assert!(problems.is_empty(), "{event:?}: {problems:?}");
        }
    }
}

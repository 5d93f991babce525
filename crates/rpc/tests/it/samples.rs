//! At least one sample of everything that crosses between nodes, with as many fields set as can be, and one with as few.

use std::sync::Arc;

use bytes::Bytes;
use consort_model::request::command::Draft;
use consort_model::{Application, Intents, Message};
use consort_rpc::{
    Audience, Change, Effect, Event, Publication, View, Withheld, account, application, guild, identity,
    message, name, private, relay, session, user,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Reads an array of samples from JSON.
fn read<T: DeserializeOwned>(samples: Value) -> Vec<T> {
    let Value::Array(samples) = samples else { panic!("an array") };
    let read = |sample: Value| {
        let shown = sample.to_string();
        serde_json::from_value(sample).unwrap_or_else(|error| panic!("{shown}: {error}"))
    };
    samples.into_iter().map(read).collect()
}

fn one<T: DeserializeOwned>(sample: Value) -> T {
    read(json!([sample])).remove(0)
}

/// The largest id there can be.
const ID: &str = "18446744073709551615";

fn a_user() -> Value {
    json!({
        "id": ID, "username": "ann", "discriminator": "0", "global_name": "Änn", "avatar": "a_0", "bot": true,
        "public_flags": 65536, "accent_color": 16777215, "avatar_decoration_data": {"asset": "x"},
        "primary_guild": {"identity_guild_id": "1", "identity_enabled": true, "tag": "TAG", "badge": null},
    })
}

fn a_presence() -> Value {
    json!({
        "user": {"id": ID}, "guild_id": "2", "status": "dnd", "client_status": {"desktop": "dnd", "web": "idle"},
        "activities": [{"id": "0123456789abcdef", "name": "x", "type": 0, "created_at": 1, "party": {"size": [1, 2]}, "application_id": "9007199254740993", "buttons": ["b"]}],
    })
}

fn a_session() -> Value {
    json!({"node": 65535, "generation": u64::MAX, "slice": 63, "number": u64::MAX, "user": "1"})
}

fn a_channel() -> Value {
    json!({
        "id": "1", "type": 15, "guild_id": "2", "name": "n", "position": -1, "parent_id": "3", "topic": "t", "flags": 16,
        "permission_overwrites": [{"id": "2", "type": 0, "allow": "1024", "deny": "2251799813685248"}],
        "available_tags": [{"id": "1", "name": "t", "moderated": true, "emoji_id": null, "emoji_name": "x"}],
        "default_reaction_emoji": {"emoji_id": "1", "emoji_name": null}, "default_sort_order": 1, "default_forum_layout": 2,
    })
}

fn a_thread() -> Value {
    json!({
        "id": "1", "type": 12, "guild_id": "2", "name": "n", "owner_id": "3", "message_count": 1, "member_count": 2,
        "total_message_sent": 3, "applied_tags": ["1"], "rate_limit_per_user": 5,
        "thread_metadata": {"archived": true, "archive_timestamp": "2020-01-01T00:00:00.123000+00:00",
            "auto_archive_duration": 60, "locked": false, "invitable": true, "create_timestamp": "2020-01-01T00:00:00+00:00"},
        "member": {"id": "1", "user_id": "2", "join_timestamp": "2020-01-01T00:00:00+00:00", "flags": 1},
    })
}

fn a_dm() -> Value {
    json!({"id": "1", "type": 3, "recipients": [a_user()], "name": null, "icon": "x", "owner_id": "1"})
}

fn an_attachment() -> Value {
    json!({
        "id": "1", "filename": "a.ogg", "size": 10, "url": "http://x", "proxy_url": "http://y", "duration_secs": 0.1,
        "waveform": "AA==", "width": 1, "content_type": "audio/ogg", "flags": 4,
    })
}

fn an_embed() -> Value {
    json!({
        "type": "rich", "title": "t", "timestamp": "2020-01-01T00:00:00+00:00", "color": 1, "footer": {"text": "f"},
        "image": {"url": "u", "width": 1}, "author": {"name": "n"}, "provider": {"name": "p"},
        "fields": [{"name": "n", "value": "v", "inline": true}],
    })
}

fn a_message() -> Value {
    let bare = json!({
        "id": "1", "channel_id": "2", "author": a_user(), "content": "", "timestamp": "2020-01-01T00:00:00+00:00",
        "edited_timestamp": null, "tts": false, "mention_everyone": false, "mentions": [], "mention_roles": [],
        "attachments": [], "embeds": [], "pinned": false, "type": 999, "referenced_message": null,
    });
    let mut mentioned = a_user();
    mentioned["member"] = json!({"joined_at": "2020-01-01T00:00:00+00:00", "roles": ["1"], "nick": "x"});
    let mut full = bare.clone();
    for (key, value) in [
        ("guild_id", json!("3")),
        ("member", json!({"joined_at": "2020-01-01T00:00:00+00:00", "roles": []})),
        ("edited_timestamp", json!("2020-01-01T00:00:00.999999+00:00")),
        ("mentions", json!([mentioned])),
        ("attachments", json!([an_attachment()])),
        ("embeds", json!([an_embed()])),
        (
            "reactions",
            json!([{"emoji": {"id": null, "name": "👍"}, "count": 1, "count_details": {"burst": 0, "normal": 1}}]),
        ),
        ("nonce", json!(-5)),
        ("flags", json!(1u64 << 40)),
        ("message_reference", json!({"type": 1, "channel_id": "2", "message_id": "1"})),
        ("referenced_message", bare),
        ("thread", a_thread()),
        ("components", json!([{"type": 1, "id": 1, "components": []}])),
        ("sticker_items", json!([{"id": "1", "name": "s", "format_type": 1}])),
        ("poll", json!({"question": {"text": "q"}})),
    ] {
        full[key] = value;
    }
    full
}

fn a_create() -> Value {
    json!({
        "body": {
            "content": "hi", "tts": true, "embeds": [an_embed()], "components": [{"type": 1, "id": 1, "components": []}],
            "sticker_ids": ["1"], "attachments": [{"id": 0, "is_spoiler": false, "duration_secs": 1.5}],
            "message_reference": {"forward": true, "message": "1", "channel": "2", "guild": null, "fail_if_not_exists": true},
            "allowed_mentions": null, "nonce": "text", "enforce_nonce": true, "flags": 4, "poll": null,
        },
        "attachments": [an_attachment()], "forwarded": a_message(),
        "speaker": {"author": a_user(), "webhook": "1", "application": null, "kind": 20,
            "interaction": [{"id": "1"}, null], "may_mention_all": true},
    })
}

fn an_edit() -> Value {
    json!({"body": {"content": null, "flags": 4}, "attachments": [], "webhook": "5"})
}

pub fn settings() -> Vec<guild::settings::Op> {
    let mut all = read(json!([
        {"Create": {"owner": a_user(), "name": "g", "icon": null, "channels": [{"name": "c", "kind": 0, "nsfw": false}]}},
        {"CreateFrom": {"owner": a_user(), "name": "g", "icon": null, "template": {
            "name": "s", "description": null, "verification_level": 0, "default_message_notifications": 0,
            "explicit_content_filter": 0, "preferred_locale": "en-US", "afk_channel_id": null, "afk_timeout": 300,
            "system_channel_id": "1", "system_channel_flags": 0, "channels": [],
            "roles": [{"id": 0, "name": "@everyone", "permissions": "8", "color": 0, "colors": {"primary_color": 0},
                "hoist": false, "mentionable": false}],
        }}},
        {"Get": {"with_counts": true}},
        {"Update": {}},
        {"Update": {"name": "n", "icon": null, "description": "d", "owner_id": ID, "afk_timeout": 60,
            "system_channel_flags": 63, "verification_level": 4, "features": ["COMMUNITY"]}},
        "Delete", "Preview", "WidgetSettings", "Widget", "WelcomeScreen", "VanityUrl", "Integrations", {"IncidentActions": {"invites_disabled_until": "2020-01-01T00:00:00+00:00", "dms_disabled_until": null}},
        {"AuditLog": {"user": "1", "action": 10, "before": null, "after": u64::MAX, "limit": 100}},
        {"UpdateWelcomeScreen": {"enabled": true, "description": null, "channels": [{"channel_id": "1"}]}},
        {"DeleteIntegration": {"integration": 5}},
    ]));
    for channel in
        [consort_model::Patch::Absent, consort_model::Patch::Null, consort_model::Patch::Value(1.into())]
    {
        all.push(guild::settings::Op::UpdateWidget { enabled: Some(false), channel });
    }
    all
}

pub fn channel() -> Vec<guild::channel::Op> {
    let overwrite = json!({"id": ID, "type": 1, "allow": "0", "deny": "1024"});
    read(json!([
        "List",
        {"Get": {"channel": "1"}},
        {"Create": {"name": "c", "kind": 15, "nsfw": true, "position": -1, "permission_overwrites": [overwrite],
            "default_reaction_emoji": {"emoji_name": "x"}, "available_tags": [{"name": "t"}]}},
        {"Update": {"channel": "1", "update": {}}},
        {"Update": {"channel": "1", "update": {"name": "n", "topic": null, "nsfw": true, "parent_id": null,
            "permission_overwrites": [overwrite], "default_reaction_emoji": {"emoji_id": "1"}, "position": 3}}},
        {"Delete": {"channel": "1"}},
        {"Move": [{"id": "1", "position": 2, "lock_permissions": true}, {"id": "2", "position": null,
            "lock_permissions": false, "parent_id": null}]},
        {"SetOverwrite": {"channel": "1", "overwrite": overwrite}},
        {"DeleteOverwrite": {"channel": "1", "id": "2"}},
        {"AddTag": {"channel": "1", "tag": {"name": "t"}}}, {"RemoveTag": {"channel": "1", "id": "2"}},
        {"ReplaceTag": {"channel": "1", "id": "2", "tag": {"name": "t", "moderated": true}}},
        {"SetVoiceStatus": {"channel": "1", "status": "s"}},
    ]))
}

pub fn role() -> Vec<guild::role::Op> {
    let fields = json!({"name": "n", "permissions": "2251799813685248", "color": 1, "colors": [1, 2, null], "hoist": true,
        "icon": null, "unicode_emoji": "x", "mentionable": false});
    read(json!([
        "List", "MemberCounts", {"Get": {"role": "1"}}, {"Create": fields}, {"Create": {}},
        {"Update": {"role": "1", "fields": fields}}, {"Delete": {"role": "1"}}, {"Move": [["1", 2], ["2", null]]},
    ]))
}

pub fn member() -> Vec<guild::member::Op> {
    read(json!([
        {"List": {"limit": 1000, "after": "0"}}, {"Search": {"query": "ä", "limit": 1}}, {"Get": {"user": ID}},
        {"Update": {"user": "1", "update": {}}},
        {"Update": {"user": "1", "update": {"nick": null, "roles": ["1"], "mute": true, "channel_id": null,
            "communication_disabled_until": "2030-01-01T00:00:00+00:00", "flags": 1}}},
        {"UpdateSelf": {"nick": "n", "avatar": null}},
        {"AddRole": {"user": "1", "role": "2"}}, {"RemoveRole": {"user": "1", "role": "2"}}, {"Kick": {"user": "1"}},
        "Leave", {"JoinByInvite": {"code": "abc", "user": a_user()}},
        {"AddBot": {"bot": a_user(), "application": "1", "name": "b", "permissions": "8"}},
        {"Add": {"user": a_user(), "nick": "n", "roles": ["1"], "mute": true, "deaf": false}},
        {"Prune": {"days": 7, "include_roles": ["1"], "compute": true, "dry": false}},
        "Own", {"Summary": {"with_counts": true}},
    ]))
}

pub fn ban() -> Vec<guild::ban::Op> {
    read(json!([
        {"List": {"limit": 1000, "before": null, "after": "1"}}, {"Get": {"user": "1"}}, {"Delete": {"user": "1"}},
        {"Create": {"user": a_user(), "delete_message_seconds": 604800}},
        {"Bulk": {"users": [a_user()], "unknown": ["1"], "delete_message_seconds": 0}},
        {"Purge": {"users": ["1"], "after": "2"}},
    ]))
}

pub fn invite() -> Vec<guild::invite::Op> {
    read(json!([
        "List", {"ListChannel": {"channel": "1"}}, {"Delete": {"code": "c"}},
        {"Create": {"channel": "1", "create": {"max_age": 0, "max_uses": 1, "temporary": true, "unique": false,
            "target_type": 1, "target_user_id": "2"}}},
        {"Resolve": {"code": "c", "with_counts": true, "event": "5"}},
    ]))
}

pub fn emoji() -> Vec<guild::emoji::Op> {
    read(json!([
        "List", "ListStickers", {"Get": {"emoji": "1"}}, {"Usable": {"emoji": "1"}}, {"Delete": {"emoji": "1"}},
        {"GetSticker": {"sticker": "1"}},
        {"Create": {"id": "1", "name": "e", "animated": true, "roles": ["1"]}},
        {"Update": {"emoji": "1", "name": null, "roles": ["1"]}}, {"Update": {"emoji": "1", "name": "n"}},
        {"CreateSticker": {"id": "1", "name": "s", "description": null, "tags": "t", "format": 3}},
        {"UpdateSticker": {"sticker": "1", "name": "n", "description": null, "tags": null}},
        {"DeleteSticker": {"sticker": "1"}},
    ]))
}

pub fn automod() -> Vec<guild::automod::Op> {
    let form = json!({
        "name": "n", "event_type": 1, "trigger_type": 1, "enabled": true, "exempt_roles": ["1"], "exempt_channels": [],
        "trigger_metadata": {"keyword_filter": ["a*"], "regex_patterns": ["b+"], "allow_list": []},
        "actions": [{"type": 2, "metadata": {"channel_id": "3"}}, {"type": 1, "metadata": {}}],
    });
    read(json!([
        "List", {"Get": {"rule": "1"}}, {"Create": form}, {"Update": {"rule": "1", "form": form}}, {"Delete": {"rule": "1"}},
    ]))
}

pub fn onboarding() -> Vec<guild::onboarding::Op> {
    let option = json!({"id": "1", "channel_ids": ["2"], "role_ids": [], "title": "o", "description": "",
        "emoji": {"id": null, "name": "🔥", "animated": false}});
    let prompt = json!({"id": "1", "type": 0, "options": [option], "title": "p", "single_select": true, "required": false,
        "in_onboarding": true});
    let form = json!({"prompts": [prompt], "default_channel_ids": ["1"], "enabled": true, "mode": 1});
    read(json!(["Get", {"Set": form}, {"Answer": {"chosen": ["1"]}}]))
}

pub fn template() -> Vec<guild::template::Op> {
    let code = json!({"code": "c"});
    read(json!([
        {"Resolve": code}, "List", {"Create": {"name": "n", "description": null}}, {"Sync": code},
        {"Update": {"code": "c", "name": null, "description": "d"}}, {"Delete": code}, {"Used": code},
    ]))
}

pub fn scheduled_event() -> Vec<guild::event::Op> {
    let time = "2026-01-30T18:30:00.000000+00:00";
    let form = json!({
        "name": "n", "description": null, "start": time, "end": time, "entity_type": 3, "location": "here", "status": 2,
        "recurrence": {"start": time, "frequency": 1, "interval": 1, "by_n_weekday": [{"n": 1, "day": 0}]},
    });
    read(json!([
        {"List": {"with_user_count": true}}, {"Get": {"event": "1", "with_user_count": false}},
        {"Create": {"id": "1", "form": form}}, {"Update": {"event": "1", "form": form}}, {"Delete": {"event": "1"}},
        {"Subscribe": {"event": "1"}}, {"Unsubscribe": {"event": "1"}}, {"Count": {"event": "1"}},
        {"Users": {"event": "1", "with_member": true, "before": null, "after": "2", "limit": 3}},
    ]))
}

pub fn sound() -> Vec<guild::sound::Op> {
    let form = json!({"name": "n", "volume": 0.5, "emoji_id": null, "emoji_name": "👍"});
    let external = json!({
        "name": "n", "sound_id": "1", "volume": 1.0, "emoji_id": "2", "emoji_name": null, "guild_id": "3", "available": true,
    });
    read(json!([
        "List", {"Get": {"sound": "1"}}, {"Create": {"id": "1", "form": form}}, {"Update": {"sound": "1", "form": form}},
        {"Update": {"sound": "1", "form": {}}}, {"Delete": {"sound": "1"}},
        {"Send": {"channel": "1", "sound": "2", "external": null}}, {"Send": {"channel": "1", "sound": "2", "external": external}},
    ]))
}

pub fn stage() -> Vec<guild::stage::Op> {
    read(json!([
        {"Get": {"channel": "1"}}, {"Close": {"channel": "1"}}, {"Update": {"channel": "1", "topic": "t"}},
        {"Open": {"channel": "1", "topic": "t", "notify": true, "event": "2"}},
    ]))
}

pub fn webhook() -> Vec<guild::webhook::Op> {
    let on = |act: Value| json!({"OnMessage": {"webhook": "1", "token": "t", "thread": "2", "message": "3", "act": act}});
    read(json!([
        "List", {"ListChannel": {"channel": "1"}}, {"Create": {"id": "1", "channel": "1", "name": "w", "avatar": null}},
        {"Get": {"webhook": "1", "token": "t"}}, {"Delete": {"webhook": "1", "token": null}},
        {"Update": {"webhook": "1", "token": null, "name": "n", "avatar": null, "channel": "2"}},
        {"Execute": {"webhook": "1", "token": "t", "thread": null, "post": {"name": "p", "applied_tags": ["1"]},
            "username": "u", "create": a_create()}},
        on(json!("Get")), on(json!("Delete")), on(json!({"Edit": an_edit()})),
        {"Followable": {"channel": "1"}}, {"Followed": {"channel": "1", "webhook": "2", "guild": "3"}},
        {"Follow": {"id": "1", "target": "2", "source": {
            "guild": "3", "guild_name": "g", "guild_icon": null, "channel": "4", "channel_name": "c"}}},
        {"Unfollowed": {"channel": "1", "webhook": "2"}}, {"Spread": {"channel": "1", "message": "2", "after": "3"}}, {"Deliver": {"webhook": "1", "message": a_message()}},
    ]))
}

pub fn thread() -> Vec<guild::thread::Op> {
    let start = json!({"name": "t", "auto_archive_duration": 60, "kind": 12, "invitable": false, "applied_tags": ["1"]});
    read(json!([
        {"Start": {"thread": start, "post": a_create()}}, {"Start": {"thread": start, "post": null}},
        {"StartFromMessage": {"message": "1", "thread": start}},
        {"Update": {"name": "n", "archived": true, "rate_limit_per_user": null, "applied_tags": ["1"]}}, {"Update": {}},
        "Get", "Delete", "Join", "Leave", "Active", {"AddMember": {"user": "1"}}, {"RemoveMember": {"user": "1"}},
        {"Member": {"user": "1", "with_member": true}}, {"Members": {"with_member": true, "after": null, "limit": 100}},
        {"SetNotifications": {"flags": 1, "muted": false}}, {"ParentDeleted": {"parent": "1"}},
        {"Archived": {"kind": {"Public": {"before": "2020-01-01T00:00:00+00:00"}}, "limit": 50}},
        {"Archived": {"kind": {"Private": {"before": null}}, "limit": 50}},
        {"Archived": {"kind": {"Mine": {"before": "1"}}, "limit": 50}},
        {"Search": {"name": "n", "tags": ["1"], "all_tags": true, "archived": false, "min_id": "1", "max_id": null,
            "order": "Archive", "ascending": true, "limit": 25, "offset": 50}},
    ]))
}

pub fn voice() -> Vec<guild::voice::Op> {
    let flags = json!({"self_mute": true, "self_deaf": false, "self_video": true, "self_stream": false});
    read(json!([
        {"Update": {"session": a_session(), "session_id": "s", "channel": "1", "flags": flags}},
        {"Gone": {"session": a_session()}}, {"Get": {"user": null}},
        {"Modify": {"user": "1", "channel": null, "suppress": true, "request_to_speak": null}},
        {"Modify": {"user": null, "channel": "1", "suppress": null,
            "request_to_speak": "2020-01-01T00:00:00+00:00"}},
    ]))
}

pub fn gateway() -> Vec<guild::gateway::Op> {
    let subscribe = json!({"channels": {"1": [[0, 99], [100, 199]]}, "typing": true, "members": []});
    read(json!([
        {"Attach": {"session": a_session(), "question": u32::MAX, "large_threshold": 250, "presences": true, "heard": {"line": {"ownership": 3, "life": 1}, "n": 9}}}, {"Detached": {"node": 7}}, {"Replay": {"node": 7, "line": {"ownership": u64::MAX, "life": 1}, "after": u64::MAX}},
        {"Presence": {"presence": a_presence()}},
        {"Chunk": {"query": "", "limit": 0, "user_ids": ["1"], "presences": true, "nonce": "n", "may_list_all": true}},
        {"UserChanged": {"user": a_user()}}, {"Subscribe": {"session": a_session(), "request": subscribe}},
        {"Unsubscribe": {"session": a_session()}}, {"Sounds": {"session": a_session()}}, {"BasePermissions": {"user": "1"}},
    ]))
}

pub fn may() -> Vec<guild::may::May> {
    read(json!([
        "ChangeGuild", "AddExpression", "CreateRole", {"ChangeRole": {"role": "1"}}, {"CreateWebhook": {"channel": "1"}},
        {"ChangeWebhook": {"webhook": "1", "token": "t"}}, {"ChangeWebhook": {"webhook": "1", "token": null}},
        "CreateEvent", {"ChangeEvent": {"event": "1"}}, "ChangeOneself",
        {"SetCommandPermissions": {"of": [{"id": "1", "type": 3, "permission": false}]}},
    ]))
}

pub fn guild() -> Vec<guild::Op> {
    use guild::Op;
    let channel = consort_model::ChannelId::new(5);
    let mut all: Vec<Op> = settings().into_iter().map(Op::Settings).collect();
    all.extend(self::channel().into_iter().map(Op::Channel));
    all.extend(role().into_iter().map(Op::Role));
    all.extend(member().into_iter().map(Op::Member));
    all.extend(ban().into_iter().map(Op::Ban));
    all.extend(invite().into_iter().map(Op::Invite));
    all.extend(emoji().into_iter().map(Op::Emoji));
    all.extend(webhook().into_iter().map(Op::Webhook));
    all.extend(automod().into_iter().map(Op::AutoMod));
    all.extend(onboarding().into_iter().map(Op::Onboarding));
    all.extend(template().into_iter().map(Op::Template));
    all.extend(scheduled_event().into_iter().map(Op::Event));
    all.extend(thread().into_iter().map(|op| Op::Thread { channel, op }));
    all.extend(message().into_iter().map(|op| Op::Message { channel, op }));
    all.push(Op::Searchable { nsfw: true });
    all.push(Op::Rights { channel });
    all.extend(voice().into_iter().map(Op::Voice));
    all.extend(stage().into_iter().map(Op::Stage));
    all.extend(sound().into_iter().map(Op::Sound));
    all.extend(gateway().into_iter().map(Op::Gateway));
    all.extend(may().into_iter().map(Op::May));
    all
}

pub fn message() -> Vec<message::Op> {
    let unicode = json!({"Unicode": "👍🏽"});
    let custom = json!({"Custom": {"id": ID, "name": null, "animated": true}});
    read(json!([
        {"Create": a_create()}, {"Fulfil": {"message": "1", "create": a_create()}}, {"Edit": {"message": "1", "edit": an_edit()}},
        {"Unfurled": {"message": "1", "embeds": [an_embed()]}}, {"Delete": {"message": "1"}},
        {"BulkDelete": {"messages": ["1", "2"]}}, {"Get": {"message": "1"}},
        {"List": {"page": "Newest", "limit": 100}}, {"List": {"page": {"Before": "1"}, "limit": 1}},
        {"List": {"page": {"After": "1"}, "limit": 1}}, {"List": {"page": {"Around": ID}, "limit": 1}},
        {"React": {"message": "1", "emoji": unicode}}, {"Unreact": {"message": "1", "emoji": custom, "user": "2"}},
        {"ClearReactions": {"message": "1", "emoji": null}},
        {"Reactors": {"message": "1", "emoji": custom, "after": null, "limit": 100}},
        {"Pin": {"message": "1"}}, {"Unpin": {"message": "1"}},
        {"Pins": {"before": "2020-01-01T00:00:00.5+00:00", "limit": 50, "bare": true}},
        "Typing", "MayPost", "MayAttach", {"Crosspost": {"message": "1"}}, {"Vote": {"message": "1", "answers": [1, 10]}},
        {"Voters": {"message": "1", "answer": 1, "after": "1", "limit": 100}}, {"ExpirePoll": {"message": "1"}},
        {"Purge": {"author": "1", "after": "0"}},
    ]))
}

pub fn private() -> Vec<private::Op> {
    let mut all: Vec<private::Op> = read(json!([
        "Get", "Close", "Open", {"Update": {"name": null, "icon": "x", "owner": "1"}}, {"AddRecipient": {"user": "1"}},
        {"RemoveRecipient": {"user": "1"}}, {"CloseFor": {"user": "1"}},
        {"Found": {"group": true, "recipients": ["1", "2"]}}, {"Blocked": {"by": "1", "blocked": true}},
        {"UserChanged": {"user": a_user()}},
    ]));
    all.extend(message().into_iter().map(|op| private::Op::Message { channel: 5.into(), op }));
    all.extend(call().into_iter().map(private::Op::Call));
    all
}

pub fn call() -> Vec<private::call::Op> {
    let flags = json!({"self_mute": true, "self_deaf": false, "self_video": true, "self_stream": false});
    read(json!([
        {"Join": {"session": a_session(), "session_id": "s", "flags": flags}}, {"Leave": {"session": a_session()}},
        {"Show": {"session": a_session()}}, "Ringable", "Confirm", {"Ring": {"users": null}}, {"Ring": {"users": ["1", "2"]}},
        {"StopRinging": {"users": ["1"]}},
        {"Ended": {"message": "1", "participants": ["1"], "at": "2026-01-30T18:30:00.000000+00:00"}},
    ]))
}

pub fn account() -> Vec<user::account::Op> {
    read(json!([
        "Get", "Guilds", "Disable", {"Profile": {"user": "1", "mutual_guilds": true, "mutual_friends": false}},
        {"Update": {}}, {"Update": {"username": "n", "global_name": null, "accent_color": 1, "reserved_until_ms": 7}},
        {"LoggedOut": {"auth_sessions": [u64::MAX]}}, "Row", {"Found": {"row": a_row(), "until_ms": u64::MAX}},
    ]))
}

fn a_row() -> Value {
    json!({
        "id": ID, "username": "ann", "discriminator": "0", "mfa_enabled": false, "locale": "de", "premium_type": 0,
        "email": "a@b.test", "verified": true, "bio": "b", "phone": null, "nsfw_allowed": true, "pronouns": "x",
        "admin": true, "application": "5", "disabled": true,
    })
}

fn a_token() -> Value {
    json!({
        "user": ID, "session": "2", "hash": "ab", "created_ms": 1, "expires_ms": u64::MAX,
        "kind": {"code": {"application": "5", "scopes": ["bot"], "redirect_uri": "https://a", "challenge": null}},
        "client": {"os": "x", "platform": null},
    })
}

pub fn secrets() -> Vec<account::Op> {
    let login = json!({"user": "1", "session": "2", "hash": "ab", "created_ms": 1, "kind": "user"});
    read(json!([
        {"Open": {"password": "hash", "token": login}}, "Password", {"SetPassword": {"password": "hash", "keep": "2"}},
        {"Add": {"tokens": [a_token(), login], "using": "7", "alone": true}}, {"Find": {"hash": "ab"}}, "List",
        {"End": {"sessions": ["1", ID]}}, "Close", "Applications", {"AddApplication": {"application": "5"}},
        {"RemoveApplication": {"application": "5"}},
    ]))
}

pub fn names() -> Vec<name::Op> {
    read(json!([
        {"Find": {"kind": "Email", "name": "a@b.test"}}, {"Reserve": {"kind": "Username", "name": "n", "user": ID}},
        {"Release": {"kind": "Administrator", "name": "administrator", "user": "1"}},
    ]))
}

pub fn identity() -> Vec<identity::Op> {
    read(json!([{"Revoked": {"hashes": ["ab"]}}, {"Changed": {"application": ID}}]))
}

fn an_emoji() -> Value {
    json!({"id": "1", "name": "wave", "roles": [], "require_colons": true, "managed": false, "animated": true, "available": true})
}

pub fn application_connections() -> Vec<application::ConnectionOp> {
    let record =
        json!({"type": 1, "key": "k", "name": "n", "description": "d", "name_localizations": {"de": "n"}});
    let said = json!({"platform_name": "p", "platform_username": null, "metadata": {"k": "1"}});
    read(json!([
        "Records", {"SetRecords": {"records": [record]}}, {"Of": {"user": "1"}},
        {"Say": {"user": "1", "connection": said}}, {"Forget": {"user": "1"}},
    ]))
}

pub fn application_emojis() -> Vec<application::EmojiOp> {
    read(json!([
        "List", {"Get": {"emoji": "1"}}, {"Add": {"emoji": an_emoji()}}, {"Rename": {"emoji": "1", "name": "n"}},
        {"Remove": {"emoji": "1"}},
    ]))
}

pub fn application_commands() -> Vec<application::CommandOp> {
    let draft = Draft::read(&json!({
        "name": "c", "description": "d", "name_localizations": {"de": "c"}, "contexts": [0], "nsfw": true,
        "default_member_permissions": "8", "options": [
            {"type": 10, "name": "n", "description": "d", "min_value": -0.5, "max_value": 9007199254740991_u64,
             "choices": [{"name": "half", "value": 0.5}], "required": true},
            {"type": 3, "name": "t", "description": "d", "min_length": 1, "autocomplete": true},
        ],
    }));
    let draft = serde_json::to_value(draft.unwrap()).unwrap();
    let permissions = json!({"id": "1", "application_id": "2", "guild_id": "3",
        "permissions": [{"id": ID, "type": 3, "permission": false}]});
    read(json!([
        {"List": {"guild": null}}, {"Get": {"guild": "1", "command": ID}}, {"Put": {"guild": null, "draft": draft}},
        {"Replace": {"guild": "1", "drafts": [draft, draft]}}, {"Delete": {"guild": null, "command": "1"}},
        {"Edit": {"guild": null, "command": "1", "body": {"name": "x", "options": null}}},
        {"Permissions": {"guild": "1"}}, {"PermissionsOf": {"guild": "1", "command": "2"}}, {"SetPermissions": permissions},
    ]))
}

pub fn interactions() -> Vec<application::InteractionOp> {
    let form = json!({"custom_id": "m", "title": "t", "components": [
        {"type": 18, "id": 1, "label": "l", "component": {"type": 4, "id": 2, "custom_id": "a", "style": 1}}]});
    let interaction = json!({
        "id": ID, "kind": 2, "application": "1", "user": "2", "guild": "3", "channel": "4", "token_hash": "ab", "nonce": 7,
        "metadata": {"user": {"id": "2"}, "original": null}, "old": {"id": "1"}, "message_kind": 20, "may_mention_all": true,
        "source": "5", "form": form, "state": "Deferred", "ephemeral": true, "original": "6",
    });
    let settled =
        json!({"state": "Answered", "ephemeral": false, "original": "1", "form": form, "told": true});
    read(json!([
        {"Begin": {"interaction": interaction, "payload": {"data": {"options": [{"value": 0.5}]}}, "over_http": true}},
        {"Get": {"interaction": ID, "hash": null}}, {"Claim": {"interaction": "1", "hash": "ab"}},
        {"ClaimDeferred": {"interaction": "1", "hash": "ab"}}, {"Unclaim": {"interaction": "1", "state": "Pending"}},
        {"Settle": {"interaction": "1", "settled": settled, "choices": [{"name": "a", "value": 1}]}},
        {"Show": {"interaction": "1", "message": "2", "body": {"content": ""}, "shown": {"content": ""}, "is_new": true}},
        {"Shown": {"message": "1", "user": "2"}}, {"Hide": {"interaction": "1", "message": "2"}},
    ]))
}

pub fn application() -> Vec<application::Op> {
    let model =
        Application::new(5.into(), "Helper", consort_model::User::person(1.into(), "ann"), "key".into());
    let mut all: Vec<application::Op> = read(json!([
        "Get", {"Found": {"application": serde_json::to_value(model).unwrap()}}, "Delete", {"SetBot": {"bot": a_user()}},
        {"Change": {"body": {"name": "n", "tags": null}}}, {"Change": {"body": {}, "icon": null}},
        {"Change": {"body": {}, "icon": "hash"}}, {"SetSecret": {"hash": "ab"}}, {"SigningKey": {"seed": "ab", "verify_key": "cd"}}, {"CheckSecret": {"hash": "ab"}},
    ]));
    all.extend(application_connections().into_iter().map(application::Op::Connection));
    all.extend(application_emojis().into_iter().map(application::Op::Emoji));
    all.extend(application_commands().into_iter().map(application::Op::Command));
    all.extend(interactions().into_iter().map(application::Op::Interaction));
    all
}

pub fn session() -> Vec<user::gateway::Op> {
    read(json!([
        {"Open": {"session": a_session(), "session_id": "s", "auth_session": 1, "presence": a_presence(),
            "capabilities": 30717, "client": ["Linux", "Firefox", ""], "shard": [0, 2], "bot": false, "again": true, "heard": u64::MAX}},
        {"SetPresence": {"session": a_session(), "presence": a_presence()}}, {"Closed": {"session": a_session()}},
        {"Find": {"session_id": "s"}},
    ]))
}

pub fn moves() -> Vec<session::Op> {
    let ticket = json!({"node": 2, "generation": u64::MAX, "n": 7});
    read(json!([
        {"Take": {"id": "s", "token": vec![9; 32], "ticket": ticket}}, {"Commit": {"ticket": ticket, "copy": u64::MAX}},
        {"Arrived": {"ticket": ticket}}, {"Adopt": {"id": "s", "copy": [1, 2], "ticket": ticket}},
    ]))
}

pub fn taken() -> Vec<session::Taken> {
    read(json!([{"Copy": [[1, 2], 3]}, "Busy", {"Moved": 2}, "Unknown", "Done", "Void"]))
}

pub fn relationship() -> Vec<user::relationship::Op> {
    let peer = |news: &str| json!({"Peer": {"from": a_user(), "news": news, "wish": u64::MAX}});
    read(json!([
        "List", "ClearRequests", "Notes", {"Request": {"user": "1"}}, {"Block": {"user": "1"}}, {"Remove": {"user": "1"}},
        {"Ignore": {"user": "1", "ignored": true}},
        {"Nickname": {"user": "1", "nickname": null}}, {"Nickname": {"user": "1", "nickname": "n"}},
        {"Note": {"user": "1"}}, {"PutNote": {"user": "1", "note": "n"}},
        peer("Requested"), peer("Removed"), peer("Changed"),
        {"Presence": {"presence": a_presence(), "watching": true, "wants_reply": false}},
    ]))
}

pub fn read_state() -> Vec<user::read_state::Op> {
    let ack = json!({"channel": "1", "message": "2", "manual": true, "mention_count": 3, "flags": 1, "last_viewed": 4000});
    read(
        json!([{"Ack": ack}, {"AckBulk": {"acks": [ack]}}, {"AckPins": {"channel": "1"}}, {"Forget": {"channel": "1"}}]),
    )
}

pub fn user_settings() -> Vec<user::settings::Op> {
    read(json!([
        "Legacy", {"Proto": {"kind": "Preloaded"}},
        {"PatchProto": {"kind": "FrequentlyUsed", "patch": [0, 255, 128], "required_version": 1}},
        {"PatchLegacy": {"patch": {"theme": "dark", "timezone_offset": -60, "nested": {"a": [null, 1.5, true]}}}},
        {"PatchGuilds": {"patches": [[null, {"muted": true}], ["1", {}]]}},
    ]))
}

pub fn user() -> Vec<user::Op> {
    use user::Op;
    let mut all: Vec<Op> = read(json!([
        {"GuildJoined": {"guild": "1"}}, {"GuildLeft": {"guild": "1"}}, {"LookAtReads": {"channels": ["1", "2"]}}, {"PresenceWanted": {"guild": "1"}}, {"ChannelOpened": {"channel": a_dm(), "listed": true}},
        {"ChannelClosed": {"channel": "1"}}, {"ChannelLeft": {"channel": "1"}}, {"InCall": {"channel": "1", "session": a_session()}},
        {"Mentioned": {"guild": null, "channel": "1", "message": "2", "author": "3", "by": "Role"}}, {"Posted": {"channel": "1", "message": "2"}},
        {"Dm": {"other": "2", "channel": "3"}}, "Sessions", "Channels",
        {"Seat": {"Take": {"seat": {"Guild": "1"}}}}, {"Seat": {"GiveBack": {"seat": {"Group": "2"}}}},
    ]));
    all.push(Op::Deliver(Arc::new(event())));
    all.extend(account().into_iter().map(Op::Account));
    all.extend(session().into_iter().map(Op::Gateway));
    all.extend(relationship().into_iter().map(Op::Relationship));
    all.extend(read_state().into_iter().map(Op::ReadState));
    all.extend(user_settings().into_iter().map(Op::Settings));
    all
}

pub fn event() -> Event {
    Event {
        guild: Some(5.into()),
        redacted: Some(Bytes::from_static(b"{}")),
        unredacted_for: Arc::new([1.into()]),
        volatile: true,
        ..Event::new("MESSAGE_CREATE", Intents::all(), Audience::all(), &one::<Message>(a_message()))
    }
}

/// What passive sessions are told, of every kind.
pub fn changes() -> Vec<Change> {
    let body = Bytes::from_static(b"{}");
    vec![
        Change::Message { channel: 1.into(), id: 2.into() },
        Change::Pins { channel: 1.into(), last_message_id: None, at: None },
        Change::Pins {
            channel: 1.into(),
            last_message_id: Some(2.into()),
            at: Some(consort_model::Timestamp::from_ms(5)),
        },
        Change::Voice { user: 1.into(), state: Some(body.clone()), member: None },
        Change::Voice { user: 1.into(), state: None, member: Some(body.clone()) },
        Change::Member {
            user: 1.into(),
            member: body,
            seen_by: View::Classes(Arc::new([3].into_iter().collect())),
        },
    ]
}

pub fn relay() -> Vec<relay::Op> {
    use relay::Op;
    let mut all: Vec<Op> = read(json!([
        {"Attached": {"session": a_session(), "guild": "1", "question": 1, "class": u32::MAX, "guild_create": [123, 125], "late": []}},
        {"Refused": {"session": a_session(), "guild": "1", "question": 0, "unavailable": true}},
        {"Class": {"guild": "1", "user": "2", "class": 3}}, {"Detach": {"guild": "1", "user": "2"}},
        {"Drop": {"guild": "1"}}, {"Join": {"sessions": [a_session()], "guild": "1"}}, {"GuildRestarted": {"guild": "1", "line": {"ownership": u64::MAX, "life": 1}}}, {"GuildLoaded": {"guild": "1"}},
        {"UserRestarted": {"user": "1", "since_ms": 5}}, {"Close": {"sessions": [a_session()], "code": 4004}},
        {"Behind": {"sessions": [a_session()], "heard": u64::MAX}}, {"Behind": {"sessions": [a_session()], "heard": null}},
        {"Said": {"n": u64::MAX, "op": {"Join": {"sessions": [a_session()], "guild": "1"}}}},
    ]));
    all.push(Op::Numbered(Box::new(relay::Numbered {
        guild: 1.into(),
        epoch: relay::Epoch { ownership: u64::MAX, life: 1 },
        line: relay::Epoch { ownership: 5, life: u64::MAX },
        n: 7,
        follows: false,
        op: Op::Publish(Arc::new(event())),
    })));
    all.push(Op::Publish(Arc::new(event())));
    all.extend(
        changes().into_iter().map(|change| Op::Publish(Arc::new(event().withhold(Withheld::but(change))))),
    );
    all.push(Op::Direct { sessions: vec![one(a_session())], event: Arc::new(event()) });
    all
}

pub fn effects() -> Vec<Effect> {
    let user = user().into_iter().map(|op| Effect::User { user: 1.into(), op });
    let guild = guild().into_iter().map(|op| Effect::Guild { guild: 1.into(), op });
    let private = private().into_iter().map(|op| Effect::Private { channel: 1.into(), op });
    user.chain(guild).chain(private).collect()
}

fn news() -> Vec<consort_rpc::user::News> {
    use consort_rpc::user::{News, Reach};
    let (guild, channel, message) = (1.into(), 2.into(), 3.into());
    vec![
        News::Deliver(std::sync::Arc::new(Event::new(
            "E",
            consort_model::Intents::empty(),
            Audience::all(),
            &json!({}),
        ))),
        News::Mentioned { guild: Some(guild), channel, message, author: 4.into(), by: Reach::Everyone },
        News::Posted { channel, message },
        News::PresenceWanted { guild },
        News::LookAtReads { channels: vec![channel] },
    ]
}

pub fn publications() -> Vec<Publication> {
    let relay =
        relay().into_iter().map(|message| Publication::Relay { node: consort_rpc::NodeId(3), message });
    let user = news().into_iter().map(|news| Publication::User { user: 1.into(), news });
    let everywhere = identity().into_iter().map(Publication::Everywhere);
    relay.chain(user).chain(everywhere).collect()
}

/// Channels of all shapes, as they are carried in events and openings.
pub fn channels() -> Vec<consort_model::Channel> {
    let all: Vec<consort_model::Channel> = read(json!([a_channel(), a_thread(), a_dm()]));
    all
}

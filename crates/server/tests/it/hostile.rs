//! The strictest reader there is, twilight's models, reads every answer and every event that hostile requests bring about. Whatever
//! a body holds, the server refuses it in the documented form or sends what everybody can read.

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message as Frame;
use twilight_gateway::EventTypeFlags;

use crate::world::{File, Socket, World, in_days, next};

#[path = "../../../model/tests/support/hostile.rs"]
mod support;

mod forms;

use support::{Hostile, samples};

/// Requests of one run.
const CASES: usize = 2400;
/// Requests between two looks at what they brought about.
const BATCH: usize = 100;
/// Words over the gateway between two looks.
const WORDS: usize = 8;
/// Forms that are shown and filled in between two looks.
const FORMS: usize = 8;

/// How an answer is read.
type Reader = fn(&str) -> Result<(), serde_json::Error>;

fn reads<T: serde::de::DeserializeOwned>(answer: &str) -> Result<(), serde_json::Error> {
    serde_json::from_str::<T>(answer).map(drop)
}

fn anything(_: &str) -> Result<(), serde_json::Error> {
    Ok(())
}

/// A request that is valid as it stands.
struct Route {
    method: &'static str,
    path: String,
    token: String,
    body: Value,
    /// A file that goes with it.
    file: Option<File>,
    read: Reader,
}

struct Stage {
    world: World,
    owner: String,
    bot: String,
    socket: Socket,
    /// The owner's.
    person: Socket,
    channel: String,
    routes: Vec<Route>,
    /// What a client says over the gateway, valid as it stands.
    words: Vec<(u8, Value)>,
    /// The use of a command that is answered by a form.
    asked_form: Value,
    /// Entries of the audit log that came with a reason.
    reasons: usize,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// The sample of a layout without the file, which would have to come with it.
fn layout() -> Value {
    let mut layout = samples()["v2"].clone();
    let inside = layout.pointer_mut("/components/1/components").and_then(Value::as_array_mut).unwrap();
    inside.retain(|component| component["type"] != 13);
    layout
}

async fn made(world: &World, token: &str, method: &str, path: &str, body: Value) -> Value {
    let (status, answer) = world.call(method, path, token, body).await;
    assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
    answer
}

impl Stage {
    async fn new() -> Self {
        let world = World::unlimited().await;
        let owner = world.person("ada").await;
        let guild = text(&made(&world, &owner, "POST", "/guilds", json!({"name": "Guild"})).await["id"]);
        let application = made(&world, &owner, "POST", "/applications", json!({"name": "Helper"})).await;
        let application = text(&application["id"]);
        let flags = json!({"flags": 1 << 13 | 1 << 15 | 1 << 19});
        made(&world, &owner, "PATCH", &format!("/applications/{application}"), flags).await;
        let bot = made(&world, &owner, "POST", &format!("/applications/{application}/bot"), json!({})).await;
        let bot = text(&bot["token"]);
        let link = format!("/oauth2/authorize?client_id={application}&scope=bot");
        let grant = json!({"authorize": true, "guild_id": guild, "permissions": "8"});
        made(&world, &owner, "POST", &link, grant).await;
        let socket = identify(&world, &bot).await;
        let person = identify(&world, &owner).await;
        let bot = format!("Bot {bot}");
        let channels = format!("/guilds/{guild}/channels");
        let channel = text(&made(&world, &bot, "POST", &channels, json!({"name": "talk"})).await["id"]);
        let (routes, words) = (Vec::new(), Vec::new());
        let asked_form = Value::Null;
        let mut stage =
            Self { world, owner, bot, socket, person, channel, routes, words, asked_form, reasons: 0 };
        stage.add_messages().await;
        stage.add_places(&guild, &application).await;
        stage.add_person(&guild, &application).await;
        stage.add_things(&guild, &application).await;
        stage.add_changes(&guild, &application).await;
        stage.add_files(&guild).await;
        stage.add_company(&guild).await;
        stage
    }

    fn add(&mut self, method: &'static str, path: String, body: Value, read: Reader) {
        self.routes.push(Route { method, path, token: self.bot.clone(), body, file: None, read });
    }

    fn add_as_owner(&mut self, method: &'static str, path: String, body: Value) {
        let token = self.owner.clone();
        self.routes.push(Route { method, path, token, body, file: None, read: anything });
    }

    /// What people send: of themselves, to applications, and over the gateway.
    async fn add_person(&mut self, guild: &str, application: &str) {
        let status = json!({"text": "away", "emoji_id": null, "emoji_name": "👍", "expires_at": "2030-01-01T00:00:00Z"});
        let settings = json!({"status": "idle", "custom_status": status, "theme": "dark", "locale": "de", "afk_timeout": 60,
            "guild_folders": [{"id": 1, "name": "f", "color": 5, "guild_ids": [guild]}], "friend_source_flags": {"all": true}});
        self.add_as_owner("PATCH", "/users/@me/settings".to_owned(), settings);
        let mute = json!({"end_time": "2030-01-01T00:00:00Z", "selected_time_window": 60});
        let settings = json!({"muted": true, "mute_config": mute, "message_notifications": 1, "suppress_roles": true,
            "channel_overrides": {self.channel.clone(): {"muted": true, "mute_config": null, "message_notifications": 3}}});
        self.add_as_owner("PATCH", format!("/users/@me/guilds/{guild}/settings"), settings);
        let profile = json!({"bio": "b", "pronouns": "they", "accent_color": 5});
        self.add_as_owner("PATCH", "/users/@me/profile".to_owned(), profile);
        self.add_as_owner("PUT", format!("/users/@me/notes/{application}"), json!({"note": "n"}));
        let path = format!("/channels/{}/messages", self.channel);
        let read = text(&made(&self.world, &self.bot, "POST", &path, json!({"content": "read"})).await["id"]);
        let ack = json!({"manual": true, "mention_count": 1, "flags": 1, "last_viewed": 3000});
        self.add_as_owner("POST", format!("{path}/{read}/ack"), ack);
        let command = json!({"name": "use", "description": "d", "options": [
            {"type": 3, "name": "s", "description": "d", "required": true}, {"type": 4, "name": "i", "description": "d"},
            {"type": 10, "name": "n", "description": "d"}, {"type": 5, "name": "b", "description": "d"},
            {"type": 6, "name": "u", "description": "d"}, {"type": 7, "name": "c", "description": "d"},
            {"type": 8, "name": "r", "description": "d"}, {"type": 9, "name": "m", "description": "d"}]});
        let commands = format!("/applications/{application}/guilds/{guild}/commands");
        let command = text(&made(&self.world, &self.bot, "POST", &commands, command).await["id"]);
        let options = json!([{"type": 3, "name": "s", "value": "x"}, {"type": 4, "name": "i", "value": 1},
            {"type": 10, "name": "n", "value": 1.5}, {"type": 5, "name": "b", "value": true},
            {"type": 6, "name": "u", "value": application}, {"type": 7, "name": "c", "value": self.channel},
            {"type": 8, "name": "r", "value": guild}, {"type": 9, "name": "m", "value": guild}]);
        let used = json!({"type": 2, "application_id": application, "guild_id": guild, "channel_id": self.channel,
            "session_id": "s", "nonce": "1",
            "data": {"id": command, "name": "use", "type": 1, "version": "1", "options": options}});
        self.add_as_owner("POST", "/interactions".to_owned(), used);
        let row = json!([{"type": 1, "components": [{"type": 3, "custom_id": "p", "max_values": 2, "options": [
            {"label": "a", "value": "a"}, {"label": "b", "value": "b"}]}]}, {"type": 1, "components": [
            {"type": 5, "custom_id": "u"}]}]);
        let pick =
            made(&self.world, &self.bot, "POST", &path, json!({"content": "pick", "components": row})).await;
        for data in [
            json!({"component_type": 3, "custom_id": "p", "values": ["a"]}),
            json!({"component_type": 5, "custom_id": "u", "values": [application]}),
        ] {
            let used = json!({"type": 3, "application_id": application, "guild_id": guild, "channel_id": self.channel,
                "message_id": pick["id"], "message_flags": 0, "session_id": "s", "nonce": "2", "data": data});
            self.add_as_owner("POST", "/interactions".to_owned(), used);
        }
        let activity = json!({"name": "game", "type": 0, "state": "s", "details": "d", "url": "https://a.example",
            "timestamps": {"start": 1, "end": 2}, "party": {"id": "p", "size": [1, 2]},
            "assets": {"large_image": "i", "large_text": "t"}, "secrets": {"join": "j"}, "buttons": ["b"], "flags": 1,
            "emoji": {"name": "👍"}, "created_at": 5, "session_id": "x", "application_id": application});
        let custom = json!({"name": "Custom Status", "type": 4, "state": "away", "emoji": {"name": "👍"}});
        let presence =
            json!({"status": "online", "since": 0, "afk": false, "activities": [activity, custom]});
        let voice = json!({"name": "room", "type": 2});
        let voice = made(&self.world, &self.bot, "POST", &format!("/guilds/{guild}/channels"), voice).await;
        let joined = json!({"guild_id": guild, "channel_id": voice["id"], "self_mute": true, "self_deaf": false,
            "self_video": false, "flags": 2, "preferred_region": "local"});
        let looked_at = json!({"guild_id": guild, "typing": true, "activities": true, "threads": true,
            "members": [application], "channels": {self.channel.clone(): [[0, 99]]}});
        let asked = json!({"guild_id": [guild], "query": "", "limit": 5, "presences": true, "nonce": "n"});
        self.words.extend([(3, presence), (4, joined), (14, looked_at), (8, asked)]);
    }

    /// Says something hostile over the owner's gateway; a connection that is closed for it is opened again.
    async fn say(&mut self, hostile: &mut Hostile) {
        let (op, valid) = self.words[hostile.below(self.words.len())].clone();
        let word = json!({"op": op, "d": hostile.body(&valid)});
        let heartbeat = json!({"op": 1, "d": null});
        for word in [word, heartbeat] {
            // It may be closed already.
            let _closed = self.person.send(Frame::text(word.to_string())).await;
        }
        loop {
            match next(&mut self.person).await {
                Ok(frame) if frame["op"] == 11 => return,
                Ok(_) => {}
                Err(_) => return self.person = identify(&self.world, &self.owner).await,
            }
        }
    }

    async fn add_messages(&mut self) {
        type Message = twilight_model::channel::Message;
        let path = format!("/channels/{}/messages", self.channel);
        let mut bodies = samples();
        let (message, answered) = (&mut bodies["message"], json!({"content": "answered"}));
        let answered = made(&self.world, &self.bot, "POST", &path, answered).await;
        message["message_reference"] = json!({"message_id": answered["id"]});
        for key in ["sticker_ids", "enforce_nonce"] {
            message.as_object_mut().unwrap().shift_remove(key);
        }
        bodies["poll"]["poll"]["answers"][1]["poll_media"]["emoji"] = json!({"name": "🎉"});
        bodies["v2"] = layout();
        for sample in ["message", "v2", "poll"] {
            self.add("POST", path.clone(), bodies[sample].clone(), reads::<Message>);
        }
        let own = made(&self.world, &self.bot, "POST", &path, json!({"content": "edited"})).await;
        self.add(
            "PATCH",
            format!("{path}/{}", text(&own["id"])),
            bodies["message"].clone(),
            reads::<Message>,
        );
        let webhooks = format!("/channels/{}/webhooks", self.channel);
        let webhook = made(&self.world, &self.bot, "POST", &webhooks, json!({"name": "w"})).await;
        let execute = format!("/webhooks/{}/{}?wait=true", text(&webhook["id"]), text(&webhook["token"]));
        let mut spoken = bodies["message"].clone();
        spoken["username"] = json!("somebody");
        spoken["avatar_url"] = json!("https://a.example/a.png");
        self.add("POST", execute, spoken, reads::<Message>);
        self.add("POST", webhooks, json!({"name": "hook"}), reads::<twilight_model::channel::Webhook>);
    }

    async fn add_places(&mut self, guild: &str, application: &str) {
        type Channel = twilight_model::channel::Channel;
        type Role = twilight_model::guild::Role;
        let channels = format!("/guilds/{guild}/channels");
        let forum = json!({"name": "forum", "type": 15, "topic": "t", "nsfw": true, "rate_limit_per_user": 1, "position": 1,
            "permission_overwrites": [{"id": guild, "type": 0, "allow": "1024", "deny": "0"}],
            "available_tags": [{"name": "tag", "moderated": false, "emoji_name": "👍"}, {"name": "other", "id": "5"}],
            "default_reaction_emoji": {"emoji_name": "👍"}, "default_sort_order": 1, "default_forum_layout": 2,
            "default_auto_archive_duration": 60, "default_thread_rate_limit_per_user": 3});
        let voice = json!({"name": "voice", "type": 2, "bitrate": 64000, "user_limit": 5, "rtc_region": "local",
            "video_quality_mode": 2});
        let made_voice = text(&made(&self.world, &self.bot, "POST", &channels, voice.clone()).await["id"]);
        let made_forum = text(&made(&self.world, &self.bot, "POST", &channels, forum.clone()).await["id"]);
        let role = json!({"name": "role", "permissions": "1024", "color": 5, "hoist": true, "mentionable": true,
            "colors": {"primary_color": 5, "secondary_color": null, "tertiary_color": null}});
        let made_role =
            made(&self.world, &self.bot, "POST", &format!("/guilds/{guild}/roles"), role.clone()).await;
        self.add("PATCH", format!("/channels/{made_forum}"), forum.clone(), reads::<Channel>);
        self.add("PATCH", format!("/channels/{made_voice}"), voice.clone(), reads::<Channel>);
        self.add("PUT", format!("/channels/{made_voice}/voice-status"), json!({"status": "busy"}), anything);
        self.add("POST", channels.clone(), forum, reads::<Channel>);
        self.add("POST", channels, voice, reads::<Channel>);
        let mut post = json!({"name": "post", "auto_archive_duration": 60, "applied_tags": []});
        post["message"] = layout();
        self.add("POST", format!("/channels/{made_forum}/threads"), post, reads::<Channel>);
        let thread =
            json!({"name": "thread", "type": 11, "auto_archive_duration": 60, "rate_limit_per_user": 2});
        self.add("POST", format!("/channels/{}/threads", self.channel), thread, reads::<Channel>);
        self.add("POST", format!("/guilds/{guild}/roles"), role.clone(), reads::<Role>);
        self.add("PATCH", format!("/guilds/{guild}/roles/{}", text(&made_role["id"])), role, reads::<Role>);
        let settings = json!({"name": "Guild", "description": "d", "preferred_locale": "de", "afk_timeout": 60,
            "verification_level": 1, "default_message_notifications": 1, "explicit_content_filter": 1,
            "system_channel_flags": 1, "premium_progress_bar_enabled": true});
        self.add("PATCH", format!("/guilds/{guild}"), settings, reads::<twilight_model::guild::Guild>);
        let profile = json!({"nick": "nick", "bio": "b"});
        self.add(
            "PATCH",
            format!("/guilds/{guild}/members/@me"),
            profile,
            reads::<twilight_model::guild::Member>,
        );
        self.add("PATCH", "/users/@me".to_owned(), json!({"username": "helper", "bio": "b"}), anything);
        let invite = json!({"max_age": 60, "max_uses": 1, "temporary": false, "unique": true});
        let invites = format!("/channels/{}/invites", self.channel);
        self.add("POST", invites, invite, reads::<twilight_model::guild::invite::Invite>);
        let screen = json!({"enabled": true, "description": "d",
            "welcome_channels": [{"channel_id": self.channel, "description": "x", "emoji_name": "👍"}]});
        self.add("PATCH", format!("/guilds/{guild}/welcome-screen"), screen, anything);
        let edit = json!({"name": "Helper", "description": "d", "tags": ["a"], "terms_of_service_url": "https://a.example",
            "install_params": {"scopes": ["bot"], "permissions": "8"}});
        self.add("PATCH", "/applications/@me".to_owned(), edit, anything);
        let command = json!({"name": "echo", "type": 1, "description": "d", "name_localizations": {"de": "echo"},
            "default_member_permissions": "8", "nsfw": false, "contexts": [0, 1], "integration_types": [0],
            "options": [{"type": 4, "name": "n", "description": "d", "required": true, "min_value": 1, "max_value": 9},
                {"type": 3, "name": "s", "description": "d", "choices": [{"name": "a", "value": "b"}]}]});
        let read = reads::<twilight_model::application::command::Command>;
        self.add("POST", format!("/applications/{application}/commands"), command, read);
    }

    /// What a guild has beside places and roles, and what is done to its people.
    async fn add_things(&mut self, guild: &str, application: &str) {
        use twilight_model::guild::{
            auto_moderation::AutoModerationRule, scheduled_event::GuildScheduledEvent,
        };
        let of_guild = |rest: &str| format!("/guilds/{guild}{rest}");
        let event = json!({"name": "e", "description": "d", "privacy_level": 2, "entity_type": 3,
            "entity_metadata": {"location": "x"}, "scheduled_start_time": in_days(1),
            "scheduled_end_time": in_days(2)});
        let planned = text(
            &made(&self.world, &self.bot, "POST", &of_guild("/scheduled-events"), event.clone()).await["id"],
        );
        let path = of_guild(&format!("/scheduled-events/{planned}"));
        self.add("PATCH", path, event.clone(), reads::<GuildScheduledEvent>);
        self.add("POST", of_guild("/scheduled-events"), event, reads::<GuildScheduledEvent>);
        let sound =
            json!({"name": "quack", "sound": crate::files::sound_of(1), "volume": 0.5, "emoji_name": "🦆"});
        let sounds = of_guild("/soundboard-sounds");
        let kept = text(&made(&self.world, &self.bot, "POST", &sounds, sound.clone()).await["sound_id"]);
        self.add("PATCH", format!("{sounds}/{kept}"), sound, anything);
        let stage = json!({"name": "stage", "type": 13});
        let stage = text(&made(&self.world, &self.bot, "POST", &of_guild("/channels"), stage).await["id"]);
        let opened = json!({"channel_id": stage, "topic": "t", "privacy_level": 2});
        made(&self.world, &self.bot, "POST", "/stage-instances", opened.clone()).await;
        let read = reads::<twilight_model::channel::StageInstance>;
        self.add("PATCH", format!("/stage-instances/{stage}"), opened, read);
        let actions = json!([{"type": 1, "metadata": {"custom_message": "no"}},
            {"type": 2, "metadata": {"channel_id": self.channel}}, {"type": 3, "metadata": {"duration_seconds": 60}}]);
        let rule = json!({"name": "r", "event_type": 1, "trigger_type": 1, "actions": actions, "enabled": false,
            "trigger_metadata": {"keyword_filter": ["a*"], "regex_patterns": ["b+"], "allow_list": ["c"]},
            "exempt_roles": [guild], "exempt_channels": [self.channel]});
        let rules = of_guild("/auto-moderation/rules");
        let kept = text(&made(&self.world, &self.bot, "POST", &rules, rule.clone()).await["id"]);
        self.add("PATCH", format!("{rules}/{kept}"), rule, reads::<AutoModerationRule>);
        let option = json!({"title": "o", "description": "d", "channel_ids": [self.channel], "role_ids": [],
            "emoji_name": "👍"});
        let prompt = json!({"id": "0", "type": 0, "title": "p", "options": [option], "single_select": true,
            "required": false, "in_onboarding": true});
        let asked =
            json!({"prompts": [prompt], "default_channel_ids": [self.channel], "enabled": false, "mode": 1});
        self.add("PUT", of_guild("/onboarding"), asked, anything);
        let template = json!({"name": "t", "description": "d"});
        let code = text(
            &made(&self.world, &self.bot, "POST", &of_guild("/templates"), template.clone()).await["code"],
        );
        // Its ids begin with 0 (Guild Template page), which twilight does not read.
        self.add("PATCH", of_guild(&format!("/templates/{code}")), template, anything);
        let overwrite = json!({"type": 1, "allow": "1024", "deny": "2048"});
        let path = format!("/channels/{}/permissions/{application}", self.channel);
        self.add("PUT", path, overwrite, anything);
        let widget = json!({"enabled": true, "channel_id": self.channel});
        self.add("PATCH", of_guild("/widget"), widget, anything);
        let metadata = json!([{"type": 1, "key": "k", "name": "n", "description": "d", "name_localizations": {"de": "n"}}]);
        self.add("PUT", format!("/applications/{application}/role-connections/metadata"), metadata, anything);
        let stranger = self.world.person("eve").await;
        let stranger = text(&made(&self.world, &stranger, "GET", "/users/@me", Value::Null).await["id"]);
        self.add(
            "PUT",
            of_guild(&format!("/bans/{stranger}")),
            json!({"delete_message_seconds": 0}),
            anything,
        );
        let positions = json!([{"id": self.channel, "position": 3}]);
        self.add("PATCH", of_guild("/channels"), positions, anything);
    }

    /// Changes of what is there, and what applications say later.
    async fn add_changes(&mut self, guild: &str, application: &str) {
        type Channel = twilight_model::channel::Channel;
        type Message = twilight_model::channel::Message;
        let thread = json!({"name": "thread", "type": 11});
        let threads = format!("/channels/{}/threads", self.channel);
        let thread = text(&made(&self.world, &self.bot, "POST", &threads, thread).await["id"]);
        let change = json!({"name": "thread", "auto_archive_duration": 60, "rate_limit_per_user": 1, "locked": false,
            "archived": false, "invitable": true, "flags": 0, "applied_tags": []});
        self.add("PATCH", format!("/channels/{thread}"), change, reads::<Channel>);
        let guest = self.world.person("guest").await;
        let invites = format!("/channels/{}/invites", self.channel);
        let code = text(&made(&self.world, &self.bot, "POST", &invites, json!({"max_age": 0})).await["code"]);
        made(&self.world, &guest, "POST", &format!("/invites/{code}"), json!({})).await;
        let guest = text(&made(&self.world, &guest, "GET", "/users/@me", Value::Null).await["id"]);
        let member =
            json!({"nick": "nick", "roles": [], "communication_disabled_until": in_days(1), "flags": 4});
        let read = reads::<twilight_model::guild::Member>;
        self.add("PATCH", format!("/guilds/{guild}/members/{guest}"), member, read);
        let picture = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
        let emoji = json!({"name": "blob", "image": picture});
        for (path, roles) in [
            (format!("/guilds/{guild}/emojis"), json!([guild])),
            (format!("/applications/{application}/emojis"), Value::Null),
        ] {
            let made = text(&made(&self.world, &self.bot, "POST", &path, emoji.clone()).await["id"]);
            let read = reads::<twilight_model::guild::Emoji>;
            self.add("PATCH", format!("{path}/{made}"), json!({"name": "blob", "roles": roles}), read);
        }
        let incident = json!({"invites_disabled_until": in_days(0), "dms_disabled_until": null});
        self.add("PUT", format!("/guilds/{guild}/incident-actions"), incident, anything);
        let roles = format!("/guilds/{guild}/roles");
        let role = text(&made(&self.world, &self.bot, "POST", &roles, json!({"name": "r"})).await["id"]);
        self.add("PATCH", roles, json!([{"id": role, "position": 1}]), anything);
        let connection = json!({"platform_name": "p", "platform_username": "u", "metadata": {"k": "1"}});
        self.add_as_owner(
            "PUT",
            format!("/users/@me/applications/{application}/role-connection"),
            connection,
        );
        let hooks = format!("/channels/{}/webhooks", self.channel);
        let hook = made(&self.world, &self.bot, "POST", &hooks, json!({"name": "w"})).await;
        let hook = format!("/webhooks/{}/{}", text(&hook["id"]), text(&hook["token"]));
        self.add("PATCH", hook.clone(), json!({"name": "w"}), reads::<twilight_model::channel::Webhook>);
        let slack = json!({"text": "t", "username": "u", "icon_url": "https://a.example/a.png", "attachments": [
            {"title": "t", "text": "x", "color": "#ff0000", "ts": 5, "author_name": "a", "author_link": "https://a.example",
                "fields": [{"title": "f", "value": "v", "short": true}], "footer": "f", "image_url": "https://a.example/b.png"}]});
        self.add("POST", format!("{hook}/slack?wait=true"), slack, anything);
        let command = json!({"name": "later", "type": 2});
        let commands = format!("/applications/{application}/guilds/{guild}/commands");
        let command = text(&made(&self.world, &self.bot, "POST", &commands, command).await["id"]);
        let used = json!({"type": 2, "application_id": application, "guild_id": guild, "channel_id": self.channel,
            "session_id": "s", "data": {"id": command, "name": "later", "type": 2, "target_id": guest}});
        self.asked_form.clone_from(&used);
        made(&self.world, &self.owner, "POST", "/interactions", used).await;
        let heard = loop {
            let frame = next(&mut self.socket).await.expect("open");
            if frame["t"] == "INTERACTION_CREATE" {
                break frame["d"].clone();
            }
        };
        let (id, token) = (text(&heard["id"]), text(&heard["token"]));
        made(&self.world, "", "POST", &format!("/interactions/{id}/{token}/callback"), json!({"type": 5}))
            .await;
        let followup = samples()["v2"].clone();
        let followup = Value::from_iter([
            ("flags".to_owned(), followup["flags"].clone()),
            ("components".to_owned(), layout()["components"].clone()),
        ]);
        self.add("POST", format!("/webhooks/{application}/{token}"), followup, reads::<Message>);
        // The first that follows a promise is the promised answer.
        let edit = json!({"components": layout()["components"]});
        self.add(
            "PATCH",
            format!("/webhooks/{application}/{token}/messages/@original"),
            edit,
            reads::<Message>,
        );
    }

    async fn ask(&self, route: &Route, body: &Value, reason: &str) -> (u16, String) {
        let (world, path) = (&self.world, format!("/api/v10{}", route.path));
        match route.file {
            None => world.raw_because(route.method, &path, &route.token, Some(body.clone()), reason).await,
            Some(file) => world.raw_with(route.method, &path, &route.token, body, file, reason).await,
        }
    }

    /// Sends one hostile request; tells whether it was taken.
    async fn send(&self, hostile: &mut Hostile) -> Result<bool, String> {
        let route = &self.routes[hostile.below(self.routes.len())];
        let body = hostile.body(&route.body);
        let reason = hostile.header();
        let (status, answer) = self.ask(route, &body, &reason).await;
        let problem = match status {
            200..300 if answer.is_empty() => return Ok(true),
            200..300 => match (route.read)(&answer) {
                Ok(()) => return Ok(true),
                Err(error) => error.to_string(),
            },
            400..429 => match serde_json::from_str::<Value>(&answer) {
                Ok(refusal) if refusal["code"].is_u64() && refusal["message"].is_string() => {
                    return Ok(false);
                }
                _ => "not the form of a refusal".to_owned(),
            },
            _ => "an answer of no documented status".to_owned(),
        };
        Err(format!(
            "{problem}\n{} {}\n{body}\nreason {reason:?}\n{status} {answer}",
            route.method, route.path
        ))
    }

    /// Reads all events up to one that this causes.
    async fn read_events(&mut self) -> Result<(), String> {
        let path = format!("/channels/{}/typing", self.channel);
        made(&self.world, &self.owner, "POST", &path, Value::Null).await;
        loop {
            let frame = next(&mut self.socket).await.map_err(|code| format!("closed with {code:?}"))?;
            if frame["t"] == "TYPING_START" {
                return Ok(());
            }
            self.read_event(&frame)?;
        }
    }

    fn read_event(&mut self, frame: &Value) -> Result<(), String> {
        if frame["t"] == "GUILD_AUDIT_LOG_ENTRY_CREATE" {
            let reason = frame["d"]["reason"].as_str().unwrap_or_default();
            let fits = reason.chars().count() <= 512 && !reason.contains(char::is_control);
            self.reasons += usize::from(!reason.is_empty());
            fits.then_some(()).ok_or_else(|| format!("no reason: {frame}"))?;
        }
        let read = twilight_gateway::parse(frame.to_string(), EventTypeFlags::all());
        read.map(drop).map_err(|error| format!("{error:?}\n{frame}"))
    }
}

async fn identify(world: &World, token: &str) -> Socket {
    let mut socket = world.socket().await;
    next(&mut socket).await.unwrap();
    let properties = json!({"os": "Linux", "browser": "test", "device": ""});
    let identify = json!({"op": 2, "d": {"token": token, "properties": properties, "intents": 0x003f_ffff & !(1 << 17 | 1 << 18 | 1 << 19) }});
    socket.send(Frame::text(identify.to_string())).await.unwrap();
    loop {
        if next(&mut socket).await.unwrap()["t"] == "READY" {
            return socket;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_sent_is_refused_or_can_be_read_by_everybody() {
    let mut stage = Stage::new().await;
    for route in &stage.routes {
        let (status, answer) = stage.ask(route, &route.body, "").await;
        assert!((200..300).contains(&status), "{} {}: {status} {answer}", route.method, route.path);
        (route.read)(&answer)
            .unwrap_or_else(|error| panic!("{} {}: {error} {answer}", route.method, route.path));
    }
    let (mut hostile, mut taken, mut filled) = (Hostile::new(), 0, 0);
    for case in 1..=CASES {
        let sent = stage.send(&mut hostile).await;
        taken += usize::from(sent.unwrap_or_else(|problem| panic!("{problem}\n{}", hostile.replay())));
        if case % BATCH == 0 {
            for _ in 0..WORDS {
                stage.say(&mut hostile).await;
            }
            for _ in 0..FORMS {
                let form = stage.fill_in(&mut hostile).await;
                filled +=
                    usize::from(form.unwrap_or_else(|problem| panic!("{problem}\n{}", hostile.replay())));
            }
            stage.read_events().await.unwrap_or_else(|problem| panic!("{problem}\n{}", hostile.replay()));
        }
    }
    assert!(taken > CASES / 20, "only {taken} of {CASES} were taken: too little was read");
    assert!(stage.reasons > 0, "nobody heard a reason");
    assert!(filled > 0, "no form was filled in");
    stage.person.close(None).await.unwrap();
    stage.socket.close(None).await.unwrap();
    stage.world.node.shutdown().await;
}

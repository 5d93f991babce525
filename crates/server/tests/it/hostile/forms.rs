//! What comes with a file, group conversations, sounds that are played, and forms: shown by an application, filled in by a person.

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message as Frame;

use super::support::{Hostile, samples};
use super::{Route, Stage, anything, made, reads, text};
use crate::world::{File, next};

/// A sticker that the client draws.
const LOTTIE: &[u8] = br#"{"v":"5","w":1,"h":1,"fr":60,"ip":0,"op":1,"layers":[]}"#;
const STICKER: File = File { field: "file", name: "a.json", media_type: "application/json", bytes: LOTTIE };
const SOUND: File = File { field: "files[0]", name: "v.ogg", media_type: "audio/ogg", bytes: b"OggS" };

impl Stage {
    pub(super) async fn add_files(&mut self, guild: &str) {
        type Message = twilight_model::channel::Message;
        type Sticker = twilight_model::channel::message::sticker::Sticker;
        let messages = format!("/channels/{}/messages", self.channel);
        let voice = json!({"flags": 8192, "attachments": [{"id": "0", "filename": "v.ogg", "title": "t",
            "description": "d", "duration_secs": 1.5, "waveform": "AQID"}]});
        self.add_with(messages.clone(), voice, SOUND, reads::<Message>);
        let stickers = format!("/guilds/{guild}/stickers");
        let sticker = json!({"name": "duck", "description": "d", "tags": "duck"});
        let (status, kept) = self
            .world
            .raw_with("POST", &format!("/api/v10{stickers}"), &self.bot, &sticker, STICKER, "")
            .await;
        assert_eq!(status, 201, "{kept}");
        let kept = text(&serde_json::from_str::<Value>(&kept).unwrap()["id"]);
        self.add_with(stickers.clone(), sticker.clone(), STICKER, reads::<Sticker>);
        self.add("PATCH", format!("{stickers}/{kept}"), sticker, reads::<Sticker>);
        let sent = json!({"content": "stuck", "sticker_ids": [kept]});
        self.add("POST", messages, sent, reads::<Message>);
    }

    fn add_with(&mut self, path: String, body: Value, file: File, read: super::Reader) {
        let token = self.bot.clone();
        self.routes.push(Route { method: "POST", path, token, body, file: Some(file), read });
    }

    /// A group of the owner and two friends, and a sound that the bot plays where it is.
    pub(super) async fn add_company(&mut self, guild: &str) {
        let own = text(&made(&self.world, &self.owner, "GET", "/users/@me", Value::Null).await["id"]);
        let mut friends = Vec::new();
        for name in ["fay", "finn"] {
            let friend = self.world.person(name).await;
            let id = text(&made(&self.world, &friend, "GET", "/users/@me", Value::Null).await["id"]);
            made(&self.world, &friend, "PUT", &format!("/users/@me/relationships/{own}"), json!({})).await;
            made(&self.world, &self.owner, "PUT", &format!("/users/@me/relationships/{id}"), json!({})).await;
            friends.push(id);
        }
        let recipients = json!({"recipients": friends});
        let group = made(&self.world, &self.owner, "POST", "/users/@me/channels", recipients).await;
        let path = format!("/channels/{}", text(&group["id"]));
        self.add_as_owner("PATCH", path, json!({"name": "group", "icon": null}));

        let voice = json!({"name": "sounds", "type": 2});
        let channels = format!("/guilds/{guild}/channels");
        let voice = text(&made(&self.world, &self.bot, "POST", &channels, voice).await["id"]);
        let joined = json!({"op": 4, "d": {"guild_id": guild, "channel_id": voice, "self_mute": false, "self_deaf": false}});
        self.socket.send(Frame::text(joined.to_string())).await.unwrap();
        while next(&mut self.socket).await.expect("open")["t"] != "VOICE_STATE_UPDATE" {}
        let sound = json!({"name": "quack", "sound": crate::files::sound_of(1)});
        let sounds = format!("/guilds/{guild}/soundboard-sounds");
        let sound = made(&self.world, &self.bot, "POST", &sounds, sound).await;
        let played = json!({"sound_id": sound["sound_id"], "source_guild_id": guild});
        self.add("POST", format!("/channels/{voice}/send-soundboard-sound"), played, anything);
    }

    /// Has the application show a hostile form, and the owner fill it in as hostilely. What comes of it is among the events that are
    /// read later. Tells whether both were taken.
    pub(super) async fn fill_in(&mut self, hostile: &mut Hostile) -> Result<bool, String> {
        made(&self.world, &self.owner, "POST", "/interactions", self.asked_form.clone()).await;
        let heard = loop {
            let frame = next(&mut self.socket).await.map_err(|code| format!("closed with {code:?}"))?;
            self.read_event(&frame)?;
            if frame["t"] == "INTERACTION_CREATE"
                && frame["d"]["data"]["name"] == self.asked_form["data"]["name"]
            {
                break frame["d"].clone();
            }
        };
        let (id, token) = (text(&heard["id"]), text(&heard["token"]));
        let valid = &samples()["modal_choices"];
        let form = if hostile.below(4) == 0 { valid.clone() } else { hostile.body(valid) };
        let shown = json!({"type": 9, "data": form});
        let path = format!("/interactions/{id}/{token}/callback");
        let (status, answer) = self.world.call("POST", &path, "", shown).await;
        if status != 204 {
            return if status == 400 { Ok(false) } else { Err(format!("{status} {answer}\n{form}")) };
        }
        let filled = json!({"id": id, "custom_id": form["custom_id"], "components": [
            {"type": 18, "component": {"type": 21, "custom_id": "rg", "value": "x"}},
            {"type": 18, "component": {"type": 4, "custom_id": "t", "value": "v"}},
            {"type": 18, "component": {"type": 3, "custom_id": "s", "values": ["x"]}}]});
        let mut sent = self.asked_form.clone();
        sent["type"] = json!(5);
        sent["data"] = if hostile.below(3) == 0 { filled } else { hostile.body(&filled) };
        let (status, answer) = self.world.call("POST", "/interactions", &self.owner, sent.clone()).await;
        match status {
            204 => Ok(true),
            400 | 404 => Ok(false),
            _ => Err(format!("{status} {answer}\n{form}\n{sent}")),
        }
    }
}

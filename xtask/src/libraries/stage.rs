//! Where a bot and the scripted person meet: a server of their own, a guild with everything in it, and the bot's process.

use super::feed::Feed;
use super::proxy::Proxy;
use crate::api::{self, Api, Bot, User, World};
use crate::gateway::Gateway;
use crate::sh;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// How long one thing may take to come.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// How long a bot may take until it is ready.
const LOGIN: Duration = Duration::from_secs(45);
/// How often the person's session is kept alive; less than a read may take.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// A picture of one pixel, as emoji and sticker.
const PICTURE: &[u8] = &[
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 1, 0, 0, 0, 1, 8, 6, 0, 0, 0, 31,
    21, 196, 137, 0, 0, 0, 13, 73, 68, 65, 84, 120, 156, 99, 48, 78, 155, 249, 31, 0, 4, 52, 2, 50, 91, 45,
    10, 224, 0, 0, 0, 0, 73, 69, 78, 68, 174, 66, 96, 130,
];

/// Why a step did not pass.
pub enum Miss {
    /// Something is wrong: with the server, or with the library.
    Fail(String),
    /// The library has no such thing, as its bot says.
    Cannot(String),
}

impl From<String> for Miss {
    fn from(reason: String) -> Self {
        Self::Fail(reason)
    }
}

impl From<&str> for Miss {
    fn from(reason: &str) -> Self {
        Self::Fail(reason.to_owned())
    }
}

/// What a step comes to.
pub type Outcome = Result<(), Miss>;

/// The places made for a bot.
pub struct Places {
    pub world: World,
    pub forum: String,
    pub voice: String,
    pub emoji: String,
}

/// One library's run.
pub struct Stage {
    pub api: Api,
    pub places: Places,
    /// What the owner's gateway session is told.
    pub told: Feed<Value>,
    /// What the bot says on its standard output.
    pub said: Feed<String>,
    pub proxy: Proxy,
    child: Child,
}

impl Drop for Stage {
    fn drop(&mut self) {
        sh::kill_tree(self.child.id());
        // it has been killed: nothing else can come of this
        let _ = self.child.wait();
    }
}

impl Places {
    /// Makes the guild: a forum, a voice channel, an emoji, and the people of a [`World`].
    ///
    /// # Errors
    /// When a call fails.
    pub fn make(api: &Api) -> Result<Self, String> {
        let world = api.world("libs")?;
        let owner = &world.owner.token;
        let channels = format!("/guilds/{}/channels", world.guild);
        let make = |form: Value| api::text(&api.ok("POST", &channels, owner, Some(form))?, "id");
        let forum = make(json!({"name": "forum", "type": 15, "available_tags": [{"name": "tag"}]}))?;
        let voice = make(json!({"name": "talk", "type": 2}))?;
        let path = format!("/guilds/{}/emojis", world.guild);
        let emoji = json!({"name": "given", "image": format!("data:image/png;base64,{}", base64(PICTURE))});
        let emoji = api::text(&api.ok("POST", &path, owner, Some(emoji))?, "id")?;
        Ok(Self { world, forum, voice, emoji })
    }
}

impl Stage {
    /// Logs the person and the bot in.
    ///
    /// # Errors
    /// When the bot cannot be started or does not become ready; the end of its log says why.
    pub fn set(
        name: &str,
        api: Api,
        server: std::net::SocketAddr,
        proxy: Proxy,
        places: Places,
        mut bot: Command,
    ) -> Result<Self, String> {
        let told = Feed::new();
        listen(server, &places.world.owner, told.clone())?;
        let picture = sh::scratch("libraries")?.join("picture.png");
        std::fs::write(&picture, PICTURE).map_err(|error| error.to_string())?;
        let log = sh::scratch("logs")?.join(format!("library-{name}.log"));
        let file = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let errors = file.try_clone().map_err(|error| error.to_string())?;
        let host = proxy.address.to_string();
        bot.envs(places.world.env(&format!("http://{host}/api/v10")))
            .env("HOST", host)
            .env("TARGET_ID", &places.world.outsider.id)
            .env("FORUM_ID", &places.forum)
            .env("VOICE_ID", &places.voice)
            .env("EMOJI_ID", &places.emoji)
            .env("IMAGE", &picture)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors);
        let mut child = bot.spawn().map_err(|error| format!("{bot:?}: {error}"))?;
        let said = Feed::new();
        if let Some(out) = child.stdout.take() {
            follow(out, file, said.clone());
        }
        let stage = Self { api, places, told, said, proxy, child };
        match stage.said.wait(0, LOGIN, |line| line == "ready") {
            Some(_) => Ok(stage),
            None => Err(format!("never ready; the end of {}:\n{}", log.display(), end_of(&log))),
        }
    }

    /// Asks the bot for a step, by a message of the owner, and returns what it says of it.
    pub fn ask(&self, step: &str) -> Result<String, Miss> {
        let from = self.said.len();
        self.say(&format!("!{step}"))?;
        let line = self
            .said
            .wait(from, PATIENCE, |line| line.split(' ').nth(1) == Some(step) && !line.starts_with("heard"))
            .ok_or_else(|| format!("no word of {step}"))?;
        let mut words = line.splitn(3, ' ');
        let (verdict, detail) = (words.next(), words.nth(1).unwrap_or_default().to_owned());
        match verdict {
            Some("done") => Ok(detail),
            Some("cannot") => Err(Miss::Cannot(detail)),
            _ => Err(Miss::Fail(detail)),
        }
    }

    /// Posts a message of the owner and returns it.
    pub fn say(&self, content: &str) -> Result<Value, String> {
        let path = format!("/channels/{}/messages", self.world().channel);
        self.owner("POST", &path, Some(json!({ "content": content })))
    }

    /// A call of the owner.
    pub fn owner(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, String> {
        self.api.ok(method, path, &self.world().owner.token, body)
    }

    /// A read of the owner.
    pub fn get(&self, path: &str) -> Result<Value, String> {
        self.owner("GET", path, None)
    }

    /// The newest messages of the channel.
    pub fn messages(&self) -> Result<Vec<Value>, String> {
        let list = self.get(&format!("/channels/{}/messages?limit=20", self.world().channel))?;
        Ok(list.as_array().cloned().unwrap_or_default())
    }

    /// Waits until the owner is told of such a thing.
    pub fn told(&self, from: usize, name: &str, fits: impl Fn(&Value) -> bool) -> Result<Value, String> {
        self.told
            .wait(from, PATIENCE, |event| event["t"] == name && fits(&event["d"]))
            .map(|event| event["d"].clone())
            .ok_or_else(|| format!("the person is not told {name}"))
    }

    /// Waits until the bot says that it heard something.
    pub fn heard(&self, from: usize, what: &str) -> Outcome {
        let line = format!("heard {what}");
        match self.said.wait(from, PATIENCE, |said| *said == line) {
            Some(_) => Ok(()),
            None => Err(Miss::Fail(format!("heard nothing of {what:?}"))),
        }
    }

    /// The world of the run.
    pub fn world(&self) -> &World {
        &self.places.world
    }

    /// The bot.
    pub fn bot(&self) -> &Bot {
        &self.places.world.bot
    }
}

/// The end of a log, short.
fn end_of(log: &Path) -> String {
    let text = sh::read(log);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}

/// Takes what the bot says, line by line, and keeps it in the log as well.
fn follow(out: impl std::io::Read + Send + 'static, mut log: File, said: Feed<String>) {
    thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(Result::ok) {
            // a log that cannot be written is missed by nobody but a reader of failures
            let _ = writeln!(log, "{line}");
            said.push(line);
        }
    });
}

/// Opens the person's gateway session and keeps it alive.
fn listen(server: std::net::SocketAddr, owner: &User, told: Feed<Value>) -> Result<(), String> {
    let mut gateway = Gateway::connect(server)?;
    gateway.identify(&owner.token, u64::from(u32::MAX >> 7))?;
    let mut beating = gateway.twin()?;
    thread::spawn(move || {
        while beating.send(&json!({"op": 1, "d": null})).is_ok() {
            thread::sleep(HEARTBEAT);
        }
    });
    thread::spawn(move || {
        while let Ok(payload) = gateway.receive() {
            told.push(payload);
        }
    });
    Ok(())
}

/// Standard base64 with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for at in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * at) & 63) as usize];
            text.push(if at > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_pads() {
        assert_eq!(["a", "ab", "abc"].map(|text| base64(text.as_bytes())), ["YQ==", "YWI=", "YWJj"]);
    }
}

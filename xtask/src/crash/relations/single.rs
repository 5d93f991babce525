//! Things that are made once and counted: guilds and their founder, mentions and their reader, nonces, published messages.

use super::Writer;
use crate::api::{Api, User, text};
use crate::gateway::Gateway;
use crate::server::Server;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Guilds of one founder at a time.
const GUILDS_MAX: usize = 3;

/// Founds guilds and deletes them.
pub(super) struct Founding {
    user: User,
    guilds: Vec<String>,
    /// Those of this round.
    deleted: Vec<String>,
    broken: Option<String>,
}

impl Founding {
    pub(super) fn new(user: User) -> Self {
        Self { user, guilds: Vec::new(), deleted: Vec::new(), broken: None }
    }

    fn list(&self, api: &Api) -> Result<Vec<String>, String> {
        let list = api.ok("GET", "/users/@me/guilds", &self.user.token, None)?;
        list.as_array().into_iter().flatten().map(|guild| text(guild, "id")).collect()
    }
}

impl Writer for Founding {
    fn name(&self) -> &'static str {
        "founding"
    }

    fn step(&mut self, api: &Api) -> Result<(), String> {
        if self.guilds.len() < GUILDS_MAX {
            let made = api.ok("POST", "/guilds", &self.user.token, Some(json!({"name": "Founded"})))?;
            let guild = text(&made, "id")?;
            self.guilds.push(guild.clone());
            if !self.list(api)?.contains(&guild) {
                self.broken = Some(format!("guild {guild} was answered and is not in the founder's list"));
            }
            return Ok(());
        }
        let guild = self.guilds.remove(0);
        api.ok("DELETE", &format!("/guilds/{guild}"), &self.user.token, None)?;
        if self.list(api)?.contains(&guild) {
            self.broken = Some(format!("guild {guild} was deleted and is in the founder's list"));
        }
        self.deleted.push(guild);
        Ok(())
    }

    fn check(&mut self, api: &Api, _server: &Server) -> Result<usize, String> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let listed = self.list(api)?;
        let missing: Vec<_> = self.guilds.iter().filter(|guild| !listed.contains(guild)).collect();
        let left: Vec<_> = self.deleted.iter().filter(|guild| listed.contains(guild)).collect();
        if !missing.is_empty() || !left.is_empty() {
            return Err(format!("missing in the founder's list: {missing:?}; still there: {left:?}"));
        }
        for guild in &listed {
            let (status, _) = api.call("GET", &format!("/guilds/{guild}"), &self.user.token, None)?;
            if status != 200 {
                return Err(format!("guild {guild} is in its founder's list and answers {status}"));
            }
        }
        let facts = listed.len() + self.deleted.len();
        self.deleted.clear();
        // One that was being founded when the server died may be there.
        self.guilds = listed;
        Ok(facts)
    }
}

/// A channel's messages, oldest first.
pub(super) fn history(api: &Api, token: &str, channel: &str) -> Result<Vec<Value>, String> {
    let (mut all, mut after) = (Vec::new(), "0".to_owned());
    loop {
        let path = format!("/channels/{channel}/messages?limit=100&after={after}");
        let page = api.ok("GET", &path, token, None)?;
        let mut page = page.as_array().cloned().unwrap_or_default();
        page.reverse();
        let Some(newest) = page.last() else { return Ok(all) };
        after = text(newest, "id")?;
        all.append(&mut page);
    }
}

/// How often each content stands in a channel.
pub(super) fn counts(api: &Api, token: &str, channel: &str) -> Result<BTreeMap<String, usize>, String> {
    let mut counts = BTreeMap::new();
    for message in history(api, token, channel)? {
        *counts.entry(text(&message, "content")?).or_default() += 1;
    }
    Ok(counts)
}

/// Mentions somebody who reads nothing: as many mentions are counted as there are messages.
pub(super) struct Mentions {
    writer: User,
    reader: User,
    channel: String,
    acknowledged: usize,
}

impl Mentions {
    pub(super) fn new(writer: User, reader: User, channel: String) -> Self {
        Self { writer, reader, channel, acknowledged: 0 }
    }

    /// What the reader's client is told when it comes.
    fn counted(&self, server: &Server) -> Result<usize, String> {
        let ready = Gateway::connect(server.address)?.identify(&self.reader.token, 0)?;
        let states = &ready["d"]["read_state"];
        let states = states.as_array().or_else(|| states["entries"].as_array());
        let own = states.into_iter().flatten().find(|state| state["id"] == *self.channel);
        Ok(own.and_then(|state| state["mention_count"].as_u64()).unwrap_or(0) as usize)
    }
}

impl Writer for Mentions {
    fn name(&self) -> &'static str {
        "mentions"
    }

    fn step(&mut self, api: &Api) -> Result<(), String> {
        let body = json!({"content": format!("<@{}>", self.reader.id)});
        api.ok("POST", &format!("/channels/{}/messages", self.channel), &self.writer.token, Some(body))?;
        self.acknowledged += 1;
        Ok(())
    }

    fn check(&mut self, api: &Api, server: &Server) -> Result<usize, String> {
        let there = history(api, &self.writer.token, &self.channel)?.len();
        if !(self.acknowledged..=self.acknowledged + 1).contains(&there) {
            return Err(format!("{} were acknowledged, {there} are there", self.acknowledged));
        }
        let counted = self.counted(server)?;
        if counted != there {
            return Err(format!("{there} messages mention the reader, {counted} are counted"));
        }
        self.acknowledged = there;
        Ok(2)
    }
}

/// Sends messages with nonces, and sends the last one again after the kill: it must not be there twice.
pub(super) struct Nonces {
    user: User,
    channel: String,
    sent: usize,
    /// The message of the last nonce, when it was acknowledged.
    last: Option<String>,
}

impl Nonces {
    pub(super) fn new(user: User, channel: String) -> Self {
        Self { user, channel, sent: 0, last: None }
    }

    fn send(&self, api: &Api) -> Result<String, String> {
        let text_of = format!("nonce {}", self.sent);
        let body = json!({"content": text_of, "nonce": text_of, "enforce_nonce": true});
        let path = format!("/channels/{}/messages", self.channel);
        text(&api.ok("POST", &path, &self.user.token, Some(body))?, "id")
    }
}

impl Writer for Nonces {
    fn name(&self) -> &'static str {
        "nonces"
    }

    fn step(&mut self, api: &Api) -> Result<(), String> {
        (self.sent, self.last) = (self.sent + 1, None);
        self.last = Some(self.send(api)?);
        Ok(())
    }

    fn check(&mut self, api: &Api, _server: &Server) -> Result<usize, String> {
        let again = self.send(api)?;
        if self.last.as_ref().is_some_and(|last| *last != again) {
            return Err(format!("{:?} was sent again and is {again} now", self.last));
        }
        self.last = Some(again);
        let counts = counts(api, &self.user.token, &self.channel)?;
        match counts.iter().find(|(_, count)| **count > 1) {
            Some((content, count)) => Err(format!("{content:?} is there {count} times")),
            None => Ok(1),
        }
    }
}

/// Publishes messages in a channel that another guild's channel follows: each is there once.
pub(super) struct News {
    user: User,
    source: String,
    target: String,
    sent: usize,
    published: Vec<String>,
}

impl News {
    /// Makes both channels, each in a guild of its own.
    pub(super) fn new(api: &Api, owner: &User, guild: &str) -> Result<Self, String> {
        let body = json!({"name": "news", "type": 5});
        let path = format!("/guilds/{guild}/channels");
        let source = text(&api.ok("POST", &path, &owner.token, Some(body))?, "id")?;
        let (_, target) = api.guild(owner, "Followers")?;
        let follow = json!({"webhook_channel_id": target});
        api.ok("POST", &format!("/channels/{source}/followers"), &owner.token, Some(follow))?;
        Ok(Self { user: owner.clone(), source, target, sent: 0, published: Vec::new() })
    }
}

impl Writer for News {
    fn name(&self) -> &'static str {
        "news"
    }

    fn step(&mut self, api: &Api) -> Result<(), String> {
        self.sent += 1;
        let content = format!("news {}", self.sent);
        let path = format!("/channels/{}/messages", self.source);
        let message = api.ok("POST", &path, &self.user.token, Some(json!({ "content": content })))?;
        let path = format!("{path}/{}/crosspost", text(&message, "id")?);
        api.ok("POST", &path, &self.user.token, Some(json!({})))?;
        self.published.push(content);
        Ok(())
    }

    fn check(&mut self, api: &Api, _server: &Server) -> Result<usize, String> {
        let counts = counts(api, &self.user.token, &self.target)?;
        let there = |content: &&String| counts.get(*content).copied().unwrap_or(0);
        let wrong: Vec<_> = self.published.iter().filter(|content| there(content) != 1).collect();
        let twice: Vec<_> =
            counts.iter().filter(|(content, count)| content.starts_with("news ") && **count > 1).collect();
        if !wrong.is_empty() || !twice.is_empty() {
            return Err(format!("published and not there once: {wrong:?}; there more than once: {twice:?}"));
        }
        let facts = self.published.len();
        self.published.clear();
        Ok(facts)
    }
}

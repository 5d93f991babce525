//! What has its time: polls that end, and applications that have three seconds to answer.

use super::Writer;
use super::single::{counts, history};
use crate::api::{Api, Bot, User, text};
use crate::gateway::Gateway;
use crate::server::Server;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// The message that tells the result of a poll (Message Types: POLL_RESULT).
const POLL_RESULT: u64 = 46;
/// Of so many polls one is ended by hand.
const ENDED_ONE_IN: usize = 3;
/// How long an application has for its first answer: three seconds (Receiving and Responding, "Interaction callback"), the two
/// that the server lets through beyond them, and one that ids may be ahead of the clock after a crash.
const ANSWER_LIMIT: Duration = Duration::from_millis(6100);

/// Holds polls of an hour, and ends some of them at once.
pub(super) struct Polls {
    owner: User,
    voter: User,
    channel: String,
    asked: usize,
    open: Vec<String>,
    ended: Vec<String>,
    /// Being ended when the server died.
    ending: Option<String>,
}

impl Polls {
    pub(super) fn new(owner: User, voter: User, channel: String) -> Self {
        Self { owner, voter, channel, asked: 0, open: Vec::new(), ended: Vec::new(), ending: None }
    }

    fn is_over(poll: &Value) -> bool {
        poll["poll"]["results"]["is_finalized"] == true
    }

    /// How often a result was told, of each poll.
    fn results(all: &[Value], poll: &str) -> usize {
        let is_result =
            |one: &&Value| one["type"] == POLL_RESULT && one["message_reference"]["message_id"] == *poll;
        all.iter().filter(is_result).count()
    }

    /// Looks at all polls: those that are over have one result, the others none.
    fn look(&self, api: &Api, open: &[String], over: &[String]) -> Result<usize, String> {
        let all = history(api, &self.owner.token, &self.channel)?;
        for (polls, wanted) in [(open, false), (over, true)] {
            for id in polls {
                let poll =
                    all.iter().find(|one| one["id"] == **id).ok_or_else(|| format!("poll {id} is lost"))?;
                let told = Self::results(&all, id);
                if Self::is_over(poll) != wanted || told != usize::from(wanted) {
                    let is = Self::is_over(poll);
                    return Err(format!("poll {id}: over {is} instead of {wanted}, {told} results"));
                }
                let votes = poll["poll"]["results"]["answer_counts"][0]["count"].as_u64();
                if votes != Some(1) {
                    return Err(format!("poll {id} has {votes:?} votes instead of 1"));
                }
            }
        }
        Ok(2 * (open.len() + over.len()))
    }
}

impl Writer for Polls {
    fn name(&self) -> &'static str {
        "polls"
    }

    fn step(&mut self, api: &Api) -> Result<(), String> {
        let path = format!("/channels/{}/messages", self.channel);
        let answers = json!([{"poll_media": {"text": "yes"}}, {"poll_media": {"text": "no"}}]);
        let poll = json!({"question": {"text": "Well?"}, "answers": answers, "duration": 1});
        let id = text(&api.ok("POST", &path, &self.owner.token, Some(json!({ "poll": poll })))?, "id")?;
        let polls = format!("/channels/{}/polls/{id}", self.channel);
        let vote = json!({"answer_ids": ["1"]});
        api.ok("PUT", &format!("{polls}/answers/@me"), &self.voter.token, Some(vote))?;
        self.asked += 1;
        if !self.asked.is_multiple_of(ENDED_ONE_IN) {
            self.open.push(id);
            return Ok(());
        }
        self.ending = Some(id.clone());
        api.ok("POST", &format!("{polls}/expire"), &self.owner.token, Some(json!({})))?;
        self.ending = None;
        self.ended.push(id);
        Ok(())
    }

    fn check(&mut self, api: &Api, _server: &Server) -> Result<usize, String> {
        if let Some(ending) = self.ending.take() {
            let path = format!("/channels/{}/messages/{ending}", self.channel);
            let over = Self::is_over(&api.ok("GET", &path, &self.owner.token, None)?);
            if over { &mut self.ended } else { &mut self.open }.push(ending);
        }
        self.look(api, &self.open, &self.ended)
    }

    fn check_hours_later(&mut self, api: &Api) -> Result<usize, String> {
        let all: Vec<String> = self.open.iter().chain(&self.ended).cloned().collect();
        self.look(api, &[], &all)
    }
}

/// What became of an interaction.
enum Stage {
    /// The application was told and has not answered.
    Begun(Instant),
    /// It has said that its answer comes later.
    Deferred,
}

/// An interaction that waits for its application.
struct Waiting {
    id: String,
    token: String,
    stage: Stage,
}

/// Uses a command of an application that answers in all ways there are, or does not.
pub(super) struct Interactions {
    user: User,
    bot: Bot,
    guild: String,
    channel: String,
    command: String,
    gateway: Option<Gateway>,
    used: usize,
    /// Contents that were acknowledged.
    said: BTreeSet<String>,
    waiting: Vec<Waiting>,
}

impl Interactions {
    /// Makes the command.
    ///
    /// # Errors
    /// When that fails.
    pub(super) fn new(
        api: &Api,
        user: User,
        bot: Bot,
        (guild, channel): (String, String),
    ) -> Result<Self, String> {
        let path = format!("/applications/{}/guilds/{guild}/commands", bot.application);
        let form = json!({"name": "crash", "description": "answers", "type": 1});
        let command = text(&api.ok("POST", &path, &bot.authorization(), Some(form))?, "id")?;
        let (said, waiting) = (BTreeSet::new(), Vec::new());
        Ok(Self { user, bot, guild, channel, command, gateway: None, used: 0, said, waiting })
    }

    /// Uses the command; gives the id and the token that the application gets.
    fn begin(&mut self, api: &Api) -> Result<(String, String), String> {
        if self.gateway.is_none() {
            let mut gateway = Gateway::connect(api.address()?)?;
            gateway.identify(&self.bot.token, 0)?;
            self.gateway = Some(gateway);
        }
        let nonce = self.used.to_string();
        let form = json!({
            "type": 2, "application_id": self.bot.application, "guild_id": self.guild, "channel_id": self.channel,
            "nonce": nonce, "data": {"id": self.command, "name": "crash", "type": 1},
        });
        api.ok("POST", "/interactions", &self.user.token, Some(form))?;
        let gateway = self.gateway.as_mut().ok_or("no gateway")?;
        loop {
            let payload = gateway.receive()?;
            if payload["t"] == "INTERACTION_CREATE" {
                return Ok((text(&payload["d"], "id")?, text(&payload["d"], "token")?));
            }
        }
    }

    fn callback(api: &Api, (id, token): (&str, &str), kind: u8, content: Option<&str>) -> Result<(), String> {
        let mut form = json!({ "type": kind });
        if let Some(content) = content {
            form["data"] = json!({ "content": content });
        }
        api.ok("POST", &format!("/interactions/{id}/{token}/callback"), "", Some(form)).map(drop)
    }

    fn hook(&self, token: &str) -> String {
        format!("/webhooks/{}/{token}", self.bot.application)
    }

    fn complete(&self, api: &Api, token: &str, content: &str) -> Result<(), String> {
        let path = format!("{}/messages/@original", self.hook(token));
        api.ok("PATCH", &path, "", Some(json!({ "content": content }))).map(drop)
    }

    /// What had no answer in time has none any more; what was deferred is answered.
    fn settle(&mut self, api: &Api) -> Result<usize, String> {
        let mut facts = 0;
        for waiting in std::mem::take(&mut self.waiting) {
            match waiting.stage {
                Stage::Begun(at) if at.elapsed() < ANSWER_LIMIT => {
                    self.waiting.push(waiting);
                    continue;
                }
                Stage::Begun(_) => Self::come_too_late(api, &waiting)?,
                Stage::Deferred => {
                    let content = format!("answer of {} at last", waiting.id);
                    self.complete(api, &waiting.token, &content)?;
                    self.said.insert(content);
                }
            }
            facts += 1;
        }
        Ok(facts)
    }

    /// Answers after the time for it.
    fn come_too_late(api: &Api, Waiting { id, token, .. }: &Waiting) -> Result<(), String> {
        let path = format!("/interactions/{id}/{token}/callback");
        let form = json!({"type": 4, "data": {"content": "too late"}});
        match api.call("POST", &path, "", Some(form))? {
            (404, _) => Ok(()),
            (status, answer) => Err(format!("an answer that came too late: {status} {answer}")),
        }
    }
}

impl Writer for Interactions {
    fn name(&self) -> &'static str {
        "interactions"
    }

    fn step(&mut self, api: &Api) -> Result<(), String> {
        self.used += 1;
        let (id, token) = self.begin(api)?;
        let content = format!("answer {}", self.used);
        match self.used % 5 {
            0 => Self::callback(api, (&id, &token), 4, Some(&content))?,
            1 => {
                Self::callback(api, (&id, &token), 5, None)?;
                self.complete(api, &token, &content)?;
            }
            2 => {
                let first = format!("first {content}");
                Self::callback(api, (&id, &token), 4, Some(&first))?;
                self.said.insert(first);
                api.ok("POST", &self.hook(&token), "", Some(json!({ "content": content })))?;
            }
            3 => {
                Self::callback(api, (&id, &token), 5, None)?;
                self.waiting.push(Waiting { id, token, stage: Stage::Deferred });
                return Ok(());
            }
            _ => {
                self.waiting.push(Waiting { id, token, stage: Stage::Begun(Instant::now()) });
                return Ok(());
            }
        }
        self.said.insert(content);
        Ok(())
    }

    fn check(&mut self, api: &Api, _server: &Server) -> Result<usize, String> {
        self.gateway = None;
        let facts = self.settle(api)? + self.said.len();
        let counts = counts(api, &self.user.token, &self.channel)?;
        let there = |content: &&String| counts.get(*content).copied().unwrap_or(0);
        let wrong: Vec<_> = self.said.iter().filter(|content| there(content) != 1).collect();
        if !wrong.is_empty() {
            return Err(format!("answered and not there once: {wrong:?}"));
        }
        if counts.contains_key("too late") {
            return Err("an answer that came too late is there".to_owned());
        }
        Ok(facts)
    }

    fn check_hours_later(&mut self, api: &Api) -> Result<usize, String> {
        for waiting in &self.waiting {
            Self::come_too_late(api, waiting)?;
        }
        Ok(self.waiting.len())
    }
}

//! Clients whose events can be awaited, and the runner.

use std::fmt::{Debug, Display};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::broadcast;
use twilight_gateway::error::ReceiveMessageErrorType;
use twilight_gateway::{
    ConfigBuilder, Event, EventTypeFlags, Intents, MessageSender, Shard, ShardId, StreamExt as _,
};
use twilight_model::id::Id;
use twilight_model::id::marker::{ChannelMarker, GuildMarker, UserMarker};

/// How long a check may take.
const CHECK_LIMIT: Duration = Duration::from_secs(30);
/// How long an event may take.
const EVENT_LIMIT: Duration = Duration::from_secs(12);
/// How many events a slow check may fall behind.
const EVENTS_MAX: usize = 4096;

/// Where the checks happen, and how many of them failed.
pub struct World {
    /// `HOST:PORT` of the server.
    pub address: String,
    pub bot_token: String,
    pub second_token: String,
    pub bot_id: Id<UserMarker>,
    pub second_id: Id<UserMarker>,
    pub member: Id<UserMarker>,
    pub outsider: Id<UserMarker>,
    pub guild: Id<GuildMarker>,
    pub channel: Id<ChannelMarker>,
    pub failures: usize,
}

fn env(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("{name} is not set"))
}

fn id<T>(name: &str) -> Result<Id<T>, String> {
    env(name)?.parse().map_err(|_| format!("{name} is no id"))
}

impl World {
    /// Reads the environment.
    pub fn from_env() -> Result<Self, String> {
        let api = env("API_BASE")?;
        let address = api.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
        Ok(Self {
            address,
            bot_token: env("BOT_TOKEN")?,
            second_token: env("BOT2_TOKEN")?,
            bot_id: id("BOT_ID")?,
            second_id: id("BOT2_ID")?,
            member: id("MEMBER_ID")?,
            outsider: id("OUTSIDER_ID")?,
            guild: id("GUILD_ID")?,
            channel: id("CHANNEL_ID")?,
            failures: 0,
        })
    }

    /// Runs one check and returns what it made for later ones.
    pub async fn check<T>(&mut self, name: &str, body: impl Future<Output = Result<T, String>>) -> Option<T> {
        let outcome = match tokio::time::timeout(CHECK_LIMIT, body).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("not done after {} s", CHECK_LIMIT.as_secs())),
        };
        match outcome {
            Ok(made) => {
                println!("ok {name}");
                Some(made)
            }
            Err(reason) => {
                self.failures += 1;
                let line: String =
                    reason.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect();
                println!("FAIL {name} {line}");
                None
            }
        }
    }
}

/// Calls a route as a person's web client does.
pub async fn as_person(
    token: &'static str,
    method: &'static str,
    path: String,
    body: serde_json::Value,
) -> Result<serde_json::Value, String> {
    let (api, token) = (env("API_BASE")?, env(token)?);
    let call = move || -> Result<serde_json::Value, String> {
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{api}{path}"))
            .header("authorization", token)
            .header("content-type", "application/json")
            .body(body.to_string())
            .map_err(text)?;
        let mut answer = ureq::Agent::from(config).run(request).map_err(text)?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().read_to_string().map_err(text)?;
        if status < 300 {
            Ok(serde_json::from_str(&body).unwrap_or_default())
        } else {
            fail(format!("{status} {body}"))
        }
    };
    tokio::task::spawn_blocking(call).await.map_err(text)?
}

/// A REST client and a shard of one bot; the shard runs in a task that passes its events on.
pub struct Client {
    pub rest: twilight_http::Client,
    pub commands: MessageSender,
    events: broadcast::Sender<Arc<Event>>,
    /// What came before anybody could listen.
    early: Vec<Arc<Event>>,
    problems: Arc<Mutex<Vec<String>>>,
}

impl Client {
    /// Logs in at `address` and waits for READY and the first guild.
    pub async fn login(address: &str, token: &str) -> Result<Self, String> {
        Self::login_with(address, address, token, Intents::all()).await
    }

    /// Logs in with REST at one address and the gateway at another.
    pub async fn login_with(
        rest: &str,
        gateway: &str,
        token: &str,
        intents: Intents,
    ) -> Result<Self, String> {
        let rest =
            twilight_http::Client::builder().token(token.to_owned()).proxy(rest.to_owned(), true).build();
        let config =
            ConfigBuilder::new(token.to_owned(), intents).proxy_url(format!("ws://{gateway}")).build();
        let shard = Shard::with_config(ShardId::ONE, config);
        let commands = shard.sender();
        let (events, mut listener) = broadcast::channel(EVENTS_MAX);
        let problems = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(pump(shard, events.clone(), Arc::clone(&problems)));
        let mut early = Vec::new();
        let whole = async {
            while !early.iter().any(|event: &Arc<Event>| matches!(**event, Event::GuildCreate(_))) {
                early.push(listener.recv().await.map_err(text)?);
            }
            Ok::<(), String>(())
        };
        match tokio::time::timeout(EVENT_LIMIT, whole).await {
            Ok(done) => done?,
            Err(_) => return fail(format!("not ready; problems: {:?}", problems.lock().map_err(text)?)),
        }
        Ok(Self { rest, commands, events, early, problems })
    }

    /// Begins to wait for an event; ask for it before doing what causes it.
    pub fn expect(&self) -> Expect {
        Expect(self.events.subscribe())
    }

    /// The first of the events of the login that fits.
    pub fn first<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> Option<T> {
        self.early.iter().find_map(|event| pick(event))
    }

    /// What the library could not read, and other complaints of the shard.
    pub fn problems(&self) -> Vec<String> {
        self.problems.lock().map(|problems| problems.clone()).unwrap_or_default()
    }
}

async fn pump(mut shard: Shard, events: broadcast::Sender<Arc<Event>>, problems: Arc<Mutex<Vec<String>>>) {
    while let Some(item) = shard.next_event(EventTypeFlags::all()).await {
        match item {
            // nobody listening is fine
            Ok(event) => drop(events.send(Arc::new(event))),
            // a cut connection is part of the checks, an unreadable event is not
            Err(error) if matches!(error.kind(), ReceiveMessageErrorType::Reconnect) => {}
            Err(error) => {
                if let Ok(mut problems) = problems.lock() {
                    let source =
                        std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                    problems.push(format!("{source}: {error}"));
                }
            }
        }
    }
}

/// A wait that has begun.
pub struct Expect(broadcast::Receiver<Arc<Event>>);

impl Expect {
    /// Ends with what `pick` makes of the first event that it likes.
    pub async fn until<T>(mut self, what: &str, pick: impl Fn(&Event) -> Option<T>) -> Result<T, String> {
        let wait = async {
            loop {
                let event = self.0.recv().await.map_err(text)?;
                if let Some(picked) = pick(&event) {
                    return Ok(picked);
                }
            }
        };
        match tokio::time::timeout(EVENT_LIMIT, wait).await {
            Ok(found) => found,
            Err(_) => fail(format!("{what}: nothing within {} s", EVENT_LIMIT.as_secs())),
        }
    }

    /// Collects what `pick` likes until it has `last`.
    pub async fn collect_until(
        mut self,
        last: &str,
        pick: impl Fn(&Event) -> Option<String>,
    ) -> Result<Vec<String>, String> {
        let mut seen = Vec::new();
        let wait = async {
            while seen.last().is_none_or(|newest| newest != last) {
                seen.extend(pick(&*self.0.recv().await.map_err(text)?));
            }
            Ok::<(), String>(())
        };
        match tokio::time::timeout(EVENT_LIMIT, wait).await {
            Ok(done) => done.map(|()| seen),
            Err(_) => fail(format!("{last:?} did not come; seen {seen:?}")),
        }
    }
}

/// Any error as text.
pub fn text(error: impl Display) -> String {
    error.to_string()
}

/// A failed check.
pub fn fail<T>(reason: impl Into<String>) -> Result<T, String> {
    Err(reason.into())
}

/// What an earlier check should have made.
pub fn need<T>(made: &Option<T>) -> Result<&T, String> {
    made.as_ref().ok_or_else(|| "an earlier check did not make what this one needs".to_owned())
}

/// Fails when `actual` is not `expected`.
pub fn same<T: PartialEq + Debug>(what: &str, actual: T, expected: T) -> Result<(), String> {
    if actual == expected { Ok(()) } else { fail(format!("{what} is {actual:?}, expected {expected:?}")) }
}

/// Fails unless the API refused with this status and code.
pub fn refused<T>(outcome: Result<T, twilight_http::Error>, status: u16, code: u64) -> Result<(), String> {
    match outcome {
        Ok(_) => fail(format!("was not refused, expected {code}")),
        Err(error) => match error.kind() {
            twilight_http::error::ErrorType::Response { body, status: actual, .. } => {
                let body: serde_json::Value = serde_json::from_slice(body).map_err(text)?;
                same("status and code", (actual.get(), body["code"].as_u64()), (status, Some(code)))
            }
            other => fail(format!("{other:?}")),
        },
    }
}

//! The crash test of accounts, tokens, applications and commands: the server is killed while clients register, make applications
//! with bots and commands, take tokens back and take other names. What was acknowledged must hold on both sides: what works and
//! what does not any more.

use crate::api::{Api, text};
use crate::server::Server;
use crate::sh;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How many rounds of work and killing.
const ROUNDS: usize = 3;
/// How many clients are at work at once.
const CLIENTS: usize = 4;
/// How many acknowledged acts there must be when the server is killed.
const KILL_AFTER: usize = 60;
/// How many names a round are asked for again by somebody else: each costs a password hash.
const NAMES_TRIED: usize = 3;
const PASSWORD: &str = "a password to crash with";

/// What the server has acknowledged, and must therefore hold.
#[derive(Debug, Clone, PartialEq)]
enum Fact {
    /// A token works, and its account has this name (people only).
    Works(String, Option<String>),
    /// A token was taken back.
    Dead(String),
    /// A person's list has an application.
    Listed { token: String, application: String },
    /// An application has a command; by its owner's token.
    Command { token: String, application: String, command: String },
}

/// The facts of all rounds so far, and how many acts made them.
#[derive(Debug, Default)]
struct Facts {
    facts: Mutex<Vec<Fact>>,
    acts: AtomicUsize,
}

impl Facts {
    fn add(&self, fact: Fact) {
        if let Ok(mut facts) = self.facts.lock() {
            facts.push(fact);
        }
        self.acts.fetch_add(1, Ordering::Relaxed);
    }

    /// Forgets what a token did: an act on it is under way, and a kill may come before or after.
    fn doubt(&self, token: &str) {
        if let Ok(mut facts) = self.facts.lock() {
            facts.retain(|fact| !matches!(fact, Fact::Works(known, _) if known == token));
        }
    }

    /// How many acts were acknowledged.
    fn acts(&self) -> usize {
        self.acts.load(Ordering::Relaxed)
    }
}

/// Runs the test and returns how many acts were acknowledged and hold.
///
/// # Errors
/// With what does not hold.
pub fn check(binary: &Path) -> Result<usize, String> {
    let data = sh::fresh("crash-owners-data")?;
    let facts = Facts::default();
    for round in 0..ROUNDS {
        work_until_killed(super::start(binary, &data, "crash-owners")?, &facts, round)?;
        let server = super::start(binary, &data, "crash-owners")?;
        verify(&Api::new(&server.api()), &facts)
            .map_err(|error| format!("after kill {}: {error}", round + 1))?;
        server.stop()?;
    }
    Ok(facts.acts())
}

/// Works with all clients, and kills the server in their midst.
///
/// # Errors
/// When too little was acknowledged in a minute.
fn work_until_killed(server: Server, facts: &Facts, round: usize) -> Result<(), String> {
    let (base, enough) = (server.api(), facts.acts() + KILL_AFTER);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let base = &base;
            scope.spawn(move || {
                let api = Api::new(base);
                // The first refusal or broken connection is the end of this client.
                for turn in 0.. {
                    if act(&api, facts, &format!("r{round}c{client}t{turn}")).is_err() {
                        return;
                    }
                }
            });
        }
        let done = sh::poll(Duration::from_secs(120), || facts.acts() >= enough);
        server.kill();
        if done { Ok(()) } else { Err(format!("only {} acts were acknowledged", facts.acts())) }
    })
}

/// A life: an account, an application with its bot and a command, another token, another name.
fn act(api: &Api, facts: &Facts, name: &str) -> Result<(), String> {
    let body = json!({"username": name, "password": PASSWORD});
    let token = text(&api.ok("POST", "/auth/register", "", Some(body))?, "token")?;
    facts.add(Fact::Works(token.clone(), Some(name.to_owned())));

    let made = api.ok("POST", "/applications", &token, Some(json!({"name": name})))?;
    let application = text(&made, "id")?;
    facts.add(Fact::Listed { token: token.clone(), application: application.clone() });
    let path = format!("/applications/{application}");
    let first = text(&api.ok("POST", &format!("{path}/bot"), &token, Some(json!({})))?, "token")?;
    let first = format!("Bot {first}");
    facts.add(Fact::Works(first.clone(), None));
    for command in ["one", "two"] {
        let body = json!({"name": command, "description": "d"});
        let command = text(&api.ok("POST", &format!("{path}/commands"), &token, Some(body))?, "id")?;
        let (token, application) = (token.clone(), application.clone());
        facts.add(Fact::Command { token, application, command });
    }

    facts.doubt(&first);
    let second = text(&api.ok("POST", &format!("{path}/bot/reset"), &token, Some(json!({})))?, "token")?;
    facts.add(Fact::Dead(first));
    facts.add(Fact::Works(format!("Bot {second}"), None));

    facts.doubt(&token);
    let renamed = format!("{name}x");
    let body = json!({"username": renamed, "password": PASSWORD});
    api.ok("PATCH", "/users/@me", &token, Some(body))?;
    facts.add(Fact::Works(token, Some(renamed)));
    Ok(())
}

/// Looks for everything that was acknowledged.
///
/// # Errors
/// With what is not so.
fn verify(api: &Api, facts: &Facts) -> Result<(), String> {
    let known = facts.facts.lock().map_err(|_| "a client panicked".to_owned())?.clone();
    let wrong: Vec<String> = known.iter().filter_map(|fact| holds(api, fact).err()).collect();
    if !wrong.is_empty() {
        return Err(format!("{} acknowledged facts do not hold: {}", wrong.len(), wrong.join("; ")));
    }
    let names = known.iter().rev().filter_map(|fact| match fact {
        Fact::Works(_, Some(name)) => Some(name),
        _ => None,
    });
    for name in names.take(NAMES_TRIED) {
        let body = json!({"username": name, "password": PASSWORD});
        let (status, answer) = api.call("POST", "/auth/register", "", Some(body))?;
        if status != 400 {
            return Err(format!("{name} was given away again: {status} {answer}"));
        }
    }
    Ok(())
}

fn holds(api: &Api, fact: &Fact) -> Result<(), String> {
    match fact {
        Fact::Works(token, name) => {
            let account = api.ok("GET", "/users/@me", token, None)?;
            match name {
                Some(name) if account["username"] != name.as_str() => {
                    Err(format!("{} is not {name}", account["username"]))
                }
                _ => Ok(()),
            }
        }
        Fact::Dead(token) => match api.call("GET", "/users/@me", token, None)? {
            (401, _) => Ok(()),
            (status, _) => Err(format!("a token that was taken back is answered {status}")),
        },
        Fact::Listed { token, application } => {
            let list = api.ok("GET", "/applications", token, None)?;
            has(&list, application)
        }
        Fact::Command { token, application, command } => {
            let list = api.ok("GET", &format!("/applications/{application}/commands"), token, None)?;
            has(&list, command)
        }
    }
}

fn has(list: &Value, id: &str) -> Result<(), String> {
    let found = list.as_array().is_some_and(|list| list.iter().any(|one| one["id"] == id));
    if found { Ok(()) } else { Err(format!("{id} is not in its list")) }
}

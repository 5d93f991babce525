//! Things of accounts that are made and taken away again: logins, applications with their bots, commands, and what webhooks say.

use super::kept::{Kept, Kind, each, found};
use crate::api::{Api, Bot, User, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What works for each thing that was made: a token.
#[derive(Clone, Default)]
struct Tokens(Arc<Mutex<BTreeMap<String, String>>>);

impl Tokens {
    fn keep(&self, id: &str, token: String) {
        if let Ok(mut tokens) = self.0.lock() {
            tokens.insert(id.to_owned(), token);
        }
    }

    /// Whether the token of something opens its account.
    fn works(&self, api: &Api, id: &str) -> Result<bool, String> {
        let tokens = self.0.lock().map_err(|_| "a writer panicked".to_owned())?;
        let token = tokens.get(id).cloned().ok_or_else(|| format!("{id} has no token"))?;
        drop(tokens);
        match api.call("GET", "/users/@me", &token, None)? {
            (200, _) => Ok(true),
            (401, _) => Ok(false),
            (status, answer) => Err(format!("GET /users/@me answered {status} {answer}")),
        }
    }
}

/// The logins of an account, the newest first.
fn logins_of(api: &Api, user: &User) -> Result<Vec<String>, String> {
    each(&api.ok("GET", "/auth/sessions", &user.token, None)?["user_sessions"], "id_hash")
}

/// Logins of an account, and whether their tokens work.
///
/// # Errors
/// When the logins that there are cannot be read.
pub(super) fn logins(api: &Api, user: User, (name, password): (String, String)) -> Result<Kept, String> {
    let (first, tokens) = (logins_of(api, &user)?, Tokens::default());
    let (own, all, ender) = (user.clone(), user.clone(), user);
    let (known, secret) = (tokens.clone(), password.clone());
    let kind = Kind {
        make: Box::new(move |api, _| {
            let form = json!({"login": name, "password": password});
            let token = text(&api.ok("POST", "/auth/login", "", Some(form))?, "token")?;
            let newest = logins_of(api, &own)?.into_iter().next().ok_or("no login after a login")?;
            known.keep(&newest, token);
            Ok(newest)
        }),
        list: Box::new(move |api| {
            let mut all = logins_of(api, &all)?;
            all.retain(|login| !first.contains(login));
            Ok(all)
        }),
        remove: Box::new(move |api, login| {
            let form = json!({"session_id_hashes": [login], "password": secret});
            api.ok("POST", "/auth/sessions/logout", &ender.token, Some(form)).map(drop)
        }),
        elsewhere: Box::new(move |api, login| tokens.works(api, login)),
    };
    Ok(Kept::new("logins", kind))
}

/// Those of a list whose name begins as ours do.
fn named(list: &Value, prefix: &str) -> Result<Vec<String>, String> {
    let all = list.as_array().into_iter().flatten();
    let own = all.filter(|one| one["name"].as_str().is_some_and(|name| name.starts_with(prefix)));
    own.map(|one| text(one, "id")).collect()
}

/// Applications, and whether their bots' tokens work.
pub(super) fn applications(owner: &User) -> Kept {
    let (maker, lister, remover) = (owner.token.clone(), owner.token.clone(), owner.token.clone());
    let tokens = Tokens::default();
    let known = tokens.clone();
    let kind = Kind {
        make: Box::new(move |api, n| {
            let made = api.ok("POST", "/applications", &maker, Some(json!({"name": format!("kept {n}")})))?;
            let id = text(&made, "id")?;
            let bot = api.ok("POST", &format!("/applications/{id}/bot"), &maker, Some(json!({})))?;
            known.keep(&id, format!("Bot {}", text(&bot, "token")?));
            Ok(id)
        }),
        list: Box::new(move |api| named(&api.ok("GET", "/applications", &lister, None)?, "kept ")),
        remove: Box::new(move |api, id| {
            api.ok("POST", &format!("/applications/{id}/delete"), &remover, Some(json!({}))).map(drop)
        }),
        elsewhere: Box::new(move |api, id| tokens.works(api, id)),
    };
    // The bot, its account and the list are of three owners.
    Kept::new("applications", kind).in_steps()
}

/// Commands of an application, which a member of a guild finds.
pub(super) fn commands(member: &User, bot: &Bot, guild: &str) -> Kept {
    let path = format!("/applications/{}/commands", bot.application);
    let token = bot.authorization();
    let (to, maker) = (path.clone(), token.clone());
    let (all, lister) = (path.clone(), token.clone());
    let (index, finder) = (format!("/guilds/{guild}/application-command-index"), member.token.clone());
    let kind = Kind {
        make: Box::new(move |api, n| {
            let body = json!({"name": format!("kept-{n}"), "description": "d"});
            text(&api.ok("POST", &to, &maker, Some(body))?, "id")
        }),
        list: Box::new(move |api| named(&api.ok("GET", &all, &lister, None)?, "kept-")),
        remove: Box::new(move |api, id| api.ok("DELETE", &format!("{path}/{id}"), &token, None).map(drop)),
        elsewhere: Box::new(move |api, id| {
            let index = api.ok("GET", &index, &finder, None)?;
            Ok(index["application_commands"].as_array().into_iter().flatten().any(|one| one["id"] == id))
        }),
    };
    Kept::new("commands", kind)
}

/// What a webhook says, in its channel and as the webhook has it.
///
/// # Errors
/// When the webhook cannot be made.
pub(super) fn webhook_messages(api: &Api, owner: &User, channel: &str) -> Result<Kept, String> {
    let hook = api.ok(
        "POST",
        &format!("/channels/{channel}/webhooks"),
        &owner.token,
        Some(json!({"name": "speaker"})),
    )?;
    let hook = format!("/webhooks/{}/{}", text(&hook, "id")?, text(&hook, "token")?);
    let (speaker, remover) = (hook.clone(), hook.clone());
    let (all, lister) = (format!("/channels/{channel}/messages?limit=100"), owner.token.clone());
    let kind = Kind {
        make: Box::new(move |api, n| {
            let body = Some(json!({"content": format!("spoken {n}")}));
            text(&api.ok("POST", &format!("{speaker}?wait=true"), "", body)?, "id")
        }),
        list: Box::new(move |api| each(&api.ok("GET", &all, &lister, None)?, "id")),
        remove: Box::new(move |api, id| {
            api.ok("DELETE", &format!("{remover}/messages/{id}"), "", None).map(drop)
        }),
        elsewhere: Box::new(move |api, id| found(api, &format!("{hook}/messages/{id}"), "")),
    };
    Ok(Kept::new("webhook messages", kind))
}

//! Relations that go round: from state to state and back to the first, each change by a call.

use super::Writer;
use crate::api::{Api, Bot, User, text};
use crate::server::Server;
use serde_json::{Value, json};

/// What both sides show.
pub(super) type Sides = (String, String);
/// A change to the next state.
pub(super) type Change = Box<dyn Fn(&Api) -> Result<(), String> + Send>;
/// What both sides show now.
pub(super) type Look = Box<dyn Fn(&Api) -> Result<Sides, String> + Send>;

/// A relation that goes round. The first state is what it begins with.
pub(super) struct Cycle {
    name: &'static str,
    /// The change that leads into each state, and what both sides show then.
    states: Vec<(Change, (&'static str, &'static str))>,
    look: Look,
    /// Whether the first side shows a change as soon as it is answered.
    own_at_once: bool,
    state: usize,
    under_way: bool,
    broken: Option<String>,
}

impl Cycle {
    /// A relation, in its first state.
    pub(super) fn new(
        name: &'static str,
        states: Vec<(Change, (&'static str, &'static str))>,
        look: Look,
    ) -> Self {
        Self { name, states, look, own_at_once: false, state: 0, under_way: false, broken: None }
    }

    fn next(&self) -> usize {
        (self.state + 1) % self.states.len()
    }

    fn shows(&self, state: usize, seen: &Sides) -> bool {
        let (_, (one, other)) = &self.states[state];
        (*one, *other) == (seen.0.as_str(), seen.1.as_str())
    }
}

impl Writer for Cycle {
    fn name(&self) -> &'static str {
        self.name
    }

    fn step(&mut self, api: &Api) -> Result<(), String> {
        let next = self.next();
        self.under_way = true;
        (self.states[next].0)(api)?;
        (self.state, self.under_way) = (next, false);
        if self.own_at_once {
            let seen = (self.look)(api)?;
            if self.states[next].1.0 != seen.0 {
                self.broken = Some(format!("was answered {:?} and then sees {seen:?}", self.states[next].1));
            }
        }
        Ok(())
    }

    fn check(&mut self, api: &Api, _server: &Server) -> Result<usize, String> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let seen = (self.look)(api)?;
        let next = self.next();
        if !self.shows(self.state, &seen) {
            if !self.under_way || !self.shows(next, &seen) {
                let also = self.under_way.then(|| self.states[next].1);
                return Err(format!(
                    "acknowledged {:?} (or {also:?}), sees {seen:?}",
                    self.states[self.state].1
                ));
            }
            self.state = next;
        }
        self.under_way = false;
        Ok(2)
    }
}

/// A change by one call.
pub(super) fn call(method: &'static str, path: String, token: &str, body: Option<Value>) -> Change {
    let token = token.to_owned();
    Box::new(move |api| api.ok(method, &path, &token, body.clone()).map(drop))
}

/// Whether a list that somebody reads has an object with this id.
fn listed(api: &Api, path: &str, token: &str, id: &str) -> Result<bool, String> {
    let list = api.ok("GET", path, token, None)?;
    Ok(list.as_array().into_iter().flatten().any(|one| one["id"] == id))
}

/// Whether the guild has the member, or has banned it.
fn standing(api: &Api, owner: &str, guild: &str, user: &str) -> Result<String, String> {
    let found = |path: String| match api.call("GET", &path, owner, None)? {
        (200, _) => Ok(true),
        (404, _) => Ok(false),
        (status, answer) => Err(format!("GET {path} answered {status} {answer}")),
    };
    if found(format!("/guilds/{guild}/members/{user}"))? {
        return Ok("in".to_owned());
    }
    let banned = found(format!("/guilds/{guild}/bans/{user}"))?;
    Ok(if banned { "banned" } else { "out" }.to_owned())
}

fn in_or_out(is_in: bool) -> String {
    if is_in { "in" } else { "out" }.to_owned()
}

/// Somebody joins, leaves, joins, is thrown out, joins, is banned and pardoned.
pub(super) fn membership(owner: User, user: User, guild: String, invite: String) -> Cycle {
    let join = || call("POST", format!("/invites/{invite}"), &user.token, Some(json!({})));
    let member = format!("/guilds/{guild}/members/{}", user.id);
    let ban = format!("/guilds/{guild}/bans/{}", user.id);
    let leave = call("DELETE", format!("/users/@me/guilds/{guild}"), &user.token, None);
    let states = vec![
        (call("DELETE", ban.clone(), &owner.token, None), ("out", "out")),
        (join(), ("in", "in")),
        (leave, ("out", "out")),
        (join(), ("in", "in")),
        (call("DELETE", member, &owner.token, None), ("out", "out")),
        (join(), ("in", "in")),
        (call("PUT", ban, &owner.token, Some(json!({}))), ("out", "banned")),
    ];
    let look: Look = Box::new(move |api| {
        let own = listed(api, "/users/@me/guilds", &user.token, &guild)?;
        Ok((in_or_out(own), standing(api, &owner.token, &guild, &user.id)?))
    });
    // Whoever is thrown out learns of it a moment later.
    Cycle::new("membership", states, look)
}

/// A bot is added to a guild, and thrown out.
pub(super) fn bot(owner: User, bot: Bot, guild: String) -> Cycle {
    let member = format!("/guilds/{guild}/members/{}", bot.id);
    let authorization = bot.authorization();
    let (adder, added, into) = (owner.clone(), bot.clone(), guild.clone());
    let add: Change = Box::new(move |api| api.authorise(&adder, &added, &into, "8"));
    let states = vec![(call("DELETE", member, &owner.token, None), ("out", "out")), (add, ("in", "in"))];
    let look: Look = Box::new(move |api| {
        let own = listed(api, "/users/@me/guilds", &authorization, &guild)?;
        Ok((in_or_out(own), standing(api, &owner.token, &guild, &bot.id)?))
    });
    Cycle::new("bot", states, look)
}

/// Two ask, accept and part.
pub(super) fn friends(one: User, other: User) -> Cycle {
    let to = |user: &User| format!("/users/@me/relationships/{}", user.id);
    let states = vec![
        (call("DELETE", to(&other), &one.token, None), ("none", "none")),
        (call("PUT", to(&other), &one.token, Some(json!({}))), ("asked", "is asked")),
        (call("PUT", to(&one), &other.token, Some(json!({}))), ("friends", "friends")),
    ];
    let look: Look = Box::new(move |api| {
        Ok((relation(api, &one.token, &other.id)?, relation(api, &other.token, &one.id)?))
    });
    Cycle::new("friends", states, look)
}

pub(super) fn relation(api: &Api, token: &str, user: &str) -> Result<String, String> {
    let list = api.ok("GET", "/users/@me/relationships", token, None)?;
    let found =
        list.as_array().into_iter().flatten().find(|one| one["id"] == user || one["user"]["id"] == user);
    Ok(match found.and_then(|one| one["type"].as_u64()) {
        None => "none".to_owned(),
        Some(1) => "friends".to_owned(),
        Some(2) => "blocked".to_owned(),
        Some(3) => "is asked".to_owned(),
        Some(4) => "asked".to_owned(),
        Some(other) => format!("type {other}"),
    })
}

/// A conversation is opened, written in, and closed by the one and the other.
pub(super) fn conversation(one: User, other: User) -> Cycle {
    let open = json!({"recipients": [other.id]});
    let (writer, body) = (one.token.clone(), open.clone());
    let write: Change = Box::new(move |api| {
        let channel = text(&api.ok("POST", "/users/@me/channels", &writer, Some(body.clone()))?, "id")?;
        let path = format!("/channels/{channel}/messages");
        api.ok("POST", &path, &writer, Some(json!({"content": "hello"}))).map(drop)
    });
    let close = |own: &User, with: &User| -> Change {
        let (token, with) = (own.token.clone(), with.id.clone());
        Box::new(move |api| match dm_with(api, &token, &with)? {
            Some(channel) => api.ok("DELETE", &format!("/channels/{channel}"), &token, None).map(drop),
            None => Ok(()),
        })
    };
    let states = vec![
        (close(&other, &one), ("closed", "closed")),
        (call("POST", "/users/@me/channels".to_owned(), &one.token, Some(open)), ("open", "closed")),
        (write, ("open", "open")),
        (close(&one, &other), ("closed", "open")),
    ];
    let look: Look = Box::new(move |api| {
        let side = |own: &User, with: &User| {
            let found = dm_with(api, &own.token, &with.id)?;
            Ok::<_, String>(if found.is_some() { "open" } else { "closed" }.to_owned())
        };
        Ok((side(&one, &other)?, side(&other, &one)?))
    });
    Cycle { own_at_once: true, ..Cycle::new("conversation", states, look) }
}

fn dm_with(api: &Api, token: &str, user: &str) -> Result<Option<String>, String> {
    let list = api.ok("GET", "/users/@me/channels", token, None)?;
    let is_with =
        |one: &&Value| one["recipients"].as_array().is_some_and(|all| all.iter().any(|r| r["id"] == user));
    list.as_array().into_iter().flatten().find(is_with).map(|one| text(one, "id")).transpose()
}

//! Things that are made and taken away again: emojis, stickers, webhooks, roles, channels, threads, invites, files. Each is seen in
//! a list and in another place, which another owner, an index or the store of files answers for.

use super::Writer;
use crate::api::{Api, User, text};
use crate::server::Server;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Things of one kind at a time.
const THINGS_MAX: usize = 3;
/// A picture of one point.
pub(super) const PICTURE: [u8; 70] = [
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0,
    0, 1, 8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0d, b'I', b'D', b'A', b'T', 0x78, 0xda, 0x63,
    0xfc, 0xcf, 0xc0, 0x50, 0x0f, 0, 4, 0x85, 1, 0x80, 0x84, 0xa9, 0x8c, 0x21, 0, 0, 0, 0, b'I', b'E', b'N',
    b'D', 0xae, 0x42, 0x60, 0x82,
];
/// The same, as it stands in a JSON body.
const PICTURE_URI: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

type Make = Box<dyn Fn(&Api, usize) -> Result<String, String> + Send>;
type List = Box<dyn Fn(&Api) -> Result<Vec<String>, String> + Send>;
type Remove = Box<dyn Fn(&Api, &str) -> Result<(), String> + Send>;
type Elsewhere = Box<dyn Fn(&Api, &str) -> Result<bool, String> + Send>;

/// How a kind of things is made and looked at.
pub(super) struct Kind {
    pub(super) make: Make,
    pub(super) list: List,
    pub(super) remove: Remove,
    /// Whether one is there for somebody who does not ask the list.
    pub(super) elsewhere: Elsewhere,
}

/// Makes things of a kind, and takes the oldest away when there are enough.
pub(super) struct Kept {
    name: &'static str,
    kind: Kind,
    made: usize,
    there: Vec<String>,
    /// Taken away in this round.
    gone: Vec<String>,
    /// Being taken away when the server died: it may be there or not.
    going: Option<String>,
    /// Whether taking one away is several steps, of which some may be done: then it is taken away again.
    in_steps: bool,
}

impl Kept {
    pub(super) fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, made: 0, there: Vec::new(), gone: Vec::new(), going: None, in_steps: false }
    }

    /// Taking one away is several steps.
    pub(super) fn in_steps(self) -> Self {
        Self { in_steps: true, ..self }
    }
}

impl Writer for Kept {
    fn name(&self) -> &'static str {
        self.name
    }

    fn step(&mut self, api: &Api) -> Result<(), String> {
        if self.there.len() < THINGS_MAX {
            self.made += 1;
            self.there.push((self.kind.make)(api, self.made)?);
            return Ok(());
        }
        let oldest = self.there.remove(0);
        self.going = Some(oldest.clone());
        (self.kind.remove)(api, &oldest)?;
        self.going = None;
        self.gone.push(oldest);
        Ok(())
    }

    fn check(&mut self, api: &Api, _server: &Server) -> Result<usize, String> {
        let mut listed = (self.kind.list)(api)?;
        if let Some(going) = self.going.clone().filter(|going| self.in_steps && listed.contains(going)) {
            (self.kind.remove)(api, &going)?;
            listed = (self.kind.list)(api)?;
        }
        if let Some(going) = self.going.take() {
            let left = if listed.contains(&going) { &mut self.there } else { &mut self.gone };
            left.push(going);
        }
        let missing: Vec<_> = self.there.iter().filter(|one| !listed.contains(one)).collect();
        let left: Vec<_> = self.gone.iter().filter(|one| listed.contains(one)).collect();
        if !missing.is_empty() || !left.is_empty() {
            return Err(format!("missing in the list: {missing:?}; taken away and still listed: {left:?}"));
        }
        let look = |ids: &[String], wanted: bool| -> Result<(), String> {
            for id in ids {
                if (self.kind.elsewhere)(api, id)? != wanted {
                    let what =
                        if wanted { "listed and not found elsewhere" } else { "gone and found elsewhere" };
                    return Err(format!("{id} is {what}"));
                }
            }
            Ok(())
        };
        look(&self.there, true)?;
        look(&self.gone, false)?;
        let facts = 2 * (self.there.len() + self.gone.len());
        self.gone.clear();
        // One that was being made when the server died may be there: it is taken away, so that there are never too many.
        for id in listed.iter().filter(|id| !self.there.contains(id)) {
            (self.kind.remove)(api, id)?;
        }
        Ok(facts)
    }
}

/// The values of `field` in a list.
pub(super) fn each(list: &Value, field: &str) -> Result<Vec<String>, String> {
    list.as_array().into_iter().flatten().map(|one| text(one, field)).collect()
}

/// Whether a path is answered 200; 404 is no.
pub(super) fn found(api: &Api, path: &str, token: &str) -> Result<bool, String> {
    match api.call("GET", path, token, None)? {
        (200, _) => Ok(true),
        (404, _) => Ok(false),
        (status, answer) => Err(format!("GET {path} answered {status} {answer}")),
    }
}

/// A list at a path whose objects have what is given as `field`.
fn list(path: String, token: &str, field: &'static str) -> List {
    let token = token.to_owned();
    Box::new(move |api| each(&api.ok("GET", &path, &token, None)?, field))
}

fn post(path: String, token: &str, body: impl Fn(usize) -> Value + Send + 'static) -> Make {
    let token = token.to_owned();
    Box::new(move |api, n| {
        let made = api.ok("POST", &path, &token, Some(body(n)))?;
        text(&made, if made["code"].is_string() { "code" } else { "id" })
    })
}

fn delete(path: impl Fn(&str) -> String + Send + 'static, token: &str) -> Remove {
    let token = token.to_owned();
    Box::new(move |api, id| api.ok("DELETE", &path(id), &token, None).map(drop))
}

fn at(path: impl Fn(&str) -> String + Send + 'static, token: &str) -> Elsewhere {
    let token = token.to_owned();
    Box::new(move |api, id| found(api, &path(id), &token))
}

/// Emojis, and their pictures.
pub(super) fn emojis(owner: &User, guild: &str) -> Kept {
    let path = format!("/guilds/{guild}/emojis");
    let of = path.clone();
    Kept::new(
        "emojis",
        Kind {
            make: post(
                path.clone(),
                &owner.token,
                |n| json!({"name": format!("e{n}"), "image": PICTURE_URI}),
            ),
            list: list(path, &owner.token, "id"),
            remove: delete(move |id| format!("{of}/{id}"), &owner.token),
            elsewhere: Box::new(|api, id| Ok(api.file(&format!("/cdn/emojis/{id}.png"))?.is_some())),
        },
    )
}

/// Stickers, which are found without their guild too.
pub(super) fn stickers(owner: &User, stranger: &User, guild: &str) -> Kept {
    let path = format!("/guilds/{guild}/stickers");
    let (of, to, token) = (path.clone(), path.clone(), owner.token.clone());
    Kept::new(
        "stickers",
        Kind {
            make: Box::new(move |api, n| {
                let name = format!("s{n}");
                let fields = [("name", &*name), ("description", "a sticker"), ("tags", "point")];
                text(&api.upload("POST", &to, &token, &fields, ("file", "s.png", &PICTURE))?, "id")
            }),
            list: list(path, &owner.token, "id"),
            remove: delete(move |id| format!("{of}/{id}"), &owner.token),
            elsewhere: at(|id| format!("/stickers/{id}"), &stranger.token),
        },
    )
}

/// Webhooks, which are found by themselves too.
pub(super) fn webhooks(owner: &User, channel: &str) -> Kept {
    let path = format!("/channels/{channel}/webhooks");
    Kept::new(
        "webhooks",
        Kind {
            make: post(path.clone(), &owner.token, |n| json!({"name": format!("hook {n}")})),
            list: list(path, &owner.token, "id"),
            remove: delete(|id| format!("/webhooks/{id}"), &owner.token),
            elsewhere: at(|id| format!("/webhooks/{id}"), &owner.token),
        },
    )
}

/// Roles that a member is given.
pub(super) fn roles(owner: &User, member: &User, guild: &str) -> Kept {
    let path = format!("/guilds/{guild}/roles");
    let (of, to, token) = (path.clone(), path.clone(), owner.token.clone());
    let held = format!("/guilds/{guild}/members/{}", member.id);
    let (given, owners) = (held.clone(), owner.token.clone());
    let (all, lists) = (path, owner.token.clone());
    Kept::new(
        "roles",
        Kind {
            make: Box::new(move |api, n| {
                let role = api.ok("POST", &to, &token, Some(json!({"name": format!("role {n}")})))?;
                let role = text(&role, "id")?;
                api.ok("PUT", &format!("{given}/roles/{role}"), &token, None)?;
                Ok(role)
            }),
            list: Box::new(move |api| {
                let roles = api.ok("GET", &all, &lists, None)?;
                let roles = roles.as_array().into_iter().flatten();
                let own =
                    roles.filter(|role| role["name"].as_str().is_some_and(|name| name.starts_with("role ")));
                own.map(|role| text(role, "id")).collect()
            }),
            remove: delete(move |id| format!("{of}/{id}"), &owner.token),
            elsewhere: Box::new(move |api, id| {
                let member = api.ok("GET", &held, &owners, None)?;
                Ok(member["roles"].as_array().into_iter().flatten().any(|role| role == id))
            }),
        },
    )
}

/// Channels, which a member finds.
pub(super) fn channels(owner: &User, member: &User, guild: &str) -> Kept {
    let path = format!("/guilds/{guild}/channels");
    let (all, token) = (path.clone(), owner.token.clone());
    Kept::new(
        "channels",
        Kind {
            make: post(path, &owner.token, |n| json!({"name": format!("made-{n}"), "type": 0})),
            list: Box::new(move |api| {
                let channels = api.ok("GET", &all, &token, None)?;
                let channels = channels.as_array().into_iter().flatten();
                let own =
                    channels.filter(|one| one["name"].as_str().is_some_and(|name| name.starts_with("made-")));
                own.map(|one| text(one, "id")).collect()
            }),
            remove: delete(|id| format!("/channels/{id}"), &owner.token),
            elsewhere: at(|id| format!("/channels/{id}"), &member.token),
        },
    )
}

/// Threads, which a member finds.
pub(super) fn threads(owner: &User, member: &User, (guild, channel): (&str, &str)) -> Kept {
    let (all, token) = (format!("/guilds/{guild}/threads/active"), owner.token.clone());
    Kept::new(
        "threads",
        Kind {
            make: post(
                format!("/channels/{channel}/threads"),
                &owner.token,
                |n| json!({"name": format!("thread {n}"), "type": 11, "auto_archive_duration": 60}),
            ),
            list: Box::new(move |api| each(&api.ok("GET", &all, &token, None)?["threads"], "id")),
            remove: delete(|id| format!("/channels/{id}"), &owner.token),
            elsewhere: at(|id| format!("/channels/{id}"), &member.token),
        },
    )
}

/// Invites, which whoever has the code finds.
pub(super) fn invites(owner: &User, stranger: &User, channel: &str) -> Kept {
    let path = format!("/channels/{channel}/invites");
    Kept::new(
        "invites",
        Kind {
            make: post(path.clone(), &owner.token, |_| json!({"unique": true, "max_uses": 5})),
            list: list(path, &owner.token, "code"),
            remove: delete(|code| format!("/invites/{code}"), &owner.token),
            elsewhere: at(|code| format!("/invites/{code}"), &stranger.token),
        },
    )
}

/// Messages with a file, and the file. The message is changed after it is sent.
pub(super) fn uploads(owner: &User, channel: String) -> Kept {
    let path = format!("/channels/{channel}/messages");
    let (to, of, token) = (path.clone(), path.clone(), owner.token.clone());
    let (all, lists) = (path, owner.token.clone());
    let addresses: std::sync::Arc<Mutex<BTreeMap<String, String>>> = std::sync::Arc::default();
    let known = addresses.clone();
    Kept::new(
        "uploads",
        Kind {
            make: Box::new(move |api, n| {
                let payload = json!({"content": format!("file {n}")}).to_string();
                let file = ("files[0]", "point.png", &PICTURE[..]);
                let sent = api.upload("POST", &to, &token, &[("payload_json", &payload)], file)?;
                let id = text(&sent, "id")?;
                let address = text(&sent["attachments"][0], "url")?;
                if let Ok(mut known) = known.lock() {
                    known.insert(id.clone(), address);
                }
                let changed = Some(json!({"content": "changed"}));
                api.ok("PATCH", &format!("{to}/{id}"), &token, changed)?;
                Ok(id)
            }),
            list: Box::new(move |api| {
                let messages = api.ok("GET", &format!("{all}?limit=100"), &lists, None)?;
                each(&messages, "id")
            }),
            remove: delete(move |id| format!("{of}/{id}"), &owner.token),
            elsewhere: Box::new(move |api, id| {
                let known = addresses.lock().map_err(|_| "an upload panicked".to_owned())?;
                let address = known.get(id).cloned().ok_or_else(|| format!("{id} was never sent"))?;
                // The server has another port by now.
                let at = address.find("/cdn/").ok_or_else(|| format!("{address} is no address of a file"))?;
                match api.file(&address[at..])? {
                    Some(bytes) if bytes == PICTURE => Ok(true),
                    Some(bytes) => Err(format!("the file of {id} has {} other bytes", bytes.len())),
                    None => Ok(false),
                }
            }),
        },
    )
}

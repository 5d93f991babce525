//! A small REST client, and the accounts, guilds and bots that tests and benches need, made the way a
//! person's web client makes them.

use serde_json::{Value, json};
use std::time::Duration;

/// Every permission of a bot under test: ADMINISTRATOR.
const ADMINISTRATOR: &str = "8";
/// What the second bot may do: view, send, history, react, embed, attach, connect, speak, use threads.
const ORDINARY: u64 = 1 << 6
    | 1 << 10
    | 1 << 11
    | 1 << 14
    | 1 << 15
    | 1 << 16
    | 1 << 20
    | 1 << 21
    | 1 << 31
    | 1 << 35
    | 1 << 38;
/// The application flags of the three privileged intents: presences, members, message content.
const PRIVILEGED_INTENTS: u64 = 1 << 13 | 1 << 15 | 1 << 19;
/// How often a rate-limited call is repeated.
const RETRIES: usize = 20;

/// A REST client of one server.
#[derive(Clone)]
pub struct Api {
    base: String,
    agent: ureq::Agent,
}

/// A person's account.
#[derive(Clone)]
pub struct User {
    /// The token, as it stands in `Authorization`.
    pub token: String,
    pub id: String,
}

/// A bot's account.
#[derive(Clone)]
pub struct Bot {
    /// The token without `Bot `.
    pub token: String,
    pub id: String,
    pub application: String,
}

impl Bot {
    /// The value of its `Authorization` header.
    pub fn authorization(&self) -> String {
        format!("Bot {}", self.token)
    }
}

/// A guild with its people: an owner, a member, somebody outside, a bot that may everything and one that
/// may little.
pub struct World {
    pub owner: User,
    pub member: User,
    pub outsider: User,
    pub guild: String,
    pub channel: String,
    pub bot: Bot,
    pub second_bot: Bot,
}

/// An answer, whatever it says.
pub struct Answered {
    pub status: u16,
    /// The header `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
    /// Its JSON; null when it has no body.
    pub body: Value,
}

impl Api {
    /// Talks to the API at `base`, which ends in the version.
    pub fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Self { base: base.to_owned(), agent: config.into() }
    }

    /// Calls a route and returns status and JSON body (null when there is none); waits out 429s.
    ///
    /// # Errors
    /// When the server cannot be reached or never stops limiting.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Result<(u16, Value), String> {
        for _ in 0..RETRIES {
            let Answered { status, body: answer, .. } = self.once(method, path, token, body.as_ref())?;
            if status != 429 {
                return Ok((status, answer));
            }
            std::thread::sleep(Duration::from_secs_f64(answer["retry_after"].as_f64().unwrap_or(1.0)));
        }
        Err(format!("{method} {path}: rate limited {RETRIES} times"))
    }

    /// Calls a route that must answer 2xx.
    ///
    /// # Errors
    /// As [`Api::call`], and with status and body when the answer is not 2xx.
    pub fn ok(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Result<Value, String> {
        match self.call(method, path, token, body)? {
            (200..=299, answer) => Ok(answer),
            (status, answer) => Err(format!("{method} {path} answered {status} {answer}")),
        }
    }

    /// Calls a route once.
    ///
    /// # Errors
    /// When the server cannot be reached.
    pub fn once(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<&Value>,
    ) -> Result<Answered, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{method} {path}: {error}");
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.base));
        if !token.is_empty() {
            request = request.header("authorization", token);
        }
        let text = body.map(Value::to_string).unwrap_or_default();
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(text).map_err(|error| failed(&error))?;
        let mut answer = self.agent.run(request).map_err(|error| failed(&error))?;
        let text = answer.body_mut().read_to_string().map_err(|error| failed(&error))?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        let retry_after =
            answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Answered { status: answer.status().as_u16(), retry_after, body })
    }

    /// Calls a route with a form of these fields and one file (field, name, bytes). The answer must be 2xx.
    ///
    /// # Errors
    /// As [`Api::ok`].
    pub fn upload(
        &self,
        method: &str,
        path: &str,
        token: &str,
        fields: &[(&str, &str)],
        (field, name, bytes): (&str, &str, &[u8]),
    ) -> Result<Value, String> {
        const BOUNDARY: &str = "part-of-an-upload";
        let failed = |error: &dyn std::fmt::Display| format!("{method} {path}: {error}");
        let mut body = Vec::new();
        for (field, value) in fields {
            let head = format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n"
            );
            body.extend_from_slice(head.as_bytes());
        }
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", token)
            .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(body)
            .map_err(|error| failed(&error))?;
        let mut answer = self.agent.run(request).map_err(|error| failed(&error))?;
        let text = answer.body_mut().read_to_string().map_err(|error| failed(&error))?;
        match answer.status().as_u16() {
            200..=299 => Ok(serde_json::from_str(&text).unwrap_or_default()),
            status => Err(format!("{method} {path} answered {status} {text}")),
        }
    }

    /// Fetches a file by its path on the server, `/cdn/…`; `None` when it is not there.
    ///
    /// # Errors
    /// When the server cannot be reached or answers something else than 200 and 404.
    pub fn file(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        let base = self.base.split("/api/").next().unwrap_or_default();
        let mut answer =
            self.agent.get(format!("{base}{path}")).call().map_err(|error| format!("GET {path}: {error}"))?;
        match answer.status().as_u16() {
            200 => answer.body_mut().read_to_vec().map(Some).map_err(|error| format!("GET {path}: {error}")),
            404 => Ok(None),
            status => Err(format!("GET {path} answered {status}")),
        }
    }

    /// Where the server listens.
    ///
    /// # Errors
    /// When that is no address of a socket.
    pub fn address(&self) -> Result<std::net::SocketAddr, String> {
        let host = self.base.trim_start_matches("http://").split('/').next().unwrap_or_default();
        host.parse().map_err(|error| format!("{host}: {error}"))
    }

    /// Registers a person and logs in.
    ///
    /// # Errors
    /// When a call fails.
    pub fn user(&self, name: &str, tag: &str) -> Result<User, String> {
        let email = format!("{name}.{tag}@example.test");
        let password = format!("correct-horse-{tag}");
        let form = json!({
            "email": email, "username": format!("{name}_{tag}"), "global_name": format!("{name} {tag}"),
            "password": password, "date_of_birth": "1990-01-02", "consent": true,
        });
        self.ok("POST", "/auth/register", "", Some(form))?;
        let login =
            self.ok("POST", "/auth/login", "", Some(json!({"login": email, "password": password})))?;
        let token = text(&login, "token")?;
        let me = self.ok("GET", "/users/@me", &token, None)?;
        Ok(User { id: text(&me, "id")?, token })
    }

    /// Makes an application with a bot that has every privileged intent.
    ///
    /// # Errors
    /// When a call fails.
    pub fn bot(&self, owner: &User, name: &str) -> Result<Bot, String> {
        let app = self.ok("POST", "/applications", &owner.token, Some(json!({ "name": name })))?;
        let application = text(&app, "id")?;
        let made =
            self.ok("POST", &format!("/applications/{application}/bot"), &owner.token, Some(json!({})))?;
        let token = match made["token"].as_str() {
            Some(token) => token.to_owned(),
            None => {
                let path = format!("/applications/{application}/bot/reset");
                text(&self.ok("POST", &path, &owner.token, Some(json!({})))?, "token")?
            }
        };
        let path = format!("/applications/{application}");
        self.ok("PATCH", &path, &owner.token, Some(json!({ "flags": PRIVILEGED_INTENTS })))?;
        let me = self.ok("GET", "/users/@me", &format!("Bot {token}"), None)?;
        Ok(Bot { id: text(&me, "id")?, token, application })
    }

    /// Adds a bot to a guild with these permissions.
    ///
    /// # Errors
    /// When the call fails.
    pub fn authorise(&self, owner: &User, bot: &Bot, guild: &str, permissions: &str) -> Result<(), String> {
        let path =
            format!("/oauth2/authorize?client_id={}&scope=bot%20applications.commands", bot.application);
        let form =
            json!({"guild_id": guild, "permissions": permissions, "authorize": true, "integration_type": 0});
        self.ok("POST", &path, &owner.token, Some(form)).map(drop)
    }

    /// Makes a guild and returns its id and that of a text channel in it.
    ///
    /// # Errors
    /// When a call fails.
    pub fn guild(&self, owner: &User, name: &str) -> Result<(String, String), String> {
        let guild = text(&self.ok("POST", "/guilds", &owner.token, Some(json!({ "name": name })))?, "id")?;
        let path = format!("/guilds/{guild}/channels");
        let channels = self.ok("GET", &path, &owner.token, None)?;
        let first = channels.as_array().into_iter().flatten().find(|channel| channel["type"] == 0);
        let channel = match first {
            Some(channel) => text(channel, "id")?,
            None => self.channel(&owner.token, &guild, "general")?,
        };
        Ok((guild, channel))
    }

    /// Makes a text channel and returns its id.
    ///
    /// # Errors
    /// When the call fails.
    pub fn channel(&self, token: &str, guild: &str, name: &str) -> Result<String, String> {
        let path = format!("/guilds/{guild}/channels");
        text(&self.ok("POST", &path, token, Some(json!({"name": name, "type": 0})))?, "id")
    }

    /// Lets somebody join through an invite that the owner makes.
    ///
    /// # Errors
    /// When a call fails.
    pub fn join(&self, owner: &User, channel: &str, user: &User) -> Result<(), String> {
        let path = format!("/channels/{channel}/invites");
        let invite = self.ok("POST", &path, &owner.token, Some(json!({"max_age": 0, "max_uses": 0})))?;
        let path = format!("/invites/{}", text(&invite, "code")?);
        self.ok("POST", &path, &user.token, Some(json!({}))).map(drop)
    }

    /// Makes a whole [`World`]; `tag` keeps its names apart from others'.
    ///
    /// # Errors
    /// When a call fails.
    pub fn world(&self, tag: &str) -> Result<World, String> {
        let owner = self.user("owner", tag)?;
        let member = self.user("member", tag)?;
        let outsider = self.user("outsider", tag)?;
        let (guild, channel) = self.guild(&owner, &format!("Guild {tag}"))?;
        let bot = self.bot(&owner, &format!("alpha {tag}"))?;
        let second_bot = self.bot(&owner, &format!("beta {tag}"))?;
        self.authorise(&owner, &bot, &guild, ADMINISTRATOR)?;
        self.authorise(&owner, &second_bot, &guild, &ORDINARY.to_string())?;
        self.join(&owner, &channel, &member)?;
        Ok(World { owner, member, outsider, guild, channel, bot, second_bot })
    }
}

impl World {
    /// What a conformance suite learns from its environment.
    pub fn env(&self, api: &str) -> Vec<(&'static str, String)> {
        vec![
            ("API_BASE", api.to_owned()),
            ("GUILD_ID", self.guild.clone()),
            ("CHANNEL_ID", self.channel.clone()),
            ("BOT_TOKEN", self.bot.token.clone()),
            ("BOT_ID", self.bot.id.clone()),
            ("BOT2_TOKEN", self.second_bot.token.clone()),
            ("BOT2_ID", self.second_bot.id.clone()),
            ("APPLICATION_ID", self.bot.application.clone()),
            ("OWNER_TOKEN", self.owner.token.clone()),
            ("OWNER_ID", self.owner.id.clone()),
            ("MEMBER_TOKEN", self.member.token.clone()),
            ("MEMBER_ID", self.member.id.clone()),
            ("OUTSIDER_TOKEN", self.outsider.token.clone()),
            ("OUTSIDER_ID", self.outsider.id.clone()),
        ]
    }
}

/// A string field of an answer.
///
/// # Errors
/// When it is missing or no string.
pub fn text(value: &Value, key: &str) -> Result<String, String> {
    value[key].as_str().map(str::to_owned).ok_or_else(|| format!("no {key} in {value}"))
}

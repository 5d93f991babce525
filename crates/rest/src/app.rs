//! What every handler shares.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::response::Response;
use consort_cdn::{Cdn, Media};
use consort_model::{ChannelId, GuildId, Timestamp, UserId, limits};
use consort_rpc::guild::may::May;
use consort_rpc::{
    Caller, Client, MeshRef, Reply, account, application, guild, message, name, private, search, user,
};
use consort_runtime::{ClockRef, Health, Ids, Registry, Shares};
use consort_store::StoreRef;

use crate::accounts::password::Passwords;
use crate::channel_owner::{ChannelOwner, ChannelOwners};
use crate::limit::Limiter;
use crate::token::Tokens;
use crate::{Answered, Failure, answer};

/// What of the edge a node serves. Whether it is well every node says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Serves {
    /// The API, and the web client.
    pub api: bool,
    /// Files.
    pub files: bool,
}

/// Finds the base of the gateway's URLs on a node that has no gateway itself; `None` when no node has one.
#[derive(Clone)]
pub struct GatewayElsewhere(pub Arc<dyn Fn() -> Option<String> + Send + Sync>);

impl fmt::Debug for GatewayElsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GatewayElsewhere")
    }
}

/// Settings of the edge.
#[derive(Debug, Clone)]
pub struct Config {
    /// Base of the URLs that are given out, such as `https://chat.example`; see the README for what it is by default.
    pub public_url: Option<String>,
    /// Base of gateway URLs, such as `wss://gateway.example`; by default that of `public_url` or the request's Host.
    pub gateway_url: Option<String>,
    /// Where the gateway is when that is not set and this node has none.
    pub gateway_elsewhere: Option<GatewayElsewhere>,
    /// What is served.
    pub serves: Serves,
    /// A developer's machine: no limits on registration and login.
    pub dev: bool,
    /// Whether rate limits apply; off for measurements only.
    pub rate_limits: bool,
    /// Whether anybody may register; the first account always may.
    pub registration: bool,
    /// How many reverse proxies stand in front, each of which adds an entry to `X-Forwarded-For`; 0 believes no such header.
    pub trusted_proxies: usize,
    /// Answers of 401, 403 and 429 that an address gets in ten minutes before it gets nothing else.
    pub invalid_requests_max: u32,
    /// Requests handled at once; more are answered 503, those of accounts and addresses with the most first.
    pub requests_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            public_url: None,
            gateway_url: None,
            gateway_elsewhere: None,
            serves: Serves { api: true, files: true },
            dev: false,
            rate_limits: true,
            registration: true,
            trusted_proxies: 0,
            invalid_requests_max: limits::BAD_REQUESTS_MAX,
            requests_max: 4096,
        }
    }
}

/// What an [`App`] is made of.
pub struct Parts {
    /// This node and the way to the others.
    pub mesh: MeshRef,
    /// Where rows are.
    pub store: StoreRef,
    /// Where files are.
    pub cdn: Arc<Cdn>,
    /// Pictures of other servers.
    pub media: Arc<Media>,
    /// The time.
    pub clock: ClockRef,
    /// Snowflakes of this node.
    pub ids: Arc<Ids>,
    /// The list of actors.
    pub registry: Registry,
    /// What is wrong with the node.
    pub health: Health,
    /// Whether the disk has room; without it only deletions are taken.
    pub room: Arc<AtomicBool>,
    /// Settings.
    pub config: Config,
}

/// Bytes of request bodies in memory at once, over all requests; more are answered 503. An account or address has its part.
const BODY_BYTES_MAX: u64 = 256 << 20;
/// What of it everybody gets as long as there is any: a small body.
const BODY_BYTES_FLOOR: u64 = 64 << 10;

/// The edge's state. Handlers take it as `State<Arc<App>>`.
pub struct App {
    /// This node and the way to the others.
    pub mesh: MeshRef,
    /// Owners of guilds.
    pub guilds: Client<guild::Guild>,
    /// Owners of accounts.
    pub users: Client<user::User>,
    /// Owners of private channels.
    pub privates: Client<private::Private>,
    /// Where rows are.
    pub store: StoreRef,
    /// Where files are.
    pub cdn: Arc<Cdn>,
    /// Pictures of other servers.
    pub media: Arc<Media>,
    /// The time.
    pub clock: ClockRef,
    /// Snowflakes of this node.
    pub ids: Arc<Ids>,
    /// Rate limits.
    pub limiter: Arc<Limiter>,
    /// Owners of accounts' secrets.
    pub accounts: Client<account::Account>,
    /// Owners of applications.
    pub applications: Client<application::Application>,
    /// Owners of names.
    pub names: Client<name::Name>,
    /// Indexes of messages.
    pub searches: Client<search::Search>,
    /// Who calls.
    pub tokens: Arc<Tokens>,
    /// Hashes passwords.
    pub passwords: Passwords,
    /// Where channels are.
    pub places: ChannelOwners,
    /// The list of actors.
    pub registry: Registry,
    /// What is wrong with the node.
    pub health: Health,
    /// Whether the disk has room; without it only deletions are taken.
    pub room: Arc<AtomicBool>,
    /// Settings.
    pub config: Config,
    /// Memory that request bodies may take, in bytes.
    pub(crate) body_bytes: Arc<Shares>,
    /// ChannelOwners for requests that are handled at once.
    pub(crate) requests: Arc<Shares>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("config", &self.config).finish_non_exhaustive()
    }
}

impl App {
    /// Puts the edge together.
    pub fn new(parts: Parts) -> Arc<Self> {
        let Parts { mesh, store, cdn, media, clock, ids, registry, health, room, config } = parts;
        Arc::new(Self {
            guilds: mesh.client(),
            users: mesh.client(),
            privates: mesh.client(),
            limiter: Arc::new(Limiter::new(mesh.clone())),
            accounts: mesh.client(),
            applications: mesh.client(),
            names: mesh.client(),
            searches: mesh.client(),
            tokens: Tokens::new(&mesh, clock.clone()),
            passwords: Passwords::default(),
            places: ChannelOwners::default(),
            body_bytes: Shares::new(BODY_BYTES_MAX, BODY_BYTES_FLOOR),
            requests: Shares::new(config.requests_max as u64, 1),
            mesh,
            store,
            cdn,
            media,
            clock,
            ids,
            registry,
            health,
            room,
            config,
        })
    }

    /// Now, Unix milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.now_ms())
    }

    /// Draws a snowflake.
    pub fn next_id(&self) -> u64 {
        self.ids.next(self.now_ms())
    }

    /// Finds the owner of a channel.
    ///
    /// # Errors
    /// 404/10003 when there is no such channel.
    pub async fn place(&self, channel: ChannelId) -> Result<ChannelOwner, Failure> {
        self.places.find(&self.store, channel).await
    }

    /// The guild of a channel.
    ///
    /// # Errors
    /// 404/10003 when there is no such channel, 400/50024 when it is a private one.
    pub async fn guild_of(&self, channel: ChannelId) -> Result<GuildId, Failure> {
        match self.place(channel).await? {
            ChannelOwner::Guild(guild) => Ok(guild),
            ChannelOwner::Private => Err(Failure(consort_model::ApiError::cannot_execute_on_dm())),
        }
    }

    /// Asks a guild and passes its reply on.
    ///
    /// # Errors
    /// Never; the type is that of handlers. The owner's refusal is in the response.
    pub async fn ask_guild(&self, guild: GuildId, caller: Caller, op: impl Into<guild::Op>) -> Answered {
        Ok(answer(self.guilds.call(guild.get(), caller, op.into()).await))
    }

    /// Refuses who may not do something in a guild, before what they send is read.
    ///
    /// # Errors
    /// As those of the act itself.
    pub(crate) async fn may(&self, guild: GuildId, caller: Caller, what: May) -> Result<(), Failure> {
        self.guilds.call(guild.get(), caller, guild::Op::May(what)).await?;
        Ok(())
    }

    /// Asks an account's owner and passes its reply on.
    ///
    /// # Errors
    /// As [`App::ask_guild`].
    pub async fn ask_user(&self, user: UserId, caller: Caller, op: user::Op) -> Answered {
        Ok(answer(self.users.call(user.get(), caller, op).await))
    }

    /// Asks a private channel and passes its reply on.
    ///
    /// # Errors
    /// As [`App::ask_guild`].
    pub async fn ask_private(&self, channel: ChannelId, caller: Caller, op: private::Op) -> Answered {
        Ok(answer(self.privates.call(channel.get(), caller, op).await))
    }

    /// Asks the conversation of a channel, whoever owns it.
    ///
    /// # Errors
    /// 404/10003 when there is no such channel, or the owner's refusal.
    pub async fn call_message(
        &self,
        channel: ChannelId,
        caller: Caller,
        op: message::Op,
    ) -> Result<Reply, Failure> {
        Ok(match self.place(channel).await? {
            ChannelOwner::Guild(guild) => {
                self.guilds.call(guild.get(), caller, guild::Op::Message { channel, op }).await
            }
            ChannelOwner::Private => {
                self.privates.call(channel.get(), caller, private::Op::Message { channel, op }).await
            }
        })
    }

    /// Asks the conversation of a channel, whoever owns it, and passes the reply on.
    ///
    /// # Errors
    /// As [`App::call_message`].
    pub async fn ask_message(&self, channel: ChannelId, caller: Caller, op: message::Op) -> Answered {
        self.call_message(channel, caller, op).await.map(answer)
    }
}

/// A response made by a function that cannot fail, as a handler's result.
pub fn ok(response: Response) -> Answered {
    Ok(response)
}

//! `consort bench-world`: a guild with many members, written into a data directory while no server runs on it.
//!
//! The guild, its owner and a bot that may post are made over the API. Members get their rows from here, since registering each would hash
//! a password each: they have no password, only, if wanted, a token.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use clap::Args;
use consort_account::rows::NameRow;
use consort_model::object::account::{UserRow, index_partition, username_key};
use consort_model::{AuthSessionId, GuildId, Member, Timestamp, User, UserId};
use consort_rest::{App, router, token};
use consort_store::{Batch, Key, Table};
use consort_user::rows::UserGuildRow;
use http::{Method, Request, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{Node, Settings};

/// Largest answer of the API that is read, bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Members written in one batch.
const BATCH_MEMBERS: usize = 200;
/// Messages written in one batch.
const BATCH_MESSAGES: u64 = 1000;
/// A tenth of a message's text.
const MESSAGE: &str = "What people write to each other all day long, and in large communities all night. ";
/// Batches on their way to the disk.
const BATCHES_PENDING_MAX: usize = 16;
/// The password of the owner, who can log in with it: a bench world holds nothing worth guarding.
const PASSWORD: &str = "bench-world";

/// Arguments of `consort bench-world`.
#[derive(Debug, Clone, Args)]
pub struct WorldArgs {
    /// How many members the guild gets, besides its owner
    #[arg(long)]
    pub members: usize,
    /// How many of them get a token
    #[arg(long)]
    pub tokens: usize,
    /// How many messages a second channel gets, of about 1 KB each
    #[arg(long, default_value_t = 0)]
    pub messages: u64,
    /// Directory of the data, as for `serve`
    #[arg(long)]
    pub data: PathBuf,
    /// Directory for `tokens.txt`, a token a line, and `world.env`, with GUILD_ID, CHANNEL_ID, POST_TOKEN and FULL_CHANNEL_ID
    #[arg(long)]
    pub out: PathBuf,
}

/// Writes the guild and what is to be known of it.
///
/// # Errors
/// A text that says what failed.
pub async fn fill(args: &WorldArgs) -> Result<(), String> {
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let node = Node::start(&Settings { listen, dev: true, ..Settings::new(&args.data) }).await?;
    let written = write_world(node.app(), args).await;
    node.shutdown().await;
    written
}

async fn write_world(app: &Arc<App>, args: &WorldArgs) -> Result<(), String> {
    let owner = json!({
        "username": format!("bench_owner_{}", app.next_id()), "password": PASSWORD,
        "date_of_birth": "1990-01-01", "consent": true,
    });
    let token = text(&call(app, Method::POST, "/auth/register", "", Some(owner)).await?, "token")?;
    let guild = call(app, Method::POST, "/guilds", &token, Some(json!({"name": "Bench"}))).await?;
    let guild: GuildId = text(&guild, "id")?.parse().map_err(|_| "the guild has no id".to_owned())?;
    let channels = call(app, Method::GET, &format!("/guilds/{guild}/channels"), &token, None).await?;
    let channel = channels.as_array().into_iter().flatten().find(|channel| channel["type"] == 0);
    let channel = text(channel.unwrap_or(&Value::Null), "id")?;
    let poster = add_bot(app, guild, &token).await?;
    let tokens = write_members(app, guild, args).await?;
    let mut world = format!("GUILD_ID={guild}\nCHANNEL_ID={channel}\nPOST_TOKEN={poster}\n");
    if args.messages > 0 {
        let full = json!({"name": "full", "type": 0});
        let full = call(app, Method::POST, &format!("/guilds/{guild}/channels"), &token, Some(full)).await?;
        let full = text(&full, "id")?;
        let author = call(app, Method::GET, "/users/@me", &token, None).await?;
        write_messages(app, &full, &author, args.messages).await?;
        world.push_str(&format!("FULL_CHANNEL_ID={full}\n"));
    }
    write_out(&args.out, &tokens, &world).map_err(|error| format!("{}: {error}", args.out.display()))
}

/// Makes a bot that may post in the guild; returns its token.
async fn add_bot(app: &Arc<App>, guild: GuildId, owner: &str) -> Result<String, String> {
    let application = call(app, Method::POST, "/applications", owner, Some(json!({"name": "Bench"}))).await?;
    let application = text(&application, "id")?;
    let bot =
        call(app, Method::POST, &format!("/applications/{application}/bot"), owner, Some(json!({}))).await?;
    let path = format!("/oauth2/authorize?client_id={application}&scope=bot");
    let consent = json!({"guild_id": guild, "permissions": "8", "authorize": true});
    call(app, Method::POST, &path, owner, Some(consent)).await?;
    text(&bot, "token")
}

/// Writes accounts and memberships; returns the tokens.
async fn write_members(app: &App, guild: GuildId, args: &WorldArgs) -> Result<Vec<String>, String> {
    let joined_at = Timestamp::from_ms(app.now_ms());
    let failed = |error: consort_store::Error| format!("writing members: {error}");
    let mut tokens = Vec::with_capacity(args.tokens);
    let mut pending = VecDeque::new();
    for first in (0..args.members).step_by(BATCH_MEMBERS) {
        let mut batch = Batch::new();
        for index in first..args.members.min(first + BATCH_MEMBERS) {
            let id = UserId::new(app.next_id());
            let user = User::person(id, format!("bench_{id}"));
            let member = Member::new(user.clone(), joined_at);
            let name = username_key(&user.username, &user.discriminator);
            let reserved = NameRow { user: id, until_ms: 0 };
            batch.put_row(Table::UsernameIndex, index_partition(&name), Key::text(&name), &reserved);
            batch.put_row(Table::Users, id.get(), Key::empty(), &UserRow::person(user, "en-US"));
            batch.put_row(Table::Members, guild.get(), id.get(), &member);
            batch.put_row(Table::UserGuilds, id.get(), guild.get(), &UserGuildRow { joined_at });
            if index < args.tokens {
                let session = AuthSessionId::new(app.next_id());
                let (token, row) =
                    token::fresh(id, session, token::Kind::User, app.now_ms(), None, Default::default());
                batch.put_row(Table::UserTokens, id.get(), session.get(), &row);
                tokens.push(token);
            }
        }
        pending.push_back(app.store.submit(batch));
        // Several at once share a flush to the disk.
        if pending.len() > BATCHES_PENDING_MAX
            && let Some(oldest) = pending.pop_front()
        {
            oldest.await.map_err(failed)?;
        }
    }
    for batch in pending {
        batch.await.map_err(failed)?;
    }
    Ok(tokens)
}

/// Writes messages into a channel, as its owner would have stored them.
async fn write_messages(app: &App, channel: &str, author: &Value, count: u64) -> Result<(), String> {
    let failed = |error: consort_store::Error| format!("writing messages: {error}");
    let partition: u64 = channel.parse().map_err(|_| "the channel has no id".to_owned())?;
    let mut message = json!({
        "id": "0", "channel_id": channel, "author": author, "content": MESSAGE.repeat(10),
        "timestamp": Timestamp::from_ms(app.now_ms()), "edited_timestamp": null, "tts": false, "mention_everyone": false,
        "mentions": [], "mention_roles": [], "attachments": [], "embeds": [], "pinned": false, "type": 0,
    });
    let mut pending = VecDeque::new();
    let mut left = count;
    while left > 0 {
        let mut batch = Batch::new();
        for _ in 0..left.min(BATCH_MESSAGES) {
            let id = app.next_id();
            message["id"] = json!(id.to_string());
            batch.put_row(Table::Messages, partition, id, &message);
        }
        left -= left.min(BATCH_MESSAGES);
        pending.push_back(app.store.submit(batch));
        if pending.len() > BATCHES_PENDING_MAX
            && let Some(oldest) = pending.pop_front()
        {
            oldest.await.map_err(failed)?;
        }
    }
    for batch in pending {
        batch.await.map_err(failed)?;
    }
    Ok(())
}

fn write_out(out: &Path, tokens: &[String], world: &str) -> io::Result<()> {
    std::fs::create_dir_all(out)?;
    let mut list = io::BufWriter::new(std::fs::File::create(out.join("tokens.txt"))?);
    tokens.iter().try_for_each(|token| writeln!(list, "{token}"))?;
    list.flush()?;
    std::fs::write(out.join("world.env"), world)
}

/// Calls a route of the API, which must answer 2xx.
async fn call(
    app: &Arc<App>,
    method: Method,
    path: &str,
    token: &str,
    body: Option<Value>,
) -> Result<Value, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{path}: {error}");
    let request = Request::builder()
        .method(method)
        .uri(format!("/api/v10{path}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::AUTHORIZATION, token);
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let request = request.body(body).map_err(|error| failed(&error))?;
    let answer = router(app.clone(), None).oneshot(request).await.map_err(|error| failed(&error))?;
    let status = answer.status();
    let body =
        axum::body::to_bytes(answer.into_body(), ANSWER_BYTES_MAX).await.map_err(|error| failed(&error))?;
    match status.is_success() {
        true => serde_json::from_slice(&body).map_err(|error| failed(&error)),
        false => Err(failed(&format!("{status} {}", String::from_utf8_lossy(&body)))),
    }
}

fn text(value: &Value, key: &str) -> Result<String, String> {
    value[key].as_str().map(str::to_owned).ok_or_else(|| format!("no {key} in {value}"))
}

//! Routes of the area `webhooks`. With a token in the path no account is needed.
//!
//! `avatar_url` of a message is accepted and not followed: the server fetches nothing that a stranger names.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use consort_cdn::Kind;
use consort_model::limits::{APPLIED_TAGS_MAX, IMAGE_BYTES_MAX};
use consort_model::request::message::{ComponentSender, CreateMessage, EditMessage};
use consort_model::request::thread::StartThread;
use consort_model::validate::Named;
use consort_model::{ApiError, ChannelId, Form, GuildId, MessageId, Webhook, WebhookId};
use consort_rpc::guild::may::May;
use consort_rpc::guild::webhook::{Execute, IndexRow, OnMessage, Op, Source};
use consort_rpc::{Caller, Reply, guild};
use consort_store::{Key, StoreExt as _, Table};
use http::HeaderMap;
use serde_json::Value;

use super::messages::{prepare, prepare_edit};
use crate::extract::{Auth, Ids, InChannel, InGuild, JsonBody, Query, Size, Unread, UnreadJson, Upload};
use crate::files::Kept;
use crate::interactions::{self, followup::Which};
use crate::webhook_services::{from_github, from_slack};
use crate::{Answered, App, Failure, answer, empty, reply};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/channels/{channel_id}/webhooks", get(list_channel).post(create))
        .route("/channels/{channel_id}/followers", post(follow))
        .route("/guilds/{guild_id}/webhooks", get(list))
        .route("/webhooks/{webhook_id}", get(show).patch(update).delete(remove))
        .route(
            "/webhooks/{webhook_id}/{webhook_token}",
            get(show_by_token).patch(update_by_token).delete(remove_by_token).post(execute),
        )
        .route("/webhooks/{webhook_id}/{webhook_token}/slack", post(execute_slack))
        .route("/webhooks/{webhook_id}/{webhook_token}/github", post(execute_github))
        .route(
            "/webhooks/{webhook_id}/{webhook_token}/messages/{message_id}",
            get(show_message).patch(edit_message).delete(remove_message),
        )
}

/// The guild of a webhook.
async fn guild_of(app: &App, webhook: WebhookId) -> Result<GuildId, Failure> {
    let row: Option<IndexRow> = app.store.get_row(Table::WebhookIndex, webhook.get(), Key::empty()).await?;
    row.map(|row| row.guild).ok_or(Failure(ApiError::unknown_webhook()))
}

/// Asks the guild of a webhook.
async fn ask(app: &App, webhook: WebhookId, caller: Caller, op: Op) -> Result<Reply, Failure> {
    ask_guild_of(app, webhook, caller, guild::Op::Webhook(op)).await
}

async fn ask_guild_of(
    app: &App,
    webhook: WebhookId,
    caller: Caller,
    op: guild::Op,
) -> Result<Reply, Failure> {
    let guild = guild_of(app, webhook).await?;
    let reply = app.guilds.call(guild.get(), caller, op).await;
    Ok(reply.map_err(|error| match error.code {
        10004 => ApiError::unknown_webhook(),
        _ => error,
    }))
}

async fn list(guild: InGuild) -> Answered {
    guild.ask(Op::List).await
}

async fn list_channel(channel: InChannel) -> Answered {
    channel.ask_guild(Op::ListChannel { channel: channel.id }).await
}

async fn follow(channel: InChannel, body: JsonBody) -> Answered {
    let target: ChannelId = body.check(|f| f.required("webhook_channel_id", f.id("webhook_channel_id")))?;
    let (guild, into) = (channel.guild().await?, channel.other(target).guild().await?);
    let source: Source = reply::read(&guild.call(Op::Followable { channel: channel.id }).await?)?;
    into.ask(Op::Follow { id: WebhookId::new(into.app.next_id()), source, target }).await
}

fn name(f: &Form<'_>) -> Option<String> {
    f.name("name", Named::Webhook)
}

async fn create(channel: InChannel, body: UnreadJson) -> Answered {
    let (guild, channel) = (channel.guild().await?, channel.id);
    let body = guild.read(body, May::CreateWebhook { channel }).await?;
    let (name, avatar) = body.check(|f| {
        let name = f.required("name", name(f));
        Some((name?, f.patch_image("avatar", IMAGE_BYTES_MAX)))
    })?;
    let id = WebhookId::new(guild.app.next_id());
    let mut kept = Kept::default();
    let avatar = kept.put_image(&guild.app, Kind::Avatar, id.get(), avatar).await?.value();
    guild.ask_with(kept, Op::Create { id, channel, name, avatar }).await
}

async fn show(State(app): State<Arc<App>>, auth: Auth, Ids(webhook): Ids<WebhookId>) -> Answered {
    Ok(answer(ask(&app, webhook, auth.caller(), Op::Get { webhook, token: None }).await?))
}

async fn show_by_token(
    State(app): State<Arc<App>>,
    Ids((webhook, token)): Ids<(WebhookId, String)>,
) -> Answered {
    let op = Op::Get { webhook, token: Some(token) };
    Ok(answer(ask(&app, webhook, Caller::system(), op).await?))
}

/// Asks whether a webhook may be changed, reads the change, stores its avatar and has it changed.
async fn change(
    app: &App,
    webhook: WebhookId,
    (caller, token): (Caller, Option<String>),
    body: UnreadJson,
) -> Answered {
    let may = guild::Op::May(May::ChangeWebhook { webhook, token: token.clone() });
    ask_guild_of(app, webhook, caller.clone(), may).await??;
    let body = body.read().await?;
    let (name, avatar, channel) =
        body.check(|f| Some((name(f), f.patch_image("avatar", IMAGE_BYTES_MAX), f.id("channel_id"))))?;
    let mut kept = Kept::default();
    let avatar = kept.put_image(app, Kind::Avatar, webhook.get(), avatar).await?;
    let op = Op::Update { webhook, token, name, avatar, channel };
    let reply = ask(app, webhook, caller, op).await?;
    kept.settle(app, &reply).await;
    Ok(answer(reply))
}

async fn update(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(webhook): Ids<WebhookId>,
    body: UnreadJson,
) -> Answered {
    change(&app, webhook, (auth.caller(), None), body).await
}

async fn update_by_token(
    State(app): State<Arc<App>>,
    Ids((webhook, token)): Ids<(WebhookId, String)>,
    body: UnreadJson,
) -> Answered {
    by_token(&app, webhook, &token).await?;
    change(&app, webhook, (Caller::system(), Some(token)), body).await
}

async fn remove(State(app): State<Arc<App>>, auth: Auth, Ids(webhook): Ids<WebhookId>) -> Answered {
    Ok(answer(ask(&app, webhook, auth.caller(), Op::Delete { webhook, token: None }).await?))
}

async fn remove_by_token(
    State(app): State<Arc<App>>,
    Ids((webhook, token)): Ids<(WebhookId, String)>,
) -> Answered {
    let op = Op::Delete { webhook, token: Some(token) };
    Ok(answer(ask(&app, webhook, Caller::system(), op).await?))
}

/// A webhook whose token is right.
struct Known {
    /// The channel it speaks in.
    channel: ChannelId,
    /// Whether an application owns it.
    owned: bool,
}

impl Known {
    /// What it may send of components.
    fn sender(&self, with_components: bool) -> ComponentSender {
        if self.owned { ComponentSender::Application } else { ComponentSender::Other { with_components } }
    }
}

async fn by_token(app: &App, webhook: WebhookId, token: &str) -> Result<Known, Failure> {
    let op = Op::Get { webhook, token: Some(token.to_owned()) };
    let found = ask(app, webhook, Caller::system(), op).await?.map_err(Failure)?;
    let Webhook { channel_id, application_id, .. } = reply::read(&found)?;
    let channel = channel_id.ok_or_else(ApiError::unknown_webhook)?;
    Ok(Known { channel, owned: application_id.is_some() })
}

/// Reads a body for a webhook; one that is not small only when its token is right.
async fn read_known(
    app: &Arc<App>,
    (webhook, token): (WebhookId, &str),
    upload: Unread,
) -> Result<Upload, Failure> {
    if upload.size() != Size::Small {
        by_token(app, webhook, token).await?;
    }
    upload.read(app).await
}

/// What of an execution is no message.
struct Wrapping {
    wait: bool,
    with_components: bool,
    thread: Option<ChannelId>,
    username: Option<String>,
    post: Option<StartThread>,
}

fn wrapping(query: &Query, body: &Value, waits: bool) -> Result<Wrapping, ApiError> {
    let (wait, with_components, thread) = query
        .check(|f| Some((f.bool("wait").unwrap_or(waits), f.flag("with_components"), f.id("thread_id"))))?;
    Form::root(body)?.check(|f| {
        let name = f.name("thread_name", Named::Thread);
        let applied_tags = f.ids("applied_tags", APPLIED_TAGS_MAX).unwrap_or_default();
        let post = name.map(|name| StartThread { name, applied_tags, ..StartThread::default() });
        // An empty name is as none.
        let named = f.opt("username").is_some_and(|name| name != "");
        let username = if named { f.name("username", Named::Webhook) } else { None };
        Some(Wrapping { wait, with_components, thread, username, post })
    })
}

async fn execute(
    State(app): State<Arc<App>>,
    Ids((webhook, token)): Ids<(WebhookId, String)>,
    query: Query,
    upload: Unread,
) -> Answered {
    if interactions::Token::read(&token).is_some() {
        app.require_answered(webhook.cast(), &token).await?;
        return app.follow_up(&token, upload.read(&app).await?).await;
    }
    let upload = read_known(&app, (webhook, &token), upload).await?;
    run(&app, (webhook, token), wrapping(&query, &upload.payload, false)?, upload).await
}

async fn run(
    app: &App,
    (webhook, token): (WebhookId, String),
    wrapping: Wrapping,
    upload: Upload,
) -> Answered {
    let mut body = CreateMessage::parse(&upload.payload)?;
    // A webhook neither answers nor forwards: it reads nothing.
    body.message_reference = None;
    let known = by_token(app, webhook, &token).await?;
    let Wrapping { wait, with_components, thread, username, post } = wrapping;
    body.limit_components(known.sender(with_components))?;
    let place = thread.unwrap_or(known.channel);
    let (create, kept) = prepare(app, Caller::system(), place, body, upload).await?;
    let execute = Execute { webhook, token, thread, post, username, create };
    let reply = ask(app, webhook, Caller::system(), Op::Execute(Box::new(execute))).await?;
    kept.settle(app, &reply).await;
    Ok(match reply {
        Ok(_) if !wait => empty(),
        reply => answer(reply),
    })
}

/// Slack's bodies: `text`, `username`, and `attachments` as embeds. Waits unless told not to.
async fn execute_slack(
    State(app): State<Arc<App>>,
    Ids((webhook, token)): Ids<(WebhookId, String)>,
    query: Query,
    upload: Unread,
) -> Answered {
    let mut upload = read_known(&app, (webhook, &token), upload).await?;
    upload.payload = from_slack(&upload.payload)?;
    let wrapping = wrapping(&query, &upload.payload, true)?;
    run(&app, (webhook, token), wrapping, upload).await
}

/// GitHub's events as embeds; those that are not put into words are taken and dropped, as upstream. Waits unless told not to.
async fn execute_github(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    Ids((webhook, token)): Ids<(WebhookId, String)>,
    query: Query,
    upload: Unread,
) -> Answered {
    by_token(&app, webhook, &token).await?;
    let mut upload = upload.read(&app).await?;
    let event = headers.get("x-github-event").and_then(|event| event.to_str().ok()).unwrap_or_default();
    let Some(message) = from_github(event, &upload.payload) else { return Ok(empty()) };
    upload.payload = message;
    let wrapping = wrapping(&query, &upload.payload, true)?;
    run(&app, (webhook, token), wrapping, upload).await
}

fn thread_of(query: &Query) -> Result<Option<ChannelId>, ApiError> {
    query.check(|f| Some(f.id("thread_id")))
}

async fn on_message(
    app: &App,
    (webhook, token): (WebhookId, String),
    message: MessageId,
    query: &Query,
    act: OnMessage,
) -> Answered {
    let op = Op::OnMessage { webhook, token, thread: thread_of(query)?, message, act };
    Ok(answer(ask(app, webhook, Caller::system(), op).await?))
}

async fn show_message(
    State(app): State<Arc<App>>,
    Ids((webhook, token, message)): Ids<(WebhookId, String, MessageId)>,
    query: Query,
) -> Answered {
    if interactions::Token::read(&token).is_some() {
        app.require_answered(webhook.cast(), &token).await?;
        return app.show_answer(&token, Which::Id(message)).await;
    }
    on_message(&app, (webhook, token), message, &query, OnMessage::Get).await
}

async fn edit_message(
    State(app): State<Arc<App>>,
    Ids((webhook, token, message)): Ids<(WebhookId, String, MessageId)>,
    query: Query,
    upload: Unread,
) -> Answered {
    if interactions::Token::read(&token).is_some() {
        app.require_answered(webhook.cast(), &token).await?;
        return app.change_answer(&token, Which::Id(message), upload.read(&app).await?).await;
    }
    let upload = read_known(&app, (webhook, &token), upload).await?;
    let mut body = EditMessage::parse(&upload.payload)?;
    let known = by_token(&app, webhook, &token).await?;
    let with_components = query.check(|f| Some(f.flag("with_components")))?;
    body.limit_components(known.sender(with_components))?;
    let place = thread_of(&query)?.unwrap_or(known.channel);
    let (edit, kept) = prepare_edit(&app, Caller::system(), place, body, upload).await?;
    let act = OnMessage::Edit(Box::new(edit));
    let op = Op::OnMessage { webhook, token, thread: thread_of(&query)?, message, act };
    let reply = ask(&app, webhook, Caller::system(), op).await?;
    kept.settle(&app, &reply).await;
    Ok(answer(reply))
}

async fn remove_message(
    State(app): State<Arc<App>>,
    Ids((webhook, token, message)): Ids<(WebhookId, String, MessageId)>,
    query: Query,
) -> Answered {
    if interactions::Token::read(&token).is_some() {
        app.require_answered(webhook.cast(), &token).await?;
        return app.remove_answer(&token, Which::Id(message)).await;
    }
    on_message(&app, (webhook, token), message, &query, OnMessage::Delete).await
}

//! Routes of the area `search`: messages by what they say. Other searches lie with what they look for.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::routing::get;
use axum::{Json, Router};
use consort_model::limits::{PAGE_SEARCH, PAGE_SEARCH_DEFAULT, SEARCH_OFFSET_MAX};
use consort_model::{Channel, ChannelId, Form, GuildId, Intents, MessageId, Timestamp};
use consort_rpc::search::{
    Answer, AuthorKind, Op, Part, Query as Wanted, Scope, SearchedChannel, Wanted as Property,
};
use consort_rpc::{Caller, guild, message, private};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};

use crate::reply::read;
use crate::{Answered, App, Auth, ChannelOwner, Failure, Ids, Query};

/// "Index not yet available. Try again later" (JSON error codes page).
const NOT_READY: u32 = 110_000;
/// Seconds after which a client asks again.
const RETRY_AFTER: u32 = 2;
/// Messages read at once from their owners.
const READING_MAX: usize = 8;
/// Names of hosts, files and the like in one query.
const NAMES_MAX: usize = 100;

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/guilds/{guild_id}/messages/search", get(in_guild))
        .route("/channels/{channel_id}/messages/search", get(in_channel))
}

const PARTS: [(&str, Part); 9] = [
    ("link", Part::Link),
    ("embed", Part::Embed),
    ("file", Part::File),
    ("image", Part::Image),
    ("video", Part::Video),
    ("sound", Part::Sound),
    ("sticker", Part::Sticker),
    ("poll", Part::Poll),
    ("snapshot", Part::Snapshot),
];

const AUTHORS: [(&str, AuthorKind); 3] =
    [("user", AuthorKind::User), ("bot", AuthorKind::Bot), ("webhook", AuthorKind::Webhook)];

const EMBEDS: [(&str, &str); 5] =
    [("image", "image"), ("video", "video"), ("gif", "gifv"), ("sound", "sound"), ("article", "article")];

/// Reads a list of names out of a table; `-` before one means that it must not hold.
fn properties<T: Copy>(form: &Form<'_>, name: &str, table: &[(&str, T)]) -> Option<Vec<Property<T>>> {
    let names = form.strings(name, 2 * table.len(), 0..=32)?;
    let read = |(index, text): (usize, &String)| {
        let (not, plain) = text.strip_prefix('-').map_or((false, text.as_str()), |plain| (true, plain));
        let found =
            table.iter().find(|(known, _)| *known == plain).map(|(_, what)| Property { what: *what, not });
        if found.is_none() {
            let known: Vec<_> = table.iter().map(|(known, _)| *known).collect();
            let message = format!("Value must be one of ({}).", known.join(", "));
            form.error(&format!("{name}.{index}"), "BASE_TYPE_CHOICES", message);
        }
        found
    };
    names.iter().enumerate().map(read).collect()
}

fn names(form: &Form<'_>, name: &str, characters: usize) -> Vec<String> {
    form.strings(name, NAMES_MAX, 1..=characters).unwrap_or_default()
}

/// What is looked for, and whether in age-restricted channels, too.
fn wanted(form: &Form<'_>) -> Option<(Wanted, bool)> {
    let embeds = properties(form, "embed_type", &EMBEDS).unwrap_or_default();
    let sort = form.choice_str("sort_by", &["timestamp", "relevance"]);
    let order = form.choice_str("sort_order", &["desc", "asc"]);
    let wanted = Wanted {
        content: form.text("content", 0..=1024).unwrap_or_default(),
        slop: form.int("slop", 0..=100),
        channels: form.ids("channel_id", 500).unwrap_or_default(),
        authors: form.ids("author_id", NAMES_MAX).unwrap_or_default(),
        author_kinds: properties(form, "author_type", &AUTHORS).unwrap_or_default(),
        mentions: form.ids("mentions", NAMES_MAX).unwrap_or_default(),
        mention_roles: form.ids("mentions_role_id", NAMES_MAX).unwrap_or_default(),
        mention_everyone: form.bool("mention_everyone"),
        replied_to_users: form.ids("replied_to_user_id", NAMES_MAX).unwrap_or_default(),
        replied_to_messages: form.ids("replied_to_message_id", NAMES_MAX).unwrap_or_default(),
        has: properties(form, "has", &PARTS).unwrap_or_default(),
        link_hostnames: names(form, "link_hostname", 256),
        embed_providers: names(form, "embed_provider", 256),
        embed_types: embeds.iter().map(|embed| embed.what.to_owned()).collect(),
        attachment_extensions: names(form, "attachment_extension", 256),
        attachment_filenames: names(form, "attachment_filename", 1024),
        pinned: form.bool("pinned"),
        after: form.id("min_id"),
        before: form.id("max_id"),
        by_relevance: sort == Some("relevance"),
        ascending: order == Some("asc"),
        limit: form.int("limit", PAGE_SEARCH).unwrap_or(PAGE_SEARCH_DEFAULT) as u8,
        offset: form.int("offset", 0..=SEARCH_OFFSET_MAX).unwrap_or(0),
    };
    Some((wanted, form.flag("include_nsfw")))
}

async fn in_guild(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(guild): Ids<GuildId>,
    query: Query,
) -> Answered {
    let (wanted, nsfw) = query.check(wanted)?;
    // Whoever may not read what is said may not ask for it either.
    auth.require_intent(Intents::MESSAGE_CONTENT)?;
    let scope = guild_scope(&app, &auth, guild, nsfw).await?;
    search(&app, &auth, (guild.get(), Some(guild)), scope, wanted).await
}

async fn in_channel(
    State(app): State<Arc<App>>,
    auth: Auth,
    Ids(channel): Ids<ChannelId>,
    query: Query,
) -> Answered {
    let (mut wanted, _) = query.check(wanted)?;
    auth.require_intent(Intents::MESSAGE_CONTENT)?;
    wanted.channels = vec![channel];
    if let ChannelOwner::Guild(guild) = app.place(channel).await? {
        // Whether it may be read is refused as reading it is.
        let page = message::Op::List { page: message::Page::Newest, limit: 1 };
        app.call_message(channel, auth.caller(), page).await?.map_err(Failure)?;
        let scope = guild_scope(&app, &auth, guild, true).await?;
        return search(&app, &auth, (guild.get(), Some(guild)), scope, wanted).await;
    }
    let found = app.privates.call(channel.get(), auth.caller(), private::Op::Get).await.map_err(Failure)?;
    let found: Channel = read(&found)?;
    let scope = Scope {
        reader: auth.user_id(),
        since: Timestamp::from_ms(0),
        channels: vec![SearchedChannel { channel, newest: found.last_message_id, has_threads: false }],
        moderated: Vec::new(),
    };
    search(&app, &auth, (channel.get(), None), scope, wanted).await
}

async fn guild_scope(app: &App, auth: &Auth, guild: GuildId, nsfw: bool) -> Result<Scope, Failure> {
    let op = guild::Op::Searchable { nsfw };
    let scope = app.guilds.call(guild.get(), auth.caller(), op).await.map_err(Failure)?;
    Ok(read(&scope)?)
}

async fn search(
    app: &App,
    auth: &Auth,
    (owner, guild): (u64, Option<GuildId>),
    scope: Scope,
    wanted: Wanted,
) -> Answered {
    let op = Op::Find { scope: Box::new(scope), query: Box::new(wanted) };
    let found = app.searches.call(owner, Caller::system(), op).await.map_err(Failure)?;
    let (total, found) = match read(&found)? {
        Answer::Found { total, messages } => (total, messages),
        Answer::NotReady { documents } => {
            let body = json!({
                "message": "Index not yet available. Try again later", "code": NOT_READY,
                "documents_indexed": documents, "retry_after": RETRY_AFTER,
            });
            return Ok((StatusCode::ACCEPTED, Json(body)).into_response());
        }
    };
    let messages = read_all(app, auth, &found).await?;
    let mut body = json!({
        "doing_deep_historical_index": false, "total_results": total, "messages": messages,
    });
    if let Some(guild) = guild {
        let threads = threads(app, auth, guild, &found).await?;
        let members: Vec<Value> = threads.iter().filter_map(|thread| thread.get("member").cloned()).collect();
        body["threads"] = threads.into();
        body["members"] = members.into();
    }
    Ok(Json(body).into_response())
}

/// Reads what was found from its owner, each in a list of its own (Message page, "Search Guild Messages"). What has gone meanwhile
/// is left out.
async fn read_all(app: &App, auth: &Auth, found: &[(ChannelId, MessageId)]) -> Result<Vec<Value>, Failure> {
    let read_one = |(channel, message): (ChannelId, MessageId)| async move {
        match app.call_message(channel, auth.caller(), message::Op::Get { message }).await? {
            Ok(answer) => {
                let mut message: Value = read(&answer)?;
                message["hit"] = true.into();
                Ok(Some(json!([message])))
            }
            Err(error) if error.status < 500 => Ok(None),
            Err(error) => Err(Failure(error)),
        }
    };
    let messages: Vec<Option<Value>> =
        stream::iter(found.to_vec()).map(read_one).buffered(READING_MAX).try_collect().await?;
    Ok(messages.into_iter().flatten().collect())
}

/// The threads that found messages are in.
async fn threads(
    app: &App,
    auth: &Auth,
    guild: GuildId,
    found: &[(ChannelId, MessageId)],
) -> Result<Vec<Value>, Failure> {
    let mut channels: Vec<ChannelId> = found.iter().map(|(channel, _)| *channel).collect();
    channels.sort_unstable();
    channels.dedup();
    let mut threads = Vec::new();
    for channel in channels {
        let op = guild::Op::Thread { channel, op: guild::thread::Op::Get };
        match app.guilds.call(guild.get(), auth.caller(), op).await {
            Ok(answer) => threads.push(read(&answer)?),
            Err(error) if error.status < 500 => {}
            Err(error) => return Err(Failure(error)),
        }
    }
    Ok(threads)
}

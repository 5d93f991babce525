//! Routes of the area `messages`: history, posting, editing, deleting, typing, polls.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post, put};
use consort_model::limits::{PAGE_MESSAGES, PAGE_MESSAGES_DEFAULT, PAGE_REACTIONS, PAGE_REACTIONS_DEFAULT};
use consort_model::request::message::{ComponentSender, CreateMessage, EditMessage, Reference, bulk_delete};
use consort_model::{ApiError, ChannelId, Intents, Message, MessageId, Patch};
use consort_rpc::message::{Create, Edit, Op, Page};
use consort_rpc::{Answer, Caller};

use crate::extract::InChannel;
use crate::files::{Kept, take_files};
use crate::{Answered, App, Auth, Failure, JsonBody, Query, Size, Unread, Upload};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/channels/{channel_id}/messages", get(list).post(create))
        .route("/channels/{channel_id}/messages/bulk-delete", post(delete_many))
        .route("/channels/{channel_id}/messages/{message_id}", get(show).patch(edit).delete(delete))
        .route("/channels/{channel_id}/messages/{message_id}/crosspost", post(crosspost))
        .route("/channels/{channel_id}/typing", post(typing))
        .route("/channels/{channel_id}/polls/{message_id}/answers/{answer_id}", get(voters))
        .route("/channels/{channel_id}/polls/{message_id}/answers/@me", put(vote))
        .route("/channels/{channel_id}/polls/{message_id}/expire", post(expire_poll))
}

async fn list(channel: InChannel, query: Query) -> Answered {
    let (page, limit) = query.check(|form| {
        let (before, after, around) = (form.cursor("before"), form.cursor("after"), form.cursor("around"));
        let page = match (before, after, around) {
            (None, None, None) => Page::Newest,
            (Some(id), None, None) => Page::Before(id),
            (None, Some(id), None) => Page::After(id),
            (None, None, Some(id)) => Page::Around(id),
            _ => {
                let message = "Only one of around, before, after may be given.";
                form.error("", "MESSAGE_QUERY_EXCLUSIVE", message);
                return None;
            }
        };
        Some((page, form.int("limit", PAGE_MESSAGES).unwrap_or(PAGE_MESSAGES_DEFAULT)))
    })?;
    channel.ask(Op::List { page, limit: limit as u16 }).await
}

async fn show(InChannel(channel, message): InChannel<MessageId>) -> Answered {
    channel.ask(Op::Get { message }).await
}

async fn create(channel: InChannel, query: Query, upload: Unread) -> Answered {
    let (app, caller) = (&channel.app, || channel.auth.caller());
    may_send(app, caller(), channel.id, upload.size()).await?;
    let upload = upload.read(app).await?;
    let mut body = CreateMessage::parse(&upload.payload)?;
    body.limit_components(component_sender(&channel.auth, &query)?)?;
    let (create, kept) = prepare(app, caller(), channel.id, body, upload).await?;
    channel.ask_with(kept, Op::Create(Box::new(create))).await
}

/// Asks whether somebody may post in a channel, before a body is read that is not small.
///
/// # Errors
/// As those of posting.
pub(crate) async fn may_send(
    app: &App,
    caller: Caller,
    channel: ChannelId,
    size: Size,
) -> Result<(), Failure> {
    let op = match size {
        Size::Small => return Ok(()),
        Size::Unknown => Op::MayPost,
        Size::Files => Op::MayAttach,
    };
    answer_or_refuse(app.call_message(channel, caller, op).await?)?;
    Ok(())
}

/// What an account may send of components.
pub(crate) fn component_sender(auth: &Auth, query: &Query) -> Result<ComponentSender, ApiError> {
    let with_components = query.check(|form| Some(form.flag("with_components")))?;
    Ok(match auth.caller().bot {
        true => ComponentSender::Application,
        false => ComponentSender::Other { with_components },
    })
}

/// Makes what an owner wants of a request to post in `channel`: the files are stored, the forwarded message is read. What was
/// stored is to be settled with the owner's answer.
///
/// # Errors
/// 403/50001 and 50013 when the caller may not upload there; 400/50035 for files that do not fit the request; what reading
/// the forwarded message is refused with.
pub(crate) async fn prepare(
    app: &App,
    caller: Caller,
    channel: ChannelId,
    body: CreateMessage,
    upload: Upload,
) -> Result<(Create, Kept), Failure> {
    let wanted = body.attachments.clone().unwrap_or_default();
    let files = take_files(upload.files, &wanted)?;
    if !files.is_empty() {
        answer_or_refuse(app.call_message(channel, caller.clone(), Op::MayAttach).await?)?;
    }
    let mut kept = Kept::default();
    let attachments = kept.put_files(app, (channel, caller.user), files).await?;
    let forwarded = match &body.message_reference {
        Some(reference) if reference.forward => {
            let mut message = read_forwarded(app, caller, reference).await?;
            kept.copy_files(app, channel, &mut message).await?;
            Some(Box::new(message))
        }
        _ => None,
    };
    Ok((Create { body, attachments, forwarded, speaker: None }, kept))
}

fn answer_or_refuse(reply: consort_rpc::Reply) -> Result<Answer, Failure> {
    reply.map_err(Failure)
}

/// Reads the message to be forwarded with the caller's own rights.
async fn read_forwarded(app: &App, caller: Caller, reference: &Reference) -> Result<Message, Failure> {
    let channel = reference.channel.ok_or_else(ApiError::unknown_channel)?;
    let guild = match app.place(channel).await? {
        crate::ChannelOwner::Guild(guild) => Some(guild),
        crate::ChannelOwner::Private => None,
    };
    // The server reads it: a bot that may not read the text may forward it all the same.
    let caller = Caller { lacks: Intents::empty(), ..caller };
    let reply = app.call_message(channel, caller, Op::Get { message: reference.message }).await?;
    let answer = reply.map_err(|error| match error.status {
        403 => ApiError::cannot_forward(),
        _ => error,
    })?;
    let body = answer.body().ok_or_else(ApiError::internal)?;
    let message: Message = serde_json::from_slice(body).map_err(|error| {
        tracing::error!(%error, "an owner's message cannot be read");
        ApiError::internal()
    })?;
    Ok(Message { guild_id: guild, ..message })
}

async fn edit(InChannel(channel, message): InChannel<MessageId>, query: Query, upload: Unread) -> Answered {
    if upload.size() != Size::Small {
        // Whoever does not see it need not send it.
        channel.call(Op::Get { message }).await??;
    }
    let upload = upload.read(&channel.app).await?;
    let mut body = EditMessage::parse(&upload.payload)?;
    body.limit_components(component_sender(&channel.auth, &query)?)?;
    let caller = channel.auth.caller();
    let (edit, kept) = prepare_edit(&channel.app, caller, channel.id, body, upload).await?;
    channel.ask_with(kept, Op::Edit { message, edit: Box::new(edit) }).await
}

/// Makes what an owner wants of a request to edit: new files are stored and taken out of `attachments`, which names the
/// kept ones only.
///
/// # Errors
/// As [`prepare`].
pub(crate) async fn prepare_edit(
    app: &App,
    caller: Caller,
    channel: ChannelId,
    mut body: EditMessage,
    upload: Upload,
) -> Result<(Edit, Kept), Failure> {
    let wanted = body.attachments.clone().value().unwrap_or_default();
    let is_new = |id: u64| upload.files.iter().any(|file| file.index == id);
    let (new, kept): (Vec<_>, Vec<_>) =
        wanted.into_iter().partition(|file| file.uploaded_filename.is_some() || is_new(file.id));
    if body.attachments.is_present() {
        body.attachments = Patch::Value(kept);
    }
    let files = take_files(upload.files, &new)?;
    if !files.is_empty() {
        answer_or_refuse(app.call_message(channel, caller.clone(), Op::MayAttach).await?)?;
    }
    let mut kept = Kept::default();
    let attachments = kept.put_files(app, (channel, caller.user), files).await?;
    Ok((Edit { body, attachments, webhook: None }, kept))
}

async fn delete(InChannel(channel, message): InChannel<MessageId>) -> Answered {
    channel.ask(Op::Delete { message }).await
}

async fn delete_many(channel: InChannel, body: JsonBody) -> Answered {
    channel.ask(Op::BulkDelete { messages: bulk_delete(&body)? }).await
}

async fn crosspost(InChannel(channel, message): InChannel<MessageId>) -> Answered {
    channel.ask(Op::Crosspost { message }).await
}

async fn typing(channel: InChannel) -> Answered {
    channel.ask(Op::Typing).await
}

async fn voters(
    InChannel(channel, (message, answer_id)): InChannel<(MessageId, String)>,
    query: Query,
) -> Answered {
    let answer_id = answer_id.parse().map_err(|_| ApiError::unknown_message())?;
    let (after, limit) = people_page(&query)?;
    channel.ask(Op::Voters { message, answer: answer_id, after, limit }).await
}

/// The page of a list of people: `after` and `limit`.
pub(crate) fn people_page(query: &Query) -> Result<(Option<consort_model::UserId>, u16), ApiError> {
    query.check(|form| {
        let limit = form.int("limit", PAGE_REACTIONS).unwrap_or(PAGE_REACTIONS_DEFAULT);
        Some((form.cursor("after"), limit as u16))
    })
}

async fn vote(InChannel(channel, message): InChannel<MessageId>, body: JsonBody) -> Answered {
    let ids = body.check(|form| {
        form.required("answer_ids", form.ids::<consort_model::marker::Generic>("answer_ids", 10))
    })?;
    // An id too large for any poll is as unknown as any other.
    let answers = ids.into_iter().map(|id| u8::try_from(id.get()).unwrap_or(0)).collect();
    channel.ask(Op::Vote { message, answers }).await
}

async fn expire_poll(InChannel(channel, message): InChannel<MessageId>) -> Answered {
    channel.ask(Op::ExpirePoll { message }).await
}

//! Changing a posted message.

use consort_actor::{Cx, Outcome, Stop};
use consort_files::require_files;
use consort_model::request::message::{
    AttachmentRequest, EditMessage, FLAG_COMPONENTS_V2, FLAG_SUPPRESS_EMBEDS, require_one_style,
};
use consort_model::{
    ApiError, Attachment, ChannelId, ChannelType, Embed, Message, MessageFlags, MessageId, MessageType,
    Patch, Permissions, Timestamp,
};
use consort_rpc::message::Edit;

use crate::access::{not_archived, require};
use crate::changes::note_messages;
use crate::create::plain;
use crate::events::publish_edited;
use crate::history::answer;
use crate::mentions::{self, Pings};
use crate::viewer::Viewer;
use crate::{Host, store, stored};

/// Changes a message: all of it by its author, its flags also with MANAGE_MESSAGES.
pub(crate) fn edit<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    message: MessageId,
    edit: &Edit,
) -> Result<Outcome, Stop> {
    let held = require(host, cx, channel, Permissions::empty())?;
    let mut message = stored(cx, channel, message)?;
    let own = match (edit.webhook, cx.caller.system) {
        (Some(webhook), true) => message.webhook_id == Some(webhook),
        _ => message.author.id == cx.caller.user && message.webhook_id.is_none(),
    };
    if !own && !(edit.body.only_flags() && edit.attachments.is_empty()) {
        return Err(ApiError::not_your_message().into());
    }
    if !own && !held.contains(Permissions::MANAGE_MESSAGES) {
        return Err(ApiError::missing_permissions().into());
    }
    if !message.kind.is_written() || !message.message_snapshots.is_empty() {
        return Err(ApiError::system_message().into());
    }
    not_archived(host, channel)?;
    if own && message.poll.is_some() && !edit.body.only_flags() {
        return Err(ApiError::poll_not_editable().into());
    }
    if message.flags.contains(MessageFlags::IS_VOICE_MESSAGE)
        && !(edit.body.only_flags() && edit.attachments.is_empty())
    {
        return Err(ApiError::voice_message_not_editable().into());
    }
    let before = message.clone();
    set_flags(&mut message, &edit.body, own);
    change(cx, &mut message, edit)?;
    if !edit.body.content.is_absent()
        || !edit.body.components.is_absent()
        || !edit.body.allowed_mentions.is_absent()
    {
        mention_again(host, &mut message, &edit.body, held);
    }
    if message == before {
        return answer(Viewer::of(host, cx), message);
    }
    if own && !edit.body.only_flags() {
        host.screen(cx, &message)?;
        message.edited_timestamp = Some(Timestamp::from_ms(cx.now_ms));
    }
    store(cx, &message);
    note_messages(host, cx, channel, vec![message.id]);
    let now_ms = cx.now_ms;
    consort_files::claim_files(&mut cx.batch, &message);
    consort_files::release_files(&mut cx.batch, &before, Some(&message), now_ms);
    update(host, cx, &before, &message);
    answer(Viewer::of(host, cx), message)
}

/// Sends MESSAGE_UPDATE, in which `tts` is always false (Gateway Events page). `before` is what it mentioned until now.
fn update<H: Host>(host: &mut H, cx: &mut Cx<'_>, before: &Message, message: &Message) {
    let shown = Message { tts: false, ..message.clone() };
    publish_edited(host, cx, before, &shown);
}

/// Embeds are hidden and shown by whoever may change flags; only the author makes the message one of components, for good.
/// Clients send the flags that are set along, so other bits say nothing.
fn set_flags(message: &mut Message, body: &EditMessage, own: bool) {
    let Some(flags) = body.flags.as_option() else { return };
    message.flags.set(MessageFlags::SUPPRESS_EMBEDS, flags & FLAG_SUPPRESS_EMBEDS != 0);
    if own && flags & FLAG_COMPONENTS_V2 != 0 {
        message.flags.insert(MessageFlags::IS_COMPONENTS_V2);
    }
}

fn change(cx: &Cx<'_>, message: &mut Message, edit: &Edit) -> Result<(), Stop> {
    let body = &edit.body;
    body.content.clone().apply_or(&mut message.content, String::new());
    body.embeds.clone().apply_or(&mut message.embeds, Vec::new());
    body.components.clone().apply_or(&mut message.components, Vec::new());
    let kept = keep(&message.attachments, &body.attachments)?;
    message.attachments = kept;
    message.attachments.extend(edit.attachments.iter().map(plain));
    cx.links.take_back(&mut message.embeds, &mut message.components, &message.attachments);
    if body.components.is_present() {
        require_files(&message.components, &message.attachments)?;
    }
    if message.attachments.len() > consort_model::limits::ATTACHMENTS_MAX {
        return Err(ApiError::max_attachments().into());
    }
    let v2 = message.flags.contains(MessageFlags::IS_COMPONENTS_V2);
    let has_legacy =
        !message.content.is_empty() || !message.embeds.is_empty() || !message.sticker_items.is_empty();
    let new = body.components.is_present().then_some(&message.components);
    require_one_style(v2, has_legacy, new)?;
    let empty = message.content.is_empty()
        && message.embeds.is_empty()
        && message.components.is_empty()
        && message.attachments.is_empty()
        && message.sticker_items.is_empty()
        && message.poll.is_none();
    if empty { Err(ApiError::cannot_send_empty_message().into()) } else { Ok(()) }
}

/// The attachments that stay: all when the key is absent, otherwise those that are named, with what is said of them. Names
/// that are no id of a kept file belong to new files.
fn keep(attachments: &[Attachment], wanted: &Patch<Vec<AttachmentRequest>>) -> Result<Vec<Attachment>, Stop> {
    let wanted = match wanted {
        Patch::Absent => return Ok(attachments.to_vec()),
        Patch::Null => return Ok(Vec::new()),
        Patch::Value(wanted) => wanted,
    };
    let find = |request: &AttachmentRequest| {
        let found = attachments.iter().find(|attachment| attachment.id.get() == request.id)?;
        let mut kept = found.clone();
        request.apply(&mut kept);
        Some(kept)
    };
    Ok(wanted.iter().filter_map(find).collect())
}

fn mention_again<H: Host>(host: &H, message: &mut Message, body: &EditMessage, held: Permissions) {
    let text = mentions::text(&message.content, &message.components);
    let pings = Pings {
        allowed: body.allowed_mentions.as_option(),
        may_mention_all: held.contains(Permissions::MENTION_EVERYONE),
        application: message.webhook_id.is_some() || message.application_id.is_some(),
    };
    let mentioned = mentions::resolve(host, &text, pings, None);
    message.mentions = mentioned.users;
    message.mention_roles = mentioned.roles;
    message.mention_everyone = mentioned.everyone;
}

/// Puts in the embeds that links unfurled to, behind those of the author. Not an edit: `edited_timestamp` stays.
pub(crate) fn unfurled<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    message: MessageId,
    embeds: &[Embed],
) -> Result<Outcome, Stop> {
    if !cx.caller.system {
        return Err(ApiError::missing_permissions().into());
    }
    let mut message = stored(cx, channel, message)?;
    let room = consort_model::limits::EMBEDS_MAX.saturating_sub(message.embeds.len());
    if embeds.is_empty() || room == 0 || message.flags.contains(MessageFlags::SUPPRESS_EMBEDS) {
        return Outcome::EMPTY;
    }
    message.embeds.extend(embeds.iter().take(room).cloned());
    store(cx, &message);
    note_messages(host, cx, channel, vec![message.id]);
    update(host, cx, &message, &message);
    Outcome::EMPTY
}

/// Sets a flag of a message that the owner itself knows to be due: a thread was started from it.
///
/// # Errors
/// 404/10008; rows to be loaded.
pub fn flag_message<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    mut message: Message,
    flag: MessageFlags,
    thread: Option<Box<consort_model::Channel>>,
) {
    message.flags.insert(flag);
    store(cx, &message);
    message.thread = thread;
    update(host, cx, &message, &message);
}

/// Publishes a message of an announcement channel to its followers.
pub(crate) fn crosspost<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    message: MessageId,
) -> Result<Outcome, Stop> {
    let held = require(host, cx, channel, Permissions::SEND_MESSAGES)?;
    if host.channel(channel).is_none_or(|channel| channel.kind != ChannelType::GuildAnnouncement) {
        return Err(ApiError::wrong_channel_type().into());
    }
    let mut message = stored(cx, channel, message)?;
    if message.author.id != cx.caller.user && !held.contains(Permissions::MANAGE_MESSAGES) {
        return Err(ApiError::missing_permissions().into());
    }
    if !matches!(message.kind, MessageType::Default | MessageType::Reply) {
        return Err(ApiError::invalid_message_type().into());
    }
    if message.flags.contains(MessageFlags::CROSSPOSTED) {
        return Err(ApiError::already_crossposted().into());
    }
    message.flags.insert(MessageFlags::CROSSPOSTED);
    store(cx, &message);
    update(host, cx, &message, &message);
    host.crossposted(cx, &message);
    answer(Viewer::of(host, cx), message)
}

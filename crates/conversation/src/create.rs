//! Create Message: rights, slowmode, replies, forwards, mentions; then the message is posted.

use consort_actor::{Cx, Stop};
use consort_files::require_files;
use consort_model::request::message::{
    CreateMessage, FLAG_COMPONENTS_V2, FLAG_SUPPRESS_EMBEDS, FLAG_SUPPRESS_NOTIFICATIONS, FLAG_VOICE_MESSAGE,
    Reference,
};
use consort_model::{
    ApiError, Attachment, ChannelId, Message, MessageFlags, MessageId, MessageReference, MessageSnapshot,
    MessageType, Permissions, SnapshotMessage, StickerItem, UserId,
};
use consort_rpc::message::{Create, Speaker};

use crate::access::{not_archived, require, text_channel};
use crate::changes::note_messages;
use crate::history::shown_reference;
use crate::mentions::{self, Pings};
use crate::post::{self, Draft, blank, post, reference};
use crate::slowmode::{Rationed, require_turn, take_turn};
use crate::{Host, nonces, polls, stored};

/// What a new message refers to, as it was read.
#[derive(Default)]
struct Referred {
    reference: Option<MessageReference>,
    /// The message answered; `Some(None)` when it is gone.
    answered: Option<Option<Box<Message>>>,
    snapshot: Option<MessageSnapshot>,
}

/// Posts a message.
///
/// # Errors
/// The documented refusals, or rows to be loaded.
pub fn create<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    create: &Create,
) -> Result<Message, Stop> {
    let held = require(host, cx, channel, Permissions::SEND_MESSAGES)?;
    text_channel(host, channel)?;
    host.may_write(cx, channel, held)?;
    let speaker = speaker(cx, create);
    let author = speaker.map_or(cx.caller.user, |speaker| speaker.author.id);
    if let Some(earlier) = earlier(host, cx, channel, author, &create.body)? {
        return Ok(earlier);
    }
    require_turn(host, cx, channel, held, Rationed::Message)?;
    let draft = compose(host, cx, channel, held, create)?;
    host.screen(cx, &draft.message)?;
    take_turn(host, cx, channel, held, Rationed::Message);
    nonces::note(host, cx, (channel, draft.message.author.id), draft.message.id, &create.body);
    Ok(post(host, cx, draft))
}

/// Puts an answer into the message that promised it. It was not there before, so nothing says that it was edited.
///
/// # Errors
/// 404/10008 when the message is gone or promises nothing; as [`create`].
pub(crate) fn fulfil<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    message: MessageId,
    create: &Create,
) -> Result<Message, Stop> {
    let held = require(host, cx, channel, Permissions::SEND_MESSAGES)?;
    let speaker = speaker(cx, create).ok_or_else(ApiError::missing_permissions)?;
    let promise = stored(cx, channel, message)?;
    if !promise.flags.contains(MessageFlags::LOADING) || promise.webhook_id != speaker.webhook {
        return Err(ApiError::unknown_message().into());
    }
    not_archived(host, channel)?;
    let Draft { message: answer, .. } = compose(host, cx, channel, held, create)?;
    let answer = Message {
        id: promise.id,
        timestamp: promise.timestamp,
        position: promise.position,
        pinned: promise.pinned,
        reactions: promise.reactions.clone(),
        flags: answer.flags | (promise.flags & MessageFlags::HAS_THREAD),
        interaction_metadata: promise.interaction_metadata.clone(),
        ..answer
    };
    note_messages(host, cx, channel, vec![message]);
    Ok(post::fulfil(host, cx, &promise, answer))
}

/// Makes the message of a request, of a caller who may write in the channel and holds `held` there. Nothing is written yet:
/// [`post`] does.
///
/// # Errors
/// The documented refusals, or rows to be loaded.
pub fn compose<H: Host>(
    host: &H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    held: Permissions,
    create: &Create,
) -> Result<Draft, Stop> {
    let body = &create.body;
    let speaker = speaker(cx, create);
    let author = match speaker {
        Some(speaker) => speaker.author.clone(),
        None => host.user(cx.caller.user).ok_or_else(ApiError::missing_access)?,
    };
    if speaker.is_none() {
        rights(body, create, held)?;
    }
    let promises = speaker.is_some_and(|speaker| speaker.promises);
    if !promises {
        refuse_empty(body, create)?;
    }
    let stickers = stickers(host, &body.sticker_ids)?;
    let referred = refer(host, cx, channel, held, create)?;
    let may_mention_all = match speaker {
        Some(speaker) => speaker.may_mention_all,
        None => held.contains(Permissions::MENTION_EVERYONE),
    };
    let text = mentions::text(&body.content, &body.components);
    let pings =
        Pings { allowed: body.allowed_mentions.as_ref(), may_mention_all, application: speaker.is_some() };
    let answered = referred.answered.as_ref().and_then(Option::as_deref);
    let mentioned = mentions::resolve(host, &text, pings, answered.map(|message| &message.author));

    let mut message = blank(cx, channel, author, MessageType::Default);
    message.content.clone_from(&body.content);
    message.tts = body.tts;
    message.embeds.clone_from(&body.embeds);
    message.components.clone_from(&body.components);
    message.attachments = match body_is_spoken(&create.body) {
        true => create.attachments.clone(),
        false => create.attachments.iter().map(plain).collect(),
    };
    cx.links.take_back(&mut message.embeds, &mut message.components, &message.attachments);
    require_files(&message.components, &message.attachments)?;
    message.sticker_items = stickers;
    message.mentions = mentioned.users;
    message.mention_roles = mentioned.roles;
    message.mention_everyone = mentioned.everyone;
    message.flags = flags(body, &referred);
    message.flags.set(MessageFlags::LOADING, promises);
    message.nonce.clone_from(&body.nonce);
    if let Some(poll) = &body.poll {
        message.poll = Some(polls::open(host, message.author.id, cx.now_ms, poll)?.to_value());
    }
    message.message_reference = referred.reference;
    message.message_snapshots.extend(referred.snapshot);
    if referred.answered.is_some() {
        message.kind = MessageType::Reply;
    }
    message.referenced_message = referred.answered;
    if let Some(speaker) = speaker {
        speak(&mut message, speaker);
    }
    Ok(Draft { message, silent: false })
}

/// The author in place of the caller; only the system may name one.
fn speaker<'a>(cx: &Cx<'_>, create: &'a Create) -> Option<&'a Speaker> {
    create.speaker.as_deref().filter(|_| cx.caller.system)
}

fn speak(message: &mut Message, speaker: &Speaker) {
    message.webhook_id = speaker.webhook;
    message.application_id = speaker.application;
    if let Some(kind) = speaker.kind {
        message.kind = kind;
    }
    if let Some((metadata, interaction)) = &speaker.interaction {
        message.interaction_metadata = Some(metadata.clone());
        // Only commands have one; a null would make discord.py give up on the message.
        message.interaction = Some(interaction.clone()).filter(|interaction| !interaction.is_null());
    }
}

/// With `enforce_nonce`: the message that was posted with the same nonce lately.
fn earlier<H: Host>(
    host: &mut H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    author: UserId,
    body: &CreateMessage,
) -> Result<Option<Message>, Stop> {
    if !body.enforce_nonce {
        return Ok(None);
    }
    let Some(nonce) = body.nonce_text() else { return Ok(None) };
    let Some(id) = nonces::find(host, cx, channel, author, &nonce)? else { return Ok(None) };
    // It may have been deleted since: the client learns so, and posts nothing by mistake (404/10008).
    let message = stored(cx, channel, id)?;
    let mut shown = Message { nonce: body.nonce.clone(), ..message };
    cx.links.show(cx.now_ms, &mut shown);
    Ok(Some(shown))
}

fn body_is_spoken(body: &CreateMessage) -> bool {
    body.flags & FLAG_VOICE_MESSAGE != 0
}

/// A file without what only those of voice messages have (Message, Attachment Object).
pub(crate) fn plain(file: &Attachment) -> Attachment {
    Attachment { duration_secs: None, waveform: None, ..file.clone() }
}

/// Rights that single parts of a message need.
fn rights(body: &CreateMessage, create: &Create, held: Permissions) -> Result<(), Stop> {
    let voice = body_is_spoken(body);
    let needs = [
        (body.tts, Permissions::SEND_TTS_MESSAGES),
        (!body.embeds.is_empty(), Permissions::EMBED_LINKS),
        (!create.attachments.is_empty(), Permissions::ATTACH_FILES),
        (body.poll.is_some(), Permissions::SEND_POLLS),
    ];
    if needs.iter().any(|(used, right)| *used && !held.contains(*right)) {
        return Err(ApiError::missing_permissions().into());
    }
    if voice && !held.contains(Permissions::SEND_VOICE_MESSAGES) {
        return Err(ApiError::cannot_send_voice_messages().into());
    }
    Ok(())
}

fn refuse_empty(body: &CreateMessage, create: &Create) -> Result<(), Stop> {
    let forward = body.message_reference.as_ref().is_some_and(|reference| reference.forward);
    if body.is_empty() && create.attachments.is_empty() && !forward {
        return Err(ApiError::cannot_send_empty_message().into());
    }
    if !body_is_spoken(body) {
        return Ok(());
    }
    if !body.is_empty() {
        return Err(ApiError::voice_message_extra_content().into());
    }
    let is_audio = |file: &Attachment| {
        file.content_type.as_deref().is_some_and(|media_type| media_type.starts_with("audio/"))
    };
    match create.attachments.as_slice() {
        [audio] if !is_audio(audio) => Err(ApiError::voice_message_one_attachment().into()),
        [audio] if audio.waveform.is_some() && audio.duration_secs.is_some_and(|secs| secs > 0.0) => Ok(()),
        [_] => Err(ApiError::voice_message_metadata().into()),
        _ => Err(ApiError::voice_message_one_attachment().into()),
    }
}

fn stickers<H: Host>(host: &H, ids: &[consort_model::StickerId]) -> Result<Vec<StickerItem>, Stop> {
    let item = |id: &consort_model::StickerId| {
        let sticker = host.sticker(*id).ok_or_else(ApiError::invalid_sticker)?;
        Ok(StickerItem { id: sticker.id, name: sticker.name.clone(), format_type: sticker.format_type })
    };
    ids.iter().map(item).collect()
}

/// Reads the message that is answered, or takes the snapshot of the one that is forwarded.
fn refer<H: Host>(
    host: &H,
    cx: &mut Cx<'_>,
    channel: ChannelId,
    held: Permissions,
    create: &Create,
) -> Result<Referred, Stop> {
    let Some(wanted) = &create.body.message_reference else { return Ok(Referred::default()) };
    if wanted.forward {
        return Ok(forward(wanted, create)?);
    }
    if !held.contains(Permissions::READ_MESSAGE_HISTORY) {
        return Err(ApiError::cannot_reply_without_history().into());
    }
    let unknown = || {
        let message = "Unknown message";
        ApiError::invalid_field("message_reference", "REPLIES_UNKNOWN_MESSAGE", message)
    };
    if wanted.channel.is_some_and(|other| other != channel) {
        return Err(unknown().into());
    }
    let mut answered = match stored(cx, channel, wanted.message) {
        Ok(message) => message,
        Err(Stop::Error(error)) if error.code == ApiError::unknown_message().code => {
            // Without a message to answer this is an ordinary one.
            return if wanted.fail_if_not_exists { Err(unknown().into()) } else { Ok(Referred::default()) };
        }
        Err(stop) => return Err(stop),
    };
    if !answered.kind.is_written() {
        let message = "Cannot reply to a system message";
        return Err(ApiError::invalid_field(
            "message_reference",
            "REPLIES_CANNOT_REPLY_TO_SYSTEM_MESSAGE",
            message,
        )
        .into());
    }
    // One level only: what the answered message itself answers is not shown.
    if shown_reference(&answered).is_some() {
        answered.referenced_message = None;
    }
    let reference = reference(host, channel, answered.id);
    Ok(Referred { reference: Some(reference), answered: Some(Some(Box::new(answered))), snapshot: None })
}

fn forward(wanted: &Reference, create: &Create) -> Result<Referred, ApiError> {
    let source = create.forwarded.as_deref().ok_or_else(ApiError::cannot_forward)?;
    if !source.kind.is_written() || source.poll.is_some() || source.id != wanted.message {
        let message = "This message cannot be forwarded";
        return Err(ApiError::invalid_field(
            "message_reference",
            "MESSAGE_REFERENCE_NOT_FORWARDABLE",
            message,
        ));
    }
    if !create.body.is_empty() || !create.attachments.is_empty() {
        let message = "Forwarded messages cannot have additional content";
        return Err(ApiError::invalid_field("message_reference", "FORWARD_CANNOT_HAVE_CONTENT", message));
    }
    // A forward of a forward shows the first message again.
    let snapshot = source.message_snapshots.first().cloned().unwrap_or_else(|| snapshot(source));
    let reference = MessageReference {
        kind: 1,
        message_id: Some(source.id),
        channel_id: source.channel_id,
        guild_id: wanted.guild.or(source.guild_id),
    };
    Ok(Referred { reference: Some(reference), answered: None, snapshot: Some(snapshot) })
}

fn snapshot(source: &Message) -> MessageSnapshot {
    let message = SnapshotMessage {
        kind: source.kind,
        content: source.content.clone(),
        embeds: source.embeds.clone(),
        attachments: source.attachments.clone(),
        timestamp: source.timestamp,
        edited_timestamp: source.edited_timestamp,
        flags: source.flags,
        mentions: source.mentions.iter().map(|mention| mention.user.clone()).collect(),
        mention_roles: source.mention_roles.clone(),
        sticker_items: source.sticker_items.clone(),
        components: source.components.clone(),
    };
    MessageSnapshot { message }
}

fn flags(body: &CreateMessage, referred: &Referred) -> MessageFlags {
    let kept = FLAG_SUPPRESS_EMBEDS | FLAG_SUPPRESS_NOTIFICATIONS | FLAG_VOICE_MESSAGE | FLAG_COMPONENTS_V2;
    let mut flags = MessageFlags::from_bits_truncate(body.flags & kept);
    flags.set(MessageFlags::HAS_SNAPSHOT, referred.snapshot.is_some());
    flags
}

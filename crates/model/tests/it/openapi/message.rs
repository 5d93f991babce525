//! Messages and what they carry.

use consort_model::object::*;
use consort_model::{Id, RoleId};
use serde_json::{Value, json};

use super::samples::*;
use super::{answers, conforms};

/// A message with nothing in it.
pub fn bare() -> Message {
    Message {
        id: Id::new(16),
        channel_id: CHANNEL,
        guild_id: None,
        author: user(),
        member: None,
        content: "hello".to_owned(),
        timestamp: time(),
        edited_timestamp: None,
        tts: false,
        mention_everyone: false,
        mentions: vec![],
        mention_roles: vec![],
        attachments: vec![],
        embeds: vec![],
        reactions: vec![],
        nonce: None,
        pinned: false,
        webhook_id: None,
        kind: MessageType::Default,
        application_id: None,
        flags: MessageFlags::empty(),
        message_reference: None,
        referenced_message: None,
        message_snapshots: vec![],
        thread: None,
        components: vec![],
        sticker_items: vec![],
        stickers: vec![],
        position: None,
        poll: None,
        interaction_metadata: None,
        call: None,
        interaction: None,
    }
}

fn full() -> Message {
    Message {
        edited_timestamp: Some(time()),
        tts: true,
        mention_everyone: true,
        mentions: vec![MentionedUser { user: user(), member: None }],
        mention_roles: vec![RoleId::new(7)],
        attachments: vec![attachment()],
        embeds: vec![embed()],
        reactions: vec![
            Reaction::first(PartialEmoji { id: None, name: Some("👍".to_owned()), animated: false }),
            Reaction { me: true, ..Reaction::first(custom_emoji()) },
        ],
        nonce: Some(Nonce::Text("a nonce".to_owned())),
        pinned: true,
        kind: MessageType::Reply,
        flags: MessageFlags::HAS_THREAD | MessageFlags::SUPPRESS_NOTIFICATIONS,
        message_reference: Some(reference(0)),
        referenced_message: Some(Some(Box::new(bare()))),
        thread: Some(Box::new(thread(ChannelType::PublicThread))),
        components: vec![row_of_buttons()],
        sticker_items: vec![StickerItem { id: Id::new(17), name: "Wave".to_owned(), format_type: 1 }],
        stickers: vec![sticker()],
        position: Some(3),
        ..bare()
    }
}

fn custom_emoji() -> PartialEmoji {
    PartialEmoji { id: Some(Id::new(18)), name: Some("blob".to_owned()), animated: true }
}

fn reference(kind: u8) -> MessageReference {
    MessageReference { kind, message_id: Some(Id::new(19)), channel_id: CHANNEL, guild_id: Some(GUILD) }
}

fn row_of_buttons() -> Component {
    serde_json::from_value(json!({"type": 1, "id": 1, "components": [
        {"type": 2, "id": 2, "style": 1, "label": "Go", "custom_id": "go"},
    ]}))
    .unwrap()
}

/// Keys of a reaction that some libraries read and the published file does not know.
const BURSTS: [&str; 2] = ["reactions.burst_me", "reactions.burst_count"];

#[test]
fn messages_conform() {
    conforms("MessageResponse", &bare(), &[]);
    conforms("MessageResponse", &full(), &BURSTS);
}

#[test]
fn keys_that_libraries_want_are_always_there() {
    let value = serde_json::to_value(bare()).unwrap();
    for key in [
        "id",
        "channel_id",
        "author",
        "content",
        "timestamp",
        "edited_timestamp",
        "tts",
        "mention_everyone",
        "mentions",
        "mention_roles",
        "attachments",
        "embeds",
        "pinned",
        "type",
        "flags",
        "components",
    ] {
        assert!(value.get(key).is_some(), "{key}");
    }
    assert!(value.get("guild_id").is_none() && value.get("member").is_none(), "answers of REST lack them");
}

#[test]
fn the_gateway_adds_guild_and_members() {
    let event = Message {
        guild_id: Some(GUILD),
        member: Some(member().without_user()),
        mentions: vec![MentionedUser { user: user(), member: Some(member().without_user()) }],
        ..bare()
    };
    let value = conforms("MessageResponse", &event, &["guild_id", "member", "mentions.member"]);
    assert!(value["member"].get("user").is_none());
}

#[test]
fn a_reply_tells_a_deleted_message_from_one_not_loaded() {
    let reply = Message { kind: MessageType::Reply, message_reference: Some(reference(0)), ..bare() };
    let gone = conforms("MessageResponse", &Message { referenced_message: Some(None), ..reply.clone() }, &[]);
    assert_eq!(gone.get("referenced_message"), Some(&Value::Null));
    let not_loaded = conforms("MessageResponse", &reply, &[]);
    assert_eq!(not_loaded.get("referenced_message"), None);
}

#[test]
fn forwards_conform() {
    let snapshot = SnapshotMessage {
        kind: MessageType::Default,
        content: "hello".to_owned(),
        embeds: vec![embed()],
        attachments: vec![attachment()],
        timestamp: time(),
        edited_timestamp: Some(time()),
        flags: MessageFlags::empty(),
        mentions: vec![user()],
        mention_roles: vec![RoleId::new(7)],
        sticker_items: vec![StickerItem { id: Id::new(17), name: "Wave".to_owned(), format_type: 2 }],
        components: vec![row_of_buttons()],
    };
    conforms("MessageSnapshotResponse", &MessageSnapshot { message: snapshot.clone() }, &[]);
    let forward = Message {
        flags: MessageFlags::HAS_SNAPSHOT,
        message_reference: Some(reference(1)),
        message_snapshots: vec![MessageSnapshot { message: snapshot }],
        ..bare()
    };
    // The published file knows replies only, the Message page has 1 for forwards.
    let mut value = serde_json::to_value(&forward).unwrap();
    assert_eq!(value["message_reference"]["type"].take(), json!(1));
    value["message_reference"]["type"] = json!(0);
    answers("MessageResponse", &value, &[]);
}

#[test]
fn messages_of_webhooks_and_interactions_conform() {
    let hook = User { discriminator: "0000".to_owned(), bot: true, ..User::person(Id::new(14), "hook") };
    let webhook = Message { author: hook, webhook_id: Some(Id::new(14)), ..bare() };
    conforms("MessageResponse", &webhook, &[]);
    let interaction = Message {
        author: bot(),
        kind: MessageType::ChatInputCommand,
        application_id: Some(application()),
        webhook_id: Some(application().cast()),
        flags: MessageFlags::EPHEMERAL,
        interaction_metadata: Some(json!({
            "id": "20", "type": 2, "user": user(), "authorizing_integration_owners": {"0": GUILD},
        })),
        interaction: Some(json!({"id": "20", "type": 2, "name": "ping", "user": user()})),
        ..bare()
    };
    conforms("MessageResponse", &interaction, &[]);
}

#[test]
fn polls_conform() {
    let poll = json!({
        "question": {"text": "Tea?"},
        "answers": [{"answer_id": 1, "poll_media": {"text": "Yes"}}],
        "expiry": time(), "allow_multiselect": false, "layout_type": 1,
        "results": {"answer_counts": [{"id": 1, "count": 1, "me_voted": true}], "is_finalized": false},
    });
    conforms("MessageResponse", &Message { poll: Some(poll), ..bare() }, &[]);
}

#[test]
fn nonces_keep_their_type() {
    for nonce in [json!("1"), json!(1)] {
        let mut value = serde_json::to_value(bare()).unwrap();
        value["nonce"] = nonce.clone();
        let message: Message = serde_json::from_value(value).unwrap();
        assert_eq!(conforms("MessageResponse", &message, &[])["nonce"], nonce);
    }
}

#[test]
fn parts_conform_on_their_own() {
    conforms("MessageAttachmentResponse", &attachment(), &[]);
    let plain = Attachment {
        title: None,
        description: None,
        content_type: None,
        width: None,
        height: None,
        ephemeral: false,
        duration_secs: None,
        waveform: None,
        flags: None,
        ..attachment()
    };
    conforms("MessageAttachmentResponse", &plain, &[]);
    conforms("MessageEmbedResponse", &embed(), &[]);
    conforms("MessageEmbedResponse", &Embed { kind: "rich".to_owned(), ..Embed::default() }, &[]);
    conforms("MessageReferenceResponse", &reference(0), &[]);
    conforms("MessageReferenceResponse", &MessageReference { message_id: None, ..reference(0) }, &[]);
    conforms("MessageReactionEmojiResponse", &custom_emoji(), &[]);
    conforms("MessageReactionEmojiResponse", &PartialEmoji { name: None, ..custom_emoji() }, &[]);
    answers(
        "PinnedMessagesResponse",
        &json!({"items": [{"pinned_at": time(), "message": bare()}], "has_more": false}),
        &[],
    );
}

#[test]
fn known_message_types_are_the_documented_ones() {
    for number in 0..256u16 {
        let kind = MessageType::from(number);
        if !matches!(kind, MessageType::Unknown(_)) {
            let problems = crate::schema::published().problems("MessageType", &Value::from(number));
            assert!(problems.is_empty(), "{kind:?}: {problems:?}");
        }
    }
}

use serde_json::{Value, json};

use super::*;

fn parse(body: Value) -> Result<CreateMessage, ApiError> {
    CreateMessage::parse(&body)
}

/// The first leaf code at a path of the refusal.
fn code_at(body: Value, path: &str) -> String {
    let error = parse(body).unwrap_err();
    assert_eq!((error.status, error.code), (400, 50035), "{error}");
    let errors = error.errors.clone().unwrap();
    errors
        .get(path)
        .first()
        .map_or_else(|| panic!("nothing at {path}: {error}"), |leaf| leaf.code.to_string())
}

#[test]
fn content_is_trimmed_and_limited_in_characters() {
    assert_eq!(parse(json!({"content": "  hi \n"})).unwrap().content, "hi");
    assert_eq!(parse(json!({"content": "é".repeat(2000)})).unwrap().content.chars().count(), 2000);
    assert_eq!(code_at(json!({"content": "a".repeat(2001)}), "content"), "BASE_TYPE_MAX_LENGTH");
    assert!(parse(json!({"content": null})).unwrap().is_empty());
}

#[test]
fn embeds_are_made_rich_and_limited_by_path() {
    let create = parse(json!({"embeds": [{"type": "video", "title": " a ", "provider": {"name": "x"},
        "image": {"url": "attachment://cat.png", "width": 9}, "fields": [{"name": "n", "value": "v"}]}]}));
    let embed = create.unwrap().embeds.remove(0);
    assert_eq!((embed.kind.as_str(), embed.title.as_deref()), ("rich", Some("a")));
    assert!(embed.provider.is_none() && embed.image.unwrap().width.is_none());
    let long = |field: &str, chars: usize| json!({"embeds": [{"title": "ok"}, {field: "x".repeat(chars)}]});
    assert_eq!(code_at(long("title", 257), "embeds.1.title"), "BASE_TYPE_MAX_LENGTH");
    assert_eq!(code_at(long("description", 4097), "embeds.1.description"), "BASE_TYPE_MAX_LENGTH");
    let fields = json!({"embeds": [{"fields": [{"name": "a", "value": "b"}, {"name": "", "value": "b"}]}]});
    assert_eq!(code_at(fields, "embeds.0.fields.1.name"), "BASE_TYPE_BAD_LENGTH");
    let big = json!({"embeds": [{"description": "x".repeat(4000)}, {"description": "x".repeat(2001)}]});
    assert_eq!(code_at(big, "embeds"), "MAX_EMBED_SIZE_EXCEEDED");
    assert_eq!(code_at(json!({"embeds": [{}]}), "embeds.0.description"), "BASE_TYPE_REQUIRED");
    assert_eq!(
        code_at(json!({"embeds": [{"title": "t", "url": "ftp://x"}]}), "embeds.0.url"),
        "URL_TYPE_INVALID_SCHEME"
    );
    assert_eq!(code_at(json!({"embeds": vec![json!({"title": "t"}); 11]}), "embeds"), "BASE_TYPE_MAX_LENGTH");
}

#[test]
fn nonces_keep_their_type() {
    assert_eq!(parse(json!({"nonce": "12"})).unwrap().nonce, Some(Nonce::Text("12".to_owned())));
    assert_eq!(parse(json!({"nonce": -12})).unwrap().nonce, Some(Nonce::Number(-12)));
    assert_eq!(code_at(json!({"nonce": "x".repeat(26)}), "nonce"), "BASE_TYPE_MAX_LENGTH");
    assert_eq!(code_at(json!({"nonce": 1.5}), "nonce"), "NONCE_TYPE_COERCE");
}

#[test]
fn components_are_numbered_where_they_have_no_id() {
    let button =
        |id: u64, name: &str| json!({"type": 2, "style": 1, "label": "x", "custom_id": name, "id": id});
    let body =
        json!({"components": [{"type": 1, "components": [button(0, "a"), button(2, "b"), button(0, "c")]}]});
    let row = serde_json::to_value(parse(body).unwrap().components.remove(0)).unwrap();
    let ids: Vec<_> =
        row["components"].as_array().unwrap().iter().map(|c| c["id"].as_u64().unwrap()).collect();
    assert_eq!((row["id"].as_u64(), ids), (Some(1), vec![3, 2, 4]));
}

#[test]
fn components_are_refused_at_the_component_that_is_wrong() {
    let row = |children: Value| json!({"components": [{"type": 1, "components": children}]});
    let twice =
        row(json!([{"type": 2, "style": 1, "custom_id": "a"}, {"type": 2, "style": 1, "custom_id": "a"}]));
    assert_eq!(code_at(twice, "components.0.components.1.custom_id"), "COMPONENT_CUSTOM_ID_DUPLICATED");
    let bare = || row(json!([{"type": 2, "style": 5}]));
    assert_eq!(code_at(bare(), "components.0.components.0.url"), "BASE_TYPE_REQUIRED");
    assert_eq!(code_at(bare(), "components.0.components.0.label"), "BASE_TYPE_REQUIRED");
    assert_eq!(code_at(json!({"components": [{"type": 2}]}), "components.0.type"), "UNION_TYPE_CHOICES");
    assert_eq!(code_at(row(json!([])), "components.0.components"), "BASE_TYPE_BAD_LENGTH");
    let text = json!({"flags": 1 << 15, "content": "x", "components": [{"type": 10, "content": "hello"}]});
    assert_eq!(code_at(text, "content"), "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2");
    let mut deep = json!({"type": 10, "content": "x"});
    (0..50).for_each(|_| deep = json!({"type": 9, "components": [deep.take()]}));
    assert_eq!(parse(json!({"flags": 1 << 15, "components": [deep]})).unwrap_err().code, 50035);
}

#[test]
fn every_field_of_a_component_is_typed() {
    let bodies: Value = serde_json::from_str(include_str!("../../../tests/samples/bodies.json")).unwrap();
    for (sample, pointer, value, path) in [
        (
            "message",
            "/components/1/components/0/options",
            json!([1, 2]),
            "components.1.components.0.options.0",
        ),
        ("message", "/components/0/components/0/emoji", json!("zz"), "components.0.components.0.emoji"),
        (
            "message",
            "/components/0/components/1/emoji/name",
            json!("zz"),
            "components.0.components.1.emoji.name",
        ),
        ("message", "/components/0/components/0/label", json!(5), "components.0.components.0.label"),
        ("message", "/components/0/components/0/custom_id", json!(5), "components.0.components.0.custom_id"),
        ("message", "/components/0/components/0/style", json!(7), "components.0.components.0.style"),
        (
            "message",
            "/components/0/components/2/url",
            json!("javascript://x"),
            "components.0.components.2.url",
        ),
        (
            "message",
            "/components/1/components/0/max_values",
            json!("x"),
            "components.1.components.0.max_values",
        ),
        ("message", "/components/1/components/0/max_values", json!(25), "components.1.components.0.options"),
        (
            "message",
            "/components/1/components/0/min_values",
            json!(3),
            "components.1.components.0.min_values",
        ),
        (
            "message",
            "/components/1/components/0/options/1/value",
            json!("a"),
            "components.1.components.0.options.1.value",
        ),
        (
            "message",
            "/components/2/components/0/default_values",
            json!([{"id": "5", "type": "user"}, {"id": "5", "type": "user"}]),
            "components.2.components.0.default_values.1.id",
        ),
        (
            "message",
            "/components/2/components/0/default_values/0/type",
            json!("role"),
            "components.2.components.0.default_values.0.type",
        ),
        (
            "message",
            "/components/4/components/0/channel_types",
            json!("x"),
            "components.4.components.0.channel_types",
        ),
        (
            "message",
            "/components/4/components/0/channel_types/1",
            json!(99),
            "components.4.components.0.channel_types.1",
        ),
        ("message", "/components/0/type", json!(17), "components.0.type"),
        ("message", "/components/0/components/0/type", json!(1), "components.0.components.0.type"),
        ("v2", "/components/1/components", Value::Null, "components.1.components"),
        ("v2", "/components/1/accent_color", json!("red"), "components.1.accent_color"),
        ("v2", "/components/1/components/0/accessory", Value::Null, "components.1.components.0.accessory"),
        (
            "v2",
            "/components/1/components/0/accessory/media",
            json!("zz"),
            "components.1.components.0.accessory.media",
        ),
        (
            "v2",
            "/components/1/components/0/components/0",
            json!({"type": 2}),
            "components.1.components.0.components.0.type",
        ),
        ("v2", "/components/1/components/2/spacing", json!("zz"), "components.1.components.2.spacing"),
        ("v2", "/components/1/components/3/items/0", json!({}), "components.1.components.3.items.0.media"),
        ("v2", "/components/1/components/4", json!({"type": 13}), "components.1.components.4.file"),
        ("v2", "/components/2", json!({"type": 9}), "components.2.components"),
        ("v2", "/components/2", json!({"type": 12}), "components.2.items"),
        ("v2", "/components/2", json!({"type": 4}), "components.2.type"),
    ] {
        let mut body = bodies[sample].clone();
        *body.pointer_mut(pointer).unwrap() = value;
        code_at(body, path);
    }
}

#[test]
fn unknown_keys_of_components_are_dropped() {
    let body = json!({"components": [{"type": 1, "x": "y".repeat(1000), "components": [
        {"type": 2, "style": 5, "url": "https://a.example", "label": " l ", "y": {"z": []}, "options": [1]}]}]});
    assert_eq!(
        serde_json::to_value(parse(body).unwrap().components).unwrap(),
        json!([{"type": 1, "id": 1, "components": [
            {"type": 2, "id": 2, "style": 5, "label": "l", "url": "https://a.example"}]}])
    );
}

#[test]
fn a_reference_is_a_reply_or_a_forward() {
    let reply = parse(json!({"content": "x", "message_reference": {"message_id": "5"}})).unwrap();
    let reply = reply.message_reference.unwrap();
    assert!(!reply.forward && reply.fail_if_not_exists && reply.message == MessageId::new(5));
    let forward = json!({"message_reference": {"type": 1, "message_id": "5"}});
    assert_eq!(code_at(forward, "message_reference.channel_id"), "BASE_TYPE_REQUIRED");
}

#[test]
fn polls_are_limited() {
    let poll = |answers: Value| json!({"poll": {"question": {"text": "Q?"}, "answers": answers}});
    let answer = json!({"poll_media": {"text": "yes", "emoji": {"name": "👍"}}});
    let create = parse(poll(json!([answer]))).unwrap().poll.unwrap();
    assert_eq!((create.question.as_str(), create.duration_hours), ("Q?", 24));
    assert_eq!(code_at(poll(json!([])), "poll.answers"), "BASE_TYPE_BAD_LENGTH");
    let long = json!([{"poll_media": {"text": "x".repeat(56)}}]);
    assert_eq!(code_at(poll(long), "poll.answers.0.poll_media.text"), "BASE_TYPE_BAD_LENGTH");
}

#[test]
fn an_edit_tells_absent_null_and_value_apart() {
    let edit = EditMessage::parse(&json!({"content": null, "embeds": [], "flags": 4})).unwrap();
    assert_eq!(edit.content, Patch::Null);
    assert_eq!(edit.embeds, Patch::Value(Vec::new()));
    assert!(edit.components.is_absent() && !edit.only_flags());
    assert!(EditMessage::parse(&json!({"flags": 4})).unwrap().only_flags());
}

#[test]
fn bulk_delete_counts_distinct_ids() {
    assert_eq!(bulk_delete(&json!({"messages": ["1", "2", "1"]})).unwrap().len(), 2);
    assert_eq!(bulk_delete(&json!({"messages": ["1", "1"]})).unwrap_err().code, 50016);
    let many: Vec<String> = (1..=101).map(|n: u32| n.to_string()).collect();
    assert_eq!(bulk_delete(&json!({ "messages": many })).unwrap_err().code, 50016);
    assert_eq!(bulk_delete(&json!({})).unwrap_err().code, 50035);
}

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::id::{RoleId, UserId};
use crate::patch::Patch;
use crate::permissions::Permissions;

fn errors(form: Form<'_>) -> Value {
    match form.finish() {
        Ok(()) => Value::Null,
        Err(error) => serde_json::to_value(error.errors).unwrap(),
    }
}

#[test]
fn a_body_is_an_object_or_nothing() {
    assert!(Form::root(&Value::Null).unwrap().finish().is_ok());
    let error = Form::root(&json!([])).unwrap_err();
    assert_eq!((error.status, error.code), (400, 50035));
}

#[test]
fn all_errors_are_collected_with_their_paths() {
    let body = json!({
        "name": "", "nick": 5, "limit": "x", "rate": 30000, "id": "abc",
        "embeds": [{"title": "ok"}, {"title": 1}, 7], "list": [1, "y"],
    });
    let form = Form::root(&body).unwrap();
    form.str("name", 1..=100);
    form.str("nick", 0..=32);
    form.int("limit", 1..=100u32);
    form.int("rate", 0..=21600u32);
    form.id::<crate::id::marker::User>("id");
    form.required("type", form.choice_u8("type", &[0, 2]));
    form.array("embeds", 10, |embed| embed.str("title", 0..=256));
    form.ids::<crate::id::marker::Role>("list", 5);
    let got = errors(form);
    let leaf = |pointer: &str| got.pointer(&format!("{pointer}/_errors/0")).cloned().unwrap_or_default();
    assert_eq!(
        leaf("/name"),
        json!({"code": "BASE_TYPE_BAD_LENGTH", "message": "Must be between 1 and 100 in length."})
    );
    assert_eq!(leaf("/nick")["code"], "STRING_TYPE_CONVERT");
    assert_eq!(leaf("/limit"), json!({"code": "NUMBER_TYPE_COERCE", "message": "Value \"x\" is not int."}));
    assert_eq!(leaf("/rate")["code"], "NUMBER_TYPE_MAX");
    assert_eq!(
        leaf("/id"),
        json!({"code": "NUMBER_TYPE_COERCE", "message": "Value \"abc\" is not snowflake."})
    );
    assert_eq!(leaf("/type"), json!({"code": "BASE_TYPE_REQUIRED", "message": "This field is required"}));
    assert_eq!(leaf("/embeds/1/title")["code"], "STRING_TYPE_CONVERT");
    assert_eq!(leaf("/embeds/2")["code"], "DICT_TYPE_CONVERT");
    assert_eq!(leaf("/list/1")["code"], "NUMBER_TYPE_COERCE");
    assert_eq!(got["embeds"].as_object().unwrap().len(), 2);
}

#[test]
fn null_is_absent_for_optional_getters_and_kept_by_patches() {
    let body = json!({"nick": null, "topic": "t", "roles": null});
    let form = Form::root(&body).unwrap();
    assert_eq!(form.str("nick", 1..=32), None);
    assert_eq!(form.patch_str("nick", 1..=32), Patch::Null);
    assert_eq!(form.patch_str("topic", 1..=32), Patch::Value("t".to_owned()));
    assert_eq!(form.patch_ids::<crate::id::marker::Role>("roles", 3), Patch::Null);
    assert_eq!(form.patch_bool("x"), Patch::Absent);
    assert!(form.finish().is_ok());
}

#[test]
fn numbers_and_ids_come_as_text_or_numbers() {
    let body =
        json!({"id": 5, "ids": ["6", 7, 6], "n": "12", "f": 3.0, "allow": 1024, "deny": "2048", "t": 5});
    let form = Form::root(&body).unwrap();
    assert_eq!(form.id("id"), Some(UserId::new(5)));
    assert_eq!(form.ids("ids", 3), Some(vec![RoleId::new(6), RoleId::new(7)]));
    assert_eq!(form.int("n", 0..=20u8), Some(12));
    assert_eq!(form.int("f", 0..=20i64), Some(3));
    assert_eq!(form.permissions("allow"), Some(Permissions::VIEW_CHANNEL));
    assert_eq!(form.permissions("deny"), Some(Permissions::SEND_MESSAGES));
    assert!(form.finish().is_ok());
}

#[test]
fn nothing_has_the_id_0_which_is_a_place_before_all() {
    let body = json!({"id": "0", "number": 0, "ids": ["1", 0]});
    let form = Form::root(&body).unwrap();
    assert_eq!(form.cursor::<()>("id"), Some(crate::Id::new(0)));
    assert_eq!((form.id::<()>("id"), form.id::<()>("number"), form.ids::<()>("ids", 2)), (None, None, None));
    let errors = form.finish().unwrap_err().errors.unwrap();
    for path in ["id", "number", "ids.1"] {
        assert_eq!(errors.get(path)[0].code, "NUMBER_TYPE_COERCE", "{path}");
    }
}

#[test]
fn text_is_trimmed_before_it_is_counted() {
    let body = json!({"name": "  a  "});
    let form = Form::root(&body).unwrap();
    assert_eq!(form.text("name", 1..=1), Some("a".to_owned()));
    assert_eq!(form.str("name", 5..=5), Some("  a  ".to_owned()));
}

#[test]
fn queries_use_the_same_getters() {
    let pairs = |list: &[(&str, &str)]| {
        list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>()
    };
    let form = Form::query(&pairs(&[
        ("limit", "50"),
        ("with_counts", "True"),
        ("x", "0"),
        ("id", "1"),
        ("id", "2"),
        ("include_roles", "3,4"),
        ("bad", "maybe"),
    ]));
    assert_eq!(form.int("limit", 1..=100u32), Some(50));
    assert_eq!(form.bool("with_counts"), Some(true));
    assert_eq!(form.bool("x"), Some(false));
    assert_eq!(form.ids("id", 10), Some(vec![UserId::new(1), UserId::new(2)]));
    assert_eq!(form.ids("include_roles", 10), Some(vec![RoleId::new(3), RoleId::new(4)]));
    assert_eq!(form.bool("bad"), None);
    assert_eq!(errors(form)["bad"]["_errors"][0]["code"], "BOOLEAN_TYPE_CONVERT");
}

#[test]
fn images_are_told_by_content_and_capped() {
    let png = "data:image/jpeg;base64,iVBORw0KGgo=";
    let body = json!({"a": png, "b": png, "c": "data:image/png;base64,!!", "d": "data:image/png;base64,AAAA", "e": "x"});
    let form = Form::root(&body).unwrap();
    assert_eq!(form.image("a", 100).map(|image| image.format), Some(ImageFormat::Png));
    assert_eq!(form.image("b", 4), None);
    assert_eq!(form.image("c", 100), None);
    assert_eq!(form.image("d", 100), None);
    assert_eq!(form.image("e", 100), None);
    let got = errors(form);
    assert_eq!(got["b"]["_errors"][0]["code"], "BINARY_TYPE_MAX_SIZE");
    assert_eq!(got.as_object().unwrap().len(), 4);
}

#[test]
fn objects_nest() {
    let body = json!({"a": {"b": {"c": 300}}});
    let form = Form::root(&body).unwrap();
    let got = form.object("a", |a| a.object("b", |b| b.int("c", 0..=255u8)));
    assert_eq!(got, None);
    assert_eq!(errors(form)["a"]["b"]["c"]["_errors"][0]["code"], "NUMBER_TYPE_MAX");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,30}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec(("[a-c]", inner), 0..5)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_body_panics(value in any_json()) {
        let body = json!({"a": value});
        let form = Form::root(&body).unwrap();
        form.str("a", 1..=5);
        form.text("a", 1..=5);
        form.int("a", 0..=5u64);
        form.int("a", i64::MIN..=i64::MAX);
        form.float("a", 0.0..=1.0);
        form.bool("a");
        form.id::<()>("a");
        form.ids::<()>("a", 3);
        form.permissions("a");
        form.timestamp("a");
        form.image("a", 10);
        form.strings("a", 3, 0..=4);
        form.choice_u8("a", &[1]);
        form.array("a", 3, |form| form.int("a", 0..=1u8));
        form.object("a", |form| form.str("b", 0..=1));
        let _ = form.finish();
    }
}

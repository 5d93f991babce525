use serde_json::json;

use super::*;
use crate::error::ApiError;
use crate::form::Form;
use proptest::prelude::*;

fn users(ids: &[u64]) -> Vec<UserId> {
    ids.iter().map(|id| UserId::new(*id)).collect()
}

fn roles(ids: &[u64]) -> Vec<RoleId> {
    ids.iter().map(|id| RoleId::new(*id)).collect()
}

fn allowed(body: serde_json::Value) -> Result<AllowedMentions, ApiError> {
    let body = json!({ "allowed_mentions": body });
    Form::root(&body).unwrap().check(|form| form.object("allowed_mentions", AllowedMentions::from_form))
}

fn codes_at(error: ApiError, path: &str) -> Vec<String> {
    let errors = error.errors.unwrap();
    errors.get(path).iter().map(|error| error.code.to_string()).collect()
}

#[test]
fn all_kinds_are_read_in_order_and_once() {
    let mentions = parse("<@2> <@!1> <@2> <@&7><#9> <:ok_1:5> <a:go:6> <:other:5> @everyone @here");
    assert_eq!(mentions.users, users(&[2, 1]));
    assert_eq!(mentions.roles, roles(&[7]));
    assert_eq!(mentions.channels, [ChannelId::new(9)]);
    let emojis = mentions.emojis.iter().map(|emoji| (emoji.id.get(), emoji.name.as_str(), emoji.animated));
    assert_eq!(emojis.collect::<Vec<_>>(), [(5, "ok_1", false), (6, "go", true)]);
    assert!(mentions.everyone && mentions.here);
}

#[test]
fn what_only_resembles_a_mention_is_text() {
    for text in [
        "",
        "<@>",
        "<@!>",
        "<@x>",
        "<@-1>",
        "<@+1>",
        "<@ 1>",
        "<@1",
        "@1>",
        "<@0>",
        "<@99999999999999999999>",
        "<@123456789012345678901>",
        "<:a-b:1>",
        "<::1>",
        "<b:name:1>",
        "<:name:>",
        "<id:customize>",
        "</cmd:1>",
        "<t:1:R>",
        "@Everyone",
        "@ever",
        "<é@1>",
        "<",
        "\\",
        "`",
    ] {
        assert!(parse(text).is_empty(), "{text}");
    }
    assert_eq!(parse("<<@1>").users, users(&[1]));
    assert!(parse("x@everyone's").everyone);
}

#[test]
fn code_and_escapes_hide_mentions() {
    assert!(parse("`<@1>` ``a ` <@2>`` ```\n<@3>\n``` \\<@4> \\@everyone").is_empty());
    assert!(parse("```rs\n`<@1>` @here").users == users(&[]), "an inner span still hides");
    assert_eq!(parse("```<@1>").users, users(&[1]), "an unclosed block hides nothing");
    assert_eq!(parse("`` <@1> `").users, users(&[1]), "runs of other lengths do not close");
    assert_eq!(parse("\\`<@1>`").users, users(&[1]), "an escaped backtick opens nothing");
    assert_eq!(parse("`a\\` <@1>").users, users(&[1]), "inside code a backslash escapes nothing");
    assert_eq!(parse("\\\\<@1>").users, users(&[1]), "an escaped backslash escapes nothing");
    assert_eq!(parse("`x` <@1> `y`").users, users(&[1]));
    assert_eq!(parse("````<@1>```` <@2>").users, users(&[2]));
}

#[test]
fn counts_are_bounded() {
    let text = (1..=300).map(|id| format!("<@{id}><@&{id}><#{id}><:ab:{id}>")).collect::<String>();
    let mentions = parse(&text);
    let counts = [mentions.users.len(), mentions.roles.len(), mentions.channels.len(), mentions.emojis.len()];
    assert_eq!(counts, [MENTIONS_MAX; 4]);
}

proptest! {
    #[test]
    fn no_text_panics(text in r"([<>@!&#:a`\\0-9é]|@everyone|```){0,60}") {
        let _ = parse(&text);
    }
}

#[test]
fn the_object_is_read() {
    let got = allowed(json!({"parse": ["roles", "everyone"], "users": ["2", 2, 3], "replied_user": true}));
    let got = got.unwrap();
    assert_eq!(got.parse, ParseKinds { users: false, roles: true, everyone: true });
    assert_eq!((got.users, got.roles, got.replied_user), (users(&[2, 3]), vec![], Some(true)));
    let empty = allowed(json!({"parse": ["users"], "users": [], "roles": null, "replied_user": null}));
    assert_eq!(empty.unwrap(), AllowedMentions::users_only());
    assert_eq!(allowed(json!({"parse": []})).unwrap(), AllowedMentions::none());
}

#[test]
fn errors_of_the_object_name_their_place() {
    let error = allowed(json!({"parse": ["users", "all", 3]})).unwrap_err();
    assert_eq!(codes_at(error.clone(), "allowed_mentions.parse.1"), ["BASE_TYPE_CHOICES"]);
    assert_eq!(codes_at(error, "allowed_mentions.parse.2"), ["BASE_TYPE_CHOICES"]);
    for kind in ["users", "roles"] {
        let error = allowed(json!({"parse": [kind], kind: ["1"]})).unwrap_err();
        assert_eq!((error.status, error.code), (400, 50035));
        assert_eq!(codes_at(error, "allowed_mentions"), ["MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE"]);
    }
    let many = (1..=101).collect::<Vec<u64>>();
    let error = allowed(json!({"users": many})).unwrap_err();
    assert_eq!(codes_at(error, "allowed_mentions.users"), ["BASE_TYPE_MAX_LENGTH"]);
    let error = allowed(json!({"roles": ["1", "x"]})).unwrap_err();
    assert_eq!(codes_at(error, "allowed_mentions.roles.1"), ["NUMBER_TYPE_COERCE"]);
    let error = allowed(json!([])).unwrap_err();
    assert_eq!(codes_at(error, "allowed_mentions"), ["DICT_TYPE_CONVERT"]);
}

#[test]
fn without_an_object_everything_named_is_pinged() {
    let mentions = parse("<@1> <@&7> <@&8> @everyone");
    let pings = resolve(&mentions, None, true, |_| false, Some(UserId::new(5)));
    assert_eq!(pings, Pings { users: users(&[1, 5]), roles: roles(&[7, 8]), everyone: true });
}

#[test]
fn roles_and_everyone_need_the_right_or_a_mentionable_role() {
    let mentions = parse("<@&7> <@&8> @here");
    let pings = resolve(&mentions, None, false, |role| role.get() == 8, None);
    assert_eq!(pings, Pings { users: vec![], roles: roles(&[8]), everyone: false });
    let here = resolve(&parse("@here"), None, true, |_| false, None);
    assert!(here.everyone);
}

#[test]
fn the_object_narrows_pings() {
    let mentions = parse("<@1> <@2> <@&7> <@&8> @everyone");
    let under =
        |body| resolve(&mentions, Some(&allowed(body).unwrap()), true, |_| true, Some(UserId::new(2)));
    assert_eq!(under(json!({"parse": []})), Pings::default());
    assert_eq!(under(json!({})), Pings::default());
    assert_eq!(under(json!({"users": ["2", "9"]})).users, users(&[2]), "ids that the text lacks do not ping");
    assert_eq!(under(json!({"parse": ["users"]})).users, users(&[1, 2]));
    assert_eq!(under(json!({"roles": ["8"]})).roles, roles(&[8]));
    assert!(under(json!({"parse": ["everyone"]})).everyone);
    assert_eq!(under(json!({"replied_user": true})).users, users(&[2]));
    assert_eq!(under(json!({"replied_user": true, "parse": ["users"]})).users, users(&[1, 2]), "never twice");
}

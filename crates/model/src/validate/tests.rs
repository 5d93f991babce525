use serde_json::json;

use super::*;
use crate::ApiError;
use crate::id::EmojiId;
use proptest::prelude::*;

fn code(checked: Checked) -> String {
    checked.unwrap_err().code.into_owned()
}

#[test]
fn usernames_are_lower_case_and_plain() {
    assert_eq!(username("Alice_1.b").unwrap(), "alice_1.b");
    assert_eq!(username("ab").unwrap(), "ab");
    assert_eq!(code(username("a")), "BASE_TYPE_BAD_LENGTH");
    assert_eq!(code(username(&"a".repeat(33))), "BASE_TYPE_BAD_LENGTH");
    for text in ["a b", "añb", "a-b", "a@b", "a..b", "ab\u{200b}c"] {
        assert_eq!(code(username(text)), "USERNAME_INVALID_CHARACTERS", "{text}");
    }
    assert_eq!(code(username("Everyone")), "USERNAME_INVALID_EQUALS");
    assert_eq!(code(username("here")), "USERNAME_INVALID_EQUALS");
    assert_eq!(code(username("the_discord_team")), "USERNAME_INVALID_CONTAINS");
}

#[test]
fn display_names_are_tidied() {
    assert_eq!(name(Named::Account, "  Anna   Maria\u{200b} ").unwrap(), "Anna Maria");
    assert_eq!(name(Named::Account, "👩\u{200d}🚀").unwrap(), "👩\u{200d}🚀");
    assert_eq!(code(name(Named::Account, " \u{200b}\u{202e} ")), "BASE_TYPE_BAD_LENGTH");
    assert_eq!(code(name(Named::Account, &"é".repeat(33))), "BASE_TYPE_BAD_LENGTH");
    assert!(name(Named::Account, &"é".repeat(32)).is_ok());
}

#[test]
fn passwords_are_bounded_and_untouched() {
    assert_eq!(password(" 1234567").unwrap(), " 1234567");
    assert!(password("1234567").is_err());
    assert!(password(&"x".repeat(73)).is_err());
}

#[test]
fn addresses_have_a_local_part_and_a_domain() {
    assert_eq!(email(" Anna.B+tag@Example.ORG ").unwrap(), "anna.b+tag@example.org");
    assert!(email("a@bücher.example").is_ok());
    for text in [
        "",
        "a",
        "@",
        "a@",
        "@b.c",
        "a@b",
        "a b@c.d",
        "a@b..c",
        "a@.c",
        "a@b.c.",
        "a..b@c.d",
        ".a@c.d",
        "a@-b.c",
        "a@b@c.d",
        "a@b c.d",
        "<a@b.c>",
        "a\r\nb@c.d",
    ] {
        assert_eq!(code(email(text)), "EMAIL_TYPE_INVALID_EMAIL", "{text}");
    }
    assert!(email(&format!("{}@b.c", "a".repeat(65))).is_err());
    assert!(email(&format!("a@{}", "b.".repeat(130) + "c")).is_err());
}

#[test]
fn text_channels_are_lowered_and_dashed() {
    assert_eq!(name(Named::TextChannel, "  General  Chat ").unwrap(), "general-chat");
    assert_eq!(name(Named::TextChannel, "Ünï_code💬").unwrap(), "ünï_code💬");
    assert_eq!(name(Named::TextChannel, "a\tb\nc").unwrap(), "a-b-c");
    assert_eq!(code(name(Named::TextChannel, "  ")), "BASE_TYPE_BAD_LENGTH");
    assert_eq!(name(Named::Channel, " General  Chat ").unwrap(), "General Chat");
    assert!(name(Named::Channel, &"x".repeat(101)).is_err());
}

#[test]
fn webhooks_do_not_pose_as_the_system() {
    assert_eq!(name(Named::Webhook, " CI ").unwrap(), "CI");
    assert_eq!(code(name(Named::Webhook, "cLyde!")), "USERNAME_INVALID_CONTAINS");
    for text in ["everyone", " HERE ", "System  Message", "h\u{200b}ere", "cly\u{202e}de", "dis\u{ad}cord"] {
        assert!(code(name(Named::Webhook, text)).starts_with("USERNAME_INVALID"), "{text}");
    }
    assert_eq!(name(Named::Webhook, "everyone here").unwrap(), "everyone here");
    assert!(name(Named::Webhook, &"x".repeat(81)).is_err());
}

/// Everything that is named, with a name that it takes.
const KINDS: &[(Named, &str)] = &[
    (Named::Bot, "helper"),
    (Named::Account, "Anna"),
    (Named::Nick, "Anna"),
    (Named::Webhook, "CI"),
    (Named::Application, "App"),
    (Named::Guild, "Club"),
    (Named::TextChannel, "general"),
    (Named::Channel, "General"),
    (Named::Thread, "Plans"),
    (Named::Role, "Staff"),
    (Named::Tag, "help"),
    (Named::Sticker, "wave"),
    (Named::Sound, "quack"),
    (Named::Folder, "Work"),
    (Named::Command, "Two Words"),
    (Named::File, "A cat"),
];

#[test]
fn one_rule_holds_for_every_name() {
    for (of, plain) in KINDS {
        assert_eq!(name(*of, plain).as_deref(), Ok(*plain), "{of:?}");
        for hidden in [
            "\u{200b}",
            "\u{202e}",
            "\u{2066}",
            "\0",
            "\u{7f}",
            "\u{feff}",
            "\u{200d}",
            "\u{fe0f}",
            "\u{e0041}",
            "\u{3164}",
            "\u{2800}",
        ] {
            let (first, rest) = plain.split_at(1);
            let mixed = format!("{hidden} {first}{hidden}{rest}{hidden} {hidden}");
            assert_eq!(name(*of, &mixed).as_deref(), Ok(*plain), "{of:?} {hidden:?}");
            if *of.length().start() > 0 {
                assert_eq!(code(name(*of, &hidden.repeat(3))), "BASE_TYPE_BAD_LENGTH", "{of:?} {hidden:?}");
            }
        }
        let longest = *of.length().end();
        assert!(name(*of, &"é".repeat(longest)).is_ok(), "{of:?}: characters are counted, not bytes");
        assert_eq!(code(name(*of, &"é".repeat(longest + 1))), "BASE_TYPE_BAD_LENGTH", "{of:?}");
    }
}

#[test]
fn what_joins_stays_where_it_is_needed() {
    for text in [
        "❤\u{fe0f}",
        "1\u{fe0f}\u{20e3}",
        "🏴\u{e0067}\u{e0062}\u{e007f}",
        "👨\u{200d}👩\u{200d}👧",
        "می\u{200c}خواهم",
        "ක්\u{200d}ර",
    ] {
        assert_eq!(name(Named::Account, text).as_deref(), Ok(text));
    }
    assert_eq!(name(Named::Account, "dis\u{200d}cord").unwrap(), "discord");
}

#[test]
fn emoji_names_are_words() {
    assert_eq!(emoji_name("Blob_1").unwrap(), "Blob_1");
    assert_eq!(code(emoji_name("a")), "BASE_TYPE_BAD_LENGTH");
    for text in ["a b", "a-b", "ab:", "éé"] {
        assert_eq!(code(emoji_name(text)), "STRING_TYPE_REGEX", "{text}");
    }
}

#[test]
fn rules_note_errors_at_their_field() {
    let body = json!({"username": "a..b", "email": "x@y.z", "password": 5});
    let error = crate::Form::root(&body).unwrap().check(|form| {
        assert_eq!(read(form, "email", email).as_deref(), Some("x@y.z"));
        assert_eq!(read(form, "absent", email), None);
        let name = read(form, "username", username);
        read(form, "password", password);
        name
    });
    let errors = error.unwrap_err().errors.unwrap();
    assert_eq!(errors.get("username")[0].code, "USERNAME_INVALID_CHARACTERS");
    assert_eq!(errors.get("password")[0].code, "STRING_TYPE_CONVERT");
    assert!(errors.get("absent").is_empty());
}

#[test]
fn file_names_are_cleaned() {
    let clean = |original: &str| {
        let file = clean_file_name(original);
        (file.name, file.title)
    };
    let title = |text: &str| Some(text.to_owned());
    assert_eq!(clean("photo-1_a.PNG"), ("photo-1_a.PNG".to_owned(), None));
    assert_eq!(clean("my photo (1).png"), ("my_photo_1.png".to_owned(), title("my photo (1)")));
    assert_eq!(clean("图.png"), ("unknown.png".to_owned(), title("图")));
    assert_eq!(clean("../../etc/passwd"), ("passwd".to_owned(), None));
    assert_eq!(clean("C:\\a\\b.txt"), ("b.txt".to_owned(), None));
    assert_eq!(clean("..").0, "unknown");
    assert_eq!(clean(""), ("unknown".to_owned(), None));
    assert_eq!(clean("...x.tar.gz").0, "x.tar.gz");
    assert!(clean_file_name("SPOILER_a.png").spoiler);
    assert!(!clean_file_name("spoiler_a.png").spoiler);
    let long = clean_file_name(&format!("{}.jpeg", "a".repeat(400))).name;
    assert_eq!((long.len(), long.ends_with("a.jpeg")), (crate::limits::FILE_NAME_CHARS_MAX, true));
}

#[test]
fn unicode_reactions_are_recognised() {
    for text in [
        "👍",
        "👍🏽",
        "❤",
        "❤\u{fe0f}",
        "☺",
        "©",
        "™\u{fe0f}",
        "🇩🇪",
        "🇩",
        "1\u{fe0f}\u{20e3}",
        "#\u{20e3}",
        "👨\u{200d}👩\u{200d}👧\u{200d}👦",
        "🏳\u{fe0f}\u{200d}🌈",
        "🏳\u{200d}🌈",
        "🤷🏻\u{200d}♀\u{fe0f}",
        "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        "🏴\u{200d}☠\u{fe0f}",
        "🫨",
        "🛜",
        "🫩",
        "⛹🏿\u{200d}♂",
        "\u{1f3fb}",
        "🀄",
        "〰",
        "㊗",
    ] {
        assert_eq!(parse_reaction(text), Ok(ReactionEmoji::Unicode(text.to_owned())), "{text}");
    }
}

#[test]
fn other_texts_are_no_reactions() {
    for text in [
        "",
        "a",
        "1",
        "#",
        "thumbsup",
        ":thumbsup:",
        "👍👍",
        "👍a",
        "👍\u{200d}",
        "\u{200d}👍",
        "\u{fe0f}",
        "\u{20e3}",
        "🇩🇪🇫",
        "🏴\u{e0067}\u{e0062}",
        "123456789012345678",
        "name:",
        "name:x",
        ":",
        "<:a:1",
        "name:0",
        "a:b:c:1",
        "❤\u{fe0e}",
        "é",
        "中",
        "<:a:1>>",
    ] {
        assert_eq!(parse_reaction(text), Err(ApiError::invalid_reaction_emoji()), "{text}");
    }
    assert!(parse_reaction(&"👍\u{200d}".repeat(500)).is_err());
}

#[test]
fn custom_reactions_take_every_spelling() {
    let custom = |name: Option<&str>, animated| ReactionEmoji::Custom {
        id: EmojiId::new(41771983429993937),
        name: name.map(str::to_owned),
        animated,
    };
    for (text, expected) in [
        ("LUL:41771983429993937", custom(Some("LUL"), false)),
        (":LUL:41771983429993937", custom(Some("LUL"), false)),
        ("<:LUL:41771983429993937>", custom(Some("LUL"), false)),
        ("a:LUL:41771983429993937", custom(Some("LUL"), true)),
        ("<a:LUL:41771983429993937>", custom(Some("LUL"), true)),
        ("a:41771983429993937", custom(Some("a"), false)),
        ("_:41771983429993937", custom(Some("_"), false)),
        (":41771983429993937", custom(None, false)),
    ] {
        assert_eq!(parse_reaction(text), Ok(expected), "{text}");
    }
}

#[test]
fn one_emoji_has_one_key() {
    let unicode = |text: &str| ReactionEmoji::Unicode(text.to_owned());
    assert_eq!(unicode("❤\u{fe0f}").key(), unicode("❤").key());
    assert!(unicode("🏳\u{fe0f}\u{200d}🌈").same_as(&unicode("🏳\u{200d}🌈")));
    assert!(!unicode("👍").same_as(&unicode("👍🏽")));
    let custom = |name: &str, id| ReactionEmoji::Custom {
        id: EmojiId::new(id),
        name: Some(name.to_owned()),
        animated: false,
    };
    assert!(custom("a", 1).same_as(&custom("b", 1)));
    assert!(!custom("a", 1).same_as(&custom("a", 2)));
    assert_eq!(custom("a", 1).key(), "1");
    assert!(!custom("a", 1).same_as(&unicode("1\u{20e3}")));
}

#[test]
fn texts_in_which_nothing_can_be_seen_are_empty() {
    for text in ["\u{200b}", " \u{2060}\n\u{3164} ", "\u{e0067}"] {
        assert_eq!((line(text), lines(text)), (String::new(), String::new()), "{text:?}");
    }
    assert_eq!(
        (line(" a\u{200b}\u{7}"), lines("a\n\u{200b}b")),
        ("a\u{200b}".to_owned(), "a\n\u{200b}b".to_owned())
    );
    assert_eq!(line("\u{1f3f4}"), "\u{1f3f4}");
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,40}") {
        let _ = (username(&text), email(&text), lines(&text), line(&text));
        let _ = (emoji_name(&text), parse_reaction(&text));
    }

    #[test]
    fn cleaned_file_names_are_safe(text in "(\\PC|[./\\\\]){0,200}") {
        let name = clean_file_name(&text).name;
        prop_assert!(!name.is_empty() && !name.starts_with('.') && name.len() <= crate::limits::FILE_NAME_CHARS_MAX);
        prop_assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)));
        prop_assert_eq!(clean_file_name(&name).name, name);
    }
}

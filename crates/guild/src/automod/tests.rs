use consort_model::auto_moderation::{TriggerMetadata, trigger};
use consort_model::{AutoModerationRule, GuildId, RuleId, UserId};

use super::{Engine, Expression};

fn rule(trigger_type: u8, trigger_metadata: TriggerMetadata) -> AutoModerationRule {
    AutoModerationRule {
        id: RuleId::new(1),
        guild_id: GuildId::new(2),
        name: "rule".into(),
        creator_id: UserId::new(3),
        event_type: 1,
        trigger_type,
        trigger_metadata,
        actions: Vec::new(),
        enabled: true,
        exempt_roles: Vec::new(),
        exempt_channels: Vec::new(),
    }
}

fn owned(words: &[&str]) -> Option<Vec<String>> {
    Some(words.iter().map(|word| (*word).to_owned()).collect())
}

fn engine(words: &[&str], expressions: &[&str], allowed: &[&str]) -> Engine {
    let metadata = TriggerMetadata {
        keyword_filter: owned(words),
        regex_patterns: owned(expressions),
        allow_list: owned(allowed),
        ..TriggerMetadata::default()
    };
    Engine::new([&rule(trigger::KEYWORD, metadata)], Engine::default())
}

fn found(engine: &mut Engine, text: &str) -> Option<(String, String)> {
    let find = engine.search(text, |_| true).into_iter().next()?;
    Some((find.keyword, find.content))
}

fn pair(keyword: &str, content: &str) -> Option<(String, String)> {
    Some((keyword.to_owned(), content.to_owned()))
}

/// The examples of the documentation (Auto Moderation, Keyword Matching Strategies).
#[test]
fn wildcards_say_where_a_word_may_go_on() {
    for (word, yes, no) in [
        ("cat*", &["catch", "Catapult", "CAttLE"][..], &["tomcat", "concatenate"][..]),
        ("the mat*", &["the matrix", "THE MATTER"], &["at the format"]),
        ("*cat", &["wildcat", "copyCat"], &["cattle"]),
        ("*tra", &["extra", "ultra", "orchesTRA"], &["trap"]),
        ("*the mat", &["breathe mat"], &["breathe matter"]),
        ("*cat*", &["location", "eduCation"], &["dog"]),
        ("*the mat*", &["breathe matter"], &["the  mat"]),
        ("cat", &["cat", "CAT", "a cat!", "(cat)"], &["cats", "tomcat", "cat_"]),
        ("Train", &["train"], &["trains"]),
        ("the mat", &["the mat"], &["the matrix"]),
        (":)", &["hello:)", ":)there"], &[": )"]),
        ("ärger", &["ÄRGER!", "so ein Ärger"], &["ärgern"]),
    ] {
        let mut engine = engine(&[word], &[], &[]);
        for text in yes {
            assert!(found(&mut engine, text).is_some(), "{word} in {text}");
        }
        for text in no {
            assert!(found(&mut engine, text).is_none(), "no {word} in {text}");
        }
    }
}

#[test]
fn a_find_is_what_was_written_and_the_word_that_found_it() {
    let mut words = engine(&["*evil*"], &[], &[]);
    assert_eq!(found(&mut words, "so EvIlest"), pair("*evil*", "EvIl"));
    // The lower case of `İ` is longer than it.
    assert_eq!(found(&mut words, "İİ EVILİ"), pair("*evil*", "EVIL"));
    let mut turkish = engine(&["*i\u{307}*"], &[], &[]);
    assert_eq!(found(&mut turkish, "aİb"), pair("*i\u{307}*", "İ"));
    let mut expression = engine(&[], &["b.d{2,}"], &[]);
    assert_eq!(found(&mut expression, "a baddd b"), pair("b.d{2,}", "baddd"));
}

#[test]
fn allowed_words_excuse_what_lies_in_them() {
    let mut engine = engine(&["*cat*", "dog"], &["ho+t"], &["cat*ory", "category", "hot dog", "ed*"]);
    for text in ["a category", "Categories: no, category", "hot dog", "educated"] {
        let expected = text.contains("ories");
        assert_eq!(found(&mut engine, text).is_some(), expected, "{text}");
    }
    assert_eq!(found(&mut engine, "category of cats"), pair("*cat*", "cat"));
    assert_eq!(found(&mut engine, "hooot dog"), pair("dog", "dog"));
    assert_eq!(found(&mut engine, "hooot"), pair("ho+t", "hooot"));
}

#[test]
fn presets_are_lists_of_words() {
    let of = |preset, allowed: &[&str]| {
        let metadata = TriggerMetadata {
            presets: Some(vec![preset]),
            allow_list: owned(allowed),
            ..TriggerMetadata::default()
        };
        Engine::new([&rule(trigger::PRESET, metadata)], Engine::default())
    };
    assert!(found(&mut of(1, &[]), "what bullshit").is_some());
    assert!(found(&mut of(1, &["bullshit"]), "what bullshit").is_none());
    assert!(found(&mut of(2, &[]), "what bullshit").is_none());
    for preset in 1..=3 {
        assert!(found(&mut of(preset, &[]), "a class on the assembly of a cockpit in Scunthorpe").is_none());
    }
}

#[test]
fn only_wanted_rules_are_asked_and_each_answers_once() {
    let metadata =
        |word: &str| TriggerMetadata { keyword_filter: owned(&[word]), ..TriggerMetadata::default() };
    let rules = [rule(trigger::KEYWORD, metadata("a")), rule(trigger::KEYWORD, metadata("b"))];
    let mut engine = Engine::new(&rules, Engine::default());
    let rules_of = |finds: Vec<super::Find>| finds.into_iter().map(|find| find.rule).collect::<Vec<_>>();
    assert_eq!(rules_of(engine.search("a b a b", |_| true)), [0, 1]);
    assert_eq!(rules_of(engine.search("a b a b", |rule| rule == 1)), [1]);
}

#[test]
fn broken_and_huge_expressions_are_refused() {
    for pattern in ["(", "[a", "a{2,1}", r"(?=a)", r"\w{200}", "((a{100}){100}){100}", &"(".repeat(200)] {
        assert!(Expression::new(pattern).is_err(), "{pattern}");
    }
    let told = Expression::new("(").unwrap_err();
    assert!(told.contains("unclosed group"), "{told}");
}

#[test]
fn word_boundaries_know_letters_that_are_not_ascii() {
    let mut engine = engine(&[], &[r"\bfoo\b"], &[]);
    assert!(found(&mut engine, "a foo b").is_some());
    assert!(found(&mut engine, "é foo é").is_some());
    assert!(found(&mut engine, "éfooé").is_none());
}

/// Expressions of which an automaton has exponentially many states, and a text that asks for them.
#[test]
fn no_expression_takes_more_than_its_budget() {
    let patterns: Vec<String> = (0..12).map(|n| format!("(a|b)*a(a|b){{{}}}c{n}", 100 + n)).collect();
    let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
    let mut heavy = engine(&[], &patterns, &[]);
    let mut seed = 1_u64;
    let text: String = (0..4000)
        .map(|_| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if seed >> 63 == 0 { 'a' } else { 'b' }
        })
        .collect();
    // What is counted is what it may cost; that it ends at all is the test.
    for _ in 0..2 {
        assert!(found(&mut heavy, &text).is_none());
    }
    let mut budget = 10;
    let mut expression = Expression::new(r"\bfoo\b").unwrap();
    assert!(expression.find("é foo", &mut budget).is_none(), "no budget, no find");
    assert_eq!(budget, 10);
}

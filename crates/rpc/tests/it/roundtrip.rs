//! What crosses between nodes arrives as it was sent. [`crate::samples`] has one of each kind.

use std::borrow::Cow;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use consort_model::{ApiError, Intents, Patch};
use consort_rpc::{
    Answer, Audience, Caller, ClassSet, Effect, Event, Publication, Reply, View, guild, limiter, message,
    private, relay, user,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::samples;

/// Encodes and decodes as the mesh does; types without equality are compared by what they show of themselves.
fn crosses<T: Serialize + DeserializeOwned + Debug>(value: &T) {
    let bytes = rmp_serde::to_vec_named(value).unwrap_or_else(|error| panic!("{value:?}: {error}"));
    let back: T = rmp_serde::from_slice(&bytes).unwrap_or_else(|error| panic!("{value:?}: {error}"));
    assert_eq!(format!("{back:?}"), format!("{value:?}"));
}

/// The names of an enum's variants, as its decoder lists them.
fn variants<T: DeserializeOwned>() -> Vec<String> {
    let error = match serde_json::from_str::<T>("\"?\"") {
        Ok(_) => panic!("not an enum"),
        Err(error) => error.to_string(),
    };
    let listed = error.split_once("expected").expect("a list of variants").1;
    listed.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Checks that there is a sample of every variant, and that all samples cross.
fn all_cross<T: Serialize + DeserializeOwned + Debug>(samples: &[T]) {
    let shown: Vec<_> = samples.iter().map(|sample| format!("{sample:?}")).collect();
    for variant in variants::<T>() {
        let begins = |shown: &String| shown.split(|c: char| !c.is_alphanumeric()).next() == Some(&variant);
        assert!(shown.iter().any(begins), "no sample of {}::{variant}", std::any::type_name::<T>());
    }
    samples.iter().for_each(crosses);
}

#[test]
fn what_a_guild_is_asked() {
    all_cross(&samples::settings());
    all_cross(&samples::channel());
    all_cross(&samples::role());
    all_cross(&samples::member());
    all_cross(&samples::ban());
    all_cross(&samples::invite());
    all_cross(&samples::emoji());
    all_cross(&samples::webhook());
    all_cross(&samples::automod());
    all_cross(&samples::scheduled_event());
    all_cross(&samples::template());
    all_cross(&samples::onboarding());
    all_cross(&samples::thread());
    all_cross(&samples::voice());
    all_cross(&samples::stage());
    all_cross(&samples::sound());
    all_cross(&samples::gateway());
    all_cross(&samples::may());
    all_cross::<guild::Op>(&samples::guild());
}

#[test]
fn what_is_asked_of_messages_and_private_channels() {
    all_cross::<message::Op>(&samples::message());
    all_cross::<private::Op>(&samples::private());
}

#[test]
fn what_is_asked_of_a_bucket() {
    let take = limiter::Op::Take { bucket: (u64::MAX, 1), limit: u32::MAX, window_ms: 600_000, want: 1 };
    all_cross::<limiter::Op>(&[take]);
    crosses(&limiter::Taken { granted: 1, left: u32::MAX, ends_in_ms: 5 });
}

#[test]
fn what_a_user_is_asked() {
    all_cross(&samples::account());
    all_cross(&samples::session());
    all_cross(&samples::relationship());
    all_cross(&samples::read_state());
    all_cross(&samples::user_settings());
    all_cross::<user::Op>(&samples::user());
}

#[test]
fn what_is_asked_of_secrets_names_and_nodes() {
    all_cross(&samples::secrets());
    all_cross(&samples::names());
    all_cross(&samples::identity());
}

#[test]
fn what_an_application_is_asked() {
    all_cross(&samples::application_connections());
    all_cross(&samples::application_emojis());
    all_cross(&samples::application_commands());
    all_cross(&samples::interactions());
    all_cross(&samples::application());
}

#[test]
fn what_a_relay_is_told() {
    all_cross::<relay::Op>(&samples::relay());
}

#[test]
fn what_is_asked_about_sessions_that_move() {
    all_cross(&samples::moves());
    all_cross(&samples::taken());
}

#[test]
fn channels_of_all_shapes() {
    samples::channels().iter().for_each(crosses);
}

#[test]
fn effects() {
    all_cross::<Effect>(&samples::effects());
    all_cross::<Publication>(&samples::publications());
}

#[test]
fn events_with_every_audience() {
    let event = samples::event();
    let classes: ClassSet = [0, 63, 64, 1000].into_iter().collect();
    for view in [View::All, View::None, View::Classes(Arc::new(classes)), View::Classes(Arc::default())] {
        let audience = Audience::view(view).and_always([7.into()]).without([8.into(), 9.into()]);
        let audience = Audience { users: Arc::new([u64::MAX.into()]), ..audience };
        let event = Event { audience, ..event.clone() };
        let bytes = rmp_serde::to_vec_named(&event).unwrap();
        assert_eq!(rmp_serde::from_slice::<Event>(&bytes).unwrap(), event);
    }
    let bare = Event {
        name: Cow::Owned("X".into()),
        guild: None,
        redacted: None,
        intents: Intents::empty(),
        ..event
    };
    let bytes = rmp_serde::to_vec_named(&bare).unwrap();
    assert_eq!(rmp_serde::from_slice::<Event>(&bytes).unwrap(), bare);
}

#[test]
fn answers_and_refusals() {
    let refusals = [
        ApiError::unknown_guild(),
        ApiError::rate_limited(0.25, true),
        ApiError::slowmode(f64::from(3)),
        ApiError::invalid_field("embeds.0.fields.24.name", "BASE_TYPE_BAD_LENGTH", "Must be …".to_owned()),
        ApiError::with_message(400, 0, "made up".to_owned()),
    ];
    let answers =
        [Answer::Empty, Answer::json(&serde_json::json!({"a": [1, null, "ü"]})), Answer::created("x")];
    let replies: Vec<Reply> = answers.into_iter().map(Ok).chain(refusals.into_iter().map(Err)).collect();
    for reply in replies {
        let bytes = rmp_serde::to_vec_named(&reply).unwrap();
        assert_eq!(rmp_serde::from_slice::<Reply>(&bytes).unwrap(), reply);
    }
}

#[test]
fn bodies_cross_as_bytes_and_not_as_lists_of_numbers() {
    let answer: Reply = Ok(Answer::json(&"x".repeat(10_000)));
    assert!(rmp_serde::to_vec_named(&answer).unwrap().len() < 10_100);
    let event = Event { body: "x".repeat(10_000).into(), ..samples::event() };
    assert!(rmp_serde::to_vec_named(&event).unwrap().len() < 10_500);
}

#[test]
fn callers() {
    let of =
        Caller { application: Some(3.into()), reason: Some("ü".into()), ..Caller::user(7.into(), true) };
    for caller in [Caller::system(), Caller::user(u64::MAX.into(), false), of] {
        let bytes = rmp_serde::to_vec_named(&caller).unwrap();
        assert_eq!(rmp_serde::from_slice::<Caller>(&bytes).unwrap(), caller);
    }
}

#[test]
fn a_field_that_a_newer_node_adds_is_passed_over() {
    #[derive(Serialize)]
    struct Newer {
        user: u64,
        bot: bool,
        application: Option<u64>,
        reason: Option<String>,
        system: bool,
        shoe_size: u8,
    }
    let newer = Newer { user: 7, bot: true, application: None, reason: None, system: false, shoe_size: 43 };
    let bytes = rmp_serde::to_vec_named(&newer).unwrap();
    assert_eq!(rmp_serde::from_slice::<Caller>(&bytes).unwrap(), Caller::user(7.into(), true));
}

/// An absent field must be left out: written as null it would clear what it should leave. The decoder, in turn, must take what
/// is missing for absent; without `default` it would be taken for null.
#[test]
fn every_three_state_field_is_left_out_when_it_is_absent() {
    let (own, model) = (Path::new(env!("CARGO_MANIFEST_DIR")), "../model/src/request");
    let mut checked = 0;
    for file in sources(&own.join("src")).into_iter().chain(sources(&own.join(model))) {
        let text = std::fs::read_to_string(&file).unwrap();
        for (at, _) in text.match_indices(": Patch<") {
            let before = text[..at].trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
            let name = &text[before.len()..at];
            let line = before.rsplit('\n').next().unwrap_or_default();
            if line.contains("fn ") || line.contains("let ") {
                continue;
            }
            checked += 1;
            let attributes = before.trim_end().trim_end_matches("pub").trim_end();
            let own =
                attributes.rfind("#[").map(|from| &attributes[from..]).filter(|own| own.ends_with(")]"));
            let own = own.unwrap_or_default();
            let container =
                before.rfind("pub struct").map(|from| before[..from].ends_with("#[serde(default)]\n"));
            assert!(own.contains("is_absent"), "{}: {name} is written when absent", file.display());
            let defaults = own.contains("default,") || container == Some(true);
            assert!(defaults, "{}: {name} is null when missing", file.display());
        }
    }
    assert!(checked > 50, "only {checked} fields were found");
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

#[test]
fn the_three_states_cross() {
    for patch in [Patch::Absent, Patch::Null, Patch::Value("x".to_owned())] {
        crosses(&user::account::Update { bio: patch.clone(), ..Default::default() });
        crosses(&guild::emoji::Op::UpdateSticker {
            sticker: 1.into(),
            name: None,
            description: patch.clone(),
            tags: None,
        });
        crosses(&private::Op::Update { name: patch.clone(), icon: patch, owner: None });
    }
    for patch in [Patch::Absent, Patch::Null, Patch::Value(vec![1.into()])] {
        crosses(&guild::emoji::Op::Update { emoji: 1.into(), name: None, roles: patch });
    }
    for channel in [Patch::Absent, Patch::Null, Patch::Value(1.into())] {
        crosses(&guild::settings::Op::UpdateWidget { enabled: None, channel });
    }
}

//! Whatever a body holds: it is refused by field, or what is kept of it is a valid instance of the published schema.

use consort_model::request::message::{CreateMessage, EditMessage};
use consort_model::request::modal::Modal;
use consort_model::request::thread::{StartThread, UpdateThread};
use consort_model::{ApiError, Component, Embed, Form, Id, Message, Patch};
use serde_json::{Value, json};

use crate::openapi::message::bare;
use crate::schema::published;

#[path = "../support/hostile.rs"]
mod support;

use support::{Hostile, samples};

const CASES: usize = 1024;

/// Runs `judge` on the hostile kin of one sample.
fn each(sample: &str, mut judge: impl FnMut(&Value) -> Result<(), String>) {
    let (mut hostile, valid) = (Hostile::new(), samples()[sample].clone());
    judge(&valid).unwrap_or_else(|problem| panic!("the valid {sample}: {problem}"));
    for _ in 0..CASES {
        let body = hostile.body(&valid);
        if let Err(problem) = judge(&body) {
            panic!("{problem}\n{}\n{body}", hostile.replay());
        }
    }
}

/// A refusal says where.
fn refusal(error: &ApiError) -> Result<(), String> {
    let by_field = error.errors.as_ref().is_some_and(|errors| !errors.is_empty());
    if (error.status, error.code) == (400, 50035) && by_field { Ok(()) } else { Err(format!("{error:?}")) }
}

/// What a message with these parts would be shown as.
fn shown(content: &str, embeds: &[Embed], components: &[Component]) -> Result<(), String> {
    let mut components = components.to_vec();
    for component in &mut components {
        component
            .walk_mut(&mut |component| component.media_mut().for_each(|media| media.id = Some(Id::new(1))));
    }
    let message = Message { content: content.to_owned(), embeds: embeds.to_vec(), components, ..bare() };
    let value = serde_json::to_value(&message).map_err(|error| error.to_string())?;
    let problems = published().problems("MessageResponse", &value);
    if !problems.is_empty() {
        return Err(format!("{}\n{value}", problems.join("\n")));
    }
    let stored: Message = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if stored == message { Ok(()) } else { Err(format!("stored otherwise: {stored:?}")) }
}

#[test]
fn new_messages() {
    for sample in ["message", "v2", "poll", "files"] {
        each(sample, |body| match CreateMessage::parse(body) {
            Ok(create) => shown(&create.content, &create.embeds, &create.components),
            Err(error) => refusal(&error),
        });
    }
}

#[test]
fn edited_messages() {
    for sample in ["message", "v2"] {
        each(sample, |body| match EditMessage::parse(body) {
            Ok(edit) => {
                let (embeds, components) = (edit.embeds.value(), edit.components.value());
                shown("", &embeds.unwrap_or_default(), &components.unwrap_or_default())
            }
            Err(error) => refusal(&error),
        });
    }
}

#[test]
fn forms_and_what_is_filled_in() {
    for sample in ["modal", "modal_choices"] {
        each(sample, |body| match Modal::parse(body) {
            Ok(modal) => {
                let again = json!({"custom_id": modal.custom_id, "title": modal.title, "components": modal.components});
                match Modal::parse(&again) {
                    Ok(same) if same == modal => Ok(()),
                    other => Err(format!("read otherwise: {other:?}")),
                }
            }
            Err(error) => refusal(&error),
        });
    }
}

#[test]
fn threads() {
    each("thread", |body| match Form::root(body).and_then(|form| form.check(StartThread::read)) {
        Ok(thread) if thread.name.trim() == thread.name && !thread.name.is_empty() => Ok(()),
        Ok(thread) => Err(format!("{thread:?}")),
        Err(error) => refusal(&error),
    });
    each("thread", |body| match Form::root(body).and_then(|form| form.check(UpdateThread::read)) {
        Ok(UpdateThread { applied_tags: Patch::Value(tags), .. }) if tags.len() > 5 => {
            Err(format!("{tags:?}"))
        }
        Ok(_) => Ok(()),
        Err(error) => refusal(&error),
    });
}

/// The suites of client libraries post what this file holds and read what comes of it: bodies that are taken, of a fixed seed.
/// `CONSORT_BLESS=1` writes it anew.
#[test]
fn the_corpus_of_the_conformance_suites_is_what_the_seed_makes() {
    const BYTES_MAX: usize = 4_000;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance/hostile.jsonl");
    let (mut hostile, mut lines, samples) =
        (Hostile::of_seed(1), std::collections::BTreeSet::new(), samples());
    while lines.len() < 240 {
        let name = ["message", "v2", "poll"][hostile.below(3)];
        let mut valid = samples[name].clone();
        // What only exists elsewhere.
        for key in ["sticker_ids", "message_reference", "enforce_nonce"] {
            valid.as_object_mut().unwrap().shift_remove(key);
        }
        let inside = valid.pointer_mut("/components/1/components").and_then(Value::as_array_mut);
        inside.into_iter().for_each(|inside| inside.retain(|component| component["type"] != 13));
        let body = hostile.body(&valid);
        let line = body.to_string();
        if line.len() < BYTES_MAX
            && body != valid
            && CreateMessage::parse(&body).is_ok_and(|create| !create.is_empty())
        {
            lines.insert(line);
        }
    }
    let made = lines.into_iter().collect::<Vec<_>>().join("\n") + "\n";
    if std::env::var_os("CONSORT_BLESS").is_some() {
        std::fs::write(file, &made).unwrap();
    }
    assert!(std::fs::read_to_string(file).is_ok_and(|kept| kept == made), "CONSORT_BLESS=1 writes it anew");
}

//! The poll of a new message (Poll page, "Poll Create Request Object").

use serde::{Deserialize, Serialize};

use crate::Form;
use crate::limits::{POLL_ANSWER_CHARS, POLL_ANSWERS, POLL_HOURS, POLL_HOURS_DEFAULT, POLL_QUESTION_CHARS};
use crate::validate::{ReactionEmoji, is_unicode_emoji};

/// A poll to be opened.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NewPoll {
    /// Question, 1 to 300 characters.
    pub question: String,
    /// Answers, 1 to 10: text of 1 to 55 characters, and an emoji.
    pub answers: Vec<(String, Option<ReactionEmoji>)>,
    /// Hours it is open, 1 to 768.
    pub duration_hours: u32,
    /// Whether a user may choose several.
    pub allow_multiselect: bool,
}

impl NewPoll {
    /// Reads the object; errors are noted in the form.
    pub(super) fn read(form: &Form<'_>) -> Option<Self> {
        let question =
            form.object("question", |form| form.required("text", form.line("text", POLL_QUESTION_CHARS)));
        let question = form.required("question", question);
        let answers = form.array("answers", *POLL_ANSWERS.end(), |form| {
            let media = form.object("poll_media", |form| {
                let text = form.required("text", form.line("text", POLL_ANSWER_CHARS));
                Some((text?, form.object("emoji", emoji)))
            });
            form.required("poll_media", media)
        });
        let answers = form.required("answers", answers);
        if answers.as_ref().is_some_and(Vec::is_empty) {
            form.bad_length("answers", 1, *POLL_ANSWERS.end());
        }
        let duration_hours = form.int("duration", POLL_HOURS).unwrap_or(POLL_HOURS_DEFAULT);
        form.choice_u8("layout_type", &[1]);
        let allow_multiselect = form.bool("allow_multiselect").unwrap_or(false);
        Some(Self { question: question?, answers: answers?, duration_hours, allow_multiselect })
    }
}

/// Which custom emoji is meant its id says; whether it can be used only the channel's owner knows.
fn emoji(form: &Form<'_>) -> Option<ReactionEmoji> {
    let name = form.str("name", 0..=64).filter(|name| !name.is_empty());
    if let Some(id) = form.id::<crate::marker::Emoji>("id") {
        return Some(ReactionEmoji::Custom { id, name, animated: form.flag("animated") });
    }
    let name = form.required("name", name)?;
    if !is_unicode_emoji(&name) {
        form.error("name", "INVALID_EMOJI", "Invalid emoji");
    }
    Some(ReactionEmoji::Unicode(name))
}

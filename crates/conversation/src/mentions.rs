//! Whom a message mentions: what its text says, less what `allowed_mentions` and the author's rights do not let through.

use std::borrow::Cow;

use consort_model::component::Body;
use consort_model::mention::{self, AllowedMentions};
use consort_model::{Component, MentionedUser, Message, RoleId, User};
use serde_json::Value;

use crate::Host;

/// What limits the pings of a message.
#[derive(Clone, Copy)]
pub(crate) struct Pings<'a> {
    /// As requested.
    pub(crate) allowed: Option<&'a AllowedMentions>,
    /// MENTION_EVERYONE.
    pub(crate) may_mention_all: bool,
    /// Sent by a webhook or as an answer to an interaction: by default these ping users only.
    pub(crate) application: bool,
}

/// The mention lists of a message.
#[derive(Default)]
pub(crate) struct Mentioned {
    pub(crate) users: Vec<MentionedUser>,
    pub(crate) roles: Vec<RoleId>,
    pub(crate) everyone: bool,
}

/// All text of a message that people read: content and text displays.
pub(crate) fn text<'a>(content: &'a str, components: &'a [Component]) -> Cow<'a, str> {
    let mut parts = Vec::new();
    for component in components {
        component.walk(&mut |component| {
            if let Body::TextDisplay(text) = &component.body {
                parts.push(text.content.as_str());
            }
        });
    }
    if parts.is_empty() {
        return Cow::Borrowed(content);
    }
    Cow::Owned(std::iter::once(content).chain(parts).collect::<Vec<_>>().join("\n"))
}

/// All that people read of a message and its author wrote: content, text displays, a poll, what is forwarded.
pub fn said(message: &Message) -> String {
    let mut parts = vec![text(&message.content, &message.components).into_owned()];
    let poll = message.poll.as_ref();
    let question = poll.and_then(|poll| poll.pointer("/question/text"));
    let answers = poll.and_then(|poll| poll["answers"].as_array()).into_iter().flatten();
    let answers = answers.filter_map(|answer| answer.pointer("/poll_media/text"));
    parts.extend(question.into_iter().chain(answers).filter_map(Value::as_str).map(str::to_owned));
    // The others are what links unfurled to.
    let embeds = message
        .embeds
        .iter()
        .filter(|embed| embed.kind == "rich")
        .flat_map(|embed| [&embed.title, &embed.description]);
    parts.extend(embeds.flatten().cloned());
    parts.extend(message.message_snapshots.iter().map(|snapshot| snapshot.message.content.clone()));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// Resolves the mentions of a text. `answered` is the author of the message replied to, who is pinged by default.
pub(crate) fn resolve<H: Host>(host: &H, text: &str, pings: Pings<'_>, answered: Option<&User>) -> Mentioned {
    let named = mention::parse(text);
    let users_only = AllowedMentions::users_only();
    let allowed = pings.allowed.or(pings.application.then_some(&users_only));
    let mentionable = |role| host.role_mentionable(role).unwrap_or(false);
    let pinged = mention::resolve(
        &named,
        allowed,
        pings.may_mention_all,
        mentionable,
        answered.map(|author| author.id),
    );
    Mentioned {
        // Who is no member (a webhook's author, somebody who left) cannot be pinged.
        users: pinged.users.iter().filter_map(|user| mentioned(host.user(*user)?)).collect(),
        roles: pinged.roles.into_iter().filter(|role| host.role_mentionable(*role).is_some()).collect(),
        everyone: pinged.everyone && host.guild().is_some(),
    }
}

fn mentioned(user: User) -> Option<MentionedUser> {
    Some(MentionedUser { user, member: None })
}

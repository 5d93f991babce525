//! Who may be pinged: the `allowed_mentions` of a request, and its outcome.

use serde::{Deserialize, Serialize};

use super::Mentions;
use crate::form::Form;
use crate::id::{Id, RoleId, UserId};
use crate::limits::ALLOWED_MENTION_IDS_MAX;

/// Kinds of mentions that ping whoever the text names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParseKinds {
    /// All users that the text mentions.
    pub users: bool,
    /// All roles that the text mentions.
    pub roles: bool,
    /// `@everyone` and `@here`.
    pub everyone: bool,
}

/// The `allowed_mentions` object. With it, only what it names is pinged; the empty object pings nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AllowedMentions {
    /// Kinds taken from the text.
    #[serde(default)]
    pub parse: ParseKinds,
    /// Users pinged if the text mentions them; empty together with `parse.users`.
    #[serde(default)]
    pub users: Vec<UserId>,
    /// Roles pinged if the text mentions them; empty together with `parse.roles`.
    #[serde(default)]
    pub roles: Vec<RoleId>,
    /// Whether a reply pings the author of what it replies to; not sent means no.
    #[serde(default)]
    pub replied_user: Option<bool>,
}

/// What a message pings, in order of appearance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pings {
    /// For `mentions`; the author of the message replied to comes last unless the text mentions them.
    pub users: Vec<UserId>,
    /// For `mention_roles`.
    pub roles: Vec<RoleId>,
    /// For `mention_everyone`: `@everyone` or `@here`.
    pub everyone: bool,
}

impl AllowedMentions {
    /// Pings nobody.
    pub fn none() -> Self {
        Self::default()
    }

    /// Pings users that the text mentions and nobody else: what webhooks and interactions have when they send
    /// no object.
    pub fn users_only() -> Self {
        Self { parse: ParseKinds { users: true, ..ParseKinds::default() }, ..Self::default() }
    }

    /// Reads the object; to be used as `form.object("allowed_mentions", AllowedMentions::from_form)`. Empty
    /// lists and nulls count as absent.
    ///
    /// Notes an error at `parse.N` for an unknown kind, at `users` and `roles` for too many or wrong ids, and
    /// at the object itself when a kind is given both in `parse` and as a list.
    pub fn from_form(form: &Form<'_>) -> Option<Self> {
        let parse = parse_kinds(form);
        let users = form.ids("users", ALLOWED_MENTION_IDS_MAX).map(distinct).unwrap_or_default();
        let roles = form.ids("roles", ALLOWED_MENTION_IDS_MAX).map(distinct).unwrap_or_default();
        let replied_user = form.bool("replied_user");
        for (name, twice) in
            [("users", parse.users && !users.is_empty()), ("roles", parse.roles && !roles.is_empty())]
        {
            if twice {
                let message = format!("parse:[\"{name}\"] and {name}: [ids...] are mutually exclusive.");
                form.error("", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message);
            }
        }
        (!form.has_errors()).then_some(Self { parse, users, roles, replied_user })
    }

    fn user(&self, id: UserId) -> bool {
        self.parse.users || self.users.contains(&id)
    }

    fn role(&self, id: RoleId) -> bool {
        self.parse.roles || self.roles.contains(&id)
    }
}

fn parse_kinds(form: &Form<'_>) -> ParseKinds {
    let mut kinds = ParseKinds::default();
    // Repeats are harmless, so the bound is generous; it only keeps the errors few.
    for (index, kind) in form.list("parse", ALLOWED_MENTION_IDS_MAX).unwrap_or_default().iter().enumerate() {
        match kind.as_str() {
            Some("users") => kinds.users = true,
            Some("roles") => kinds.roles = true,
            Some("everyone") => kinds.everyone = true,
            _ => form.error(
                &format!("parse.{index}"),
                "BASE_TYPE_CHOICES",
                "Value must be one of {'users', 'roles', 'everyone'}.",
            ),
        }
    }
    kinds
}

fn distinct<T>(mut ids: Vec<Id<T>>) -> Vec<Id<T>> {
    let mut seen = crate::LookupSet::with_capacity(ids.len());
    ids.retain(|id| seen.insert(*id));
    ids
}

/// Decides what a text pings.
///
/// With no object all kinds are allowed and a reply pings its target. A role needs to be mentionable, or the
/// author `can_mention_everyone`; so do `@everyone` and `@here`. Ids are not looked up: the caller drops
/// users and roles that it does not know from `mentions` before. `replied_to` is the author of the message
/// replied to.
pub fn resolve(
    mentions: &Mentions,
    allowed: Option<&AllowedMentions>,
    can_mention_everyone: bool,
    role_is_mentionable: impl Fn(RoleId) -> bool,
    replied_to: Option<UserId>,
) -> Pings {
    let mut users = mentions.users.clone();
    let mut roles = mentions.roles.clone();
    users.retain(|id| allowed.is_none_or(|allowed| allowed.user(*id)));
    roles.retain(|id| {
        allowed.is_none_or(|allowed| allowed.role(*id)) && (can_mention_everyone || role_is_mentionable(*id))
    });
    let pings_reply = allowed.is_none_or(|allowed| allowed.replied_user.unwrap_or(false));
    if let Some(author) = replied_to.filter(|author| pings_reply && !users.contains(author)) {
        users.push(author);
    }
    let named = mentions.everyone || mentions.here;
    let everyone = named && can_mention_everyone && allowed.is_none_or(|allowed| allowed.parse.everyone);
    Pings { users, roles, everyone }
}

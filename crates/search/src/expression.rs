//! A query in the words of the index (FTS5's match expressions).

use consort_rpc::search::{Query, Wanted};

use crate::document::Tag;
use crate::words::phrases;

/// Words of a query that are looked for.
const PHRASES_MAX: usize = 32;

/// What is looked for in the texts and tags of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression(pub(crate) String);

/// Channels to look in, in the shorter of two ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Channels {
    /// In all that are indexed.
    All,
    /// In these.
    Only(Vec<u64>),
    /// In all but these.
    But(Vec<u64>),
}

#[derive(Default)]
struct Terms {
    all: Vec<String>,
    none: Vec<String>,
}

fn any_of(words: impl IntoIterator<Item = String>) -> Option<String> {
    let words: Vec<String> = words.into_iter().collect();
    (!words.is_empty()).then(|| format!("tags : ({})", words.join(" OR ")))
}

impl Terms {
    fn any<'a>(&mut self, tags: impl IntoIterator<Item = Tag<'a>>) {
        self.all.extend(any_of(tags.into_iter().map(|tag| tag.word())));
    }

    fn wanted<'a, T: Copy>(&mut self, wanted: &[Wanted<T>], tag: impl Fn(T) -> Tag<'a>) {
        let words = |not| wanted.iter().filter(move |wanted| wanted.not == not).map(|wanted| wanted.what);
        self.all.extend(any_of(words(false).map(|what| tag(what).word())));
        self.none.extend(words(true).map(|what| tag(what).word()));
    }

    fn flag(&mut self, wanted: Option<bool>, tag: &Tag<'_>) {
        match wanted {
            Some(true) => self.all.push(format!("tags : {}", tag.word())),
            Some(false) => self.none.push(tag.word()),
            None => {}
        }
    }

    fn content(&mut self, query: &Query) {
        let phrases: Vec<String> = phrases(&query.content, PHRASES_MAX)
            .iter()
            .map(|phrase| format!("\"{}\"", phrase.trim().replace('"', " ")))
            .collect();
        match query.slop {
            Some(slop) if phrases.len() > 1 => {
                self.all.push(format!("content : NEAR({}, {slop})", phrases.join(" ")));
            }
            _ => self.all.extend(phrases.iter().map(|phrase| format!("content : {phrase}"))),
        }
    }
}

impl Expression {
    /// What a query looks for. `None`: it asks for words and names none that could be found.
    pub(crate) fn of(query: &Query, channels: &Channels) -> Option<Self> {
        let mut terms = Terms::default();
        terms.content(query);
        if terms.all.is_empty() && !query.content.trim().is_empty() {
            return None;
        }
        terms.any(query.authors.iter().map(|user| Tag::Author(user.get())));
        terms.wanted(&query.author_kinds, Tag::AuthorKind);
        terms.any(query.mentions.iter().map(|user| Tag::Mentions(user.get())));
        terms.any(query.mention_roles.iter().map(|role| Tag::MentionsRole(role.get())));
        terms.flag(query.mention_everyone, &Tag::MentionsEveryone);
        terms.any(query.replied_to_users.iter().map(|user| Tag::RepliesToUser(user.get())));
        terms.any(query.replied_to_messages.iter().map(|message| Tag::RepliesTo(message.get())));
        // Of several parts that are wanted each must be there.
        for has in &query.has {
            terms.wanted(&[*has], Tag::Has);
        }
        terms.any(query.link_hostnames.iter().map(|name| Tag::Hostname(name)));
        terms.any(query.embed_providers.iter().map(|name| Tag::Provider(name)));
        terms.any(query.embed_types.iter().map(|name| Tag::EmbedType(name)));
        terms.any(query.attachment_extensions.iter().map(|name| Tag::Extension(name)));
        terms.any(query.attachment_filenames.iter().map(|name| Tag::Filename(name)));
        terms.flag(query.pinned, &Tag::Pinned);
        match channels {
            Channels::All => {}
            Channels::Only(ids) if ids.is_empty() => return None,
            Channels::Only(ids) => terms.any(ids.iter().map(|channel| Tag::Channel(*channel))),
            Channels::But(ids) => {
                terms.none.extend(ids.iter().map(|channel| Tag::Channel(*channel).word()));
            }
        }
        if terms.all.is_empty() {
            terms.all.push(format!("tags : {}", Tag::Any.word()));
        }
        let mut text = format!("({})", terms.all.join(") AND ("));
        if let Some(none) = any_of(terms.none) {
            text = format!("({text}) NOT ({none})");
        }
        Some(Self(text))
    }
}

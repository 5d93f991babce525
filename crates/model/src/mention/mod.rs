//! Mentions in text, and who is pinged by them.
//!
//! Syntax and rules: "API Reference" (message formatting) and "Message" (allowed mentions) of the API
//! documentation. [`parse`] reads a text, [`resolve`] decides who is pinged.

mod allowed;
mod scan;

use crate::id::{ChannelId, EmojiId, RoleId, UserId};
use crate::limits::MENTIONS_MAX;

pub use allowed::{AllowedMentions, ParseKinds, Pings, resolve};

/// Custom emoji inside a text: `<:name:id>` or `<a:name:id>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmojiMention {
    /// Id of the emoji.
    pub id: EmojiId,
    /// Name as written, which need not be the emoji's.
    pub name: String,
    /// Whether it was written as animated.
    pub animated: bool,
}

/// What a text mentions, in order of appearance and without repeats; each list holds at most
/// [`MENTIONS_MAX`] elements, what comes later is not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mentions {
    /// `<@id>` and `<@!id>`.
    pub users: Vec<UserId>,
    /// `<@&id>`.
    pub roles: Vec<RoleId>,
    /// `<#id>`.
    pub channels: Vec<ChannelId>,
    /// `<:name:id>` and `<a:name:id>`, one per id.
    pub emojis: Vec<EmojiMention>,
    /// `@everyone`.
    pub everyone: bool,
    /// `@here`.
    pub here: bool,
}

impl Mentions {
    /// Tells whether nothing is mentioned.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, token: scan::Token<'_>) {
        match token {
            scan::Token::User(id) => push_new(&mut self.users, UserId::new(id)),
            scan::Token::Role(id) => push_new(&mut self.roles, RoleId::new(id)),
            scan::Token::Channel(id) => push_new(&mut self.channels, ChannelId::new(id)),
            scan::Token::Emoji { id, name, animated } => {
                let id = EmojiId::new(id);
                if self.emojis.len() < MENTIONS_MAX && !self.emojis.iter().any(|emoji| emoji.id == id) {
                    self.emojis.push(EmojiMention { id, name: name.to_owned(), animated });
                }
            }
            scan::Token::Everyone => self.everyone = true,
            scan::Token::Here => self.here = true,
        }
    }
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, id: T) {
    if list.len() < MENTIONS_MAX && !list.contains(&id) {
        list.push(id);
    }
}

/// Reads the mentions of a text. Code spans and code blocks hold none, nor does what a backslash escapes.
/// Linear in the length of the text.
pub fn parse(content: &str) -> Mentions {
    let mut mentions = Mentions::default();
    scan::tokens(content, |token| mentions.add(token));
    mentions
}

#[cfg(test)]
mod tests;

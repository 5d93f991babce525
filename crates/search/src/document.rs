//! What of a message is looked for.

use std::collections::BTreeSet;
use std::hash::Hasher as _;

use consort_model::{Attachment, ChannelId, Component, Embed, Message, MessageId};
use consort_rpc::search::{AuthorKind, Part};

use crate::words::spaced;

/// Characters of a message that are looked at.
const TEXT_MAX: usize = 16_384;

/// A message as it stands in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its id.
    pub id: MessageId,
    /// Where it is.
    pub channel: ChannelId,
    /// What it says.
    pub text: String,
    /// What holds of it: [`Tag`]s with spaces between.
    pub tags: String,
}

/// A property of a message: a letter and a number, which the tokenizer takes for one word.
pub(crate) enum Tag<'a> {
    /// Every message.
    Any,
    Channel(u64),
    Author(u64),
    AuthorKind(AuthorKind),
    Mentions(u64),
    MentionsRole(u64),
    MentionsEveryone,
    RepliesToUser(u64),
    RepliesTo(u64),
    Has(Part),
    Hostname(&'a str),
    Provider(&'a str),
    EmbedType(&'a str),
    Extension(&'a str),
    Filename(&'a str),
    Pinned,
}

/// The same in every process: what is written by one is read by another.
fn hash(text: &str) -> u64 {
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    hasher.write(text.to_lowercase().as_bytes());
    hasher.finish()
}

/// FNV-1a.
struct Fnv(u64);

impl std::hash::Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl Tag<'_> {
    /// The word that stands for it.
    pub(crate) fn word(&self) -> String {
        let (letter, number) = match *self {
            Tag::Any => ('z', 0),
            Tag::Channel(id) => ('c', id),
            Tag::Author(id) => ('a', id),
            Tag::AuthorKind(kind) => ('t', kind as u64),
            Tag::Mentions(id) => ('m', id),
            Tag::MentionsRole(id) => ('r', id),
            Tag::MentionsEveryone => ('e', 0),
            Tag::RepliesToUser(id) => ('q', id),
            Tag::RepliesTo(id) => ('p', id),
            Tag::Has(part) => ('h', part as u64),
            Tag::Hostname(name) => ('d', hash(name)),
            Tag::Provider(name) => ('v', hash(name)),
            Tag::EmbedType(name) => ('y', hash(name)),
            Tag::Extension(name) => ('x', hash(name)),
            Tag::Filename(name) => ('f', hash(name)),
            Tag::Pinned => ('n', 0),
        };
        format!("{letter}{number}")
    }
}

#[derive(Default)]
struct Draft {
    text: String,
    tags: BTreeSet<String>,
}

impl Draft {
    fn tag(&mut self, tag: &Tag<'_>) {
        self.tags.insert(tag.word());
    }

    fn say(&mut self, text: &str) {
        let room = TEXT_MAX.saturating_sub(self.text.chars().count());
        self.text.extend(text.chars().take(room));
        self.text.push('\n');
        for host in text.split_whitespace().filter_map(hostname) {
            self.tag(&Tag::Has(Part::Link));
            self.tag(&Tag::Hostname(host));
        }
    }

    fn files(&mut self, files: &[Attachment]) {
        for file in files {
            self.tag(&Tag::Has(Part::File));
            let name = file.title.as_deref().unwrap_or(&file.filename);
            let kind = file.content_type.as_deref().unwrap_or_default();
            let part = match kind.split('/').next() {
                Some("image") => Some(Part::Image),
                Some("video") => Some(Part::Video),
                Some("audio") => Some(Part::Sound),
                _ => None,
            };
            part.iter().for_each(|part| self.tag(&Tag::Has(*part)));
            self.tag(&Tag::Filename(&file.filename));
            self.tag(&Tag::Filename(name));
            if let Some((_, extension)) = file.filename.rsplit_once('.') {
                self.tag(&Tag::Extension(extension));
            }
        }
    }

    fn embeds(&mut self, embeds: &[Embed]) {
        for embed in embeds {
            self.tag(&Tag::Has(Part::Embed));
            self.tag(&Tag::EmbedType(&embed.kind));
            match embed.kind.as_str() {
                "image" => self.tag(&Tag::Has(Part::Image)),
                "video" | "gifv" => self.tag(&Tag::Has(Part::Video)),
                _ => {}
            }
            if let Some(provider) = embed.provider.as_ref().and_then(|provider| provider.name.as_deref()) {
                self.tag(&Tag::Provider(provider));
            }
            let texts = [&embed.title, &embed.description];
            texts.into_iter().flatten().for_each(|text| self.say(text));
            for field in &embed.fields {
                self.say(&field.name);
                self.say(&field.value);
            }
        }
    }

    fn components(&mut self, components: &[Component]) {
        let value = serde_json::to_value(components).unwrap_or_default();
        self.shown(&value, 0);
    }

    /// The texts that components show: `content` of text displays, wherever they stand.
    fn shown(&mut self, value: &serde_json::Value, depth: usize) {
        match value {
            serde_json::Value::Array(list) if depth < 16 => {
                list.iter().for_each(|value| self.shown(value, depth + 1));
            }
            serde_json::Value::Object(fields) if depth < 16 => {
                if let Some(text) = fields.get("content").and_then(serde_json::Value::as_str) {
                    self.say(text);
                }
                for name in ["components", "component", "accessory"] {
                    fields.get(name).into_iter().for_each(|value| self.shown(value, depth + 1));
                }
            }
            _ => {}
        }
    }
}

/// The host of a link.
fn hostname(word: &str) -> Option<&str> {
    let start = word.find("https://").map(|at| at + 8).or_else(|| Some(word.find("http://")? + 7))?;
    let rest = &word[start..];
    let host = rest.split(['/', '?', '#', ':', '>', ')']).next()?.rsplit('@').next()?;
    host.contains('.').then_some(host)
}

impl Document {
    /// What is looked for of a message as it is stored. `answered`: who wrote the message that it answers.
    pub fn of(message: &Message, answered: Option<u64>) -> Self {
        let mut draft = Draft::default();
        draft.tag(&Tag::Any);
        draft.tag(&Tag::Channel(message.channel_id.get()));
        draft.tag(&Tag::Author(message.author.id.get()));
        draft.tag(&Tag::AuthorKind(match message {
            Message { webhook_id: Some(_), application_id: None, .. } => AuthorKind::Webhook,
            message if message.author.bot => AuthorKind::Bot,
            _ => AuthorKind::User,
        }));
        message.mentions.iter().for_each(|mention| draft.tag(&Tag::Mentions(mention.user.id.get())));
        message.mention_roles.iter().for_each(|role| draft.tag(&Tag::MentionsRole(role.get())));
        let flags = [
            (message.mention_everyone, Tag::MentionsEveryone),
            (message.pinned, Tag::Pinned),
            (message.poll.is_some(), Tag::Has(Part::Poll)),
            (!message.sticker_items.is_empty(), Tag::Has(Part::Sticker)),
            (!message.message_snapshots.is_empty(), Tag::Has(Part::Snapshot)),
        ];
        flags.iter().filter(|(holds, _)| *holds).for_each(|(_, tag)| draft.tag(tag));
        if let Some(reference) = message.message_reference.as_ref().filter(|reference| reference.kind == 0) {
            reference.message_id.iter().for_each(|id| draft.tag(&Tag::RepliesTo(id.get())));
            answered.iter().for_each(|user| draft.tag(&Tag::RepliesToUser(*user)));
        }
        draft.say(&message.content);
        draft.files(&message.attachments);
        draft.embeds(&message.embeds);
        draft.components(&message.components);
        for snapshot in &message.message_snapshots {
            draft.say(&snapshot.message.content);
            draft.files(&snapshot.message.attachments);
            draft.embeds(&snapshot.message.embeds);
        }
        let question = message.poll.as_ref().and_then(|poll| poll["question"]["text"].as_str());
        question.iter().for_each(|text| draft.say(text));
        let tags: Vec<String> = draft.tags.into_iter().collect();
        Self { id: message.id, channel: message.channel_id, text: spaced(&draft.text), tags: tags.join(" ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_link_is_found_in_any_word() {
        assert_eq!(hostname("(https://docs.example.org/a?b)"), Some("docs.example.org"));
        assert_eq!(hostname("<http://user@example.org:80>"), Some("example.org"));
        assert_eq!(hostname("https://localhost"), None);
        assert_eq!(hostname("example.org"), None);
    }

    #[test]
    fn names_are_one_whatever_their_case() {
        assert_eq!(Tag::Hostname("Example.ORG").word(), Tag::Hostname("example.org").word());
        assert_ne!(Tag::Hostname("example.org").word(), Tag::Provider("example.org").word());
    }
}

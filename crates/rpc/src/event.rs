//! A dispatch on its way to sessions: encoded once, with the audience that may have it.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use consort_model::{GuildId, Intents, UserId};
use serde::{Deserialize, Serialize};

use crate::Withheld;

/// Members of a guild with the same set of roles (and the same member overwrites) see the same channels; they share a
/// class. Numbered by the guild's owner.
pub type ClassId = u32;

/// A set of classes, as bits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClassSet(Vec<u64>);

impl ClassSet {
    /// Adds a class.
    pub fn insert(&mut self, class: ClassId) {
        let word = class as usize / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (class % 64);
    }

    /// Takes a class out.
    pub fn remove(&mut self, class: ClassId) {
        if let Some(word) = self.0.get_mut(class as usize / 64) {
            *word &= !(1 << (class % 64));
        }
    }

    /// Whether a class is in the set.
    pub fn contains(&self, class: ClassId) -> bool {
        self.0.get(class as usize / 64).is_some_and(|word| word >> (class % 64) & 1 == 1)
    }

    /// Whether no class is in it.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// The classes with a lower number than `end`.
    pub fn below(mut self, end: usize) -> Self {
        self.0.truncate(end.div_ceil(64));
        if let Some(last) = self.0.get_mut(end / 64) {
            *last &= (1 << (end % 64)) - 1;
        }
        self
    }

    /// The classes with a lower number than `end`, all of them.
    pub fn first(end: usize) -> Self {
        Self(vec![u64::MAX; end.div_ceil(64)]).below(end)
    }

    /// Adds the classes of another set.
    pub fn add_all(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word |= other);
    }

    /// Takes the classes of another set out.
    pub fn remove_all(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, other)| *word &= !other);
    }

    /// The classes that are in both.
    pub fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    /// The classes that are in `self` but not in `other`.
    pub fn minus(&self, other: &Self) -> Self {
        let words = self.0.iter().enumerate();
        Self(words.map(|(i, word)| word & !other.0.get(i).copied().unwrap_or(0)).collect())
    }
}

impl FromIterator<ClassId> for ClassSet {
    fn from_iter<I: IntoIterator<Item = ClassId>>(classes: I) -> Self {
        let mut set = Self::default();
        classes.into_iter().for_each(|class| set.insert(class));
        set
    }
}

/// Which of a guild's sessions an event is for, before intents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum View {
    /// Every session attached to the guild.
    All,
    /// Sessions whose member is of one of these classes.
    Classes(Arc<ClassSet>),
    /// Nobody but those in [`Audience::always`] and [`Audience::users`].
    None,
}

/// Who gets an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audience {
    /// By class.
    pub view: View,
    /// Besides those of `view`: these users, subject to intents (members of a private thread).
    pub users: Arc<[UserId]>,
    /// These users whatever their intents say (one's own member, one's own voice state).
    pub always: Arc<[UserId]>,
    /// Not these users, whatever else holds.
    pub except: Arc<[UserId]>,
}

impl Audience {
    /// Everyone attached to the guild.
    pub fn all() -> Self {
        Self::view(View::All)
    }

    /// A view alone.
    pub fn view(view: View) -> Self {
        Self { view, users: Arc::default(), always: Arc::default(), except: Arc::default() }
    }

    /// These users, subject to intents.
    pub fn users(users: impl Into<Arc<[UserId]>>) -> Self {
        Self { users: users.into(), ..Self::view(View::None) }
    }

    /// These users, whatever their intents.
    pub fn only(users: impl Into<Arc<[UserId]>>) -> Self {
        Self { always: users.into(), ..Self::view(View::None) }
    }

    /// Adds users who get it whatever their intents.
    #[must_use]
    pub fn and_always(mut self, users: impl Into<Arc<[UserId]>>) -> Self {
        self.always = users.into();
        self
    }

    /// Leaves users out.
    #[must_use]
    pub fn without(mut self, users: impl Into<Arc<[UserId]>>) -> Self {
        self.except = users.into();
        self
    }
}

/// A dispatch: name, audience and the body `d` as JSON, encoded once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// `t`, such as `MESSAGE_CREATE`.
    pub name: Cow<'static, str>,
    /// The guild whose sessions it is for; `None` for events of a user or a private channel.
    pub guild: Option<GuildId>,
    /// A session with intents needs one of these; empty when none is needed. User accounts have no intents and get all.
    pub intents: Intents,
    /// Who gets it.
    pub audience: Audience,
    /// The JSON of `d`.
    pub body: Bytes,
    /// The JSON of `d` for sessions without the MESSAGE_CONTENT intent; `None` when `body` is for all.
    pub redacted: Option<Bytes>,
    /// Users who get `body` all the same: the author, and whom it mentions.
    pub unredacted_for: Arc<[UserId]>,
    /// May be dropped under load: typing and presence.
    pub volatile: bool,
    /// In a large guild people are told of presences only through the member lists they look at; bots that asked for them
    /// get them all. Without it, N people online would cost N messages each time one of them comes or goes.
    #[serde(default)]
    pub bots_only: bool,
    /// Sessions that do not look at the guild get this in its place; `None` when they get the event, as everybody does.
    #[serde(default)]
    pub withheld: Option<Arc<Withheld>>,
}

impl Event {
    /// An event made from a typed body.
    ///
    /// # Panics
    /// Never for our models; see [`crate::Answer::json`].
    pub fn new<T: Serialize + ?Sized>(
        name: &'static str,
        intents: Intents,
        audience: Audience,
        d: &T,
    ) -> Self {
        Self::encoded(name, intents, audience, crate::Answer::bytes(d))
    }

    /// An event whose body is JSON already.
    pub fn encoded(name: &'static str, intents: Intents, audience: Audience, body: Bytes) -> Self {
        Self {
            name: Cow::Borrowed(name),
            guild: None,
            intents,
            audience,
            body,
            redacted: None,
            unredacted_for: Arc::default(),
            volatile: false,
            bots_only: false,
            withheld: None,
        }
    }

    /// The event does not come to sessions that do not look at the guild.
    #[must_use]
    pub fn withhold(mut self, withheld: Withheld) -> Self {
        self.withheld = Some(Arc::new(withheld));
        self
    }
}

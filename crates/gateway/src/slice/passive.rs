//! What sessions that are passive in a guild are told of it: PASSIVE_UPDATE_V2 (Gateway, capability `1 << 14`).
//!
//! The changes that the guild's owner marks ([`Withheld`](consort_rpc::Withheld)) are gathered here, the later one about a
//! thing in the place of the earlier one, each with whom it may be told. Once in a while they go out: one dispatch for each
//! set of changes that somebody may see, shared by all who see just that set. The work is that of the guild, its changes and
//! its classes; a session costs one look-up and one reference.
//!
//! Exactness. A slice handles a guild's events in order, and what is gathered is what came since the last delta. So a session
//! that becomes active is given what is gathered, then every event: nothing is missed and nothing comes twice. Before an event
//! that may change who sees what, everything gathered is told to those who saw it when it happened.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use consort_model::{ChannelId, GuildId, Lookup, LookupSet, MessageId, Timestamp, UserId};
use consort_rpc::{Audience, Change, ClassId, Event, View};
use consort_session::Dispatch;
use serde::Serialize;
use serde::ser::{SerializeSeq as _, Serializer};
use serde_json::value::RawValue;

use super::subscriber::Subscriber;

/// Changes gathered of one guild; at more they are told at once.
pub(super) const CHANGES_MAX: usize = 512;
/// Bytes of voice states and members gathered of one guild; at more they are told at once.
pub(super) const BYTES_MAX: usize = 256 * 1024;

/// Whom a change may be told.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sight {
    view: View,
    /// Besides those of `view`.
    users: Arc<[UserId]>,
    /// Not these.
    except: Arc<[UserId]>,
}

impl Sight {
    fn of(audience: &Audience) -> Self {
        let Audience { view, users, except, .. } = audience;
        Self { view: view.clone(), users: users.clone(), except: except.clone() }
    }

    fn view(view: &View) -> Self {
        Self { view: view.clone(), users: Arc::default(), except: Arc::default() }
    }

    fn has_class(&self, class: ClassId) -> bool {
        match &self.view {
            View::All => true,
            View::Classes(classes) => classes.contains(class),
            View::None => false,
        }
    }

    fn has(&self, user: UserId, class: ClassId) -> bool {
        (self.has_class(class) || self.users.contains(&user)) && !self.except.contains(&user)
    }

    fn named(&self) -> impl Iterator<Item = UserId> {
        self.users.iter().chain(self.except.iter()).copied()
    }
}

#[derive(Debug)]
struct ChannelChange {
    sight: usize,
    last_message_id: Option<MessageId>,
    pins: Option<Option<Timestamp>>,
}

/// What was said of a user, in order: of what a viewer may hear, the last one counts.
#[derive(Debug)]
struct Said<T>(Vec<(usize, T)>);

impl<T> Default for Said<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Said<T> {
    /// Says it to those of a sight. Gives what it takes the place of.
    fn say(&mut self, sight: usize, value: T) -> Option<T> {
        let old = self.0.iter().position(|(said_to, _)| *said_to == sight);
        let old = old.map(|index| self.0.remove(index).1);
        self.0.push((sight, value));
        old
    }

    fn heard(&self, signature: &Signature) -> Option<&T> {
        self.0.iter().rev().find(|(sight, _)| signature.has(*sight)).map(|(_, value)| value)
    }
}

/// Where a user is in voice.
#[derive(Debug, PartialEq, Eq)]
struct Voice {
    state: Option<Bytes>,
    /// Not for the user itself, who is elsewhere: it is for those who see only the channel that was left.
    for_others: bool,
}

/// Which of the distinct sights a viewer is in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Signature(Box<[u64]>);

impl Signature {
    fn new(sights: &[Sight], is_in: impl Fn(&Sight) -> bool) -> Self {
        let mut words = vec![0; sights.len().div_ceil(64)];
        for (index, _) in sights.iter().enumerate().filter(|(_, sight)| is_in(sight)) {
            words[index / 64] |= 1 << (index % 64);
        }
        Self(words.into())
    }

    fn has(&self, sight: usize) -> bool {
        self.0[sight / 64] >> (sight % 64) & 1 == 1
    }

    fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }
}

/// Changes that are gathered of one guild.
#[derive(Debug, Default)]
struct Gathered {
    /// The distinct sights; the changes name them by index.
    sights: Vec<Sight>,
    channels: BTreeMap<ChannelId, ChannelChange>,
    voice: BTreeMap<UserId, Said<Voice>>,
    members: BTreeMap<UserId, Said<Bytes>>,
    changes: usize,
    bytes: usize,
}

impl Gathered {
    fn add(&mut self, event: &Event, change: &Change) {
        self.changes += 1;
        match change {
            Change::Message { channel, id } => self.add_channel(event, *channel, Some(*id), None),
            Change::Pins { channel, last_message_id, at } => {
                self.add_channel(event, *channel, *last_message_id, Some(*at));
            }
            Change::Voice { user, state, member } => {
                // Users hear of themselves with their class; see `misheard`.
                let sight = self.sight(Sight::view(&event.audience.view));
                let for_others = event.audience.except.contains(user);
                self.bytes += size(state.as_ref());
                let said = Voice { state: state.clone(), for_others };
                let old = self.voice.entry(*user).or_default().say(sight, said);
                self.replaced(old.map(|old| size(old.state.as_ref())));
                if let Some(member) = member {
                    self.changes += 1;
                    self.add_member(sight, *user, member);
                }
            }
            Change::Member { user, member, seen_by } => {
                let sight = self.sight(Sight::view(seen_by));
                self.add_member(sight, *user, member);
            }
        }
    }

    fn add_channel(
        &mut self,
        event: &Event,
        channel: ChannelId,
        newest: Option<MessageId>,
        pins: Option<Option<Timestamp>>,
    ) {
        let sight = self.sight(Sight::of(&event.audience));
        let old = self.channels.remove(&channel);
        self.replaced(old.as_ref().map(|_| 0));
        let change = ChannelChange {
            sight,
            last_message_id: newest.or_else(|| old.as_ref()?.last_message_id),
            pins: pins.or_else(|| old.as_ref()?.pins),
        };
        self.channels.insert(channel, change);
    }

    fn add_member(&mut self, sight: usize, user: UserId, member: &Bytes) {
        self.bytes += member.len();
        let old = self.members.entry(user).or_default().say(sight, member.clone());
        self.replaced(old.map(|old| old.len()));
    }

    fn replaced(&mut self, bytes: Option<usize>) {
        if let Some(bytes) = bytes {
            self.changes -= 1;
            self.bytes -= bytes;
        }
    }

    fn is_full(&self) -> bool {
        self.changes.max(self.sights.len()) >= CHANGES_MAX || self.bytes >= BYTES_MAX
    }

    /// The index of a sight.
    fn sight(&mut self, sight: Sight) -> usize {
        // The newest are the likeliest.
        if let Some(index) = self.sights.iter().rposition(|known| *known == sight) {
            return index;
        }
        self.sights.push(sight);
        self.sights.len() - 1
    }

    /// Whether what a user would hear of itself with its class is not so: it is in a channel that its class does not see, and
    /// was told so by the event itself.
    fn misheard(&self, user: UserId, signature: &Signature) -> bool {
        let Some(said) = self.voice.get(&user) else { return false };
        let own = said.0.iter().rev().map(|(_, voice)| voice).find(|voice| !voice.for_others);
        said.heard(signature).is_some_and(|heard| Some(heard) != own)
    }

    /// The delta for those of a signature, about everybody but `omitted`; `None` when there is nothing in it.
    fn delta(&self, guild: GuildId, signature: &Signature, omitted: Option<UserId>) -> Option<Arc<Dispatch>> {
        if signature.is_empty() {
            return None;
        }
        let channels = self.channels.iter().filter(|(_, change)| signature.has(change.sight));
        let updated_channels: Vec<_> = channels
            .map(|(id, change)| UpdatedChannel {
                id: *id,
                last_message_id: change.last_message_id,
                last_pin_timestamp: change.pins,
            })
            .collect();
        let mut update = Update {
            guild_id: guild,
            updated_channels,
            updated_voice_states: Raw::default(),
            removed_voice_states: Vec::new(),
            updated_members: Raw::default(),
        };
        let mut gone: LookupSet<UserId> = omitted.into_iter().collect();
        for (user, said) in self.voice.iter().filter(|(user, _)| Some(**user) != omitted) {
            match said.heard(signature) {
                Some(Voice { state: Some(state), .. }) => update.updated_voice_states.0.push(state),
                Some(Voice { state: None, .. }) => {
                    gone.insert(*user);
                    update.removed_voice_states.push(*user);
                }
                None => {}
            }
        }
        let members = self.members.iter().filter(|(user, _)| !gone.contains(user));
        update.updated_members.0.extend(members.filter_map(|(_, said)| said.heard(signature)));
        if update.is_empty() {
            return None;
        }
        match serde_json::to_vec(&update) {
            Ok(body) => {
                let of = if omitted.is_none() { Dispatch::shared } else { Dispatch::new };
                Some(Arc::new(of("PASSIVE_UPDATE_V2", body)))
            }
            Err(error) => {
                // An owner's mistake: what it sent is no JSON.
                tracing::error!(%error, %guild, "a passive update cannot be made");
                None
            }
        }
    }
}

fn size(body: Option<&Bytes>) -> usize {
    body.map_or(0, Bytes::len)
}

#[derive(Serialize)]
struct Update<'a> {
    guild_id: GuildId,
    updated_channels: Vec<UpdatedChannel>,
    updated_voice_states: Raw<'a>,
    removed_voice_states: Vec<UserId>,
    updated_members: Raw<'a>,
}

impl Update<'_> {
    fn is_empty(&self) -> bool {
        self.updated_channels.is_empty()
            && self.updated_voice_states.0.is_empty()
            && self.removed_voice_states.is_empty()
            && self.updated_members.0.is_empty()
    }
}

#[derive(Serialize)]
struct UpdatedChannel {
    id: ChannelId,
    last_message_id: Option<MessageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_pin_timestamp: Option<Option<Timestamp>>,
}

/// Objects that are JSON already.
#[derive(Default)]
struct Raw<'a>(Vec<&'a Bytes>);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for body in &self.0 {
            let raw: &RawValue = serde_json::from_slice(body).map_err(serde::ser::Error::custom)?;
            list.serialize_element(raw)?;
        }
        list.end()
    }
}

/// The changes of a guild that its passive sessions are still to be told, and when.
#[derive(Debug, Default)]
pub(super) struct Deltas {
    gathered: Option<Box<Gathered>>,
    /// When they are to go out.
    due: Option<Instant>,
    /// When the last ones went out.
    told: Option<Instant>,
}

impl Deltas {
    /// Whether nothing is gathered.
    pub(super) fn is_empty(&self) -> bool {
        self.gathered.is_none()
    }

    /// Whether no more is to be gathered before what there is goes out.
    pub(super) fn is_full(&self) -> bool {
        self.gathered.as_ref().is_some_and(|held| held.is_full())
    }

    /// Adds a change. Gives when all are to go out, if that is news.
    pub(super) fn add(
        &mut self,
        now: Instant,
        interval: Duration,
        event: &Event,
        change: &Change,
    ) -> Option<Instant> {
        self.gathered.get_or_insert_default().add(event, change);
        if self.due.is_some() {
            return None;
        }
        self.due = Some(self.told.map_or(now, |told| now.max(told + interval)));
        self.due
    }

    /// Whether this is the time that [`Deltas::add`] gave.
    pub(super) fn is_due(&self, at: Instant) -> bool {
        self.due == Some(at)
    }

    /// Forgets what is gathered: nobody is to be told.
    pub(super) fn forget(&mut self) {
        self.gathered = None;
        self.due = None;
    }

    /// The delta of one session.
    pub(super) fn of_one(&self, guild: GuildId, subscriber: &Subscriber) -> Option<Arc<Dispatch>> {
        let gathered = self.gathered.as_ref()?;
        let (user, class) = (subscriber.viewer.user, subscriber.class);
        let signature = Signature::new(&gathered.sights, |sight| sight.has(user, class));
        let omitted = gathered.misheard(user, &signature).then_some(user);
        gathered.delta(guild, &signature, omitted)
    }

    /// The deltas of these sessions: made once for all who may hear the same. What is gathered is told herewith.
    pub(super) fn take(
        &mut self,
        now: Instant,
        guild: GuildId,
        subscribers: &[Subscriber],
        mut tell: impl FnMut(u32, &Arc<Dispatch>),
    ) {
        self.due = None;
        let Some(gathered) = self.gathered.take() else { return };
        self.told = Some(now);
        // For most the class decides; not for those whom a sight names, and those who may hear of themselves.
        let mut alone: LookupSet<UserId> = gathered.sights.iter().flat_map(Sight::named).collect();
        alone.extend(gathered.voice.keys().copied());
        let mut made: Lookup<(Signature, Option<UserId>), Option<Arc<Dispatch>>> = Lookup::default();
        let mut make = |signature, omitted| {
            let delta = |key: &(Signature, Option<UserId>)| gathered.delta(guild, &key.0, key.1);
            made.entry((signature, omitted)).or_insert_with_key(delta).clone()
        };
        let mut classes: Lookup<ClassId, Option<Arc<Dispatch>>> = Lookup::default();
        for subscriber in subscribers {
            let (user, class) = (subscriber.viewer.user, subscriber.class);
            let delta = if alone.contains(&user) {
                let signature = Signature::new(&gathered.sights, |sight| sight.has(user, class));
                let omitted = gathered.misheard(user, &signature).then_some(user);
                &make(signature, omitted)
            } else {
                let of_class = || Signature::new(&gathered.sights, |sight| sight.has_class(class));
                classes.entry(class).or_insert_with(|| make(of_class(), None))
            };
            if let Some(delta) = delta {
                tell(subscriber.session, delta);
            }
        }
    }
}

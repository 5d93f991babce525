//! The sessions of a node: what they are attached to, and whether what they are told is in order and told once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use consort_model::{GuildId, UserId};
use consort_rpc::relay::{Epoch, Numbered, Op, Relay, SessionKey};
use consort_rpc::{Answer, Call, Caller, ClassId, Event, Host, MeshRef, View, guild};
use serde_json::Value;

/// A connected session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Session {
    /// The class in each guild that has taken it in.
    pub(crate) guilds: BTreeMap<GuildId, ClassId>,
    /// The newest message told in each channel since the session was attached.
    newest: BTreeMap<u64, u64>,
    /// All messages told.
    pub(crate) messages: BTreeSet<u64>,
}

#[derive(Default)]
struct State {
    /// The number of the newest word of each guild, and the life of the owner that said it.
    newest: BTreeMap<GuildId, (Epoch, u64)>,
    sessions: BTreeMap<SessionKey, Session>,
    events: u64,
    broken: Vec<String>,
}

/// The relay of a node.
pub(crate) struct Sessions {
    mesh: MeshRef,
    state: Mutex<State>,
}

impl Sessions {
    pub(crate) fn new(mesh: MeshRef) -> Arc<Self> {
        Arc::new(Self { mesh, state: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Events told, and promises broken, so far.
    pub(crate) fn told(&self) -> (u64, Vec<String>) {
        let state = self.lock();
        (state.events, state.broken.clone())
    }

    /// Connects a session to a guild; the first time this opens it. Must be called within the scope of the node.
    pub(crate) fn attach(&self, key: SessionKey, to: GuildId) {
        self.lock().sessions.entry(key).or_default();
        let attach = guild::News::Attach { session: key, large_threshold: 250, presences: false };
        let caller = Caller::user(key.user, false);
        // One that is lost is asked for again when the guild says that it was restarted, or by the next look.
        let _lost = self.mesh.client::<guild::Guild>().cast_lossy(to.get(), caller, attach);
    }

    fn restarted(&self, guild: GuildId) {
        let attached: Vec<SessionKey> = {
            let state = self.lock();
            let sessions = state.sessions.iter().filter(|(_, session)| session.guilds.contains_key(&guild));
            sessions.map(|(key, _)| *key).collect()
        };
        attached.into_iter().for_each(|key| self.attach(key, guild));
    }
}

impl State {
    /// Whether a word was not heard before. One that is missing is not asked for: what sessions miss is not judged here.
    fn is_new(&mut self, word: &Numbered) -> bool {
        let newest = self.newest.entry(word.guild).or_insert((word.epoch, 0));
        let is_double = newest.0 == word.epoch && word.n <= newest.1 && !word.follows;
        if !is_double {
            *newest = (word.epoch, word.n);
        }
        !is_double
    }

    fn publish(&mut self, event: &Event) {
        let Some(guild) = event.guild else { return };
        let body: Value = serde_json::from_slice(&event.body).unwrap_or_default();
        let number = |key: &str| body[key].as_str().and_then(|id| id.parse::<u64>().ok()).unwrap_or_default();
        for (key, session) in &mut self.sessions {
            let Some(class) = session.guilds.get(&guild) else { continue };
            let sees = match &event.audience.view {
                View::All => true,
                View::Classes(classes) => classes.contains(*class),
                View::None => false,
            };
            if !sees || event.name != "MESSAGE_CREATE" {
                continue;
            }
            self.events += 1;
            let (channel, id) = (number("channel_id"), number("id"));
            let newest = session.newest.entry(channel).or_default();
            if id <= *newest {
                let text = format!("{key:?} was told message {id} of channel {channel} after {newest}");
                self.broken.push(text);
            }
            *newest = id.max(*newest);
            session.messages.insert(id);
        }
    }

    fn detach(&mut self, guild: GuildId, user: Option<UserId>) {
        let sessions = self.sessions.iter_mut();
        for (_, session) in sessions.filter(|(key, _)| user.is_none_or(|user| key.user == user)) {
            session.guilds.remove(&guild);
        }
    }
}

impl Host<Relay> for Sessions {
    fn deliver(&self, _key: u64, call: Call<Relay>) {
        let mut state = self.lock();
        let op = match call.op {
            Op::Numbered(word) => match state.is_new(&word) {
                true => word.op,
                false => return call.respond.send(Ok(Answer::Empty)),
            },
            op => op,
        };
        match op {
            Op::Publish(event) => state.publish(&event),
            Op::Attached { session, guild, class, .. } => {
                if let Some(session) = state.sessions.get_mut(&session) {
                    session.guilds.insert(guild, class);
                }
            }
            Op::Refused { session, guild, .. } => {
                if let Some(session) = state.sessions.get_mut(&session) {
                    session.guilds.remove(&guild);
                }
            }
            Op::Class { guild, user, class } => {
                for (key, session) in &mut state.sessions {
                    if key.user == user && session.guilds.contains_key(&guild) {
                        session.guilds.insert(guild, class);
                    }
                }
            }
            Op::Detach { guild, user } => state.detach(guild, Some(user)),
            Op::Drop { guild } => state.detach(guild, None),
            Op::GuildRestarted { guild } => {
                drop(state);
                self.restarted(guild);
                return call.respond.send(Ok(Answer::Empty));
            }
            _ => {}
        }
        drop(state);
        call.respond.send(Ok(Answer::Empty));
    }
}

//! Moving: what a guild holds in memory alone, in few bytes, for an owner that loads it elsewhere.
//!
//! Rows have nearly everything; voice states, slowmode and nonces are rows. What is left: the number of the last word, who listens, the classes that relays
//! know by number, presences, and who looks at which part of the member lists. A guild that was loaded and given this answers and
//! tells what the one before it would have.

use std::collections::{BTreeMap, BTreeSet};

use consort_model::{ChannelId, Presence, UserId};
use consort_rpc::relay::{Epoch, SessionKey};
use consort_rpc::{ClassId, NodeId};
use consort_store::row;
use serde::{Deserialize, Serialize};

use super::Guild;
use super::access::ClassKey;
use super::voice::Doubt;
use crate::ranked_list::Window;

/// What is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Frozen {
    /// Where it is in what it says.
    numbers: (Option<Epoch>, u64),
    /// See `Numbers::first_classes`.
    first_classes: BTreeMap<UserId, ClassId>,
    nodes: BTreeSet<NodeId>,
    presence_nodes: BTreeSet<NodeId>,
    presences: Vec<Presence>,
    /// By number: relays have the classes of their sessions.
    classes: Vec<ClassKey>,
    attached: Vec<(UserId, ClassId)>,
    watches: Vec<Watched>,
    doubt: Doubt,
}

/// A window that a session looks at.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Watched {
    pub(super) user: UserId,
    pub(super) session: SessionKey,
    /// Whose list: a channel that the session sees.
    pub(super) channel: Option<ChannelId>,
    pub(super) list: String,
    pub(super) from: usize,
    pub(super) to: usize,
}

impl Watched {
    pub(super) fn window(&self) -> Window {
        Window { from: self.from, to: self.to }
    }
}

impl Guild {
    /// See [`consort_actor::Core::freeze`]. `None` while there are changes of member lists that were not told yet, which is
    /// for some milliseconds.
    pub(super) fn frozen(&self) -> Option<Box<[u8]>> {
        let users = self.presences.users().into_iter();
        let presences = users.filter_map(|user| self.presences.get(self.id, user)).collect();
        let frozen = Frozen {
            numbers: self.numbers.place(),
            first_classes: self.numbers.first_classes(),
            nodes: self.nodes.clone(),
            presence_nodes: self.presence_nodes.clone(),
            presences,
            classes: self.classes.keys().to_vec(),
            attached: self.classes.attached(),
            watches: self.lists.watched()?,
            doubt: self.voice.doubt(),
        };
        Some(row::encode(&frozen).to_vec().into())
    }

    /// See [`consort_actor::Core::thaw`].
    pub(super) fn thawed(&mut self, frozen: &[u8]) -> bool {
        let Ok(frozen) = row::decode::<Frozen>(frozen) else { return false };
        self.numbers = self.numbers.going_on(frozen.numbers, frozen.first_classes);
        self.nodes = frozen.nodes;
        self.presence_nodes = frozen.presence_nodes;
        frozen.presences.iter().for_each(|presence| self.presences.insert(presence));
        self.classes.restore(frozen.classes, frozen.attached);
        self.voice.restore_doubt(frozen.doubt);
        self.watch_again(frozen.watches);
        true
    }
}

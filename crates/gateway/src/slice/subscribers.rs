//! The sessions attached to one guild, densely, with what the filter needs of each. Those that are active in it stand before
//! those that do not: an event for the former alone passes the latter by without touching them.

use consort_rpc::relay::Heard;
use consort_session::Log;

use super::passive::Deltas;
use super::subscriber::Subscriber;

/// An event for fewer sessions is not logged: their own references cost less than a page.
pub(super) const LOGGED_FROM: usize = if cfg!(test) { 1 } else { 8 };

/// The list; a session knows its own place in it, and is told of another through `moved`.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    pub(super) list: Vec<Subscriber>,
    /// Events that many of them got.
    pub(super) log: Log,
    /// How many are active, the first ones of the list.
    active: usize,
    /// What the passive ones are still to be told.
    pub(super) deltas: Deltas,
    /// How far they all are in what the guild says.
    pub(super) heard: Option<Heard>,
}

impl Subscribers {
    /// The active ones.
    pub(super) fn active(&self) -> &[Subscriber] {
        &self.list[..self.active]
    }

    /// The passive ones.
    pub(super) fn passive(&self) -> &[Subscriber] {
        &self.list[self.active..]
    }

    /// Whether the one at this position is passive.
    pub(super) fn is_passive(&self, position: u32) -> bool {
        position as usize >= self.active
    }

    /// Adds one. Gives its place.
    pub(super) fn push(&mut self, new: Subscriber, active: bool, moved: impl FnMut(u32, u32)) -> u32 {
        self.list.push(new);
        let position = self.list.len() - 1;
        if active { self.raise(position, moved) } else { position as u32 }
    }

    /// Puts one among the active ones, or among the passive.
    pub(super) fn set_active(&mut self, position: u32, active: bool, moved: impl FnMut(u32, u32)) {
        let position = position as usize;
        if position >= self.list.len() || (position < self.active) == active {
            return;
        }
        if active {
            self.raise(position, moved);
        } else {
            self.active -= 1;
            self.swap(position, self.active, moved);
        }
        self.forget_if_nobody();
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, position: u32, mut moved: impl FnMut(u32, u32)) {
        let mut position = position as usize;
        if position >= self.list.len() {
            return;
        }
        if position < self.active {
            self.active -= 1;
            self.swap(position, self.active, &mut moved);
            position = self.active;
        }
        self.list.swap_remove(position);
        self.tell(position, &mut moved);
        if self.list.capacity() > 64 && self.list.capacity() > 4 * self.list.len() {
            self.list.shrink_to(2 * self.list.len());
        }
        self.forget_if_nobody();
    }

    /// One that stands behind the active ones becomes the last of them.
    fn raise(&mut self, position: usize, moved: impl FnMut(u32, u32)) -> u32 {
        let to = self.active;
        self.active += 1;
        self.swap(position, to, moved);
        to as u32
    }

    fn swap(&mut self, a: usize, b: usize, mut moved: impl FnMut(u32, u32)) {
        self.list.swap(a, b);
        self.tell(a, &mut moved);
        self.tell(b, &mut moved);
    }

    /// A slice has far fewer sessions than fit the number of a place.
    fn tell(&self, position: usize, moved: &mut impl FnMut(u32, u32)) {
        if let Some(subscriber) = self.list.get(position) {
            moved(subscriber.session, position as u32);
        }
    }

    fn forget_if_nobody(&mut self) {
        if self.passive().is_empty() {
            self.deltas.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use consort_model::{Intents, UserId};
    use consort_session::Viewer;
    use proptest::prelude::*;

    use super::*;

    fn subscriber(session: u32) -> Subscriber {
        let viewer = Viewer { user: UserId::new(u64::from(session)), intents: Intents::all(), bot: false };
        Subscriber { viewer, class: 0, session }
    }

    proptest! {
        #[test]
        fn everybody_knows_its_place_and_stands_on_its_side(
            ops in prop::collection::vec((0u32..12, 0u8..3), 0..200),
        ) {
            let mut subscribers = Subscribers::default();
            let mut places: BTreeMap<u32, u32> = BTreeMap::new();
            let mut active: BTreeMap<u32, bool> = BTreeMap::new();
            for (session, op) in ops {
                let known = places.get(&session).copied();
                let mut moved = |session, place| { places.insert(session, place); };
                match (known, op) {
                    (None, op) => {
                        let place = subscribers.push(subscriber(session), op == 0, &mut moved);
                        moved(session, place);
                        active.insert(session, op == 0);
                    }
                    (Some(place), 2) => {
                        subscribers.remove(place, &mut moved);
                        places.remove(&session);
                        active.remove(&session);
                    }
                    (Some(place), op) => {
                        subscribers.set_active(place, op == 0, &mut moved);
                        active.insert(session, op == 0);
                    }
                }
                prop_assert_eq!(subscribers.list.len(), places.len());
                for (session, place) in &places {
                    prop_assert_eq!(subscribers.list[*place as usize].session, *session);
                    prop_assert_eq!(subscribers.is_passive(*place), !active[session]);
                }
                prop_assert_eq!(subscribers.active().len(), active.values().filter(|active| **active).count());
            }
        }
    }
}

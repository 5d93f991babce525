//! The sessions attached to one guild, densely, with what the filter needs of each.

use consort_rpc::{ClassId, Event};
use consort_session::{Choice, Viewer};

/// A session attached to a guild.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subscriber {
    pub(super) viewer: Viewer,
    pub(super) class: ClassId,
    pub(super) session: u32,
}

impl Subscriber {
    pub(super) fn wants(&self, event: &Event) -> Option<Choice> {
        self.viewer.wants(event, self.class)
    }
}

/// The list; a session knows its own place in it.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    pub(super) list: Vec<Subscriber>,
}

impl Subscribers {
    pub(super) fn push(&mut self, subscriber: Subscriber) -> u32 {
        self.list.push(subscriber);
        // A slice has far fewer sessions than that.
        (self.list.len() - 1) as u32
    }

    /// Takes one out. Gives the session that is now in its place, if any.
    pub(super) fn remove(&mut self, position: u32) -> Option<u32> {
        let position = position as usize;
        if position >= self.list.len() {
            return None;
        }
        self.list.swap_remove(position);
        if self.list.capacity() > 64 && self.list.capacity() > 4 * self.list.len() {
            self.list.shrink_to(2 * self.list.len());
        }
        self.list.get(position).map(|moved| moved.session)
    }
}

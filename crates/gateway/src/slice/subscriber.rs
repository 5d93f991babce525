//! What the filter needs of a session that is attached to a guild.

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

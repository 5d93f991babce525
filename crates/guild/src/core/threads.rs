//! Threads of a guild's channels.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{ApiError, ChannelId};
use consort_rpc::Audience;
use consort_rpc::guild::thread::Op;

use super::Guild;

impl Guild {
    pub(crate) fn handle_thread(
        &mut self,
        _cx: &mut Cx<'_>,
        _channel: ChannelId,
        _op: &Op,
    ) -> Result<Outcome, Stop> {
        Err(ApiError::not_found_route().into())
    }

    /// Tells an audience that has gained a channel of its active threads (THREAD_LIST_SYNC).
    pub(crate) fn sync_threads(&self, _cx: &mut Cx<'_>, _channel: ChannelId, _audience: Audience) {}

    /// Deletes the threads of a channel that is being deleted.
    pub(crate) fn drop_threads_of(&mut self, _cx: &mut Cx<'_>, channel: ChannelId) {
        self.threads.retain(|_, thread| thread.channel.parent_id != Some(channel));
    }

    /// When the next thread is due to be archived.
    pub(crate) fn next_thread_deadline_ms(&self) -> Option<u64> {
        None
    }

    /// Archives threads without activity.
    pub(crate) fn archive_due_threads(&mut self, _cx: &mut Cx<'_>) {}
}

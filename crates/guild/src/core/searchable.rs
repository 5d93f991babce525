//! Where a member may search for messages.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{Channel, ChannelType, Permissions, Timestamp};
use consort_rpc::search::{Scope, SearchedChannel};

use super::Guild;
use crate::roster::Packed;

impl Guild {
    /// The channels and active threads whose messages the caller may read, with what is in them. `nsfw`: also those that are
    /// age-restricted.
    pub(super) fn searchable(&self, cx: &Cx<'_>, nsfw: bool) -> Result<Outcome, Stop> {
        self.require_member(cx)?;
        let reader = cx.caller.user;
        let wanted = Permissions::VIEW_CHANNEL | Permissions::READ_MESSAGE_HISTORY;
        let restricted = |channel: &Channel| channel.nsfw && !nsfw;
        let mut scope = Scope {
            reader,
            since: self.members.get(reader).map_or(Timestamp::from_ms(cx.now_ms), Packed::joined_at),
            channels: Vec::new(),
            moderated: Vec::new(),
        };
        for channel in self.channels.values().filter(|channel| !restricted(channel)) {
            let held = self.permissions_in(reader, channel.id, cx.now_ms).unwrap_or_default();
            if channel.kind == ChannelType::GuildCategory || !held.contains(wanted) {
                continue;
            }
            scope.channels.push(SearchedChannel {
                channel: channel.id,
                newest: channel.last_message_id,
                has_threads: true,
            });
            if held.contains(Permissions::MANAGE_THREADS) {
                scope.moderated.push(channel.id);
            }
        }
        for thread in self.threads.values().map(|thread| &thread.channel) {
            let parent = thread.parent_id.and_then(|parent| self.channels.get(&parent));
            let held = self.permissions_in(reader, thread.id, cx.now_ms).unwrap_or_default();
            if held.contains(wanted) && !parent.is_none_or(restricted) {
                let newest = thread.last_message_id.or(Some(thread.id.cast()));
                scope.channels.push(SearchedChannel { channel: thread.id, newest, has_threads: false });
            }
        }
        Outcome::json(&scope)
    }
}

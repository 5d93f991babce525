//! The list of private channels. What they are like belongs to their own owners.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{Channel, ChannelId, ChannelType};
use consort_rpc::relay::SessionKey;
use consort_rpc::{Effect, Fact, private};
use consort_store::Table;

use super::{User, ready};
use crate::limits::CHANNELS_LISTED_MAX;
use crate::rows::UserChannelRow;

impl User {
    pub(super) fn channel_opened(
        &mut self,
        cx: &mut Cx<'_>,
        channel: &Channel,
        listed: bool,
    ) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        let before = self.channels.get(&channel.id);
        let listed_before = before.is_some_and(|before| before.listed);
        let row = UserChannelRow {
            listed: listed || listed_before,
            group: channel.kind == ChannelType::GroupDm,
            recipients: channel.recipients.iter().flatten().map(|user| user.id).collect(),
        };
        if before != Some(&row) {
            cx.put(Table::UserChannels, self.id.get(), channel.id.get(), &row);
            self.channels.insert(channel.id, row);
            // Bots learn of private channels by the messages there (Gateway Events, Channel Create).
            if listed && !listed_before && !self.is_bot() {
                self.tell(cx, "CHANNEL_CREATE", channel);
                self.close_surplus(cx, channel.id);
            }
        }
        Outcome::EMPTY
    }

    /// Closes the oldest DM when too many are listed.
    fn close_surplus(&self, cx: &mut Cx<'_>, newest: ChannelId) {
        if self.listed().count() <= CHANNELS_LISTED_MAX {
            return;
        }
        let read = |channel: &ChannelId| self.reads.get(channel).and_then(|row| row.last_message_id);
        let candidates = self.channels.iter().filter(|(id, row)| row.listed && !row.group && **id != newest);
        if let Some((channel, _)) = candidates.min_by_key(|(id, _)| (read(id), **id)) {
            let op = private::Op::CloseFor { user: self.id };
            cx.effect(Effect::Private { channel: *channel, op });
        }
    }

    pub(super) fn channel_closed(&mut self, cx: &mut Cx<'_>, channel: ChannelId) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        if let Some(row) = self.channels.get_mut(&channel)
            && row.listed
        {
            row.listed = false;
            cx.put(Table::UserChannels, self.id.get(), channel.get(), row);
        }
        Outcome::EMPTY
    }

    pub(super) fn channel_left(&mut self, cx: &mut Cx<'_>, channel: ChannelId) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        if self.channels.remove(&channel).is_some() {
            cx.delete(Table::UserChannels, self.id.get(), channel.get());
        }
        if self.reads.remove(&channel).is_some() {
            cx.delete(Table::ReadStates, self.id.get(), channel.get());
        }
        Outcome::EMPTY
    }

    /// One call a person: whoever joins another by another session leaves the one before. What one session does itself its gateway
    /// tells in order.
    pub(super) fn in_call(
        &mut self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        session: SessionKey,
    ) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        let before = self.call.replace((channel, session));
        if let Some((other, by)) = before.filter(|(other, by)| *other != channel && *by != session) {
            let op = private::Op::Call(private::call::Op::Leave { session: by });
            cx.tell(Fact::Private { channel: other, op });
        }
        Outcome::EMPTY
    }

    /// Private channels that are listed.
    pub(super) fn listed(&self) -> impl Iterator<Item = ChannelId> + '_ {
        self.channels.iter().filter(|(_, row)| row.listed).map(|(id, _)| *id)
    }

    pub(super) fn list_channels(&self) -> Result<Outcome, Stop> {
        let (id, listed) = (self.id, self.listed().collect::<Vec<_>>());
        Outcome::later(move |store| async move {
            let channels = ready::private_channels(&store, id, &listed).await.map_err(|error| {
                tracing::warn!(%error, "private channels could not be read");
                consort_model::ApiError::overloaded()
            })?;
            Ok(consort_rpc::Answer::json(&channels))
        })
    }

    /// Tells the private channels of this account that it looks different or that it blocks somebody.
    pub(super) fn tell_channels(&self, cx: &mut Cx<'_>, op: impl Fn(&UserChannelRow) -> Option<private::Op>) {
        for (channel, row) in &self.channels {
            if let Some(op) = op(row) {
                cx.effect(Effect::Private { channel: *channel, op });
            }
        }
    }
}

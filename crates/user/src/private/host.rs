//! What the conversation wants of a private channel.

use std::sync::Arc;

use consort_actor::Cx;
use consort_conversation::{Host, Talk};
use consort_model::{ApiError, Channel, ChannelId, GuildId, Message, Permissions, Timestamp, User, UserId};
use consort_rpc::{Audience, Event};

use super::PrivateChannel;

impl Host for PrivateChannel {
    fn guild(&self) -> Option<GuildId> {
        None
    }

    fn talk(&mut self) -> &mut Talk {
        &mut self.talk
    }

    fn channel(&self, channel: ChannelId) -> Option<&Channel> {
        self.row.as_ref().map(|row| &row.channel).filter(|own| own.id == channel)
    }

    fn permissions(&self, _cx: &Cx<'_>, user: UserId, channel: ChannelId) -> Option<Permissions> {
        self.channel(channel)?;
        Some(if self.person(user).is_some() { Permissions::DM } else { Permissions::empty() })
    }

    fn user(&self, user: UserId) -> Option<User> {
        self.person(user).cloned()
    }

    fn audience(&mut self, _channel: ChannelId) -> Audience {
        Audience::only(self.people())
    }

    fn publish(&mut self, cx: &mut Cx<'_>, event: Event) {
        // There is nobody who does not look.
        let event = Arc::new(Event { withheld: None, ..event });
        for user in self.people() {
            cx.deliver_surely(user, event.clone());
        }
    }

    fn notified(&self, _channel: ChannelId) -> Vec<UserId> {
        self.people()
    }

    fn may_write(&self, cx: &Cx<'_>, _channel: ChannelId, _held: Permissions) -> Result<(), ApiError> {
        if cx.caller.system || self.is_group() {
            return Ok(());
        }
        if !self.blocks.is_empty() {
            return Err(ApiError::cannot_message_user());
        }
        if self.reach_until_ms <= cx.now_ms {
            return Err(ApiError::no_mutual_guild());
        }
        Ok(())
    }

    fn before_post(&mut self, cx: &mut Cx<'_>, _channel: ChannelId, _author: UserId) {
        let Some(row) = &mut self.row else { return };
        let unlisted: Vec<_> = row.people().filter(|user| !row.listed.contains(user)).collect();
        row.listed.extend(&unlisted);
        self.list_for(cx, &unlisted);
    }

    fn posted(&mut self, cx: &mut Cx<'_>, message: &Message) {
        if let Some(row) = &mut self.row {
            row.channel.last_message_id = Some(message.id);
        }
        self.store(cx);
    }

    fn pinned(&mut self, cx: &mut Cx<'_>, _channel: ChannelId, newest: Option<Timestamp>) {
        if let Some(row) = &mut self.row {
            row.channel.last_pin_timestamp = newest;
        }
        self.store(cx);
    }
}

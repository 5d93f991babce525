//! People of a group coming and going.

use consort_actor::{Cx, Outcome, Stop};
use consort_files::{Kind, name, orphans};
use consort_model::limits::GROUP_RECIPIENTS_MAX;
use consort_model::{ApiError, MessageType, UserId};
use consort_rpc::user;
use consort_store::{Key, Table};
use serde_json::json;

use super::call::CALL;
use super::{PrivateChannel, found};

impl PrivateChannel {
    pub(super) fn add_recipient(&mut self, cx: &mut Cx<'_>, user: UserId) -> Result<Outcome, Stop> {
        self.require_group(cx)?;
        if self.person(user).is_some() {
            return Outcome::EMPTY;
        }
        let before = self.people();
        if before.len() >= GROUP_RECIPIENTS_MAX {
            return Err(ApiError::max_recipients().into());
        }
        let caller = cx.caller.user;
        let account = found::account(cx, user)?;
        if account.bot {
            return Err(ApiError::invalid_recipients().into());
        }
        self.require_friend(cx, caller, user)?;
        if let Some(row) = &mut self.row {
            row.channel.recipients.get_or_insert_default().push(account.clone());
            row.listed.push(user);
        }
        self.store(cx);
        for other in &before {
            self.tell(
                cx,
                *other,
                "CHANNEL_RECIPIENT_ADD",
                &json!({ "channel_id": self.id, "user": account }),
            );
        }
        let people = self.people();
        self.list_for(cx, &people);
        self.say(cx, caller, MessageType::RecipientAdd, "", Some(account));
        Outcome::EMPTY
    }

    pub(super) fn remove_recipient(&mut self, cx: &mut Cx<'_>, user: UserId) -> Result<Outcome, Stop> {
        let caller = cx.caller.user;
        let owner = self.require_group(cx)?.channel.owner_id;
        if user != caller && owner != Some(caller) {
            return Err(ApiError::missing_permissions().into());
        }
        if self.person(user).is_none() {
            return Err(ApiError::unknown_user().into());
        }
        self.leave(cx, user, caller);
        Outcome::EMPTY
    }

    /// Takes somebody out of the group; `by` may be the same. The last one out ends it.
    pub(super) fn leave(&mut self, cx: &mut Cx<'_>, user: UserId, by: UserId) {
        let Some(gone) = self.person(user).cloned() else { return };
        self.forget_in_call(cx, user);
        // Said while the author still is one of the people; who leaves sees it too.
        if self.people().len() > 1 {
            self.say(cx, by, MessageType::RecipientRemove, "", Some(gone.clone()));
        }
        let Some(row) = &mut self.row else { return };
        let shown = row.seen_by(user);
        row.channel.recipients.iter_mut().for_each(|people| people.retain(|person| person.id != user));
        row.listed.retain(|listed| *listed != user);
        let heir = row.people().next();
        let owner_gone = row.channel.owner_id == Some(user);
        if owner_gone {
            row.channel.owner_id = heir;
        }
        self.tell(cx, user, "CHANNEL_DELETE", &shown);
        self.tell_owner(cx, user, user::Op::ChannelLeft { channel: self.id });
        if heir.is_none() {
            return self.end(cx);
        }
        self.store(cx);
        let people = self.people();
        for other in &people {
            self.tell(
                cx,
                *other,
                "CHANNEL_RECIPIENT_REMOVE",
                &json!({ "channel_id": self.id, "user": gone }),
            );
        }
        if owner_gone {
            self.tell_views(cx, "CHANNEL_UPDATE", &people);
        }
        self.list_for(cx, &people);
    }

    /// Deletes a group that nobody is in.
    fn end(&mut self, cx: &mut Cx<'_>) {
        let id = self.id.get();
        cx.delete(Table::ChannelIndex, id, Key::empty());
        cx.delete(Table::PrivateChannels, id, Key::empty());
        cx.delete(Table::PrivateChannels, id, CALL);
        for table in [Table::Messages, Table::Pins, Table::Timers, Table::Marks] {
            cx.batch.erase_later(table, id);
        }
        let (now_ms, icon) = (cx.now_ms, self.row.as_ref().and_then(|row| row.channel.icon.as_deref()));
        orphans::release(&mut cx.batch, &name::attachments_of(id), now_ms);
        orphans::replace_image(&mut cx.batch, now_ms, (Kind::ChannelIcon, id), icon, None);
        self.row = None;
    }
}

//! Making a private channel.

use std::collections::BTreeSet;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::limits::GROUP_RECIPIENTS_MAX;
use consort_model::{ApiError, Channel, ChannelType, User, UserId};
use consort_store::{Key, Table};
use serde_json::json;

use super::{PrivateChannel, are_within_reach, exists};
use crate::reads::{account_of, dm_of, relation_of};
use crate::rows::{PrivateChannelRow, RelationshipKind};

impl PrivateChannel {
    pub(super) fn found(
        &mut self,
        cx: &mut Cx<'_>,
        group: bool,
        recipients: &[UserId],
    ) -> Result<Outcome, Stop> {
        let caller = cx.caller.user;
        let others: BTreeSet<_> = recipients.iter().copied().filter(|user| *user != caller).collect();
        match (group, others.len()) {
            (false, 1) => {}
            (false, _) => return Err(ApiError::invalid_recipients().into()),
            (true, count) if count >= GROUP_RECIPIENTS_MAX => return Err(ApiError::max_recipients().into()),
            (true, _) if cx.caller.bot => return Err(ApiError::bots_not_allowed().into()),
            (true, _) => {}
        }
        let mut people = vec![account(cx, caller)?];
        for user in &others {
            people.push(account(cx, *user)?);
        }
        for user in &others {
            if group {
                self.require_friend(cx, caller, *user)?;
            } else {
                self.require_reach(cx, &people, *user)?;
            }
        }
        // Of all channels of the two, the one that the owner of the lower of them has reserved.
        if let (false, Some(other)) = (group, others.first())
            && dm_of(cx, caller, *other)? != Some(self.id)
        {
            return Err(exists().into());
        }
        let kind = if group { ChannelType::GroupDm } else { ChannelType::Dm };
        let channel = Channel {
            recipients: Some(people),
            owner_id: group.then_some(caller),
            ..Channel::new(self.id, kind)
        };
        // Nobody but who makes it sees a DM before the first message.
        let listed = if group {
            channel.recipients.iter().flatten().map(|user| user.id).collect()
        } else {
            vec![caller]
        };
        cx.batch.require_absent(Table::ChannelIndex, self.id.get(), Key::empty());
        cx.put(Table::ChannelIndex, self.id.get(), Key::empty(), &json!({ "guild": null }));
        let row = PrivateChannelRow { channel, listed };
        let listed = row.listed.clone();
        self.row = Some(row);
        self.store(cx);
        self.list_for(cx, &listed);
        let unlisted: Vec<_> = others.into_iter().filter(|user| !listed.contains(user)).collect();
        self.acquaint(cx, &unlisted, false);
        self.answer(cx)
    }

    /// Groups are made of friends.
    pub(super) fn require_friend(&self, cx: &mut Cx<'_>, caller: UserId, user: UserId) -> Result<(), Stop> {
        let relation = relation_of(cx, caller, user)?;
        match relation.is_some_and(|relation| relation.kind == Some(RelationshipKind::Friend)) {
            true => Ok(()),
            false => Err(ApiError::invalid_recipients().into()),
        }
    }

    fn require_reach(&mut self, cx: &mut Cx<'_>, people: &[User], user: UserId) -> Result<(), Stop> {
        // Bots do not talk to each other (observed upstream).
        if people.iter().all(|person| person.bot) {
            return Err(ApiError::cannot_message_user().into());
        }
        let caller = cx.caller.user;
        let relations = [relation_of(cx, caller, user)?, relation_of(cx, user, caller)?];
        let blocks =
            relations.map(|relation| relation.is_some_and(|row| row.kind == Some(RelationshipKind::Blocked)));
        if !are_within_reach(cx, caller, user)? {
            return Err(ApiError::no_mutual_guild().into());
        }
        let blockers = [caller, user].into_iter().zip(blocks).filter(|(_, blocks)| *blocks);
        self.blocks = blockers.map(|(user, _)| user).collect();
        Ok(())
    }
}

/// The account of somebody who may be spoken to.
pub(super) fn account(cx: &mut Cx<'_>, user: UserId) -> Result<User, Stop> {
    let invalid = || ApiError::invalid_recipients();
    match account_of(cx, user) {
        Ok(row) if row.disabled => Err(invalid().into()),
        Ok(row) => Ok(row.current.user),
        Err(Stop::Error(error)) if error.code == ApiError::unknown_user().code => Err(invalid().into()),
        Err(stop) => Err(stop),
    }
}

//! Who is interested in an event.

use std::ops::Bound;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{ApiError, EventId, Member, User, UserId};
use consort_store::Table;
use serde::Serialize;
use serde_json::json;

use crate::core::Guild;
use crate::roster::Packed;

/// Interest in an event (Guild Scheduled Event User).
#[derive(Serialize)]
struct Interested {
    guild_scheduled_event_id: EventId,
    user_id: UserId,
    user: Option<User>,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<Member>,
    /// 1: interested.
    response: u8,
    guild_scheduled_event_exception_id: Option<EventId>,
}

impl Guild {
    pub(super) fn subscribe(&mut self, cx: &mut Cx<'_>, event: EventId) -> Result<Outcome, Stop> {
        let user = cx.caller.user;
        if !self.seen_event(cx, event)?.event.is_open() {
            return Err(ApiError::event_finished().into());
        }
        if self.events.0.get_mut(&event).is_some_and(|planned| planned.interested.insert(user)) {
            cx.put(Table::Events, event.get(), user.get(), &());
            self.publish_interest(cx, event, user, "GUILD_SCHEDULED_EVENT_USER_ADD");
        }
        Outcome::json(&self.interest(event, user, false))
    }

    pub(super) fn unsubscribe(&mut self, cx: &mut Cx<'_>, event: EventId) -> Result<Outcome, Stop> {
        let user = cx.caller.user;
        if !self.seen_event(cx, event)?.interested.contains(&user) {
            return Err(ApiError::unknown_event_user().into());
        }
        self.lose_interest(cx, event, user);
        Outcome::EMPTY
    }

    fn lose_interest(&mut self, cx: &mut Cx<'_>, event: EventId, user: UserId) {
        if self.events.0.get_mut(&event).is_some_and(|planned| planned.interested.remove(&user)) {
            cx.delete(Table::Events, event.get(), user.get());
            self.publish_interest(cx, event, user, "GUILD_SCHEDULED_EVENT_USER_REMOVE");
        }
    }

    /// A member who goes is not interested any more.
    pub(crate) fn forget_interests(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let events: Vec<_> = self.events.open().map(|planned| planned.event.id).collect();
        events.into_iter().for_each(|event| self.lose_interest(cx, event, user));
    }

    fn publish_interest(&mut self, cx: &mut Cx<'_>, event: EventId, user: UserId, name: &'static str) {
        let Some(planned) = self.events.0.get(&event).map(|planned| planned.event.clone()) else { return };
        let audience = self.event_audience(&planned);
        let body = json!({"guild_scheduled_event_id": event, "user_id": user, "guild_id": self.id});
        self.publish_event(cx, audience, name, &body);
    }

    fn interest(&self, event: EventId, user: UserId, with_member: bool) -> Interested {
        let member = self.members.get(user).map(Packed::unpack);
        Interested {
            guild_scheduled_event_id: event,
            user_id: user,
            user: member.as_ref().and_then(|member| member.user.clone()),
            member: member.filter(|_| with_member),
            response: 1,
            guild_scheduled_event_exception_id: None,
        }
    }

    /// A page of who is interested, by rising id: after a user, or before one (which counts when both are given).
    pub(super) fn interested(
        &self,
        cx: &Cx<'_>,
        event: EventId,
        with_member: bool,
        (before, after): (Option<UserId>, Option<UserId>),
        limit: usize,
    ) -> Result<Outcome, Stop> {
        let interested = &self.seen_event(cx, event)?.interested;
        let mut page: Vec<UserId> = match before {
            Some(before) => interested.range(..before).rev().take(limit).copied().collect(),
            None => {
                let after = after.map_or(Bound::Unbounded, Bound::Excluded);
                interested.range((after, Bound::Unbounded)).take(limit).copied().collect()
            }
        };
        page.sort_unstable();
        Outcome::json(
            &page.into_iter().map(|user| self.interest(event, user, with_member)).collect::<Vec<_>>(),
        )
    }
}

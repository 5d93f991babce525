//! What is remembered of those who have left: enough that leaving and joining again changes nothing in their favour.
//!
//! A timeout goes on. Memberships of archived threads are rows that nobody looks for when a member goes; they end because
//! they began before the member came: [`still_in`]. So that this holds whatever the clock does, whoever comes again has joined
//! later than it left.

use consort_actor::{Cx, Stop};
use consort_model::{Member, ThreadMember, Timestamp, UserId};
use consort_store::Table;
use serde::{Deserialize, Serialize};

use super::leave::member_key;
use crate::core::Guild;
use crate::planted::Leak;
use crate::roster::Roster;

/// Keys in `Table::GuildMisc` of accounts that were members.
const LEFT: &[u8] = b"left/";

/// A former member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Departed {
    /// When it left.
    at: Timestamp,
    /// The end of a timeout that it left in.
    timed_out_until: Option<Timestamp>,
}

impl Guild {
    /// What is remembered of a user who comes (again).
    pub(super) fn departed(&self, cx: &mut Cx<'_>, user: UserId) -> Result<Option<Departed>, Stop> {
        cx.row(Table::GuildMisc, self.id.get(), member_key(LEFT, user))
    }

    /// Remembers a member who goes.
    pub(super) fn note_departed(&self, cx: &mut Cx<'_>, user: UserId) {
        let Some(member) = self.members.get(user) else { return };
        let at = member.joined_at().max(Timestamp::from_ms(cx.now_ms));
        let timed_out_until = member.timeout().filter(|until| until.ms() > cx.now_ms);
        cx.put(Table::GuildMisc, self.id.get(), member_key(LEFT, user), &Departed { at, timed_out_until });
    }

    /// A member as it comes in, with what it has left behind taken up again.
    pub(super) fn take_up(&self, cx: &mut Cx<'_>, mut member: Member, departed: Option<Departed>) -> Member {
        let (Some(departed), Some(user)) = (departed, &member.user) else { return member };
        cx.delete(Table::GuildMisc, self.id.get(), member_key(LEFT, user.id));
        member.joined_at = member.joined_at.max(departed.at.plus_ms(1));
        let goes_on = |until: &Timestamp| until.ms() > cx.now_ms && !Leak::Timeouts.is_planted();
        member.communication_disabled_until = departed.timed_out_until.filter(goes_on);
        member
    }
}

/// Whether a membership of a thread is that of a member: it is not when the account has left the guild since.
pub(crate) fn still_in(members: &Roster, own: &ThreadMember) -> bool {
    let planted = Leak::Archives.is_planted();
    members.get(own.user_id).is_some_and(|member| planted || member.joined_at() <= own.join_timestamp)
}

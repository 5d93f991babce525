//! What an account keeps of its memory while it rests: its sessions, and what it has heard of friends. Everything else is
//! in its rows, or follows from these.

use consort_model::{ChannelId, Presence};
use consort_rpc::relay::SessionKey;
use serde::{Deserialize, Serialize};

use super::User;
use super::grace::Grace;
use super::presence::{Session, merge};

/// MessagePack without names: about 100 bytes for an account with one session.
#[derive(Serialize, Deserialize)]
struct Kept {
    sessions: Vec<(SessionKey, Session)>,
    /// Presences of friends as JSON, since they leave fields out.
    friends: Vec<String>,
    grace_until_ms: Option<u64>,
    since_ms: u64,
    call: Option<(ChannelId, SessionKey)>,
}

impl User {
    /// `None` when there is nothing to keep, and in the first moments after it was loaded, if something was told meanwhile that sessions may have missed.
    pub(super) fn remember(&self) -> Option<Box<[u8]>> {
        // With nobody there is nothing to keep; while something is still to be told, the owner stays.
        if self.sessions.is_empty() || self.replace_due_ms.is_some() {
            return None;
        }
        let grace_until_ms = match &self.grace {
            Some(grace) if !grace.is_empty() => return None,
            grace => grace.as_ref().map(Grace::until_ms),
        };
        let friends = self.friends.values().map(serde_json::to_string);
        let kept = Kept {
            sessions: self.sessions.iter().map(|(key, session)| (*key, session.clone())).collect(),
            friends: friends.collect::<Result<_, _>>().ok()?,
            grace_until_ms,
            since_ms: self.since_ms,
            call: self.call,
        };
        rmp_serde::to_vec(&kept).ok().map(Vec::into_boxed_slice)
    }

    pub(super) fn recall(&mut self, kept: &[u8], now_ms: u64) -> bool {
        let Ok(kept) = rmp_serde::from_slice::<Kept>(kept) else { return false };
        let friends = kept.friends.iter().map(|text| serde_json::from_str::<Presence>(text));
        let Ok(friends) = friends.collect::<Result<Vec<_>, _>>() else { return false };
        self.since_ms = kept.since_ms;
        self.call = kept.call;
        self.has_shown = true;
        self.sessions = kept.sessions.into_iter().collect();
        self.shown = merge(self.id, &self.sessions);
        self.friends = friends.into_iter().map(|presence| (presence.user.id, presence)).collect();
        self.grace = kept.grace_until_ms.filter(|until_ms| *until_ms > now_ms).map(Grace::until);
        true
    }
}

#[cfg(test)]
mod tests {
    use consort_model::object::account::UserRow;
    use consort_model::{Status, UserId};
    use consort_rpc::NodeId;
    use consort_rpc::user::gateway::OpenSession;

    use super::*;
    use crate::core::load::blank;
    use crate::rows::ChosenStatus;

    fn user() -> User {
        let id = UserId::new(7);
        let row = serde_json::json!({"id": id, "username": "kim", "discriminator": "0", "locale": "en-US"});
        let row: UserRow = serde_json::from_value(row).unwrap();
        blank(id, row, 1_000)
    }

    fn with_sessions() -> User {
        let mut user = user();
        for number in 1..=2 {
            let session = SessionKey { node: NodeId(1), generation: 7, slice: 0, number, user: user.id };
            let mut activity = Presence::offline(user.id);
            activity.status = Status::Idle;
            activity.activities = vec![consort_model::Activity {
                name: "chess".into(),
                state: Some("to move".into()),
                ..Default::default()
            }];
            let open = OpenSession {
                session,
                session_id: format!("{number:032x}"),
                auth_session: 5,
                bot: false,
                capabilities: 0,
                shard: None,
                client: ("Linux".into(), "Firefox".into(), String::new()),
                presence: (number == 2).then(|| Box::new(activity)),
                again: false,
                heard: None,
            };
            user.sessions.insert(session, Session::open(&open, &ChosenStatus::default(), 0));
        }
        let friend = UserId::new(8);
        user.friends.insert(friend, Presence { status: Status::Dnd, ..Presence::offline(friend) });
        user.shown = merge(user.id, &user.sessions);
        user.has_shown = true;
        user.call = user.sessions.keys().next().map(|session| (ChannelId::new(5), *session));
        user
    }

    #[test]
    fn what_is_kept_comes_back() {
        let before = with_sessions();
        let kept = before.remember().expect("nothing was missed");
        let mut after = user();
        after.since_ms = 1_900;
        assert!(after.recall(&kept, 2_000));
        assert_eq!(format!("{after:?}"), format!("{before:?}"));
        let mut late = user();
        assert!(late.recall(&kept, 1_000_000));
        assert!(late.grace.is_none() && late.sessions.len() == 2);
    }

    #[test]
    fn one_session_is_kept_in_few_bytes() {
        let mut user = with_sessions();
        user.sessions.pop_last();
        user.friends.clear();
        user.call = None;
        assert!(user.remember().is_some_and(|kept| kept.len() <= 128));
        user.sessions.clear();
        assert!(user.remember().is_none(), "nothing to keep");
    }

    #[test]
    fn other_bytes_are_no_memory() {
        let kept = with_sessions().remember().expect("nothing was missed");
        for cut in 0..kept.len() {
            assert!(!user().recall(&kept[..cut], 0));
        }
        assert!(!user().recall(b"\x93\xc0\xc0\xc0", 0));
    }
}

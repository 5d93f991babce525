//! Sessions of an account and what others see of them together.

use std::collections::BTreeMap;

use consort_model::{Activity, ClientStatus, Presence, Status, UserId, UserRef};
use consort_rpc::relay::SessionKey;
use consort_rpc::user::gateway::OpenSession;
use serde::{Deserialize, Serialize};

use crate::limits::ACTIVITIES_MAX;
use crate::rows::ChosenStatus;

/// A session, as it last said of itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Its public id.
    pub(crate) id: String,
    /// The login behind it.
    pub(crate) auth_session: u64,
    pub(crate) platform: Platform,
    /// Operating system, as told.
    pub(crate) os: String,
    /// May be invisible.
    pub(crate) status: Status,
    #[serde(with = "json_texts")]
    pub(crate) activities: Vec<Activity>,
    /// When it was registered with this owner, Unix milliseconds.
    pub(crate) since_ms: u64,
}

/// Activities as JSON: they leave fields out, which MessagePack without names cannot.
mod json_texts {
    use consort_model::Activity;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};

    pub(super) fn serialize<S: Serializer>(
        activities: &[Activity],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let texts = activities.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
        texts.map_err(S::Error::custom)?.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Activity>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| serde_json::from_str(text).map_err(D::Error::custom)).collect()
    }
}

/// Kind of client, for `client_status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Platform {
    Desktop,
    Mobile,
    Web,
}

impl Platform {
    /// Reads `os` and `browser` of IDENTIFY. Bots count as web (observed upstream).
    fn of(client: &(String, String, String), bot: bool) -> Self {
        let (os, browser) = (client.0.to_lowercase(), client.1.to_lowercase());
        let says = |text: &str, names: &[&str]| names.iter().any(|name| text.contains(name));
        if !bot && (says(&os, &["android", "ios"]) || says(&browser, &["android", "ios", "mobile"])) {
            Self::Mobile
        } else if !bot && says(&browser, &["discord client", "desktop"]) {
            Self::Desktop
        } else {
            Self::Web
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Desktop => "desktop",
            Self::Mobile => "mobile",
            Self::Web => "web",
        }
    }
}

impl Session {
    /// A session that has just been opened. Without a presence it shows what the account last chose; bots are online.
    pub(crate) fn open(open: &OpenSession, chosen: &ChosenStatus, now_ms: u64) -> Self {
        let (status, activities) = match &open.presence {
            Some(presence) => (presence.status, begun(&presence.activities, now_ms, &[])),
            None if open.bot => (Status::Online, Vec::new()),
            None => (chosen.status, chosen.custom_at(now_ms).cloned().into_iter().collect()),
        };
        Self {
            id: open.session_id.clone(),
            auth_session: open.auth_session,
            platform: Platform::of(&open.client, open.bot),
            os: open.client.0.chars().take(64).collect(),
            status,
            activities,
            since_ms: now_ms,
        }
    }

    /// As the account's own clients see it in `sessions`.
    pub(crate) fn view(&self) -> View<'_> {
        View {
            session_id: &self.id,
            status: self.status,
            activities: &self.activities,
            hidden_activities: [],
            active: false,
            client_info: ClientInfo { client: self.platform.name(), os: &self.os, version: 0 },
        }
    }
}

/// A session in `sessions` of READY and in SESSIONS_REPLACE.
#[derive(Serialize)]
pub(crate) struct View<'a> {
    session_id: &'a str,
    status: Status,
    activities: &'a [Activity],
    hidden_activities: [(); 0],
    active: bool,
    client_info: ClientInfo<'a>,
}

#[derive(Serialize)]
struct ClientInfo<'a> {
    client: &'static str,
    os: &'a str,
    version: u32,
}

/// Activities as a session shows them from now on; `before`: those that it has shown until now.
pub(crate) fn begun(said: &[Activity], now_ms: u64, before: &[Activity]) -> Vec<Activity> {
    let mut activities: Vec<_> = said.iter().take(ACTIVITIES_MAX).cloned().collect();
    activities.iter_mut().for_each(|activity| activity.begin(now_ms, before));
    activities
}

/// How much a status counts when several sessions differ.
const fn rank(status: Status) -> u8 {
    match status {
        Status::Online => 3,
        Status::Idle => 2,
        Status::Dnd => 1,
        Status::Offline | Status::Invisible => 0,
    }
}

/// What others see of these sessions together: the liveliest status, the activities of all that may be seen.
pub(crate) fn merge(id: UserId, sessions: &BTreeMap<SessionKey, Session>) -> Presence {
    let mut presence = Presence { user: UserRef { id }, ..Presence::offline(id) };
    for session in sessions.values().filter(|session| rank(session.status) > 0) {
        raise(&mut presence.status, session.status);
        let place = match session.platform {
            Platform::Desktop => &mut presence.client_status.desktop,
            Platform::Mobile => &mut presence.client_status.mobile,
            Platform::Web => &mut presence.client_status.web,
        };
        raise(place.get_or_insert(session.status), session.status);
        for activity in &session.activities {
            let known = presence.activities.iter().any(|shown| shown.id == activity.id);
            if presence.activities.len() < ACTIVITIES_MAX && !known {
                presence.activities.push(activity.clone());
            }
        }
    }
    debug_assert!(
        (presence.status == Status::Offline) == (presence.client_status == ClientStatus::default()),
        "who is seen is seen on some client"
    );
    presence
}

fn raise(status: &mut Status, other: Status) {
    if rank(other) > rank(*status) {
        *status = other;
    }
}

#[cfg(test)]
mod tests {
    use consort_rpc::NodeId;

    use super::*;

    fn session(browser: &str, status: Status, names: &[&str]) -> Session {
        let client = ("Linux".to_owned(), browser.to_owned(), String::new());
        Session {
            id: String::new(),
            auth_session: 0,
            platform: Platform::of(&client, false),
            os: client.0,
            status,
            activities: begun(&names.iter().map(|name| named(name)).collect::<Vec<_>>(), 5, &[]),
            since_ms: 5,
        }
    }

    fn named(name: &str) -> Activity {
        Activity { name: name.to_owned(), ..Activity::default() }
    }

    fn merged(sessions: Vec<Session>) -> Presence {
        let key =
            |number| SessionKey { node: NodeId(0), generation: 7, slice: 0, number, user: UserId::new(1) };
        let sessions =
            sessions.into_iter().zip(0..).map(|(session, number)| (key(number), session)).collect();
        merge(UserId::new(1), &sessions)
    }

    #[test]
    fn the_liveliest_status_counts_and_each_client_has_its_own() {
        let presence = merged(vec![
            session("Discord Client", Status::Dnd, &["a"]),
            session("Firefox", Status::Idle, &["b", "a"]),
        ]);
        assert_eq!(presence.status, Status::Idle);
        assert_eq!(presence.client_status.desktop, Some(Status::Dnd));
        assert_eq!(presence.client_status.web, Some(Status::Idle));
        assert_eq!(presence.client_status.mobile, None);
        let names: Vec<_> = presence.activities.iter().map(|activity| &*activity.name).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn nothing_is_seen_of_invisible_sessions() {
        let hidden = session("Discord iOS", Status::Invisible, &["secret"]);
        assert_eq!(merged(vec![hidden.clone()]), Presence::offline(UserId::new(1)));
        let presence = merged(vec![hidden, session("Firefox", Status::Online, &[])]);
        assert_eq!((presence.status, presence.client_status.mobile), (Status::Online, None));
        assert!(presence.activities.is_empty());
        assert_eq!(merged(Vec::new()).status, Status::Offline);
    }
}

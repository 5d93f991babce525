//! What a slice shows of its sessions to operators.

use std::time::{Duration, Instant};

use consort_model::UserId;
use consort_rpc::operate::{SessionInfo, SocketInfo};
use tokio::sync::oneshot;

use super::{Held, Slice};

/// A question of an operator.
pub(crate) struct Look {
    pub(crate) asks: Asks,
    pub(crate) now: Instant,
}

/// What is asked.
pub(crate) enum Asks {
    /// The sessions of an account.
    Sessions(UserId, oneshot::Sender<Vec<SessionInfo>>),
    /// The slice's own state.
    State(oneshot::Sender<String>),
}

fn ms(since: Instant, now: Instant) -> u64 {
    now.saturating_duration_since(since).as_millis() as u64
}

fn seconds(since: Instant, now: Instant) -> u64 {
    now.saturating_duration_since(since).as_secs()
}

impl Slice {
    /// Answers an operator. Whoever has asked may have gone.
    pub(crate) fn show(&self, Look { asks, now }: Look) {
        let _told = match asks {
            Asks::Sessions(user, answer) => answer.send(self.sessions_of(user, now)).is_ok(),
            Asks::State(answer) => answer.send(self.state().to_string()).is_ok(),
        };
    }

    fn sessions_of(&self, user: UserId, now: Instant) -> Vec<SessionInfo> {
        let slots = self.users.get(&user).map_or(&[][..], Vec::as_slice);
        slots.iter().filter_map(|slot| Some(self.session_info(self.sessions.get(*slot)?, now))).collect()
    }

    fn session_info(&self, held: &Held, now: Instant) -> SessionInfo {
        let (session, identity) = (&held.session, held.session.identity());
        let phase = match (session.is_opening(), session.is_live()) {
            (true, _) => "opening",
            (_, true) => "live",
            _ => "attaching",
        };
        let journal = session.journal();
        SessionInfo {
            node: self.node.0,
            slice: self.index,
            number: identity.key.number,
            user: identity.viewer.user,
            bot: identity.bot,
            shard: identity.shard.map(|shard| (shard.id, shard.count)),
            phase: phase.to_owned(),
            detached_s: held.detached_since.map(|since| seconds(since, now)),
            intents: identity.viewer.intents.bits(),
            seq: session.seq(),
            sent: session.sent(),
            journal_events: journal.len() as u64,
            journal_bytes: journal.bytes() as u64,
            unsent_bytes: session.held_bytes() as u64,
            guilds: session.attachments().count() as u64,
            guilds_awaited: session.awaited() as u64,
            socket: held.conn.and_then(|conn| self.socket_info(conn, now)),
        }
    }

    fn socket_info(&self, conn: usize, now: Instant) -> Option<SocketInfo> {
        let conn = self.conns.get(conn)?;
        Some(SocketInfo {
            open_s: seconds(conn.opened_at, now),
            heartbeat_ms: ms(conn.heartbeat_at, now),
            own_bytes: (conn.own.len() - conn.own_written) as u64,
            blocked: conn.blocked,
            stalled_ms: conn.stalled_since.map(|since| ms(since, now)),
        })
    }

    fn state(&self) -> serde_json::Value {
        let figures = self.figures();
        serde_json::json!({
            "connections": figures.connections,
            "sessions": figures.sessions,
            "detached": figures.detached,
            "users": self.users.len(),
            "guilds": self.guilds.len(),
            "to_be_written": self.dirty.len(),
            "journal_events": figures.journal_events,
            "journal_bytes": figures.journal_bytes,
            "deliveries": figures.deliveries,
            "draining": self.draining,
        })
    }
}

/// How long an operator waits for a slice.
pub(crate) const LOOK_MAX: Duration = Duration::from_secs(1);

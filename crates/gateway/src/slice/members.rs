//! REQUEST_GUILD_MEMBERS: a session's requests, one chunk at a time.
//!
//! The next chunk is asked for when the last one has come and the socket has taken nearly all there was, so a list of any
//! length holds a few chunks of memory, and one that nobody reads costs the guild nothing. Requests of a session take turns: a
//! short one does not wait for the end of a long one. They end with the session, or when it leaves the guild.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use consort_model::{GuildId, Intents, UserId};
use consort_rpc::guild::gateway::{ChunkNext, ChunkRequest};
use consort_session::{Attachment, Choice, Dispatch};
use consort_wire::gateway::RequestGuildMembers;
use serde_json::json;

use super::client::GUILDS_PER_COMMAND_MAX;
use super::{Effect, Slice};
use crate::config::{ALL_MEMBERS_WINDOW, MEMBER_REQUESTS_MAX};

/// A wish for more members than this is one for a list of everybody: more than one chunk.
const ONE_CHUNK: u32 = 1_000;

/// What a session has asked for and not got whole.
#[derive(Debug, Default)]
pub(super) struct MemberRequests {
    /// The first one is the one that is asked for, if one is.
    waiting: VecDeque<(GuildId, ChunkRequest)>,
    asked: bool,
}

impl MemberRequests {
    /// What is not got whole, the next one first. One whose answer is on its way is asked for again elsewhere.
    pub(super) fn export(self) -> Vec<(GuildId, ChunkRequest)> {
        self.waiting.into()
    }

    /// What [`MemberRequests::export`] has given, as far as a session may have it.
    pub(super) fn import(waiting: Vec<(GuildId, ChunkRequest)>) -> Option<Box<Self>> {
        let waiting: VecDeque<_> = waiting.into_iter().take(MEMBER_REQUESTS_MAX).collect();
        (!waiting.is_empty()).then(|| Box::new(Self { waiting, asked: false }))
    }
}

/// A chunk that an owner gave, and how the request goes on.
#[derive(Debug)]
pub(crate) struct MemberChunk {
    pub(crate) dispatch: Arc<Dispatch>,
    pub(crate) next: Option<ChunkNext>,
}

/// Whether a request is for everybody, which is answered only now and then.
fn lists_all(request: &ChunkRequest) -> bool {
    request.user_ids.is_empty()
        && request.query.as_deref().is_none_or(str::is_empty)
        && (request.limit == 0 || request.limit > ONE_CHUNK)
}

impl Slice {
    pub(super) fn request_members(&mut self, now: Instant, session: usize, wanted: &RequestGuildMembers) {
        let held = &mut self.sessions[session];
        let intents = held.session.identity().viewer.intents;
        held.asked_all.retain(|(_, at)| now.duration_since(*at) < ALL_MEMBERS_WINDOW);
        let user_ids: Vec<_> = wanted.user_ids.iter().flatten().copied().map(UserId::new).collect();
        let request = ChunkRequest {
            query: wanted.query.clone().filter(|_| user_ids.is_empty()),
            limit: wanted.limit,
            user_ids,
            presences: wanted.presences && intents.contains(Intents::GUILD_PRESENCES),
            nonce: wanted.nonce.clone(),
            may_list_all: intents.contains(Intents::GUILD_MEMBERS),
            next: None,
        };
        for guild in wanted.guild_ids.iter().take(GUILDS_PER_COMMAND_MAX).copied().map(GuildId::new) {
            self.request_members_of(now, session, guild, &request);
        }
        self.ask_members(session);
    }

    fn request_members_of(&mut self, now: Instant, session: usize, guild: GuildId, request: &ChunkRequest) {
        let held = &mut self.sessions[session];
        if !matches!(held.session.attachment(guild), Some(Attachment::At(_))) {
            return;
        }
        let requests = held.members.get_or_insert_default();
        if lists_all(request) {
            let asked = held.asked_all.iter().find(|(asked, _)| *asked == guild).map(|(_, at)| *at);
            let under_way = requests.waiting.iter().any(|(of, request)| *of == guild && lists_all(request));
            if asked.is_some() || under_way {
                let wait = ALL_MEMBERS_WINDOW.saturating_sub(now.duration_since(asked.unwrap_or(now)));
                return self.rate_limited(session, guild, wait.as_secs_f64(), request.nonce.as_deref());
            }
        }
        if requests.waiting.len() >= MEMBER_REQUESTS_MAX {
            let wait = ALL_MEMBERS_WINDOW.as_secs_f64();
            return self.rate_limited(session, guild, wait, request.nonce.as_deref());
        }
        requests.waiting.push_back((guild, request.clone()));
        if lists_all(request) {
            // No more than the guilds it is in.
            held.asked_all.push((guild, now));
        }
    }

    fn rate_limited(&mut self, session: usize, guild: GuildId, retry_after: f64, nonce: Option<&str>) {
        let mut meta = json!({"guild_id": guild});
        if let Some(nonce) = nonce {
            meta["nonce"] = nonce.into();
        }
        let d = json!({"opcode": 8, "retry_after": retry_after, "meta": meta});
        self.tell(session, "RATE_LIMITED", &d);
    }

    /// Asks for the next chunk, if one is wanted, none is on its way, and there is room.
    pub(super) fn ask_members(&mut self, session: usize) {
        let held = &mut self.sessions[session];
        let Some(requests) = &mut held.members else { return };
        if requests.asked {
            return;
        }
        requests.waiting.retain(|(guild, _)| held.session.attachment(*guild).is_some());
        let Some((guild, request)) = requests.waiting.front() else {
            held.members = None;
            return;
        };
        if held.conn.is_none() || !held.session.takes_bulk() {
            return;
        }
        let (guild, request) = (*guild, Box::new(request.clone()));
        requests.asked = true;
        let (caller, number) = (held.caller(), held.session.identity().key.number);
        self.effects.push(Effect::Chunk { session: number, caller, guild, request });
    }

    /// A chunk has come; none when the owner would not or could not.
    pub(super) fn member_chunk(&mut self, number: u64, chunk: Option<MemberChunk>) {
        let Some((slot, held)) = self.held(number) else { return };
        let request = held.members.as_mut().and_then(|requests| {
            requests.asked = false;
            requests.waiting.pop_front()
        });
        if let Some(MemberChunk { dispatch, next }) = chunk {
            held.session.push(dispatch, Choice::Full);
            if let (Some(requests), Some((guild, request)), Some(_)) = (&mut held.members, request, next) {
                requests.waiting.push_back((guild, ChunkRequest { next, ..request }));
            }
        }
        self.wake_session(slot);
        self.ask_members(slot);
    }
}

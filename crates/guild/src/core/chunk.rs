//! REQUEST_GUILD_MEMBERS: one chunk to a call.
//!
//! A list of everybody may have thousands of chunks. Each call makes one, and says from where the next one goes on; the owner
//! keeps nothing in between. The list is of those who were members when it began: `chunk_count` is said then and holds. Who
//! has left since is missing, so late chunks may be short or empty; who has joined since is not in it, and whoever may list
//! everybody was told of them (GUILD_MEMBER_ADD).

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{GuildId, Presence, Timestamp, UserId};
use consort_rpc::Answer;
use consort_rpc::guild::gateway::{ChunkNext, ChunkPart, ChunkRequest};
use serde::Serialize;

use super::Guild;
use crate::roster::Packed;

/// Members in one GUILD_MEMBERS_CHUNK.
const CHUNK_MEMBERS: u32 = 1_000;
/// Members a search by prefix gives at most.
const CHUNK_QUERY_MAX: u32 = 100;

#[derive(Serialize)]
struct MembersChunk<'a> {
    guild_id: GuildId,
    members: Vec<Packed<'a>>,
    chunk_index: u32,
    chunk_count: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_found: Vec<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    presences: Option<Vec<Presence>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

fn answer(chunk: &MembersChunk<'_>, next: Option<ChunkNext>) -> Result<Outcome, Stop> {
    let part = ChunkPart { chunk: Answer::bytes(chunk), next };
    Ok(Outcome::Answer(Answer::Chunk(Box::new(part))))
}

impl Guild {
    pub(super) fn chunk(&self, cx: &mut Cx<'_>, request: &ChunkRequest) -> Result<Outcome, Stop> {
        self.require_member(cx)?;
        if !request.user_ids.is_empty() {
            let (found, not_found): (Vec<_>, Vec<_>) =
                request.user_ids.iter().map(|id| self.members.get(*id).ok_or(*id)).partition(Result::is_ok);
            let found = found.into_iter().flatten().collect();
            let not_found = not_found.into_iter().filter_map(Result::err).collect();
            return self.only_chunk(request, found, not_found);
        }
        let query = request.query.as_deref().unwrap_or_default();
        if query.is_empty() && request.may_list_all {
            return self.next_chunk(cx.now_ms, request);
        }
        let most = match (query.is_empty(), request.limit) {
            (true, 0) => return self.only_chunk(request, Vec::new(), Vec::new()),
            (false, 0) => CHUNK_QUERY_MAX,
            (_, limit) => limit.min(CHUNK_QUERY_MAX),
        };
        self.only_chunk(request, self.members.named(query).take(most as usize).collect(), Vec::new())
    }

    fn only_chunk(
        &self,
        request: &ChunkRequest,
        found: Vec<Packed<'_>>,
        not_found: Vec<UserId>,
    ) -> Result<Outcome, Stop> {
        answer(&self.chunk_of(request, (0, 1), found, not_found), None)
    }

    fn chunk_of<'a>(
        &self,
        request: &'a ChunkRequest,
        (chunk_index, chunk_count): (u32, u32),
        members: Vec<Packed<'a>>,
        not_found: Vec<UserId>,
    ) -> MembersChunk<'a> {
        let presences = request.presences.then(|| self.presences_of(&members));
        let nonce = request.nonce.as_deref();
        MembersChunk { guild_id: self.id, members, chunk_index, chunk_count, not_found, presences, nonce }
    }

    /// The next chunk of everybody, or of as many as are wanted.
    fn next_chunk(&self, now_ms: u64, request: &ChunkRequest) -> Result<Outcome, Stop> {
        let place = request.next.unwrap_or_else(|| self.first_place(now_ms, request.limit));
        let last = place.index + 1 >= place.count;
        // The clock may have stood still or gone back since: should more be left than was counted, the last chunk has them all.
        let most = if last { place.left } else { place.left.min(CHUNK_MEMBERS) };
        let began = Timestamp::from_ms(place.began_ms);
        let there = self.members.after(place.after).filter(|member| member.joined_at() <= began);
        let found: Vec<_> = there.take(most as usize).collect();
        let next = (!last).then(|| ChunkNext {
            after: found.last().map_or(place.after, |member| member.id()),
            index: place.index + 1,
            left: place.left.saturating_sub(found.len() as u32),
            ..place
        });
        let chunk = self.chunk_of(request, (place.index, place.count), found, Vec::new());
        answer(&chunk, next)
    }

    fn first_place(&self, now_ms: u64, limit: u32) -> ChunkNext {
        let left = if limit == 0 { u32::MAX } else { limit };
        let members = u32::try_from(self.members.len()).unwrap_or(u32::MAX).min(left);
        let count = members.div_ceil(CHUNK_MEMBERS).max(1);
        ChunkNext { after: UserId::new(0), index: 0, count, left, began_ms: now_ms }
    }
}

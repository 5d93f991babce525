//! RESUME: on the slice where the connection landed, then on the one where the session lives.

use std::time::Instant;

use consort_runtime::Planted;
use consort_session::{ResumeError, SessionId};
use consort_wire::gateway::{CloseCode, Resume};
use sha2::{Digest as _, Sha256};

use super::{Conn, ConnId, Effect, Fetching, HandOver, Phase, Slice};

impl Slice {
    /// Handles RESUME of a connection of this slice. `true` when the connection is handed to another slice and nothing
    /// more of it may be read here.
    pub(super) fn resume(&mut self, now: Instant, slot: usize, resume: Resume) -> bool {
        if self.conns[slot].phase != Phase::Unidentified {
            self.close(now, slot, CloseCode::AlreadyAuthenticated.number());
            return false;
        }
        let id = resume.session_id.parse::<SessionId>().ok();
        match id.and_then(|id| Some((id, self.slice_of(id)?))) {
            Some((id, slice)) if slice == self.index && self.has(id) => {
                self.resume_here(now, slot, id, &resume);
            }
            Some((id, slice)) if slice == self.index => self.resume_elsewhere(slot, Some(id), resume),
            Some((_, slice)) => {
                self.hand_over = Some(HandOver { slot, slice, resume });
                return true;
            }
            None => self.resume_elsewhere(slot, id, resume),
        }
        false
    }

    /// The session is on another node, or nowhere.
    fn resume_elsewhere(&mut self, slot: usize, id: Option<SessionId>, resume: Resume) {
        let Some(id) = id.filter(|_| self.interest.has_others()) else { return self.refuse_resume(slot) };
        if self.draining {
            // It would have to leave again at once.
            return self.put_invalid_session(slot, true);
        }
        let conn = &mut self.conns[slot];
        conn.phase = Phase::Identifying;
        let fetching = Fetching { slice: self.index, slot, conn: conn.id, id, resume };
        self.effects.push(Effect::Fetch(Box::new(fetching)));
        self.schedule_conn(slot);
    }

    /// The session was looked for elsewhere, and is on this node by now.
    pub(super) fn resume_found(&mut self, now: Instant, slot: usize, conn: ConnId, resume: Resume) {
        if self.conn(slot, conn).is_none_or(|conn| conn.phase != Phase::Identifying) {
            return;
        }
        self.conns[slot].phase = Phase::Unidentified;
        let id = resume.session_id.parse::<SessionId>().ok();
        match id.and_then(|id| Some((id, self.slice_of(id)?))) {
            Some((id, slice)) if slice == self.index && self.has(id) => {
                self.resume_here(now, slot, id, &resume);
            }
            Some((_, slice)) if slice != self.index => {
                self.hand_over = Some(HandOver { slot, slice, resume });
            }
            // It has gone on.
            _ => self.put_invalid_session(slot, true),
        }
    }

    /// Takes a connection that another slice handed over. Gives its slot here.
    pub(crate) fn adopt_resume(&mut self, now: Instant, conn: Conn, resume: Resume) -> usize {
        let slot = self.adopt(conn);
        if self.draining {
            // Its own slice may have told everybody before it came, or this one.
            self.tell_to_leave(slot);
        }
        match resume.session_id.parse::<SessionId>() {
            Ok(id) if self.has(id) => self.resume_here(now, slot, id, &resume),
            id => self.resume_elsewhere(slot, id.ok(), resume),
        }
        slot
    }

    pub(super) fn resume_here(&mut self, now: Instant, slot: usize, id: SessionId, resume: &Resume) {
        let token_hash: [u8; 32] = Sha256::digest(resume.token.expose()).into();
        let Some(number) = self.number_of(id) else { return self.refuse_resume(slot) };
        let Some((session, held)) = self.held(number) else { return self.refuse_resume(slot) };
        let identity = held.session.identity();
        // A guessed id, or one of a former life of this node, and somebody else's token look the same to the client.
        if identity.id != id || identity.token_hash != token_hash {
            return self.refuse_resume(slot);
        }
        let bot = identity.bot;
        if let Some(former) = held.conn {
            // The former socket may not be known to be dead; it is now.
            self.close(now, former, CloseCode::UnknownError.number());
        }
        // Closing may have ended a session whose READY had not arrived.
        let Some((_, held)) = self.held(number) else { return self.refuse_resume(slot) };
        match held.session.resume(asked(resume.seq, held.session.seq())) {
            Err(ResumeError::Ahead) => return self.close(now, slot, CloseCode::InvalidSeq.number()),
            Err(ResumeError::Gone) => {
                self.end_session(session);
                return self.refuse_resume(slot);
            }
            Ok(_) => {}
        }
        held.conn = Some(slot);
        if held.detached_since.take().is_some() {
            self.detached_count -= 1;
        }
        self.figures.resumed += 1;
        let conn = &mut self.conns[slot];
        conn.phase = Phase::Live(session);
        conn.seat = None;
        conn.offset = 0;
        conn.stream.forget_past();
        conn.resume_url = Box::default();
        conn.decoder.set_max_message_bytes(super::identify::max_payload_bytes(bot));
        self.mark_dirty(slot);
        self.weigh(session);
        self.attach_next(now, session);
        self.ask_members(session);
        self.schedule_conn(slot);
    }

    /// The client may identify on this connection.
    fn refuse_resume(&mut self, slot: usize) {
        self.put_invalid_session(slot, false);
    }
}

/// The number from which on a session is resumed: the client's, but for planted bugs.
fn asked(seq: u64, newest: u64) -> u64 {
    match seq {
        2.. if Planted::ResumeRepeats.is_here() => seq - 1,
        _ if Planted::ResumeSkips.is_here() => newest.min(seq + 1),
        _ => seq,
    }
}

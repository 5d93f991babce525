//! A session as bytes, so that it can move: to another slice, to another node, over a restart.
//!
//! What moves is what a RESUME needs: who the session is, the numbers, how far the client is, and what it was sent, as far as
//! [`EXPORT_BYTES_MAX`] reaches. What belongs to a place stays there: sockets, and where the session stands in the lists of
//! its guilds. The imported session has an address of its own ([`SessionKey`]), keeps its public id, and attaches itself to
//! its guilds again.

use consort_model::{GuildId, Intents, UserId};
use consort_rpc::relay::SessionKey;
use serde::{Deserialize, Serialize};

use crate::journal::{ExportedJournal, JOURNAL_EVENTS_MAX, Journal};
use crate::{Identity, Session, SessionId, Shard, Viewer};

/// Bytes of bodies that an exported session carries. Older dispatches are left behind: a client that has missed them is told
/// so (opcode 9). As much as a journal holds at most.
pub const EXPORT_BYTES_MAX: usize = crate::JOURNAL_BYTES_MAX;
/// Guilds of an exported session; the gateway refuses a session with more ("Sharding": 2,500 guilds a shard).
const GUILDS_MAX: usize = 4096;

/// Why bytes are no session.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// They cannot be decoded.
    #[error("an exported session cannot be decoded")]
    Codec(#[from] rmp_serde::decode::Error),
    /// What they say does not fit together, or is beyond a bound.
    #[error("an exported session is inconsistent: {0}")]
    Inconsistent(&'static str),
}

/// The form; fields may be added.
#[derive(Serialize, Deserialize)]
struct Exported {
    id: String,
    user: UserId,
    intents: u64,
    bot: bool,
    shard: Option<(u32, u32)>,
    auth_session: u64,
    token_hash: [u8; 32],
    capabilities: u64,
    large_threshold: u16,
    /// Guilds that the client knows, or waits for.
    guilds: Vec<ExportedGuild>,
    /// Guilds whose turn to be attached has not come, the next one last.
    queued: Vec<GuildId>,
    sent: u64,
    sent_ever: u64,
    journal: ExportedJournal,
}

#[derive(Serialize, Deserialize)]
struct ExportedGuild {
    id: GuildId,
    known: bool,
}

impl Session {
    /// The session as bytes. `None` when there is nothing to move: a client that has no READY cannot resume.
    pub fn export(&self) -> Option<Vec<u8>> {
        if !self.is_live() || !self.is_known_to_client() {
            return None;
        }
        let identity = self.identity();
        let guilds = self.known_guilds().map(|(id, known)| ExportedGuild { id, known });
        let exported = Exported {
            id: identity.id.to_string(),
            user: identity.viewer.user,
            intents: identity.viewer.intents.bits(),
            bot: identity.bot,
            shard: identity.shard.map(|shard| (shard.id, shard.count)),
            auth_session: identity.auth_session,
            token_hash: identity.token_hash,
            capabilities: identity.capabilities,
            large_threshold: identity.large_threshold,
            guilds: guilds.collect(),
            queued: self.queued().to_vec(),
            sent: self.sent(),
            sent_ever: self.sent_ever(),
            journal: self.journal().export(EXPORT_BYTES_MAX),
        };
        rmp_serde::to_vec_named(&exported).ok()
    }

    /// The session that [`Session::export`] has written, at another address. It has no socket, and none of its guilds is
    /// attached: each is to be asked for ([`Session::attachments`] says which).
    ///
    /// # Errors
    /// See [`ImportError`].
    pub fn import(bytes: &[u8], key: SessionKey) -> Result<Self, ImportError> {
        let exported: Exported = rmp_serde::from_slice(bytes)?;
        let id: SessionId = exported.id.parse().map_err(|_| ImportError::Inconsistent("id"))?;
        let journal = Journal::import(exported.journal).ok_or(ImportError::Inconsistent("journal"))?;
        if key.user != exported.user {
            return Err(ImportError::Inconsistent("user"));
        }
        if exported.guilds.len() > GUILDS_MAX || exported.queued.len() > GUILDS_MAX {
            return Err(ImportError::Inconsistent("guilds"));
        }
        let numbers = 1 <= exported.sent_ever
            && exported.sent <= exported.sent_ever
            && exported.sent_ever <= journal.last();
        if !numbers {
            return Err(ImportError::Inconsistent("numbers"));
        }
        let identity = Identity {
            key,
            id,
            viewer: Viewer {
                user: exported.user,
                intents: Intents::from_bits_truncate(exported.intents),
                bot: exported.bot,
            },
            bot: exported.bot,
            shard: exported.shard.map(|(id, count)| Shard { id, count }),
            auth_session: exported.auth_session,
            token_hash: exported.token_hash,
            capabilities: exported.capabilities,
            large_threshold: exported.large_threshold,
        };
        let mut guilds: Vec<_> = exported.guilds.into_iter().map(|guild| (guild.id, guild.known)).collect();
        guilds.sort_unstable();
        guilds.dedup_by_key(|(id, _)| *id);
        Ok(Self::moved(identity, guilds, exported.queued, journal, (exported.sent, exported.sent_ever)))
    }
}

const _: () = assert!(JOURNAL_EVENTS_MAX < u32::MAX as usize);

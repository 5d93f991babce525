//! What must wait for others: looking at an IDENTIFY, asking a guild for members. Bounded, and beside the path of events,
//! so a storm of identifies cannot delay messages, nor a busy guild keep people out.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use consort_model::{ApplicationFlags, ApplicationId, GuildId, Intents, UserId};
use consort_rpc::guild::{self, gateway::ChunkRequest};
use consort_rpc::relay::SessionKey;
use consort_rpc::user::{self, gateway::Opened};
use consort_rpc::{Answer, Caller, FACTS_WAITING_MAX, MeshRef};
use consort_session::{Dispatch, Identity, SessionId, Shard, Viewer, ready};
use consort_wire::gateway::{CloseCode, Identify};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::auth::{AuthError, AuthFuture, Authenticator, Principal};
use crate::config::{
    AUTHENTICATE_TIMEOUT, CHUNKS_ACTIVE_MAX, GUILDS_MAX, IDENTIFIES_ACTIVE_MAX, IDENTIFIES_PER_ACCOUNT_MAX,
    IDENTIFIES_WAITING_MAX,
};
use crate::inbox::InboxRef;
use crate::interest::Interest;
use crate::presence::presence_of;
use crate::slice::{Admission, ClientInfo, Identifying, Input, MemberChunk, Refusal, open_session};

/// Bits that an IDENTIFY's intents may have. Those among them that mean nothing here are ignored, as upstream ignores them:
/// bits of intents that are not documented stand in the defaults of client libraries (bit 17 in interactions.py's). What is
/// above is a number that was calculated wrongly (close code 4013).
const INTENT_BITS: u64 = u32::MAX as u64;
/// The version from which on MESSAGE_CONTENT must be asked for ("Change Log" of the vendor, 14 February 2022: "Starting in
/// v10, you must specify the message content intent"). Before it the application's flag is enough.
const CONTENT_INTENT_SINCE: u8 = 10;
/// The flags of an application that may read content.
const CONTENT_FLAGS: u64 =
    ApplicationFlags::GATEWAY_MESSAGE_CONTENT | ApplicationFlags::GATEWAY_MESSAGE_CONTENT_LIMITED;

/// A place among those at work or waiting; given back when dropped, however the task ends.
struct Slot(Arc<Admissions>, fn(&Admissions) -> &AtomicUsize);

impl Drop for Slot {
    fn drop(&mut self) {
        (self.1)(&self.0).fetch_sub(1, Ordering::Relaxed);
    }
}

/// A place among the identifies of an account; given back when dropped.
pub(crate) struct AccountSlot(Arc<Admissions>, UserId);

impl Drop for AccountSlot {
    fn drop(&mut self) {
        let mut accounts = self.0.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = accounts.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                accounts.remove(&self.1);
            }
        }
    }
}

/// The admissions of a node.
pub(crate) struct Admissions {
    mesh: MeshRef,
    auth: Arc<dyn Authenticator>,
    inboxes: Vec<InboxRef>,
    interest: Arc<Interest>,
    identifies: Semaphore,
    waiting: AtomicUsize,
    /// Identifies at work, by account.
    accounts: Mutex<HashMap<UserId, usize>>,
    chunks: Semaphore,
    next_number: AtomicU32,
    /// This life of the node, for the addresses of its sessions.
    generation: u64,
}

impl Admissions {
    pub(crate) fn new(
        mesh: MeshRef,
        auth: Arc<dyn Authenticator>,
        inboxes: Vec<InboxRef>,
        interest: Arc<Interest>,
    ) -> Arc<Self> {
        Arc::new(Self {
            mesh,
            auth,
            inboxes,
            interest,
            identifies: Semaphore::new(IDENTIFIES_ACTIVE_MAX),
            waiting: AtomicUsize::new(0),
            accounts: Mutex::default(),
            chunks: Semaphore::new(CHUNKS_ACTIVE_MAX),
            next_number: AtomicU32::new(1),
            generation: consort_runtime::random_u64(),
        })
    }

    /// Identifies at work or waiting.
    pub(crate) fn identifies(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// This life of the node, and the number of its next session.
    pub(crate) fn next_address(&self) -> (u64, u64) {
        (self.generation, u64::from(self.next_number.fetch_add(1, Ordering::Relaxed)))
    }

    /// This life of the node.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whose a token is.
    pub(crate) fn authenticate<'a>(&'a self, token: &'a str) -> AuthFuture<'a> {
        self.auth.authenticate(token)
    }

    fn tell(&self, slice: u16, input: Input) {
        // Only sockets are ever given back.
        let _lost = self.inboxes[usize::from(slice)].push(input);
    }

    /// Starts looking at an IDENTIFY.
    pub(crate) fn identify(self: &Arc<Self>, identifying: Box<Identifying>) {
        let owners_lag = self.mesh.facts_waiting() > FACTS_WAITING_MAX / 2;
        if self.waiting.fetch_add(1, Ordering::Relaxed) >= IDENTIFIES_WAITING_MAX || owners_lag {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return self.refuse(&identifying, Refusal::Later);
        }
        let place = Slot(self.clone(), |admissions| &admissions.waiting);
        consort_runtime::spawn("identify", async move {
            let admissions = &place.0;
            let _permit = admissions.identifies.acquire().await;
            admissions.identify_now(*identifying).await;
        });
    }

    /// Counts an identify against its account; `None` when it has as many as it may.
    pub(crate) fn enter(self: &Arc<Self>, user: UserId) -> Option<AccountSlot> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = accounts.entry(user).or_default();
        if *count >= IDENTIFIES_PER_ACCOUNT_MAX {
            return None;
        }
        *count += 1;
        Some(AccountSlot(self.clone(), user))
    }

    fn refuse(&self, identifying: &Identifying, refusal: Refusal) {
        let Identifying { slice, slot, conn, .. } = *identifying;
        self.tell(slice, Input::Refuse { slot, conn, refusal });
    }

    async fn identify_now(self: &Arc<Self>, identifying: Identifying) {
        let looked_at = self.auth.authenticate(identifying.identify.token.expose());
        let looked_at = tokio::time::timeout(AUTHENTICATE_TIMEOUT, looked_at).await;
        let principal = match looked_at.unwrap_or(Err(AuthError::Unavailable)) {
            Ok(principal) => principal,
            Err(AuthError::Invalid) => {
                return self.refuse(&identifying, Refusal::Close(CloseCode::AuthenticationFailed));
            }
            Err(AuthError::Unavailable) => return self.refuse(&identifying, Refusal::Later),
        };
        let (viewer, shard) = match check(&identifying.identify, identifying.version, &principal) {
            Ok(checked) => checked,
            Err(code) => return self.refuse(&identifying, Refusal::Close(code)),
        };
        let Some(_place) = self.enter(principal.user) else {
            return self.refuse(&identifying, Refusal::Later);
        };
        let (generation, number) = self.next_address();
        let key = SessionKey {
            node: self.mesh.node(),
            generation,
            slice: identifying.slice,
            user: principal.user,
            number,
        };
        let identity = self.identity(key, viewer, shard, &identifying.identify, &principal);
        let identify = &identifying.identify;
        let client = ClientInfo::of(&identify.properties);
        let presence = identify.presence.as_ref();
        let presence = presence.map(|update| Box::new(presence_of(principal.user, principal.bot, update)));
        let open = open_session(&identity, &client, presence.clone(), None);
        let admission = Admission {
            slot: identifying.slot,
            conn: identifying.conn,
            identity: identity.clone(),
            application: principal.application,
            client,
            presence,
            compress: identify.compress,
        };
        // Before the owner is asked: whatever it sends to the session must find it.
        let owner = self.mesh.owner_of::<user::User>(principal.user.get());
        self.interest.add_user(principal.user, identifying.slice, owner);
        self.tell(identifying.slice, Input::Admit(Box::new(admission)));
        self.open(identifying, identity, principal, open).await;
    }

    fn identity(
        &self,
        key: SessionKey,
        viewer: Viewer,
        shard: Option<Shard>,
        identify: &Identify,
        principal: &Principal,
    ) -> Identity {
        let id = SessionId {
            node: key.node,
            slice: key.slice,
            // It was made from 32 bits.
            number: key.number as u32,
            secret: consort_runtime::random_u64(),
        };
        Identity {
            key,
            id,
            viewer,
            bot: principal.bot,
            shard,
            auth_session: principal.auth_session,
            token_hash: Sha256::digest(identify.token.expose()).into(),
            capabilities: identify.capabilities,
            large_threshold: identify.large_threshold,
        }
    }

    async fn open(
        &self,
        identifying: Identifying,
        identity: Identity,
        principal: Principal,
        open: user::gateway::OpenSession,
    ) {
        let user = principal.user;
        let mut caller = Caller::user(user, principal.bot);
        caller.application = principal.application;
        let op = user::Op::Gateway(user::gateway::Op::Open(open));
        let answer = self.mesh.client::<user::User>().call(user.get(), caller.clone(), op).await;
        let result = match answer {
            Ok(Answer::Opened(opened)) => prepare(&identifying, &identity, &principal, *opened),
            Ok(_) => {
                tracing::error!(%user, "a user's owner answers something else than was asked");
                Err(Refusal::Later)
            }
            // The login has ended since the token was looked at, or the account.
            Err(error) if error.status == 401 => Err(Refusal::Close(CloseCode::AuthenticationFailed)),
            Err(error) => {
                tracing::warn!(%error, %user, "a session could not be opened");
                Err(Refusal::Later)
            }
        };
        let result = result.map(Box::new);
        self.tell(identity.key.slice, Input::Opened { key: identity.key, caller, result });
    }

    /// Starts asking a guild for a chunk of its members.
    pub(crate) fn chunk(
        self: &Arc<Self>,
        slice: u16,
        session: u64,
        caller: Caller,
        guild: GuildId,
        request: ChunkRequest,
    ) {
        let admissions = self.clone();
        consort_runtime::spawn("chunk", async move {
            let permit = admissions.chunks.acquire().await;
            let op = guild::Op::Gateway(guild::gateway::Op::Chunk(request));
            let answer = admissions.mesh.client::<guild::Guild>().call(guild.get(), caller, op).await;
            drop(permit);
            let chunk = match answer {
                Ok(Answer::Chunk(part)) => {
                    let dispatch = Arc::new(Dispatch::new("GUILD_MEMBERS_CHUNK", part.chunk));
                    Some(MemberChunk { dispatch, next: part.next })
                }
                Ok(_) => {
                    tracing::error!(%guild, "a guild answers something else than was asked");
                    None
                }
                Err(error) => {
                    tracing::debug!(%error, %guild, "a guild does not give its members");
                    None
                }
            };
            admissions.tell(slice, Input::Members(session, chunk));
        });
    }
}

/// Checks what IDENTIFY asks for against what the account may have.
fn check(
    identify: &Identify,
    version: u8,
    principal: &Principal,
) -> Result<(Viewer, Option<Shard>), CloseCode> {
    if !principal.bot {
        // User accounts see everything they may and are not sharded.
        return Ok((Viewer { user: principal.user, intents: Intents::all(), bot: false }, None));
    }
    let shard = match identify.shard {
        Some(shard) if !shard.is_valid() => return Err(CloseCode::InvalidShard),
        Some(shard) => Some(Shard { id: shard.id, count: shard.count }),
        None => None,
    };
    let bits = identify.intents.ok_or(CloseCode::InvalidIntents)?;
    if bits & !INTENT_BITS != 0 {
        return Err(CloseCode::InvalidIntents);
    }
    let mut intents = Intents::from_bits_truncate(bits);
    if intents.intersects(ApplicationFlags::lacking(principal.application_flags)) {
        return Err(CloseCode::DisallowedIntents);
    }
    if version < CONTENT_INTENT_SINCE && principal.application_flags & CONTENT_FLAGS != 0 {
        intents |= Intents::MESSAGE_CONTENT;
    }
    Ok((Viewer { user: principal.user, intents, bot: true }, shard))
}

/// Makes of the owner's answer what the session wants.
fn prepare(
    identifying: &Identifying,
    identity: &Identity,
    principal: &Principal,
    opened: Opened,
) -> Result<consort_session::Opened, Refusal> {
    let mut guilds = opened.guilds;
    guilds.retain(|guild| identity.serves(Some(*guild)));
    if guilds.len() > GUILDS_MAX {
        return Err(Refusal::Close(CloseCode::ShardingRequired));
    }
    let application = |id: ApplicationId| (id, principal.application_flags);
    let facts = ready::Facts {
        version: identifying.version,
        session_id: &identity.id.to_string(),
        resume_gateway_url: &identifying.resume_url,
        shard: identity.shard.map(|shard| (shard.id, shard.count)),
        application: principal.application.map(application),
    };
    let opening = ready::opening(&opened.ready, &facts).ok_or_else(|| {
        tracing::error!("the owner's READY is no object");
        Refusal::Later
    })?;
    let user::gateway::Opened { supplemental, owner_since_ms, heard, .. } = opened;
    Ok(consort_session::Opened { opening, supplemental, guilds, owner_since_ms, heard })
}

#[cfg(test)]
mod tests {
    use consort_wire::gateway::{Properties, Shard as Asked, Token};

    use super::*;

    fn principal(bot: bool, application_flags: u64) -> Principal {
        Principal { user: UserId::new(1), bot, application: None, application_flags, auth_session: 0 }
    }

    fn identify(intents: Option<u64>, shard: Option<(u32, u32)>) -> Identify {
        Identify {
            token: Token::new("t"),
            properties: Properties::default(),
            compress: false,
            large_threshold: 50,
            shard: shard.map(|(id, count)| Asked { id, count }),
            presence: None,
            intents,
            capabilities: 0,
        }
    }

    fn code(intents: Option<u64>, shard: Option<(u32, u32)>, flags: u64) -> Option<CloseCode> {
        check(&identify(intents, shard), 10, &principal(true, flags)).err()
    }

    #[test]
    fn shards_must_exist() {
        assert_eq!(code(Some(0), Some((2, 2)), 0), Some(CloseCode::InvalidShard));
        assert_eq!(code(Some(0), Some((0, 0)), 0), Some(CloseCode::InvalidShard));
        assert_eq!(code(Some(0), Some((1, 2)), 0), None);
    }

    #[test]
    fn bits_without_a_meaning_are_ignored_and_impossible_or_missing_intents_are_invalid() {
        // The default and all intents of interactions.py.
        for bits in [1 << 17, 1 << 19, 53_706_493, 53_739_519] {
            let (viewer, _) = check(&identify(Some(bits), None), 10, &principal(true, u64::MAX)).unwrap();
            assert_eq!(viewer.intents.bits(), bits & Intents::all().bits(), "{bits:b}");
        }
        for bits in [1 << 40, u64::MAX] {
            assert_eq!(code(Some(bits), None, u64::MAX), Some(CloseCode::InvalidIntents), "{bits:b}");
        }
        assert_eq!(code(None, None, 0), Some(CloseCode::InvalidIntents));
        assert_eq!(code(Some(0), None, 0), None);
    }

    #[test]
    fn privileged_intents_need_a_flag_of_the_application() {
        for (bit, flags) in [(8, [12, 13]), (1, [14, 15]), (15, [18, 19])] {
            assert_eq!(code(Some(1 << bit), None, 0), Some(CloseCode::DisallowedIntents));
            for flag in flags {
                assert_eq!(code(Some(1 << bit), None, 1 << flag), None);
            }
        }
    }

    #[test]
    fn before_version_10_the_flag_alone_gives_content() {
        let reads = |version, flags| {
            let (viewer, _) = check(&identify(Some(1 << 9), None), version, &principal(true, flags)).unwrap();
            viewer.intents.contains(Intents::MESSAGE_CONTENT)
        };
        assert!(reads(9, 1 << 18) && reads(9, 1 << 19) && reads(8, 1 << 19));
        assert!(!reads(10, 1 << 19) && !reads(9, 0));
    }

    #[test]
    fn user_accounts_have_every_intent_and_no_shard() {
        let (viewer, shard) = check(&identify(Some(0), Some((0, 1))), 10, &principal(false, 0)).unwrap();
        assert_eq!((viewer.intents, shard), (Intents::all(), None));
    }
}

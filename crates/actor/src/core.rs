//! What an owner implements.

use bytes::Bytes;
use consort_model::ApiError;
use consort_rpc::{Answer, Caller, Fact, NodeId, Reply, Service};
use consort_store::{BoxFuture, Error, Key, Range, Row, Scan, StoreRef, Table};

use crate::Cx;

/// The state machine of one actor.
pub trait Core: Sized + Send + 'static {
    /// The service it implements.
    type Service: Service;

    /// Actors of the kind that may stay on a node without being called, [`IDLE`](crate::IDLE) long. With more of them,
    /// each leaves when it has had no call for a moment ([`HASTE`](crate::HASTE)).
    const RUNNING_MAX: usize = usize::MAX;

    /// Whether [`Core::alarm_ms`] is ever something. Others pay nothing for alarms.
    const HAS_ALARMS: bool = false;

    /// The answer to a call that asks for nothing but rows, as they are durable. While the actor does not run there is nothing
    /// that could be newer, so it is not started for that: whoever asks for each of very many, once, spares that. `None`: the
    /// call is the actor's.
    fn beside(
        _key: u64,
        _caller: &Caller,
        _op: &<Self::Service as Service>::Op,
        _now_ms: u64,
    ) -> Option<Later> {
        None
    }

    /// What [`Core::load`] reads first, whatever it finds there. The kit reads it together with its own rows, since each look
    /// at the store costs two switches of threads: that is most of what loading a small actor takes.
    fn first_scans(_key: u64) -> Vec<Scan> {
        Vec::new()
    }

    /// Brings the actor to life from its rows. `first`: those of [`Core::first_scans`], in its order. `None` when there is no
    /// such thing.
    fn load(
        key: u64,
        first: Vec<Vec<Row>>,
        store: StoreRef,
        now_ms: u64,
    ) -> BoxFuture<'static, Result<Option<Self>, Error>>;

    /// An actor for a key without rows, whose first call may found it (creating a guild). It must answer everything else with
    /// [`Core::not_found`] and be [`Core::is_over`] until it is founded. `None`: nothing can be founded by a call.
    fn vacant(_key: u64) -> Option<Self> {
        None
    }

    /// What a call to something that does not exist is answered.
    fn not_found() -> ApiError;

    /// What the rest of the cluster must be told when the actor comes to life: it knows nothing of who listened to its
    /// predecessor. Told before the first call is handled.
    fn started(&self, _nodes: &[NodeId]) -> Vec<Fact> {
        Vec::new()
    }

    /// The newest snowflake among its rows, as far as it knows. Ids drawn from now on are above it, also on a node whose
    /// clock is behind that of the owner before.
    fn newest_id(&self) -> Option<u64> {
        None
    }

    /// Handles one call; see the crate's documentation for the order of reads and writes.
    ///
    /// # Errors
    /// [`Stop::Error`] is the answer; [`Stop::Load`] asks for rows and has the call handled again.
    fn handle(&mut self, cx: &mut Cx<'_>, op: &<Self::Service as Service>::Op) -> Result<Outcome, Stop>;

    /// When [`Core::tick`] wants to be called next, Unix milliseconds.
    fn next_deadline_ms(&self) -> Option<u64> {
        None
    }

    /// When the actor must be awake although nobody calls, Unix milliseconds: the first of those deadlines of
    /// [`Core::next_deadline_ms`] that its rows tell to whoever loads it, and that are to be kept also when it was put away and
    /// after a crash. It is stored with the turn that changes it; see [`run_scheduler`](crate::run_scheduler).
    fn alarm_ms(&self) -> Option<u64> {
        None
    }

    /// Does what is due.
    fn tick(&mut self, _cx: &mut Cx<'_>) {}

    /// A node is gone, and every session it had.
    fn node_gone(&mut self, _cx: &mut Cx<'_>, _node: NodeId) {}

    /// Nodes with sessions that it speaks to. One of them that goes wakes the actor, should it rest.
    fn listeners(&self) -> Vec<NodeId> {
        Vec::new()
    }

    /// Whether it holds nothing that only lives in memory, so that it may be put away when idle.
    fn is_idle(&self) -> bool {
        true
    }

    /// Whether it may rest when nobody has called for long: coming back must cost little, and nothing may be due meanwhile. One
    /// that may not stays until it is idle.
    fn may_rest(&self) -> bool {
        true
    }

    /// The format of what [`Core::freeze`] gives, if that may go to another node when the key moves; it changes whenever a state
    /// of the one before could not be read. `None`: it holds nothing in memory alone, or nothing worth moving.
    const FROZEN_FORMAT: Option<u16> = None;

    /// What it holds in memory alone, in few bytes, for one that is not idle to rest: it is dropped, loaded from its rows
    /// by the next call, and given this back. Its deadlines are not kept meanwhile. `None`: it must stay as it is.
    fn freeze(&self) -> Option<Box<[u8]>> {
        None
    }

    /// Takes up what [`Core::freeze`] gave, right after it was loaded; [`Core::started`] is not called then. Gives false
    /// when the bytes cannot be read: then it is as an actor that has lost its memory.
    fn thaw(&mut self, _frozen: &[u8], _now_ms: u64) -> bool {
        false
    }

    /// What an operator is shown of its state: counts and settings that say how large it is and what it is at. No text that people
    /// wrote, no secrets, and never all of something that may be very much.
    fn inspect(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Whether the actor has ended for good (its guild was deleted): it is put away after the pending commits.
    fn is_over(&self) -> bool {
        false
    }
}

/// What a handler gives back.
pub enum Outcome {
    /// The answer, to be given once everything written is durable.
    Answer(Answer),
    /// The rest is reading only, and done beside the actor: the permission check is over, other calls may go on. Runs once
    /// everything written so far is durable.
    Later(Later),
    /// The caller is refused, and what the turn wrote stands; see [`Stop::Refused`].
    Refused(Box<ApiError>),
}

/// Reads beside the actor.
pub type Later = Box<dyn FnOnce(StoreRef) -> BoxFuture<'static, Reply> + Send>;

impl Outcome {
    /// 204.
    pub const EMPTY: Result<Self, Stop> = Ok(Self::Answer(Answer::Empty));

    /// Answers a model.
    ///
    /// # Errors
    /// Never; the type is that of [`Core::handle`].
    pub fn json<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self, Stop> {
        Ok(Self::Answer(Answer::json(value)))
    }

    /// Answers a model that was just made.
    ///
    /// # Errors
    /// Never; the type is that of [`Core::handle`].
    pub fn created<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self, Stop> {
        Ok(Self::Answer(Answer::created(value)))
    }

    /// Answers encoded JSON.
    ///
    /// # Errors
    /// Never; the type is that of [`Core::handle`].
    pub fn raw(json: impl Into<Bytes>) -> Result<Self, Stop> {
        Ok(Self::Answer(Answer::Json(json.into())))
    }

    /// Reads on beside the actor.
    ///
    /// # Errors
    /// Never; the type is that of [`Core::handle`].
    pub fn later<F, Fut>(read: F) -> Result<Self, Stop>
    where
        F: FnOnce(StoreRef) -> Fut + Send + 'static,
        Fut: Future<Output = Reply> + Send + 'static,
    {
        Ok(Self::Later(Box::new(move |store| Box::pin(read(store)))))
    }
}

/// Rows wanted from the store.
#[derive(Debug, Clone, PartialEq)]
pub enum Load {
    /// One row, kept in the cache afterwards.
    Row(Table, u64, Key),
    /// A range, for this call only.
    Scan(Table, u64, Range),
}

/// Why a handler stopped.
#[derive(Debug)]
pub enum Stop {
    /// The call is refused, and has changed nothing.
    Error(Box<ApiError>),
    /// The call is refused, and what was written about it stands: the caller is told once that is durable. Of a message that
    /// moderation blocks there is an entry in the audit log, and no message.
    Refused(Box<ApiError>),
    /// Something must be read first.
    Load(Load),
}

impl From<ApiError> for Stop {
    fn from(error: ApiError) -> Self {
        Self::Error(Box::new(error))
    }
}

//! What a handler sees of the world.

use std::sync::Arc;

use bytes::Bytes;
use consort_files::Links;
use consort_model::{ApiError, UserId};
use consort_rpc::relay::Epoch;
use consort_rpc::{Caller, Effect, Fact, NodeId, Publication, user};
use consort_runtime::{Ids, Now, Random};
use consort_store::{Batch, Key, Range, Row, Table, row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::core::{Load, Stop};
use crate::rows::{Rows, Scanned};

/// What leaves once a turn is durable.
#[derive(Debug)]
pub(crate) enum After {
    Effect { effect: Effect, awaited: bool },
    Fact(Fact),
    Publication(Publication),
}

/// The context of one call: time, caller, rows, and what is to be written and done.
pub struct Cx<'a> {
    /// What time it is.
    pub now: Now,
    /// The same on the calendar, Unix milliseconds: what rules go by.
    pub now_ms: u64,
    /// Where invite codes, tokens and the like are drawn from.
    pub random: &'a Random,
    /// On whose behalf.
    pub caller: &'a Caller,
    /// This node.
    pub node: NodeId,
    /// This life of the owner: what it says carries it.
    pub epoch: Epoch,
    /// Whether another node could come to own this. If not, nothing said within the process is lost.
    pub shared: bool,
    /// What makes the addresses of files.
    pub links: &'a Links,
    /// What will be written; the methods of `Cx` are the usual way in.
    pub batch: Batch,
    pub(crate) after: Vec<After>,
    pub(crate) conflict: Option<ApiError>,
    pub(crate) confirmed: bool,
    pub(crate) rows: &'a mut Rows,
    pub(crate) scans: &'a [Scanned],
    pub(crate) ids: &'a Ids,
}

impl Cx<'_> {
    /// Reads a row that this owner alone writes. Sees this call's own writes only after the call.
    ///
    /// # Errors
    /// [`Stop::Load`] when it must be loaded first; 500 when it cannot be decoded.
    pub fn row<T: DeserializeOwned>(
        &mut self,
        table: Table,
        partition: u64,
        key: impl Into<Key>,
    ) -> Result<Option<T>, Stop> {
        self.row_bytes(table, partition, key.into())?.map(|bytes| decode(&bytes)).transpose()
    }

    /// Whether a row exists.
    ///
    /// # Errors
    /// [`Stop::Load`] when that is not known yet.
    pub fn has_row(&mut self, table: Table, partition: u64, key: impl Into<Key>) -> Result<bool, Stop> {
        Ok(self.row_bytes(table, partition, key.into())?.is_some())
    }

    fn row_bytes(&mut self, table: Table, partition: u64, key: Key) -> Result<Option<Bytes>, Stop> {
        let key = (table, partition, key);
        match self.rows.get(&key) {
            Some(value) => Ok(value),
            None => Err(self.load(Load::Row(key.0, key.1, key.2))),
        }
    }

    /// Reads a range. Of this owner's own rows it shows everything that was written before this call, also what is not durable
    /// yet; of others' what was durable when it was read.
    ///
    /// # Errors
    /// [`Stop::Load`] when it has not been read for this call yet.
    pub fn scan(&mut self, table: Table, partition: u64, range: Range) -> Result<Vec<Row>, Stop> {
        let is_it = |scan: &&Scanned| (scan.table, scan.partition, &scan.range) == (table, partition, &range);
        match self.scans.iter().find(is_it) {
            Some(scan) => Ok(scan.rows.clone()),
            None => Err(self.load(Load::Scan(table, partition, range))),
        }
    }

    /// Reads a range of typed rows; see [`Cx::scan`].
    ///
    /// # Errors
    /// As [`Cx::scan`]; 500 when a row cannot be decoded.
    pub fn scan_rows<T: DeserializeOwned>(
        &mut self,
        table: Table,
        partition: u64,
        range: Range,
    ) -> Result<Vec<(Key, T)>, Stop> {
        self.scan(table, partition, range)?
            .into_iter()
            .map(|row| Ok((row.key, decode(&row.value)?)))
            .collect()
    }

    fn load(&self, load: Load) -> Stop {
        debug_assert!(
            self.batch.is_empty() && self.after.is_empty(),
            "a handler must read everything before it changes anything: {load:?}"
        );
        Stop::Load(load)
    }

    /// Writes a row.
    pub fn put<T: Serialize + ?Sized>(
        &mut self,
        table: Table,
        partition: u64,
        key: impl Into<Key>,
        value: &T,
    ) {
        self.batch.put(table, partition, key, row::encode(value));
    }

    /// Deletes a row.
    pub fn delete(&mut self, table: Table, partition: u64, key: impl Into<Key>) {
        self.batch.delete(table, partition, key);
    }

    /// What the caller is answered if a precondition of the batch does not hold (a name is taken). The actor is then
    /// loaded again, since its memory is ahead of the store.
    pub fn on_conflict(&mut self, error: ApiError) {
        self.conflict = Some(error);
    }

    /// Makes another owner carry something out. The effect is stored with what this turn writes, and sent until the other
    /// owner has applied it, once, in the order added.
    pub fn effect(&mut self, effect: Effect) {
        self.after.push(After::Effect { effect, awaited: false });
    }

    /// As [`Cx::effect`], and the answer of this turn waits until the effect is applied, so that the caller finds it done
    /// wherever it looks next; at most [`EFFECT_AWAITED`](crate::EFFECT_AWAITED), since the effect is not lost by then.
    pub fn effect_before_answer(&mut self, effect: Effect) {
        self.after.push(After::Effect { effect, awaited: true });
    }

    /// Tells what is so as long as this owner remembers it, once everything written is durable, in the order added; again until
    /// it is taken.
    pub fn tell(&mut self, fact: Fact) {
        self.after.push(After::Fact(fact));
    }

    /// Has what this turn says leave only once the store has confirmed that no later owner has written: for what a session cannot
    /// tell from the truth when it comes from the memory of an owner that does not know yet that it is none. Costs a commit
    /// without rows, and nothing where no other node could own this.
    pub fn confirm(&mut self) {
        self.confirmed = true;
    }

    /// Sends news once everything written is durable, in the order added; see [`Publication`] for what may become of it.
    pub fn publish(&mut self, publication: Publication) {
        self.after.push(After::Publication(publication));
    }

    /// Sends an event to every session of a user.
    pub fn deliver(&mut self, user: UserId, event: consort_rpc::Event) {
        self.publish(Publication::User { user, news: user::News::Deliver(Arc::new(event)) });
    }

    /// Sends an event to every session of a user, and where nodes share a store until the user's owner has taken it: an
    /// effect then. What is volatile is sent once.
    pub fn deliver_surely(&mut self, user: UserId, event: Arc<consort_rpc::Event>) {
        if self.shared && !event.volatile {
            self.effect(Effect::User { user, op: user::Op::Deliver(event) });
        } else {
            self.publish(Publication::User { user, news: user::News::Deliver(event) });
        }
    }

    /// The time by ids, Unix milliseconds: none of this owner, or of one before it, is of a later time, and none that is drawn from
    /// now on is of an earlier one. Unlike [`Cx::now_ms`] it does not fall when the owner moves to a node whose clock is behind.
    pub fn id_time_ms(&self) -> u64 {
        self.ids.newest_ms().max(self.now_ms)
    }

    /// Draws a snowflake.
    pub fn next_id(&self) -> u64 {
        self.ids.next(self.now_ms)
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Stop> {
    row::decode(bytes).map_err(|error| {
        tracing::error!(%error, row = std::any::type_name::<T>(), "a stored row cannot be read");
        Stop::from(ApiError::internal())
    })
}

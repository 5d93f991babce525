//! The receiver's side of effects: how far each sender has come.
//!
//! A mark is the number of the last effect of a sender that this owner has applied. It is a row of [`Table::Marks`], written
//! with what the effect changed. An effect up to the mark was applied before and is only acknowledged.
//!
//! An effect that changes nothing writes no mark: applied again it changes nothing, or what it should have.

use std::collections::{BTreeMap, VecDeque};

use consort_rpc::{Call, Number, Origin, Owner, Service};
use consort_runtime::Planted;
use consort_store::{Batch, Key, Table};

use crate::outbox::{decode_number, encode_number};
use crate::owner_key::prefix;

/// Marks held in memory by one owner once its commits are durable; beyond it all are read again.
const MARKS_MAX: usize = 4_096;

/// What is to become of an effect.
pub(crate) enum Verdict {
    /// It is the next one.
    Apply,
    /// It was applied before.
    Done,
    /// One before it is missing.
    Early,
}

/// What an owner knows of the senders of effects.
pub(crate) struct Inbox<S: Service> {
    me: Owner,
    marks: BTreeMap<Owner, Option<Number>>,
    /// Senders an effect of which is under way here, with those that wait for it.
    busy: BTreeMap<Owner, VecDeque<Call<S>>>,
    waiting: usize,
    /// Marks on their way from the store.
    reading: usize,
}

impl<S: Service> Inbox<S> {
    pub(crate) fn new(me: Owner) -> Self {
        Self { me, marks: BTreeMap::new(), busy: BTreeMap::new(), waiting: 0, reading: 0 }
    }

    /// Gives the call back, unless an effect of the same sender is under way: then it waits for that.
    pub(crate) fn admit(&mut self, sender: &Owner, call: Call<S>) -> Option<Call<S>> {
        match self.busy.get_mut(sender) {
            Some(queue) => {
                queue.push_back(call);
                self.waiting += 1;
                None
            }
            None => Some(call),
        }
    }

    /// An effect of this sender is under way: those after it wait.
    pub(crate) fn begin(&mut self, sender: &Owner) {
        self.busy.entry(sender.clone()).or_default();
    }

    /// No effect of this sender is under way any more; gives those that have waited.
    pub(crate) fn end(&mut self, sender: &Owner) -> VecDeque<Call<S>> {
        let queue = self.busy.remove(sender).unwrap_or_default();
        self.waiting -= queue.len();
        queue
    }

    /// All that wait.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = Call<S>> + use<S> {
        self.waiting = 0;
        std::mem::take(&mut self.busy).into_values().flatten()
    }

    /// What becomes of an effect; `None` when the sender's mark must be read first.
    pub(crate) fn judge(&self, origin: &Origin) -> Option<Verdict> {
        let mark = *self.marks.get(&origin.sender)?;
        Some(if mark.is_some_and(|mark| origin.number <= mark) {
            Verdict::Done
        } else if origin.after.is_some_and(|after| mark.is_none_or(|mark| mark < after)) {
            Verdict::Early
        } else {
            Verdict::Apply
        })
    }

    /// Where a sender's mark is.
    pub(crate) fn row(&self, sender: &Owner) -> (Table, u64, Key) {
        let key = [prefix(&self.me), prefix(sender)].concat();
        (Table::Marks, self.me.key, Key::bytes(&key))
    }

    /// A mark is being read.
    pub(crate) fn reads(&mut self) {
        self.reading += 1;
    }

    /// Whether marks are being read. Nothing else is taken meanwhile, so that a call does not overtake an effect that was
    /// there before it: whoever has heard of a change finds its effects.
    pub(crate) fn is_reading(&self) -> bool {
        self.reading > 0
    }

    /// How many effects wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// A mark was read; `None` when reading it failed.
    pub(crate) fn read(&mut self, sender: &Owner, value: Option<Option<&[u8]>>) {
        self.reading -= 1;
        if let Some(value) = value {
            self.keep(sender, value.and_then(decode_number));
        }
    }

    fn keep(&mut self, sender: &Owner, mark: Option<Number>) {
        self.marks.insert(sender.clone(), mark);
    }

    /// To be called when all marks written are durable: until then memory alone has them.
    pub(crate) fn trim(&mut self) {
        if self.marks.len() > MARKS_MAX {
            self.marks.clear();
        }
    }

    /// An effect was applied; `batch` is what it changed, and takes the mark unless it is `None`.
    pub(crate) fn applied(&mut self, origin: &Origin, batch: Option<&mut Batch>) {
        self.keep(&origin.sender, Some(origin.number));
        if let Some(batch) = batch
            && !Planted::EffectWithoutMark.is_here()
        {
            let (table, partition, key) = self.row(&origin.sender);
            batch.put(table, partition, key, encode_number(origin.number));
        }
    }
}

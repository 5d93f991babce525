//! A core as small as can be: a sum that is a row, and notes that are rows.

use consort_actor::{Core, Cx, Outcome, Stop};
use consort_model::{ApiError, GuildId, UserId};
use consort_rpc::{Effect, Fact, NodeId, Nothing, Service, user};
use consort_store::{BoxFuture, Error, Key, Range, Row, StoreExt, StoreRef, Table};
use serde::{Deserialize, Serialize};

/// The user whose owner a toy tells what it did.
pub const LISTENER: UserId = UserId::new(7);

#[derive(Debug)]
pub struct Toys;

impl Service for Toys {
    const NAME: &'static str = "toy";
    type Op = Op;
    type News = Nothing;
}

impl From<Nothing> for Op {
    fn from(nothing: Nothing) -> Self {
        match nothing {}
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Adds to the sum and tells the listener; founds the toy.
    Add(u64),
    /// The sum in memory.
    Sum,
    /// A note.
    Note(u64),
    /// All notes, read as a range.
    Notes,
    /// Writes a note, after having looked at it.
    Write(u64, String),
    /// Deletes all notes at once.
    Clear,
    /// Takes a name that only one may have, and counts it.
    Claim(String),
    /// Refuses.
    Refuse,
    /// Breaks after having changed the sum in memory.
    Break,
    /// The stored sum, read beside the actor.
    Stored,
    /// Is over for good.
    End,
    /// Adds 1 at a time; at 0 breaks in the tick.
    Alarm { at_ms: u64, add: u64 },
    /// May not be put away, or may again.
    Busy(bool),
    /// Takes something into memory that is no row, and gives back what was there.
    Hold(Option<u64>),
    /// A session on a node listens from now on.
    Listen(NodeId),
    /// The nodes that are listened on.
    Listeners,
}

pub struct Toy {
    key: u64,
    sum: Option<u64>,
    over: bool,
    busy: bool,
    held: Option<u64>,
    alarm: Option<(u64, u64)>,
    listeners: Vec<NodeId>,
}

impl Toy {
    fn new(key: u64, sum: Option<u64>) -> Self {
        Self { key, sum, over: sum.is_none(), busy: false, held: None, alarm: None, listeners: Vec::new() }
    }

    fn add(&mut self, cx: &mut Cx<'_>, n: u64) -> u64 {
        let sum = self.sum.unwrap_or(0) + n;
        (self.sum, self.over) = (Some(sum), false);
        cx.put(Table::Meta, self.key, 0, &sum);
        let op = user::Op::GuildJoined { guild: GuildId::new(sum) };
        cx.effect(Effect::User { user: LISTENER, op });
        sum
    }
}

impl Core for Toy {
    type Service = Toys;

    const RUNNING_MAX: usize = 3;

    const FROZEN_FORMAT: Option<u16> = Some(1);

    fn load(
        key: u64,
        _first: Vec<Vec<Row>>,
        store: StoreRef,
        _now_ms: u64,
    ) -> BoxFuture<'static, Result<Option<Self>, Error>> {
        Box::pin(async move {
            let sum: Option<u64> = store.get_row(Table::Meta, key, 0).await?;
            assert_ne!(sum, Some(666), "a row that breaks the loading");
            Ok(sum.map(|sum| Self::new(key, Some(sum))))
        })
    }

    fn vacant(key: u64) -> Option<Self> {
        // Keys from 100 on cannot be founded.
        (key < 100).then(|| Self::new(key, None))
    }

    fn not_found() -> ApiError {
        ApiError::unknown_guild()
    }

    fn started(&self, _nodes: &[NodeId]) -> Vec<Fact> {
        let Some(sum) = self.sum else { return Vec::new() };
        vec![Fact::User { user: LISTENER, op: user::Op::GuildLeft { guild: GuildId::new(sum) } }]
    }

    fn handle(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        if self.over && !matches!(op, Op::Add(_)) {
            return Err(Self::not_found().into());
        }
        match op {
            Op::Add(n) => {
                let sum = self.add(cx, *n);
                Outcome::json(&sum)
            }
            Op::Sum => Outcome::json(&self.sum),
            Op::Note(id) => Outcome::json(&cx.row::<String>(Table::Notes, self.key, *id)?),
            Op::Notes => {
                let rows: Vec<(Key, String)> = cx.scan_rows(Table::Notes, self.key, Range::all(100))?;
                Outcome::json(&rows.into_iter().map(|(_, note)| note).collect::<Vec<_>>())
            }
            Op::Write(id, text) => {
                let old: Option<String> = cx.row(Table::Notes, self.key, *id)?;
                cx.put(Table::Notes, self.key, *id, text);
                Outcome::json(&old)
            }
            Op::Clear => {
                cx.batch.delete_partition(Table::Notes, self.key);
                Outcome::EMPTY
            }
            Op::Claim(name) => {
                cx.batch.require_absent(Table::UsernameIndex, 0, name.as_str());
                cx.put(Table::UsernameIndex, 0, name.as_str(), &self.key);
                cx.on_conflict(ApiError::missing_access().message("taken"));
                let sum = self.add(cx, 1);
                Outcome::json(&sum)
            }
            Op::Refuse => Err(ApiError::missing_permissions().into()),
            Op::Break => {
                self.sum = Some(999);
                panic!("broken on purpose");
            }
            Op::Stored => {
                let key = self.key;
                Outcome::later(async move |store| {
                    let sum: Option<u64> =
                        store.get_row(Table::Meta, key, 0).await.map_err(|_| ApiError::overloaded())?;
                    Ok(consort_rpc::Answer::json(&sum))
                })
            }
            Op::End => {
                cx.delete(Table::Meta, self.key, 0);
                (self.over, self.sum) = (true, None);
                Outcome::EMPTY
            }
            Op::Alarm { at_ms, add } => {
                self.alarm = Some((*at_ms, *add));
                Outcome::EMPTY
            }
            Op::Busy(busy) => {
                self.busy = *busy;
                Outcome::EMPTY
            }
            Op::Listen(node) => {
                self.listeners.push(*node);
                Outcome::EMPTY
            }
            Op::Listeners => Outcome::json(&self.listeners.iter().map(|node| node.0).collect::<Vec<_>>()),
            Op::Hold(held) => Outcome::json(&std::mem::replace(&mut self.held, *held)),
        }
    }

    fn next_deadline_ms(&self) -> Option<u64> {
        self.alarm.map(|(at_ms, _)| at_ms)
    }

    fn tick(&mut self, cx: &mut Cx<'_>) {
        let Some((_, add)) = self.alarm.take() else { return };
        assert_ne!(add, 0, "broken on purpose");
        self.add(cx, add);
    }

    fn node_gone(&mut self, _cx: &mut Cx<'_>, node: NodeId) {
        self.listeners.retain(|listener| *listener != node);
    }

    fn listeners(&self) -> Vec<NodeId> {
        self.listeners.clone()
    }

    fn is_idle(&self) -> bool {
        !self.busy && self.held.is_none()
    }

    fn freeze(&self) -> Option<Box<[u8]>> {
        let held = self.held.filter(|_| !self.busy)?;
        Some(held.to_be_bytes().into())
    }

    fn thaw(&mut self, frozen: &[u8], _now_ms: u64) -> bool {
        // 13 stands for bytes that cannot be read.
        self.held = frozen.try_into().ok().map(u64::from_be_bytes).filter(|held| *held != 13);
        self.held.is_some()
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

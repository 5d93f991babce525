//! Names that only one may have.

use consort_actor::{Core, Cx, Outcome, Stop};
use consort_model::object::account::{UserRow, username_key};
use consort_model::{ApiError, UserId};
use consort_rpc::name::{Kind, Name, Op, RESERVED_MS};
use consort_store::{BoxFuture, Error, Key, Range, Row, StoreRef, Table, row};

use crate::rows::NameRow;

/// The owner of the names of one partition. It keeps nothing in memory.
#[derive(Debug)]
pub struct Names {
    partition: u64,
}

/// Owners that stay on a node.
const RUNNING_MAX: usize = 4096;

impl Core for Names {
    type Service = Name;

    const RUNNING_MAX: usize = RUNNING_MAX;

    fn load(
        key: u64,
        _first: Vec<Vec<Row>>,
        _store: StoreRef,
        _now_ms: u64,
    ) -> BoxFuture<'static, Result<Option<Self>, Error>> {
        Box::pin(async move { Ok(Some(Self { partition: key })) })
    }

    fn not_found() -> ApiError {
        ApiError::internal()
    }

    fn handle(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        if !cx.caller.system {
            return Err(ApiError::missing_access().into());
        }
        match op {
            Op::Find { kind, name } => Outcome::json(&self.holder(cx, *kind, name)?.map(|row| row.user)),
            Op::Reserve { kind, name, user } => self.reserve(cx, *kind, name, *user),
            Op::Release { kind, name, user } => self.release(cx, *kind, name, *user),
        }
    }
}

impl Names {
    fn place(&self, kind: Kind, name: &str) -> (Table, u64, Key) {
        match kind {
            Kind::Username => (Table::UsernameIndex, self.partition, Key::text(name)),
            Kind::Email => (Table::EmailIndex, self.partition, Key::text(name)),
            Kind::Administrator => (Table::Meta, 0, Key::text(name)),
        }
    }

    fn holder(&self, cx: &mut Cx<'_>, kind: Kind, name: &str) -> Result<Option<NameRow>, Stop> {
        let (table, partition, key) = self.place(kind, name);
        if kind == Kind::Administrator {
            // An account's id alone. It is drawn just before the post is reserved for it.
            let user: Option<UserId> = cx.row(table, partition, key)?;
            return Ok(user.map(|user| NameRow { user, until_ms: user.timestamp_ms() + RESERVED_MS }));
        }
        cx.row(table, partition, key)
    }

    fn reserve(&self, cx: &mut Cx<'_>, kind: Kind, name: &str, user: UserId) -> Result<Outcome, Stop> {
        if let Some(row) = self.holder(cx, kind, name)?
            && row.user != user
            && (cx.now_ms < row.until_ms || uses(cx, kind, name, row.user)?)
        {
            return Err(taken().into());
        }
        let until_ms = cx.now_ms + RESERVED_MS;
        let (table, partition, key) = self.place(kind, name);
        match kind {
            Kind::Administrator => cx.put(table, partition, key, &user),
            _ => cx.put(table, partition, key, &NameRow { user, until_ms }),
        }
        Outcome::json(&until_ms)
    }

    /// The account's own row decides, so this only spares the next who wants the name the wait.
    fn release(&self, cx: &mut Cx<'_>, kind: Kind, name: &str, user: UserId) -> Result<Outcome, Stop> {
        let held = self.holder(cx, kind, name)?.is_some_and(|row| row.user == user);
        if held && !uses(cx, kind, name, user)? {
            let (table, partition, key) = self.place(kind, name);
            cx.delete(table, partition, key);
        }
        Outcome::EMPTY
    }
}

/// Whether an account uses a name, by its own row: read from the store, not kept, since another owner writes it.
fn uses(cx: &mut Cx<'_>, kind: Kind, name: &str, user: UserId) -> Result<bool, Stop> {
    let found = cx.scan(Table::Users, user.get(), Range::one(Key::empty()))?;
    let Some(found) = found.first() else { return Ok(false) };
    let account: UserRow = row::decode(&found.value).map_err(|error| {
        tracing::error!(%error, %user, "an account's row cannot be read");
        ApiError::internal()
    })?;
    let current = &account.current;
    Ok(match kind {
        Kind::Username => username_key(&current.user.username, &current.user.discriminator) == name,
        Kind::Email => current.email.as_deref() == Some(name),
        Kind::Administrator => account.admin,
    })
}

/// What the one is told who wants a name that another has; edges say it by field.
fn taken() -> ApiError {
    ApiError::with_message(409, 0, "Somebody else has this name.".to_owned())
}

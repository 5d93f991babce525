//! A connection to a ring: its tables, made where they are missing, and the prepared statements.

use std::sync::Arc;
use std::time::Duration;

use consort_store::{Error, Order, Table};
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::policies::speculative_execution::SimpleSpeculativeExecutionPolicy;
use scylla::statement::Consistency;
use scylla::statement::SerialConsistency;
use scylla::statement::prepared::PreparedStatement;

use crate::Address;
use crate::errors::backend;

/// An operation that has no answer by then has failed; of a write it is unknown whether it was done.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A node that shows no sign of life for so long is asked nothing any more.
const KEEPALIVE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(1));
/// What can be repeated is asked of a second node when the first has not answered after this.
const SPECULATION: Duration = Duration::from_millis(200);
/// Copies of each row, where the ring has as many nodes.
const COPIES: usize = 3;
/// Tables take seconds to be made: all nodes must agree.
const SCHEMA_TIMEOUT: Duration = Duration::from_secs(60);

/// Tables of rows. What is deleted soon after it was written lies apart from the rest: there a deletion is forgotten after hours
/// instead of days, so that those who look for what is to be done do not walk over what is done. Should a node that was away for
/// longer bring such a row back, no harm is done: each is either done again to no effect or passed by.
const ROWS: [(&str, &str); 2] = [("rows", "864000"), ("passing_rows", "10800")];

/// The rest of the schema. `buckets` lists the parts of each partition that is split.
const TABLES: [&str; 3] = [
    "CREATE TABLE IF NOT EXISTS buckets (ns int, t text, p bigint, b blob, PRIMARY KEY ((ns, t, p), b))",
    "CREATE TABLE IF NOT EXISTS owner_logs (ns int, kind text, key bigint, epoch bigint, seq bigint, writers blob, ts bigint, \
     writes blob, PRIMARY KEY ((ns, key), kind))",
    "CREATE TABLE IF NOT EXISTS partition_logs (ns int, kind text, key bigint, epoch bigint, seq bigint, writers blob, ts bigint, \
     writes blob, PRIMARY KEY ((ns, kind, key)))",
];

/// Whether rows of a table lie with those that pass.
fn is_passing(table: Table) -> bool {
    matches!(
        table,
        Table::Nonces
            | Table::Timers
            | Table::Alarms
            | Table::Erasures
            | Table::Outbox
            | Table::Senders
            | Table::Marks
            | Table::Words
            | Table::Changes
    )
}

/// Statements on a table of rows.
pub(crate) struct RowStatements {
    pub(crate) put: PreparedStatement,
    pub(crate) delete: PreparedStatement,
    pub(crate) delete_bucket: PreparedStatement,
    pub(crate) delete_from: PreparedStatement,
    pub(crate) delete_between: PreparedStatement,
    pub(crate) get: PreparedStatement,
    pub(crate) get_many: PreparedStatement,
    /// By order, without and with an upper end.
    scan: [[PreparedStatement; 2]; 2],
}

impl RowStatements {
    pub(crate) fn scan(&self, order: Order, has_end: bool) -> &PreparedStatement {
        &self.scan[usize::from(order == Order::Descending)][usize::from(has_end)]
    }
}

/// Statements on a table of logs.
pub(crate) struct LogStatements {
    pub(crate) read: PreparedStatement,
    pub(crate) insert: PreparedStatement,
    pub(crate) update: PreparedStatement,
}

/// A connection to a ring.
pub struct Ring {
    pub(crate) session: Session,
    rows: [RowStatements; 2],
    pub(crate) put_bucket: PreparedStatement,
    pub(crate) delete_bucket: PreparedStatement,
    pub(crate) buckets: PreparedStatement,
    pub(crate) owners: LogStatements,
    pub(crate) partitions: LogStatements,
    pub(crate) epochs: PreparedStatement,
}

impl Ring {
    /// Connects to a ring, and makes the keyspace and the tables where they are missing.
    ///
    /// # Errors
    /// [`Error::Backend`] when no node answers, or one refuses what is needed.
    pub async fn connect(address: &Address) -> Result<Arc<Ring>, Error> {
        let profile = ExecutionProfile::builder()
            .consistency(Consistency::LocalQuorum)
            .serial_consistency(Some(SerialConsistency::LocalSerial))
            .request_timeout(Some(REQUEST_TIMEOUT))
            .speculative_execution_policy(Some(Arc::new(SimpleSpeculativeExecutionPolicy {
                max_retry_count: 2,
                retry_interval: SPECULATION,
            })))
            .build();
        let session = SessionBuilder::new()
            .known_nodes(&address.hosts)
            .default_execution_profile_handle(profile.into_handle())
            .keepalive_interval(KEEPALIVE.0)
            .keepalive_timeout(KEEPALIVE.1)
            .schema_agreement_timeout(SCHEMA_TIMEOUT)
            .build()
            .await
            .map_err(Error::backend)?;
        make_tables(&session, &address.keyspace).await?;
        let prepare = Prepare(&session);
        let ring = Ring {
            rows: [prepare.rows(ROWS[0].0).await?, prepare.rows(ROWS[1].0).await?],
            put_bucket: prepare
                .repeatable("INSERT INTO buckets (ns, t, p, b) VALUES (?, ?, ?, ?) USING TIMESTAMP ?")
                .await?,
            delete_bucket: prepare
                .repeatable(
                    "DELETE FROM buckets USING TIMESTAMP ? WHERE ns = ? AND t = ? AND p = ? AND b = ?",
                )
                .await?,
            buckets: prepare.repeatable("SELECT b FROM buckets WHERE ns = ? AND t = ? AND p = ?").await?,
            owners: prepare.log("owner_logs").await?,
            partitions: prepare.log("partition_logs").await?,
            epochs: prepare.settled("SELECT kind, epoch FROM owner_logs WHERE ns = ? AND key = ?").await?,
            session,
        };
        Ok(Arc::new(ring))
    }

    /// The statements on the rows of a table.
    pub(crate) fn rows(&self, table: Table) -> &RowStatements {
        &self.rows[usize::from(is_passing(table))]
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ring").field("keyspace", &self.session.get_keyspace()).finish_non_exhaustive()
    }
}

/// Makes what is missing. Two nodes that do so at once may get in each other's way, so it is tried twice.
async fn make_tables(session: &Session, keyspace: &str) -> Result<(), Error> {
    let copies = session.get_cluster_state().get_nodes_info().len().clamp(1, COPIES);
    let mut statements = vec![format!(
        "CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = \
         {{'class': 'NetworkTopologyStrategy', 'replication_factor': {copies}}}"
    )];
    for (name, forgotten) in ROWS {
        statements.push(format!(
            "CREATE TABLE IF NOT EXISTS {name} (ns int, t text, p bigint, b blob, k blob, v blob, \
             PRIMARY KEY ((ns, t, p, b), k)) WITH gc_grace_seconds = {forgotten} AND \
             compaction = {{'class': 'UnifiedCompactionStrategy'}}"
        ));
    }
    statements.extend(TABLES.map(str::to_owned));
    for (number, statement) in statements.iter().enumerate() {
        if let Err(error) = session.query_unpaged(statement.as_str(), ()).await {
            tracing::info!(%error, "a table could not be made, once more");
            session.query_unpaged(statement.as_str(), ()).await.map_err(backend)?;
        }
        if number == 0 {
            // Another client may have made it a moment ago, at another node.
            session.await_schema_agreement().await.map_err(Error::backend)?;
            session.use_keyspace(keyspace, false).await.map_err(Error::backend)?;
        }
    }
    session.await_schema_agreement().await.map_err(Error::backend)?;
    Ok(())
}

struct Prepare<'a>(&'a Session);

impl Prepare<'_> {
    async fn statement(&self, text: &str) -> Result<PreparedStatement, Error> {
        self.0.prepare(text).await.map_err(Error::backend)
    }

    /// One that may be done twice: repeated by the driver, and sent to a second node when the first is slow.
    async fn repeatable(&self, text: &str) -> Result<PreparedStatement, Error> {
        let mut statement = self.statement(text).await?;
        statement.set_is_idempotent(true);
        Ok(statement)
    }

    /// A read that sees every conditional write that was done, and settles one that is under way.
    async fn settled(&self, text: &str) -> Result<PreparedStatement, Error> {
        let mut statement = self.repeatable(text).await?;
        statement.set_consistency(Consistency::LocalSerial);
        Ok(statement)
    }

    async fn rows(&self, table: &str) -> Result<RowStatements, Error> {
        const BUCKET: &str = "ns = ? AND t = ? AND p = ? AND b = ?";
        let delete = async |rest: &str| {
            self.repeatable(&format!("DELETE FROM {table} USING TIMESTAMP ? WHERE {BUCKET}{rest}")).await
        };
        let scan = async |end: &str, order: &str| {
            let of =
                format!("SELECT k, v FROM {table} WHERE {BUCKET} AND k >= ?{end} ORDER BY k {order} LIMIT ?");
            self.repeatable(&of).await
        };
        let put =
            format!("INSERT INTO {table} (ns, t, p, b, k, v) VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?");
        Ok(RowStatements {
            put: self.repeatable(&put).await?,
            delete: delete(" AND k = ?").await?,
            delete_bucket: delete("").await?,
            delete_from: delete(" AND k >= ?").await?,
            delete_between: delete(" AND k >= ? AND k < ?").await?,
            get: self.repeatable(&format!("SELECT v FROM {table} WHERE {BUCKET} AND k = ?")).await?,
            get_many: self.repeatable(&format!("SELECT k, v FROM {table} WHERE {BUCKET} AND k IN ?")).await?,
            scan: [
                [scan("", "ASC").await?, scan(" AND k < ?", "ASC").await?],
                [scan("", "DESC").await?, scan(" AND k < ?", "DESC").await?],
            ],
        })
    }

    async fn log(&self, table: &str) -> Result<LogStatements, Error> {
        const LOG: &str = "ns = ? AND kind = ? AND key = ?";
        Ok(LogStatements {
            read: self
                .settled(&format!("SELECT epoch, seq, writers, ts, writes FROM {table} WHERE {LOG}"))
                .await?,
            insert: self
                .statement(&format!(
                    "INSERT INTO {table} (epoch, seq, writers, ts, writes, ns, kind, key) VALUES (?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS"
                ))
                .await?,
            update: self
                .statement(&format!(
                    "UPDATE {table} SET epoch = ?, seq = ?, writers = ?, ts = ?, writes = ? WHERE {LOG} IF epoch = ? AND seq = ?"
                ))
                .await?,
        })
    }
}

//! The SQL of every table, made once, so that prepared statements are found by the same text.

use consort_store::Table;
use std::sync::LazyLock;

/// The statements of one table. `?1` is the partition; the row id or key follows.
pub(crate) struct TableSql {
    pub(crate) create: String,
    /// `?2` key, `?3` value. Changes no row when another partition has the snowflake.
    pub(crate) put: String,
    /// `?2` key.
    pub(crate) get: String,
    /// `?2` key.
    pub(crate) delete: String,
    /// `?2` first, `?3` end; for snowflakes the end is inclusive, else exclusive.
    pub(crate) delete_range: String,
    /// `?2` first.
    pub(crate) delete_from: String,
    /// As `delete_range`, and `?4` limit.
    pub(crate) scan_range: [String; 2],
    /// `?2` first, `?3` limit.
    pub(crate) scan_from: [String; 2],
}

/// The position of an order in [`TableSql::scan_range`] and [`TableSql::scan_from`].
pub(crate) const ASCENDING: usize = 0;
pub(crate) const DESCENDING: usize = 1;

/// The statements of a table.
pub(crate) fn of(table: Table) -> &'static TableSql {
    static ALL: LazyLock<Vec<TableSql>> =
        LazyLock::new(|| Table::ALL.iter().map(|table| make(*table)).collect());
    &ALL[table as usize]
}

fn make(table: Table) -> TableSql {
    let t = format!("\"{}\"", table.name());
    let (create, put, end) = if table.is_snowflake_keyed() {
        // An index on the partition is ordered by the row id within it, and takes no second copy of it.
        let index = format!("CREATE INDEX IF NOT EXISTS \"{}_p\" ON {t} (p)", table.name());
        (
            format!(
                "CREATE TABLE IF NOT EXISTS {t} (k INTEGER PRIMARY KEY, p INTEGER NOT NULL, v BLOB NOT NULL);{index}"
            ),
            format!(
                "INSERT INTO {t} (p, k, v) VALUES (?1, ?2, ?3) ON CONFLICT (k) DO UPDATE SET v = excluded.v WHERE p = excluded.p"
            ),
            "k >= ?2 AND k <= ?3",
        )
    } else {
        (
            format!(
                "CREATE TABLE IF NOT EXISTS {t} (p INTEGER NOT NULL, k BLOB NOT NULL, v BLOB NOT NULL, \
                 PRIMARY KEY (p, k)) WITHOUT ROWID"
            ),
            format!(
                "INSERT INTO {t} (p, k, v) VALUES (?1, ?2, ?3) ON CONFLICT (p, k) DO UPDATE SET v = excluded.v"
            ),
            "k >= ?2 AND k < ?3",
        )
    };
    let scan = |interval: &str, order: &str, limit: &str| {
        format!("SELECT k, v FROM {t} WHERE p = ?1 AND {interval} ORDER BY k {order} LIMIT {limit}")
    };
    TableSql {
        create,
        put,
        get: format!("SELECT v FROM {t} WHERE p = ?1 AND k = ?2"),
        delete: format!("DELETE FROM {t} WHERE p = ?1 AND k = ?2"),
        delete_range: format!("DELETE FROM {t} WHERE p = ?1 AND {end}"),
        delete_from: format!("DELETE FROM {t} WHERE p = ?1 AND k >= ?2"),
        scan_range: ["ASC", "DESC"].map(|order| scan(end, order, "?4")),
        scan_from: ["ASC", "DESC"].map(|order| scan("k >= ?2", order, "?3")),
    }
}

/// A partition as SQLite's signed integer: the same 64 bits, since partitions are only compared for equality.
pub(crate) fn partition(partition: u64) -> i64 {
    partition as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    #[test]
    fn every_statement_searches_by_partition_and_key_and_sorts_nothing() {
        let connection = Connection::open_in_memory().unwrap();
        for table in Table::ALL {
            let sql = of(*table);
            connection.execute_batch(&sql.create).unwrap();
            let statements = [&sql.get, &sql.delete, &sql.delete_range, &sql.delete_from];
            for statement in statements.into_iter().chain(&sql.scan_range).chain(&sql.scan_from) {
                let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {statement}")).unwrap();
                let parameters = explain.parameter_count();
                for parameter in 1..=parameters {
                    explain.raw_bind_parameter(parameter, 1).unwrap();
                }
                let mut rows = explain.raw_query();
                let mut plan = String::new();
                while let Some(row) = rows.next().unwrap() {
                    plan += &row.get::<_, String>(3).unwrap();
                }
                assert!(plan.starts_with("SEARCH") && !plan.contains("B-TREE"), "{statement}: {plan}");
                let by_both = plan.contains("(p=? AND k")
                    || plan.contains("(p=? AND rowid")
                    || plan.contains("(rowid=?)");
                assert!(by_both, "{statement}: {plan}");
            }
        }
    }
}

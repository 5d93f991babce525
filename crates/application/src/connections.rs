//! Role connections: what guilds may ask, and what is said of people.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::request::role_connection::{ConnectionMetadata, RoleConnection};
use consort_rpc::application::ConnectionOp as Op;
use consort_store::{Key, Table};

use crate::{Application, keys};

impl Application {
    pub(crate) fn handle_connection(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        let (table, application) = (Table::Applications, self.id.get());
        match op {
            Op::Records => {
                let records: Option<Vec<ConnectionMetadata>> =
                    cx.row(table, application, Key::text(keys::RECORDS))?;
                Outcome::json(&records.unwrap_or_default())
            }
            Op::SetRecords { records } => {
                cx.put(table, application, Key::text(keys::RECORDS), records);
                Outcome::json(records)
            }
            Op::Of { user } => {
                let said: Option<RoleConnection> = cx.row(table, application, keys::connection(*user))?;
                Outcome::json(&said.unwrap_or_default())
            }
            Op::Say { user, connection } => {
                cx.put(table, application, keys::connection(*user), connection);
                Outcome::json(connection)
            }
            Op::Forget { user } => {
                cx.delete(table, application, keys::connection(*user));
                Outcome::EMPTY
            }
        }
    }
}

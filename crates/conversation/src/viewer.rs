//! Who reads, and what every read needs.

use consort_actor::Cx;
use consort_files::Links;
use consort_model::account::UserRow;
use consort_model::{ApiError, GuildId, Intents, User, UserId};
use consort_store::{Error, Key, StoreExt as _, StoreRef, Table};

use crate::Host;

/// A read that failed is 503: it may succeed when tried again.
pub(crate) fn failed(error: Error) -> ApiError {
    tracing::warn!(%error, "messages could not be read");
    ApiError::overloaded()
}

/// Who looks at what, for the parts of a message that depend on it.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    pub(crate) user: UserId,
    pub(crate) guild: Option<GuildId>,
    pub(crate) now_ms: u64,
    /// The privileged intents that it does not have.
    pub(crate) lacks: Intents,
    pub(crate) links: Links,
}

impl Viewer {
    pub(crate) fn of<H: Host>(host: &H, cx: &Cx<'_>) -> Self {
        Self {
            user: cx.caller.user,
            guild: host.guild(),
            now_ms: cx.now_ms,
            lacks: cx.caller.lacks,
            links: cx.links.clone(),
        }
    }
}

/// Accounts, in the order of `ids`; those that are gone are left out.
///
/// # Errors
/// 503 when the store fails.
pub(crate) async fn users(store: &StoreRef, ids: Vec<UserId>) -> Result<Vec<User>, ApiError> {
    let mut users = Vec::with_capacity(ids.len());
    for id in ids {
        let row: Option<UserRow> =
            store.get_row(Table::Users, id.get(), Key::empty()).await.map_err(failed)?;
        users.extend(row.map(|row| row.current.user));
    }
    Ok(users)
}

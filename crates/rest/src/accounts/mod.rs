//! Accounts at the edge: registration, login, passwords, the list of logins. Everything else about an account belongs to
//! its owner.

pub mod password;
pub mod register;
pub mod sessions;

use consort_model::object::account::{
    AccountIndexRow, CredentialsRow, UserRow, index_partition, username_key,
};
use consort_model::{ApiError, UserId};
use consort_store::{Key, StoreExt as _, Table};

use crate::{App, Failure};

impl App {
    /// Reads an account.
    ///
    /// # Errors
    /// 404/10013 when there is none, 503 when the store fails.
    pub async fn account(&self, user: UserId) -> Result<UserRow, Failure> {
        let row = self.store.get_row(Table::Users, user.get(), Key::empty()).await?;
        Ok(row.ok_or_else(ApiError::unknown_user)?)
    }

    /// Reads an account's secrets.
    ///
    /// # Errors
    /// 401 when there are none (a bot), 503 when the store fails.
    pub async fn credentials(&self, user: UserId) -> Result<CredentialsRow, Failure> {
        let row = self.store.get_row(Table::Credentials, user.get(), Key::empty()).await?;
        Ok(row.ok_or_else(ApiError::unauthorized)?)
    }

    /// Finds an account by address or name.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn find_login(&self, login: &str) -> Result<Option<UserId>, Failure> {
        let login = login.trim();
        let (table, key) = if login.contains('@') {
            (Table::EmailIndex, login.to_lowercase())
        } else {
            (Table::UsernameIndex, username_key(login, "0"))
        };
        let row: Option<AccountIndexRow> =
            self.store.get_row(table, index_partition(&key), Key::text(&key)).await?;
        Ok(row.map(|row| row.user))
    }
}

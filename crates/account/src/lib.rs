//! The actors of an account's secrets and of names that only one may have.
//!
//! * [`Account`]: password, logins, tokens of bots and of OAuth2, and the list of applications of one account. A token names its
//!   account in its first part, so there is no index over tokens: whoever is shown one asks the account's owner.
//! * [`Names`]: usernames, addresses, the post of administrator, for the names of one partition of the index.
//!
//! Rows, each written by its owner alone: `Credentials`, `UserTokens`, `UserApplications` (partition: the account);
//! `UsernameIndex`, `EmailIndex` (partition: [`index_partition`](consort_model::account::index_partition) of the name) and the
//! administrator's in `Meta`.
//!
//! **How an account comes to be.** Its names are reserved, then password and first token are written by this crate's owner, then
//! the account itself by `consort-user`'s. A node that dies in between leaves an account that nobody was told of: its names lapse.

#![warn(missing_docs)]

mod account;
mod names;
pub mod rows;

pub use account::{Account, LOGINS_MAX};
pub use names::Names;

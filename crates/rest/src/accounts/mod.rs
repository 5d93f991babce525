//! Accounts at the edge: registration, login, passwords, the list of logins. What is kept belongs to three owners: the account's
//! secrets to that of [`account`], its names to those of [`name`], everything that is shown of it to that of [`user`].

pub mod password;
pub mod register;
pub mod seats;
pub mod sessions;

use consort_model::object::account::{UserRow, username_key};
use consort_model::{ApiError, FormErrors, GuildId, UserId};
use consort_rpc::name::{self, Kind as NameKind};
use consort_rpc::{Answer, Caller, Fact, account, user};

use crate::reply::read;
use crate::{App, Failure};

/// Names that were reserved for a change, to be given back if it fails.
#[derive(Debug)]
pub struct Reserved {
    user: UserId,
    names: Vec<(NameKind, String)>,
    /// Until when they are reserved, Unix milliseconds.
    pub until_ms: u64,
}

impl Reserved {
    /// What the names are names of.
    pub fn kinds(&self) -> impl Iterator<Item = NameKind> {
        self.names.iter().map(|(kind, _)| *kind)
    }
}

impl App {
    /// Reads an account.
    ///
    /// # Errors
    /// 404/10013 when there is none, 503 when its owner cannot be asked.
    pub async fn account(&self, user: UserId) -> Result<UserRow, Failure> {
        let op = user::Op::Account(user::account::Op::Row);
        Ok(read(&self.users.call(user.get(), Caller::system(), op).await?)?)
    }

    /// Reads an account that may be gone.
    ///
    /// # Errors
    /// 503 when its owner cannot be asked.
    pub async fn account_if_any(&self, user: UserId) -> Result<Option<UserRow>, Failure> {
        match self.account(user).await {
            Ok(row) => Ok(Some(row)),
            Err(failure) if failure.0.status == 404 => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The guilds of an account, by rising id.
    ///
    /// # Errors
    /// 404/10013 when there is no such account, 503 when its owner cannot be asked.
    pub async fn guilds_of(&self, user: UserId) -> Result<Vec<GuildId>, Failure> {
        let op = user::Op::Account(user::account::Op::Guilds);
        Ok(read(&self.users.call(user.get(), Caller::system(), op).await?)?)
    }

    /// Asks the owner of an account's secrets.
    ///
    /// # Errors
    /// The owner's refusal.
    pub(crate) async fn ask_account(&self, user: UserId, op: account::Op) -> Result<Answer, Failure> {
        Ok(self.accounts.call(user.get(), Caller::system(), op).await?)
    }

    /// Reads the hash of an account's password.
    ///
    /// # Errors
    /// 401 when there is none (a bot), 503 when the owner cannot be asked.
    pub async fn password_hash(&self, user: UserId) -> Result<String, Failure> {
        Ok(read(&self.ask_account(user, account::Op::Password).await?)?)
    }

    async fn ask_name(&self, name: &str, op: name::Op) -> Result<Answer, ApiError> {
        self.names.call(name::key(name), Caller::system(), op).await
    }

    /// Finds who has a name.
    ///
    /// # Errors
    /// 503 when its owner cannot be asked.
    pub async fn holder(&self, kind: NameKind, name: &str) -> Result<Option<UserId>, Failure> {
        let op = name::Op::Find { kind, name: name.to_owned() };
        Ok(read(&self.ask_name(name, op).await?)?)
    }

    /// Finds an account by address or name.
    ///
    /// # Errors
    /// 503 when the owner of the name cannot be asked.
    pub async fn find_login(&self, login: &str) -> Result<Option<UserId>, Failure> {
        let login = login.trim();
        if login.contains('@') {
            self.holder(NameKind::Email, &login.to_lowercase()).await
        } else {
            self.holder(NameKind::Username, &username_key(login, "0")).await
        }
    }

    /// Reserves names for an account: all of them, or none.
    ///
    /// # Errors
    /// 400/50035 at `username` or `email` for a name that another has; 503 when an owner cannot be asked.
    pub async fn reserve(&self, user: UserId, names: Vec<(NameKind, String)>) -> Result<Reserved, Failure> {
        let mut reserved = Reserved { user, names: Vec::new(), until_ms: u64::MAX };
        for (kind, name) in names {
            let op = name::Op::Reserve { kind, name: name.clone(), user };
            match self.ask_name(&name, op).await.and_then(|answer| read::<u64>(&answer)) {
                Ok(until_ms) => {
                    reserved.until_ms = reserved.until_ms.min(until_ms);
                    reserved.names.push((kind, name));
                }
                Err(error) => {
                    self.give_back(&reserved);
                    return Err(if error.status == 409 {
                        Failure(taken(kind).into())
                    } else {
                        Failure(error)
                    });
                }
            }
        }
        Ok(reserved)
    }

    /// Gives names back that the account does not use, without waiting: their owners look themselves, and reservations lapse.
    pub fn give_back(&self, reserved: &Reserved) {
        for (kind, name) in &reserved.names {
            self.release(reserved.user, *kind, name);
        }
    }

    /// Gives a name free that an account does not use any more.
    pub fn release(&self, user: UserId, kind: NameKind, name: &str) {
        let op = name::Op::Release { kind, name: name.to_owned(), user };
        // Lost only with this process: then it is free when somebody wants it.
        self.mesh.tell(Caller::system(), Fact::Name { key: name::key(name), op });
    }
}

/// What the one is told who wants a name that another has.
fn taken(kind: NameKind) -> FormErrors {
    match kind {
        NameKind::Username => {
            let message = "Username is unavailable. Try adding numbers, letters, underscores _ , or periods.";
            FormErrors::at("username", "USERNAME_ALREADY_TAKEN", message)
        }
        NameKind::Email => {
            FormErrors::at("email", "EMAIL_ALREADY_REGISTERED", "Email is already registered.")
        }
        NameKind::Administrator => {
            FormErrors::at("", "ADMINISTRATOR_TAKEN", "The server has an administrator.")
        }
    }
}

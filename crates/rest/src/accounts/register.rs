//! Registration of people, and the rows of a new account.

use consort_cdn::SettledBase;
use consort_model::object::account::{
    AccountIndexRow, CredentialsRow, UserRow, index_partition, username_key,
};
use consort_model::validate::Named;
use consort_model::{ApiError, CurrentUser, Form, FormErrors, Timestamp, User, UserFlags, UserId, validate};
use consort_store::{Batch, Error, Key, Table};
use serde_json::Value;

use crate::token::ClientInfo;
use crate::{App, Failure};

/// Youngest age, in years.
const AGE_MIN: u64 = 13;
/// Language of accounts that name none.
const DEFAULT_LOCALE: &str = "en-US";
/// Milliseconds of a year, for ages.
const YEAR_MS: u64 = 365 * 24 * 3600 * 1000 + 6 * 3600 * 1000;
/// Where it is written that the installation has an administrator.
const ADMIN_KEY: &str = "administrator";

/// A registration that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    username: String,
    global_name: Option<String>,
    email: Option<String>,
    password: String,
    locale: String,
}

impl Registration {
    /// Reads the body of a registration.
    ///
    /// # Errors
    /// 400/50035 by field.
    pub fn read(body: &Value, now: Timestamp) -> Result<Self, ApiError> {
        Form::root(body)?.check(|f| {
            let username = f.required("username", validate::read(f, "username", validate::username));
            let password = f.required("password", validate::read(f, "password", validate::password));
            let has =
                |name: &str| f.opt(name).and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty());
            let email = if has("email") { validate::read(f, "email", validate::email) } else { None };
            let global_name = match has("global_name") {
                true => f.name("global_name", Named::Account),
                false => None,
            };
            if f.bool("consent") == Some(false) {
                f.error("consent", "CONSENT_REQUIRED", "You must agree to the terms of this server.");
            }
            let born = f.timestamp("date_of_birth");
            let age_ms = born.map(|born| now.ms().saturating_sub(born.ms()));
            if age_ms.is_some_and(|age| age < AGE_MIN * YEAR_MS) {
                f.error("date_of_birth", "DATE_OF_BIRTH_UNDERAGE", "You need to be 13 or older to register.");
            }
            let locale =
                f.opt("locale").and_then(Value::as_str).and_then(validate::locale).unwrap_or(DEFAULT_LOCALE);
            Some(Self {
                username: username?,
                global_name,
                email,
                password: password?,
                locale: locale.to_owned(),
            })
        })
    }
}

/// What a new account is made of.
#[derive(Debug)]
pub struct NewAccount {
    /// The account's row.
    pub row: UserRow,
    /// The secrets' row; bots have none.
    pub credentials: Option<CredentialsRow>,
}

impl NewAccount {
    /// Adds the rows to a batch. The batch fails when the name is taken at its first precondition, when the address is at
    /// its second.
    pub fn write(&self, batch: &mut Batch) {
        let user = self.row.user();
        let index = AccountIndexRow { user: user.id };
        let name = username_key(&user.username, &user.discriminator);
        batch.require_absent(Table::UsernameIndex, index_partition(&name), Key::text(&name));
        batch.put_row(Table::UsernameIndex, index_partition(&name), Key::text(&name), &index);
        if let Some(email) = &self.row.current.email {
            batch.require_absent(Table::EmailIndex, index_partition(email), Key::text(email));
            batch.put_row(Table::EmailIndex, index_partition(email), Key::text(email), &index);
        }
        batch.put_row(Table::Users, user.id.get(), Key::empty(), &self.row);
        if let Some(credentials) = &self.credentials {
            batch.put_row(Table::Credentials, user.id.get(), Key::empty(), credentials);
        }
    }
}

impl App {
    /// Registers a person and logs it in; returns the account and its token. What the first person calls the server (`base`)
    /// is what the addresses of files begin with, if nothing else is configured.
    ///
    /// # Errors
    /// 400/50035 when the name or the address is taken, 403 when registration is closed.
    pub async fn register(
        &self,
        form: Registration,
        client: ClientInfo,
        base: &str,
    ) -> Result<(UserId, String), Failure> {
        let first = self.store.get(Table::Meta, 0, Key::text(ADMIN_KEY)).await?.is_none();
        if !first && !self.config.registration {
            let message = "Registration is closed on this server.".to_owned();
            return Err(Failure(ApiError::with_message(403, 0, message)));
        }
        let password = self.passwords.hash(form.password.clone()).await?;
        match self.write_account(&form, &password, first.then_some(base), &client).await {
            Ok(done) => Ok(done),
            Err(Error::Conflict { index }) => {
                // Somebody else became the administrator meanwhile: then this is an ordinary account.
                let is_admin_race = first && index == 1 + usize::from(form.email.is_some());
                if !is_admin_race {
                    return Err(Failure(taken(index).into()));
                }
                self.write_account(&form, &password, None, &client).await.map_err(|error| match error {
                    Error::Conflict { index } => Failure(taken(index).into()),
                    error => error.into(),
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn write_account(
        &self,
        form: &Registration,
        password: &str,
        founder: Option<&str>,
        client: &ClientInfo,
    ) -> Result<(UserId, String), Error> {
        let (id, admin) = (UserId::new(self.next_id()), founder.is_some());
        let mut user = User { global_name: form.global_name.clone(), ..User::person(id, &*form.username) };
        if admin {
            user.flags = UserFlags::STAFF;
            user.public_flags = UserFlags::STAFF;
        }
        let mut current = current_user(user, &form.locale);
        current.email.clone_from(&form.email);
        // No mail is sent, so there is nothing to wait for.
        current.verified = form.email.is_some();
        let row = UserRow { current, admin, application: None, disabled: false };
        let changed_at = Timestamp::from_ms(self.now_ms());
        let credentials = CredentialsRow { password: password.to_owned(), changed_at };
        let mut batch = Batch::new();
        NewAccount { row, credentials: Some(credentials) }.write(&mut batch);
        if admin {
            batch.require_absent(Table::Meta, 0, Key::text(ADMIN_KEY));
            batch.put_row(Table::Meta, 0, Key::text(ADMIN_KEY), &id);
        }
        let base = founder.filter(|base| {
            self.config.public_url.is_none() && !is_same_place(base, &self.cdn.links().base())
        });
        if let Some(base) = base {
            SettledBase(base).settle(&mut batch);
        }
        let token = self.add_login(&mut batch, id, client.clone());
        self.store.commit(batch).await?;
        if let Some(base) = base {
            self.cdn.links().set_base(base);
        }
        Ok((id, token))
    }
}

/// Whether two bases are this machine at one port, whatever it is called: then the address it listens on is the better one,
/// which is known at each start.
fn is_same_place(one: &str, other: &str) -> bool {
    let local_port = |base: &str| {
        let (name, port) = base.strip_prefix("http://")?.rsplit_once(':')?;
        ["localhost", "127.0.0.1", "[::1]"].contains(&name).then(|| port.to_owned())
    };
    one == other || local_port(one).is_some_and(|port| Some(port) == local_port(other))
}

/// An account as it sees itself, with nothing set.
pub fn current_user(user: User, locale: &str) -> CurrentUser {
    CurrentUser {
        user,
        mfa_enabled: false,
        locale: locale.to_owned(),
        premium_type: 0,
        email: None,
        verified: false,
        bio: String::new(),
        phone: None,
        nsfw_allowed: Some(true),
        pronouns: String::new(),
    }
}

fn taken(precondition: usize) -> FormErrors {
    if precondition == 0 {
        let message = "Username is unavailable. Try adding numbers, letters, underscores _ , or periods.";
        FormErrors::at("username", "USERNAME_ALREADY_TAKEN", message)
    } else {
        FormErrors::at("email", "EMAIL_ALREADY_REGISTERED", "Email is already registered.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value) -> Result<Registration, FormErrors> {
        let now = "2026-06-01".parse().unwrap();
        Registration::read(body, now).map_err(|error| {
            assert_eq!((error.status, error.code), (400, 50035));
            error.errors.unwrap()
        })
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let errors = read(&json!({
            "username": "No spaces", "password": "short", "email": "nowhere", "consent": false,
            "date_of_birth": "2020-01-01",
        }))
        .unwrap_err();
        for field in ["username", "password", "email", "consent", "date_of_birth"] {
            assert_eq!(errors.get(field).len(), 1, "{field}: {errors}");
        }
        let errors = read(&json!({})).unwrap_err();
        assert_eq!(errors.get("username")[0].code, "BASE_TYPE_REQUIRED");
        assert_eq!(errors.get("password")[0].code, "BASE_TYPE_REQUIRED");
    }

    #[test]
    fn names_and_addresses_are_kept_in_lower_case() {
        let form = read(&json!({"username": " Ada ", "password": "long enough", "email": "Ada@Example.org"}))
            .unwrap();
        assert_eq!((form.username.as_str(), form.email.as_deref()), ("ada", Some("ada@example.org")));
        assert_eq!(form.global_name, None);
    }
}

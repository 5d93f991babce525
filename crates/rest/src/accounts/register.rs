//! Registration of people.

use consort_cdn::SettledBase;
use consort_model::object::account::{UserRow, username_key};
use consort_model::validate::Named;
use consort_model::{ApiError, Form, Timestamp, User, UserFlags, UserId, validate};
use consort_rpc::name::{ADMINISTRATOR, Kind as NameKind};
use consort_rpc::{Caller, account, user};
use consort_store::Batch;
use serde_json::Value;

use crate::reply::read;
use crate::token::{ClientInfo, Kind};
use crate::{App, Failure};

/// Youngest age, in years.
const AGE_MIN: u64 = 13;
/// Language of accounts that name none.
const DEFAULT_LOCALE: &str = "en-US";
/// Milliseconds of a year, for ages.
const YEAR_MS: u64 = 365 * 24 * 3600 * 1000 + 6 * 3600 * 1000;

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
        let first = self.holder(NameKind::Administrator, ADMINISTRATOR).await?.is_none();
        if !first && !self.config.registration {
            let message = "Registration is closed on this server.".to_owned();
            return Err(Failure(ApiError::with_message(403, 0, message)));
        }
        let password = self.passwords.hash(form.password.clone()).await?;
        let id = UserId::new(self.next_id());
        let mut names = vec![(NameKind::Username, username_key(&form.username, "0"))];
        names.extend(form.email.clone().map(|email| (NameKind::Email, email)));
        let reserved = self.reserve(id, names).await?;
        // Last, so that whoever wants a name that is taken does not keep the post from the next.
        let post = vec![(NameKind::Administrator, ADMINISTRATOR.to_owned())];
        let admin = first && self.reserve(id, post).await.is_ok();
        match self.write_account(id, &form, password, admin, client, reserved.until_ms).await {
            Ok(token) => {
                if admin {
                    self.settle_base(base).await?;
                }
                Ok((id, token))
            }
            Err(failure) => {
                self.give_back(&reserved);
                Err(failure)
            }
        }
    }

    /// Secrets first: an account without them would keep its names, secrets without an account keep nothing.
    async fn write_account(
        &self,
        id: UserId,
        form: &Registration,
        password: String,
        admin: bool,
        client: ClientInfo,
        until_ms: u64,
    ) -> Result<String, Failure> {
        let (token, row) = self.fresh_token(id, Kind::User, None, client);
        self.ask_account(id, account::Op::Open { password, token: Box::new(row) }).await?;
        let mut user = User { global_name: form.global_name.clone(), ..User::person(id, &*form.username) };
        if admin {
            user.flags = UserFlags::STAFF;
            user.public_flags = UserFlags::STAFF;
        }
        let mut row = UserRow { admin, ..UserRow::person(user, &form.locale) };
        row.current.email.clone_from(&form.email);
        // No mail is sent, so there is nothing to wait for.
        row.current.verified = form.email.is_some();
        self.found_account(row, until_ms).await?;
        Ok(token)
    }

    /// Makes an account, or finds the one that was made before by this id.
    ///
    /// # Errors
    /// 503 when its owner cannot be asked, or its names may lapse.
    pub async fn found_account(&self, row: UserRow, until_ms: u64) -> Result<UserRow, Failure> {
        let id = row.user().id;
        let op = user::account::Op::Found { row: Box::new(row), until_ms };
        Ok(read(&self.users.call(id.get(), Caller::system(), user::Op::Account(op)).await?)?)
    }

    /// Keeps what the first person calls the server, if nothing else is configured.
    async fn settle_base(&self, base: &str) -> Result<(), Failure> {
        if self.config.public_url.is_some() || is_same_place(base, &self.cdn.links().base()) {
            return Ok(());
        }
        let mut batch = Batch::new();
        SettledBase(base).settle(&mut batch);
        self.store.commit(batch).await?;
        self.cdn.links().set_base(base);
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use consort_model::FormErrors;
    use serde_json::json;

    fn form(body: &Value) -> Result<Registration, FormErrors> {
        let now = "2026-06-01".parse().unwrap();
        Registration::read(body, now).map_err(|error| {
            assert_eq!((error.status, error.code), (400, 50035));
            error.errors.unwrap()
        })
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let errors = form(&json!({
            "username": "No spaces", "password": "short", "email": "nowhere", "consent": false,
            "date_of_birth": "2020-01-01",
        }))
        .unwrap_err();
        for field in ["username", "password", "email", "consent", "date_of_birth"] {
            assert_eq!(errors.get(field).len(), 1, "{field}: {errors}");
        }
        let errors = form(&json!({})).unwrap_err();
        assert_eq!(errors.get("username")[0].code, "BASE_TYPE_REQUIRED");
        assert_eq!(errors.get("password")[0].code, "BASE_TYPE_REQUIRED");
    }

    #[test]
    fn names_and_addresses_are_kept_in_lower_case() {
        let form = form(&json!({"username": " Ada ", "password": "long enough", "email": "Ada@Example.org"}))
            .unwrap();
        assert_eq!((form.username.as_str(), form.email.as_deref()), ("ada", Some("ada@example.org")));
        assert_eq!(form.global_name, None);
    }
}

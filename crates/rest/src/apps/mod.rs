//! Applications, their bots and secrets. They are rows that the edge writes itself: what may race is guarded by
//! preconditions.

pub mod bot;
pub mod edit;
pub mod emojis;
pub mod view;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use consort_files::{Kind as ImageKind, orphans};
use consort_model::object::account::UserRow;
use consort_model::{ApiError, Application, ApplicationFlags, ApplicationId, AuthSessionId, Intents, UserId};
use consort_runtime::random_hex;
use consort_store::{Batch, Error, Key, Range, StoreExt as _, Table, row};
use serde::{Deserialize, Serialize};

use crate::token::{ClientInfo, Kind};
use crate::{App, Failure};

/// Applications of one person.
pub const APPLICATIONS_MAX: usize = 50;
/// Key of the secret's row beside the application's.
const SECRET: &str = "secret";

/// The row of a client secret ([`Table::Applications`], partition: the application, key: `secret`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SecretRow {
    /// Its SHA-256 in hexadecimal.
    hash: String,
}

/// Applications whose intents are remembered; beyond it all are forgotten.
const PRIVILEGES_MAX: usize = 10_000;
/// How long they are believed: a change made on another node is seen here after it.
const PRIVILEGES_MS: u64 = 15_000;

/// The privileged intents that applications do not have, and until when that is believed.
#[derive(Debug, Default)]
pub struct Privileges(Mutex<HashMap<ApplicationId, (Intents, u64)>>);

impl Privileges {
    fn get(&self, id: ApplicationId, now_ms: u64) -> Option<Intents> {
        self.lock().get(&id).filter(|(_, until_ms)| *until_ms > now_ms).map(|(lacking, _)| *lacking)
    }

    fn put(&self, id: ApplicationId, lacking: Intents, now_ms: u64) {
        let mut known = self.lock();
        if known.len() >= PRIVILEGES_MAX {
            known.clear();
        }
        known.insert(id, (lacking, now_ms + PRIVILEGES_MS));
    }

    fn forget(&self, id: ApplicationId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ApplicationId, (Intents, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// Reads an application.
    ///
    /// # Errors
    /// 404/10002 when there is none, 503 when the store fails.
    pub async fn application(&self, id: ApplicationId) -> Result<Application, Failure> {
        Ok(self.application_row(id).await?.1)
    }

    /// The privileged intents that an application does not have; of one that is gone, all. Remembered for a while.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn lacking_intents(&self, id: ApplicationId) -> Result<Intents, Failure> {
        let now_ms = self.now_ms();
        if let Some(lacking) = self.privileges.get(id, now_ms) {
            return Ok(lacking);
        }
        let lacking = match self.application(id).await {
            Ok(application) => ApplicationFlags::lacking(application.flags),
            Err(failure) if failure.0.status == 404 => ApplicationFlags::lacking(0),
            Err(failure) => return Err(failure),
        };
        self.privileges.put(id, lacking, now_ms);
        Ok(lacking)
    }

    /// An application with its bot and its owner as they are now.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn with_accounts(&self, mut application: Application) -> Result<Application, Failure> {
        let of = |id: UserId| self.store.get_row::<UserRow>(Table::Users, id.get(), Key::empty());
        if let Some(bot) = &mut application.bot
            && let Some(row) = of(bot.id).await?
        {
            *bot = row.current.user;
        }
        if let Some(row) = of(application.owner.id).await? {
            application.owner = row.current.user;
        }
        Ok(application)
    }

    async fn application_row(&self, id: ApplicationId) -> Result<(Bytes, Application), Failure> {
        let bytes = self.store.get(Table::Applications, id.get(), Key::empty()).await?;
        let bytes = bytes.ok_or_else(ApiError::unknown_application)?;
        let application = row::decode(&bytes)?;
        Ok((bytes, application))
    }

    /// Reads an application that a person owns.
    ///
    /// # Errors
    /// 404/10002 when there is none, 403/20012 when it is somebody else's.
    pub async fn own_application(&self, id: ApplicationId, owner: UserId) -> Result<Application, Failure> {
        let application = self.application(id).await?;
        if application.owner.id == owner {
            return Ok(application);
        }
        Err(Failure(ApiError::not_your_application()))
    }

    /// The applications of a person, oldest first.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn applications_of(&self, owner: UserId) -> Result<Vec<Application>, Failure> {
        let rows =
            self.store.scan(Table::UserApplications, owner.get(), Range::all(APPLICATIONS_MAX)).await?;
        let mut applications = Vec::with_capacity(rows.len());
        for id in rows.iter().filter_map(|row| row.key.to_id()) {
            applications.extend(self.store.get_row(Table::Applications, id, Key::empty()).await?);
        }
        Ok(applications)
    }

    /// Makes an application without a bot.
    ///
    /// # Errors
    /// 400/50011 when the person has too many.
    pub async fn create_application(&self, owner: UserRow, name: &str) -> Result<Application, Failure> {
        let owner = owner.current.user;
        if self.applications_of(owner.id).await?.len() >= APPLICATIONS_MAX {
            return Err(Failure(ApiError::application_limit()));
        }
        let id = ApplicationId::new(self.next_id());
        let owner_id = owner.id;
        // Interactions come over the gateway only, so nothing is signed with the key; libraries want one.
        let application = Application::new(id, name, owner, random_hex::<32>());
        let mut batch = Batch::new();
        batch.put_row(Table::Applications, id.get(), Key::empty(), &application);
        batch.put_row(Table::UserApplications, owner_id.get(), id.get(), &());
        self.store.commit(batch).await?;
        Ok(application)
    }

    /// Reads an application, changes it and writes it back unless somebody else did meanwhile; then it tries again.
    ///
    /// # Errors
    /// Those of `change`; 503 when others are faster time and again.
    pub async fn change_application(
        &self,
        id: ApplicationId,
        mut change: impl FnMut(&mut Application) -> Result<(), ApiError>,
    ) -> Result<Application, Failure> {
        for _ in 0..5 {
            let (before, mut application) = self.application_row(id).await?;
            let icon = application.icon.clone();
            change(&mut application)?;
            let mut batch = Batch::new();
            let (of, new) = ((ImageKind::AppIcon, id.get()), application.icon.as_deref());
            orphans::replace_image(&mut batch, self.now_ms(), of, icon.as_deref(), new);
            batch.require_equals(Table::Applications, id.get(), Key::empty(), before);
            batch.put_row(Table::Applications, id.get(), Key::empty(), &application);
            match self.store.commit(batch).await {
                Ok(()) => {
                    self.privileges.forget(id);
                    return Ok(application);
                }
                Err(Error::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure(ApiError::overloaded()))
    }

    /// Makes a new client secret; the old one stops working.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn reset_secret(&self, id: ApplicationId) -> Result<String, Failure> {
        let secret = consort_runtime::random_token(32);
        let secret_row = SecretRow { hash: hex::encode(crate::token::hash(&secret)) };
        let mut batch = Batch::new();
        batch.put_row(Table::Applications, id.get(), Key::text(SECRET), &secret_row);
        self.store.commit(batch).await?;
        Ok(secret)
    }

    /// Whether a client secret is the application's.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn check_secret(&self, id: ApplicationId, secret: &str) -> Result<bool, Failure> {
        let row: Option<SecretRow> =
            self.store.get_row(Table::Applications, id.get(), Key::text(SECRET)).await?;
        // Hashes are compared, so the time it takes says nothing of the secret.
        Ok(row.is_some_and(|row| row.hash == hex::encode(crate::token::hash(secret))))
    }

    /// Makes the only token of a bot; earlier ones stop working.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn reset_bot_token(&self, id: ApplicationId) -> Result<String, Failure> {
        let bot = UserId::new(id.get());
        let old = self.tokens.list(bot).await?;
        let mut batch = Batch::new();
        for row in &old {
            self.tokens.revoke(&mut batch, row);
        }
        let session = AuthSessionId::new(self.next_id());
        let kind = Kind::Bot { application: id };
        let (token, _) = self.tokens.issue(&mut batch, bot, session, kind, None, ClientInfo::default());
        self.store.commit(batch).await?;
        self.revoked(&old);
        Ok(token)
    }
}

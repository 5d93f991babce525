//! Applications at the edge. What is kept of them belongs to the owner of [`application`]; the list of somebody's applications to
//! that of the account.

pub mod bot;
pub mod emojis;
pub mod view;

use consort_model::object::account::UserRow;
use consort_model::{ApiError, Application, ApplicationFlags, ApplicationId, Intents, Patch, UserId};
use consort_rpc::application::Op;
use consort_rpc::{Answer, Caller, account};
use consort_runtime::random_hex;
use serde_json::Value;

use crate::reply::read;
use crate::token::{ClientInfo, Kind};
use crate::{App, Failure};

/// How long an application may be listed before it is there, in milliseconds.
const MAKING_MS: u64 = 60_000;

impl App {
    /// Asks the owner of an application.
    ///
    /// # Errors
    /// 404/10002 when there is none; the owner's refusal.
    pub(crate) async fn ask_application(&self, id: ApplicationId, op: Op) -> Result<Answer, Failure> {
        Ok(self.applications.call(id.get(), Caller::system(), op).await?)
    }

    /// Reads an application.
    ///
    /// # Errors
    /// 404/10002 when there is none, 503 when its owner cannot be asked.
    pub async fn application(&self, id: ApplicationId) -> Result<Application, Failure> {
        Ok(read(&self.ask_application(id, Op::Get).await?)?)
    }

    /// The privileged intents that an application does not have; of one that is gone, all. Remembered until its owner says that it
    /// has changed.
    ///
    /// # Errors
    /// 503 when its owner cannot be asked.
    pub async fn lacking_intents(&self, id: ApplicationId) -> Result<Intents, Failure> {
        let mark = match self.tokens.lacking(id) {
            Ok(lacking) => return Ok(lacking),
            Err(mark) => mark,
        };
        let lacking = match self.application(id).await {
            Ok(application) => ApplicationFlags::lacking(application.flags),
            Err(failure) if failure.0.status == 404 => ApplicationFlags::lacking(0),
            Err(failure) => return Err(failure),
        };
        self.tokens.remember_lacking(id, lacking, mark);
        Ok(lacking)
    }

    /// An application with its bot and its owner as they are now.
    ///
    /// # Errors
    /// 503 when an owner cannot be asked.
    pub async fn with_accounts(&self, mut application: Application) -> Result<Application, Failure> {
        if let Some(bot) = &mut application.bot
            && let Some(row) = self.account_if_any(bot.id).await?
        {
            *bot = row.current.user;
        }
        if let Some(row) = self.account_if_any(application.owner.id).await? {
            application.owner = row.current.user;
        }
        Ok(application)
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
    /// 503 when an owner cannot be asked.
    pub async fn applications_of(&self, owner: UserId) -> Result<Vec<Application>, Failure> {
        let ids: Vec<ApplicationId> = read(&self.ask_account(owner, account::Op::Applications).await?)?;
        let mut applications = Vec::with_capacity(ids.len());
        for id in ids {
            match self.application(id).await {
                Ok(application) => applications.push(application),
                // One whose making or deletion was cut short.
                Err(failure) if failure.0.status == 404 => {
                    if self.now_ms() > id.timestamp_ms() + MAKING_MS {
                        let op = account::Op::RemoveApplication { application: id };
                        self.ask_account(owner, op).await?;
                    }
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(applications)
    }

    /// Makes an application without a bot. It is listed first: one that is listed and not there is passed over.
    ///
    /// # Errors
    /// 400/30061 when the person has too many.
    pub async fn create_application(&self, owner: UserRow, name: &str) -> Result<Application, Failure> {
        let owner = owner.current.user;
        let id = ApplicationId::new(self.next_id());
        self.ask_account(owner.id, account::Op::AddApplication { application: id }).await?;
        // It has its key before it is anybody's; the one that it is made with stands for nothing.
        let application = Box::new(Application::new(id, name, owner, random_hex::<32>()));
        self.ask_application(id, Op::Found { application }).await?;
        self.signing_key(id).await?;
        self.application(id).await
    }

    /// Changes an application's settings. `icon` is the hash of the new picture, which is stored.
    ///
    /// # Errors
    /// 400/50035 by field; 503 when its owner cannot be asked.
    pub async fn change_application(
        &self,
        id: ApplicationId,
        body: &Value,
        icon: Patch<String>,
    ) -> Result<Application, Failure> {
        let mut body = body.clone();
        // The picture is stored and long; the owner wants its hash.
        if let Some(fields) = body.as_object_mut() {
            fields.shift_remove("icon");
        }
        Ok(read(&self.ask_application(id, Op::Change { body, icon }).await?)?)
    }

    /// Makes a new client secret; the old one stops working.
    ///
    /// # Errors
    /// 503 when the owner cannot be asked.
    pub async fn reset_secret(&self, id: ApplicationId) -> Result<String, Failure> {
        let secret = consort_runtime::random_token(32);
        self.ask_application(id, Op::SetSecret { hash: hex::encode(crate::token::hash(&secret)) }).await?;
        Ok(secret)
    }

    /// Whether a client secret is the application's.
    ///
    /// # Errors
    /// 503 when the owner cannot be asked.
    pub async fn check_secret(&self, id: ApplicationId, secret: &str) -> Result<bool, Failure> {
        let hash = hex::encode(crate::token::hash(secret));
        Ok(read(&self.ask_application(id, Op::CheckSecret { hash }).await?)?)
    }

    /// Makes the only token of a bot; earlier ones stop working.
    ///
    /// # Errors
    /// 503 when the owner cannot be asked.
    pub async fn reset_bot_token(&self, id: ApplicationId) -> Result<String, Failure> {
        let kind = Kind::Bot { application: id };
        let (token, row) = self.fresh_token(id.cast(), kind, None, ClientInfo::default());
        let op = account::Op::Add { tokens: vec![row], using: None, alone: true };
        self.ask_account(id.cast(), op).await?;
        Ok(token)
    }
}

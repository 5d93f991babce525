//! The bot of an application: an account whose id is the application's.

use consort_model::object::account::{UserRow, username_key};
use consort_model::{ApiError, Application, ApplicationId, User, UserId};
use consort_rpc::application::Op;
use consort_rpc::name::Kind as NameKind;
use consort_rpc::{Caller, account, guild, user};

use crate::{App, Failure};

/// Characters of a bot's name.
const NAME_CHARS_MAX: usize = 32;
/// Other discriminators tried when name and number are taken.
const DISCRIMINATORS_TRIED: u64 = 20;

/// A bot's name, made of its application's.
fn bot_name(application: &str) -> String {
    let name: String = application.trim().chars().take(NAME_CHARS_MAX).collect();
    if name.chars().count() < 2 { format!("{name} bot").trim().to_owned() } else { name }
}

impl App {
    /// Makes the bot of an application and returns its token.
    ///
    /// # Errors
    /// 400 when it has one already.
    pub async fn create_bot(&self, application: &Application) -> Result<String, Failure> {
        let id = application.id;
        if application.bot.is_some() {
            return Err(Failure(has_bot()));
        }
        let user = self.found_bot(application).await?;
        self.ask_application(id, Op::SetBot { bot: Box::new(user) }).await?;
        self.reset_bot_token(id).await
    }

    /// Makes the bot's account with a name and number nobody has; or finds the one that was made before.
    async fn found_bot(&self, application: &Application) -> Result<User, Failure> {
        let id: UserId = application.id.cast();
        if let Some(row) = self.account_if_any(id).await? {
            return Ok(row.current.user);
        }
        let bot = User::bot(id, bot_name(&application.name));
        let first = bot.discriminator.parse::<u64>().unwrap_or(1);
        for step in 0..DISCRIMINATORS_TRIED {
            // Numbers go from 0001 to 9999.
            let discriminator = format!("{:04}", (first - 1 + step * 487) % 9999 + 1);
            let name = username_key(&bot.username, &discriminator);
            let reserved = match self.reserve(id, vec![(NameKind::Username, name)]).await {
                Ok(reserved) => reserved,
                Err(Failure(error)) if error.status == 400 => continue,
                Err(failure) => return Err(failure),
            };
            let user = User { discriminator, avatar: application.icon.clone(), ..bot.clone() };
            let row = UserRow { application: Some(application.id), ..UserRow::person(user, "en-US") };
            return Ok(self.found_account(row, reserved.until_ms).await?.current.user);
        }
        Err(Failure(ApiError::invalid_field(
            "name",
            "USERNAME_TOO_MANY_USERS",
            "Too many users have this username.",
        )))
    }

    /// Removes an application: its bot leaves its guilds, all tokens stop working.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn delete_application(&self, application: &Application) -> Result<(), Failure> {
        let id = application.id;
        let bot = UserId::new(id.get());
        self.ask_account(bot, account::Op::Close).await?;
        if application.bot.is_some() {
            self.leave_guilds(bot, id).await?;
            let disable = user::Op::Account(user::account::Op::Disable);
            self.users.call(bot.get(), Caller::system(), disable).await?;
        }
        self.ask_application(id, Op::Delete).await?;
        let remove = account::Op::RemoveApplication { application: id };
        self.ask_account(application.owner.id, remove).await?;
        Ok(())
    }

    async fn leave_guilds(&self, bot: UserId, application: ApplicationId) -> Result<(), Failure> {
        let caller = Caller { application: Some(application), ..Caller::user(bot, true) };
        for guild in self.guilds_of(bot).await? {
            let leave = guild::Op::Member(guild::member::Op::Leave);
            let left = self.guilds.call(guild.get(), caller.clone(), leave).await;
            // A guild that is gone, or that it is no member of any more, is left already.
            if let Err(error) = left
                && error.status >= 500
            {
                return Err(Failure(error));
            }
        }
        Ok(())
    }
}

fn has_bot() -> ApiError {
    ApiError::bad_request().message("This application has a bot already.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_bots_have_two_to_thirty_two_characters() {
        assert_eq!(bot_name(" Helper "), "Helper");
        assert_eq!(bot_name("x"), "x bot");
        assert_eq!(bot_name(&"é".repeat(100)).chars().count(), 32);
    }
}

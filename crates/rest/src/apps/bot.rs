//! The bot of an application: an account whose id is the application's.

use consort_files::{Kind, name, orphans};
use consort_model::object::account::UserRow;
use consort_model::{ApiError, Application, ApplicationId, GuildId, User, UserId};
use consort_rpc::{Caller, guild, user};
use consort_store::{Batch, Error, Key, Range, Table};

use crate::accounts::register::{NewAccount, current_user};
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
        let user = self.write_bot(application).await?;
        self.change_application(id, |application| {
            application.bot = Some(user.clone());
            Ok(())
        })
        .await?;
        self.reset_bot_token(id).await
    }

    /// Writes the bot's account with a name and number nobody has.
    async fn write_bot(&self, application: &Application) -> Result<User, Failure> {
        let bot = User::bot(UserId::new(application.id.get()), bot_name(&application.name));
        let first = bot.discriminator.parse::<u64>().unwrap_or(1);
        for step in 0..DISCRIMINATORS_TRIED {
            // Numbers go from 0001 to 9999.
            let discriminator = format!("{:04}", (first - 1 + step * 487) % 9999 + 1);
            let user = User { discriminator, avatar: application.icon.clone(), ..bot.clone() };
            let current = current_user(user.clone(), "en-US");
            let row = UserRow { current, admin: false, application: Some(application.id), disabled: false };
            let mut batch = Batch::new();
            NewAccount { row, credentials: None }.write(&mut batch);
            batch.require_absent(Table::Users, user.id.get(), Key::empty());
            match self.store.commit(batch).await {
                Ok(()) => return Ok(user),
                Err(Error::Conflict { index: 0 }) => {}
                Err(Error::Conflict { .. }) => return Err(Failure(has_bot())),
                Err(error) => return Err(error.into()),
            }
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
        let tokens = self.tokens.list(bot).await?;
        self.end(&tokens).await?;
        if application.bot.is_some() {
            self.leave_guilds(bot, id).await?;
            let disable = user::Op::Account(user::account::Op::Disable);
            self.users.call(bot.get(), Caller::system(), disable).await?;
        }
        let mut batch = Batch::new();
        let now_ms = self.now_ms();
        for emoji in self.application_emojis(id).await? {
            orphans::release(&mut batch, &name::emoji(emoji.id.get()), now_ms);
        }
        let icon = application.icon.as_deref();
        orphans::replace_image(&mut batch, now_ms, (Kind::AppIcon, id.get()), icon, None);
        batch.delete_partition(Table::Applications, id.get());
        batch.delete(Table::UserApplications, application.owner.id.get(), id.get());
        self.store.commit(batch).await?;
        Ok(())
    }

    async fn leave_guilds(&self, bot: UserId, application: ApplicationId) -> Result<(), Failure> {
        let guilds = self.store.scan(Table::UserGuilds, bot.get(), Range::all(10_000)).await?;
        let caller = Caller { application: Some(application), ..Caller::user(bot, true) };
        for guild in guilds.iter().filter_map(|row| row.key.to_id()).map(GuildId::new) {
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

//! Who may use a command in a guild ("Application Command Permissions").

use consort_model::{ApiError, ApplicationId, CommandId, Form, GuildId};
use consort_store::{Batch, Key, Range, StoreExt as _, Table};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{App, Failure};

/// Overwrites of one command.
const OVERWRITES_MAX: usize = 100;

/// The permissions of a command in a guild ([`Table::Commands`], partition: the application, key: guild and command).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandPermissions {
    /// The command, or the application for all its commands.
    pub id: CommandId,
    /// Whose it is.
    pub application_id: ApplicationId,
    /// Where.
    pub guild_id: GuildId,
    /// For whom.
    pub permissions: Vec<Overwrite>,
}

/// A permission of somebody or somewhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overwrite {
    /// Role, user or channel; the guild's id for everyone, one less for all channels.
    pub id: consort_model::GenericId,
    /// 1 role, 2 user, 3 channel.
    #[serde(rename = "type")]
    pub kind: u8,
    /// Whether it is allowed.
    pub permission: bool,
}

impl Overwrite {
    /// Reads the body of a change.
    ///
    /// # Errors
    /// 400/50035 by field.
    pub fn read(body: &Value) -> Result<Vec<Self>, ApiError> {
        Form::root(body)?.check(|f| {
            let list = f.array("permissions", OVERWRITES_MAX, |f| {
                let id = f.required("id", f.id("id"));
                let kind = f.required("type", f.choice_u8("type", &[1, 2, 3]));
                let permission = f.required("permission", f.bool("permission"));
                Some(Self { id: id?, kind: kind?, permission: permission? })
            });
            f.required("permissions", list)
        })
    }
}

impl App {
    /// The permissions of an application's commands in a guild.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn command_permissions(
        &self,
        application: ApplicationId,
        guild: GuildId,
    ) -> Result<Vec<CommandPermissions>, Failure> {
        // The row of the guild's commands has the guild's id as key; those of permissions begin with it.
        let rows = self.store.scan(
            Table::Commands,
            application.get(),
            Range {
                from: consort_store::Bound::Excluded(Key::id(guild.get())),
                ..Range::prefix(&guild.get().to_be_bytes(), 1000)
            },
        );
        let rows = rows.await?;
        rows.iter().map(|row| Ok(consort_store::row::decode(&row.value)?)).collect()
    }

    /// The permissions of one command in a guild.
    ///
    /// # Errors
    /// 404/10066 when there are none.
    pub async fn permissions_of_command(
        &self,
        application: ApplicationId,
        guild: GuildId,
        command: CommandId,
    ) -> Result<CommandPermissions, Failure> {
        let key = Key::ids(&[guild.get(), command.get()]);
        let row = self.store.get_row(Table::Commands, application.get(), key).await?;
        Ok(row.ok_or_else(ApiError::unknown_command_permissions)?)
    }

    /// Replaces the permissions of one command in a guild.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn set_command_permissions(&self, permissions: &CommandPermissions) -> Result<(), Failure> {
        let key = Key::ids(&[permissions.guild_id.get(), permissions.id.get()]);
        let mut batch = Batch::new();
        batch.put_row(Table::Commands, permissions.application_id.get(), key, permissions);
        Ok(self.store.commit(batch).await?)
    }
}

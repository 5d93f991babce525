//! Commands of applications at the edge: the short ways to their owner.

use consort_model::command::{Command, CommandPermissions, Scope};
use consort_model::request::command::Draft;
use consort_model::{ApplicationId, CommandId, GuildId};
use consort_rpc::application::{CommandOp, Op, Put};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::reply::read;
use crate::{App, Failure};

impl App {
    async fn ask_command<T: DeserializeOwned>(
        &self,
        application: ApplicationId,
        op: CommandOp,
    ) -> Result<T, Failure> {
        Ok(read(&self.ask_application(application, Op::Command(op)).await?)?)
    }

    /// The commands of a scope, oldest first.
    ///
    /// # Errors
    /// 503 when the owner cannot be asked.
    pub async fn commands(&self, scope: Scope) -> Result<Vec<Command>, Failure> {
        self.ask_command(scope.application, CommandOp::List { guild: scope.guild }).await
    }

    /// One command of a scope.
    ///
    /// # Errors
    /// 404/10063 when there is none.
    pub async fn command(&self, scope: Scope, command: CommandId) -> Result<Command, Failure> {
        self.ask_command(scope.application, CommandOp::Get { guild: scope.guild, command }).await
    }

    /// Makes a command, or replaces the one of that name and type.
    ///
    /// # Errors
    /// 400/30032 when there are too many.
    pub async fn put_command(&self, scope: Scope, draft: Draft) -> Result<Put, Failure> {
        let op = CommandOp::Put { guild: scope.guild, draft: Box::new(draft) };
        self.ask_command(scope.application, op).await
    }

    /// Replaces all commands of a scope; those whose name and type stay keep their id.
    ///
    /// # Errors
    /// 400/30032 when there are too many, 400/40041 when two have one name.
    pub async fn replace_commands(&self, scope: Scope, drafts: Vec<Draft>) -> Result<Vec<Command>, Failure> {
        self.ask_command(scope.application, CommandOp::Replace { guild: scope.guild, drafts }).await
    }

    /// Changes one command.
    ///
    /// # Errors
    /// 400/50035 by field, 404/10063 when there is none, 400/40041 when another has the new name.
    pub async fn edit_command(
        &self,
        scope: Scope,
        command: CommandId,
        body: &Value,
    ) -> Result<Command, Failure> {
        let op = CommandOp::Edit { guild: scope.guild, command, body: body.clone() };
        self.ask_command(scope.application, op).await
    }

    /// Deletes one command.
    ///
    /// # Errors
    /// 404/10063 when there is none.
    pub async fn delete_command(&self, scope: Scope, command: CommandId) -> Result<(), Failure> {
        let op = CommandOp::Delete { guild: scope.guild, command };
        self.ask_application(scope.application, Op::Command(op)).await?;
        Ok(())
    }

    /// The permissions of an application's commands in a guild.
    ///
    /// # Errors
    /// 503 when the owner cannot be asked.
    pub async fn command_permissions(
        &self,
        application: ApplicationId,
        guild: GuildId,
    ) -> Result<Vec<CommandPermissions>, Failure> {
        self.ask_command(application, CommandOp::Permissions { guild }).await
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
        self.ask_command(application, CommandOp::PermissionsOf { guild, command }).await
    }

    /// Replaces the permissions of one command in a guild.
    ///
    /// # Errors
    /// 503 when the owner cannot be asked.
    pub async fn set_command_permissions(&self, permissions: CommandPermissions) -> Result<(), Failure> {
        let application = permissions.application_id;
        let op = CommandOp::SetPermissions(Box::new(permissions));
        self.ask_application(application, Op::Command(op)).await?;
        Ok(())
    }
}

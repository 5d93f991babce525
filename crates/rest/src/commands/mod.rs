//! Application commands: rows that the edge writes itself, all commands of one scope in one row, so that names stay
//! unique and a list is replaced as a whole.

pub mod form;
pub mod model;
pub mod permissions;

use bytes::Bytes;
use consort_model::{ApiError, ApplicationId, CommandId, GuildId};
use consort_store::{Batch, Error, Key, Table, row};

use self::form::Draft;
use self::model::{Command, kind};
use crate::{App, Failure};

/// Where commands are available.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Whose they are.
    pub application: ApplicationId,
    /// The guild, or everywhere.
    pub guild: Option<GuildId>,
}

impl Scope {
    /// Key of the scope's row ([`Table::Commands`], partition: the application).
    fn key(self) -> Key {
        Key::id(self.guild.map_or(0, GuildId::get))
    }
}

/// Attempts to write a row that others write as well.
const ATTEMPTS_MAX: usize = 5;

impl App {
    /// The commands of a scope, oldest first.
    ///
    /// # Errors
    /// 503 when the store fails.
    pub async fn commands(&self, scope: Scope) -> Result<Vec<Command>, Failure> {
        Ok(self.command_row(scope).await?.1)
    }

    /// One command of a scope.
    ///
    /// # Errors
    /// 404/10063 when there is none.
    pub async fn command(&self, scope: Scope, id: CommandId) -> Result<Command, Failure> {
        let found = self.commands(scope).await?.into_iter().find(|command| command.id == id);
        Ok(found.ok_or_else(ApiError::unknown_command)?)
    }

    async fn command_row(&self, scope: Scope) -> Result<(Option<Bytes>, Vec<Command>), Failure> {
        let bytes = self.store.get(Table::Commands, scope.application.get(), scope.key()).await?;
        let commands = bytes.as_deref().map(row::decode).transpose()?.unwrap_or_default();
        Ok((bytes, commands))
    }

    /// Changes the commands of a scope; again from the start when others were faster.
    async fn change_commands<T>(
        &self,
        scope: Scope,
        mut change: impl FnMut(&mut Vec<Command>) -> Result<T, ApiError>,
    ) -> Result<T, Failure> {
        for _ in 0..ATTEMPTS_MAX {
            let (before, mut commands) = self.command_row(scope).await?;
            let changed = change(&mut commands)?;
            let mut batch = Batch::new();
            let (partition, key) = (scope.application.get(), scope.key());
            match before {
                Some(before) => batch.require_equals(Table::Commands, partition, &key, before),
                None => batch.require_absent(Table::Commands, partition, &key),
            };
            batch.put_row(Table::Commands, partition, &key, &commands);
            match self.store.commit(batch).await {
                Ok(()) => return Ok(changed),
                Err(Error::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure(ApiError::overloaded()))
    }

    /// Makes a command, or replaces the one of that name and type. Whether it is new.
    ///
    /// # Errors
    /// 400/30032 when there are too many.
    pub async fn upsert_command(&self, scope: Scope, draft: Draft) -> Result<(Command, bool), Failure> {
        let fresh = CommandId::new(self.next_id());
        self.change_commands(scope, |commands| {
            let existing = commands.iter().position(|known| draft.is_named_like(known));
            let id = existing.map_or(fresh, |index| commands[index].id);
            let command = draft.clone().into_command(scope, id, fresh);
            match existing {
                Some(index) => commands[index] = command.clone(),
                None => commands.push(command.clone()),
            }
            check_counts(commands)?;
            Ok((command, existing.is_none()))
        })
        .await
    }

    /// Replaces all commands of a scope; those whose name and type stay keep their id.
    ///
    /// # Errors
    /// 400/30032 when there are too many, 400/40041 when two have one name.
    pub async fn replace_commands(&self, scope: Scope, drafts: Vec<Draft>) -> Result<Vec<Command>, Failure> {
        let ids: Vec<CommandId> = drafts.iter().map(|_| CommandId::new(self.next_id())).collect();
        self.change_commands(scope, |commands| {
            let mut new: Vec<Command> = Vec::with_capacity(drafts.len());
            for (draft, fresh) in drafts.iter().zip(&ids) {
                if new.iter().any(|known| draft.is_named_like(known)) {
                    return Err(ApiError::command_name_taken());
                }
                let id =
                    commands.iter().find(|known| draft.is_named_like(known)).map_or(*fresh, |known| known.id);
                new.push(draft.clone().into_command(scope, id, *fresh));
            }
            check_counts(&new)?;
            commands.clone_from(&new);
            Ok(new)
        })
        .await
    }

    /// Changes one command.
    ///
    /// # Errors
    /// 404/10063 when there is none, 400/40041 when another has the new name.
    pub async fn edit_command(
        &self,
        scope: Scope,
        id: CommandId,
        edit: impl Fn(&Command) -> Result<Draft, ApiError>,
    ) -> Result<Command, Failure> {
        let version = CommandId::new(self.next_id());
        self.change_commands(scope, |commands| {
            let index =
                commands.iter().position(|known| known.id == id).ok_or_else(ApiError::unknown_command)?;
            let draft = edit(&commands[index])?;
            if commands.iter().any(|known| known.id != id && draft.is_named_like(known)) {
                return Err(ApiError::command_name_taken());
            }
            commands[index] = draft.into_command(scope, id, version);
            Ok(commands[index].clone())
        })
        .await
    }

    /// Deletes one command.
    ///
    /// # Errors
    /// 404/10063 when there is none.
    pub async fn delete_command(&self, scope: Scope, id: CommandId) -> Result<(), Failure> {
        self.change_commands(scope, |commands| {
            let before = commands.len();
            commands.retain(|known| known.id != id);
            if commands.len() == before { Err(ApiError::unknown_command()) } else { Ok(()) }
        })
        .await
    }
}

/// Most commands of each type in a scope (Application Commands, "Registering a Command").
fn check_counts(commands: &[Command]) -> Result<(), ApiError> {
    let limits = [(kind::CHAT, 100), (kind::USER, 15), (kind::MESSAGE, 15), (kind::ENTRY_POINT, 1)];
    let within =
        |(kind, max): &(u8, usize)| commands.iter().filter(|known| known.kind == *kind).count() <= *max;
    if limits.iter().all(within) { Ok(()) } else { Err(ApiError::max_commands()) }
}

//! Commands: all of a scope in one row, so that names stay unique and a list is replaced as a whole.

use std::ops::Bound;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::command::{Command, CommandPermissions, Scope, kind};
use consort_model::limits::{
    CHAT_COMMANDS_MAX, COMMANDS_CREATED_PER_DAY_MAX, ENTRY_POINT_COMMANDS_MAX, MESSAGE_COMMANDS_MAX,
    USER_COMMANDS_MAX,
};
use consort_model::request::command::Draft;
use consort_model::{ApiError, CommandId, GuildId};
use consort_rpc::application::{CommandOp as Op, Put};
use consort_store::{Key, Range, Table};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Application, keys};

const DAY_MS: u64 = 24 * 3_600_000;

/// How many commands were made in a scope since a day began.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Made {
    since_ms: u64,
    count: u32,
}

/// Commands of a guild of which it was set who may use them, at most.
const PERMISSIONS_MAX: usize = 1000;

impl Application {
    pub(crate) fn handle_command(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::List { guild } => Outcome::json(&self.commands(cx, *guild)?),
            Op::Get { guild, command } => {
                let found = self.commands(cx, *guild)?.into_iter().find(|known| known.id == *command);
                Outcome::json(&found.ok_or_else(ApiError::unknown_command)?)
            }
            Op::Put { guild, draft } => self.put_command(cx, *guild, draft),
            Op::Replace { guild, drafts } => self.replace_commands(cx, *guild, drafts),
            Op::Edit { guild, command, body } => self.edit_command(cx, *guild, *command, body),
            Op::Delete { guild, command } => {
                let mut commands = self.commands(cx, *guild)?;
                let before = commands.len();
                commands.retain(|known| known.id != *command);
                if commands.len() == before {
                    return Err(ApiError::unknown_command().into());
                }
                self.keep_commands(cx, *guild, &commands);
                Outcome::EMPTY
            }
            Op::Permissions { guild } => {
                // The row of the guild's commands has the guild's id as key; those of permissions begin with it.
                let range = Range {
                    from: Bound::Excluded(Key::id(guild.get())),
                    ..Range::prefix(&guild.get().to_be_bytes(), PERMISSIONS_MAX)
                };
                let rows = cx.scan_rows::<CommandPermissions>(Table::Commands, self.id.get(), range)?;
                Outcome::json(&rows.into_iter().map(|(_, row)| row).collect::<Vec<_>>())
            }
            Op::PermissionsOf { guild, command } => {
                let key = Key::ids(&[guild.get(), command.get()]);
                let row: Option<CommandPermissions> = cx.row(Table::Commands, self.id.get(), key)?;
                Outcome::json(&row.ok_or_else(ApiError::unknown_command_permissions)?)
            }
            Op::SetPermissions(row) => {
                let key = Key::ids(&[row.guild_id.get(), row.id.get()]);
                cx.put(Table::Commands, self.id.get(), key, &**row);
                Outcome::EMPTY
            }
        }
    }

    fn scope(&self, guild: Option<GuildId>) -> Scope {
        Scope { application: self.id, guild }
    }

    fn commands(&self, cx: &mut Cx<'_>, guild: Option<GuildId>) -> Result<Vec<Command>, Stop> {
        Ok(cx.row(Table::Commands, self.id.get(), scope_key(guild))?.unwrap_or_default())
    }

    fn keep_commands(&self, cx: &mut Cx<'_>, guild: Option<GuildId>, commands: &[Command]) {
        cx.put(Table::Commands, self.id.get(), scope_key(guild), commands);
    }

    fn put_command(&self, cx: &mut Cx<'_>, guild: Option<GuildId>, draft: &Draft) -> Result<Outcome, Stop> {
        let mut commands = self.commands(cx, guild)?;
        let fresh = CommandId::new(cx.next_id());
        let existing = commands.iter().position(|known| draft.is_named_like(known));
        let id = existing.map_or(fresh, |index| commands[index].id);
        let command = draft.clone().into_command(self.scope(guild), id, fresh);
        match existing {
            Some(index) => commands[index] = command.clone(),
            None => commands.push(command.clone()),
        }
        check_counts(&commands)?;
        self.count_made(cx, guild, usize::from(existing.is_none()))?;
        self.keep_commands(cx, guild, &commands);
        Outcome::json(&Put { command, is_new: existing.is_none() })
    }

    fn replace_commands(
        &self,
        cx: &mut Cx<'_>,
        guild: Option<GuildId>,
        drafts: &[Draft],
    ) -> Result<Outcome, Stop> {
        let before = self.commands(cx, guild)?;
        let mut commands: Vec<Command> = Vec::with_capacity(drafts.len());
        for draft in drafts {
            if commands.iter().any(|known| draft.is_named_like(known)) {
                return Err(ApiError::command_name_taken().into());
            }
            let fresh = CommandId::new(cx.next_id());
            let id = before.iter().find(|known| draft.is_named_like(known)).map_or(fresh, |known| known.id);
            commands.push(draft.clone().into_command(self.scope(guild), id, fresh));
        }
        check_counts(&commands)?;
        let is_new = |draft: &&Draft| !before.iter().any(|known| draft.is_named_like(known));
        self.count_made(cx, guild, drafts.iter().filter(is_new).count())?;
        self.keep_commands(cx, guild, &commands);
        Outcome::json(&commands)
    }

    /// Counts commands that are made in a scope, and refuses more than there may be on one day (Application Commands,
    /// "Registering a Command": those that replace one of their name do not count). The day begins with the first of them.
    fn count_made(&self, cx: &mut Cx<'_>, guild: Option<GuildId>, made: usize) -> Result<(), Stop> {
        if made == 0 {
            return Ok(());
        }
        let key = || keys::numbered(keys::COMMANDS_MADE, guild.map_or(0, GuildId::get));
        let row: Option<Made> = cx.row(Table::Applications, self.id.get(), key())?;
        let today = row.filter(|row| cx.now_ms < row.since_ms + DAY_MS);
        let mut row = today.unwrap_or(Made { since_ms: cx.now_ms, count: 0 });
        row.count += u32::try_from(made).unwrap_or(u32::MAX);
        if row.count > COMMANDS_CREATED_PER_DAY_MAX {
            return Err(ApiError::max_daily_commands().into());
        }
        cx.put(Table::Applications, self.id.get(), key(), &row);
        Ok(())
    }

    fn edit_command(
        &self,
        cx: &mut Cx<'_>,
        guild: Option<GuildId>,
        id: CommandId,
        body: &Value,
    ) -> Result<Outcome, Stop> {
        let mut commands = self.commands(cx, guild)?;
        let index = commands.iter().position(|known| known.id == id).ok_or_else(ApiError::unknown_command)?;
        let draft = Draft::edit(body, &commands[index])?;
        if commands.iter().any(|known| known.id != id && draft.is_named_like(known)) {
            return Err(ApiError::command_name_taken().into());
        }
        let version = CommandId::new(cx.next_id());
        commands[index] = draft.into_command(self.scope(guild), id, version);
        self.keep_commands(cx, guild, &commands);
        Outcome::json(&commands[index])
    }
}

/// Key of a scope's row.
fn scope_key(guild: Option<GuildId>) -> Key {
    Key::id(guild.map_or(0, GuildId::get))
}

/// Most commands of each type in a scope (Application Commands, "Registering a Command").
fn check_counts(commands: &[Command]) -> Result<(), ApiError> {
    let limits = [
        (kind::CHAT, CHAT_COMMANDS_MAX),
        (kind::USER, USER_COMMANDS_MAX),
        (kind::MESSAGE, MESSAGE_COMMANDS_MAX),
        (kind::ENTRY_POINT, ENTRY_POINT_COMMANDS_MAX),
    ];
    let within =
        |(kind, max): &(u8, usize)| commands.iter().filter(|known| known.kind == *kind).count() <= *max;
    if limits.iter().all(within) { Ok(()) } else { Err(ApiError::max_commands()) }
}

//! A command as it is kept and shown ("Application Command Structure").

use std::collections::BTreeMap;

use crate::limits::COMMAND_PERMISSIONS_MAX;
use crate::{ApiError, ApplicationId, CommandId, Form, GenericId, GuildId, Permissions};
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

/// Types of commands.
pub mod kind {
    /// Slash command.
    pub const CHAT: u8 = 1;
    /// In the menu of a user.
    pub const USER: u8 = 2;
    /// In the menu of a message.
    pub const MESSAGE: u8 = 3;
    /// Starts an activity.
    pub const ENTRY_POINT: u8 = 4;
}

/// Types of options.
pub mod option {
    /// A command below a command.
    pub const SUB_COMMAND: u8 = 1;
    /// A group of those.
    pub const SUB_COMMAND_GROUP: u8 = 2;
    /// Text.
    pub const STRING: u8 = 3;
    /// A whole number.
    pub const INTEGER: u8 = 4;
    /// Yes or no.
    pub const BOOLEAN: u8 = 5;
    /// A person or a bot.
    pub const USER: u8 = 6;
    /// A channel.
    pub const CHANNEL: u8 = 7;
    /// A role.
    pub const ROLE: u8 = 8;
    /// A user or a role.
    pub const MENTIONABLE: u8 = 9;
    /// A number.
    pub const NUMBER: u8 = 10;
    /// A file.
    pub const ATTACHMENT: u8 = 11;
}

/// Where commands are available.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// Whose they are.
    pub application: ApplicationId,
    /// The guild, or everywhere.
    pub guild: Option<GuildId>,
}

/// A text in other languages, by locale.
pub type Localizations = BTreeMap<String, String>;

/// A command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    /// Its id.
    pub id: CommandId,
    /// Whose it is.
    pub application_id: ApplicationId,
    /// A snowflake that changes with every change.
    pub version: CommandId,
    /// One of [`kind`].
    #[serde(rename = "type")]
    pub kind: u8,
    /// The guild, for a command of one guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// The name.
    pub name: String,
    /// The name in other languages.
    #[serde(default)]
    pub name_localizations: Option<Localizations>,
    /// The description; empty but for chat commands.
    pub description: String,
    /// The description in other languages.
    #[serde(default)]
    pub description_localizations: Option<Localizations>,
    /// What it takes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<CommandOption>,
    /// Who may use it unless its permissions say otherwise.
    pub default_member_permissions: Option<Permissions>,
    /// Whether it works in DMs; for older libraries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dm_permission: Option<bool>,
    /// Where it works; `None` is everywhere.
    #[serde(default)]
    pub contexts: Option<Vec<u8>>,
    /// How it can be installed.
    #[serde(default)]
    pub integration_types: Vec<u8>,
    /// Whether it is age-restricted.
    #[serde(default)]
    pub nsfw: bool,
}

/// An option of a command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandOption {
    /// One of [`option`].
    #[serde(rename = "type")]
    pub kind: u8,
    /// The name.
    pub name: String,
    /// The name in other languages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_localizations: Option<Localizations>,
    /// The description.
    pub description: String,
    /// The description in other languages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description_localizations: Option<Localizations>,
    /// Whether it must be given.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// What can be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choices: Option<Vec<Choice>>,
    /// Options of a subcommand, subcommands of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<CommandOption>>,
    /// Types of channels that can be chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel_types: Option<Vec<u8>>,
    /// Smallest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_value: Option<Number>,
    /// Largest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_value: Option<Number>,
    /// Shortest text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u16>,
    /// Longest text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u16>,
    /// Whether the application suggests values while one types.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autocomplete: Option<bool>,
}

/// A value that can be chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// As it is shown.
    pub name: String,
    /// As it is shown in other languages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_localizations: Option<Localizations>,
    /// Text or number.
    pub value: Value,
}

impl Command {
    /// The command as a list shows it: without other languages unless they are asked for.
    pub fn view(&self, with_localizations: bool) -> Value {
        // A command is made of maps with string keys and plain values: it always has a JSON form.
        let mut view = serde_json::to_value(self).unwrap_or_default();
        if !with_localizations {
            strip_localizations(&mut view);
        }
        view
    }
}

fn strip_localizations(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.shift_remove("name_localizations");
        fields.shift_remove("description_localizations");
        fields.values_mut().for_each(strip_localizations);
    } else if let Value::Array(list) = value {
        list.iter_mut().for_each(strip_localizations);
    }
}

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
    pub id: GenericId,
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
            let list = f.array("permissions", COMMAND_PERMISSIONS_MAX, |f| {
                let id = f.required("id", f.id("id"));
                let kind = f.required("type", f.choice_u8("type", &[1, 2, 3]));
                let permission = f.required("permission", f.bool("permission"));
                Some(Self { id: id?, kind: kind?, permission: permission? })
            });
            f.required("permissions", list)
        })
    }
}

//! Reading a command from a request.

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::command::{Choice, Command, CommandOption, Localizations, Scope, kind, option};
use crate::limits::{
    CHAT_COMMANDS_MAX, CHOICES_MAX, COMMAND_CHARS_TOTAL_MAX, COMMAND_DESCRIPTION_CHARS, COMMAND_INTEGER_MAX,
    COMMAND_NAME_CHARS, COMMAND_OPTIONS_MAX, ENTRY_POINT_COMMANDS_MAX, MESSAGE_COMMANDS_MAX,
    USER_COMMANDS_MAX,
};
use crate::validate::Named;
use crate::{ApiError, CommandId, Form, FormErrors, Permissions};

const CHOICE_CHARS: std::ops::RangeInclusive<usize> = 1..=100;
/// Commands that one request may name.
const COMMANDS_MAX: usize =
    CHAT_COMMANDS_MAX + USER_COMMANDS_MAX + MESSAGE_COMMANDS_MAX + ENTRY_POINT_COMMANDS_MAX;

/// A command without the ids the server gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Draft {
    kind: u8,
    name: String,
    name_localizations: Option<Localizations>,
    description: String,
    description_localizations: Option<Localizations>,
    options: Vec<CommandOption>,
    default_member_permissions: Option<Permissions>,
    dm_permission: bool,
    contexts: Option<Vec<u8>>,
    integration_types: Vec<u8>,
    nsfw: bool,
}

impl Draft {
    /// Reads a new command.
    ///
    /// # Errors
    /// 400/50035 by field.
    pub fn read(body: &Value) -> Result<Self, ApiError> {
        Form::root(body)?.check(|f| Self::over(f, None))
    }

    /// Reads a change of a command.
    ///
    /// # Errors
    /// 400/50035 by field.
    pub fn edit(body: &Value, command: &Command) -> Result<Self, ApiError> {
        Form::root(body)?.check(|f| Self::over(f, Some(command)))
    }

    /// Reads a list of commands; errors are below the position of theirs (discord.py reads it there).
    ///
    /// # Errors
    /// 400/50035 by position and field.
    pub fn read_list(body: &Value) -> Result<Vec<Self>, ApiError> {
        let Some(list) = body.as_array() else {
            return Err(ApiError::invalid_field(
                "",
                "LIST_TYPE_CONVERT",
                "Only iterables may be used in a ListType",
            ));
        };
        if list.len() > COMMANDS_MAX {
            return Err(ApiError::max_commands());
        }
        let mut errors = FormErrors::new();
        let mut drafts = Vec::with_capacity(list.len());
        for (index, item) in list.iter().enumerate() {
            match Self::read(item) {
                Ok(draft) => drafts.push(draft),
                Err(error) => errors.merge_under(&index.to_string(), error.errors.unwrap_or_default()),
            }
        }
        if errors.is_empty() { Ok(drafts) } else { Err(errors.into()) }
    }

    fn over(f: &Form<'_>, before: Option<&Command>) -> Option<Self> {
        let kind = match before {
            Some(command) => command.kind,
            None => f.choice_u8("type", &[1, 2, 3, 4]).unwrap_or(kind::CHAT),
        };
        let name = match (f.opt("name"), before) {
            (None, Some(command)) => Some(command.name.clone()),
            _ => f.required("name", name(f, kind)),
        };
        let description = match (f.has("description"), before) {
            (false, Some(command)) => Some(command.description.clone()),
            _ => description(f, kind),
        };
        let options = match (f.has("options"), before) {
            (false, Some(command)) => Some(command.options.clone()),
            _ if kind == kind::CHAT => options(f, 0),
            _ => Some(Vec::new()),
        };
        let kept = |field: &str| before.filter(|_| !f.has(field));
        let draft = Self {
            kind,
            name: name?,
            name_localizations: match kept("name_localizations") {
                Some(command) => command.name_localizations.clone(),
                None => localized_names(f, kind == kind::CHAT),
            },
            description: description?,
            description_localizations: match kept("description_localizations") {
                Some(command) => command.description_localizations.clone(),
                None => localized_descriptions(f),
            },
            options: options?,
            default_member_permissions: match kept("default_member_permissions") {
                Some(command) => command.default_member_permissions,
                None => default_permissions(f),
            },
            dm_permission: match kept("dm_permission") {
                Some(command) => command.dm_permission.unwrap_or(true),
                None => f.bool("dm_permission").unwrap_or(true),
            },
            contexts: match kept("contexts") {
                Some(command) => command.contexts.clone(),
                None => numbers(f, "contexts", 2),
            },
            integration_types: match kept("integration_types") {
                Some(command) => command.integration_types.clone(),
                None => numbers(f, "integration_types", 1).unwrap_or_else(|| vec![0]),
            },
            nsfw: match kept("nsfw") {
                Some(command) => command.nsfw,
                None => f.flag("nsfw"),
            },
        };
        if draft.characters() > COMMAND_CHARS_TOTAL_MAX {
            let message = format!("Command exceeds maximum size ({COMMAND_CHARS_TOTAL_MAX})");
            f.error("", "APPLICATION_COMMAND_TOO_LARGE", message);
        }
        Some(draft)
    }

    /// Whether a command has this name and type.
    pub fn is_named_like(&self, command: &Command) -> bool {
        self.kind == command.kind && self.name == command.name
    }

    /// Gives it its ids.
    pub fn into_command(self, scope: Scope, id: CommandId, version: CommandId) -> Command {
        Command {
            id,
            application_id: scope.application,
            version,
            kind: self.kind,
            guild_id: scope.guild,
            name: self.name,
            name_localizations: self.name_localizations,
            description: self.description,
            description_localizations: self.description_localizations,
            options: self.options,
            default_member_permissions: self.default_member_permissions,
            // A guild's commands are not for DMs at all, so it says nothing there.
            dm_permission: scope.guild.is_none().then_some(self.dm_permission),
            contexts: self.contexts,
            integration_types: self.integration_types,
            nsfw: self.nsfw,
        }
    }

    /// Characters of names, descriptions and values. Of a text in several languages the longest counts (Application Commands,
    /// "Slash Commands").
    fn characters(&self) -> usize {
        let name = longest(&self.name, self.name_localizations.as_ref());
        let description = longest(&self.description, self.description_localizations.as_ref());
        name + description + self.options.iter().map(option_characters).sum::<usize>()
    }
}

fn longest(text: &str, localized: Option<&Localizations>) -> usize {
    let others = localized.into_iter().flat_map(|texts| texts.values());
    others.map(|text| text.chars().count()).fold(text.chars().count(), usize::max)
}

fn option_characters(of: &CommandOption) -> usize {
    let own = longest(&of.name, of.name_localizations.as_ref())
        + longest(&of.description, of.description_localizations.as_ref());
    let choices = of.choices.iter().flatten().map(|choice| {
        longest(&choice.name, choice.name_localizations.as_ref())
            + choice.value.as_str().map_or(0, |text| text.chars().count())
    });
    own + choices.sum::<usize>() + of.options.iter().flatten().map(option_characters).sum::<usize>()
}

/// Whether a name has the form of chat commands and options (Application Commands, "Naming").
fn is_name(text: &str) -> bool {
    let allowed = |c: char| {
        c.is_alphanumeric()
            || matches!(c, '-' | '_' | '\'')
            // Signs of the Devanagari and Thai scripts, which are no letters by themselves.
            || matches!(c, '\u{900}'..='\u{97f}' | '\u{e00}'..='\u{e7f}')
    };
    text.chars().all(allowed) && text.to_lowercase() == text
}

fn name(f: &Form<'_>, kind: u8) -> Option<String> {
    if kind != kind::CHAT {
        return f.name("name", Named::Command);
    }
    written_name(f, "name")
}

/// The name of a chat command or of an option.
fn written_name(f: &Form<'_>, field: &str) -> Option<String> {
    let name = f.text(field, COMMAND_NAME_CHARS)?;
    if !is_name(&name) {
        f.error(field, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid");
        return None;
    }
    Some(name)
}

/// Names in other languages follow the rule of the name itself; `is_written` tells those of commands in the box and of options.
fn localized_names(f: &Form<'_>, is_written: bool) -> Option<Localizations> {
    f.localized("name_localizations", |f, locale| match is_written {
        true => written_name(f, locale),
        false => f.name(locale, Named::Command),
    })
}

fn localized_descriptions(f: &Form<'_>) -> Option<Localizations> {
    f.localized("description_localizations", |f, locale| f.lines(locale, COMMAND_DESCRIPTION_CHARS))
}

fn description(f: &Form<'_>, kind: u8) -> Option<String> {
    if kind == kind::CHAT {
        return f.required("description", f.lines("description", COMMAND_DESCRIPTION_CHARS));
    }
    if f.opt("description").and_then(Value::as_str).is_some_and(|text| !text.is_empty())
        && kind != kind::ENTRY_POINT
    {
        let message = "Context menu commands cannot have description";
        f.error("description", "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION_INVALID", message);
    }
    Some(String::new())
}

fn default_permissions(f: &Form<'_>) -> Option<Permissions> {
    if f.opt("default_member_permissions").is_some() {
        return f.permissions("default_member_permissions");
    }
    // Older libraries send a boolean; false means administrators only.
    (f.bool("default_permission") == Some(false)).then(Permissions::empty)
}

/// Reads a list of numbers up to `max`, each once. JDA sends them as texts.
fn numbers(f: &Form<'_>, field: &str, max: u8) -> Option<Vec<u8>> {
    let list = f.list(field, usize::from(max) + 1)?;
    let mut numbers = Vec::with_capacity(list.len());
    for (index, value) in list.iter().enumerate() {
        let number = match value {
            Value::String(text) => text.parse().ok(),
            value => value.as_u64().and_then(|number| u8::try_from(number).ok()),
        };
        match number.filter(|number| *number <= max) {
            Some(number) if !numbers.contains(&number) => numbers.push(number),
            Some(_) => {}
            None => f.error(
                &format!("{field}.{index}"),
                "BASE_TYPE_CHOICES",
                "Value is not one of those allowed.",
            ),
        }
    }
    Some(numbers)
}

/// Options at a depth: groups only at the top, subcommands below a command or a group.
fn options(f: &Form<'_>, depth: usize) -> Option<Vec<CommandOption>> {
    if f.opt("options").is_none() {
        return Some(Vec::new());
    }
    let options = f.array("options", COMMAND_OPTIONS_MAX, |f| read_option(f, depth))?;
    let nests = options.iter().filter(|option| option.kind <= option::SUB_COMMAND_GROUP).count();
    if nests > 0 && nests < options.len() {
        let message =
            "Sub-command and sub-command group option types are mutually exclusive to all other types";
        f.error("options", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", message);
    }
    for (index, later) in options.iter().enumerate() {
        if options[..index].iter().any(|earlier| earlier.name == later.name) {
            let message = "Option name already exists";
            f.error(
                &format!("options.{index}.name"),
                "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS",
                message,
            );
        }
        if later.required && options[..index].iter().any(|earlier| !earlier.required && earlier.kind > 2) {
            let message = "Required options must be placed before non-required options";
            f.error(&format!("options.{index}"), "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message);
        }
    }
    Some(options)
}

fn read_option(f: &Form<'_>, depth: usize) -> Option<CommandOption> {
    let kinds: &[u8] = match depth {
        0 => &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
        // Below a group: subcommands; below a subcommand (depth 2): values.
        1 => &[1],
        _ => &[3, 4, 5, 6, 7, 8, 9, 10, 11],
    };
    let kind = f.required("type", f.choice_u8("type", kinds))?;
    let name = f.required("name", written_name(f, "name"));
    let description = f.required("description", f.lines("description", COMMAND_DESCRIPTION_CHARS));
    let nests = matches!(kind, option::SUB_COMMAND | option::SUB_COMMAND_GROUP);
    let below = match kind {
        option::SUB_COMMAND => Some(options(f, 2)?),
        option::SUB_COMMAND_GROUP => Some(options(f, 1)?),
        _ => None,
    };
    let is_number = matches!(kind, option::INTEGER | option::NUMBER);
    let may_choose = is_number || kind == option::STRING;
    // No choices and none told of are the same: py-cord sends an empty list beside `autocomplete`.
    let choices = if may_choose { choices(f, kind) } else { None }.filter(|choices| !choices.is_empty());
    let autocomplete = if may_choose { f.bool("autocomplete") } else { None };
    if autocomplete == Some(true) && choices.is_some() {
        let message = "Autocomplete may not be set to true if choices are present";
        f.error("autocomplete", "APPLICATION_COMMAND_AUTOCOMPLETE_INVALID", message);
    }
    let length = |field: &str, min: u16| if kind == option::STRING { f.int(field, min..=6000) } else { None };
    let (min_length, max_length) = (length("min_length", 0), length("max_length", 1));
    let bound = |field: &str| if is_number { number(f, field, kind) } else { None };
    let (min_value, max_value) = (bound("min_value"), bound("max_value"));
    in_order(f, ("min_length", min_length.map(f64::from)), ("max_length", max_length.map(f64::from)));
    in_order(
        f,
        ("min_value", min_value.as_ref().and_then(Number::as_f64)),
        ("max_value", max_value.as_ref().and_then(Number::as_f64)),
    );
    Some(CommandOption {
        kind,
        name: name?,
        name_localizations: localized_names(f, true),
        description: description?,
        description_localizations: localized_descriptions(f),
        required: !nests && f.flag("required"),
        choices,
        options: below.filter(|below| !below.is_empty()),
        channel_types: if kind == option::CHANNEL { numbers(f, "channel_types", 16) } else { None },
        min_value,
        max_value,
        min_length,
        max_length,
        autocomplete,
    })
}

/// Refuses bounds between which there is nothing, since nobody could use the command.
fn in_order(f: &Form<'_>, (least, min): (&str, Option<f64>), (most, max): (&str, Option<f64>)) {
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        f.error(least, "NUMBER_TYPE_MAX", format!("{least} cannot be greater than {most}."));
    }
}

/// A bound of a number, in the form it was sent.
fn number(f: &Form<'_>, field: &str, kind: u8) -> Option<Number> {
    f.opt(field)?;
    let max = COMMAND_INTEGER_MAX as f64;
    let value = f.float(field, -max..=max)?;
    if kind == option::INTEGER && value.fract() != 0.0 {
        f.error(field, "NUMBER_TYPE_COERCE", "Value is not int.");
        return None;
    }
    match f.raw(field) {
        _ if kind == option::INTEGER => Some(Number::from(value as i64)),
        Some(Value::Number(number)) => Some(number.clone()),
        _ => Number::from_f64(value),
    }
}

fn choices(f: &Form<'_>, kind: u8) -> Option<Vec<Choice>> {
    f.array("choices", CHOICES_MAX, |f| {
        let name = f.required("name", f.line("name", CHOICE_CHARS));
        let value = match kind {
            option::STRING => f.required("value", f.str("value", CHOICE_CHARS)).map(Value::String),
            _ => f.required("value", number(f, "value", kind)).map(Value::Number),
        };
        let name_localizations = f.localized("name_localizations", |f, locale| f.line(locale, CHOICE_CHARS));
        Some(Choice { name: name?, name_localizations, value: value? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ApplicationId, GuildId};
    use serde_json::json;

    fn refused(body: &Value) -> FormErrors {
        let error = Draft::read(body).unwrap_err();
        assert_eq!((error.status, error.code), (400, 50035));
        error.errors.unwrap()
    }

    fn scope(guild: Option<u64>) -> Scope {
        Scope { application: ApplicationId::new(1), guild: guild.map(GuildId::new) }
    }

    #[test]
    fn a_command_is_shown_with_the_keys_libraries_need() {
        let draft = Draft::read(
            &json!({"name": "echo", "description": "says it again", "name_localizations": {"de": "echo"}}),
        );
        let command = draft.unwrap().into_command(scope(None), CommandId::new(2), CommandId::new(3));
        assert_eq!(
            command.view(false),
            json!({
                "id": "2", "application_id": "1", "version": "3", "type": 1, "name": "echo",
                "description": "says it again", "default_member_permissions": null, "dm_permission": true,
                "contexts": null, "integration_types": [0], "nsfw": false,
            })
        );
        assert_eq!(command.view(true)["name_localizations"], json!({"de": "echo"}));
    }

    #[test]
    fn names_are_lower_case_for_chat_and_free_in_menus() {
        for bad in ["Echo", "two words", "é!", &"x".repeat(33)] {
            assert_eq!(refused(&json!({"name": bad, "description": "x"})).get("name").len(), 1, "{bad}");
        }
        for good in ["écho", "c-3_p'o", "नमस्ते", "ทดสอบ"] {
            assert!(Draft::read(&json!({"name": good, "description": "x"})).is_ok(), "{good}");
        }
        let menu =
            |name: &str| Draft::read(&json!({"name": name, "type": 2, "name_localizations": {"de": name}}));
        let draft = menu(" Two\u{202e} \0Words").unwrap();
        assert_eq!(draft.name, "Two Words", "as names of everything else");
        assert_eq!(draft.name_localizations.unwrap()["de"], "Two Words");
        assert!(menu("\u{200b}\u{2060}").is_err());
        let translated =
            json!({"name": "x", "description": "x", "name_localizations": {"de": "ÄB", "fr": "é"}});
        let errors = refused(&translated);
        assert_eq!(errors.get("name_localizations.de").len(), 1);
        assert!(errors.get("name_localizations.fr").is_empty());
        let option = json!({"type": 3, "name": "o", "description": "d", "name_localizations": {"xx": "o"},
            "choices": [{"name": "a", "value": "a", "name_localizations": {"en": "a"}}]});
        let errors = refused(
            &json!({"name": "x", "description": "x", "description_localizations": {"de": ""}, "options": [option]}),
        );
        for path in [
            "description_localizations.de",
            "options.0.name_localizations.xx",
            "options.0.choices.0.name_localizations.en",
        ] {
            assert_eq!(errors.get(path).len(), 1, "{path}");
        }
        assert_eq!(refused(&json!({"name": "x"})).get("description")[0].code, "BASE_TYPE_REQUIRED");
        let described = json!({"name": "x", "type": 3, "description": "no"});
        assert_eq!(refused(&described).get("description").len(), 1);
    }

    #[test]
    fn no_choices_are_the_same_as_an_empty_list_of_them() {
        let typed = json!({"type": 3, "name": "n", "description": "d", "autocomplete": true, "choices": []});
        let draft = Draft::read(&json!({"name": "c", "description": "d", "options": [typed]})).unwrap();
        assert_eq!((&draft.options[0].choices, draft.options[0].autocomplete), (&None, Some(true)));
    }

    #[test]
    fn bounds_of_options_are_in_order() {
        let command = |option: Value| json!({"name": "c", "description": "d", "options": [option]});
        let number = json!({"type": 4, "name": "n", "description": "d", "min_value": 5, "max_value": 1});
        assert_eq!(refused(&command(number)).get("options.0.min_value")[0].code, "NUMBER_TYPE_MAX");
        let text = json!({"type": 3, "name": "n", "description": "d", "min_length": 5, "max_length": 1});
        assert_eq!(refused(&command(text)).get("options.0.min_length")[0].code, "NUMBER_TYPE_MAX");
    }

    #[test]
    fn options_nest_group_subcommand_value_and_no_deeper() {
        let value = json!({"type": 4, "name": "n", "description": "d", "min_value": 1, "max_value": 5});
        let sub = |options: Value| json!({"type": 1, "name": "s", "description": "d", "options": options});
        let group = |options: Value| json!({"type": 2, "name": "g", "description": "d", "options": options});
        let command = |options: Value| json!({"name": "c", "description": "d", "options": options});
        let draft = Draft::read(&command(json!([group(json!([sub(json!([value]))]))]))).unwrap();
        let nested = draft.options[0].options.as_ref().unwrap()[0].options.as_ref().unwrap();
        assert_eq!(nested[0].min_value, Some(1.into()));
        let deep = refused(&command(json!([group(json!([group(json!([]))]))])));
        assert_eq!(deep.get("options.0.options.0.type")[0].code, "BASE_TYPE_CHOICES");
        let late = json!([
            {"type": 3, "name": "a", "description": "d"},
            {"type": 3, "name": "b", "description": "d", "required": true},
            {"type": 3, "name": "b", "description": "d"},
        ]);
        let errors = refused(&command(late));
        assert_eq!(errors.get("options.1").len(), 1);
        assert_eq!(errors.get("options.2.name").len(), 1);
    }

    #[test]
    fn numbers_may_come_as_texts() {
        // As JDA sends them.
        let draft = Draft::read(&json!({
            "name": "c", "description": "d", "contexts": ["0", "1"], "integration_types": ["0"],
            "options": [{"type": "4", "name": "n", "description": "d", "min_value": "1"}],
        }))
        .unwrap();
        assert_eq!((draft.contexts, draft.integration_types), (Some(vec![0, 1]), vec![0]));
        assert_eq!(draft.options[0].min_value, Some(1.into()));
        let wrong = refused(&json!({"name": "c", "description": "d", "contexts": ["x", "7"]}));
        assert_eq!((wrong.get("contexts.0").len(), wrong.get("contexts.1").len()), (1, 1));
    }

    #[test]
    fn subcommands_and_values_do_not_mix() {
        let mixed = json!([{"type": 1, "name": "s", "description": "d"}, {"type": 3, "name": "t", "description": "d"}]);
        let errors = refused(&json!({"name": "c", "description": "d", "options": mixed}));
        assert_eq!(errors.get("options")[0].code, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID");
    }

    #[test]
    fn errors_of_a_list_are_below_the_position() {
        let list = json!([{"name": "ok", "description": "d"}, {"name": "Bad", "description": "d"}]);
        let errors = Draft::read_list(&list).unwrap_err().errors.unwrap();
        assert_eq!(errors.get("1.name").len(), 1);
        assert!(Draft::read_list(&json!({})).is_err());
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name() {
        let draft = Draft::read(
            &json!({"name": "a", "description": "d", "nsfw": true, "default_member_permissions": "8"}),
        );
        let command = draft.unwrap().into_command(scope(Some(5)), CommandId::new(2), CommandId::new(3));
        assert_eq!(command.dm_permission, None);
        let edited =
            Draft::edit(&json!({"description": "e", "default_member_permissions": null}), &command).unwrap();
        assert_eq!((edited.name.as_str(), edited.description.as_str(), edited.nsfw), ("a", "e", true));
        assert_eq!(edited.default_member_permissions, None);
    }

    #[test]
    fn a_command_has_eight_thousand_characters_at_most() {
        let choices: Vec<_> =
            (0..25).map(|n| json!({"name": format!("{n:0100}"), "value": format!("{n:0100}")})).collect();
        let of = |name: &str| json!({"type": 3, "name": name, "description": "d", "choices": choices});
        let body = json!({"name": "c", "description": "d", "options": [of("a"), of("b")]});
        assert_eq!(refused(&body).get("")[0].code, "APPLICATION_COMMAND_TOO_LARGE");
        let translated: Vec<_> = (0..25)
            .map(|n| json!({"name": n.to_string(), "value": "v", "name_localizations": {"de": format!("{n:0100}")}}))
            .collect();
        let of =
            |n: usize| json!({"type": 3, "name": format!("o{n}"), "description": "d", "choices": translated});
        let of_many =
            |n| json!({"name": "c", "description": "d", "options": (0..n).map(of).collect::<Vec<_>>()});
        assert!(Draft::read(&of_many(3)).is_ok());
        let errors = refused(&of_many(4));
        assert_eq!(
            errors.get("")[0].code,
            "APPLICATION_COMMAND_TOO_LARGE",
            "the longest of all languages counts"
        );
    }
}

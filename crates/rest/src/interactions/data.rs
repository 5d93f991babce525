//! The `data` of an interaction: what the client sent, checked, and the things its ids stand for.

use std::collections::BTreeSet;

use consort_model::{ApiError, CommandId, Member, Message, MessageId, Permissions, UserId};
use consort_rpc::{Caller, guild, message};
use serde_json::{Map, Value, json};

use super::context::{Context, InGuild, read};
use crate::commands::Scope;
use crate::commands::model::{Command, kind};
use crate::commands::permissions::Overwrite;
use crate::{App, Auth, Failure};

/// Ids that one interaction may name.
const RESOLVED_MAX: usize = 75;
/// Options of one level.
const OPTIONS_MAX: usize = 25;

fn id_of(value: &Value) -> Option<u64> {
    value.as_str().and_then(|text| text.parse().ok()).or_else(|| value.as_u64())
}

/// Ids in options by type: 6 user, 7 channel, 8 role, 9 user or role.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    users: BTreeSet<u64>,
    roles: BTreeSet<u64>,
    channels: BTreeSet<u64>,
}

impl Wanted {
    fn add(&mut self, kind: u64, value: &Value) {
        let Some(id) =
            id_of(value).filter(|_| self.users.len() + self.roles.len() + self.channels.len() < RESOLVED_MAX)
        else {
            return;
        };
        match kind {
            6 => drop(self.users.insert(id)),
            7 => drop(self.channels.insert(id)),
            8 => drop(self.roles.insert(id)),
            9 => {
                self.users.insert(id);
                self.roles.insert(id);
            }
            _ => {}
        }
    }
}

/// Checks the form of options, at most three levels deep, and gathers ids.
fn check_options(options: &Value, path: &str, depth: usize, wanted: &mut Wanted) -> Result<(), ApiError> {
    let wrong = || ApiError::invalid_field(path, "BASE_TYPE_BAD_TYPE", "The options are malformed.");
    let Some(list) = options.as_array().filter(|list| list.len() <= OPTIONS_MAX && depth < 3) else {
        return Err(wrong());
    };
    for option in list {
        let kind = option["type"].as_u64().filter(|kind| (1..=11).contains(kind)).ok_or_else(wrong)?;
        if !option["name"].is_string() {
            return Err(wrong());
        }
        if kind <= 2 {
            if let Some(below) = option.get("options") {
                check_options(below, path, depth + 1, wanted)?;
            }
        } else {
            wanted.add(kind, &option["value"]);
        }
    }
    Ok(())
}

/// Whether somebody may use a command: the guild's overwrites first, then the command's own default ("Application Command
/// Permissions").
fn may_use(context: &Context, command: &Command, overwrites: &[Overwrite]) -> bool {
    let Some(InGuild { guild, member }) = &context.guild else { return true };
    if context.permissions.is_admin() || guild.owner_id == context.user.id {
        return true;
    }
    let of = |kind: u8, id: u64| {
        overwrites.iter().find(|o| o.kind == kind && o.id.get() == id).map(|o| o.permission)
    };
    // One less than the guild's id stands for all channels.
    let channel = of(3, context.channel.id.get()).or_else(|| of(3, guild.id.get() - 1));
    if channel == Some(false) {
        return false;
    }
    let roles: Vec<bool> = member.roles.iter().filter_map(|role| of(1, role.get())).collect();
    let by_role = if roles.is_empty() { None } else { Some(roles.contains(&true)) };
    let decided = of(2, context.user.id.get()).or(by_role).or_else(|| of(1, guild.id.get()));
    decided.unwrap_or_else(|| match command.default_member_permissions {
        None => true,
        Some(needed) => !needed.is_empty() && context.permissions.contains(needed),
    })
}

/// The data of a command that is used or typed.
///
/// # Errors
/// 404/10063 when there is no such command, 403/50013 when the person may not use it.
pub async fn of_command(
    app: &App,
    auth: &Auth,
    context: &Context,
    sent: &Value,
) -> Result<(Value, Command), Failure> {
    let id = id_of(&sent["id"]).map(CommandId::new).ok_or_else(ApiError::unknown_command)?;
    let command = find(app, context, id).await?;
    let overwrites = match context.guild_id() {
        Some(guild) => app.permissions_of_command(context.application.id, guild, id).await.ok(),
        None => None,
    };
    let overwrites = overwrites.map(|row| row.permissions).unwrap_or_default();
    if !context.permissions.contains(Permissions::USE_APPLICATION_COMMANDS)
        || !may_use(context, &command, &overwrites)
    {
        return Err(Failure(ApiError::missing_permissions()));
    }
    let mut data = json!({"id": command.id, "name": command.name, "type": command.kind});
    if let Some(guild) = command.guild_id {
        data["guild_id"] = json!(guild);
    }
    let mut wanted = Wanted::default();
    if let Some(options) = sent.get("options").filter(|options| !options.is_null()) {
        check_options(options, "data.options", 0, &mut wanted)?;
        data["options"] = options.clone();
    }
    let mut resolved = Map::new();
    if command.kind != kind::CHAT {
        let required =
            || ApiError::invalid_field("data.target_id", "BASE_TYPE_REQUIRED", "This field is required");
        let target = id_of(&sent["target_id"]).ok_or_else(required)?;
        data["target_id"] = json!(target.to_string());
        if command.kind == kind::USER {
            wanted.users.insert(target);
        } else {
            let op = message::Op::Get { message: MessageId::new(target) };
            let found = app.call_message(context.channel.id, auth.caller(), op).await??;
            let found: Message = read(&found)?;
            resolved.insert("messages".to_owned(), json!({target.to_string(): found}));
        }
    }
    resolve(app, auth, context, &wanted, &mut resolved).await;
    if !resolved.is_empty() {
        data["resolved"] = Value::Object(resolved);
    }
    Ok((data, command))
}

async fn find(app: &App, context: &Context, id: CommandId) -> Result<Command, Failure> {
    let application = context.application.id;
    if let Some(guild) = context.guild_id()
        && let Ok(command) = app.command(Scope { application, guild: Some(guild) }, id).await
    {
        return Ok(command);
    }
    app.command(Scope { application, guild: None }, id).await
}

/// Looks up what the person can see of the ids; what it cannot see is left out.
async fn resolve(
    app: &App,
    auth: &Auth,
    context: &Context,
    wanted: &Wanted,
    resolved: &mut Map<String, Value>,
) {
    let (mut users, mut members, mut roles, mut channels) = (Map::new(), Map::new(), Map::new(), Map::new());
    for id in &wanted.users {
        let Ok(account) = app.account(UserId::new(*id)).await else { continue };
        users.insert(id.to_string(), json!(account.current.user));
        let Some(guild) = context.guild_id() else { continue };
        let op = guild::Op::Member(guild::member::Op::Get { user: UserId::new(*id) });
        if let Ok(answer) = app.guilds.call(guild.get(), auth.caller(), op).await
            && let Ok(member) = read::<Member>(&answer)
        {
            members.insert(id.to_string(), partial_member(context, UserId::new(*id), &member));
        }
    }
    if let Some(InGuild { guild, .. }) = &context.guild {
        for role in guild.roles.iter().filter(|role| wanted.roles.contains(&role.id.get())) {
            roles.insert(role.id.to_string(), json!(role));
        }
        for id in &wanted.channels {
            let op =
                guild::Op::Channel(guild::channel::Op::Get { channel: consort_model::ChannelId::new(*id) });
            if let Ok(answer) = app.guilds.call(guild.id.get(), auth.caller(), op).await
                && let Ok(mut channel) = read::<Value>(&answer)
            {
                channel["permissions"] = json!(context.permissions);
                channels.insert(id.to_string(), channel);
            }
        }
    }
    for (name, map) in [("users", users), ("members", members), ("roles", roles), ("channels", channels)] {
        if !map.is_empty() {
            resolved.insert(name.to_owned(), Value::Object(map));
        }
    }
}

/// A member without what stands beside it, with its guild-wide rights.
fn partial_member(context: &Context, user: UserId, member: &Member) -> Value {
    let mut shown = json!(member);
    if let Some(fields) = shown.as_object_mut() {
        for beside in ["user", "deaf", "mute"] {
            fields.shift_remove(beside);
        }
    }
    if let Some(InGuild { guild, .. }) = &context.guild {
        let of = |id| guild.roles.iter().find(|r| r.id == id).map_or(Permissions::empty(), |r| r.permissions);
        let roles = member.roles.iter().map(|role| of(*role));
        let base =
            consort_model::permissions::compute_base(guild.owner_id == user, of(guild.id.cast()), roles);
        shown["permissions"] = json!(base);
    }
    shown
}

/// The component of a message with a custom id, wherever it nests.
fn find_component<'a>(components: &'a Value, custom_id: &str) -> Option<&'a Value> {
    match components {
        Value::Array(list) => list.iter().find_map(|component| find_component(component, custom_id)),
        Value::Object(fields) => {
            if fields.get("custom_id").and_then(Value::as_str) == Some(custom_id) {
                return Some(components);
            }
            fields
                .values()
                .filter(|value| value.is_array() || value.is_object())
                .find_map(|below| find_component(below, custom_id))
        }
        _ => None,
    }
}

/// The data of a component that is used.
///
/// # Errors
/// 400/50035 when the message has no such component, or it cannot be used.
pub async fn of_component(
    app: &App,
    auth: &Auth,
    context: &Context,
    message: &Value,
    sent: &Value,
) -> Result<Value, Failure> {
    let wrong =
        || ApiError::invalid_field("data", "COMPONENT_VALIDATION_FAILED", "Component validation failed");
    let custom_id = sent["custom_id"].as_str().ok_or_else(wrong)?;
    let component = find_component(&message["components"], custom_id).ok_or_else(wrong)?;
    if component["disabled"] == true {
        return Err(Failure(wrong()));
    }
    let kind = component["type"].as_u64().ok_or_else(wrong)?;
    let mut data = json!({"custom_id": custom_id, "component_type": kind, "id": component["id"]});
    let mut resolved = Map::new();
    if kind != 2 {
        let values = sent.get("values").cloned().unwrap_or_else(|| json!([]));
        let list = values.as_array().filter(|list| list.len() <= OPTIONS_MAX).ok_or_else(wrong)?;
        let offered = component["options"].as_array();
        let mut wanted = Wanted::default();
        for value in list {
            let is_offered = |offered: &Vec<Value>| offered.iter().any(|option| option["value"] == *value);
            if kind == 3 && !offered.is_some_and(is_offered) {
                return Err(Failure(wrong()));
            }
            // 5 user, 6 role, 7 mentionable, 8 channel; options call them 6, 8, 9, 7.
            match kind {
                5 => wanted.add(6, value),
                6 => wanted.add(8, value),
                7 => wanted.add(9, value),
                8 => wanted.add(7, value),
                _ => {}
            }
        }
        resolve(app, auth, context, &wanted, &mut resolved).await;
        data["values"] = values;
    }
    if !resolved.is_empty() {
        data["resolved"] = Value::Object(resolved);
    }
    Ok(data)
}

/// The message whose component is used, as the person sees it.
///
/// # Errors
/// 404/10008 when it cannot be seen or is not the application's.
pub async fn source(app: &App, auth: &Auth, context: &Context, id: MessageId) -> Result<Value, Failure> {
    let message = match app.ephemeral(id, auth.user_id()).await? {
        Some(message) => message,
        None => {
            let op = message::Op::Get { message: id };
            read(&app.call_message(context.channel.id, auth.caller(), op).await??)?
        }
    };
    let application = context.application.id.to_string();
    let is_own = message["author"]["id"] == application || message["application_id"] == application;
    if is_own { Ok(message) } else { Err(Failure(ApiError::unknown_message())) }
}

/// The caller for what an application does with its own account.
pub fn bot(application: consort_model::ApplicationId) -> Caller {
    Caller { application: Some(application), ..Caller::user(application.cast(), true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_checked_and_their_ids_gathered_by_type() {
        let mut wanted = Wanted::default();
        let options = json!([{"type": 1, "name": "s", "options": [
            {"type": 6, "name": "u", "value": "5"}, {"type": 9, "name": "m", "value": "6"},
            {"type": 3, "name": "t", "value": "7"},
        ]}]);
        check_options(&options, "o", 0, &mut wanted).unwrap();
        assert_eq!(wanted.users, BTreeSet::from([5, 6]));
        assert_eq!(wanted.roles, BTreeSet::from([6]));
        for wrong in
            [json!({}), json!([{"name": "x"}]), json!([{"type": 99, "name": "x"}]), json!([{"type": 3}])]
        {
            assert!(check_options(&wrong, "o", 0, &mut wanted).is_err(), "{wrong}");
        }
    }

    #[test]
    fn components_are_found_wherever_they_nest() {
        let components = json!([{"type": 17, "components": [{"type": 1, "components": [{"type": 2, "custom_id": "go"}]}]}]);
        assert_eq!(find_component(&components, "go").unwrap()["type"], 2);
        assert!(find_component(&components, "stop").is_none());
    }
}

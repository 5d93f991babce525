//! The `data` of an interaction: what the client sent, held against what the application declared, sent or showed, and the
//! things its ids stand for.

use std::collections::BTreeMap;

use consort_model::request::message::CreateMessage;
use consort_model::request::modal::Modal;
use consort_model::{ApiError, Attachment, CommandId, Message, MessageId, Permissions};
use consort_rpc::{Caller, message};
use serde_json::{Map, Value, json};

use super::context::{Asking, Context, InGuild, read};
use super::modal;
use super::named::{Findings, What, id_of};
use super::options::{self, Purpose};
use super::resolved::resolve;
use super::select;
use crate::files::{Kept, take_files};
use crate::{App, Auth, Failure, UploadedFile};
use consort_model::command::{Command, Overwrite, Scope, kind};

/// What the client sent of an interaction.
pub struct Sent<'a> {
    /// The `data` of the request.
    pub data: &'a Value,
    /// The files beside it.
    pub files: Vec<UploadedFile>,
}

/// Whether somebody may use a command: the guild's overwrites first, then the command's own default ("Application Command
/// Permissions").
fn may_use(context: &Context, command: &Command, overwrites: &[Overwrite]) -> bool {
    let Some(InGuild { guild, member, .. }) = &context.guild else { return true };
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

/// Whether a command is there for such a place: 0 guilds, 1 direct messages with its bot ("Interaction Contexts").
fn is_available(context: &Context, command: &Command) -> bool {
    let here = if context.guild.is_some() { 0 } else { 1 };
    match &command.contexts {
        Some(contexts) => contexts.contains(&here),
        None => here == 0 || command.dm_permission.unwrap_or(command.guild_id.is_none()),
    }
}

/// Data under construction.
#[derive(Default)]
struct Draft {
    data: Value,
    /// What was looked up before the rest.
    resolved: Map<String, Value>,
    found: Findings,
}

impl Asking<'_> {
    /// The data of a command that is used or typed.
    ///
    /// # Errors
    /// 404/10063 when there is no such command there, 403/50013 when the person may not use it, 400/50035 by field for what
    /// does not fit the command.
    pub async fn command(self, sent: Sent<'_>, purpose: Purpose) -> Result<(Value, Command), Failure> {
        let Self { app, context, .. } = self;
        let id = id_of(&sent.data["id"]).map(CommandId::new).ok_or_else(ApiError::unknown_command)?;
        let command = find(app, context, id).await?;
        if !is_available(context, &command) {
            return Err(Failure(ApiError::unknown_command()));
        }
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
        let data = json!({"id": command.id, "name": command.name, "type": command.kind});
        let mut draft = Draft { data, ..Draft::default() };
        if let Some(guild) = command.guild_id {
            draft.data["guild_id"] = json!(guild);
        }
        if command.kind == kind::CHAT {
            let options = sent.data.get("options");
            let fitted = options::fit(options, &command.options, purpose, &mut draft.found);
            if !fitted.is_empty() {
                draft.data["options"] = Value::Array(fitted);
            }
        } else if purpose == Purpose::Complete {
            draft.found.wrong("type", "BASE_TYPE_CHOICES", "The command has no options to complete.");
        } else {
            self.target(&command, sent.data, &mut draft).await?;
        }
        Ok((self.finish(sent, draft, purpose == Purpose::Use).await?, command))
    }

    /// What a command of a menu was used on.
    async fn target(self, command: &Command, sent: &Value, draft: &mut Draft) -> Result<(), Failure> {
        let Some(target) = id_of(&sent["target_id"]) else {
            draft.found.missing("data.target_id");
            return Ok(());
        };
        draft.data["target_id"] = json!(target.to_string());
        if command.kind == kind::USER {
            draft.found.name("data.target_id", What::User, &sent["target_id"]);
            return Ok(());
        }
        let op = message::Op::Get { message: MessageId::new(target) };
        let found = self.app.call_message(self.context.channel.id, self.auth.caller(), op).await??;
        let found: Message = read(&found)?;
        draft.resolved.insert("messages".to_owned(), json!({target.to_string(): found}));
        Ok(())
    }

    /// The data of a component that is used.
    ///
    /// # Errors
    /// 400/50035 when the message has no such component, it cannot be used, or the values do not fit it.
    pub async fn component(self, message: &Value, sent: Sent<'_>) -> Result<Value, Failure> {
        let wrong = || {
            let message = "Component validation failed";
            ApiError::invalid_field("data.custom_id", "COMPONENT_VALIDATION_FAILED", message)
        };
        let custom_id = sent.data["custom_id"].as_str().ok_or_else(wrong)?;
        let component = find_component(&message["components"], custom_id).ok_or_else(wrong)?;
        if component["disabled"] == true {
            return Err(Failure(wrong()));
        }
        let mut found = Findings::default();
        let data = select::used(component, sent.data, &mut found);
        let draft = Draft { data, found, ..Draft::default() };
        self.finish(sent, draft, true).await
    }

    /// The data of a form that is sent.
    ///
    /// # Errors
    /// 400/50035 by field for what does not fit the form that was shown.
    pub async fn form(self, modal: &Modal, sent: Sent<'_>) -> Result<Value, Failure> {
        let mut found = Findings::default();
        let components = modal::submit(modal, &sent.data["components"], &mut found);
        let data = json!({"custom_id": modal.custom_id, "components": components});
        let draft = Draft { data, found, ..Draft::default() };
        self.finish(sent, draft, true).await
    }

    /// Looks up what the data names. Of what is only typed, what cannot be found is left out.
    async fn finish(self, sent: Sent<'_>, draft: Draft, strict: bool) -> Result<Value, Failure> {
        let Draft { mut data, mut resolved, mut found } = draft;
        if found.errors.is_empty() {
            resolve(self, &mut found, strict, &mut resolved).await?;
        }
        if !found.errors.is_empty() {
            return Err(found.errors.into());
        }
        let files = self.files(sent, &found).await?;
        if !files.is_empty() {
            place_files(&mut data, &files);
            let files: Map<_, _> = files.values().map(|file| (file.id.to_string(), json!(file))).collect();
            resolved.insert("attachments".to_owned(), Value::Object(files));
        }
        if !resolved.is_empty() {
            data["resolved"] = Value::Object(resolved);
        }
        Ok(data)
    }

    /// Stores the files that the data names; by the numbers it names them by.
    async fn files(self, sent: Sent<'_>, found: &Findings) -> Result<BTreeMap<String, Attachment>, Failure> {
        let named = || found.named.iter().filter(|named| named.what == What::File);
        if named().next().is_none() {
            return Ok(BTreeMap::new());
        }
        let below = |error: ApiError| {
            let mut errors = consort_model::FormErrors::new();
            errors.merge_under("data", error.errors.unwrap_or_default());
            errors
        };
        let said = json!({"attachments": sent.data["attachments"]});
        let said = CreateMessage::parse(&said).map_err(below)?.attachments.unwrap_or_default();
        let mut errors = consort_model::FormErrors::new();
        for missing in named().filter(|named| !said.iter().any(|said| said.id == named.id)) {
            errors.push(&missing.path, "ATTACHMENT_NOT_FOUND", "The attachment has no file.");
        }
        if !errors.is_empty() {
            return Err(errors.into());
        }
        let said: Vec<_> = said.into_iter().filter(|said| named().any(|named| named.id == said.id)).collect();
        let files: Vec<_> =
            sent.files.into_iter().filter(|file| said.iter().any(|said| said.id == file.index)).collect();
        let taken = take_files(files, &said).map_err(below)?;
        // Nobody takes them: they are swept when the interaction is over.
        let mut kept = Kept::default();
        let of = (self.context.channel.id, self.context.user.id);
        let files = kept.put_files(self.app, of, taken).await?;
        let shown = files.into_iter().map(|mut file| {
            self.app.cdn.links().show_attachment(self.app.now_ms(), &mut file);
            Attachment { ephemeral: true, ..file }
        });
        Ok(said.iter().map(|said| said.id.to_string()).zip(shown).collect())
    }
}

/// Puts the ids of stored files where the data names them by number: options of type 11, inputs of type 19.
fn place_files(data: &mut Value, files: &BTreeMap<String, Attachment>) {
    let place = |value: &mut Value| {
        if let Some(file) = value.as_str().and_then(|number| files.get(number)) {
            *value = json!(file.id);
        }
    };
    match data {
        Value::Array(list) => list.iter_mut().for_each(|below| place_files(below, files)),
        Value::Object(fields) => {
            match fields.get("type").and_then(Value::as_u64) {
                Some(11) => fields.get_mut("value").into_iter().for_each(place),
                Some(19) => {
                    let values = fields.get_mut("values").and_then(Value::as_array_mut);
                    values.into_iter().flatten().for_each(place);
                }
                _ => {}
            }
            for name in ["options", "components", "component"] {
                if let Some(below) = fields.get_mut(name) {
                    place_files(below, files);
                }
            }
        }
        _ => {}
    }
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

/// The message whose component is used, as the person sees it.
///
/// # Errors
/// 404/10008 when it cannot be seen or is not the application's.
pub async fn source(app: &App, auth: &Auth, context: &Context, id: MessageId) -> Result<Value, Failure> {
    let message = match app.ephemeral(context.application.id, id, auth.user_id()).await? {
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
    fn components_are_found_wherever_they_nest() {
        let components = json!([{"type": 17, "components": [{"type": 1, "components": [{"type": 2, "custom_id": "go"}]}]}]);
        assert_eq!(find_component(&components, "go").unwrap()["type"], 2);
        assert!(find_component(&components, "stop").is_none());
    }
}

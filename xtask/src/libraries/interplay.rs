//! Steps in which the person acts and the bot answers: commands, components, forms, events, and a connection that is cut.

use super::stage::{Miss, Outcome, Stage};
use super::steps::{Step, expect, wrong};
use serde_json::{Value, json};

/// All of them, in the order they are taken.
pub const STEPS: &[Step] = &[
    Step("commands", commands),
    Step("slash", slash),
    Step("deferred", deferred),
    Step("autocomplete", autocomplete),
    Step("button", button),
    Step("select", select),
    Step("modal", modal),
    Step("hear_edit", hear_edit),
    Step("hear_delete", hear_delete),
    Step("hear_reaction", hear_reaction),
    Step("hear_typing", hear_typing),
    Step("hear_role", hear_role),
    Step("hear_channel", hear_channel),
    Step("hear_thread", hear_thread),
    Step("resume", resume),
];
/// The flag of a message that only says that an answer will come.
const LOADING: u64 = 1 << 7;
/// The commands of every bot.
const COMMANDS: [&str; 5] = ["echo", "fruit", "slow", "panel", "form"];

/// Interacts as the web client does.
fn interact(stage: &Stage, kind: u8, message: Option<&Value>, data: Value) -> Outcome {
    let mut body = json!({
        "type": kind,
        "application_id": stage.bot().application,
        "guild_id": stage.world().guild,
        "channel_id": stage.world().channel,
        "data": data,
    });
    if let Some(message) = message {
        body["message_id"] = message["id"].clone();
    }
    stage.owner("POST", "/interactions", Some(body)).map(drop).map_err(Miss::Fail)
}

/// A registered command.
fn command(stage: &Stage, name: &str) -> Result<Value, Miss> {
    let path = format!("/guilds/{}/application-command-index", stage.world().guild);
    let index = stage.get(&path)?;
    let commands = index["application_commands"].as_array().cloned().unwrap_or_default();
    let found = commands
        .iter()
        .find(|command| command["name"] == name && command["application_id"] == stage.bot().application);
    found.cloned().ok_or_else(|| wrong(&format!("no command {name} among"), &json!(commands)))
}

/// Uses a command, with one option or none.
fn invoke(stage: &Stage, kind: u8, name: &str, option: Option<Value>) -> Outcome {
    let command = command(stage, name)?;
    let options: Vec<Value> = option.into_iter().collect();
    let data = json!({"id": command["id"], "name": name, "type": 1, "version": command["version"], "options": options});
    interact(stage, kind, None, data)
}

/// The bot's next message with this text.
fn answered(stage: &Stage, from: usize, content: &str) -> Result<Value, Miss> {
    let is_it = |message: &Value| message["content"] == content && message["author"]["id"] == stage.bot().id;
    let fitting = stage.told(from, "MESSAGE_CREATE", is_it);
    fitting.map_err(|_| Miss::Fail(format!("no answer {content:?}{}", errors(stage))))
}

/// What the bot last said of an error.
fn errors(stage: &Stage) -> String {
    let last = stage.said.since(0).into_iter().rev().find(|line| line.starts_with("error "));
    last.map(|line| format!("; the bot said: {line}")).unwrap_or_default()
}

fn commands(stage: &Stage) -> Outcome {
    stage.ask("commands")?;
    COMMANDS.iter().try_for_each(|name| command(stage, name).map(drop))
}

fn slash(stage: &Stage) -> Outcome {
    let from = stage.told.len();
    invoke(stage, 2, "echo", Some(json!({"type": 3, "name": "text", "value": "hi"})))?;
    let answer = answered(stage, from, "echo hi")?;
    expect(answer["interaction_metadata"]["user"]["id"] == stage.world().owner.id, "whose it is", &answer)?;
    answered(stage, from, "followed").map(drop)
}

fn deferred(stage: &Stage) -> Outcome {
    let from = stage.told.len();
    invoke(stage, 2, "slow", None)?;
    let of_bot = |message: &Value| message["author"]["id"] == stage.bot().id;
    let promise = stage.told(from, "MESSAGE_CREATE", of_bot)?;
    let is_loading = promise["flags"].as_u64().is_some_and(|flags| flags & LOADING != 0);
    expect(is_loading, "the promise of an answer", &promise)?;
    let is_it = |message: &Value| message["id"] == promise["id"] && message["content"] == "slow done";
    let answer = stage.told(from, "MESSAGE_UPDATE", is_it);
    let answer = answer.map_err(|_| Miss::Fail(format!("the promise is not kept{}", errors(stage))))?;
    expect(answer["flags"] == 0 && answer["edited_timestamp"].is_null(), "the answer", &answer)
}

fn autocomplete(stage: &Stage) -> Outcome {
    let from = stage.told.len();
    let typed = json!({"type": 3, "name": "name", "value": "ap", "focused": true});
    invoke(stage, 4, "fruit", Some(typed))?;
    let choices = stage.told(from, "APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE", |_| true)?;
    let names: Vec<&str> = choices["choices"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|choice| choice["name"].as_str())
        .collect();
    expect(names == ["apple", "apricot"], "choices", &choices)?;
    invoke(stage, 2, "fruit", Some(json!({"type": 3, "name": "name", "value": "apple"})))?;
    answered(stage, from, "fruit apple").map(drop)
}

/// Opens the panel and returns its message and its component of a kind.
fn panel(stage: &Stage, kind: u8) -> Result<(Value, Value), Miss> {
    let from = stage.told.len();
    invoke(stage, 2, "panel", None)?;
    let message = answered(stage, from, "panel")?;
    let rows = message["components"].as_array().cloned().unwrap_or_default();
    let inner = rows.iter().flat_map(|row| row["components"].as_array().cloned().unwrap_or_default());
    let component = inner.into_iter().find(|component| component["type"] == kind);
    component
        .map(|component| (message.clone(), component))
        .ok_or_else(|| wrong("components", &message["components"]))
}

fn button(stage: &Stage) -> Outcome {
    let (message, button) = panel(stage, 2)?;
    let from = stage.told.len();
    interact(stage, 3, Some(&message), json!({"component_type": 2, "custom_id": button["custom_id"]}))?;
    let is_it = |update: &Value| update["id"] == message["id"] && update["content"] == "pressed";
    stage
        .told(from, "MESSAGE_UPDATE", is_it)
        .map(drop)
        .map_err(|reason| Miss::Fail(format!("{reason}{}", errors(stage))))
}

fn select(stage: &Stage) -> Outcome {
    let (message, select) = panel(stage, 3)?;
    let from = stage.told.len();
    let data = json!({"component_type": 3, "custom_id": select["custom_id"], "values": ["red"]});
    interact(stage, 3, Some(&message), data)?;
    let answer = answered(stage, from, "chose red")?;
    expect(answer["flags"].as_u64().is_some_and(|flags| flags & 64 != 0), "is not ephemeral", &answer)
}

/// The fields of a form, in rows or labels, filled in.
fn filled(form: &Value) -> Vec<Value> {
    let fill = |field: &Value| json!({"type": field["type"], "id": field["id"], "custom_id": field["custom_id"], "value": "words"});
    let place = |row: &Value| match row["component"].is_object() {
        true => json!({"type": row["type"], "id": row["id"], "component": fill(&row["component"])}),
        false => json!({"type": row["type"], "id": row["id"], "components": [fill(&row["components"][0])]}),
    };
    form["components"].as_array().into_iter().flatten().map(place).collect()
}

fn modal(stage: &Stage) -> Outcome {
    let from = stage.told.len();
    invoke(stage, 2, "form", None)?;
    let form = stage
        .told(from, "INTERACTION_MODAL_CREATE", |_| true)
        .map_err(|reason| Miss::Fail(format!("{reason}{}", errors(stage))))?;
    let data = json!({"id": form["id"], "custom_id": form["custom_id"], "components": filled(&form)});
    interact(stage, 5, None, data)?;
    answered(stage, from, "form words").map(drop)
}

fn hear_edit(stage: &Stage) -> Outcome {
    let heard = stage.said.len();
    let message = stage.say("before")?;
    let path = path_of(&message);
    stage.owner("PATCH", &path, Some(json!({"content": "after"})))?;
    stage.heard(heard, "edit after")
}

fn hear_delete(stage: &Stage) -> Outcome {
    let heard = stage.said.len();
    let message = stage.say("short-lived")?;
    stage.heard(heard, "message short-lived")?;
    stage.owner("DELETE", &path_of(&message), None)?;
    stage.heard(heard, &format!("deletion {}", message["id"].as_str().unwrap_or_default()))
}

fn hear_reaction(stage: &Stage) -> Outcome {
    let heard = stage.said.len();
    let message = stage.say("react")?;
    stage.owner("PUT", &format!("{}/reactions/%F0%9F%91%80/@me", path_of(&message)), None)?;
    stage.heard(heard, "reaction 👀")
}

fn hear_typing(stage: &Stage) -> Outcome {
    let heard = stage.said.len();
    stage.owner("POST", &format!("/channels/{}/typing", stage.world().channel), None)?;
    stage.heard(heard, &format!("typing {}", stage.world().owner.id))
}

fn hear_role(stage: &Stage) -> Outcome {
    let heard = stage.said.len();
    stage.owner("POST", &format!("/guilds/{}/roles", stage.world().guild), Some(json!({"name": "news"})))?;
    stage.heard(heard, "role news")
}

fn hear_channel(stage: &Stage) -> Outcome {
    let heard = stage.said.len();
    stage.api.channel(&stage.world().owner.token, &stage.world().guild, "news")?;
    stage.heard(heard, "channel news")
}

fn hear_thread(stage: &Stage) -> Outcome {
    let heard = stage.said.len();
    let path = format!("/channels/{}/threads", stage.world().channel);
    stage.owner("POST", &path, Some(json!({"name": "talked", "type": 11})))?;
    stage.heard(heard, "thread talked")
}

/// Cuts every connection, speaks meanwhile, and looks that the session goes on with nothing missed and nothing twice.
fn resume(stage: &Stage) -> Outcome {
    let heard = stage.said.len();
    stage.proxy.cut();
    let lost = ["lost 1", "lost 2", "lost 3"];
    let spoken: Result<Vec<Value>, String> = lost.iter().map(|text| stage.say(text)).collect();
    stage.proxy.release();
    spoken?;
    lost.iter().try_for_each(|text| stage.heard(heard, &format!("message {text}")))?;
    stage.ask("history")?;
    let since = stage.said.since(heard);
    let came: Vec<&str> = since.iter().filter_map(|line| line.strip_prefix("heard message ")).collect();
    let mut came: Vec<&str> = came.into_iter().filter(|text| text.starts_with("lost")).collect();
    // some libraries handle what comes at once in any order
    came.sort_unstable();
    expect(came == lost, "came after the cut", &json!(came))?;
    expect(!since.iter().any(|line| line == "ready"), "began a new session", &json!(since))
}

fn path_of(message: &Value) -> String {
    let text = |key: &str| message[key].as_str().unwrap_or_default().to_owned();
    format!("/channels/{}/messages/{}", text("channel_id"), text("id"))
}

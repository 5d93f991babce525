//! Bodies that other services send to webhooks, as messages.

use consort_model::ApiError;
use serde_json::{Value, json};

/// Commits of a push that are listed.
const COMMITS_MAX: usize = 10;
/// Characters kept of a text of somebody else.
const TEXT_CHARS: usize = 500;

/// Slack: `text`, `username`, and `attachments` as embeds.
///
/// # Errors
/// 400/50109 when the `payload` field is no JSON.
pub(crate) fn from_slack(body: &Value) -> Result<Value, ApiError> {
    let payload;
    // Older senders put the JSON in a form field.
    let body = match body.get("payload").and_then(Value::as_str) {
        Some(text) => {
            payload = serde_json::from_str::<Value>(text).map_err(|_| ApiError::invalid_json())?;
            &payload
        }
        None => body,
    };
    let attachments =
        body.get("attachments").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut message = json!({"embeds": attachments.iter().take(10).map(slack_embed).collect::<Vec<_>>()});
    for (ours, theirs) in [("content", "text"), ("username", "username"), ("thread_name", "thread_name")] {
        if let Some(text) = body.get(theirs).filter(|text| text.is_string()) {
            message[ours] = text.clone();
        }
    }
    Ok(message)
}

fn slack_embed(attachment: &Value) -> Value {
    let text = |name: &str| attachment.get(name).filter(|text| text.is_string()).cloned();
    let fields = attachment.get("fields").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let fields: Vec<_> = fields
        .iter()
        .map(|field| json!({"name": field["title"], "value": field["value"], "inline": field["short"] == true}))
        .collect();
    let color = attachment["color"]
        .as_str()
        .and_then(|text| u32::from_str_radix(text.trim_start_matches('#'), 16).ok());
    let mut embed = json!({"fields": fields});
    let named = [("title", "title"), ("url", "title_link"), ("description", "text")];
    for (ours, value) in named.into_iter().filter_map(|(ours, theirs)| Some((ours, text(theirs)?))) {
        embed[ours] = value;
    }
    if let Some(name) = text("author_name") {
        embed["author"] = json!({"name": name, "url": text("author_link")});
    }
    if let Some(footer) = text("footer") {
        embed["footer"] = json!({"text": footer});
    }
    if let Some(color) = color {
        embed["color"] = json!(color);
    }
    embed
}

/// GitHub: what happened, as an embed. `None` for events and actions that are passed over.
pub(crate) fn from_github(event: &str, body: &Value) -> Option<Value> {
    let action = body["action"].as_str().unwrap_or_default();
    let (title, url, description) = match event {
        "push" => push(body)?,
        "issues" | "pull_request" => about(event, action, body)?,
        "issue_comment" | "commit_comment" | "pull_request_review_comment" if action == "created" => {
            let thing = body.get("issue").or_else(|| body.get("pull_request"));
            let title = match thing {
                Some(thing) => format!("New comment on #{}: {}", thing["number"], text(&thing["title"])),
                None => "New comment on a commit".to_owned(),
            };
            (title, body["comment"]["html_url"].clone(), text(&body["comment"]["body"]))
        }
        "pull_request_review" if action == "submitted" => {
            let pull = &body["pull_request"];
            let title =
                format!("Pull request review submitted: #{} {}", pull["number"], text(&pull["title"]));
            (title, body["review"]["html_url"].clone(), text(&body["review"]["body"]))
        }
        "create" => {
            let title = format!("New {} created: {}", text(&body["ref_type"]), text(&body["ref"]));
            (title, Value::Null, String::new())
        }
        "delete" => {
            let title = format!("{} deleted: {}", text(&body["ref_type"]), text(&body["ref"]));
            (title, Value::Null, String::new())
        }
        "fork" => {
            let fork = &body["forkee"];
            (format!("Fork created: {}", text(&fork["full_name"])), fork["html_url"].clone(), String::new())
        }
        "release" if action == "published" => {
            let release = &body["release"];
            let name =
                [&release["name"], &release["tag_name"]].into_iter().map(text).find(|name| !name.is_empty());
            (
                format!("New release published: {}", name.unwrap_or_default()),
                release["html_url"].clone(),
                String::new(),
            )
        }
        "watch" if action == "started" => ("New star added".to_owned(), Value::Null, String::new()),
        _ => return None,
    };
    let repository = &body["repository"];
    let url = if url.is_null() { repository["html_url"].clone() } else { url };
    let sender = &body["sender"];
    let title: String = format!("[{}] {title}", text(&repository["full_name"])).chars().take(256).collect();
    Some(json!({"username": "GitHub", "embeds": [{
        "title": title, "url": link(&url), "description": description,
        "author": {"name": text(&sender["login"]), "url": link(&sender["html_url"])},
    }]}))
}

fn push(body: &Value) -> Option<(String, Value, String)> {
    let commits = body["commits"].as_array().filter(|commits| !commits.is_empty())?;
    let branch = text(&body["ref"]);
    let branch = branch.strip_prefix("refs/heads/").unwrap_or(&branch).to_owned();
    let lines: Vec<_> = commits
        .iter()
        .take(COMMITS_MAX)
        .map(|commit| {
            let id: String = text(&commit["id"]).chars().take(7).collect();
            let message = text(&commit["message"]);
            let first: String = message.lines().next().unwrap_or_default().chars().take(60).collect();
            format!("[`{id}`]({}) {first} - {}", text(&commit["url"]), text(&commit["author"]["name"]))
        })
        .collect();
    let plural = if commits.len() == 1 { "" } else { "s" };
    Some((
        format!("{} new commit{plural} on {branch}", commits.len()),
        body["compare"].clone(),
        lines.join("\n"),
    ))
}

fn about(event: &str, action: &str, body: &Value) -> Option<(String, Value, String)> {
    if !matches!(action, "opened" | "closed" | "reopened") {
        return None;
    }
    let (name, thing) = match event {
        "issues" => ("Issue", &body["issue"]),
        _ => ("Pull request", &body["pull_request"]),
    };
    let words = if action == "opened" { text(&thing["body"]) } else { String::new() };
    let title = format!("{name} {action}: #{} {}", thing["number"], text(&thing["title"]));
    Some((title, thing["html_url"].clone(), words))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().chars().take(TEXT_CHARS).collect()
}

/// A link to the web, or null.
fn link(value: &Value) -> Value {
    let web = value.as_str().is_some_and(|url| url.starts_with("https://") || url.starts_with("http://"));
    if web { value.clone() } else { Value::Null }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slack_bodies_become_messages() {
        let body = json!({"text": "hi", "username": "bot", "icon_url": "x", "attachments": [
            {"title": "T", "title_link": "https://a.example", "text": "words", "color": "#36a64f",
             "fields": [{"title": "a", "value": "b", "short": true}], "footer": "f"},
        ]});
        assert_eq!(
            from_slack(&body).unwrap(),
            json!({"content": "hi", "username": "bot", "embeds": [{
                "title": "T", "url": "https://a.example", "description": "words", "color": 0x36_a64f,
                "fields": [{"name": "a", "value": "b", "inline": true}], "footer": {"text": "f"},
            }]})
        );
        let wrapped = json!({"payload": "{\"text\": \"hi\"}"});
        assert_eq!(from_slack(&wrapped).unwrap()["content"], "hi");
    }

    #[test]
    fn github_events_become_embeds_and_unknown_ones_nothing() {
        let repository = json!({"full_name": "a/b", "html_url": "https://github.example/a/b"});
        let sender = json!({"login": "ada", "html_url": "https://github.example/ada"});
        let push = json!({
            "ref": "refs/heads/main", "compare": "https://github.example/c", "repository": repository,
            "sender": sender,
            "commits": [{"id": "0123456789", "message": "one\n\nmore", "url": "https://x", "author": {"name": "Ada"}}],
        });
        let embed = &from_github("push", &push).unwrap()["embeds"][0];
        assert_eq!(embed["title"], "[a/b] 1 new commit on main");
        assert_eq!(embed["description"], "[`0123456`](https://x) one - Ada");
        let issue = json!({
            "action": "opened", "issue": {"number": 7, "title": "t", "body": "words", "html_url": "https://i"},
            "repository": repository, "sender": sender,
        });
        let embed = &from_github("issues", &issue).unwrap()["embeds"][0];
        assert_eq!(
            (&embed["title"], &embed["url"]),
            (&"[a/b] Issue opened: #7 t".into(), &"https://i".into())
        );
        assert_eq!(from_github("issues", &json!({"action": "labeled"})), None);
        assert_eq!(from_github("ping", &json!({})), None);
    }
}

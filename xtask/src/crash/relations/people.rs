//! Further relations that go round: blocks, groups, and what people do with a message.

use super::cycle::{Change, Cycle, Look, Sides, call, relation};
use crate::api::{Api, User, text};
use serde_json::{Value, json};

/// The emoji of reactions, as it stands in a path.
const EMOJI: &str = "%F0%9F%91%8D";

/// A friend is blocked, which ends the friendship for both, and is a stranger afterwards.
pub(super) fn blocks(one: User, other: User) -> Cycle {
    let to = |user: &User| format!("/users/@me/relationships/{}", user.id);
    let states = vec![
        (call("DELETE", to(&other), &one.token, None), ("none", "none")),
        (call("PUT", to(&other), &one.token, Some(json!({}))), ("asked", "is asked")),
        (call("PUT", to(&one), &other.token, Some(json!({}))), ("friends", "friends")),
        (call("PUT", to(&other), &one.token, Some(json!({"type": 2}))), ("blocked", "none")),
    ];
    let look: Look = Box::new(move |api| {
        Ok((relation(api, &one.token, &other.id)?, relation(api, &other.token, &one.id)?))
    });
    Cycle::new("blocks", states, look)
}

/// The only group of somebody, as they see it.
fn group(api: &Api, user: &User) -> Result<Option<Value>, String> {
    let list = api.ok("GET", "/users/@me/channels", &user.token, None)?;
    let mut groups = list.as_array().into_iter().flatten().filter(|one| one["type"] == 3).cloned();
    let first = groups.next();
    match groups.next() {
        Some(second) => Err(format!("{} is in two groups: {first:?} and {second}", user.id)),
        None => Ok(first),
    }
}

/// A change of the group that somebody is in.
fn of_group(
    method: &'static str,
    by: &User,
    path: impl Fn(&str) -> String + Send + 'static,
    body: Option<Value>,
) -> Change {
    let by = by.clone();
    Box::new(move |api| {
        let group = group(api, &by)?.ok_or_else(|| format!("{} is in no group", by.id))?;
        api.ok(method, &path(&text(&group, "id")?), &by.token, body.clone()).map(drop)
    })
}

/// A group is made of three friends, renamed; one is taken out, taken in again and leaves, as do the others.
///
/// # Errors
/// When they cannot be made friends.
pub(super) fn groups(api: &Api, owner: User, other: User, third: User) -> Result<Cycle, String> {
    for friend in [&other, &third] {
        api.ok("PUT", &format!("/users/@me/relationships/{}", friend.id), &owner.token, Some(json!({})))?;
        api.ok("PUT", &format!("/users/@me/relationships/{}", owner.id), &friend.token, Some(json!({})))?;
    }
    let channel = |id: &str| format!("/channels/{id}");
    let place = format!("recipients/{}", other.id);
    let (taken, given) = (place.clone(), place);
    let made = json!({"recipients": [other.id, third.id]});
    let named = Some(json!({"name": "named"}));
    let states = vec![
        (of_group("DELETE", &owner, channel, None), ("none", "none")),
        (call("POST", "/users/@me/channels".to_owned(), &owner.token, Some(made)), ("2 others", "2 others")),
        (of_group("PATCH", &owner, channel, named), ("2 others, named", "2 others, named")),
        (
            of_group("DELETE", &owner, move |id| format!("/channels/{id}/{taken}"), None),
            ("1 others, named", "none"),
        ),
        (
            of_group("PUT", &owner, move |id| format!("/channels/{id}/{given}"), None),
            ("2 others, named", "2 others, named"),
        ),
        (of_group("DELETE", &other, channel, None), ("1 others, named", "none")),
        (of_group("DELETE", &third, channel, None), ("0 others, named", "none")),
    ];
    let look: Look = Box::new(move |api| {
        let side = |user: &User| {
            let Some(group) = group(api, user)? else { return Ok::<_, String>("none".to_owned()) };
            let others = group["recipients"].as_array().map_or(0, Vec::len);
            let name = if group["name"] == "named" { ", named" } else { "" };
            Ok(format!("{others} others{name}"))
        };
        Ok((side(&owner)?, side(&other)?))
    });
    Ok(Cycle::new("groups", states, look))
}

/// A message is pinned, reacted to, changed, and all that is taken back.
///
/// # Errors
/// When the message cannot be sent.
pub(super) fn message(api: &Api, owner: User, reader: User, channel: &str) -> Result<Cycle, String> {
    let path = format!("/channels/{channel}/messages");
    let sent = api.ok("POST", &path, &owner.token, Some(json!({"content": "first"})))?;
    let id = text(&sent, "id")?;
    let message = format!("{path}/{id}");
    let pin = format!("{path}/pins/{id}");
    let reaction = format!("{message}/reactions/{EMOJI}");
    let own = format!("{reaction}/@me");
    let says = |content: &str| Some(json!({ "content": content }));
    let states = vec![
        (call("PATCH", message.clone(), &owner.token, says("first")), ("first", "")),
        (call("PUT", pin.clone(), &owner.token, None), ("first pinned", "pinned ")),
        (call("PUT", own.clone(), &reader.token, None), ("first pinned 1", "pinned reacted ")),
        (
            call("PATCH", message.clone(), &owner.token, says("second")),
            ("second pinned 1", "pinned reacted "),
        ),
        (call("DELETE", own, &reader.token, None), ("second pinned", "pinned ")),
        (call("DELETE", pin, &owner.token, None), ("second", "")),
    ];
    let pins = format!("{path}/pins");
    let look: Look = Box::new(move |api| {
        let shown = api.ok("GET", &message, &reader.token, None)?;
        let mut own = text(&shown, "content")?;
        if shown["pinned"] == true {
            own += " pinned";
        }
        if let Some(count) = shown["reactions"][0]["count"].as_u64() {
            own += &format!(" {count}");
        }
        let pinned = api.ok("GET", &pins, &reader.token, None)?;
        let pinned = pinned["items"].as_array().into_iter().flatten().any(|one| one["message"]["id"] == *id);
        let reacted = api.ok("GET", &reaction, &owner.token, None)?;
        let reacted = reacted.as_array().into_iter().flatten().any(|user| user["id"] == *reader.id);
        let elsewhere = [(pinned, "pinned "), (reacted, "reacted ")];
        let elsewhere = elsewhere.into_iter().filter(|(is_so, _)| *is_so).map(|(_, word)| word).collect();
        Ok::<Sides, String>((own, elsewhere))
    });
    Ok(Cycle::new("message", states, look))
}

//! What the person asks a bot to do, and how the person sees that it was done. Every bot knows the same steps.

use super::stage::{Miss, Outcome, Stage};
use serde_json::{Value, json};

/// A step: its name and what the person does and looks for.
pub struct Step(pub &'static str, pub fn(&Stage) -> Outcome);

/// All of them, in the order they are taken.
pub const STEPS: &[Step] = &[
    Step("cache", cache),
    Step("message", message),
    Step("delete", delete),
    Step("reply", reply),
    Step("embed", embed),
    Step("attachment", attachment),
    Step("reaction", reaction),
    Step("pin", pin),
    Step("thread", thread),
    Step("forum", forum),
    Step("poll", poll),
    Step("webhook", webhook),
    Step("history", history),
    Step("dm", dm),
    Step("role", role),
    Step("channel", channel),
    Step("overwrite", overwrite),
    Step("nick", nick),
    Step("timeout", timeout),
    Step("invite", invite),
    Step("emoji", emoji),
    Step("sticker", sticker),
    Step("chunk", chunk),
    Step("presence", presence),
    Step("typing", typing),
    Step("voice", voice),
    Step("kick", kick),
    Step("ban", ban),
    Step("unban", unban),
    Step("audit", audit),
];

/// The error of something that is not as it should be.
pub fn wrong(what: &str, value: &Value) -> Miss {
    Miss::Fail(format!("{what}: {value}").chars().take(300).collect())
}

/// Fails unless `holds`.
pub fn expect(holds: bool, what: &str, value: &Value) -> Outcome {
    if holds { Ok(()) } else { Err(wrong(what, value)) }
}

/// The newest message of the bot that fits.
fn found(stage: &Stage, what: &str, fits: impl Fn(&Value) -> bool) -> Result<Value, Miss> {
    let messages = stage.messages()?;
    let own =
        |message: &&Value| message["author"]["id"] == stage.bot().id || !message["webhook_id"].is_null();
    let found = messages.iter().filter(own).find(|message| fits(message));
    found.cloned().ok_or_else(|| {
        wrong(&format!("no message with {what}"), &messages.first().cloned().unwrap_or_default())
    })
}

/// The newest message of the owner that asks for a step.
fn asking(stage: &Stage, step: &str) -> Result<Value, Miss> {
    let messages = stage.messages()?;
    let found = messages.iter().find(|message| message["content"] == format!("!{step}"));
    found.cloned().ok_or_else(|| Miss::Fail("the question is gone".to_owned()))
}

fn list_has(list: &Value, fits: impl Fn(&Value) -> bool) -> bool {
    list.as_array().is_some_and(|list| list.iter().any(fits))
}

/// Members, channels, roles and emojis as the library holds them after GUILD_CREATE and chunking.
fn cache(stage: &Stage) -> Outcome {
    let guild = &stage.world().guild;
    let count = |path: &str| {
        let list = stage.get(&format!("/guilds/{guild}/{path}"))?;
        Ok::<_, String>(list.as_array().map_or(0, Vec::len))
    };
    let expected = format!(
        "members={} channels={} roles={} emojis={}",
        count("members?limit=100")?,
        count("channels")?,
        count("roles")?,
        count("emojis")?
    );
    let detail = stage.ask("cache")?;
    expect(detail == expected, &format!("cached is {detail}, there are"), &json!(expected))
}

fn message(stage: &Stage) -> Outcome {
    stage.ask("message")?;
    let message = found(stage, "the edited text", |message| message["content"] == "edited")?;
    expect(!message["edited_timestamp"].is_null(), "no time of the edit", &message)
}

fn delete(stage: &Stage) -> Outcome {
    let from = stage.told.len();
    stage.ask("delete")?;
    let gone = stage.told(from, "MESSAGE_CREATE", |message| message["content"] == "gone")?;
    stage.told(from, "MESSAGE_DELETE", |message| message["id"] == gone["id"]).map(drop).map_err(Miss::Fail)
}

fn reply(stage: &Stage) -> Outcome {
    stage.ask("reply")?;
    let asked = asking(stage, "reply")?;
    let message = found(stage, "the reply", |message| message["content"] == "replied")?;
    expect(message["message_reference"]["message_id"] == asked["id"], "replies to nothing", &message)
}

fn embed(stage: &Stage) -> Outcome {
    stage.ask("embed")?;
    let message = found(stage, "an embed", |message| message["embeds"][0]["title"] == "title")?;
    let embed = &message["embeds"][0];
    let is_whole = embed["description"] == "described"
        && embed["color"] == 0x0033_6699
        && embed["fields"][0]["name"] == "name"
        && embed["fields"][0]["value"] == "value";
    expect(is_whole, "embed", embed)
}

fn attachment(stage: &Stage) -> Outcome {
    stage.ask("attachment")?;
    let message = found(stage, "a file", |message| message["attachments"][0]["filename"] == "hello.txt")?;
    expect(message["attachments"][0]["size"] == 5, "size", &message["attachments"])
}

fn reaction(stage: &Stage) -> Outcome {
    stage.ask("reaction")?;
    let asked = asking(stage, "reaction")?;
    let own = |name: &str| list_has(&asked["reactions"], |reaction| reaction["emoji"]["name"] == name);
    expect(own("👍") && own("given"), "reactions", &asked["reactions"])
}

fn pin(stage: &Stage) -> Outcome {
    stage.ask("pin")?;
    let asked = asking(stage, "pin")?;
    expect(asked["pinned"] == true, "is not pinned", &asked)
}

fn thread(stage: &Stage) -> Outcome {
    stage.ask("thread")?;
    let asked = asking(stage, "thread")?;
    expect(asked["thread"]["name"] == "thread", "has no thread", &asked)?;
    let id = asked["thread"]["id"].as_str().unwrap_or_default();
    let inside = stage.get(&format!("/channels/{id}/messages"))?;
    expect(list_has(&inside, |message| message["content"] == "in thread"), "in the thread", &inside)
}

fn forum(stage: &Stage) -> Outcome {
    stage.ask("forum")?;
    let active = stage.get(&format!("/guilds/{}/threads/active", stage.world().guild))?;
    let threads = active["threads"].as_array().cloned().unwrap_or_default();
    let post =
        threads.iter().find(|thread| thread["parent_id"] == stage.places.forum && thread["name"] == "post");
    let post = post.ok_or_else(|| wrong("no post among", &active["threads"]))?;
    let first = stage.get(&format!("/channels/{}/messages", post["id"].as_str().unwrap_or_default()))?;
    expect(list_has(&first, |message| message["content"] == "first"), "first message", &first)
}

fn poll(stage: &Stage) -> Outcome {
    stage.ask("poll")?;
    let message = found(stage, "a poll", |message| message["poll"]["question"]["text"] == "which")?;
    expect(message["poll"]["answers"].as_array().map(Vec::len) == Some(2), "answers", &message["poll"])
}

fn webhook(stage: &Stage) -> Outcome {
    stage.ask("webhook")?;
    let message = found(stage, "the webhook's text", |message| message["content"] == "hooked")?;
    expect(message["author"]["username"] == "hook", "author", &message["author"])
}

fn history(stage: &Stage) -> Outcome {
    let detail = stage.ask("history")?;
    expect(detail == "3", "read of the last three messages", &json!(detail))
}

fn dm(stage: &Stage) -> Outcome {
    let from = stage.told.len();
    stage.ask("dm")?;
    let message = stage.told(from, "MESSAGE_CREATE", |message| message["content"] == "direct")?;
    expect(message["guild_id"].is_null(), "not a direct message", &message)
}

/// True when the audit log has an entry of the bot with this reason.
fn reasoned(stage: &Stage, kind: u8, reason: &str) -> Outcome {
    let path = format!("/guilds/{}/audit-logs?action_type={kind}", stage.world().guild);
    let log = stage.get(&path)?;
    let has = list_has(&log["audit_log_entries"], |entry| {
        entry["reason"] == reason && entry["user_id"] == stage.bot().id
    });
    expect(has, &format!("no reason {reason:?} in the audit log"), &log["audit_log_entries"])
}

fn role(stage: &Stage) -> Outcome {
    stage.ask("role")?;
    let roles = stage.get(&format!("/guilds/{}/roles", stage.world().guild))?;
    let made = roles.as_array().and_then(|roles| roles.iter().find(|role| role["name"] == "made anew"));
    let made = made.ok_or_else(|| wrong("no renamed role", &roles))?;
    expect(made["color"] == 0x0033_6699, "colour", made)?;
    let member =
        stage.get(&format!("/guilds/{}/members/{}", stage.world().guild, stage.world().member.id))?;
    expect(list_has(&member["roles"], |role| *role == made["id"]), "the member lacks it", &member["roles"])?;
    reasoned(stage, 30, "because roles")
}

fn channel(stage: &Stage) -> Outcome {
    stage.ask("channel")?;
    let channels = stage.get(&format!("/guilds/{}/channels", stage.world().guild))?;
    let made = list_has(&channels, |channel| channel["name"] == "made" && channel["topic"] == "about");
    expect(made, "no channel with its topic", &channels)?;
    reasoned(stage, 10, "because channels")
}

fn overwrite(stage: &Stage) -> Outcome {
    stage.ask("overwrite")?;
    let channel = stage.get(&format!("/channels/{}", stage.world().channel))?;
    let denied = list_has(&channel["permission_overwrites"], |overwrite| {
        overwrite["id"] == stage.world().member.id && overwrite["deny"] == "64"
    });
    expect(denied, "overwrites", &channel["permission_overwrites"])
}

fn nick(stage: &Stage) -> Outcome {
    stage.ask("nick")?;
    let member =
        stage.get(&format!("/guilds/{}/members/{}", stage.world().guild, stage.world().member.id))?;
    expect(member["nick"] == "nicked", "nick", &member["nick"])
}

fn timeout(stage: &Stage) -> Outcome {
    stage.ask("timeout")?;
    let member =
        stage.get(&format!("/guilds/{}/members/{}", stage.world().guild, stage.world().member.id))?;
    expect(!member["communication_disabled_until"].is_null(), "is not timed out", &member)?;
    reasoned(stage, 24, "because late")
}

fn invite(stage: &Stage) -> Outcome {
    let code = stage.ask("invite")?;
    let invite = stage.get(&format!("/invites/{code}"))?;
    expect(invite["channel"]["id"] == stage.world().channel, "invite", &invite)
}

fn emoji(stage: &Stage) -> Outcome {
    stage.ask("emoji")?;
    let emojis = stage.get(&format!("/guilds/{}/emojis", stage.world().guild))?;
    expect(list_has(&emojis, |emoji| emoji["name"] == "made"), "emojis", &emojis)
}

fn sticker(stage: &Stage) -> Outcome {
    stage.ask("sticker")?;
    let stickers = stage.get(&format!("/guilds/{}/stickers", stage.world().guild))?;
    expect(list_has(&stickers, |sticker| sticker["name"] == "made"), "stickers", &stickers)
}

fn chunk(stage: &Stage) -> Outcome {
    let members = stage.get(&format!("/guilds/{}/members?limit=100", stage.world().guild))?;
    let count = members.as_array().map_or(0, Vec::len);
    let detail = stage.ask("chunk")?;
    expect(detail == count.to_string(), &format!("of {count} members came"), &json!(detail))
}

fn presence(stage: &Stage) -> Outcome {
    let from = stage.told.len();
    stage.ask("presence")?;
    let is_it = |presence: &Value| {
        presence["user"]["id"] == stage.bot().id
            && presence["status"] == "dnd"
            && presence["activities"][0]["name"] == "chess"
    };
    stage.told(from, "PRESENCE_UPDATE", is_it).map(drop).map_err(Miss::Fail)
}

fn typing(stage: &Stage) -> Outcome {
    let from = stage.told.len();
    stage.ask("typing")?;
    stage
        .told(from, "TYPING_START", |typing| typing["user_id"] == stage.bot().id)
        .map(drop)
        .map_err(Miss::Fail)
}

fn voice(stage: &Stage) -> Outcome {
    let from = stage.told.len();
    stage.ask("voice")?;
    let is_it =
        |state: &Value| state["user_id"] == stage.bot().id && state["channel_id"] == stage.places.voice;
    stage.told(from, "VOICE_STATE_UPDATE", is_it).map(drop).map_err(Miss::Fail)
}

/// Lets the person join whom the next steps turn out, unless a library that cannot do so left them in.
fn joined(stage: &Stage) -> Outcome {
    let world = stage.world();
    let path = format!("/guilds/{}/members/{}", world.guild, world.outsider.id);
    if stage.api.call("GET", &path, &world.owner.token, None)?.0 == 200 {
        return Ok(());
    }
    let from = stage.told.len();
    let heard = stage.said.len();
    stage.api.join(&world.owner, &world.channel, &world.outsider)?;
    stage.told(from, "GUILD_MEMBER_ADD", |member| member["user"]["id"] == world.outsider.id)?;
    stage.heard(heard, &format!("join {}", world.outsider.id))
}

fn is_out(stage: &Stage) -> Outcome {
    let path = format!("/guilds/{}/members/{}", stage.world().guild, stage.world().outsider.id);
    let (status, body) = stage.api.call("GET", &path, &stage.world().owner.token, None)?;
    expect(status == 404, "is still a member", &body)
}

fn kick(stage: &Stage) -> Outcome {
    joined(stage)?;
    let heard = stage.said.len();
    stage.ask("kick")?;
    is_out(stage)?;
    stage.heard(heard, &format!("leave {}", stage.world().outsider.id))?;
    reasoned(stage, 20, "because rude")
}

fn ban(stage: &Stage) -> Outcome {
    joined(stage)?;
    stage.ask("ban")?;
    is_out(stage)?;
    let bans = stage.get(&format!("/guilds/{}/bans", stage.world().guild))?;
    let banned = list_has(&bans, |ban| {
        ban["user"]["id"] == stage.world().outsider.id && ban["reason"] == "because spam"
    });
    expect(banned, "bans", &bans)?;
    reasoned(stage, 22, "because spam")
}

fn unban(stage: &Stage) -> Outcome {
    stage.ask("unban")?;
    let bans = stage.get(&format!("/guilds/{}/bans", stage.world().guild))?;
    expect(bans == json!([]), "bans", &bans)
}

/// The library reads the whole audit log, with what the steps before left in it.
fn audit(stage: &Stage) -> Outcome {
    let detail = stage.ask("audit")?;
    let names = detail.split(' ').any(|word| word == stage.world().outsider.id);
    expect(names, "the entry of the ban names nobody", &json!(detail))
}

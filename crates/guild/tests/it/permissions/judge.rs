//! Every dispatch and every read, judged by the rules: what is told too much, and what is missing.

use std::collections::{BTreeMap, BTreeSet};

use consort_model::Intents;
use consort_rpc::guild::{Op, automod, channel, member, settings, thread, voice};
use consort_rpc::message;
use serde_json::Value;

use super::acts::USERS;
use super::rules::{
    AUDIT_LOG, BAN, HISTORY, MANAGE_GUILD, MANAGE_THREADS, NO_ACCESS, NONSENSE, Reasons, Rules,
};
use crate::client::Client;
use crate::world::{Dispatch, FakeSession, Session, World};

/// Threads that are read at a time.
const THREADS_READ: usize = 4;

/// What is wrong.
pub type Verdict = Result<(), String>;

/// Refuses when something does not hold.
macro_rules! hold {
    ($holds:expr, $($text:tt)*) => {
        if !$holds {
            return Err(format!($($text)*));
        }
    };
}

pub fn number(value: &Value) -> Option<u64> {
    value.as_str()?.parse().ok()
}

pub fn ids(list: &Value) -> BTreeSet<u64> {
    list.as_array().into_iter().flatten().filter_map(|item| number(&item["id"])).collect()
}

/// The intent that an event needs (Gateway page, List of Intents).
fn intent(name: &str) -> Intents {
    match name {
        "VOICE_SERVER_UPDATE" | "GUILD_MEMBER_LIST_UPDATE" => Intents::empty(),
        _ if name.starts_with("GUILD_MEMBER_") => Intents::GUILD_MEMBERS,
        _ if name.starts_with("GUILD_BAN_") => Intents::GUILD_MODERATION,
        "GUILD_AUDIT_LOG_ENTRY_CREATE" => Intents::GUILD_MODERATION,
        _ if name.starts_with("GUILD_SCHEDULED_EVENT_") => Intents::GUILD_SCHEDULED_EVENTS,
        _ if name.starts_with("AUTO_MODERATION_RULE_") => Intents::AUTO_MODERATION_CONFIGURATION,
        "GUILD_EMOJIS_UPDATE" | "GUILD_STICKERS_UPDATE" => Intents::GUILD_EXPRESSIONS,
        _ if name.starts_with("GUILD_SOUNDBOARD_") => Intents::GUILD_EXPRESSIONS,
        _ if name.starts_with("MESSAGE_REACTION_") => Intents::GUILD_MESSAGE_REACTIONS,
        _ if name.starts_with("MESSAGE_") => Intents::GUILD_MESSAGES,
        "TYPING_START" => Intents::GUILD_MESSAGE_TYPING,
        "VOICE_STATE_UPDATE" | "VOICE_CHANNEL_EFFECT_SEND" => Intents::GUILD_VOICE_STATES,
        "THREAD_MEMBERS_UPDATE" => Intents::GUILD_MEMBERS,
        _ => Intents::GUILDS,
    }
}

/// Channels and threads that a dispatch tells of.
fn places(name: &str, d: &Value) -> Vec<u64> {
    match name {
        "THREAD_LIST_SYNC" => ids(&d["threads"]).into_iter().collect(),
        _ if name.starts_with("CHANNEL_") || name.starts_with("THREAD_") => {
            number(&d["id"]).into_iter().collect()
        }
        _ => number(&d["channel_id"]).into_iter().collect(),
    }
}

/// Whether a dispatch is about the user itself, who gets it whatever its intents.
fn own(name: &str, d: &Value, user: u64) -> bool {
    let me = |value: &Value| number(value) == Some(user);
    match name {
        "GUILD_MEMBER_UPDATE" => me(&d["user"]["id"]),
        "VOICE_STATE_UPDATE" => me(&d["user_id"]),
        "THREAD_MEMBERS_UPDATE" => {
            let added = d["added_members"].as_array().into_iter().flatten().map(|own| &own["user_id"]);
            let removed = d["removed_member_ids"].as_array().into_iter().flatten();
            added.chain(removed).any(me)
        }
        _ => false,
    }
}

/// Judges what a session was told by one act.
pub fn dispatches(state: &FakeSession, new: &[Dispatch], before: &Rules, after: &Rules) -> Verdict {
    let user = state.user.get();
    for (name, d) in new {
        let was_member = before.is_member(user);
        hold!(was_member || after.is_member(user), "leak: user {user}, a stranger, was told {name} {d}");
        let needed = intent(name);
        let intended = needed.is_empty() || state.intents.intersects(needed) || own(name, d, user);
        hold!(intended, "leak: user {user} has no intent for {name} {d}");
        // The last word on something goes to who saw it until now.
        let last = [
            "CHANNEL_DELETE",
            "THREAD_DELETE",
            "THREAD_MEMBERS_UPDATE",
            "GUILD_SCHEDULED_EVENT_DELETE",
            "STAGE_INSTANCE_DELETE",
        ]
        .contains(&name.as_str());
        for place in places(name, d) {
            let seen =
                after.sees(user, place) || last && before.sees(user, place) || own_voice(name, d, user);
            hold!(seen, "leak: user {user} does not see {place}, and was told {name} {d}");
        }
        let right = match name.as_str() {
            "GUILD_AUDIT_LOG_ENTRY_CREATE" => AUDIT_LOG,
            "GUILD_BAN_ADD" | "GUILD_BAN_REMOVE" => AUDIT_LOG | BAN,
            _ if name.starts_with("AUTO_MODERATION_") => MANAGE_GUILD,
            _ => 0,
        };
        let held =
            [before, after].map(|rules| rules.lasting_in_guild(user)).into_iter().fold(0, |a, b| a | b);
        hold!(right == 0 || held & right != 0, "leak: user {user} may not read {name} {d}");
        if name == "VOICE_CHANNEL_EFFECT_SEND" {
            let inside = after.voice.get(&user).copied() == number(&d["channel_id"]);
            hold!(inside, "leak: user {user} hears {d} from outside");
        }
        if name == "VOICE_STATE_UPDATE" && d["channel_id"].is_null() {
            let left = number(&d["user_id"]).and_then(|other| before.voice.get(&other).copied());
            let saw = left.is_none_or(|left| before.sees(user, left) || after.sees(user, left));
            hold!(saw || own(name, d, user), "leak: user {user} did not see the channel: {name} {d}");
        }
        if name == "GUILD_STICKERS_UPDATE" {
            let (listed, wanted) = (ids(&d["stickers"]), after.stickers.iter().map(|sticker| sticker.id));
            hold!(listed == wanted.collect(), "user {user} was told of stickers {listed:?}");
        }
        if name == "MESSAGE_CREATE" && !state.intents.contains(Intents::MESSAGE_CONTENT) {
            let mine = number(&d["author"]["id"]) == Some(user);
            hold!(mine || d["content"] == "", "leak: user {user} has no intent for the content of {d}");
        }
    }
    Ok(())
}

fn own_voice(name: &str, d: &Value, user: u64) -> bool {
    name == "VOICE_STATE_UPDATE" && own(name, d, user)
}

/// Judges that who is to be told of an act was.
pub fn told(
    state: &FakeSession,
    new: &[Dispatch],
    told: Option<(&'static str, u64)>,
    audited: bool,
    after: &Rules,
) -> Verdict {
    let user = state.user.get();
    if state.class.is_none() {
        return Ok(());
    }
    let count = |wanted: &str| new.iter().filter(|(name, _)| name == wanted).count();
    if let Some((name, place)) = told {
        let reached = if place == after.guild { after.is_member(user) } else { after.sees(user, place) };
        let inside = name != "VOICE_CHANNEL_EFFECT_SEND" || after.voice.get(&user) == Some(&place);
        let expected = usize::from(reached && inside && state.intents.intersects(intent(name)));
        let got = count(name);
        hold!(got == expected, "user {user} was told {name} in {place} {got} times in place of {expected}");
    }
    let reads =
        after.lasting_in_guild(user) & AUDIT_LOG != 0 && state.intents.contains(Intents::GUILD_MODERATION);
    let noted = !audited || !reads || count("GUILD_AUDIT_LOG_ENTRY_CREATE") > 0;
    hold!(noted, "missing: user {user} reads the audit log and was not told of an entry");
    Ok(())
}

/// Judges what a client has made of all it was told.
pub fn client(state: &FakeSession, rules: &Rules) -> Verdict {
    let user = state.user.get();
    hold!(
        rules.is_member(user) == state.class.is_some(),
        "user {user} is attached and no member, or a member and not"
    );
    let Some(client) = &state.client else { return Ok(()) };
    if state.intents == Intents::all() {
        // Clients have forgotten archived threads, and hear of their end all the same.
        let fault = client.faults.iter().find(|fault| !fault.starts_with("THREAD_DELETE"));
        hold!(fault.is_none(), "user {user}: {fault:?}");
    }
    shown(&format!("the client of user {user}"), user, client, rules, state.intents)
}

/// Judges the channels, threads and voice states that a client has.
fn shown(context: &str, user: u64, client: &Client, rules: &Rules, intents: Intents) -> Verdict {
    let keys = |list: &BTreeMap<String, Value>| -> BTreeSet<u64> {
        list.keys().filter_map(|id| id.parse().ok()).collect()
    };
    let (channels, wanted) = (keys(&client.channels), rules.seen_channels(user));
    hold!(channels == wanted, "{context} has channels {channels:?}, and should have {wanted:?}");
    let (threads, wanted) = (keys(&client.threads), rules.seen_threads(user, |thread| !thread.archived));
    hold!(threads == wanted, "{context} has threads {threads:?}, and should have {wanted:?}");
    let stages = client.stages.values().filter_map(|stage| number(&stage["channel_id"]));
    let stages: BTreeSet<_> = stages.collect();
    let wanted: BTreeSet<_> =
        rules.stages.keys().copied().filter(|channel| rules.sees(user, *channel)).collect();
    hold!(stages == wanted, "{context} has stages in {stages:?}, and should have {wanted:?}");
    if !intents.contains(Intents::GUILD_VOICE_STATES) {
        return Ok(());
    }
    let others = |id: &u64| *id != user;
    let voice: BTreeSet<_> = keys(&client.voice).into_iter().filter(others).collect();
    let there = rules.voice.iter().filter(|(_, channel)| rules.sees(user, **channel));
    let wanted: BTreeSet<_> = there.map(|(id, _)| *id).filter(others).collect();
    hold!(voice == wanted, "{context} has {voice:?} in voice, and should have {wanted:?}");
    for other in wanted.iter().filter(|other| rules.is_on_stage(**other)) {
        let suppressed = client.voice[&other.to_string()]["suppress"] == true;
        let speaks = rules.speakers.contains(other);
        hold!(speaks != suppressed, "{context} has a wrong word of whether {other} speaks");
    }
    Ok(())
}

/// Asks on behalf of a user; the answer, which must be refused for one of `reasons` if there are any.
pub fn ask(world: &World, user: u64, op: Op, reasons: &Reasons) -> Result<Option<Value>, String> {
    let what = format!("{op:?} by {user}");
    match world.call(user, op) {
        Ok(answer) => {
            hold!(
                reasons.is_empty(),
                "leak: {what} was allowed, and must be refused with one of {reasons:?}"
            );
            Ok(Some(answer.body().map_or(Value::Null, |body| serde_json::from_slice(body).expect("JSON"))))
        }
        Err(error) => {
            let code = error.code;
            hold!(error.status < 500, "{what}: {error:?}");
            hold!(!reasons.is_empty(), "missing: {what} was refused with {code}");
            let known = reasons.contains(&NONSENSE) || reasons.contains(&code);
            hold!(known, "{what} was refused with {code} in place of one of {reasons:?}");
            Ok(None)
        }
    }
}

/// Judges what a user reads; `n` chooses of what.
pub fn reads(world: &World, user: u64, n: usize, rules: &Rules) -> Verdict {
    let member = if rules.is_member(user) { Vec::new() } else { vec![NO_ACCESS] };
    if let Some(listed) = ask(world, user, Op::Channel(channel::Op::List), &member)? {
        let (listed, wanted) = (ids(&listed), rules.seen_channels(user));
        hold!(listed == wanted, "user {user} lists channels {listed:?}, and should {wanted:?}");
    }
    let guild = rules.guild.into();
    if let Some(listed) = ask(world, user, Op::Thread { channel: guild, op: thread::Op::Active }, &member)? {
        let (listed, wanted) = (ids(&listed["threads"]), rules.seen_threads(user, |thread| !thread.archived));
        hold!(listed == wanted, "user {user} lists active threads {listed:?}, and should {wanted:?}");
    }
    ask(world, user, Op::Member(member::Op::List { limit: 9, after: 0.into() }), &member)?;
    let log = settings::Op::AuditLog { user: None, action: None, before: None, after: None, limit: 5 };
    ask(world, user, Op::Settings(log), &rules.need(user, AUDIT_LOG))?;
    ask(world, user, Op::AutoMod(automod::Op::List), &rules.need(user, MANAGE_GUILD))?;
    if let Some(channel) = rules.channels.keys().nth(n % rules.channels.len().max(1)) {
        read_place(world, user, *channel, rules)?;
        archived(world, user, *channel, rules)?;
        let op = Op::Channel(channel::Op::Get { channel: (*channel).into() });
        ask(world, user, op, &rules.need_in(user, *channel, 0))?;
    }
    let turned = rules.threads.keys().cycle().skip(n % rules.threads.len().max(1));
    for thread in turned.take(rules.threads.len().min(THREADS_READ)) {
        read_thread(world, user, *thread, rules)?;
    }
    let other = USERS[n % USERS.len()];
    if let Some(channel) = rules.voice.get(&other).filter(|_| other != user) {
        let op = Op::Voice(voice::Op::Get { user: Some(other.into()) });
        let reasons = [member, rules.need_in(user, *channel, 0)].concat();
        ask(world, user, op, &reasons)?;
    }
    match world.guild_create(user) {
        None => hold!(!rules.is_member(user), "missing: user {user} is given no guild"),
        Some(guild) => {
            hold!(rules.is_member(user), "leak: user {user} is given the guild");
            let fresh = Client::new(user.into(), &guild);
            shown(&format!("GUILD_CREATE of user {user}"), user, &fresh, rules, Intents::all())?;
        }
    }
    Ok(())
}

fn read_place(world: &World, user: u64, place: u64, rules: &Rules) -> Verdict {
    let op = message::Op::List { page: message::Page::Newest, limit: 100 };
    let op = Op::Message { channel: place.into(), op };
    let Some(listed) = ask(world, user, op, &rules.need_in(user, place, 0))? else { return Ok(()) };
    let written = listed.as_array().into_iter().flatten().filter(|message| message["type"] == 0);
    let written: BTreeSet<u64> = written.filter_map(|message| number(&message["id"])).collect();
    let readable = rules.in_place(user, place) & HISTORY != 0;
    let there = rules.messages.get(&place).into_iter().flatten().filter(|_| readable);
    let wanted: BTreeSet<u64> = there.map(|message| message.id).collect();
    hold!(written == wanted, "user {user} reads {written:?} in {place}, and should {wanted:?}");
    Ok(())
}

fn read_thread(world: &World, user: u64, thread: u64, rules: &Rules) -> Verdict {
    read_place(world, user, thread, rules)?;
    let reasons = rules.need_in(user, thread, 0);
    let asked = |op| ask(world, user, Op::Thread { channel: thread.into(), op }, &reasons);
    asked(thread::Op::Get)?;
    let op = thread::Op::Members { with_member: false, after: None, limit: 100 };
    if let Some(members) = asked(op)? {
        let listed = members.as_array().into_iter().flatten();
        let listed: BTreeSet<u64> = listed.filter_map(|own| number(&own["user_id"])).collect();
        let wanted = &rules.threads[&thread].members;
        hold!(listed == *wanted, "{thread} has members {listed:?}, and should have {wanted:?}");
    }
    Ok(())
}

fn archived(world: &World, user: u64, channel: u64, rules: &Rules) -> Verdict {
    for (kind, private, right) in [
        (thread::Archived::Public { before: None }, false, 0),
        (thread::Archived::Private { before: None }, true, MANAGE_THREADS),
        (thread::Archived::Mine { before: None }, true, 0),
    ] {
        let mine = matches!(kind, thread::Archived::Mine { .. });
        let op = Op::Thread { channel: channel.into(), op: thread::Op::Archived { kind, limit: 50 } };
        let Some(listed) = ask(world, user, op, &rules.need_in(user, channel, right | HISTORY))? else {
            continue;
        };
        let wanted = rules.threads.iter().filter(|(_, thread)| {
            let of_kind = thread.archived && thread.private == private && thread.parent == channel;
            of_kind && (!mine || thread.members.contains(&user))
        });
        let (listed, wanted): (_, BTreeSet<_>) =
            (ids(&listed["threads"]), wanted.map(|(id, _)| *id).collect());
        hold!(
            listed == wanted,
            "user {user} lists archived threads {listed:?}, and should {wanted:?} ({kind:?})"
        );
    }
    Ok(())
}

/// All sessions after an act; `from` is how much each was told before it.
pub fn sessions(
    world: &World,
    from: &BTreeMap<Session, usize>,
    (before, after): (&Rules, &Rules),
    (told_of, audited): (Option<(&'static str, u64)>, bool),
) -> Verdict {
    world.each_session(|session, state| {
        let start = from.get(&session).copied().unwrap_or(0).min(state.seen.len());
        let new = &state.seen[start..];
        dispatches(state, new, before, after)?;
        if from.contains_key(&session) {
            told(state, new, told_of, audited, after)?;
        }
        client(state, after)
    })
}

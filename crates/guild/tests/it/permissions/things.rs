//! What a guild has beside channels, roles and people: emojis for roles, sounds, its template, questions for new members, and
//! who is interested in events.

use std::collections::{BTreeMap, BTreeSet};

use consort_model::request::onboarding::OnboardingForm;
use consort_model::validate::ReactionEmoji;
use consort_model::{GenericId, OnboardingOption, OnboardingPrompt, OptionEmoji, Patch, SoundboardSound};
use consort_rpc::guild::sound::SoundForm;
use consort_rpc::guild::{Op, emoji, event, onboarding, sound, template};
use consort_rpc::message;
use serde_json::Value;

use super::acts::{Act, Call, USERS};
use super::judge::{Verdict, ask, ids, number};
use super::rules::{
    ADD_REACTIONS, CREATE_EXPRESSIONS, EXTERNAL_SOUNDS, Emoji, HISTORY, MANAGE_EXPRESSIONS, MANAGE_GUILD,
    MANAGE_ROLES, NO_ACCESS, NO_RIGHT, NONSENSE, Question, Reasons, Rules, SEND, SOUNDBOARD, SPEAK, Sticker,
    VIEW,
};
use crate::world::World;

/// Emojis at most, so that some are deleted.
const EMOJIS_MAX: usize = 3;
/// Stickers at most, likewise.
const STICKERS_MAX: usize = 3;
/// The id of no sticker.
pub const NO_STICKER: u64 = 2_999_999;
/// Sounds at most.
const SOUNDS_MAX: usize = 3;
/// A sound of another guild.
const ELSEWHERE: u64 = 1;
/// JSON code of an emoji that is unknown, or not for who asks.
const UNKNOWN_EMOJI: u32 = 10_014;

fn user(n: usize) -> u64 {
    USERS[n % USERS.len()]
}

impl Rules {
    /// Emojis with roles are for who has one of them (Emoji page, `roles`).
    fn may_use(&self, user: u64, emoji: &Emoji) -> bool {
        let held = self.members.get(&user).map(|member| &member.roles);
        emoji.roles.is_empty() || held.is_some_and(|held| !held.is_disjoint(&emoji.roles))
    }

    /// CREATE_GUILD_EXPRESSIONS for what one makes or has made, MANAGE_GUILD_EXPRESSIONS for all.
    fn need_expression(&self, user: u64, maker: u64) -> Reasons {
        let own = if user == maker { CREATE_EXPRESSIONS } else { 0 };
        match () {
            () if !self.is_member(user) => vec![NO_ACCESS],
            () if self.in_guild(user) & (own | MANAGE_EXPRESSIONS) == 0 => vec![NO_RIGHT],
            () => Vec::new(),
        }
    }

    /// Seven channels that everybody sees, five of them to write in (Guild page, Guild Onboarding).
    fn may_ask_newcomers(&self, channels: &[u64]) -> bool {
        let held: Vec<_> = channels.iter().map(|channel| self.of_everyone(*channel)).collect();
        let seen = held.iter().filter(|held| *held & VIEW != 0).count();
        seen >= 7 && held.iter().filter(|held| *held & (VIEW | SEND) == VIEW | SEND).count() >= 5
    }
}

/// Emojis, stickers, reactions, templates, onboarding, interest.
pub fn of_things(rules: &Rules, act: &Act) -> Option<Call> {
    Some(match *act {
        Act::Express(by, n) => express(rules, user(by), n),
        Act::React(by, n, m) => return react(rules, user(by), n, m),
        Act::Draw(by, n) => draw(rules, user(by), n),
        Act::Record(by) => record(rules, user(by)),
        Act::Play(by, n, external) => return play(rules, user(by), n, external),
        Act::Template(by, n) => {
            let by = user(by);
            let reasons = rules.need(by, MANAGE_GUILD);
            let op = |op| Op::Template(op);
            match rules.template.clone() {
                None => {
                    let create = template::Op::Create { name: "t".into(), description: None };
                    Call::new(by, op(create), reasons, |rules, made| {
                        rules.template = made["code"].as_str().map(str::to_owned);
                    })
                }
                Some(code) if n.is_multiple_of(3) => {
                    Call::new(by, op(template::Op::Delete { code }), reasons, |rules, _| {
                        rules.template = None
                    })
                }
                Some(code) => Call::new(by, op(template::Op::Sync { code }), reasons, |_, _| {}),
            }
        }
        Act::Ask(by, role, on) => ask_newcomers(rules, user(by), rules.some_role(role), on),
        Act::Answer(by, chosen) => answer(rules, user(by), chosen),
        Act::Attend(by, n) => {
            let by = user(by);
            let planned = rules.events.get(n.checked_rem(rules.events.len())?)?;
            let (event, channel) = (planned.0, planned.1);
            let there = rules.interested.contains(&(event, by));
            let op = |event: u64| match there {
                true => event::Op::Unsubscribe { event: event.into() },
                false => event::Op::Subscribe { event: event.into() },
            };
            let stranger = if rules.is_member(by) { Vec::new() } else { vec![NO_ACCESS] };
            let reasons = [stranger, rules.need_in(by, channel, 0)].concat();
            let name = match there {
                true => "GUILD_SCHEDULED_EVENT_USER_REMOVE",
                false => "GUILD_SCHEDULED_EVENT_USER_ADD",
            };
            Call::new(by, Op::Event(op(event)), reasons, move |rules, _| {
                if !rules.interested.remove(&(event, by)) {
                    rules.interested.insert((event, by));
                }
            })
            .telling(name, channel)
        }
        _ => return None,
    })
}

/// Makes an emoji for a role, or for all, or deletes the oldest.
fn express(rules: &Rules, by: u64, n: usize) -> Call {
    if let Some(oldest) = rules.emojis.first().filter(|_| rules.emojis.len() >= EMOJIS_MAX) {
        let (emoji, maker) = (oldest.id, oldest.maker);
        let op = Op::Emoji(emoji::Op::Delete { emoji: emoji.into() });
        let reasons = rules.need_expression(by, maker);
        return Call::new(by, op, reasons, |rules, _| drop(rules.emojis.remove(0))).audited();
    }
    let roles: BTreeSet<u64> = (!n.is_multiple_of(3)).then(|| rules.some_role(n)).into_iter().collect();
    let id = 2_000_000 + rules.drawn;
    let op = emoji::Op::Create {
        id: id.into(),
        name: "emoji".into(),
        animated: false,
        roles: roles.iter().map(|role| (*role).into()).collect(),
    };
    Call::new(by, Op::Emoji(op), rules.need_expression(by, by), move |rules, _| {
        rules.drawn += 1;
        rules.emojis.push(Emoji { id, roles, maker: by });
    })
    .audited()
}

/// Makes a sticker, gives one another name, or deletes the oldest.
fn draw(rules: &Rules, by: u64, n: usize) -> Call {
    let chosen = n.checked_rem(rules.stickers.len()).and_then(|n| rules.stickers.get(n));
    let (number, name) = (rules.drawn, format!("sticker {}", rules.drawn));
    let call = match (rules.stickers.first().filter(|_| rules.stickers.len() >= STICKERS_MAX), chosen) {
        (Some(oldest), _) => {
            let op = emoji::Op::DeleteSticker { sticker: oldest.id.into() };
            let reasons = rules.need_expression(by, oldest.maker);
            Call::new(by, Op::Emoji(op), reasons, |rules, _| {
                rules.stickers.remove(0);
            })
        }
        (None, Some(chosen)) if n.is_multiple_of(2) => {
            let (sticker, name) = (chosen.id.into(), Some(name));
            let op = emoji::Op::UpdateSticker { sticker, name, description: Patch::Absent, tags: None };
            let reasons = rules.need_expression(by, chosen.maker);
            Call::new(by, Op::Emoji(op), reasons, |rules, _| rules.drawn += 1)
        }
        _ => {
            let id = NO_STICKER + 1 + number;
            let (description, tags, format) = (None, "tag".into(), 1);
            let op = emoji::Op::CreateSticker { id: id.into(), name, description, tags, format };
            Call::new(by, Op::Emoji(op), rules.need_expression(by, by), move |rules, _| {
                rules.drawn += 1;
                rules.stickers.push(Sticker { id, maker: by });
            })
        }
    };
    call.audited().telling("GUILD_STICKERS_UPDATE", rules.guild)
}

/// Makes a sound, or deletes the oldest.
fn record(rules: &Rules, by: u64) -> Call {
    if let Some((sound, maker)) = rules.sounds.first().copied().filter(|_| rules.sounds.len() >= SOUNDS_MAX) {
        let op = Op::Sound(sound::Op::Delete { sound: sound.into() });
        let reasons = rules.need_expression(by, maker);
        let change = |rules: &mut Rules, _: &Value| {
            rules.sounds.remove(0);
        };
        return Call::new(by, op, reasons, change).audited();
    }
    let id = 4_000_000 + rules.recorded;
    let form = SoundForm { name: Some("quack".into()), ..SoundForm::default() };
    let op = Op::Sound(sound::Op::Create { id: id.into(), form });
    Call::new(by, op, rules.need_expression(by, by), move |rules, _| {
        rules.recorded += 1;
        rules.sounds.push((id, by));
    })
    .audited()
}

/// Plays a sound in the channel that one is in: SPEAK and USE_SOUNDBOARD, for sounds of elsewhere USE_EXTERNAL_SOUNDS, and not
/// suppressed (Soundboard page, "Send Soundboard Sound").
fn play(rules: &Rules, by: u64, n: usize, external: bool) -> Option<Call> {
    // Few are in voice, and the others may not play anything: most of the time it is one of those few.
    let speaker = rules.voice.keys().nth(n.checked_rem(rules.voice.len()).unwrap_or_default());
    let by = speaker.copied().filter(|_| !n.is_multiple_of(4)).unwrap_or(by);
    let inside = rules.voice.get(&by).copied();
    let channel = inside.or_else(|| rules.some_channel(n))?;
    let sound = match external {
        true => ELSEWHERE,
        false => rules.sounds.get(n.checked_rem(rules.sounds.len())?)?.0,
    };
    let right = SPEAK | SOUNDBOARD | if external { EXTERNAL_SOUNDS } else { 0 };
    let mut reasons = rules.need_in(by, channel, right);
    reasons.extend(inside.is_none().then_some(NONSENSE));
    reasons.extend((rules.is_on_stage(by) && !rules.speakers.contains(&by)).then_some(NO_RIGHT));
    let elsewhere = SoundboardSound {
        name: "quack".into(),
        sound_id: ELSEWHERE.into(),
        volume: 1.0,
        emoji_id: None,
        emoji_name: None,
        guild_id: None,
        available: true,
        user: None,
    };
    let external = external.then(|| Box::new(elsewhere));
    let op = Op::Sound(sound::Op::Send { channel: channel.into(), sound: sound.into(), external });
    Some(Call::new(by, op, reasons, |_, _| {}).telling("VOICE_CHANNEL_EFFECT_SEND", channel))
}

/// Reacts to a message with an emoji of the guild: once it is there, others need only read.
fn react(rules: &Rules, by: u64, n: usize, m: usize) -> Option<Call> {
    let place = rules.some_channel(n)?;
    let written = rules.messages.get(&place).filter(|written| !written.is_empty())?;
    let message = written[m % written.len()].id;
    let emoji = rules.emojis.get(m.checked_rem(rules.emojis.len())?)?.clone();
    let there = rules.reactions.get(&(message, emoji.id)).is_some_and(|users| !users.is_empty());
    let again = rules.reactions.get(&(message, emoji.id)).is_some_and(|users| users.contains(&by));
    let mut reasons = rules.need_in(by, place, HISTORY | if there { 0 } else { ADD_REACTIONS });
    // Whoever is timed out does nothing but read.
    reasons.extend(rules.is_timed_out(by).then_some(NO_RIGHT));
    reasons.extend((!there && !rules.may_use(by, &emoji)).then_some(UNKNOWN_EMOJI));
    let reaction = ReactionEmoji::Custom { id: emoji.id.into(), name: None, animated: false };
    let op = message::Op::React { message: message.into(), emoji: reaction, external: None };
    let op = Op::Message { channel: place.into(), op };
    let call = Call::new(by, op, reasons, move |rules, _| {
        rules.reactions.entry((message, emoji.id)).or_default().insert(by);
    });
    Some(if again { call } else { call.telling("MESSAGE_REACTION_ADD", place) })
}

/// Sets one question, whose one answer gives a role.
fn ask_newcomers(rules: &Rules, by: u64, role: u64, on: bool) -> Call {
    let channels: Vec<u64> = rules.channels.keys().copied().collect();
    let given = rules.question.as_ref().is_some_and(|question| question.role == role);
    let mut reasons = rules.need(by, MANAGE_GUILD | MANAGE_ROLES);
    // @everyone is given to nobody; others by who has a higher one. What is given already stays.
    let may_give = given || role != rules.guild && rules.outranks_role(by, role);
    reasons.extend((!may_give).then_some(NONSENSE));
    reasons.extend((on && !rules.may_ask_newcomers(&channels)).then_some(NONSENSE));
    let option = OnboardingOption {
        id: GenericId::new(0),
        channel_ids: Vec::new(),
        role_ids: vec![role.into()],
        emoji: OptionEmoji { id: None, name: None, animated: false },
        title: "yes".into(),
        description: String::new(),
    };
    let prompt = OnboardingPrompt {
        id: GenericId::new(0),
        kind: 0,
        options: vec![option],
        title: "do you?".into(),
        single_select: true,
        required: false,
        in_onboarding: true,
    };
    let form = OnboardingForm {
        prompts: Some(vec![prompt]),
        default_channel_ids: Some(channels.iter().map(|channel| (*channel).into()).collect()),
        enabled: Some(on),
        mode: Some(0),
    };
    Call::new(by, Op::Onboarding(onboarding::Op::Set(Box::new(form))), reasons, move |rules, set| {
        let option = number(&set["prompts"][0]["options"][0]["id"]).expect("an answer");
        rules.question = Some(Question { on, option, role });
    })
    .audited()
}

/// Answers the question, or takes the answer back.
fn answer(rules: &Rules, by: u64, chosen: bool) -> Call {
    let question = rules.question.clone();
    let mut reasons = if rules.is_member(by) { Vec::new() } else { vec![NO_ACCESS] };
    reasons.extend((!question.as_ref().is_some_and(|question| question.on)).then_some(NO_ACCESS));
    let option = question.as_ref().filter(|_| chosen).map(|question| GenericId::new(question.option));
    let op = onboarding::Op::Answer { chosen: option.into_iter().collect() };
    Call::new(by, Op::Onboarding(op), reasons, move |rules, _| {
        let Some(Question { role, .. }) = question else { return };
        let held = &mut rules.members.get_mut(&by).expect("a member").roles;
        match chosen && rules.roles.contains_key(&role) {
            true => held.insert(role),
            false => held.remove(&role),
        };
    })
}

/// Judges what a user reads of these things.
pub fn reads(world: &World, user: u64, n: usize, rules: &Rules) -> Verdict {
    let member = if rules.is_member(user) { Vec::new() } else { vec![NO_ACCESS] };
    if let Some(listed) = ask(world, user, Op::Emoji(emoji::Op::List), &member)? {
        let wanted: BTreeSet<u64> = rules.emojis.iter().map(|emoji| emoji.id).collect();
        hold(ids(&listed) == wanted, || format!("user {user} lists emojis {listed}"))?;
        makers(rules, user, &listed)?;
    }
    if let Some(listed) = ask(world, user, Op::Emoji(emoji::Op::ListStickers), &member)? {
        let wanted: BTreeSet<u64> = rules.stickers.iter().map(|sticker| sticker.id).collect();
        hold(ids(&listed) == wanted, || format!("user {user} lists stickers {listed}"))?;
        makers(rules, user, &listed)?;
    }
    if let Some(sticker) = n.checked_rem(rules.stickers.len()).and_then(|n| rules.stickers.get(n)) {
        let op = emoji::Op::GetSticker { sticker: sticker.id.into() };
        if let Some(got) = ask(world, user, Op::Emoji(op), &member)? {
            makers(rules, user, &Value::Array(vec![got]))?;
        }
    }
    if let Some(listed) = ask(world, user, Op::Sound(sound::Op::List), &member)? {
        let listed: BTreeSet<u64> = listed["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|sound| number(&sound["sound_id"]))
            .collect();
        let wanted: BTreeSet<u64> = rules.sounds.iter().map(|(sound, _)| *sound).collect();
        hold(listed == wanted, || format!("user {user} lists sounds {listed:?}"))?;
    }
    if let Some(emoji) = n.checked_rem(rules.emojis.len()).and_then(|n| rules.emojis.get(n)) {
        let foreign = if rules.may_use(user, emoji) { Vec::new() } else { vec![UNKNOWN_EMOJI] };
        let op = emoji::Op::Usable { emoji: emoji.id.into() };
        ask(world, user, Op::Emoji(op), &[member.clone(), foreign].concat())?;
    }
    ask(world, user, Op::Template(template::Op::List), &rules.need(user, MANAGE_GUILD))?;
    ask(world, user, Op::Onboarding(onboarding::Op::Get), &member)?;
    let op = event::Op::List { with_user_count: true };
    if let Some(listed) = ask(world, user, Op::Event(op), &member)? {
        let seen = rules.events.iter().filter(|(_, channel, _)| rules.sees(user, *channel));
        let wanted: BTreeSet<u64> = seen.map(|(event, ..)| *event).collect();
        hold(ids(&listed) == wanted, || format!("user {user} lists events {listed}, and should {wanted:?}"))?;
    }
    let Some((event, channel, _)) = n.checked_rem(rules.events.len()).and_then(|n| rules.events.get(n))
    else {
        return Ok(());
    };
    let op =
        event::Op::Users { event: (*event).into(), with_member: true, before: None, after: None, limit: 100 };
    let reasons = [member, rules.need_in(user, *channel, 0)].concat();
    if let Some(listed) = ask(world, user, Op::Event(op), &reasons)? {
        let listed = listed.as_array().into_iter().flatten();
        let listed: BTreeSet<u64> = listed.filter_map(|own: &Value| number(&own["user_id"])).collect();
        let wanted = rules.interested.iter().filter(|(other, _)| other == event).map(|(_, user)| *user);
        let wanted: BTreeSet<u64> = wanted.collect();
        hold(listed == wanted, || format!("{event} interests {listed:?}, and should {wanted:?}"))?;
    }
    Ok(())
}

/// Who made something is shown to those who may make or manage such things (List Guild Emojis, List Guild Stickers).
fn makers(rules: &Rules, user: u64, listed: &Value) -> Verdict {
    let shown = rules.in_guild(user) & (CREATE_EXPRESSIONS | MANAGE_EXPRESSIONS) != 0;
    let all = rules.emojis.iter().map(|emoji| (emoji.id, emoji.maker));
    let all: BTreeMap<u64, u64> = all.chain(rules.stickers.iter().map(|s| (s.id, s.maker))).collect();
    for one in listed.as_array().into_iter().flatten() {
        let wanted = number(&one["id"]).and_then(|id| all.get(&id)).copied().filter(|_| shown);
        let got = number(&one["user"]["id"]);
        hold(got == wanted, || format!("leak: user {user} reads that {got:?} made {one}, not {wanted:?}"))?;
    }
    Ok(())
}

fn hold(holds: bool, wrong: impl Fn() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(wrong()) }
}

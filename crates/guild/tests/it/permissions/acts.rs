//! What is done to the guild: random acts in terms of numbers that are taken modulo what there is, so that any list of them makes
//! sense. Each knows the call it is, why it may be refused by the rules, and what it changes if it is not.

use consort_model::request::auto_moderation::RuleForm;
use consort_model::request::message::CreateMessage;
use consort_model::request::scheduled_event::EventForm;
use consort_model::request::thread::{StartThread, UpdateThread};
use consort_model::{Overwrite, OverwriteKind, Patch, Permissions, Timestamp};
use consort_rpc::guild::{Op, automod, ban, channel, event, member, role, thread};
use consort_rpc::message;
use proptest::prelude::*;

use super::rules::{
    self, AUDIT_LOG, BAN, Channel, KICK, Kind, MANAGE_CHANNELS, MANAGE_MESSAGES, MANAGE_ROLES,
    MANAGE_THREADS, MANAGE_WEBHOOKS, MODERATE, MOVE, Message, NO_ACCESS, NO_RIGHT, NONSENSE, Over, Reasons,
    Role, Rules, SEND, Thread, VIEW,
};
use super::things;
use crate::voice::speak;
use crate::world::{GUILD, OWNER, Session, account, new_channel};

/// Those who act: the founder, people, bots.
pub const USERS: [u64; 7] = [OWNER, 2, 3, 4, 5, 1000, 1001];
/// Rights that acts give and take: some that decide who sees, some that decide who may.
const RIGHTS: [u64; 16] = [
    VIEW,
    VIEW,
    VIEW,
    SEND,
    rules::HISTORY,
    MANAGE_CHANNELS,
    MANAGE_ROLES,
    MANAGE_THREADS,
    MANAGE_MESSAGES,
    KICK,
    BAN,
    MODERATE,
    MOVE | rules::MUTE,
    rules::CONNECT | rules::SPEAK | rules::SOUNDBOARD | rules::EXTERNAL_SOUNDS,
    rules::SEND_IN_THREADS | rules::CREATE_EVENTS | rules::ADD_REACTIONS | rules::REQUEST,
    MANAGE_WEBHOOKS | AUDIT_LOG | rules::MANAGE_GUILD | rules::CREATE_EXPRESSIONS,
];
const EVENTS: u64 = rules::CREATE_EVENTS;
const MANAGE_EVENTS: u64 = rules::MANAGE_EVENTS;

/// An act; the first number of each is who acts.
#[derive(Debug, Clone)]
pub enum Act {
    CreateRole(usize, u16),
    EditRole(usize, usize, u16),
    DeleteRole(usize, usize),
    GiveRole(usize, usize, usize),
    TakeRole(usize, usize, usize),
    CreateChannel(usize, u8, Option<usize>, Option<(usize, bool, u16, u16)>),
    DeleteChannel(usize, usize),
    SetOverwrite(usize, usize, (usize, bool, u16, u16)),
    DeleteOverwrite(usize, usize, usize),
    Move(usize, usize, Option<usize>, bool),
    PatchParent(usize, usize, Option<usize>),
    Start(usize, usize, bool),
    Join(usize, usize),
    Quit(usize, usize),
    Add(usize, usize, usize),
    Remove(usize, usize, usize),
    Archive(usize, usize, bool),
    Lock(usize, usize, bool),
    DeleteThread(usize, usize),
    Post(usize, usize),
    Erase(usize, usize, usize),
    Type(usize, usize),
    Kick(usize, usize),
    Ban(usize, usize),
    Unban(usize, usize),
    Leave(usize),
    Come(usize),
    TimeOut(usize, usize, bool),
    Speak(usize, usize),
    Drag(usize, usize, usize),
    /// Opens a stage, gives it another topic, or closes it.
    Stage(usize, usize, usize),
    /// Goes to a stage.
    Step(usize, usize),
    /// Lets somebody speak on its stage, or not any more.
    Invite(usize, usize, bool),
    /// Asks to speak.
    Plead(usize),
    /// Makes a sound, or deletes the oldest when there are enough.
    Record(usize),
    /// Plays a sound where one is in voice: one of the guild's, or of another.
    Play(usize, usize, bool),
    /// Out and in again.
    Bounce(usize),
    /// Plans an event in a voice channel, or deletes the last one.
    Plan(usize, usize),
    /// Makes a rule of the automatic moderation, or deletes one when there are enough.
    Rule(usize),
    /// Makes an emoji for a role or for all, or deletes the oldest when there are enough.
    Express(usize, usize),
    React(usize, usize, usize),
    /// Makes a sticker, gives one another name, or deletes the oldest when there are enough.
    Draw(usize, usize),
    /// Posts a sticker, now and then one that there is not.
    Stick(usize, usize, usize),
    /// Makes the template, brings it up to date, or deletes it.
    Template(usize, usize),
    /// Sets the question for newcomers, whose answer gives a role, and whether it is asked.
    Ask(usize, usize, bool),
    /// Answers it, or takes the answer back.
    Answer(usize, bool),
    /// Is interested in an event, or not any more.
    Attend(usize, usize),
    Wait(u8),
    Connect(usize),
    Restart,
}

/// Any act. The owner acts often, so that there is something to be refused.
pub fn act() -> impl Strategy<Value = Act> {
    let who = || prop_oneof![2 => Just(0usize), 5 => 0..USERS.len()];
    let n = || 0..32usize;
    let bits = || any::<u16>();
    let over = || (n(), any::<bool>(), bits(), bits());
    let maybe = || proptest::option::weighted(0.7, n());
    prop_oneof![
        2 => (who(), bits()).prop_map(|(a, b)| Act::CreateRole(a, b)),
        3 => (who(), n(), bits()).prop_map(|(a, r, b)| Act::EditRole(a, r, b)),
        1 => (who(), n()).prop_map(|(a, r)| Act::DeleteRole(a, r)),
        5 => (who(), n(), n()).prop_map(|(a, u, r)| Act::GiveRole(a, u, r)),
        2 => (who(), n(), n()).prop_map(|(a, u, r)| Act::TakeRole(a, u, r)),
        4 => (who(), 0..5u8, maybe(), proptest::option::weighted(0.5, over()))
            .prop_map(|(a, k, p, o)| Act::CreateChannel(a, k, p, o)),
        1 => (who(), n()).prop_map(|(a, c)| Act::DeleteChannel(a, c)),
        9 => (who(), n(), over()).prop_map(|(a, c, o)| Act::SetOverwrite(a, c, o)),
        2 => (who(), n(), n()).prop_map(|(a, c, o)| Act::DeleteOverwrite(a, c, o)),
        8 => (who(), n(), maybe(), any::<bool>()).prop_map(|(a, c, p, l)| Act::Move(a, c, p, l)),
        2 => (who(), n(), maybe()).prop_map(|(a, c, p)| Act::PatchParent(a, c, p)),
        5 => (who(), n(), any::<bool>()).prop_map(|(a, c, p)| Act::Start(a, c, p)),
        2 => (who(), n()).prop_map(|(a, t)| Act::Join(a, t)),
        1 => (who(), n()).prop_map(|(a, t)| Act::Quit(a, t)),
        5 => (who(), n(), n()).prop_map(|(a, t, u)| Act::Add(a, t, u)),
        1 => (who(), n(), n()).prop_map(|(a, t, u)| Act::Remove(a, t, u)),
        6 => (who(), n(), any::<bool>()).prop_map(|(a, t, b)| Act::Archive(a, t, b)),
        3 => (who(), n(), any::<bool>()).prop_map(|(a, t, b)| Act::Lock(a, t, b)),
        1 => (who(), n()).prop_map(|(a, t)| Act::DeleteThread(a, t)),
        9 => (who(), n()).prop_map(|(a, p)| Act::Post(a, p)),
        2 => (who(), n(), n()).prop_map(|(a, p, m)| Act::Erase(a, p, m)),
        2 => (who(), n()).prop_map(|(a, p)| Act::Type(a, p)),
        2 => (who(), n()).prop_map(|(a, u)| Act::Kick(a, u)),
        1 => (who(), n()).prop_map(|(a, u)| Act::Ban(a, u)),
        1 => (who(), n()).prop_map(|(a, u)| Act::Unban(a, u)),
        1 => who().prop_map(Act::Leave),
        5 => (0..USERS.len()).prop_map(Act::Come),
        3 => (1..USERS.len()).prop_map(Act::Bounce),
        3 => (who(), n(), prop::bool::weighted(0.8)).prop_map(|(a, u, b)| Act::TimeOut(a, u, b)),
        2 => (who(), n()).prop_map(|(a, c)| Act::Speak(a, c)),
        1 => (who(), n(), n()).prop_map(|(a, u, c)| Act::Drag(a, u, c)),
        4 => (who(), n(), n()).prop_map(|(a, c, m)| Act::Stage(a, c, m)),
        3 => (who(), n()).prop_map(|(a, c)| Act::Step(a, c)),
        5 => (who(), n(), prop::bool::weighted(0.7)).prop_map(|(a, u, b)| Act::Invite(a, u, b)),
        1 => who().prop_map(Act::Plead),
        2 => who().prop_map(Act::Record),
        5 => (who(), n(), any::<bool>()).prop_map(|(a, s, b)| Act::Play(a, s, b)),
        2 => who().prop_map(Act::Rule),
        4 => (who(), n()).prop_map(|(a, c)| Act::Plan(a, c)),
        3 => (who(), n()).prop_map(|(a, r)| Act::Express(a, r)),
        4 => (who(), n(), n()).prop_map(|(a, p, m)| Act::React(a, p, m)),
        4 => (who(), n()).prop_map(|(a, n)| Act::Draw(a, n)),
        3 => (who(), n(), n()).prop_map(|(a, p, s)| Act::Stick(a, p, s)),
        1 => (who(), n()).prop_map(|(a, t)| Act::Template(a, t)),
        2 => (who(), n(), any::<bool>()).prop_map(|(a, r, b)| Act::Ask(a, r, b)),
        2 => (who(), any::<bool>()).prop_map(|(a, b)| Act::Answer(a, b)),
        4 => (who(), n()).prop_map(|(a, e)| Act::Attend(a, e)),
        1 => any::<u8>().prop_map(Act::Wait),
        2 => (0..USERS.len()).prop_map(Act::Connect),
        1 => Just(Act::Restart),
    ]
}

/// Any act, and now and then a history that chance alone would hardly make: a member leaves and comes back while a thread of
/// theirs is archived, people write into a locked thread, a channel is moved by who has just lost sight of it, whoever may make
/// stickers changes that of another.
pub fn history() -> impl Strategy<Value = Vec<Act>> {
    let (n, who) = (|| 0..32usize, || 1..USERS.len());
    let archived = (n(), 1..5usize).prop_map(|(t, u)| {
        let archive = |on| Act::Archive(0, t, on);
        let begins = [archive(false), Act::Add(0, t, u), archive(true), Act::Wait(1)];
        // A guild that was loaded again knows of archived threads what their rows say.
        begins.into_iter().chain([Act::Restart, Act::Bounce(u), archive(false)]).collect()
    });
    let locked = (n(), who(), n()).prop_map(|(t, u, p)| {
        let opened = [Act::Archive(0, t, false), Act::Lock(0, t, true)];
        opened.into_iter().chain((p..p + 6).map(|place| Act::Post(u, place))).collect()
    });
    let unseen = (n(), n(), prop_oneof![Just(1usize), Just(5)]).prop_map(|(c, to, u)| {
        // Place 0 in `RIGHTS` is the right to see.
        vec![Act::SetOverwrite(0, c, (0, false, 0, 0)), Act::Move(u, c, Some(to), false)]
    });
    let asked = (1..8usize, who(), any::<bool>()).prop_map(|(role, u, again)| {
        let channels = (0..5).map(|_| Act::CreateChannel(0, 2, None, None));
        let answers = [Act::Ask(0, role, true), Act::Answer(u, true), Act::Bounce(u), Act::Answer(u, again)];
        channels.chain(answers).collect()
    });
    let drawn = (1..8usize, who()).prop_map(|(role, u)| {
        // The last place in `RIGHTS` has the right to make stickers, but not to manage those of others.
        let may_draw = [Act::EditRole(0, role, 15 | 15 << 4), Act::GiveRole(0, u, role)];
        may_draw.into_iter().chain([Act::Draw(0, 1), Act::Draw(u, 0)]).collect()
    });
    prop_oneof![
        30 => act().prop_map(|act| vec![act]),
        1 => archived,
        1 => locked,
        2 => unseen,
        1 => asked,
        1 => drawn,
    ]
}

/// What happens before the random acts, by the founder: a category that is closed to those who manage channels, places to talk, one
/// of them hidden; roles that manage, with members; threads.
pub fn prelude() -> Vec<Act> {
    let everyone = |deny| Some((0, false, 0, deny));
    // Places in `RIGHTS`, two at a time.
    let [view, manages_channels, moderates] = [0, 5 | 5 << 4, 9 | 10 << 4];
    let [manages, threads] = [5 | 6 << 4, 7 | 8 << 4];
    vec![
        Act::CreateChannel(0, 0, None, None),
        Act::CreateChannel(0, 0, None, everyone(manages_channels)),
        Act::CreateChannel(0, 2, None, None),
        Act::CreateChannel(0, 2, None, everyone(view)),
        Act::CreateChannel(0, 1, None, None),
        Act::CreateChannel(0, 3, None, None),
        Act::CreateRole(0, manages),
        Act::GiveRole(0, 1, 1),
        Act::GiveRole(0, 5, 1),
        Act::CreateRole(0, moderates),
        Act::GiveRole(0, 2, 2),
        Act::CreateRole(0, threads),
        Act::GiveRole(0, 3, 3),
        Act::Start(0, 0, true),
        Act::Add(0, 0, 4),
        Act::Add(0, 0, 6),
        Act::Start(4, 0, false),
        Act::Start(1, 3, true),
        Act::Add(1, 2, 5),
    ]
}

/// What an act changes, once it was accepted.
pub type Change = Box<dyn FnOnce(&mut Rules, &serde_json::Value)>;

/// An act against the guild as it is.
pub struct Call {
    pub user: u64,
    pub op: Op,
    /// Why it must be refused; empty when it must not.
    pub reasons: Reasons,
    pub change: Change,
    /// What the guild is told by it, beside what the state of clients shows: the event's name and the place it is about.
    pub told: Option<(&'static str, u64)>,
    /// Whether it is noted in the audit log.
    pub audited: bool,
}

impl Call {
    pub fn new(
        user: u64,
        op: Op,
        reasons: Reasons,
        change: impl FnOnce(&mut Rules, &serde_json::Value) + 'static,
    ) -> Self {
        Self { user, op, reasons, change: Box::new(change), told: None, audited: false }
    }

    pub fn audited(self) -> Self {
        Self { audited: true, ..self }
    }

    pub fn telling(self, name: &'static str, place: u64) -> Self {
        Self { told: Some((name, place)), ..self }
    }
}

fn nth<T: Copy>(list: impl IntoIterator<Item = T>, n: usize) -> Option<T> {
    let list: Vec<T> = list.into_iter().collect();
    (!list.is_empty()).then(|| list[n % list.len()])
}

fn rights(bits: u16) -> u64 {
    // Two of the sixteen at a time, so that sets differ much.
    RIGHTS[usize::from(bits & 15)] | RIGHTS[usize::from(bits >> 4 & 15)]
}

/// ADMINISTRATOR now and then.
fn role_rights(bits: u16) -> u64 {
    rights(bits) | if bits >> 8 == 255 { rules::ADMIN } else { 0 }
}

fn permissions(rights: u64) -> Permissions {
    Permissions::from_bits_truncate(rights)
}

fn overwrite(over: &Over) -> Overwrite {
    let kind = if over.member { OverwriteKind::Member } else { OverwriteKind::Role };
    Overwrite { id: over.id.into(), kind, allow: permissions(over.allow), deny: permissions(over.deny) }
}

fn id(answer: &serde_json::Value) -> u64 {
    answer["id"].as_str().and_then(|id| id.parse().ok()).expect("an id")
}

impl Rules {
    pub fn some_channel(&self, n: usize) -> Option<u64> {
        nth(self.channels.keys().copied(), n)
    }

    fn some_thread(&self, n: usize) -> Option<u64> {
        nth(self.threads.keys().copied(), n)
    }

    /// A channel or thread; half of them threads.
    fn some_place(&self, n: usize) -> Option<u64> {
        if n.is_multiple_of(2) {
            self.some_channel(n / 2)
        } else {
            self.some_thread(n / 2).or_else(|| self.some_channel(n))
        }
    }

    pub fn some_role(&self, n: usize) -> u64 {
        nth(self.roles.keys().copied(), n).unwrap_or(self.guild)
    }

    fn some_over(&self, (n, member, allow, deny): (usize, bool, u16, u16)) -> Over {
        let id = if member { USERS[n % USERS.len()] } else { self.some_role(n) };
        let (allow, deny) = (if allow >> 8 & 1 == 0 { 0 } else { rights(allow) }, rights(deny));
        Over {
            id,
            member,
            allow,
            deny: if deny & VIEW != 0 && allow & VIEW == 0 { VIEW } else { deny & !allow },
        }
    }

    fn parent(&self, n: Option<usize>) -> Option<u64> {
        let categories = self.channels.iter().filter(|(_, found)| found.kind == Kind::Category);
        nth(categories.map(|(id, _)| *id), n?)
    }
}

/// Roles and what changes members.
pub fn of_members(rules: &Rules, act: &Act) -> Option<Call> {
    let user = |n: usize| USERS[n % USERS.len()];
    let gone = |user: u64| if rules.is_member(user) { Vec::new() } else { vec![NONSENSE] };
    let below =
        |actor: u64, other: u64| if rules.outranks(actor, other) { Vec::new() } else { vec![NO_RIGHT] };
    Some(match *act {
        Act::Kick(by, n) => {
            let (by, other) = (user(by), user(n));
            let reasons = [rules.need(by, KICK), gone(other), below(by, other)].concat();
            let op = Op::Member(member::Op::Kick { user: other.into() });
            Call::new(by, op, reasons, move |rules, _| rules.part(other)).audited()
        }
        Act::Ban(by, n) => {
            let (by, other) = (user(by), user(n));
            let above = if rules.is_member(other) { below(by, other) } else { Vec::new() };
            let op = ban::Op::Create { user: Box::new(account(other)), delete_message_seconds: 0 };
            let reasons = [rules.need(by, BAN), above].concat();
            let new = !rules.banned.contains(&other);
            let call = Call::new(by, Op::Ban(op), reasons, move |rules, _| {
                rules.banned.insert(other);
                rules.part(other);
            });
            Call { audited: new, ..call }
        }
        Act::Unban(by, n) => {
            let (by, other) = (user(by), user(n));
            let unknown = if rules.banned.contains(&other) { Vec::new() } else { vec![NONSENSE] };
            let op = Op::Ban(ban::Op::Delete { user: other.into() });
            let reasons = [rules.need(by, BAN), unknown].concat();
            Call::new(by, op, reasons, move |rules, _| {
                rules.banned.remove(&other);
            })
            .audited()
        }
        Act::Rule(by) => {
            let by = user(by);
            let reasons = rules.need(by, rules::MANAGE_GUILD);
            if let Some(rule) = rules.automod.first().copied().filter(|_| rules.automod.len() >= 2) {
                let op = Op::AutoMod(automod::Op::Delete { rule: rule.into() });
                return Some(Call::new(by, op, reasons, |rules, _| rules.automod.truncate(1)).audited());
            }
            let form = RuleForm { name: Some("rule".into()), trigger_type: Some(1), ..RuleForm::default() };
            let op = Op::AutoMod(automod::Op::Create(Box::new(form)));
            Call::new(by, op, reasons, |rules, made| rules.automod.push(id(made))).audited()
        }
        Act::Leave(by) => {
            let by = user(by);
            let reasons = if rules.is_member(by) && by != rules.owner { Vec::new() } else { vec![NONSENSE] };
            Call::new(by, Op::Member(member::Op::Leave), reasons, move |rules, _| rules.part(by))
        }
        Act::TimeOut(by, n, on) => {
            let (by, other) = (user(by), user(n));
            let until = rules.now_ms + 120_000;
            let admin = on && rules.is_admin(other);
            let mut reasons = [rules.need(by, MODERATE), gone(other), below(by, other)].concat();
            reasons.extend(admin.then_some(NO_RIGHT));
            let patch = if on { Patch::Value(Timestamp::from_ms(until)) } else { Patch::Null };
            let update = member::Update { communication_disabled_until: patch, ..member::Update::default() };
            let op = Op::Member(member::Op::Update { user: other.into(), update: Box::new(update) });
            Call::new(by, op, reasons, move |rules, _| {
                rules.members.get_mut(&other).expect("a member").timeout = if on { until } else { 0 };
            })
        }
        Act::GiveRole(by, n, role) | Act::TakeRole(by, n, role) => {
            let give = matches!(act, Act::GiveRole(..));
            let (by, other, role) = (user(by), user(n), rules.some_role(role));
            let mut reasons = [rules.need(by, MANAGE_ROLES), gone(other)].concat();
            match role == rules.guild {
                true => reasons.push(NONSENSE),
                false if !rules.outranks_role(by, role) => reasons.push(NO_RIGHT),
                false => {}
            }
            let (user, id) = (other.into(), role.into());
            let op = if give {
                member::Op::AddRole { user, role: id }
            } else {
                member::Op::RemoveRole { user, role: id }
            };
            Call::new(by, Op::Member(op), reasons, move |rules, _| {
                let held = &mut rules.members.get_mut(&other).expect("a member").roles;
                if give {
                    held.insert(role)
                } else {
                    held.remove(&role)
                };
            })
        }
        _ => return of_roles(rules, act),
    })
}

fn of_roles(rules: &Rules, act: &Act) -> Option<Call> {
    let user = |n: usize| USERS[n % USERS.len()];
    let fields = |rights| {
        Box::new(role::Fields { permissions: Patch::Value(permissions(rights)), ..Default::default() })
    };
    Some(match *act {
        Act::CreateRole(by, bits) => {
            let (by, rights) = (user(by), role_rights(bits));
            let reasons = [rules.need(by, MANAGE_ROLES), rules.need(by, rights)].concat();
            Call::new(by, Op::Role(role::Op::Create(fields(rights))), reasons, move |rules, answer| {
                rules
                    .roles
                    .values_mut()
                    .filter(|role| role.position >= 1)
                    .for_each(|role| role.position += 1);
                rules.roles.insert(id(answer), Role { rights, position: 1 });
            })
            .audited()
        }
        Act::EditRole(by, n, bits) => {
            let (by, role, rights) = (user(by), rules.some_role(n), role_rights(bits));
            let new = rights & !rules.roles[&role].rights;
            let mut reasons = [rules.need(by, MANAGE_ROLES), rules.need(by, new)].concat();
            if role != rules.guild && !rules.outranks_role(by, role) {
                reasons.push(NO_RIGHT);
            }
            let op = Op::Role(role::Op::Update { role: role.into(), fields: fields(rights) });
            Call::new(by, op, reasons, move |rules, _| {
                rules.roles.get_mut(&role).expect("a role").rights = rights;
            })
        }
        Act::DeleteRole(by, n) => {
            let (by, role) = (user(by), rules.some_role(n));
            let mut reasons = rules.need(by, MANAGE_ROLES);
            match role == rules.guild {
                true => reasons.push(NONSENSE),
                false if !rules.outranks_role(by, role) => reasons.push(NO_RIGHT),
                false => {}
            }
            Call::new(by, Op::Role(role::Op::Delete { role: role.into() }), reasons, move |rules, _| {
                rules.roles.remove(&role);
                rules.members.values_mut().for_each(|member| {
                    member.roles.remove(&role);
                });
                rules.channels.values_mut().for_each(|channel| channel.overs.retain(|over| over.id != role));
            })
            .audited()
        }
        _ => return None,
    })
}

/// Channels and their overwrites.
pub fn of_channels(rules: &Rules, act: &Act) -> Option<Call> {
    let user = |n: usize| USERS[n % USERS.len()];
    Some(match *act {
        Act::CreateChannel(by, kind, parent, over) => {
            let by = user(by);
            let (kind, wire) = match kind {
                0 => (Kind::Category, consort_model::ChannelType::GuildCategory),
                1 => (Kind::Voice, consort_model::ChannelType::GuildVoice),
                3 => (Kind::Stage, consort_model::ChannelType::GuildStageVoice),
                _ => (Kind::Text, consort_model::ChannelType::GuildText),
            };
            let parent = rules.parent(parent).filter(|_| kind != Kind::Category);
            let overs = over.map(|over| vec![rules.some_over(over)]);
            let mut reasons = rules.need(by, MANAGE_CHANNELS);
            reasons.extend(parent.iter().flat_map(|parent| rules.need_in(by, *parent, MANAGE_CHANNELS)));
            reasons.extend(overs.iter().flat_map(|overs| rules.need_overs(by, None, parent, overs, &[])));
            let permission_overwrites = overs.as_ref().map(|overs| overs.iter().map(overwrite).collect());
            let create = channel::Create {
                parent_id: parent.map(Into::into),
                permission_overwrites,
                ..new_channel("c", wire)
            };
            Call::new(
                by,
                Op::Channel(channel::Op::Create(Box::new(create))),
                reasons,
                move |rules, answer| {
                    let inherited = parent.map(|parent| rules.channels[&parent].overs.clone());
                    let overs = overs.or(inherited).unwrap_or_default();
                    rules.channels.insert(id(answer), Channel { kind, parent, overs });
                },
            )
            .audited()
        }
        Act::DeleteChannel(by, n) => {
            let (by, channel) = (user(by), rules.some_channel(n)?);
            let reasons = rules.need_in(by, channel, MANAGE_CHANNELS);
            let op = Op::Channel(channel::Op::Delete { channel: channel.into() });
            Call::new(by, op, reasons, move |rules, _| rules.remove_channel(channel)).audited()
        }
        Act::SetOverwrite(by, n, over) => {
            let (by, channel, over) = (user(by), rules.some_channel(n)?, rules.some_over(over));
            let found = &rules.channels[&channel];
            let mut wanted: Vec<_> =
                found.overs.iter().copied().filter(|other| other.id != over.id).collect();
            wanted.push(over);
            let mut reasons = rules.need_in(by, channel, MANAGE_ROLES);
            reasons.extend(rules.need_overs(by, Some(channel), found.parent, &wanted, &found.overs));
            let op = channel::Op::SetOverwrite { channel: channel.into(), overwrite: overwrite(&over) };
            Call::new(by, Op::Channel(op), reasons, move |rules, _| rules.set_overs(channel, wanted))
                .audited()
        }
        Act::DeleteOverwrite(by, n, over) => {
            let (by, channel) = (user(by), rules.some_channel(n)?);
            let found = &rules.channels[&channel];
            let target = nth(found.overs.iter().map(|over| over.id), over)?;
            let rest = found.overs.iter().copied().filter(|over| over.id != target).collect();
            let op = channel::Op::DeleteOverwrite { channel: channel.into(), id: target.into() };
            let reasons = rules.need_in(by, channel, MANAGE_ROLES);
            Call::new(by, Op::Channel(op), reasons, move |rules, _| rules.set_overs(channel, rest)).audited()
        }
        Act::Move(by, n, parent, lock) => {
            let (by, channel, parent) = (user(by), rules.some_channel(n)?, rules.parent(parent));
            let found = rules.channels.get(&channel).filter(|found| found.kind != Kind::Category)?;
            let mut reasons = rules.need(by, MANAGE_CHANNELS);
            reasons.extend(rules.need_move(by, channel, parent));
            let of_parent = parent.filter(|_| lock).map(|parent| rules.channels[&parent].overs.clone());
            let overs = of_parent.filter(|overs| !same(overs, &found.overs));
            reasons.extend(
                overs
                    .iter()
                    .flat_map(|overs| rules.need_overs(by, Some(channel), parent, overs, &found.overs)),
            );
            let parent_id = parent.map_or(Patch::Null, |parent| Patch::Value(parent.into()));
            let entry =
                channel::Move { id: channel.into(), position: None, lock_permissions: lock, parent_id };
            Call::new(by, Op::Channel(channel::Op::Move(vec![entry])), reasons, move |rules, _| {
                let found = rules.channels.get_mut(&channel).expect("a channel");
                found.parent = parent;
                found.overs = overs.unwrap_or_else(|| found.overs.clone());
            })
        }
        Act::PatchParent(by, n, parent) => {
            let (by, channel, parent) = (user(by), rules.some_channel(n)?, rules.parent(parent));
            rules.channels.get(&channel).filter(|found| found.kind != Kind::Category)?;
            let mut reasons = rules.need_in(by, channel, MANAGE_CHANNELS);
            reasons.extend(rules.need_move(by, channel, parent));
            let parent_id = parent.map_or(Patch::Null, |parent| Patch::Value(parent.into()));
            let update = Box::new(channel::Update { parent_id, ..channel::Update::default() });
            let op = Op::Channel(channel::Op::Update { channel: channel.into(), update });
            Call::new(by, op, reasons, move |rules, _| {
                rules.channels.get_mut(&channel).expect("a channel").parent = parent;
            })
        }
        _ => return None,
    })
}

/// Whether overwrites are the same, in any order.
fn same(a: &[Over], b: &[Over]) -> bool {
    let sorted = |overs: &[Over]| {
        let mut overs = overs.to_vec();
        overs.sort();
        overs
    };
    sorted(a) == sorted(b)
}

impl Rules {
    /// Why a user may not change the parent of a channel.
    fn need_move(&self, user: u64, channel: u64, parent: Option<u64>) -> Reasons {
        if self.channels[&channel].parent == parent {
            return Vec::new();
        }
        let there = parent.map_or(Vec::new(), |parent| self.need_in(user, parent, MANAGE_CHANNELS));
        [self.need_in(user, channel, MANAGE_CHANNELS), there].concat()
    }

    /// "Synced" channels follow their category.
    fn set_overs(&mut self, channel: u64, overs: Vec<Over>) {
        let old =
            std::mem::replace(&mut self.channels.get_mut(&channel).expect("a channel").overs, overs.clone());
        let children = self.channels.values_mut().filter(|child| child.parent == Some(channel));
        children.filter(|child| same(&child.overs, &old)).for_each(|child| child.overs = overs.clone());
    }

    fn remove_channel(&mut self, channel: u64) {
        self.events.retain(|(_, place, _)| *place != channel);
        self.forget_interest();
        self.channels.remove(&channel);
        self.messages.remove(&channel);
        self.voice.retain(|_, inside| *inside != channel);
        self.stages.remove(&channel);
        self.threads.retain(|_, thread| thread.parent != channel);
        let children = self.channels.values_mut().filter(|child| child.parent == Some(channel));
        children.for_each(|child| child.parent = None);
    }

    fn thread_is(&self, thread: u64, archived: bool) -> Reasons {
        if self.threads[&thread].archived == archived { Vec::new() } else { vec![NONSENSE] }
    }

    /// A locked thread is for who manages threads.
    fn need_unlocked(&self, user: u64, place: u64) -> Reasons {
        let locked = self.threads.get(&place).is_some_and(|thread| thread.locked);
        if locked && self.in_place(user, place) & MANAGE_THREADS == 0 { vec![NONSENSE] } else { Vec::new() }
    }
}

fn change_thread(thread: u64, update: UpdateThread) -> Op {
    Op::Thread { channel: thread.into(), op: thread::Op::Update(Box::new(update)) }
}

/// Threads and who is in them.
pub fn of_threads(rules: &Rules, act: &Act) -> Option<Call> {
    let user = |n: usize| USERS[n % USERS.len()];
    let in_thread = |thread: u64, op| Op::Thread { channel: thread.into(), op };
    Some(match *act {
        Act::Start(by, n, private) => {
            let (by, parent) = (user(by), rules.some_channel(n)?);
            let right = if private { rules::PRIVATE_THREADS } else { rules::PUBLIC_THREADS };
            let wrong = if rules.channels[&parent].kind == Kind::Text { Vec::new() } else { vec![NONSENSE] };
            let reasons = [rules.need_in(by, parent, right), wrong].concat();
            let start = StartThread {
                name: "t".into(),
                kind: Some(if private { 12 } else { 11 }),
                ..StartThread::default()
            };
            let op = in_thread(parent, thread::Op::Start { thread: Box::new(start), post: None });
            Call::new(by, op, reasons, move |rules, answer| {
                let members = [by].into();
                let (archived, locked) = (false, false);
                rules
                    .threads
                    .insert(id(answer), Thread { parent, private, archived, locked, starter: by, members });
            })
            .audited()
        }
        Act::Join(by, n) | Act::Quit(by, n) => {
            let (by, thread, join) = (user(by), rules.some_thread(n)?, matches!(act, Act::Join(..)));
            let reasons = [rules.need_in(by, thread, 0), rules.thread_is(thread, false)].concat();
            let op = in_thread(thread, if join { thread::Op::Join } else { thread::Op::Leave });
            Call::new(by, op, reasons, move |rules, _| rules.be_in(thread, by, join))
        }
        Act::Add(by, n, m) => {
            let (by, thread, other) = (user(by), rules.some_thread(n)?, user(m));
            let found = &rules.threads[&thread];
            let mut reasons = [rules.need_in(by, thread, 0), rules.thread_is(thread, false)].concat();
            if by != other {
                reasons.extend(rules.need_in(by, thread, SEND));
                reasons.extend(rules.need_unlocked(by, thread));
                match rules.is_member(other) {
                    false => reasons.push(NONSENSE),
                    true if !rules.sees_channel(other, found.parent) => reasons.push(NO_ACCESS),
                    true => {}
                }
            }
            let op = in_thread(thread, thread::Op::AddMember { user: other.into() });
            Call::new(by, op, reasons, move |rules, _| rules.be_in(thread, other, true))
        }
        Act::Remove(by, n, m) => {
            let (by, thread, other) = (user(by), rules.some_thread(n)?, user(m));
            let found = &rules.threads[&thread];
            let mut reasons = [rules.need_in(by, thread, 0), rules.thread_is(thread, false)].concat();
            if by != other {
                let own = found.private && found.starter == by && !rules.is_timed_out(by);
                reasons.extend(if own { Vec::new() } else { rules.need_in(by, thread, MANAGE_THREADS) });
                reasons.extend((!found.members.contains(&other)).then_some(NONSENSE));
            }
            let op = in_thread(thread, thread::Op::RemoveMember { user: other.into() });
            Call::new(by, op, reasons, move |rules, _| rules.be_in(thread, other, false))
        }
        Act::Archive(by, n, on) => {
            let (by, thread) = (user(by), rules.some_thread(n)?);
            let found = &rules.threads[&thread];
            let held = rules.in_place(by, thread);
            let manages = held & MANAGE_THREADS != 0;
            let mut reasons = rules.need_in(by, thread, 0);
            reasons.extend((on && found.archived).then_some(NONSENSE));
            let started = found.starter == by && !rules.is_timed_out(by);
            let may = manages || !found.locked && (started || !on && held & SEND != 0);
            reasons.extend((!may).then_some(NO_RIGHT));
            let op = change_thread(thread, UpdateThread { archived: Some(on), ..UpdateThread::default() });
            Call::new(by, op, reasons, move |rules, _| {
                rules.threads.get_mut(&thread).expect("a thread").archived = on;
            })
        }
        Act::Lock(by, n, on) => {
            let (by, thread) = (user(by), rules.some_thread(n)?);
            let reasons =
                [rules.need_in(by, thread, MANAGE_THREADS), rules.thread_is(thread, false)].concat();
            let op = change_thread(thread, UpdateThread { locked: Some(on), ..UpdateThread::default() });
            Call::new(by, op, reasons, move |rules, _| {
                rules.threads.get_mut(&thread).expect("a thread").locked = on;
            })
        }
        Act::DeleteThread(by, n) => {
            let (by, thread) = (user(by), rules.some_thread(n)?);
            let reasons = rules.need_in(by, thread, MANAGE_THREADS);
            Call::new(by, in_thread(thread, thread::Op::Delete), reasons, move |rules, _| {
                rules.threads.remove(&thread);
                rules.messages.remove(&thread);
            })
            .audited()
        }
        _ => return None,
    })
}

impl Rules {
    fn be_in(&mut self, thread: u64, user: u64, inside: bool) {
        let members = &mut self.threads.get_mut(&thread).expect("a thread").members;
        if inside {
            members.insert(user)
        } else {
            members.remove(&user)
        };
    }
}

impl Rules {
    fn need_to_post(&self, user: u64, place: u64) -> Reasons {
        let category = self.channels.get(&place).is_some_and(|found| found.kind == Kind::Category);
        let mut reasons = [self.need_in(user, place, SEND), self.need_unlocked(user, place)].concat();
        reasons.extend(category.then_some(NONSENSE));
        reasons
    }
}

/// Writes a message, which opens a thread and brings its author into it.
fn post(by: u64, place: u64, body: CreateMessage, reasons: Reasons) -> Call {
    let create = Box::new(message::Create { body, ..message::Create::default() });
    let op = Op::Message { channel: place.into(), op: message::Op::Create(create) };
    Call::new(by, op, reasons, move |rules, answer| {
        rules.messages.entry(place).or_default().push(Message { id: id(answer), author: by });
        if let Some(thread) = rules.threads.get_mut(&place) {
            thread.archived = false;
            thread.members.insert(by);
        }
    })
    .telling("MESSAGE_CREATE", place)
}

/// Messages and voice. `session`: that of who speaks.
pub fn of_talk(rules: &Rules, act: &Act, session: impl Fn(u64) -> Session) -> Option<Call> {
    let user = |n: usize| USERS[n % USERS.len()];
    let in_place = |place: u64, op| Op::Message { channel: place.into(), op };
    Some(match *act {
        Act::Type(by, n) => {
            let (by, place) = (user(by), rules.some_place(n)?);
            let op = in_place(place, message::Op::Typing);
            Call::new(by, op, rules.need_to_post(by, place), |_, _| {}).telling("TYPING_START", place)
        }
        Act::Post(by, n) => {
            let (by, place) = (user(by), rules.some_place(n)?);
            let body = CreateMessage { content: "words".into(), ..CreateMessage::default() };
            post(by, place, body, rules.need_to_post(by, place))
        }
        Act::Stick(by, n, m) => {
            let (by, place) = (user(by), rules.some_place(n)?);
            let sticker = rules.stickers.get(m % (rules.stickers.len() + 1));
            let mut reasons = rules.need_to_post(by, place);
            reasons.extend(sticker.is_none().then_some(NONSENSE));
            let sticker_ids = vec![sticker.map_or(things::NO_STICKER, |sticker| sticker.id).into()];
            post(by, place, CreateMessage { sticker_ids, ..CreateMessage::default() }, reasons)
        }
        Act::Erase(by, n, m) => {
            let (by, place) = (user(by), rules.some_place(n)?);
            let message = nth(rules.messages.get(&place).into_iter().flatten(), m)?.clone();
            let right = if message.author == by { 0 } else { MANAGE_MESSAGES };
            let op = in_place(place, message::Op::Delete { message: message.id.into() });
            let reasons = rules.need_in(by, place, right);
            Call::new(by, op, reasons, move |rules, _| {
                rules.messages.entry(place).or_default().retain(|other| other.id != message.id);
            })
            .telling("MESSAGE_DELETE", place)
        }
        Act::Plan(by, n) => {
            let by = user(by);
            if let Some((event, channel, creator)) = rules.events.last().copied().filter(|_| n % 2 == 0) {
                let op = Op::Event(event::Op::Delete { event: event.into() });
                let unseen = rules.need_in(by, channel, 0);
                let right = if creator == by { EVENTS } else { MANAGE_EVENTS };
                let either = rules.in_place(by, channel) & (right | MANAGE_EVENTS) != 0;
                let reasons = if either { unseen } else { [unseen, vec![NO_RIGHT]].concat() };
                let call = Call::new(by, op, reasons, |rules, _| {
                    rules.events.truncate(rules.events.len() - 1);
                    rules.forget_interest();
                });
                return Some(call.audited().telling("GUILD_SCHEDULED_EVENT_DELETE", channel));
            }
            let channel = rules.some_channel(n)?;
            let wrong =
                if rules.channels[&channel].kind == Kind::Voice { Vec::new() } else { vec![NONSENSE] };
            let stranger = if rules.is_member(by) { Vec::new() } else { vec![NO_ACCESS] };
            let form = EventForm {
                name: Some("event".into()),
                start: Some(Timestamp::from_ms(rules.now_ms + 1_000_000_000)),
                entity_type: Some(2),
                channel: Patch::Value(channel.into()),
                ..EventForm::default()
            };
            let id = 1_000_000 + rules.planned;
            let op = Op::Event(event::Op::Create { id: id.into(), form: Box::new(form) });
            let reasons = [stranger, wrong, rules.need_in(by, channel, EVENTS | rules::CONNECT)].concat();
            Call::new(by, op, reasons, move |rules, _| {
                rules.planned += 1;
                rules.events.push((id, channel, by));
            })
            .audited()
            .telling("GUILD_SCHEDULED_EVENT_CREATE", channel)
        }
        Act::Speak(by, n) => {
            let (by, channel) = (user(by), rules.some_channel(n)?);
            let present = rules.voice.get(&by) == Some(&channel);
            let wrong = if rules.channels[&channel].kind.is_voice() { Vec::new() } else { vec![NONSENSE] };
            let connect = if present { Vec::new() } else { rules.need_in(by, channel, rules::CONNECT) };
            let reasons =
                [if rules.is_member(by) { Vec::new() } else { vec![NO_ACCESS] }, connect, wrong].concat();
            Call::new(by, speak(session(by), Some(channel.into())), reasons, move |rules, _| {
                rules.enter(by, channel);
            })
        }
        Act::Drag(by, n, m) => {
            let (by, other, channel) = (user(by), user(n), rules.some_channel(m)?);
            let wrong = if rules.channels[&channel].kind.is_voice() { Vec::new() } else { vec![NONSENSE] };
            let from = match rules.voice.get(&other) {
                Some(inside) => rules.need_in(by, *inside, MOVE),
                None => [rules.need(by, MOVE), vec![NONSENSE]].concat(),
            };
            let to = rules.need_in(by, channel, MOVE | rules::CONNECT);
            let absent = if rules.is_member(other) { Vec::new() } else { vec![NONSENSE] };
            let stranger = if rules.is_member(by) { Vec::new() } else { vec![NO_ACCESS] };
            let update =
                member::Update { channel_id: Patch::Value(channel.into()), ..member::Update::default() };
            let op = Op::Member(member::Op::Update { user: other.into(), update: Box::new(update) });
            let reasons = [stranger, absent, from, to, wrong].concat();
            Call::new(by, op, reasons, move |rules, _| {
                rules.enter(other, channel);
            })
        }
        _ => return None,
    })
}

/// Coming in by the invite that everybody has.
pub fn coming(rules: &Rules, n: usize, code: &str) -> Call {
    let user = USERS[n % USERS.len()];
    let reasons =
        if rules.banned.contains(&user) && !rules.is_member(user) { vec![NONSENSE] } else { Vec::new() };
    let op = member::Op::JoinByInvite { code: code.to_owned(), user: Box::new(account(user)) };
    Call::new(user, Op::Member(op), reasons, move |rules, _| {
        if !rules.is_member(user) {
            rules.join(user);
        }
    })
}

/// The rules of a guild that was just founded.
pub fn founded(now_ms: u64) -> Rules {
    let talks = VIEW | SEND | rules::HISTORY | rules::CONNECT | rules::SEND_IN_THREADS;
    let does = rules::PUBLIC_THREADS
        | rules::PRIVATE_THREADS
        | rules::ADD_REACTIONS
        | rules::SPEAK
        | rules::SOUNDBOARD;
    let everyone = Role { rights: talks | does, position: 0 };
    Rules {
        guild: GUILD.get(),
        owner: OWNER,
        now_ms,
        roles: [(GUILD.get(), everyone)].into(),
        members: USERS.into_iter().map(|user| (user, rules::Member::default())).collect(),
        banned: Default::default(),
        left: Default::default(),
        channels: Default::default(),
        threads: Default::default(),
        messages: Default::default(),
        voice: Default::default(),
        speakers: Default::default(),
        stages: Default::default(),
        topics: 0,
        automod: Vec::new(),
        events: Vec::new(),
        planned: 0,
        interested: Default::default(),
        emojis: Vec::new(),
        stickers: Vec::new(),
        drawn: 0,
        sounds: Vec::new(),
        recorded: 0,
        reactions: Default::default(),
        template: None,
        question: None,
    }
}

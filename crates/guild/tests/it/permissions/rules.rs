//! What is allowed and what is seen, by the published documentation alone (Permissions, Threads, Channel and Guild pages). The
//! simplest thing that can be right: plain maps, everything computed anew at each question, and nothing of the guild's code.

use std::collections::{BTreeMap, BTreeSet};

pub const KICK: u64 = 1 << 1;
pub const BAN: u64 = 1 << 2;
pub const ADMIN: u64 = 1 << 3;
pub const MANAGE_CHANNELS: u64 = 1 << 4;
pub const MANAGE_GUILD: u64 = 1 << 5;
pub const AUDIT_LOG: u64 = 1 << 7;
pub const ADD_REACTIONS: u64 = 1 << 6;
pub const VIEW: u64 = 1 << 10;
pub const SEND: u64 = 1 << 11;
pub const MANAGE_MESSAGES: u64 = 1 << 13;
pub const HISTORY: u64 = 1 << 16;
pub const CONNECT: u64 = 1 << 20;
pub const SPEAK: u64 = 1 << 21;
pub const MUTE: u64 = 1 << 22;
pub const MOVE: u64 = 1 << 24;
pub const MANAGE_ROLES: u64 = 1 << 28;
pub const MANAGE_WEBHOOKS: u64 = 1 << 29;
pub const MANAGE_THREADS: u64 = 1 << 34;
pub const PUBLIC_THREADS: u64 = 1 << 35;
pub const PRIVATE_THREADS: u64 = 1 << 36;
pub const SEND_IN_THREADS: u64 = 1 << 38;
pub const MODERATE: u64 = 1 << 40;
pub const MANAGE_EXPRESSIONS: u64 = 1 << 30;
pub const CREATE_EXPRESSIONS: u64 = 1 << 43;
pub const REQUEST: u64 = 1 << 32;
pub const SOUNDBOARD: u64 = 1 << 42;
pub const EXTERNAL_SOUNDS: u64 = 1 << 45;
pub const MANAGE_EVENTS: u64 = 1 << 33;
pub const CREATE_EVENTS: u64 = 1 << 44;
const INVITE: u64 = 1 << 0;
/// What means nothing to who cannot write: mentions of everyone, read out, files, embeds.
const WITH_SEND: u64 = 1 << 17 | 1 << 12 | 1 << 15 | 1 << 14;

/// Kinds of channels that the model knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Voice,
    Stage,
    Category,
}

impl Kind {
    /// Whether one can be inside.
    pub fn is_voice(self) -> bool {
        matches!(self, Self::Voice | Self::Stage)
    }
}

/// A change of rights in a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Over {
    pub id: u64,
    pub member: bool,
    pub allow: u64,
    pub deny: u64,
}

#[derive(Debug, Clone)]
pub struct Role {
    pub rights: u64,
    pub position: i64,
}

#[derive(Debug, Clone)]
pub struct Channel {
    pub kind: Kind,
    pub parent: Option<u64>,
    pub overs: Vec<Over>,
}

#[derive(Debug, Clone)]
pub struct Thread {
    pub parent: u64,
    pub private: bool,
    pub archived: bool,
    pub locked: bool,
    pub starter: u64,
    pub members: BTreeSet<u64>,
}

#[derive(Debug, Clone, Default)]
pub struct Member {
    pub roles: BTreeSet<u64>,
    /// End of a timeout, Unix milliseconds.
    pub timeout: u64,
}

#[derive(Debug, Clone)]
pub struct Message {
    pub id: u64,
    pub author: u64,
}

/// An emoji of the guild.
#[derive(Debug, Clone)]
pub struct Emoji {
    pub id: u64,
    /// Whom it is for; empty: everybody.
    pub roles: BTreeSet<u64>,
    pub maker: u64,
}

/// A sticker of the guild.
#[derive(Debug, Clone)]
pub struct Sticker {
    pub id: u64,
    pub maker: u64,
}

/// The question for newcomers.
#[derive(Debug, Clone)]
pub struct Question {
    /// Whether it is asked.
    pub on: bool,
    /// Its answer.
    pub option: u64,
    /// What that gives.
    pub role: u64,
}

/// Why something is refused: JSON error codes, any of which may be answered. Empty: it is allowed.
pub type Reasons = Vec<u32>;

pub const NO_ACCESS: u32 = 50_001;
pub const NO_RIGHT: u32 = 50_013;
/// Refused for what it is, not for who asks.
pub const NONSENSE: u32 = 0;

/// A guild as the documentation has it.
#[derive(Debug, Clone)]
pub struct Rules {
    pub guild: u64,
    pub owner: u64,
    pub now_ms: u64,
    pub roles: BTreeMap<u64, Role>,
    pub members: BTreeMap<u64, Member>,
    pub banned: BTreeSet<u64>,
    /// Timeouts of those who have left.
    pub left: BTreeMap<u64, u64>,
    pub channels: BTreeMap<u64, Channel>,
    pub threads: BTreeMap<u64, Thread>,
    /// Written messages by channel or thread.
    pub messages: BTreeMap<u64, Vec<Message>>,
    /// Who is in which voice channel.
    pub voice: BTreeMap<u64, u64>,
    /// Those of them who may speak on a stage.
    pub speakers: BTreeSet<u64>,
    /// Stages that go on, by channel, and since when nobody may speak there, Unix milliseconds.
    pub stages: BTreeMap<u64, Option<u64>>,
    /// How many topics there ever were.
    pub topics: u64,
    /// Rules of the automatic moderation.
    pub automod: Vec<u64>,
    /// Events with their channel and maker, in the order they were made.
    pub events: Vec<(u64, u64, u64)>,
    /// How many there ever were.
    pub planned: u64,
    /// Who is interested in which event: event and user.
    pub interested: BTreeSet<(u64, u64)>,
    /// In the order they were made.
    pub emojis: Vec<Emoji>,
    /// In the order they were made.
    pub stickers: Vec<Sticker>,
    /// How many emojis and stickers there ever were, and new names of them.
    pub drawn: u64,
    /// Sounds with who made them, in the order they were made.
    pub sounds: Vec<(u64, u64)>,
    /// How many there ever were.
    pub recorded: u64,
    /// Who has reacted, by message and emoji.
    pub reactions: BTreeMap<(u64, u64), BTreeSet<u64>>,
    /// The code of the template.
    pub template: Option<String>,
    pub question: Option<Question>,
}

impl Rules {
    pub fn is_member(&self, user: u64) -> bool {
        self.members.contains_key(&user)
    }

    /// Rights by roles: "the base is @everyone or'ed with all roles; the owner and administrators have all".
    fn by_roles(&self, user: u64) -> u64 {
        let Some(member) = self.members.get(&user) else { return 0 };
        if user == self.owner {
            return u64::MAX;
        }
        let mut held = self.roles[&self.guild].rights;
        for role in member.roles.iter().filter_map(|role| self.roles.get(role)) {
            held |= role.rights;
        }
        if held & ADMIN != 0 { u64::MAX } else { held }
    }

    pub fn is_admin(&self, user: u64) -> bool {
        self.by_roles(user) == u64::MAX
    }

    pub fn is_timed_out(&self, user: u64) -> bool {
        !self.is_admin(user) && self.members.get(&user).is_some_and(|member| member.timeout > self.now_ms)
    }

    /// Rights in the guild, timeouts left aside.
    pub fn lasting_in_guild(&self, user: u64) -> u64 {
        self.by_roles(user)
    }

    /// Rights in the guild now: "timed out members lose all but VIEW_CHANNEL and READ_MESSAGE_HISTORY".
    pub fn in_guild(&self, user: u64) -> u64 {
        let held = self.by_roles(user);
        if self.is_timed_out(user) { held & (VIEW | HISTORY) } else { held }
    }

    /// By overwrites: @everyone's, then those of roles together, then the member's own.
    fn overwritten(&self, mut held: u64, user: u64, channel: &Channel) -> u64 {
        let Some(member) = self.members.get(&user) else { return 0 };
        if held == u64::MAX {
            return held;
        }
        let everyone = |over: &Over| !over.member && over.id == self.guild;
        let roles = |over: &Over| !over.member && member.roles.contains(&over.id);
        let own = |over: &Over| over.member && over.id == user;
        let layers: [&dyn Fn(&Over) -> bool; 3] = [&everyone, &roles, &own];
        for layer in layers {
            let of_layer: Vec<_> = channel.overs.iter().filter(|over| layer(over)).collect();
            held &= !of_layer.iter().fold(0, |all, over| all | over.deny);
            held |= of_layer.iter().fold(0, |all, over| all | over.allow) & !ADMIN;
        }
        held
    }

    /// What everybody may in a channel, with no role and no overwrite of one's own.
    pub fn of_everyone(&self, channel: u64) -> u64 {
        let Some(found) = self.channels.get(&channel) else { return 0 };
        let over = found.overs.iter().find(|over| !over.member && over.id == self.guild);
        let held = self.roles[&self.guild].rights;
        over.map_or(held, |over| held & !over.deny | over.allow)
    }

    /// Nobody is interested in events that are gone.
    pub fn forget_interest(&mut self) {
        let events: BTreeSet<u64> = self.events.iter().map(|(event, ..)| *event).collect();
        self.interested.retain(|(event, _)| events.contains(event));
    }

    /// Rights in a channel, timeouts left aside: they change nothing about what is seen.
    fn lasting(&self, user: u64, channel: u64) -> u64 {
        let Some(found) = self.channels.get(&channel) else { return 0 };
        let held = self.overwritten(self.by_roles(user), user, found);
        if held & VIEW == 0 { 0 } else { held }
    }

    /// Rights in a channel now.
    pub fn in_channel(&self, user: u64, channel: u64) -> u64 {
        let mut held = self.lasting(user, channel);
        if held == u64::MAX || held == 0 {
            return held;
        }
        if self.is_timed_out(user) {
            held &= VIEW | HISTORY;
        }
        if self.channels[&channel].kind.is_voice() && held & CONNECT == 0 {
            held &= VIEW | INVITE;
        }
        if held & SEND == 0 { held & !WITH_SEND } else { held }
    }

    pub fn sees_channel(&self, user: u64, channel: u64) -> bool {
        self.lasting(user, channel) & VIEW != 0
    }

    /// A thread is seen by who sees its channel; a private one by its members and who manages threads.
    pub fn sees_thread(&self, user: u64, thread: u64) -> bool {
        let Some(found) = self.threads.get(&thread) else { return false };
        let of_channel = self.lasting(user, found.parent);
        let inside = !found.private || found.members.contains(&user) || of_channel & MANAGE_THREADS != 0;
        of_channel & VIEW != 0 && inside
    }

    /// Whether a user sees a channel or thread.
    pub fn sees(&self, user: u64, place: u64) -> bool {
        self.sees_channel(user, place) || self.sees_thread(user, place)
    }

    /// Rights in a channel or thread now; in a thread SEND is SEND_MESSAGES_IN_THREADS.
    pub fn in_place(&self, user: u64, place: u64) -> u64 {
        let Some(thread) = self.threads.get(&place) else { return self.in_channel(user, place) };
        if !self.sees_thread(user, place) {
            return 0;
        }
        let held = self.in_channel(user, thread.parent);
        if held & SEND_IN_THREADS != 0 { held | SEND } else { held & !SEND & !WITH_SEND }
    }

    /// Position of the highest role; the owner is above all, at equal positions the lower id is.
    pub fn rank(&self, user: u64) -> (i64, i64) {
        if user == self.owner {
            return (i64::MAX, 0);
        }
        let roles = self.members.get(&user).into_iter().flat_map(|member| member.roles.iter());
        let ranks = roles.filter_map(|role| Some((self.roles.get(role)?.position, -(*role as i64))));
        ranks.max().unwrap_or((i64::MIN, 0))
    }

    pub fn outranks(&self, user: u64, other: u64) -> bool {
        self.rank(user) > self.rank(other)
    }

    pub fn outranks_role(&self, user: u64, role: u64) -> bool {
        self.roles.get(&role).is_some_and(|found| self.rank(user) > (found.position, -(role as i64)))
    }

    /// Why a user may not do what needs rights in the guild.
    pub fn need(&self, user: u64, wanted: u64) -> Reasons {
        match () {
            () if !self.is_member(user) => vec![NO_ACCESS],
            () if self.in_guild(user) & wanted != wanted => vec![NO_RIGHT],
            () => Vec::new(),
        }
    }

    /// Why a user may not do what needs rights in a channel or thread.
    pub fn need_in(&self, user: u64, place: u64, wanted: u64) -> Reasons {
        match () {
            () if !self.sees(user, place) => vec![NO_ACCESS],
            () if self.in_place(user, place) & wanted != wanted => vec![NO_RIGHT],
            () => Vec::new(),
        }
    }

    /// Why a user may not give a channel these overwrites. `channel`: `None` for a new one.
    pub fn need_overs(
        &self,
        user: u64,
        channel: Option<u64>,
        parent: Option<u64>,
        wanted: &[Over],
        present: &[Over],
    ) -> Reasons {
        if self.is_admin(user) || wanted == present {
            return Vec::new();
        }
        let mut reasons = match channel {
            Some(channel) => self.need_in(user, channel, MANAGE_ROLES),
            None => self.need(user, MANAGE_ROLES),
        };
        // "unless you have a MANAGE_ROLES overwrite in the channel"
        let without = self.by_roles(user) & !MANAGE_ROLES;
        let by_overwrite = channel.and_then(|channel| self.channels.get(&channel));
        if by_overwrite.is_some_and(|found| self.overwritten(without, user, found) & MANAGE_ROLES != 0) {
            return reasons;
        }
        let held = self.in_guild(user) | parent.map_or(0, |parent| self.in_channel(user, parent));
        for over in wanted {
            let old = present.iter().find(|old| old.id == over.id);
            let (allow, deny) = old.map_or((0, 0), |old| (old.allow, old.deny));
            if ((over.allow ^ allow) | (over.deny ^ deny)) & !(held & !MANAGE_ROLES) != 0 {
                reasons.push(NO_RIGHT);
            }
        }
        reasons
    }

    /// The channels a user sees.
    pub fn seen_channels(&self, user: u64) -> BTreeSet<u64> {
        self.channels.keys().copied().filter(|channel| self.sees_channel(user, *channel)).collect()
    }

    /// The threads that a user sees, of those `wanted`.
    pub fn seen_threads(&self, user: u64, wanted: impl Fn(&Thread) -> bool) -> BTreeSet<u64> {
        let threads =
            self.threads.iter().filter(|(id, thread)| wanted(thread) && self.sees_thread(user, **id));
        threads.map(|(id, _)| *id).collect()
    }

    /// A member goes, by whichever way: out of threads and voice; a timeout is not forgotten.
    pub fn part(&mut self, user: u64) {
        let Some(member) = self.members.remove(&user) else { return };
        self.left.insert(user, member.timeout);
        self.voice.remove(&user);
        self.speakers.remove(&user);
        self.interested.retain(|(_, other)| *other != user);
        self.threads.values_mut().for_each(|thread| {
            thread.members.remove(&user);
        });
    }

    pub fn join(&mut self, user: u64) {
        let timeout = self.left.remove(&user).unwrap_or(0);
        self.members.insert(user, Member { roles: BTreeSet::new(), timeout });
    }
}

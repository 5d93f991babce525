//! Permission bits and the rules that turn roles and overwrites into what a member may do in a channel.
//!
//! Bits and algorithm: Permissions page of the API documentation. Role order plays no part in permissions; it
//! only decides who ranks above whom ([`RoleRank`]).

use std::cmp::Ordering;
use std::fmt;

use bitflags::bitflags;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::id::{GuildId, OverwriteId, RoleId, UserId};

bitflags! {
    /// Set of rights. A decimal string on the wire; unknown bits are dropped on input.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    pub struct Permissions: u64 {
        /// May create invites.
        const CREATE_INSTANT_INVITE = 1 << 0;
        /// May remove members.
        const KICK_MEMBERS = 1 << 1;
        /// May ban members.
        const BAN_MEMBERS = 1 << 2;
        /// Has every right and ignores overwrites.
        const ADMINISTRATOR = 1 << 3;
        /// May create, edit and delete channels.
        const MANAGE_CHANNELS = 1 << 4;
        /// May edit the guild.
        const MANAGE_GUILD = 1 << 5;
        /// May add new reactions.
        const ADD_REACTIONS = 1 << 6;
        /// May read the audit log.
        const VIEW_AUDIT_LOG = 1 << 7;
        /// May speak louder than others.
        const PRIORITY_SPEAKER = 1 << 8;
        /// May share a screen.
        const STREAM = 1 << 9;
        /// May see the channel.
        const VIEW_CHANNEL = 1 << 10;
        /// May write; in forums, may create posts.
        const SEND_MESSAGES = 1 << 11;
        /// May have messages read out.
        const SEND_TTS_MESSAGES = 1 << 12;
        /// May delete messages of others.
        const MANAGE_MESSAGES = 1 << 13;
        /// Has links unfurled and may send embeds.
        const EMBED_LINKS = 1 << 14;
        /// May upload files.
        const ATTACH_FILES = 1 << 15;
        /// May read what was written before.
        const READ_MESSAGE_HISTORY = 1 << 16;
        /// May ping @everyone, @here and every role.
        const MENTION_EVERYONE = 1 << 17;
        /// May use emojis of other guilds.
        const USE_EXTERNAL_EMOJIS = 1 << 18;
        /// May see statistics of the guild.
        const VIEW_GUILD_INSIGHTS = 1 << 19;
        /// May join voice.
        const CONNECT = 1 << 20;
        /// May speak in voice.
        const SPEAK = 1 << 21;
        /// May mute others.
        const MUTE_MEMBERS = 1 << 22;
        /// May deafen others.
        const DEAFEN_MEMBERS = 1 << 23;
        /// May move others between voice channels.
        const MOVE_MEMBERS = 1 << 24;
        /// May speak without push-to-talk.
        const USE_VAD = 1 << 25;
        /// May set the own nickname.
        const CHANGE_NICKNAME = 1 << 26;
        /// May set nicknames of others.
        const MANAGE_NICKNAMES = 1 << 27;
        /// May edit roles and overwrites.
        const MANAGE_ROLES = 1 << 28;
        /// May edit webhooks.
        const MANAGE_WEBHOOKS = 1 << 29;
        /// May edit all emojis, stickers and sounds.
        const MANAGE_GUILD_EXPRESSIONS = 1 << 30;
        /// May use application commands.
        const USE_APPLICATION_COMMANDS = 1 << 31;
        /// May ask to speak on a stage.
        const REQUEST_TO_SPEAK = 1 << 32;
        /// May edit all scheduled events.
        const MANAGE_EVENTS = 1 << 33;
        /// May edit and delete threads and see all private ones.
        const MANAGE_THREADS = 1 << 34;
        /// May create public threads.
        const CREATE_PUBLIC_THREADS = 1 << 35;
        /// May create private threads.
        const CREATE_PRIVATE_THREADS = 1 << 36;
        /// May use stickers of other guilds.
        const USE_EXTERNAL_STICKERS = 1 << 37;
        /// May write in threads.
        const SEND_MESSAGES_IN_THREADS = 1 << 38;
        /// May start activities.
        const USE_EMBEDDED_ACTIVITIES = 1 << 39;
        /// May time members out.
        const MODERATE_MEMBERS = 1 << 40;
        /// May see monetisation statistics.
        const VIEW_CREATOR_MONETIZATION_ANALYTICS = 1 << 41;
        /// May play sounds.
        const USE_SOUNDBOARD = 1 << 42;
        /// May create emojis, stickers and sounds, and edit the own ones.
        const CREATE_GUILD_EXPRESSIONS = 1 << 43;
        /// May create scheduled events, and edit the own ones.
        const CREATE_EVENTS = 1 << 44;
        /// May play sounds of other guilds.
        const USE_EXTERNAL_SOUNDS = 1 << 45;
        /// May send voice messages.
        const SEND_VOICE_MESSAGES = 1 << 46;
        /// May set the status of a voice channel.
        const SET_VOICE_CHANNEL_STATUS = 1 << 48;
        /// May send polls.
        const SEND_POLLS = 1 << 49;
        /// May use applications installed by oneself, visibly to all.
        const USE_EXTERNAL_APPS = 1 << 50;
        /// May pin messages.
        const PIN_MESSAGES = 1 << 51;
        /// Is not slowed by slowmode.
        const BYPASS_SLOWMODE = 1 << 52;
    }
}

impl Permissions {
    /// What a timed-out member keeps.
    pub const TIMED_OUT: Self = Self::VIEW_CHANNEL.union(Self::READ_MESSAGE_HISTORY);

    /// What means nothing to a member who cannot write.
    pub const NEEDS_SEND: Self = Self::MENTION_EVERYONE
        .union(Self::SEND_TTS_MESSAGES)
        .union(Self::ATTACH_FILES)
        .union(Self::EMBED_LINKS);

    /// What means nothing in a voice or stage channel to a member who cannot connect. The documents say that
    /// this includes managing the channel; inviting stays, it needs no presence inside.
    pub const NEEDS_CONNECT: Self = Self::ADD_REACTIONS
        .union(Self::ATTACH_FILES)
        .union(Self::BYPASS_SLOWMODE)
        .union(Self::CREATE_EVENTS)
        .union(Self::DEAFEN_MEMBERS)
        .union(Self::EMBED_LINKS)
        .union(Self::MANAGE_CHANNELS)
        .union(Self::MANAGE_EVENTS)
        .union(Self::MANAGE_MESSAGES)
        .union(Self::MANAGE_ROLES)
        .union(Self::MANAGE_WEBHOOKS)
        .union(Self::MENTION_EVERYONE)
        .union(Self::MOVE_MEMBERS)
        .union(Self::MUTE_MEMBERS)
        .union(Self::PRIORITY_SPEAKER)
        .union(Self::READ_MESSAGE_HISTORY)
        .union(Self::REQUEST_TO_SPEAK)
        .union(Self::SEND_MESSAGES)
        .union(Self::SEND_POLLS)
        .union(Self::SEND_TTS_MESSAGES)
        .union(Self::SEND_VOICE_MESSAGES)
        .union(Self::SET_VOICE_CHANNEL_STATUS)
        .union(Self::SPEAK)
        .union(Self::STREAM)
        .union(Self::USE_APPLICATION_COMMANDS)
        .union(Self::USE_EMBEDDED_ACTIVITIES)
        .union(Self::USE_EXTERNAL_APPS)
        .union(Self::USE_EXTERNAL_EMOJIS)
        .union(Self::USE_EXTERNAL_SOUNDS)
        .union(Self::USE_EXTERNAL_STICKERS)
        .union(Self::USE_SOUNDBOARD)
        .union(Self::USE_VAD);

    /// What a member who has not passed screening keeps: looking, and nothing that others see.
    pub const PENDING: Self =
        Self::VIEW_CHANNEL.union(Self::READ_MESSAGE_HISTORY).union(Self::CHANGE_NICKNAME);

    /// Rights that a guild asking for MFA gives only to moderators who have it.
    pub const NEEDS_MFA: Self = Self::KICK_MEMBERS
        .union(Self::BAN_MEMBERS)
        .union(Self::ADMINISTRATOR)
        .union(Self::MANAGE_CHANNELS)
        .union(Self::MANAGE_GUILD)
        .union(Self::MANAGE_MESSAGES)
        .union(Self::MANAGE_ROLES)
        .union(Self::MANAGE_WEBHOOKS)
        .union(Self::MANAGE_GUILD_EXPRESSIONS)
        .union(Self::MANAGE_THREADS)
        .union(Self::VIEW_CREATOR_MONETIZATION_ANALYTICS);

    /// What everyone may do in a direct message or group (ours; the documents say "a fixed set").
    pub const DM: Self = Self::ADD_REACTIONS
        .union(Self::STREAM)
        .union(Self::VIEW_CHANNEL)
        .union(Self::SEND_MESSAGES)
        .union(Self::SEND_TTS_MESSAGES)
        .union(Self::EMBED_LINKS)
        .union(Self::ATTACH_FILES)
        .union(Self::READ_MESSAGE_HISTORY)
        .union(Self::MENTION_EVERYONE)
        .union(Self::USE_EXTERNAL_EMOJIS)
        .union(Self::CONNECT)
        .union(Self::SPEAK)
        .union(Self::USE_VAD)
        .union(Self::USE_APPLICATION_COMMANDS)
        .union(Self::USE_EXTERNAL_STICKERS)
        .union(Self::USE_EMBEDDED_ACTIVITIES)
        .union(Self::USE_SOUNDBOARD)
        .union(Self::USE_EXTERNAL_SOUNDS)
        .union(Self::SEND_VOICE_MESSAGES)
        .union(Self::SEND_POLLS)
        .union(Self::USE_EXTERNAL_APPS)
        .union(Self::PIN_MESSAGES);

    /// What @everyone of a new guild may do (ours, close to what new guilds have upstream).
    pub const EVERYONE_DEFAULT: Self = Self::CREATE_INSTANT_INVITE
        .union(Self::ADD_REACTIONS)
        .union(Self::STREAM)
        .union(Self::VIEW_CHANNEL)
        .union(Self::SEND_MESSAGES)
        .union(Self::EMBED_LINKS)
        .union(Self::ATTACH_FILES)
        .union(Self::READ_MESSAGE_HISTORY)
        .union(Self::MENTION_EVERYONE)
        .union(Self::USE_EXTERNAL_EMOJIS)
        .union(Self::CONNECT)
        .union(Self::SPEAK)
        .union(Self::USE_VAD)
        .union(Self::CHANGE_NICKNAME)
        .union(Self::USE_APPLICATION_COMMANDS)
        .union(Self::REQUEST_TO_SPEAK)
        .union(Self::CREATE_PUBLIC_THREADS)
        .union(Self::CREATE_PRIVATE_THREADS)
        .union(Self::USE_EXTERNAL_STICKERS)
        .union(Self::SEND_MESSAGES_IN_THREADS)
        .union(Self::USE_EMBEDDED_ACTIVITIES)
        .union(Self::USE_SOUNDBOARD)
        .union(Self::USE_EXTERNAL_SOUNDS)
        .union(Self::SEND_VOICE_MESSAGES)
        .union(Self::SEND_POLLS)
        .union(Self::USE_EXTERNAL_APPS);

    /// Grants the rights that were split off older ones to an application that asks for the older ones, as an
    /// invite of an older bot does (change log, August 2025 and February 2026).
    pub const fn with_split_off(self) -> Self {
        let mut all = self;
        if self.contains(Self::MANAGE_MESSAGES) {
            all = all.union(Self::PIN_MESSAGES).union(Self::BYPASS_SLOWMODE);
        }
        if self.contains(Self::MANAGE_CHANNELS) || self.contains(Self::MANAGE_THREADS) {
            all = all.union(Self::BYPASS_SLOWMODE);
        }
        all
    }

    /// Tells whether ADMINISTRATOR is among the rights.
    pub const fn is_admin(self) -> bool {
        self.contains(Self::ADMINISTRATOR)
    }
}

impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bits().fmt(f)
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&self.bits())
        } else {
            serializer.serialize_u64(self.bits())
        }
    }
}

/// Parses decimal digits of any length, keeping the bits known here; `None` when something else is inside.
///
/// Bit sets may be longer than 64 bits (Permissions page), so a larger number is reduced instead of refused.
pub fn parse_permissions(text: &str) -> Option<Permissions> {
    if text.is_empty() || text.len() > 64 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Wrapping arithmetic keeps exactly the low 64 bits.
    let bits =
        text.bytes().fold(0u64, |bits, byte| bits.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')));
    Some(Permissions::from_bits_truncate(bits))
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PermissionsVisitor;
        impl Visitor<'_> for PermissionsVisitor {
            type Value = Permissions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a permission set")
            }
            fn visit_u64<E: de::Error>(self, bits: u64) -> Result<Permissions, E> {
                Ok(Permissions::from_bits_truncate(bits))
            }
            fn visit_i64<E: de::Error>(self, bits: i64) -> Result<Permissions, E> {
                u64::try_from(bits)
                    .map(Permissions::from_bits_truncate)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(bits), &self))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Permissions, E> {
                parse_permissions(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(PermissionsVisitor)
    }
}

/// Whom an overwrite is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OverwriteKind {
    /// Everyone with a role.
    Role,
    /// One member.
    Member,
}

impl Serialize for OverwriteKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(*self as u8)
    }
}

impl<'de> Deserialize<'de> for OverwriteKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KindVisitor;
        impl Visitor<'_> for KindVisitor {
            type Value = OverwriteKind;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("0 (role) or 1 (member)")
            }
            fn visit_u64<E: de::Error>(self, kind: u64) -> Result<OverwriteKind, E> {
                match kind {
                    0 => Ok(OverwriteKind::Role),
                    1 => Ok(OverwriteKind::Member),
                    _ => Err(E::invalid_value(de::Unexpected::Unsigned(kind), &self)),
                }
            }
            fn visit_i64<E: de::Error>(self, kind: i64) -> Result<OverwriteKind, E> {
                self.visit_u64(kind as u64)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<OverwriteKind, E> {
                match text {
                    "0" | "role" => Ok(OverwriteKind::Role),
                    "1" | "member" => Ok(OverwriteKind::Member),
                    _ => Err(E::invalid_value(de::Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(KindVisitor)
    }
}

/// Change of rights in one channel for a role or a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Overwrite {
    /// Role or user.
    pub id: OverwriteId,
    /// Which of the two `id` is.
    #[serde(rename = "type")]
    pub kind: OverwriteKind,
    /// Rights added.
    #[serde(default)]
    pub allow: Permissions,
    /// Rights taken away, before `allow` is added.
    #[serde(default)]
    pub deny: Permissions,
}

impl Overwrite {
    /// Makes an overwrite for a role.
    pub const fn role(id: RoleId, allow: Permissions, deny: Permissions) -> Self {
        Self { id: id.cast(), kind: OverwriteKind::Role, allow, deny }
    }

    /// Makes an overwrite for a member.
    pub const fn member(id: UserId, allow: Permissions, deny: Permissions) -> Self {
        Self { id: id.cast(), kind: OverwriteKind::Member, allow, deny }
    }
}

/// Computes the guild-wide rights of a member: the owner and administrators have all.
pub fn compute_base(
    owner: bool,
    everyone: Permissions,
    roles: impl IntoIterator<Item = Permissions>,
) -> Permissions {
    if owner {
        return Permissions::all();
    }
    let base = roles.into_iter().fold(everyone, |base, role| base | role);
    if base.is_admin() { Permissions::all() } else { base }
}

/// Computes the rights of a member in a channel from the guild-wide ones: @everyone's overwrite, then the
/// member's roles' together, then the member's own. Needs no order of `roles` or `overwrites`; allocates nothing.
pub fn compute_channel(
    base: Permissions,
    everyone: GuildId,
    roles: &[RoleId],
    user: UserId,
    overwrites: &[Overwrite],
) -> Permissions {
    compute_channel_set(base, everyone, |role| roles.contains(&role), Some(user), overwrites)
}

/// Like [`compute_channel`], for a whole set of roles told by a predicate; with `user` `None` the result holds
/// for every member with these roles and no overwrite of the own.
pub fn compute_channel_set(
    base: Permissions,
    everyone: GuildId,
    has_role: impl Fn(RoleId) -> bool,
    user: Option<UserId>,
    overwrites: &[Overwrite],
) -> Permissions {
    if base.is_admin() {
        return Permissions::all();
    }
    let none = (Permissions::empty(), Permissions::empty());
    let (mut of_everyone, mut of_roles, mut of_member) = (none, none, none);
    for overwrite in overwrites {
        let target = match overwrite.kind {
            OverwriteKind::Role if overwrite.id == everyone.cast() => &mut of_everyone,
            OverwriteKind::Role if has_role(overwrite.id.cast()) => &mut of_roles,
            OverwriteKind::Member if user.map(|user| user.cast()) == Some(overwrite.id) => &mut of_member,
            _ => continue,
        };
        target.0 |= overwrite.allow;
        target.1 |= overwrite.deny;
    }
    // ADMINISTRATOR is a right of the guild: an overwrite that names it changes nothing.
    let layers = [of_everyone, of_roles, of_member];
    layers.into_iter().fold(base, |all, (allow, deny)| (all & !deny) | (allow & !Permissions::ADMINISTRATOR))
}

/// What kind of channel rights are read in; decides which rights imply others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Text, announcement, forum, media, category, directory.
    Text,
    /// Voice and stage.
    Voice,
    /// Thread, whose rights come from its parent's overwrites.
    Thread,
}

/// State of a member that takes rights away whatever the roles say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// The member is in a timeout that has not ended.
    pub timed_out: bool,
    /// The member has not passed screening.
    pub pending: bool,
}

/// Applies the rules by which a missing or suspended right takes others with it. Owners and administrators
/// (rights with ADMINISTRATOR) are exempt.
///
/// In a thread SEND_MESSAGES of the result says whether one may write there, so that callers ask one bit.
pub fn apply_implied(permissions: Permissions, scope: Scope, standing: Standing) -> Permissions {
    if permissions.is_admin() {
        return permissions;
    }
    let mut all = permissions;
    if standing.timed_out {
        all &= Permissions::TIMED_OUT;
    }
    if standing.pending {
        all &= Permissions::PENDING;
    }
    if !all.contains(Permissions::VIEW_CHANNEL) {
        return Permissions::empty();
    }
    if scope == Scope::Voice && !all.contains(Permissions::CONNECT) {
        all &= !Permissions::NEEDS_CONNECT;
    }
    if scope == Scope::Thread {
        let may_send = all.contains(Permissions::SEND_MESSAGES_IN_THREADS);
        all.set(Permissions::SEND_MESSAGES, may_send);
    }
    if !all.contains(Permissions::SEND_MESSAGES) {
        all &= !Permissions::NEEDS_SEND;
    }
    all
}

/// Rank of a role: a higher position ranks above, at equal positions the lower id does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RoleRank {
    /// Position of the role.
    pub position: i64,
    /// The role.
    pub id: RoleId,
}

impl RoleRank {
    /// Makes a rank.
    pub const fn new(position: i64, id: RoleId) -> Self {
        Self { position, id }
    }
}

impl PartialOrd for RoleRank {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for RoleRank {
    fn cmp(&self, other: &Self) -> Ordering {
        self.position.cmp(&other.position).then(other.id.cmp(&self.id))
    }
}

/// Rank of a member; the owner is above all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemberRank {
    /// Member whose highest role is this; `None` stands for @everyone only.
    Role(Option<RoleRank>),
    /// Owner of the guild.
    Owner,
}

impl MemberRank {
    /// Finds the rank of a member from the ranks of its roles.
    pub fn of(owner: bool, roles: impl IntoIterator<Item = RoleRank>) -> Self {
        if owner { Self::Owner } else { Self::Role(roles.into_iter().max()) }
    }

    /// Tells whether this member may act on `other`: it must rank strictly above.
    pub fn outranks(self, other: Self) -> bool {
        self > other
    }

    /// Tells whether this member may act on a role.
    pub fn outranks_role(self, role: RoleRank) -> bool {
        self > Self::Role(Some(role))
    }
}

#[cfg(test)]
#[path = "permissions_tests.rs"]
mod tests;

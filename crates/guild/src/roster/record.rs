//! One member, packed: what differs from a new member's defaults, and nothing else.

use std::borrow::Cow;

use consort_model::{Member, PrimaryGuild, RoleId, Timestamp, User, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::bytes::{Hash, Reader, put_bytes, put_number, put_signed};

/// The discriminator of people.
pub(super) const PERSON: &str = "0";

/// Which fields follow, and the flags themselves. What is common stands low, so that most members need two bytes.
pub(super) mod bit {
    pub(in crate::roster) const NICK: u64 = 1 << 0;
    pub(in crate::roster) const GLOBAL_NAME: u64 = 1 << 1;
    pub(in crate::roster) const USER_AVATAR: u64 = 1 << 2;
    pub(in crate::roster) const FLAGS: u64 = 1 << 3;
    pub(in crate::roster) const PUBLIC_FLAGS: u64 = 1 << 4;
    pub(in crate::roster) const BOT: u64 = 1 << 5;
    pub(in crate::roster) const PENDING: u64 = 1 << 6;
    pub(in crate::roster) const AVATAR: u64 = 1 << 7;
    pub(in crate::roster) const BANNER: u64 = 1 << 8;
    pub(in crate::roster) const USER_BANNER: u64 = 1 << 9;
    pub(in crate::roster) const USER_FLAGS: u64 = 1 << 10;
    pub(in crate::roster) const DISCRIMINATOR: u64 = 1 << 11;
    pub(in crate::roster) const TIMEOUT: u64 = 1 << 12;
    pub(in crate::roster) const PREMIUM: u64 = 1 << 13;
    pub(in crate::roster) const ACCENT: u64 = 1 << 14;
    pub(in crate::roster) const DEAF: u64 = 1 << 15;
    pub(in crate::roster) const MUTE: u64 = 1 << 16;
    pub(in crate::roster) const SYSTEM: u64 = 1 << 17;
    pub(in crate::roster) const RARE: u64 = 1 << 18;
}

/// A member's fields but for its id and roles, borrowed from wherever they are.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record<'a> {
    pub(super) bits: u64,
    pub(super) joined_at: Timestamp,
    pub(super) username: Cow<'a, str>,
    pub(super) nick: Option<Cow<'a, str>>,
    pub(super) global_name: Option<Cow<'a, str>>,
    pub(super) user_avatar: Option<Hash<'a>>,
    pub(super) flags: u64,
    pub(super) public_flags: u64,
    pub(super) avatar: Option<Hash<'a>>,
    pub(super) banner: Option<Hash<'a>>,
    pub(super) user_banner: Option<Hash<'a>>,
    pub(super) user_flags: u64,
    pub(super) discriminator: Option<Cow<'a, str>>,
    pub(super) timeout: Option<Timestamp>,
    pub(super) premium_since: Option<Timestamp>,
    pub(super) accent_color: Option<u32>,
    /// What almost nobody has, as JSON.
    pub(super) rare: Option<Cow<'a, [u8]>>,
}

/// Fields that almost nobody has.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rare {
    pub(super) user_decoration: Option<Value>,
    pub(super) user_collectibles: Option<Value>,
    pub(super) primary_guild: Option<PrimaryGuild>,
    pub(super) decoration: Option<Value>,
    pub(super) collectibles: Option<Value>,
}

impl Rare {
    fn pack(&self) -> Option<Cow<'static, [u8]>> {
        // Values and options of strings have a JSON form.
        (*self != Self::default()).then(|| Cow::Owned(serde_json::to_vec(self).unwrap_or_default()))
    }
}

/// A text of a row, borrowed when it has no escapes. `Option<Cow<str>>` alone would always copy.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A row of `Table::Members`: [`Member`] with borrowed texts.
#[derive(Debug, Deserialize)]
pub(super) struct MemberRow<'a> {
    #[serde(borrow)]
    user: UserRow<'a>,
    #[serde(borrow, default)]
    nick: Option<Text<'a>>,
    #[serde(borrow, default)]
    avatar: Option<Text<'a>>,
    #[serde(borrow, default)]
    banner: Option<Text<'a>>,
    #[serde(default)]
    pub(super) roles: Vec<RoleId>,
    joined_at: Timestamp,
    #[serde(default)]
    premium_since: Option<Timestamp>,
    #[serde(default)]
    deaf: bool,
    #[serde(default)]
    mute: bool,
    #[serde(default)]
    flags: u64,
    #[serde(default)]
    pending: bool,
    #[serde(default)]
    communication_disabled_until: Option<Timestamp>,
    #[serde(default)]
    avatar_decoration_data: Option<Value>,
    #[serde(default)]
    collectibles: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct UserRow<'a> {
    id: UserId,
    #[serde(borrow)]
    username: Text<'a>,
    #[serde(borrow)]
    discriminator: Text<'a>,
    #[serde(borrow, default)]
    global_name: Option<Text<'a>>,
    #[serde(borrow, default)]
    avatar: Option<Text<'a>>,
    #[serde(default)]
    bot: bool,
    #[serde(default)]
    system: bool,
    #[serde(default)]
    public_flags: u64,
    #[serde(default)]
    flags: u64,
    #[serde(borrow, default)]
    banner: Option<Text<'a>>,
    #[serde(default)]
    accent_color: Option<u32>,
    #[serde(default)]
    avatar_decoration_data: Option<Value>,
    #[serde(default)]
    collectibles: Option<Value>,
    #[serde(default)]
    primary_guild: Option<PrimaryGuild>,
}

impl MemberRow<'_> {
    pub(super) fn user(&self) -> UserId {
        self.user.id
    }
}

fn bits_of(flags: &[(u64, bool)]) -> u64 {
    flags.iter().filter(|(_, set)| *set).fold(0, |bits, (bit, _)| bits | bit)
}

impl<'a> Record<'a> {
    /// The fields of a member with its account.
    pub(super) fn of_member(member: &'a Member, user: &'a User) -> Self {
        // Without `..`, so that a new field cannot be forgotten here.
        let Member { user: _, nick, avatar, banner, roles: _, joined_at, premium_since, deaf, mute, .. } =
            member;
        let Member {
            flags, pending, communication_disabled_until, avatar_decoration_data, collectibles, ..
        } = member;
        let hash = |text: &'a Option<String>| text.as_deref().map(|text| Hash::of(Cow::Borrowed(text)));
        let text = |text: &'a Option<String>| text.as_deref().map(Cow::Borrowed);
        let rare = Rare {
            user_decoration: user.avatar_decoration_data.clone(),
            user_collectibles: user.collectibles.clone(),
            primary_guild: user.primary_guild.clone(),
            decoration: avatar_decoration_data.clone(),
            collectibles: collectibles.clone(),
        };
        let flags_held = [
            (bit::BOT, user.bot),
            (bit::SYSTEM, user.system),
            (bit::DEAF, *deaf),
            (bit::MUTE, *mute),
            (bit::PENDING, *pending),
        ];
        Self {
            bits: bits_of(&flags_held),
            joined_at: *joined_at,
            username: Cow::Borrowed(&user.username),
            nick: text(nick),
            global_name: text(&user.global_name),
            user_avatar: hash(&user.avatar),
            flags: *flags,
            public_flags: user.public_flags,
            avatar: hash(avatar),
            banner: hash(banner),
            user_banner: hash(&user.banner),
            user_flags: user.flags,
            discriminator: (user.discriminator != PERSON).then_some(Cow::Borrowed(&user.discriminator)),
            timeout: *communication_disabled_until,
            premium_since: *premium_since,
            accent_color: user.accent_color,
            rare: rare.pack(),
        }
        .marked()
    }

    /// The fields of a row.
    pub(super) fn of_row(row: MemberRow<'a>) -> Self {
        let text = |text: Option<Text<'a>>| text.map(|text| text.0);
        let hash = |text: Option<Text<'a>>| text.map(|text| Hash::of(text.0));
        let user = row.user;
        let rare = Rare {
            user_decoration: user.avatar_decoration_data,
            user_collectibles: user.collectibles,
            primary_guild: user.primary_guild,
            decoration: row.avatar_decoration_data,
            collectibles: row.collectibles,
        };
        let flags_held = [
            (bit::BOT, user.bot),
            (bit::SYSTEM, user.system),
            (bit::DEAF, row.deaf),
            (bit::MUTE, row.mute),
            (bit::PENDING, row.pending),
        ];
        Self {
            bits: bits_of(&flags_held),
            joined_at: row.joined_at,
            username: user.username.0,
            nick: text(row.nick),
            global_name: text(user.global_name),
            user_avatar: hash(user.avatar),
            flags: row.flags,
            public_flags: user.public_flags,
            avatar: hash(row.avatar),
            banner: hash(row.banner),
            user_banner: hash(user.banner),
            user_flags: user.flags,
            discriminator: (user.discriminator.0 != PERSON).then_some(user.discriminator.0),
            timeout: row.communication_disabled_until,
            premium_since: row.premium_since,
            accent_color: user.accent_color,
            rare: rare.pack(),
        }
        .marked()
    }

    /// Says in `bits` which fields there are.
    fn marked(mut self) -> Self {
        self.bits |= bits_of(&[
            (bit::NICK, self.nick.is_some()),
            (bit::GLOBAL_NAME, self.global_name.is_some()),
            (bit::USER_AVATAR, self.user_avatar.is_some()),
            (bit::FLAGS, self.flags != 0),
            (bit::PUBLIC_FLAGS, self.public_flags != 0),
            (bit::AVATAR, self.avatar.is_some()),
            (bit::BANNER, self.banner.is_some()),
            (bit::USER_BANNER, self.user_banner.is_some()),
            (bit::USER_FLAGS, self.user_flags != 0),
            (bit::DISCRIMINATOR, self.discriminator.is_some()),
            (bit::TIMEOUT, self.timeout.is_some()),
            (bit::PREMIUM, self.premium_since.is_some()),
            (bit::ACCENT, self.accent_color.is_some()),
            (bit::RARE, self.rare.is_some()),
        ]);
        self
    }

    /// Adds the packed form. The order is that of [`Record::read`].
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let number = |out: &mut Vec<u8>, number: u64| {
            if number != 0 {
                put_number(out, number);
            }
        };
        put_number(out, self.bits);
        put_time(out, self.joined_at);
        put_bytes(out, self.username.as_bytes());
        for text in [&self.nick, &self.global_name].into_iter().flatten() {
            put_bytes(out, text.as_bytes());
        }
        self.user_avatar.iter().for_each(|hash| hash.put(out));
        number(out, self.flags);
        number(out, self.public_flags);
        for hash in [&self.avatar, &self.banner, &self.user_banner].into_iter().flatten() {
            hash.put(out);
        }
        number(out, self.user_flags);
        self.discriminator.iter().for_each(|text| put_bytes(out, text.as_bytes()));
        self.timeout.iter().for_each(|time| put_time(out, *time));
        self.premium_since.iter().for_each(|time| put_time(out, *time));
        self.accent_color.iter().for_each(|color| put_number(out, u64::from(*color)));
        self.rare.iter().for_each(|json| put_bytes(out, json));
    }

    /// Reads the packed form; copies nothing.
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let mut from = Reader(bytes);
        let bits = from.number();
        let has = |bit: u64| bits & bit != 0;
        Self {
            bits,
            joined_at: read_time(&mut from),
            username: Cow::Borrowed(from.text()),
            nick: has(bit::NICK).then(|| from.text().into()),
            global_name: has(bit::GLOBAL_NAME).then(|| from.text().into()),
            user_avatar: has(bit::USER_AVATAR).then(|| Hash::read(&mut from)),
            flags: if has(bit::FLAGS) { from.number() } else { 0 },
            public_flags: if has(bit::PUBLIC_FLAGS) { from.number() } else { 0 },
            avatar: has(bit::AVATAR).then(|| Hash::read(&mut from)),
            banner: has(bit::BANNER).then(|| Hash::read(&mut from)),
            user_banner: has(bit::USER_BANNER).then(|| Hash::read(&mut from)),
            user_flags: if has(bit::USER_FLAGS) { from.number() } else { 0 },
            discriminator: has(bit::DISCRIMINATOR).then(|| from.text().into()),
            timeout: has(bit::TIMEOUT).then(|| read_time(&mut from)),
            premium_since: has(bit::PREMIUM).then(|| read_time(&mut from)),
            accent_color: has(bit::ACCENT).then(|| u32::try_from(from.number()).unwrap_or_default()),
            rare: has(bit::RARE).then(|| Cow::Borrowed(from.bytes())),
        }
    }

    /// The member.
    pub(super) fn unpack(self, id: UserId, roles: &[RoleId]) -> Member {
        let has = |bit: u64| self.bits & bit != 0;
        let text = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
        let hash = |hash: Option<Hash<'_>>| hash.map(Hash::into_text);
        let rare: Rare = self.rare.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
        let user = User {
            id,
            username: self.username.into_owned(),
            discriminator: text(self.discriminator).unwrap_or_else(|| PERSON.to_owned()),
            global_name: text(self.global_name),
            avatar: hash(self.user_avatar),
            bot: has(bit::BOT),
            system: has(bit::SYSTEM),
            public_flags: self.public_flags,
            flags: self.user_flags,
            banner: hash(self.user_banner),
            accent_color: self.accent_color,
            avatar_decoration_data: rare.user_decoration,
            collectibles: rare.user_collectibles,
            primary_guild: rare.primary_guild,
        };
        Member {
            user: Some(user),
            nick: text(self.nick),
            avatar: hash(self.avatar),
            banner: hash(self.banner),
            roles: roles.to_vec(),
            joined_at: self.joined_at,
            premium_since: self.premium_since,
            deaf: has(bit::DEAF),
            mute: has(bit::MUTE),
            flags: self.flags,
            pending: has(bit::PENDING),
            communication_disabled_until: self.timeout,
            avatar_decoration_data: rare.decoration,
            collectibles: rare.collectibles,
        }
    }
}

/// The fields at the front, which is all that most questions need.
#[derive(Debug, Clone, Copy)]
pub(super) struct Front<'a> {
    pub(super) joined_at: Timestamp,
    pub(super) username: &'a str,
    pub(super) nick: Option<&'a str>,
    pub(super) global_name: Option<&'a str>,
}

impl<'a> Front<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let mut from = Reader(bytes);
        let bits = from.number();
        Self {
            joined_at: read_time(&mut from),
            username: from.text(),
            nick: (bits & bit::NICK != 0).then(|| from.text()),
            global_name: (bits & bit::GLOBAL_NAME != 0).then(|| from.text()),
        }
    }
}

/// Most times are whole milliseconds; the lowest bit says whether this one is.
fn put_time(out: &mut Vec<u8>, time: Timestamp) {
    let micros = time.micros();
    match micros % 1_000 {
        0 => put_signed(out, micros / 1_000 * 2),
        // At most 2^58, the year 9999: the doubling has room.
        _ => put_signed(out, micros * 2 + 1),
    }
}

fn read_time(from: &mut Reader<'_>) -> Timestamp {
    let number = from.signed();
    let value = number >> 1;
    Timestamp::from_micros(if number & 1 == 0 { value * 1_000 } else { value })
}

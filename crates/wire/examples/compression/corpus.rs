//! Dispatches of a busy guild, made from a seed.

use serde_json::{Value, json};

/// The kinds of dispatches, the most frequent first.
pub const KINDS: [&str; 5] =
    ["MESSAGE_CREATE", "GUILD_MEMBER_UPDATE", "PRESENCE_UPDATE", "MESSAGE_REACTION_ADD", "TYPING_START"];

/// Of a hundred dispatches, how many are of which kind.
const PERCENT: [u64; 5] = [55, 10, 11, 12, 12];

const GUILD: u64 = 1_100_000_000_000_000_001;
const ROLES: usize = 24;
const CHANNELS: u64 = 12;
const WORDS: &[&str] = &[
    "the",
    "a",
    "to",
    "and",
    "of",
    "is",
    "it",
    "in",
    "that",
    "for",
    "you",
    "I",
    "was",
    "on",
    "with",
    "this",
    "have",
    "not",
    "but",
    "are",
    "they",
    "we",
    "what",
    "so",
    "just",
    "if",
    "like",
    "at",
    "can",
    "about",
    "one",
    "would",
    "think",
    "yeah",
    "know",
    "get",
    "there",
    "no",
    "all",
    "do",
    "my",
    "really",
    "time",
    "good",
    "when",
    "game",
    "how",
    "people",
    "then",
    "server",
    "because",
    "still",
    "see",
    "lol",
    "now",
    "want",
    "actually",
    "them",
    "some",
    "from",
    "new",
    "work",
    "tomorrow",
    "anyone",
    "thanks",
    "maybe",
    "update",
    "again",
    "should",
    "version",
    "try",
    "channel",
    "looks",
    "fixed",
    "weekend",
    "https://example.org/watch",
    "probably",
    "nothing",
    "something",
    "before",
    "after",
    "little",
    "music",
    "stream",
    "coffee",
];

struct Member {
    id: u64,
    name: String,
    avatar: Option<String>,
    nick: Option<String>,
    roles: Vec<String>,
    joined_at: String,
}

/// An endless stream of dispatches: names and the JSON of `d`.
pub struct Corpus {
    rng: Rng,
    members: Vec<Member>,
    roles: Vec<String>,
    now_ms: u64,
    recent: Vec<(u64, u64)>,
}

impl Corpus {
    pub fn new(seed: u64) -> Self {
        let mut rng = Rng(seed | 1);
        let roles: Vec<_> = (0..ROLES).map(|_| snowflake(&mut rng, 60_000_000_000).to_string()).collect();
        let members = (0..600).map(|_| Member::new(&mut rng, &roles)).collect();
        Corpus { rng, members, roles, now_ms: 95_000_000_000, recent: vec![(GUILD, GUILD)] }
    }

    /// A few people do most of the talking.
    fn somebody(&mut self) -> usize {
        let bound = 1 + self.rng.below(self.members.len());
        self.rng.below(bound)
    }

    fn channel(&mut self) -> u64 {
        let bound = 1 + self.rng.below(CHANNELS as usize);
        GUILD + 7919 * (1 + self.rng.below(bound) as u64)
    }

    fn id(&mut self) -> u64 {
        self.now_ms << 22 | (self.rng.next() >> 42 & 0x3F_FFFF)
    }

    fn text(&mut self) -> String {
        let words = match self.rng.below(10) {
            0..5 => 1 + self.rng.below(8),
            5..9 => 4 + self.rng.below(24),
            _ => 20 + self.rng.below(90),
        };
        let words: Vec<_> = (0..words).map(|_| WORDS[self.rng.below(WORDS.len())]).collect();
        words.join(" ")
    }

    fn message(&mut self) -> Value {
        let (who, channel, id) = (self.somebody(), self.channel(), self.id());
        let content = self.text();
        let mentioned = (self.rng.below(12) == 0).then(|| self.somebody());
        let mentions: Vec<_> = mentioned.iter().map(|who| self.members[*who].user()).collect();
        let reply = (self.rng.below(8) == 0).then(|| self.recent[self.rng.below(self.recent.len())]);
        let nonce = snowflake(&mut self.rng, self.now_ms).to_string();
        self.recent.insert(0, (id, channel));
        self.recent.truncate(40);
        let who = &self.members[who];
        let mut message = json!({
            "type": if reply.is_some() { 19 } else { 0 }, "tts": false, "timestamp": timestamp(self.now_ms), "pinned": false,
            "nonce": nonce, "mentions": mentions, "mention_roles": [], "mention_everyone": false, "member": who.member(),
            "id": id.to_string(), "flags": 0, "embeds": [], "edited_timestamp": null, "content": content, "components": [],
            "channel_type": 0, "channel_id": channel.to_string(), "author": who.user(), "attachments": [],
            "guild_id": GUILD.to_string()
        });
        if let Some((id, channel)) = reply {
            message["message_reference"] = json!({"type": 0, "channel_id": channel.to_string(),
                "message_id": id.to_string(), "guild_id": GUILD.to_string()});
        }
        message
    }

    fn member_update(&mut self) -> Value {
        let who = self.somebody();
        let role = self.roles[self.rng.below(ROLES)].clone();
        let member = &mut self.members[who];
        match member.roles.iter().position(|known| *known == role) {
            Some(index) => drop(member.roles.remove(index)),
            None => member.roles.push(role),
        }
        let mut update = member.member();
        update["user"] = member.user();
        update["guild_id"] = json!(GUILD.to_string());
        update
    }

    fn presence(&mut self) -> Value {
        let who = self.somebody();
        let status = ["online", "idle", "dnd", "offline"][self.rng.below(4)];
        let device = ["desktop", "mobile", "web"][self.rng.below(3)];
        let client = if status == "offline" { json!({}) } else { json!({device: status}) };
        json!({"user": {"id": self.members[who].id.to_string()}, "status": status, "guild_id": GUILD.to_string(),
            "client_status": client, "activities": []})
    }

    fn reaction(&mut self) -> Value {
        let (who, (message, channel)) = (self.somebody(), self.recent[self.rng.below(self.recent.len())]);
        let emoji = ["👍", "❤️", "😂", "🎉", "😮", "👀", "🔥"][self.rng.below(7)];
        json!({"user_id": self.members[who].id.to_string(), "type": 0, "message_id": message.to_string(),
            "message_author_id": self.members[who / 2].id.to_string(), "emoji": {"name": emoji, "id": null},
            "channel_id": channel.to_string(), "burst": false, "guild_id": GUILD.to_string()})
    }

    fn typing(&mut self) -> Value {
        let (who, channel) = (self.somebody(), self.channel());
        let mut member = self.members[who].member();
        member["user"] = self.members[who].user();
        json!({"user_id": self.members[who].id.to_string(), "timestamp": self.now_ms / 1000, "member": member,
            "channel_id": channel.to_string(), "guild_id": GUILD.to_string()})
    }
}

impl Iterator for Corpus {
    type Item = (&'static str, String);

    fn next(&mut self) -> Option<Self::Item> {
        self.now_ms += 50 + self.rng.next() % 900;
        let (mut at, mut kind) = (self.rng.next() % 100, 0);
        while at >= PERCENT[kind] {
            at -= PERCENT[kind];
            kind += 1;
        }
        let d = match kind {
            0 => self.message(),
            1 => self.member_update(),
            2 => self.presence(),
            3 => self.reaction(),
            _ => self.typing(),
        };
        Some((KINDS[kind], d.to_string()))
    }
}

impl Member {
    fn new(rng: &mut Rng, roles: &[String]) -> Self {
        let word =
            |rng: &mut Rng| WORDS[rng.below(WORDS.len() - 10)].trim_matches('/').replace(['/', ':'], "");
        let name = format!("{}{}{}", word(rng), word(rng), rng.below(1000)).to_lowercase();
        Member {
            id: snowflake(rng, 90_000_000_000),
            name,
            avatar: (rng.below(5) > 0).then(|| format!("{:016x}{:016x}", rng.next(), rng.next())),
            nick: (rng.below(3) == 0).then(|| format!("{} {}", word(rng), word(rng))),
            roles: (0..1 + rng.below(4)).map(|_| roles[rng.below(roles.len())].clone()).collect(),
            joined_at: timestamp(90_000_000_000 + rng.next() % 5_000_000_000),
        }
    }

    fn user(&self) -> Value {
        json!({"username": self.name, "public_flags": 0, "id": self.id.to_string(), "global_name": self.nick,
            "discriminator": "0", "avatar_decoration_data": null, "avatar": self.avatar})
    }

    fn member(&self) -> Value {
        json!({"roles": self.roles, "premium_since": null, "pending": false, "nick": self.nick, "mute": false,
            "joined_at": self.joined_at, "flags": 0, "deaf": false, "communication_disabled_until": null, "banner": null,
            "avatar": null})
    }
}

fn snowflake(rng: &mut Rng, before_ms: u64) -> u64 {
    (rng.next() % before_ms) << 22 | (rng.next() & 0xFFF)
}

/// The time so many milliseconds after the beginning of a year: near enough, months have 28 days.
fn timestamp(ms: u64) -> String {
    let (days, ms) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = (2023 + days / 336, days / 28 % 12 + 1, days % 28 + 1);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}000+00:00", ms % 1000)
}

/// xorshift64*.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

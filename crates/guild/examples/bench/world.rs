//! Guilds to measure, and how.

use std::sync::Arc;

use consort_actor::{Core, Driven};
use consort_guild::Guild;
use consort_model::{
    Channel, ChannelId, ChannelType, Guild as Settings, GuildId, Member, Overwrite, Permissions, Role,
    RoleId, Timestamp, User, UserId,
};
use consort_rpc::guild::{Op, gateway};
use consort_rpc::relay::{self, Question, SessionKey};
use consort_rpc::{Caller, NodeId, Publication};
use consort_runtime::Ids;
use consort_store::{Batch, Key, Range, Store, StoreExt, StoreRef, Table, memory::Memory};

pub const GUILD: GuildId = GuildId::new(1 << 40);
pub const NODE: NodeId = NodeId(1);
pub const NOW_MS: u64 = 1_800_000_000_000;
/// Rows written in one batch.
const BATCH_ROWS: usize = 500;

/// Numbers that look random and are the same in every run (SplitMix64, Sebastiano Vigna, public domain).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// How large a guild is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Size {
    pub members: u64,
    pub roles: u64,
    pub roles_of_a_member: u64,
    pub channels: u64,
    pub overwrites_of_a_channel: u64,
}

pub fn user(n: u64) -> UserId {
    UserId::new((1 << 41) + n * 4_099)
}

pub fn role(n: u64) -> RoleId {
    RoleId::new((1 << 42) + n)
}

pub fn channel(n: u64) -> ChannelId {
    ChannelId::new((1 << 43) + n)
}

/// A member as one looks: a name of 6 to 15 letters, for two in three a display name, for two in three an avatar.
pub fn member(n: u64, size: &Size, random: &mut Random) -> Member {
    let letters = |random: &mut Random| -> String {
        (0..6 + random.below(10)).map(|_| char::from(b'a' + random.below(26) as u8)).collect()
    };
    let mut account = User::person(user(n), letters(random));
    account.global_name = (!n.is_multiple_of(3)).then(|| letters(random));
    account.avatar = (n % 3 < 2).then(|| format!("{:016x}{:016x}", random.next(), random.next()));
    let mut member = Member::new(account, Timestamp::from_ms(NOW_MS - random.below(1 << 36)));
    if size.roles > 0 {
        member.roles = (0..size.roles_of_a_member).map(|_| role(random.below(size.roles))).collect();
        member.roles.sort_unstable();
        member.roles.dedup();
    }
    member
}

/// The rows of a guild, whose owner is member 0.
pub fn rows(size: &Size) -> StoreRef {
    let store = Memory::new();
    let mut random = Random(7);
    let mut batch = Batch::new();
    let commit = |batch: &mut Batch| {
        futures(store.commit(std::mem::take(batch))).expect("committed");
    };
    batch.put_row(Table::Guilds, GUILD.get(), Key::empty(), &Settings::new(GUILD, "bench", user(0)));
    batch.put_row(Table::Roles, GUILD.get(), GUILD.get(), &Role::everyone(GUILD));
    for n in 0..size.roles {
        let held = Permissions::from_bits_truncate(random.next()) - Permissions::ADMINISTRATOR;
        let held = if n % 2 == 0 { held | Permissions::VIEW_CHANNEL } else { held };
        let row = Role::new(role(n), format!("role {n}"), held, n as i64 + 1);
        batch.put_row(Table::Roles, GUILD.get(), row.id.get(), &row);
    }
    for n in 0..size.channels {
        let mut row = Channel::new(channel(n), ChannelType::GuildText);
        row.guild_id = Some(GUILD);
        row.name = Some(format!("channel-{n}"));
        row.topic = Some("What this is about, in a sentence or two.".to_owned());
        let overwrites = (0..size.overwrites_of_a_channel).map(|_| {
            let bits = [(); 2].map(|()| Permissions::from_bits_truncate(random.next()));
            Overwrite::role(role(random.below(size.roles.max(1))), bits[0] & !bits[1], bits[1])
        });
        let mut overwrites: Vec<_> = overwrites.collect();
        overwrites.sort_by_key(|overwrite| overwrite.id);
        overwrites.dedup_by_key(|overwrite| overwrite.id);
        row.permission_overwrites = Some(overwrites);
        batch.put_row(Table::Channels, GUILD.get(), row.id.get(), &row);
    }
    commit(&mut batch);
    for n in 0..size.members {
        let row = member(n, size, &mut random);
        batch.put_row(Table::Members, GUILD.get(), user(n).get(), &row);
        if batch.writes.len() >= BATCH_ROWS {
            commit(&mut batch);
        }
    }
    commit(&mut batch);
    Arc::new(store)
}

/// The names that its members are shown by.
pub fn names(rows: &StoreRef) -> Vec<String> {
    let mut pages = rows.pages(Table::Members, GUILD.get(), Range::all(usize::MAX));
    let mut names = Vec::new();
    while let Some(page) = futures(pages.next_rows::<Member>()).expect("members") {
        names.extend(page.into_iter().map(|(_, member)| member.display_name().to_owned()));
    }
    names
}

/// The guild of these rows.
pub fn load(rows: &StoreRef) -> Driven<Guild> {
    let guild = futures(Guild::load(GUILD.get(), Vec::new(), rows.clone(), NOW_MS))
        .expect("loaded")
        .expect("a guild");
    Driven::new(guild, NODE, Arc::new(Ids::new(1)))
}

/// Runs a future that never waits for anything outside.
fn futures<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(future)
}

pub fn session(n: u64) -> SessionKey {
    SessionKey { node: NODE, generation: 7, slice: 0, number: n, user: user(n) }
}

/// Attaches a session of a member; its class and its GUILD_CREATE.
pub fn attach(guild: &mut Driven<Guild>, n: u64) -> (consort_rpc::ClassId, bytes::Bytes) {
    let op = Op::Gateway(gateway::Op::Attach {
        session: session(n),
        question: Question::default(),
        large_threshold: 250,
        presences: true,
        heard: None,
    });
    let (_, leaving) = guild.call(NOW_MS, &Caller::user(user(n), false), &op).expect("attached");
    let attached = leaving.publications.into_iter().find_map(|publication| match publication {
        Publication::Relay { message: relay::Op::Numbered(word), .. } => match word.op {
            relay::Op::Attached { class, guild_create, .. } => Some((class, guild_create)),
            _ => None,
        },
        _ => None,
    });
    attached.expect("attached")
}

/// CPU microseconds of this thread, so that what else the machine does counts little.
pub fn cpu_us() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// CPU microseconds a turn of what runs `times` times.
pub fn each(times: u64, mut run: impl FnMut(u64)) -> f64 {
    let begin = cpu_us();
    (0..times).for_each(&mut run);
    (cpu_us() - begin) / times as f64
}

/// What a run gives, and its CPU microseconds.
pub fn timed<T>(run: impl FnOnce() -> T) -> (T, f64) {
    let begin = cpu_us();
    let out = run();
    (out, cpu_us() - begin)
}

/// Bytes of memory in use by the process.
pub fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1).and_then(|text| text.parse::<u64>().ok());
    pages.unwrap_or(0) * 4_096
}

/// The value that `percent` of them are at most.
pub fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len() * percent / 100).min(values.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

//! A model of who may do and see what, written from the published documentation, against the guild: random acts of a founder,
//! people and bots, in and out of the guild, before sessions with and without intents. Every answer, every dispatch and many reads
//! are judged by the model after each act, both ways: what is told or allowed too much, and what is missing.
//!
//! [`rules`] is the model, [`acts`], [`stages`] and [`things`] what is done, [`judge`] the judging. A failure prints its seed and the shortest list of acts
//! that was found; `CONSORT_SEED=n cargo test -p consort-guild permissions` runs that seed alone,
//! `CONSORT_SEEDS=n` that many in place of the usual ones, and `CONSORT_LEAK=name` looks for one planted leak alone.

pub mod acts;
mod judge;
pub mod rules;
mod stages;
mod things;

use std::time::Duration;

use consort_model::{ChannelType, Intents, Patch, Permissions};
use consort_rpc::guild::{Op, invite, role};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};

use crate::world::{GUILD, OWNER, Session, World, new_channel};
use acts::{Act, Call, USERS};
use judge::Verdict;
use rules::{Channel, Kind, Rules};

/// Seeds that a run of all tests takes.
const SEEDS: u64 = 12;
/// Cases of a seed.
const CASES: u32 = 5;
/// Acts of a case, at most, but for what histories add.
const ACTS: usize = 80;
/// Sessions at most.
const SESSIONS_MAX: usize = 14;

/// A guild and what it should be.
pub struct Trial {
    pub world: World,
    pub rules: Rules,
    lobby: u64,
    code: String,
    sessions: Vec<(u64, Session)>,
}

/// What a user's sessions ask for.
fn intents(user: u64) -> Intents {
    match user {
        1000 => {
            Intents::all() & !Intents::MESSAGE_CONTENT & !Intents::GUILD_MEMBERS & !Intents::GUILD_PRESENCES
        }
        1001 => Intents::GUILDS | Intents::GUILD_MESSAGES | Intents::GUILD_MODERATION,
        _ => Intents::all(),
    }
}

impl Trial {
    /// Everybody is a member, and may see, write and read.
    pub fn new() -> Self {
        Self::of(World::founded(vec![new_channel("lobby", ChannelType::GuildText)]))
    }

    /// As [`Trial::new`], with a guild that moves whenever it is left alone.
    pub fn moving() -> Self {
        Self::of(World::moving(vec![new_channel("lobby", ChannelType::GuildText)]))
    }

    fn of(mut world: World) -> Self {
        world.seed(USERS.into_iter().filter(|user| *user != OWNER));
        let mut rules = acts::founded(world.now_ms());
        let lobby = world.channel("lobby");
        let everyone = Permissions::from_bits_truncate(rules.roles[&GUILD.get()].rights);
        let fields = Box::new(role::Fields { permissions: Patch::Value(everyone), ..Default::default() });
        world.call(OWNER, Op::Role(role::Op::Update { role: GUILD.cast(), fields })).expect("changed");
        let overs = Vec::new();
        rules.channels.insert(lobby.get(), Channel { kind: Kind::Text, parent: None, overs });
        let (target_type, target_user_id) = (None, None);
        let create = invite::Create {
            max_age: 0,
            max_uses: 0,
            temporary: false,
            unique: true,
            target_type,
            target_user_id,
        };
        let made =
            world.ok(OWNER, Op::Invite(invite::Op::Create { channel: lobby, create: Box::new(create) }));
        let code = made["code"].as_str().expect("a code").to_owned();
        let sessions = USERS.map(|user| (user, world.connect_with(user, intents(user)))).to_vec();
        Self { world, rules, lobby: lobby.get(), code, sessions }
    }

    /// A session of a user.
    pub fn session(&self, user: u64) -> Session {
        self.sessions.iter().find(|(other, _)| *other == user).expect("everybody has a session").1
    }

    fn call_of(&self, act: &Act) -> Option<Call> {
        if let Act::Come(n) = act {
            let mut call = acts::coming(&self.rules, *n, &self.code);
            call.reasons.extend((!self.rules.channels.contains_key(&self.lobby)).then_some(rules::NONSENSE));
            return Some(call);
        }
        let rules = &self.rules;
        acts::of_members(rules, act)
            .or_else(|| acts::of_channels(rules, act))
            .or_else(|| acts::of_threads(rules, act))
            .or_else(|| acts::of_talk(rules, act, |user| self.session(user)))
            .or_else(|| stages::of_stages(rules, act, |user| self.session(user)))
            .or_else(|| things::of_things(rules, act))
    }

    /// Takes an act and judges what comes of it.
    pub fn take(&mut self, act: &Act) -> Verdict {
        let positions = self.world.positions();
        let before = self.rules.clone();
        if let Act::Bounce(n) = act {
            self.take(&Act::Leave(*n))?;
            self.take(&Act::Come(*n))?;
            return judge::reads(&self.world, USERS[*n], *n, &self.rules);
        }
        let mut told = (None, false);
        match act {
            Act::Wait(n) => self.world.advance(Duration::from_secs(u64::from(*n))),
            Act::Restart => self.world.restart(),
            Act::Connect(n) if self.sessions.len() < SESSIONS_MAX => {
                let user = USERS[*n];
                self.sessions.push((user, self.world.connect_with(user, intents(user))));
            }
            _ => {
                let Some(call) = self.call_of(act) else { return Ok(()) };
                let answer = judge::ask(&self.world, call.user, call.op, &call.reasons)?;
                match answer {
                    Some(answer) => (call.change)(&mut self.rules, &answer),
                    None if self.world.positions() != positions => {
                        return Err("a refused call has told something".to_owned());
                    }
                    None => {}
                }
                told =
                    (call.told.filter(|_| call.reasons.is_empty()), call.audited && call.reasons.is_empty());
            }
        }
        self.rules.hush();
        self.rules.now_ms = self.world.now_ms();
        self.rules.close_silent_stages();
        judge::sessions(&self.world, &positions, (&before, &self.rules), told)
    }
}

/// Plays acts to the end, or to the first thing that is wrong.
fn play(acts: &[Act]) -> Verdict {
    let mut trial = Trial::new();
    for act in acts::prelude() {
        trial.take(&act).map_err(|text| format!("prelude, {act:?}: {text}"))?;
    }
    for (n, act) in acts.iter().enumerate() {
        let wrong = |text| format!("act {n}, {act:?}: {text}");
        trial.take(act).map_err(wrong)?;
        let reader = USERS[n % USERS.len()];
        judge::reads(&trial.world, reader, n / USERS.len() + n, &trial.rules).map_err(wrong)?;
        things::reads(&trial.world, reader, n, &trial.rules).map_err(wrong)?;
    }
    for (n, reader) in USERS.into_iter().enumerate() {
        judge::reads(&trial.world, reader, n, &trial.rules)
            .and_then(|()| things::reads(&trial.world, reader, n, &trial.rules))
            .map_err(|text| format!("at the end: {text}"))?;
    }
    Ok(())
}

/// Runs the cases of a seed. What is wrong, with the acts that lead to it.
fn run(seed: u64, max_shrink_iters: u32) -> Result<(), String> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = ProptestConfig {
        cases: CASES,
        max_shrink_iters,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let histories = proptest::collection::vec(acts::history(), ACTS * 3 / 8..ACTS * 3 / 4);
    let played = runner.run(&histories, |histories| play(&histories.concat()).map_err(TestCaseError::fail));
    match played {
        Ok(()) => Ok(()),
        Err(TestError::Fail(why, acts)) => Err(format!("seed {seed}: {why}\nacts: {acts:#?}")),
        Err(TestError::Abort(why)) => Err(format!("seed {seed}: {why}")),
    }
}

/// Cases that a planted leak may take to be found, each of up to [`ACTS`] acts.
#[cfg(feature = "planted")]
const PLANTED_SEEDS: u64 = 30;

#[cfg(feature = "planted")]
#[test]
fn planted_leaks_are_found() {
    use consort_guild::planted::{Leak, plant};
    let mut missed = Vec::new();
    let wanted = std::env::var("CONSORT_LEAK").unwrap_or_default();
    let chosen = |leak: &Leak| wanted.is_empty() || wanted == format!("{leak:?}");
    for leak in Leak::ALL.into_iter().filter(chosen) {
        plant(Some(leak));
        // Shrinking is for those who look for the cause.
        let found = (0..PLANTED_SEEDS).find_map(|seed| run(seed, 0).err());
        match found.as_deref().and_then(|why| why.lines().next()) {
            Some(why) => println!("{leak:?}: {why}"),
            None => missed.push(leak),
        }
    }
    plant(None);
    assert!(missed.is_empty(), "not found: {missed:?}");
}

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn nobody_may_or_sees_more_or_less_than_the_documentation_says() {
    let seeds = match from_env("CONSORT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..from_env("CONSORT_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        if let Err(why) = run(seed, from_env("CONSORT_SHRINK").unwrap_or(400) as u32) {
            panic!("{why}\n\nCONSORT_SEED={seed} runs this again");
        }
    }
}

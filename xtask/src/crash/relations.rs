//! What concerns two owners is the same from both sides, whatever moment the server is killed at.
//!
//! Each writer keeps one relation going: it changes it, remembers what was acknowledged, and stops when the server is gone.
//! After the next start both sides must show what was acknowledged last, or, when a change was under way, what that would
//! have made of it; and both must show the same. What one owner causes in another may arrive after the start, so a writer
//! is asked again for a while.

mod accounts;
mod cycle;
mod kept;
mod people;
mod single;
mod timed;
mod untouched;

use crate::api::{Api, User};
use crate::server::Server;
use crate::sh;
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How long both sides may take to agree after a start.
const AGREE_LIMIT: Duration = Duration::from_secs(15);
/// How long a round of writing may take.
const ROUND_LIMIT: Duration = Duration::from_secs(60);
/// A server is killed once it has acknowledged so many changes of a round, at random between the two.
const KILL_AFTER: (usize, usize) = (20, 250);
/// How far ahead the clock of the last start is: polls of an hour are over, and were ended by nobody.
const AHEAD: &str = "7200";

/// Somebody who keeps a relation between two owners going.
trait Writer: Send {
    /// For reports.
    fn name(&self) -> &'static str;
    /// Makes one change.
    ///
    /// # Errors
    /// When the server is gone. A broken promise is kept for [`Writer::check`].
    fn step(&mut self, api: &Api) -> Result<(), String>;
    /// Compares both sides with what was acknowledged, goes on from what is there, and returns how many facts it has looked
    /// at.
    ///
    /// # Errors
    /// With the difference.
    fn check(&mut self, api: &Api, server: &Server) -> Result<usize, String>;
    /// Looks once more when two hours have passed on the server's clock.
    ///
    /// # Errors
    /// With what has not happened.
    fn check_hours_later(&mut self, _api: &Api) -> Result<usize, String> {
        Ok(0)
    }
}

/// What came of it.
pub(super) struct Report {
    rounds: usize,
    changes: usize,
    /// Comparisons made.
    pub(super) facts: usize,
    seed: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rounds, changes, facts, seed } = self;
        write!(
            f,
            "{changes} changes between owners, {rounds} kills, {facts} facts compared, 0 missing (seed {seed})"
        )
    }
}

/// Runs the test.
///
/// # Errors
/// With the seed, the round, and what differs.
pub(super) fn check(binary: &Path, rounds: usize, seed: Option<u64>) -> Result<Report, String> {
    let data = sh::fresh("crash-relations")?;
    let start = || super::start(binary, &data, "crash-relations");
    let seed = seed.unwrap_or_else(new_seed);
    let mut random = Random(seed);
    let mut server = start()?;
    let mut writers = writers(&Api::new(&server.api()))?;
    let mut report = Report { rounds, changes: 0, facts: 0, seed };
    for round in 1..=rounds {
        let kill_after = KILL_AFTER.0 + random.below(KILL_AFTER.1 - KILL_AFTER.0);
        report.changes += write_until_killed(server, &mut writers, kill_after)?;
        server = start()?;
        let api = Api::new(&server.api());
        let looked = compare(&mut writers, |writer| writer.check(&api, &server));
        report.facts += looked.map_err(|error| format!("round {round}, seed {seed}, {error}"))?;
    }
    server.kill();
    server = super::start_with(binary, &data, "crash-relations", &["--clock-ahead", AHEAD])?;
    let api = Api::new(&server.api());
    let looked = compare(&mut writers, |writer| writer.check_hours_later(&api));
    report.facts += looked.map_err(|error| format!("hours later, seed {seed}, {error}"))?;
    server.stop()?;
    Ok(report)
}

/// Has all writers look, until they find what they expect or time is up; gives how many facts they have compared.
fn compare(
    writers: &mut [Box<dyn Writer>],
    look: impl Fn(&mut dyn Writer) -> Result<usize, String> + Sync,
) -> Result<usize, String> {
    std::thread::scope(|scope| {
        let look = &look;
        let looking = writers.iter_mut().map(|writer| {
            scope.spawn(move || {
                let mut last = Ok(0);
                sh::poll(AGREE_LIMIT, || {
                    last = look(&mut **writer);
                    last.is_ok()
                });
                last.map_err(|error| format!("{}: {error}", writer.name()))
            })
        });
        let looking: Vec<_> = looking.collect();
        let looked =
            looking.into_iter().map(|one| one.join().unwrap_or_else(|_| Err("a writer panicked".to_owned())));
        looked.sum()
    })
}

/// Lets all writers write until the server, which is killed in their midst, is gone. Returns how many changes it
/// acknowledged.
fn write_until_killed(
    server: Server,
    writers: &mut [Box<dyn Writer>],
    kill_after: usize,
) -> Result<usize, String> {
    let (count, refused, base) = (AtomicUsize::new(0), Mutex::new(Vec::new()), server.api());
    let enough = std::thread::scope(|scope| {
        for writer in writers {
            let (count, refused, base) = (&count, &refused, &base);
            scope.spawn(move || {
                let api = Api::new(base);
                let end = loop {
                    match writer.step(&api) {
                        Ok(()) => count.fetch_add(1, Ordering::Relaxed),
                        Err(error) => break error,
                    };
                };
                // A broken connection is the end of the round, an answer is not.
                if let (true, Ok(mut refused)) = (end.contains(" answered "), refused.lock()) {
                    refused.push(format!("{}: {end}", writer.name()));
                }
            });
        }
        let enough = sh::poll(ROUND_LIMIT, || count.load(Ordering::Relaxed) >= kill_after);
        server.kill();
        enough
    });
    let count = count.into_inner();
    let refused = refused.into_inner().map_err(|_| "a writer panicked".to_owned())?;
    if !refused.is_empty() {
        return Err(format!("refused: {}", refused.join("; ")));
    }
    if enough { Ok(count) } else { Err(format!("only {count} changes in {} s", ROUND_LIMIT.as_secs())) }
}

/// Accounts by name; the first runs the installation.
struct People(BTreeMap<&'static str, User>);

impl People {
    fn register(api: &Api, names: &[&'static str]) -> Result<Self, String> {
        let (first, others) = names.split_first().ok_or("nobody")?;
        let first = (*first, api.user(first, "crash")?);
        let registered = std::thread::scope(|scope| {
            let tasks: Vec<_> = others
                .iter()
                .map(|name| scope.spawn(move || Ok((*name, api.user(name, "crash")?))))
                .collect();
            let joined = tasks
                .into_iter()
                .map(|task| task.join().map_err(|_| "a registration panicked".to_owned())?);
            joined.collect::<Result<BTreeMap<_, _>, String>>()
        });
        let mut people = registered?;
        people.extend([first]);
        Ok(Self(people))
    }

    fn get(&self, name: &str) -> Result<User, String> {
        self.0.get(name).cloned().ok_or_else(|| format!("nobody is called {name}"))
    }
}

/// Everybody who writes, with accounts of their own and guilds they share.
fn writers(api: &Api) -> Result<Vec<Box<dyn Writer>>, String> {
    let names = [
        "owner", "founder", "joiner", "asker", "asked", "talker", "listener", "reader", "blocker", "blocked",
        "grouper", "grouped", "third", "arriver", "sender", "first", "second",
    ];
    let people = People::register(api, &names)?;
    let owner = people.get("owner")?;
    let (guild, channel) = api.guild(&owner, "Relations")?;
    let (talker, listener, reader) = (people.get("talker")?, people.get("listener")?, people.get("reader")?);
    for member in [&talker, &listener, &reader] {
        api.join(&owner, &channel, member)?;
    }
    let bot = api.bot(&owner, "crash bot")?;
    let answering = api.bot(&owner, "answering bot")?;
    api.authorise(&owner, &answering, &guild, "8")?;
    let invite = api.ok(
        "POST",
        &format!("/channels/{channel}/invites"),
        &owner.token,
        Some(json!({"max_age": 0, "max_uses": 0, "unique": true})),
    )?;
    let invite = crate::api::text(&invite, "code")?;
    let room = |name: &str| api.channel(&owner.token, &guild, name);
    let commands = accounts::commands(&reader, &answering, &guild);
    let interactions =
        timed::Interactions::new(api, talker.clone(), answering, (guild.clone(), room("interactions")?))?;
    let group = people::groups(api, people.get("grouper")?, people.get("grouped")?, people.get("third")?)?;
    let secrets = ("arriver.crash@example.test".to_owned(), "correct-horse-crash".to_owned());
    let logins = accounts::logins(api, people.get("arriver")?, secrets)?;
    let receivers = vec![people.get("first")?, people.get("second")?];
    let untouched = untouched::Untouched::new(people.get("sender")?, receivers);
    let spoken = accounts::webhook_messages(api, &owner, &room("spoken")?)?;
    let stranger = people.get("blocked")?;
    Ok(vec![
        Box::new(single::Founding::new(people.get("founder")?)),
        Box::new(cycle::membership(owner.clone(), people.get("joiner")?, guild.clone(), invite)),
        Box::new(cycle::bot(owner.clone(), bot, guild.clone())),
        Box::new(cycle::friends(people.get("asker")?, people.get("asked")?)),
        Box::new(cycle::conversation(talker.clone(), listener)),
        Box::new(people::blocks(people.get("blocker")?, people.get("blocked")?)),
        Box::new(group),
        Box::new(people::message(api, owner.clone(), talker.clone(), &room("message")?)?),
        Box::new(single::Mentions::new(owner.clone(), reader.clone(), room("mentions")?)),
        Box::new(single::Nonces::new(owner.clone(), room("nonces")?)),
        Box::new(single::News::new(api, &owner, &guild)?),
        Box::new(timed::Polls::new(owner.clone(), talker.clone(), room("polls")?)),
        Box::new(interactions),
        Box::new(kept::emojis(&owner, &guild)),
        Box::new(kept::stickers(&owner, &stranger, &guild)),
        Box::new(kept::webhooks(&owner, &room("webhooks")?)),
        Box::new(kept::roles(&owner, &reader, &guild)),
        Box::new(kept::channels(&owner, &reader, &guild)),
        Box::new(kept::threads(&owner, &reader, (&guild, &room("threads")?))),
        Box::new(kept::invites(&owner, &stranger, &room("invites")?)),
        Box::new(kept::uploads(&owner, room("uploads")?)),
        Box::new(logins),
        Box::new(untouched),
        Box::new(accounts::applications(&owner)),
        Box::new(commands),
        Box::new(spoken),
    ])
}

/// Another one each time: the standard library's hashers begin with random keys.
fn new_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A small generator of random numbers (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}

//! What concerns two owners is the same from both sides, whatever moment the server is killed at.
//!
//! Each writer keeps one relation going: it changes it, remembers what was acknowledged, and stops when the server is gone.
//! After the next start both sides must show what was acknowledged last, or, when a change was under way, what that would
//! have made of it; and both must show the same. What one owner causes in another may arrive after the start, so a writer
//! is asked again for a while.

mod cycle;
mod single;

use crate::api::{Api, User};
use crate::server::Server;
use crate::sh;
use serde_json::json;
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
const KILL_AFTER: (usize, usize) = (10, 150);

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
        for writer in &mut writers {
            let mut last = Ok(0);
            sh::poll(AGREE_LIMIT, || {
                last = writer.check(&api, &server);
                last.is_ok()
            });
            let failed = |error| format!("{}, round {round}, seed {seed}: {error}", writer.name());
            report.facts += last.map_err(failed)?;
        }
    }
    server.stop()?;
    Ok(report)
}

/// Lets all writers write until the server, which is killed in their midst, is gone. Returns how many changes it
/// acknowledged.
fn write_until_killed(
    server: Server,
    writers: &mut [Box<dyn Writer>],
    kill_after: usize,
) -> Result<usize, String> {
    let (count, base) = (AtomicUsize::new(0), server.api());
    let enough = std::thread::scope(|scope| {
        for writer in writers {
            let (count, base) = (&count, &base);
            scope.spawn(move || {
                let api = Api::new(base);
                while writer.step(&api).is_ok() {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let enough = sh::poll(ROUND_LIMIT, || count.load(Ordering::Relaxed) >= kill_after);
        server.kill();
        enough
    });
    let count = count.into_inner();
    if enough { Ok(count) } else { Err(format!("only {count} changes in {} s", ROUND_LIMIT.as_secs())) }
}

/// Everybody who writes, with accounts of their own and guilds they share.
fn writers(api: &Api) -> Result<Vec<Box<dyn Writer>>, String> {
    let names = ["owner", "founder", "joiner", "asker", "asked", "talker", "listener", "reader"];
    let users = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        // The first account runs the installation.
        let first = api.user(names[0], "crash");
        for name in &names[1..] {
            let users = &users;
            scope.spawn(move || {
                let user = api.user(name, "crash");
                if let Ok(mut users) = users.lock() {
                    users.push((*name, user));
                }
            });
        }
        if let Ok(mut users) = users.lock() {
            users.push((names[0], first));
        }
    });
    let mut users = users.into_inner().map_err(|_| "a registration panicked".to_owned())?;
    let mut user = |name: &str| -> Result<User, String> {
        let at = users.iter().position(|(other, _)| *other == name).ok_or("no such user")?;
        users.swap_remove(at).1
    };
    let owner = user("owner")?;
    let (guild, channel) = api.guild(&owner, "Relations")?;
    let (talker, listener, reader) = (user("talker")?, user("listener")?, user("reader")?);
    for member in [&talker, &listener, &reader] {
        api.join(&owner, &channel, member)?;
    }
    let bot = api.bot(&owner, "crash bot")?;
    let invite = api.ok(
        "POST",
        &format!("/channels/{channel}/invites"),
        &owner.token,
        Some(json!({"max_age": 0, "max_uses": 0, "unique": true})),
    )?;
    let invite = crate::api::text(&invite, "code")?;
    let mentions = api.channel(&owner.token, &guild, "mentions")?;
    let nonces = api.channel(&owner.token, &guild, "nonces")?;
    let news = single::News::new(api, &owner, &guild)?;
    Ok(vec![
        Box::new(single::Founding::new(user("founder")?)),
        Box::new(cycle::membership(owner.clone(), user("joiner")?, guild.clone(), invite)),
        Box::new(cycle::bot(owner.clone(), bot, guild)),
        Box::new(cycle::friends(user("asker")?, user("asked")?)),
        Box::new(cycle::conversation(talker, listener)),
        Box::new(single::Mentions::new(owner.clone(), reader, mentions)),
        Box::new(single::Nonces::new(owner, nonces)),
        Box::new(news),
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

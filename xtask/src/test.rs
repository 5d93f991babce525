//! `cargo xtask test`: every check of the repository, in sections; what CI runs.
//!
//! Two lanes run side by side, cargo's and the tools', since the one waits for the processor and the other
//! for the network. What needs a running server comes after both.

use crate::args::Args;
use crate::server::{self, Options, Server};
use crate::{
    cassandra, cluster, conformance, crash, etcd, permissions, prepare, s3, sh, sim, telling, tidy, web,
};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a section may write nothing. On a slow machine one crate, SQLite or a test of many kills takes minutes; all of them
/// together may take hours.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// What a section found.
pub struct Tally {
    /// Checks that passed.
    pub passed: usize,
    /// Checks that failed.
    pub failed: usize,
    /// What to show when some failed.
    pub text: String,
}

impl Tally {
    /// One check that passed.
    pub fn one() -> Self {
        Self { passed: 1, failed: 0, text: String::new() }
    }

    /// One check that failed.
    pub fn failure(text: String) -> Self {
        Self { passed: 0, failed: 1, text }
    }

    /// Nothing could be checked, for this reason.
    fn skipped(text: String) -> Self {
        Self { passed: 0, failed: 0, text }
    }
}

impl<T> From<Result<T, String>> for Tally {
    fn from(result: Result<T, String>) -> Self {
        match result {
            Ok(_) => Self::one(),
            Err(text) => Self::failure(text),
        }
    }
}

/// Runs sections, prints them and adds them up.
struct Board {
    keep_going: bool,
    only: Vec<String>,
    stopped: AtomicBool,
    results: Mutex<Vec<(&'static str, Tally, Duration)>>,
}

impl Board {
    /// Runs one section unless one before it failed or it was not asked for.
    fn section(&self, name: &'static str, check: impl FnOnce() -> Tally) {
        if self.stopped.load(Ordering::Relaxed)
            || !(self.only.is_empty() || self.only.iter().any(|one| one == name))
        {
            return;
        }
        println!(".... {name}");
        let start = Instant::now();
        let tally = check();
        let took = start.elapsed();
        let word = match (tally.passed, tally.failed) {
            (0, 0) => "SKIP",
            (_, 0) => "ok  ",
            _ => "FAIL",
        };
        println!(
            "{word} {name}: {} passed, {} failed ({:.1} s)",
            tally.passed,
            tally.failed,
            took.as_secs_f64()
        );
        if tally.passed == 0 && tally.failed == 0 {
            println!("     {}", tally.text);
        }
        if tally.failed > 0 {
            println!("---- {name}\n{}\n----", tally.text);
            self.stopped.fetch_or(!self.keep_going, Ordering::Relaxed);
        }
        if let Ok(mut results) = self.results.lock() {
            results.push((name, tally, took));
        }
    }

    /// Runs a section that is run only when it is asked for by name.
    fn on_demand(&self, name: &'static str, check: impl FnOnce() -> Tally) {
        if !self.only.is_empty() {
            self.section(name, check);
        }
    }

    /// Prints the summary, and once more what failed; the last line is `N passed, N failed`.
    fn finish(self, start: Instant) -> Result<(), String> {
        let results = self.results.into_inner().unwrap_or_default();
        println!("\n{:<16} {:>7} {:>7} {:>9}", "section", "passed", "failed", "seconds");
        for (name, tally, took) in &results {
            println!("{name:<16} {:>7} {:>7} {:>9.1}", tally.passed, tally.failed, took.as_secs_f64());
        }
        let passed: usize = results.iter().map(|(_, tally, _)| tally.passed).sum();
        let failed: usize = results.iter().map(|(_, tally, _)| tally.failed).sum();
        if self.stopped.into_inner() {
            println!("stopped at the first failing section; --keep-going runs the others too");
        }
        println!("whole run: {:.0} s", start.elapsed().as_secs_f64());
        let broken: Vec<(&str, &str)> = results
            .iter()
            .filter(|(_, tally, _)| tally.failed > 0)
            .map(|(name, tally, _)| (*name, tally.text.as_str()))
            .collect();
        if !broken.is_empty() {
            println!("{}", telling::summary(&broken));
        }
        println!("{passed} passed, {failed} failed");
        if failed == 0 { Ok(()) } else { Err("there are failures".to_owned()) }
    }
}

/// Installs what is needed and runs everything.
///
/// # Errors
/// When any check fails.
pub fn run(args: &mut Args) -> Result<(), String> {
    let keep_going = args.flag("--keep-going");
    let only = args.option::<String>("--only")?.unwrap_or_default();
    args.rest()?;
    let board = Board {
        keep_going,
        only: only.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        stopped: AtomicBool::new(false),
        results: Mutex::new(Vec::new()),
    };
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| tools_lane(&board));
        cargo_lane(&board);
    });
    served_sections(&board);
    foreign_sections(&board);
    board.finish(start)
}

fn cargo_lane(board: &Board) {
    board.section("fmt", || cargo("fmt", &["fmt", "--all", "--", "--check"]));
    board.section("tidy", || tidy::check().into());
    board.section("clippy", || {
        cargo("clippy", &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])
    });
    board.section("build", || cargo("build", &["build", "--workspace", "--all-targets", "--locked"]));
    board.section("cargo-test", cargo_test);
    board.section("planted-leaks", || {
        let (package, words) = (["test", "-p", "consort-guild"], ["--", "--exact", permissions::PLANTED]);
        let features = ["--features", "planted", "--test", "it", "--locked"];
        cargo("planted-leaks", &[&package[..], &features, &words].concat())
    });
}

/// What needs servers that are not part of the project.
fn foreign_sections(board: &Board) {
    board.on_demand("etcd", etcd_tests);
    board.on_demand("cassandra", cassandra_tests);
    board.on_demand("s3", s3_tests);
    board.on_demand("deny", deny);
}

/// Licences, sources and duplicates of what the project stands on, by `deny.toml`, and what is known to be unsafe of it. The last needs
/// the advisory database of RustSec; where that cannot be had, it is said and the others count.
fn deny() -> Tally {
    let program = std::env::var("CONSORT_CARGO_DENY").unwrap_or_else(|_| "cargo-deny".to_owned());
    if sh::output(Command::new(&program).arg("--version")).is_err() {
        return Tally::skipped(
            "needs cargo-deny: cargo install cargo-deny --locked, or set CONSORT_CARGO_DENY to its program"
                .to_owned(),
        );
    }
    let run = |what: &[&str]| {
        let name = format!("deny-{}", what[0]);
        let mut check = Command::new(&program);
        sh::logged(
            &name,
            check.args(["--log-level", "error", "check"]).args(what).current_dir(sh::root()),
            LIMIT,
        )
    };
    let mut tally = Tally::from(run(&["bans", "licenses", "sources"]));
    match run(&["advisories"]) {
        Err(text) if text.contains("failed to fetch advisory database") => {
            println!(
                "     the advisory database cannot be reached: what is known to be unsafe was not looked for"
            );
        }
        Err(text) => {
            tally.failed += 1;
            tally.text.push_str(&text);
        }
        Ok(_) => tally.passed += 1,
    }
    tally
}

fn tools_lane(board: &Board) {
    board.section("npm", || prepare::npm().into());
    board.section("python", || prepare::python().into());
    board.section("chromium", || prepare::chromium().into());
    board.section("web-check", || npm("web-check", &["run", "check"], &[]));
    board.section("web-build", || web::build().into());
    board.section("web-test", || npm("web-test", &["test"], &[]));
}

/// What needs the built binary and the installed tools.
fn served_sections(board: &Board) {
    board.section("conformance", || conformance::check(&[], false).unwrap_or_else(Tally::failure));
    board.section("crash", || crash::check().into());
    board.section("sim", || match sim::check() {
        Ok(seeds) => Tally { passed: seeds as usize, failed: 0, text: String::new() },
        Err(text) => Tally::failure(text),
    });
    board.section("planted-bugs", || sim::check_planted().into());
    board.section("cluster", cluster_trial);
    board.section("e2e", e2e);
}

fn cargo(name: &str, words: &[&str]) -> Tally {
    sh::logged(name, sh::cargo().args(words), LIMIT).into()
}

/// The seed of the property tests, in the variable that `proptest` reads. Two runs of one commit make the same checks:
/// a failure belongs to the change that is tested. Who looks for more sets the variable to another number.
const PROPERTY_SEED: (&str, &str) = ("PROPTEST_RNG_SEED", "20260101");

fn cargo_test() -> Tally {
    let mut tests = sh::cargo();
    tests.args(["test", "--workspace", "--no-fail-fast", "--locked"]);
    if std::env::var_os(PROPERTY_SEED.0).is_none() {
        tests.env(PROPERTY_SEED.0, PROPERTY_SEED.1);
    }
    let run = sh::logged("cargo-test", &mut tests, LIMIT);
    let log = match &run {
        Ok(log) => log.clone(),
        Err(_) => sh::scratch("logs").map(|dir| sh::read(&dir.join("cargo-test.log"))).unwrap_or_default(),
    };
    let (passed, failed) = count_tests(&log);
    match run {
        Ok(_) => Tally { passed, failed, text: String::new() },
        Err(text) => Tally { passed, failed: failed.max(1), text },
    }
}

/// People talk on a cluster of processes while nodes are killed, hang and are drained. Without etcd there is none.
fn cluster_trial() -> Tally {
    if let Err(text) = etcd::program() {
        return Tally::skipped(format!(
            "needs etcd: install Debian's etcd-server, or Go so that it can be built, or set CONSORT_ETCD to its program\n{text}"
        ));
    }
    match cluster::check() {
        Ok(messages) => Tally { passed: messages, failed: 0, text: String::new() },
        Err(text) => Tally::failure(text),
    }
}

/// Tests that start a real etcd.
fn etcd_tests() -> Tally {
    let program = match etcd::program() {
        Ok(program) => program,
        Err(text) => return Tally::failure(text),
    };
    let mut tests = sh::cargo();
    tests.args(["test", "-p", "consort-discovery", "--features", "etcd", "--test", "etcd", "--locked"]);
    sh::logged("etcd", tests.env("CONSORT_ETCD", program), LIMIT).into()
}

/// Tests against a real object store, and a cluster with its files there. Without one nothing can be tested.
fn s3_tests() -> Tally {
    if let Err(text) = s3::program() {
        return Tally::skipped(text);
    }
    let run = || {
        let store = s3::ObjectStore::start(&sh::fresh("s3")?)?;
        let mut tests = sh::cargo();
        tests.args(["test", "-p", "consort-cdn", "--features", "s3", "--test", "s3", "--locked"]);
        tests.env("CONSORT_BUCKET", store.url()).envs(s3::KEYS);
        let log = sh::logged("s3", &mut tests, LIMIT)?;
        cluster::check_files(&store)?;
        Ok(count_tests(&log).0 + 1)
    };
    match run() {
        Ok(passed) => Tally { passed, failed: 0, text: String::new() },
        Err(text) => Tally::failure(text),
    }
}

/// How many nodes the ring has that tests get: one, unless this says more. Of three they kill one, which wants four processors.
const CASSANDRA_NODES: &str = "CONSORT_CASSANDRA_NODES";

/// Tests against a real Cassandra.
fn cassandra_tests() -> Tally {
    let run = || {
        let nodes = std::env::var(CASSANDRA_NODES).unwrap_or_else(|_| "1".to_owned());
        let nodes = nodes.parse().map_err(|_| format!("{CASSANDRA_NODES}: a number"))?;
        let ring = cassandra::Ring::start(&sh::fresh("cassandra")?, nodes)?;
        let mut tests = sh::cargo();
        tests.args([
            "test",
            "-p",
            "consort-store-cassandra",
            "--features",
            "cassandra",
            "--test",
            "cassandra",
            "--locked",
        ]);
        tests.env("CONSORT_CASSANDRA", ring.hosts());
        if let Some(victim) = ring.victim() {
            tests.env("CONSORT_CASSANDRA_VICTIM", victim.to_string());
        }
        sh::logged("cassandra", &mut tests, LIMIT)
    };
    match run() {
        Ok(log) => Tally { passed: count_tests(&log).0, failed: 0, text: String::new() },
        Err(text) => Tally::failure(text),
    }
}

/// Adds up the lines `test result: ok. 3 passed; 0 failed; …`.
fn count_tests(log: &str) -> (usize, usize) {
    let number = |line: &str, word: &str| -> usize {
        line.split_once(word)
            .and_then(|(before, _)| before.trim_end().rsplit(' ').next()?.parse().ok())
            .unwrap_or_default()
    };
    log.lines().filter(|line| line.starts_with("test result:")).fold((0, 0), |(passed, failed), line| {
        (passed + number(line, "passed;"), failed + number(line, "failed;"))
    })
}

/// Runs `npm run SCRIPT` in the web client's folder, when it is there.
fn npm(name: &str, words: &[&str], env: &[(&str, String)]) -> Tally {
    if !web::dir().join("package.json").exists() {
        return Tally::failure(format!("{} has no package.json", web::dir().display()));
    }
    let mut command = Command::new("npm");
    command.args(words).current_dir(web::dir()).envs(env.iter().map(|(key, value)| (key, value)));
    sh::logged(name, &mut command, LIMIT).into()
}

/// The browser tests, against a server of their own.
fn e2e() -> Tally {
    let prepared = prepare::chromium().and_then(|chromium| {
        let data = sh::fresh("e2e-data")?;
        let binary = server::build(false)?;
        let media = network_address().map(|ip| SocketAddr::from((ip, 0)).to_string());
        let mut extra = vec!["--dev"];
        extra.extend(media.iter().flat_map(|address| ["--media-listen", address]));
        let server = Server::start(&Options {
            binary: &binary,
            data: &data,
            log: "e2e-server",
            extra: &extra,
            env: &[],
        })?;
        Ok((chromium, server, data))
    });
    let (chromium, server, data) = match prepared {
        Ok(prepared) => prepared,
        Err(text) => return Tally::failure(text),
    };
    // Bots' libraries speak only to a voice gateway that they can verify.
    let authority = data.join("tls/ca.pem").display().to_string();
    let address = format!("http://{}", server.address);
    let mut env = vec![("BASE_URL", address), ("CHROMIUM", chromium), ("VOICE_CA", authority)];
    if network_address().is_some() {
        env.push(("FIREFOX_CALLS", "1".to_owned()));
    }
    let mut tally = npm("e2e", &["run", "e2e"], &env);
    if tally.failed > 0 {
        let log = sh::tail(&sh::read(server.log()));
        tally.text.push_str(&format!("\nthe end of the server's log:\n{log}"));
    }
    tally
}

/// This machine's address in its network, if it has one: Firefox sends media to no loopback address. Nothing is sent to find it.
fn network_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // Of those that are for documentation (RFC 5737).
    socket.connect((Ipv4Addr::new(198, 51, 100, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::count_tests;

    #[test]
    fn results_of_several_binaries_are_added_up() {
        let log = "running 2 tests\ntest result: ok. 2 passed; 0 failed; 0 ignored\n\
                   test result: FAILED. 11 passed; 3 failed; 0 ignored";
        assert_eq!(count_tests(log), (13, 3));
    }
}

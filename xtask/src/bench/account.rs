//! `cargo xtask bench account`: what the sockets of one account with very large guilds cost together.
//!
//! Each guild is some megabytes of GUILD_CREATE. All sockets ask for READY and then read nothing but the beginning of it, then
//! read it all, then go at once. The server's memory is looked at before, at its peak in each phase, and after each.

use super::{http, measure};
use crate::api::Api;
use crate::args::Args;
use crate::gateway::{Gateway, identify_payload};
use crate::sh;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Characters of the topic of a forum, of two bytes each.
const TOPIC_CHARS: usize = 4096;
/// Clients that make channels.
const MAKERS: usize = 8;
/// How long a socket waits before it asks again that was told to.
const AGAIN: Duration = Duration::from_millis(300);
/// A socket to which nothing comes for so long has all of it.
const QUIET: Duration = Duration::from_secs(4);

/// What the sockets saw.
#[derive(Default)]
struct Seen {
    begun: AtomicUsize,
    /// Bytes of READY, its own and of the largest.
    ready: AtomicU64,
    bytes: AtomicU64,
    guilds: AtomicUsize,
    /// How many ended before they had all, by what ended them.
    ended: Mutex<BTreeMap<String, usize>>,
}

/// Where sockets wait that have the beginning of READY, until all may read. Those that are not that far do not hold up others: an
/// account has room for some megabytes of READY that nobody reads, and the next one gets its own when one of them is read.
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) {
        *self.lock() = true;
        self.1.notify_all();
    }

    fn wait(&self) {
        drop(self.1.wait_while(self.lock(), |open| !*open).unwrap_or_else(PoisonError::into_inner));
    }
}

struct Weight {
    name: &'static str,
    rss: u64,
    peak: u64,
    cpu_us: u64,
}

/// Runs it and prints a table and a line of JSON.
///
/// # Errors
/// When the server, a call or a socket fails.
pub fn run(args: &mut Args) -> Result<(), String> {
    let sockets: usize = args.option("--sockets")?.unwrap_or(60);
    let guilds: usize = args.option("--guilds")?.unwrap_or(16);
    let channels: usize = args.option("--channels")?.unwrap_or(300);
    let hold = Duration::from_secs(args.option("--hold")?.unwrap_or(8));
    let query = args.option::<String>("--compress")?.map_or(String::new(), |way| format!("&compress={way}"));
    let binary = super::binary(args)?;
    args.rest()?;
    let data = sh::fresh("bench-data")?;
    let server = super::start(&binary, &data)?;
    let api = Api::new(&server.api());
    let owner = api.user("owner", "bench")?;
    for number in 0..guilds {
        let (guild, _) = api.guild(&owner, &format!("Large {number}"))?;
        fill(server.address, &owner.token, &guild, channels)?;
    }
    eprintln!("{guilds} guilds of {channels} channels are made");
    // A first session has everything loaded.
    drop(session(
        server.address,
        &owner.token,
        &query,
        &Seen::default(),
        &Gate(Mutex::new(true), Condvar::new()),
    )?);
    thread::sleep(Duration::from_secs(1));
    let (seen, weights) = measure(&server, &owner.token, &query, (sockets, hold))?;
    server.stop()?;
    print(sockets, guilds, &seen, &weights);
    Ok(())
}

/// Makes a guild large: forums with the longest of topics.
fn fill(address: SocketAddr, token: &str, guild: &str, channels: usize) -> Result<(), String> {
    let topic = "ä".repeat(TOPIC_CHARS);
    let make = |from: usize| {
        let mut http = http::Http::connect(address)?;
        for number in (from..channels).step_by(MAKERS) {
            let body = json!({"name": format!("forum-{number}"), "type": 15, "topic": topic}).to_string();
            let path = format!("/guilds/{guild}/channels");
            http.call(&http::request("POST", &path, token, &body))?;
        }
        Ok::<_, String>(())
    };
    thread::scope(|scope| {
        let makers: Vec<_> = (0..MAKERS).map(|from| scope.spawn(move || make(from))).collect();
        makers.into_iter().try_for_each(|maker| maker.join().map_err(|_| "a client panicked")?)
    })
}

fn measure(
    server: &crate::server::Server,
    token: &str,
    query: &str,
    (sockets, hold): (usize, Duration),
) -> Result<(Seen, Vec<Weight>), String> {
    let (pid, address) = (server.pid(), server.address);
    let (seen, read) = (Seen::default(), Gate(Mutex::new(false), Condvar::new()));
    let mut weights = vec![weigh(pid, "before", 0)?];
    let mut cpu_us = measure::cpu_us(pid)?;
    let mut phase = |name, weights: &mut Vec<Weight>| {
        let spent = measure::cpu_us(pid)? - cpu_us;
        cpu_us += spent;
        weights.push(weigh(pid, name, spent)?);
        Ok::<_, String>(())
    };
    thread::scope(|scope| {
        let ask = || session(address, token, query, &seen, &read);
        let asking: Vec<_> = (0..sockets).map(|_| scope.spawn(ask)).collect();
        let until = Instant::now() + hold;
        while Instant::now() < until && seen.begun.load(Ordering::Relaxed) < sockets {
            thread::sleep(Duration::from_millis(20));
        }
        phase("READY begun and not read", &mut weights)?;
        read.open();
        let gateways: Vec<_> = asking.into_iter().map(|asking| asking.join()).collect();
        phase("read", &mut weights)?;
        let gateways: Result<Vec<_>, _> = gateways.into_iter().collect();
        drop(gateways.map_err(|_| "a client panicked".to_owned())?);
        thread::sleep(Duration::from_secs(2));
        phase("all gone at once", &mut weights)
    })?;
    Ok((seen, weights))
}

fn weigh(pid: u32, name: &'static str, cpu_us: u64) -> Result<Weight, String> {
    let weight = Weight { name, rss: measure::memory(pid)?.rss, peak: measure::peak(pid)?, cpu_us };
    measure::forget_peak(pid)?;
    Ok(weight)
}

/// A socket: asks until it is given READY, waits until all are to read, and reads all there is. One that is closed on the way has
/// given way to a newer one.
fn session(
    address: SocketAddr,
    token: &str,
    query: &str,
    seen: &Seen,
    read: &Gate,
) -> Result<Gateway, String> {
    let mut gateway = Gateway::connect_with(address, query)?;
    let begun = begin(&mut gateway, token);
    seen.begun.fetch_add(1, Ordering::Relaxed);
    read.wait();
    let ended = begun.and_then(|length| {
        seen.ready.fetch_max(length, Ordering::Relaxed);
        rest(&mut gateway, length, seen)
    });
    if let Err(error) = ended {
        *seen.ended.lock().unwrap_or_else(PoisonError::into_inner).entry(error).or_default() += 1;
    }
    Ok(gateway)
}

/// Asks for READY; gives its length once it has begun.
fn begin(gateway: &mut Gateway, token: &str) -> Result<u64, String> {
    let (_, hello) = gateway.begin_frame()?;
    gateway.skip(hello)?;
    loop {
        gateway.send(&identify_payload(token, 0))?;
        match gateway.begin_frame()? {
            (1 | 2, length) if length > 4096 => return Ok(length),
            (1 | 2, length) => drop(gateway.skip(length)?),
            (_, length) => return Err(closed(gateway, length)),
        }
        thread::sleep(AGAIN);
    }
}

/// What a close frame says.
fn closed(gateway: &mut Gateway, length: u64) -> String {
    match gateway.skip(length) {
        Ok(body) if body.len() >= 2 => format!("closed with {}", u16::from_be_bytes([body[0], body[1]])),
        Ok(_) => "closed without a code".to_owned(),
        Err(error) => error,
    }
}

/// Reads READY, which has begun, and what follows.
fn rest(gateway: &mut Gateway, ready: u64, seen: &Seen) -> Result<(), String> {
    let mut length = ready;
    loop {
        let first = gateway.skip(length)?;
        seen.bytes.fetch_add(length, Ordering::Relaxed);
        let first = String::from_utf8_lossy(&first);
        seen.guilds.fetch_add(usize::from(first.contains("GUILD_CREATE")), Ordering::Relaxed);
        if gateway.is_quiet(QUIET)? {
            return Ok(());
        }
        match gateway.begin_frame()? {
            (1 | 2, next) => length = next,
            (_, length) => return Err(closed(gateway, length)),
        }
    }
}

fn print(sockets: usize, guilds: usize, seen: &Seen, weights: &[Weight]) {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    let (ready, bytes) = (seen.ready.load(Ordering::Relaxed), seen.bytes.load(Ordering::Relaxed));
    let later = seen.guilds.load(Ordering::Relaxed);
    let ended = seen.ended.lock().unwrap_or_else(PoisonError::into_inner);
    let closed: usize = ended.values().sum();
    println!(
        "\n{sockets} sockets of an account with {guilds} guilds: READY of {:.1} MiB at most, {:.1} MiB to all of them, {later} guilds \
         behind READY, {closed} sockets ended before that: {ended:?}",
        mib(ready),
        mib(bytes),
    );
    println!("{:<26} {:>9} {:>9} {:>9}", "phase", "RSS MiB", "peak MiB", "CPU s");
    for Weight { name, rss, peak, cpu_us } in weights {
        println!("{name:<26} {:>9.1} {:>9.1} {:>9.2}", mib(*rss), mib(*peak), *cpu_us as f64 / 1e6);
    }
    let rows = weights.iter().map(|weight| {
        json!({"phase": weight.name, "rss": weight.rss, "peak": weight.peak, "cpu_us": weight.cpu_us})
    });
    println!(
        "{}",
        json!({
            "bench": "account", "sockets": sockets, "guilds": guilds, "ready_bytes": ready, "bytes": bytes,
            "guilds_behind_ready": later, "closed": closed, "ended": *ended, "rows": Value::from_iter(rows),
        })
    );
}

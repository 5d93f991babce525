//! Many who look at a list that moves: a guild of a million, 5,000 sessions on random ranges of 100 rows, 2,000 presences a
//! second for a minute. Time is simulated around the owner's real work: a change arrives every half millisecond and waits
//! while the owner is busy.

use consort_actor::{Core, Driven};
use consort_guild::Guild;
use consort_model::{ClientStatus, Presence, Status, UserRef};
use consort_rpc::guild::{Op, gateway};
use consort_rpc::{Caller, Effect, relay};
use serde_json::json;

use super::world::{NOW_MS, Random, Size, attach, channel, load, percentile, rows, session, timed, user};

const MEMBERS: u64 = 1_000_000;
const VIEWERS: u64 = 5_000;
const FLIPS_PER_SECOND: u64 = 2_000;
const SECONDS: u64 = 60;
/// So far behind the owner may fall before the run is given up.
const LATE_MAX_US: f64 = 30e6;

#[derive(Default)]
struct Told {
    updates: u64,
    bytes: u64,
}

pub fn run() {
    let size = Size { members: MEMBERS, channels: 1, ..Size::default() };
    let mut guild = load(&rows(&size));
    let mut random = Random(3);
    let mut online: Vec<bool> = (0..MEMBERS).map(|_| random.below(2) == 0).collect();
    for n in (0..MEMBERS).filter(|n| online[*n as usize]) {
        flip(&mut guild, NOW_MS, n, true);
    }
    attach(&mut guild, 0);
    let (_, first) = timed(|| look(&mut guild, 0, 0));
    for n in 1..VIEWERS {
        look(&mut guild, n, random.below(MEMBERS - 100));
    }
    println!("The first look at a guild of {MEMBERS} builds its list in {:.0} ms.\n", first / 1_000.0);
    let (mut handling, mut delays, told, busy) = minute(&mut guild, &mut random, &mut online);
    let flips = FLIPS_PER_SECOND * SECONDS;
    println!(
        "| flips | owner µs/flip | owner busy | handling p99 ms | flip to update p50 ms | p99 ms | updates/s | bytes/update | MB/s |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    println!(
        "| {flips} | {:.0} | {:.0} % | {:.1} | {:.1} | {:.1} | {} | {} | {:.1} |",
        busy / flips as f64,
        busy / (SECONDS * 10_000) as f64,
        percentile(&mut handling, 99) / 1_000.0,
        percentile(&mut delays, 50) / 1_000.0,
        percentile(&mut delays, 99) / 1_000.0,
        told.updates / SECONDS,
        told.bytes / told.updates.max(1),
        told.bytes as f64 / (SECONDS * 1_000_000) as f64,
    );
}

/// The minute: microseconds of each flip's handling, from each flip to its update, what was told, and microseconds of work.
fn minute(
    guild: &mut Driven<Guild>,
    random: &mut Random,
    online: &mut [bool],
) -> (Vec<f64>, Vec<f64>, Told, f64) {
    let (mut now, mut busy, mut told) = (0.0f64, 0.0, Told::default());
    let (mut handling, mut delays, mut waiting) = (Vec::new(), Vec::new(), Vec::<f64>::new());
    let gap = 1_000_000.0 / FLIPS_PER_SECOND as f64;
    let mut arrived = 0;
    while arrived < FLIPS_PER_SECOND * SECONDS || !waiting.is_empty() {
        let next = if arrived < FLIPS_PER_SECOND * SECONDS { arrived as f64 * gap } else { f64::INFINITY };
        let due = guild
            .core()
            .next_deadline_ms()
            .map_or(f64::INFINITY, |ms| ms.saturating_sub(NOW_MS) as f64 * 1_000.0);
        now = now.max(next.min(due));
        let at_ms = NOW_MS + (now / 1_000.0) as u64;
        let (effects, took) = if due <= now {
            timed(|| guild.tick(at_ms))
        } else {
            let n = random.below(online.len() as u64);
            online[n as usize] ^= true;
            arrived += 1;
            waiting.push(next);
            let done = timed(|| flip(guild, at_ms, n, online[n as usize]));
            handling.push(done.1);
            done
        };
        (now, busy) = (now + took, busy + took);
        if count(&effects, &mut told) {
            delays.extend(waiting.drain(..).map(|arrived| now - arrived));
        }
        if now - arrived as f64 * gap > LATE_MAX_US {
            println!("After {arrived} changes the owner is half a minute behind: it does not keep up.");
            break;
        }
    }
    (handling, delays, told, busy)
}

/// Has a member come or go.
pub(super) fn flip(guild: &mut Driven<Guild>, now_ms: u64, n: u64, online: bool) -> Vec<Effect> {
    let status = if online { Status::Online } else { Status::Offline };
    let presence = Presence {
        user: UserRef { id: user(n) },
        guild_id: None,
        status,
        activities: Vec::new(),
        client_status: ClientStatus { web: online.then_some(status), ..ClientStatus::default() },
    };
    let op = Op::Gateway(gateway::Op::Presence { presence: Box::new(presence) });
    guild.call(now_ms, &Caller::user(user(n), false), &op).expect("told").1
}

fn look(guild: &mut Driven<Guild>, n: u64, row: u64) {
    let request = json!({"channels": {channel(0).to_string(): [[row, row + 99]]}});
    let op = Op::Gateway(gateway::Op::Subscribe { session: session(n), request: Box::new(request) });
    guild.call(NOW_MS, &Caller::user(user(n), false), &op).expect("looks");
}

/// Counts the list updates; whether there were any.
fn count(effects: &[Effect], told: &mut Told) -> bool {
    let before = told.updates;
    for effect in effects {
        if let Effect::Relay { message: relay::Op::Direct { sessions, event }, .. } = effect {
            told.updates += sessions.len() as u64;
            told.bytes += (sessions.len() * event.body.len()) as u64;
        }
    }
    told.updates > before
}

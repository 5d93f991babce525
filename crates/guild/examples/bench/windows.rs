//! Many who look at a list that moves: a guild of a million, 5,000 sessions on random ranges of 100 rows, 2,000 presences a
//! second for a minute. Time is simulated around the owner's real work: a change arrives every half millisecond and waits
//! while the owner is busy. How long it takes until a change is seen is measured on some of the windows, with a list of the same
//! members beside the owner's that says which of them each change concerns.

use consort_actor::{Core, Driven};
use consort_guild::Guild;
use consort_guild::ranked_list::{Group, Key, List};
use consort_model::{ClientStatus, Presence, Status, UserRef};
use consort_rpc::guild::{Op, gateway};
use consort_rpc::{Caller, Publication, relay};
use serde_json::json;

use super::world::{
    NOW_MS, Random, Size, attach, channel, load, names, percentile, rows, session, timed, user,
};

const MEMBERS: u64 = 1_000_000;
const VIEWERS: u64 = 5_000;
const WIDTH: u64 = 100;
/// One viewer of so many is measured.
const VIEWERS_AN_EYE: u64 = 25;
const FLIPS_PER_SECOND: u64 = 2_000;
const SECONDS: u64 = 60;
/// So far behind the owner may fall before the run is given up.
const LATE_MAX_US: f64 = 30e6;

#[derive(Default)]
struct Told {
    updates: u64,
    bytes: u64,
}

/// A viewer who is measured.
#[derive(Default)]
struct Eye {
    from: usize,
    /// How far the rows have moved since the last update; with changes that cancel each other nothing is to be told.
    moved: i64,
    /// When the changes arrived that were not seen.
    waiting: Vec<f64>,
    /// A change has not moved all rows: not measured until the next update.
    blind: bool,
}

/// What changes and who sees it.
struct Sight {
    names: Vec<String>,
    online: Vec<bool>,
    list: List,
    eyes: Vec<Eye>,
    delays: Vec<f64>,
    told: Told,
}

pub fn run() {
    let size = Size { members: MEMBERS, channels: 1, ..Size::default() };
    let rows = rows(&size);
    let mut guild = load(&rows);
    let mut random = Random(3);
    let online: Vec<bool> = (0..MEMBERS).map(|_| random.below(2) == 0).collect();
    for n in (0..MEMBERS).filter(|n| online[*n as usize]) {
        flip(&mut guild, NOW_MS, n, true);
    }
    let mut sight = Sight::new(names(&rows), online);
    attach(&mut guild, 0);
    let (_, first) = timed(|| look(&mut guild, 0, 0));
    sight.eyes.push(Eye::default());
    for n in 1..VIEWERS {
        let row = random.below(MEMBERS - WIDTH);
        look(&mut guild, n, row);
        if n % VIEWERS_AN_EYE == 0 {
            sight.eyes.push(Eye { from: row as usize, ..Eye::default() });
        }
    }
    println!("The first look at a guild of {MEMBERS} builds its list in {:.0} ms.\n", first / 1_000.0);
    let (mut handling, busy) = minute(&mut guild, &mut random, &mut sight);
    let Sight { mut delays, told, .. } = sight;
    let flips = FLIPS_PER_SECOND * SECONDS;
    println!(
        "| flips | owner µs/flip | owner busy | µs/update | handling p99 ms | flip to update p50 ms | p99 ms | updates/s | bytes/update | MB/s |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    println!(
        "| {flips} | {:.0} | {:.0} % | {:.1} | {:.1} | {:.1} | {:.1} | {} | {} | {:.1} |",
        busy / flips as f64,
        busy / (SECONDS * 10_000) as f64,
        busy / told.updates.max(1) as f64,
        percentile(&mut handling, 99) / 1_000.0,
        percentile(&mut delays, 50) / 1_000.0,
        percentile(&mut delays, 99) / 1_000.0,
        told.updates / SECONDS,
        told.bytes / told.updates.max(1),
        told.bytes as f64 / (SECONDS * 1_000_000) as f64,
    );
}

/// The minute: microseconds that each flip waited and was handled, and microseconds of work.
fn minute(guild: &mut Driven<Guild>, random: &mut Random, sight: &mut Sight) -> (Vec<f64>, f64) {
    let (mut now, mut busy, mut handling) = (0.0f64, 0.0, Vec::new());
    let gap = 1_000_000.0 / FLIPS_PER_SECOND as f64;
    let mut arrived = 0;
    loop {
        let next = if arrived < FLIPS_PER_SECOND * SECONDS { arrived as f64 * gap } else { f64::INFINITY };
        let due = guild
            .core()
            .next_deadline_ms()
            .map_or(f64::INFINITY, |ms| ms.saturating_sub(NOW_MS) as f64 * 1_000.0);
        if next.min(due).is_infinite() {
            return (handling, busy);
        }
        now = now.max(next.min(due));
        let at_ms = NOW_MS + (now / 1_000.0) as u64;
        let (effects, took) = if due <= now {
            timed(|| guild.tick(at_ms).publications)
        } else {
            let n = random.below(MEMBERS);
            arrived += 1;
            let online = sight.flip(n, next);
            let done = timed(|| flip(guild, at_ms, n, online));
            handling.push(now + done.1 - next);
            done
        };
        (now, busy) = (now + took, busy + took);
        sight.see(&effects, now);
        if now - arrived as f64 * gap > LATE_MAX_US {
            println!("After {arrived} changes the owner is half a minute behind: it does not keep up.");
            return (handling, busy);
        }
    }
}

impl Sight {
    fn new(names: Vec<String>, online: Vec<bool>) -> Self {
        let keys = names.iter().zip(&online).zip(0..);
        let keys = keys.map(|((name, online), n)| Key::new(usize::from(!online), name, user(n)));
        let list = List::of(vec![Group::Online, Group::Offline], keys.collect());
        Self { names, online, list, eyes: Vec::new(), delays: Vec::new(), told: Told::default() }
    }

    /// A member comes or goes; whether it is online then. All rows between where it was and where it is move by one.
    fn flip(&mut self, n: u64, arrived: f64) -> bool {
        let online = &mut self.online[n as usize];
        *online ^= true;
        let place = (usize::from(!*online), self.names[n as usize].as_str());
        let moved = self.list.set(user(n), Some(place)).expect("rows that move");
        for eye in &mut self.eyes {
            let to = eye.from + WIDTH as usize;
            if eye.blind || moved.start >= to || moved.end <= eye.from {
                continue;
            }
            eye.blind = moved.start > eye.from || moved.end < to;
            eye.moved += if *online { 1 } else { -1 };
            eye.waiting.push(arrived);
            if eye.blind || eye.moved == 0 {
                eye.waiting.clear();
            }
        }
        *online
    }

    /// Counts the list updates, and what they bring to the eyes.
    fn see(&mut self, effects: &[Publication], now: f64) {
        for effect in effects {
            let Publication::Relay { message: relay::Op::Direct { sessions, event }, .. } = effect else {
                continue;
            };
            self.told.updates += sessions.len() as u64;
            self.told.bytes += (sessions.len() * event.body.len()) as u64;
            for session in sessions.iter().filter(|session| session.number.is_multiple_of(VIEWERS_AN_EYE)) {
                let eye = &mut self.eyes[(session.number / VIEWERS_AN_EYE) as usize];
                self.delays.extend(eye.waiting.drain(..).map(|arrived| now - arrived));
                (eye.moved, eye.blind) = (0, false);
            }
        }
    }
}

/// Has a member come or go.
pub(super) fn flip(guild: &mut Driven<Guild>, now_ms: u64, n: u64, online: bool) -> Vec<Publication> {
    let status = if online { Status::Online } else { Status::Offline };
    let presence = Presence {
        user: UserRef { id: user(n) },
        guild_id: None,
        status,
        activities: Vec::new(),
        client_status: ClientStatus { web: online.then_some(status), ..ClientStatus::default() },
    };
    let op = Op::Gateway(gateway::Op::Presence { presence: Box::new(presence) });
    guild.call(now_ms, &Caller::user(user(n), false), &op).expect("told").1.publications
}

fn look(guild: &mut Driven<Guild>, n: u64, row: u64) {
    let request = json!({"channels": {channel(0).to_string(): [[row, row + WIDTH - 1]]}});
    let op = Op::Gateway(gateway::Op::Subscribe { session: session(n), request: Box::new(request) });
    guild.call(NOW_MS, &Caller::user(user(n), false), &op).expect("looks");
}

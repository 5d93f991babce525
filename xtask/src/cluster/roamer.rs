//! A client that comes back wherever it can: it resumes at any of the gateways, and identifies again only when it is told so.

use super::people::lock;
use crate::gateway::Gateway;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Before a client tries again.
const PAUSE: Duration = Duration::from_millis(100);
/// A client beats when nothing has come for so long.
const BEAT: Duration = Duration::from_secs(5);

/// Where gateways are; an address that nobody listens at is tried, too.
pub type Gateways = Arc<Mutex<Vec<SocketAddr>>>;

/// What a client has seen.
#[derive(Default)]
pub struct Seen {
    /// How often each message was told, by its id.
    pub messages: HashMap<String, usize>,
    /// How often its session was found again, and how often at another gateway than before.
    pub resumed: usize,
    pub elsewhere: usize,
    /// How often it was told that its session is gone (opcode 9), and when it had the last READY.
    pub again: usize,
    pub since: Option<Instant>,
    /// Sequence numbers that were not the next.
    pub jumps: Vec<String>,
    /// When it had READY or RESUMED last, and where.
    pub back: Option<Instant>,
    pub at: Option<SocketAddr>,
    /// Its socket, to be cut.
    socket: Option<Gateway>,
}

/// A client with one session at a time.
pub struct Roamer {
    seen: Arc<Mutex<Seen>>,
    over: Arc<AtomicBool>,
}

/// A session as its client knows it.
struct Session {
    id: String,
    sequence: u64,
}

impl Roamer {
    /// Starts a client that comes to the gateway of this number first.
    pub fn start(gateways: Gateways, first: usize, token: &str) -> Self {
        let (seen, over) = (Arc::new(Mutex::new(Seen::default())), Arc::new(AtomicBool::new(false)));
        let (told, is_over, token) = (seen.clone(), over.clone(), token.to_owned());
        std::thread::spawn(move || {
            let mut session = None;
            for at in first.. {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let address = {
                    let gateways = lock(&gateways);
                    gateways[at % gateways.len()]
                };
                // That a socket ends is what this is about.
                let _ended = connection(address, &token, &mut session, &told);
                lock(&told).socket = None;
                std::thread::sleep(PAUSE);
            }
        });
        Self { seen, over }
    }

    /// What was seen so far.
    pub fn with<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&lock(&self.seen))
    }

    /// Breaks its socket.
    pub fn cut(&self) {
        if let Some(socket) = &lock(&self.seen).socket {
            socket.cut();
        }
    }
}

impl Drop for Roamer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.cut();
    }
}

/// One connection, until it ends or is of no more use.
fn connection(
    address: SocketAddr,
    token: &str,
    session: &mut Option<Session>,
    seen: &Mutex<Seen>,
) -> Result<(), String> {
    let mut socket = Gateway::connect(address)?;
    socket.wait_at_most(BEAT)?;
    lock(seen).socket = Some(socket.twin()?);
    socket.receive()?;
    match session {
        Some(Session { id, sequence }) => {
            socket.send(&json!({"op": 6, "d": {"token": token, "session_id": id, "seq": sequence}}))?;
        }
        None => socket.send(&crate::gateway::identify_payload(token, 0))?,
    }
    loop {
        let Some(frame) = socket.next()? else {
            socket.send(&json!({"op": 1, "d": session.as_ref().map(|session| session.sequence)}))?;
            continue;
        };
        match frame["op"].as_u64() {
            Some(0) => dispatch(&frame, address, session, seen),
            Some(7) => return Ok(()),
            Some(9) => {
                if frame["d"] != true {
                    *session = None;
                    lock(seen).again += 1;
                }
                return Ok(());
            }
            _ => {}
        }
    }
}

fn dispatch(frame: &Value, address: SocketAddr, session: &mut Option<Session>, seen: &Mutex<Seen>) {
    let (number, mut seen) = (frame["s"].as_u64().unwrap_or_default(), lock(seen));
    let now = Instant::now();
    match (frame["t"].as_str(), session.as_mut()) {
        (Some("READY"), _) => {
            let id = frame["d"]["session_id"].as_str().unwrap_or_default().to_owned();
            *session = Some(Session { id, sequence: number });
            (seen.since, seen.back, seen.at) = (Some(now), Some(now), Some(address));
            return;
        }
        (name, Some(session)) => {
            if number != session.sequence + 1 {
                seen.jumps.push(format!("{number} after {}", session.sequence));
            }
            session.sequence = number;
            if name == Some("RESUMED") {
                seen.resumed += 1;
                seen.elsewhere += usize::from(seen.at != Some(address));
                (seen.back, seen.at) = (Some(now), Some(address));
            }
        }
        (_, None) => seen.jumps.push(format!("{number} before READY")),
    }
    if frame["t"] == "MESSAGE_CREATE" {
        let id = frame["d"]["id"].as_str().unwrap_or_default().to_owned();
        *seen.messages.entry(id).or_default() += 1;
    }
}

//! People of a trial: what they hear on their sockets, and what they say.

use crate::api::{Answered, Api, text};
use crate::gateway::Gateway;
use crate::sh;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Between two signs of life, and between two looks whether the trial is over.
const BEAT: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(50);
/// How long somebody tries to say one thing: longer than anything is away.
const PATIENCE: Duration = Duration::from_secs(180);
/// After a refusal.
const PAUSE: Duration = Duration::from_millis(50);

/// What came over a socket.
#[derive(Default)]
pub struct Heard {
    /// How often each message was told, by its id.
    pub messages: HashMap<String, usize>,
    /// Why the socket ended, if it did without a word.
    pub ended: Option<String>,
    /// How often the session was ended in so many words (opcode 7 or 9), and somebody identified again.
    pub again: usize,
    /// When that was last: what somebody began to say before, and was not told, is read in the channel.
    pub since: Option<Instant>,
    /// Sequence numbers that were not the next, and messages told before older ones of their channel.
    pub jumps: Vec<String>,
    /// The newest message of each channel.
    newest: HashMap<String, u64>,
}

/// A session that listens.
pub struct Ear {
    heard: Arc<Mutex<Heard>>,
    over: Arc<AtomicBool>,
}

/// A socket with a session of its own.
struct Session {
    socket: Gateway,
    sequence: Arc<AtomicU64>,
    /// Whether its beating is to end.
    over: Arc<AtomicBool>,
}

impl Heard {
    fn hear(&mut self, message: &Value) {
        let id = message["id"].as_str().unwrap_or_default();
        let number: u64 = id.parse().unwrap_or_default();
        *self.messages.entry(id.to_owned()).or_default() += 1;
        let channel = message["channel_id"].as_str().unwrap_or_default().to_owned();
        let newest = self.newest.entry(channel).or_default();
        if number < *newest {
            self.jumps.push(format!("message {number} behind {newest}"));
        }
        *newest = number.max(*newest);
    }
}

/// What a mutex guards, also after a panic.
pub fn lock<T>(guarded: &Mutex<T>) -> MutexGuard<'_, T> {
    guarded.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ear {
    /// Identifies at a node, and listens from then on.
    ///
    /// # Errors
    /// When there is no READY.
    pub fn open(address: SocketAddr, token: &str) -> Result<Self, String> {
        let (heard, over) = (Arc::new(Mutex::new(Heard::default())), Arc::new(AtomicBool::new(false)));
        let mut session = Session::open(address, token)?;
        let (listening, is_over, token) = (heard.clone(), over.clone(), token.to_owned());
        std::thread::spawn(move || {
            while let Some(why) = session.listen(&listening) {
                // As a client does that was told so.
                let opened = sh::poll(PATIENCE, || {
                    Session::open(address, &token).map(|opened| session = opened).is_ok()
                        || is_over.load(Ordering::Relaxed)
                });
                let mut heard = lock(&listening);
                if !opened {
                    heard.ended = Some(format!("{why}, and nobody is let in again"));
                    return;
                }
                heard.again += 1;
                heard.since = Some(Instant::now());
            }
        });
        Ok(Self { heard, over })
    }

    /// What was heard so far.
    pub fn with<T>(&self, look: impl FnOnce(&Heard) -> T) -> T {
        look(&lock(&self.heard))
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

impl Session {
    fn open(address: SocketAddr, token: &str) -> Result<Self, String> {
        let mut socket = Gateway::connect(address)?;
        let ready = socket.identify(token, 0)?;
        let sequence = Arc::new(AtomicU64::new(ready["s"].as_u64().unwrap_or_default()));
        let (mut twin, over) = (socket.twin()?, Arc::new(AtomicBool::new(false)));
        let session = Self { socket, sequence: sequence.clone(), over: over.clone() };
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                if twin.send(&json!({"op": 1, "d": sequence.load(Ordering::Relaxed)})).is_err() {
                    return;
                }
                let again = Instant::now() + BEAT;
                while Instant::now() < again && !over.load(Ordering::Relaxed) {
                    std::thread::sleep(LOOK);
                }
            }
        });
        Ok(session)
    }

    /// Listens until the session ends. Gives the word with which it was ended; `None` when the socket ended without one.
    fn listen(&mut self, heard: &Mutex<Heard>) -> Option<String> {
        loop {
            let frame = self.socket.receive();
            let mut heard = lock(heard);
            match frame {
                Ok(frame) if frame["op"] == 0 => {
                    let before = self.sequence.load(Ordering::Relaxed);
                    let now = frame["s"].as_u64().unwrap_or_default();
                    if now != before + 1 {
                        heard.jumps.push(format!("{now} after {before}"));
                    }
                    self.sequence.store(now, Ordering::Relaxed);
                    if frame["t"] == "MESSAGE_CREATE" {
                        heard.hear(&frame["d"]);
                    }
                }
                Ok(frame) if frame["op"] == 7 || frame["op"] == 9 => {
                    return Some(format!("sent away: {frame}"));
                }
                Ok(_) => {}
                Err(error) => {
                    heard.ended = Some(error);
                    return None;
                }
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// What came of saying something.
pub struct Said {
    /// The message's id.
    pub id: String,
    /// How often it was refused, or not answered, before.
    pub refused: usize,
    /// The last refusal that did not say, by 503 and `Retry-After`, that it is worth trying again.
    pub rude: Option<String>,
}

/// Says something in a channel, again and again until it is acknowledged; once, whatever happens.
///
/// # Errors
/// When that takes longer than [`PATIENCE`], or the answer says that it makes no sense.
pub fn say(api: &Api, token: &str, channel: &str, content: &str) -> Result<Said, String> {
    let body = json!({"content": content, "nonce": nonce(content), "enforce_nonce": true});
    let (deadline, mut refused, mut rude) = (Instant::now() + PATIENCE, 0, None);
    let path = format!("/channels/{channel}/messages");
    loop {
        let why = match api.once("POST", &path, token, Some(&body)) {
            Ok(Answered { status: 200..=299, body, .. }) => {
                return Ok(Said { id: text(&body, "id")?, refused, rude });
            }
            Ok(Answered { status: 503, retry_after: Some(1..), body }) => format!("503 {body}"),
            Ok(Answered { status: status @ (429 | 500..=599), body, .. }) => {
                rude = Some(format!("{content:?}: {status} {body}"));
                format!("{status} {body}")
            }
            Ok(Answered { status, body, .. }) => return Err(format!("{content:?}: {status} {body}")),
            Err(error) => {
                rude = Some(format!("{content:?}: {error}"));
                error
            }
        };
        if Instant::now() > deadline {
            return Err(format!("{content:?} was not taken within {} s: {why}", PATIENCE.as_secs()));
        }
        refused += 1;
        std::thread::sleep(PAUSE);
    }
}

/// At most 25 characters, another one for each content.
fn nonce(content: &str) -> String {
    content.bytes().rev().filter(u8::is_ascii_alphanumeric).take(25).map(char::from).collect()
}

/// A channel's messages: how often each content is there, and which ids there are.
///
/// # Errors
/// When they cannot be read.
pub fn history(
    api: &Api,
    token: &str,
    channel: &str,
) -> Result<(HashMap<String, usize>, Vec<String>), String> {
    let (mut contents, mut ids, mut after) = (HashMap::new(), Vec::new(), "0".to_owned());
    loop {
        let page =
            api.ok("GET", &format!("/channels/{channel}/messages?limit=100&after={after}"), token, None)?;
        let page = page.as_array().cloned().unwrap_or_default();
        let newest = page.iter().filter_map(|message| message["id"].as_str()?.parse::<u64>().ok()).max();
        let Some(newest) = newest else { return Ok((contents, ids)) };
        after = newest.to_string();
        for message in page {
            let content = message["content"].as_str().unwrap_or_default().to_owned();
            *contents.entry(content).or_default() += 1;
            ids.push(message["id"].as_str().unwrap_or_default().to_owned());
        }
    }
}

/// Opens a private channel of two people.
///
/// # Errors
/// When the call fails.
pub fn private(api: &Api, token: &str, other: &str) -> Result<String, String> {
    let opened = api.ok("POST", "/users/@me/channels", token, Some(json!({"recipients": [other]})))?;
    text(&opened, "id")
}

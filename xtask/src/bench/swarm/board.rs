//! What poster, clients and the bench's main thread know together: when each event was posted, how many sessions have
//! it, and how far the sessions are.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// How many events a run may post.
pub const EVENTS_MAX: usize = 1 << 16;
/// How long the main thread sleeps between two looks at what it waits for; it is woken when that happens.
const LOOK: Duration = Duration::from_millis(20);

/// An event on its way.
#[derive(Default)]
struct Event {
    /// Nanoseconds since the board's start; 0 is not yet.
    posted: AtomicU64,
    arrived: AtomicUsize,
    last: AtomicU64,
}

/// The board.
pub struct Board {
    start: Instant,
    sessions: usize,
    events: Vec<Event>,
    main: Thread,
    /// Sessions that are ready.
    pub ready: AtomicUsize,
    /// When the last session became ready.
    pub ready_at: AtomicU64,
    /// When anything but answers to heartbeats came last.
    pub heard_at: AtomicU64,
    failure: Mutex<Option<String>>,
}

impl Board {
    /// A board for so many sessions. The thread that calls is the one that will wait.
    pub fn new(sessions: usize) -> Self {
        Self {
            start: Instant::now(),
            sessions,
            events: (0..EVENTS_MAX).map(|_| Event::default()).collect(),
            main: std::thread::current(),
            ready: AtomicUsize::new(0),
            ready_at: AtomicU64::new(0),
            heard_at: AtomicU64::new(0),
            failure: Mutex::new(None),
        }
    }

    /// Nanoseconds since the start.
    pub fn now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// Takes note that an event is posted, or should be, at this moment.
    ///
    /// # Errors
    /// When there are too many.
    pub fn post(&self, number: u64, at: Instant) -> Result<(), String> {
        let event = usize::try_from(number).ok().and_then(|number| self.events.get(number));
        let event = event.ok_or_else(|| format!("more than {EVENTS_MAX} events"))?;
        // 0 would mean that it has not been
        event.posted.store((at.saturating_duration_since(self.start).as_nanos() as u64).max(1), Relaxed);
        Ok(())
    }

    /// When an event was posted.
    pub fn posted(&self, number: u64) -> Option<u64> {
        let event = self.events.get(usize::try_from(number).ok()?)?;
        Some(event.posted.load(Relaxed)).filter(|at| *at > 0)
    }

    /// Takes note that `count` more sessions have an event, the last of them now.
    pub fn arrived(&self, number: u64, count: usize, at: u64) {
        let Some(event) = usize::try_from(number).ok().and_then(|number| self.events.get(number)) else {
            return;
        };
        event.last.fetch_max(at, Relaxed);
        // who sees the count sees the time, too
        if event.arrived.fetch_add(count, AcqRel) + count >= self.sessions {
            self.main.unpark();
        }
    }

    /// How many sessions have an event.
    pub fn have(&self, number: u64) -> usize {
        let event = usize::try_from(number).ok().and_then(|number| self.events.get(number));
        event.map_or(0, |event| event.arrived.load(Acquire))
    }

    /// From the post to the last session, once all have it.
    pub fn wall(&self, number: u64) -> Option<Duration> {
        let event = self.events.get(usize::try_from(number).ok()?)?;
        let everywhere = event.arrived.load(Acquire) >= self.sessions;
        let took = event.last.load(Relaxed).saturating_sub(event.posted.load(Relaxed));
        everywhere.then(|| Duration::from_nanos(took))
    }

    /// Waits until every session has an event; returns how long that took from the post on.
    ///
    /// # Errors
    /// When the clients failed, or nothing came for `patience`.
    pub fn await_event(&self, number: u64, patience: Duration) -> Result<Duration, String> {
        self.wait(
            patience,
            || format!("event {number} is with {} of {}", self.have(number), self.sessions),
            || self.wall(number).map(|_| ()),
        )?;
        self.wall(number).ok_or_else(|| format!("event {number} is nowhere"))
    }

    /// Waits until `done` says so.
    ///
    /// # Errors
    /// When the clients failed, or nothing came for `patience`.
    pub fn wait(
        &self,
        patience: Duration,
        state: impl Fn() -> String,
        mut done: impl FnMut() -> Option<()>,
    ) -> Result<(), String> {
        let begun = self.now();
        loop {
            if let Some(failure) = self.failure.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
                return Err(failure.clone());
            }
            if done().is_some() {
                return Ok(());
            }
            let heard = self.heard_at.load(Relaxed).max(begun);
            if self.now().saturating_sub(heard) > patience.as_nanos() as u64 {
                return Err(format!("nothing came for {} s: {}", patience.as_secs(), state()));
            }
            std::thread::park_timeout(LOOK);
        }
    }

    /// Ends the run; the first reason counts.
    pub fn fail(&self, reason: String) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(reason);
        self.main.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_everywhere_when_all_sessions_have_it() {
        let board = Board::new(3);
        assert_eq!(board.posted(0), None);
        board.post(0, Instant::now()).unwrap();
        board.arrived(0, 2, board.now());
        assert_eq!((board.have(0), board.wall(0)), (2, None));
        board.arrived(0, 1, board.posted(0).unwrap() + 5);
        assert!(board.wall(0).is_some());
        assert!(board.await_event(0, Duration::ZERO).is_ok());
        assert!(board.post(EVENTS_MAX as u64, Instant::now()).is_err());
    }

    #[test]
    fn a_failure_and_silence_end_the_waiting() {
        let board = Board::new(1);
        let error = board.await_event(0, Duration::ZERO).unwrap_err();
        assert!(error.contains("event 0 is with 0 of 1"), "{error}");
        board.fail("first".to_owned());
        board.fail("second".to_owned());
        assert_eq!(board.await_event(0, Duration::from_secs(60)), Err("first".to_owned()));
    }
}

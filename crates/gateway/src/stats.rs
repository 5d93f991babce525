//! Figures for the console and for metrics.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;

use crate::config::FULL_TOLD_INTERVAL;
use crate::slice::Figures;

/// A slice's figures as its thread last left them.
#[derive(Debug, Default)]
pub(crate) struct SliceGauge {
    connections: AtomicUsize,
    sessions: AtomicUsize,
    detached: AtomicUsize,
    journal_bytes: AtomicUsize,
    journal_events: AtomicUsize,
    cut_slow: AtomicU64,
    cut_zombie: AtomicU64,
    invalidated: AtomicU64,
    resumed: AtomicU64,
    deliveries: AtomicU64,
    pub(crate) closed: AtomicU64,
}

impl SliceGauge {
    pub(crate) fn set(&self, figures: &Figures) {
        self.connections.store(figures.connections, Relaxed);
        self.sessions.store(figures.sessions, Relaxed);
        self.detached.store(figures.detached, Relaxed);
        self.journal_bytes.store(figures.journal_bytes, Relaxed);
        self.journal_events.store(figures.journal_events, Relaxed);
        self.cut_slow.store(figures.cut_slow, Relaxed);
        self.cut_zombie.store(figures.cut_zombie, Relaxed);
        self.invalidated.store(figures.invalidated, Relaxed);
        self.resumed.store(figures.resumed, Relaxed);
        self.deliveries.store(figures.deliveries, Relaxed);
    }

    pub(crate) fn read(&self) -> SliceStats {
        SliceStats {
            connections: self.connections.load(Relaxed),
            sessions: self.sessions.load(Relaxed),
            detached: self.detached.load(Relaxed),
            journal_bytes: self.journal_bytes.load(Relaxed),
            journal_events: self.journal_events.load(Relaxed),
            cut_slow: self.cut_slow.load(Relaxed),
            cut_zombie: self.cut_zombie.load(Relaxed),
            invalidated: self.invalidated.load(Relaxed),
            resumed: self.resumed.load(Relaxed),
            deliveries: self.deliveries.load(Relaxed),
            ..SliceStats::default()
        }
    }
}

/// The gauges of all slices of the node.
#[derive(Debug)]
pub(crate) struct Gauges {
    slices: Box<[SliceGauge]>,
    /// When the log last said that there is no room.
    told_full: Mutex<Option<Instant>>,
}

impl Gauges {
    pub(crate) fn new(slices: usize) -> Arc<Self> {
        let slices = std::iter::repeat_with(SliceGauge::default).take(slices).collect();
        Arc::new(Self { slices, told_full: Mutex::new(None) })
    }

    pub(crate) fn of(&self, slice: u16) -> &SliceGauge {
        &self.slices[usize::from(slice)]
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &SliceGauge> {
        self.slices.iter()
    }

    /// How many sockets more the node may hold, by what the slices have left here last.
    pub(crate) fn room(&self, connections_max: usize) -> usize {
        connections_max.saturating_sub(self.all().map(|gauge| gauge.connections.load(Relaxed)).sum())
    }

    /// Says in the log, now and then, that somebody found no room and what an operator can do about it.
    pub(crate) fn tell_full(&self, connections_max: usize) {
        let now = Instant::now();
        let mut told = self.told_full.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_some_and(|told| now.duration_since(told) < FULL_TOLD_INTERVAL) {
            return;
        }
        *told = Some(now);
        tracing::warn!(
            connections_max,
            "the gateway is full and refuses connections: raise the limit of open files (ulimit -n, or LimitNOFILE= of \
             systemd) and start again, or serve the gateway by several threads with --gateway-listen"
        );
    }
}

/// One slice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SliceStats {
    /// Sockets.
    pub connections: usize,
    /// Sessions, with and without a socket.
    pub sessions: usize,
    /// Sessions without a socket, waiting for a RESUME.
    pub detached: usize,
    /// Bytes of bodies held for a RESUME, as if nobody shared them; at most 10 seconds old.
    pub journal_bytes: usize,
    /// References to events held for a RESUME; at most 10 seconds old.
    pub journal_events: usize,
    /// Inputs waiting.
    pub inbox_depth: usize,
    /// Volatile events dropped because the inbox was filling up.
    pub dropped_volatile: u64,
    /// Other inputs lost because the inbox was full; the sessions concerned have ended.
    pub lost_events: u64,
    /// Connections cut because they took too little.
    pub cut_slow: u64,
    /// Connections cut for want of heartbeats.
    pub cut_zombie: u64,
    /// Sessions ended because they had a gap.
    pub invalidated: u64,
    /// Sessions resumed.
    pub resumed: u64,
    /// Guild events taken by sessions.
    pub deliveries: u64,
}

/// The gateway of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Guilds with sessions here.
    pub guilds: usize,
    /// Identifies at work or waiting.
    pub identifies: usize,
    /// By slice.
    pub slices: Vec<SliceStats>,
}

impl Stats {
    /// Adds a figure up over the slices.
    pub fn sum(&self, figure: impl Fn(&SliceStats) -> usize) -> usize {
        self.slices.iter().map(figure).sum()
    }
}

//! The contract of buckets that several nodes count in: how many requests somebody may make in a window of time.
//!
//! A bucket is counted on the node that owns its key, in memory: its window is over in seconds, and whoever counts after a node has gone
//! begins anew.

use serde::{Deserialize, Serialize};

use crate::{Nothing, Service};

/// The service; its key is the first half of a bucket's name.
#[derive(Debug)]
pub enum Limiter {}

impl Service for Limiter {
    const NAME: &'static str = "limiter";
    type Op = Op;
    type News = Nothing;
}

impl From<Nothing> for Op {
    fn from(nothing: Nothing) -> Self {
        match nothing {}
    }
}

/// The nodes that serve the API, which count together. Nothing is asked of it.
#[derive(Debug)]
pub enum Edge {}

impl Service for Edge {
    const NAME: &'static str = "rest";
    type Op = Op;
    type News = Nothing;
}

/// What can be asked. From the system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// Takes some of the requests that are left of a bucket's window, which begins with the first. Answers [`Taken`].
    Take {
        /// Its name: 128 bits of a hash.
        bucket: (u64, u64),
        /// Requests in a window.
        limit: u32,
        /// Length of a window in milliseconds.
        window_ms: u64,
        /// How many are wanted; fewer may be given.
        want: u32,
    },
}

/// What was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// How many.
    pub granted: u32,
    /// How many are left for others.
    pub left: u32,
    /// Until the window is over, milliseconds: clocks of nodes differ.
    pub ends_in_ms: u64,
}

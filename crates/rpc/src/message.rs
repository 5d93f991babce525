//! Operations on the messages of one channel: the same for a guild's channels, threads and private channels.

use serde::{Deserialize, Serialize};

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {}

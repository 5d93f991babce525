//! Operations of this area on a guild; see the REST documentation of each for its rules.

use serde::{Deserialize, Serialize};

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {}

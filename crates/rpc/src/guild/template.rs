//! The template of a guild.

use consort_model::Patch;
use serde::{Deserialize, Serialize};

/// What can be asked. A guild has one template at most; everything but [`Op::Resolve`] needs MANAGE_GUILD.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// For whoever has the code; from the system. Answers the template, or 10057.
    Resolve { code: String },
    /// Answers an array.
    List,
    /// Answers the template.
    Create { name: String, description: Option<String> },
    /// Takes the guild as it is now. Answers the template.
    Sync { code: String },
    /// Answers the template.
    Update {
        code: String,
        name: Option<String>,
        #[serde(default, skip_serializing_if = "Patch::is_absent")]
        description: Patch<String>,
    },
    /// Answers the template as it was.
    Delete { code: String },
    /// A guild was made of it. From the system.
    Used { code: String },
}

/// The key of the row of `Table::InviteIndex` by which an edge finds the guild of a template, in the partition that is
/// [`consort_model::account::index_partition`] of this key. No code of an invite has a slash.
pub fn index_key(code: &str) -> String {
    format!("template/{code}")
}

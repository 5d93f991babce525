//! What operators ask over the socket of a node.

use std::fmt;

use consort_model::UserId;
use consort_rpc::operate::By;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::operators::Role;
use crate::shell::{self, Memory};
use crate::view::View;

/// A question, as JSON: `{"command": "actors", "by": "queue", "limit": 20}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Command {
    /// The nodes.
    Nodes,
    /// Actors of all nodes.
    Actors {
        kind: Option<String>,
        #[serde(default)]
        by: By,
        limit: usize,
        #[serde(default)]
        resting: bool,
    },
    /// One actor.
    Actor { kind: String, key: u64 },
    /// What it says of its state.
    State { kind: String, key: u64 },
    /// The messages of one actor from now on.
    Watch { kind: String, key: u64, after: u64 },
    /// The sessions of an account.
    Sessions { user: UserId },
    /// What is logged, by one node or by all.
    LogLevel { node: Option<u16>, filter: String },
    /// Takes a node out of the cluster.
    Drain {
        name: String,
        #[serde(default)]
        anyway: bool,
    },
    /// A line for the shell.
    Shell { line: String },
}

impl fmt::Display for Command {
    /// As the log tells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodes => f.write_str("nodes"),
            Self::Actors { kind: None, .. } => f.write_str("actors"),
            Self::Actors { kind: Some(kind), .. } => write!(f, "actors of {kind:?}"),
            Self::Actor { kind, key } => write!(f, "actor {kind:?} {key}"),
            Self::State { kind, key } => write!(f, "state of {kind:?} {key}"),
            Self::Watch { kind, key, .. } => write!(f, "watch {kind:?} {key}"),
            Self::Sessions { user } => write!(f, "sessions of {user}"),
            Self::LogLevel { node, filter } => write!(f, "log level {filter:?} at {node:?}"),
            Self::Drain { name, anyway } => write!(f, "drain {name:?} anyway={anyway}"),
            Self::Shell { line } => write!(f, "shell {line:?}"),
        }
    }
}

/// What came of it, and what the shell of the connection remembers from now on.
pub(crate) struct Answer {
    pub(crate) value: Result<Value, String>,
    pub(crate) memory: Memory,
}

impl Command {
    /// Whether it changes something. Of a line for the shell each function judges itself.
    pub(crate) fn writes(&self) -> bool {
        matches!(self, Self::LogLevel { .. } | Self::Drain { .. })
    }

    /// Carries it out.
    pub(crate) async fn run(self, view: &View, (who, role): (&str, Role), memory: Memory) -> Answer {
        let who = who.to_owned();
        let value = match self {
            Self::Nodes => Ok(view.nodes().await),
            Self::Actors { kind, by, limit, resting } => Ok(view.actors(kind, by, limit, resting).await),
            Self::Actor { kind, key } => Ok(view.actor(kind, key).await),
            Self::State { kind, key } => view.state(who, kind, key).await,
            Self::Watch { kind, key, after } => view.watch(who, kind, key, after).await,
            Self::Sessions { user } => Ok(view.sessions(who, user).await),
            Self::LogLevel { node, filter } => view.log_level(who, node, filter).await,
            Self::Drain { name, anyway } => view.drain(name, anyway).await,
            Self::Shell { line } => return shell::run(view.clone(), who, role, line, memory).await,
        };
        Answer { value, memory }
    }
}

//! Settings of an account, of its clients, and per guild.

use bytes::Bytes;
use consort_model::GuildId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// The settings message of a kind. Answers `{settings}` in base64.
    Proto { kind: ProtoKind },
    /// Replaces the top-level fields of a settings message that `patch` has. Answers `{settings}`, with `out_of_date` when
    /// `required_version` is not the stored one and nothing was changed.
    PatchProto { kind: ProtoKind, patch: Bytes, required_version: Option<u32> },
    /// The settings as the older JSON form. Answers it.
    Legacy,
    /// Changes the JSON form; the edge has checked it. Answers it.
    PatchLegacy { patch: Map<String, Value> },
    /// Changes the notification settings of guilds (`None`: of private channels); the edge has checked them. Answers an
    /// array of them as they are now.
    PatchGuilds { patches: Vec<(Option<GuildId>, Map<String, Value>)> },
}

/// Kinds of settings messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ProtoKind {
    /// What a client wants at once: appearance, folders, status.
    Preloaded,
    /// What it wants later: favourites, frequently used.
    FrequentlyUsed,
}

impl ProtoKind {
    /// The number in the path.
    pub const fn number(self) -> u8 {
        match self {
            Self::Preloaded => 1,
            Self::FrequentlyUsed => 2,
        }
    }

    /// The kind of a number.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Preloaded),
            2 => Some(Self::FrequentlyUsed),
            _ => None,
        }
    }
}

//! The public id of a session: 32 hexadecimal digits that say where the session lives and that nobody can guess.

use std::fmt;
use std::str::FromStr;

use consort_rpc::NodeId;

/// `session_id` of READY: node and slice (4 digits each), number (8 digits), secret (16 digits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId {
    /// The node that made the session.
    pub node: NodeId,
    /// The slice on it.
    pub slice: u16,
    /// The session's number on the node.
    pub number: u32,
    /// Random: also tells the sessions of a node apart from those of its former lives.
    pub secret: u64,
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}{:04x}{:08x}{:016x}", self.node.0, self.slice, self.number, self.secret)
    }
}

/// A text that is no session id of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a session id")]
pub struct NoSessionId;

impl FromStr for SessionId {
    type Err = NoSessionId;

    fn from_str(text: &str) -> Result<Self, NoSessionId> {
        if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(NoSessionId);
        }
        let part = |from: usize, to: usize| u64::from_str_radix(&text[from..to], 16).map_err(|_| NoSessionId);
        Ok(Self {
            // As many digits as fit the types.
            node: NodeId(part(0, 4)? as u16),
            slice: part(4, 8)? as u16,
            number: part(8, 16)? as u32,
            secret: part(16, 32)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back() {
        let id = SessionId { node: NodeId(513), slice: 7, number: u32::MAX, secret: 42 };
        let text = id.to_string();
        assert_eq!(text.len(), 32);
        assert_eq!(text.parse(), Ok(id));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "x", &"g".repeat(32), &"0".repeat(31), &"é".repeat(16), &"+".repeat(32)] {
            assert_eq!(text.parse::<SessionId>(), Err(NoSessionId), "{text}");
        }
    }
}

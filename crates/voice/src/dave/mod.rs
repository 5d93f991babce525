//! End-to-end encryption (DAVE, version 1: discord/dave-protocol, whitepaper 1.1.4): the part of the voice gateway in it.
//!
//! Clients encrypt for each other with keys of an MLS group (RFC 9420), which this server never has. It passes messages on, proposes as
//! the group's external sender who is to be in it, and chooses among the commits that come. So it needs to sign two kinds of proposals
//! and to read two kinds of messages, and no state of MLS beyond who sits at which leaf.

mod codec;
mod group;
mod message;
mod sender;

pub use codec::Malformed;
pub use group::Group;
pub use message::{Commit, KeyPackage};
pub use sender::ExternalSender;

/// The version that is spoken.
pub const VERSION: u16 = 1;

/// Whether calls are encrypted from end to end; a setting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Policy {
    /// Whoever cannot is turned away.
    Require,
    /// When all in a channel can.
    #[default]
    Prefer,
    /// Never.
    Off,
}

impl std::str::FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "require" => Ok(Self::Require),
            "prefer" => Ok(Self::Prefer),
            "off" => Ok(Self::Off),
            _ => Err(format!("{text}: neither require, prefer nor off")),
        }
    }
}

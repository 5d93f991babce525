//! Places among what an account may be in only so many of.
//!
//! The limit belongs to the account, and what it is in belongs to other owners. So whoever is about to bring the account in
//! takes a seat first, and gives it back when that has come about or failed; a seat of something that the account is in counts
//! once.

use consort_model::{ChannelId, GuildId};
use serde::{Deserialize, Serialize};

/// What a seat is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Seat {
    /// Being a member of a guild.
    Guild(GuildId),
    /// Founding a group.
    Group(ChannelId),
}

/// What can be asked, by the system.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Op {
    /// Takes a seat: 400/30001 or 400/30011 when there is none left. Who never gives it back loses it after two minutes.
    Take { seat: Seat },
    /// Gives a seat back. Taken twice, it has to be given back twice.
    GiveBack { seat: Seat },
}

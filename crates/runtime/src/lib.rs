//! What every role stands on: clock, randomness, tasks, node-wide ids, the registry of actors, fair shares of
//! what is bounded, and paces.
//!
//! Cores read no clock and draw no randomness: both come with a turn ([`Now`], [`Random`]), so a test that hands in its own
//! decides what happens. The shells around them take both from here, and start their tasks here.

mod clock;
mod gauge;
mod health;
mod ids;
mod pace;
mod planted;
mod random;
mod registry;
mod shares;
mod task;
mod turn;

pub use clock::{Ahead, Clock, ClockRef, Manual, System};
pub use gauge::{
    ActorInfo, ActorState, AtWork, Live, OpId, OpName, OpTotal, Queue, Round, TRACE_LIFE_MAX, TRACED_MAX,
    Traced, WaitsFor,
};
pub use health::Health;
pub use ids::Ids;
pub use pace::Pace;
pub use planted::{Planted, plant};
pub use random::{random_bytes, random_hex, random_token, random_u64, seed_randomness};
pub use registry::{ActorGauge, Registry};
pub use shares::{Holder, Refused, Sender, Share, Shares, network};
pub use task::{Scope, spawn};
pub use turn::{Now, Random};

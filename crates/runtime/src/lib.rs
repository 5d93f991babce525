//! What every role stands on: clock, randomness, tasks, node-wide ids, the registry of actors, fair shares of
//! what is bounded.
//!
//! Nothing else in the workspace reads the wall clock, draws randomness or spawns a task, so a test that hands in
//! its own [`Clock`] decides what time it is.

mod clock;
mod health;
mod ids;
mod planted;
mod random;
mod registry;
mod shares;
mod task;
mod turn;

pub use clock::{Ahead, Clock, ClockRef, Manual, System};
pub use health::Health;
pub use ids::Ids;
pub use planted::{Planted, plant};
pub use random::{random_bytes, random_hex, random_token, random_u64, seed_randomness};
pub use registry::{ActorGauge, ActorInfo, Registry};
pub use shares::{Holder, Refused, Sender, Share, Shares, network};
pub use task::{Scope, spawn};
pub use turn::{Now, Random};

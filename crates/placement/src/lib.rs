//! Which live node owns a key.
//!
//! The keys of a service fall into [`SLOTS`] slots, and each slot belongs to one of the nodes that run the service's role:
//! to the one with the best straw, as in rendezvous hashing. So nodes that know the same [`Map`] agree without asking each
//! other, and when a node comes or goes only its own slots move. What is computed once per map is looked up in an array.
//!
//! * [`Map`]: who is a member, with roles and weights, and which keys are pinned. It is agreed on elsewhere and has a version.
//! * [`Placement`]: the array made of a map, and since which version each slot has had its owner.
//! * [`Current`]: the newest placement, read without a lock while the next one is made.
//! * [`Departures`]: how many nodes may go at once. [`ramp`]: the weight of a node that has just come.
//!
//! Nothing here has a clock, a socket or a task.

#![warn(missing_docs)]

mod departures;
mod map;
mod placement;
mod straw;
mod warm;

pub use departures::{Departures, WINDOW_MS};
pub use map::{Life, Map, Member, Pin};
pub use placement::{Current, Placement, SLOTS, slot};
pub use warm::{FULL_WEIGHT, RAMP_MS, ramp};

//! Three nodes in one process with an actor that is stuck, and an operator who looks from another node.

mod socket;
mod stuck;
mod world;

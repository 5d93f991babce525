//! The plane as those see it who send packets.

mod anything;
mod forwarding;
mod socket;
mod world;

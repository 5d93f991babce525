//! The plane as those see it who send packets.

mod anything;
mod browser;
mod browsers;
mod forwarding;
mod socket;
mod world;

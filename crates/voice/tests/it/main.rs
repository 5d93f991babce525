//! The hub, driven by hand.

mod anything;
mod rights;
mod sessions;
mod world;

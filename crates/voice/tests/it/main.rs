//! The hub, driven by hand.

mod anything;
mod encryption;
mod rights;
mod sessions;
mod world;

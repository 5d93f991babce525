//! Messages, reactions, pins, polls and threads.

mod messages;
mod reactions;
mod threads;
mod world;

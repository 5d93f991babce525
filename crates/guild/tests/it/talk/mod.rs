//! Messages, reactions, pins, polls and threads.

mod laws;
mod messages;
mod reactions;
mod threads;
mod withheld;
mod world;

//! Messages, reactions, pins, polls and threads.

mod alarms;
mod laws;
mod messages;
mod reactions;
mod threads;
mod withheld;
mod world;

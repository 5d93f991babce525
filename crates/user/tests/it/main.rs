//! Accounts and private channels as their callers and sessions see them.

mod account;
mod calls;
mod client;
mod presence;
mod private;
mod read_states;
mod relationships;
mod seats;
mod settings;
mod world;

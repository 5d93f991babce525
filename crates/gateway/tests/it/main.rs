//! The gateway on real sockets, with made-up owners of users and guilds behind it.

mod client;
mod closing;
mod guilds;
mod identify;
mod listener;
mod load;
mod passive;
mod resume;
mod rig;
mod transports;

//! The gateway on real sockets, with made-up owners of users and guilds behind it.

mod client;
mod identify;
mod rig;

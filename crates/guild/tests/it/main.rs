//! Behaviour of a guild, driven as its callers drive it. [`world`] is the harness, [`client`] what a client keeps of what it
//! is told; every successful [`world::World::ok`] checks the laws between the two.

mod chunks;
mod client;
mod laws;
#[allow(dead_code, reason = "a harness offers more than each scenario uses")]
mod world;

mod automod;
mod bans;
mod channels;
mod events;
mod expressions;
mod invites;
mod lists;
mod members;
mod moving;
mod numbers;
mod onboarding;
mod permissions;
mod random;
mod rights;
mod roles;
mod settings;
mod sight;
mod sounds;
mod stages;
mod talk;
mod templates;
mod voice;
mod voice_server;
mod webhooks;

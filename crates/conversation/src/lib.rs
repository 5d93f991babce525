//! Messages, reactions, pins: the rules of a channel's talk, for guilds and private channels.

//! A whole server on a free port, spoken to as clients do.

mod accounts;
mod attacks;
mod edge;
mod files;
mod hostile;
mod input;
mod interactions;
mod interactions_http;
mod leftovers;
mod media;
mod messages;
mod operators;
mod process;
mod raw;
mod search;
mod serve;
mod shutdown;
mod three_nodes;
mod voice;
mod world;

//! The edge from the outside, over the in-memory store, without any owner behind it.

mod apps;
mod auth;
mod edge;
mod world;

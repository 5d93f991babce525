//! A whole server on a free port, spoken to as clients do.

mod serve;
mod world;

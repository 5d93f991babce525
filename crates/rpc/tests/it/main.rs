//! The seam between actors: nodes in one process that talk in bytes, and what those bytes can carry.

mod facts;
mod nodes;
mod placement;
mod roundtrip;
mod samples;

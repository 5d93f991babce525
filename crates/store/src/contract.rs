//! The laws of a store, as tests that every backend runs.

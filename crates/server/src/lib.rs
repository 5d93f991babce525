//! The consort binary: config, roles, wiring, shutdown.

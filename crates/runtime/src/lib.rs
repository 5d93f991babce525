//! Clock, randomness, spawn, bounded mailboxes, supervision, the registry of actors.

//! The default backend: SQLite with one writer, group commit and pooled readers.

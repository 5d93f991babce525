//! The owner of an application, in the shell it ships in.

mod commands;
mod interactions;
mod settings;
mod world;

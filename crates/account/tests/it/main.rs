//! The owners of secrets and of names, in the shell they ship in.

mod names;
mod tokens;
mod world;

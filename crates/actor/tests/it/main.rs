//! Behaviour of the shell around a core. [`toy`] is the core, [`gate`] a store whose writes and reads wait until they are
//! let through, [`bench`] what holds them together.

mod bench;
mod gate;
mod toy;

mod ending;
mod failures;
mod inspection;
mod life;
mod limits;
mod moves;
mod order;
mod reads;

//! The member list that people look at: an ordered set of members in groups, and the windows sessions see of it.

mod counted;

pub use counted::Counted;

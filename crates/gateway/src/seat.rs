//! Whoever accepted a socket keeps count of those that have not said who they are.

/// The place of a socket among them; dropped when the socket speaks for a session, or is closed.
pub trait Seat: Send {
    /// Whether the socket may go on waiting for its IDENTIFY; asked about twice a second.
    fn may_wait(&self) -> bool;
}

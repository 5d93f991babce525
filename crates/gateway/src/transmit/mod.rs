//! How bytes leave a slice: by a system call for each connection, or by a ring that takes many sends at once.
//!
//! [`Flusher`] asks the core what is to be sent, puts it to a [`Transmit`], and tells the core what became of it. Which
//! transmit it is makes no difference to the core, and none to what a socket gets.

mod direct;
mod flusher;
mod ring;

#[cfg(test)]
mod tests;

use std::io::{self, IoSlice};
use std::os::fd::AsFd;

pub(crate) use direct::Direct;
pub(crate) use flusher::Flusher;
pub(crate) use ring::Ring;

use crate::config::Io;

/// Sends of up to so many bytes are put together in one place; of larger ones the parts are gathered by the kernel.
/// (For 1,100 bytes in two parts `send` after a copy costs a twentieth less than `sendmsg`.)
const COPY_MAX_BYTES: usize = 2048;

/// Sends bytes to sockets of the kind `S`, each send as far as the socket takes it without waiting.
pub(crate) trait Transmit<S> {
    /// How many sends may be put before [`Transmit::send`].
    fn room(&self) -> usize;

    /// Takes a send, at most one for a socket. The socket must stay open until [`Transmit::send`].
    fn put(&mut self, socket: &S, parts: &[IoSlice<'_>]);

    /// Sends what was put, and adds what became of each send to `results`, in the order in which they were put.
    fn send(&mut self, results: &mut Vec<io::Result<usize>>);

    /// Forgets what was put.
    fn clear(&mut self);
}

/// How all slices of a node send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Through a [`Ring`] of each slice's own.
    Ring,
    /// By [`Direct`].
    Direct,
}

/// Decides for a node, and says in the log what and why.
pub(crate) fn choose(io: Io) -> Way {
    let refused = match io {
        Io::Epoll => None,
        Io::Auto | Io::Uring => match Ring::new() {
            Ok(_) => {
                tracing::info!("the gateway sends by io_uring, many connections at once");
                return Way::Ring;
            }
            Err(error) => Some(error),
        },
    };
    match refused {
        Some(error) if io == Io::Uring => {
            tracing::warn!(%error, "the system gives no io_uring: the gateway sends by a system call for each connection");
        }
        Some(error) => {
            tracing::info!(%error, "the gateway sends by a system call for each connection: the system gives no io_uring");
        }
        None => tracing::info!("the gateway sends by a system call for each connection"),
    }
    Way::Direct
}

/// Makes what was chosen, in the thread that is to use it. A ring that is refused to this slice alone is told in the log.
fn transmit<S: AsFd>(way: Way, slice: u16) -> Box<dyn Transmit<S>> {
    if way == Way::Ring {
        match Ring::new() {
            Ok(ring) => return Box::new(ring),
            Err(error) => {
                tracing::warn!(%error, slice, "the system gives no io_uring; the slice sends without");
            }
        }
    }
    Box::new(Direct::default())
}

/// The bytes of all parts.
fn total(parts: &[IoSlice<'_>]) -> usize {
    parts.iter().map(|part| part.len()).sum()
}

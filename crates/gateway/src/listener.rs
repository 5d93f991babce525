//! A slice's own listener, and whether anybody waits at it.

use std::io;
use std::net::{IpAddr, TcpListener};

use mio::net::{TcpListener as Listener, TcpStream as Socket};
use mio::{Interest, Registry, Token};

/// A listener, or none: then nobody ever waits.
#[derive(Debug)]
pub(crate) struct SliceListener {
    listener: Option<Listener>,
    waiting: bool,
}

impl SliceListener {
    pub(crate) fn new(listener: Option<TcpListener>) -> Self {
        Self { listener: listener.map(Listener::from_std), waiting: false }
    }

    /// Lets the poll tell of those who come, by this token.
    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.listener
            .as_mut()
            .map_or(Ok(()), |listener| registry.register(listener, token, Interest::READABLE))
    }

    /// Somebody has come. The poll may say so after the listener was closed.
    pub(crate) fn wake(&mut self) {
        self.waiting = self.listener.is_some();
    }

    /// Whether more may wait.
    pub(crate) fn has_waiting(&self) -> bool {
        self.waiting
    }

    /// Nobody else is let in.
    pub(crate) fn close(&mut self) {
        self.listener = None;
        self.waiting = false;
    }

    /// Lets the next one in, with its address; `None` when nobody waits any more.
    pub(crate) fn next(&mut self) -> Option<(Socket, IpAddr)> {
        while self.waiting
            && let Some(listener) = &self.listener
        {
            match listener.accept() {
                Ok((socket, peer)) => return Some((socket, peer.ip())),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.waiting = false;
                    if error.kind() != io::ErrorKind::WouldBlock {
                        // No descriptors, most likely. Those who wait are looked at again when the next one comes.
                        tracing::warn!(%error, "a connection could not be accepted");
                    }
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    fn listener() -> (SliceListener, std::net::SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        (SliceListener::new(Some(listener)), addr)
    }

    #[test]
    fn all_who_wait_are_let_in() {
        let (mut listener, addr) = listener();
        let _clients = [(); 3].map(|()| TcpStream::connect(addr).unwrap());
        assert!(listener.next().is_none(), "nobody was told of");
        listener.wake();
        assert_eq!(std::iter::from_fn(|| listener.next()).count(), 3);
        assert!(!listener.has_waiting());
    }

    #[test]
    fn nobody_waits_at_a_closed_door() {
        let (mut listener, addr) = listener();
        let _client = TcpStream::connect(addr).unwrap();
        listener.wake();
        listener.close();
        assert!(!listener.has_waiting() && listener.next().is_none());
        listener.wake();
        assert!(!listener.has_waiting());
        assert!(TcpStream::connect(addr).is_err());
    }
}

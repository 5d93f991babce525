//! Sockets on their way between threads.
//!
//! A slice with a descriptor table of its own (`unshare(CLONE_FILES)`) takes no lock that other threads take when sockets
//! come and go, and has a limit of descriptors of its own. But a descriptor's number means nothing outside its table, so a
//! socket crosses as a message over a Unix socket (`SCM_RIGHTS`), and what goes through the inbox is a ticket for it.

use std::collections::HashMap;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Tickets that nobody has called for within so many later ones are for inputs that were refused: the socket is closed.
const TICKETS_KEPT: u64 = 4096;
/// Bytes of a ticket.
const TICKET_BYTES: usize = 8;

/// A socket in an input.
#[derive(Debug)]
pub(crate) enum Carried {
    /// Itself: all threads share a table.
    Here(TcpStream),
    /// On its way to the descriptor table of its slice.
    Sent(u64),
}

/// The ways to every slice.
#[derive(Debug, Default)]
pub(crate) struct FdSenders {
    /// Empty when all threads share a table.
    senders: Vec<UnixStream>,
    next: AtomicU64,
}

/// A slice's end.
#[derive(Debug, Default)]
pub(crate) struct FdReceiver {
    socket: Option<UnixStream>,
    arrived: HashMap<u64, OwnedFd>,
}

impl FdSenders {
    /// Ways for so many slices with tables of their own.
    ///
    /// # Errors
    /// When the system has no more sockets.
    pub(crate) fn new(slices: usize) -> io::Result<(Self, Vec<FdReceiver>)> {
        let mut senders = Vec::with_capacity(slices);
        let mut receivers = Vec::with_capacity(slices);
        for _ in 0..slices {
            let (sender, receiver) = UnixStream::pair()?;
            sender.set_nonblocking(true)?;
            receiver.set_nonblocking(true)?;
            senders.push(sender);
            receivers.push(FdReceiver { socket: Some(receiver), arrived: HashMap::new() });
        }
        Ok((Self { senders, next: AtomicU64::new(0) }, receivers))
    }

    /// Sends a socket on its way to a slice; the input with what this gives must follow.
    ///
    /// # Errors
    /// When too many are on their way already.
    pub(crate) fn carry(&self, slice: usize, socket: TcpStream) -> io::Result<Carried> {
        let Some(sender) = self.senders.get(slice) else { return Ok(Carried::Here(socket)) };
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = [socket.as_fd()];
        // There is room for one.
        let _pushed = ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        sendmsg(sender, &[IoSlice::new(&ticket.to_le_bytes())], &mut ancillary, flags)?;
        Ok(Carried::Sent(ticket))
    }
}

impl FdReceiver {
    /// Takes a socket.
    ///
    /// # Errors
    /// When it has not come.
    pub(crate) fn take(&mut self, carried: Carried) -> io::Result<TcpStream> {
        let ticket = match carried {
            Carried::Here(socket) => return Ok(socket),
            Carried::Sent(ticket) => ticket,
        };
        loop {
            if let Some(descriptor) = self.arrived.remove(&ticket) {
                self.arrived.retain(|other, _| other.saturating_add(TICKETS_KEPT) > ticket);
                return Ok(descriptor.into());
            }
            self.receive()?;
        }
    }

    fn receive(&mut self) -> io::Result<()> {
        let socket = self.socket.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        let mut ticket = [0; TICKET_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let received = recvmsg(socket, &mut [IoSliceMut::new(&mut ticket)], &mut ancillary, flags)?;
        if received.bytes != TICKET_BYTES {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.arrived.extend(descriptors.map(|descriptor| (u64::from_le_bytes(ticket), descriptor)));
            }
        }
        Ok(())
    }
}

/// Gives the calling thread a descriptor table of its own, with copies of what is open now.
///
/// # Errors
/// When the system refuses.
#[expect(unsafe_code, reason = "the table's threads are parted; see the safety comment")]
pub(crate) fn own_table() -> io::Result<()> {
    // SAFETY: descriptors that are opened from now on, here or elsewhere, are only used in the table where they were
    // opened. A slice's sockets and listener are opened, or received, and closed by its own thread; sockets cross by
    // `FdSenders`. What was open before (epoll, wakers, the senders of descriptors, the store's files) has the same number in both tables.
    // A slice's thread starts no threads, which would share its table.
    unsafe { unshare_unsafe(UnshareFlags::FILES) }.map_err(Into::into)
}

/// Raises the soft limit of descriptors to the hard one. Gives what is in force.
pub(crate) fn raise_descriptor_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.accept().unwrap().0)
    }

    #[test]
    fn sockets_cross_to_a_thread_with_a_table_of_its_own_in_any_order() {
        let (fd_senders, mut receivers) = FdSenders::new(1).unwrap();
        let mut receiver = receivers.remove(0);
        let (mut first, first_far) = pair();
        let (mut second, second_far) = pair();
        let (tell, told) = std::sync::mpsc::sync_channel(2);
        let (parted, part) = std::sync::mpsc::sync_channel(1);
        let thread = std::thread::spawn(move || {
            own_table().unwrap();
            parted.send(()).unwrap();
            let tickets: [Carried; 2] = told.recv().unwrap();
            for ticket in tickets.into_iter().rev() {
                receiver.take(ticket).unwrap().write_all(b"hello").unwrap();
            }
        });
        part.recv().unwrap();
        let tickets = [fd_senders.carry(0, first_far).unwrap(), fd_senders.carry(0, second_far).unwrap()];
        tell.send(tickets).unwrap();
        thread.join().unwrap();
        for client in [&mut first, &mut second] {
            let mut text = String::new();
            // To the end: nobody holds the socket any more.
            client.read_to_string(&mut text).unwrap();
            assert_eq!(text, "hello");
        }
    }

    #[test]
    fn without_tables_of_their_own_sockets_go_as_they_are() {
        let (_client, far) = pair();
        let carried = FdSenders::default().carry(0, far).unwrap();
        assert!(matches!(carried, Carried::Here(_)));
        assert!(FdReceiver::default().take(carried).is_ok());
        assert!(FdReceiver::default().take(Carried::Sent(1)).is_err());
    }
}

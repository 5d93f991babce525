//! A UDP socket that takes and gives many datagrams with one system call (recvmmsg, sendmmsg), where the system can.

use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;
use socket2::{Domain, Protocol, Type};

use crate::packet::DATAGRAM_BYTES_MAX;
use crate::plane::Transmit;

/// Datagrams of one system call.
const BATCH: usize = 32;
/// Bytes that the system keeps for a thread that is late, each way: 40 ms of 100,000 packets a second.
const SYSTEM_BUFFER_BYTES: usize = 4 << 20;

type Buffers = Box<[[u8; DATAGRAM_BYTES_MAX]; BATCH]>;

fn buffers() -> Buffers {
    let all = vec![[0; DATAGRAM_BYTES_MAX]; BATCH].into_boxed_slice();
    all.try_into().unwrap_or_else(|_| unreachable!("there are as many as were made"))
}

/// The socket. IPv4 addresses are IPv4 addresses here, also where the socket is of IPv6.
#[derive(Debug)]
pub(crate) struct Socket {
    udp: UdpSocket,
    is_v6: bool,
}

impl Socket {
    pub(crate) fn bind(listen: SocketAddr) -> io::Result<Self> {
        let socket = socket2::Socket::new(Domain::for_address(listen), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        // The system gives what it allows.
        socket.set_recv_buffer_size(SYSTEM_BUFFER_BYTES)?;
        socket.set_send_buffer_size(SYSTEM_BUFFER_BYTES)?;
        socket.bind(&listen.into())?;
        Ok(Self { udp: UdpSocket::from_std(socket.into()), is_v6: listen.is_ipv6() })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.udp.local_addr()
    }

    pub(crate) fn source(&mut self) -> &mut UdpSocket {
        &mut self.udp
    }

    /// An address as the system wants it.
    fn outward(&self, to: SocketAddr) -> SocketAddr {
        match to.ip() {
            IpAddr::V4(v4) if self.is_v6 => SocketAddr::new(v4.to_ipv6_mapped().into(), to.port()),
            _ => to,
        }
    }
}

fn inward(from: SocketAddr) -> SocketAddr {
    SocketAddr::new(from.ip().to_canonical(), from.port())
}

/// Datagrams that have come.
pub(crate) struct Inbox {
    buffers: Buffers,
    /// Length and sender of each; without a sender when its address is of no kind that is known.
    heads: [(usize, Option<SocketAddr>); BATCH],
    count: usize,
    #[cfg(target_os = "linux")]
    headers: nix::sys::socket::MultiHeaders<nix::sys::socket::SockaddrStorage>,
}

/// How much has come.
pub(crate) struct Received {
    /// The system had no more.
    pub(crate) is_last: bool,
}

/// What was given out.
pub(crate) struct Given {
    /// Datagrams that are longer than is taken.
    pub(crate) too_long: u64,
}

impl Inbox {
    pub(crate) fn new() -> Self {
        Self {
            buffers: buffers(),
            heads: [(0, None); BATCH],
            count: 0,
            #[cfg(target_os = "linux")]
            headers: nix::sys::socket::MultiHeaders::preallocate(BATCH, None),
        }
    }

    /// Takes what has come, up to a batch.
    #[cfg(target_os = "linux")]
    pub(crate) fn receive(&mut self, socket: &Socket) -> Received {
        use std::os::fd::AsRawFd as _;

        use nix::sys::socket::{MsgFlags, SockaddrStorage, recvmmsg};

        let address = |storage: SockaddrStorage| {
            let v4 = storage.as_sockaddr_in().map(|v4| SocketAddr::V4((*v4).into()));
            v4.or_else(|| storage.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into())))
        };
        let mut slices = self.buffers.each_mut().map(|buffer| [io::IoSliceMut::new(buffer)]);
        let flags = MsgFlags::MSG_DONTWAIT;
        let received = recvmmsg(socket.udp.as_raw_fd(), &mut self.headers, slices.iter_mut(), flags, None);
        self.count = 0;
        let is_last = match received {
            Ok(messages) => {
                for (head, message) in self.heads.iter_mut().zip(messages) {
                    *head = (message.bytes, message.address.and_then(address).map(inward));
                    self.count += 1;
                }
                self.count < BATCH
            }
            Err(error) => tell(&io::Error::from(error)),
        };
        Received { is_last }
    }

    /// Takes what has come, up to a batch.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn receive(&mut self, socket: &Socket) -> Received {
        self.count = 0;
        while self.count < BATCH {
            match socket.udp.recv_from(&mut self.buffers[self.count]) {
                Ok((bytes, from)) => self.heads[self.count] = (bytes, Some(inward(from))),
                Err(error) => return Received { is_last: tell(&error) },
            }
            self.count += 1;
        }
        Received { is_last: false }
    }

    /// Gives each datagram out, once.
    pub(crate) fn each(&mut self, mut take: impl FnMut(SocketAddr, &mut [u8])) -> Given {
        let mut too_long = 0;
        let count = std::mem::take(&mut self.count);
        for (buffer, head) in self.buffers.iter_mut().zip(&self.heads).take(count) {
            let (bytes, Some(from)) = *head else { continue };
            // One that fills the buffer may have been cut.
            if bytes >= DATAGRAM_BYTES_MAX {
                too_long += 1;
            } else {
                take(from, &mut buffer[..bytes]);
            }
        }
        Given { too_long }
    }
}

/// What an error of receiving means: whether there is nothing more for now. An interrupted call, and news of a datagram that could not be
/// delivered somewhere, say nothing about what comes next.
fn tell(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, Interrupted, WouldBlock};
    let passes = matches!(error.kind(), ConnectionRefused | ConnectionReset | Interrupted);
    if !passes && error.kind() != WouldBlock {
        tracing::warn!(%error, "the media socket cannot be read");
    }
    !passes
}

/// Datagrams that are to go.
pub(crate) struct Outbox<'s> {
    socket: &'s Socket,
    buffers: Buffers,
    heads: [(usize, SocketAddr); BATCH],
    count: usize,
    unsent: u64,
}

impl<'s> Outbox<'s> {
    pub(crate) fn new(socket: &'s Socket) -> Self {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        Self { socket, buffers: buffers(), heads: [(0, nowhere); BATCH], count: 0, unsent: 0 }
    }

    /// How many were dropped since this was asked.
    pub(crate) fn take_unsent(&mut self) -> u64 {
        std::mem::take(&mut self.unsent)
    }

    /// Sends everything. What the system does not take now is dropped: media that is late is of no use, and those who wait for it should
    /// not wait for others.
    pub(crate) fn flush(&mut self) {
        let mut first = 0;
        while first < self.count {
            match self.send_from(first) {
                Ok(sent) => first += sent.max(1),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.unsent += (self.count - first) as u64;
                    break;
                }
                // Of this one alone: there is no way to its receiver.
                Err(error) => {
                    tracing::debug!(%error, "a datagram is not sent");
                    self.unsent += 1;
                    first += 1;
                }
            }
        }
        self.count = 0;
    }

    /// Sends those from `first` on; gives how many the system has taken.
    #[cfg(target_os = "linux")]
    fn send_from(&self, first: usize) -> io::Result<usize> {
        use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};

        if self.count - first == 1 {
            return self.send_one(first);
        }
        let to = self.heads.map(|(_, to)| SocketAddrAny::from(to));
        let slices: [_; BATCH] =
            std::array::from_fn(|at| [io::IoSlice::new(&self.buffers[at][..self.heads[at].0])]);
        let mut controls: [_; BATCH] = std::array::from_fn(|_| SendAncillaryBuffer::default());
        let mut at = 0;
        let mut messages = controls.each_mut().map(|control| {
            at += 1;
            MMsgHdr::new_with_addr(&to[at - 1], &slices[at - 1], control)
        });
        Ok(sendmmsg(&self.socket.udp, &mut messages[first..self.count], SendFlags::DONTWAIT)?)
    }

    #[cfg(not(target_os = "linux"))]
    fn send_from(&self, first: usize) -> io::Result<usize> {
        self.send_one(first)
    }

    fn send_one(&self, at: usize) -> io::Result<usize> {
        let (bytes, to) = self.heads[at];
        self.socket.udp.send_to(&self.buffers[at][..bytes], to).map(|_| 1)
    }
}

impl Transmit for Outbox<'_> {
    fn transmit(
        &mut self,
        to: SocketAddr,
        write: impl FnOnce(&mut [u8; DATAGRAM_BYTES_MAX]) -> Option<usize>,
    ) {
        let Some(bytes) = write(&mut self.buffers[self.count]) else { return };
        self.heads[self.count] = (bytes.min(DATAGRAM_BYTES_MAX), self.socket.outward(to));
        self.count += 1;
        if self.count == BATCH {
            self.flush();
        }
    }
}

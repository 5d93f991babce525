//! Sockets of very many clients: source addresses, descriptor tables, and what the kernel must allow.

use rustix::io::Errno;
use rustix::net::sockopt::{set_socket_linger, set_socket_reuseaddr, set_tcp_nodelay};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::time::Duration;

/// Clients that share a source address. Each has ports of its own, so that the kernel need not look for free ones.
const CLIENTS_PER_ADDRESS: usize = 4000;
/// The first of those ports; with [`PORT_TURNS`] all are below those that the kernel gives out (32768 and more).
const FIRST_PORT: usize = 10_000;
/// A client that comes back does so from another port, since the last one may not be free yet.
const PORT_TURNS: usize = 5;
/// Source addresses in a /24 of the loopback.
const ADDRESSES_PER_NET: usize = 200;
/// Descriptors of a table that are left for other things.
const SPARE_DESCRIPTORS: u64 = 1000;

const _: () = assert!(FIRST_PORT + PORT_TURNS * CLIENTS_PER_ADDRESS < 32768);

/// Where client number `index` connects from, the `attempt`th time. Runs that go on at once get other nets.
pub fn source(index: usize, attempt: u8) -> SocketAddrV4 {
    let address = index / CLIENTS_PER_ADDRESS;
    let run = 1 + (std::process::id() % 250) as u8;
    let (net, host) = (address / ADDRESSES_PER_NET, 1 + address % ADDRESSES_PER_NET);
    let turn = usize::from(attempt) % PORT_TURNS;
    let port = FIRST_PORT + turn * CLIENTS_PER_ADDRESS + index % CLIENTS_PER_ADDRESS;
    SocketAddrV4::new(Ipv4Addr::new(127, run, net as u8, host as u8), port as u16)
}

/// Begins to connect.
///
/// # Errors
/// When the kernel refuses at once.
pub fn begin(from: SocketAddrV4, to: SocketAddr) -> io::Result<TcpStream> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    set_socket_reuseaddr(&socket, true)?;
    set_tcp_nodelay(&socket, true)?;
    bind(&socket, &from)?;
    match connect(&socket, &to) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(error) => Err(error.into()),
    }
}

/// Drops a connection with a reset, as a network that fails would: nothing of it stays behind in this machine.
pub fn cut(socket: TcpStream) {
    // it fails only when the socket is broken already
    let _ = set_socket_linger(&socket, Some(Duration::ZERO));
    drop(socket);
}

/// Gives this thread a descriptor table of its own, and with it a limit of descriptors of its own.
///
/// # Errors
/// When the kernel does not.
#[expect(unsafe_code, reason = "threads are parted from a common table; see the safety comment")]
pub fn own_descriptors() -> io::Result<()> {
    // SAFETY: what this thread opens from here on it never gives to another thread, and the poll and the waker that it
    // was given were there before, so their numbers mean the same in both tables.
    unsafe { unshare_unsafe(UnshareFlags::FILES) }.map_err(Into::into)
}

/// Raises this process's limit of descriptors as far as it may; returns how many clients a table can hold.
pub fn clients_per_table() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let allowed = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let allowed = allowed.unwrap_or(1 << 20).saturating_sub(SPARE_DESCRIPTORS);
    usize::try_from(allowed).unwrap_or(usize::MAX).clamp(1, 1 << 20)
}

/// Settings of the kernel that are too small for so many sessions on one machine, and commands that help.
pub fn hints(sessions: usize) -> Vec<String> {
    let read = |path: &str| std::fs::read_to_string(format!("/proc/sys/net/{path}")).unwrap_or_default();
    let number =
        |path: &str| read(path).split_whitespace().last().and_then(|word| word.parse::<usize>().ok());
    let mut hints = Vec::new();
    let backlog = sessions.min(65_535);
    for (path, name) in [
        ("core/somaxconn", "net.core.somaxconn"),
        ("ipv4/tcp_max_syn_backlog", "net.ipv4.tcp_max_syn_backlog"),
    ] {
        if sessions > 10_000 && number(path).is_some_and(|now| now < backlog) {
            hints.push(format!("sysctl -w {name}=65535"));
        }
    }
    // two sockets a session, each with some pages of data for a moment
    let pages = sessions * 8;
    if number("ipv4/tcp_mem").is_some_and(|now| now < pages) {
        hints.push(format!("sysctl -w net.ipv4.tcp_mem=\"{} {} {pages}\"", pages / 2, pages / 4 * 3));
    }
    hints
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_clients_share_an_address_and_port() {
        let sources: HashSet<_> =
            (0..50_000).flat_map(|index| [source(index, 0), source(index, 1)]).collect();
        assert_eq!(sources.len(), 100_000);
        assert_eq!(source(7, 0), source(7, PORT_TURNS as u8));
        assert!(source(999_999, 4).ip().is_loopback());
    }

    #[test]
    fn a_client_connects_from_its_source() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = begin(source(12_345, 0), listener.local_addr().unwrap()).unwrap();
        let (accepted, from) = listener.accept().unwrap();
        assert_eq!(from, SocketAddr::V4(source(12_345, 0)));
        cut(socket);
        drop(accepted);
        assert!(clients_per_table() > 0);
    }
}

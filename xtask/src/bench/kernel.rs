//! What the kernel holds for TCP connections, from `/proc/net` (IPv4).

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// Bytes of a page; 4 KiB on every machine that this is meant for.
const PAGE_BYTES: u64 = 4096;
/// `st` of a connection that both sides have open (`include/net/tcp_states.h`).
const ESTABLISHED: u8 = 1;

/// A socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// Our end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// Open on both sides and held by a process.
    pub is_open: bool,
    /// Bytes that the other side has not acknowledged or not been sent.
    pub unsent: u64,
    /// Bytes that nobody has read.
    pub unread: u64,
}

/// All TCP connections over IPv4.
pub fn connections() -> Vec<Connection> {
    let text = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    once_each(text.lines().skip(1).filter_map(connection))
}

/// The kernel walks a table that changes meanwhile, and may come by a connection more than once.
fn once_each(all: impl Iterator<Item = Connection>) -> Vec<Connection> {
    let ends: HashMap<_, _> = all.map(|one| ((one.local, one.remote), one)).collect();
    ends.into_values().collect()
}

fn connection(line: &str) -> Option<Connection> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let (local, remote) = (address(fields.get(1)?)?, address(fields.get(2)?)?);
    let state = u8::from_str_radix(fields.get(3)?, 16).ok()?;
    let (unsent, unread) = fields.get(4)?.split_once(':')?;
    let bytes = |hex: &str| u64::from_str_radix(hex, 16).ok();
    // a socket that its process has closed has no inode any more
    let is_open = state == ESTABLISHED && *fields.get(9)? != "0";
    Some(Connection { local, remote, is_open, unsent: bytes(unsent)?, unread: bytes(unread)? })
}

/// `0100007F:1F90`: the address as a word of this machine, the port as a number.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let ip = Ipv4Addr::from(u32::from_str_radix(ip, 16).ok()?.to_ne_bytes());
    Some(SocketAddr::V4(SocketAddrV4::new(ip, u16::from_str_radix(port, 16).ok()?)))
}

/// Bytes that TCP's buffers take on the whole machine.
pub fn tcp_bytes() -> u64 {
    tcp_pages(&std::fs::read_to_string("/proc/net/sockstat").unwrap_or_default()) * PAGE_BYTES
}

fn tcp_pages(sockstat: &str) -> u64 {
    let line = sockstat.lines().find_map(|line| line.strip_prefix("TCP:")).unwrap_or_default();
    let mut words = line.split_whitespace().skip_while(|word| *word != "mem").skip(1);
    words.next().and_then(|pages| pages.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn rows_are_read() {
        let row = "   1: 0100007F:1F90 0203007F:2711 01 00000400:0000000A 01:00000014 00000000  0  0 4711 1 0 20 4 1 10 -1";
        let read = connection(row).unwrap();
        assert_eq!(
            (read.local, read.remote),
            ("127.0.0.1:8080".parse().unwrap(), "127.0.3.2:10001".parse().unwrap())
        );
        assert_eq!((read.is_open, read.unsent, read.unread), (true, 1024, 10));
        assert!(!connection(&row.replace(" 4711 ", " 0 ")).unwrap().is_open, "an orphan");
        assert!(!connection(&row.replace(" 01 0000", " 04 0000")).unwrap().is_open, "FIN_WAIT1");
        assert_eq!(connection("  sl  local_address rem_address"), None);
        assert_eq!(once_each([read, read].into_iter()), [read]);
    }

    #[test]
    fn pages_of_all_sockets() {
        assert_eq!(
            tcp_pages("sockets: used 9\nTCP: inuse 5 orphan 0 tw 0 alloc 7 mem 12\nUDP: inuse 0 mem 3\n"),
            12
        );
        assert_eq!(tcp_pages(""), 0);
    }

    #[test]
    fn a_connection_of_this_process_is_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (local, remote) = (socket.local_addr().unwrap(), socket.peer_addr().unwrap());
        let found = connections().into_iter().find(|one| one.local == local && one.remote == remote);
        assert!(found.is_some_and(|one| one.is_open));
    }
}

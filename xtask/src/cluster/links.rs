//! The wires between nodes and to etcd, as proxies of this process that can be cut, in both directions or in one.
//!
//! What is on its way when a wire is cut stays there, and arrives once it is mended: late, as after a partition of a network. That
//! somebody closes a connection is not heard over a cut wire either. A node is told from another by its process: the one that has the
//! other end of the socket, as `/proc` says.

use std::collections::HashSet;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use super::people::lock;

/// The name of etcd at the end of a wire.
pub const ETCD: &str = "etcd";
/// How long somebody who reads or waits looks away before it is looked whether all is over.
const LOOK: Duration = Duration::from_millis(200);
/// Bytes passed on at once.
const PART: usize = 64 << 10;

/// Which wires are cut: from whom to whom.
type Cut = HashSet<(String, String)>;

/// The wires of a cluster. Clones are the same wires.
#[derive(Clone, Default)]
pub struct Links(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    cut: Cut,
    over: bool,
}

/// The end of all wires: no connection outlives it by long.
pub struct Ends(Links);

impl Drop for Ends {
    fn drop(&mut self) {
        lock(&self.0.0.state).over = true;
        self.0.0.changed.notify_all();
    }
}

/// Who is at the near end of a connection.
#[derive(Clone)]
enum From {
    Known(String),
    /// Whoever has opened it.
    Caller,
}

impl Links {
    /// What ends the wires when it is dropped.
    pub fn ends(&self) -> Ends {
        Ends(self.clone())
    }

    /// A wire from one node to something; gives the address at its near end.
    ///
    /// # Errors
    /// When no address is free.
    pub fn lay_from_one(&self, from: &str, to: &str, target: SocketAddr) -> Result<SocketAddr, String> {
        self.wire(From::Known(from.to_owned()), to, target)
    }

    /// Wires from all nodes to one; gives the address at their near end.
    ///
    /// # Errors
    /// When no address is free.
    pub fn lay_from_all(&self, to: &str, target: SocketAddr) -> Result<SocketAddr, String> {
        self.wire(From::Caller, to, target)
    }

    /// Nothing of one gets to another any more, in this direction.
    pub fn cut(&self, from: &str, to: &str) {
        lock(&self.0.state).cut.insert((from.to_owned(), to.to_owned()));
    }

    /// Nothing gets from any of one side to any of the other, nor back.
    pub fn part(&self, one: &[&str], other: &[&str]) {
        for (a, b) in one.iter().flat_map(|a| other.iter().map(move |b| (*a, *b))) {
            self.cut(a, b);
            self.cut(b, a);
        }
    }

    /// All wires are whole again.
    pub fn mend(&self) {
        lock(&self.0.state).cut.clear();
        self.0.changed.notify_all();
    }

    fn is_over(&self) -> bool {
        lock(&self.0.state).over
    }

    fn wire(&self, from: From, to: &str, target: SocketAddr) -> Result<SocketAddr, String> {
        let failed = |error: std::io::Error| format!("no address for a wire: {error}");
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let (links, to) = (self.clone(), to.to_owned());
        std::thread::spawn(move || {
            while !links.is_over() {
                match listener.accept() {
                    Ok((socket, caller)) => {
                        let (links, to, from) = (links.clone(), to.clone(), from.clone());
                        std::thread::spawn(move || {
                            let from = match from {
                                From::Known(name) => Some(name),
                                From::Caller => node_at(caller, address),
                            };
                            // One that has gone meanwhile wants nothing any more.
                            if let Some(from) = from {
                                links.connect(socket, (&from, &to), target);
                            }
                        });
                    }
                    Err(_) => std::thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Ok(address)
    }

    /// Waits while a wire is cut in this direction. False when all is over.
    fn wait(&self, from: &str, to: &str) -> bool {
        let key = (from.to_owned(), to.to_owned());
        let mut state = lock(&self.0.state);
        while state.cut.contains(&key) && !state.over {
            let waited = self.0.changed.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        !state.over
    }

    fn connect(&self, near: TcpStream, (from, to): (&str, &str), target: SocketAddr) {
        // A connection is begun by a packet each way.
        if !self.wait(from, to) || !self.wait(to, from) {
            return;
        }
        let Ok(far) = TcpStream::connect(target) else { return };
        let prepared = [&near, &far].into_iter().try_for_each(|socket| {
            socket.set_nonblocking(false)?;
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(LOOK))
        });
        let (Ok(()), Ok(near_twin), Ok(far_twin)) = (prepared, near.try_clone(), far.try_clone()) else {
            return;
        };
        let (links, names) = (self.clone(), (to.to_owned(), from.to_owned()));
        let back = std::thread::spawn(move || links.pass(far_twin, near_twin, (&names.0, &names.1)));
        self.pass(near, far, (from, to));
        // It ends by itself; a panic there would have been told.
        let _ended = back.join();
    }

    /// Passes on what comes, until there is no more.
    fn pass(&self, mut near: TcpStream, mut far: TcpStream, (from, to): (&str, &str)) {
        let mut part = vec![0; PART];
        loop {
            let read = match near.read(&mut part) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if self.is_over() {
                        break;
                    }
                    continue;
                }
                read => read,
            };
            if !self.wait(from, to) {
                break;
            }
            match read {
                Ok(0) => {
                    // The other direction may go on.
                    let _gone = far.shutdown(Shutdown::Write);
                    return;
                }
                Ok(length) if far.write_all(&part[..length]).is_ok() => {}
                _ => break,
            }
        }
        let _gone = (near.shutdown(Shutdown::Both), far.shutdown(Shutdown::Both));
    }
}

/// The name of the node whose process has opened the connection from `caller` to `here`.
fn node_at(caller: SocketAddr, here: SocketAddr) -> Option<String> {
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    let inode = inode(&table, caller.port(), here.port())?;
    let link = format!("socket:[{inode}]");
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let numbered = processes.filter(|entry| entry.file_name().to_string_lossy().parse::<u32>().is_ok());
    let has = |process: &std::fs::DirEntry| {
        let descriptors = std::fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        descriptors.into_iter().any(|descriptor| {
            std::fs::read_link(descriptor.path()).is_ok_and(|target| target.as_os_str() == link.as_str())
        })
    };
    let process = numbered.into_iter().find(has)?;
    name_in(&std::fs::read(process.path().join("cmdline")).ok()?)
}

/// The socket of a connection between two ports of this machine, in a table as `/proc/net/tcp` has it.
fn inode(table: &str, local: u16, remote: u16) -> Option<&str> {
    let port = |address: &str| u16::from_str_radix(address.rsplit_once(':')?.1, 16).ok();
    table.lines().skip(1).find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let found = port(words.get(1)?) == Some(local) && port(words.get(2)?) == Some(remote);
        found.then(|| words.get(9).copied()).flatten()
    })
}

/// What stands behind `--node` in a command line.
fn name_in(words: &[u8]) -> Option<String> {
    let mut words = words.split(|byte| *byte == 0);
    words.find(|word| *word == b"--node")?;
    words.next().map(|name| String::from_utf8_lossy(name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_is_found_in_the_tables_of_the_system() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 7 1 0 100 0 0 10 0\n\
             1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 8 1 0 20 4 30 10 -1";
        assert_eq!(inode(table, 50_000, 8080), Some("8"));
        assert_eq!(inode(table, 50_001, 8080), None);
        assert_eq!(name_in(b"consort\0serve\0--node\0owner-1\0--dev").as_deref(), Some("owner-1"));
        assert_eq!(name_in(b"consort\0serve"), None);
    }

    #[test]
    fn a_cut_wire_holds_what_it_carries_and_an_uncut_direction_goes_on() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let links = Links::default();
        let _ends = links.ends();
        let wire = links.lay_from_one("a", "b", server.local_addr().unwrap()).unwrap();
        let mut near = TcpStream::connect(wire).unwrap();
        let (mut far, _) = server.accept().unwrap();
        let pass = |from: &mut TcpStream, to: &mut TcpStream, byte: u8| {
            from.write_all(&[byte]).unwrap();
            let mut got = [0];
            to.read_exact(&mut got).unwrap();
            assert_eq!(got, [byte]);
        };
        pass(&mut near, &mut far, 1);
        pass(&mut far, &mut near, 2);
        links.cut("a", "b");
        near.write_all(&[3]).unwrap();
        pass(&mut far, &mut near, 4);
        // Whatever is passed on is passed on before this: nothing has come of it.
        far.set_nonblocking(true).unwrap();
        assert_eq!(far.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        far.set_nonblocking(false).unwrap();
        links.mend();
        let mut late = [0];
        far.read_exact(&mut late).unwrap();
        assert_eq!(late, [3]);
    }
}

//! A frame to many sockets by io_uring, as cheaply as it can be had: registered sockets, many sends a system call, and
//! nothing told of those that succeed.

use io_uring::{IoUring, Probe, opcode, squeue, types};
use rustix::net::{RecvFlags, SendFlags};
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};

/// Sends of one system call.
const SENDS: u32 = 256;
/// A frame is sent whole, however long that takes; a socket that is closed at the other end is an error and no signal.
const FLAGS: i32 = (RecvFlags::WAITALL.bits() | SendFlags::NOSIGNAL.bits()) as i32;

/// A ring that knows the sockets.
pub struct Ring {
    ring: IoUring,
    frame: &'static [u8],
    sockets: u32,
}

impl Ring {
    /// Makes a ring for these sockets.
    ///
    /// # Errors
    /// When the system has no io_uring, forbids it, or has one that cannot do all that is wanted (before Linux 5.17).
    pub fn new(sockets: &[TcpStream], frame: &'static [u8]) -> io::Result<Self> {
        let ring = IoUring::new(SENDS)?;
        let mut probe = Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        if !probe.is_supported(opcode::Send::CODE) || !ring.params().is_feature_skip_cqe_on_success() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let numbers: Vec<RawFd> = sockets.iter().map(AsRawFd::as_raw_fd).collect();
        ring.submitter().register_files(&numbers)?;
        Ok(Self { ring, frame, sockets: numbers.len() as u32 })
    }

    /// Leaves the frame to the kernel once for each socket.
    ///
    /// # Errors
    /// When a send has failed.
    pub fn send_to_all(&mut self) -> io::Result<()> {
        for first in (0..self.sockets).step_by(SENDS as usize) {
            (first..self.sockets.min(first + SENDS)).try_for_each(|socket| self.push(socket))?;
            self.ring.submit()?;
            // only of what fails
            if let Some(failed) = self.ring.completion().next() {
                return Err(io::Error::from_raw_os_error(-failed.result()));
            }
        }
        Ok(())
    }

    #[expect(unsafe_code, reason = "the kernel reads the frame behind our back; see the safety comment")]
    fn push(&mut self, socket: u32) -> io::Result<()> {
        let send = opcode::Send::new(types::Fixed(socket), self.frame.as_ptr(), self.frame.len() as u32);
        let entry = send.flags(FLAGS).build().flags(squeue::Flags::SKIP_SUCCESS);
        // SAFETY: the frame is never freed and never written to.
        unsafe { self.ring.submission().push(&entry) }.map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::net::TcpListener;

    #[test]
    fn every_socket_gets_every_frame_whole() {
        // more sockets than go at once, and a frame of which no socket takes all at once
        for (count, bytes) in [(SENDS as usize + 44, 900), (3, 16 << 20)] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let pair = || (TcpStream::connect(address).unwrap(), listener.accept().unwrap().0);
            let (clients, sockets): (Vec<_>, Vec<_>) = std::iter::repeat_with(pair).take(count).unzip();
            let frame: &'static [u8] = (0..bytes).map(|index| index as u8).collect::<Vec<_>>().leak();
            let mut ring = match Ring::new(&sockets, frame) {
                Ok(ring) => ring,
                Err(error) => return println!("no io_uring here: {error}"),
            };
            for _ in 0..2 {
                ring.send_to_all().unwrap();
                for mut client in &clients {
                    let mut got = vec![0; bytes];
                    client.read_exact(&mut got).unwrap();
                    assert!(got == frame);
                }
            }
        }
    }

    #[test]
    fn a_socket_that_is_over_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (socket, _) = listener.accept().unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        match Ring::new(&[socket], b"frame") {
            Ok(mut ring) => {
                assert_eq!(ring.send_to_all().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
            }
            Err(error) => println!("no io_uring here: {error}"),
        }
    }
}

//! Many sends by one system call, through a ring of io_uring that is the slice's own.
//!
//! Small sends, which are nearly all, are copied one behind the other and left to the kernel together. Larger ones cost
//! so much more than a system call that they are sent directly.
//!
//! Sends do not wait (`MSG_DONTWAIT`), so all are done when the system call returns, and a socket that takes nothing is an
//! answer like any other. Still every answer is awaited before a byte of the copies is touched again.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd as _, RawFd};

use io_uring::{IoUring, Probe, opcode, types};

use super::direct::{FLAGS, send_parts};
use super::{COPY_MAX_BYTES, Transmit, total};

/// Sends of one system call. More gain nothing: a system call is a fiftieth of a send.
pub(super) const SENDS: usize = 128;
/// The result of a send that the kernel has not answered.
const UNANSWERED: i32 = i32::MIN;

/// A send that was put.
#[derive(Debug)]
enum Put {
    /// Left to the ring: so many bytes of the copies from here on.
    Copied { socket: RawFd, start: usize, len: usize, result: i32 },
    /// Sent already.
    Sent(io::Result<usize>),
}

/// A ring and what is put to it.
pub(crate) struct Ring {
    /// `None` once the system has refused to go on with it: everything is sent directly then.
    ring: Option<IoUring>,
    puts: Vec<Put>,
    copies: Vec<u8>,
}

impl Ring {
    /// Makes a ring.
    ///
    /// # Errors
    /// When the system has no io_uring, forbids it, or does not know how to send by it (before Linux 5.6).
    pub(crate) fn new() -> io::Result<Self> {
        let mut ring = IoUring::new(SENDS as u32)?;
        try_out(&mut ring)?;
        Self::over(ring)
    }

    /// Sends through this ring, which must have room for [`SENDS`] entries.
    pub(super) fn over(ring: IoUring) -> io::Result<Self> {
        let mut probe = Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        if !probe.is_supported(opcode::Send::CODE) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let copies = Vec::with_capacity(SENDS * COPY_MAX_BYTES);
        Ok(Self { ring: Some(ring), puts: Vec::with_capacity(SENDS), copies })
    }

    /// Sends the copies and notes the answers.
    fn submit(&mut self) -> io::Result<()> {
        let Some(ring) = &mut self.ring else { return Ok(()) };
        let mut unanswered = 0;
        for (index, put) in (0..).zip(&self.puts) {
            if let Put::Copied { socket, start, len, .. } = *put {
                push(ring, &self.copies[start..start + len], socket, index)?;
                unanswered += 1;
            }
        }
        while unanswered > 0 {
            match ring.submit_and_wait(unanswered) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            for answer in ring.completion() {
                let put = usize::try_from(answer.user_data()).ok().and_then(|index| self.puts.get_mut(index));
                if let Some(Put::Copied { result, .. }) = put {
                    *result = answer.result();
                    unanswered -= 1;
                }
            }
        }
        Ok(())
    }

    /// Does without the ring from here on. What it has not answered may have been sent or not: those connections are over.
    fn break_off(&mut self, error: &io::Error) {
        tracing::error!(%error, "io_uring failed; the slice sends without");
        self.ring = None;
        // Nobody says whether the kernel still reads them.
        std::mem::forget(std::mem::take(&mut self.copies));
    }
}

/// Lets the ring do nothing, once: a system may allow to make one, and forbid to use it.
#[expect(unsafe_code, reason = "what is put into a ring may be anything; see the safety comment")]
pub(super) fn try_out(ring: &mut IoUring) -> io::Result<()> {
    // SAFETY: an entry that does nothing refers to nothing.
    unsafe { ring.submission().push(&opcode::Nop::new().build()) }.map_err(io::Error::other)?;
    while ring.completion().next().is_none() {
        match ring.submit_and_wait(1) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Puts a send into the ring, which has room for all that [`Ring`] takes.
#[expect(unsafe_code, reason = "the kernel reads the bytes behind our back; see the safety comment")]
fn push(ring: &mut IoUring, bytes: &[u8], socket: RawFd, index: u64) -> io::Result<()> {
    // Not more than `COPY_MAX_BYTES`.
    let len = bytes.len() as u32;
    let send = opcode::Send::new(types::Fd(socket), bytes.as_ptr(), len).flags(FLAGS.bits() as i32);
    let entry = send.build().user_data(index);
    // SAFETY: the bytes are part of `Ring::copies`, which `Ring::submit` leaves as they are until the kernel has answered
    // every send; when it cannot have the answers, they are never written, moved or freed again. An entry that stays in a
    // ring which is given up is never read by the kernel, which reads entries only when told to submit them.
    unsafe { ring.submission().push(&entry) }.map_err(io::Error::other)
}

impl<S: AsFd> Transmit<S> for Ring {
    fn room(&self) -> usize {
        SENDS
    }

    fn put(&mut self, socket: &S, parts: &[IoSlice<'_>]) {
        let len = total(parts);
        if len > COPY_MAX_BYTES || self.ring.is_none() {
            return self.puts.push(Put::Sent(send_parts(socket, parts)));
        }
        let start = self.copies.len();
        for part in parts {
            self.copies.extend_from_slice(part);
        }
        let socket = socket.as_fd().as_raw_fd();
        self.puts.push(Put::Copied { socket, start, len, result: UNANSWERED });
    }

    fn send(&mut self, results: &mut Vec<io::Result<usize>>) {
        if let Err(error) = self.submit() {
            self.break_off(&error);
        }
        self.copies.clear();
        results.extend(self.puts.drain(..).map(|put| match put {
            Put::Sent(result) => result,
            Put::Copied { result: UNANSWERED, .. } => Err(io::ErrorKind::Other.into()),
            Put::Copied { result, .. } => {
                usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result))
            }
        }));
    }

    fn clear(&mut self) {
        self.puts.clear();
        self.copies.clear();
    }
}

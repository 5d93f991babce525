//! A system call for each send.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;

use rustix::net::{SendAncillaryBuffer, SendFlags, send, sendmsg};

use super::{COPY_MAX_BYTES, Transmit, total};

/// Nothing waits, and a socket that is closed at the other end is an error and no signal.
pub(super) const FLAGS: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);

/// Sends when it is put: what the core lends is not kept.
#[derive(Debug, Default)]
pub(crate) struct Direct {
    /// A small send in one place.
    whole: Vec<u8>,
    result: Option<io::Result<usize>>,
}

impl<S: AsFd> Transmit<S> for Direct {
    fn room(&self) -> usize {
        1
    }

    fn put(&mut self, socket: &S, parts: &[IoSlice<'_>]) {
        let small = parts.len() > 1 && total(parts) <= COPY_MAX_BYTES;
        self.result = Some(if small {
            self.whole.clear();
            parts.iter().for_each(|part| self.whole.extend_from_slice(part));
            send(socket, &self.whole, FLAGS).map_err(Into::into)
        } else {
            send_parts(socket, parts)
        });
    }

    fn send(&mut self, results: &mut Vec<io::Result<usize>>) {
        results.extend(self.result.take());
    }

    fn clear(&mut self) {
        self.result = None;
    }
}

/// Sends parts by one system call, from where they are.
pub(super) fn send_parts(socket: &impl AsFd, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    let sent = match parts {
        [part] => send(socket, part, FLAGS)?,
        parts => sendmsg(socket, parts, &mut SendAncillaryBuffer::default(), FLAGS)?,
    };
    Ok(sent)
}

//! What a client says and hears.

use super::client::{ANY, Reading, Stage};
use super::inflate::{Compress, Inflater};
use super::wire::{self, Frame, Head};
use super::worker::{CLOSED_SILENTLY, Worker};
use crate::gateway;
use std::time::Duration;

/// An answer to a heartbeat is shorter than this in a compressed stream (46 bytes at most, as it is stored), and an event is
/// longer, also one that is compressed after others.
const ACK_BYTES_MAX: usize = 50;

impl Worker {
    pub(super) fn upgrade_request(&self, index: usize) -> String {
        let query = match self.plan.compress {
            Compress::None => String::new(),
            compress => format!("&compress={}", compress.name()),
        };
        let host =
            self.plan.target(self.first + index).map(|address| address.to_string()).unwrap_or_default();
        gateway::upgrade(&host, &query)
    }

    /// The answer to the request for an upgrade.
    pub(super) fn upgraded(&mut self, index: usize, head: &[u8]) {
        if !head.starts_with(b"HTTP/1.1 101 ") {
            let line = String::from_utf8_lossy(head);
            return self.lost(index, CLOSED_SILENTLY, line.lines().next().unwrap_or_default());
        }
        self.clients[index].stage = Stage::Starting;
        match Inflater::new(self.plan.compress) {
            Ok(inflater) => self.clients[index].inflater = inflater.map(Box::new),
            Err(error) => self.failure = Some(format!("no decompressor: {error}")),
        }
    }

    pub(super) fn frame(&mut self, index: usize, frame: &Frame<'_>) {
        match frame.opcode {
            8 => {
                let code = frame.body.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]));
                let reason = String::from_utf8_lossy(frame.body.get(2..).unwrap_or_default()).into_owned();
                self.lost(index, code, &reason);
            }
            1 | 2 if self.plan.compress == Compress::None => self.payload(index, frame.body, frame.size),
            1 | 2 => self.compressed(index, frame),
            _ => {}
        }
    }

    fn compressed(&mut self, index: usize, frame: &Frame<'_>) {
        let Some(mut inflater) = self.clients[index].inflater.take() else {
            return self.unread(index, frame);
        };
        let mut plain = std::mem::take(&mut self.plain);
        match inflater.message(frame.body, &mut plain) {
            Ok(()) => {
                // put back first: becoming ready may drop it
                self.clients[index].inflater = Some(inflater);
                self.payload(index, &plain, frame.size);
            }
            Err(error) => {
                self.tally.wrong += 1;
                self.lost(index, CLOSED_SILENTLY, &format!("the compressed stream is broken: {error}"));
            }
        }
        self.plain = plain;
    }

    /// A message that is not looked into: an answer to a heartbeat is short, everything else is the next event.
    fn unread(&mut self, index: usize, frame: &Frame<'_>) {
        let client = &mut self.clients[index];
        if client.ack_due && frame.body.len() < ACK_BYTES_MAX {
            client.ack_due = false;
            self.tally.acks += 1;
            return;
        }
        self.heard = true;
        client.seq += 1;
        let next = u64::from(client.next);
        if self.board.posted(next).is_none() {
            self.tally.others += 1;
            return;
        }
        self.tally.frame_bytes = frame.size as u64;
        self.delivered(index, next);
    }

    fn payload(&mut self, index: usize, body: &[u8], frame_bytes: usize) {
        let Some(head) = wire::head(body) else {
            self.tally.wrong += 1;
            return;
        };
        match head.op {
            0 => self.dispatch(index, &head, body, frame_bytes),
            1 => self.heartbeat(index),
            9 => self.refused(index),
            10 => self.greeted(index, body),
            11 => {
                self.clients[index].ack_due = false;
                self.tally.acks += 1;
            }
            _ => self.tally.others += 1,
        }
    }

    /// HELLO: IDENTIFY or RESUME.
    fn greeted(&mut self, index: usize, body: &[u8]) {
        if self.heartbeat.is_none() {
            let ms = wire::value(body, "heartbeat_interval")
                .and_then(|ms| std::str::from_utf8(ms).ok()?.parse().ok());
            self.heartbeat = Some(Duration::from_millis(ms.unwrap_or(41_250).max(1)));
        }
        let (client, token) = (&self.clients[index], self.plan.token(self.first + index));
        let payload = match &client.session {
            Some(session) if client.resuming => {
                let session = String::from_utf8_lossy(session);
                let seq = client.seq;
                format!(r#"{{"op":6,"d":{{"token":"{token}","session_id":"{session}","seq":{seq}}}}}"#)
            }
            _ => gateway::identify_payload(token, self.plan.intents).to_string(),
        };
        self.say(index, &payload);
    }

    pub(super) fn heartbeat(&mut self, index: usize) {
        if self.clients[index].is_ready() {
            self.clients[index].ack_due = true;
            self.tally.beats += 1;
            let payload = format!(r#"{{"op":1,"d":{}}}"#, self.clients[index].seq);
            self.say(index, &payload);
        }
    }

    fn say(&mut self, index: usize, payload: &str) {
        let frame = gateway::masked_text(payload.as_bytes());
        self.write(index, &frame);
    }

    fn dispatch(&mut self, index: usize, head: &Head<'_>, body: &[u8], frame_bytes: usize) {
        self.heard = true;
        self.sequence(index, head.seq);
        match head.name {
            b"READY" => return self.began(index, body),
            b"RESUMED" => return self.resumed(index),
            _ => {}
        }
        if !self.plan.events.iter().any(|name| name.as_bytes() == head.name) {
            self.tally.others += 1;
            return;
        }
        match wire::mark(body, head.end, &mut self.hint) {
            Some(number) => {
                self.tally.frame_bytes = frame_bytes as u64;
                self.delivered(index, number);
            }
            None => self.tally.others += 1,
        }
    }

    fn sequence(&mut self, index: usize, seq: Option<u64>) {
        let client = &mut self.clients[index];
        let Some(seq) = seq else {
            self.tally.wrong += 1;
            return;
        };
        if seq > client.seq + 1 {
            self.tally.gaps += seq - client.seq - 1;
        } else if seq <= client.seq {
            self.tally.doubles += 1;
        }
        client.seq = client.seq.max(seq);
    }

    fn began(&mut self, index: usize, body: &[u8]) {
        let number = self.first + index;
        self.clients[index].session = wire::value(body, "session_id").map(Into::into);
        if !number.is_multiple_of(self.plan.inflate_every.max(1)) {
            self.clients[index].inflater = None;
        }
        self.is_live(index);
    }

    fn resumed(&mut self, index: usize) {
        self.tally.resumed.record(self.now.saturating_sub(self.clients[index].since) / 1000);
        self.is_live(index);
    }

    fn is_live(&mut self, index: usize) {
        self.clients[index].stage = Stage::Ready;
        self.clients[index].resuming = false;
        self.settle_reading(index);
        self.count_ready(index);
    }

    fn settle_reading(&mut self, index: usize) {
        if !(self.first + index).is_multiple_of(self.plan.live_every.max(1)) {
            self.deregister(index);
            self.clients[index].reading = Reading::Lazy;
        }
    }

    /// A client has the event of this number.
    pub(super) fn delivered(&mut self, index: usize, number: u64) {
        let client = &mut self.clients[index];
        if client.next != ANY && u64::from(client.next) != number {
            self.tally.wrong += 1;
        }
        client.next = u32::try_from(number + 1).unwrap_or(ANY);
        self.tally.deliveries += 1;
        match self.board.posted(number) {
            Some(posted) if client.reading == Reading::Live => {
                self.tally.latency.record(self.now.saturating_sub(posted) / 1000);
            }
            Some(_) => {}
            None => self.tally.wrong += 1,
        }
        match self.fresh.iter_mut().rev().find(|(fresh, ..)| *fresh == number) {
            Some((_, count, at)) => (*count, *at) = (*count + 1, self.now),
            None => self.fresh.push((number, 1, self.now)),
        }
    }

    /// Opcode 9: the session cannot be resumed, or the server wants to be asked later.
    fn refused(&mut self, index: usize) {
        self.tally.invalid += 1;
        self.drop_socket(index);
        let client = &mut self.clients[index];
        client.session = None;
        client.resuming = false;
        client.seq = 0;
        // what was posted meanwhile is lost to it, so whatever comes next is right
        client.next = if client.next == 0 { 0 } else { ANY };
        self.retry(index);
    }
}

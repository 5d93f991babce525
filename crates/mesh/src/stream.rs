//! gRPC messages over an HTTP/2 stream: a byte that says "not compressed", four of length, the message.

use std::future::poll_fn;
use std::io;

use bytes::{Buf as _, Bytes, BytesMut};
use h2::{RecvStream, SendStream};

use crate::frame::BODY_BYTES_MAX;

/// Bytes of a message at most: a frame, and the frames that go with it.
const MESSAGE_BYTES_MAX: usize = BODY_BYTES_MAX + (1 << 20);
const PREFIX_BYTES: usize = 5;

/// Sends a message as fast as the other side takes it.
pub(crate) async fn send(stream: &mut SendStream<Bytes>, message: Bytes) -> Result<(), h2::Error> {
    let mut prefix = BytesMut::with_capacity(PREFIX_BYTES);
    prefix.extend_from_slice(&[0]);
    prefix.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    for mut part in [prefix.freeze(), message] {
        while !part.is_empty() {
            stream.reserve_capacity(part.len());
            let room = poll_fn(|context| stream.poll_capacity(context)).await;
            let room = room.ok_or(h2::Error::from(h2::Reason::CANCEL))??;
            let some = part.split_to(room.min(part.len()));
            stream.send_data(some, false)?;
        }
    }
    Ok(())
}

/// Puts messages together again.
pub(crate) struct Messages {
    stream: RecvStream,
    partial: BytesMut,
}

impl Messages {
    pub(crate) fn new(stream: RecvStream) -> Self {
        Self { stream, partial: BytesMut::new() }
    }

    /// The next message; `None` at the end. May be dropped at any await.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, io::Error> {
        loop {
            if let Some(message) = self.whole()? {
                return Ok(Some(message));
            }
            let Some(data) = self.stream.data().await else { return Ok(None) };
            let data = data.map_err(io::Error::other)?;
            self.stream.flow_control().release_capacity(data.len()).map_err(io::Error::other)?;
            self.partial.extend_from_slice(&data);
        }
    }

    fn whole(&mut self) -> Result<Option<Bytes>, io::Error> {
        let Some(prefix) = self.partial.first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
        let [compressed, length @ ..] = *prefix;
        let length = u32::from_be_bytes(length) as usize;
        if compressed != 0 || length > MESSAGE_BYTES_MAX {
            return Err(io::Error::other("no message of this protocol"));
        }
        if self.partial.len() < PREFIX_BYTES + length {
            return Ok(None);
        }
        self.partial.advance(PREFIX_BYTES);
        Ok(Some(self.partial.split_to(length).freeze()))
    }
}

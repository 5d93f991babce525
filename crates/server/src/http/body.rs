//! What the edge is lent of a request's body and gives of an answer's, watched by the seat of the connection.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};

use super::seats::Seat;

/// What is read of a body that nobody wanted, before the answer, so that the connection can be kept.
const DRAIN_BYTES_MAX: u64 = 64 << 10;
/// How long that may take.
const DRAIN: Duration = Duration::from_secs(1);

/// A body that comes back to its [`Lender`] if it was not read to its end.
struct Lent {
    body: Option<Incoming>,
    lender: Lender,
    seat: Arc<Seat>,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(cx);
        self.lender.set_touched();
        match &frame {
            Poll::Pending => self.seat.speak_on(),
            Poll::Ready(Some(Ok(frame))) => {
                self.seat.progress(frame.data_ref().map_or(0, Bytes::len));
                self.seat.serve();
            }
            Poll::Ready(end) => {
                self.body = None;
                if end.is_some() {
                    self.lender.lock().broken = true;
                }
                self.seat.serve();
            }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(body) = self.body.take()
            && !body.is_end_stream()
        {
            self.lender.lock().rest = Some(body);
        }
    }
}

#[derive(Debug, Default)]
struct Rest {
    rest: Option<Incoming>,
    touched: bool,
    /// The client has sent what is no body, so it cannot be known where its next request begins.
    broken: bool,
}

/// Whoever lent a body.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lender(Arc<Mutex<Rest>>);

impl Lender {
    /// Lends a body.
    pub(crate) fn lend(&self, body: Incoming, seat: Arc<Seat>) -> Body {
        match body.is_end_stream() {
            true => Body::empty(),
            false => Body::new(Lent { body: Some(body), lender: self.clone(), seat }),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Rest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_touched(&self) {
        self.lock().touched = true;
    }

    /// Reads what is left of the body, if that is little and comes soon. Whether nothing is left then. `waits` says that the client
    /// waits to be told to go on (100), which it need not be if nobody has asked for the body yet.
    pub(crate) async fn drain(&self, waits: bool) -> bool {
        let (rest, touched, broken) = {
            let mut lent = self.lock();
            (lent.rest.take(), lent.touched, lent.broken)
        };
        let Some(mut rest) = rest else { return !broken };
        if rest.size_hint().lower() > DRAIN_BYTES_MAX || (waits && !touched) {
            return false;
        }
        let drained = async {
            let mut bytes = 0;
            while let Some(frame) = rest.frame().await {
                let Ok(frame) = frame else { return false };
                bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                if bytes > DRAIN_BYTES_MAX {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(DRAIN, drained).await.unwrap_or(false)
    }
}

/// The body of an answer. When it is sent, it is the client's turn to speak.
pub(crate) struct Answer {
    body: Body,
    seat: Arc<Seat>,
}

impl Answer {
    pub(crate) fn new(body: Body, seat: Arc<Seat>) -> Self {
        Self { body, seat }
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.seat.speak();
    }
}

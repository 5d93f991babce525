//! A body of which it is known when it has come.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Request;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::oneshot;

/// The body of a request, as long as somebody wants more of it.
struct Coming {
    body: Body,
    /// Dropped at the end of the body, and with it.
    still: Option<oneshot::Sender<()>>,
}

impl HttpBody for Coming {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) || self.body.is_end_stream() {
            self.still = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The request, and what ends when its body has come, or nobody wants more of it.
pub(crate) fn watched(request: Request) -> (Request, oneshot::Receiver<()>) {
    let (still, ended) = oneshot::channel();
    if request.body().is_end_stream() {
        return (request, ended);
    }
    (request.map(|body| Body::new(Coming { body, still: Some(still) })), ended)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn it_is_known_when_a_body_has_come_or_is_not_wanted() {
        let request = || Request::new(Body::from("text"));
        let (whole, mut ended) = watched(request());
        assert_eq!(whole.body().size_hint().exact(), Some(4), "what is known of the body stays known");
        assert_eq!(ended.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        assert_eq!(whole.into_body().collect().await.unwrap().to_bytes(), "text");
        assert!(ended.await.is_err());
        let (unread, ended) = watched(request());
        drop(unread);
        assert!(ended.await.is_err());
        let (_none, ended) = watched(Request::new(Body::empty()));
        assert!(ended.await.is_err());
    }
}

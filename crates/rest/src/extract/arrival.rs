//! A body on its way in: bounded, counted while its bytes arrive, and not waited for without end.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use consort_model::ApiError;
use consort_runtime::{Sender, Share};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use http::header::CONTENT_LENGTH;
use http::request::Parts;

/// How long a client may be silent in the middle of a body.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// The memory that a body takes; free when the last one who holds it lets go.
pub(crate) type Held = Arc<Mutex<Share>>;

/// A body that may be read.
#[derive(Debug)]
pub(crate) struct Arrival {
    body: Body,
    max: usize,
    share: Option<Held>,
}

impl Arrival {
    /// A body of at most `max` bytes. It is counted for the [`Sender`] in the request's extensions, for nobody when there is
    /// none. Nothing is taken for bytes that have not come: what a client says it will send costs nobody anything.
    ///
    /// # Errors
    /// 413/40005 when the body says that it is larger.
    pub(crate) fn begin(parts: &Parts, body: Body, max: usize) -> Result<Self, ApiError> {
        let says =
            parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if says.is_some_and(|bytes| bytes > max as u64) {
            return Err(ApiError::too_large());
        }
        let share = parts.extensions.get::<Sender>().map(|sender| Arc::new(Mutex::new(sender.share())));
        Ok(Self { body, max, share })
    }

    /// What the bytes are counted in; to be held as long as they are in memory.
    pub(crate) fn share(&self) -> Option<Held> {
        self.share.clone()
    }

    /// The bytes.
    ///
    /// # Errors
    /// 413/40005 beyond the limit; 503/130000 when other bodies, or others of this account or address, take the memory there
    /// is; 408 when nothing comes for a while; 400 when the body breaks off.
    pub(crate) fn stream(self) -> impl Stream<Item = Result<Bytes, ApiError>> + Send + 'static {
        let Self { body, max, share } = self;
        let chunks = body.into_data_stream().map_err(|_| ApiError::bad_request());
        stream::try_unfold((chunks, max), move |(mut chunks, left)| {
            let share = share.clone();
            async move {
                let next = tokio::time::timeout(SILENCE_MAX, chunks.next()).await;
                let Some(chunk) = next.map_err(|_| ApiError::too_slow())?.transpose()? else {
                    return Ok(None);
                };
                let left = left.checked_sub(chunk.len()).ok_or_else(ApiError::too_large)?;
                if let Some(share) = share {
                    let mut share = share.lock().unwrap_or_else(PoisonError::into_inner);
                    share.grow(chunk.len() as u64).map_err(|_| ApiError::overloaded())?;
                }
                Ok(Some((chunk, (chunks, left))))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_runtime::{Holder, Shares};
    use http::Request;

    fn parts(length: Option<u64>, shares: &Arc<Shares>, account: u64) -> Parts {
        let mut request = Request::new(());
        if let Some(length) = length {
            request.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        let sender = Sender { bytes: shares.clone(), holders: vec![Holder::Account(account)] };
        request.extensions_mut().insert(sender);
        request.into_parts().0
    }

    async fn read(arrival: Arrival) -> Result<usize, ApiError> {
        arrival.stream().try_fold(0, |sum, chunk| std::future::ready(Ok(sum + chunk.len()))).await
    }

    #[tokio::test]
    async fn a_body_beyond_the_limit_is_413_whether_it_says_so_or_not() {
        let shares = Shares::new(1 << 20, 1);
        let said = Arrival::begin(&parts(Some(11), &shares, 1), Body::empty(), 10).unwrap_err();
        assert_eq!((said.status, said.code), (413, 40005));
        let arrival =
            |bytes: usize| Arrival::begin(&parts(None, &shares, 1), Body::from(vec![b' '; bytes]), 10);
        assert_eq!(read(arrival(11).unwrap()).await.unwrap_err().code, 40005);
        assert_eq!(read(arrival(10).unwrap()).await, Ok(10));
    }

    #[tokio::test]
    async fn memory_is_taken_as_bytes_arrive_and_an_account_has_its_part_only() {
        let shares = Shares::new(3000, 1);
        let promise = Arrival::begin(
            &parts(Some(3000), &shares, 1),
            Body::from_stream(stream::pending::<Result<Bytes, ApiError>>()),
            3000,
        );
        let _promise = promise.unwrap();
        assert_eq!(shares.used(), 0, "a promise takes nothing");
        let arrival = |account| {
            Arrival::begin(&parts(None, &shares, account), Body::from(vec![0; 1000]), 3000).unwrap()
        };
        let first = arrival(1);
        let held = first.share();
        assert_eq!(read(first).await, Ok(1000));
        let second = read(arrival(1)).await.unwrap_err();
        assert_eq!((second.status, second.code), (503, 130000));
        assert_eq!(read(arrival(2)).await, Ok(1000));
        drop(held);
        assert_eq!(shares.used(), 0);
        assert_eq!(read(arrival(1)).await, Ok(1000));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_falls_silent_is_not_waited_for() {
        let shares = Shares::new(3000, 1);
        let body = Body::from_stream(stream::pending::<Result<Bytes, ApiError>>());
        let arrival = Arrival::begin(&parts(Some(3000), &shares, 1), body, 3000).unwrap();
        assert_eq!(read(arrival).await.unwrap_err().status, 408);
    }
}

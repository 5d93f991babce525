//! Posts to places that applications name, as careful where they go as fetches of pictures are.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use url::Url;

use crate::proxy::{Fetcher, Refusal};

/// Posts on their way at once; more are refused.
const POSTS_MAX: usize = 256;
const AGENT: &str = "Consort-Interactions/1.0";

/// What was answered to a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// HTTP status.
    pub status: u16,
    /// The type of the body, as it was said.
    pub content_type: String,
    /// The body.
    pub body: Bytes,
}

/// Posts to places that somebody else names.
#[derive(Debug)]
pub struct Outgoing {
    fetcher: Fetcher,
    /// Whether an address without TLS will do: tests have their servers on this machine.
    plain: bool,
    posts: Semaphore,
}

impl Outgoing {
    pub(crate) fn new(fetcher: Fetcher, plain: bool) -> Arc<Self> {
        Arc::new(Self { fetcher, plain, posts: Semaphore::new(POSTS_MAX) })
    }

    /// Posts a body of JSON to an address of HTTPS and reads what is answered, at most `bytes_max` of it within `deadline`.
    /// Redirects are not followed.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn post(
        &self,
        address: &str,
        headers: &[(&'static str, String)],
        body: Bytes,
        (bytes_max, deadline): (usize, Duration),
    ) -> Result<Posted, Refusal> {
        let _post = self.posts.try_acquire().map_err(|_| Refusal::Busy)?;
        let url = Url::parse(address).map_err(|_| Refusal::Address)?;
        if url.scheme() != "https" && !self.plain {
            return Err(Refusal::Address);
        }
        let mut request =
            Request::post("/").header(CONTENT_TYPE, "application/json").header(USER_AGENT, AGENT);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(Full::new(body)).map_err(|_| Refusal::Address)?;
        let answered = async {
            // Its visit lasts until the answer is here.
            let (response, _visit) = self.fetcher.send(&url, request).await?;
            read(response, bytes_max).await
        };
        tokio::time::timeout(deadline, answered).await.unwrap_or(Err(Refusal::TooSlow))
    }
}

async fn read(response: Response<Incoming>, bytes_max: usize) -> Result<Posted, Refusal> {
    let status = response.status().as_u16();
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let (mut body, mut whole) = (response.into_body(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.map_err(|_| Refusal::Answer)?.into_data() else { continue };
        if whole.len() + chunk.len() > bytes_max {
            return Err(Refusal::TooLarge);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(Posted { status, content_type, body: whole.freeze() })
}

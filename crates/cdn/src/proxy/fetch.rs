//! Fetching a picture from where somebody else says it is.
//!
//! Names are resolved here, each address is looked at, and the connection goes to an address that was looked at: a name that
//! resolves to something else a moment later changes nothing. Redirects are followed by hand, each as careful as the first.
//! Nothing of the reader goes along.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use consort_model::ImageFormat;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use url::Url;

use super::places::{Places, Visit};
use crate::blobs::{BlobError, Blobs};

/// Bytes of a picture.
const BYTES_MAX: u64 = 10 << 20;
/// From the first name that is looked up to the last byte.
const DEADLINE: Duration = Duration::from_secs(10);
/// For a connection to one address.
const CONNECT: Duration = Duration::from_secs(4);
/// Redirects followed.
const REDIRECTS_MAX: usize = 3;
/// Addresses of a name that are tried.
const ADDRESSES_MAX: usize = 4;
/// Bytes of the head of an answer.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Bytes that tell a picture's format.
const SNIFF_BYTES: usize = 16;
const AGENT: &str = "Consort media proxy";

/// Why there is no picture, or no answer.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is no address of the web.
    #[error("not an address of the web")]
    Address,
    /// It is a place that nobody shall reach through this server.
    #[error("not a place that may be gone to")]
    Place,
    /// Nobody takes the connection.
    #[error("no connection")]
    Connection,
    /// What is answered is of no use.
    #[error("no answer that can be used")]
    Answer,
    /// What is answered is no picture.
    #[error("not a picture")]
    NoPicture,
    /// The answer is too large.
    #[error("too large")]
    TooLarge,
    /// The answer takes too long.
    #[error("too slow")]
    TooSlow,
    /// Too many requests are on their way.
    #[error("too many requests to that host")]
    Busy,
    /// The answer cannot be kept.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

/// Goes out for pictures.
pub(crate) struct Fetcher {
    tls: TlsConnector,
    places: Arc<Places>,
}

impl std::fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetcher").field("places", &self.places).finish_non_exhaustive()
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Fetcher {
    pub(crate) fn new(places: Arc<Places>) -> Self {
        Self::trusting(places, RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }

    /// One that believes what these authorities say of hosts.
    pub(crate) fn trusting(places: Arc<Places>, roots: RootCertStore) -> Self {
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Self { tls: TlsConnector::from(Arc::new(config)), places }
    }

    /// Fetches a picture into a blob; gives its bytes.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn fetch(&self, address: &str, blobs: &dyn Blobs, name: &str) -> Result<u64, Refusal> {
        let fetching = self.follow(address, blobs, name);
        tokio::time::timeout(DEADLINE, fetching).await.unwrap_or(Err(Refusal::TooSlow))
    }

    async fn follow(&self, address: &str, blobs: &dyn Blobs, name: &str) -> Result<u64, Refusal> {
        let mut url = Url::parse(address).map_err(|_| Refusal::Address)?;
        for _ in 0..=REDIRECTS_MAX {
            // Its visit lasts until the picture is here, or another host is named.
            let (response, _visit) = self.get(&url).await?;
            let status = response.status();
            if status == StatusCode::OK {
                return keep(response, blobs, name).await;
            }
            if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Err(Refusal::Answer);
            }
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            url = url.join(location.ok_or(Refusal::Answer)?).map_err(|_| Refusal::Address)?;
        }
        Err(Refusal::Answer)
    }

    async fn get(&self, url: &Url) -> Result<(Response<Incoming>, Visit), Refusal> {
        let request = Request::get("/").header(USER_AGENT, AGENT).header(ACCEPT, "image/*");
        self.send(url, request.body(Full::default()).map_err(|_| Refusal::Address)?).await
    }

    /// Sends a request to the place that an address names; its path and `Host` are those of the address. The visit is to be
    /// kept until the answer is read.
    pub(crate) async fn send(
        &self,
        url: &Url,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Visit), Refusal> {
        let secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(Refusal::Address),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Address);
        }
        let host = url.host_str().ok_or(Refusal::Address)?;
        let (stream, visit) = self.connect(url, host).await?;
        let stream: Box<dyn Stream> = match secure {
            true => {
                let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
                let name = ServerName::try_from(name).map_err(|_| Refusal::Address)?;
                Box::new(self.tls.connect(name, stream).await.map_err(|_| Refusal::Connection)?)
            }
            false => Box::new(stream),
        };
        let mut client = http1::Builder::new();
        client.max_buf_size(HEAD_BYTES_MAX);
        let handshake = client.handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|_| Refusal::Connection)?;
        // Ends with the request, whose body it feeds; a deadline drops both.
        consort_runtime::spawn("media", connection);
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        *request.uri_mut() = path.parse().map_err(|_| Refusal::Address)?;
        let authority = HeaderValue::from_str(&authority).map_err(|_| Refusal::Address)?;
        request.headers_mut().insert(HOST, authority);
        let response = sender.send_request(request).await.map_err(|_| Refusal::Answer)?;
        Ok((response, visit))
    }

    /// Connects to one of the addresses of a host that may be gone to.
    async fn connect(&self, url: &Url, host: &str) -> Result<(TcpStream, Visit), Refusal> {
        let port = url.port_or_known_default().ok_or(Refusal::Address)?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let found = tokio::net::lookup_host((bare, port)).await.map_err(|_| Refusal::Connection)?;
        let allowed: Vec<SocketAddr> =
            found.filter(|address| self.places.allows(*address)).take(ADDRESSES_MAX).collect();
        if allowed.is_empty() {
            return Err(Refusal::Place);
        }
        for address in allowed {
            let visit = self.places.visit(address.ip()).await.ok_or(Refusal::Busy)?;
            if let Ok(Ok(stream)) = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
                return Ok((stream, visit));
            }
        }
        Err(Refusal::Connection)
    }
}

/// Writes the picture of an answer to a blob as it comes.
async fn keep(response: Response<Incoming>, blobs: &dyn Blobs, name: &str) -> Result<u64, Refusal> {
    let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    if text(CONTENT_LENGTH)
        .and_then(|length| length.parse().ok())
        .is_some_and(|length: u64| length > BYTES_MAX)
    {
        return Err(Refusal::TooLarge);
    }
    if !text(CONTENT_TYPE).is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("image/")) {
        return Err(Refusal::NoPicture);
    }
    let mut body = response.into_body();
    let mut writer = blobs.create(name).await?;
    let (mut size, mut head, mut is_picture) = (0u64, Vec::new(), false);
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame.map_err(|_| Refusal::Answer)?.into_data() else { continue };
        size += chunk.len() as u64;
        if size > BYTES_MAX {
            return Err(Refusal::TooLarge);
        }
        if !is_picture {
            head.extend_from_slice(&chunk[..chunk.len().min(SNIFF_BYTES)]);
            if head.len() >= SNIFF_BYTES {
                // Whatever is said of it, a picture is one by its bytes.
                ImageFormat::sniff(&head).ok_or(Refusal::NoPicture)?;
                is_picture = true;
            }
        }
        writer.write(chunk).await?;
    }
    if !is_picture {
        return Err(Refusal::NoPicture);
    }
    writer.finish().await?;
    Ok(size)
}

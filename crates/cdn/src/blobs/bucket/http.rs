//! HTTP to an object store, over the libraries that are here anyway: connections are kept and used again.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use consort_store::BoxFuture;
use futures_util::TryFutureExt as _;
use http_body_util::BodyExt as _;
use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse,
    HttpResponseBody, HttpService,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// A file of certificates of authorities that are believed beside those that everybody believes; the name is that of AWS's tools.
const AUTHORITIES: &str = "AWS_CA_BUNDLE";
/// For a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(5);
/// From a request, a part of a file perhaps, to the head of its answer.
const ANSWER: Duration = Duration::from_secs(25);
/// How long a connection waits for the next request, and how many wait.
const IDLE: Duration = Duration::from_secs(30);
const IDLE_MAX: usize = 16;

/// Makes the client.
#[derive(Debug)]
pub(super) struct Connector(Arc<ClientConfig>);

impl Connector {
    /// Reads which authorities are believed.
    pub(super) fn new() -> io::Result<Self> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(path) = std::env::var_os(AUTHORITIES) {
            let failed = |error: &dyn std::fmt::Display| {
                io::Error::other(format!("{AUTHORITIES}: {}: {error}", path.display()))
            };
            for certificate in CertificateDer::pem_file_iter(&path).map_err(|error| failed(&error))? {
                let certificate = certificate.map_err(|error| failed(&error))?;
                roots.add(certificate).map_err(|error| failed(&error))?;
            }
        }
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let dial = Dial(self.0.clone());
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(IDLE_MAX)
            .pool_timer(hyper_util::rt::TokioTimer::new())
            .build(dial);
        Ok(HttpClient::new(Service(client)))
    }
}

/// Sends requests.
#[derive(Debug)]
struct Service(Client<Dial, HttpRequestBody>);

#[async_trait]
impl HttpService for Service {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = tokio::time::timeout(ANSWER, self.0.request(request)).await;
        let late = |_| HttpError::new(HttpErrorKind::Timeout, io::Error::from(io::ErrorKind::TimedOut));
        let answer = answer.map_err(late)?.map_err(|error| {
            let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Interrupted };
            HttpError::new(kind, error)
        })?;
        let body = |body: hyper::body::Incoming| {
            HttpResponseBody::new(body.map_err(|error| HttpError::new(HttpErrorKind::Interrupted, error)))
        };
        Ok(answer.map(body))
    }
}

/// Opens connections.
#[derive(Debug, Clone)]
struct Dial(Arc<ClientConfig>);

impl tower_service::Service<Uri> for Dial {
    type Response = Socket;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Socket>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let tls = TlsConnector::from(self.0.clone());
        Box::pin(async move {
            let opened = tokio::time::timeout(CONNECT, open(&tls, &to));
            opened.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        })
    }
}

async fn open(tls: &TlsConnector, to: &Uri) -> io::Result<Socket> {
    let nowhere = || io::Error::new(io::ErrorKind::InvalidInput, "no host");
    let host = to.host().ok_or_else(nowhere)?.trim_start_matches('[').trim_end_matches(']');
    let secure = to.scheme_str() == Some("https");
    let port = to.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let socket = TcpStream::connect((host, port)).await?;
    socket.set_nodelay(true)?;
    if !secure {
        return Ok(Socket::Plain(TokioIo::new(socket)));
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|_| nowhere())?;
    tls.connect(name, socket).map_ok(|socket| Socket::Secure(Box::new(TokioIo::new(socket)))).await
}

/// A connection, with TLS or without.
enum Socket {
    Plain(TokioIo<TcpStream>),
    Secure(Box<TokioIo<TlsStream<TcpStream>>>),
}

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_read(cx, buffer),
            Self::Secure(socket) => Pin::new(&mut **socket).poll_read(cx, buffer),
        }
    }
}

impl Write for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Secure(socket) => Pin::new(&mut **socket).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_flush(cx),
            Self::Secure(socket) => Pin::new(&mut **socket).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Secure(socket) => Pin::new(&mut **socket).poll_shutdown(cx),
        }
    }
}

//! The way in for operators: a socket in the data folder that only the server's own user can open. HTTP/1 with JSON on it, so that
//! `curl --unix-socket` does, too. There is no other: who is on another machine comes by `ssh`.
//!
//! Whoever can open the socket may look. What changes something needs the token of an operator with that role. What an operator
//! asks is in the log: what changes something each time, what only looks once for each connection.

use std::collections::HashSet;
use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use consort_runtime::spawn;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinHandle;

use crate::command::{Answer, Command};
use crate::host::audit;
use crate::operators::{Operators, Role};
use crate::shell::Memory;
use crate::view::View;

/// The socket's name in the data folder.
pub(crate) const SOCKET: &str = "operate.sock";
/// Connections at once; more wait.
const CONNECTIONS_MAX: usize = 32;
/// Bytes of a question.
const BODY_MAX: usize = 64 << 10;
/// What the token stands behind in the `Authorization` header.
pub(crate) const SCHEME: &str = "Operator ";

/// The socket of a node; closed and taken away when this is dropped.
#[derive(Debug)]
pub(crate) struct Access {
    path: PathBuf,
    task: JoinHandle<Option<()>>,
}

impl Drop for Access {
    fn drop(&mut self) {
        self.task.abort();
        // It may be gone with its folder.
        let _gone = fs::remove_file(&self.path);
    }
}

struct Shared {
    view: View,
    operators: Operators,
}

/// Who is at the other end of a connection.
struct Peer {
    uid: u32,
    /// What was written into the log of this connection.
    told: HashSet<String>,
    /// What the shell of this connection remembers.
    memory: Memory,
}

impl Access {
    /// Opens the socket in the data folder.
    ///
    /// # Errors
    /// When another process has it, or it cannot be made.
    pub(crate) fn open(data: &Path, view: View) -> io::Result<Self> {
        let path = data.join(SOCKET);
        clear(&path)?;
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        let shared = Arc::new(Shared { view, operators: Operators::of(data) });
        Ok(Self { path, task: spawn("operators", accept(listener, shared)) })
    }
}

/// Takes away what a process has left that was killed.
fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if !found.file_type().is_socket() => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "something that is no socket is there"))
        }
        Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => {
            Err(io::Error::new(io::ErrorKind::AddrInUse, "another process answers there"))
        }
        Ok(_) => fs::remove_file(path),
    }
}

async fn accept(listener: UnixListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = shared.clone();
                spawn("operator", async move {
                    let _place = place;
                    serve(stream, shared).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "an operator's connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve(stream: UnixStream, shared: Arc<Shared>) {
    let Ok(credentials) = stream.peer_cred() else { return };
    let peer = Peer { uid: credentials.uid(), told: HashSet::new(), memory: Memory::default() };
    let peer = Arc::new(Mutex::new(peer));
    let service = service_fn(move |request| {
        let (shared, peer) = (shared.clone(), peer.clone());
        async move { Ok::<_, Infallible>(answer(request, &shared, &mut *peer.lock().await).await) }
    });
    let mut connection = http1::Builder::new();
    connection.timer(TokioTimer::new());
    // A client that goes away in between is no error.
    let _over = connection.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, shared: &Shared, peer: &mut Peer) -> Response<Full<Bytes>> {
    match handle(request, shared, peer).await {
        Ok(value) => response(StatusCode::OK, &value),
        Err((status, why)) => response(status, &json!({ "error": why })),
    }
}

fn response(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

type Refusal = (StatusCode, String);

async fn handle(request: Request<Incoming>, shared: &Shared, peer: &mut Peer) -> Result<Value, Refusal> {
    if request.method() != Method::POST || request.uri().path() != "/" {
        return Err((StatusCode::NOT_FOUND, "questions are posted to /".to_owned()));
    }
    let token = request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap_or("").to_owned());
    let (who, role) = admit(token.as_deref(), shared, peer.uid)?;
    let body = Limited::new(request.into_body(), BODY_MAX).collect().await;
    let body = body.map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?.to_bytes();
    let command: Command =
        serde_json::from_slice(&body).map_err(|error| (StatusCode::BAD_REQUEST, error.to_string()))?;
    tell(&who, &command, peer);
    if command.writes() && role < Role::Write {
        audit(&who, &format!("refused: {command}"));
        let why = "this changes something, and needs the token of an operator with the role write";
        return Err((StatusCode::FORBIDDEN, why.to_owned()));
    }
    let Answer { value, memory } =
        command.run(&shared.view, (&who, role), std::mem::take(&mut peer.memory)).await;
    peer.memory = memory;
    value.map_err(|why| (StatusCode::UNPROCESSABLE_ENTITY, why))
}

/// Whom a question is from, and what they may do.
fn admit(token: Option<&str>, shared: &Shared, uid: u32) -> Result<(String, Role), Refusal> {
    if let Some(token) = token {
        let token = token.strip_prefix(SCHEME).unwrap_or("");
        let found = shared.operators.find(token).map_err(|why| (StatusCode::INTERNAL_SERVER_ERROR, why))?;
        let operator = found.ok_or((StatusCode::UNAUTHORIZED, "no operator has this token".to_owned()))?;
        return Ok((operator.name, operator.role));
    }
    let own = rustix::process::geteuid().as_raw();
    if uid == own || uid == 0 {
        return Ok((format!("uid {uid}"), Role::Read));
    }
    Err((StatusCode::UNAUTHORIZED, "this needs the token of an operator".to_owned()))
}

fn tell(who: &str, command: &Command, peer: &mut Peer) {
    /// What one connection is remembered by; a longer one is told again.
    const TOLD_MAX: usize = 256;
    let what = command.to_string();
    let is_news = peer.told.len() >= TOLD_MAX || peer.told.insert(format!("{who} {what}"));
    if is_news || command.writes() || matches!(command, Command::Shell { .. }) {
        audit(who, &what);
    }
}

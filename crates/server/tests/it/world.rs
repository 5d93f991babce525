//! A server and a client of its API.

use consort_runtime::{Clock as _, System};
use consort_server::{Node, Settings};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub struct World {
    pub node: Node,
    pub directory: tempfile::TempDir,
}

/// A file of a request.
#[derive(Clone, Copy)]
pub struct File {
    pub field: &'static str,
    pub name: &'static str,
    pub media_type: &'static str,
    pub bytes: &'static [u8],
}

async fn run(request: http::Request<Vec<u8>>) -> (u16, String) {
    let call = move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response = agent.run(request).unwrap();
        let bytes = response.body_mut().read_to_vec().unwrap();
        (response.status().as_u16(), String::from_utf8_lossy(&bytes).into_owned())
    };
    tokio::task::spawn_blocking(call).await.unwrap()
}

impl World {
    pub async fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap()).await
    }

    /// A server without rate limits.
    pub async fn unlimited() -> Self {
        Self::with(|settings| settings.rate_limits = false).await
    }

    /// A server with other settings than usual.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut settings = settings(&directory);
        change(&mut settings);
        let node = Node::start(&settings).await.unwrap();
        Self { node, directory }
    }

    /// A server on data that are there already.
    pub async fn start_in(directory: tempfile::TempDir) -> Self {
        let node = start(&directory).await;
        Self { node, directory }
    }

    /// Ends the server in order and starts another on the same data.
    pub async fn restart(self) -> Self {
        self.node.shutdown().await;
        let node = start(&self.directory).await;
        Self { node, directory: self.directory }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.node.address())
    }

    /// Calls the API: status and JSON body.
    pub async fn call(&self, method: &str, path: &str, token: &str, body: Value) -> (u16, Value) {
        let (status, text) = self.raw(method, &format!("/api/v10{path}"), token, Some(body)).await;
        (status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() })
    }

    pub async fn raw(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> (u16, String) {
        self.raw_because(method, path, token, body, "").await
    }

    /// As [`World::raw`], with a reason for the audit log.
    pub async fn raw_because(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<Value>,
        reason: &str,
    ) -> (u16, String) {
        let mut request = http::Request::builder().method(method).uri(self.url(path));
        if !reason.is_empty() {
            request = request.header("x-audit-log-reason", reason);
        }
        if !token.is_empty() {
            request = request.header("authorization", token);
        }
        let body = body.filter(|_| method != "GET").map(|body| body.to_string()).unwrap_or_default();
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        run(request.body(body.into_bytes()).unwrap()).await
    }

    /// As [`World::raw_because`], with a file.
    pub async fn raw_with(
        &self,
        method: &str,
        path: &str,
        token: &str,
        payload: &Value,
        file: File,
        reason: &str,
    ) -> (u16, String) {
        const EDGE: &str = "edge-of-a-part";
        let File { field, name, media_type, bytes } = file;
        let payload = format!(
            "--{EDGE}\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n{payload}\r\n--{EDGE}\r\n\
             Content-Disposition: form-data; name=\"{field}\"; filename=\"{name}\"\r\nContent-Type: {media_type}\r\n\r\n"
        );
        let body = [payload.as_bytes(), bytes, format!("\r\n--{EDGE}--\r\n").as_bytes()].concat();
        let mut request = http::Request::builder().method(method).uri(self.url(path));
        if !reason.is_empty() {
            request = request.header("x-audit-log-reason", reason);
        }
        let form = format!("multipart/form-data; boundary={EDGE}");
        let request = request.header("authorization", token).header("content-type", form);
        run(request.body(body).unwrap()).await
    }

    pub async fn person(&self, name: &str) -> String {
        let body = json!({"username": name, "password": "long enough"});
        let (status, answer) = self.call("POST", "/auth/register", "", body).await;
        assert_eq!(status, 201, "{answer}");
        answer["token"].as_str().unwrap().to_owned()
    }

    pub async fn socket(&self) -> Socket {
        let (_, answer) = self.call("GET", "/gateway", "", Value::Null).await;
        let url = format!("{}/?v=10&encoding=json", answer["url"].as_str().unwrap());
        connect_async(url).await.unwrap().0
    }
}

fn settings(directory: &tempfile::TempDir) -> Settings {
    Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        dev: true,
        media_proxy_allow_private: true,
        slices: 1,
        ..Settings::new(directory.path().join("data"))
    }
}

async fn start(directory: &tempfile::TempDir) -> Node {
    Node::start(&settings(directory)).await.unwrap()
}

/// A time so many days from now, as clients send it.
pub fn in_days(days: u64) -> Value {
    json!(consort_model::Timestamp::from_ms(System.now_ms() + days * 86_400_000))
}

/// The next text frame, or the close code.
pub async fn next(socket: &mut Socket) -> Result<Value, Option<u16>> {
    loop {
        let message =
            tokio::time::timeout(std::time::Duration::from_secs(10), socket.next()).await.expect("no frame");
        match message.unwrap().unwrap() {
            Message::Text(text) => return Ok(serde_json::from_str(&text).unwrap()),
            Message::Close(frame) => return Err(frame.map(|frame| frame.code.into())),
            _ => {}
        }
    }
}

//! The other end of a node's socket.

use std::io::ErrorKind;
use std::path::Path;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::access::{SCHEME, SOCKET};
use crate::command::Command;

/// A connection to a node.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    token: Option<String>,
}

impl Client {
    /// Connects to the node that has this data folder.
    pub(crate) async fn connect(data: &Path, token: Option<String>) -> Result<Self, String> {
        let path = data.join(SOCKET);
        let stream = UnixStream::connect(&path).await.map_err(|error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
                format!("no server runs on {} (--data says where one does)", data.display())
            }
            _ => format!("{}: {error}", path.display()),
        })?;
        let (sender, connection) =
            handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
        consort_runtime::spawn("operator", async move {
            // That it breaks is told by the question that was under way.
            let _over = connection.await;
        });
        Ok(Self { sender, token })
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask(&mut self, command: &Command) -> Result<Value, String> {
        let body = serde_json::to_vec(command).map_err(|error| error.to_string())?;
        let mut request = Request::builder().method(Method::POST).uri("/").header(HOST, "consort");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, format!("{SCHEME}{token}"));
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
        self.sender.ready().await.map_err(|_| "the server has ended")?;
        let response = self.sender.send_request(request).await.map_err(|error| error.to_string())?;
        let is_well = response.status().is_success();
        let body = response.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
        let mut value: Value = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
        match value["error"].take() {
            Value::String(why) if !is_well => Err(why),
            _ => Ok(value),
        }
    }

    /// Asks for a list in the answer; gives it with what is to be said of nodes that have not answered.
    pub(crate) async fn list<T: DeserializeOwned>(
        &mut self,
        command: &Command,
        name: &str,
    ) -> Result<(Vec<T>, Vec<String>), String> {
        let mut value = self.ask(command).await?;
        let silent = value["silent"].as_array().into_iter().flatten();
        let silent = silent.map(|silent| {
            format!("node {} is silent: {}", silent["node"], silent["why"].as_str().unwrap_or(""))
        });
        let silent = silent.collect();
        let list = serde_json::from_value(value[name].take()).map_err(|error| error.to_string())?;
        Ok((list, silent))
    }
}

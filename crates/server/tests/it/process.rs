//! The binary, run as a process of its own, and a client of its API.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long the server may take to end before the test fails; longer than it may take at most.
const EXIT_LIMIT: Duration = Duration::from_secs(60);

/// A server; killed when dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
    pub client: Client,
}

/// Somebody who calls its API.
#[derive(Clone)]
pub struct Client {
    pub address: String,
    agent: ureq::Agent,
}

impl Process {
    /// Starts a server on a free port, with data and log in a directory; serves when it returns.
    pub fn start(directory: &Path) -> Self {
        let log = directory.join("log");
        let mut child = Command::new(env!("CARGO_BIN_EXE_consort"))
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--dev",
                "--rate-limits",
                "off",
                "--slices",
                "2",
                "--data",
            ])
            .arg(directory.join("data"))
            .env("CONSORT_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").map(str::to_owned);
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let address =
            address.unwrap_or_else(|| panic!("{line:?}: {}", std::fs::read_to_string(&log).unwrap()));
        Self { child, log, client: Client { address, agent } }
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "kill -s {name}: {sent}");
    }

    /// Waits until it has logged something.
    pub fn await_log(&self, what: &str) {
        let begun = Instant::now();
        while !self.log().contains(what) {
            assert!(begun.elapsed() < EXIT_LIMIT, "nothing of {what:?}: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end; how it ended and what it has logged.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < EXIT_LIMIT, "it does not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        };
        (status, self.log())
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has ended.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

impl Client {
    /// Calls the API: status and JSON body, unless the connection is refused or lost.
    pub fn call(
        &self,
        method: &str,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> Result<(u16, Value), ureq::Error> {
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("http://{}/api/v10{path}", self.address))
            .header("content-type", "application/json");
        if !token.is_empty() {
            request = request.header("authorization", token);
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let mut response = self.agent.run(request.body(body).unwrap())?;
        let text = response.body_mut().read_to_string()?;
        Ok((response.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    /// Calls the API and expects success.
    pub fn ok(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.call(method, path, token, body).unwrap();
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// Registers somebody; the token.
    pub fn person(&self, name: &str) -> String {
        let body = json!({"username": name, "password": "long enough"});
        let answer = self.ok("POST", "/auth/register", "", Some(body));
        answer["token"].as_str().unwrap().to_owned()
    }
}

//! The binary, run as a process of its own, and a client of its API.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long the server may take to end before the test fails; longer than it may take at most.
const EXIT_LIMIT: Duration = Duration::from_secs(60);

/// Lines of a log that wait to be read; many more than a test makes.
const LOG_LINES_MAX: usize = 16_384;

/// A server; killed when dropped.
pub struct Process {
    child: Child,
    /// Lines of its log as they come, until it has ended.
    lines: Receiver<String>,
    /// Those that were read.
    log: RefCell<String>,
    pub client: Client,
}

/// Somebody who calls its API.
#[derive(Clone)]
pub struct Client {
    pub address: String,
    agent: ureq::Agent,
}

impl Process {
    /// Starts a server on a free port, with data in a directory; serves when it returns.
    pub fn start(directory: &Path) -> Self {
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
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, lines) = sync_channel(LOG_LINES_MAX);
        let stderr = BufReader::new(child.stderr.take().unwrap());
        // Whoever waited may have gone.
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").map(str::to_owned);
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let address = address.unwrap_or_else(|| panic!("{line:?}: {:?}", lines.iter().collect::<Vec<_>>()));
        Self { child, lines, log: RefCell::default(), client: Client { address, agent } }
    }

    /// Sends it a signal.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "kill -s {name}: {sent}");
    }

    /// Waits until it has logged something.
    pub fn await_log(&self, what: &str) {
        let until = Instant::now() + EXIT_LIMIT;
        while !self.log.borrow().contains(what) {
            assert!(self.read_line(until), "ended without {what:?}: {}", self.log.borrow());
        }
    }

    /// Waits for its end; how it ended and what it has logged.
    pub fn ended(mut self) -> (ExitStatus, String) {
        let until = Instant::now() + EXIT_LIMIT;
        while self.read_line(until) {}
        // Its log is closed, so it ends.
        let status = self.child.wait().unwrap();
        (status, self.log.take())
    }

    /// Reads the next line that it logs; `false` when it has closed its log.
    fn read_line(&self, until: Instant) -> bool {
        match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                let mut log = self.log.borrow_mut();
                log.push_str(&line);
                log.push('\n');
                true
            }
            Err(RecvTimeoutError::Disconnected) => false,
            Err(RecvTimeoutError::Timeout) => panic!("it says nothing more: {}", self.log.borrow()),
        }
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

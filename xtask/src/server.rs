//! The server under test: built by cargo, started on a free port with a data folder of its own.

use crate::sh;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a fresh server may take until `/healthz` answers 200.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long an orderly end may take after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// A running server; ended when dropped.
pub struct Server {
    child: Child,
    log: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
}

/// How a server is to be started.
pub struct Options<'a> {
    /// The binary.
    pub binary: &'a Path,
    /// Its data folder.
    pub data: &'a Path,
    /// The name of its log under `target/xtask/logs`.
    pub log: &'a str,
    /// Further arguments of `consort serve`.
    pub extra: &'a [&'a str],
    /// Further variables of its environment.
    pub env: &'a [(&'a str, &'a str)],
}

/// Builds the binary and returns its path; `CONSORT_BINARY` names one that is built already.
///
/// # Errors
/// When the build fails.
pub fn build(release: bool) -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("CONSORT_BINARY") {
        return Ok(path.into());
    }
    let mut command = sh::cargo();
    if release {
        command.args(["build", "--locked", "--package", "consort-server", "--bin", "consort", "--release"]);
    } else {
        // the whole workspace, as the tests build it: with a package alone cargo would choose other features of
        // what it depends on, and build all of that once more
        command.args(["build", "--locked", "--workspace", "--bins"]);
    }
    sh::logged("build-server", &mut command, Duration::from_secs(40 * 60))?;
    Ok(binary(release))
}

/// Where cargo puts the binary.
pub fn binary(release: bool) -> PathBuf {
    sh::target().join(if release { "release" } else { "debug" }).join("consort")
}

impl Server {
    /// Starts a server on a free port and waits until it serves.
    ///
    /// # Errors
    /// With the end of its log when it exits or does not answer in time.
    pub fn start(options: &Options) -> Result<Self, String> {
        let address = free_address()?;
        let log = sh::scratch("logs")?.join(format!("{}.log", options.log));
        let out = File::options().create(true).append(true).open(&log).map_err(|error| error.to_string())?;
        let both = out.try_clone().map_err(|error| error.to_string())?;
        // many sockets are many descriptors: take all that the machine allows
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -n \"$(ulimit -Hn)\"; exec \"$0\" \"$@\""])
            .arg(options.binary)
            .args(["serve", "--listen", &address.to_string(), "--data"])
            .arg(options.data)
            .args(options.extra)
            .env("RUST_BACKTRACE", "1")
            .envs(options.env.iter().copied())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(both);
        let child = command.spawn().map_err(|error| format!("{}: {error}", options.binary.display()))?;
        let mut server = Self { child, log, address };
        server.await_health()?;
        Ok(server)
    }

    fn await_health(&mut self) -> Result<(), String> {
        let url = format!("http://{}/healthz", self.address);
        let mut exited = None;
        let up = sh::poll(START_LIMIT, || {
            exited = self.child.try_wait().ok().flatten();
            exited.is_some() || ureq::get(&url).call().is_ok()
        });
        match (exited, up) {
            (None, true) => Ok(()),
            (exited, _) => Err(format!(
                "the server did not come up ({}); the end of {}:\n{}",
                exited.map_or("still silent".to_owned(), |status| status.to_string()),
                self.log.display(),
                sh::tail(&sh::read(&self.log))
            )),
        }
    }

    /// The base of its REST API.
    pub fn api(&self) -> String {
        format!("http://{}/api/v10", self.address)
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Ends it without warning, as a power cut of the process would.
    pub fn kill(mut self) {
        self.end_now();
    }

    /// Waits until it ends, whoever brings that about.
    pub fn wait(mut self) {
        // Fails only when it is gone already.
        let _ = self.child.wait();
    }

    /// Whether its process has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end and waits for that.
    ///
    /// # Errors
    /// When it does not end in time or not with success.
    pub fn stop(mut self) -> Result<(), String> {
        sh::signal("TERM", &[self.child.id()]);
        let mut status = None;
        sh::poll(STOP_LIMIT, || {
            status = self.child.try_wait().ok().flatten();
            status.is_some()
        });
        match status {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(format!("after SIGTERM the server ended with {status}")),
            None => Err(format!("the server did not end within {} s of SIGTERM", STOP_LIMIT.as_secs())),
        }
    }

    fn end_now(&mut self) {
        // both fail only when it is gone already
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end_now();
    }
}

/// An address of the loopback that nobody listens on just now, with a port of five digits.
///
/// # Errors
/// When there is none.
pub fn free_address() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| format!("no free port: {error}"))?;
    listener.local_addr().map_err(|error| format!("no free port: {error}"))
}

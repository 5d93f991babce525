//! A program of etcd, for tests and for a cluster on this machine, and one that runs.

use std::fs::File;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::server::free_address;
use crate::sh;

/// The release that is built where the system has no package.
const VERSION: &str = "v3.7.3";
/// How long a download or a build may write nothing.
const LIMIT: Duration = Duration::from_secs(20 * 60);
/// How long etcd may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(60);

/// An etcd of one member; ended when dropped.
pub struct Etcd {
    child: Child,
    program: PathBuf,
    home: PathBuf,
    /// Where clients reach it, and where members would.
    client: SocketAddr,
    peer: SocketAddr,
}

impl Etcd {
    /// Starts one with an empty folder in `home`.
    ///
    /// # Errors
    /// When there is no program, or it does not answer.
    pub fn start(home: &Path) -> Result<Self, String> {
        let program = program()?;
        let (client, peer) = (free_address()?, free_address()?);
        let child = spawn(&program, home, (client, peer))?;
        let etcd = Self { child, program, home: home.to_owned(), client, peer };
        etcd.await_health()?;
        Ok(etcd)
    }

    /// Ends it without warning; its data stay.
    pub fn kill(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again at the same address, with its data.
    ///
    /// # Errors
    /// When it cannot be started. It is not waited for.
    pub fn start_again(&mut self) -> Result<(), String> {
        self.kill();
        self.child = spawn(&self.program, &self.home, (self.client, self.peer))?;
        Ok(())
    }

    /// Has it stand still, or go on.
    pub fn signal(&self, name: &str) {
        sh::signal(name, &[self.child.id()]);
    }

    /// Where clients reach it.
    pub fn address(&self) -> SocketAddr {
        self.client
    }

    fn await_health(&self) -> Result<(), String> {
        let health = format!("http://{}/health", self.client);
        let up = sh::poll(START_LIMIT, || ureq::get(&health).call().is_ok());
        let log = sh::read(&self.home.join("etcd.log"));
        if up { Ok(()) } else { Err(format!("etcd does not answer:\n{}", sh::tail(&log))) }
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(program: &Path, home: &Path, (client, peer): (SocketAddr, SocketAddr)) -> Result<Child, String> {
    let (client, peer) = (format!("http://{client}"), format!("http://{peer}"));
    let log = home.join("etcd.log");
    let out = File::options().create(true).append(true).open(&log);
    let out = out.map_err(|error| format!("{}: {error}", log.display()))?;
    let both = out.try_clone().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command
        .arg(format!("--data-dir={}", home.join("etcd").display()))
        .args(["--name=a", "--heartbeat-interval=50", "--election-timeout=500"])
        .args([format!("--listen-client-urls={client}"), format!("--advertise-client-urls={client}")])
        .args([format!("--listen-peer-urls={peer}"), format!("--initial-advertise-peer-urls={peer}")])
        .arg(format!("--initial-cluster=a={peer}"))
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(both)
        // Not in the terminal's group: nodes that end on Ctrl-C still need it.
        .process_group(0);
    command.spawn().map_err(|error| format!("{}: {error}", program.display()))
}

/// Where the program is: `CONSORT_ETCD`, the path's, Debian's package (unpacked, not installed: the package would start a
/// service), or built with Go.
///
/// # Errors
/// When there is none and none can be had.
pub fn program() -> Result<PathBuf, String> {
    if let Some(program) = std::env::var_os("CONSORT_ETCD") {
        return Ok(program.into());
    }
    if Command::new("etcd").arg("--version").output().is_ok_and(|out| out.status.success()) {
        return Ok("etcd".into());
    }
    let home = sh::scratch("etcd")?;
    let (unpacked, built) = (home.join("debian/usr/bin/etcd"), home.join("bin/etcd"));
    if let Some(program) = [&unpacked, &built].into_iter().find(|program| program.exists()) {
        return Ok(program.clone());
    }
    println!("     etcd is fetched");
    let packaged = package(&home);
    if packaged.is_ok() && unpacked.exists() {
        return Ok(unpacked);
    }
    build(&home).map_err(|error| {
        let packaged = packaged.err().unwrap_or_default();
        format!("no etcd: set CONSORT_ETCD to its program\n{packaged}\n{error}")
    })?;
    Ok(built)
}

fn package(home: &Path) -> Result<(), String> {
    let script = "rm -rf debian && apt-get download etcd-server && dpkg-deb -x etcd-server_*.deb debian";
    let mut command = Command::new("sh");
    command.args(["-ec", script]).current_dir(home);
    sh::logged("etcd-package", &mut command, LIMIT).map(drop)
}

/// Builds a program that is etcd's server and nothing else.
fn build(home: &Path) -> Result<(), String> {
    let write = |name: &str, text: &str| {
        let path = home.join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    write("go.mod", "module local/etcd\n\ngo 1.24\n")?;
    let main = "package main\n\nimport (\n\t\"os\"\n\n\t\"go.etcd.io/etcd/server/v3/etcdmain\"\n)\n\nfunc main() { etcdmain.Main(os.Args) }\n";
    write("main.go", main)?;
    let script = format!("go get go.etcd.io/etcd/server/v3@{VERSION} && go build -mod=mod -o bin/etcd .");
    let mut command = Command::new("sh");
    command.args(["-ec", &script]).current_dir(home);
    sh::logged("etcd-build", &mut command, LIMIT).map(drop)
}

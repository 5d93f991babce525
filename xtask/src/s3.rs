//! An object store that speaks the S3 protocol, for tests: versitygw, over a folder.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::server::free_address;
use crate::sh;

/// The release.
const VERSION: &str = "v1.8.0";
/// How long a download or a build may write nothing.
const LIMIT: Duration = Duration::from_secs(20 * 60);
/// How long it may take until it answers.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Who may use it.
pub const KEYS: [(&str, &str); 2] =
    [("AWS_ACCESS_KEY_ID", "testkey"), ("AWS_SECRET_ACCESS_KEY", "testsecret")];
/// A bucket that is there from the start.
const BUCKET: &str = "test";
/// What the names of objects begin with.
const PREFIX: &str = "files";

/// A running object store; ended when dropped.
pub struct ObjectStore {
    child: Child,
    address: SocketAddr,
    objects: PathBuf,
}

impl ObjectStore {
    /// Starts one with an empty folder in `home`.
    ///
    /// # Errors
    /// When there is no program, or it does not answer.
    pub fn start(home: &Path) -> Result<Self, String> {
        let (program, address, objects) = (program()?, free_address()?, home.join("objects"));
        let failed = |error: std::io::Error| format!("{}: {error}", objects.display());
        std::fs::create_dir_all(objects.join(BUCKET)).map_err(failed)?;
        let log = home.join("s3.log");
        let out = File::create(&log).map_err(failed)?;
        let both = out.try_clone().map_err(failed)?;
        let mut command = Command::new(&program);
        command
            .args(["--port", &address.to_string(), "--quiet", "posix"])
            .arg(&objects)
            .envs([("ROOT_ACCESS_KEY", KEYS[0].1), ("ROOT_SECRET_KEY", KEYS[1].1)])
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(both);
        let child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
        let store = Self { child, address, objects };
        let up = sh::poll(START_LIMIT, || answers(address));
        let log = sh::read(&log);
        if up { Ok(store) } else { Err(format!("the object store does not answer:\n{}", sh::tail(&log))) }
    }

    /// How many objects its bucket has; what is on its way up does not count.
    ///
    /// # Errors
    /// When its folder cannot be read.
    pub fn count(&self) -> Result<usize, String> {
        count(&self.objects.join(BUCKET).join(PREFIX)).map_err(|error| error.to_string())
    }

    /// What `--blobs` says of its bucket.
    pub fn url(&self) -> String {
        format!("s3://{BUCKET}/{PREFIX}?endpoint=http://{}&region=us-east-1", self.address)
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Files in a folder and in those beneath it.
fn count(folder: &Path) -> std::io::Result<usize> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        sum += if path.is_dir() { count(&path)? } else { 1 };
    }
    Ok(sum)
}

/// Whether it answers HTTP at all: who shows no keys is refused.
fn answers(address: SocketAddr) -> bool {
    let ask = || -> std::io::Result<[u8; 7]> {
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(Duration::from_secs(2)))?;
        socket.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        let mut head = [0; 7];
        socket.read_exact(&mut head)?;
        Ok(head)
    };
    ask().is_ok_and(|head| head == *b"HTTP/1.")
}

/// Where the program is: `CONSORT_S3`, the path's, or built with Go, once, in the user's cache.
///
/// # Errors
/// When there is none and none can be had.
pub fn program() -> Result<PathBuf, String> {
    if let Some(program) = std::env::var_os("CONSORT_S3") {
        return Ok(program.into());
    }
    if sh::has("versitygw") {
        return Ok("versitygw".into());
    }
    let cache = sh::cache()?.join(format!("versitygw-{VERSION}"));
    let built = cache.join("versitygw");
    if built.exists() {
        return Ok(built);
    }
    println!("     an object store is built");
    // Another process may build it, too: what stands there in the end is whole.
    let work = cache.join(format!("building-{}", std::process::id()));
    let mut go = Command::new("go");
    go.args(["install", "-ldflags", "-s -w"])
        .arg(format!("github.com/versity/versitygw/cmd/versitygw@{VERSION}"))
        .env("GOBIN", &work);
    std::fs::create_dir_all(&work).map_err(|error| format!("{}: {error}", work.display()))?;
    let made = sh::logged("versitygw-build", &mut go, LIMIT);
    let moved = made.and_then(|_| {
        std::fs::rename(work.join("versitygw"), &built)
            .map_err(|error| format!("{}: {error}", built.display()))
    });
    // Empty, or of no use.
    let _ = std::fs::remove_dir_all(&work);
    moved.map_err(|error| {
        format!("no object store: it is built with Go, or set CONSORT_S3 to a program of versitygw\n{error}")
    })?;
    Ok(built)
}

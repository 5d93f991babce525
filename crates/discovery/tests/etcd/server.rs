//! A real etcd for a test; `CONSORT_ETCD` names the program.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running etcd of one member; killed when dropped.
pub struct Etcd {
    child: Option<Child>,
    directory: tempfile::TempDir,
    client: u16,
    peer: u16,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Etcd {
    /// Starts one and waits until it takes writes.
    pub async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut etcd = Self { child: None, directory, client: free_port(), peer: free_port() };
        etcd.start_again().await;
        etcd
    }

    /// Starts it again after [`Etcd::kill`], with its data.
    pub async fn start_again(&mut self) {
        let program: PathBuf = std::env::var_os("CONSORT_ETCD").map_or_else(|| "etcd".into(), Into::into);
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let (client, peer) = (url(self.client), url(self.peer));
        let log = std::fs::File::create(self.directory.path().join("log")).unwrap();
        let child = Command::new(&program)
            .arg(format!("--data-dir={}", self.directory.path().join("data").display()))
            .arg("--name=a")
            .args([format!("--listen-client-urls={client}"), format!("--advertise-client-urls={client}")])
            .args([format!("--listen-peer-urls={peer}"), format!("--initial-advertise-peer-urls={peer}")])
            .arg(format!("--initial-cluster=a={peer}"))
            .args(["--heartbeat-interval=50", "--election-timeout=500"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap_or_else(|error| panic!("{}: {error}", program.display())));
        let url = self.url();
        let ready = async {
            while consort_discovery::status(std::slice::from_ref(&url)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), ready).await.expect("etcd does not start");
    }

    /// Where clients reach it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.client)
    }

    /// Ends it without warning; its data stay.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone = child.kill();
            let _gone = child.wait();
        }
    }
}

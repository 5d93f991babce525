//! A cluster on this machine: etcd, certificates, and nodes that are processes of the shipped binary.

use crate::server::{Options, Server, free_address};
use crate::{cassandra, etcd, sh};
use serde_json::Value;
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::Duration;

/// The roles of a node at the edge, and of one that owns.
const EDGE: &str = "gateway,rest,cdn";
const OWNERS: &str = "guild,user,private,account,application";
/// Beside its other roles, one node has these.
const ONE: &str = "store,scheduler,search,voice";
/// Between two looks at the nodes of a cluster that somebody holds in the hand.
const LOOK: Duration = Duration::from_millis(200);
/// How long etcd may take until it answers.
const ETCD_LIMIT: Duration = Duration::from_secs(60);

/// A running etcd of one member; ended when dropped.
struct Etcd {
    child: Child,
    url: String,
}

impl Etcd {
    fn start(home: &Path) -> Result<Self, String> {
        let program = etcd::program()?;
        let (client, peer) = (free_address()?, free_address()?);
        let (url, peer) = (format!("http://{client}"), format!("http://{peer}"));
        let log = home.join("etcd.log");
        let out = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let both = out.try_clone().map_err(|error| error.to_string())?;
        let mut command = Command::new(&program);
        command
            .arg(format!("--data-dir={}", home.join("etcd").display()))
            .args(["--name=a", "--heartbeat-interval=50", "--election-timeout=500"])
            .args([format!("--listen-client-urls={url}"), format!("--advertise-client-urls={url}")])
            .args([format!("--listen-peer-urls={peer}"), format!("--initial-advertise-peer-urls={peer}")])
            .arg(format!("--initial-cluster=a={peer}"))
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(both)
            // Not in the terminal's group: nodes that end on Ctrl-C still need it.
            .process_group(0);
        let child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
        let etcd = Self { child, url };
        let health = format!("{}/health", etcd.url);
        let up = sh::poll(ETCD_LIMIT, || ureq::get(&health).call().is_ok());
        if up { Ok(etcd) } else { Err(format!("etcd does not answer:\n{}", sh::tail(&sh::read(&log)))) }
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        // Both fail only when it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What keeps the rows of a cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kept {
    /// The embedded store of one node.
    #[default]
    EmbeddedRpc,
    /// A Cassandra of one node beside the cluster.
    Cassandra,
}

impl FromStr for Kept {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "embedded-rpc" => Ok(Self::EmbeddedRpc),
            "cassandra" => Ok(Self::Cassandra),
            _ => Err(format!("{text}: embedded-rpc or cassandra")),
        }
    }
}

/// A node: its name, its roles, and its process while it runs.
pub struct Member {
    pub name: String,
    pub roles: String,
    pub server: Option<Server>,
}

impl Member {
    fn runs(&mut self) -> bool {
        let ended = self.server.as_mut().is_none_or(Server::has_ended);
        if ended {
            self.server = None;
        }
        !ended
    }
}

/// The cluster. Nodes are ended before etcd.
pub struct Rig {
    pub members: Vec<Member>,
    etcd: Etcd,
    binary: PathBuf,
    home: PathBuf,
    extra: Vec<String>,
    /// What `--store` says, and what stands behind it.
    store: String,
    _ring: Option<cassandra::Ring>,
}

/// Names and roles of so many nodes: one does everything, of several half are at the edge.
pub fn layout(nodes: usize) -> Vec<(String, String)> {
    if nodes <= 1 {
        return vec![("node-1".to_owned(), "all".to_owned())];
    }
    let edges = nodes / 2;
    let edge =
        |n: usize| (format!("edge-{n}"), if n == 1 { format!("{EDGE},{ONE}") } else { EDGE.to_owned() });
    let owners = |n: usize| (format!("owner-{n}"), OWNERS.to_owned());
    (1..=edges).map(edge).chain((1..=nodes - edges).map(owners)).collect()
}

impl Rig {
    /// Starts a cluster in an empty folder of this name, with further arguments for each node.
    ///
    /// # Errors
    /// When a part does not start.
    pub fn start(
        binary: &Path,
        name: &str,
        nodes: usize,
        kept: Kept,
        extra: &[&str],
    ) -> Result<Self, String> {
        let home = sh::fresh(name)?;
        let etcd = Etcd::start(&home)?;
        let ring = match kept {
            Kept::EmbeddedRpc => None,
            Kept::Cassandra => Some(cassandra::Ring::start(&home, 1)?),
        };
        let of_ring = |ring: &cassandra::Ring| format!("cassandra://{}/consort", ring.hosts());
        let store = ring.as_ref().map_or_else(|| "embedded-rpc".to_owned(), of_ring);
        let ca = home.join("ca");
        consort(binary, &["cert", "ca", "--out"], &ca, None)?;
        let extra = extra.iter().map(|word| (*word).to_owned()).collect();
        let mut rig =
            Self { members: Vec::new(), etcd, binary: binary.to_owned(), home, extra, store, _ring: ring };
        for (name, roles) in layout(nodes) {
            let out = rig.home.join("certs").join(&name);
            consort(binary, &["cert", "node", &name, "--ca"], &ca, Some(&out))?;
            rig.members.push(Member { name, roles, server: None });
        }
        // The first one has the store, which the others wait for.
        for at in 0..rig.members.len() {
            rig.bring(at)?;
        }
        Ok(rig)
    }

    /// Starts a node that does not run.
    ///
    /// # Errors
    /// When it does not serve.
    pub fn bring(&mut self, at: usize) -> Result<(), String> {
        let Member { name, roles, .. } = &self.members[at];
        let (certs, data) = (self.home.join("certs").join(name), self.home.join("data").join(name));
        let certs = certs.display().to_string();
        let mut words = vec!["--node", name, "--roles", roles, "--etcd", &self.etcd.url];
        words.extend(["--store", &self.store, "--mesh-listen", "127.0.0.1:0", "--mesh-certs", &certs]);
        words.extend(["--dev", "--slices", "1"]);
        words.extend(self.extra.iter().map(String::as_str));
        let log = format!("{}-{name}", self.home.file_name().unwrap_or_default().to_string_lossy());
        let server = Server::start(&Options { binary: &self.binary, data: &data, log: &log, extra: &words })?;
        self.members[at].server = Some(server);
        Ok(())
    }

    /// The process of a node that runs.
    ///
    /// # Errors
    /// When it does not.
    pub fn server(&self, at: usize) -> Result<&Server, String> {
        self.members[at].server.as_ref().ok_or_else(|| format!("{} does not run", self.members[at].name))
    }

    /// Ends a node without warning.
    pub fn kill(&mut self, at: usize) {
        if let Some(server) = self.members[at].server.take() {
            server.kill();
        }
    }

    /// Has a node end in order.
    ///
    /// # Errors
    /// When it does not, or not in time.
    pub fn stop(&mut self, at: usize) -> Result<(), String> {
        self.members[at].server.take().map_or(Ok(()), Server::stop)
    }

    /// Has a node leave by `consort drain`.
    ///
    /// # Errors
    /// When it does not, or not in time.
    pub fn drain(&mut self, at: usize) -> Result<(), String> {
        let Some(server) = self.members[at].server.take() else { return Ok(()) };
        let mut command = Command::new(&self.binary);
        command.args(["drain", &self.members[at].name, "--etcd", &self.etcd.url]);
        sh::output(&mut command)?;
        server.wait();
        Ok(())
    }

    /// Waits until every node is gone, in whatever way: they end by themselves on Ctrl-C. Has them end once the file `end` is there,
    /// owners before the store they write to.
    pub fn wait(mut self, end: &Path) {
        let mut ends = false;
        while self.members.iter_mut().any(Member::runs) {
            std::thread::sleep(LOOK);
            if !ends && end.exists() {
                ends = true;
                for at in (0..self.members.len()).rev() {
                    if let Err(error) = self.stop(at) {
                        println!("     {}: {error}", self.members[at].name);
                    }
                }
            }
        }
    }

    /// What `consort cluster status --json` says.
    ///
    /// # Errors
    /// When it fails.
    pub fn status(&self) -> Result<Value, String> {
        let mut command = Command::new(&self.binary);
        command.args(["cluster", "status", "--json", "--etcd", &self.etcd.url]);
        serde_json::from_str(&sh::output(&mut command)?).map_err(|error| error.to_string())
    }

    /// Where etcd is.
    pub fn etcd(&self) -> &str {
        &self.etcd.url
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // Owners before the store they write to.
        self.members.iter_mut().rev().for_each(|member| drop(member.server.take()));
    }
}

fn consort(binary: &Path, words: &[&str], path: &Path, out: Option<&Path>) -> Result<(), String> {
    let mut command = Command::new(binary);
    command.args(words).arg(path);
    if let Some(out) = out {
        command.arg("--out").arg(out);
    }
    sh::output(&mut command).map(drop)
}

#[cfg(test)]
mod tests {
    use super::layout;

    #[test]
    fn one_node_has_the_store_and_every_other_role_is_run() {
        for nodes in 1..=7 {
            let layout = layout(nodes);
            assert_eq!(layout.len(), nodes);
            let with = |role: &str| {
                layout.iter().filter(|(_, roles)| roles.split(',').any(|one| one == role)).count()
            };
            if nodes > 1 {
                assert_eq!(with("store"), 1);
                assert!(
                    ["gateway", "rest", "cdn", "guild", "user", "account"].iter().all(|role| with(role) > 0)
                );
            }
        }
    }
}

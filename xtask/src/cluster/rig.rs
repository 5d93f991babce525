//! A cluster on this machine: etcd, certificates, and nodes that are processes of the shipped binary.

use super::links::{ETCD, Ends, Links};
use crate::etcd::Etcd;
use crate::server::{Options, Server, free_address};
use crate::{cassandra, s3, sh};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

/// The roles of a node at the edge, and of one that owns.
const EDGE: &str = "gateway,rest,cdn";
const OWNERS: &str = "guild,user,private,account,application";
/// Beside its other roles, one node has these.
const ONE: &str = "store,scheduler,search,voice";
/// Between two looks at the nodes of a cluster that somebody holds in the hand.
const LOOK: Duration = Duration::from_millis(200);
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
    wires: Option<Wires>,
}

/// Where the wires of a node end, in a cluster whose wires can be cut.
#[derive(Clone, Copy)]
struct Wires {
    /// Where it reaches etcd.
    etcd: SocketAddr,
    /// Where it listens to other nodes, and where they reach it.
    listen: SocketAddr,
    reached: SocketAddr,
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

/// How a cluster is laid out.
pub struct Plan {
    /// Names and roles of its nodes.
    pub nodes: Vec<(String, String)>,
    pub kept: Kept,
    /// Whether the wires between its nodes can be cut.
    pub wired: bool,
    /// The bucket that has the files, if it is not a node.
    pub files: Option<String>,
    /// Further arguments of each node.
    pub extra: Vec<&'static str>,
}

impl Plan {
    /// So many nodes in the usual layout, without limits on requests.
    pub fn of(nodes: usize, kept: Kept) -> Self {
        let extra = vec!["--rate-limits", "off"];
        Self { nodes: layout(nodes), kept, wired: false, files: None, extra }
    }

    /// Two nodes at the edge, two that own, and one that has the store and nothing to do with clients; wires that can be cut.
    pub fn apart(kept: Kept) -> Self {
        let edge = |n: usize, more: &str| (format!("edge-{n}"), format!("{EDGE}{more}"));
        let owner = |n: usize| (format!("owner-{n}"), OWNERS.to_owned());
        let store = ("store-1".to_owned(), "store,scheduler".to_owned());
        let nodes = vec![edge(1, ",search,voice"), edge(2, ""), owner(1), owner(2), store];
        Self { nodes, kept, wired: true, files: None, extra: vec!["--rate-limits", "off"] }
    }
}

/// The cluster. Nodes are ended before etcd, and wires after both.
pub struct Rig {
    pub members: Vec<Member>,
    pub etcd: Etcd,
    pub ring: Option<cassandra::Ring>,
    /// The wires between its nodes, as far as they can be cut.
    pub links: Links,
    _ends: Ends,
    binary: PathBuf,
    home: PathBuf,
    files: Option<String>,
    extra: Vec<String>,
    /// What `--store` says.
    store: String,
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
    /// Starts a cluster in an empty folder of this name.
    ///
    /// # Errors
    /// When a part does not start.
    pub fn start(binary: &Path, name: &str, plan: Plan) -> Result<Self, String> {
        let Plan { nodes, kept, wired, files, extra } = plan;
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
        let (links, extra) = (Links::default(), extra.into_iter().map(str::to_owned).collect());
        let (ends, binary) = (links.ends(), binary.to_owned());
        let members = Vec::new();
        let mut rig = Self { members, etcd, ring, links, _ends: ends, binary, home, files, extra, store };
        for (name, roles) in nodes {
            let out = rig.home.join("certs").join(&name);
            consort(&rig.binary, &["cert", "node", &name, "--ca"], &ca, Some(&out))?;
            let wires = wired.then(|| rig.lay(&name)).transpose()?;
            rig.members.push(Member { name, roles, server: None, wires });
        }
        // The others wait for the one that has the store.
        let (first, rest): (Vec<_>, Vec<_>) = (0..rig.members.len()).partition(|at| rig.keeps_store(*at));
        first.into_iter().chain(rest).try_for_each(|at| rig.bring(at))?;
        Ok(rig)
    }

    /// Lays the wires of a node.
    fn lay(&self, name: &str) -> Result<Wires, String> {
        let listen = free_address()?;
        let etcd = self.links.lay_from_one(name, ETCD, self.etcd.address())?;
        Ok(Wires { etcd, listen, reached: self.links.lay_from_all(name, listen)? })
    }

    fn keeps_store(&self, at: usize) -> bool {
        self.members[at].roles.split(',').any(|role| role == "store")
    }

    /// Starts a node that does not run.
    ///
    /// # Errors
    /// When it does not serve.
    pub fn bring(&mut self, at: usize) -> Result<(), String> {
        let Member { name, roles, wires, .. } = &self.members[at];
        let (certs, data) = (self.home.join("certs").join(name), self.home.join("data").join(name));
        let certs = certs.display().to_string();
        let any = SocketAddr::from(([127, 0, 0, 1], 0)).to_string();
        let listen = wires.map_or(any, |wires| wires.listen.to_string());
        let etcd = wires.map_or_else(|| self.etcd(), |wires| format!("http://{}", wires.etcd));
        let reached = wires.map(|wires| wires.reached.to_string());
        let mut words = vec!["--node", name, "--roles", roles, "--etcd", &etcd];
        words.extend(["--store", &self.store, "--mesh-listen", &listen, "--mesh-certs", &certs]);
        words.extend(reached.iter().flat_map(|reached| ["--mesh-address", reached]));
        words.extend(["--dev", "--slices", "1"]);
        words.extend(self.extra.iter().map(String::as_str));
        let log = format!("{}-{name}", self.home.file_name().unwrap_or_default().to_string_lossy());
        words.extend(self.files.iter().flat_map(|files| ["--blobs", files]));
        let env: &[_] = if self.files.is_some() { &s3::KEYS } else { &[] };
        let options = Options { binary: &self.binary, data: &data, log: &log, extra: &words, env };
        let server = Server::start(&options)?;
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
        command.args(["drain", &self.members[at].name, "--etcd", &self.etcd()]);
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
        command.args(["cluster", "status", "--json", "--etcd", &self.etcd()]);
        serde_json::from_str(&sh::output(&mut command)?).map_err(|error| error.to_string())
    }

    /// Where etcd is.
    pub fn etcd(&self) -> String {
        format!("http://{}", self.etcd.address())
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // One that stands still ends like any other; owners before the store they write to.
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
    use super::{Kept, Plan, layout};

    #[test]
    fn one_node_has_the_store_and_every_other_role_is_run() {
        let apart = Plan::apart(Kept::EmbeddedRpc).nodes;
        let of = |nodes| if nodes == 0 { apart.clone() } else { layout(nodes) };
        for nodes in 0..=7 {
            let layout = of(nodes);
            assert_eq!(layout.len(), if nodes == 0 { 5 } else { nodes });
            let with = |role: &str| {
                layout.iter().filter(|(_, roles)| roles.split(',').any(|one| one == role)).count()
            };
            if nodes != 1 {
                assert_eq!(with("store"), 1);
                assert!(
                    ["gateway", "rest", "cdn", "guild", "user", "account"].iter().all(|role| with(role) > 0)
                );
            }
        }
    }
}

//! What an operator does beside serving: certificates for nodes, a look at the cluster.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use consort_discovery::{Drain, Leaving, Load, NodeStatus, Registration, Status};

/// What `consort cert` makes.
#[derive(Debug, Subcommand)]
pub enum CertCommand {
    /// Makes the authority of a cluster: ca.pem, and ca-key.pem, which only making certificates needs
    Ca {
        /// Where to write it
        #[arg(long)]
        out: PathBuf,
    },
    /// Makes the certificate of a node: node.pem and node-key.pem, with a copy of ca.pem
    Node {
        /// The node's name
        name: String,
        /// Where the authority is
        #[arg(long)]
        ca: PathBuf,
        /// Where to write it
        #[arg(long)]
        out: PathBuf,
    },
}

/// What `consort cluster` does.
#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
    /// Lists the nodes that are registered in etcd
    Status(StatusArgs),
}

/// Arguments of `consort drain`.
#[derive(Debug, Args)]
pub struct DrainArgs {
    /// The node's name
    name: String,
    /// Addresses of etcd, such as http://127.0.0.1:2379
    #[arg(long, value_delimiter = ',', required = true, env = "CONSORT_ETCD_URL")]
    etcd: Vec<String>,
    /// Also when no other node runs one of its roles
    #[arg(long)]
    anyway: bool,
}

/// Has a node leave its cluster, and says how far it is.
///
/// # Errors
/// When there is no such node, it is needed, or it does not leave in time.
pub async fn drain(args: &DrainArgs) -> Result<(), String> {
    let name = &args.name;
    let tell = |step| {
        let text = match step {
            Leaving::Asked => format!("{name} is asked to leave\n"),
            Leaving::HasKeys(load) => format!("{name} gives its keys to others; it has {}\n", carried(&load)),
            Leaving::HandsOver(load) => {
                format!("{name} is given no keys any more; it has {}\n", carried(&load))
            }
        };
        // That nobody reads it is no error.
        let _told = print(&text);
    };
    let drained = consort_discovery::drain(&args.etcd, name, args.anyway, tell).await;
    match drained.map_err(|error| format!("{name} has not left: {error}"))? {
        Drain::Left => print(&format!("{name} has left\n")),
        Drain::Needed(roles) => Err(format!(
            "{name} stays: no other node runs {}; --anyway has it leave all the same",
            roles.join(", ")
        )),
    }
}

/// As [`drain`], for an operator who asks a node: what came of it, in words.
pub(crate) fn drain_asked(etcd: &[String]) -> consort_console::Drain {
    let etcd: std::sync::Arc<[String]> = etcd.into();
    std::sync::Arc::new(move |name, anyway| {
        let etcd = etcd.clone();
        Box::pin(async move {
            match consort_discovery::drain(&etcd, &name, anyway, |_| {}).await {
                Ok(Drain::Left) => Ok(format!("{name} has left")),
                Ok(Drain::Needed(roles)) => {
                    Err(format!("{name} stays: no other node runs {}", roles.join(", ")))
                }
                Err(error) => Err(format!("{name} has not left: {error}")),
            }
        })
    })
}

fn carried(load: &Load) -> String {
    let owners: u64 = load.owners.values().sum();
    format!("{owners} owners, {} sessions, {} connections", load.sessions, load.connections)
}

/// Arguments of `consort cluster status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Addresses of etcd, such as http://127.0.0.1:2379
    #[arg(long, value_delimiter = ',', required = true, env = "CONSORT_ETCD_URL")]
    etcd: Vec<String>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Makes certificates.
///
/// # Errors
/// When they are there already or cannot be written.
pub fn cert(command: &CertCommand) -> Result<(), String> {
    let (made, out): (_, &Path) = match command {
        CertCommand::Ca { out } => (consort_mesh::make_ca(out), out),
        CertCommand::Node { name, ca, out } => (consort_mesh::make_node(name, ca, out), out),
    };
    made.map_err(|error| error.to_string())?;
    print(&format!("written to {}\n", out.display()))
}

/// Shows a cluster.
///
/// # Errors
/// When etcd cannot be reached.
pub async fn cluster(command: &ClusterCommand) -> Result<(), String> {
    let ClusterCommand::Status(args) = command;
    let status = consort_discovery::status(&args.etcd).await.map_err(|error| error.to_string())?;
    match args.json {
        true => print(&format!("{}\n", serde_json::to_string(&status).map_err(|error| error.to_string())?)),
        false => print(&table(&status)),
    }
}

fn print(text: &str) -> Result<(), String> {
    io::stdout().write_all(text.as_bytes()).map_err(|error| error.to_string())
}

fn table(status: &Status) -> String {
    let mut text = format!(
        "map {}\n{:>4}  {:<16} {:>6} {:>9} {:>9} {:>7}  roles\n",
        status.version, "node", "name", "share", "sessions", "sockets", "owners"
    );
    for NodeStatus { registration, number, weight, load } in &status.nodes {
        let share = weight.map_or_else(|| "none".to_owned(), |weight| format!("{weight} %"));
        let (name, roles) = match registration {
            Some(registration) => (registration.name.as_str(), roles(registration)),
            None => ("", "gone".to_owned()),
        };
        let figure =
            |of: fn(&Load) -> u64| load.as_ref().map_or_else(String::new, |load| of(load).to_string());
        let (sessions, sockets) = (figure(|load| load.sessions), figure(|load| load.connections));
        let owners = figure(|load| load.owners.values().sum());
        text.push_str(&format!(
            "{number:>4}  {name:<16} {share:>6} {sessions:>9} {sockets:>9} {owners:>7}  {roles}\n"
        ));
    }
    text
}

/// The roles of a node, and what else is to be known of it.
fn roles(node: &Registration) -> String {
    let mut text = node.roles.join(",");
    let notes = [(node.starting, " (starting)"), (node.leaving, " (leaving)")];
    notes.iter().filter(|(is, _)| *is).for_each(|(_, note)| text.push_str(note));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_gone_is_listed_while_it_is_on_the_map() {
        let gone = NodeStatus { registration: None, number: 3, weight: Some(100), load: None };
        let status = Status { version: 9, nodes: vec![gone] };
        let text = table(&status);
        assert!(text.starts_with("map 9\n") && text.contains("100 %") && text.ends_with("gone\n"), "{text}");
    }
}

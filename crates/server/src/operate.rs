//! What an operator does beside serving: certificates for nodes, a look at the cluster.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use consort_discovery::{NodeStatus, Status};

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
    let mut text = format!("map {}\n{:>4}  {:<16} {:>6}  roles\n", status.version, "node", "name", "share");
    for NodeStatus { registration, number, weight } in &status.nodes {
        let share = weight.map_or_else(|| "none".to_owned(), |weight| format!("{weight} %"));
        let (name, roles) = match registration {
            Some(registration) => (registration.name.as_str(), registration.roles.join(",")),
            None => ("", "gone".to_owned()),
        };
        text.push_str(&format!("{number:>4}  {name:<16} {share:>6}  {roles}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_gone_is_listed_while_it_is_on_the_map() {
        let gone = NodeStatus { registration: None, number: 3, weight: Some(100) };
        let status = Status { version: 9, nodes: vec![gone] };
        let text = table(&status);
        assert!(text.starts_with("map 9\n") && text.contains("100 %") && text.ends_with("gone\n"), "{text}");
    }
}

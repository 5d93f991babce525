//! Clusters of processes on this machine: one to hold in the hand, one to be tested, one to be broken.
//!
//! * `cargo xtask cluster`: [`run`] starts one and keeps it until Ctrl-C.
//! * [`check`]: people at two gateways talk while nodes are killed and drained; a part of all tests.
//! * `cargo xtask chaos kill`, `hang`: the same with more people, for longer; prints a table.

mod people;
mod rig;
mod trial;

use crate::args::Args;
use crate::{server, sh, web};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rig::Rig;
pub use trial::check;

/// Set for the process that does not end on Ctrl-C itself.
const SHIELDED: &str = "CONSORT_XTASK_SHIELDED";

/// Starts a cluster and stays until Ctrl-C: `--nodes N`, `--store embedded-rpc`.
///
/// # Errors
/// When a part does not start.
pub fn run(args: &mut Args) -> Result<(), String> {
    let nodes = args.option("--nodes")?.unwrap_or(4usize);
    let store = args.option::<String>("--store")?.unwrap_or_else(|| "embedded-rpc".to_owned());
    args.rest()?;
    if store != "embedded-rpc" {
        return Err(format!("--store {store}: only embedded-rpc is built"));
    }
    if !(1..=16).contains(&nodes) {
        return Err("--nodes: 1 to 16".to_owned());
    }
    shield(nodes)?;
    web::build()?;
    let binary = server::build(false)?;
    let rig = Rig::start(&binary, "cluster", nodes, &[])?;
    println!("\n  etcd            {}", rig.etcd());
    for member in &rig.members {
        let server = member.server.as_ref().ok_or("a node has ended")?;
        println!("  {:<15} http://{}  pid {:<7} {}", member.name, server.address, server.pid(), member.roles);
    }
    let home = sh::scratch("cluster")?;
    println!(
        "\n  Open the address of any edge. Logs are in {}, data in {}; a new cluster begins empty.\n  \
         {} cluster status --etcd {}\n  Ctrl-C ends all\n",
        sh::scratch("logs")?.display(),
        home.display(),
        binary.display(),
        rig.etcd()
    );
    rig.wait();
    Ok(())
}

/// Nodes end in order on Ctrl-C, which the terminal sends to all processes; this one must wait for them. So it starts itself
/// again with that signal ignored.
fn shield(nodes: usize) -> Result<(), String> {
    if std::env::var_os(SHIELDED).is_some() {
        return Ok(());
    }
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut again = Command::new("sh");
    again.args(["-c", "trap '' INT; exec \"$0\" \"$@\""]).arg(own);
    let error = again.args(["cluster", "--nodes", &nodes.to_string()]).env(SHIELDED, "1").exec();
    Err(format!("sh: {error}"))
}

/// Breaks a cluster and says what came of it: `kill`, `hang`.
///
/// # Errors
/// When a promise is broken.
pub fn chaos(args: &mut Args) -> Result<(), String> {
    let kind = args.task().unwrap_or_default();
    trial::chaos(&kind, args)
}

//! Clusters of processes on this machine: one to hold in the hand, one to be tested, one to be broken.
//!
//! * `cargo xtask cluster`: [`run`] starts one and keeps it until Ctrl-C or SIGTERM.
//! * [`check`]: people at two gateways talk while nodes are killed, hang and are drained; a part of all tests.
//! * `cargo xtask chaos kill`, `hang`, `rolling`: the same with more people, for longer; prints a table.
//! * `cargo xtask chaos gateway`: clients whose sockets, or whose gateway, end, and who come back wherever they can.
//! * `cargo xtask chaos etcd`, `partition`, `store`: what nodes stand on is away for a while, or they are parted from it and each other.

mod edges;
mod files;
mod links;
mod outages;
mod people;
mod rig;
mod roamer;
mod trial;

use crate::args::Args;
use crate::{server, sh, web};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

pub use files::check as check_files;
use rig::{Kept, Plan, Rig};
pub use trial::check;

/// Set for the process that does not end on a signal itself: the file that is there once the cluster is to end.
const SHIELDED: &str = "CONSORT_XTASK_SHIELDED";
/// Runs a program that no signal ends, and tells it of SIGTERM by making the file of that variable.
const SHIELD: &str = r#"
trap '' INT
trap ': > "$CONSORT_XTASK_SHIELDED"' TERM
"$0" "$@" &
child=$!
while :; do
    wait "$child"
    code=$?
    kill -0 "$child" 2>/dev/null || exit "$code"
done
"#;

/// Starts a cluster and stays until Ctrl-C or SIGTERM: `--nodes N`, `--store embedded-rpc|cassandra`.
///
/// # Errors
/// When a part does not start.
pub fn run(args: &mut Args) -> Result<(), String> {
    let nodes = args.option("--nodes")?.unwrap_or(4usize);
    let store = args.option::<String>("--store")?.unwrap_or_else(|| "embedded-rpc".to_owned());
    let kept: Kept = store.parse()?;
    args.rest()?;
    if !(1..=16).contains(&nodes) {
        return Err("--nodes: 1 to 16".to_owned());
    }
    let end = shield(nodes, &store)?;
    web::build()?;
    let binary = server::build(false)?;
    let rig = Rig::start(&binary, "cluster", Plan { extra: Vec::new(), ..Plan::of(nodes, kept) })?;
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
    rig.wait(&end);
    Ok(())
}

/// Nodes end in order on Ctrl-C, which the terminal sends to all processes; this one must wait for them, and has them end on SIGTERM,
/// which only it is sent. So it starts itself again in a shell that signals do not end. Gives the file that is there once the
/// cluster is to end.
fn shield(nodes: usize, store: &str) -> Result<PathBuf, String> {
    if let Some(end) = std::env::var_os(SHIELDED) {
        return Ok(end.into());
    }
    let end = sh::fresh("cluster-end")?.join("now");
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut again = Command::new("sh");
    again.args(["-c", SHIELD]).arg(own);
    let error =
        again.args(["cluster", "--nodes", &nodes.to_string(), "--store", store]).env(SHIELDED, end).exec();
    Err(format!("sh: {error}"))
}

/// Breaks a cluster and says what came of it: `kill`, `hang`, `rolling`, `gateway`, `etcd`, `partition`, `store`.
///
/// # Errors
/// When a promise is broken.
pub fn chaos(args: &mut Args) -> Result<(), String> {
    let kind = args.task().unwrap_or_default();
    match kind.as_str() {
        "gateway" => edges::chaos(args),
        "etcd" | "partition" | "store" => outages::chaos(&kind, args),
        kind => trial::chaos(kind, args),
    }
}

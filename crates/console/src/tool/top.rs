//! `consort top`.

use std::collections::HashMap;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use clap::{Args, ValueEnum};
use consort_rpc::operate::{By, NodeInfo};
use consort_runtime::{ActorInfo, WaitsFor};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use super::{At, print};
use crate::client::Client;
use crate::command::Command;
use crate::table::{share, size, table, time};

/// Arguments of `consort top`.
#[derive(Debug, Args)]
pub struct TopArgs {
    /// Actors of this kind only: guild, user, private, account, name, application, slice
    #[arg(long)]
    kind: Option<String>,
    /// Which come first
    #[arg(long, value_enum, default_value = "queue")]
    by: ByArg,
    /// How many actors
    #[arg(long, default_value_t = 20)]
    count: usize,
    /// Seconds between two looks
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    every: u64,
    /// Shows it once; shares are of one second
    #[arg(long)]
    once: bool,
    /// One look, as JSON: nodes and actors
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

/// An order on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum ByArg {
    /// The longest queue
    Queue,
    /// The oldest item
    Age,
    /// Most time at work
    Busy,
    /// Most messages
    Handled,
    /// Most rows in memory
    Rows,
}

impl From<ByArg> for By {
    fn from(by: ByArg) -> Self {
        match by {
            ByArg::Queue => Self::Queue,
            ByArg::Age => Self::Age,
            ByArg::Busy => Self::Busy,
            ByArg::Handled => Self::Handled,
            ByArg::Rows => Self::Rows,
        }
    }
}

/// An actor on a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Placed {
    pub(super) node: u16,
    #[serde(flatten)]
    pub(super) info: ActorInfo,
}

/// What was seen at a moment.
struct Look {
    at: Instant,
    nodes: Vec<NodeInfo>,
    actors: Vec<Placed>,
    silent: Vec<String>,
}

async fn look(client: &mut Client, args: &TopArgs) -> Result<Look, String> {
    let actors = Command::Actors {
        kind: args.kind.clone(),
        by: args.by.into(),
        limit: args.count.clamp(1, 200),
        resting: false,
    };
    let (nodes, silent) = client.list(&Command::Nodes, "nodes").await?;
    let (actors, _) = client.list(&actors, "actors").await?;
    Ok(Look { at: Instant::now(), nodes, actors, silent })
}

/// Shows it, again and again.
pub(super) async fn run(args: &TopArgs) -> Result<(), String> {
    let mut client = args.at.connect().await?;
    let mut before = look(&mut client, args).await?;
    if args.json {
        let Look { nodes, actors, silent, .. } = before;
        return print(&format!("{}\n", json!({ "nodes": nodes, "actors": actors, "silent": silent })));
    }
    let clear = if io::stdout().is_terminal() && !args.once { "\x1b[H\x1b[2J" } else { "" };
    loop {
        let every = Duration::from_secs(if args.once { 1 } else { args.every });
        tokio::time::sleep(every).await;
        let now = look(&mut client, args).await?;
        print(&format!("{clear}{}", frame(&before, &now)))?;
        if args.once {
            return Ok(());
        }
        before = now;
    }
}

fn frame(before: &Look, now: &Look) -> String {
    let passed_us = now.at.duration_since(before.at).as_micros() as u64;
    let known: HashMap<_, _> = before.nodes.iter().map(|node| (node.node, node)).collect();
    let nodes: Vec<_> =
        now.nodes.iter().map(|node| node_row(node, known.get(&node.node).copied(), passed_us)).collect();
    let known: HashMap<_, _> =
        before.actors.iter().map(|actor| ((actor.node, &*actor.info.kind, actor.info.key), actor)).collect();
    let actors = now.actors.iter().map(|actor| {
        let before = known.get(&(actor.node, &*actor.info.kind, actor.info.key)).map(|before| &before.info);
        actor_row(actor, before, passed_us)
    });
    let node_titles = [
        ">NODE",
        "NAME",
        ">UP",
        ">CPU",
        ">MEMORY",
        ">FILES",
        ">SESSIONS",
        ">SOCKETS",
        ">ACTORS",
        ">QUEUED",
        ">SHED",
        ">CUT",
        "WARNINGS",
    ];
    let actor_titles = [
        "KIND",
        ">KEY",
        ">NODE",
        "STATE",
        ">QUEUE",
        ">OLDEST",
        ">CPU",
        ">MSG/S",
        ">COMMITS",
        ">READS",
        ">EFFECTS",
        ">ROWS",
        "AT",
        "WAITS FOR",
    ];
    let silent: String = now.silent.iter().map(|silent| format!("{silent}\n")).collect();
    let actors: Vec<_> = actors.collect();
    format!("{}{silent}\n{}", table(&node_titles, &nodes), table(&actor_titles, &actors))
}

fn node_row(node: &NodeInfo, before: Option<&NodeInfo>, passed_us: u64) -> Vec<String> {
    let cpu = before.map(|before| share(node.cpu_us.saturating_sub(before.cpu_us), passed_us));
    let gateway = node.gateway.clone().unwrap_or_default();
    vec![
        node.node.to_string(),
        node.name.clone(),
        time(node.now_ms.saturating_sub(node.started_ms) * 1_000),
        cpu.unwrap_or_default(),
        size(node.rss_bytes),
        node.descriptors.to_string(),
        gateway.sessions.to_string(),
        gateway.connections.to_string(),
        node.actors.iter().map(|(_, count)| count).sum::<u64>().to_string(),
        node.queued.to_string(),
        (gateway.dropped_volatile + gateway.lost_events).to_string(),
        (gateway.cut_slow + gateway.cut_zombie).to_string(),
        node.warnings.join("; "),
    ]
}

/// What an actor is at: its handler, or else the oldest of what it waits for.
pub(super) fn at(info: &ActorInfo) -> String {
    let at_work =
        [(&info.handling, "handles"), (&info.oldest_commit, "commits"), (&info.oldest_parked, "reads for")];
    let first = at_work.iter().find_map(|(at, verb)| Some((at.as_ref()?, verb)));
    first.map_or_else(String::new, |(at, verb)| format!("{verb} {} for {}", at.op, time(at.for_us)))
}

fn actor_row(actor: &Placed, before: Option<&ActorInfo>, passed_us: u64) -> Vec<String> {
    let info = &actor.info;
    let (busy, handled) = before.map_or((0, 0), |before| {
        (info.busy_us.saturating_sub(before.busy_us), info.handled.saturating_sub(before.handled))
    });
    let waits_for = if info.waits_for == WaitsFor::Messages { "" } else { info.waits_for.name() };
    vec![
        info.kind.clone(),
        info.key.to_string(),
        actor.node.to_string(),
        info.state.name().to_owned(),
        info.queue.to_string(),
        info.oldest_us.map_or_else(String::new, time),
        share(busy, passed_us),
        (handled * 1_000_000 / passed_us.max(1)).to_string(),
        info.commits_pending.to_string(),
        info.parked.to_string(),
        info.effects_pending.to_string(),
        info.rows.to_string(),
        at(info),
        waits_for.to_owned(),
    ]
}

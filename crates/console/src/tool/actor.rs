//! `consort actor`.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use clap::Args;
use consort_rpc::operate::Actor;
use consort_runtime::{AtWork, Traced};
use serde::Deserialize;
use tokio::time::Instant;

use super::{At, print, tell};
use crate::client::Client;
use crate::command::Command;
use crate::table::{table, time};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Between two looks at a trace.
const TRACE_EVERY: Duration = Duration::from_millis(250);

/// Arguments of `consort actor`.
#[derive(Debug, Args)]
pub struct ActorArgs {
    /// What it is: guild, user, private, account, name, application, slice
    kind: String,
    /// Its id
    key: u64,
    /// Again every second
    #[arg(long)]
    watch: bool,
    /// Shows each of its messages from now on: type, size and times, and nothing of what is in them
    #[arg(long, conflicts_with = "watch")]
    trace: bool,
    /// How long --trace goes on, seconds
    #[arg(long = "for", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    trace_for: u64,
    /// Also what it says of its own state, as JSON
    #[arg(long)]
    state: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

#[derive(Debug, Deserialize)]
struct Placed {
    node: u16,
    #[serde(flatten)]
    actor: Actor,
}

/// Shows it.
pub(super) async fn run(args: &ActorArgs) -> Result<(), String> {
    let mut client = args.at.connect().await?;
    if args.trace {
        return trace(&mut client, args).await;
    }
    let (kind, key) = (args.kind.clone(), args.key);
    let command = Command::Actor { kind: kind.clone(), key };
    if args.json {
        return print(&format!("{}\n", client.ask(&command).await?));
    }
    let clear = if io::stdout().is_terminal() && args.watch { "\x1b[H\x1b[2J" } else { "" };
    loop {
        let (actors, silent): (Vec<Placed>, _) = client.list(&command, "actors").await?;
        tell(&silent);
        if actors.is_empty() && !args.watch {
            return Err(format!("no node has {kind} {key} in memory: it is loaded when it is next called"));
        }
        let texts: Vec<_> = actors.iter().map(text).collect();
        print(&format!("{clear}{}", texts.join("\n")))?;
        if args.state {
            let state = client.ask(&Command::State { kind: kind.clone(), key }).await?;
            let state = serde_json::to_string_pretty(&state["state"]).map_err(|error| error.to_string())?;
            print(&format!("\n{state}\n"))?;
        }
        if !args.watch {
            return Ok(());
        }
        tokio::time::sleep(EVERY).await;
    }
}

fn for_time(at_work: &Option<AtWork>) -> String {
    at_work.as_ref().map_or_else(String::new, |at| format!(", the oldest {} for {}", at.op, time(at.for_us)))
}

fn text(Placed { node, actor }: &Placed) -> String {
    let info = &actor.info;
    let mut text =
        format!("{} {} on node {node}: {}, epoch {}\n", info.kind, info.key, info.state.name(), info.epoch);
    let mut line = |name: &str, what: String| {
        // Writing to a text does not fail.
        let _written = writeln!(text, "  {name:<10} {what}");
    };
    let oldest = info.oldest_us.map_or_else(String::new, |us| format!(", the oldest for {}", time(us)));
    line("queue", format!("{} of {}{oldest}", info.queue, actor.capacity));
    if !actor.waiting.is_empty() {
        let types: Vec<_> = actor.waiting.iter().map(|(op, count)| format!("{count} × {op}")).collect();
        let of = if actor.walked < info.queue {
            format!(" (of the first {})", actor.walked)
        } else {
            String::new()
        };
        line("", format!("{}{of}", types.join(", ")));
    }
    let handling = info.handling.as_ref();
    line("handles", handling.map_or("nothing".to_owned(), |at| format!("{} for {}", at.op, time(at.for_us))));
    line("waits for", info.waits_for.name().to_owned());
    line("commits", format!("{} on their way{}", info.commits_pending, for_time(&info.oldest_commit)));
    line("reads", format!("{} wait for rows{}", info.parked, for_time(&info.oldest_parked)));
    let held = info.answers_held;
    line("effects", format!("{} not acknowledged; {held} answers wait for some", info.effects_pending));
    line("memory", format!("{} rows in its cache", info.rows));
    let (busy, idle) = (time(info.busy_us), time(info.idle_us));
    line("so far", format!("{} messages, {busy} at work; last active {idle} ago", info.handled));
    let rows: Vec<_> = actor
        .ops
        .iter()
        .map(|op| {
            let mean = time(op.total_us / op.count.max(1));
            vec![op.op.clone(), op.count.to_string(), time(op.total_us), mean, time(op.max_us)]
        })
        .collect();
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&table(&["MESSAGE", ">COUNT", ">TOTAL", ">MEAN", ">MAX"], &rows));
    }
    text
}

async fn trace(client: &mut Client, args: &ActorArgs) -> Result<(), String> {
    let (until, mut after) = (Instant::now() + Duration::from_secs(args.trace_for), 0);
    while Instant::now() < until {
        let command = Command::Watch { kind: args.kind.clone(), key: args.key, after };
        let (messages, _): (Vec<Traced>, _) = client.list(&command, "messages").await?;
        for message in messages {
            if message.n > after + 1 && after > 0 {
                print(&format!("… {} more\n", message.n - after - 1))?;
            }
            after = message.n;
            print(&traced(&message, args.json)?)?;
        }
        tokio::time::sleep(TRACE_EVERY).await;
    }
    Ok(())
}

fn traced(message: &Traced, as_json: bool) -> Result<String, String> {
    if as_json {
        let line = serde_json::to_string(message).map_err(|error| error.to_string())?;
        return Ok(format!("{line}\n"));
    }
    let Traced { n, at_ms, op, from, bytes, waited_us, took_us } = message;
    let (seconds, ms) = (at_ms / 1_000 % 86_400, at_ms % 1_000);
    let clock = format!("{:02}:{:02}:{:02}.{ms:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let (waited, took) = (time(*waited_us), time(*took_us));
    Ok(format!(
        "{n:>6}  {clock} UTC  {op:<28} {bytes:>7} B  waited {waited:>8}  took {took:>8}  from {from}\n"
    ))
}

//! The floor in the same minute: what plain sends of as many bytes to as many connections cost.

use super::measure;
use super::swarm::{PATIENCE, Plan, Swarm};
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How many connections a sending process holds: its descriptors may be limited to 20,000.
const CONNECTIONS_PER_PROCESS: usize = 15_000;
/// How many events warm up.
const WARM_UP: usize = 3;

/// A process that sends, with its two pipes.
struct Sender {
    child: Child,
    input: Option<ChildStdin>,
    output: Lines<BufReader<ChildStdout>>,
}

impl Sender {
    /// Starts `xtask bench floor` with all the descriptors that the machine allows; returns it with its address.
    fn start(connections: usize, bytes: u64) -> Result<(Self, String), String> {
        let exe = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new("sh");
        command
            .args(["-c", "ulimit -n \"$(ulimit -Hn)\"; exec \"$0\" bench floor \"$@\""])
            .arg(exe)
            .args([connections.to_string(), bytes.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().ok_or("no output of a sender")?).lines();
        let mut sender = Self { child, input, output };
        let address =
            sender.output.next().ok_or("a sender ended early")?.map_err(|error| error.to_string())?;
        Ok((sender, address))
    }

    fn ask(&mut self) -> Result<(), String> {
        self.input.as_mut().ok_or("no input of a sender")?.write_all(b"\n").map_err(|error| error.to_string())
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        // the end of its input ends it; killing is for one that hangs, and fails when it is gone
        self.input = None;
        let child = &mut self.child;
        if !crate::sh::poll(Duration::from_secs(5), || child.try_wait().is_ok_and(|status| status.is_some()))
        {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// CPU microseconds of one plain send of `bytes` to one of `connections`, over so many events to all.
///
/// # Errors
/// When a process or a connection fails.
pub fn measure(connections: usize, events: usize, bytes: u64) -> Result<f64, String> {
    let (mut senders, mut targets) = (Vec::new(), Vec::new());
    for skip in (0..connections).step_by(CONNECTIONS_PER_PROCESS) {
        let count = CONNECTIONS_PER_PROCESS.min(connections - skip);
        let (sender, address) = Sender::start(count, bytes)?;
        targets.push((address.parse().map_err(|_| format!("{address:?} is no address"))?, count));
        senders.push(sender);
    }
    let swarm = Swarm::start(Plan::raw(targets, bytes))?;
    swarm.await_ready()?;
    let spent = |senders: &[Sender]| -> Result<u64, String> {
        senders.iter().map(|sender| measure::cpu_us(sender.child.id())).sum()
    };
    let mut before = 0;
    for event in 0..WARM_UP + events {
        if event == WARM_UP {
            before = spent(&senders)?;
        }
        swarm.board.post(event as u64, Instant::now())?;
        senders.iter_mut().try_for_each(Sender::ask)?;
        swarm.board.await_event(event as u64, PATIENCE)?;
    }
    let cost = (spent(&senders)? - before) as f64 / (connections * events).max(1) as f64;
    drop(swarm);
    Ok(cost)
}

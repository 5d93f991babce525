//! The floors in the same minute: what sends of as many bytes to as many connections cost.

use super::{SENT, Way};
use crate::bench::measure;
use crate::bench::swarm::{PATIENCE, Plan, Swarm};
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// How many connections a sending process holds: its descriptors may be limited to 20,000.
const CONNECTIONS_PER_PROCESS: usize = 15_000;
/// How many events warm up.
const WARM_UP: usize = 3;
/// How often it is changed between the two ways.
const TURNS: usize = 4;

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

    fn ask(&mut self, way: Way) -> Result<(), String> {
        let line = format!("{}\n", way.name());
        let input = self.input.as_mut().ok_or("no input of a sender")?;
        input.write_all(line.as_bytes()).map_err(|error| error.to_string())
    }

    /// What became of what was asked last: [`SENT`], or why it was not.
    fn answer(&mut self) -> Result<String, String> {
        self.output.next().ok_or("a sender ended early")?.map_err(|error| error.to_string())
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

/// CPU microseconds of one send.
#[derive(Debug, Clone, Copy)]
pub struct Floors {
    /// By a system call of its own.
    pub plain: f64,
    /// By io_uring; `None` where the system has none.
    pub ring: Option<f64>,
}

/// What sends of `bytes` to one of `connections` cost, over so many events to all in each way.
///
/// # Errors
/// When a process or a connection fails.
pub fn measure(connections: usize, events: usize, bytes: u64) -> Result<Floors, String> {
    let (mut senders, mut targets) = (Vec::new(), Vec::new());
    for skip in (0..connections).step_by(CONNECTIONS_PER_PROCESS) {
        let count = CONNECTIONS_PER_PROCESS.min(connections - skip);
        let (sender, address) = Sender::start(count, bytes)?;
        targets.push((address.parse().map_err(|_| format!("{address:?} is no address"))?, count));
        senders.push(sender);
    }
    let swarm = Swarm::start(Plan::raw(targets, bytes))?;
    swarm.await_ready()?;
    let mut bench = Bench { senders, swarm, next: 0 };
    let each = |spent: u64| spent as f64 / (connections * events).max(1) as f64;
    let has_ring = bench.has_ring()?;
    bench.send(Way::Plain, WARM_UP)?;
    if !has_ring {
        return Ok(Floors { plain: each(bench.send(Way::Plain, events)?), ring: None });
    }
    bench.send(Way::Ring, WARM_UP)?;
    // in turns, so that what else the machine does meets both
    let (mut plain, mut ring) = (0, 0);
    for turn in 0..TURNS {
        let events = events / TURNS + usize::from(turn < events % TURNS);
        plain += bench.send(Way::Plain, events)?;
        ring += bench.send(Way::Ring, events)?;
    }
    Ok(Floors { plain: each(plain), ring: Some(each(ring)) })
}

/// The senders and who they send to.
struct Bench {
    senders: Vec<Sender>,
    swarm: Swarm,
    next: u64,
}

impl Bench {
    /// Whether all senders have io_uring; says why not.
    fn has_ring(&mut self) -> Result<bool, String> {
        let mut refused = None;
        for sender in &mut self.senders {
            let answer = sender.answer()?;
            if answer != Way::Ring.name() {
                refused = Some(answer);
            }
        }
        if let Some(refused) = &refused {
            println!("no io_uring here, so no floor of it: {refused}");
        }
        Ok(refused.is_none())
    }

    /// Sends so many events to all, each when the last is everywhere; returns the CPU that it took, microseconds.
    fn send(&mut self, way: Way, events: usize) -> Result<u64, String> {
        let before = self.spent()?;
        for _ in 0..events {
            self.swarm.board.post(self.next, Instant::now())?;
            self.senders.iter_mut().try_for_each(|sender| sender.ask(way))?;
            self.swarm.board.await_event(self.next, PATIENCE)?;
            self.next += 1;
            for sender in &mut self.senders {
                let answer = sender.answer()?;
                if answer != SENT {
                    return Err(answer);
                }
            }
        }
        Ok(self.spent()? - before)
    }

    fn spent(&self) -> Result<u64, String> {
        self.senders.iter().map(|sender| measure::cpu_us(sender.child.id())).sum()
    }
}

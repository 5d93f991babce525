//! Child processes: run one with a log and a time limit, follow its tail, end it with its descendants.

use crate::telling;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How many lines of a failed step's log are shown.
const TAIL_LINES: usize = 120;

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Cargo's target directory, honouring `CARGO_TARGET_DIR`.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// A folder of ours under the target directory, created when missing.
///
/// # Errors
/// When it cannot be created.
pub fn scratch(name: &str) -> Result<PathBuf, String> {
    let dir = target().join("xtask").join(name);
    std::fs::create_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    Ok(dir)
}

/// A folder as [`scratch`], emptied.
///
/// # Errors
/// When it cannot be emptied or created.
pub fn fresh(name: &str) -> Result<PathBuf, String> {
    let dir = scratch(name)?;
    std::fs::remove_dir_all(&dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    scratch(name)
}

/// A folder of ours in the user's cache, for what takes long to fetch or to build; it may not be there.
///
/// # Errors
/// When the user has none.
pub fn cache() -> Result<PathBuf, String> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    Ok(cache.ok_or("neither XDG_CACHE_HOME nor HOME is set")?.join("consort"))
}

/// The cargo that started this task.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Runs `program` to its end and returns its standard output, trimmed.
///
/// # Errors
/// When it cannot be started or fails.
pub fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let out = command.stdin(Stdio::null()).output().map_err(|error| format!("{name}: {error}"))?;
    if !out.status.success() {
        return Err(format!("{name}: {} {}", out.status, String::from_utf8_lossy(&out.stderr).trim()));
    }
    Ok(String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// True when a program of this name answers `--version`.
pub fn has(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// How often it is looked what a step writes.
const LOOK: Duration = Duration::from_secs(5);
/// How often a step that takes long says what it is at.
const TELL: Duration = Duration::from_secs(60);

/// Runs `command` with both outputs in `target/xtask/logs/NAME.log`; returns what it wrote. Once a minute the last line of that is
/// shown.
///
/// # Errors
/// With the end of the log when it fails, cannot be started, or writes nothing for as long as `limit` (then it is ended together
/// with its descendants). However slow a machine is, a step that gets on goes on.
pub fn logged(name: &str, command: &mut Command, limit: Duration) -> Result<String, String> {
    let path = scratch("logs")?.join(format!("{name}.log"));
    let log = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let both = log.try_clone().map_err(|error| format!("{}: {error}", path.display()))?;
    let shown = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(both)
        .spawn()
        .map_err(|error| format!("{shown}: {error}"))?;
    let pid = child.id();
    let (ended, wait) = mpsc::sync_channel(1);
    std::thread::spawn(move || ended.send(child.wait()));
    let verdict = match wait_while_it_writes(name, &path, &wait, limit) {
        Some(Ok(status)) if status.success() => return Ok(read(&path)),
        Some(Ok(status)) => status.to_string(),
        Some(Err(error)) => error.to_string(),
        None => {
            kill_tree(pid);
            format!("nothing written for {} s, ended", limit.as_secs())
        }
    };
    let log = read(&path);
    // What failed early in a long log is not in its end.
    let failures = telling::lines(&log, TAIL_LINES);
    Err(format!("{shown}\n{verdict}\n{failures}\n\nthe end of {}:\n{}", path.display(), tail(&log)))
}

/// Waits for the end of what writes to a log; `None` when it wrote nothing for as long as `silence`.
fn wait_while_it_writes<T>(name: &str, log: &Path, end: &mpsc::Receiver<T>, silence: Duration) -> Option<T> {
    let start = Instant::now();
    let (mut written, mut since, mut told) = (0, start, start);
    loop {
        if let Ok(ended) = end.recv_timeout(LOOK.min(silence)) {
            return Some(ended);
        }
        let size = std::fs::metadata(log).map_or(0, |log| log.len());
        if size != written {
            (written, since) = (size, Instant::now());
        } else if since.elapsed() >= silence {
            return None;
        }
        if told.elapsed() >= TELL {
            told = Instant::now();
            let text = read(log);
            let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
            let shown: String = last.trim().chars().take(100).collect();
            println!("     {name}, {} min: {shown}", start.elapsed().as_secs() / 60);
        }
    }
}

/// The text of a file, empty when it cannot be read; bytes that are no UTF-8 are replaced.
pub fn read(path: &Path) -> String {
    std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The last lines of a log.
pub fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// Ends a process and everything it started.
pub fn kill_tree(pid: u32) {
    let mut doomed = vec![pid];
    let parents = parents();
    let mut at = 0;
    while let Some(&parent) = doomed.get(at) {
        doomed.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        at += 1;
    }
    signal("KILL", &doomed);
}

/// Sends a signal by its name; processes that are gone already are no error.
pub fn signal(name: &str, pids: &[u32]) {
    let ids = pids.iter().map(u32::to_string);
    let sent = Command::new("kill").arg("-s").arg(name).args(ids).stderr(Stdio::null()).status();
    if let Err(error) = sent {
        eprintln!("kill: {error}");
    }
}

/// Every process with its parent, from `/proc` (empty where there is none).
fn parents() -> Vec<(u32, u32)> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // pid (name) state ppid …; the name may hold anything, also parentheses
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect()
}

/// Calls `probe` until it says yes, at most for `limit`; returns whether it did.
pub fn poll(limit: Duration, mut probe: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if probe() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(40));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_writes_goes_on_and_a_silent_one_ends() {
        let log = std::env::temp_dir().join(format!("consort-xtask-{}.log", std::process::id()));
        std::fs::write(&log, "").unwrap();
        let (ended, wait) = mpsc::sync_channel(1);
        assert_eq!(wait_while_it_writes("t", &log, &wait, Duration::ZERO), None);
        ended.send(1).unwrap();
        assert_eq!(wait_while_it_writes("t", &log, &wait, Duration::ZERO), Some(1));
        std::fs::remove_file(&log).unwrap();
    }
}

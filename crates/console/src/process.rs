//! Figures of this process, as the system keeps them.

use std::fs;

/// What the system says of the process; 0 where it does not.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Process {
    pub(crate) cpu_us: u64,
    pub(crate) rss_bytes: u64,
    pub(crate) descriptors: u64,
    pub(crate) descriptors_max: u64,
}

/// Looks at the process.
pub(crate) fn read() -> Process {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    Process {
        cpu_us: cpu_us().unwrap_or(0),
        rss_bytes: rss_bytes().unwrap_or(0),
        descriptors: descriptors(),
        descriptors_max: limit.unwrap_or(0),
    }
}

/// Since Linux 6.2 the size of the folder is how many there are ("fs/proc: report the number of open fds as st_size"); before, they
/// are counted, which takes its time where sockets are very many.
fn descriptors() -> u64 {
    let folder = "/proc/self/fd";
    let size = fs::metadata(folder).map_or(0, |folder| folder.len());
    if size > 0 { size } else { fs::read_dir(folder).map_or(0, |open| open.count() as u64) }
}

/// Memory of the process, bytes; 0 where the system does not say.
pub(crate) fn read_memory() -> u64 {
    rss_bytes().unwrap_or(0)
}

/// `utime` and `stime` of `proc(5)`, `stat`: ticks of 10 ms, behind the name of the program in brackets.
fn cpu_us() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    let ticks = rest.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    Some(ticks.sum::<Result<u64, _>>().ok()? * 10_000)
}

/// `VmRSS` of `proc(5)`, `status`.
fn rss_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(rss.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_process_has_memory_files_and_time() {
        let process = super::read();
        assert!(process.rss_bytes > 100_000 && process.descriptors > 2, "{process:?}");
        assert!(process.descriptors_max >= process.descriptors, "{process:?}");
    }
}

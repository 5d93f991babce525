//! CPU time and memory of a process, and percentiles.

/// Microseconds in a tick of `/proc/PID/stat`: Linux counts 100 a second for user space everywhere.
const TICK_US: u64 = 10_000;

/// User and system time of a process so far, in microseconds (in steps of 10 ms).
///
/// # Errors
/// When it is gone.
pub fn cpu_us(pid: u32) -> Result<u64, String> {
    let stat =
        std::fs::read_to_string(format!("/proc/{pid}/stat")).map_err(|error| format!("{pid}: {error}"))?;
    // after the name, which may hold anything: state is field 3, utime 14, stime 15
    let fields: Vec<&str> =
        stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect()).unwrap_or_default();
    let field =
        |index: usize| fields.get(index - 3).and_then(|text| text.parse::<u64>().ok()).unwrap_or_default();
    Ok((field(14) + field(15)) * TICK_US)
}

/// Memory of a process in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory {
    /// Resident.
    pub rss: u64,
    /// Resident, with its share of what others map, too; 0 where the kernel does not tell.
    pub pss: u64,
}

/// The most memory that a process has had resident since [`forget_peak`], bytes.
///
/// # Errors
/// When it is gone.
pub fn peak(pid: u32) -> Result<u64, String> {
    let status =
        std::fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| format!("{pid}: {error}"))?;
    Ok(kib(&status, "VmHWM:").ok_or_else(|| format!("{pid}: no VmHWM"))? * 1024)
}

/// Begins the peak of a process anew.
///
/// # Errors
/// When it is gone, or another user's.
pub fn forget_peak(pid: u32) -> Result<(), String> {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").map_err(|error| format!("{pid}: {error}"))
}

/// Memory of a process.
///
/// # Errors
/// When it is gone.
pub fn memory(pid: u32) -> Result<Memory, String> {
    let status =
        std::fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| format!("{pid}: {error}"))?;
    let rss = kib(&status, "VmRSS:").ok_or_else(|| format!("{pid}: no VmRSS"))?;
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    Ok(Memory { rss: rss * 1024, pss: kib(&rollup, "Pss:").unwrap_or_default() * 1024 })
}

fn kib(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The value below which `percent` of the sorted samples lie; 0 when there are none.
pub fn percentile(sorted: &[u32], percent: f64) -> u32 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * percent / 100.0).round() as usize).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_few_samples() {
        assert_eq!(percentile(&[], 50.0), 0);
        assert_eq!(percentile(&[7], 99.0), 7);
        let hundred: Vec<u32> = (0..=100).collect();
        assert_eq!((percentile(&hundred, 50.0), percentile(&hundred, 99.0)), (50, 99));
    }

    #[test]
    fn this_process_has_time_and_memory() {
        assert!(cpu_us(std::process::id()).is_ok());
        assert!(memory(std::process::id()).is_ok_and(|memory| memory.rss > 0));
    }
}

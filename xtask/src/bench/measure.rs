//! CPU time and memory of a process, and percentiles.

use std::time::{SystemTime, UNIX_EPOCH};

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

/// Resident memory of a process in KiB.
///
/// # Errors
/// When it is gone.
pub fn rss_kib(pid: u32) -> Result<u64, String> {
    let status =
        std::fs::read_to_string(format!("/proc/{pid}/status")).map_err(|error| format!("{pid}: {error}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).ok_or_else(|| format!("{pid}: no VmRSS"))
}

/// Nanoseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "both ends of a bench are on one machine and share its clock")]
pub fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
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
        assert!(rss_kib(std::process::id()).is_ok_and(|kib| kib > 0));
    }
}

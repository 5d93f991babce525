//! What is found in etcd, written by nodes of any version and by people: understood, or passed over. Lines of a key, a space and a value.

use consort_discovery::passes_over;

/// Reads the lines as the records of a cluster; how many are passed over.
pub fn passed_over(data: &[u8]) -> usize {
    let records = data.split(|&byte| byte == b'\n').map(|line| {
        let end = line.iter().position(|&byte| byte == b' ').unwrap_or(line.len());
        (&line[..end], line.get(end + 1..).unwrap_or_default())
    });
    passes_over(&records.collect::<Vec<_>>())
}

/// Reads the lines.
///
/// # Panics
/// When what must hold does not.
pub fn feed(data: &[u8]) {
    let _passed_over = passed_over(data);
}

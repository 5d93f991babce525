//! Slow start.

/// The weight of a node that is warm.
pub const FULL_WEIGHT: u16 = 100;
/// How long after its start a node is cold, in milliseconds.
pub const RAMP_MS: u64 = 60_000;
/// The steps of the ramp: a cold node takes an eighth of its share, then a quarter, half, all.
const STEPS: [u16; 4] = [12, 25, 50, FULL_WEIGHT];

/// The weight of a node so long after its start. In few steps, since each moves keys. A node that comes to a cluster where
/// all are as cold as it is has its full share all the same: weights are relative.
pub fn ramp(age_ms: u64) -> u16 {
    let step = age_ms.saturating_mul(STEPS.len() as u64 - 1) / RAMP_MS;
    STEPS[usize::try_from(step).unwrap_or(usize::MAX).min(STEPS.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cold_node_takes_a_part_of_its_share_that_grows() {
        let weights: Vec<_> = (0..=RAMP_MS / 1000).map(|second| ramp(second * 1000)).collect();
        assert!(weights.is_sorted() && weights[0] == 12);
        assert_eq!((ramp(RAMP_MS - 1), ramp(RAMP_MS), ramp(u64::MAX)), (50, 100, 100));
    }
}

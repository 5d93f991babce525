//! What one address may have of the slices' own listeners: connections that have not identified, and new ones in a time. The
//! kernel shares the connections of an address out over all slices, so this is theirs together.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use consort_runtime::{Pace, network};

use crate::Seat;
use crate::config::RETRY_AFTER_SECS;

/// In this time an address may open as many connections as may wait at once.
const WINDOW: Duration = Duration::from_secs(RETRY_AFTER_SECS as u64);
/// Addresses remembered before those that have nothing and may open as many as any are forgotten.
const REMEMBERED_MAX: usize = 16 * 1024;

/// The share of one address (of IPv6 a /64).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PerNetwork {
    /// Connections that have not identified; and in five seconds as many new ones.
    pub max: usize,
    /// Whether this machine is an address like others. It is not, when what comes from it may come through a proxy.
    pub limits_local: bool,
}

/// What an address has.
#[derive(Debug)]
struct Count {
    /// Connections that have not identified.
    waiting: usize,
    /// How fast it has opened them.
    pace: Pace,
}

impl Count {
    fn is_idle(&self, now: Instant) -> bool {
        self.waiting == 0 && self.pace.is_idle(now)
    }
}

/// The counts of all addresses.
#[derive(Debug)]
pub(crate) struct Networks {
    share: Option<PerNetwork>,
    counts: Mutex<HashMap<IpAddr, Count>>,
}

/// The address has its share, or comes too fast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HasItsShare;

impl Networks {
    /// Nobody is there. Without a share nobody is counted.
    pub(crate) fn new(share: Option<PerNetwork>) -> Arc<Self> {
        Arc::new(Self { share: share.filter(|share| share.max > 0), counts: Mutex::default() })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, Count>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets in a connection from `ip`; gives the place it takes, `None` when it is not counted.
    pub(crate) fn admit(
        self: &Arc<Self>,
        now: Instant,
        ip: IpAddr,
    ) -> Result<Option<Box<dyn Seat>>, HasItsShare> {
        let Some(PerNetwork { max, limits_local }) = self.share else { return Ok(None) };
        if !limits_local && ip.to_canonical().is_loopback() {
            return Ok(None);
        }
        let network = network(ip);
        let mut counts = self.counts();
        if counts.len() >= REMEMBERED_MAX && !counts.contains_key(&network) {
            counts.retain(|_, count| !count.is_idle(now));
        }
        let count = counts.entry(network).or_insert(Count { waiting: 0, pace: Pace::new(now) });
        if count.waiting >= max || !count.pace.take(now, max, WINDOW) {
            return Err(HasItsShare);
        }
        count.waiting += 1;
        Ok(Some(Box::new(Unidentified { networks: self.clone(), network })))
    }
}

/// One connection that has not identified.
struct Unidentified {
    networks: Arc<Networks>,
    network: IpAddr,
}

impl Seat for Unidentified {
    /// Who is to leave when there is no room, the slice knows.
    fn may_wait(&self) -> bool {
        true
    }
}

impl Drop for Unidentified {
    fn drop(&mut self) {
        if let Some(count) = self.networks.counts().get_mut(&self.network) {
            count.waiting -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(max: usize, limits_local: bool) -> Arc<Networks> {
        Networks::new(Some(PerNetwork { max, limits_local }))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_so_many_that_have_not_identified() {
        let (networks, now) = (networks(2, true), Instant::now());
        let a = networks.admit(now, ip("10.0.0.1")).unwrap();
        let _b = networks.admit(now, ip("10.0.0.1")).unwrap();
        let later = now + WINDOW;
        assert!(networks.admit(later, ip("::ffff:10.0.0.1")).is_err(), "the same address, written otherwise");
        assert!(networks.admit(later, ip("10.0.0.2")).is_ok());
        // One has identified, or is gone.
        drop(a);
        assert!(networks.admit(later, ip("10.0.0.1")).is_ok());
    }

    #[test]
    fn an_address_opens_so_many_in_a_time_however_soon_they_close() {
        let (networks, now) = (networks(5, true), Instant::now());
        let at = |ms: u64| networks.admit(now + Duration::from_millis(ms), ip("2001:db8::1")).is_ok();
        assert!((0..5).all(|_| at(0)));
        assert!(!at(0) && !at(999));
        assert!(at(1000) && !at(1000));
        assert!((0..5).all(|_| at(20_000)) && !at(20_000), "no more than that is saved up");
        assert!(networks.admit(now, ip("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn this_machine_is_not_counted_and_nobody_without_a_share() {
        let now = Instant::now();
        let several =
            |networks: &Arc<Networks>, from| (0..100).all(|_| networks.admit(now, ip(from)).is_ok());
        assert!(several(&networks(1, false), "127.0.0.1") && several(&networks(1, false), "::1"));
        assert!(!several(&networks(1, true), "127.0.0.1"));
        assert!(several(&Networks::new(None), "10.0.0.1"));
    }

    #[test]
    fn addresses_that_have_nothing_are_forgotten() {
        let (networks, now) = (networks(1, true), Instant::now());
        let _stays = networks.admit(now, ip("10.0.0.1")).unwrap();
        for n in 0..2 * REMEMBERED_MAX as u64 {
            let at = now + n as u32 * Duration::from_millis(1);
            let [.., a, b, c] = (n + 1).to_be_bytes();
            assert!(networks.admit(at, IpAddr::from([11, a, b, c])).is_ok());
        }
        assert!(networks.counts().len() <= REMEMBERED_MAX + WINDOW.as_millis() as usize);
        assert!(networks.counts().contains_key(&ip("10.0.0.1")));
    }
}

//! Connections that have not shown whose they are: there is room for some, and for some of each address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Strangers at once. One more is turned away; those who are there have seconds to identify.
const STRANGERS_MAX: usize = 2048;
/// Strangers of one address, unless it is this machine's own.
const STRANGERS_PER_ADDRESS_MAX: usize = 64;

/// The strangers that are connected.
#[derive(Debug, Default)]
pub(crate) struct Strangers(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    all: usize,
    by_address: BTreeMap<IpAddr, usize>,
}

impl Strangers {
    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a stranger in, if there is room; it is one until what is given back is dropped. Of IPv6 the network of a customer (/64)
    /// counts as one address.
    pub(crate) fn admit(self: &Arc<Self>, ip: IpAddr) -> Option<Stranger> {
        let network = match ip.to_canonical() {
            IpAddr::V6(v6) => IpAddr::from((v6.to_bits() & !u128::from(u64::MAX)).to_be_bytes()),
            v4 => v4,
        };
        let mut counted = self.lock();
        let of_address = counted.by_address.get(&network).copied().unwrap_or(0);
        let many = of_address >= STRANGERS_PER_ADDRESS_MAX && !ip.to_canonical().is_loopback();
        if many || counted.all >= STRANGERS_MAX {
            return None;
        }
        counted.all += 1;
        *counted.by_address.entry(network).or_default() += 1;
        Some(Stranger { all: self.clone(), network })
    }
}

/// One stranger.
#[derive(Debug)]
pub(crate) struct Stranger {
    all: Arc<Strangers>,
    network: IpAddr,
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut counted = self.all.lock();
        counted.all -= 1;
        if let Some(of_address) = counted.by_address.get_mut(&self.network) {
            *of_address -= 1;
            if *of_address == 0 {
                counted.by_address.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_takes_only_its_share_and_gives_it_back() {
        let strangers = Arc::new(Strangers::default());
        let [one, same, other]: [IpAddr; 3] =
            ["2001:db8::1", "2001:db8::ffff:1", "192.0.2.1"].map(|ip| ip.parse().unwrap());
        let mut inside: Vec<_> = std::iter::from_fn(|| strangers.admit(one)).collect();
        assert_eq!(inside.len(), STRANGERS_PER_ADDRESS_MAX);
        assert!(strangers.admit(same).is_none() && strangers.admit(other).is_some());
        inside.pop();
        assert!(strangers.admit(same).is_some());
        inside.clear();
        let counted = strangers.lock();
        assert_eq!((counted.all, counted.by_address.len()), (0, 0));
    }

    #[test]
    fn there_is_a_bound_for_all() {
        let strangers = Arc::new(Strangers::default());
        let inside: Vec<_> = std::iter::from_fn(|| strangers.admit([127, 0, 0, 1].into())).collect();
        assert_eq!(inside.len(), STRANGERS_MAX);
    }
}

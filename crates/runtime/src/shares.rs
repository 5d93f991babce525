//! Something bounded that many take parts of, such as memory for request bodies: shared fairly while it lasts.
//!
//! Who takes is known by one or more [`Holder`]s (an account and a network, say), and each of them may hold as much as is
//! left for everybody else. So one alone gets half of all, two get a third each, and there is always room for the next
//! one who comes; nobody has to say beforehand how many they will be. (Dynamic thresholds, from the buffers of switches:
//! Choudhury and Hahne, IEEE/ACM Transactions on Networking 6, 1998.)

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// Who is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holder {
    /// An account, by its snowflake.
    Account(u64),
    /// Those of a network (see [`network`]) who have not said who they are, together.
    Strangers(IpAddr),
    /// All of a network. Many people may share one, so it may hold [`NETWORK_PARTS`] times what is left.
    Network(IpAddr),
}

/// See [`Holder::Network`]; four times what is left is four fifths of all.
const NETWORK_PARTS: u64 = 4;

impl Holder {
    /// What it may hold when so much is left.
    fn part(self, left: u64) -> u64 {
        match self {
            Self::Account(_) | Self::Strangers(_) => left,
            Self::Network(_) => left.saturating_mul(NETWORK_PARTS),
        }
    }
}

/// What is counted as one address: of IPv6 the /64, which one customer has.
pub fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

/// Why nothing more was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// All of it is taken.
    #[error("nothing is left")]
    Empty,
    /// There is more, but not for this holder.
    #[error("a holder has its part already")]
    Unfair,
}

#[derive(Debug, Default)]
struct State {
    used: u64,
    held: HashMap<Holder, u64>,
}

impl State {
    /// Whether a holder may have so much more, when `left` is left then.
    fn has_room(&self, holder: Holder, units: u64, left: u64, floor: u64) -> bool {
        let held = self.held.get(&holder).copied().unwrap_or_default().saturating_add(units);
        held <= holder.part(left).max(floor)
    }
}

/// A number of units, and who holds how many.
#[derive(Debug)]
pub struct Shares {
    total: u64,
    floor: u64,
    state: Mutex<State>,
}

impl Shares {
    /// Units to be shared. Up to `floor` of them a holder gets as long as there are any.
    pub fn new(total: u64, floor: u64) -> Arc<Self> {
        Arc::new(Self { total, floor, state: Mutex::default() })
    }

    /// A share of these holders together, with nothing in it.
    pub fn share(self: &Arc<Self>, holders: Vec<Holder>) -> Share {
        Share { shares: self.clone(), holders, units: 0 }
    }

    /// Units that are taken.
    pub fn used(&self) -> u64 {
        self.lock().used
    }

    /// Units there are.
    pub fn total(&self) -> u64 {
        self.total
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What somebody holds; given back when it is dropped.
pub struct Share {
    shares: Arc<Shares>,
    holders: Vec<Holder>,
    units: u64,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share").field("holders", &self.holders).field("units", &self.units).finish()
    }
}

impl Share {
    /// Takes more, of which `spare` units are left for others than those who ask so.
    ///
    /// # Errors
    /// When there is too little, or one of the holders has its part; then nothing was taken.
    pub fn grow_beside(&mut self, units: u64, spare: u64) -> Result<(), Refused> {
        let mut state = self.shares.lock();
        let left = self.shares.total.checked_sub(state.used.saturating_add(units)).ok_or(Refused::Empty)?;
        if left < spare {
            return Err(Refused::Empty);
        }
        let has_room = |holder| state.has_room(holder, units, left, self.shares.floor);
        if !self.holders.iter().copied().all(has_room) {
            return Err(Refused::Unfair);
        }
        state.used += units;
        for holder in &self.holders {
            *state.held.entry(*holder).or_default() += units;
        }
        self.units += units;
        Ok(())
    }

    /// As [`Share::grow_beside`], with nothing spared.
    ///
    /// # Errors
    /// As there.
    pub fn grow(&mut self, units: u64) -> Result<(), Refused> {
        self.grow_beside(units, 0)
    }

    /// Counts what is in it for one more holder, of whom is only known now.
    ///
    /// # Errors
    /// When that one has its part already; then nothing changes.
    pub fn join(&mut self, holder: Holder) -> Result<(), Refused> {
        let mut state = self.shares.lock();
        let left = self.shares.total.saturating_sub(state.used);
        if !state.has_room(holder, self.units, left, self.shares.floor) {
            return Err(Refused::Unfair);
        }
        *state.held.entry(holder).or_default() += self.units;
        self.holders.push(holder);
        Ok(())
    }

    /// Gives some back, all at most.
    pub fn shrink(&mut self, units: u64) {
        let units = units.min(self.units);
        self.units -= units;
        let mut state = self.shares.lock();
        state.used -= units;
        for holder in &self.holders {
            if let Some(held) = state.held.get_mut(holder) {
                *held -= units;
                if *held == 0 {
                    state.held.remove(holder);
                }
            }
        }
    }

    /// Units in it.
    pub fn units(&self) -> u64 {
        self.units
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shrink(self.units);
    }
}

/// Who sends a request, and the memory that its body may take. The HTTP edge puts one into the extensions of every request;
/// whoever reads the body takes a [`Share`] for what has arrived and holds it as long as the bytes are in memory.
#[derive(Debug, Clone)]
pub struct Sender {
    /// Bytes of bodies in memory.
    pub bytes: Arc<Shares>,
    /// The account, if it is known, and the address.
    pub holders: Vec<Holder>,
}

impl Sender {
    /// A share for one body, with nothing in it.
    pub fn share(&self) -> Share {
        self.bytes.share(self.holders.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Holder = Holder::Account(1);
    const B: Holder = Holder::Account(2);

    /// Takes one by one until no more is given; how many there were.
    fn take_all(shares: &Arc<Shares>, holder: Holder) -> (Share, u64) {
        let mut share = shares.share(vec![holder]);
        while share.grow(1).is_ok() {}
        let units = share.units();
        (share, units)
    }

    #[test]
    fn one_alone_gets_half_and_there_is_always_room_for_the_next() {
        let shares = Shares::new(1000, 1);
        let (_a, units) = take_all(&shares, A);
        assert_eq!(units, 500);
        let mut before = units;
        let others: Vec<_> = (10..15).map(|n| take_all(&shares, Holder::Account(n))).collect();
        for (_, units) in &others {
            assert!((1..=before).contains(units), "{units}");
            before = *units;
        }
    }

    #[test]
    fn the_last_units_go_to_whoever_has_less_than_the_floor() {
        let shares = Shares::new(2, 1);
        let (_a, a) = take_all(&shares, A);
        let (_b, b) = take_all(&shares, B);
        assert_eq!((a, b), (1, 1));
        assert_eq!(shares.share(vec![Holder::Account(3)]).grow(1), Err(Refused::Empty));
    }

    #[test]
    fn every_holder_of_a_share_is_counted() {
        let shares = Shares::new(100, 1);
        let strangers = Holder::Strangers(network("10.0.0.1".parse().unwrap()));
        let mut first = shares.share(vec![A, strangers]);
        first.grow(50).unwrap();
        assert_eq!(shares.share(vec![B, strangers]).grow(1), Err(Refused::Unfair));
        let mut other = shares.share(vec![B]);
        other.grow(1).unwrap();
        assert_eq!(other.join(strangers), Err(Refused::Unfair));
        other.join(Holder::Account(3)).unwrap();
        drop((first, other));
        assert!(shares.lock().held.is_empty());
    }

    #[test]
    fn a_network_of_many_people_leaves_a_fifth_to_others() {
        let shares = Shares::new(100, 1);
        let network = Holder::Network(network("10.0.0.1".parse().unwrap()));
        let people: Vec<_> = (0..50)
            .map(|n| {
                let mut share = shares.share(vec![Holder::Account(n), network]);
                while share.grow(1).is_ok() {}
                share
            })
            .collect();
        assert_eq!(people[0].units(), 50);
        assert_eq!(shares.used(), 80);
    }

    #[test]
    fn what_is_spared_is_there_for_those_who_spare_less() {
        let shares = Shares::new(10, 10);
        let mut share = shares.share(vec![A]);
        assert_eq!(share.grow_beside(6, 5), Err(Refused::Empty));
        share.grow_beside(5, 5).unwrap();
        assert!(shares.share(vec![B]).grow(5).is_ok());
    }

    #[test]
    fn what_is_dropped_or_given_back_is_there_again() {
        let shares = Shares::new(100, 1);
        let mut share = shares.share(vec![A]);
        share.grow(40).unwrap();
        share.shrink(10);
        assert_eq!((share.units(), shares.used()), (30, 30));
        drop(share);
        assert_eq!(shares.used(), 0);
        assert!(shares.lock().held.is_empty());
        assert_eq!(shares.share(vec![A]).grow(u64::MAX), Err(Refused::Empty));
    }

    #[test]
    fn one_ipv6_customer_is_one_network() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}

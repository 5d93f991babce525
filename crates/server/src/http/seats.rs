//! Who may be connected. A listener has a number of seats; who waits for its client longest gives up a seat for whoever
//! comes next, those first who have not said anything yet.
//!
//! A socket has a seat from the moment it is accepted until it is closed or, on the gateway, has identified. So the
//! number of descriptors that strangers hold is bounded, and nobody need wait until a silent one has had its time.
//!
//! When all seats are taken and nobody can be asked to leave, or an address has its share or comes too fast, some may still stand: they
//! are answered once, `/healthz` and whoever brings a token as usual, others that there is no room.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use consort_runtime::{Pace, network};
use slab::Slab;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long somebody may keep the server waiting, when others find no seat, before several are asked to leave at once.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a client may take nothing of an answer.
pub(crate) const WRITE_STALL_MAX: Duration = Duration::from_secs(30);
/// How fast a client must be not to count as waiting: a byte a millisecond.
const BYTES_PER_MS: u64 = 1;
/// In this time a network may open as many connections as it may have. Many programs open one for each request, so it is shorter
/// than what the gateway's own listeners give.
const WINDOW: Duration = Duration::from_secs(1);
/// Networks remembered before those are forgotten that have nothing and may open as many as any.
const REMEMBERED_MAX: usize = 16 * 1024;

/// How many may be there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Seats.
    pub(crate) seats: usize,
    /// Of these, for one network; and in a second as many new ones.
    pub(crate) per_network: usize,
    /// Whether this machine is a network like others. It is not, when what comes from it may come through a proxy.
    pub(crate) limits_local: bool,
}

impl Limits {
    /// Who may stand beside those who sit.
    pub(crate) fn standing(self) -> usize {
        (self.seats / 8).clamp(8, 512)
    }
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Turn {
    /// The client's: to begin a request, to go on with one, or to identify.
    Speak,
    /// The client's: to take what it is sent.
    Listen,
    /// The server's.
    Server,
}

/// How well somebody is known; those known least leave first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
enum Known {
    Silent,
    Asked,
    Authenticated,
}

/// One seat. Whoever serves the connection keeps it up to date.
#[derive(Debug)]
pub(crate) struct Seat {
    network: IpAddr,
    stands: bool,
    /// Rises with every seat that is taken.
    number: u64,
    began: Instant,
    turn: AtomicU8,
    /// Since when it is the client's turn, milliseconds after `began`, later by what it has sent or taken since.
    since_ms: AtomicU64,
    known: AtomicU8,
    leaving: AtomicBool,
    /// When it was asked to leave, as `since_ms`.
    asked_ms: AtomicU64,
    leave: Notify,
}

impl Seat {
    fn new(network: IpAddr, stands: bool, number: u64, began: Instant) -> Self {
        let seat = Self {
            network,
            stands,
            number,
            began,
            turn: AtomicU8::new(Turn::Speak as u8),
            since_ms: AtomicU64::new(0),
            known: AtomicU8::new(Known::Silent as u8),
            leaving: AtomicBool::new(false),
            asked_ms: AtomicU64::new(0),
            leave: Notify::new(),
        };
        seat.speak();
        seat
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Changes whose turn it is; gives whose it was.
    fn turn(&self, turn: Turn) -> u8 {
        self.turn.swap(turn as u8, Ordering::Relaxed)
    }

    fn restart(&self) {
        self.since_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// The server waits for the client to say something new.
    pub(crate) fn speak(&self) {
        self.turn(Turn::Speak);
        self.restart();
    }

    /// The server waits for the client to go on with what it says.
    pub(crate) fn speak_on(&self) {
        self.turn(Turn::Speak);
    }

    /// The server waits for the client to take something.
    pub(crate) fn listen(&self) {
        if self.turn(Turn::Listen) == Turn::Server as u8 {
            self.restart();
        }
    }

    /// The server does not wait for the client.
    pub(crate) fn serve(&self) {
        self.turn(Turn::Server);
    }

    /// A request has begun.
    pub(crate) fn asked(&self) {
        self.known.fetch_max(Known::Asked as u8, Ordering::Relaxed);
        self.serve();
        self.restart();
    }

    /// The connection is a WebSocket now, that has not identified.
    pub(crate) fn upgraded(&self) {
        self.known.store(Known::Silent as u8, Ordering::Relaxed);
        self.speak();
    }

    /// Whether the server waits for the client; if so, whether for it to take something.
    pub(crate) fn waits(&self) -> Option<bool> {
        let turn = self.turn.load(Ordering::Relaxed);
        (turn != Turn::Server as u8).then_some(turn == Turn::Listen as u8)
    }

    /// The client has sent or taken something.
    pub(crate) fn progress(&self, bytes: usize) {
        let now_ms = self.now_ms();
        let credit = bytes as u64 / BYTES_PER_MS;
        let later = |since: u64| Some(since.saturating_add(credit).min(now_ms));
        // Never refused, since the closure always gives something.
        let _before = self.since_ms.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
    }

    /// A request with a valid token was answered.
    pub(crate) fn authenticated(&self) {
        self.known.store(Known::Authenticated as u8, Ordering::Relaxed);
    }

    /// Whether there was no seat: one answer, and out.
    pub(crate) fn stands(&self) -> bool {
        self.stands
    }

    /// Whether somebody else needs the seat.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    /// Waits until somebody else needs the seat.
    pub(crate) async fn asked_to_leave(&self) {
        // A permit is kept for who comes to wait later.
        while !self.is_leaving() {
            self.leave.notified().await;
        }
    }

    fn ask_to_leave(&self) {
        self.asked_ms.store(self.now_ms(), Ordering::Relaxed);
        self.leaving.store(true, Ordering::Relaxed);
        self.leave.notify_one();
    }

    /// How long the server has waited for the client, if it does.
    fn waited_ms(&self, now_ms: u64) -> Option<u64> {
        let waits = self.turn.load(Ordering::Relaxed) != Turn::Server as u8 && !self.is_leaving();
        waits.then(|| now_ms.saturating_sub(self.since_ms.load(Ordering::Relaxed)))
    }
}

/// What a network has.
#[derive(Debug)]
struct OfNetwork {
    /// Connections, sitting or standing.
    here: usize,
    standing: usize,
    /// How fast it has opened them.
    pace: Pace,
}

impl OfNetwork {
    fn new(now: std::time::Instant) -> Self {
        Self { here: 0, standing: 0, pace: Pace::new(now) }
    }

    fn is_idle(&self, now: std::time::Instant) -> bool {
        self.here == 0 && self.pace.is_idle(now)
    }
}

/// Those who are there.
#[derive(Debug, Default)]
struct Hall {
    seats: Slab<Arc<Seat>>,
    standing: usize,
    taken: u64,
    by_network: HashMap<IpAddr, OfNetwork>,
}

impl Hall {
    fn sitting(&self) -> usize {
        self.seats.len() - self.standing
    }

    /// Those who were asked to leave a moment ago and are still there. Whoever stays longer, as a WebSocket whose IDENTIFY is being
    /// looked at may, makes no room.
    fn leaving(&self, now_ms: u64, stands: bool) -> usize {
        let patience_ms = PATIENCE.as_millis() as u64;
        let is_going = |seat: &Seat| {
            seat.is_leaving() && now_ms.saturating_sub(seat.asked_ms.load(Ordering::Relaxed)) <= patience_ms
        };
        self.seats.iter().filter(|(_, seat)| seat.stands == stands && is_going(seat)).count()
    }

    fn take(&mut self, seat: &Arc<Seat>) -> usize {
        self.standing += usize::from(seat.stands);
        self.taken += 1;
        let of_network = self.of_network(seat.network);
        of_network.here += 1;
        of_network.standing += usize::from(seat.stands);
        self.seats.insert(seat.clone())
    }

    fn free(&mut self, key: usize) {
        let seat = self.seats.remove(key);
        self.standing -= usize::from(seat.stands);
        let now = Instant::now().into_std();
        if let Some(of_network) = self.by_network.get_mut(&seat.network) {
            of_network.here -= 1;
            of_network.standing -= usize::from(seat.stands);
            if of_network.is_idle(now) {
                self.by_network.remove(&seat.network);
            }
        }
    }

    /// What a network has. Those that have nothing are forgotten when there are very many.
    fn of_network(&mut self, network: IpAddr) -> &mut OfNetwork {
        let now = Instant::now().into_std();
        if self.by_network.len() >= REMEMBERED_MAX && !self.by_network.contains_key(&network) {
            self.by_network.retain(|_, of_network| !of_network.is_idle(now));
        }
        self.by_network.entry(network).or_insert_with(|| OfNetwork::new(now))
    }

    /// Whether a network has less than its share, and does not come too fast; if so, that is one more.
    fn takes_of_share(&mut self, network: IpAddr, max: usize) -> bool {
        let of_network = self.of_network(network);
        of_network.here < max && of_network.pace.take(Instant::now().into_std(), max, WINDOW)
    }

    /// Asks at least one to leave, and with it others who have kept the server waiting too long, up to a part of all. Those without
    /// a token go before those with one, then whoever has had their patience before whoever has only just come, who is known
    /// least, who is of the network with the most, who has kept the server waiting longest. Whether there was anybody.
    fn make_room(&self, now_ms: u64, may_go: impl Fn(&Seat) -> bool) -> bool {
        let order = |seat: &Seat, waited: u64| {
            let of_network = self.by_network.get(&seat.network).map_or(0, |of_network| of_network.here);
            let known = seat.known.load(Ordering::Relaxed);
            let is_new = waited < PATIENCE.as_millis() as u64;
            let rank = (known == Known::Authenticated as u8, is_new, known, Reverse(of_network));
            (rank, Reverse(waited), seat.number)
        };
        let waiting = self.seats.iter().filter(|(_, seat)| may_go(seat));
        let mut candidates: Vec<_> =
            waiting.filter_map(|(_, seat)| Some((order(seat, seat.waited_ms(now_ms)?), seat))).collect();
        if candidates.is_empty() {
            return false;
        }
        let part = (self.seats.len() / 64).clamp(1, candidates.len());
        candidates.select_nth_unstable_by_key(part - 1, |(order, _)| *order);
        candidates.truncate(part);
        candidates.sort_unstable_by_key(|(order, _)| *order);
        let patience_ms = PATIENCE.as_millis() as u64;
        for (n, ((_, Reverse(waited), _), seat)) in candidates.iter().enumerate() {
            if n == 0 || *waited >= patience_ms {
                seat.ask_to_leave();
            }
        }
        true
    }
}

/// The seats of a listener.
#[derive(Debug)]
pub(crate) struct Seats {
    limits: Limits,
    began: Instant,
    hall: Mutex<Hall>,
    freed: Notify,
}

impl Seats {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, began: Instant::now(), hall: Mutex::default(), freed: Notify::new() })
    }

    fn hall(&self) -> MutexGuard<'_, Hall> {
        self.hall.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits until there is a place for somebody who has come, be it to stand.
    pub(crate) async fn has_room(&self) {
        let all = self.limits.seats + self.limits.standing();
        loop {
            let freed = self.freed.notified();
            {
                let hall = self.hall();
                if hall.seats.len() < all {
                    return;
                }
                // Those who are leaving already make the room: whoever has only just come is not asked as well.
                let now_ms = self.now_ms();
                if hall.leaving(now_ms, true) + hall.leaving(now_ms, false) == 0 {
                    hall.make_room(now_ms, |_| true);
                }
            }
            // Nobody may have been there to be asked: then somebody becomes so soon.
            let _freed = tokio::time::timeout(Duration::from_millis(50), freed).await;
        }
    }

    /// Gives a new connection its place; `None` when there is none, and it is to be closed.
    pub(crate) fn admit(self: &Arc<Self>, ip: IpAddr) -> Option<TakenSeat> {
        let network = network(ip);
        let is_limited = self.limits.limits_local || !ip.to_canonical().is_loopback();
        let mut hall = self.hall();
        let has_share = is_limited && !hall.takes_of_share(network, self.limits.per_network);
        let now_ms = self.now_ms();
        let has_standing_room = hall.standing < self.limits.standing();
        let stands = if has_share {
            let standing = hall.of_network(network).standing;
            if !has_standing_room || standing > self.limits.standing() / 4 {
                hall.make_room(now_ms, |seat| seat.stands && seat.network == network);
                return None;
            }
            true
        } else if hall.seats.len() >= self.limits.seats + self.limits.standing() {
            return None;
        } else {
            // Whoever is asked leaves at once or, on the gateway, within a moment, and until then there is room to stand.
            let has_seat = hall.sitting() < self.limits.seats
                || hall.sitting() - hall.leaving(now_ms, false) < self.limits.seats
                || hall.make_room(now_ms, |seat| !seat.stands);
            !has_seat && has_standing_room
        };
        let seat = Arc::new(Seat::new(network, stands, hall.taken, self.began));
        let key = hall.take(&seat);
        drop(hall);
        Some(TakenSeat { seats: self.clone(), seat, key })
    }

    /// Asks those to leave who have not taken anything of their answer for too long.
    pub(crate) fn cut_stalled(&self) {
        let now_ms = self.now_ms();
        let limit_ms = WRITE_STALL_MAX.as_millis() as u64;
        for (_, seat) in &self.hall().seats {
            let listens = seat.turn.load(Ordering::Relaxed) == Turn::Listen as u8;
            if listens && seat.waited_ms(now_ms).is_some_and(|waited| waited >= limit_ms) {
                seat.ask_to_leave();
            }
        }
    }

    /// Asks some to leave, whoever waits longest.
    pub(crate) fn ask_some(&self) {
        self.hall().make_room(self.now_ms(), |_| true);
    }

    /// Waits until nobody is there.
    pub(crate) async fn all_gone(&self) {
        loop {
            let freed = self.freed.notified();
            if self.hall().seats.is_empty() {
                return;
            }
            freed.await;
        }
    }
}

/// A seat while it is taken.
#[derive(Debug)]
pub(crate) struct TakenSeat {
    seats: Arc<Seats>,
    seat: Arc<Seat>,
    key: usize,
}

impl TakenSeat {
    pub(crate) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }
}

impl Drop for TakenSeat {
    fn drop(&mut self) {
        self.seats.hall().free(self.key);
        self.seats.freed.notify_waiters();
    }
}

impl consort_gateway::Seat for TakenSeat {
    fn may_wait(&self) -> bool {
        !self.seat.is_leaving()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats(seats: usize, per_network: usize, limits_local: bool) -> Arc<Seats> {
        Seats::new(Limits { seats, per_network, limits_local })
    }

    fn ip(n: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, n])
    }

    async fn advance(ms: u64) {
        tokio::time::advance(Duration::from_millis(ms)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_keeps_the_server_waiting_longest_gives_up_the_seat() {
        let seats = seats(3, 100, true);
        let mut places = Vec::new();
        for n in 0..3 {
            places.push(seats.admit(ip(n)).unwrap());
            advance(10).await;
        }
        places[0].seat().serve();
        let fourth = seats.admit(ip(9)).unwrap();
        assert!(!fourth.seat().stands());
        let leaving: Vec<_> = places.iter().map(|place| place.seat().is_leaving()).collect();
        assert_eq!(leaving, [false, true, false]);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_last_is_not_asked_while_others_are_leaving() {
        let seats = seats(4, 100, true);
        // All in one moment, and faster than anybody can leave.
        let crowd: Vec<_> = std::iter::from_fn(|| seats.admit(ip(1))).collect();
        assert_eq!(crowd.len(), 4 + 8);
        assert!(!crowd[11].seat().is_leaving());
        let asked = || crowd.iter().filter(|place| place.seat().is_leaving()).count();
        let before = asked();
        assert!(tokio::time::timeout(PATIENCE / 2, seats.has_room()).await.is_err());
        assert_eq!(asked(), before);
        // Who does not go makes no room, so another is asked.
        assert!(tokio::time::timeout(PATIENCE, seats.has_room()).await.is_err());
        assert!(asked() > before && !crowd[11].seat().is_leaving());
        assert!(crowd[0].seat().is_leaving());
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_are_known_stay_longer_than_strangers() {
        let seats = seats(3, 100, true);
        let [known, asked, silent] = [0, 1, 2].map(|n| seats.admit(ip(n)).unwrap());
        known.seat().authenticated();
        asked.seat().asked();
        advance(10).await;
        for place in [&known, &asked] {
            place.seat().speak();
        }
        let next = seats.admit(ip(10)).unwrap();
        next.seat().serve();
        assert!(silent.seat().is_leaving() && !asked.seat().is_leaving());
        let _last = seats.admit(ip(11)).unwrap();
        assert!(asked.seat().is_leaving());
        assert!(!known.seat().is_leaving());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_only_just_come_stays_while_others_keep_the_server_waiting() {
        let seats = seats(2, 100, true);
        let slow = seats.admit(ip(1)).unwrap();
        slow.seat().asked();
        slow.seat().speak_on();
        advance(1000).await;
        let fresh = seats.admit(ip(2)).unwrap();
        let _next = seats.admit(ip(3)).unwrap();
        assert!(slow.seat().is_leaving() && !fresh.seat().is_leaving());
    }

    #[tokio::test(start_paused = true)]
    async fn of_strangers_those_of_the_largest_network_go_first() {
        let seats = seats(4, 100, true);
        let first = seats.admit(ip(1)).unwrap();
        advance(10).await;
        let crowd: Vec<_> = (0..3).map(|_| seats.admit(ip(2)).unwrap()).collect();
        let _next = seats.admit(ip(3)).unwrap();
        assert!(!first.seat().is_leaving());
        assert_eq!(crowd.iter().filter(|place| place.seat().is_leaving()).count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_are_served_some_may_stand_and_then_nobody_more() {
        let seats = seats(2, 100, true);
        let sitting: Vec<_> = (0..2).map(|n| seats.admit(ip(n)).unwrap()).collect();
        sitting.iter().for_each(|place| place.seat().serve());
        let standing: Vec<_> = (0..8).map(|n| seats.admit(ip(100 + n)).unwrap()).collect();
        assert!(standing.iter().all(|place| place.seat().stands()));
        assert!(seats.admit(ip(200)).is_none());
        assert!(sitting.iter().all(|place| !place.seat().is_leaving()));
        drop(standing);
        assert!(seats.admit(ip(200)).unwrap().seat().stands());
        drop(sitting);
        assert!(!seats.admit(ip(200)).unwrap().seat().stands());
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_has_its_share_and_this_machine_none_unless_asked() {
        let limited = seats(100, 2, false);
        let two: Vec<_> = (0..2).map(|_| limited.admit(ip(1)).unwrap()).collect();
        assert!(limited.admit(ip(1)).unwrap().seat().stands());
        assert!(!limited.admit(ip(2)).unwrap().seat().stands());
        assert!(two.iter().all(|place| !place.seat().is_leaving()));
        let local = || IpAddr::from([127, 0, 0, 1]);
        let many: Vec<_> = (0..5).map(|_| limited.admit(local()).unwrap()).collect();
        assert!(many.iter().all(|place| !place.seat().stands()));
        let strict = seats(100, 1, true);
        let _one = strict.admit(local()).unwrap();
        assert!(strict.admit(local()).unwrap().seat().stands());
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_opens_so_many_in_a_second_however_soon_they_close() {
        let seats = seats(100, 10, true);
        let sits = |n: u8| seats.admit(ip(n)).is_some_and(|place| !place.seat().stands());
        assert!((0..10).all(|_| sits(1)));
        assert!(!sits(1), "whoever comes too fast is answered once, standing");
        assert!(sits(2), "another network is not slowed");
        advance(100).await;
        assert!(sits(1) && !sits(1));
        advance(60_000).await;
        assert!((0..10).all(|_| sits(1)) && !sits(1), "no more than that is saved up");
        let standing: Vec<_> = std::iter::from_fn(|| seats.admit(ip(1))).collect();
        assert_eq!(standing.len(), 12 / 4 + 1, "and does not fill the standing room so");
    }

    #[tokio::test(start_paused = true)]
    async fn networks_that_have_nothing_are_forgotten() {
        let seats = seats(100, 10, true);
        let stays = seats.admit(ip(1)).unwrap();
        for n in 0..2 * REMEMBERED_MAX as u32 {
            let [a, b, c, d] = (n + (11 << 24)).to_be_bytes();
            drop(seats.admit(IpAddr::from([a, b, c, d])).unwrap());
            advance(u64::from(n % 64 == 0)).await;
        }
        let hall = seats.hall();
        assert!(hall.by_network.len() <= REMEMBERED_MAX + 100 * 64, "{}", hall.by_network.len());
        assert!(hall.by_network.contains_key(&stays.seat().network));
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_may_not_fill_the_standing_room() {
        let seats = seats(100, 1, true);
        let mut places = Vec::new();
        while let Some(place) = seats.admit(ip(1)) {
            places.push(place);
        }
        assert_eq!(places.len(), 1 + 12 / 4 + 1);
        assert!(!seats.admit(ip(2)).unwrap().seat().stands());
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_of_an_answer_is_cut_and_who_takes_it_slowly_is_not() {
        let seats = seats(10, 10, true);
        let [stuck, slow] = [0, 1].map(|n| seats.admit(ip(n)).unwrap());
        stuck.seat().listen();
        slow.seat().listen();
        for _ in 0..40 {
            advance(1000).await;
            stuck.seat().listen();
            slow.seat().progress(1000);
        }
        seats.cut_stalled();
        assert!(stuck.seat().is_leaving());
        assert!(!slow.seat().is_leaving());
        tokio::time::timeout(Duration::from_secs(1), stuck.seat().asked_to_leave()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_were_silent_too_long_leave_together() {
        let seats = seats(256, 1000, true);
        let silent: Vec<_> = (0..256).map(|_| seats.admit(ip(1)).unwrap()).collect();
        advance(1000).await;
        let _next = seats.admit(ip(2)).unwrap();
        assert_eq!(silent.iter().filter(|place| place.seat().is_leaving()).count(), 4);
    }
}

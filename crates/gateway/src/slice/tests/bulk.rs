//! What comes in bulk is shared within an account.

use super::*;
use consort_session::JOURNAL_BYTES_MAX;

use crate::config::{ACCOUNT_BULK_BYTES_MAX, ATTACH_BYTES};

impl Slice {
    /// What is counted is what the sessions hold.
    pub(super) fn check_bulk(&self) {
        let mut counted: Lookup<UserId, usize> = Lookup::default();
        for (_, held) in &self.sessions {
            *counted.entry(held.session.identity().viewer.user).or_default() += held.bulk;
        }
        let counted = counted.entries().into_iter().map(|(user, bytes)| (*user, *bytes));
        assert_eq!(self.bulk.counted(), counted.filter(|(_, bytes)| *bytes > 0).collect());
    }
}

fn held(bench: &Bench) -> usize {
    bench.slice.sessions.iter().map(|(_, held)| held.session.held_bytes()).sum()
}

/// A client reads, and no other.
fn read_only(bench: &mut Bench, far: &mut Far) {
    bench.flush_only(far, usize::MAX);
    far.read(usize::MAX);
}

/// How many guilds a client has.
fn guilds(far: &Far) -> usize {
    let ready = far.payloads.iter().find(|payload| payload["t"] == "READY").expect("READY");
    let listed = ready["d"]["guilds"].as_array().expect("a list");
    let whole = listed.iter().filter(|guild| guild["unavailable"] != true).count();
    whole + far.names().iter().filter(|name| **name == "GUILD_CREATE").count()
}

#[test]
fn clients_of_one_account_that_do_not_read_hold_its_guilds_a_few_times_and_get_them_all_once_they_read() {
    let mut bench = Bench::new();
    bench.guild_create = json!({"x": "y".repeat(ATTACH_BYTES)}).to_string();
    let all: Vec<_> = (1..=12).map(GuildId::new).collect();
    let mut fars: Vec<_> = (0..8).map(|_| bench.connect("v=10")).collect();
    for far in &fars {
        bench.identify_as(far, 1, &all, Kind::PERSON);
    }
    // Eight times twelve megabytes were asked for.
    assert!(held(&bench) <= 3 * ACCOUNT_BULK_BYTES_MAX, "{} bytes", held(&bench));
    let mut other = bench.connect("v=10");
    bench.identify_as(&other, 2, &all[..2], Kind::PERSON);
    read_only(&mut bench, &mut other);
    assert_eq!(guilds(&other), 2, "another account does not wait");
    bench.check();
    // READY waits no longer than for a guild that does not answer.
    bench.now += Duration::from_secs(5);
    bench.slice.tick(bench.now);
    bench.settle();
    for _ in 0..200 {
        for far in &mut fars {
            read_only(&mut bench, far);
        }
        bench.slice.tick(bench.now);
        bench.settle();
        bench.check();
    }
    for far in &fars {
        assert_eq!(guilds(far), 12);
    }
}

#[test]
fn who_reads_slowly_is_not_cut_for_guilds_that_all_come_at_once() {
    let mut bench = Bench::new();
    bench.guild_create = json!({"x": "y".repeat(4 * ATTACH_BYTES)}).to_string();
    let all: Vec<_> = (1..=8).map(GuildId::new).collect();
    let mut far = bench.connect("v=10");
    bench.identify_as(&far, 1, &all, Kind::PERSON);
    for _ in 0..20 {
        read_only(&mut bench, &mut far);
    }
    assert_eq!(guilds(&far), all.len());
    let before = far.names().len();
    // The node of all their owners dies.
    for guild in &all {
        bench.slice.guild_restarted(bench.now, *guild, None);
    }
    bench.settle();
    assert!(held(&bench) <= JOURNAL_BYTES_MAX, "{} bytes", held(&bench));
    for _ in 0..40 {
        read_only(&mut bench, &mut far);
        bench.now += Duration::from_secs(1);
        bench.slice.tick(bench.now);
        bench.settle();
        bench.check();
    }
    assert_eq!(far.closed, None);
    let again = far.names()[before..].iter().filter(|name| **name == "GUILD_CREATE").count();
    assert_eq!(again, all.len());
}

#[test]
fn who_waits_for_others_goes_on_when_they_are_gone() {
    let mut bench = Bench::new();
    bench.guild_create = json!({"x": "y".repeat(ATTACH_BYTES)}).to_string();
    let all: Vec<_> = (1..=12).map(GuildId::new).collect();
    let first = bench.connect("v=10");
    bench.identify_as(&first, 1, &all, Kind::PERSON);
    let mut second = bench.connect("v=10");
    bench.identify_as(&second, 1, &all, Kind::PERSON);
    assert!(!bench.slice.sessions[1].session.is_live());
    bench.slice.lost(bench.now, first.slot);
    bench.slice.take_gone();
    bench.slice.tick(bench.now);
    bench.settle();
    bench.read(&mut second);
    bench.check();
    assert_eq!(guilds(&second), 12);
}

#[test]
fn connections_that_do_not_identify_are_few() {
    let config = Config { unidentified_max: 200, ..Config::default() };
    let mut bench = Bench::with(config);
    let mut good = bench.connect("v=10");
    bench.identify(&good, 1, &[]);
    for _ in 0..1_000 {
        bench.connect("v=10");
        bench.slice.take_gone();
    }
    assert!(bench.slice.figures().connections <= 201, "{:?}", bench.slice.figures());
    bench.read(&mut good);
    assert_eq!(good.names(), ["READY"]);
}

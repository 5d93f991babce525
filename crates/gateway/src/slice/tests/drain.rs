//! The end of a slice.

use super::*;
use crate::config::LINGER;

fn drain(urls: &[&str], gives: bool) -> Input {
    Input::Drain { urls: urls.iter().map(|url| (*url).to_owned()).collect(), gives }
}

/// How many were told to go elsewhere.
fn sent_away(bench: &mut Bench, fars: &mut [Far]) -> usize {
    bench.settle();
    let all: Vec<_> = fars.iter().map(|far| (far, usize::MAX)).collect();
    bench.flush_into(&all, 0);
    let told = |far: &mut Far| {
        far.read(usize::MAX);
        far.ops().iter().filter(|op| **op == 7).count()
    };
    fars.iter_mut().map(told).sum()
}

#[test]
fn clients_are_sent_away_some_at_a_time_and_each_once() {
    let mut bench = Bench::new();
    let mut fars = Vec::new();
    for user in 1..=20 {
        let far = bench.connect("v=10");
        bench.identify(&far, user, &[]);
        fars.push(far);
    }
    bench.slice.input(bench.now, drain(&[], false));
    let mut told = vec![sent_away(&mut bench, &mut fars)];
    bench.slice.input(bench.now, drain(&[], false));
    for _ in 0..3 {
        bench.now += Duration::from_millis(20);
        bench.slice.tick(bench.now);
        told.push(sent_away(&mut bench, &mut fars));
    }
    assert_eq!(told, [8, 16, 20, 20]);
    // Who comes now hears it right after HELLO.
    fars.push(bench.connect("v=10"));
    assert_eq!(sent_away(&mut bench, &mut fars), 21);
}

#[test]
fn clients_are_told_where_to_go_and_sessions_of_those_who_do_not_are_given_away() {
    let mut bench = Bench::new();
    let (mut fars, mut ids) = (Vec::new(), Vec::new());
    for user in 1..=3 {
        let far = bench.connect("v=10");
        ids.push(bench.identify(&far, user, &[GUILD]));
        let slot = bench.slice.numbers[&user];
        bench.slice.sessions[slot].heard = Some(0);
        fars.push(far);
    }
    fars.iter_mut().for_each(|far| bench.read(far));
    bench.slice.input(bench.now, drain(&["ws://b", "ws://c"], true));
    assert_eq!(sent_away(&mut bench, &mut fars), 3);
    let told: Vec<_> = fars.iter().map(|far| far.payloads.last().unwrap()["d"].to_string()).collect();
    assert!(
        told.iter().any(|d| d.contains("ws://b")) && told.iter().any(|d| d.contains("ws://c")),
        "{told:?}"
    );

    let given = |bench: &mut Bench, after: Duration| {
        bench.now += after;
        bench.slice.tick(bench.now);
        bench.settle();
        let given = |effect: &Effect| match effect {
            Effect::GiveAway(departure) => Some(departure.id),
            _ => None,
        };
        let ids: Vec<_> = bench.effects.iter().filter_map(given).collect();
        let whole = bench.effects.iter().any(|effect| matches!(effect, Effect::GivenAway));
        bench.effects.clear();
        (ids, whole)
    };
    bench.slice.lost(bench.now, fars[0].slot);
    assert_eq!(given(&mut bench, LINGER / 2), (vec![], false), "it may come back");
    assert_eq!(given(&mut bench, LINGER), (vec![ids[0]], false));
    bench.slice.input(bench.now, Input::GiveAll);
    let (mut rest, whole) = given(&mut bench, Duration::from_millis(20));
    rest.sort_unstable_by_key(|id| id.number);
    assert_eq!((rest, whole), (ids[1..].to_vec(), true));
    assert_eq!(bench.slice.figures().sessions, 0);
    bench.check();
}

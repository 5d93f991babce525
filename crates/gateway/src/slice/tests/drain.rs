//! The end of a slice.

use super::*;

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
    bench.slice.input(bench.now, Input::Drain);
    let mut told = vec![sent_away(&mut bench, &mut fars)];
    bench.slice.input(bench.now, Input::Drain);
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

//! READY and GUILD_CREATE of many kilobytes: held once, written in pieces.

use super::*;

const GUILDS: u64 = 2;

fn large() -> Value {
    let noise: String = (0..2_000u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_string()).collect();
    json!({"id": "1", "x": noise, "y": "z".repeat(8_000)})
}

/// A person, or a bot, that is given large guilds, and what is said before its socket takes anything.
fn with_large_guilds(query: &str, kind: Kind) -> (Bench, Far) {
    let mut bench = Bench::new();
    bench.guild_create = large().to_string();
    let far = bench.connect(query);
    let guilds: Vec<_> = (1..=GUILDS).map(GuildId::new).collect();
    bench.identify_as(&far, 1, &guilds, kind);
    (bench, far)
}

fn guilds(far: &Far) -> Vec<&Value> {
    let ready = far.payloads.iter().find(|payload| payload["t"] == "READY").expect("READY");
    let listed = ready["d"]["guilds"].as_array().expect("a list");
    let later = far.payloads.iter().filter(|payload| payload["t"] == "GUILD_CREATE");
    listed
        .iter()
        .filter(|guild| guild["unavailable"] != true)
        .chain(later.map(|payload| &payload["d"]))
        .collect()
}

#[test]
fn large_guilds_arrive_whole_however_little_a_socket_takes() {
    let large = large();
    for query in [
        "v=10",
        "v=10&compress=zlib-stream",
        "v=10&compress=zstd-stream",
        "v=10&encoding=etf",
        "v=10&encoding=etf&compress=zlib-stream",
        "v=10&encoding=etf&compress=zstd-stream",
    ] {
        for kind in [Kind::PERSON, Kind::BOT] {
            let (mut bench, mut far) = with_large_guilds(query, kind);
            bench.publish(1, 50);
            for step in 0..2_000 {
                bench.flush(&far, 1 + step * 37 % 4_000);
                far.read(usize::MAX);
            }
            assert_eq!(guilds(&far), vec![&large; GUILDS as usize], "{query} {kind:?}");
            assert!(!bench.slice.sessions[0].session.has_unsent());
            bench.check();
        }
    }
}

#[test]
fn who_is_closed_half_way_gets_the_rest_of_the_dispatch_before_the_close_frame() {
    for query in ["v=10", "v=10&compress=zlib-stream", "v=10&encoding=etf"] {
        let (mut bench, mut far) = with_large_guilds(query, Kind::PERSON);
        bench.flush(&far, 20_000);
        bench.slice.close(bench.now, far.slot, 4000);
        let conn = &bench.slice.conns[far.slot];
        assert!(conn.own.len() < 1_000 && !conn.rest.is_empty(), "nothing large is copied");
        for step in 0..2_000 {
            bench.flush(&far, 1 + step * 41 % 3_000);
            far.read(usize::MAX);
        }
        assert_eq!(guilds(&far), vec![&large(); GUILDS as usize]);
        assert_eq!(far.closed, Some(4000));
        assert!(bench.slice.sessions.is_empty(), "nobody can resume a session whose READY did not arrive");
    }
}

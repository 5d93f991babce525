//! Whatever clients and owners say, in any order: the slice holds together.

use super::*;

/// Anything at all: bytes of clients, words of owners, time.
#[derive(Debug, Clone)]
enum Anything {
    Connect(&'static str),
    Bytes(usize, Vec<u8>),
    Payload(usize, String),
    /// A new connection that identifies and reads its READY, or not.
    Identify(u64, bool, Kind),
    Resume(usize, u64),
    Relay(Op),
    Flush(usize, usize),
    Lost(usize),
    LostEvents(bool),
    Time(u64),
    Drain(bool),
    GiveAll,
}

fn guild() -> impl Strategy<Value = GuildId> {
    (70..75u64).prop_map(GuildId::new)
}

fn key() -> impl Strategy<Value = SessionKey> {
    (1..8u64).prop_map(|number| key_of(number, 1))
}

fn withheld() -> impl Strategy<Value = Withheld> {
    let change = prop_oneof![
        (1..4u64).prop_map(|id| Change::Message { channel: 9.into(), id: id.into() }),
        (1..4u64).prop_map(|id| Change::Voice { user: id.into(), state: Some("{}".into()), member: None }),
        (1..4u64).prop_map(|id| Change::Voice { user: id.into(), state: None, member: None }),
        Just(Change::Voice { user: 9.into(), state: Some("no JSON".into()), member: None }),
    ];
    let classes = prop_oneof![
        4 => Just(View::None),
        1 => Just(View::All),
        1 => Just(View::Classes(Arc::new([1].into_iter().collect::<ClassSet>()))),
    ];
    (proptest::option::of(change), classes, proptest::collection::vec(1..4u64, 0..2)).prop_map(
        |(change, classes, users)| Withheld {
            change,
            classes,
            users: users.into_iter().map(UserId::new).collect(),
        },
    )
}

fn word() -> impl Strategy<Value = Op> {
    let user = || (1..4u64).prop_map(UserId::new);
    let event = |guild| {
        let mut event = Event::new("E", Intents::empty(), Audience::all(), &1);
        event.guild = guild;
        Arc::new(event)
    };
    prop_oneof![
        12 => guild().prop_map(move |guild| Op::Publish(event(Some(guild)))),
        6 => (guild(), withheld()).prop_map(|(guild, withheld)| {
            let audience = Audience::view(View::Classes(Arc::new([0, 2].into_iter().collect())));
            let mut event = Event::new("E", Intents::empty(), audience, &1).withhold(withheld);
            event.guild = Some(guild);
            Op::Publish(Arc::new(event))
        }),
        1 => (guild(), user()).prop_map(|(guild, user)| {
            let mut event = Event::new("E", Intents::empty(), Audience::users([user]), &1);
            event.guild = Some(guild);
            Op::Publish(Arc::new(event))
        }),
        3 => key().prop_map(move |key| Op::Direct { sessions: vec![key], event: event(None) }),
        1 => (key(), guild(), 0..3u32).prop_map(|(session, guild, class)| Op::Attached {
            session,
            guild,
            question: Question::default(),
            class,
            guild_create: "{}".into(),
            late: Vec::new(),
        }),
        1 => (key(), guild(), any::<bool>()).prop_map(|(session, guild, unavailable)| Op::Refused {
            session,
            guild,
            question: Question::default(),
            unavailable
        }),
        3 => (guild(), user(), 0..3u32).prop_map(|(guild, user, class)| Op::Class { guild, user, class }),
        1 => (guild(), user()).prop_map(|(guild, user)| Op::Detach { guild, user }),
        1 => guild().prop_map(|guild| Op::Drop { guild }),
        3 => (key(), guild()).prop_map(|(key, guild)| Op::Join { sessions: vec![key], guild }),
        1 => guild().prop_map(|guild| Op::GuildRestarted { guild, line: Epoch::default() }),
        1 => (user(), 4..7u64).prop_map(|(user, since_ms)| Op::UserRestarted { user, since_ms }),
        1 => (key(), 4000..4005u16).prop_map(|(key, code)| Op::Close { sessions: vec![key], code }),
    ]
}

fn payload() -> impl Strategy<Value = String> {
    prop_oneof![
        (0..50u64, any::<Option<u64>>()).prop_map(|(op, d)| json!({"op": op, "d": d}).to_string()),
        guild().prop_map(|g| json!({"op": 8, "d": {"guild_id": g, "query": "", "limit": 0}}).to_string()),
        (guild(), any::<bool>())
            .prop_map(|(g, on)| json!({"op": 14, "d": {"guild_id": g, "threads": on}}).to_string()),
        guild().prop_map(|g| json!({"op": 4, "d": {"guild_id": g, "channel_id": "1"}}).to_string()),
        guild().prop_map(|g| json!({"op": 31, "d": {"guild_ids": [g]}}).to_string()),
        Just(json!({"op": 3, "d": {"status": "idle"}}).to_string()),
        ".{0,40}",
    ]
}

fn anything() -> impl Strategy<Value = Anything> {
    let conn = || 0..6usize;
    prop_oneof![
        3 => prop_oneof![Just("v=10"), Just("v=10&compress=zlib-stream"), Just("encoding=etf"), Just("v=3")]
            .prop_map(Anything::Connect),
        1 => (conn(), proptest::collection::vec(any::<u8>(), 0..64)).prop_map(|(c, b)| Anything::Bytes(c, b)),
        6 => (conn(), payload()).prop_map(|(c, p)| Anything::Payload(c, p)),
        8 => (1..6u64, any::<bool>(), prop_oneof![Just(Kind::BOT), Just(Kind::PERSON), Just(Kind::PASSIVE)])
            .prop_map(|(user, reads, kind)| Anything::Identify(user, reads, kind)),
        6 => (conn(), 0..10u64).prop_map(|(c, s)| Anything::Resume(c, s)),
        30 => word().prop_map(Anything::Relay),
        12 => (conn(), 0..4000usize).prop_map(|(c, r)| Anything::Flush(c, r)),
        3 => conn().prop_map(Anything::Lost),
        1 => any::<bool>().prop_map(Anything::LostEvents),
        4 => (0..40u64).prop_map(Anything::Time),
        1 => any::<bool>().prop_map(Anything::Drain),
        1 => Just(Anything::GiveAll),
    ]
}

fn pick(fars: &mut [Option<Far>], index: usize) -> Option<&mut Far> {
    let count = fars.len();
    if count == 0 { None } else { fars[index % count].as_mut() }
}

/// One thing happens to a slice.
fn happen(bench: &mut Bench, fars: &mut Vec<Option<Far>>, step: usize, one: Anything) {
    match one {
        Anything::Connect(query) => fars.push(Some(bench.connect(query))),
        Anything::Bytes(index, mut bytes) => {
            if let Some(far) = pick(fars, index) {
                bench.slice.receive(bench.now, far.slot, &mut bytes);
            }
        }
        Anything::Payload(index, text) => {
            if let Some(far) = pick(fars, index) {
                let mut bytes = Vec::new();
                ws::client::put_frame(&mut bytes, ws::Opcode::Text, true, [9, 8, 7, 6], text.as_bytes());
                bench.slice.receive(bench.now, far.slot, &mut bytes);
            }
        }
        Anything::Identify(..) if bench.slice.draining => {}
        Anything::Identify(user, reads, kind) => {
            let far = bench.connect("v=10");
            let guilds: Vec<_> = (70..70 + user).map(GuildId::new).collect();
            bench.identify_as(&far, user, &guilds, kind);
            if reads {
                bench.flush(&far, usize::MAX);
            }
            fars.push(Some(far));
        }
        Anything::Resume(index, seq) => {
            let ids: Vec<_> =
                bench.slice.sessions.iter().map(|(_, held)| held.session.identity().clone()).collect();
            if let Some(far) = pick(fars, index)
                && let Some(identity) = ids.get(step % ids.len().max(1))
            {
                let token = format!("t{}", identity.viewer.user);
                let d = json!({"token": token, "session_id": identity.id.to_string(), "seq": seq});
                bench.say(far, &json!({"op": 6, "d": d}));
            }
        }
        Anything::Relay(mut op) => {
            bench.word(&mut op, step);
            bench.slice.input(bench.now, Input::Relay(op));
        }
        Anything::Flush(index, room) => {
            if let Some(far) = pick(fars, index) {
                bench.flush(far, room);
            }
        }
        Anything::Lost(index) => {
            if let Some(far) = pick(fars, index) {
                bench.slice.lost(bench.now, far.slot);
            }
        }
        Anything::LostEvents(everything) => {
            let lost = Lost { everything, guilds: [GUILD].into(), sessions: [1].into(), ..Lost::default() };
            bench.slice.lost_events(bench.now, &lost);
        }
        Anything::Time(seconds) => {
            bench.now += Duration::from_secs(seconds);
            bench.slice.tick(bench.now);
        }
        Anything::Drain(gives) => {
            bench.slice.input(bench.now, Input::Drain { urls: [].into(), gives });
        }
        Anything::GiveAll => bench.slice.input(bench.now, Input::GiveAll),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn whatever_clients_and_owners_say_the_slice_holds_together(
        all in proptest::collection::vec(anything(), 1..200)
    ) {
        let mut bench = Bench::new();
        let mut fars: Vec<Option<Far>> = Vec::new();
        for (step, one) in all.into_iter().enumerate() {
            happen(&mut bench, &mut fars, step, one);
            bench.settle();
            let _ = bench.slice.take_hand_over();
            for Gone { slot, .. } in bench.slice.take_gone() {
                for far in &mut fars {
                    if far.as_ref().is_some_and(|far| far.slot == slot) {
                        *far = None;
                    }
                }
            }
            bench.check();
        }
        bench.slice.input(bench.now, Input::Stop);
        bench.settle();
        bench.check();
        prop_assert_eq!(bench.slice.figures().sessions, 0);
        prop_assert_eq!(bench.slice.interest.guilds(), 0);
    }
}

//! Member lists: what a session has made of the updates it was told is what one is told that begins to look now.

use std::collections::BTreeMap;
use std::time::Duration;

use consort_model::{ChannelId, ChannelType, Overwrite, Patch, Permissions, Presence, RoleId};
use consort_rpc::guild::{Op, gateway, member, role};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::{OWNER, Session, World};

const MEMBERS: u64 = 30;

/// The rows of lists as a client keeps them; those it does not know are null.
#[derive(Debug, Default)]
struct Rows(BTreeMap<String, Vec<Value>>);

impl Rows {
    fn apply(&mut self, update: &Value) {
        let rows = self.0.entry(update["id"].as_str().unwrap().to_owned()).or_default();
        let number = |value: &Value| usize::try_from(value.as_u64().unwrap()).unwrap();
        for op in update["ops"].as_array().unwrap() {
            match op["op"].as_str().unwrap() {
                "SYNC" => {
                    let from = number(&op["range"][0]);
                    for (n, item) in op["items"].as_array().unwrap().iter().enumerate() {
                        rows.resize(rows.len().max(from + n + 1), Value::Null);
                        rows[from + n] = plain(item);
                    }
                }
                "INSERT" => {
                    let row = number(&op["index"]);
                    rows.resize(rows.len().max(row), Value::Null);
                    rows.insert(row, plain(&op["item"]));
                }
                "UPDATE" => rows[number(&op["index"])] = plain(&op["item"]),
                "DELETE" => drop(rows.remove(number(&op["index"]))),
                other => panic!("{other}"),
            }
        }
    }
}

/// An item without what an update of the row does not come for: the number in a header.
fn plain(item: &Value) -> Value {
    let mut item = item.clone();
    if item.get("group").is_some() {
        item["group"]["count"] = Value::Null;
    }
    item
}

fn look(world: &World, user: u64, session: Session, channels: &[(ChannelId, &[(usize, usize)])]) {
    let channels = channels.iter().map(|(channel, ranges)| (channel.to_string(), json!(ranges)));
    let request = json!({"channels": channels.collect::<serde_json::Map<_, _>>()});
    let op = gateway::Op::Subscribe { session: session.key(), request: Box::new(request) };
    world.call(user, Op::Gateway(op)).expect("looks");
}

fn follow(world: &mut World, session: Session, rows: &mut Rows) -> usize {
    let updates: Vec<_> =
        world.take(session).into_iter().filter(|(name, _)| name == "GUILD_MEMBER_LIST_UPDATE").collect();
    updates.iter().for_each(|(_, update)| rows.apply(update));
    updates.len()
}

fn present(world: &World, user: u64, status: &str, busy: bool) {
    let activities = if busy { json!([{"name": "x", "type": 0}]) } else { json!([]) };
    let presence = json!({"user": {"id": user.to_string()}, "status": status, "activities": activities});
    let presence: Box<Presence> = Box::new(serde_json::from_value(presence).unwrap());
    world.call(user, Op::Gateway(gateway::Op::Presence { presence })).expect("told");
}

#[derive(Debug, Clone)]
enum Step {
    Present(u64, usize, bool),
    Rename(u64, String),
    Role(u64, usize, bool),
    Hoist(usize, bool),
    Join(u64),
    Kick(u64),
    Look(usize, usize),
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let user = || 2..=MEMBERS + 1;
    prop_oneof![
        8 => (user(), 0..3usize, any::<bool>()).prop_map(|(u, s, b)| Step::Present(u, s, b)),
        4 => (user(), "[a-cA-C]{1,3}").prop_map(|(u, n)| Step::Rename(u, n)),
        3 => (user(), 0..2usize, any::<bool>()).prop_map(|(u, r, g)| Step::Role(u, r, g)),
        1 => (0..2usize, any::<bool>()).prop_map(|(r, h)| Step::Hoist(r, h)),
        1 => (100..120u64).prop_map(Step::Join),
        1 => user().prop_map(Step::Kick),
        1 => (0..20usize, 1..20usize).prop_map(|(from, width)| Step::Look(from, width)),
        1 => Just(Step::Wait),
    ]
}

fn take(world: &mut World, roles: [RoleId; 2], step: Step) {
    match step {
        Step::Present(user, status, busy) => {
            present(world, user, ["online", "idle", "offline"][status], busy);
        }
        Step::Rename(user, nick) => {
            let update = member::Update { nick: Patch::Value(nick), ..Default::default() };
            let op = member::Op::Update { user: user.into(), update: Box::new(update) };
            drop(world.call(OWNER, Op::Member(op)));
        }
        Step::Role(user, role, give) => {
            let (user, role) = (user.into(), roles[role]);
            let op =
                if give { member::Op::AddRole { user, role } } else { member::Op::RemoveRole { user, role } };
            drop(world.call(OWNER, Op::Member(op)));
        }
        Step::Hoist(role, hoist) => {
            let fields = Box::new(role::Fields { hoist: Patch::Value(hoist), ..Default::default() });
            drop(world.call(OWNER, Op::Role(role::Op::Update { role: roles[role], fields })));
        }
        Step::Join(user) => drop(world.call(
            OWNER,
            Op::Member(member::Op::Add(Box::new(member::Add {
                user: crate::world::account(user),
                nick: None,
                roles: Vec::new(),
                mute: false,
                deaf: false,
            }))),
        )),
        Step::Kick(user) => drop(world.call(OWNER, Op::Member(member::Op::Kick { user: user.into() }))),
        Step::Look(..) => {}
        Step::Wait => world.advance(Duration::from_millis(50)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn who_follows_the_updates_sees_what_a_newcomer_sees(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        world.seed(2..=MEMBERS + 1);
        let general = world.channel("general");
        let roles = ["a", "b"].map(|name| world.create_role(name, Permissions::empty()));
        let hidden = world.create_channel(crate::world::new_channel("hidden", consort_model::ChannelType::GuildText));
        world.hide(hidden);
        let shows = consort_model::Overwrite::role(roles[0], Permissions::VIEW_CHANNEL, Permissions::empty());
        world.overwrite(hidden, shows);
        let (a, b) = (world.connect(OWNER), world.connect(OWNER));
        let (mut of_a, mut of_b) = (Rows::default(), Rows::default());
        let ranges: [(ChannelId, &[(usize, usize)]); 2] = [(general, &[(0, 4), (9, 14)]), (hidden, &[(0, 99)])];
        look(&world, OWNER, a, &ranges);
        look(&world, OWNER, b, &[(general, &[(0, 4), (20, 40)])]);
        for step in steps {
            let looked;
            if let Step::Look(from, width) = step {
                follow(&mut world, a, &mut of_a);
                looked = [(from, from + width)];
                // Rows of ranges that were left are not kept up any more.
                of_a = Rows::default();
                let fresh: [(ChannelId, &[(usize, usize)]); 2] = [(general, &looked), (hidden, &[(0, 99)])];
                look(&world, OWNER, a, &fresh);
                follow(&mut world, a, &mut of_a);
                look(&world, OWNER, a, &ranges);
                of_a = Rows::default();
            }
            take(&mut world, roles, step);
            follow(&mut world, a, &mut of_a);
            follow(&mut world, b, &mut of_b);
            let newcomer = world.connect(OWNER);
            let mut fresh = Rows::default();
            look(&world, OWNER, newcomer, &ranges);
            follow(&mut world, newcomer, &mut fresh);
            world.disconnect(newcomer);
            let leave = gateway::Op::Unsubscribe { session: newcomer.key() };
            world.system(Op::Gateway(leave)).expect("left");
            for (id, rows) in &fresh.0 {
                for (row, item) in rows.iter().enumerate().filter(|(_, item)| !item.is_null()) {
                    let known = of_a.0.get(id).and_then(|known| known.get(row));
                    prop_assert_eq!(known, Some(item), "row {} of {}", row, id);
                    if id == "everyone" && row < 5 {
                        prop_assert_eq!(of_b.0.get(id).and_then(|known| known.get(row)), Some(item));
                    }
                }
            }
        }
    }
}

fn told(world: &mut World, sessions: &[Session]) -> usize {
    let told = sessions.iter().flat_map(|session| world.names(*session));
    told.filter(|name| name == "GUILD_MEMBER_LIST_UPDATE").count()
}

#[test]
fn when_many_look_they_are_told_as_time_allows() {
    let mut world = World::new();
    world.seed(2..=400);
    let general = world.channel("general");
    let sessions: Vec<_> = (0..330).map(|_| world.connect(OWNER)).collect();
    for (n, session) in sessions.iter().enumerate() {
        look(&world, OWNER, *session, &[(general, &[(n, n)])]);
    }
    world.look_away();
    // Somebody comes online at the top: everybody below moves.
    present(&world, 2, "online", false);
    assert_eq!(told(&mut world, &sessions), 330, "told at once");
    // Others come while no time passes: of each hundreds of windows should be told.
    (3..40).for_each(|user| present(&world, user, "online", false));
    let at_once = told(&mut world, &sessions);
    assert!((200..1_500).contains(&at_once), "{at_once} told at once");
    present(&world, 40, "online", false);
    present(&world, 40, "offline", false);
    assert_eq!(told(&mut world, &sessions), 0, "not yet");
    world.advance(Duration::from_millis(100));
    let later = told(&mut world, &sessions);
    assert!((200..660).contains(&later), "{later} told together");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn bursts_that_are_told_bit_by_bit_come_out_right(
        ranges in prop::collection::vec((0..60usize, 1..30usize, 1..30usize, 1..30usize), 300),
        steps in prop::collection::vec((step(), prop::bool::weighted(0.2)), 20..80),
    ) {
        let mut world = World::new();
        world.seed(2..=MEMBERS + 1);
        let general = world.channel("general");
        let roles = ["a", "b"].map(|name| world.create_role(name, Permissions::empty()));
        let mut viewers = Vec::new();
        for (from, width, gap, second) in ranges {
            let (session, end) = (world.connect(OWNER), from + width + gap);
            let windows = [(from, from + width - 1), (end, end + second - 1)];
            look(&world, OWNER, session, &[(general, &windows)]);
            viewers.push((session, windows, Rows::default()));
        }
        for (step, pause) in steps {
            take(&mut world, roles, step);
            if pause {
                world.advance(Duration::from_millis(1));
            }
        }
        world.advance(Duration::from_millis(500));
        let newcomer = world.connect(OWNER);
        let mut fresh = Rows::default();
        look(&world, OWNER, newcomer, &[(general, &[(0, 149)])]);
        follow(&mut world, newcomer, &mut fresh);
        let fresh = &fresh.0["everyone"];
        for (session, windows, mut rows) in viewers {
            follow(&mut world, session, &mut rows);
            let rows = &rows.0["everyone"];
            for row in windows.into_iter().flat_map(|(from, last)| from..=last) {
                if let Some(item) = fresh.get(row) {
                    prop_assert_eq!(rows.get(row), Some(item), "row {}", row);
                }
            }
        }
    }
}

/// Whether a session is told that somebody comes online.
fn hears(world: &mut World, session: Session, who: u64) -> bool {
    world.look_away();
    for status in ["online", "idle", "offline"] {
        present(world, who, status, false);
        world.advance(Duration::from_millis(200));
    }
    told(world, &[session]) > 0
}

#[test]
fn who_may_not_see_a_list_any_more_is_told_nothing_of_it() {
    let mut world = World::new();
    world.seed(2..=5);
    let general = world.channel("general");
    let staff = world.create_role("staff", Permissions::empty());
    let hidden = world.create_channel(crate::world::new_channel("hidden", ChannelType::GuildText));
    world.hide(hidden);
    world.overwrite(hidden, Overwrite::role(staff, Permissions::VIEW_CHANNEL, Permissions::empty()));
    for user in [2, 3, 4, 5] {
        let op = member::Op::AddRole { user: user.into(), role: staff };
        world.ok(OWNER, Op::Member(op));
    }
    let [stays, loses, kicked, everyones] = [2, 3, 4, 4].map(|user| world.connect(user));
    for (user, session, channel) in
        [(2, stays, hidden), (3, loses, hidden), (4, kicked, hidden), (4, everyones, general)]
    {
        look(&world, user, session, &[(channel, &[(0, 99)])]);
    }
    for session in [stays, loses, kicked, everyones] {
        assert!(hears(&mut world, session, 5), "all look");
    }
    world.ok(OWNER, Op::Member(member::Op::RemoveRole { user: 3.into(), role: staff }));
    world.ok(OWNER, Op::Member(member::Op::Kick { user: 4.into() }));
    for (session, still) in [(stays, true), (loses, false), (kicked, false), (everyones, false)] {
        assert_eq!(hears(&mut world, session, 5), still);
    }
    let nobody = Overwrite::role(staff, Permissions::empty(), Permissions::VIEW_CHANNEL);
    world.overwrite(hidden, nobody);
    assert!(!hears(&mut world, stays, 5), "nobody sees the channel");
}

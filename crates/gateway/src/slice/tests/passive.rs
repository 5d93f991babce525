//! What passive sessions hear of it, and that nothing is missed or doubled when they become active.

use std::collections::{BTreeMap, BTreeSet};

use consort_model::{ChannelId, MessageId, Timestamp};

use super::*;

const INTERVAL: Duration = Duration::from_secs(3);

pub(super) fn classes(classes: impl IntoIterator<Item = ClassId>) -> View {
    View::Classes(Arc::new(classes.into_iter().collect()))
}

/// A message as the guild's owner publishes it.
fn message(view: View, channel: u64, id: u64) -> Event {
    let d = json!({"channel_id": channel.to_string(), "id": id.to_string()});
    let change = Change::Message { channel: ChannelId::new(channel), id: MessageId::new(id) };
    Event::new("MESSAGE_CREATE", Intents::GUILD_MESSAGES, Audience::view(view), &d)
        .withhold(Withheld::but(change))
}

fn mentioning(event: Event, users: &[u64], classes: View) -> Event {
    let withheld = event.withheld.as_deref().cloned().unwrap();
    let users = users.iter().copied().map(UserId::new).collect();
    event.withhold(Withheld { users, classes, ..withheld })
}

impl Bench {
    /// Clients send no heartbeats and read when they like.
    pub(super) fn patient() -> Self {
        let ever = Duration::from_hours(1);
        Self::with(Config { heartbeat_interval: ever, stall_timeout: ever, ..Config::default() })
    }

    pub(super) fn publish_event(&mut self, mut event: Event) {
        event.guild = Some(GUILD);
        self.slice.input(self.now, Input::Relay(Op::Publish(Arc::new(event))));
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.slice.tick(self.now);
    }

    fn person(&mut self, user: u64, kind: Kind) -> Far {
        let mut far = self.connect("v=10");
        self.identify_as(&far, user, &[GUILD], kind);
        self.heard(&mut far);
        far
    }

    fn set_active(&mut self, far: &Far, active: bool) {
        self.say(far, &json!({"op": 14, "d": {"guild_id": GUILD, "typing": active}}));
    }

    /// The dispatches that a client has not looked at yet.
    fn heard(&mut self, far: &mut Far) -> Vec<(String, Value)> {
        self.flush_beside(far, usize::MAX, false);
        far.read(usize::MAX);
        let payloads = far.payloads.drain(..).filter(|payload| payload["op"] == 0);
        payloads.map(|payload| (payload["t"].as_str().unwrap().to_owned(), payload["d"].clone())).collect()
    }

    fn names(&mut self, far: &mut Far) -> Vec<String> {
        self.heard(far).into_iter().map(|(name, _)| name).collect()
    }
}

fn newest(delta: &Value) -> Vec<(&str, &str)> {
    let channels = delta["updated_channels"].as_array().unwrap().iter();
    channels.map(|c| (c["id"].as_str().unwrap(), c["last_message_id"].as_str().unwrap())).collect()
}

#[test]
fn a_stream_becomes_one_delta_for_those_who_do_not_look() {
    let mut bench = Bench::patient();
    let mut passive = bench.person(1, Kind::PASSIVE);
    let mut person = bench.person(2, Kind::PERSON);
    let mut bot = bench.person(3, Kind { capabilities: 1 << 14, ..Kind::BOT });
    for id in 1..=5 {
        bench.publish_event(message(View::All, 10 + id % 2, id));
    }
    bench.pass(Duration::ZERO);
    let told = bench.heard(&mut passive);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "PASSIVE_UPDATE_V2");
    assert_eq!(newest(&told[0].1), [("10", "4"), ("11", "5")]);
    let empty = json!([]);
    for list in ["updated_voice_states", "removed_voice_states", "updated_members"] {
        assert_eq!(told[0].1[list], empty, "{list}");
    }
    assert_eq!(bench.names(&mut person), ["MESSAGE_CREATE"; 5]);
    assert_eq!(bench.names(&mut bot), ["MESSAGE_CREATE"; 5]);
}

#[test]
fn deltas_are_no_closer_than_the_interval() {
    let mut bench = Bench::patient();
    let mut passive = bench.person(1, Kind::PASSIVE);
    let mut deltas = 0;
    for id in 1..=300 {
        bench.publish_event(message(View::All, 10, id));
        bench.pass(Duration::from_millis(100));
        deltas += bench.names(&mut passive).len();
    }
    // 30 seconds: the first at once, then one each interval.
    assert_eq!(deltas, 10);
    bench.pass(INTERVAL);
    assert_eq!(newest(&bench.heard(&mut passive)[0].1), [("10", "300")]);
    bench.pass(10 * INTERVAL);
    assert!(bench.names(&mut passive).is_empty(), "nothing has changed");
}

#[test]
fn who_is_meant_gets_the_message_at_once() {
    let mut bench = Bench::patient();
    bench.classes = [(UserId::new(2), 1), (UserId::new(3), 2)].into();
    let mut fars = [1, 2, 3].map(|user| bench.person(user, Kind::PASSIVE));
    bench.publish_event(mentioning(message(View::All, 10, 1), &[1], View::None));
    bench.publish_event(mentioning(message(View::All, 10, 2), &[], classes([1])));
    bench.publish_event(mentioning(message(classes([1, 2]), 10, 3), &[1], View::All));
    // Named both ways it comes once; named by its id alone, whatever the class.
    bench.publish_event(mentioning(message(View::All, 10, 4), &[1, 2], classes([1])));
    bench.publish_event(mentioning(message(classes([1]), 10, 5), &[1], classes([1, 2])));
    let heard = fars.each_mut().map(|far| bench.heard(far));
    let ids: [Vec<_>; 3] =
        heard.each_ref().map(|heard| heard.iter().map(|(_, d)| d["id"].as_str().unwrap()).collect());
    assert_eq!(ids, [vec!["1", "4"], vec!["2", "3", "4", "5"], vec!["3"]]);
}

#[test]
fn a_hidden_channel_is_not_heard_of_and_a_delta_is_made_once_for_all_who_see_the_same() {
    let mut bench = Bench::patient();
    bench.classes = [(UserId::new(1), 1), (UserId::new(2), 2), (UserId::new(3), 3)].into();
    let mut fars = [1, 2, 3].map(|user| bench.person(user, Kind::PASSIVE));
    bench.publish_event(message(classes([1, 2, 3]), 10, 1));
    bench.publish_event(message(classes([3]), 11, 2));
    bench.publish_event(message(classes([9]), 12, 3));
    bench.pass(Duration::ZERO);
    let sessions = &bench.slice.sessions;
    let last = |user: u64| {
        let (_, held) =
            sessions.iter().find(|(_, h)| h.session.identity().viewer.user.get() == user).unwrap();
        held.session.journal().get(held.session.seq()).unwrap().dispatch.clone()
    };
    assert!(Arc::ptr_eq(&last(1), &last(2)) && !Arc::ptr_eq(&last(1), &last(3)));
    let heard = fars.each_mut().map(|far| bench.heard(far));
    assert_eq!(newest(&heard[0][0].1), [("10", "1")]);
    assert_eq!(newest(&heard[2][0].1), [("10", "1"), ("11", "2")]);
}

#[test]
fn who_begins_to_look_hears_what_is_gathered_and_then_everything() {
    let mut bench = Bench::patient();
    let mut far = bench.person(1, Kind::PASSIVE);
    let mut other = bench.person(2, Kind::PASSIVE);
    bench.publish_event(message(View::All, 10, 1));
    bench.pass(Duration::ZERO);
    bench.publish_event(message(View::All, 10, 2));
    bench.set_active(&far, true);
    bench.publish_event(message(View::All, 10, 3));
    let heard = bench.heard(&mut far);
    assert_eq!(newest(&heard[0].1), [("10", "1")]);
    assert_eq!(newest(&heard[1].1), [("10", "2")]);
    assert_eq!((heard[2].0.as_str(), &heard[2].1["id"]), ("MESSAGE_CREATE", &json!("3")));
    bench.pass(INTERVAL);
    assert!(bench.names(&mut far).is_empty(), "it has everything");
    assert_eq!(newest(&bench.heard(&mut other)[1].1), [("10", "3")]);
    // It becomes passive.
    bench.set_active(&far, false);
    bench.publish_event(message(View::All, 10, 4));
    bench.pass(INTERVAL);
    assert_eq!(newest(&bench.heard(&mut far)[0].1), [("10", "4")]);
}

#[test]
fn who_looks_before_the_guild_has_answered_looks_from_the_beginning() {
    let mut bench = Bench::patient();
    let mut far = bench.connect("v=10");
    bench.identify_as(&far, 1, &[], Kind::PASSIVE);
    let key = key_of(1, 1);
    bench.slice.input(bench.now, Input::Relay(Op::Join { sessions: vec![key], guild: GUILD }));
    // The attachment is still on its way.
    let mut bytes = Vec::new();
    let look = json!({"op": 37, "d": {"subscriptions": {(GUILD.to_string()): {"typing": true}}}}).to_string();
    ws::client::put_frame(&mut bytes, ws::Opcode::Text, true, [1, 2, 3, 4], look.as_bytes());
    bench.slice.receive(bench.now, far.slot, &mut bytes);
    bench.settle();
    bench.publish_event(message(View::All, 10, 1));
    assert_eq!(bench.names(&mut far), ["READY", "GUILD_CREATE", "MESSAGE_CREATE"]);
}

#[test]
fn a_flood_of_changes_is_told_before_its_time() {
    let mut bench = Bench::patient();
    let mut far = bench.person(1, Kind::PASSIVE);
    for channel in 1..=2_000 {
        bench.publish_event(message(View::All, channel, 1));
    }
    let heard = bench.heard(&mut far);
    assert_eq!(heard.len(), 3);
    assert!(heard.iter().all(|(_, d)| newest(d).len() == 512));
    bench.pass(INTERVAL);
    assert_eq!(newest(&bench.heard(&mut far)[0].1).len(), 2_000 - 3 * 512);
}

#[test]
fn what_may_change_who_sees_what_comes_after_what_was_seen() {
    let mut bench = Bench::patient();
    let mut far = bench.person(1, Kind::PASSIVE);
    bench.publish_event(message(View::All, 10, 1));
    let delete = Event::new("CHANNEL_DELETE", Intents::GUILDS, Audience::all(), &json!({"id": "10"}));
    bench.publish_event(delete);
    bench.pass(INTERVAL);
    assert_eq!(bench.names(&mut far), ["PASSIVE_UPDATE_V2", "CHANNEL_DELETE"]);
}

// ---- a client that is now and then active knows what one knows that always is ---------------------------------------------

/// Channels 1 to 3 are for text and voice; users 1 to 3 have a session that takes deltas and one that does not, and may be in
/// voice; users 7 and 8 are only in voice.
#[derive(Debug, Clone)]
enum Step {
    Message {
        channel: u64,
        mentions: Option<u64>,
        everyone: bool,
    },
    Pins(u64),
    Voice(u64, Option<u64>),
    Rename(u64),
    Activity(u64, bool),
    Class(u64, ClassId),
    /// Whether a class sees a channel.
    Sees(ClassId, u64, bool),
    Time(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let (user, channel, class) = (|| 1..4u64, || 1..4u64, || 0..3 as ClassId);
    let voice_user = || prop_oneof![1..4u64, 7..9u64];
    prop_oneof![
        8 => (channel(), proptest::option::weighted(0.2, user()), proptest::bool::weighted(0.1))
            .prop_map(|(channel, mentions, everyone)| Step::Message { channel, mentions, everyone }),
        1 => channel().prop_map(Step::Pins),
        5 => (voice_user(), proptest::option::weighted(0.8, channel())).prop_map(|(u, c)| Step::Voice(u, c)),
        1 => voice_user().prop_map(Step::Rename),
        3 => (user(), any::<bool>()).prop_map(|(user, active)| Step::Activity(user, active)),
        1 => (user(), class()).prop_map(|(user, class)| Step::Class(user, class)),
        2 => (class(), channel(), any::<bool>()).prop_map(|(c, channel, sees)| Step::Sees(c, channel, sees)),
        3 => (0..4_000u64).prop_map(Step::Time),
    ]
}

/// What the guild's owner knows, and says as it does.
struct World {
    bench: Bench,
    sees: [BTreeSet<ClassId>; 4],
    class: BTreeMap<u64, ClassId>,
    newest: [u64; 4],
    pins: [u64; 4],
    voice: BTreeMap<u64, u64>,
    names: BTreeMap<u64, u64>,
}

impl World {
    fn new() -> Self {
        Self {
            bench: Bench::patient(),
            sees: std::array::from_fn(|_| (0..3).collect()),
            class: (1..4).map(|user| (user, 0)).collect(),
            newest: [0; 4],
            pins: [0; 4],
            voice: BTreeMap::new(),
            names: BTreeMap::new(),
        }
    }

    fn view(&self, channel: u64) -> View {
        classes(self.sees[channel as usize].iter().copied())
    }

    fn member(&self, user: u64) -> Value {
        json!({"user": {"id": user.to_string()}, "nick": self.names.get(&user).unwrap_or(&0).to_string()})
    }

    fn voice_event(&mut self, user: u64, channel: Option<u64>, audience: Audience, told: bool) {
        let mut state = json!({"user_id": user.to_string(), "channel_id": channel.map(|c| c.to_string())});
        let change = Change::Voice {
            user: UserId::new(user),
            state: channel.map(|_| state.to_string().into()),
            member: channel.filter(|_| told).map(|_| self.member(user).to_string().into()),
        };
        state["member"] = self.member(user);
        let event = Event::new("VOICE_STATE_UPDATE", Intents::GUILD_VOICE_STATES, audience, &state);
        self.bench.publish_event(if told { event.withhold(Withheld::but(change)) } else { event });
    }

    fn set_voice(&mut self, user: u64, channel: Option<u64>) {
        let from = match channel {
            Some(channel) => self.voice.insert(user, channel),
            None => self.voice.remove(&user),
        };
        let Some(shown) = channel.or(from) else { return };
        let audience = Audience::view(self.view(shown)).and_always([UserId::new(user)]);
        self.voice_event(user, channel, audience, true);
        if let Some(from) = from.filter(|from| *from != shown) {
            let left = &self.sees[from as usize] - &self.sees[shown as usize];
            let audience = Audience::view(classes(left)).without([UserId::new(user)]);
            self.voice_event(user, None, audience, true);
        }
    }

    /// CHANNEL_CREATE with who is inside, or CHANNEL_DELETE.
    fn show(&mut self, channel: u64, shown: bool, audience: &Audience) {
        let index = channel as usize;
        let d = json!({"id": channel.to_string(), "last_message_id": self.newest[index].to_string(),
            "last_pin_timestamp": Timestamp::from_ms(self.pins[index])});
        let name = if shown { "CHANNEL_CREATE" } else { "CHANNEL_DELETE" };
        self.bench.publish_event(Event::new(name, Intents::GUILDS, audience.clone(), &d));
        for (user, _) in self.voice.clone().into_iter().filter(|(_, inside)| shown && *inside == channel) {
            self.voice_event(user, Some(channel), audience.clone(), false);
        }
    }

    fn apply(&mut self, step: &Step, fars: &BTreeMap<u64, Far>) {
        match *step {
            Step::Message { channel, mentions, everyone } => {
                let index = channel as usize;
                self.newest[index] += 1;
                let event = message(self.view(channel), channel, self.newest[index]);
                let mentions: Vec<_> = mentions.into_iter().collect();
                let everyone = if everyone { View::All } else { View::None };
                self.bench.publish_event(mentioning(event, &mentions, everyone));
            }
            Step::Pins(channel) => self.pin(channel),
            Step::Voice(user, channel) => self.set_voice(user, channel),
            Step::Rename(user) => {
                *self.names.entry(user).or_default() += 1;
                let member = self.member(user);
                let audience = Audience::all().and_always([UserId::new(user)]);
                let event = Event::new("GUILD_MEMBER_UPDATE", Intents::GUILD_MEMBERS, audience, &member);
                let change = self.voice.get(&user).map(|channel| Change::Member {
                    user: UserId::new(user),
                    member: member.to_string().into(),
                    seen_by: self.view(*channel),
                });
                self.bench.publish_event(event.withhold(Withheld { change, ..Withheld::wholly() }));
            }
            Step::Activity(user, active) => self.bench.set_active(&fars[&user], active),
            Step::Class(user, class) => {
                let before = self.class.insert(user, class).unwrap();
                let op = Op::Class { guild: GUILD, user: UserId::new(user), class };
                self.bench.slice.input(self.bench.now, Input::Relay(op));
                for channel in 1..4 {
                    let sees = &self.sees[channel as usize];
                    let (saw, sees) = (sees.contains(&before), sees.contains(&class));
                    if saw != sees {
                        self.show(channel, sees, &Audience::users([UserId::new(user)]));
                    }
                }
            }
            Step::Sees(class, channel, sees) => {
                let set = &mut self.sees[channel as usize];
                let changed = if sees { set.insert(class) } else { set.remove(&class) };
                if changed {
                    self.show(channel, sees, &Audience::view(classes([class])));
                }
            }
            Step::Time(ms) => self.bench.pass(Duration::from_millis(ms)),
        }
    }

    fn pin(&mut self, channel: u64) {
        let index = channel as usize;
        self.pins[index] += 1;
        let at = Timestamp::from_ms(self.pins[index]);
        let d = json!({"channel_id": channel.to_string(), "last_pin_timestamp": at});
        let change = Change::Pins {
            channel: ChannelId::new(channel),
            last_message_id: Some(MessageId::new(self.newest[index])),
            at: Some(at),
        };
        let audience = Audience::view(self.view(channel));
        let event = Event::new("CHANNEL_PINS_UPDATE", Intents::GUILDS, audience, &d);
        self.bench.publish_event(event.withhold(Withheld::but(change)));
    }
}

/// What a client knows.
#[derive(Debug, Default, PartialEq)]
struct Known {
    user: String,
    /// Newest message and newest pin.
    channels: BTreeMap<String, (u64, Value)>,
    voice: BTreeMap<String, String>,
    members: BTreeMap<String, Value>,
}

impl Known {
    fn new(user: u64) -> Self {
        let pin = json!(Timestamp::from_ms(0));
        let channels = (1..4).map(|channel: u64| (channel.to_string(), (0, pin.clone()))).collect();
        Self { user: user.to_string(), channels, ..Self::default() }
    }

    /// Takes a dispatch in, which must fit what is known. `active`: the session was active all the time.
    fn take(&mut self, name: &str, d: &Value, active: bool) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let number = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
        match name {
            "MESSAGE_CREATE" => {
                let (newest, _) = self.channels.get_mut(&text(&d["channel_id"])).expect("a seen channel");
                let id = number(&d["id"]);
                if active {
                    assert_eq!(id, *newest + 1, "no gap, no double");
                }
                // A passive session gets some at once; the delta that covers them may come later.
                assert!(id > *newest);
                *newest = id;
            }
            "CHANNEL_PINS_UPDATE" => {
                let channel = self.channels.get_mut(&text(&d["channel_id"])).expect("a seen channel");
                channel.1 = d["last_pin_timestamp"].clone();
            }
            "CHANNEL_CREATE" => {
                let state = (number(&d["last_message_id"]), d["last_pin_timestamp"].clone());
                assert!(self.channels.insert(text(&d["id"]), state).is_none());
            }
            "CHANNEL_DELETE" => {
                let gone = text(&d["id"]);
                assert!(self.channels.remove(&gone).is_some());
                let own = self.user.clone();
                self.voice.retain(|user, channel| *user == own || *channel != gone);
            }
            "VOICE_STATE_UPDATE" => {
                self.set_voice(d);
                self.set_member(&d["member"]);
            }
            "GUILD_MEMBER_UPDATE" => self.set_member(d),
            "PASSIVE_UPDATE_V2" => self.take_delta(d),
            other => panic!("{other}"),
        }
    }

    fn take_delta(&mut self, d: &Value) {
        for (channel, id) in newest(d) {
            let (newest, _) = self.channels.get_mut(channel).expect("nothing of hidden channels");
            let id = id.parse().unwrap();
            assert!(id >= *newest, "never back");
            *newest = id;
        }
        for channel in d["updated_channels"].as_array().unwrap() {
            if let Some(at) = channel.get("last_pin_timestamp") {
                self.channels.get_mut(channel["id"].as_str().unwrap()).unwrap().1 = at.clone();
            }
        }
        for state in d["updated_voice_states"].as_array().unwrap() {
            let hidden = !self.channels.contains_key(state["channel_id"].as_str().unwrap());
            assert!(!hidden || state["user_id"] == json!(self.user), "nothing of hidden channels");
            self.set_voice(state);
        }
        for user in d["removed_voice_states"].as_array().unwrap() {
            self.voice.remove(user.as_str().unwrap());
        }
        d["updated_members"].as_array().unwrap().iter().for_each(|member| self.set_member(member));
    }

    fn set_voice(&mut self, state: &Value) {
        let user = state["user_id"].as_str().unwrap().to_owned();
        match state["channel_id"].as_str() {
            Some(channel) => drop(self.voice.insert(user, channel.to_owned())),
            None => drop(self.voice.remove(&user)),
        }
    }

    fn set_member(&mut self, member: &Value) {
        self.members.insert(member["user"]["id"].as_str().unwrap().to_owned(), member.clone());
    }

    /// Of members only those in voice matter to a passive session.
    fn shown(&self) -> Self {
        let inside = self.members.iter().filter(|(user, _)| self.voice.contains_key(*user));
        Self {
            user: self.user.clone(),
            channels: self.channels.clone(),
            voice: self.voice.clone(),
            members: inside.map(|(user, member)| (user.clone(), member.clone())).collect(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn who_looks_now_and_then_knows_what_those_know_who_always_look(
        steps in proptest::collection::vec(step(), 1..120)
    ) {
        let mut world = World::new();
        let mut fars: BTreeMap<u64, Far> =
            (1..4).map(|user| (user, world.bench.person(user, Kind::PASSIVE))).collect();
        let mut references: Vec<Far> = (1..4).map(|user| world.bench.person(user, Kind::PERSON)).collect();
        let mut known: BTreeMap<u64, Known> = (1..4).map(|user| (user, Known::new(user))).collect();
        let mut truth: Vec<Known> = (1..4).map(Known::new).collect();
        let mut active: BTreeMap<u64, bool> = BTreeMap::new();
        for step in &steps {
            world.apply(step, &fars);
            if let Step::Activity(user, on) = *step {
                // What came of it belongs to the time before.
                let heard = world.bench.heard(fars.get_mut(&user).unwrap());
                heard.iter().for_each(|(name, d)| known.get_mut(&user).unwrap().take(name, d, false));
                active.insert(user, on);
            }
            let settled = matches!(step, Step::Time(ms) if *ms >= 3_000);
            for user in 1..4 {
                let active = active.get(&user).copied().unwrap_or(false);
                for (name, d) in world.bench.heard(fars.get_mut(&user).unwrap()) {
                    prop_assert!(!active || name != "PASSIVE_UPDATE_V2");
                    known.get_mut(&user).unwrap().take(&name, &d, active);
                }
                let index = user as usize - 1;
                for (name, d) in world.bench.heard(&mut references[index]) {
                    truth[index].take(&name, &d, true);
                }
                if settled || active {
                    prop_assert_eq!(known[&user].shown(), truth[index].shown());
                }
            }
        }
    }
}

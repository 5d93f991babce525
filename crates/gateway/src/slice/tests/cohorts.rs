//! Sessions of two slices that are sent partly the same, over sockets that take what they like: what was compressed for
//! many must be read as it was by each.

use consort_session::{Choice, Dispatch};

use super::*;

const GUILDS: [GuildId; 2] = [GuildId::new(77), GuildId::new(78)];
const QUERIES: [&str; 4] = [
    "v=10&compress=zlib-stream",
    "v=10&compress=zstd-stream",
    "v=10&compress=zlib-stream&encoding=etf",
    "v=10&compress=zstd-stream&encoding=etf",
];
const CLIENTS: usize = 9;

/// A client with its session, over many connections.
struct Client {
    viewer: Viewer,
    guilds: &'static [GuildId],
    id: SessionId,
    /// The slice of the present connection.
    slice: usize,
    far: Far,
    commands: u32,
    /// Dispatches so far.
    seen: Vec<Value>,
    /// What it should have been sent by owners.
    expected: Vec<Value>,
}

impl Client {
    fn take(&mut self) {
        self.seen.extend(self.far.payloads.drain(..).filter(|payload| payload["op"] == 0));
    }
}

/// The second client of each slice is in a class of its own.
fn class(id: SessionId) -> u32 {
    u32::from(id.number == 2)
}

/// Two slices of a node.
struct World {
    benches: [Bench; 2],
    clients: Vec<Client>,
    published: u64,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            benches: [0, 1].map(|index| Bench::of(index, Config::default())),
            clients: Vec::new(),
            published: 0,
        };
        for at in 0..CLIENTS {
            // Most see everything; some are bots that do not, and some are in one guild only.
            let intents = match at {
                0..5 => Intents::all(),
                5 => Intents::GUILDS | Intents::GUILD_MESSAGES,
                6 => Intents::all() - Intents::MESSAGE_CONTENT,
                _ => Intents::all() - Intents::GUILD_MESSAGE_TYPING,
            };
            let viewer = Viewer { user: UserId::new(100 + at as u64), intents, bot: true };
            let guilds = if at % 4 == 3 { &GUILDS[..1] } else { &GUILDS[..] };
            let slice = at % 2;
            let bench = &mut world.benches[slice];
            let mut far = bench.connect(QUERIES[at % QUERIES.len() / 2]);
            let id = bench.identify_with(&far, viewer.user.get(), guilds, Kind::BOT, intents);
            for guild in guilds {
                let class = Op::Class { guild: *guild, user: viewer.user, class: class(id) };
                bench.slice.input(bench.now, Input::Relay(class));
            }
            bench.flush(&far, usize::MAX);
            far.read(usize::MAX);
            let client =
                Client { viewer, guilds, id, slice, far, commands: 0, seen: vec![], expected: vec![] };
            world.clients.push(client);
            world.clients[at].take();
        }
        world
    }

    fn expect(&mut self, event: &Event, wants: impl Fn(&Client) -> Option<Choice>) {
        for client in &mut self.clients {
            let body = match wants(client) {
                None => continue,
                Some(Choice::Redacted) => event.redacted.as_ref().unwrap(),
                Some(Choice::Full) => &event.body,
            };
            client.expected.push(serde_json::from_slice(body).unwrap());
        }
    }

    /// An owner says something to both slices, as the router hands it on.
    fn publish(&mut self, guild: usize, what: What, words: usize) {
        self.published += 1;
        let d = |content: &str| {
            json!({"n": self.published, "channel_id": "1234567890123456789", "content": content.repeat(words),
                "author": {"id": (self.published % 5 * 7919).to_string(), "username": "somebody"}})
        };
        let all = Audience::all();
        let few: ClassSet = [1].into_iter().collect();
        let (intents, audience) = match what {
            What::Message | What::Direct => (Intents::GUILD_MESSAGES, all),
            What::Typing => (Intents::GUILD_MESSAGE_TYPING, all),
            What::ForSome => (Intents::empty(), Audience::view(View::Classes(Arc::new(few)))),
            What::ForOne => (Intents::empty(), Audience::only([UserId::new(101)])),
        };
        let mut event = Event::new("E", intents, audience, &d("word "));
        event.guild = Some(GUILDS[guild]);
        if what == What::Message {
            event.redacted = Some(d("").to_string().into());
        }
        if what == What::Direct {
            // To the first client of each slice.
            let dispatch = Arc::new(Dispatch::direct(Arc::new(event.clone())));
            for bench in &mut self.benches {
                let Some(first) = bench.key_of_number(1) else { continue };
                bench.slice.input(bench.now, Input::Direct(vec![first], dispatch.clone()));
            }
            return self.expect(&event, |client| (client.id.number == 1).then_some(Choice::Full));
        }
        let dispatch = Arc::new(Dispatch::published(Arc::new(event.clone())));
        for bench in &mut self.benches {
            bench.slice.input(bench.now, Input::Publish(dispatch.clone()));
        }
        self.expect(&event, |client| {
            client.guilds.contains(&GUILDS[guild]).then(|| client.viewer.wants(&event, class(client.id)))?
        });
    }

    /// The client comes back on another connection, of the slice of its session or not.
    fn resume(&mut self, at: usize, query: usize, slice: usize, is_lost: bool) {
        let client = &mut self.clients[at];
        client.take();
        let home = usize::from(client.id.slice);
        if is_lost {
            self.benches[home].slice.lost(self.benches[home].now, client.far.slot);
            self.benches[home].slice.take_gone();
        }
        let bench = &mut self.benches[slice];
        let mut former = std::mem::replace(&mut client.far, bench.connect(QUERIES[query]));
        client.commands = 0;
        let d = json!({"token": format!("t{}", client.viewer.user), "session_id": client.id.to_string(), "seq": client.seen.len()});
        bench.say(&client.far, &json!({"op": 6, "d": d}));
        if let Some(HandOver { slot, slice, resume }) = bench.slice.take_hand_over() {
            let conn = bench.slice.release(slot);
            let bench = &mut self.benches[usize::from(slice)];
            client.far.slot = bench.slice.adopt_resume(bench.now, conn, resume);
            bench.settle();
        }
        client.slice = home;
        if !is_lost {
            // What was half written there is finished before it is closed.
            self.benches[home].flush_only(&former, usize::MAX);
            former.read(usize::MAX);
            assert!(
                former
                    .payloads
                    .iter()
                    .all(|payload| payload["op"] != 0 || payload["s"] == client.seen.len() + 1)
            );
            assert_eq!(former.closed, Some(4000));
        }
    }

    fn happen(&mut self, happening: &Happening) {
        match *happening {
            Happening::Publish(guild, what, words) => self.publish(guild, what, words),
            Happening::Take(at, room) => {
                let client = &mut self.clients[at];
                self.benches[client.slice].flush_only(&client.far, room);
            }
            Happening::Everybody => {
                for client in &mut self.clients {
                    self.benches[client.slice].flush_only(&client.far, usize::MAX);
                    client.far.read(usize::MAX);
                    client.take();
                }
            }
            Happening::Heartbeat(at) => {
                let client = &mut self.clients[at];
                client.commands += 1;
                if client.commands < 100 {
                    self.benches[client.slice].say(&client.far, &json!({"op": 1, "d": client.seen.len()}));
                }
            }
            Happening::Resume { at, query, slice, is_lost } => {
                self.clients[at].far.read(usize::MAX);
                self.resume(at, query, slice, is_lost);
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Message,
    Typing,
    ForSome,
    ForOne,
    Direct,
}

#[derive(Debug, Clone)]
enum Happening {
    Publish(usize, What, usize),
    /// The socket of a client takes so many bytes.
    Take(usize, usize),
    /// All sockets take everything.
    Everybody,
    Heartbeat(usize),
    Resume {
        at: usize,
        query: usize,
        slice: usize,
        is_lost: bool,
    },
}

fn happening() -> impl Strategy<Value = Happening> {
    let what = prop_oneof![
        24 => Just(What::Message),
        3 => Just(What::Typing),
        1 => Just(What::ForSome),
        1 => Just(What::ForOne),
        1 => Just(What::Direct),
    ];
    let guild = prop_oneof![9 => Just(0usize), 1 => Just(1usize)];
    let resume = (0..CLIENTS, 0..QUERIES.len(), 0..2usize, any::<bool>());
    prop_oneof![
        16 => (guild, what, 0..40usize).prop_map(|(guild, what, words)| Happening::Publish(guild, what, words)),
        6 => (0..CLIENTS, 1..600usize).prop_map(|(at, room)| Happening::Take(at, room)),
        6 => Just(Happening::Everybody),
        1 => (0..CLIENTS).prop_map(Happening::Heartbeat),
        1 => resume.prop_map(|(at, query, slice, is_lost)| Happening::Resume { at, query, slice, is_lost }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_compressed_for_many_is_read_by_each(happenings in proptest::collection::vec(happening(), 1..250)) {
        let mut world = World::new();
        for happening in &happenings {
            world.happen(happening);
        }
        world.happen(&Happening::Everybody);
        for client in &world.clients {
            let seqs: Vec<_> = client.seen.iter().map(|payload| payload["s"].as_u64().unwrap()).collect();
            prop_assert_eq!(&seqs, &(1..=seqs.len() as u64).collect::<Vec<_>>());
            let events = client.seen.iter().filter(|payload| payload["t"] == "E").map(|payload| payload["d"].clone());
            prop_assert_eq!(events.collect::<Vec<_>>(), client.expected.clone());
        }
    }
}

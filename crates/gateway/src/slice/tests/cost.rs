//! What those cost who do not look at a guild: bytes of deltas, of a snapshot in the place of each delta, and of the whole
//! stream, over made-up sockets. `cargo xtask bench passive` prints the figures of an optimised build.

use consort_model::{ChannelId, Member, MessageId, Timestamp, User, VoiceState};

use super::*;

const CHANNELS: u64 = 500;
const VOICE_USERS: u64 = 20;
const CLASSES: u32 = 8;
const CHANGES: u64 = 500;
/// 50 changes a minute.
const STEP: Duration = Duration::from_millis(1_200);

/// How a session is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Cohort {
    Deltas,
    Snapshots,
    Stream,
}

/// A guild of which one session of each class and cohort, or many, are told.
struct Guild {
    bench: Bench,
    /// Which cohort a connection is of.
    cohorts: HashMap<usize, Cohort>,
    /// Sessions that take deltas, and those that get snapshots, by class.
    takers: Vec<Vec<u64>>,
    shown: Vec<Vec<SessionKey>>,
    newest: Vec<u64>,
    voice: HashMap<u64, VoiceState>,
    bytes: HashMap<Cohort, usize>,
    random: u64,
}

impl Guild {
    fn new(sessions: u64, query: &str) -> Self {
        let mut guild = Self {
            bench: Bench::patient(),
            cohorts: HashMap::new(),
            takers: vec![Vec::new(); CLASSES as usize],
            shown: vec![Vec::new(); CLASSES as usize],
            newest: vec![1; CHANNELS as usize],
            voice: HashMap::new(),
            bytes: HashMap::new(),
            random: 1,
        };
        for user in 1..=sessions {
            let class = user as u32 % CLASSES;
            guild.bench.classes.insert(UserId::new(user), class);
            let taker = guild.connect(query, user, &[GUILD], Kind::PASSIVE, Cohort::Deltas);
            guild.takers[class as usize].push(taker);
            let shown = guild.connect(query, user, &[], Kind::PERSON, Cohort::Snapshots);
            let shown = guild.bench.key_of_number(shown).expect("a session");
            guild.shown[class as usize].push(shown);
            guild.connect(query, user, &[GUILD], Kind::PERSON, Cohort::Stream);
        }
        for user in 1..=VOICE_USERS {
            guild.speak(user, Some(user % 5));
        }
        guild.pass(Duration::from_secs(10));
        guild.bytes.clear();
        guild
    }

    fn connect(&mut self, query: &str, user: u64, guilds: &[GuildId], kind: Kind, cohort: Cohort) -> u64 {
        let far = self.bench.connect(query);
        self.cohorts.insert(far.slot, cohort);
        let number = self.bench.identify_as(&far, user, guilds, kind).number;
        self.bench.effects.clear();
        u64::from(number)
    }

    /// The next of a sequence that is the same in every run (Knuth, MMIX).
    fn next(&mut self, below: u64) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    /// A tenth of the channels is for half of the classes.
    fn sees(class: u32, channel: u64) -> bool {
        channel % 10 != 9 || class.is_multiple_of(2)
    }

    fn view(channel: u64) -> View {
        super::passive::classes((0..CLASSES).filter(|class| Self::sees(*class, channel)))
    }

    fn id(n: u64) -> u64 {
        1_100_000_000_000_000_000 + n * 4_000_000_007
    }

    fn member(user: u64) -> Member {
        let account = User::person(UserId::new(Self::id(user)), format!("somebody_{user}"));
        Member::new(account, Timestamp::from_ms(1_790_000_000_000))
    }

    fn change(&mut self) {
        match self.next(10) {
            0..8 => {
                let channel = self.next(CHANNELS);
                self.post(channel);
            }
            _ => {
                let user = 1 + self.next(VOICE_USERS);
                let channel = self.next(6);
                self.speak(user, (channel < 5).then_some(channel));
            }
        }
    }

    fn post(&mut self, channel: u64) {
        self.newest[channel as usize] += 1 + self.next(100_000);
        let id = Self::id(self.newest[channel as usize]);
        let author = 30 + self.next(1_000);
        let member = Self::member(author);
        let d = json!({
            "id": id.to_string(), "channel_id": Self::id(channel).to_string(), "guild_id": GUILD, "type": 0,
            "content": "What a fine day for a walk along the river, is it not?", "author": member.user,
            "member": member.without_user(), "timestamp": Timestamp::from_ms(1_790_000_000_000), "edited_timestamp": null,
            "tts": false, "mention_everyone": false, "mentions": [], "mention_roles": [], "attachments": [],
            "embeds": [], "pinned": false, "flags": 0, "components": [],
        });
        let audience = Audience::view(Self::view(channel));
        let change = Change::Message { channel: ChannelId::new(Self::id(channel)), id: MessageId::new(id) };
        let event = Event::new("MESSAGE_CREATE", Intents::GUILD_MESSAGES, audience, &d);
        self.bench.publish_event(event.withhold(Withheld::but(change)));
    }

    fn speak(&mut self, user: u64, channel: Option<u64>) {
        let mute = self.next(2) == 0;
        let state: VoiceState = serde_json::from_value(json!({
            "guild_id": GUILD, "channel_id": channel.map(|channel| Self::id(channel).to_string()),
            "user_id": Self::id(user).to_string(), "member": Self::member(user), "session_id": "0123456789abcdef0123456789abcdef",
            "deaf": false, "mute": false, "self_deaf": false, "self_mute": mute, "self_stream": false, "self_video": false,
            "suppress": false, "request_to_speak_timestamp": null,
        }))
        .unwrap();
        let before = match channel {
            Some(_) => self.voice.insert(user, state.clone()),
            None => self.voice.remove(&user),
        };
        let moved = before.is_none_or(|before| before.channel_id != state.channel_id);
        let event = Event::new(
            "VOICE_STATE_UPDATE",
            Intents::GUILD_VOICE_STATES,
            Audience::view(Self::view(0)),
            &state,
        );
        self.bench.publish_event(event.withhold(Withheld::but(Change::voice(&state, moved))));
    }

    /// What a delta would be if everything were told: PASSIVE_UPDATE_V1.
    fn snapshot(&self, class: u32) -> Value {
        let channels = (0..CHANNELS).filter(|channel| Self::sees(class, *channel)).map(|channel| {
            json!({"id": Self::id(channel).to_string(), "last_message_id": Self::id(self.newest[channel as usize]).to_string()})
        });
        let states = self.voice.values().map(|state| VoiceState { member: None, ..state.clone() });
        let members = self.voice.values().map(|state| &state.member);
        json!({
            "guild_id": GUILD, "channels": channels.collect::<Vec<_>>(), "voice_states": states.collect::<Vec<_>>(),
            "members": members.collect::<Vec<_>>(),
        })
    }

    fn pass(&mut self, time: Duration) {
        let seq = |guild: &Self, class: usize| {
            let slot = guild.bench.slice.numbers[&guild.takers[class][0]];
            guild.bench.slice.sessions[slot].session.seq()
        };
        let before: Vec<_> = (0..self.takers.len()).map(|class| seq(self, class)).collect();
        self.bench.pass(time);
        for (class, before) in before.into_iter().enumerate() {
            if seq(self, class) > before {
                let event = Event::new(
                    "PASSIVE_UPDATE_V1",
                    Intents::empty(),
                    Audience::all(),
                    &self.snapshot(class as u32),
                );
                let dispatch = Arc::new(consort_session::Dispatch::direct(Arc::new(event)));
                self.bench.slice.direct(&self.shown[class], &dispatch);
            }
        }
        self.flush();
    }

    fn flush(&mut self) {
        while self.bench.slice.has_dirty() {
            let mut flushed = 0;
            while let Some(slot) = self.bench.slice.next_dirty(&mut flushed) {
                *self.bytes.entry(self.cohorts[&slot]).or_default() += self.bench.flush_whole(slot);
            }
        }
    }
}

#[test]
fn a_delta_is_a_small_part_of_a_snapshot_and_of_the_stream() {
    // The bytes of a session do not depend on how many there are; an optimised build shows it with as many as were meant.
    let (sessions, queries) = match cfg!(debug_assertions) {
        true => (2 * u64::from(CLASSES), &["v=10"][..]),
        false => (5_000, &["v=10", "v=10&compress=zlib-stream"][..]),
    };
    for query in queries {
        let mut guild = Guild::new(sessions, query);
        for _ in 0..CHANGES {
            guild.change();
            guild.pass(STEP);
        }
        guild.pass(Duration::from_secs(10));
        let of = |cohort| guild.bytes[&cohort] as u64 / sessions;
        let (deltas, snapshots, stream) = (of(Cohort::Deltas), of(Cohort::Snapshots), of(Cohort::Stream));
        let times = |bytes: u64| bytes as f64 / deltas as f64;
        println!(
            "passive {query}: {sessions} sessions, {CHANGES} changes; bytes a session: deltas {deltas}, snapshots {snapshots} \
             (x {:.1}), stream {stream} (x {:.1})",
            times(snapshots),
            times(stream),
        );
        assert!(stream > deltas && snapshots > stream, "{query}: {deltas}, {snapshots}, {stream}");
        assert!(query.contains("compress") || snapshots >= 15 * deltas, "{deltas} of {snapshots}");
    }
}

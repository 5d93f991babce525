//! Communities with messages in them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use consort_model::{ChannelId, Message, MessageId, Timestamp, UserId, snowflake};
use consort_rpc::search::{Scope, SearchedChannel};
use consort_store::{Batch, Key, Row, Store as _, Table, row};
use consort_store_embedded::Embedded;
use serde_json::json;

/// Channels of a community.
const CHANNELS: usize = 5;
/// Words that people know.
const WORDS: usize = 20_000;
/// When the first message was written, Unix milliseconds.
const START_MS: u64 = 1_790_000_000_000;
/// What words are made of.
const SYLLABLES: [&str; 16] =
    ["ba", "de", "fi", "go", "ku", "la", "me", "ni", "po", "ru", "sa", "te", "vi", "wo", "xu", "za"];

/// Random numbers that are the same in each run (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below 1.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Ranks from 0, each of a share that falls with its number.
#[derive(Debug)]
struct Zipf(Vec<f64>);

impl Zipf {
    fn new(ranks: usize) -> Self {
        let mut sum = 0.0;
        let sums: Vec<f64> = (1..=ranks)
            .map(|rank| {
                sum += 1.0 / rank as f64;
                sum
            })
            .collect();
        Self(sums.iter().map(|partial| partial / sum).collect())
    }

    fn draw(&self, dice: &mut Dice) -> usize {
        let wanted = dice.fraction();
        self.0.partition_point(|sum| *sum <= wanted).min(self.0.len() - 1)
    }
}

/// One community.
#[derive(Debug)]
struct Guild {
    id: u64,
    channels: Vec<ChannelId>,
    newest: Vec<AtomicU64>,
}

/// All communities, in a store.
#[derive(Debug)]
pub struct World {
    guilds: Vec<Guild>,
    by_size: Zipf,
    words: Zipf,
    next: AtomicU64,
}

impl World {
    /// Makes communities and writes their messages.
    pub async fn fill(store: &Embedded, guilds: usize, messages: u64) -> Self {
        let guild = |index: usize| {
            let id = snowflake::at(START_MS) + index as u64 * 100;
            let channels = (1..=CHANNELS as u64).map(|channel| ChannelId::new(id + channel));
            Guild {
                id,
                channels: channels.collect(),
                newest: Vec::from([const { AtomicU64::new(0) }; CHANNELS]),
            }
        };
        let world = Self {
            guilds: (0..guilds.max(1)).map(guild).collect(),
            by_size: Zipf::new(guilds.max(1)),
            words: Zipf::new(WORDS),
            next: AtomicU64::new(snowflake::at(START_MS + 1000)),
        };
        for guild in &world.guilds {
            let mut batch = Batch::new();
            batch.put_row(Table::Guilds, guild.id, Key::empty(), &1);
            store.commit(batch).await.expect("the store works");
        }
        let mut dice = Dice(1);
        let shares = world.guilds.iter().enumerate().flat_map(|(index, guild)| {
            let below = if index == 0 { 0.0 } else { world.by_size.0[index - 1] };
            let share = (world.by_size.0[index] - below) * messages as f64 / CHANNELS as f64;
            guild
                .channels
                .iter()
                .enumerate()
                .map(move |(place, channel)| (guild, place, *channel, share as u64))
        });
        for (guild, place, channel, count) in shares {
            let rows = (0..count).map(|_| {
                let id = world.next_id();
                guild.newest[place].store(id, Relaxed);
                let message = message(id, channel, world.text(&mut dice));
                (Table::Messages, channel.get(), Row { key: Key::id(id), value: row::encode(&message) })
            });
            store.bulk_load(rows).expect("the store works");
        }
        world
    }

    fn next_id(&self) -> u64 {
        self.next.fetch_add(1 << 12, Relaxed)
    }

    fn text(&self, dice: &mut Dice) -> String {
        let count = 4 + dice.next() % 16;
        let words: Vec<String> = (0..count).map(|_| word(self.words.draw(dice))).collect();
        words.join(" ")
    }

    /// How many communities there are.
    pub fn guilds(&self) -> usize {
        self.guilds.len()
    }

    /// One of them, by its share of what is written.
    pub fn draw(&self, dice: &mut Dice) -> usize {
        self.by_size.draw(dice)
    }

    /// What somebody looks for: two words, one of which is rather rare.
    pub fn question(&self, dice: &mut Dice) -> String {
        let rare = WORDS / 100 + dice.next() as usize % (WORDS / 10);
        format!("{} {}", word(self.words.draw(dice)), word(rare))
    }

    /// Its key.
    pub fn key(&self, guild: usize) -> u64 {
        self.guilds[guild].id
    }

    /// What somebody who may read everything in it may read.
    pub fn scope(&self, guild: usize) -> Scope {
        let guild = &self.guilds[guild];
        let place = |(channel, newest): (&ChannelId, &AtomicU64)| SearchedChannel {
            channel: *channel,
            newest: Some(MessageId::new(newest.load(Relaxed))),
            has_threads: true,
        };
        Scope {
            reader: UserId::new(9),
            since: Timestamp::from_ms(START_MS),
            channels: guild.channels.iter().zip(&guild.newest).map(place).collect(),
            moderated: Vec::new(),
        }
    }

    /// Somebody writes, with `extra` as a word of the message. Gives its id.
    pub async fn write(&self, store: &Embedded, guild: usize, extra: &str, dice: &mut Dice) -> MessageId {
        let place = dice.next() as usize % CHANNELS;
        let (channel, id) = (self.guilds[guild].channels[place], self.next_id());
        let text = format!("{} {extra}", self.text(dice));
        let mut batch = Batch::new();
        batch.put_row(Table::Messages, channel.get(), id, &message(id, channel, text));
        store.commit(batch).await.expect("the store works");
        self.guilds[guild].newest[place].fetch_max(id, Relaxed);
        MessageId::new(id)
    }
}

fn word(rank: usize) -> String {
    let mut rest = rank + 1;
    let mut word = String::new();
    while rest > 0 {
        word.push_str(SYLLABLES[rest % SYLLABLES.len()]);
        rest /= SYLLABLES.len();
    }
    word
}

fn message(id: u64, channel: ChannelId, content: String) -> Message {
    let author = 5 + id % 97;
    serde_json::from_value(json!({
        "id": id.to_string(), "channel_id": channel.to_string(), "content": content, "type": 0,
        "author": {"id": author.to_string(), "username": "ada", "discriminator": "0", "avatar": null},
        "timestamp": "2027-01-15T08:00:00.000000+00:00", "edited_timestamp": null, "tts": false,
        "mention_everyone": false, "mentions": [], "mention_roles": [], "attachments": [], "embeds": [],
        "pinned": false, "components": [],
    }))
    .expect("it is a message")
}

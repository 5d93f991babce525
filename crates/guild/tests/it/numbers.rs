//! What a guild says to relays has numbers, and what one has missed is said again.

use std::sync::Arc;

use consort_actor::{Core as _, Driven};
use consort_guild::Guild;
use consort_model::{Guild as Settings, GuildId, Member, Role, Timestamp, User, UserId};
use consort_rpc::guild::{Op, gateway, member};
use consort_rpc::relay::{self, Epoch, Heard, Numbered, Question, SessionKey};
use consort_rpc::{Caller, NodeId, Publication};
use consort_runtime::Ids;
use consort_store::{Batch, Key, Store as _, Table, Write, memory::Memory};

const GUILD: GuildId = GuildId::new(77);
const ANN: UserId = UserId::new(1);
const HERE: NodeId = NodeId(1);
const THERE: NodeId = NodeId(2);
const NOW_MS: u64 = 1_800_000_000_000;
/// When nobody is waited for any more who was attached to the owner before.
const LATER_MS: u64 = NOW_MS + 60_000;

fn load(store: &Memory) -> Driven<Guild> {
    let store: consort_store::StoreRef = Arc::new(store.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let guild =
        runtime.block_on(Guild::load(GUILD.get(), Vec::new(), store, NOW_MS)).unwrap().expect("a guild");
    Driven::new(guild, HERE, Arc::new(Ids::new(1)))
}

fn store() -> Memory {
    let (store, mut batch) = (Memory::new(), Batch::new());
    batch.put_row(Table::Guilds, GUILD.get(), Key::empty(), &Settings::new(GUILD, "g", ANN));
    batch.put_row(Table::Roles, GUILD.get(), GUILD.get(), &Role::everyone(GUILD));
    let ann = Member::new(User::person(ANN, "ann"), Timestamp::from_ms(NOW_MS));
    batch.put_row(Table::Members, GUILD.get(), ANN.get(), &ann);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.commit(batch)).unwrap();
    store
}

fn call(guild: &mut Driven<Guild>, caller: &Caller, op: gateway::Op) -> Vec<Publication> {
    call_at(LATER_MS, guild, caller, op)
}

fn call_at(now_ms: u64, guild: &mut Driven<Guild>, caller: &Caller, op: gateway::Op) -> Vec<Publication> {
    guild.call(now_ms, caller, &Op::Gateway(op)).expect("done").1.publications
}

/// What is told to one node.
fn told(said: Vec<Publication>, to: NodeId) -> Vec<relay::Op> {
    let told = said.into_iter().filter_map(|publication| match publication {
        Publication::Relay { node, message } if node == to => Some(message),
        _ => None,
    });
    told.collect()
}

fn words(said: Vec<Publication>, to: NodeId) -> Vec<Numbered> {
    let word = |op| match op {
        relay::Op::Numbered(word) => *word,
        other => panic!("{other:?}"),
    };
    told(said, to).into_iter().map(word).collect()
}

fn attach(guild: &mut Driven<Guild>, node: NodeId) -> Vec<Numbered> {
    let session = SessionKey { node, generation: 7, slice: 0, number: 1, user: ANN };
    let op = gateway::Op::Attach {
        session,
        question: Question::default(),
        large_threshold: 50,
        presences: false,
        heard: None,
    };
    words(call(guild, &Caller::user(ANN, false), op), node)
}

fn rename(guild: &mut Driven<Guild>, name: &str, to: NodeId) -> Vec<Numbered> {
    let user = Box::new(User::person(ANN, name));
    words(call(guild, &Caller::system(), gateway::Op::UserChanged { user }), to)
}

fn replay(guild: &mut Driven<Guild>, line: Epoch, after: u64) -> Vec<Publication> {
    call(guild, &Caller::system(), gateway::Op::Replay { node: THERE, line, after })
}

fn body(word: &Numbered) -> String {
    match &word.op {
        relay::Op::Publish(event) => String::from_utf8(event.body.to_vec()).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_relay_of_another_node_has_missed_is_said_again() {
    let mut guild = load(&store());
    let attached = attach(&mut guild, THERE);
    assert_eq!((attached[0].n, attached[0].follows), (0, true));
    let said: Vec<_> = ["a", "b", "c"].iter().flat_map(|name| rename(&mut guild, name, THERE)).collect();
    assert_eq!(
        said.iter().map(|word| (word.n, word.follows)).collect::<Vec<_>>(),
        [(1, false), (2, false), (3, false)]
    );
    let epoch = said[0].epoch;
    let again = words(replay(&mut guild, epoch, 1), THERE);
    assert_eq!(again.iter().map(|word| word.n).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(again.iter().map(body).collect::<Vec<_>>(), said[1..].iter().map(body).collect::<Vec<_>>());
    assert!(replay(&mut guild, epoch, 3).is_empty(), "nothing is missing");
    // One of another life, or with a number that never was, has its sessions attach again.
    for (epoch, after) in [(Epoch::default(), 1), (epoch, 9)] {
        let told = told(replay(&mut guild, epoch, after), THERE);
        assert!(matches!(told[..], [relay::Op::GuildRestarted { guild, .. }] if guild == GUILD), "{told:?}");
    }
    let refused = Op::Gateway(gateway::Op::Replay { node: THERE, line: epoch, after: 1 });
    assert!(guild.call(NOW_MS, &Caller::user(ANN, false), &refused).is_err());
}

#[test]
fn who_has_missed_more_than_is_kept_attaches_again() {
    let mut guild = load(&store());
    attach(&mut guild, THERE);
    let epoch = (0..600).map(|n| rename(&mut guild, &format!("n{n}"), THERE)[0].epoch).last().unwrap();
    assert_eq!(words(replay(&mut guild, epoch, 500), THERE).len(), 100);
    let told = told(replay(&mut guild, epoch, 5), THERE);
    assert!(matches!(told[..], [relay::Op::GuildRestarted { .. }]), "{told:?}");
}

#[test]
fn within_a_node_numbers_are_given_and_nothing_is_kept() {
    let mut guild = load(&store());
    attach(&mut guild, HERE);
    let said = rename(&mut guild, "a", HERE);
    assert_eq!(said[0].n, 1);
    let told = told(replay(&mut guild, said[0].epoch, 0), THERE);
    assert!(matches!(told[..], [relay::Op::GuildRestarted { .. }]), "{told:?}");
}

#[test]
fn each_life_of_an_owner_has_a_later_epoch() {
    let store = store();
    let epochs: Vec<_> = (0..3).map(|_| attach(&mut load(&store), HERE)[0].epoch).collect();
    assert!(epochs.is_sorted_by(|a, b| a < b), "{epochs:?}");
}

#[test]
fn who_attaches_again_hears_behind_the_answer_what_was_said_since_and_nobody_else_does() {
    let mut guild = load(&store());
    for name in ["a", "b", "c"] {
        let user = Box::new(User::person(ANN, name));
        let said = call_at(NOW_MS, &mut guild, &Caller::system(), gateway::Op::UserChanged { user });
        assert!(told(said, THERE).is_empty(), "nobody is attached yet");
    }
    let session = SessionKey { node: THERE, generation: 7, slice: 0, number: 1, user: ANN };
    let mut attach = |heard| {
        let question = Question(9);
        let op = gateway::Op::Attach { session, question, large_threshold: 50, presences: false, heard };
        match &told(call_at(NOW_MS + 1, &mut guild, &Caller::user(ANN, false), op), THERE)[..] {
            [relay::Op::Numbered(word)] => match &word.op {
                relay::Op::Attached { late, .. } => {
                    let late = late.iter().map(|event| String::from_utf8(event.body.to_vec()).unwrap());
                    (word.line, late.collect::<Vec<_>>())
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    let (line, late) = attach(None);
    assert!(late.is_empty(), "it begins");
    let (_, late) = attach(Some(Heard { line: Epoch::default(), n: 9 }));
    assert_eq!(late.len(), 3, "of another owner");
    assert!(late.iter().zip(["\"a\"", "\"b\"", "\"c\""]).all(|(body, name)| body.contains(name)), "{late:?}");
    let (_, late) = attach(Some(Heard { line, n: 2 }));
    assert!(late.len() == 1 && late[0].contains("\"c\""), "{late:?}");
}

#[test]
fn who_has_left_meanwhile_and_joined_again_hears_nothing_of_the_time_between() {
    const BOB: UserId = UserId::new(2);
    let mut guild = load(&store());
    let mut say = |caller: &Caller, op: Op| {
        let (_, leaving) = guild.call(NOW_MS, caller, &op).expect("done");
        told(leaving.publications, THERE)
    };
    let rename = |name: &str| {
        let user = Box::new(User::person(ANN, name));
        Op::Gateway(gateway::Op::UserChanged { user })
    };
    let join = || {
        let user = User::person(BOB, "bob");
        let add = member::Add { user, nick: None, roles: Vec::new(), mute: false, deaf: false };
        Op::Member(member::Op::Add(Box::new(add)))
    };
    let session = SessionKey { node: THERE, generation: 7, slice: 0, number: 1, user: BOB };
    let attach = |heard| {
        let question = Question::default();
        Op::Gateway(gateway::Op::Attach { session, question, large_threshold: 50, presences: false, heard })
    };
    let (system, bob) = (Caller::system(), Caller::user(BOB, false));
    say(&system, join());
    let [relay::Op::Numbered(word)] = &say(&bob, attach(None))[..] else { panic!("one word") };
    let heard = Heard { line: word.line, n: word.n };
    say(&system, rename("before"));
    say(&bob, Op::Member(member::Op::Leave));
    say(&system, rename("between"));
    say(&system, join());
    let [relay::Op::Numbered(word)] = &say(&bob, attach(Some(heard)))[..] else { panic!("one word") };
    let relay::Op::Attached { late, .. } = &word.op else { panic!("{word:?}") };
    let late: Vec<_> = late.iter().map(|event| (&*event.name, event.body.clone())).collect();
    let names: Vec<_> = late.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.last(), Some(&"GUILD_DELETE"), "{names:?}");
    assert!(late[0].1.windows(6).any(|part| part == b"before"), "{names:?}");
}

/// Has the guild say that somebody has another name; what is written with it.
fn write(guild: &mut Driven<Guild>, name: &str) -> Batch {
    let user = Box::new(User::person(ANN, name));
    let op = Op::Gateway(gateway::Op::UserChanged { user });
    guild.call(LATER_MS, &Caller::system(), &op).expect("done").1.batch
}

fn words_written(batch: &Batch) -> usize {
    let is_word = |write: &&Write| matches!(write, Write::Put { table: Table::Words, .. });
    batch.writes.iter().filter(is_word).count()
}

#[test]
fn where_nodes_share_a_store_the_next_owner_says_first_what_the_one_before_has_written() {
    let (memory, runtime) = (store(), tokio::runtime::Builder::new_current_thread().build().unwrap());
    let mut before = load(&memory).shared();
    let line = attach(&mut before, THERE)[0].line;
    for name in ["a", "b", "c"] {
        let batch = write(&mut before, name);
        assert_eq!(words_written(&batch), 1);
        runtime.block_on(memory.commit(batch)).unwrap();
    }
    // Its node dies. The relay has heard the first word.
    let mut next = load(&memory).shared();
    let op = Op::Gateway(gateway::Op::Replay { node: THERE, line, after: 1 });
    let said = next.call(NOW_MS, &Caller::system(), &op).expect("done").1.publications;
    let mut said = told(said, THERE);
    let last = said.pop();
    assert!(matches!(last, Some(relay::Op::GuildRestarted { guild, .. }) if guild == GUILD), "{last:?}");
    let said: Vec<_> = said
        .into_iter()
        .map(|op| match op {
            relay::Op::Numbered(word) => {
                (word.line, word.n, body(&word).contains(["", "a", "b", "c"][word.n as usize]))
            }
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(said, [(line, 2, true), (line, 3, true)]);
    let again = next.call(NOW_MS + 1, &Caller::system(), &op).expect("done").1.publications;
    assert_eq!(told(again, THERE).len(), 2, "it attaches only once, and takes no word twice");
}

#[test]
fn a_node_that_is_alone_writes_no_row_for_a_word() {
    let mut guild = load(&store());
    attach(&mut guild, HERE);
    assert_eq!(words_written(&write(&mut guild, "a")), 0);
}

#[test]
fn sessions_that_have_not_heard_that_a_guild_is_gone_attach_and_are_refused() {
    let mut guild = Driven::new(Guild::vacant(GUILD.get()).expect("a place"), HERE, Arc::new(Ids::new(1)));
    let told = told(replay(&mut guild, Epoch::default(), 3), THERE);
    assert!(matches!(told[..], [relay::Op::GuildRestarted { guild, .. }] if guild == GUILD), "{told:?}");
}

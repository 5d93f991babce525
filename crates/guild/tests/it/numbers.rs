//! What a guild says to relays has numbers, and what one has missed is said again.

use std::sync::Arc;

use consort_actor::{Core as _, Driven};
use consort_guild::Guild;
use consort_model::{Guild as Settings, GuildId, Member, Role, Timestamp, User, UserId};
use consort_rpc::guild::{Op, gateway};
use consort_rpc::relay::{self, Epoch, Numbered, SessionKey};
use consort_rpc::{Caller, NodeId, Publication};
use consort_runtime::Ids;
use consort_store::{Batch, Key, Store as _, Table, memory::Memory};

const GUILD: GuildId = GuildId::new(77);
const ANN: UserId = UserId::new(1);
const HERE: NodeId = NodeId(1);
const THERE: NodeId = NodeId(2);
const NOW_MS: u64 = 1_800_000_000_000;

fn load(store: &Memory) -> Driven<Guild> {
    let store: consort_store::StoreRef = Arc::new(store.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let guild = runtime.block_on(Guild::load(GUILD.get(), store, NOW_MS)).unwrap().expect("a guild");
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
    guild.call(NOW_MS, caller, &Op::Gateway(op)).expect("done").1.publications
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
    let op = gateway::Op::Attach { session, large_threshold: 50, presences: false };
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
        assert!(matches!(told[..], [relay::Op::GuildRestarted { guild }] if guild == GUILD), "{told:?}");
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

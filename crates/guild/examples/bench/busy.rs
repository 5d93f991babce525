//! A guild of a million, all of them online: how long each kind of call keeps the owner from the next one.

use consort_actor::Driven;
use consort_guild::Guild;
use consort_model::request::message::CreateMessage;
use consort_model::{Patch, Permissions, Presence, Status};
use consort_rpc::guild::{Op, ban, gateway, member, role, settings};
use consort_rpc::relay::Question;
use consort_rpc::{Caller, message as talk};

use super::windows::flip;
use super::world::{
    NOW_MS, Random, Size, attach, channel, cpu_us, load, percentile, role as role_id, rows, session, user,
};

const MEMBERS: u64 = 1_000_000;
/// Sessions of the node, which the owner has put in classes.
const ATTACHED: u64 = 15_000;

/// A kind of call, how often it is measured, and what it is the `n`th time.
type Case = (&'static str, u64, fn(u64, &mut Random) -> (Caller, Op));

const CASES: [Case; 16] = [
    ("message", 2_000, |n, random| (somebody(random), post(format!("fan {n}")))),
    ("message with @everyone", 500, |n, _| (owner(), post(format!("@everyone {n}")))),
    ("message with a role", 500, |n, _| (owner(), post(format!("<@&{}> {n}", role_id(n % 20))))),
    ("typing", 2_000, |_, random| {
        (somebody(random), Op::Message { channel: channel(0), op: talk::Op::Typing })
    }),
    ("join", 2_000, |n, _| {
        let user = consort_model::User::person(user(MEMBERS + n), format!("newcomer{n}"));
        let add = member::Add { user, nick: None, roles: Vec::new(), mute: false, deaf: false };
        (Caller::system(), Op::Member(member::Op::Add(Box::new(add))))
    }),
    ("leave", 2_000, |n, _| (Caller::user(user(MEMBERS + n), false), Op::Member(member::Op::Leave))),
    ("attach", 2_000, |n, random| {
        let op = gateway::Op::Attach {
            session: session(MEMBERS + n),
            question: Question::default(),
            large_threshold: 250,
            presences: true,
            heard: None,
        };
        (somebody(random), Op::Gateway(op))
    }),
    ("presence", 2_000, |_, random| {
        let who = random.below(MEMBERS);
        let status = Status::Idle;
        let presence = Presence { status, ..Presence::offline(user(who)) };
        (Caller::user(user(who), false), Op::Gateway(gateway::Op::Presence { presence: Box::new(presence) }))
    }),
    ("role given", 2_000, |n, random| {
        let op = member::Op::AddRole { user: user(random.below(MEMBERS)), role: role_id(n % 20) };
        (owner(), Op::Member(op))
    }),
    ("members by prefix", 200, |n, _| {
        let query = ["a", "ab", "abc", "zzzz"][n as usize % 4].to_owned();
        (owner(), Op::Member(member::Op::Search { query, limit: 100 }))
    }),
    ("members, a page of 1,000", 200, |n, _| {
        (owner(), Op::Member(member::Op::List { limit: 1000, after: user(n * 4_000) }))
    }),
    ("members of each role", 20, |_, _| (owner(), Op::Role(role::Op::MemberCounts))),
    ("guild with counts", 200, |_, _| (owner(), Op::Settings(settings::Op::Get { with_counts: true }))),
    ("role changed", 20, |n, _| {
        let permissions =
            Patch::Value(Permissions::VIEW_CHANNEL | Permissions::from_bits_truncate((n % 2) << 11));
        let fields = role::Fields { permissions, ..role::Fields::default() };
        (owner(), Op::Role(role::Op::Update { role: role_id(n % 20), fields: Box::new(fields) }))
    }),
    ("role deleted", 10, |n, _| (owner(), Op::Role(role::Op::Delete { role: role_id(n + 20) }))),
    ("ban", 200, |n, _| {
        let user = Box::new(consort_model::User::person(user(500_000 + n), "gone"));
        (owner(), Op::Ban(ban::Op::Create { user, delete_message_seconds: 0 }))
    }),
];

pub fn run() {
    let size =
        Size { members: MEMBERS, roles: 40, roles_of_a_member: 2, channels: 20, overwrites_of_a_channel: 3 };
    let mut guild = load(&rows(&size));
    for n in 0..MEMBERS {
        flip(&mut guild, NOW_MS, n, true);
    }
    let mut random = Random(11);
    for _ in 0..ATTACHED {
        attach(&mut guild, random.below(MEMBERS));
    }
    println!("| a call | calls | CPU µs p50 | p99 | longest | refused |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    for (name, times, make) in CASES {
        let (mut spent, mut refused) = (Vec::new(), 0);
        for n in 0..times {
            let (caller, op) = make(n, &mut random);
            let begin = cpu_us();
            refused += u64::from(call(&mut guild, &caller, &op).is_err());
            spent.push(cpu_us() - begin);
        }
        let [p50, p99, longest] = [50, 99, 100].map(|percent| percentile(&mut spent, percent));
        println!("| {name} | {times} | {p50:.0} | {p99:.0} | {longest:.0} | {refused} |");
    }
}

fn call(guild: &mut Driven<Guild>, caller: &Caller, op: &Op) -> Result<(), String> {
    guild.call(NOW_MS, caller, op).map(drop).map_err(|error| format!("{error:?}"))
}

fn owner() -> Caller {
    Caller::user(user(0), false)
}

fn somebody(random: &mut Random) -> Caller {
    Caller::user(user(random.below(MEMBERS)), false)
}

fn post(content: String) -> Op {
    let body = CreateMessage { content, ..CreateMessage::default() };
    let create = talk::Create { body, ..talk::Create::default() };
    Op::Message { channel: channel(0), op: talk::Op::Create(Box::new(create)) }
}

//! Who may have an event: 250 roles, 500 channels with 100 overwrites each, 15,000 sessions of members with 10 roles each, which
//! are nearly as many classes.

use consort_actor::Driven;
use consort_guild::Guild;
use consort_model::{Overwrite, Patch, Permissions};
use consort_rpc::guild::{Op, channel as channels, role as roles};
use consort_rpc::{Caller, ClassId, Publication, View, message, relay};

use super::world::{NOW_MS, Random, Size, attach, channel, each, load, role, rows, user};

const SESSIONS: u64 = 15_000;

pub fn run() {
    let size = Size {
        members: SESSIONS,
        roles: 250,
        roles_of_a_member: 10,
        channels: 500,
        overwrites_of_a_channel: 100,
    };
    let mut guild = load(&rows(&size));
    let mut classes: Vec<ClassId> = Vec::new();
    let attached = each(SESSIONS, |n| classes.push(attach(&mut guild, n).0));
    let mut distinct = classes.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let mut random = Random(5);
    let overwrite = each(100, |_| {
        let allow = Permissions::from_bits_truncate(random.next());
        let overwrite = Overwrite::role(role(random.below(250)), allow, Permissions::empty());
        let op = channels::Op::SetOverwrite { channel: channel(random.below(500)), overwrite };
        owner(&mut guild, &Op::Channel(op));
    });
    let mut bits = Permissions::VIEW_CHANNEL;
    let permit = each(20, |n| {
        bits ^= Permissions::SEND_MESSAGES;
        let fields = roles::Fields { permissions: Patch::Value(bits), ..Default::default() };
        owner(&mut guild, &Op::Role(roles::Op::Update { role: role(n), fields: Box::new(fields) }));
    });
    let warm = each(500, |n| drop(view(&mut guild, n)));
    // Only the first event in a channel after a change has to find out who sees it.
    let cold = each(200, |n| {
        let overwrite = Overwrite::role(role(n), Permissions::VIEW_CHANNEL, Permissions::empty());
        owner(&mut guild, &Op::Channel(channels::Op::SetOverwrite { channel: channel(n), overwrite }));
        drop(view(&mut guild, n));
    });
    let seen = view(&mut guild, 1);
    let filter = each(100, |_| {
        let seen =
            classes.iter().filter(|class| matches!(&seen, View::Classes(set) if set.contains(**class)));
        std::hint::black_box(seen.count());
    });
    println!("{SESSIONS} sessions of {} classes; CPU µs on the owner, but for the last:\n", distinct.len());
    println!(
        "| attach | event, view known | overwrite changed and event | overwrite changed | role changed | filter of 15,000 sessions |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: |");
    println!("| {attached:.0} | {warm:.1} | {cold:.0} | {overwrite:.0} | {permit:.0} | {filter:.0} |");
}

fn owner(guild: &mut Driven<Guild>, op: &Op) {
    guild.call(NOW_MS, &Caller::user(user(0), false), op).expect("changed");
}

/// Who sees somebody type in a channel.
fn view(guild: &mut Driven<Guild>, n: u64) -> View {
    let op = Op::Message { channel: channel(n), op: message::Op::Typing };
    let (_, leaving) = guild.call(NOW_MS, &Caller::user(user(0), false), &op).expect("types");
    let view = leaving.publications.into_iter().find_map(|publication| match publication {
        Publication::Relay { message: relay::Op::Numbered(word), .. } => match &word.op {
            relay::Op::Publish(event) => Some(event.audience.view.clone()),
            _ => None,
        },
        _ => None,
    });
    view.expect("published")
}

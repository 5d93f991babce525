//! Attaching to a guild, and READY of a user in a hundred.

use bytes::Bytes;
use consort_model::{GatewayGuild, GuildId};
use consort_session::Choice;
use consort_session::ready::{self, Facts, ReadyGuild};

use super::windows::flip;
use super::world::{NOW_MS, Size, attach, each, load, rows};

const ATTACHES: u64 = 500;
const GUILDS: u64 = 100;
const ONLINE_OF_HUGE: u64 = 200_000;

pub fn run() {
    let small =
        Size { members: 200, roles: 20, roles_of_a_member: 2, channels: 40, overwrites_of_a_channel: 2 };
    let large =
        Size { members: 20_000, roles: 250, roles_of_a_member: 3, channels: 500, overwrites_of_a_channel: 5 };
    let huge = Size { members: 600_000, channels: 4, ..Size::default() };
    println!(
        "| guild | members | online | channels | roles | GUILD_CREATE bytes | attach CPU µs | cloned and encoded anew | READY of 100: MB | assembled, CPU ms | attached and assembled |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (name, size) in [("usual", small), ("large", large), ("huge", huge)] {
        let mut guild = load(&rows(&size));
        let online = if name == "huge" { ONLINE_OF_HUGE } else { 0 };
        (0..online).for_each(|n| drop(flip(&mut guild, NOW_MS, n, true)));
        for n in 0..100 {
            attach(&mut guild, n);
        }
        let mut body = Bytes::new();
        let attached = each(ATTACHES, |n| body = attach(&mut guild, n % 100).1);
        let object: GatewayGuild = serde_json::from_slice(&body).expect("a guild");
        let anew = each(50, |_| drop(consort_rpc::Answer::json(&object.clone())));
        let bodies: Vec<_> = (0..GUILDS).map(|n| (GuildId::new(n + 1), body.clone())).collect();
        let mut bytes = 0;
        let ready = each(20, |_| {
            let guilds: Vec<_> =
                bodies.iter().map(|(id, body)| ReadyGuild::Full(*id, body.clone().into())).collect();
            bytes = assemble(&guilds);
        });
        let (ready, all) = (ready / 1_000.0, (ready + attached * GUILDS as f64) / 1_000.0);
        println!(
            "| {name} | {} | {online} | {} | {} | {} | {attached:.0} | {anew:.0} | {:.1} | {ready:.1} | {all:.1} |",
            size.members,
            size.channels,
            size.roles + 1,
            body.len(),
            bytes as f64 / 1e6,
        );
    }
}

fn assemble(guilds: &[ReadyGuild]) -> usize {
    let facts = Facts {
        version: 10,
        session_id: "0123456789abcdef",
        resume_gateway_url: "wss://gateway.example",
        shard: None,
        application: None,
    };
    let opening = ready::opening(b"{}", &facts).expect("an object");
    ready::finish(opening, guilds).len(Choice::Full)
}

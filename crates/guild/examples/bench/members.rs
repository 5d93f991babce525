//! Members and presences in memory.

use consort_guild::roster::{Presences, Roster};
use consort_model::{ClientStatus, Presence, Status, UserRef};
use consort_store::row;

use super::world::{GUILD, Random, Size, each, member, resident, user};

const MEMBERS: u64 = 600_000;
const ASKED: u64 = 1_000_000;

pub fn run() {
    let size = Size { members: MEMBERS, roles: 100, roles_of_a_member: 3, ..Size::default() };
    let mut random = Random(2);
    let rows: Vec<_> = (0..MEMBERS).map(|n| row::encode(&member(n, &size, &mut random))).collect();
    let row_bytes = rows.iter().map(|row| row.len()).sum::<usize>() as f64 / MEMBERS as f64;
    let before = resident();
    let mut roster = Roster::default();
    let load = each(MEMBERS, |n| roster.insert_row(&rows[n as usize], |_| true).expect("a member"));
    let bytes = (resident() - before) as f64 / MEMBERS as f64;
    let sets = roster.role_sets().count();
    let before = resident();
    let mut presences = Presences::default();
    let web = ClientStatus { web: Some(Status::Idle), ..ClientStatus::default() };
    for n in 0..MEMBERS {
        let (status, activities) = (Status::Idle, Vec::new());
        let user = UserRef { id: user(n) };
        presences.insert(&Presence { user, guild_id: Some(GUILD), status, activities, client_status: web });
    }
    let presence_bytes = (resident() - before) as f64 / MEMBERS as f64;
    let mut any = || user(random.below(MEMBERS));
    let roles = each(ASKED, |_| keep(roster.roles(any()).len()));
    let name = each(ASKED, |_| keep(roster.get(any()).map(|m| m.display_name().len())));
    let whole = each(ASKED, |_| keep(roster.get(any()).map(|m| m.unpack())));
    let count = each(10, |_| keep(roster.iter().filter(|m| m.is_bot()).count()));
    println!("{MEMBERS} members of {sets} sets of 3 roles; rows of {row_bytes:.0} bytes:\n");
    println!(
        "| bytes/member | bytes/presence | from its row µs | roles µs | name µs | whole member µs | look at all ms |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
    println!(
        "| {bytes:.0} | {presence_bytes:.1} | {load:.2} | {roles:.3} | {name:.3} | {whole:.3} | {:.1} |",
        count / 1_000.0
    );
}

/// Has the compiler believe that a value is needed.
fn keep<T>(value: T) {
    std::hint::black_box(value);
}

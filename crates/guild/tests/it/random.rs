//! Random changes of roles, overwrites, channels and members, before random viewers; the laws of [`crate::laws`] hold after
//! each one.

use consort_model::{ChannelId, ChannelType, Overwrite, Patch, Permissions, RoleId};
use consort_rpc::guild::{Op, channel, member, role, settings, thread};
use proptest::prelude::*;

use crate::world::{GUILD, World, new_channel};

/// Users 1 to 5; the first founds the guild.
const USERS: u64 = 5;

/// A change, in terms of numbers that are taken modulo what there is.
#[derive(Debug, Clone)]
enum Step {
    AddRole(u64, usize),
    RemoveRole(u64, usize),
    Permit(usize, u8),
    NewRole(u8),
    DeleteRole(usize),
    RoleOverwrite(usize, usize, u8, u8),
    MemberOverwrite(usize, u64, u8, u8),
    DeleteOverwrite(usize, usize),
    NewChannel(u8, Option<usize>),
    DeleteChannel(usize),
    MoveChannel(usize, Option<usize>, bool),
    Thread(usize, u64, bool),
    JoinThread(usize, u64),
    LeaveThread(usize, u64),
    Kick(u64),
    Own(u64),
    Connect(u64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let user = || 1..=USERS;
    let n = || 0..16usize;
    let bits = || any::<u8>();
    prop_oneof![
        4 => (user(), n()).prop_map(|(u, r)| Step::AddRole(u, r)),
        3 => (user(), n()).prop_map(|(u, r)| Step::RemoveRole(u, r)),
        3 => (n(), bits()).prop_map(|(r, p)| Step::Permit(r, p)),
        1 => bits().prop_map(Step::NewRole),
        1 => n().prop_map(Step::DeleteRole),
        5 => (n(), n(), bits(), bits()).prop_map(|(c, r, a, d)| Step::RoleOverwrite(c, r, a, d)),
        5 => (n(), user(), bits(), bits()).prop_map(|(c, u, a, d)| Step::MemberOverwrite(c, u, a, d)),
        2 => (n(), n()).prop_map(|(c, o)| Step::DeleteOverwrite(c, o)),
        2 => (0..4u8, proptest::option::of(n())).prop_map(|(k, p)| Step::NewChannel(k, p)),
        1 => n().prop_map(Step::DeleteChannel),
        2 => (n(), proptest::option::of(n()), any::<bool>()).prop_map(|(c, p, l)| Step::MoveChannel(c, p, l)),
        2 => (n(), user(), any::<bool>()).prop_map(|(c, u, p)| Step::Thread(c, u, p)),
        2 => (n(), user()).prop_map(|(t, u)| Step::JoinThread(t, u)),
        1 => (n(), user()).prop_map(|(t, u)| Step::LeaveThread(t, u)),
        1 => (2..=USERS).prop_map(Step::Kick),
        1 => user().prop_map(Step::Own),
        1 => user().prop_map(Step::Connect),
        1 => Just(Step::Restart),
    ]
}

/// A set of rights: mostly about seeing.
fn rights(bits: u8) -> Permissions {
    let of = |bit: u8, right| if bits >> bit & 1 == 1 { right } else { Permissions::empty() };
    of(0, Permissions::VIEW_CHANNEL)
        | of(1, Permissions::VIEW_CHANNEL)
        | of(2, Permissions::MANAGE_THREADS)
        | of(3, Permissions::SEND_MESSAGES)
        | if bits >> 5 == 7 { Permissions::ADMINISTRATOR } else { Permissions::empty() }
}

fn pick<T: Copy>(list: &[T], n: usize) -> Option<T> {
    (!list.is_empty()).then(|| list[n % list.len()])
}

/// Takes a step as the owner, or as the user of a thread. What is refused must be refused for a reason of its own.
fn take(world: &mut World, step: Step) {
    let truth = world.truth().expect("a guild");
    let owner = truth.guild.owner_id.get();
    let roles: Vec<RoleId> = truth.guild.roles.iter().map(|role| role.id).collect();
    let channels: Vec<ChannelId> = truth.channels.iter().map(|channel| channel.id).collect();
    let threads: Vec<ChannelId> = truth.threads.iter().map(|thread| thread.id).collect();
    let categories = truth.channels.iter().filter(|c| c.kind == ChannelType::GuildCategory);
    let categories: Vec<ChannelId> = categories.map(|channel| channel.id).collect();
    let permitted =
        |permissions| role::Fields { permissions: Patch::Value(permissions), ..Default::default() };
    let (user, op) = match step {
        Step::AddRole(user, n) => {
            (owner, Op::Member(member::Op::AddRole { user: user.into(), role: pick(&roles, n).unwrap() }))
        }
        Step::RemoveRole(user, n) => {
            (owner, Op::Member(member::Op::RemoveRole { user: user.into(), role: pick(&roles, n).unwrap() }))
        }
        Step::Permit(n, bits) => {
            let fields = Box::new(permitted(rights(bits)));
            (owner, Op::Role(role::Op::Update { role: pick(&roles, n).unwrap(), fields }))
        }
        Step::NewRole(bits) => (owner, Op::Role(role::Op::Create(Box::new(permitted(rights(bits)))))),
        Step::DeleteRole(n) => (owner, Op::Role(role::Op::Delete { role: pick(&roles, n).unwrap() })),
        Step::RoleOverwrite(n, role, allow, deny) => {
            let Some(channel) = pick(&channels, n) else { return };
            let overwrite = Overwrite::role(pick(&roles, role).unwrap(), rights(allow), rights(deny));
            (owner, Op::Channel(channel::Op::SetOverwrite { channel, overwrite }))
        }
        Step::MemberOverwrite(n, user, allow, deny) => {
            let Some(channel) = pick(&channels, n) else { return };
            let overwrite = Overwrite::member(user.into(), rights(allow), rights(deny));
            (owner, Op::Channel(channel::Op::SetOverwrite { channel, overwrite }))
        }
        Step::DeleteOverwrite(n, overwrite) => {
            let Some(channel) = pick(&truth.channels.iter().collect::<Vec<_>>(), n) else { return };
            let there: Vec<_> = channel.permission_overwrites.iter().flatten().map(|o| o.id).collect();
            let id = pick(&there, overwrite).unwrap_or(GUILD.cast());
            (owner, Op::Channel(channel::Op::DeleteOverwrite { channel: channel.id, id }))
        }
        Step::NewChannel(kind, parent) => {
            let kinds = [
                ChannelType::GuildText,
                ChannelType::GuildVoice,
                ChannelType::GuildCategory,
                ChannelType::GuildForum,
            ];
            let parent_id = parent.and_then(|n| pick(&categories, n));
            let create = channel::Create { parent_id, ..new_channel("c", kinds[usize::from(kind)]) };
            (owner, Op::Channel(channel::Op::Create(Box::new(create))))
        }
        Step::DeleteChannel(n) => {
            let Some(channel) = pick(&channels, n) else { return };
            (owner, Op::Channel(channel::Op::Delete { channel }))
        }
        Step::MoveChannel(n, parent, lock_permissions) => {
            let Some(id) = pick(&channels, n) else { return };
            let parent_id = parent.and_then(|n| pick(&categories, n)).map_or(Patch::Null, Patch::Value);
            let entry = channel::Move { id, position: Some(n as i64), lock_permissions, parent_id };
            (owner, Op::Channel(channel::Op::Move(vec![entry])))
        }
        Step::Thread(n, user, private) => {
            let Some(channel) = pick(&channels, n) else { return };
            let kind = Some(if private { 12 } else { 11 });
            let thread =
                consort_model::request::thread::StartThread { name: "t".into(), kind, ..Default::default() };
            (user, Op::Thread { channel, op: thread::Op::Start { thread: Box::new(thread), post: None } })
        }
        Step::JoinThread(n, user) => {
            let Some(channel) = pick(&threads, n) else { return };
            (owner, Op::Thread { channel, op: thread::Op::AddMember { user: user.into() } })
        }
        Step::LeaveThread(n, user) => {
            let Some(channel) = pick(&threads, n) else { return };
            (user, Op::Thread { channel, op: thread::Op::Leave })
        }
        Step::Kick(user) => (owner, Op::Member(member::Op::Kick { user: user.into() })),
        Step::Own(user) => {
            let update = settings::Update { owner_id: Patch::Value(user.into()), ..Default::default() };
            (owner, Op::Settings(settings::Op::Update(Box::new(update))))
        }
        Step::Connect(user) => {
            world.connect(user);
            return;
        }
        Step::Restart => return world.restart(),
    };
    world.attempt(user, op);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn no_session_is_told_what_its_user_may_not_see_and_all_keep_up(
        steps in proptest::collection::vec(step(), 1..40),
        viewers in proptest::collection::vec(1..=USERS, 1..6),
    ) {
        let mut world = World::new();
        world.seed(2..=USERS);
        // Something to begin with: two roles, one of which shows a channel.
        let [shows, _other] = ["a", "b"].map(|name| world.create_role(name, Permissions::empty()));
        let hidden = world.create_channel(new_channel("hidden", ChannelType::GuildText));
        world.hide(hidden);
        world.overwrite(hidden, Overwrite::role(shows, Permissions::VIEW_CHANNEL, Permissions::empty()));
        for viewer in viewers {
            world.connect(viewer);
        }
        for step in steps {
            take(&mut world, step);
        }
        // Who was never loaded anew knows what a guild loaded from its rows knows.
        for user in 1..=USERS {
            prop_assert_eq!(world.guild_create(user), world.stored_guild_create(user));
        }
    }
}

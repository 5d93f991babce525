//! Channels: who sees them, who is told of them.

use consort_model::{ChannelType, Overwrite, Patch, Permissions};
use consort_rpc::guild::Op;
use consort_rpc::guild::channel::{self, Update};

use crate::world::{GUILD, OWNER, World, new_channel};

const NONE: Permissions = Permissions::empty();
const VIEW: Permissions = Permissions::VIEW_CHANNEL;

#[test]
fn a_hidden_channel_is_neither_in_guild_create_nor_its_events_delivered() {
    let mut world = World::new();
    world.seed([2]);
    let secret = world.create_channel(new_channel("secret", ChannelType::GuildText));
    world.hide(secret);
    let (owner, member) = (world.connect(OWNER), world.connect(2));
    let update = Update { topic: Patch::Value("x".into()), ..Update::default() };
    world.ok(OWNER, Op::Channel(channel::Op::Update { channel: secret, update: Box::new(update) }));
    assert_eq!(world.names(member), [""; 0]);
    assert_eq!(world.names(owner), ["CHANNEL_UPDATE", "GUILD_AUDIT_LOG_ENTRY_CREATE"]);
    let shown = world.guild_create(2).unwrap();
    assert!(!shown.to_string().contains("secret"), "{shown}");
}

#[test]
fn an_overwrite_tells_exactly_those_who_gain_keep_or_lose_a_channel() {
    let mut world = World::new();
    world.seed([2, 3, 4]);
    let channel = world.create_channel(new_channel("place", ChannelType::GuildText));
    let member = |user: u64, allow, deny| Overwrite::member(user.into(), allow, deny);
    world.overwrite(channel, member(3, VIEW, NONE));
    let sessions = [2, 3, 4].map(|user| world.connect(user));

    world.overwrite(channel, Overwrite::role(GUILD.cast(), NONE, VIEW));
    assert_eq!(
        sessions.map(|s| world.names(s)),
        [vec!["CHANNEL_DELETE"], vec!["CHANNEL_UPDATE"], vec!["CHANNEL_DELETE"]]
    );
    world.overwrite(channel, member(4, VIEW, NONE));
    assert_eq!(sessions.map(|s| world.names(s)), [vec![], vec!["CHANNEL_UPDATE"], vec!["CHANNEL_CREATE"]]);
    world.overwrite(channel, member(3, NONE, NONE));
    assert_eq!(sessions.map(|s| world.names(s)), [vec![], vec!["CHANNEL_DELETE"], vec!["CHANNEL_UPDATE"]]);
    world.ok(OWNER, Op::Channel(channel::Op::DeleteOverwrite { channel, id: GUILD.cast() }));
    assert_eq!(
        sessions.map(|s| world.names(s)),
        [vec!["CHANNEL_CREATE"], vec!["CHANNEL_CREATE"], vec!["CHANNEL_UPDATE"]]
    );
}

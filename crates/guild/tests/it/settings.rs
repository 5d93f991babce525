//! The guild itself.

use consort_model::{ChannelType, Overwrite, Patch, Permissions};
use consort_rpc::guild::settings::{Op as SettingsOp, Update};
use consort_rpc::guild::{Op, channel};
use consort_rpc::user;
use serde_json::json;

use crate::world::{GUILD, OWNER, World, new_channel};

fn update(update: Update) -> Op {
    Op::Settings(SettingsOp::Update(Box::new(update)))
}

#[test]
fn a_new_guild_has_its_founder_everyone_and_four_channels() {
    let mut world = World::new();
    assert!(matches!(world.told(OWNER)[..], [user::Op::GuildJoined { guild }] if guild == GUILD));
    let truth = world.truth().unwrap();
    let names: Vec<_> = truth.channels.iter().map(|c| c.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["Text Channels", "general", "Voice Channels", "General"]);
    assert_eq!((truth.members.len(), truth.guild.roles.len(), truth.member_count), (1, 1, 1));
    assert_eq!(truth.guild.system_channel_id, Some(world.channel("general")));
    assert_eq!(truth.guild.owner_id, OWNER.into());
}

#[test]
fn a_founding_that_is_refused_leaves_nothing() {
    let loud = channel::Create { bitrate: Some(1_000_000), ..new_channel("v", ChannelType::GuildVoice) };
    let founding =
        std::panic::catch_unwind(|| World::founded(vec![new_channel("a", ChannelType::GuildText), loud]));
    assert!(
        founding.is_err_and(|panic| panic.downcast_ref::<String>().is_some_and(|text| text.contains("400")))
    );
}

#[test]
fn a_guild_that_does_not_exist_refuses_calls_and_sessions() {
    let mut world = World::new();
    world.ok(OWNER, Op::Settings(SettingsOp::Delete));
    let session = world.connect(OWNER);
    assert_eq!(world.session(session).class, None);
    assert_eq!(world.call(OWNER, Op::Channel(channel::Op::List)).unwrap_err().code, 10004);
}

#[test]
fn the_guild_passes_to_another_owner_with_all_it_shows() {
    let mut world = World::new();
    world.seed([2, 3, 1000]);
    let secret = world.create_channel(new_channel("secret", ChannelType::GuildText));
    world.hide(secret);
    let sessions = [OWNER, 2, 3].map(|user| world.connect(user));
    let give = |user: u64| update(Update { owner_id: Patch::Value(user.into()), ..Update::default() });
    let admin = world.create_role("admin", Permissions::ADMINISTRATOR);
    world.ok(OWNER, Op::Member(consort_rpc::guild::member::Op::AddRole { user: 3.into(), role: admin }));
    assert_eq!(world.err(3, give(3)), (403, 20018), "only the owner");
    assert_eq!(world.err(2, give(2)), (403, 50013));
    assert_eq!(world.err(OWNER, give(99)), (404, 10007));
    assert_eq!(world.err(OWNER, give(1000)).0, 400, "no bots");
    world.look_away();
    world.ok(OWNER, give(2));
    let told = sessions.map(|s| world.names(s));
    assert_eq!(told[0], ["GUILD_UPDATE", "CHANNEL_DELETE"]);
    assert_eq!(told[1][..2], ["GUILD_UPDATE", "CHANNEL_CREATE"]);
    assert_eq!(told[2][..1], ["GUILD_UPDATE"]);
    assert_eq!(world.err(OWNER, give(OWNER)), (403, 50013));
    world.ok(2, give(OWNER));
}

#[test]
fn settings_name_only_channels_that_fit() {
    let mut world = World::new();
    world.seed([2]);
    let (text, voice) = (world.channel("general"), world.channel("General"));
    let session = world.connect(2);
    assert_eq!(world.err(2, update(Update { name: Some("n".into()), ..Update::default() })), (403, 50013));
    assert_eq!(world.err(99, update(Update { name: Some("n".into()), ..Update::default() })), (403, 50001));
    let afk = |channel| update(Update { afk_channel_id: Patch::Value(channel), ..Update::default() });
    assert_eq!(world.err(OWNER, afk(text)), (400, 50035));
    assert_eq!(world.err(OWNER, afk(99.into())), (400, 50035));
    world.ok(OWNER, afk(voice));
    world.ok(
        OWNER,
        update(Update {
            name: Some("new".into()),
            description: Patch::Value("d".into()),
            ..Update::default()
        }),
    );
    world.ok(OWNER, update(Update { rules_channel_id: Patch::Value(text), ..Update::default() }));
    assert_eq!(world.names(session), ["GUILD_UPDATE"; 3]);
    assert_eq!(
        world.err(OWNER, Op::Channel(channel::Op::Delete { channel: text })).1,
        50074,
        "communities need it"
    );
    world.ok(OWNER, Op::Channel(channel::Op::Delete { channel: voice }));
    assert_eq!(world.truth().unwrap().guild.afk_channel_id, None);
    // A change to what is already so is none.
    world.look_away();
    world.ok(OWNER, update(Update { name: Some("new".into()), ..Update::default() }));
    assert_eq!(world.names(session), [""; 0]);
}

#[test]
fn features_that_are_not_for_managers_to_set_stay() {
    let mut world = World::new();
    let wanted = Some(["COMMUNITY", "VERIFIED", "PARTNERED"].map(str::to_owned).to_vec());
    let changed = world.ok(OWNER, update(Update { features: wanted, ..Update::default() }));
    assert_eq!(changed["features"], json!(["COMMUNITY"]));
}

#[test]
fn a_widget_is_for_everybody_while_it_is_on_and_tells_no_secret() {
    let mut world = World::new();
    world.seed([2]);
    let hidden = world.create_channel(new_channel("hidden", ChannelType::GuildVoice));
    world.hide(hidden);
    let presence = consort_model::Presence {
        status: consort_model::Status::Online,
        ..consort_model::Presence::offline(2.into())
    };
    world
        .system(Op::Gateway(consort_rpc::guild::gateway::Op::Presence { presence: Box::new(presence) }))
        .unwrap();
    assert_eq!(world.err(99, Op::Settings(SettingsOp::Widget)), (403, 50004));
    let on = |channel| Op::Settings(SettingsOp::UpdateWidget { enabled: Some(true), channel });
    assert_eq!(world.err(2, on(Patch::Absent)), (403, 50013));
    assert_eq!(world.err(OWNER, on(Patch::Value(99.into()))), (404, 10003));
    let general = world.channel("general");
    world.ok(OWNER, on(Patch::Value(general)));
    let settings = world.ok(OWNER, Op::Settings(SettingsOp::WidgetSettings));
    assert_eq!(settings, json!({"enabled": true, "channel_id": general}));
    let widget = world.ok(99, Op::Settings(SettingsOp::Widget));
    let names: Vec<_> =
        widget["channels"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["General"]);
    assert_eq!(
        (&widget["members"][0]["id"], &widget["members"][0]["username"]),
        (&json!("0"), &json!("user2"))
    );
}

#[test]
fn a_welcome_screen_is_for_managers_until_it_is_on() {
    let mut world = World::new();
    world.seed([2]);
    let read = || Op::Settings(SettingsOp::WelcomeScreen);
    let general = world.channel("general").to_string();
    let write_of = |channel: &str, enabled, description| {
        Op::Settings(SettingsOp::UpdateWelcomeScreen {
            enabled,
            description,
            channels: Some(vec![json!({"channel_id": channel})]),
        })
    };
    let write = |enabled, description| write_of(&general, enabled, description);
    assert_eq!(world.err(OWNER, read()), (404, 10069));
    assert_eq!(world.err(OWNER, write_of("1", None, Patch::Absent)), (400, 50035), "a channel of others");
    assert_eq!(world.err(2, write(None, Patch::Absent)), (403, 50013));
    world.ok(OWNER, write(None, Patch::Value("hello".into())));
    assert_eq!(world.err(2, read()), (403, 50013));
    world.ok(OWNER, write(Some(true), Patch::Absent));
    assert_eq!(world.ok(2, read())["description"], "hello");
    world.ok(OWNER, write(Some(false), Patch::Null));
    assert_eq!(world.err(2, read()), (403, 50013));
}

/// Channels of a new guild.
const CHANNELS: usize = 4;

#[test]
fn a_deleted_guild_is_gone_for_everybody_and_leaves_no_row() {
    let mut world = World::new();
    world.seed([2, 3]);
    let general = world.channel("general");
    world.overwrite(general, Overwrite::member(2.into(), Permissions::VIEW_CHANNEL, Permissions::empty()));
    let sessions = [world.connect(OWNER), world.connect(2)];
    let admin = world.create_role("admin", Permissions::ADMINISTRATOR);
    world.ok(OWNER, Op::Member(consort_rpc::guild::member::Op::AddRole { user: 2.into(), role: admin }));
    assert_eq!(world.err(2, Op::Settings(SettingsOp::Delete)), (403, 50013));
    assert_eq!(world.err(99, Op::Settings(SettingsOp::Delete)), (403, 50001));
    world.look_away();
    world.told(2);
    world.ok(OWNER, Op::Settings(SettingsOp::Delete));
    for session in sessions {
        let told = world.take(session);
        assert_eq!(told, [("GUILD_DELETE".to_owned(), json!({"id": GUILD}))]);
        assert_eq!(world.session(session).class, None);
    }
    for user in [OWNER, 2, 3] {
        assert!(matches!(world.told(user).last(), Some(user::Op::GuildLeft { guild }) if *guild == GUILD));
    }
    world.erase();
    // The epoch stays: nobody who owned the guild before may write to it again. The recovery task takes names of senders off later.
    let stay = [consort_store::Table::Epochs, consort_store::Table::Senders];
    for table in consort_store::Table::ALL.iter().filter(|table| !stay.contains(table)) {
        // Its files are to be swept: those of each channel and of its members.
        let rows = if *table == consort_store::Table::Orphans { 1 + CHANNELS } else { 0 };
        assert_eq!(world.store.row_count(*table), rows, "{table:?}");
    }
}

//! The guild's template: what is in it, who may touch it, what is made of it.

use consort_model::{ChannelType, Overwrite, OverwriteKind, Patch, Permissions, TemplateGuild};
use consort_rpc::guild::{Op, settings, template};
use consort_store::Table;
use serde_json::{Value, json};

use crate::world::{OWNER, World, new_channel};

const ANN: u64 = 2;

fn create(name: &str) -> Op {
    Op::Template(template::Op::Create { name: name.into(), description: Some("d".into()) })
}

fn read(reply: consort_rpc::Reply) -> Result<Value, u32> {
    let answer = reply.map_err(|error| error.code)?;
    Ok(serde_json::from_slice(answer.body().unwrap()).unwrap())
}

#[test]
fn a_guild_has_one_template_which_its_managers_keep() {
    let mut world = World::new();
    world.seed([ANN]);
    assert_eq!(world.err(ANN, create("mine")), (403, 50013));
    let made = world.ok(OWNER, create("first"));
    let code = made["code"].as_str().unwrap().to_owned();
    assert_eq!((&made["usage_count"], &made["is_dirty"]), (&json!(0), &Value::Null));
    assert_eq!(world.err(OWNER, create("second")), (400, 30031));
    assert_eq!(world.err(OWNER, Op::Template(template::Op::Sync { code: "other".into() })), (404, 10057));
    world.create_channel(new_channel("news", ChannelType::GuildText));
    world.restart();
    let listed = world.ok(OWNER, Op::Template(template::Op::List));
    assert_eq!(listed[0]["is_dirty"], true);
    let synced = world.ok(OWNER, Op::Template(template::Op::Sync { code: code.clone() }));
    assert_eq!(synced["is_dirty"], Value::Null);
    let update =
        template::Op::Update { code: code.clone(), name: Some("renamed".into()), description: Patch::Null };
    let updated = world.ok(OWNER, Op::Template(update));
    assert_eq!((&updated["name"], &updated["description"]), (&json!("renamed"), &Value::Null));
    let resolve = || Op::Template(template::Op::Resolve { code: code.clone() });
    assert_eq!(read(world.system(resolve())).unwrap()["name"], "renamed");
    assert_eq!(world.err(ANN, resolve()), (403, 50013), "by its code only through the system");
    world.ok(OWNER, Op::Template(template::Op::Delete { code: code.clone() }));
    assert_eq!(read(world.system(resolve())), Err(10057));
    world.ok(OWNER, create("third"));
    world.call(OWNER, Op::Settings(settings::Op::Delete)).expect("deleted");
    world.erase();
    assert_eq!(
        world.store.row_count(Table::InviteIndex),
        0,
        "the way to the template is gone with the guild"
    );
}

#[test]
fn a_guild_made_of_a_template_has_its_roles_channels_and_overwrites() {
    let mut world = World::new();
    world.seed([ANN]);
    let staff = world.create_role("staff", Permissions::MANAGE_MESSAGES);
    let category = world.create_channel(new_channel("offices", ChannelType::GuildCategory));
    let mut office = new_channel("office", ChannelType::GuildText);
    office.parent_id = Some(category);
    let allow = |id: u64, kind| Overwrite {
        id: id.into(),
        kind,
        allow: Permissions::VIEW_CHANNEL,
        deny: Permissions::empty(),
    };
    office.permission_overwrites =
        Some(vec![allow(staff.get(), OverwriteKind::Role), allow(ANN, OverwriteKind::Member)]);
    world.create_channel(office);
    let snapshot = world.ok(OWNER, create("t"))["serialized_source_guild"].clone();
    let template: TemplateGuild = serde_json::from_value(snapshot.clone()).unwrap();
    let again = World::of_template(template);
    let made = again.guild_create(OWNER).unwrap();
    let named = |list: &str, name: &str| {
        made[list].as_array().unwrap().iter().find(|item| item["name"] == name).cloned().unwrap()
    };
    let (role, office) = (named("roles", "staff"), named("channels", "office"));
    assert_eq!(role["permissions"], Permissions::MANAGE_MESSAGES.bits().to_string());
    assert_eq!(office["parent_id"], named("channels", "offices")["id"]);
    assert_eq!(office["permission_overwrites"].as_array().unwrap().len(), 1, "members are not taken along");
    assert_eq!(office["permission_overwrites"][0]["id"], role["id"]);
    assert_eq!(made["system_channel_id"], named("channels", "general")["id"]);
    // What is made of a template makes the same template.
    let mut again = again;
    assert_eq!(again.ok(OWNER, create("t"))["serialized_source_guild"], snapshot);
}

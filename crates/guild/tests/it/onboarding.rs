//! Questions for new members: when a guild may ask, and what answers give.

use consort_model::request::onboarding::OnboardingForm;
use consort_model::{ChannelId, ChannelType, Form, GenericId, Permissions, RoleId};
use consort_rpc::guild::{Op, member, onboarding, role};
use serde_json::{Value, json};

use crate::world::{OWNER, World, id, new_channel};

const ANN: u64 = 2;
const BEN: u64 = 3;

fn set(body: &Value) -> Op {
    let form = Form::root(body).unwrap().check(OnboardingForm::read).unwrap();
    Op::Onboarding(onboarding::Op::Set(Box::new(form)))
}

fn answer(chosen: &[&Value]) -> Op {
    let chosen: Vec<GenericId> = chosen.iter().map(|option| id(option)).collect();
    Op::Onboarding(onboarding::Op::Answer { chosen })
}

fn world() -> (World, Vec<ChannelId>) {
    let mut world = World::new();
    world.seed([ANN, BEN]);
    let text = |n: usize| new_channel(&format!("text{n}"), ChannelType::GuildText);
    let channels = (0..7).map(|n| world.create_channel(text(n))).collect();
    (world, channels)
}

fn prompts(roles: &[RoleId], channels: &[ChannelId]) -> Value {
    let option = |id: usize, role: &RoleId| {
        json!({"id": id.to_string(), "title": format!("o{id}"), "role_ids": [role], "channel_ids": channels,
            "emoji_name": "🔥"})
    };
    let options: Vec<_> = roles.iter().enumerate().map(|(n, role)| option(n, role)).collect();
    json!([{"id": "0", "title": "which?", "options": options, "single_select": true, "required": true,
        "in_onboarding": true}])
}

#[test]
fn a_guild_may_ask_when_everybody_sees_enough() {
    let (mut world, channels) = world();
    let on = |channels: &[ChannelId]| set(&json!({"default_channel_ids": channels, "enabled": true}));
    assert_eq!(world.err(ANN, on(&channels)), (403, 50013));
    assert_eq!(world.err(OWNER, on(&channels[..6])), (400, 350_000));
    world.hide(channels[6]);
    assert_eq!(world.err(OWNER, on(&channels)), (400, 350_000));
    let more = world.create_channel(new_channel("more", ChannelType::GuildText));
    let shown = [&channels[..6], &[more]].concat();
    let owner = world.connect(OWNER);
    let made = world.ok(OWNER, on(&shown));
    assert_eq!((&made["enabled"], &made["default_channel_ids"]), (&json!(true), &json!(shown)));
    assert_eq!(world.names(owner), ["GUILD_UPDATE", "GUILD_AUDIT_LOG_ENTRY_CREATE"]);
    assert_eq!(world.err(OWNER, on(&shown[..3])), (400, 350_001));
    world.restart();
    assert_eq!(world.ok(ANN, Op::Onboarding(onboarding::Op::Get)), made);
    // Questions count where they are to.
    let everyone = world.create_role("everyone", Permissions::empty());
    let advanced =
        json!({"mode": 1, "default_channel_ids": &shown[..3], "prompts": prompts(&[everyone], &shown[3..])});
    assert_eq!(world.ok(OWNER, set(&advanced))["mode"], 1);
}

#[test]
fn nobody_offers_what_is_not_theirs_to_give() {
    let (mut world, channels) = world();
    let rights = Permissions::MANAGE_GUILD | Permissions::MANAGE_ROLES;
    let high = world.create_role("high", Permissions::empty());
    let managers = world.create_role("managers", rights);
    world.ok(OWNER, Op::Role(role::Op::Move(vec![(high, Some(2)), (managers, Some(1))])));
    world.ok(OWNER, Op::Member(member::Op::AddRole { user: ANN.into(), role: managers }));
    let offer = set(&json!({"prompts": prompts(&[high], &[])}));
    assert_eq!(world.err(ANN, offer.clone()), (400, 50035));
    let error =
        world.call(OWNER, set(&json!({"prompts": prompts(&[RoleId::new(5)], &channels)}))).unwrap_err();
    let body: Value = serde_json::from_slice(&error.to_body()).unwrap();
    assert!(body.pointer("/errors/prompts/0/options/0/role_ids/0/_errors").is_some(), "{body}");
    world.ok(OWNER, offer.clone());
    world.ok(ANN, offer);
}

#[test]
fn answers_give_their_roles_and_take_those_of_others() {
    let (mut world, channels) = world();
    let [red, blue] = ["red", "blue"].map(|name| world.create_role(name, Permissions::empty()));
    let body =
        json!({"default_channel_ids": channels, "enabled": true, "prompts": prompts(&[red, blue], &[])});
    assert_eq!(world.err(ANN, answer(&[])), (403, 50001), "nothing is asked");
    let made = world.ok(OWNER, set(&body));
    let options = &made["prompts"][0]["options"];
    assert_ne!(options[0]["id"], options[1]["id"]);
    assert_eq!(world.err(ANN, answer(&[&options[0], &options[1]])), (400, 50035));
    assert_eq!(world.err(ANN, answer(&[&json!({"id": "7"})])), (400, 50035));
    let held = |world: &mut World| {
        let member = world.ok(OWNER, Op::Member(member::Op::Get { user: ANN.into() }));
        (member["roles"].clone(), member["flags"].as_u64().unwrap())
    };
    world.ok(ANN, answer(&[]));
    assert_eq!(held(&mut world), (json!([]), 1 << 3), "begun, and not completed");
    world.ok(ANN, answer(&[&options[0]]));
    assert_eq!(held(&mut world), (json!([red]), 1 << 3 | 1 << 1));
    world.ok(ANN, answer(&[&options[1]]));
    assert_eq!(held(&mut world).0, json!([blue]));
    // Ids of what there is stay.
    let again = world.ok(OWNER, set(&json!({"prompts": made["prompts"]})));
    assert_eq!(again["prompts"], made["prompts"]);
    world.ok(OWNER, Op::Role(role::Op::Delete { role: blue }));
    let shown = world.ok(ANN, Op::Onboarding(onboarding::Op::Get));
    assert_eq!(shown["prompts"][0]["options"][1]["role_ids"], json!([]));
}

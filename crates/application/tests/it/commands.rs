//! Commands.

use consort_model::command::{Command, CommandPermissions};
use consort_model::request::command::Draft;
use consort_model::{CommandId, GuildId};
use consort_rpc::application::{CommandOp, Op, Put};
use serde_json::json;

use crate::world::{APPLICATION, world};

const GUILD: GuildId = GuildId::new(77);

fn draft(name: &str) -> Draft {
    Draft::read(&json!({"name": name, "description": "d"})).unwrap()
}

fn put(guild: Option<GuildId>, name: &str) -> Op {
    Op::Command(CommandOp::Put { guild, draft: Box::new(draft(name)) })
}

#[tokio::test]
async fn a_command_keeps_its_id_for_as_long_as_its_name() {
    let world = world().await;
    let first: Put = world.read(put(None, "echo")).await;
    let again: Put = world.read(put(None, "echo")).await;
    assert_eq!((first.is_new, again.is_new, again.command.id), (true, false, first.command.id));
    let elsewhere: Put = world.read(put(Some(GUILD), "echo")).await;
    assert_ne!(elsewhere.command.id, first.command.id);
    let world = world.restart();
    let replace = CommandOp::Replace { guild: None, drafts: vec![draft("new"), draft("echo")] };
    let replaced: Vec<Command> = world.read(Op::Command(replace)).await;
    assert_eq!((replaced.len(), replaced[1].id), (2, first.command.id));
    let twice = CommandOp::Replace { guild: None, drafts: vec![draft("a"), draft("a")] };
    assert_eq!(world.refused(Op::Command(twice)).await, 40041);
    let list: Vec<Command> = world.read(Op::Command(CommandOp::List { guild: None })).await;
    assert_eq!(list.len(), 2);
}

#[tokio::test]
async fn a_command_cannot_take_the_name_of_another() {
    let world = world().await;
    let Put { command, .. } = world.read(put(None, "echo")).await;
    world.ask(put(None, "ping")).await.unwrap();
    let edit = |name: &str| {
        Op::Command(CommandOp::Edit { guild: None, command: command.id, body: json!({"name": name}) })
    };
    assert_eq!(world.refused(edit("ping")).await, 40041);
    assert_eq!(world.refused(edit("No Name")).await, 50035);
    assert_eq!(world.read::<Command>(edit("pong")).await.name, "pong");
    let delete = || Op::Command(CommandOp::Delete { guild: None, command: command.id });
    world.ask(delete()).await.unwrap();
    assert_eq!(world.refused(delete()).await, 10063);
}

#[tokio::test]
async fn a_scope_has_a_hundred_commands() {
    let world = world().await;
    let drafts = (0..100).map(|n| draft(&format!("c{n}"))).collect();
    world.ask(Op::Command(CommandOp::Replace { guild: None, drafts })).await.unwrap();
    assert_eq!(world.refused(put(None, "more")).await, 30032);
    world.ask(put(Some(GUILD), "more")).await.unwrap();
}

#[tokio::test]
async fn two_hundred_commands_are_made_a_day() {
    let world = world().await;
    for round in 0..2 {
        let drafts: Vec<_> = (0..100).map(|n| draft(&format!("c{round}-{n}"))).collect();
        let replace = CommandOp::Replace { guild: None, drafts };
        world.ask(Op::Command(replace.clone())).await.unwrap();
        // Those that are there already are not made.
        world.ask(Op::Command(replace)).await.unwrap();
    }
    world.ask(put(None, "c1-0")).await.unwrap();
    let one_more = || Op::Command(CommandOp::Replace { guild: None, drafts: vec![draft("more")] });
    assert_eq!(world.refused(one_more()).await, 30034);
    // Each guild has its own count.
    world.ask(put(Some(GUILD), "more")).await.unwrap();
    let world = world.restart();
    assert_eq!(world.refused(one_more()).await, 30034);
    world.clock.advance(24 * 3_600_000);
    world.ask(one_more()).await.unwrap();
}

#[tokio::test]
async fn permissions_are_kept_by_guild_and_command() {
    let world = world().await;
    world.ask(put(Some(GUILD), "echo")).await.unwrap();
    let command = CommandId::new(3);
    let of = || Op::Command(CommandOp::PermissionsOf { guild: GUILD, command });
    assert_eq!(world.refused(of()).await, 10066);
    let row = CommandPermissions {
        id: command,
        application_id: APPLICATION,
        guild_id: GUILD,
        permissions: Vec::new(),
    };
    world.ask(Op::Command(CommandOp::SetPermissions(Box::new(row.clone())))).await.unwrap();
    assert_eq!(world.read::<CommandPermissions>(of()).await, row);
    let all: Vec<CommandPermissions> = world.read(Op::Command(CommandOp::Permissions { guild: GUILD })).await;
    assert_eq!(all, [row]);
}

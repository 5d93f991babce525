//! Conformance of the server as twilight sees it: its gateway (zstd-stream), its REST client and its strict
//! models. The environment is made by `cargo xtask conformance`; each check prints a line
//! `ok|FAIL AREA.CHECK detail`.
#![allow(clippy::print_stdout, reason = "the results are this program's output")]

mod guild;
mod harness;
mod messages;
mod proxy;
mod sessions;

use harness::{Client, World, fail, need, same};
use twilight_gateway::Event;
use twilight_model::gateway::payload::incoming::GuildCreate;

#[tokio::main]
async fn main() -> Result<(), String> {
    let mut world = World::from_env()?;
    let (base, token, second_token) =
        (world.address.clone(), world.bot_token.clone(), world.second_token.clone());
    let bot = world.check("login.ready", Client::login(&base, &token)).await;
    let second = world.check("login.second_ready", Client::login(&base, &second_token)).await;
    let (Some(bot), Some(second)) = (bot, second) else {
        println!("no client could log in");
        return Ok(());
    };
    login(&mut world, &bot).await;
    messages::run(&mut world, &bot, &second).await;
    guild::run(&mut world, &bot, &second).await;
    sessions::run(&mut world, &bot, &second).await;
    let misread = async {
        match bot.problems().into_iter().chain(second.problems()).next() {
            None => Ok(()),
            Some(problem) => fail(problem),
        }
    };
    world.check("gateway.every_event_understood", misread).await;
    println!("{} failed", world.failures);
    Ok(())
}

async fn login(world: &mut World, bot: &Client) {
    let id = world.bot_id;
    world
        .check("login.user", async {
            let me =
                bot.rest.current_user().await.map_err(harness::text)?.model().await.map_err(harness::text)?;
            same("id", me.id, id)
        })
        .await;
    world
        .check("login.application", async {
            let info = bot.rest.current_user_application().await.map_err(harness::text)?;
            let info = info.model().await.map_err(harness::text)?;
            same("id", info.id.get(), id.get())
        })
        .await;
    let (guild_id, channel_id) = (world.guild, world.channel);
    world
        .check("cache.guild", async {
            let guild = bot.first(|event| match event {
                Event::GuildCreate(create) => match &**create {
                    GuildCreate::Available(guild) if guild.id == guild_id => Some(guild.clone()),
                    _ => None,
                },
                _ => None,
            });
            let guild = need(&guild)?;
            same("channel", guild.channels.iter().any(|channel| channel.id == channel_id), true)?;
            same("own member", guild.members.iter().any(|member| member.user.id == id), true)?;
            same("@everyone", guild.roles.iter().any(|role| role.id == guild_id.cast()), true)?;
            same("members", guild.member_count, Some(4))
        })
        .await;
}

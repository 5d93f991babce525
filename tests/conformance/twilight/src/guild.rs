//! Channels, threads, roles, members, invites, voice states, refusals.

use crate::harness::{Client, World, as_person, need, refused, same, text};
use crate::messages::send;
use serde_json::json;
use twilight_gateway::Event;
use twilight_model::channel::ChannelType;
use twilight_model::channel::thread::AutoArchiveDuration;
use twilight_model::gateway::payload::outgoing::{RequestGuildMembers, UpdatePresence, UpdateVoiceState};
use twilight_model::gateway::presence::{ActivityType, MinimalActivity, Status};
use twilight_model::guild::Permissions;
use twilight_model::http::permission_overwrite::{PermissionOverwrite, PermissionOverwriteType};
use twilight_model::id::Id;

/// Runs the checks.
pub async fn run(world: &mut World, bot: &Client, second: &Client) {
    channels(world, bot, second).await;
    threads(world, bot, second).await;
    roles(world, bot, second).await;
    members(world, bot, second).await;
    voice(world, bot, second).await;
    errors(world, bot, second).await;
}

async fn channels(world: &mut World, bot: &Client, second: &Client) {
    let (guild, channel) = (world.guild, world.channel);
    world
        .check("channels.life", async {
            let made =
                bot.rest.create_guild_channel(guild, "made-here").topic("what for").await.map_err(text)?;
            let made = made.model().await.map_err(text)?;
            same("topic", made.topic.as_deref(), Some("what for"))?;
            let seen = second.expect();
            bot.rest.update_channel(made.id).topic("changed").await.map_err(text)?;
            seen.until("CHANNEL_UPDATE", |event| match event {
                Event::ChannelUpdate(update) if update.id == made.id => update.topic.clone(),
                _ => None,
            })
            .await
            .and_then(|topic| same("topic", topic.as_str(), "changed"))?;
            let seen = second.expect();
            bot.rest.delete_channel(made.id).await.map_err(text)?;
            seen.until("CHANNEL_DELETE", |event| match event {
                Event::ChannelDelete(delete) if delete.id == made.id => Some(()),
                _ => None,
            })
            .await
        })
        .await;
    world
        .check("channels.hidden", async {
            let hidden = bot.rest.create_guild_channel(guild, "hidden").await.map_err(text)?;
            let hidden = hidden.model().await.map_err(text)?.id;
            let overwrite = PermissionOverwrite {
                allow: None,
                deny: Some(Permissions::VIEW_CHANNEL),
                id: guild.cast(),
                kind: PermissionOverwriteType::Role,
            };
            bot.rest.update_channel_permission(hidden, &overwrite).await.map_err(text)?;
            let seen = second.expect();
            send(bot, hidden, "not for everybody").await?;
            send(bot, channel, "for everybody").await?;
            let seen = seen.collect_until("for everybody", |event| match event {
                Event::MessageCreate(create) => Some(create.content.clone()),
                _ => None,
            });
            same("what the second client saw", seen.await?, vec!["for everybody".to_owned()])?;
            refused(second.rest.channel_messages(hidden).await, 403, 50001)?;
            bot.rest.delete_channel(hidden).await.map(drop).map_err(text)
        })
        .await;
}

async fn threads(world: &mut World, bot: &Client, second: &Client) {
    let (guild, channel) = (world.guild, world.channel);
    let thread = world
        .check("threads.from_message", async {
            let start = send(bot, channel, "the start of a thread").await?.id;
            let seen = second.expect();
            let thread = bot
                .rest
                .create_thread_from_message(channel, start, "A Thread")
                .auto_archive_duration(AutoArchiveDuration::Hour)
                .await
                .map_err(text)?;
            let thread = thread.model().await.map_err(text)?;
            same("id", thread.id, start.cast())?;
            seen.until("THREAD_CREATE", |event| match event {
                Event::ThreadCreate(create) if create.id == thread.id => Some(()),
                _ => None,
            })
            .await?;
            Ok(thread.id)
        })
        .await;
    world
        .check("threads.active", async {
            let active = bot.rest.active_threads(guild).await.map_err(text)?.model().await.map_err(text)?;
            same("listed", active.threads.iter().any(|one| Some(one.id) == thread), true)
        })
        .await;
    world
        .check("threads.archive", async {
            let id = *need(&thread)?;
            let seen = second.expect();
            bot.rest.update_thread(id).archived(true).await.map_err(text)?;
            seen.until("THREAD_UPDATE", |event| match event {
                Event::ThreadUpdate(update) if update.id == id => {
                    update.thread_metadata.as_ref().map(|data| data.archived)
                }
                _ => None,
            })
            .await
            .and_then(|archived| same("archived", archived, true))
        })
        .await;
    world
        .check("threads.private", async {
            let made =
                bot.rest.create_thread(channel, "Private", ChannelType::PrivateThread).await.map_err(text)?;
            same("kind", made.model().await.map_err(text)?.kind, ChannelType::PrivateThread)
        })
        .await;
}

async fn roles(world: &mut World, bot: &Client, second: &Client) {
    let (guild, member) = (world.guild, world.member);
    let role = world
        .check("roles.create", async {
            let seen = second.expect();
            let role =
                bot.rest.create_role(guild).name("helpers").permissions(Permissions::MANAGE_MESSAGES).await;
            let role = role.map_err(text)?.model().await.map_err(text)?;
            seen.until("GUILD_ROLE_CREATE", |event| match event {
                Event::RoleCreate(create) if create.role.id == role.id => Some(create.role.permissions),
                _ => None,
            })
            .await
            .and_then(|permissions| same("permissions", permissions, Permissions::MANAGE_MESSAGES))?;
            Ok(role.id)
        })
        .await;
    world
        .check("roles.assign", async {
            let role = *need(&role)?;
            let seen = second.expect();
            bot.rest.add_guild_member_role(guild, member, role).await.map_err(text)?;
            seen.until("GUILD_MEMBER_UPDATE", |event| match event {
                Event::MemberUpdate(update) if update.user.id == member && update.roles.contains(&role) => {
                    Some(())
                }
                _ => None,
            })
            .await
        })
        .await;
    world
        .check("roles.delete", async {
            let role = *need(&role)?;
            let seen = second.expect();
            bot.rest.delete_role(guild, role).await.map_err(text)?;
            seen.until("GUILD_ROLE_DELETE", |event| match event {
                Event::RoleDelete(delete) if delete.role_id == role => Some(()),
                _ => None,
            })
            .await
        })
        .await;
}

async fn members(world: &mut World, bot: &Client, second: &Client) {
    let (guild, channel, member, outsider) = (world.guild, world.channel, world.member, world.outsider);
    world
        .check("members.list", async {
            let page =
                bot.rest.guild_members(guild).limit(10).await.map_err(text)?.models().await.map_err(text)?;
            same("count", page.len(), 4)
        })
        .await;
    world
        .check("members.chunk", async {
            let seen = bot.expect();
            let ask = RequestGuildMembers::builder(guild).nonce("all").query("", None);
            bot.commands.command(&ask).map_err(text)?;
            let count = seen.until("GUILD_MEMBERS_CHUNK", |event| match event {
                Event::MemberChunk(chunk) => Some((chunk.members.len(), chunk.nonce.clone())),
                _ => None,
            });
            same("members and nonce", count.await?, (4, Some("all".to_owned())))
        })
        .await;
    world
        .check("members.nickname", async {
            let seen = second.expect();
            bot.rest.update_guild_member(guild, member).nick(Some("Nick")).await.map_err(text)?;
            seen.until("GUILD_MEMBER_UPDATE", |event| match event {
                Event::MemberUpdate(update) if update.user.id == member => update.nick.clone(),
                _ => None,
            })
            .await
            .and_then(|nick| same("nick", nick.as_str(), "Nick"))
        })
        .await;
    let code = world
        .check("invites.create_and_accept", async {
            let invite =
                bot.rest.create_invite(channel).max_age(600).max_uses(3).unique(true).await.map_err(text)?;
            let code = invite.model().await.map_err(text)?.code;
            let seen = bot.expect();
            as_person("OUTSIDER_TOKEN", "POST", format!("/invites/{code}"), json!({})).await?;
            seen.until("GUILD_MEMBER_ADD", |event| match event {
                Event::MemberAdd(add) if add.user.id == outsider => Some(()),
                _ => None,
            })
            .await?;
            Ok(code)
        })
        .await;
    world
        .check("members.ban", async {
            let seen = bot.expect();
            bot.rest.create_ban(guild, outsider).await.map_err(text)?;
            seen.until("GUILD_BAN_ADD", |event| match event {
                Event::BanAdd(ban) if ban.user.id == outsider => Some(()),
                _ => None,
            })
            .await?;
            let path = format!("/invites/{}", need(&code)?);
            same("joining", as_person("OUTSIDER_TOKEN", "POST", path, json!({})).await.is_err(), true)?;
            bot.rest.delete_ban(guild, outsider).await.map_err(text)?;
            refused(bot.rest.ban(guild, outsider).await, 404, 10026)
        })
        .await;
    let second_id = world.second_id;
    world
        .check("presence.update", async {
            let seen = bot.expect();
            let game = MinimalActivity { kind: ActivityType::Playing, name: "a game".to_owned(), url: None };
            let busy = UpdatePresence::new(vec![game.into()], false, None, Status::DoNotDisturb);
            second.commands.command(&busy.map_err(text)?).map_err(text)?;
            seen.until("PRESENCE_UPDATE", |event| match event {
                Event::PresenceUpdate(update) if update.user.id() == second_id => Some(update.status),
                _ => None,
            })
            .await
            .and_then(|status| same("status", status, Status::DoNotDisturb))
        })
        .await;
}

async fn voice(world: &mut World, bot: &Client, second: &Client) {
    let (guild, bot_id) = (world.guild, world.bot_id);
    world
        .check("voice.join_and_leave", async {
            let made = bot
                .rest
                .create_guild_channel(guild, "Talk")
                .kind(ChannelType::GuildVoice)
                .await
                .map_err(text)?;
            let channel = made.model().await.map_err(text)?.id;
            for wanted in [Some(channel), None] {
                let seen = second.expect();
                let state = UpdateVoiceState::new(guild, wanted, false, true);
                bot.commands.command(&state).map_err(text)?;
                seen.until("VOICE_STATE_UPDATE", |event| match event {
                    Event::VoiceStateUpdate(update) if update.user_id == bot_id => Some(update.channel_id),
                    _ => None,
                })
                .await
                .and_then(|channel| same("channel", channel, wanted))?;
            }
            bot.rest.delete_channel(channel).await.map(drop).map_err(text)
        })
        .await;
}

async fn errors(world: &mut World, bot: &Client, second: &Client) {
    let (guild, channel) = (world.guild, world.channel);
    const NOBODY: u64 = 123_456_789_012_345_678;
    world
        .check("errors.unknown", async {
            refused(bot.rest.channel(Id::new(NOBODY)).await, 404, 10003)?;
            refused(bot.rest.guild(Id::new(NOBODY)).await, 404, 10004)?;
            refused(bot.rest.message(channel, Id::new(NOBODY)).await, 404, 10008)?;
            refused(bot.rest.invite("nosuchcode").await, 404, 10006)
        })
        .await;
    world
        .check("errors.missing_permissions", async {
            refused(second.rest.create_guild_channel(guild, "forbidden").await, 403, 50013)?;
            refused(second.rest.create_role(guild).name("forbidden").await, 403, 50013)
        })
        .await;
    world
        .check("errors.empty_message", async {
            refused(bot.rest.create_message(channel).content(" ").await, 400, 50006)
        })
        .await;
}

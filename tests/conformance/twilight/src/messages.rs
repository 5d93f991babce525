//! Messages, files, reactions, direct messages.

use crate::harness::{Client, World, as_person, fail, need, refused, same, text};
use serde_json::json;
use std::io::Read as _;
use twilight_gateway::Event;
use twilight_http::request::channel::reaction::RequestReactionType;
use twilight_model::channel::message::embed::{Embed, EmbedField};
use twilight_model::channel::message::{Message, MessageType};
use twilight_model::http::attachment::Attachment;
use twilight_model::id::Id;
use twilight_model::id::marker::{ChannelMarker, MessageMarker};

/// Sends a text and returns the message.
pub async fn send(client: &Client, channel: Id<ChannelMarker>, content: &str) -> Result<Message, String> {
    client.rest.create_message(channel).content(content).await.map_err(text)?.model().await.map_err(text)
}

/// The message of a MESSAGE_CREATE with this content.
pub fn created(event: &Event, content: &str) -> Option<Message> {
    match event {
        Event::MessageCreate(create) if create.content == content => Some(Message::clone(create)),
        _ => None,
    }
}

/// Runs the checks.
pub async fn run(world: &mut World, bot: &Client, second: &Client) {
    exchange(world, bot, second).await;
    change(world, bot, second).await;
    files(world, bot, second).await;
    reactions(world, bot, second).await;
    direct(world, bot).await;
}

async fn exchange(world: &mut World, bot: &Client, second: &Client) {
    let (guild, channel, bot_id) = (world.guild, world.channel, world.bot_id);
    world
        .check("messages.send", async {
            let seen = second.expect();
            let sent = send(bot, channel, "one & only").await?;
            let seen = seen.until("MESSAGE_CREATE", |event| created(event, "one & only")).await?;
            same("id", seen.id, sent.id)?;
            same("guild", seen.guild_id, Some(guild))?;
            same("author", seen.author.id, bot_id)?;
            same("member", seen.member.is_some(), true)
        })
        .await;
    world
        .check("messages.answer", async {
            let seen = bot.expect();
            let sent = send(second, channel, "and back").await?;
            same("id", seen.until("MESSAGE_CREATE", |event| created(event, "and back")).await?.id, sent.id)
        })
        .await;
    world
        .check("messages.in_new_channel", async {
            let made = second.expect();
            let new = bot.rest.create_guild_channel(guild, "after-login").await.map_err(text)?;
            let new = new.model().await.map_err(text)?;
            made.until("CHANNEL_CREATE", |event| match event {
                Event::ChannelCreate(create) if create.id == new.id => Some(()),
                _ => None,
            })
            .await?;
            let seen = second.expect();
            let sent = send(bot, new.id, "first in here").await?;
            same(
                "id",
                seen.until("MESSAGE_CREATE", |event| created(event, "first in here")).await?.id,
                sent.id,
            )
        })
        .await;
    world
        .check("messages.reply", async {
            let start = send(bot, channel, "a question").await?;
            let seen = second.expect();
            bot.rest.create_message(channel).reply(start.id).content("a reply").await.map_err(text)?;
            let seen = seen.until("MESSAGE_CREATE", |event| created(event, "a reply")).await?;
            same("kind", seen.kind, MessageType::Reply)?;
            same("reference", seen.reference.and_then(|to| to.message_id), Some(start.id))?;
            same("referenced", seen.referenced_message.map(|to| to.content), Some("a question".to_owned()))
        })
        .await;
    world
        .check("messages.embed", async {
            let field = EmbedField { name: "a".into(), value: "b".into(), inline: true };
            let embed = Embed { fields: vec![field.clone()], ..embed("Title", "Description") };
            let seen = second.expect();
            bot.rest.create_message(channel).embeds(&[embed]).await.map_err(text)?;
            let seen = seen.until("MESSAGE_CREATE", |event| match event {
                Event::MessageCreate(create) => create.embeds.first().cloned(),
                _ => None,
            });
            let seen = seen.await?;
            same("title", seen.title.as_deref(), Some("Title"))?;
            same("fields", seen.fields, vec![field])
        })
        .await;
}

fn embed(title: &str, description: &str) -> Embed {
    Embed {
        author: None,
        color: Some(0x0012_3456),
        description: Some(description.to_owned()),
        fields: Vec::new(),
        flags: None,
        footer: None,
        image: None,
        kind: "rich".to_owned(),
        provider: None,
        thumbnail: None,
        timestamp: None,
        title: Some(title.to_owned()),
        url: None,
        video: None,
    }
}

async fn change(world: &mut World, bot: &Client, second: &Client) {
    let channel = world.channel;
    let edited = world
        .check("messages.edit", async {
            let sent = send(bot, channel, "before").await?;
            let seen = second.expect();
            bot.rest.update_message(channel, sent.id).content(Some("afterwards")).await.map_err(text)?;
            seen.until("MESSAGE_UPDATE", |event| match event {
                Event::MessageUpdate(update) if update.id == sent.id && update.content == "afterwards" => {
                    Some(())
                }
                _ => None,
            })
            .await?;
            Ok(sent.id)
        })
        .await;
    world
        .check("messages.history", async {
            let page = bot.rest.channel_messages(channel).limit(5).await.map_err(text)?;
            let page: Vec<Id<MessageMarker>> =
                page.models().await.map_err(text)?.into_iter().map(|message| message.id).collect();
            same("count", page.len(), 5)?;
            same("newest first", page.is_sorted_by(|left, right| left > right), true)?;
            same("newest", page.first(), edited.as_ref())
        })
        .await;
    world
        .check("messages.delete", async {
            let id = *need(&edited)?;
            let seen = second.expect();
            bot.rest.delete_message(channel, id).await.map_err(text)?;
            seen.until("MESSAGE_DELETE", |event| match event {
                Event::MessageDelete(delete) if delete.id == id => Some(()),
                _ => None,
            })
            .await?;
            refused(bot.rest.message(channel, id).await, 404, 10008)
        })
        .await;
    world
        .check("messages.bulk_delete", async {
            let doomed = [send(bot, channel, "bulk one").await?.id, send(bot, channel, "bulk two").await?.id];
            let seen = second.expect();
            bot.rest.delete_messages(channel, &doomed).await.map_err(text)?;
            let mut ids = seen
                .until("MESSAGE_DELETE_BULK", |event| match event {
                    Event::MessageDeleteBulk(delete) => Some(delete.ids.clone()),
                    _ => None,
                })
                .await?;
            ids.sort();
            same("ids", ids, doomed.to_vec())
        })
        .await;
    world
        .check("messages.typing", async {
            let seen = second.expect();
            bot.rest.create_typing_trigger(channel).await.map_err(text)?;
            seen.until("TYPING_START", |event| match event {
                Event::TypingStart(typing) if typing.channel_id == channel => Some(()),
                _ => None,
            })
            .await
        })
        .await;
}

async fn files(world: &mut World, bot: &Client, second: &Client) {
    let channel = world.channel;
    world
        .check("attachments.up_and_down", async {
            let bytes: Vec<u8> =
                (0..200_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
            let files = [
                Attachment::from_bytes("noise.bin".to_owned(), bytes.clone(), 1),
                Attachment::from_bytes("words.txt".to_owned(), b"some words".to_vec(), 2),
            ];
            let seen = second.expect();
            bot.rest.create_message(channel).attachments(&files).await.map_err(text)?;
            let seen = seen
                .until("MESSAGE_CREATE", |event| match event {
                    Event::MessageCreate(create) if create.attachments.len() == 2 => {
                        Some(create.attachments.clone())
                    }
                    _ => None,
                })
                .await?;
            let names: Vec<&str> = seen.iter().map(|file| file.filename.as_str()).collect();
            same("names", names, vec!["noise.bin", "words.txt"])?;
            same("size", seen[0].size, 200_000)?;
            same("equal bytes", download(seen[0].url.clone()).await? == bytes, true)
        })
        .await;
}

async fn download(url: String) -> Result<Vec<u8>, String> {
    let get = move || {
        let mut bytes = Vec::new();
        let mut answer = ureq::get(&url).call().map_err(text)?;
        answer.body_mut().as_reader().read_to_end(&mut bytes).map_err(text)?;
        Ok(bytes)
    };
    tokio::task::spawn_blocking(get).await.map_err(text)?
}

async fn reactions(world: &mut World, bot: &Client, second: &Client) {
    let (channel, bot_id) = (world.channel, world.bot_id);
    let emoji = RequestReactionType::Unicode { name: "👍" };
    let message = world
        .check("reactions.add", async {
            let message = send(bot, channel, "react to this").await?.id;
            let seen = second.expect();
            bot.rest.create_reaction(channel, message, &emoji).await.map_err(text)?;
            seen.until("MESSAGE_REACTION_ADD", |event| match event {
                Event::ReactionAdd(add) if add.message_id == message && add.user_id == bot_id => Some(()),
                _ => None,
            })
            .await?;
            Ok(message)
        })
        .await;
    world
        .check("reactions.users", async {
            let users = bot.rest.reactions(channel, *need(&message)?, &emoji).await.map_err(text)?;
            let users = users.models().await.map_err(text)?;
            same("users", users.iter().map(|user| user.id).collect::<Vec<_>>(), vec![bot_id])
        })
        .await;
    world
        .check("reactions.remove", async {
            let seen = second.expect();
            bot.rest.delete_all_reactions(channel, *need(&message)?).await.map_err(text)?;
            seen.until("MESSAGE_REACTION_REMOVE_ALL", |event| match event {
                Event::ReactionRemoveAll(_) => Some(()),
                _ => None,
            })
            .await
        })
        .await;
}

async fn direct(world: &mut World, bot: &Client) {
    let member = world.member;
    world
        .check("direct.both_ways", async {
            let channel =
                bot.rest.create_private_channel(member).await.map_err(text)?.model().await.map_err(text)?.id;
            let sent = send(bot, channel, "just for you").await?;
            let path = format!("/channels/{channel}/messages");
            let page = as_person("MEMBER_TOKEN", "GET", path.clone(), json!(null)).await?;
            same("what the person reads", page[0]["id"].as_str(), Some(sent.id.to_string().as_str()))?;
            let seen = bot.expect();
            as_person("MEMBER_TOKEN", "POST", path, json!({"content": "and back to you"})).await?;
            let seen = seen.until("MESSAGE_CREATE", |event| created(event, "and back to you")).await?;
            match seen.guild_id {
                None => same("channel", seen.channel_id, channel),
                Some(guild) => fail(format!("a direct message of guild {guild}")),
            }
        })
        .await;
}

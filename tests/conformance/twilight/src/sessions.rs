//! Rate limits as the library lives with them, and the session over a cut connection.

use crate::harness::{Client, World, same, text};
use crate::messages::{created, send};
use crate::proxy::Proxy;
use twilight_gateway::{Event, Intents};

/// More than a channel takes at once, so that the library has to wait.
const BURST: usize = 8;
/// How many events pass while the connection is cut.
const MISSED: usize = 4;

/// Runs the checks.
pub async fn run(world: &mut World, bot: &Client, second: &Client) {
    let guild = world.guild;
    world
        .check("ratelimit.burst", async {
            let made = bot.rest.create_guild_channel(guild, "burst").await.map_err(text)?;
            let channel = made.model().await.map_err(text)?.id;
            for index in 0..BURST {
                send(bot, channel, &format!("burst {index}")).await?;
            }
            let page = bot.rest.channel_messages(channel).limit(100).await.map_err(text)?;
            same("messages", page.models().await.map_err(text)?.len(), BURST)
        })
        .await;
    let (address, token, channel) = (world.address.clone(), world.bot_token.clone(), world.channel);
    world
        .check("gateway.resume", async {
            let proxy = Proxy::before(address.clone()).await.map_err(text)?;
            let through =
                Client::login_with(&address, &proxy.address.to_string(), &token, Intents::all()).await?;
            let seen = through.expect();
            let before = through.expect();
            send(second, channel, "resume before").await?;
            before.until("MESSAGE_CREATE", |event| created(event, "resume before")).await?;
            let (resumed, again) = (through.expect(), through.expect());
            proxy.cut();
            let mut expected = vec!["resume before".to_owned()];
            for index in 0..MISSED {
                expected.push(format!("resume missed {index}"));
                send(second, channel, &format!("resume missed {index}")).await?;
            }
            proxy.release();
            resumed.until("RESUMED", |event| matches!(event, Event::Resumed).then_some(())).await?;
            expected.push("resume after".to_owned());
            send(second, channel, "resume after").await?;
            let contents = seen.collect_until("resume after", |event| match event {
                Event::MessageCreate(create) if create.content.starts_with("resume") => {
                    Some(create.content.clone())
                }
                _ => None,
            });
            same("events", contents.await?, expected)?;
            let kinds = again.collect_until("after", |event| match event {
                Event::Ready(_) => Some("new session".to_owned()),
                Event::MessageCreate(create) if create.content == "resume after" => Some("after".to_owned()),
                _ => None,
            });
            same("sessions", kinds.await?, vec!["after".to_owned()])
        })
        .await;
    world
        .check("gateway.intents", async {
            let few =
                Client::login_with(&address, &address, &token, Intents::GUILDS | Intents::GUILD_MESSAGES)
                    .await?;
            let seen = few.expect();
            let sent = send(second, channel, "hidden content").await?.id;
            let content = seen.until("MESSAGE_CREATE", |event| match event {
                Event::MessageCreate(create) if create.id == sent => Some(create.content.clone()),
                _ => None,
            });
            same("content without its intent", content.await?.as_str(), "")
        })
        .await;
}

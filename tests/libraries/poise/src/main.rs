//! A bot of poise: its commands and forms; what the framework leaves to serenity is in `../serenity`. See docs/libraries.md.

use poise::serenity_prelude as serenity;
use serenity::{
    CreateActionRow, CreateButton, CreateSelectMenu, CreateSelectMenuKind, CreateSelectMenuOption,
};
use serenity::{
    CreateInteractionResponse, CreateInteractionResponseMessage, FullEvent, GuildId, Interaction,
};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Context<'a> = poise::ApplicationContext<'a, (), Error>;

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn say(line: &str) {
    println!("{}", line.split_whitespace().collect::<Vec<_>>().join(" "));
}

/// Echoes
#[poise::command(slash_command)]
async fn echo(ctx: Context<'_>, #[description = "words"] text: String) -> Result<(), Error> {
    ctx.say(format!("echo {text}")).await?;
    ctx.say("followed").await?;
    Ok(())
}

/// Waits
#[poise::command(slash_command)]
async fn slow(ctx: Context<'_>) -> Result<(), Error> {
    ctx.defer().await?;
    ctx.say("slow done").await?;
    Ok(())
}

async fn fruits(_ctx: Context<'_>, typed: &str) -> Vec<String> {
    ["apple", "apricot", "banana"]
        .iter()
        .filter(|each| each.starts_with(typed))
        .map(ToString::to_string)
        .collect()
}

/// Names a fruit
#[poise::command(slash_command)]
async fn fruit(
    ctx: Context<'_>,
    #[description = "words"]
    #[autocomplete = "fruits"]
    name: String,
) -> Result<(), Error> {
    ctx.say(format!("fruit {name}")).await?;
    Ok(())
}

/// Shows a panel
#[poise::command(slash_command)]
async fn panel(ctx: Context<'_>) -> Result<(), Error> {
    let options = ["red", "blue"].map(|each| CreateSelectMenuOption::new(each, each)).to_vec();
    let rows = vec![
        CreateActionRow::Buttons(vec![CreateButton::new("press").label("Press")]),
        CreateActionRow::SelectMenu(CreateSelectMenu::new(
            "choose",
            CreateSelectMenuKind::String { options },
        )),
    ];
    ctx.send(poise::CreateReply::default().content("panel").components(rows)).await?;
    Ok(())
}

#[derive(poise::Modal)]
#[name = "Form"]
struct Words {
    #[name = "Words"]
    words: String,
}

/// Shows a form
#[poise::command(slash_command)]
async fn form(ctx: Context<'_>) -> Result<(), Error> {
    use poise::Modal as _;
    if let Some(sent) = Words::execute(ctx).await? {
        ctx.say(format!("form {}", sent.words)).await?;
    }
    Ok(())
}

async fn component(
    ctx: &serenity::Context,
    interaction: &serenity::ComponentInteraction,
) -> Result<(), Error> {
    let message = CreateInteractionResponseMessage::new();
    let answer = match &interaction.data.kind {
        serenity::ComponentInteractionDataKind::StringSelect { values } => {
            let text = format!("chose {}", values.concat());
            CreateInteractionResponse::Message(message.content(text).ephemeral(true))
        }
        _ => CreateInteractionResponse::UpdateMessage(message.content("pressed")),
    };
    interaction.create_response(ctx, answer).await?;
    Ok(())
}

async fn hear(
    ctx: &serenity::Context,
    event: &FullEvent,
    commands: &[poise::Command<(), Error>],
) -> Result<(), Error> {
    match event {
        FullEvent::Ready { .. } => say("ready"),
        FullEvent::Message { new_message } if !new_message.author.bot => {
            say(&format!("heard message {}", new_message.content));
            let Some(step) = new_message.content.strip_prefix('!') else { return Ok(()) };
            let guild = GuildId::new(env("GUILD_ID").parse()?);
            match step {
                "commands" => match poise::builtins::register_in_guild(ctx, commands, guild).await {
                    Ok(()) => say("done commands"),
                    Err(error) => say(&format!("FAIL commands {error}")),
                },
                "history" => {
                    match new_message.channel_id.messages(ctx, serenity::GetMessages::new().limit(3)).await {
                        Ok(list) => say(&format!("done history {}", list.len())),
                        Err(error) => say(&format!("FAIL history {error}")),
                    }
                }
                other => say(&format!("cannot {other} left to serenity")),
            }
        }
        FullEvent::MessageUpdate { event, .. } => {
            say(&format!("heard edit {}", event.content.as_deref().unwrap_or_default()));
        }
        FullEvent::MessageDelete { deleted_message_id, .. } => {
            say(&format!("heard deletion {deleted_message_id}"))
        }
        FullEvent::ReactionAdd { add_reaction } => say(&format!("heard reaction {}", add_reaction.emoji)),
        FullEvent::TypingStart { event } => say(&format!("heard typing {}", event.user_id)),
        FullEvent::GuildRoleCreate { new } => say(&format!("heard role {}", new.name)),
        FullEvent::ChannelCreate { channel } => say(&format!("heard channel {}", channel.name)),
        FullEvent::ThreadCreate { thread } => say(&format!("heard thread {}", thread.name)),
        FullEvent::GuildMemberAddition { new_member } => say(&format!("heard join {}", new_member.user.id)),
        FullEvent::InteractionCreate { interaction: Interaction::Component(interaction) } => {
            component(ctx, interaction).await?;
        }
        _ => {}
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    say("version 0.6.2");
    let options = poise::FrameworkOptions {
        commands: vec![echo(), slow(), fruit(), panel(), form()],
        event_handler: |ctx, event, framework, ()| Box::pin(hear(ctx, event, &framework.options.commands)),
        ..Default::default()
    };
    let framework =
        poise::Framework::builder().options(options).setup(|_, _, _| Box::pin(async { Ok(()) })).build();
    let http = serenity::HttpBuilder::new(env("BOT_TOKEN"))
        .proxy(format!("http://{}", env("HOST")))
        // its limiter does not go by the proxy
        .ratelimiter_disabled(true)
        .build();
    let mut client = serenity::ClientBuilder::new_with_http(http, serenity::GatewayIntents::all())
        .framework(framework)
        .await?;
    client.start().await?;
    Ok(())
}

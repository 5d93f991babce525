//! A bot of serenity; see docs/libraries.md.

use serenity::all::*;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

type Error = Box<dyn std::error::Error + Send + Sync>;
type Done = Result<String, Error>;

/// Library version, as `Cargo.lock` has it.
const VERSION: &str = "0.12.5";

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn id(name: &str) -> u64 {
    env(&format!("{name}_ID")).parse().unwrap_or(1)
}

fn guild() -> GuildId {
    GuildId::new(id("GUILD"))
}

fn member() -> UserId {
    UserId::new(id("MEMBER"))
}

fn target() -> UserId {
    UserId::new(id("TARGET"))
}

fn say(line: &str) {
    println!("{}", line.split_whitespace().collect::<Vec<_>>().join(" "));
}

/// What waits for members.
type Waiting = Arc<Mutex<Option<tokio::sync::oneshot::Sender<usize>>>>;

#[derive(Default)]
struct Handler {
    is_up: AtomicBool,
    waiting: Waiting,
}

async fn message_step(ctx: &Context, name: &str, m: &Message) -> Option<Done> {
    let place = m.channel_id;
    Some(
        async {
            match name {
                "message" => {
                    place.say(ctx, "sent").await?.edit(ctx, EditMessage::new().content("edited")).await?
                }
                "delete" => place.say(ctx, "gone").await?.delete(ctx).await?,
                "reply" => drop(m.reply(ctx, "replied").await?),
                "embed" => {
                    let embed = CreateEmbed::new().title("title").description("described").colour(0x33_6699);
                    let message = CreateMessage::new().embed(embed.field("name", "value", false));
                    place.send_message(ctx, message).await?;
                }
                "attachment" => {
                    let file = CreateAttachment::bytes("hello".as_bytes(), "hello.txt");
                    place.send_files(ctx, [file], CreateMessage::new()).await?;
                }
                "reaction" => {
                    m.react(ctx, '👍').await?;
                    // there is one reaction in a quarter of a second, and the library's limiter is off
                    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                    let id = EmojiId::new(id("EMOJI"));
                    m.react(
                        ctx,
                        ReactionType::Custom { animated: false, id, name: Some("given".to_owned()) },
                    )
                    .await?;
                }
                "pin" => m.pin(ctx).await?,
                "thread" => {
                    let thread =
                        place.create_thread_from_message(ctx, m.id, CreateThread::new("thread")).await?;
                    thread.say(ctx, "in thread").await?;
                }
                "forum" => {
                    let post = CreateForumPost::new("post", CreateMessage::new().content("first"));
                    ChannelId::new(id("FORUM")).create_forum_post(ctx, post).await?;
                }
                "poll" => {
                    let answers = ["one", "two"].map(|each| CreatePollAnswer::new().text(each)).to_vec();
                    let poll = CreatePoll::new().question("which").answers(answers);
                    let poll = poll.duration(std::time::Duration::from_secs(3600));
                    place.send_message(ctx, CreateMessage::new().poll(poll)).await?;
                }
                "webhook" => {
                    let hook = place.create_webhook(ctx, CreateWebhook::new("hook")).await?;
                    hook.execute(ctx, true, ExecuteWebhook::new().content("hooked")).await?;
                }
                "history" => {
                    return Ok(place.messages(ctx, GetMessages::new().limit(3)).await?.len().to_string());
                }
                "dm" => drop(m.author.dm(ctx, CreateMessage::new().content("direct")).await?),
                "typing" => place.broadcast_typing(ctx).await?,
                "invite" => {
                    let invite = CreateInvite::new().max_age(3600).max_uses(5);
                    return Ok(place.create_invite(ctx, invite).await?.code);
                }
                "overwrite" => {
                    let overwrite = PermissionOverwrite {
                        allow: Permissions::empty(),
                        deny: Permissions::ADD_REACTIONS,
                        kind: PermissionOverwriteType::Member(member()),
                    };
                    place.create_permission(ctx, overwrite).await?;
                }
                _ => return Err("elsewhere".into()),
            }
            Ok(String::new())
        }
        .await,
    )
    .filter(|done: &Done| !matches!(done, Err(error) if error.to_string() == "elsewhere"))
}

async fn guild_step(ctx: &Context, name: &str) -> Option<Done> {
    let guild = guild();
    let done: Done = async {
        match name {
            "cache" => {
                let cached = guild.to_guild_cached(ctx).ok_or("no guild")?;
                let counts =
                    (cached.members.len(), cached.channels.len(), cached.roles.len(), cached.emojis.len());
                let (members, channels, roles, emojis) = counts;
                return Ok(format!("members={members} channels={channels} roles={roles} emojis={emojis}"));
            }
            "role" => {
                let form = EditRole::new().name("made").colour(0x33_6699).audit_log_reason("because roles");
                let role = guild.create_role(ctx, form).await?;
                guild.edit_role(ctx, role.id, EditRole::new().name("made anew")).await?;
                guild.member(ctx, member()).await?.add_role(ctx, role.id).await?;
            }
            "channel" => {
                let form = CreateChannel::new("made").audit_log_reason("because channels");
                guild.create_channel(ctx, form).await?.edit(ctx, EditChannel::new().topic("about")).await?;
            }
            "nick" => drop(guild.edit_member(ctx, member(), EditMember::new().nickname("nicked")).await?),
            "timeout" => {
                let until = Timestamp::from_unix_timestamp(Timestamp::now().unix_timestamp() + 600)?;
                let form = EditMember::new().disable_communication_until_datetime(until);
                guild.edit_member(ctx, member(), form.audit_log_reason("because late")).await?;
            }
            "emoji" => {
                let image = CreateAttachment::path(env("IMAGE")).await?;
                guild.create_emoji(ctx, "made", &image.to_base64()).await?;
            }
            "sticker" => {
                let file = CreateAttachment::path(env("IMAGE")).await?;
                let form = CreateSticker::new("made", file).description("a sticker").tags("👍");
                guild.create_sticker(ctx, form).await?;
            }
            "presence" => ctx.set_presence(Some(ActivityData::playing("chess")), OnlineStatus::DoNotDisturb),
            // joining is songbird's; what it sends is opcode 4
            "voice" => return Err("elsewhere".into()),
            "kick" => guild.kick_with_reason(ctx, target(), "because rude").await?,
            "ban" => guild.ban_with_reason(ctx, target(), 0, "because spam").await?,
            "unban" => guild.unban(ctx, target()).await?,
            "audit" => {
                let log = guild.audit_logs(ctx, None, None, None, Some(50)).await?;
                let targets = log.entries.iter().filter_map(|entry| entry.target_id);
                return Ok(targets.map(|target| target.to_string()).collect::<Vec<_>>().join(" "));
            }
            "commands" => drop(guild.set_commands(ctx, commands()).await?),
            _ => return Err("elsewhere".into()),
        }
        Ok(String::new())
    }
    .await;
    Some(done).filter(|done| !matches!(done, Err(error) if error.to_string() == "elsewhere"))
}

async fn chunk(ctx: &Context, waiting: &Waiting) -> Done {
    let (send, came) = tokio::sync::oneshot::channel();
    *waiting.lock().map_err(|error| error.to_string())? = Some(send);
    ctx.shard.chunk_guild(guild(), None, false, ChunkGuildFilter::None, None);
    Ok(tokio::time::timeout(std::time::Duration::from_secs(10), came).await??.to_string())
}

fn commands() -> Vec<CreateCommand> {
    let words =
        |name: &str| CreateCommandOption::new(CommandOptionType::String, name, "words").required(true);
    vec![
        CreateCommand::new("echo").description("Echoes").add_option(words("text")),
        CreateCommand::new("fruit")
            .description("Names a fruit")
            .add_option(words("name").set_autocomplete(true)),
        CreateCommand::new("slow").description("Waits"),
        CreateCommand::new("panel").description("Shows a panel"),
        CreateCommand::new("form").description("Shows a form"),
    ]
}

fn text(content: String) -> CreateInteractionResponse {
    CreateInteractionResponse::Message(CreateInteractionResponseMessage::new().content(content))
}

async fn used(ctx: &Context, command: &CommandInteraction) -> Result<(), Error> {
    let value = command.data.options.first().and_then(|option| option.value.as_str()).unwrap_or_default();
    match command.data.name.as_str() {
        "echo" => {
            command.create_response(ctx, text(format!("echo {value}"))).await?;
            let followup = CreateInteractionResponseFollowup::new().content("followed");
            command.create_followup(ctx, followup).await?;
        }
        "fruit" => command.create_response(ctx, text(format!("fruit {value}"))).await?,
        "slow" => {
            command.defer(ctx).await?;
            command.edit_response(ctx, EditInteractionResponse::new().content("slow done")).await?;
        }
        "panel" => {
            let options = ["red", "blue"].map(|each| CreateSelectMenuOption::new(each, each)).to_vec();
            let rows = vec![
                CreateActionRow::Buttons(vec![CreateButton::new("press").label("Press")]),
                CreateActionRow::SelectMenu(CreateSelectMenu::new(
                    "choose",
                    CreateSelectMenuKind::String { options },
                )),
            ];
            let message = CreateInteractionResponseMessage::new().content("panel").components(rows);
            command.create_response(ctx, CreateInteractionResponse::Message(message)).await?;
        }
        _ => {
            let input = CreateInputText::new(InputTextStyle::Short, "Words", "words");
            let form = CreateModal::new("form", "Form").components(vec![CreateActionRow::InputText(input)]);
            command.create_response(ctx, CreateInteractionResponse::Modal(form)).await?;
        }
    }
    Ok(())
}

async fn interacted(ctx: &Context, interaction: &Interaction) -> Result<(), Error> {
    match interaction {
        Interaction::Command(command) => used(ctx, command).await?,
        Interaction::Autocomplete(command) => {
            let typed = command.data.autocomplete().map(|option| option.value).unwrap_or_default();
            let fitting = ["apple", "apricot", "banana"].iter().filter(|each| each.starts_with(typed));
            let choices = fitting.map(|each| AutocompleteChoice::new(*each, *each)).collect();
            let answer = CreateAutocompleteResponse::new().set_choices(choices);
            command.create_response(ctx, CreateInteractionResponse::Autocomplete(answer)).await?;
        }
        Interaction::Component(component) => {
            let message = CreateInteractionResponseMessage::new();
            let answer = match &component.data.kind {
                ComponentInteractionDataKind::StringSelect { values } => {
                    let content = format!("chose {}", values.concat());
                    CreateInteractionResponse::Message(message.content(content).ephemeral(true))
                }
                _ => CreateInteractionResponse::UpdateMessage(message.content("pressed")),
            };
            component.create_response(ctx, answer).await?;
        }
        Interaction::Modal(modal) => {
            let field = modal.data.components.first().and_then(|row| row.components.first());
            let Some(ActionRowComponent::InputText(input)) = field else { return Err("no field".into()) };
            let words = input.value.clone().unwrap_or_default();
            modal.create_response(ctx, text(format!("form {words}"))).await?;
        }
        _ => {}
    }
    Ok(())
}

#[async_trait]
impl EventHandler for Handler {
    async fn ready(&self, _: Context, _: Ready) {
        // the first time the bot waits until its guild is there as well
        if self.is_up.load(Ordering::Relaxed) {
            say("ready");
        }
    }

    async fn guild_create(&self, _: Context, created: Guild, _: Option<bool>) {
        if created.id == guild() && !self.is_up.swap(true, Ordering::Relaxed) {
            say("ready");
        }
    }

    async fn message(&self, ctx: Context, m: Message) {
        if m.author.bot {
            return;
        }
        say(&format!("heard message {}", m.content));
        let Some(name) = m.content.strip_prefix('!') else { return };
        let done = match (name, message_step(&ctx, name, &m).await) {
            (_, Some(done)) => Some(done),
            ("chunk", None) => Some(chunk(&ctx, &self.waiting).await),
            (_, None) => guild_step(&ctx, name).await,
        };
        match done {
            None => say(&format!("cannot {name} joining is left to songbird")),
            Some(Ok(detail)) => say(&format!("done {name} {detail}")),
            Some(Err(error)) => say(&format!("FAIL {name} {error:?}")),
        }
    }

    async fn interaction_create(&self, ctx: Context, interaction: Interaction) {
        if let Err(error) = interacted(&ctx, &interaction).await {
            say(&format!("error {error:?}"));
        }
    }

    async fn guild_members_chunk(&self, _: Context, chunk: GuildMembersChunkEvent) {
        let waiting = self.waiting.lock().ok().and_then(|mut waiting| waiting.take());
        if let Some(waiting) = waiting {
            // who waited may have given up
            let _ = waiting.send(chunk.members.len());
        }
    }

    async fn message_update(
        &self,
        _: Context,
        _: Option<Message>,
        _: Option<Message>,
        event: MessageUpdateEvent,
    ) {
        say(&format!("heard edit {}", event.content.unwrap_or_default()));
    }

    async fn message_delete(&self, _: Context, _: ChannelId, message: MessageId, _: Option<GuildId>) {
        say(&format!("heard deletion {message}"));
    }

    async fn reaction_add(&self, _: Context, reaction: Reaction) {
        say(&format!("heard reaction {}", reaction.emoji));
    }

    async fn typing_start(&self, _: Context, typing: TypingStartEvent) {
        say(&format!("heard typing {}", typing.user_id));
    }

    async fn guild_role_create(&self, _: Context, role: Role) {
        say(&format!("heard role {}", role.name));
    }

    async fn channel_create(&self, _: Context, channel: GuildChannel) {
        say(&format!("heard channel {}", channel.name));
    }

    async fn thread_create(&self, _: Context, thread: GuildChannel) {
        say(&format!("heard thread {}", thread.name));
    }

    async fn guild_member_addition(&self, _: Context, joined: Member) {
        say(&format!("heard join {}", joined.user.id));
    }

    async fn guild_member_removal(&self, _: Context, _: GuildId, left: User, _: Option<Member>) {
        say(&format!("heard leave {}", left.id));
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    say(&format!("version {VERSION}"));
    let http = HttpBuilder::new(env("BOT_TOKEN"))
        .proxy(format!("http://{}", env("HOST")))
        // its limiter does not go by the proxy
        .ratelimiter_disabled(true)
        .build();
    let handler = Handler::default();
    let mut client = ClientBuilder::new_with_http(http, GatewayIntents::all()).event_handler(handler).await?;
    client.start().await?;
    Ok(())
}

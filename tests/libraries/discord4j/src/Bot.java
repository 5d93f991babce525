import discord4j.common.GitProperties;
import discord4j.common.util.Snowflake;
import discord4j.core.DiscordClientBuilder;
import discord4j.core.GatewayDiscordClient;
import discord4j.core.event.domain.channel.TextChannelCreateEvent;
import discord4j.core.event.domain.channel.TypingStartEvent;
import discord4j.core.event.domain.guild.GuildCreateEvent;
import discord4j.core.event.domain.guild.MemberChunkEvent;
import discord4j.core.event.domain.guild.MemberJoinEvent;
import discord4j.core.event.domain.guild.MemberLeaveEvent;
import discord4j.core.event.domain.interaction.ButtonInteractionEvent;
import discord4j.core.event.domain.interaction.ChatInputAutoCompleteEvent;
import discord4j.core.event.domain.interaction.ChatInputInteractionEvent;
import discord4j.core.event.domain.interaction.ModalSubmitInteractionEvent;
import discord4j.core.event.domain.interaction.SelectMenuInteractionEvent;
import discord4j.core.event.domain.lifecycle.ReadyEvent;
import discord4j.core.event.domain.message.MessageCreateEvent;
import discord4j.core.event.domain.message.MessageDeleteEvent;
import discord4j.core.event.domain.message.MessageUpdateEvent;
import discord4j.core.event.domain.message.ReactionAddEvent;
import discord4j.core.event.domain.role.RoleCreateEvent;
import discord4j.core.event.domain.thread.ThreadChannelCreateEvent;
import discord4j.core.object.PermissionOverwrite;
import discord4j.core.object.component.ActionRow;
import discord4j.core.object.component.Button;
import discord4j.core.object.component.SelectMenu;
import discord4j.core.object.component.TextInput;
import discord4j.core.object.emoji.Emoji;
import discord4j.core.object.entity.Guild;
import discord4j.core.object.entity.Message;
import discord4j.core.object.entity.channel.ForumChannel;
import discord4j.core.object.entity.channel.TextChannel;
import discord4j.core.object.entity.channel.VoiceChannel;
import discord4j.core.object.entity.poll.PollAnswer;
import discord4j.core.object.presence.ClientActivity;
import discord4j.core.object.presence.ClientPresence;
import discord4j.core.spec.BanQuerySpec;
import discord4j.core.spec.EmbedCreateSpec;
import discord4j.core.spec.ForumThreadMessageCreateSpec;
import discord4j.core.spec.GuildMemberEditSpec;
import discord4j.core.spec.InviteCreateSpec;
import discord4j.core.spec.MessageCreateFields;
import discord4j.core.spec.MessageCreateSpec;
import discord4j.core.spec.PollCreateSpec;
import discord4j.core.spec.RoleCreateSpec;
import discord4j.core.spec.RoleEditSpec;
import discord4j.core.spec.StartThreadFromMessageSpec;
import discord4j.core.spec.StartThreadInForumChannelSpec;
import discord4j.core.spec.TextChannelCreateSpec;
import discord4j.core.spec.TextChannelEditSpec;
import discord4j.core.spec.WebhookCreateSpec;
import discord4j.core.spec.WebhookExecuteSpec;
import discord4j.discordjson.json.ApplicationCommandOptionChoiceData;
import discord4j.discordjson.json.ApplicationCommandOptionData;
import discord4j.discordjson.json.ApplicationCommandRequest;
import discord4j.discordjson.json.MessageReferenceData;
import discord4j.gateway.intent.IntentSet;
import discord4j.rest.request.RouterOptions;
import discord4j.rest.util.Color;
import discord4j.rest.util.Image;
import discord4j.rest.util.Permission;
import discord4j.rest.util.PermissionSet;
import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** A bot of Discord4J; see docs/libraries.md. */
public class Bot {
    interface Step {
        Object take(Message message, Guild guild) throws Exception;
    }

    static final Map<String, Step> STEPS = new HashMap<>();
    static final AtomicLong CHUNKED = new AtomicLong();
    static final AtomicBoolean IS_UP = new AtomicBoolean();

    static Snowflake id(String name) {
        return Snowflake.of(System.getenv(name + "_ID"));
    }

    /** Tells the runner something, as one line. */
    static synchronized void say(Object... words) {
        String line = Stream.of(words).map(String::valueOf).collect(Collectors.joining(" "));
        System.out.println(line.replaceAll("\\s+", " ").trim());
    }

    /** A step that is one call after another. */
    static void act(String name, java.util.function.BiFunction<Message, Guild, Mono<?>> calls) {
        STEPS.put(name, (m, g) -> {
            calls.apply(m, g).block();
            return "";
        });
    }

    static Mono<Message> post(Message m, MessageCreateSpec spec) {
        return m.getChannel().flatMap(channel -> channel.createMessage(spec));
    }

    static Mono<Message> post(Message m, String content) {
        return post(m, MessageCreateSpec.create().withContent(content));
    }

    static Mono<TextChannel> place(Message m) {
        return m.getChannel().ofType(TextChannel.class);
    }

    static void messages() {
        act("message", (m, g) -> post(m, "sent").flatMap(sent -> sent.edit().withContentOrNull("edited")));
        act("delete", (m, g) -> post(m, "gone").flatMap(Message::delete));
        act("reply", (m, g) -> post(m, MessageCreateSpec.create().withContent("replied")
                .withMessageReference(MessageReferenceData.builder().messageId(m.getId().asLong()).build())));
        act("embed", (m, g) -> post(m, MessageCreateSpec.create().withEmbeds(EmbedCreateSpec.builder().title("title")
                .description("described").color(Color.of(0x336699)).addField("name", "value", false).build())));
        act("attachment", (m, g) -> m.getChannel().flatMap(channel -> channel.createMessage(MessageCreateSpec.builder()
                .addFile(MessageCreateFields.File.of("hello.txt", new ByteArrayInputStream("hello".getBytes()))).build())));
        act("reaction", (m, g) -> m.addReaction(Emoji.unicode("👍")).then(m.addReaction(Emoji.custom(id("EMOJI"), "given", false))));
        act("pin", (m, g) -> m.pin());
        act("thread", (m, g) -> m.startThread(StartThreadFromMessageSpec.of("thread")).flatMap(thread -> thread.createMessage("in thread")));
        act("forum", (m, g) -> g.getChannelById(id("FORUM")).ofType(ForumChannel.class).flatMap(forum -> forum.startThread(
                StartThreadInForumChannelSpec.of("post", ForumThreadMessageCreateSpec.builder().content("first").build()))));
        act("poll", (m, g) -> m.getChannel().flatMap(channel -> channel.createPoll(PollCreateSpec.builder().question("which")
                .answers(List.of(PollAnswer.of("one"), PollAnswer.of("two"))).duration(1).build())));
        act("webhook", (m, g) -> place(m).flatMap(channel -> channel.createWebhook(WebhookCreateSpec.of("hook")))
                .flatMap(hook -> hook.executeAndWait(WebhookExecuteSpec.create().withContent("hooked"))));
        STEPS.put("history", (m, g) -> m.getChannel()
                .flatMapMany(channel -> channel.getMessagesBefore(Snowflake.of(Instant.now().plusSeconds(60)))).take(3).count().block());
        act("dm", (m, g) -> m.getAuthor().orElseThrow().getPrivateChannel().flatMap(channel -> channel.createMessage("direct")));
        act("typing", (m, g) -> m.getChannel().flatMap(channel -> channel.type()));
        STEPS.put("invite", (m, g) -> place(m).flatMap(channel -> channel.createInvite(InviteCreateSpec.create().withMaxAge(3600)
                .withMaxUses(5))).block().getCode());
        act("overwrite", (m, g) -> place(m).flatMap(channel -> channel.addMemberOverwrite(id("MEMBER"),
                PermissionOverwrite.forMember(id("MEMBER"), PermissionSet.none(), PermissionSet.of(Permission.ADD_REACTIONS)))));
    }

    static long count(Flux<?> flux) {
        return flux.count().block();
    }

    static void guild() {
        STEPS.put("cache", (m, g) -> "members=" + count(g.getMembers()) + " channels=" + count(g.getChannels()) + " roles="
                + count(g.getRoles()) + " emojis=" + count(g.getEmojis()));
        act("role", (m, g) -> g.createRole(RoleCreateSpec.create().withName("made").withColor(Color.of(0x336699)).withReason("because roles"))
                .flatMap(role -> role.edit(RoleEditSpec.create().withName("made anew")))
                .flatMap(role -> g.getMemberById(id("MEMBER")).flatMap(member -> member.addRole(role.getId()))));
        act("channel", (m, g) -> g.createTextChannel(TextChannelCreateSpec.of("made").withReason("because channels"))
                .flatMap(channel -> channel.edit(TextChannelEditSpec.create().withTopic("about"))));
        act("nick", (m, g) -> g.getMemberById(id("MEMBER"))
                .flatMap(member -> member.edit(GuildMemberEditSpec.create().withNicknameOrNull("nicked"))));
        act("timeout", (m, g) -> g.getMemberById(id("MEMBER")).flatMap(member -> member.edit(GuildMemberEditSpec.create()
                .withCommunicationDisabledUntilOrNull(Instant.now().plus(Duration.ofMinutes(10))).withReason("because late"))));
        STEPS.put("emoji", (m, g) -> g.createEmoji("made",
                Image.ofRaw(Files.readAllBytes(Path.of(System.getenv("IMAGE"))), Image.Format.PNG)).block().getName());
        STEPS.put("sticker", (m, g) -> {
            throw new UnsupportedOperationException("sends JSON where the API takes a multipart form only");
        });
        // asking for the cached members has asked the gateway already, which answers once in 30 seconds
        STEPS.put("chunk", (m, g) -> CHUNKED.get() > 0 ? CHUNKED.get() : count(g.requestMembers()));
        act("presence", (m, g) -> m.getClient().updatePresence(ClientPresence.doNotDisturb(ClientActivity.playing("chess"))));
        act("voice", (m, g) -> g.getChannelById(id("VOICE")).ofType(VoiceChannel.class)
                .flatMap(channel -> channel.sendConnectVoiceState(false, false)));
        act("kick", (m, g) -> g.kick(id("TARGET"), "because rude"));
        act("ban", (m, g) -> g.ban(id("TARGET"), BanQuerySpec.create().withReason("because spam")));
        act("unban", (m, g) -> g.unban(id("TARGET")));
        STEPS.put("audit", (m, g) -> g.getAuditLog().flatMapIterable(part -> part.getEntries())
                .flatMap(entry -> Mono.justOrEmpty(entry.getTargetId())).map(Snowflake::asString).collect(Collectors.joining(" ")).block());
        act("commands", (m, g) -> m.getClient().getRestClient().getApplicationService()
                .bulkOverwriteGuildApplicationCommand(id("APPLICATION").asLong(), id("GUILD").asLong(), commands()).collectList());
    }

    static List<ApplicationCommandRequest> commands() {
        return Stream.of("echo", "fruit", "slow", "panel", "form").map(name -> {
            var command = ApplicationCommandRequest.builder().name(name).description("The command " + name);
            if (name.equals("echo") || name.equals("fruit")) {
                var option = ApplicationCommandOptionData.builder().type(3).name(name.equals("echo") ? "text" : "name")
                        .description("words").required(true);
                command.addOption((name.equals("fruit") ? option.autocomplete(true) : option).build());
            }
            return (ApplicationCommandRequest) command.build();
        }).toList();
    }

    static Mono<?> used(ChatInputInteractionEvent event) {
        String value = event.getOptions().stream().flatMap(option -> option.getValue().stream()).map(each -> each.asString())
                .findFirst().orElse("");
        return switch (event.getCommandName()) {
            case "echo" -> event.reply("echo " + value).then(event.createFollowup("followed"));
            case "fruit" -> event.reply("fruit " + value);
            case "slow" -> event.deferReply().then(event.editReply("slow done"));
            case "panel" -> event.reply("panel").withComponents(ActionRow.of(Button.primary("press", "Press")),
                    ActionRow.of(SelectMenu.of("choose", SelectMenu.Option.of("red", "red"), SelectMenu.Option.of("blue", "blue"))));
            default -> event.presentModal("Form", "form", List.of(ActionRow.of(TextInput.small("words", "Words"))));
        };
    }

    static Mono<?> completed(ChatInputAutoCompleteEvent event) {
        String typed = event.getFocusedOption().getValue().map(each -> each.asString()).orElse("");
        List<ApplicationCommandOptionChoiceData> choices = Stream.of("apple", "apricot", "banana").filter(each -> each.startsWith(typed))
                .map(each -> (ApplicationCommandOptionChoiceData) ApplicationCommandOptionChoiceData.builder().name(each).value(each).build())
                .toList();
        return event.respondWithSuggestions(choices);
    }

    static void take(String name, Message message) {
        Step step = STEPS.get(name);
        try {
            if (step == null) {
                say("cannot", name, "no step of this bot");
            } else {
                say("done", name, step.take(message, message.getGuild().block()));
            }
        } catch (UnsupportedOperationException reason) {
            say("cannot", name, reason.getMessage());
        } catch (Exception error) {
            error.printStackTrace();
            say("FAIL", name, error);
        }
    }

    static void said(MessageCreateEvent event) {
        Message message = event.getMessage();
        if (message.getAuthor().map(author -> author.isBot()).orElse(true)) {
            return;
        }
        say("heard message", message.getContent());
        if (message.getContent().startsWith("!")) {
            // events come in order, so a step that waits must not hold them up
            new Thread(() -> take(message.getContent().substring(1), message)).start();
        }
    }

    static <E extends discord4j.core.event.domain.Event> void hear(GatewayDiscordClient client, Class<E> kind,
            java.util.function.Consumer<E> told) {
        client.on(kind).subscribe(told, error -> say("error", error));
    }

    static <E extends discord4j.core.event.domain.Event> void answer(GatewayDiscordClient client, Class<E> kind,
            java.util.function.Function<E, Mono<?>> answers) {
        client.on(kind).flatMap(event -> answers.apply(event).onErrorResume(error -> {
            say("error", error);
            return Mono.empty();
        })).subscribe();
    }

    static void listen(GatewayDiscordClient client) {
        hear(client, GuildCreateEvent.class, event -> {
            if (event.getGuild().getId().equals(id("GUILD")) && !IS_UP.getAndSet(true)) {
                say("ready");
            }
        });
        hear(client, MemberChunkEvent.class, event -> CHUNKED.addAndGet(event.getMembers().size()));
        hear(client, ReadyEvent.class, event -> {
            if (IS_UP.get()) {
                say("ready");
            }
        });
        hear(client, MessageCreateEvent.class, Bot::said);
        hear(client, MessageUpdateEvent.class, event -> say("heard edit", event.getCurrentContent().orElse("")));
        hear(client, MessageDeleteEvent.class, event -> say("heard deletion", event.getMessageId().asString()));
        hear(client, ReactionAddEvent.class, event -> say("heard reaction", event.getEmoji().asUnicodeEmoji().map(each -> each.getRaw()).orElse("")));
        hear(client, TypingStartEvent.class, event -> say("heard typing", event.getUserId().asString()));
        hear(client, RoleCreateEvent.class, event -> say("heard role", event.getRole().getName()));
        hear(client, TextChannelCreateEvent.class, event -> say("heard channel", event.getChannel().getName()));
        hear(client, ThreadChannelCreateEvent.class, event -> say("heard thread", event.getChannel().getName()));
        hear(client, MemberJoinEvent.class, event -> say("heard join", event.getMember().getId().asString()));
        hear(client, MemberLeaveEvent.class, event -> say("heard leave", event.getUser().getId().asString()));
        answer(client, ChatInputInteractionEvent.class, Bot::used);
        answer(client, ChatInputAutoCompleteEvent.class, Bot::completed);
        answer(client, ButtonInteractionEvent.class, event -> event.edit("pressed"));
        answer(client, SelectMenuInteractionEvent.class, event -> event.reply("chose " + event.getValues().get(0)).withEphemeral(true));
        answer(client, ModalSubmitInteractionEvent.class, event -> event.reply("form "
                + event.getComponents(TextInput.class).get(0).getValue().orElse("")));
    }

    public static void main(String[] args) {
        String base = "http://" + System.getenv("HOST") + "/api/v10";
        say("version", GitProperties.getProperties().getProperty(GitProperties.APPLICATION_VERSION));
        messages();
        guild();
        DiscordClientBuilder.create(System.getenv("BOT_TOKEN"))
                .setExtraOptions(o -> new RouterOptions(o.getToken(), o.getReactorResources(), o.getExchangeStrategies(),
                        o.getResponseTransformers(), o.getGlobalRateLimiter(), o.getRequestQueueFactory(), base))
                .build(discord4j.rest.request.DefaultRouter::new)
                .gateway()
                .setEnabledIntents(IntentSet.all())
                .withGateway(client -> {
                    listen(client);
                    return client.onDisconnect();
                })
                .block();
    }
}

import java.io.File;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import net.dv8tion.jda.api.EmbedBuilder;
import net.dv8tion.jda.api.JDABuilder;
import net.dv8tion.jda.api.JDAInfo;
import net.dv8tion.jda.api.OnlineStatus;
import net.dv8tion.jda.api.Permission;
import net.dv8tion.jda.api.components.actionrow.ActionRow;
import net.dv8tion.jda.api.components.buttons.Button;
import net.dv8tion.jda.api.components.label.Label;
import net.dv8tion.jda.api.components.selections.StringSelectMenu;
import net.dv8tion.jda.api.components.textinput.TextInput;
import net.dv8tion.jda.api.components.textinput.TextInputStyle;
import net.dv8tion.jda.api.entities.Activity;
import net.dv8tion.jda.api.entities.Guild;
import net.dv8tion.jda.api.entities.Icon;
import net.dv8tion.jda.api.entities.Member;
import net.dv8tion.jda.api.entities.Message;
import net.dv8tion.jda.api.entities.UserSnowflake;
import net.dv8tion.jda.api.entities.emoji.Emoji;
import net.dv8tion.jda.api.events.channel.ChannelCreateEvent;
import net.dv8tion.jda.api.events.guild.member.GuildMemberJoinEvent;
import net.dv8tion.jda.api.events.guild.member.GuildMemberRemoveEvent;
import net.dv8tion.jda.api.events.interaction.ModalInteractionEvent;
import net.dv8tion.jda.api.events.interaction.command.CommandAutoCompleteInteractionEvent;
import net.dv8tion.jda.api.events.interaction.command.SlashCommandInteractionEvent;
import net.dv8tion.jda.api.events.interaction.component.ButtonInteractionEvent;
import net.dv8tion.jda.api.events.interaction.component.StringSelectInteractionEvent;
import net.dv8tion.jda.api.events.message.MessageDeleteEvent;
import net.dv8tion.jda.api.events.message.MessageReceivedEvent;
import net.dv8tion.jda.api.events.message.MessageUpdateEvent;
import net.dv8tion.jda.api.events.message.react.MessageReactionAddEvent;
import net.dv8tion.jda.api.events.role.RoleCreateEvent;
import net.dv8tion.jda.api.events.session.ReadyEvent;
import net.dv8tion.jda.api.events.session.SessionRecreateEvent;
import net.dv8tion.jda.api.events.user.UserTypingEvent;
import net.dv8tion.jda.api.hooks.ListenerAdapter;
import net.dv8tion.jda.api.interactions.commands.OptionType;
import net.dv8tion.jda.api.interactions.commands.build.Commands;
import net.dv8tion.jda.api.interactions.commands.build.OptionData;
import net.dv8tion.jda.api.modals.Modal;
import net.dv8tion.jda.api.requests.GatewayIntent;
import net.dv8tion.jda.api.requests.RestConfig;
import net.dv8tion.jda.api.utils.ChunkingFilter;
import net.dv8tion.jda.api.utils.ConcurrentSessionController;
import net.dv8tion.jda.api.utils.FileUpload;
import net.dv8tion.jda.api.utils.MemberCachePolicy;
import net.dv8tion.jda.api.utils.cache.CacheFlag;
import net.dv8tion.jda.api.utils.messages.MessageCreateBuilder;
import net.dv8tion.jda.api.utils.messages.MessagePollBuilder;

/** A bot of JDA; see docs/libraries.md. */
public class Bot extends ListenerAdapter {
    interface Step {
        Object take(Message message) throws Exception;
    }

    interface Act {
        void take(Message message) throws Exception;
    }

    private final Map<String, Step> steps = new HashMap<>();

    static String id(String name) {
        return System.getenv(name + "_ID");
    }

    /** Tells the runner something, as one line. */
    static synchronized void say(Object... words) {
        String line = Stream.of(words).map(String::valueOf).collect(Collectors.joining(" "));
        System.out.println(line.replaceAll("\\s+", " ").trim());
    }

    static Guild guild(Message message) {
        return message.getGuild();
    }

    static Member member(Message message) {
        return guild(message).getMemberById(id("MEMBER"));
    }

    static Icon picture() throws Exception {
        return Icon.from(new File(System.getenv("IMAGE")));
    }

    void act(String name, Act act) {
        steps.put(name, message -> {
            act.take(message);
            return "";
        });
    }

    Bot() {
        messages();
        places();
        people();
    }

    private void messages() {
        act("message", m -> m.getChannel().sendMessage("sent").complete().editMessage("edited").complete());
        act("delete", m -> m.getChannel().sendMessage("gone").complete().delete().complete());
        act("reply", m -> m.reply("replied").complete());
        act("embed", m -> m.getChannel().sendMessageEmbeds(new EmbedBuilder().setTitle("title").setDescription("described")
                .setColor(0x336699).addField("name", "value", false).build()).complete());
        act("attachment", m -> m.getChannel().sendFiles(FileUpload.fromData("hello".getBytes(), "hello.txt")).complete());
        act("reaction", m -> {
            m.addReaction(Emoji.fromUnicode("👍")).complete();
            m.addReaction(guild(m).getEmojiById(id("EMOJI"))).complete();
        });
        act("pin", m -> m.pin().complete());
        act("thread", m -> m.createThreadChannel("thread").complete().sendMessage("in thread").complete());
        act("forum", m -> guild(m).getForumChannelById(id("FORUM"))
                .createForumPost("post", new MessageCreateBuilder().setContent("first").build()).complete());
        act("poll", m -> m.getChannel().sendMessagePoll(new MessagePollBuilder("which").addAnswer("one").addAnswer("two").build()).complete());
        act("webhook", m -> m.getChannel().asTextChannel().createWebhook("hook").complete().sendMessage("hooked").complete());
        steps.put("history", m -> m.getChannel().getHistory().retrievePast(3).complete().size());
        act("dm", m -> m.getAuthor().openPrivateChannel().complete().sendMessage("direct").complete());
        act("typing", m -> m.getChannel().sendTyping().complete());
        steps.put("invite", m -> m.getChannel().asTextChannel().createInvite().setMaxAge(3600).setMaxUses(5).complete().getCode());
    }

    private void places() {
        steps.put("cache", m -> {
            Guild guild = guild(m);
            long channels = guild.getChannels(true).size();
            return "members=" + guild.getMemberCache().size() + " channels=" + channels + " roles=" + guild.getRoleCache().size()
                    + " emojis=" + guild.getEmojiCache().size();
        });
        act("role", m -> {
            var role = guild(m).createRole().setName("made").setColor(0x336699).reason("because roles").complete();
            role.getManager().setName("made anew").complete();
            guild(m).addRoleToMember(member(m), role).complete();
        });
        act("channel", m -> guild(m).createTextChannel("made").reason("because channels").complete().getManager().setTopic("about").complete());
        act("overwrite", m -> m.getChannel().asTextChannel().upsertPermissionOverride(member(m))
                .deny(Permission.MESSAGE_ADD_REACTION).complete());
        act("emoji", m -> guild(m).createEmoji("made", picture()).complete());
        act("sticker", m -> guild(m).createSticker("made", "a sticker", FileUpload.fromData(new File(System.getenv("IMAGE"))),
                List.of("👍")).complete());
        act("voice", m -> m.getJDA().getDirectAudioController().connect(guild(m).getVoiceChannelById(id("VOICE"))));
        act("commands", m -> guild(m).updateCommands().addCommands(
                Commands.slash("echo", "Echoes").addOption(OptionType.STRING, "text", "words", true),
                Commands.slash("fruit", "Names a fruit").addOptions(new OptionData(OptionType.STRING, "name", "words", true, true)),
                Commands.slash("slow", "Waits"), Commands.slash("panel", "Shows a panel"), Commands.slash("form", "Shows a form"))
                .complete());
        steps.put("audit", m -> guild(m).retrieveAuditLogs().limit(50).complete().stream()
                .map(entry -> entry.getTargetId()).collect(Collectors.joining(" ")));
    }

    private void people() {
        act("nick", m -> member(m).modifyNickname("nicked").complete());
        act("timeout", m -> member(m).timeoutFor(Duration.ofMinutes(10)).reason("because late").complete());
        act("kick", m -> guild(m).kick(UserSnowflake.fromId(id("TARGET"))).reason("because rude").complete());
        act("ban", m -> guild(m).ban(UserSnowflake.fromId(id("TARGET")), 0, TimeUnit.DAYS).reason("because spam").complete());
        act("unban", m -> guild(m).unban(UserSnowflake.fromId(id("TARGET"))).complete());
        steps.put("chunk", m -> guild(m).loadMembers().get().size());
        act("presence", m -> m.getJDA().getPresence().setPresence(OnlineStatus.DO_NOT_DISTURB, Activity.playing("chess")));
    }

    private void take(String name, Message message) {
        Step step = steps.get(name);
        try {
            if (step == null) {
                say("cannot", name, "the library has no call for it");
            } else {
                say("done", name, step.take(message));
            }
        } catch (Exception error) {
            error.printStackTrace();
            say("FAIL", name, error);
        }
    }

    @Override
    public void onMessageReceived(MessageReceivedEvent event) {
        if (event.getAuthor().isBot()) {
            return;
        }
        String content = event.getMessage().getContentRaw();
        say("heard message", content);
        if (content.startsWith("!")) {
            // events come in order, so a step that waits must not hold them up
            new Thread(() -> take(content.substring(1), event.getMessage())).start();
        }
    }

    @Override
    public void onSlashCommandInteraction(SlashCommandInteractionEvent event) {
        switch (event.getName()) {
            case "echo" -> {
                event.reply("echo " + event.getOption("text").getAsString()).queue(hook -> hook.sendMessage("followed").queue());
            }
            case "fruit" -> event.reply("fruit " + event.getOption("name").getAsString()).queue();
            case "slow" -> event.deferReply().queue(hook -> hook.editOriginal("slow done").queue());
            case "panel" -> event.reply("panel").addComponents(ActionRow.of(Button.primary("press", "Press")),
                    ActionRow.of(StringSelectMenu.create("choose").addOption("red", "red").addOption("blue", "blue").build())).queue();
            default -> {
                TextInput input = TextInput.create("words", TextInputStyle.SHORT).build();
                event.replyModal(Modal.create("form", "Form").addComponents(Label.of("Words", input)).build()).queue();
            }
        }
    }

    @Override
    public void onCommandAutoCompleteInteraction(CommandAutoCompleteInteractionEvent event) {
        String typed = event.getFocusedOption().getValue();
        event.replyChoiceStrings(Stream.of("apple", "apricot", "banana").filter(each -> each.startsWith(typed)).toList()).queue();
    }

    @Override
    public void onButtonInteraction(ButtonInteractionEvent event) {
        event.editMessage("pressed").queue();
    }

    @Override
    public void onStringSelectInteraction(StringSelectInteractionEvent event) {
        event.reply("chose " + event.getValues().get(0)).setEphemeral(true).queue();
    }

    @Override
    public void onModalInteraction(ModalInteractionEvent event) {
        event.reply("form " + event.getValue("words").getAsString()).queue();
    }

    @Override
    public void onMessageUpdate(MessageUpdateEvent event) {
        say("heard edit", event.getMessage().getContentRaw());
    }

    @Override
    public void onMessageDelete(MessageDeleteEvent event) {
        say("heard deletion", event.getMessageId());
    }

    @Override
    public void onMessageReactionAdd(MessageReactionAddEvent event) {
        say("heard reaction", event.getReaction().getEmoji().getName());
    }

    @Override
    public void onUserTyping(UserTypingEvent event) {
        say("heard typing", event.getUser().getId());
    }

    @Override
    public void onRoleCreate(RoleCreateEvent event) {
        say("heard role", event.getRole().getName());
    }

    @Override
    public void onChannelCreate(ChannelCreateEvent event) {
        say("heard", event.getChannelType().isThread() ? "thread" : "channel", event.getChannel().getName());
    }

    @Override
    public void onGuildMemberJoin(GuildMemberJoinEvent event) {
        say("heard join", event.getUser().getId());
    }

    @Override
    public void onGuildMemberRemove(GuildMemberRemoveEvent event) {
        say("heard leave", event.getUser().getId());
    }

    @Override
    public void onReady(ReadyEvent event) {
        say("ready");
    }

    @Override
    public void onSessionRecreate(SessionRecreateEvent event) {
        say("ready");
    }

    public static void main(String[] args) {
        String host = System.getenv("HOST");
        say("version", JDAInfo.VERSION);
        JDABuilder.createDefault(System.getenv("BOT_TOKEN"), List.of(GatewayIntent.values()))
                .setRestConfig(new RestConfig().setBaseUrl("http://" + host + "/api/v10/"))
                .setSessionController(new ConcurrentSessionController() {
                    @Override
                    public String getGateway() {
                        return "ws://" + host + "/";
                    }
                })
                .enableCache(CacheFlag.EMOJI, CacheFlag.STICKER, CacheFlag.VOICE_STATE)
                .setMemberCachePolicy(MemberCachePolicy.ALL)
                .setChunkingFilter(ChunkingFilter.ALL)
                .addEventListeners(new Bot())
                .build();
    }
}

// A bot of disgo; see docs/libraries.md.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"github.com/disgoorg/disgo"
	"github.com/disgoorg/disgo/bot"
	"github.com/disgoorg/disgo/cache"
	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/disgo/events"
	"github.com/disgoorg/disgo/gateway"
	"github.com/disgoorg/disgo/rest"
	"github.com/disgoorg/json"
	"github.com/disgoorg/snowflake/v2"
)

var out sync.Mutex

// say tells the runner something, as one line.
func say(words ...any) {
	out.Lock()
	defer out.Unlock()
	fmt.Println(strings.Join(strings.Fields(fmt.Sprintln(words...)), " "))
}

func id(name string) snowflake.ID { return snowflake.MustParse(os.Getenv(name + "_ID")) }

type step func(c bot.Client, m discord.Message) (any, error)

func nothing[T any](_ T, err error) (any, error) { return "", err }

func only(err error) (any, error) { return "", err }

func text(content string) discord.MessageCreate { return discord.MessageCreate{Content: content} }

func picture() (*discord.Icon, error) {
	file, err := os.Open(os.Getenv("IMAGE"))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return discord.NewIcon(discord.IconTypePNG, file)
}

var messageSteps = map[string]step{
	"message": func(c bot.Client, m discord.Message) (any, error) {
		sent, err := c.Rest().CreateMessage(m.ChannelID, text("sent"))
		if err != nil {
			return "", err
		}
		edited := "edited"
		return nothing(c.Rest().UpdateMessage(m.ChannelID, sent.ID, discord.MessageUpdate{Content: &edited}))
	},
	"delete": func(c bot.Client, m discord.Message) (any, error) {
		sent, err := c.Rest().CreateMessage(m.ChannelID, text("gone"))
		if err != nil {
			return "", err
		}
		return only(c.Rest().DeleteMessage(m.ChannelID, sent.ID))
	},
	"reply": func(c bot.Client, m discord.Message) (any, error) {
		reply := text("replied")
		reply.MessageReference = &discord.MessageReference{MessageID: &m.ID}
		return nothing(c.Rest().CreateMessage(m.ChannelID, reply))
	},
	"embed": func(c bot.Client, m discord.Message) (any, error) {
		fields := []discord.EmbedField{{Name: "name", Value: "value"}}
		embed := discord.Embed{Title: "title", Description: "described", Color: 0x336699, Fields: fields}
		return nothing(c.Rest().CreateMessage(m.ChannelID, discord.MessageCreate{Embeds: []discord.Embed{embed}}))
	},
	"attachment": func(c bot.Client, m discord.Message) (any, error) {
		file := discord.NewFile("hello.txt", "", strings.NewReader("hello"))
		return nothing(c.Rest().CreateMessage(m.ChannelID, discord.MessageCreate{Files: []*discord.File{file}}))
	},
	"reaction": func(c bot.Client, m discord.Message) (any, error) {
		if err := c.Rest().AddReaction(m.ChannelID, m.ID, "👍"); err != nil {
			return "", err
		}
		return only(c.Rest().AddReaction(m.ChannelID, m.ID, "given:"+os.Getenv("EMOJI_ID")))
	},
	"pin": func(c bot.Client, m discord.Message) (any, error) {
		return only(c.Rest().PinMessage(m.ChannelID, m.ID))
	},
	"thread": func(c bot.Client, m discord.Message) (any, error) {
		thread, err := c.Rest().CreateThreadFromMessage(m.ChannelID, m.ID, discord.ThreadCreateFromMessage{Name: "thread"})
		if err != nil {
			return "", err
		}
		return nothing(c.Rest().CreateMessage(thread.ID(), text("in thread")))
	},
	"forum": func(c bot.Client, _ discord.Message) (any, error) {
		post := discord.ThreadChannelPostCreate{Name: "post", Message: text("first")}
		return nothing(c.Rest().CreatePostInThreadChannel(id("FORUM"), post))
	},
	"poll": func(c bot.Client, m discord.Message) (any, error) {
		one, two, which := "one", "two", "which"
		answers := []discord.PollMedia{{Text: &one}, {Text: &two}}
		poll := &discord.PollCreate{Question: discord.PollMedia{Text: &which}, Answers: answers, Duration: 1}
		return nothing(c.Rest().CreateMessage(m.ChannelID, discord.MessageCreate{Poll: poll}))
	},
	"webhook": func(c bot.Client, m discord.Message) (any, error) {
		hook, err := c.Rest().CreateWebhook(m.ChannelID, discord.WebhookCreate{Name: "hook"})
		if err != nil {
			return "", err
		}
		return nothing(c.Rest().CreateWebhookMessage(hook.ID(), hook.Token, discord.WebhookMessageCreate{Content: "hooked"}, true, 0))
	},
	"history": func(c bot.Client, m discord.Message) (any, error) {
		list, err := c.Rest().GetMessages(m.ChannelID, 0, 0, 0, 3)
		return len(list), err
	},
	"dm": func(c bot.Client, m discord.Message) (any, error) {
		channel, err := c.Rest().CreateDMChannel(m.Author.ID)
		if err != nil {
			return "", err
		}
		return nothing(c.Rest().CreateMessage(channel.ID(), text("direct")))
	},
	"typing": func(c bot.Client, m discord.Message) (any, error) { return only(c.Rest().SendTyping(m.ChannelID)) },
	"invite": func(c bot.Client, m discord.Message) (any, error) {
		age, uses := 3600, 5
		invite, err := c.Rest().CreateInvite(m.ChannelID, discord.InviteCreate{MaxAge: &age, MaxUses: &uses})
		if err != nil {
			return "", err
		}
		return invite.Code, nil
	},
	"overwrite": func(c bot.Client, m discord.Message) (any, error) {
		deny := discord.PermissionAddReactions
		update := discord.MemberPermissionOverwriteUpdate{Deny: &deny}
		return only(c.Rest().UpdatePermissionOverwrite(m.ChannelID, id("MEMBER"), update))
	},
}

var guildSteps = map[string]step{
	"cache": func(c bot.Client, _ discord.Message) (any, error) {
		guild, channels := id("GUILD"), 0
		c.Caches().ChannelsForEach(func(channel discord.GuildChannel) {
			if _, isThread := channel.(discord.GuildThread); !isThread {
				channels++
			}
		})
		return fmt.Sprintf("members=%d channels=%d roles=%d emojis=%d", c.Caches().MembersLen(guild), channels,
			c.Caches().RolesLen(guild), c.Caches().EmojisLen(guild)), nil
	},
	"role": func(c bot.Client, _ discord.Message) (any, error) {
		role, err := c.Rest().CreateRole(id("GUILD"), discord.RoleCreate{Name: "made", Color: 0x336699}, rest.WithReason("because roles"))
		if err != nil {
			return "", err
		}
		name := "made anew"
		if _, err = c.Rest().UpdateRole(id("GUILD"), role.ID, discord.RoleUpdate{Name: &name}); err != nil {
			return "", err
		}
		return only(c.Rest().AddMemberRole(id("GUILD"), id("MEMBER"), role.ID))
	},
	"channel": func(c bot.Client, _ discord.Message) (any, error) {
		form := discord.GuildTextChannelCreate{Name: "made"}
		channel, err := c.Rest().CreateGuildChannel(id("GUILD"), form, rest.WithReason("because channels"))
		if err != nil {
			return "", err
		}
		topic := "about"
		return nothing(c.Rest().UpdateChannel(channel.ID(), discord.GuildTextChannelUpdate{Topic: &topic}))
	},
	"nick": func(c bot.Client, _ discord.Message) (any, error) {
		nick := "nicked"
		return nothing(c.Rest().UpdateMember(id("GUILD"), id("MEMBER"), discord.MemberUpdate{Nick: &nick}))
	},
	"timeout": func(c bot.Client, _ discord.Message) (any, error) {
		until := json.NewNullablePtr(time.Now().Add(10 * time.Minute))
		form := discord.MemberUpdate{CommunicationDisabledUntil: until}
		return nothing(c.Rest().UpdateMember(id("GUILD"), id("MEMBER"), form, rest.WithReason("because late")))
	},
	"emoji": func(c bot.Client, _ discord.Message) (any, error) {
		image, err := picture()
		if err != nil {
			return "", err
		}
		return nothing(c.Rest().CreateEmoji(id("GUILD"), discord.EmojiCreate{Name: "made", Image: *image}))
	},
	"sticker": func(c bot.Client, _ discord.Message) (any, error) {
		file, err := os.Open(os.Getenv("IMAGE"))
		if err != nil {
			return "", err
		}
		defer file.Close()
		form := discord.StickerCreate{Name: "made", Description: "a sticker", Tags: "👍", File: discord.NewFile("made.png", "", file)}
		return nothing(c.Rest().CreateSticker(id("GUILD"), form))
	},
	"chunk": func(c bot.Client, _ discord.Message) (any, error) {
		members, err := c.MemberChunkingManager().RequestMembersWithQuery(id("GUILD"), "", 0)
		return len(members), err
	},
	"presence": func(c bot.Client, _ discord.Message) (any, error) {
		return only(c.SetPresence(context.Background(), gateway.WithPlayingActivity("chess"), gateway.WithOnlineStatus(discord.OnlineStatusDND)))
	},
	"voice": func(c bot.Client, _ discord.Message) (any, error) {
		channel := id("VOICE")
		return only(c.UpdateVoiceState(context.Background(), id("GUILD"), &channel, false, false))
	},
	"kick": func(c bot.Client, _ discord.Message) (any, error) {
		return only(c.Rest().RemoveMember(id("GUILD"), id("TARGET"), rest.WithReason("because rude")))
	},
	"ban": func(c bot.Client, _ discord.Message) (any, error) {
		return only(c.Rest().AddBan(id("GUILD"), id("TARGET"), 0, rest.WithReason("because spam")))
	},
	"unban": func(c bot.Client, _ discord.Message) (any, error) {
		return only(c.Rest().DeleteBan(id("GUILD"), id("TARGET")))
	},
	"audit": func(c bot.Client, _ discord.Message) (any, error) {
		log, err := c.Rest().GetAuditLog(id("GUILD"), 0, 0, 0, 0, 50)
		if err != nil {
			return "", err
		}
		targets := ""
		for _, entry := range log.AuditLogEntries {
			if entry.TargetID != nil {
				targets += " " + entry.TargetID.String()
			}
		}
		return targets, nil
	},
	"commands": func(c bot.Client, _ discord.Message) (any, error) {
		return nothing(c.Rest().SetGuildCommands(id("APPLICATION"), id("GUILD"), commands()))
	},
}

func commands() []discord.ApplicationCommandCreate {
	words := func(name string, completes bool) []discord.ApplicationCommandOption {
		return []discord.ApplicationCommandOption{discord.ApplicationCommandOptionString{Name: name, Description: "words", Required: true, Autocomplete: completes}}
	}
	return []discord.ApplicationCommandCreate{
		discord.SlashCommandCreate{Name: "echo", Description: "Echoes", Options: words("text", false)},
		discord.SlashCommandCreate{Name: "fruit", Description: "Names a fruit", Options: words("name", true)},
		discord.SlashCommandCreate{Name: "slow", Description: "Waits"},
		discord.SlashCommandCreate{Name: "panel", Description: "Shows a panel"},
		discord.SlashCommandCreate{Name: "form", Description: "Shows a form"},
	}
}

func failed(err error) {
	if err != nil {
		say("error", err)
	}
}

func used(e *events.ApplicationCommandInteractionCreate) {
	data := e.SlashCommandInteractionData()
	switch data.CommandName() {
	case "echo":
		failed(e.CreateMessage(text("echo " + data.String("text"))))
		_, err := e.Client().Rest().CreateFollowupMessage(e.ApplicationID(), e.Token(), text("followed"))
		failed(err)
	case "fruit":
		failed(e.CreateMessage(text("fruit " + data.String("name"))))
	case "slow":
		failed(e.DeferCreateMessage(false))
		content := "slow done"
		_, err := e.Client().Rest().UpdateInteractionResponse(e.ApplicationID(), e.Token(), discord.MessageUpdate{Content: &content})
		failed(err)
	case "panel":
		menu := discord.NewStringSelectMenu("choose", "", discord.NewStringSelectMenuOption("red", "red"), discord.NewStringSelectMenuOption("blue", "blue"))
		rows := discord.NewMessageCreateBuilder().SetContent("panel").
			AddActionRow(discord.NewPrimaryButton("Press", "press")).AddActionRow(menu)
		failed(e.CreateMessage(rows.Build()))
	case "form":
		input := discord.NewTextInput("words", discord.TextInputStyleShort, "Words")
		failed(e.Modal(discord.NewModalCreateBuilder().SetCustomID("form").SetTitle("Form").AddActionRow(input).Build()))
	}
}

func completed(e *events.AutocompleteInteractionCreate) {
	choices := []discord.AutocompleteChoice{}
	for _, each := range []string{"apple", "apricot", "banana"} {
		if strings.HasPrefix(each, e.Data.String("name")) {
			choices = append(choices, discord.AutocompleteChoiceString{Name: each, Value: each})
		}
	}
	failed(e.AutocompleteResult(choices))
}

func pressed(e *events.ComponentInteractionCreate) {
	if e.Data.CustomID() == "press" {
		content := "pressed"
		failed(e.UpdateMessage(discord.MessageUpdate{Content: &content}))
		return
	}
	answer := text("chose " + e.StringSelectMenuInteractionData().Values[0])
	answer.Flags = discord.MessageFlagEphemeral
	failed(e.CreateMessage(answer))
}

// take takes a step and tells what came of it.
func take(c bot.Client, name string, m discord.Message) {
	body := messageSteps[name]
	if body == nil {
		body = guildSteps[name]
	}
	if body == nil {
		say("cannot", name, "the library has no call for it")
	} else if detail, err := body(c, m); err != nil {
		say("FAIL", name, err)
	} else {
		say("done", name, detail)
	}
}

func said(e *events.MessageCreate) {
	if e.Message.Author.Bot {
		return
	}
	say("heard message", e.Message.Content)
	if name, asked := strings.CutPrefix(e.Message.Content, "!"); asked {
		// events come in order, so a step that waits for one must not hold them up
		go take(e.Client(), name, e.Message)
	}
}

func main() {
	host, isUp := os.Getenv("HOST"), false
	say("version", strings.TrimPrefix(disgo.Version, "v"))
	client, err := disgo.New(os.Getenv("BOT_TOKEN"),
		bot.WithRestClientConfigOpts(rest.WithURL("http://"+host+"/api/v10")),
		bot.WithGatewayConfigOpts(gateway.WithURL("ws://"+host), gateway.WithIntents(gateway.IntentsAll)),
		bot.WithCacheConfigOpts(cache.WithCaches(cache.FlagsAll)),
		bot.WithEventListenerFunc(said),
		bot.WithEventListenerFunc(func(e *events.GuildReady) {
			isUp = true
			say("ready")
		}),
		bot.WithEventListenerFunc(func(e *events.Ready) {
			if isUp {
				say("ready")
			}
		}),
		bot.WithEventListenerFunc(func(e *events.MessageUpdate) { say("heard edit", e.Message.Content) }),
		bot.WithEventListenerFunc(func(e *events.MessageDelete) { say("heard deletion", e.MessageID) }),
		bot.WithEventListenerFunc(func(e *events.MessageReactionAdd) { say("heard reaction", *e.Emoji.Name) }),
		bot.WithEventListenerFunc(func(e *events.UserTypingStart) { say("heard typing", e.UserID) }),
		bot.WithEventListenerFunc(func(e *events.RoleCreate) { say("heard role", e.Role.Name) }),
		bot.WithEventListenerFunc(func(e *events.GuildChannelCreate) { say("heard channel", e.Channel.Name()) }),
		bot.WithEventListenerFunc(func(e *events.ThreadCreate) { say("heard thread", e.Thread.Name()) }),
		bot.WithEventListenerFunc(func(e *events.GuildMemberJoin) { say("heard join", e.Member.User.ID) }),
		bot.WithEventListenerFunc(func(e *events.GuildMemberLeave) { say("heard leave", e.User.ID) }),
		bot.WithEventListenerFunc(used),
		bot.WithEventListenerFunc(completed),
		bot.WithEventListenerFunc(pressed),
		bot.WithEventListenerFunc(func(e *events.ModalSubmitInteractionCreate) {
			failed(e.CreateMessage(text("form " + e.Data.Text("words"))))
		}),
	)
	if err != nil {
		panic(err)
	}
	if err := client.OpenGateway(context.Background()); err != nil {
		panic(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	<-stop
}

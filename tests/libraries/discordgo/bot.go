// A bot of discordgo; see docs/libraries.md.
package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	d "github.com/bwmarrin/discordgo"
)

var id = func(name string) string { return os.Getenv(name + "_ID") }

var out sync.Mutex

// say tells the runner something, as one line.
func say(words ...any) {
	out.Lock()
	defer out.Unlock()
	fmt.Println(strings.Join(strings.Fields(fmt.Sprintln(words...)), " "))
}

// pointAtServer sets what the library computed from its constants when it was loaded.
func pointAtServer(host string) {
	d.EndpointDiscord = "http://" + host + "/"
	d.EndpointAPI = d.EndpointDiscord + "api/v" + d.APIVersion + "/"
	d.EndpointGuilds = d.EndpointAPI + "guilds/"
	d.EndpointChannels = d.EndpointAPI + "channels/"
	d.EndpointUsers = d.EndpointAPI + "users/"
	d.EndpointGateway = d.EndpointAPI + "gateway"
	d.EndpointGatewayBot = d.EndpointGateway + "/bot"
	d.EndpointWebhooks = d.EndpointAPI + "webhooks/"
	d.EndpointStickers = d.EndpointAPI + "stickers/"
	d.EndpointStageInstances = d.EndpointAPI + "stage-instances"
	d.EndpointSKUs = d.EndpointAPI + "skus"
	d.EndpointVoice = d.EndpointAPI + "/voice/"
	d.EndpointVoiceRegions = d.EndpointVoice + "regions"
	d.EndpointGuildCreate = d.EndpointAPI + "guilds"
	d.EndpointApplications = d.EndpointAPI + "applications"
	d.EndpointOAuth2 = d.EndpointAPI + "oauth2/"
	d.EndpointOAuth2Applications = d.EndpointOAuth2 + "applications"
	d.EndpointCDN = d.EndpointDiscord + "cdn/"
}

type step func(s *d.Session, m *d.Message) (any, error)

// nothing is for calls that answer a value which the step does not need.
func nothing[T any](_ T, err error) (any, error) { return "", err }

func only(err error) (any, error) { return "", err }

func guildOf(s *d.Session) *d.Guild {
	guild, err := s.State.Guild(id("GUILD"))
	if err != nil {
		panic(err)
	}
	return guild
}

func picture() string {
	data, err := os.ReadFile(os.Getenv("IMAGE"))
	if err != nil {
		panic(err)
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(data)
}

func messageSteps() map[string]step {
	return map[string]step{
		"message": func(s *d.Session, m *d.Message) (any, error) {
			sent, err := s.ChannelMessageSend(m.ChannelID, "sent")
			if err != nil {
				return "", err
			}
			return nothing(s.ChannelMessageEdit(m.ChannelID, sent.ID, "edited"))
		},
		"delete": func(s *d.Session, m *d.Message) (any, error) {
			sent, err := s.ChannelMessageSend(m.ChannelID, "gone")
			if err != nil {
				return "", err
			}
			return only(s.ChannelMessageDelete(m.ChannelID, sent.ID))
		},
		"reply": func(s *d.Session, m *d.Message) (any, error) {
			return nothing(s.ChannelMessageSendReply(m.ChannelID, "replied", m.Reference()))
		},
		"embed": func(s *d.Session, m *d.Message) (any, error) {
			field := &d.MessageEmbedField{Name: "name", Value: "value"}
			embed := &d.MessageEmbed{Title: "title", Description: "described", Color: 0x336699, Fields: []*d.MessageEmbedField{field}}
			return nothing(s.ChannelMessageSendEmbed(m.ChannelID, embed))
		},
		"attachment": func(s *d.Session, m *d.Message) (any, error) {
			return nothing(s.ChannelFileSend(m.ChannelID, "hello.txt", strings.NewReader("hello")))
		},
		"reaction": func(s *d.Session, m *d.Message) (any, error) {
			if err := s.MessageReactionAdd(m.ChannelID, m.ID, "👍"); err != nil {
				return "", err
			}
			return only(s.MessageReactionAdd(m.ChannelID, m.ID, "given:"+id("EMOJI")))
		},
		"pin": func(s *d.Session, m *d.Message) (any, error) { return only(s.ChannelMessagePin(m.ChannelID, m.ID)) },
		"thread": func(s *d.Session, m *d.Message) (any, error) {
			thread, err := s.MessageThreadStart(m.ChannelID, m.ID, "thread", 60)
			if err != nil {
				return "", err
			}
			return nothing(s.ChannelMessageSend(thread.ID, "in thread"))
		},
		"forum": func(s *d.Session, _ *d.Message) (any, error) {
			return nothing(s.ForumThreadStart(id("FORUM"), "post", 60, "first"))
		},
		"poll": func(s *d.Session, m *d.Message) (any, error) {
			answers := []d.PollAnswer{{Media: &d.PollMedia{Text: "one"}}, {Media: &d.PollMedia{Text: "two"}}}
			poll := &d.Poll{Question: d.PollMedia{Text: "which"}, Answers: answers, Duration: 1, LayoutType: d.PollLayoutTypeDefault}
			return nothing(s.ChannelMessageSendComplex(m.ChannelID, &d.MessageSend{Poll: poll}))
		},
		"webhook": func(s *d.Session, m *d.Message) (any, error) {
			hook, err := s.WebhookCreate(m.ChannelID, "hook", "")
			if err != nil {
				return "", err
			}
			return nothing(s.WebhookExecute(hook.ID, hook.Token, true, &d.WebhookParams{Content: "hooked"}))
		},
		"history": func(s *d.Session, m *d.Message) (any, error) {
			list, err := s.ChannelMessages(m.ChannelID, 3, "", "", "")
			return len(list), err
		},
		"dm": func(s *d.Session, m *d.Message) (any, error) {
			channel, err := s.UserChannelCreate(m.Author.ID)
			if err != nil {
				return "", err
			}
			return nothing(s.ChannelMessageSend(channel.ID, "direct"))
		},
		"invite": func(s *d.Session, m *d.Message) (any, error) {
			invite, err := s.ChannelInviteCreate(m.ChannelID, d.Invite{MaxAge: 3600, MaxUses: 5})
			if err != nil {
				return "", err
			}
			return invite.Code, nil
		},
		"typing": func(s *d.Session, m *d.Message) (any, error) { return only(s.ChannelTyping(m.ChannelID)) },
	}
}

func guildSteps() map[string]step {
	return map[string]step{
		"cache": func(s *d.Session, _ *d.Message) (any, error) {
			g := guildOf(s)
			return fmt.Sprintf("members=%d channels=%d roles=%d emojis=%d", len(g.Members), len(g.Channels), len(g.Roles), len(g.Emojis)), nil
		},
		"role": func(s *d.Session, _ *d.Message) (any, error) {
			colour := 0x336699
			role, err := s.GuildRoleCreate(id("GUILD"), &d.RoleParams{Name: "made", Color: &colour}, d.WithAuditLogReason("because roles"))
			if err != nil {
				return "", err
			}
			if _, err = s.GuildRoleEdit(id("GUILD"), role.ID, &d.RoleParams{Name: "made anew"}); err != nil {
				return "", err
			}
			return only(s.GuildMemberRoleAdd(id("GUILD"), id("MEMBER"), role.ID))
		},
		"channel": func(s *d.Session, _ *d.Message) (any, error) {
			channel, err := s.GuildChannelCreate(id("GUILD"), "made", d.ChannelTypeGuildText, d.WithAuditLogReason("because channels"))
			if err != nil {
				return "", err
			}
			return nothing(s.ChannelEdit(channel.ID, &d.ChannelEdit{Topic: "about"}))
		},
		"overwrite": func(s *d.Session, m *d.Message) (any, error) {
			return only(s.ChannelPermissionSet(m.ChannelID, id("MEMBER"), d.PermissionOverwriteTypeMember, 0, d.PermissionAddReactions))
		},
		"nick": func(s *d.Session, _ *d.Message) (any, error) {
			return only(s.GuildMemberNickname(id("GUILD"), id("MEMBER"), "nicked"))
		},
		"timeout": func(s *d.Session, _ *d.Message) (any, error) {
			until := time.Now().Add(10 * time.Minute)
			return only(s.GuildMemberTimeout(id("GUILD"), id("MEMBER"), &until, d.WithAuditLogReason("because late")))
		},
		"emoji": func(s *d.Session, _ *d.Message) (any, error) {
			return nothing(s.GuildEmojiCreate(id("GUILD"), &d.EmojiParams{Name: "made", Image: picture()}))
		},
		"presence": func(s *d.Session, _ *d.Message) (any, error) {
			game := []*d.Activity{{Name: "chess", Type: d.ActivityTypeGame}}
			return only(s.UpdateStatusComplex(d.UpdateStatusData{Status: "dnd", Activities: game}))
		},
		"voice": func(s *d.Session, _ *d.Message) (any, error) {
			return only(s.ChannelVoiceJoinManual(id("GUILD"), id("VOICE"), false, false))
		},
		"chunk": func(s *d.Session, _ *d.Message) (any, error) {
			came := make(chan int, 1)
			s.AddHandlerOnce(func(_ *d.Session, chunk *d.GuildMembersChunk) { came <- len(chunk.Members) })
			if err := s.RequestGuildMembers(id("GUILD"), "", 0, "all", false); err != nil {
				return "", err
			}
			select {
			case count := <-came:
				return count, nil
			case <-time.After(10 * time.Second):
				return "", fmt.Errorf("no members came")
			}
		},
		// with a reason in the query, as API v9 has it
		"kick": func(s *d.Session, _ *d.Message) (any, error) {
			return only(s.GuildMemberDeleteWithReason(id("GUILD"), id("TARGET"), "because rude"))
		},
		"ban": func(s *d.Session, _ *d.Message) (any, error) {
			return only(s.GuildBanCreateWithReason(id("GUILD"), id("TARGET"), "because spam", 0))
		},
		"unban": func(s *d.Session, _ *d.Message) (any, error) {
			return only(s.GuildBanDelete(id("GUILD"), id("TARGET")))
		},
		"audit": func(s *d.Session, _ *d.Message) (any, error) {
			log, err := s.GuildAuditLog(id("GUILD"), "", "", 0, 50)
			if err != nil {
				return "", err
			}
			targets := ""
			for _, entry := range log.AuditLogEntries {
				targets += " " + entry.TargetID
			}
			return targets, nil
		},
		"commands": func(s *d.Session, _ *d.Message) (any, error) {
			return nothing(s.ApplicationCommandBulkOverwrite(id("APPLICATION"), id("GUILD"), commands()))
		},
	}
}

func commands() []*d.ApplicationCommand {
	words := func(name string, completes bool) []*d.ApplicationCommandOption {
		return []*d.ApplicationCommandOption{{Type: d.ApplicationCommandOptionString, Name: name, Description: "words", Required: true, Autocomplete: completes}}
	}
	return []*d.ApplicationCommand{
		{Name: "echo", Description: "Echoes", Options: words("text", false)},
		{Name: "fruit", Description: "Names a fruit", Options: words("name", true)},
		{Name: "slow", Description: "Waits"},
		{Name: "panel", Description: "Shows a panel"},
		{Name: "form", Description: "Shows a form"},
	}
}

func respond(s *d.Session, i *d.Interaction, kind d.InteractionResponseType, data *d.InteractionResponseData) {
	if err := s.InteractionRespond(i, &d.InteractionResponse{Type: kind, Data: data}); err != nil {
		say("error", err)
	}
}

func text(s *d.Session, i *d.Interaction, content string) {
	respond(s, i, d.InteractionResponseChannelMessageWithSource, &d.InteractionResponseData{Content: content})
}

func panel() *d.InteractionResponseData {
	button := d.Button{Label: "Press", CustomID: "press", Style: d.PrimaryButton}
	choices := []d.SelectMenuOption{{Label: "red", Value: "red"}, {Label: "blue", Value: "blue"}}
	menu := d.SelectMenu{MenuType: d.StringSelectMenu, CustomID: "choose", Options: choices}
	rows := []d.MessageComponent{d.ActionsRow{Components: []d.MessageComponent{button}}, d.ActionsRow{Components: []d.MessageComponent{menu}}}
	return &d.InteractionResponseData{Content: "panel", Components: rows}
}

func form() *d.InteractionResponseData {
	input := d.TextInput{CustomID: "words", Label: "Words", Style: d.TextInputShort}
	row := d.ActionsRow{Components: []d.MessageComponent{input}}
	return &d.InteractionResponseData{Title: "Form", CustomID: "form", Components: []d.MessageComponent{row}}
}

func used(s *d.Session, i *d.Interaction) {
	data := i.ApplicationCommandData()
	switch data.Name {
	case "echo":
		text(s, i, "echo "+data.Options[0].StringValue())
		if _, err := s.FollowupMessageCreate(i, true, &d.WebhookParams{Content: "followed"}); err != nil {
			say("error", err)
		}
	case "fruit":
		text(s, i, "fruit "+data.Options[0].StringValue())
	case "slow":
		respond(s, i, d.InteractionResponseDeferredChannelMessageWithSource, nil)
		content := "slow done"
		if _, err := s.InteractionResponseEdit(i, &d.WebhookEdit{Content: &content}); err != nil {
			say("error", err)
		}
	case "panel":
		respond(s, i, d.InteractionResponseChannelMessageWithSource, panel())
	case "form":
		respond(s, i, d.InteractionResponseModal, form())
	}
}

func interacted(s *d.Session, event *d.InteractionCreate) {
	i := event.Interaction
	switch i.Type {
	case d.InteractionApplicationCommand:
		used(s, i)
	case d.InteractionApplicationCommandAutocomplete:
		choices := []*d.ApplicationCommandOptionChoice{}
		for _, each := range []string{"apple", "apricot", "banana"} {
			if strings.HasPrefix(each, i.ApplicationCommandData().Options[0].StringValue()) {
				choices = append(choices, &d.ApplicationCommandOptionChoice{Name: each, Value: each})
			}
		}
		respond(s, i, d.InteractionApplicationCommandAutocompleteResult, &d.InteractionResponseData{Choices: choices})
	case d.InteractionModalSubmit:
		row := i.ModalSubmitData().Components[0].(*d.ActionsRow)
		text(s, i, "form "+row.Components[0].(*d.TextInput).Value)
	case d.InteractionMessageComponent:
		data := i.MessageComponentData()
		if data.CustomID == "press" {
			respond(s, i, d.InteractionResponseUpdateMessage, &d.InteractionResponseData{Content: "pressed"})
			return
		}
		answer := &d.InteractionResponseData{Content: "chose " + data.Values[0], Flags: d.MessageFlagsEphemeral}
		respond(s, i, d.InteractionResponseChannelMessageWithSource, answer)
	}
}

// take takes a step and tells what came of it.
func take(s *d.Session, name string, body step, m *d.Message) {
	if body == nil {
		say("cannot", name, "the library has no call for it")
	} else if detail, err := body(s, m); err != nil {
		say("FAIL", name, err)
	} else {
		say("done", name, detail)
	}
}

func hear(s *d.Session, steps map[string]step) {
	s.AddHandler(func(s *d.Session, m *d.MessageCreate) {
		if m.Author.Bot {
			return
		}
		say("heard message", m.Content)
		name, asked := strings.CutPrefix(m.Content, "!")
		if !asked {
			return
		}
		// events come in order, so a step that waits for one must not hold them up
		go take(s, name, steps[name], m.Message)
	})
	s.AddHandler(func(_ *d.Session, m *d.MessageUpdate) { say("heard edit", m.Content) })
	s.AddHandler(func(_ *d.Session, m *d.MessageDelete) { say("heard deletion", m.ID) })
	s.AddHandler(func(_ *d.Session, r *d.MessageReactionAdd) { say("heard reaction", r.Emoji.Name) })
	s.AddHandler(func(_ *d.Session, t *d.TypingStart) { say("heard typing", t.UserID) })
	s.AddHandler(func(_ *d.Session, r *d.GuildRoleCreate) { say("heard role", r.Role.Name) })
	s.AddHandler(func(_ *d.Session, c *d.ChannelCreate) { say("heard channel", c.Name) })
	s.AddHandler(func(_ *d.Session, t *d.ThreadCreate) { say("heard thread", t.Name) })
	s.AddHandler(func(_ *d.Session, m *d.GuildMemberAdd) { say("heard join", m.User.ID) })
	s.AddHandler(func(_ *d.Session, m *d.GuildMemberRemove) { say("heard leave", m.User.ID) })
	s.AddHandler(func(s *d.Session, i *d.InteractionCreate) { go interacted(s, i) })
	var once sync.Once
	s.AddHandler(func(_ *d.Session, g *d.GuildCreate) {
		if g.ID == id("GUILD") {
			once.Do(func() { say("ready") })
		}
	})
	readies := 0
	s.AddHandler(func(_ *d.Session, _ *d.Ready) {
		if readies++; readies > 1 {
			say("ready")
		}
	})
}

func main() {
	pointAtServer(os.Getenv("HOST"))
	say("version", d.VERSION)
	session, err := d.New("Bot " + os.Getenv("BOT_TOKEN"))
	if err != nil {
		panic(err)
	}
	session.Identify.Intents = d.IntentsAll
	// without this every event has a goroutine of its own, and their order is lost
	session.SyncEvents = true
	steps := messageSteps()
	for name, step := range guildSteps() {
		steps[name] = step
	}
	hear(session, steps)
	if err := session.Open(); err != nil {
		panic(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	<-stop
}

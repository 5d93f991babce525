"""A bot of hikari; see docs/libraries.md."""
import asyncio
import datetime
import os
import sys

import hikari

sys.path.insert(0, '../common')
from lines import answer, log, say  # noqa: E402

IDS = {name: int(os.environ[name + '_ID']) for name in ['GUILD', 'CHANNEL', 'MEMBER', 'TARGET', 'FORUM', 'VOICE', 'EMOJI', 'APPLICATION']}
GUILD = IDS['GUILD']
bot = hikari.GatewayBot(os.environ['BOT_TOKEN'], intents=hikari.Intents.ALL, banner=None, logs=None,
                        rest_url=f"http://{os.environ['HOST']}/api/v10")
rest = bot.rest


async def cache(_):
    views = {'members': bot.cache.get_members_view_for_guild(GUILD), 'channels': bot.cache.get_guild_channels_view_for_guild(GUILD),
             'roles': bot.cache.get_roles_view_for_guild(GUILD), 'emojis': bot.cache.get_emojis_view_for_guild(GUILD)}
    return ' '.join(f'{name}={len(view)}' for name, view in views.items())


async def message(m):
    await (await m.respond('sent')).edit('edited')


async def delete(m):
    await (await m.respond('gone')).delete()


async def reply(m):
    await m.respond('replied', reply=True)


async def embed(m):
    await m.respond(hikari.Embed(title='title', description='described', color=0x336699).add_field('name', 'value'))


async def attachment(m):
    await m.respond(attachment=hikari.Bytes(b'hello', 'hello.txt'))


async def reaction(m):
    await m.add_reaction('👍')
    await m.add_reaction('given', IDS['EMOJI'])


async def pin(m):
    await rest.pin_message(m.channel_id, m)


async def thread(m):
    made = await rest.create_message_thread(m.channel_id, m, 'thread')
    await rest.create_message(made, 'in thread')


async def forum(_):
    await rest.create_forum_post(IDS['FORUM'], 'post', 'first')


async def poll(m):
    answers = [hikari.impl.PollAnswerBuilder(text=text) for text in ['one', 'two']]
    await m.respond(poll=hikari.impl.PollBuilder(question_text='which', answers=answers, duration=1, allow_multiselect=False))


async def webhook(m):
    hook = await rest.create_webhook(m.channel_id, 'hook')
    await hook.execute('hooked')


async def history(m):
    return len(await rest.fetch_messages(m.channel_id).limit(3))


async def dm(m):
    await m.author.send('direct')


async def role(_):
    made = await rest.create_role(GUILD, name='made', color=0x336699, reason='because roles')
    await rest.edit_role(GUILD, made, name='made anew')
    await rest.add_role_to_member(GUILD, IDS['MEMBER'], made)


async def channel(_):
    made = await rest.create_guild_text_channel(GUILD, 'made', reason='because channels')
    await rest.edit_channel(made, topic='about')


async def overwrite(m):
    await rest.edit_permission_overwrite(m.channel_id, IDS['MEMBER'], target_type=hikari.PermissionOverwriteType.MEMBER,
                                         deny=hikari.Permissions.ADD_REACTIONS)


async def nick(_):
    await rest.edit_member(GUILD, IDS['MEMBER'], nickname='nicked')


async def timeout(_):
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=10)
    await rest.edit_member(GUILD, IDS['MEMBER'], communication_disabled_until=until, reason='because late')


async def invite(m):
    return (await rest.create_invite(m.channel_id, max_age=3600, max_uses=5)).code


async def emoji(_):
    await rest.create_emoji(GUILD, 'made', hikari.File(os.environ['IMAGE']))


async def sticker(_):
    await rest.create_sticker(GUILD, 'made', '👍', hikari.File(os.environ['IMAGE']), description='a sticker')


async def chunk(_):
    waiting = asyncio.ensure_future(bot.wait_for(hikari.MemberChunkEvent, 10))
    await asyncio.sleep(0)
    await bot.request_guild_members(GUILD)
    return len((await waiting).members)


async def presence(_):
    await bot.update_presence(status=hikari.Status.DO_NOT_DISTURB, activity=hikari.Activity(name='chess'))


async def typing(m):
    await rest.trigger_typing(m.channel_id)


async def voice(_):
    await bot.update_voice_state(GUILD, IDS['VOICE'])


async def kick(_):
    await rest.kick_user(GUILD, IDS['TARGET'], reason='because rude')


async def ban(_):
    await rest.ban_user(GUILD, IDS['TARGET'], reason='because spam')


async def unban(_):
    await rest.unban_user(GUILD, IDS['TARGET'])


async def audit(_):
    page = await rest.fetch_audit_log(GUILD)
    return ' '.join(str(entry.target_id) for log in page for entry in log.entries.values())


async def commands(_):
    def option(name, **more):
        return hikari.CommandOption(type=hikari.OptionType.STRING, name=name, description='words', is_required=True, **more)
    made = {'echo': [option('text')], 'fruit': [option('name', autocomplete=True)], 'slow': [], 'panel': [], 'form': []}
    builders = []
    for name, options in made.items():
        builder = rest.slash_command_builder(name, f'The command {name}')
        for each in options:
            builder.add_option(each)
        builders.append(builder)
    await rest.set_application_commands(IDS['APPLICATION'], builders, guild=GUILD)


STEPS = {name: step for name, step in list(globals().items()) if asyncio.iscoroutinefunction(step) and name != 'answer'}


@bot.listen(hikari.InteractionCreateEvent)
async def interacted(event):
    i = event.interaction
    create = hikari.ResponseType.MESSAGE_CREATE
    if isinstance(i, hikari.AutocompleteInteraction):
        typed = i.options[0].value
        names = [each for each in ['apple', 'apricot', 'banana'] if each.startswith(typed)]
        await i.create_response([hikari.impl.AutocompleteChoiceBuilder(each, each) for each in names])
    elif isinstance(i, hikari.ModalInteraction):
        await i.create_initial_response(create, f'form {i.components[0][0].value}')
    elif isinstance(i, hikari.ComponentInteraction):
        if i.custom_id == 'press':
            await i.create_initial_response(hikari.ResponseType.MESSAGE_UPDATE, 'pressed')
        else:
            await i.create_initial_response(create, f'chose {i.values[0]}', flags=hikari.MessageFlag.EPHEMERAL)
    elif i.command_name == 'echo':
        await i.create_initial_response(create, f'echo {i.options[0].value}')
        await i.execute('followed')
    elif i.command_name == 'fruit':
        await i.create_initial_response(create, f'fruit {i.options[0].value}')
    elif i.command_name == 'slow':
        await i.create_initial_response(hikari.ResponseType.DEFERRED_MESSAGE_CREATE)
        await i.edit_initial_response('slow done')
    elif i.command_name == 'panel':
        buttons, selects = rest.build_message_action_row(), rest.build_message_action_row()
        buttons.add_interactive_button(hikari.ButtonStyle.PRIMARY, 'press', label='Press')
        selects.add_text_menu('choose').add_option('red', 'red').add_option('blue', 'blue')
        await i.create_initial_response(create, 'panel', components=[buttons, selects])
    elif i.command_name == 'form':
        row = rest.build_modal_action_row().add_text_input('words', 'Words')
        await i.create_modal_response('Form', 'form', component=row)


@bot.listen(hikari.MessageCreateEvent)
async def said(event):
    if event.is_bot:
        return
    say('heard message', event.content)
    if event.content.startswith('!'):
        await answer(event.content[1:], STEPS, event.message)


HEARD = {
    hikari.MessageUpdateEvent: lambda e: ('edit', e.message.content),
    hikari.MessageDeleteEvent: lambda e: ('deletion', e.message_id),
    hikari.ReactionAddEvent: lambda e: ('reaction', e.emoji_name),
    hikari.TypingEvent: lambda e: ('typing', e.user_id),
    hikari.RoleCreateEvent: lambda e: ('role', e.role.name),
    hikari.GuildChannelCreateEvent: lambda e: ('channel', e.channel.name),
    hikari.GuildThreadCreateEvent: lambda e: ('thread', e.thread.name),
    hikari.MemberCreateEvent: lambda e: ('join', e.user_id),
    hikari.MemberDeleteEvent: lambda e: ('leave', e.user_id),
}


def listen(kind, words):
    async def heard(event):
        say('heard', *words(event))
    bot.listen(kind)(heard)


for each_kind, each_words in HEARD.items():
    listen(each_kind, each_words)

is_filled = False


@bot.listen(hikari.ShardReadyEvent)
async def began(_event):
    # the first time the bot waits until its guild is there as well
    if is_filled:
        say('ready')


@bot.listen(hikari.GuildAvailableEvent)
async def filled(_event):
    global is_filled
    if not is_filled:
        is_filled = True
        say('ready')


log()
say('version', hikari.__version__)
bot.run(check_for_updates=False)

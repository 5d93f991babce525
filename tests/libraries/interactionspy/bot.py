"""A bot of interactions.py; see docs/libraries.md."""
import asyncio
import datetime
import io
import os
import sys

import interactions as i
from interactions.api.events import (
    ChannelCreate, MemberAdd, MemberRemove, MessageCreate, MessageDelete, MessageReactionAdd, MessageUpdate,
    NewThreadCreate, Ready, RoleCreate, Startup, TypingStart,
)
from interactions.api.http import route

sys.path.insert(0, '../common')
from lines import answer, log, say  # noqa: E402

route.Route.BASE = f"http://{os.environ['HOST']}/api/v10"
IDS = {name: int(os.environ[name + '_ID']) for name in ['GUILD', 'CHANNEL', 'MEMBER', 'TARGET', 'FORUM', 'VOICE', 'EMOJI']}
GUILD = IDS['GUILD']
bot = i.Client(intents=i.Intents.ALL, token=os.environ['BOT_TOKEN'], sync_interactions=False, send_command_tracebacks=False,
               debug_scope=GUILD, fetch_members=True)


def guild():
    return bot.get_guild(GUILD)


async def cache(_):
    g = guild()
    emojis = await g.fetch_all_custom_emojis()
    return f'members={len(g.members)} channels={len(g.channels)} roles={len(g.roles)} emojis={len(emojis)}'


async def message(m):
    await (await m.channel.send('sent')).edit(content='edited')


async def delete(m):
    await (await m.channel.send('gone')).delete()


async def reply(m):
    await m.reply('replied')


async def embed(m):
    made = i.Embed(title='title', description='described', color=0x336699)
    made.add_field('name', 'value')
    await m.channel.send(embeds=made)


async def attachment(m):
    await m.channel.send(file=i.File(io.BytesIO(b'hello'), 'hello.txt'))


async def reaction(m):
    await m.add_reaction('👍')
    await m.add_reaction(f"<:given:{IDS['EMOJI']}>")


async def pin(m):
    await m.pin()


async def thread(m):
    await (await m.create_thread(name='thread')).send('in thread')


async def forum(_):
    await bot.get_channel(IDS['FORUM']).create_post('post', 'first')


async def poll(m):
    await m.channel.send(poll=i.Poll.create('which', duration=1, answers=['one', 'two']))


async def webhook(m):
    await (await m.channel.create_webhook('hook')).send('hooked')


async def history(m):
    return len(await m.channel.fetch_messages(limit=3))


async def dm(m):
    await m.author.send('direct')


async def role(_):
    made = await guild().create_role('made', color=0x336699, reason='because roles')
    await made.edit(name='made anew')
    await guild().get_member(IDS['MEMBER']).add_role(made)


async def channel(_):
    made = await guild().create_text_channel('made', reason='because channels')
    await made.edit(topic='about')


async def overwrite(m):
    await m.channel.set_permission(guild().get_member(IDS['MEMBER']), add_reactions=False)


async def nick(_):
    await guild().get_member(IDS['MEMBER']).edit_nickname('nicked')


async def timeout(_):
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=10)
    await guild().get_member(IDS['MEMBER']).timeout(until, reason='because late')


async def invite(m):
    return (await m.channel.create_invite(max_age=3600, max_uses=5)).code


async def emoji(_):
    await guild().create_custom_emoji('made', os.environ['IMAGE'])


async def sticker(_):
    await guild().create_custom_sticker('made', i.File(os.environ['IMAGE']), tags='👍', description='a sticker')


async def chunk(_):
    await guild().gateway_chunk(wait=True)
    return len(guild().members)


async def presence(_):
    await bot.change_presence(status=i.Status.DND, activity=i.Activity(name='chess'))


async def typing(m):
    await m.channel.trigger_typing()


async def voice(_):
    await bot.get_guild_websocket(GUILD).voice_state_update(GUILD, IDS['VOICE'])


async def kick(_):
    await guild().kick(IDS['TARGET'], reason='because rude')


async def ban(_):
    await guild().ban(IDS['TARGET'], reason='because spam')


async def unban(_):
    await guild().unban(IDS['TARGET'])


async def audit(_):
    page = await guild().fetch_audit_log(limit=50)
    return ' '.join(str(entry.target_id) for entry in page.entries)


async def commands(_):
    await bot.synchronise_interactions(scopes=[GUILD])


STEPS = {name: step for name, step in list(globals().items()) if asyncio.iscoroutinefunction(step) and name != 'answer'}


@i.slash_command('echo', description='Echoes', scopes=[GUILD])
@i.slash_option('text', 'words', opt_type=i.OptionType.STRING, required=True)
async def echo(ctx: i.SlashContext, text: str):
    await ctx.send(f'echo {text}')
    await ctx.send('followed')


@i.slash_command('slow', description='Waits', scopes=[GUILD])
async def slow(ctx: i.SlashContext):
    await ctx.defer()
    await ctx.send('slow done')


@i.slash_command('fruit', description='Names a fruit', scopes=[GUILD])
@i.slash_option('name', 'words', opt_type=i.OptionType.STRING, required=True, autocomplete=True)
async def fruit(ctx: i.SlashContext, name: str):
    await ctx.send(f'fruit {name}')


@fruit.autocomplete('name')
async def fruits(ctx: i.AutocompleteContext):
    await ctx.send([each for each in ['apple', 'apricot', 'banana'] if each.startswith(ctx.input_text)])


@i.slash_command('panel', description='Shows a panel', scopes=[GUILD])
async def panel(ctx: i.SlashContext):
    button = i.Button(style=i.ButtonStyle.PRIMARY, label='Press', custom_id='press')
    await ctx.send('panel', components=[i.ActionRow(button), i.ActionRow(i.StringSelectMenu('red', 'blue', custom_id='choose'))])


@i.slash_command('form', description='Shows a form', scopes=[GUILD])
async def form(ctx: i.SlashContext):
    await ctx.send_modal(i.Modal(i.ShortText(label='Words', custom_id='words'), title='Form', custom_id='form'))


@i.component_callback('press')
async def press(ctx: i.ComponentContext):
    await ctx.edit_origin(content='pressed')


@i.component_callback('choose')
async def choose(ctx: i.ComponentContext):
    await ctx.send(f'chose {ctx.values[0]}', ephemeral=True)


@i.modal_callback('form')
async def sent(ctx: i.ModalContext):
    await ctx.send(f"form {ctx.responses['words']}")


@i.listen(MessageCreate)
async def said(event):
    if event.message.author.bot:
        return
    content = event.message.content
    say('heard message', content)
    if content.startswith('!'):
        await answer(content[1:], STEPS, event.message)


HEARD = {
    MessageUpdate: lambda e: ('edit', e.after.content),
    MessageDelete: lambda e: ('deletion', e.message.id),
    MessageReactionAdd: lambda e: ('reaction', e.emoji.name),
    TypingStart: lambda e: ('typing', e.author.id),
    RoleCreate: lambda e: ('role', e.role.name),
    ChannelCreate: lambda e: ('channel', e.channel.name),
    NewThreadCreate: lambda e: ('thread', e.thread.name),
    MemberAdd: lambda e: ('join', e.member.id),
    MemberRemove: lambda e: ('leave', e.member.id),
}


def listen(kind, words):
    async def heard(event):
        say('heard', *words(event))
    bot.add_listener(i.listen(kind)(heard))


for each_kind, each_words in HEARD.items():
    listen(each_kind, each_words)
is_up = False


@i.listen(Startup)
async def up(_event):
    global is_up
    is_up = True
    say('ready')


@i.listen(Ready)
async def again(_event):
    if is_up:
        say('ready')


log()
say('version', i.__version__)
bot.start()

"""Steps and events of discord.py and the libraries that grew from it: their names are the same but for a few."""
import datetime
import os

from lines import Cannot, answer, say

IDS = {name: int(os.environ[name + '_ID']) for name in ['GUILD', 'CHANNEL', 'MEMBER', 'TARGET', 'FORUM', 'VOICE', 'EMOJI']}


def intents(lib):
    """Every intent."""
    return lib.Intents.all()


class Steps:
    """What the person may ask for; `lib` is the library's module."""

    def __init__(self, lib, client):
        self.lib, self.client = lib, client

    @property
    def guild(self):
        return self.client.get_guild(IDS['GUILD'])

    @property
    def channel(self):
        return self.guild.get_channel(IDS['CHANNEL'])

    @property
    def member(self):
        return self.guild.get_member(IDS['MEMBER'])

    def all(self):
        """Every step by its name."""
        return {name[3:]: getattr(self, name) for name in dir(self) if name.startswith('do_')}

    async def do_cache(self, _):
        guild = self.guild
        channels = [channel for channel in guild.channels]
        return f'members={len(guild.members)} channels={len(channels)} roles={len(guild.roles)} emojis={len(guild.emojis)}'

    async def do_message(self, message):
        sent = await message.channel.send('sent')
        await sent.edit(content='edited')

    async def do_delete(self, message):
        sent = await message.channel.send('gone')
        await sent.delete()

    async def do_reply(self, message):
        await message.reply('replied')

    async def do_embed(self, message):
        embed = self.lib.Embed(title='title', description='described', color=0x336699)
        embed.add_field(name='name', value='value')
        await message.channel.send(embed=embed)

    async def do_attachment(self, message):
        import io
        await message.channel.send(file=self.lib.File(io.BytesIO(b'hello'), 'hello.txt'))

    async def do_reaction(self, message):
        await message.add_reaction('👍')
        await message.add_reaction(self.client.get_emoji(IDS['EMOJI']))

    async def do_pin(self, message):
        await message.pin()

    async def do_thread(self, message):
        thread = await message.create_thread(name='thread')
        await thread.send('in thread')

    async def do_forum(self, _):
        await self.guild.get_channel(IDS['FORUM']).create_thread(name='post', content='first')

    async def do_poll(self, message):
        if not hasattr(self.lib, 'Poll'):
            raise Cannot('no polls')
        poll = self.lib.Poll('which', duration=datetime.timedelta(hours=1))
        poll.add_answer(text='one')
        poll.add_answer(text='two')
        await message.channel.send(poll=poll)

    async def do_webhook(self, message):
        hook = await message.channel.create_webhook(name='hook')
        await hook.send('hooked')

    async def do_history(self, message):
        return len([each async for each in message.channel.history(limit=3)])

    async def do_dm(self, message):
        await message.author.send('direct')

    async def do_role(self, _):
        role = await self.guild.create_role(name='made', colour=self.lib.Colour(0x336699), reason='because roles')
        await role.edit(name='made anew')
        await self.member.add_roles(role)

    async def do_channel(self, _):
        channel = await self.guild.create_text_channel('made', reason='because channels')
        await channel.edit(topic='about')

    async def do_overwrite(self, message):
        await message.channel.set_permissions(self.member, add_reactions=False)

    async def do_nick(self, _):
        await self.member.edit(nick='nicked')

    async def do_timeout(self, _):
        await self.member.timeout(datetime.timedelta(minutes=10), reason='because late')

    async def do_invite(self, message):
        return (await message.channel.create_invite(max_age=3600, max_uses=5)).code

    async def do_emoji(self, _):
        with open(os.environ['IMAGE'], 'rb') as image:
            await self.guild.create_custom_emoji(name='made', image=image.read())

    async def do_sticker(self, _):
        file = self.lib.File(os.environ['IMAGE'])
        await self.guild.create_sticker(name='made', description='a sticker', emoji='👍', file=file)

    async def do_chunk(self, _):
        await self.guild.chunk()
        return len(self.guild.members)

    async def do_presence(self, _):
        await self.client.change_presence(status=self.lib.Status.dnd, activity=self.lib.Game(name='chess'))

    async def do_typing(self, message):
        async with message.channel.typing():
            pass

    async def do_voice(self, _):
        await self.guild.change_voice_state(channel=self.guild.get_channel(IDS['VOICE']))

    async def do_kick(self, _):
        await self.guild.kick(self.guild.get_member(IDS['TARGET']), reason='because rude')

    async def do_ban(self, _):
        await self.guild.ban(self.guild.get_member(IDS['TARGET']), reason='because spam')

    async def do_unban(self, _):
        await self.guild.unban(self.lib.Object(IDS['TARGET']))

    async def do_audit(self, _):
        return ' '.join([str(entry.target.id) async for entry in self.guild.audit_logs(limit=50) if entry.target])


def hear(client, steps):
    """Tells the runner of what comes by the gateway."""
    known = steps.all()

    async def on_ready():
        say('ready')

    async def on_message(message):
        if message.author.bot:
            return
        say('heard message', message.content)
        if message.content.startswith('!'):
            await answer(message.content[1:], known, message)

    async def on_message_edit(_before, after):
        say('heard edit', after.content)

    async def on_message_delete(message):
        say('heard deletion', message.id)

    async def on_reaction_add(reaction, _user):
        say('heard reaction', reaction.emoji)

    async def on_typing(_channel, user, _when):
        say('heard typing', user.id)

    async def on_guild_role_create(role):
        say('heard role', role.name)

    async def on_guild_channel_create(channel):
        say('heard channel', channel.name)

    async def on_thread_create(thread):
        say('heard thread', thread.name)

    async def on_member_join(member):
        say('heard join', member.id)

    async def on_member_remove(member):
        say('heard leave', member.id)

    for handler in list(locals().values()):
        if getattr(handler, '__name__', '').startswith('on_'):
            client.event(handler)

"""Messages between two clients and a person."""
import datetime
import os

import discord

from harness import holds, refused, same


async def run(world):
    bot, second, guild, channel = world.bot, world.second, world.guild, world.channel
    state = {}

    def theirs():
        return second.get_channel(channel.id)

    async def send():
        event = second.expect('message', lambda message: message.content == 'one & only')
        state['sent'] = sent = await channel.send('one & only')
        seen = await event
        same((seen.id, seen.guild.id, seen.author.id), (sent.id, guild.id, bot.user.id), 'message')
        holds(isinstance(seen.author, discord.Member), 'the author is a member')

    async def answer():
        event = bot.expect('message', lambda message: message.author.id == second.user.id)
        sent = await theirs().send('and back')
        same((await event).id, sent.id, 'id')

    async def from_person():
        event = bot.expect('message', lambda message: str(message.author.id) == os.environ['MEMBER_ID'])
        posted = await world.call('member', 'POST', f'/channels/{channel.id}/messages', {'content': 'hello bots'})
        seen = await event
        same((str(seen.id), seen.content), (posted['id'], 'hello bots'), 'message')

    async def in_new_channel():
        created = second.expect('guild_channel_create', lambda made: made.name == 'after-login')
        made = await guild.create_text_channel('after-login')
        same((await created).id, made.id, 'channel')
        event = second.expect('message', lambda message: message.channel.id == made.id)
        first = await made.send('first in here')
        same((await event).id, first.id, 'message')
        back = bot.expect('message', lambda message: message.channel.id == made.id and message.author.id == second.user.id)
        reply = await second.get_channel(made.id).send('second in here')
        same((await back).id, reply.id, 'answer')

    async def edit():
        event = second.expect('message_edit', lambda _, after: after.id == state['sent'].id)
        edited = await state['sent'].edit(content='edited')
        holds(edited.edited_at, 'it says when it was edited')
        same([message.content for message in await event], ['one & only', 'edited'], 'before and after')

    async def history():
        page = [message async for message in channel.history(limit=5)]
        ids = [message.id for message in page]
        same((len(ids), ids), (5, sorted(ids, reverse=True)), 'newest first')
        oldest = [message.id async for message in channel.history(limit=3, oldest_first=True)]
        same(oldest, sorted(oldest), 'oldest first')
        before = [message.id async for message in channel.history(limit=3, before=page[1])]
        holds(all(one < ids[1] for one in before), 'before')
        since = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
        holds(len([1 async for _ in channel.history(limit=100, after=since)]) >= 3, 'after a time')

    async def fetch_one():
        found = await channel.fetch_message(state['sent'].id)
        same((found.id, found.content), (state['sent'].id, 'edited'), 'message')

    async def reply():
        event = second.expect('message', lambda message: message.reference is not None)
        await state['sent'].reply('a reply', mention_author=False)
        seen = await event
        same((seen.type, seen.reference.message_id), (discord.MessageType.reply, state['sent'].id), 'reply')
        same((seen.reference.resolved.content, seen.mentions), ('edited', []), 'what it replies to, mentions')

    async def forward():
        forwarded = await state['sent'].forward(channel)
        same(forwarded.message_snapshots[0].content, 'edited', 'the copy')

    async def embed():
        embed = discord.Embed(title='Title', description='Description', colour=0x123456, url='https://example.test/page')
        embed.add_field(name='a', value='b', inline=True).set_footer(text='foot')
        event = second.expect('message', lambda message: message.embeds)
        await channel.send(embed=embed)
        seen = (await event).embeds[0]
        same((seen.title, seen.description, seen.colour.value, seen.url),
             ('Title', 'Description', 0x123456, 'https://example.test/page'), 'embed')
        same([(field.name, field.value, field.inline) for field in seen.fields], [('a', 'b', True)], 'fields')

    async def mentions():
        event = second.expect('message', lambda message: message.content.startswith('dear'))
        await channel.send(f'dear {second.user.mention} and {channel.mention}')
        seen = await event
        same(([one.id for one in seen.mentions], [one.id for one in seen.channel_mentions]),
             ([second.user.id], [channel.id]), 'mentions')
        quiet = await channel.send(f'quiet {second.user.mention}', allowed_mentions=discord.AllowedMentions.none())
        same(quiet.mentions, [], 'allowed_mentions')

    async def typing():
        event = second.expect('typing', lambda where, user, _: user.id == bot.user.id)
        async with channel.typing():
            await event

    async def pin():
        event = second.expect('guild_channel_pins_update', lambda where, _: where.id == channel.id)
        await state['sent'].pin()
        await event
        same([message.id async for message in channel.pins()], [state['sent'].id], 'pins')
        await state['sent'].unpin()
        same([message.id async for message in channel.pins()], [], 'pins afterwards')

    async def delete():
        event = second.expect('message_delete', lambda message: message.id == state['sent'].id)
        await state['sent'].delete()
        await event
        await refused(channel.fetch_message(state['sent'].id), 10008, 404)

    async def bulk_delete():
        doomed = [await channel.send('bulk one'), await channel.send('bulk two')]
        event = second.expect('bulk_message_delete')
        await channel.delete_messages(doomed)
        same(sorted(message.id for message in await event), sorted(message.id for message in doomed), 'ids')

    for body in [send, answer, from_person, in_new_channel, edit, fetch_one, history, reply, forward, embed, mentions,
                 typing, pin, delete, bulk_delete]:
        await world.check(f'messages.{body.__name__}', body)

"""Channels and who sees them."""
from harness import same


async def run(world):
    second, guild, channel = world.second, world.guild, world.channel
    state = {}

    async def create():
        state['category'] = category = await guild.create_category('A Category')
        event = second.expect('guild_channel_create', lambda seen: seen.name == 'made-here')
        state['made'] = made = await guild.create_text_channel(
            'made-here', topic='what for', category=category, slowmode_delay=5)
        seen = await event
        same((seen.id, seen.topic, seen.category_id, seen.slowmode_delay), (made.id, 'what for', category.id, 5), 'event')

    async def kinds():
        made = [await guild.create_voice_channel('voice'), await guild.create_stage_channel('stage'),
                await guild.create_forum('forum'), await guild.create_text_channel('news', news=True)]
        same([str(one.type) for one in made], ['voice', 'stage_voice', 'forum', 'news'], 'types')
        for one in made:
            await one.delete()

    async def edit():
        event = second.expect('guild_channel_update', lambda _, after: getattr(after, 'topic', None) == 'changed')
        await state['made'].edit(topic='changed', slowmode_delay=0)
        same((await event)[1].slowmode_delay, 0, 'slowmode')

    async def listed():
        ids = {one.id for one in await guild.fetch_channels()}
        same({channel.id, state['made'].id} <= ids, True, 'both channels are listed')

    async def hidden():
        await state['made'].set_permissions(guild.default_role, view_channel=False)
        seen = []
        event = second.expect('message', lambda message: seen.append(message.content) or message.content == 'for everybody')
        await state['made'].send('not for everybody')
        await channel.send('for everybody')
        await event
        same(seen, ['for everybody'], 'what the second client saw')

    async def overwrite_lets_in():
        me = guild.get_member(second.user.id)
        await state['made'].set_permissions(me, view_channel=True, send_messages=True)
        event = second.expect('message', lambda message: message.channel.id == state['made'].id)
        sent = await state['made'].send('for you too')
        same((await event).id, sent.id, 'message')

    async def delete():
        event = second.expect('guild_channel_delete', lambda seen: seen.id == state['made'].id)
        await state['made'].delete()
        await event
        await state['category'].delete()

    for body in [create, kinds, edit, listed, hidden, overwrite_lets_in, delete]:
        await world.check(f'channels.{body.__name__}', body)

"""Threads and forum posts."""
import discord

from harness import holds, same


async def run(world):
    bot, second, guild, channel = world.bot, world.second, world.guild, world.channel
    state = {}

    async def from_message():
        start = await channel.send('the start of a thread')
        event = second.expect('thread_create', lambda seen: seen.id == start.id)
        state['thread'] = thread = await start.create_thread(name='A Thread', auto_archive_duration=60)
        same((thread.id, thread.parent_id, thread.name), (start.id, channel.id, 'A Thread'), 'thread')
        same((await event).type, discord.ChannelType.public_thread, 'type')

    async def message():
        event = second.expect('message', lambda seen: seen.channel.id == state['thread'].id and seen.content == 'inside')
        sent = await state['thread'].send('inside')
        same((await event).id, sent.id, 'message')

    async def active():
        ids = [thread.id for thread in await guild.active_threads()]
        holds(state['thread'].id in ids, 'it is listed')

    async def members():
        event = bot.expect('thread_member_join', lambda member: member.id == second.user.id)
        await state['thread'].add_user(discord.Object(second.user.id))
        await event
        ids = sorted(member.id for member in await state['thread'].fetch_members())
        same(ids, sorted([bot.user.id, second.user.id]), 'members')
        await state['thread'].remove_user(discord.Object(second.user.id))

    async def archive():
        event = second.expect('thread_update', lambda _, after: after.id == state['thread'].id and after.archived)
        await state['thread'].edit(archived=True)
        await event
        holds(state['thread'].id in [thread.id async for thread in channel.archived_threads()], 'it is listed as archived')

    async def unarchived_by_message():
        # the library has forgotten the archived thread, so it has only the raw event to tell
        event = second.expect('raw_thread_update', lambda payload: payload.thread_id == state['thread'].id
                              and not payload.data['thread_metadata']['archived'])
        await state['thread'].send('awake')
        await event

    async def private():
        thread = await channel.create_thread(name='Private', type=discord.ChannelType.private_thread, invitable=False)
        same(thread.type, discord.ChannelType.private_thread, 'type')
        await thread.delete()

    async def forum_post():
        forum = await guild.create_forum('a-forum', available_tags=[discord.ForumTag(name='tag')])
        event = second.expect('thread_create', lambda seen: seen.parent_id == forum.id)
        post = await forum.create_thread(name='A Post', content='opening', applied_tags=[forum.available_tags[0]])
        same((await event).id, post.thread.id, 'event')
        same((post.message.content, [tag.name for tag in post.thread.applied_tags]), ('opening', ['tag']), 'post')
        await forum.delete()

    async def delete():
        event = second.expect('raw_thread_delete', lambda payload: payload.thread_id == state['thread'].id)
        await state['thread'].delete()
        await event

    for body in [from_message, message, active, members, archive, unarchived_by_message, private, forum_post, delete]:
        await world.check(f'threads.{body.__name__}', body)

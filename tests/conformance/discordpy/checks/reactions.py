"""Reactions of bots and people."""
import os
from urllib.parse import quote

from harness import same


async def run(world):
    bot, second, channel = world.bot, world.second, world.channel
    state = {}

    async def add():
        state['message'] = message = await channel.send('react to this')
        event = second.expect('raw_reaction_add', lambda payload: payload.message_id == message.id)
        await message.add_reaction('👍')
        payload = await event
        same((payload.emoji.name, payload.user_id), ('👍', bot.user.id), 'event')

    async def by_person():
        message = state['message']
        event = bot.expect('raw_reaction_add', lambda payload: str(payload.user_id) == os.environ['MEMBER_ID'])
        await world.call('member', 'PUT', f'/channels/{channel.id}/messages/{message.id}/reactions/{quote("👍")}/@me')
        await event
        state['message'] = message = await channel.fetch_message(message.id)
        same([(str(one.emoji), one.count, one.me) for one in message.reactions], [('👍', 2, True)], 'reactions')

    async def users():
        found = [user.id async for user in state['message'].reactions[0].users()]
        same(sorted(found), sorted([bot.user.id, int(os.environ['MEMBER_ID'])]), 'users')

    async def remove():
        event = second.expect('raw_reaction_remove', lambda payload: payload.user_id == bot.user.id)
        await state['message'].remove_reaction('👍', bot.user)
        await event

    async def clear_emoji():
        await state['message'].add_reaction('🎉')
        event = second.expect('raw_reaction_clear_emoji', lambda payload: payload.emoji.name == '🎉')
        await state['message'].clear_reaction('🎉')
        await event

    async def clear():
        event = second.expect('raw_reaction_clear', lambda payload: payload.message_id == state['message'].id)
        await state['message'].clear_reactions()
        await event
        same((await channel.fetch_message(state['message'].id)).reactions, [], 'what is left')

    for body in [add, by_person, users, remove, clear_emoji, clear]:
        await world.check(f'reactions.{body.__name__}', body)

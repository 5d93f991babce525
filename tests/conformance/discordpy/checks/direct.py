"""Direct messages."""
import os

from harness import same


async def run(world):
    bot = world.bot
    member_id = int(os.environ['MEMBER_ID'])
    state = {}

    async def send():
        user = await bot.fetch_user(member_id)
        state['channel'] = channel = await user.create_dm()
        sent = await channel.send('just for you')
        page = await world.call('member', 'GET', f'/channels/{channel.id}/messages')
        same([message['id'] for message in page], [str(sent.id)], 'what the person reads')

    async def receive():
        channel = state['channel']
        event = bot.expect('message', lambda message: message.guild is None and message.author.id == member_id)
        posted = await world.call('member', 'POST', f'/channels/{channel.id}/messages', {'content': 'and back'})
        seen = await event
        same((str(seen.id), seen.content), (posted['id'], 'and back'), 'message')

    async def same_channel():
        again = await world.call('member', 'POST', '/users/@me/channels', {'recipient_id': str(bot.user.id)})
        same(again['id'], str(state['channel'].id), 'channel')

    for body in [send, receive, same_channel]:
        await world.check(f'direct.{body.__name__}', body)

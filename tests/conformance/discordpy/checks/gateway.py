"""Rate limits as the library lives with them, and the session over cut connections."""
import asyncio
import os

import discord
import yarl

from harness import API, Client, holds, same
from proxy import Proxy

# more than a channel takes at once, so that the library has to wait
BURST = 12
MISSED = 5


class Listener(Client):
    """Notes what it sees of messages."""

    def __init__(self):
        super().__init__(intents=discord.Intents.all())
        self.contents = []

    async def on_message(self, message):
        if message.content.startswith('resume'):
            self.contents.append(message.content)


async def through_proxy(token):
    """A client whose gateway connection goes through a proxy."""
    address = yarl.URL(API)
    proxy = await Proxy(address.host, address.port).start()
    socket = discord.gateway.DiscordWebSocket
    direct, socket.DEFAULT_GATEWAY = socket.DEFAULT_GATEWAY, yarl.URL(f'ws://127.0.0.1:{proxy.port}')
    listener = Listener()
    running = asyncio.ensure_future(listener.start(token))
    try:
        await listener.up.wait()
    finally:
        socket.DEFAULT_GATEWAY = direct
    return proxy, listener, running


async def run(world):
    guild, channel = world.guild, world.channel
    state = {}

    async def ratelimit():
        made = await guild.create_text_channel('burst')
        sent = await asyncio.gather(*(made.send(f'burst {index}') for index in range(BURST)))
        same(len({message.id for message in sent}), BURST, 'messages')
        page = [message.content async for message in made.history(limit=100)]
        same(sorted(page), sorted(message.content for message in sent), 'history')
        await made.delete()

    async def proxied():
        state['proxy'], state['listener'], state['running'] = await through_proxy(os.environ['BOT_TOKEN'])

    async def resume():
        proxy, listener = state['proxy'], state['listener']
        before = listener.expect('message', lambda message: message.content == 'resume before')
        await channel.send('resume before')
        await before
        resumed = listener.expect('resumed')
        proxy.cut()
        for index in range(MISSED):
            await channel.send(f'resume missed {index}')
        proxy.release()
        await resumed
        after = listener.expect('message', lambda message: message.content == 'resume after')
        await channel.send('resume after')
        await after
        missed = [f'resume missed {index}' for index in range(MISSED)]
        same(listener.contents, ['resume before', *missed, 'resume after'], 'events')
        same(listener.readies, 1, 'sessions')

    async def compressed():
        socket = state['listener'].ws
        holds('compress' in str(socket.gateway) or socket._decompressor is not None, 'the transport is compressed')

    for name, body in {'ratelimit.recovery': ratelimit, 'gateway.through_proxy': proxied, 'gateway.resume': resume,
                       'gateway.compressed': compressed}.items():
        await world.check(name, body)
    if 'listener' in state:
        await state['listener'].close()
        state['proxy'].close()

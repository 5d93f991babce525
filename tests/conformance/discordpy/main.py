"""Conformance of the server as discord.py sees it. The environment is made by `cargo xtask conformance`."""
import asyncio
import logging
import os
import sys

import aiohttp
import discord
import yarl

from checks import attachments, channels, direct, errors, gateway, hostile, members, messages, reactions, roles, threads, voice
from harness import API, Client, World, holds, same

ADDRESS = yarl.URL(API)
AREAS = [messages, attachments, reactions, channels, threads, roles, members, direct, voice, errors, hostile, gateway]


def point_library_at_server():
    """What an unmodified bot does to use another server than Discord's."""
    discord.http.Route.BASE = API
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(f'ws://{ADDRESS.authority}')
    discord.asset.Asset.BASE = f'http://{ADDRESS.authority}/cdn'


async def login(client, token):
    """Starts a client and waits until it is ready; returns its task."""
    ready = asyncio.ensure_future(client.up.wait())
    running = asyncio.ensure_future(client.start(token))
    done, _ = await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED, timeout=25)
    if ready not in done:
        ready.cancel()
        if running in done:
            running.result()
        raise TimeoutError('never ready')
    return running


async def login_checks(world):
    """Login and what it leaves in the cache."""
    check, bot, second = world.check, world.bot, world.second

    async def ready():
        world.running = [await login(bot, os.environ['BOT_TOKEN'])]

    async def second_ready():
        world.running.append(await login(second, os.environ['BOT2_TOKEN']))

    async def user():
        same((str(bot.user.id), bot.user.bot), (os.environ['BOT_ID'], True), 'user')

    async def application():
        info = await bot.application_info()
        same((str(info.id), str(info.owner.id)), (os.environ['APPLICATION_ID'], os.environ['OWNER_ID']), 'application')

    async def heartbeat():
        holds(bot.latency < 5, 'the heartbeat is answered')

    async def guild():
        world.guild = holds(bot.get_guild(int(os.environ['GUILD_ID'])), 'the guild is cached')
        same((str(world.guild.owner_id), world.guild.unavailable), (os.environ['OWNER_ID'], False), 'guild')

    async def channel():
        world.channel = holds(world.guild.get_channel(int(os.environ['CHANNEL_ID'])), 'the channel is cached')
        same(world.channel.type, discord.ChannelType.text, 'type')

    async def cached_roles():
        same(world.guild.default_role.id, world.guild.id, 'id of @everyone')
        holds(world.guild.self_role, 'a role of its own')

    async def own_member():
        holds(world.guild.me.guild_permissions.administrator, 'administrator')
        theirs = second.get_guild(world.guild.id)
        holds(not theirs.me.guild_permissions.manage_channels, 'the second client is none')

    async def chunked():
        holds(world.guild.chunked, 'all members are cached')
        same(len(world.guild.members), 4, 'members')

    for name, body in {
        'login.ready': ready, 'login.second_ready': second_ready, 'login.user': user,
        'login.application': application, 'login.heartbeat': heartbeat, 'cache.guild': guild,
        'cache.channels': channel, 'cache.roles': cached_roles, 'cache.own_member': own_member,
        'cache.chunked': chunked,
    }.items():
        await check(name, body)


async def main():
    point_library_at_server()
    logging.basicConfig(level=logging.DEBUG if os.environ.get('TRACE') == '2' else logging.ERROR, stream=sys.stderr)
    world = World()
    async with aiohttp.ClientSession() as world.http:
        world.bot = Client(intents=discord.Intents.all())
        world.second = Client(intents=discord.Intents.all())
        await login_checks(world)
        for area in AREAS:
            await area.run(world)
        await world.bot.close()
        await world.second.close()
    print(f'{world.failures} failed')


asyncio.run(main())

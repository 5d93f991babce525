"""What the server takes of hostile bodies (`../hostile.jsonl`) is read by discord.py and by hikari's entity factory."""
import asyncio
import json
import os
import pathlib

import discord
from hikari.impl import entity_factory

from harness import API, holds

BODIES = pathlib.Path(__file__).parents[2] / 'hostile.jsonl'
CHANNELS = 10


async def run(world):
    bot, guild = world.bot, world.guild
    taken = []

    async def post(channel, body):
        """Posts as the bot; the message, or None when it is refused."""
        headers = {'authorization': f'Bot {os.environ["BOT_TOKEN"]}', 'content-type': 'application/json'}
        while True:
            url = f'{API}/channels/{channel.id}/messages'
            async with world.http.post(url, headers=headers, data=body, allow_redirects=False) as answer:
                data = await answer.json()
                if answer.status == 429:
                    await asyncio.sleep(data['retry_after'])
                elif 400 <= answer.status < 500:
                    return None
                else:
                    holds(answer.status == 200, f'answered {answer.status} to {body}')
                    return data

    async def post_all():
        bodies = BODIES.read_text().splitlines()
        channels = [await guild.create_text_channel(f'hostile-{n}') for n in range(CHANNELS)]

        async def one_channel(n):
            for body in bodies[n::CHANNELS]:
                message = await post(channels[n], body)
                if message is not None:
                    taken.append((body, message))

        await asyncio.gather(*(one_channel(n) for n in range(CHANNELS)))
        holds(len(taken) > len(bodies) / 2, 'most are taken')
        for channel in channels:
            await channel.delete()

    async def discordpy():
        for body, message in taken:
            try:
                made = discord.Message(state=bot._connection, channel=world.channel, data=message)
                json.dumps([component.to_dict() for component in made.components])
            except Exception as error:
                raise AssertionError(f'{error!r} for {body}') from error

    async def hikari():
        factory = entity_factory.EntityFactoryImpl(None)
        for body, message in taken:
            try:
                factory.deserialize_message(message)
            except Exception as error:
                raise AssertionError(f'{error!r} for {body}') from error

    async def still_there():
        seen = bot.expect('message', lambda message: message.content == 'still there')
        await world.channel.send('still there')
        await seen

    for body in [post_all, discordpy, hikari, still_there]:
        await world.check(f'hostile.{body.__name__}', body)

"""Refusals with their documented codes."""
import base64
import os

import discord

from harness import Client, holds, refused, same

NOBODY = 123456789012345678


async def run(world):
    bot, second, guild, channel = world.bot, world.second, world.guild, world.channel

    async def unknown():
        await refused(bot.fetch_channel(NOBODY), 10003, 404)
        await refused(bot.fetch_guild(NOBODY), 10004, 404)
        await refused(channel.fetch_message(NOBODY), 10008, 404)
        await refused(bot.fetch_user(NOBODY), 10013, 404)
        await refused(bot.fetch_invite('nosuchcode'), 10006, 404)
        await refused(bot.fetch_webhook(NOBODY), 10015, 404)

    async def missing_permissions():
        theirs = second.get_guild(guild.id)
        await refused(theirs.create_text_channel('forbidden'), 50013, 403)
        await refused(theirs.create_role(name='forbidden'), 50013, 403)
        await refused(theirs.kick(discord.Object(int(os.environ['MEMBER_ID']))), 50013, 403)

    async def missing_access():
        hidden = await guild.create_text_channel(
            'hidden', overwrites={guild.default_role: discord.PermissionOverwrite(view_channel=False)})
        await refused(second.fetch_channel(hidden.id), 50001, 403)
        await hidden.delete()

    async def empty_message():
        await refused(second.get_channel(channel.id).send(' '), 50006, 400)

    async def form():
        error = await refused(channel.send('x' * 2001), 50035, 400)
        holds('content' in error.text, 'the field is named')
        error = await refused(channel.send(embed=discord.Embed(title='x' * 257)), 50035, 400)
        holds('embeds.0.title' in error.text, 'the path to the field is named')

    async def bad_token():
        first = base64.urlsafe_b64encode(str(NOBODY).encode()).decode().rstrip('=')
        stranger = Client(intents=discord.Intents.none())
        try:
            await stranger.login(f'{first}.aaaaaa.{"b" * 38}')
            raise AssertionError('was let in')
        except discord.LoginFailure as refusal:
            same(type(refusal), discord.LoginFailure, 'refusal')
        finally:
            await stranger.close()

    for body in [unknown, missing_permissions, missing_access, empty_message, form, bad_token]:
        await world.check(f'errors.{body.__name__}', body)

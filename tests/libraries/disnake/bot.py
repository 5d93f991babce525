"""A bot of disnake; see docs/libraries.md."""
import os
import sys

import disnake
from disnake.ext import commands

sys.path.insert(0, '../common')
from forks import IDS, Steps, hear, intents  # noqa: E402
from lines import log, say  # noqa: E402

host = os.environ['HOST']
disnake.http.Route.BASE = f'http://{host}/api/v10'
disnake.asset.Asset.BASE = f'http://{host}/cdn'

client = commands.InteractionBot(intents=intents(disnake), test_guilds=[IDS['GUILD']], command_sync_flags=commands.CommandSyncFlags.none())


class Panel(disnake.ui.View):
    @disnake.ui.button(label='Press', custom_id='press')
    async def press(self, _button, inter):
        await inter.response.edit_message(content='pressed')

    @disnake.ui.string_select(custom_id='choose', options=['red', 'blue'])
    async def choose(self, select, inter):
        await inter.response.send_message(f'chose {select.values[0]}', ephemeral=True)


class Form(disnake.ui.Modal):
    def __init__(self):
        super().__init__(title='Form', components=[disnake.ui.TextInput(label='Words', custom_id='words')])

    async def callback(self, inter):
        await inter.response.send_message(f"form {inter.text_values['words']}")


@client.slash_command(description='Echoes')
async def echo(inter: disnake.ApplicationCommandInteraction, text: str):
    await inter.response.send_message(f'echo {text}')
    await inter.followup.send('followed')


@client.slash_command(description='Waits')
async def slow(inter: disnake.ApplicationCommandInteraction):
    await inter.response.defer()
    await inter.edit_original_response(content='slow done')


@client.slash_command(description='Names a fruit')
async def fruit(inter: disnake.ApplicationCommandInteraction, name: str):
    await inter.response.send_message(f'fruit {name}')


@fruit.autocomplete('name')
async def fruits(_inter: disnake.ApplicationCommandInteraction, typed: str):
    return [each for each in ['apple', 'apricot', 'banana'] if each.startswith(typed)]


@client.slash_command(description='Shows a panel')
async def panel(inter: disnake.ApplicationCommandInteraction):
    await inter.response.send_message('panel', view=Panel())


@client.slash_command(description='Shows a form')
async def form(inter: disnake.ApplicationCommandInteraction):
    await inter.response.send_modal(Form())


class Own(Steps):
    async def do_commands(self, _):
        bodies = [command.body for command in client.slash_commands]
        await client.bulk_overwrite_guild_commands(IDS['GUILD'], bodies)

    async def do_timeout(self, _):
        await self.member.timeout(duration=600, reason='because late')

    async def do_poll(self, message):
        await message.channel.send(poll=disnake.Poll('which', answers=['one', 'two']))


log()
say('version', disnake.__version__)
hear(client, Own(disnake, client))
client.run(os.environ['BOT_TOKEN'])

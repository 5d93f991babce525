"""A bot of discord.py; see docs/libraries.md."""
import os
import sys

import discord
import yarl
from discord import app_commands

sys.path.insert(0, '../common')
from forks import IDS, Steps, hear, intents  # noqa: E402
from lines import log, say  # noqa: E402

host = os.environ['HOST']
discord.http.Route.BASE = f'http://{host}/api/v10'
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(f'ws://{host}')
discord.asset.Asset.BASE = f'http://{host}/cdn'

client = discord.Client(intents=intents(discord))
tree = app_commands.CommandTree(client)
guild = discord.Object(IDS['GUILD'])


class Panel(discord.ui.View):
    @discord.ui.button(label='Press', custom_id='press')
    async def press(self, interaction, _button):
        await interaction.response.edit_message(content='pressed')

    @discord.ui.select(custom_id='choose', options=[discord.SelectOption(label='red'), discord.SelectOption(label='blue')])
    async def choose(self, interaction, select):
        await interaction.response.send_message(f'chose {select.values[0]}', ephemeral=True)


class Form(discord.ui.Modal, title='Form'):
    words = discord.ui.TextInput(label='Words', custom_id='words')

    async def on_submit(self, interaction):
        await interaction.response.send_message(f'form {self.words.value}')


@tree.command(description='Echoes', guild=guild)
async def echo(interaction: discord.Interaction, text: str):
    await interaction.response.send_message(f'echo {text}')
    await interaction.followup.send('followed')


@tree.command(description='Waits', guild=guild)
async def slow(interaction: discord.Interaction):
    await interaction.response.defer()
    await interaction.edit_original_response(content='slow done')


@tree.command(description='Names a fruit', guild=guild)
async def fruit(interaction: discord.Interaction, name: str):
    await interaction.response.send_message(f'fruit {name}')


@fruit.autocomplete('name')
async def fruits(_interaction: discord.Interaction, typed: str):
    return [app_commands.Choice(name=each, value=each) for each in ['apple', 'apricot', 'banana'] if each.startswith(typed)]


@tree.command(description='Shows a panel', guild=guild)
async def panel(interaction: discord.Interaction):
    await interaction.response.send_message('panel', view=Panel())


@tree.command(description='Shows a form', guild=guild)
async def form(interaction: discord.Interaction):
    await interaction.response.send_modal(Form())


class Own(Steps):
    async def do_commands(self, _):
        await tree.sync(guild=guild)


log()
say('version', discord.__version__)
hear(client, Own(discord, client))
client.run(os.environ['BOT_TOKEN'], log_handler=None)

"""A bot of nextcord; see docs/libraries.md."""
import os
import sys

import nextcord

sys.path.insert(0, '../common')
from forks import IDS, Steps, hear, intents  # noqa: E402
from lines import log, say  # noqa: E402

host = os.environ['HOST']
nextcord.http.Route.BASE = f'http://{host}/api/v10'
nextcord.asset.Asset.BASE = f'http://{host}/cdn'

client = nextcord.Client(intents=intents(nextcord), rollout_all_guilds=False, rollout_register_new=False)
guilds = [IDS['GUILD']]


class Panel(nextcord.ui.View):
    @nextcord.ui.button(label='Press', custom_id='press')
    async def press(self, _button, interaction):
        await interaction.response.edit_message(content='pressed')

    @nextcord.ui.select(custom_id='choose', options=[nextcord.SelectOption(label='red'), nextcord.SelectOption(label='blue')])
    async def choose(self, select, interaction):
        await interaction.response.send_message(f'chose {select.values[0]}', ephemeral=True)


class Form(nextcord.ui.Modal):
    def __init__(self):
        super().__init__('Form')
        self.words = nextcord.ui.TextInput(label='Words', custom_id='words')
        self.add_item(self.words)

    async def callback(self, interaction):
        await interaction.response.send_message(f'form {self.words.value}')


@client.slash_command(description='Echoes', guild_ids=guilds)
async def echo(interaction: nextcord.Interaction, text: str):
    await interaction.response.send_message(f'echo {text}')
    await interaction.followup.send('followed')


@client.slash_command(description='Waits', guild_ids=guilds)
async def slow(interaction: nextcord.Interaction):
    await interaction.response.defer()
    await interaction.edit_original_message(content='slow done')


@client.slash_command(description='Names a fruit', guild_ids=guilds)
async def fruit(interaction: nextcord.Interaction, name: str = nextcord.SlashOption()):
    await interaction.response.send_message(f'fruit {name}')


@fruit.on_autocomplete('name')
async def fruits(interaction: nextcord.Interaction, name: str):
    await interaction.response.send_autocomplete([each for each in ['apple', 'apricot', 'banana'] if each.startswith(name)])


@client.slash_command(description='Shows a panel', guild_ids=guilds)
async def panel(interaction: nextcord.Interaction):
    await interaction.response.send_message('panel', view=Panel())


@client.slash_command(description='Shows a form', guild_ids=guilds)
async def form(interaction: nextcord.Interaction):
    await interaction.response.send_modal(Form())


class Own(Steps):
    async def do_commands(self, _):
        await client.sync_application_commands(guild_id=IDS['GUILD'])

    async def do_unban(self, _):
        await self.guild.unban(await client.fetch_user(IDS['TARGET']))


log()
say('version', nextcord.__version__)
hear(client, Own(nextcord, client))
client.run(os.environ['BOT_TOKEN'])

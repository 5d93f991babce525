"""A bot of py-cord; see docs/libraries.md."""
import os
import sys

import discord

sys.path.insert(0, '../common')
from forks import IDS, Steps, hear, intents  # noqa: E402
from lines import log, say  # noqa: E402

import datetime  # noqa: E402

host = os.environ['HOST']
# py-cord fills in the version itself
discord.http.Route.API_BASE_URL = f'http://{host}/api/v{{API_VERSION}}'
discord.asset.Asset.BASE = f'http://{host}/cdn'

client = discord.Bot(intents=intents(discord), auto_sync_commands=False)
guilds = [IDS['GUILD']]


class Panel(discord.ui.View):
    @discord.ui.button(label='Press', custom_id='press')
    async def press(self, _button, interaction):
        await interaction.response.edit_message(content='pressed')

    @discord.ui.select(custom_id='choose', options=[discord.SelectOption(label='red'), discord.SelectOption(label='blue')])
    async def choose(self, select, interaction):
        await interaction.response.send_message(f'chose {select.values[0]}', ephemeral=True)


class Form(discord.ui.Modal):
    def __init__(self):
        super().__init__(discord.ui.InputText(label='Words', custom_id='words'), title='Form')

    async def callback(self, interaction):
        await interaction.response.send_message(f'form {self.children[0].value}')


@client.slash_command(description='Echoes', guild_ids=guilds)
async def echo(context: discord.ApplicationContext, text: str):
    await context.respond(f'echo {text}')
    await context.followup.send('followed')


@client.slash_command(description='Waits', guild_ids=guilds)
async def slow(context: discord.ApplicationContext):
    await context.defer()
    await context.edit(content='slow done')


async def fruits(context: discord.AutocompleteContext):
    return [each for each in ['apple', 'apricot', 'banana'] if each.startswith(context.value)]


@client.slash_command(description='Names a fruit', guild_ids=guilds)
async def fruit(context: discord.ApplicationContext, name: discord.Option(str, autocomplete=fruits)):
    await context.respond(f'fruit {name}')


@client.slash_command(description='Shows a panel', guild_ids=guilds)
async def panel(context: discord.ApplicationContext):
    await context.respond('panel', view=Panel())


@client.slash_command(description='Shows a form', guild_ids=guilds)
async def form(context: discord.ApplicationContext):
    await context.send_modal(Form())


class Own(Steps):
    async def do_commands(self, _):
        await client.sync_commands()

    async def do_timeout(self, _):
        await self.member.timeout_for(datetime.timedelta(minutes=10), reason='because late')

    async def do_poll(self, message):
        answers = [discord.PollAnswer(text) for text in ['one', 'two']]
        await message.channel.send(poll=discord.Poll(question='which', answers=answers, duration=1))


log()
say('version', discord.__version__)
hear(client, Own(discord, client))
client.run(os.environ['BOT_TOKEN'])

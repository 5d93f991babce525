"""Voice states, without media."""
from harness import holds


async def run(world):
    bot, second, guild = world.bot, world.second, world.guild
    state = {}

    def seen(fits):
        return second.expect('voice_state_update', lambda member, _, after: member.id == bot.user.id and fits(after))

    async def join():
        state['channel'] = channel = await guild.create_voice_channel('Talk')

        def here(after):
            return after.channel is not None and after.channel.id == channel.id

        event = seen(here)
        # the other client may be told first
        own = bot.expect('voice_state_update', lambda member, _, after: member.id == bot.user.id and here(after))
        await guild.change_voice_state(channel=channel)
        await event
        await own
        holds(guild.me.voice, 'a voice state of its own')

    async def self_mute():
        event = seen(lambda after: after.self_mute)
        await guild.change_voice_state(channel=state['channel'], self_mute=True)
        await event

    async def server_mute():
        event = seen(lambda after: after.mute)
        await guild.me.edit(mute=True)
        await event

    async def leave():
        event = seen(lambda after: after.channel is None)
        await guild.change_voice_state(channel=None)
        await event
        await state['channel'].delete()

    for body in [join, self_mute, server_mute, leave]:
        await world.check(f'voice.{body.__name__}', body)

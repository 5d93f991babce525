"""Members, invites, moderation, presence."""
import datetime
import os

import discord

from harness import Refused, holds, refused, same


async def run(world):
    bot, second, guild, channel = world.bot, world.second, world.guild, world.channel
    member_id, outsider_id = int(os.environ['MEMBER_ID']), int(os.environ['OUTSIDER_ID'])
    state = {}

    async def fetch():
        member = await guild.fetch_member(member_id)
        same((member.id, member.bot, member.joined_at is not None), (member_id, False, True), 'member')

    async def listed():
        ids = sorted([member.id async for member in guild.fetch_members(limit=None)])
        same(ids, sorted([member_id, int(os.environ['OWNER_ID']), bot.user.id, second.user.id]), 'members')

    async def query():
        found = await guild.query_members('member_', limit=5, cache=False)
        same([member.id for member in found], [member_id], 'found by prefix')
        found = await guild.query_members(user_ids=[member_id], cache=False)
        same([member.id for member in found], [member_id], 'found by id')

    async def nickname():
        event = second.expect('member_update', lambda _, after: after.id == member_id and after.nick == 'Nick')
        await guild.get_member(member_id).edit(nick='Nick')
        await event

    async def invite_create():
        event = bot.expect('invite_create')
        state['invite'] = invite = await channel.create_invite(max_age=600, max_uses=3, unique=True)
        seen = await event
        same((seen.code, seen.max_uses, seen.max_age), (invite.code, 3, 600), 'event')

    async def invite_fetch():
        invite = await bot.fetch_invite(state['invite'].code)
        same((invite.guild.id, invite.channel.id, invite.approximate_member_count), (guild.id, channel.id, 4), 'invite')
        holds(state['invite'].code in [one.code for one in await guild.invites()], 'it is listed')

    async def invite_accept():
        event = bot.expect('member_join', lambda member: member.id == outsider_id)
        await world.call('outsider', 'POST', f'/invites/{state["invite"].code}', {})
        await event
        same(guild.member_count, 5, 'count')

    async def timeout():
        event = second.expect('member_update', lambda _, after: after.id == outsider_id and after.is_timed_out())
        await guild.get_member(outsider_id).timeout(datetime.timedelta(minutes=1))
        await event
        try:
            await world.call('outsider', 'POST', f'/channels/{channel.id}/messages', {'content': 'mute'})
            raise AssertionError('a person in timeout may speak')
        except Refused:
            pass

    async def kick():
        event = second.expect('raw_member_remove', lambda payload: payload.user.id == outsider_id)
        await guild.kick(discord.Object(outsider_id), reason='out')
        await event

    async def ban():
        event = bot.expect('member_ban', lambda _, user: user.id == outsider_id)
        await guild.ban(discord.Object(outsider_id), reason='because')
        await event
        same((await guild.fetch_ban(discord.Object(outsider_id))).reason, 'because', 'reason')

    async def unban():
        event = bot.expect('member_unban', lambda _, user: user.id == outsider_id)
        await guild.unban(discord.Object(outsider_id))
        await event
        await refused(guild.fetch_ban(discord.Object(outsider_id)), 10026, 404)

    async def invite_delete():
        event = bot.expect('invite_delete', lambda invite: invite.code == state['invite'].code)
        await state['invite'].delete()
        await event
        await refused(bot.fetch_invite(state['invite'].code), 10006, 404)

    async def audit_log():
        reasons = [entry.reason async for entry in guild.audit_logs(limit=50)]
        holds({'out', 'because'} <= set(reasons), 'kick and ban are logged with their reasons')

    async def presence():
        event = bot.expect('presence_update', lambda _, after: after.id == second.user.id and str(after.status) == 'dnd')
        await second.change_presence(status=discord.Status.dnd, activity=discord.Game('a game'))
        same((await event)[1].activity.name, 'a game', 'activity')

    for body in [fetch, listed, query, nickname, invite_create, invite_fetch, invite_accept, timeout, kick, ban, unban,
                 invite_delete, audit_log, presence]:
        await world.check(f'members.{body.__name__}', body)

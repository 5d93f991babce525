"""Roles and what they give."""
import os

import discord

from harness import holds, same


async def run(world):
    second, guild = world.second, world.guild
    member_id = int(os.environ['MEMBER_ID'])
    state = {}

    def has_role(member):
        return any(role.id == state['role'].id for role in member.roles)

    async def create():
        event = second.expect('guild_role_create', lambda role: role.name == 'helpers')
        state['role'] = role = await guild.create_role(
            name='helpers', colour=0x00ff00, hoist=True, permissions=discord.Permissions(manage_messages=True))
        seen = await event
        same((seen.id, seen.colour.value, seen.hoist, seen.permissions.manage_messages), (role.id, 0x00ff00, True, True), 'role')

    async def edit():
        event = second.expect('guild_role_update', lambda _, after: after.name == 'helpful')
        await state['role'].edit(name='helpful', mentionable=True)
        same((await event)[1].mentionable, True, 'mentionable')

    async def position():
        await state['role'].edit(position=1)
        fetched = await guild.fetch_role(state['role'].id)
        same(fetched.position, 1, 'position')

    async def assign():
        event = second.expect('member_update', lambda _, after: after.id == member_id and has_role(after))
        await guild.get_member(member_id).add_roles(state['role'])
        await event
        holds(has_role(await guild.fetch_member(member_id)), 'kept')

    async def unassign():
        event = second.expect('member_update', lambda _, after: after.id == member_id and not has_role(after))
        await guild.get_member(member_id).remove_roles(state['role'])
        await event

    async def delete():
        event = second.expect('guild_role_delete', lambda role: role.id == state['role'].id)
        await state['role'].delete()
        await event
        holds(all(role.id != state['role'].id for role in await guild.fetch_roles()), 'it is gone')

    for body in [create, edit, position, assign, unassign, delete]:
        await world.check(f'roles.{body.__name__}', body)

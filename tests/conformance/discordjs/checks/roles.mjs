import { check, holds, next, same } from '../lib/check.mjs';
import { people } from '../lib/rest.mjs';

export default async function roles({ second, guild }) {
  let role;
  await check('roles.create', async () => {
    const event = next(second, 'roleCreate', (seen) => seen.name === 'helpers');
    role = await guild.roles.create({ name: 'helpers', colors: { primaryColor: 0x00ff00 }, hoist: true, permissions: ['ManageMessages'] });
    const seen = await event;
    same([seen.id, seen.color, seen.hoist], [role.id, 0x00ff00, true], 'event');
    holds(seen.permissions.has('ManageMessages'), 'permissions');
  });
  await check('roles.edit', async () => {
    const event = next(second, 'roleUpdate', (_, after) => after.id === role.id && after.name === 'helpful');
    await role.edit({ name: 'helpful', mentionable: true });
    same((await event)[1].mentionable, true, 'mentionable');
  });
  await check('roles.position', async () => {
    const changed = await guild.roles.setPositions([{ role: role.id, position: 1 }]);
    same(changed.roles.cache.get(role.id).rawPosition, 1, 'position');
  });
  await check('roles.assign', async () => {
    const event = next(second, 'guildMemberUpdate', (_, after) => after.id === people.member.id && after.roles.cache.has(role.id));
    const member = await guild.members.fetch(people.member.id);
    await member.roles.add(role);
    await event;
    holds((await guild.members.fetch({ user: people.member.id, force: true })).roles.cache.has(role.id), 'kept');
  });
  await check('roles.mention', async () => {
    const channel = guild.channels.cache.find((one) => one.type === 0);
    const message = await channel.send(`<@&${role.id}>`);
    same([...message.mentions.roles.keys()], [role.id], 'roles');
  });
  await check('roles.unassign', async () => {
    const event = next(second, 'guildMemberUpdate', (_, after) => after.id === people.member.id && !after.roles.cache.has(role.id));
    await (await guild.members.fetch(people.member.id)).roles.remove(role);
    await event;
  });
  await check('roles.delete', async () => {
    const event = next(second, 'roleDelete', (seen) => seen.id === role.id);
    await role.delete();
    await event;
    holds(!(await guild.roles.fetch()).has(role.id), 'it is gone');
  });
}

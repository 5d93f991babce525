import { Client } from 'discord.js';
import { check, holds, refused, same } from '../lib/check.mjs';

const NOBODY = '123456789012345678';

export default async function errors({ base, bot, second, guild, channel, channelId }) {
  const theirGuild = second.guilds.cache.get(guild.id);
  const theirs = second.channels.cache.get(channelId);
  await check('errors.unknown_channel', () => refused(bot.channels.fetch(NOBODY, { force: true }), 10003, 404).then(() => undefined));
  await check('errors.unknown_guild', () => refused(bot.guilds.fetch({ guild: NOBODY, force: true }), 10004, 404).then(() => undefined));
  await check('errors.unknown_message', () => refused(channel.messages.fetch(NOBODY), 10008, 404).then(() => undefined));
  await check('errors.unknown_member', () => refused(guild.members.fetch({ user: NOBODY, force: true }), 10007, 404).then(() => undefined).catch(async (error) => {
    // a server may also say that it does not know such an account at all
    if (!String(error.message).includes('10013')) throw error;
  }));
  await check('errors.unknown_user', () => refused(bot.users.fetch(NOBODY, { force: true }), 10013, 404).then(() => undefined));
  await check('errors.unknown_role', () => refused(guild.roles.delete(NOBODY), 10011, 404).then(() => undefined));
  await check('errors.unknown_invite', () => refused(bot.fetchInvite('nosuchcode'), 10006, 404).then(() => undefined));
  await check('errors.missing_permissions', async () => {
    await refused(theirGuild.channels.create({ name: 'forbidden' }), 50013, 403);
    await refused(theirGuild.roles.create({ name: 'forbidden' }), 50013, 403);
    await refused(theirGuild.members.kick(process.env.MEMBER_ID), 50013, 403);
  });
  await check('errors.missing_access', async () => {
    const hidden = await guild.channels.create({
      name: 'hidden',
      permissionOverwrites: [{ id: guild.roles.everyone, deny: ['ViewChannel'] }],
    });
    await refused(second.rest.get(`/channels/${hidden.id}/messages`), 50001, 403);
    await hidden.delete();
  });
  await check('errors.not_the_author', async () => {
    const sent = await channel.send('mine');
    await refused(second.rest.patch(`/channels/${channelId}/messages/${sent.id}`, { body: { content: 'yours' } }), 50005, 403);
    await refused(second.rest.delete(`/channels/${channelId}/messages/${sent.id}`), 50013, 403);
  });
  await check('errors.empty_message', () => refused(theirs.send({ content: ' ' }), 50006, 400).then(() => undefined));
  await check('errors.form', async () => {
    const flat = await refused(channel.send('x'.repeat(2001)), 50035, 400);
    holds(flat.rawError.errors.content._errors[0].code, 'a code at the content');
    const nested = await refused(bot.rest.post(`/channels/${channelId}/messages`, { body: { embeds: [{ title: 'x'.repeat(257) }] } }), 50035, 400);
    same(nested.rawError.errors.embeds['0'].title._errors[0].code, 'BASE_TYPE_MAX_LENGTH', 'code at the title');
  });
  await check('errors.bad_token', async () => {
    const stranger = new Client({ intents: [], rest: { api: base } });
    const token = `${Buffer.from(NOBODY).toString('base64url')}.aaaaaa.${'b'.repeat(38)}`;
    const refusal = await stranger.login(token).catch((error) => error);
    same(refusal.code, 'TokenInvalid', 'refusal');
    await stranger.destroy();
  });
}

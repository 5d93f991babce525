import { ChannelType } from 'discord.js';
import { check, during, holds, next, same } from '../lib/check.mjs';

export default async function channels({ second, guild, channel }) {
  let made;
  let category;
  await check('channels.create', async () => {
    category = await guild.channels.create({ name: 'A Category', type: ChannelType.GuildCategory });
    const event = next(second, 'channelCreate', (seen) => seen.name === 'made-here');
    made = await guild.channels.create({ name: 'made-here', topic: 'what for', parent: category.id, rateLimitPerUser: 5 });
    const seen = await event;
    same([seen.id, seen.topic, seen.parentId, seen.rateLimitPerUser], [made.id, 'what for', category.id, 5], 'event');
  });
  await check('channels.kinds', async () => {
    for (const type of [ChannelType.GuildVoice, ChannelType.GuildForum, ChannelType.GuildAnnouncement, ChannelType.GuildStageVoice]) {
      const one = await guild.channels.create({ name: `kind-${type}`, type });
      same(one.type, type, 'type');
      await one.delete();
    }
  });
  await check('channels.edit', async () => {
    const event = next(second, 'channelUpdate', (_, after) => after.id === made.id && after.topic === 'changed');
    await made.edit({ topic: 'changed', rateLimitPerUser: 0 });
    same((await event)[1].rateLimitPerUser, 0, 'slowmode');
  });
  await check('channels.fetch', async () => {
    const all = await guild.channels.fetch();
    holds(all.has(made.id) && all.has(channel.id), 'both channels are listed');
  });
  await check('channels.position', async () => {
    const event = next(second, 'channelUpdate', (_, after) => after.id === made.id);
    await guild.channels.setPositions([{ channel: made.id, position: 7 }]);
    same((await event)[1].rawPosition, 7, 'position');
  });
  await check('channels.hidden', async () => {
    const gone = next(second, 'channelDelete', (seen) => seen.id === made.id);
    await made.permissionOverwrites.edit(guild.roles.everyone, { ViewChannel: false });
    await gone.catch(() => {
      holds(!second.channels.cache.get(made.id)?.viewable, 'it is out of sight');
    });
    const seen = await during(second, 'messageCreate', async () => {
      await made.send('not for everybody');
      const mark = next(second, 'messageCreate', (message) => message.content === 'for everybody');
      await channel.send('for everybody');
      await mark;
    });
    same(seen.map((message) => message.content), ['for everybody'], 'what the second client saw');
  });
  await check('channels.overwrite_lets_in', async () => {
    await made.permissionOverwrites.edit(second.user.id, { ViewChannel: true, SendMessages: true });
    const event = next(second, 'messageCreate', (message) => message.channelId === made.id);
    const sent = await made.send('for you too');
    same((await event).id, sent.id, 'message');
  });
  await check('channels.delete', async () => {
    const event = next(second, 'channelDelete', (seen) => seen.id === made.id);
    await made.delete();
    await event;
    await category.delete();
  });
}

import { ChannelType } from 'discord.js';
import { check, holds, next, same } from '../lib/check.mjs';

export default async function voice({ bot, second, guild }) {
  let channel;
  const move = (to, more = {}) =>
    guild.shard.send({ op: 4, d: { guild_id: guild.id, channel_id: to, self_mute: false, self_deaf: false, ...more } });
  await check('voice.join', async () => {
    channel = await guild.channels.create({ name: 'Talk', type: ChannelType.GuildVoice });
    const theirs = next(second, 'voiceStateUpdate', (_, after) => after.id === bot.user.id && after.channelId === channel.id);
    const own = next(bot, 'voiceStateUpdate', (_, after) => after.id === bot.user.id && after.channelId === channel.id);
    move(channel.id);
    holds((await own)[1].sessionId, 'a session id');
    same((await theirs)[1].guild.id, guild.id, 'guild');
  });
  await check('voice.state', async () => {
    const event = next(second, 'voiceStateUpdate', (_, after) => after.id === bot.user.id && after.selfMute);
    move(channel.id, { self_mute: true });
    await event;
    holds(second.channels.cache.get(channel.id).members.has(bot.user.id), 'listed in the channel');
  });
  await check('voice.server_mute', async () => {
    const event = next(second, 'voiceStateUpdate', (_, after) => after.id === bot.user.id && after.serverMute);
    await guild.members.me.voice.setMute(true);
    await event;
  });
  await check('voice.leave', async () => {
    const event = next(second, 'voiceStateUpdate', (_, after) => after.id === bot.user.id && after.channelId === null);
    move(null);
    await event;
    await channel.delete();
  });
}

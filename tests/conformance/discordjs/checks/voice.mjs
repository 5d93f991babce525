import { VoiceConnectionStatus, entersState, joinVoiceChannel } from '@discordjs/voice';
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
  await calls({ bot, second, guild });
}

/** @discordjs/voice, unmodified, on both sides of a call. */
async function calls({ bot, second, guild }) {
  const channel = await guild.channels.create({ name: 'One', type: ChannelType.GuildVoice });
  const calls = {};
  async function connect(client) {
    const connection = joinVoiceChannel({
      channelId: channel.id,
      guildId: guild.id,
      group: client.user.id,
      adapterCreator: client.guilds.cache.get(guild.id).voiceAdapterCreator,
      selfDeaf: false,
    });
    return entersState(connection, VoiceConnectionStatus.Ready, 10_000);
  }
  await check('voice.connect', async () => {
    calls.bot = await connect(bot);
    calls.second = await connect(second);
  });
  await check('voice.disconnect', async () => {
    const gone = entersState(calls.bot, VoiceConnectionStatus.Disconnected, 10_000);
    await guild.members.me.voice.disconnect();
    await gone;
  });
  Object.values(calls).forEach((connection) => connection.destroy());
  await channel.delete();
}

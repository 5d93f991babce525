import { Readable } from 'node:stream';
import {
  AudioPlayerStatus,
  EndBehaviorType,
  NoSubscriberBehavior,
  StreamType,
  VoiceConnectionStatus,
  createAudioPlayer,
  createAudioResource,
  entersState,
  joinVoiceChannel,
} from '@discordjs/voice';
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
    // else nobody hears it later: a server mute stays, and holds for packets
    const unmuted = next(second, 'voiceStateUpdate', (_, after) => after.id === bot.user.id && !after.serverMute);
    await guild.members.me.voice.setMute(false);
    await unmuted;
  });
  await check('voice.leave', async () => {
    const event = next(second, 'voiceStateUpdate', (_, after) => after.id === bot.user.id && after.channelId === null);
    move(null);
    await event;
    await channel.delete();
  });
  await calls({ bot, second, guild });
}

/** Frames that say which they are; nobody decodes them. */
const frames = Array.from({ length: 25 }, (_, n) => Buffer.from([0xf8, n, ...Buffer.from('a frame of Opus')]));

/** @discordjs/voice, unmodified, on both sides of a call. */
async function calls({ bot, second, guild }) {
  const [one, two] = await Promise.all(
    ['One', 'Two'].map((name) => guild.channels.create({ name, type: ChannelType.GuildVoice })),
  );
  const calls = {};
  async function connect(client, channel) {
    const connection = joinVoiceChannel({
      channelId: channel.id,
      guildId: guild.id,
      group: client.user.id,
      adapterCreator: client.guilds.cache.get(guild.id).voiceAdapterCreator,
      selfDeaf: false,
    });
    return entersState(connection, VoiceConnectionStatus.Ready, 10_000);
  }
  /**
   * Waits until the other knows whose packets these are. That is said over the WebSocket, and on a busy machine a whole talk may be over
   * before it is heard; packets that come first belong to nobody.
   */
  async function introduce(from, to) {
    const { ssrc } = from.state.networking.state.connectionData;
    if (to.receiver.ssrcMap.get(ssrc)) return;
    const known = next(to.receiver.ssrcMap, 'create', (data) => data.audioSSRC === ssrc);
    from.setSpeaking(true);
    await known;
  }
  /** Plays the frames, which arrive at the other as they are, with silence behind them. */
  async function hears(from, fromUser, to) {
    await introduce(from, to);
    const heard = [];
    const last = withResolvers();
    const stream = to.receiver.subscribe(fromUser, { end: { behavior: EndBehaviorType.Manual } });
    stream.on('data', (frame) => {
      if (frame.length > 3) heard.push(String(frame));
      else if (heard.length > 0) last.resolve();
    });
    const player = createAudioPlayer({ behaviors: { noSubscriber: NoSubscriberBehavior.Play } });
    const subscription = from.subscribe(player);
    player.play(createAudioResource(Readable.from(frames), { inputType: StreamType.Opus }));
    await entersState(player, AudioPlayerStatus.Playing, 5_000);
    await entersState(player, AudioPlayerStatus.Idle, 10_000);
    await last.promise;
    subscription.unsubscribe();
    // the library forgets a subscription when its stream has closed
    const closed = new Promise((resolve) => stream.once('close', resolve));
    stream.destroy();
    await closed;
    same(heard, frames.map(String), 'what is heard');
  }
  /** Both are in one group, for which the library has a code. It tells of no event for the first group. */
  async function encrypted() {
    const codes = () => Object.values(calls).map((connection) => connection.voicePrivacyCode);
    for (const end = Date.now() + 10_000; !codes()[0] || codes()[0] !== codes()[1]; ) {
      holds(Date.now() < end, `the codes are ${codes().join(' and ')}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  await check('voice.connect', async () => {
    calls.bot = await connect(bot, one);
    calls.second = await connect(second, one);
  });
  await check('voice.encrypted', encrypted);
  await check('voice.hear', () => hears(calls.bot, bot.user.id, calls.second));
  await check('voice.answer', () => hears(calls.second, second.user.id, calls.bot));
  await check('voice.resume', async () => {
    calls.second.state.networking.state.ws.ws._socket.destroy();
    await hears(calls.bot, bot.user.id, calls.second);
    await entersState(calls.second, VoiceConnectionStatus.Ready, 10_000);
  });
  await check('voice.move', async () => {
    await Promise.all(
      Object.values(calls).map(async (connection) => {
        const left = entersState(connection, VoiceConnectionStatus.Connecting, 10_000);
        connection.rejoin({ channelId: two.id, selfDeaf: false, selfMute: false });
        await left;
        await entersState(connection, VoiceConnectionStatus.Ready, 10_000);
      }),
    );
    await encrypted();
    await hears(calls.second, second.user.id, calls.bot);
  });
  await check('voice.disconnect', async () => {
    const gone = entersState(calls.bot, VoiceConnectionStatus.Disconnected, 10_000);
    await guild.members.me.voice.disconnect();
    await gone;
  });
  Object.values(calls).forEach((connection) => connection.destroy());
  await Promise.all([one, two].map((channel) => channel.delete()));
}

function withResolvers() {
  const parts = {};
  parts.promise = new Promise((resolve) => (parts.resolve = resolve));
  return parts;
}

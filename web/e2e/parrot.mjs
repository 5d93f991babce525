/**
 * A bot in a call, on @discordjs/voice as the conformance suite has it: says again what it hears of one person, and writes to its
 * output the digits of the call's group and how many frames it could open. It ends with its input.
 */
import { createRequire } from 'node:module';
import { PassThrough } from 'node:stream';
import { Bot } from './bot.mjs';

const require = createRequire(new URL('../../tests/conformance/discordjs/', import.meta.url));
const {
  EndBehaviorType,
  StreamType,
  createAudioPlayer,
  createAudioResource,
  joinVoiceChannel,
} = require('@discordjs/voice');

const { TOKEN, GUILD, CHANNEL, LISTEN_TO } = process.env;
const GUILDS_AND_VOICE_STATES = 1 | (1 << 7);
const tell = (what) => console.log(JSON.stringify(what));

let adapter;
const bot = new Bot(TOKEN);
const me = await bot.connect(GUILDS_AND_VOICE_STATES, (t, d) => {
  if (t === 'VOICE_SERVER_UPDATE') adapter?.onVoiceServerUpdate(d);
  else if (t === 'VOICE_STATE_UPDATE' && d.user_id === me.id) adapter?.onVoiceStateUpdate(d);
});
const connection = joinVoiceChannel({
  channelId: CHANNEL,
  guildId: GUILD,
  selfDeaf: false,
  adapterCreator: (methods) => {
    adapter = methods;
    return { sendPayload: (payload) => (bot.socket.send(JSON.stringify(payload)), true), destroy: () => {} };
  },
});

const echo = new PassThrough({ objectMode: true });
let opened = 0;
connection.receiver.subscribe(LISTEN_TO, { end: { behavior: EndBehaviorType.Manual } }).on('data', (frame) => {
  opened += 1;
  echo.write(frame);
});
const player = createAudioPlayer();
connection.subscribe(player);
player.play(createAudioResource(echo, { inputType: StreamType.Opus }));

const watch = setInterval(() => tell({ code: connection.voicePrivacyCode, opened }), 100);
process.stdin.resume().on('end', () => {
  clearInterval(watch);
  connection.destroy();
  bot.close();
  process.exit(0);
});

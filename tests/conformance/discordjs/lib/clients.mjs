// The library, pointed at the server under test.
import { Client, GatewayIntentBits, Partials } from 'discord.js';

const ALL = Object.values(GatewayIntentBits).filter((bit) => typeof bit === 'number');

/** A client with every intent; `base` is the REST base without version. */
export function client(base, options = {}) {
  return new Client({
    intents: ALL,
    partials: [Partials.Channel, Partials.Message, Partials.Reaction, Partials.GuildMember, Partials.User],
    rest: { api: base, cdn: base.replace('/api', '/cdn'), mediaProxy: base.replace('/api', '/media') },
    ...options,
  });
}

/** Logs in and waits until the client says that it is ready. */
export async function login(bot, token) {
  const ready = new Promise((resolve, reject) => {
    bot.once('clientReady', resolve);
    bot.once('error', reject);
    bot.once('shardDisconnect', (event) => reject(new Error(`the gateway closed with ${event.code}`)));
  });
  const [, whole] = await Promise.all([bot.login(token), ready]);
  return whole;
}

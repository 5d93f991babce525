// Conformance of the server as discord.js sees it. The environment is made by `cargo xtask conformance`.
import { check, failures, holds, same } from './lib/check.mjs';
import { client, login } from './lib/clients.mjs';
import { Proxy } from './lib/proxy.mjs';
import attachments from './checks/attachments.mjs';
import channels from './checks/channels.mjs';
import direct from './checks/direct.mjs';
import errors from './checks/errors.mjs';
import gateway from './checks/gateway.mjs';
import hostile from './checks/hostile.mjs';
import members from './checks/members.mjs';
import messages from './checks/messages.mjs';
import reactions from './checks/reactions.mjs';
import roles from './checks/roles.mjs';
import threads from './checks/threads.mjs';
import voice from './checks/voice.mjs';

const api = new URL(process.env.API_BASE);
const base = `${api.origin}/api`;
const proxy = await Proxy.before(api.hostname, Number(api.port));
const proxied = `http://127.0.0.1:${proxy.port}/api`;
const world = {
  base,
  proxy,
  proxied,
  guildId: process.env.GUILD_ID,
  channelId: process.env.CHANNEL_ID,
  /** May everything. */
  bot: client(base),
  /** May what an ordinary member may. */
  second: client(base),
};

await check('login.ready', () => login(world.bot, process.env.BOT_TOKEN).then(() => undefined));
await check('login.second_ready', () => login(world.second, process.env.BOT2_TOKEN).then(() => undefined));
await check('login.user', async () => {
  same(world.bot.user.id, process.env.BOT_ID, 'id');
  same(world.bot.user.bot, true, 'bot');
});
await check('login.application', async () => {
  const application = await world.bot.application.fetch();
  same(application.id, process.env.APPLICATION_ID, 'id');
  same(application.owner.id, process.env.OWNER_ID, 'owner');
});
await check('login.heartbeat', async () => {
  world.bot.ws.shards.first();
  holds(world.bot.ws.status === 0, 'the connection is ready');
});

world.guild = world.bot.guilds.cache.get(world.guildId);
world.channel = world.bot.channels.cache.get(world.channelId);

await check('cache.guild', async () => {
  holds(world.guild, 'the guild is cached');
  same(world.guild.available, true, 'available');
  same(world.guild.ownerId, process.env.OWNER_ID, 'owner');
});
await check('cache.channels', async () => {
  const channel = holds(world.guild.channels.cache.get(world.channelId), 'the channel is cached');
  same(channel.type, 0, 'type');
  same(channel.guildId, world.guildId, 'guild');
});
await check('cache.roles', async () => {
  const everyone = holds(world.guild.roles.everyone, 'the role @everyone is cached');
  same(everyone.id, world.guildId, 'id');
  holds(world.guild.members.me.roles.cache.some((role) => role.tags?.botId === process.env.BOT_ID), 'a role of its own');
});
await check('cache.own_member', async () => {
  holds(world.guild.members.me, 'own member');
  holds(world.guild.members.me.permissions.has('Administrator'), 'administrator');
  holds(!world.second.guilds.cache.get(world.guildId).members.me.permissions.has('ManageChannels'), 'the second is none');
});
await check('cache.member_count', async () => same(world.guild.memberCount, 4, 'count'));

for (const area of [messages, attachments, reactions, channels, threads, roles, members, direct, voice, errors, hostile, gateway]) {
  await area(world);
}

await world.bot.destroy();
await world.second.destroy();
proxy.close();
console.log(`${failures} failed`);
// a client of a failed check may still be connected
process.exit(0);

import { client, login } from '../lib/clients.mjs';
import { check, holds, next, same } from '../lib/check.mjs';

/** More than a channel takes at once, so that the library has to wait. */
const BURST = 12;
const MISSED = 5;

export default async function gateway({ bot, second, proxy, proxied, guild, guildId, channelId }) {
  await check('ratelimit.recovery', async () => {
    const channel = await guild.channels.create({ name: 'burst' });
    const limited = [];
    const note = (data) => limited.push(data);
    bot.rest.on('rateLimited', note);
    const sent = await Promise.all(Array.from({ length: BURST }, (_, index) => channel.send(`burst ${index}`)));
    bot.rest.off('rateLimited', note);
    same(new Set(sent.map((message) => message.id)).size, BURST, 'messages');
    holds(limited.length > 0, 'the library had to wait');
    const page = await channel.messages.fetch({ limit: 100, cache: false });
    same([...page.values()].map((message) => message.content).reverse(), sent.map((message) => message.content), 'in order');
    await channel.delete();
  });
  await check('ratelimit.headers', async () => {
    const answer = await fetch(`${process.env.API_BASE}/channels/${channelId}`, { headers: { authorization: `Bot ${process.env.BOT_TOKEN}` } });
    const names = ['limit', 'remaining', 'reset', 'reset-after', 'bucket'];
    holds(names.every((name) => answer.headers.get(`x-ratelimit-${name}`) !== null), 'all headers are there');
  });

  const through = client(proxied);
  await check('gateway.through_proxy', () => login(through, process.env.BOT_TOKEN).then(() => undefined));
  await check('gateway.resume', async () => {
    const contents = [];
    through.on('messageCreate', (message) => {
      if (message.content.startsWith('resume')) contents.push(message.content);
    });
    const channel = bot.channels.cache.get(channelId);
    const before = next(through, 'messageCreate', (message) => message.content === 'resume before');
    await channel.send('resume before');
    await before;
    let identified = false;
    through.on('clientReady', () => { identified = true; });
    const resumed = next(through, 'shardResume');
    proxy.cut();
    for (let index = 0; index < MISSED; index += 1) await channel.send(`resume missed ${index}`);
    proxy.release();
    const [, replayed] = await resumed;
    const after = next(through, 'messageCreate', (message) => message.content === 'resume after');
    await channel.send('resume after');
    await after;
    same(identified, false, 'a new session');
    const missed = Array.from({ length: MISSED }, (_, index) => `resume missed ${index}`);
    same(contents, ['resume before', ...missed, 'resume after'], 'events');
    holds(replayed >= MISSED, 'the replayed events are counted');
  });
  await check('gateway.resume_twice', async () => {
    const channel = bot.channels.cache.get(channelId);
    const seen = [];
    through.on('messageCreate', (message) => {
      if (message.content.startsWith('again')) seen.push(message.content);
    });
    const resumed = next(through, 'shardResume');
    proxy.cut();
    await channel.send('again missed');
    proxy.release();
    await resumed;
    const last = next(through, 'messageCreate', (message) => message.content === 'again after');
    await channel.send('again after');
    await last;
    same(seen, ['again missed', 'again after'], 'events');
  });
  await through.destroy();

  await check('gateway.intents', async () => {
    const few = client(process.env.API_BASE.replace('/v10', ''), { intents: ['Guilds', 'GuildMessages'] });
    await login(few, process.env.BOT_TOKEN);
    const typing = [];
    few.on('typingStart', () => typing.push(1));
    const channel = second.channels.cache.get(channelId);
    await channel.sendTyping();
    const event = next(few, 'messageCreate', (message) => message.author.id === second.user.id);
    await channel.send('hidden content');
    const seen = await event;
    await few.destroy();
    same([seen.content, typing.length], ['', 0], 'content without its intent, typing without its intent');
  });
  await check('gateway.sharding', async () => {
    const sharded = client(process.env.API_BASE.replace('/v10', ''), { shards: [0, 1], shardCount: 2 });
    await login(sharded, process.env.BOT_TOKEN);
    const owner = Number((BigInt(guildId) >> 22n) % 2n);
    same(sharded.guilds.cache.get(guildId).shardId, owner, 'shard');
    await sharded.destroy();
  });
}

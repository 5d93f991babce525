import { EmbedBuilder, MessageFlags } from 'discord.js';
import { check, during, holds, next, same } from '../lib/check.mjs';
import { call, people } from '../lib/rest.mjs';

export default async function messages({ bot, second, guild, channel, channelId }) {
  const theirs = second.channels.cache.get(channelId);
  let sent;
  await check('messages.send', async () => {
    const event = next(second, 'messageCreate', (message) => message.content === 'one & only');
    sent = await channel.send('one & only');
    same(sent.content, 'one & only', 'content');
    same(sent.author.id, bot.user.id, 'author');
    const seen = await event;
    same([seen.id, seen.channelId, seen.guildId], [sent.id, channelId, guild.id], 'ids at the second client');
    same(seen.member.id, bot.user.id, 'member');
  });
  await check('messages.answer', async () => {
    const event = next(bot, 'messageCreate', (message) => message.author.id === second.user.id);
    const answer = await theirs.send('and back');
    same((await event).id, answer.id, 'id');
  });
  await check('messages.from_person', async () => {
    const event = next(bot, 'messageCreate', (message) => message.author.id === people.member.id);
    const posted = await call(people.member.token, 'POST', `/channels/${channelId}/messages`, { content: 'hello bots' });
    const seen = await event;
    same([seen.id, seen.content, seen.author.bot], [posted.id, 'hello bots', false], 'message');
  });
  await check('messages.in_new_channel', async () => {
    const created = next(second, 'channelCreate', (made) => made.name === 'after-login');
    const made = await guild.channels.create({ name: 'after-login' });
    same((await created).id, made.id, 'channel');
    const event = next(second, 'messageCreate', (message) => message.channelId === made.id);
    const first = await made.send('first in here');
    same((await event).id, first.id, 'message');
    const back = next(bot, 'messageCreate', (message) => message.channelId === made.id && message.author.id === second.user.id);
    const reply = await second.channels.cache.get(made.id).send('second in here');
    same((await back).id, reply.id, 'answer');
  });
  await check('messages.order', async () => {
    const contents = Array.from({ length: 4 }, (_, index) => `in order ${index}`);
    const seen = await during(second, 'messageCreate', async () => {
      const last = next(second, 'messageCreate', (message) => message.content === contents.at(-1));
      for (const content of contents) await channel.send(content);
      await last;
    });
    same(seen.map((message) => message.content).filter((content) => content.startsWith('in order')), contents, 'events');
  });
  await check('messages.unicode', async () => {
    const text = 'äöü ¿? 漢字 👩‍👩‍👧‍👦 \u202Eright\u202C `code`';
    same((await channel.messages.fetch({ message: (await channel.send(text)).id, force: true })).content, text, 'content');
  });
  await check('messages.longest', async () => {
    const text = '漢'.repeat(2000);
    same((await channel.send(text)).content, text, 'content');
  });
  await check('messages.edit', async () => {
    const event = next(second, 'messageUpdate', (_, after) => after.id === sent.id);
    const edited = await sent.edit('edited');
    same(edited.content, 'edited', 'content');
    holds(edited.editedTimestamp, 'it says when it was edited');
    same((await event)[1].content, 'edited', 'at the second client');
  });
  await check('messages.fetch_one', async () => {
    const found = await channel.messages.fetch({ message: sent.id, force: true, cache: false });
    same([found.id, found.content], [sent.id, 'edited'], 'message');
  });
  await check('messages.history', async () => {
    const page = await channel.messages.fetch({ limit: 5, cache: false });
    const ids = [...page.keys()];
    same(ids.length, 5, 'count');
    same(ids, [...ids].sort((left, right) => Number(BigInt(right) - BigInt(left))), 'newest first');
    const before = await channel.messages.fetch({ before: ids[4], limit: 3, cache: false });
    holds([...before.keys()].every((id) => BigInt(id) < BigInt(ids[4])), 'before');
    const after = await channel.messages.fetch({ after: ids[4], limit: 4, cache: false });
    same([...after.keys()].sort(), ids.slice(0, 4).sort(), 'after');
    const around = await channel.messages.fetch({ around: ids[2], limit: 3, cache: false });
    same([...around.keys()].sort(), ids.slice(1, 4).sort(), 'around');
  });
  await check('messages.reply', async () => {
    const event = next(second, 'messageCreate', (message) => message.reference?.messageId === sent.id);
    const reply = await sent.reply({ content: 'a reply', allowedMentions: { repliedUser: false } });
    same(reply.type, 19, 'type');
    const seen = await event;
    same((await seen.fetchReference()).id, sent.id, 'what it replies to');
    same(seen.mentions.users.size, 0, 'mentions');
  });
  await check('messages.forward', async () => {
    const forwarded = await sent.forward(channel);
    same(forwarded.messageSnapshots.first().content, 'edited', 'the copy');
  });
  await check('messages.embed', async () => {
    const embed = new EmbedBuilder()
      .setTitle('Title')
      .setDescription('Description')
      .setColor(0x123456)
      .setURL('https://example.test/page')
      .addFields({ name: 'a', value: 'b', inline: true })
      .setFooter({ text: 'foot' })
      .setTimestamp(1_700_000_000_000);
    const event = next(second, 'messageCreate', (message) => message.embeds.length > 0);
    await channel.send({ embeds: [embed] });
    const [seen] = (await event).embeds;
    same([seen.title, seen.description, seen.color, seen.url], ['Title', 'Description', 0x123456, 'https://example.test/page'], 'embed');
    same(seen.fields, [{ name: 'a', value: 'b', inline: true }], 'fields');
    same([seen.footer.text, new Date(seen.timestamp).getTime()], ['foot', 1_700_000_000_000], 'footer and time');
  });
  await check('messages.mentions', async () => {
    const event = next(second, 'messageCreate', (message) => message.content.startsWith('dear'));
    await channel.send(`dear <@${second.user.id}> and <#${channelId}>`);
    const seen = await event;
    holds(seen.mentions.users.has(second.user.id), 'the person is mentioned');
    holds(seen.mentions.channels.has(channelId), 'the channel is mentioned');
    const quiet = await channel.send({ content: `quiet <@${second.user.id}> @everyone`, allowedMentions: { parse: [] } });
    same([quiet.mentions.users.size, quiet.mentions.everyone], [0, false], 'allowed_mentions');
  });
  await check('messages.nonce', async () => {
    const event = next(bot, 'messageCreate', (message) => message.content === 'with nonce');
    await channel.send({ content: 'with nonce', nonce: 'n-1', enforceNonce: true });
    same((await event).nonce, 'n-1', 'nonce');
    const first = await channel.send({ content: 'once', nonce: 'n-2', enforceNonce: true });
    const again = await channel.send({ content: 'once', nonce: 'n-2', enforceNonce: true });
    same(again.id, first.id, 'the same message');
  });
  await check('messages.flags', async () => {
    const silent = await channel.send({ content: 'silent', flags: MessageFlags.SuppressNotifications });
    holds(silent.flags.has(MessageFlags.SuppressNotifications), 'the flag is kept');
  });
  await check('messages.typing', async () => {
    const event = next(second, 'typingStart', (typing) => typing.user.id === bot.user.id);
    await channel.sendTyping();
    same((await event).channel.id, channelId, 'channel');
  });
  await check('messages.pin', async () => {
    const event = next(second, 'channelPinsUpdate', (where) => where.id === channelId);
    await sent.pin();
    await event;
    const pins = await channel.messages.fetchPins();
    same(pins.items.map((item) => item.message.id), [sent.id], 'pins');
    await sent.unpin();
    same((await channel.messages.fetchPins()).items.length, 0, 'pins afterwards');
  });
  await check('messages.delete', async () => {
    const event = next(second, 'messageDelete', (gone) => gone.id === sent.id);
    await sent.delete();
    await event;
    const missing = await channel.messages.fetch({ message: sent.id, force: true }).catch((error) => error.code);
    same(missing, 10008, 'fetching it afterwards');
  });
  await check('messages.bulk_delete', async () => {
    const doomed = [await channel.send('bulk one'), await channel.send('bulk two')];
    const event = next(second, 'messageDeleteBulk');
    await channel.bulkDelete(doomed);
    same([...(await event)[0].keys()].sort(), doomed.map((message) => message.id).sort(), 'ids');
  });
}

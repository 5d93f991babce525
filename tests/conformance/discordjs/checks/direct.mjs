import { check, next, same } from '../lib/check.mjs';
import { call, people } from '../lib/rest.mjs';

export default async function direct({ bot }) {
  let channel;
  await check('direct.send', async () => {
    const user = await bot.users.fetch(people.member.id);
    channel = await user.createDM();
    const sent = await channel.send('just for you');
    const page = await call(people.member.token, 'GET', `/channels/${channel.id}/messages`);
    same(page.map((message) => message.id), [sent.id], 'what the person reads');
  });
  await check('direct.receive', async () => {
    const event = next(bot, 'messageCreate', (message) => message.channelId === channel.id && message.author.id === people.member.id);
    const posted = await call(people.member.token, 'POST', `/channels/${channel.id}/messages`, { content: 'and back' });
    const seen = await event;
    same([seen.id, seen.content, seen.guildId], [posted.id, 'and back', null], 'message');
  });
  await check('direct.same_channel', async () => {
    const again = await call(people.member.token, 'POST', '/users/@me/channels', { recipient_id: bot.user.id });
    same(again.id, channel.id, 'channel');
  });
  await check('direct.edit_and_delete', async () => {
    const sent = await channel.send('for a moment');
    await sent.edit('longer');
    await sent.delete();
    const page = await call(people.member.token, 'GET', `/channels/${channel.id}/messages`);
    same(page.map((message) => message.content), ['and back', 'just for you'], 'what is left');
  });
}

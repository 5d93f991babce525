import { check, holds, next, same } from '../lib/check.mjs';
import { call, people } from '../lib/rest.mjs';

export default async function reactions({ bot, second, channel, channelId }) {
  let message;
  await check('reactions.add', async () => {
    message = await channel.send('react to this');
    const event = next(second, 'messageReactionAdd', (reaction) => reaction.message.id === message.id);
    await message.react('👍');
    const [reaction, user] = await event;
    same([reaction.emoji.name, user.id], ['👍', bot.user.id], 'event');
  });
  await check('reactions.by_person', async () => {
    const event = next(bot, 'messageReactionAdd', (_, user) => user.id === people.member.id);
    await call(people.member.token, 'PUT', `/channels/${channelId}/messages/${message.id}/reactions/${encodeURIComponent('👍')}/@me`);
    await event;
    const fetched = await channel.messages.fetch({ message: message.id, force: true });
    same([fetched.reactions.cache.get('👍').count, fetched.reactions.cache.get('👍').me], [2, true], 'count');
  });
  await check('reactions.users', async () => {
    const users = await message.reactions.cache.get('👍').users.fetch();
    same([...users.keys()].sort(), [bot.user.id, people.member.id].sort(), 'users');
  });
  await check('reactions.remove', async () => {
    const event = next(second, 'messageReactionRemove', (reaction) => reaction.message.id === message.id);
    await message.reactions.cache.get('👍').users.remove(bot.user.id);
    same((await event)[1].id, bot.user.id, 'user');
  });
  await check('reactions.remove_emoji', async () => {
    await message.react('🎉');
    const event = next(second, 'messageReactionRemoveEmoji', (reaction) => reaction.emoji.name === '🎉');
    await message.reactions.cache.get('🎉').remove();
    await event;
  });
  await check('reactions.remove_all', async () => {
    const event = next(second, 'messageReactionRemoveAll', (where) => where.id === message.id);
    await message.reactions.removeAll();
    await event;
    const fetched = await channel.messages.fetch({ message: message.id, force: true });
    holds(fetched.reactions.cache.size === 0, 'nothing is left');
  });
}

import { ChannelType } from 'discord.js';
import { check, holds, next, same } from '../lib/check.mjs';

export default async function threads({ bot, second, guild, channel }) {
  let thread;
  await check('threads.from_message', async () => {
    const start = await channel.send('the start of a thread');
    const event = next(second, 'threadCreate', (seen) => seen.id === start.id);
    thread = await start.startThread({ name: 'A Thread', autoArchiveDuration: 60 });
    same([thread.id, thread.parentId, thread.name], [start.id, channel.id, 'A Thread'], 'thread');
    same((await event)[0].type, ChannelType.PublicThread, 'type');
  });
  await check('threads.message', async () => {
    const event = next(second, 'messageCreate', (message) => message.channelId === thread.id && message.content === 'inside');
    const sent = await thread.send('inside');
    same((await event).id, sent.id, 'message');
  });
  await check('threads.without_message', async () => {
    const made = await channel.threads.create({ name: 'Alone', type: ChannelType.PublicThread });
    same([made.parentId, made.ownerId], [channel.id, bot.user.id], 'thread');
    await made.delete();
  });
  await check('threads.active', async () => {
    const { threads: active } = await guild.channels.fetchActiveThreads();
    holds(active.has(thread.id), 'it is listed');
  });
  await check('threads.members', async () => {
    const event = next(bot, 'threadMembersUpdate', (added, _, where) => where.id === thread.id && added.has(second.user.id));
    await thread.members.add(second.user.id);
    await event;
    const members = await thread.members.fetch();
    holds(members.has(second.user.id) && members.has(bot.user.id), 'both are members');
    await thread.members.remove(second.user.id);
  });
  await check('threads.archive', async () => {
    const event = next(second, 'threadUpdate', (_, after) => after.id === thread.id && after.archived);
    await thread.setArchived(true);
    await event;
    const { threads: archived } = await channel.threads.fetchArchived();
    holds(archived.has(thread.id), 'it is listed as archived');
  });
  await check('threads.unarchived_by_message', async () => {
    const event = next(second, 'threadUpdate', (_, after) => after.id === thread.id && !after.archived);
    await thread.send('awake');
    await event;
  });
  await check('threads.private', async () => {
    const made = await channel.threads.create({ name: 'Private', type: ChannelType.PrivateThread, invitable: false });
    same(made.type, ChannelType.PrivateThread, 'type');
    await made.delete();
  });
  await check('threads.forum_post', async () => {
    const forum = await guild.channels.create({ name: 'a-forum', type: ChannelType.GuildForum, availableTags: [{ name: 'tag' }] });
    const event = next(second, 'threadCreate', (seen) => seen.parentId === forum.id);
    const post = await forum.threads.create({ name: 'A Post', message: { content: 'opening' }, appliedTags: [forum.availableTags[0].id] });
    same((await event)[0].id, post.id, 'event');
    same((await post.fetchStarterMessage()).content, 'opening', 'opening message');
    same(post.appliedTags, [forum.availableTags[0].id], 'tags');
    await forum.delete();
  });
  await check('threads.delete', async () => {
    const event = next(second, 'threadDelete', (seen) => seen.id === thread.id);
    await thread.delete();
    await event;
  });
}

import { check, holds, next, refused, same } from '../lib/check.mjs';
import { call, people } from '../lib/rest.mjs';

export default async function members({ bot, second, guild, channel }) {
  await check('members.fetch', async () => {
    const member = await guild.members.fetch({ user: people.member.id, force: true });
    same([member.id, member.user.bot], [people.member.id, false], 'member');
    holds(member.joinedTimestamp, 'when they joined');
  });
  await check('members.fetch_all', async () => {
    const all = await guild.members.fetch();
    same([...all.keys()].sort(), [people.owner.id, people.member.id, bot.user.id, second.user.id].sort(), 'members');
  });
  await check('members.list', async () => {
    const page = await guild.members.list({ limit: 2 });
    same(page.size, 2, 'count');
    const rest = await guild.members.list({ limit: 10, after: [...page.keys()].at(-1) });
    same(rest.size, 2, 'count of the rest');
  });
  await check('members.search', async () => {
    const found = await guild.members.search({ query: 'member_', limit: 5 });
    same([...found.keys()], [people.member.id], 'found');
  });
  await check('members.nickname', async () => {
    const event = next(second, 'guildMemberUpdate', (_, after) => after.id === people.member.id && after.nickname === 'Nick');
    await (await guild.members.fetch(people.member.id)).setNickname('Nick');
    await event;
  });
  let code;
  await check('invites.create', async () => {
    const event = next(bot, 'inviteCreate');
    const invite = await guild.invites.create(channel, { maxAge: 600, maxUses: 3, unique: true });
    code = invite.code;
    const seen = await event;
    same([seen.code, seen.maxUses, seen.maxAge], [code, 3, 600], 'event');
  });
  await check('invites.fetch', async () => {
    const invite = await bot.fetchInvite(code);
    same([invite.guild.id, invite.channel.id, invite.inviter.id], [guild.id, channel.id, bot.user.id], 'invite');
    holds((await guild.invites.fetch()).has(code), 'it is listed');
  });
  await check('invites.accept', async () => {
    const event = next(bot, 'guildMemberAdd', (member) => member.id === people.outsider.id);
    await call(people.outsider.token, 'POST', `/invites/${code}`, {});
    same((await event).guild.memberCount, 5, 'count');
    same((await guild.invites.fetch({ code, force: true })).uses, 1, 'uses');
  });
  await check('members.timeout', async () => {
    const event = next(second, 'guildMemberUpdate', (_, after) => after.id === people.outsider.id && after.isCommunicationDisabled());
    const member = await guild.members.fetch(people.outsider.id);
    await member.timeout(60_000, 'calm down');
    await event;
    const posted = await call(people.outsider.token, 'POST', `/channels/${channel.id}/messages`, { content: 'mute' }).catch((error) => error);
    holds(posted instanceof Error, 'a person in timeout may not speak');
    await member.timeout(null);
  });
  await check('members.kick', async () => {
    const event = next(second, 'guildMemberRemove', (member) => member.id === people.outsider.id);
    await guild.members.kick(people.outsider.id, 'out');
    await event;
  });
  await check('members.ban', async () => {
    const event = next(second, 'guildBanAdd', (ban) => ban.user.id === people.outsider.id).catch(() => null);
    const own = next(bot, 'guildBanAdd', (ban) => ban.user.id === people.outsider.id);
    await guild.members.ban(people.outsider.id, { reason: 'because' });
    await own;
    same((await guild.bans.fetch(people.outsider.id)).reason, 'because', 'reason');
    const joined = await call(people.outsider.token, 'POST', `/invites/${code}`, {}).catch((error) => error);
    holds(joined instanceof Error, 'a banned person may not join');
    void event;
  });
  await check('members.unban', async () => {
    const event = next(bot, 'guildBanRemove', (ban) => ban.user.id === people.outsider.id);
    await guild.members.unban(people.outsider.id);
    await event;
    await refused(guild.bans.fetch({ user: people.outsider.id, force: true }), 10026, 404);
  });
  await check('invites.delete', async () => {
    const event = next(bot, 'inviteDelete', (invite) => invite.code === code);
    await guild.invites.delete(code);
    await event;
    await refused(bot.fetchInvite(code), 10006, 404);
  });
  await check('members.audit_log', async () => {
    const log = await guild.fetchAuditLogs({ limit: 50 });
    const reasons = [...log.entries.values()].map((entry) => entry.reason);
    holds(reasons.includes('out') && reasons.includes('because'), 'kick and ban are logged with their reasons');
  });
  await check('presence.update', async () => {
    const event = next(bot, 'presenceUpdate', (_, after) => after.userId === second.user.id && after.status === 'dnd');
    second.user.setPresence({ status: 'dnd', activities: [{ name: 'a game' }] });
    same((await event)[1].activities[0].name, 'a game', 'activity');
  });
}

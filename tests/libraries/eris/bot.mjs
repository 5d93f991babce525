// A bot of eris; see docs/libraries.md. Its REST code speaks https only, so the transport is led to the local server.
import http from 'node:http';
import https from 'node:https';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { answer, COMMANDS, FORM, FRUITS, IDS, PANEL, say, version } from '../common/lines.mjs';

const [hostname, port] = process.env.HOST.split(':');
const secure = https.request;
https.request = (options, ...rest) =>
  options.host === 'discord.com' ? http.request({ ...options, host: hostname, port, agent: undefined }, ...rest) : secure(options, ...rest);
const Eris = createRequire(import.meta.url)('eris');

const client = new Eris.Client(`Bot ${process.env.BOT_TOKEN}`, { intents: ['all'], getAllUsers: true, restMode: true });
const guild = () => client.guilds.get(IDS.GUILD);

const steps = {
  async cache() {
    const { members, channels, roles, emojis } = guild();
    return `members=${members.size} channels=${channels.size} roles=${roles.size} emojis=${emojis.length}`;
  },
  async message(m) {
    await (await client.createMessage(m.channel.id, 'sent')).edit('edited');
  },
  async delete(m) {
    await (await client.createMessage(m.channel.id, 'gone')).delete();
  },
  async reply(m) {
    await client.createMessage(m.channel.id, { content: 'replied', messageReference: { messageID: m.id } });
  },
  async embed(m) {
    const embed = { title: 'title', description: 'described', color: 0x336699, fields: [{ name: 'name', value: 'value' }] };
    await client.createMessage(m.channel.id, { embeds: [embed] });
  },
  async attachment(m) {
    await client.createMessage(m.channel.id, '', { name: 'hello.txt', file: Buffer.from('hello') });
  },
  async reaction(m) {
    await m.addReaction('👍');
    await m.addReaction(`given:${IDS.EMOJI}`);
  },
  async pin(m) {
    await m.pin();
  },
  async thread(m) {
    const thread = await client.createThreadWithMessage(m.channel.id, m.id, { name: 'thread', autoArchiveDuration: 60 });
    await client.createMessage(thread.id, 'in thread');
  },
  async forum() {
    await client.createThread(IDS.FORUM, { name: 'post', message: { content: 'first' }, autoArchiveDuration: 60 });
  },
  async poll(m) {
    const answers = [{ poll_media: { text: 'one' } }, { poll_media: { text: 'two' } }];
    await client.createMessage(m.channel.id, { poll: { question: { text: 'which' }, answers, duration: 1, allow_multiselect: false } });
  },
  async webhook(m) {
    const hook = await client.createChannelWebhook(m.channel.id, { name: 'hook' });
    await client.executeWebhook(hook.id, hook.token, { content: 'hooked', wait: true });
  },
  history: async (m) => (await client.getMessages(m.channel.id, { limit: 3 })).length,
  async dm(m) {
    await (await client.getDMChannel(m.author.id)).createMessage('direct');
  },
  async role() {
    const role = await client.createRole(IDS.GUILD, { name: 'made', color: 0x336699 }, 'because roles');
    await role.edit({ name: 'made anew' });
    await client.addGuildMemberRole(IDS.GUILD, IDS.MEMBER, role.id);
  },
  async channel() {
    const channel = await client.createChannel(IDS.GUILD, 'made', 0, { reason: 'because channels' });
    await channel.edit({ topic: 'about' });
  },
  async overwrite(m) {
    await client.editChannelPermission(m.channel.id, IDS.MEMBER, 0n, 64n, 1);
  },
  async nick() {
    await client.editGuildMember(IDS.GUILD, IDS.MEMBER, { nick: 'nicked' });
  },
  async timeout() {
    const communicationDisabledUntil = new Date(Date.now() + 600_000);
    await client.editGuildMember(IDS.GUILD, IDS.MEMBER, { communicationDisabledUntil }, 'because late');
  },
  invite: async (m) => (await client.createChannelInvite(m.channel.id, { maxAge: 3600, maxUses: 5 })).code,
  async emoji() {
    const image = `data:image/png;base64,${await readFile(process.env.IMAGE, 'base64')}`;
    await client.createGuildEmoji(IDS.GUILD, { name: 'made', image });
  },
  async sticker() {
    const file = { name: 'made.png', file: await readFile(process.env.IMAGE) };
    await client.createGuildSticker(IDS.GUILD, { name: 'made', description: 'a sticker', tags: '👍', file });
  },
  chunk: async () => (await guild().fetchMembers()).length,
  async presence() {
    client.editStatus('dnd', { name: 'chess', type: 0 });
  },
  async typing(m) {
    await client.sendChannelTyping(m.channel.id);
  },
  async voice() {
    guild().shard.sendWS(4, { guild_id: IDS.GUILD, channel_id: IDS.VOICE, self_mute: false, self_deaf: false });
  },
  async kick() {
    await client.kickGuildMember(IDS.GUILD, IDS.TARGET, 'because rude');
  },
  async ban() {
    await client.banGuildMember(IDS.GUILD, IDS.TARGET, 0, 'because spam');
  },
  async unban() {
    await client.unbanGuildMember(IDS.GUILD, IDS.TARGET);
  },
  audit: async () => (await client.getGuildAuditLog(IDS.GUILD, { limit: 50 })).entries.map((entry) => entry.targetID).join(' '),
  async commands() {
    await client.bulkEditGuildCommands(IDS.GUILD, COMMANDS);
  },
};

const value = (i) => i.data.options[0].value;
const commands = {
  async echo(i) {
    await i.createMessage(`echo ${value(i)}`);
    await i.createFollowup('followed');
  },
  fruit: (i) => i.createMessage(`fruit ${value(i)}`),
  async slow(i) {
    await i.defer();
    await i.editOriginalMessage('slow done');
  },
  panel: (i) => i.createMessage({ content: 'panel', components: PANEL }),
  form: (i) => {
    if (!i.createModal) return say('error', 'no modals');
    return i.createModal(FORM);
  },
};

client.on('interactionCreate', async (i) => {
  if (i.type === 2) return commands[i.data.name](i);
  if (i.type === 4) {
    const fitting = FRUITS.filter((each) => each.startsWith(value(i)));
    return i.result(fitting.map((each) => ({ name: each, value: each })));
  }
  if (i.type === 5) return i.createMessage(`form ${i.data.components[0].components[0].value}`);
  if (i.data.custom_id === 'press') return i.editParent({ content: 'pressed' });
  await i.createMessage({ content: `chose ${i.data.values[0]}`, flags: 64 });
});
client.on('messageCreate', (m) => {
  if (m.author.bot) return;
  say('heard message', m.content);
  if (m.content.startsWith('!')) answer(m.content.slice(1), steps, m);
});
client.on('messageUpdate', (m) => say('heard edit', m.content));
client.on('messageDelete', (m) => say('heard deletion', m.id));
client.on('messageReactionAdd', (_m, emoji) => say('heard reaction', emoji.name));
client.on('typingStart', (_channel, who) => say('heard typing', who.id));
client.on('guildRoleCreate', (_guild, role) => say('heard role', role.name));
client.on('channelCreate', (channel) => say('heard channel', channel.name));
client.on('threadCreate', (thread) => say('heard thread', thread.name));
client.on('guildMemberAdd', (_guild, joined) => say('heard join', joined.id));
client.on('guildMemberRemove', (_guild, left) => say('heard leave', left.id));
client.on('shardReady', () => client.ready && say('ready'));
client.once('ready', () => say('ready'));
client.on('error', (error) => say('error', error.message));

say('version', await version('eris'));
await client.connect();

// A bot of oceanic.js; see docs/libraries.md.
import { readFile } from 'node:fs/promises';
import { Client } from 'oceanic.js';
import { answer, COMMANDS, FRUITS, IDS, say, version } from '../common/lines.mjs';

const client = new Client({
  auth: `Bot ${process.env.BOT_TOKEN}`,
  rest: { baseURL: `http://${process.env.HOST}/api/v10` },
  gateway: { intents: ['ALL'], getAllUsers: true },
});
const { rest } = client;
const guild = () => client.guilds.get(IDS.GUILD);
const panel = [
  { type: 1, components: [{ type: 2, style: 1, label: 'Press', customID: 'press' }] },
  { type: 1, components: [{ type: 3, customID: 'choose', options: ['red', 'blue'].map((each) => ({ label: each, value: each })) }] },
];
const form = { title: 'Form', customID: 'form', components: [{ type: 1, components: [{ type: 4, customID: 'words', label: 'Words', style: 1 }] }] };

const steps = {
  async cache() {
    const { members, channels, roles, emojis } = guild();
    return `members=${members.size} channels=${channels.size} roles=${roles.size} emojis=${emojis.size ?? emojis.length}`;
  },
  async message(m) {
    const sent = await rest.channels.createMessage(m.channelID, { content: 'sent' });
    await sent.edit({ content: 'edited' });
  },
  async delete(m) {
    await (await rest.channels.createMessage(m.channelID, { content: 'gone' })).delete();
  },
  async reply(m) {
    await rest.channels.createMessage(m.channelID, { content: 'replied', messageReference: { messageID: m.id } });
  },
  async embed(m) {
    const embed = { title: 'title', description: 'described', color: 0x336699, fields: [{ name: 'name', value: 'value' }] };
    await rest.channels.createMessage(m.channelID, { embeds: [embed] });
  },
  async attachment(m) {
    await rest.channels.createMessage(m.channelID, { files: [{ name: 'hello.txt', contents: Buffer.from('hello') }] });
  },
  async reaction(m) {
    await m.createReaction('👍');
    await m.createReaction(`given:${IDS.EMOJI}`);
  },
  async pin(m) {
    await m.pin();
  },
  async thread(m) {
    const thread = await m.startThread({ name: 'thread' });
    await rest.channels.createMessage(thread.id, { content: 'in thread' });
  },
  async forum() {
    await rest.channels.startThreadInThreadOnlyChannel(IDS.FORUM, { name: 'post', message: { content: 'first' } });
  },
  async poll(m) {
    const answers = [{ pollMedia: { text: 'one' } }, { pollMedia: { text: 'two' } }];
    await rest.channels.createMessage(m.channelID, { poll: { question: { text: 'which' }, answers, duration: 1 } });
  },
  async webhook(m) {
    const hook = await rest.webhooks.create(m.channelID, { name: 'hook' });
    await hook.execute({ content: 'hooked', wait: true });
  },
  history: async (m) => (await rest.channels.getMessages(m.channelID, { limit: 3 })).length,
  async dm(m) {
    await (await m.author.createDM()).createMessage({ content: 'direct' });
  },
  async role() {
    const role = await rest.guilds.createRole(IDS.GUILD, { name: 'made', color: 0x336699, reason: 'because roles' });
    await role.edit({ name: 'made anew' });
    await rest.guilds.addMemberRole(IDS.GUILD, IDS.MEMBER, role.id);
  },
  async channel() {
    const channel = await rest.guilds.createChannel(IDS.GUILD, 0, { name: 'made', reason: 'because channels' });
    await channel.edit({ topic: 'about' });
  },
  async overwrite(m) {
    await rest.channels.editPermission(m.channelID, IDS.MEMBER, { type: 1, deny: 64n, allow: 0n });
  },
  async nick() {
    await rest.guilds.editMember(IDS.GUILD, IDS.MEMBER, { nick: 'nicked' });
  },
  async timeout() {
    const until = new Date(Date.now() + 600_000).toISOString();
    await rest.guilds.editMember(IDS.GUILD, IDS.MEMBER, { communicationDisabledUntil: until, reason: 'because late' });
  },
  invite: async (m) => (await rest.channels.createInvite(m.channelID, { maxAge: 3600, maxUses: 5 })).code,
  async emoji() {
    await rest.guilds.createEmoji(IDS.GUILD, { name: 'made', image: await readFile(process.env.IMAGE) });
  },
  async sticker() {
    const file = { name: 'made.png', contents: await readFile(process.env.IMAGE) };
    await rest.guilds.createSticker(IDS.GUILD, { name: 'made', description: 'a sticker', tags: '👍', file });
  },
  chunk: async () => (await guild().fetchMembers()).length,
  async presence() {
    await client.editStatus('dnd', [{ name: 'chess', type: 0 }]);
  },
  async typing(m) {
    await rest.channels.sendTyping(m.channelID);
  },
  async voice() {
    guild().shard.updateVoiceState(IDS.GUILD, IDS.VOICE, { selfDeaf: false, selfMute: false });
  },
  async kick() {
    await rest.guilds.removeMember(IDS.GUILD, IDS.TARGET, 'because rude');
  },
  async ban() {
    await rest.guilds.createBan(IDS.GUILD, IDS.TARGET, { reason: 'because spam' });
  },
  async unban() {
    await rest.guilds.removeBan(IDS.GUILD, IDS.TARGET);
  },
  audit: async () => (await rest.guilds.getAuditLog(IDS.GUILD, { limit: 50 })).entries.map((entry) => entry.targetID).join(' '),
  async commands() {
    await client.application.bulkEditGuildCommands(IDS.GUILD, COMMANDS);
  },
};

const commands = {
  async echo(i) {
    await i.createMessage({ content: `echo ${i.data.options.getString('text')}` });
    await i.createFollowup({ content: 'followed' });
  },
  fruit: (i) => i.createMessage({ content: `fruit ${i.data.options.getString('name')}` }),
  async slow(i) {
    await i.defer();
    await i.editOriginal({ content: 'slow done' });
  },
  panel: (i) => i.createMessage({ content: 'panel', components: panel }),
  form: (i) => i.createModal(form),
};

client.on('interactionCreate', async (i) => {
  if (i.type === 2) return commands[i.data.name](i);
  if (i.type === 4) {
    const fitting = FRUITS.filter((each) => each.startsWith(i.data.options.getFocused().value));
    return i.result(fitting.map((each) => ({ name: each, value: each })));
  }
  if (i.type === 5) return i.createMessage({ content: `form ${i.data.components.getTextInput('words')}` });
  if (i.data.customID === 'press') return i.editParent({ content: 'pressed' });
  await i.createMessage({ content: `chose ${i.data.values.getStrings()[0]}`, flags: 64 });
});
client.on('messageCreate', (m) => {
  if (m.author.bot) return;
  say('heard message', m.content);
  if (m.content.startsWith('!')) answer(m.content.slice(1), steps, m);
});
client.on('messageUpdate', (m) => say('heard edit', m.content));
client.on('messageDelete', (m) => say('heard deletion', m.id));
client.on('messageReactionAdd', (_m, _who, reaction) => say('heard reaction', reaction.emoji.name));
client.on('typingStart', (_channel, who) => say('heard typing', who.id));
client.on('guildRoleCreate', (role) => say('heard role', role.name));
client.on('channelCreate', (channel) => say('heard channel', channel.name));
client.on('threadCreate', (thread) => say('heard thread', thread.name));
client.on('guildMemberAdd', (joined) => say('heard join', joined.id));
client.on('guildMemberRemove', (left) => say('heard leave', left.id));
client.on('shardReady', () => client.ready && say('ready'));
client.once('ready', () => say('ready'));
client.on('error', (error) => say('error', error.message ?? error));

say('version', await version('oceanic.js'));
await client.connect();

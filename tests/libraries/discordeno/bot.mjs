// A bot of discordeno; see docs/libraries.md.
import { readFile } from 'node:fs/promises';
import { createBot, createDesiredPropertiesObject, Intents } from '@discordeno/bot';
import { answer, COMMANDS, FORM, FRUITS, IDS, PANEL, say, version } from '../common/lines.mjs';

const token = process.env.BOT_TOKEN;
const GUILD = BigInt(IDS.GUILD);
const cached = { members: new Set(), channels: new Set(), roles: new Set(), emojis: new Set() };
let isUp = false;

/** The library keeps no cache: the bot keeps what the gateway tells, as its users do. */
function fill(guild) {
  for (const [name, held] of Object.entries(cached)) for (const id of guild[name]?.keys() ?? []) held.add(id);
}

const bot = createBot({
  token,
  intents: Object.values(Intents).reduce((all, bit) => (typeof bit === 'number' ? all | bit : all), 0),
  desiredProperties: createDesiredPropertiesObject({}, true),
  rest: { token, proxy: { baseUrl: `http://${process.env.HOST}/api`, authorization: `Bot ${token}` } },
  events: {
    ready: () => isUp && say('ready'),
    guildCreate(guild) {
      if (guild.id !== GUILD || isUp) return;
      fill(guild);
      isUp = true;
      say('ready');
    },
    messageCreate(m) {
      if (m.author.bot) return;
      say('heard message', m.content);
      if (m.content.startsWith('!')) answer(m.content.slice(1), steps, m);
    },
    messageUpdate: (m) => say('heard edit', m.content),
    messageDelete: (m) => say('heard deletion', m.id),
    reactionAdd: (reaction) => say('heard reaction', reaction.emoji.name),
    typingStart: (typing) => say('heard typing', typing.userId),
    roleCreate: (role) => say('heard role', role.name),
    channelCreate: (channel) => say('heard channel', channel.name),
    threadCreate: (thread) => say('heard thread', thread.name),
    guildMemberAdd: (_member, user) => say('heard join', user.id),
    guildMemberRemove: (user) => say('heard leave', user.id),
    interactionCreate: (i) => interacted(i),
  },
});
// with a base of its own the library leaves the limits to what stands there, unless told otherwise
bot.rest.isProxied = false;
const { helpers } = bot;

const steps = {
  cache: async () => Object.entries(cached).map(([name, held]) => `${name}=${held.size}`).join(' '),
  async message(m) {
    const sent = await helpers.sendMessage(m.channelId, { content: 'sent' });
    await helpers.editMessage(m.channelId, sent.id, { content: 'edited' });
  },
  async delete(m) {
    const sent = await helpers.sendMessage(m.channelId, { content: 'gone' });
    await helpers.deleteMessage(m.channelId, sent.id);
  },
  async reply(m) {
    await helpers.sendMessage(m.channelId, { content: 'replied', messageReference: { messageId: m.id, failIfNotExists: true } });
  },
  async embed(m) {
    const embed = { title: 'title', description: 'described', color: 0x336699, fields: [{ name: 'name', value: 'value' }] };
    await helpers.sendMessage(m.channelId, { embeds: [embed] });
  },
  async attachment(m) {
    await helpers.sendMessage(m.channelId, { files: [{ name: 'hello.txt', blob: new Blob(['hello']) }] });
  },
  async reaction(m) {
    await helpers.addReaction(m.channelId, m.id, '👍');
    await helpers.addReaction(m.channelId, m.id, `given:${IDS.EMOJI}`);
  },
  async pin(m) {
    await helpers.pinMessage(m.channelId, m.id);
  },
  async thread(m) {
    const thread = await helpers.startThreadWithMessage(m.channelId, m.id, { name: 'thread', autoArchiveDuration: 60 });
    await helpers.sendMessage(thread.id, { content: 'in thread' });
  },
  async forum() {
    await helpers.createForumThread(IDS.FORUM, { name: 'post', autoArchiveDuration: 60, message: { content: 'first' } });
  },
  async poll(m) {
    const answers = [{ pollMedia: { text: 'one' } }, { pollMedia: { text: 'two' } }];
    await helpers.sendMessage(m.channelId, { poll: { question: { text: 'which' }, answers, duration: 1, allowMultiselect: false } });
  },
  async webhook(m) {
    const hook = await helpers.createWebhook(m.channelId, { name: 'hook' });
    await helpers.executeWebhook(hook.id, hook.token, { content: 'hooked', wait: true });
  },
  history: async (m) => (await helpers.getMessages(m.channelId, { limit: 3 })).length,
  async dm(m) {
    const channel = await helpers.getDmChannel(m.author.id);
    await helpers.sendMessage(channel.id, { content: 'direct' });
  },
  async role() {
    const role = await helpers.createRole(GUILD, { name: 'made', color: 0x336699 }, 'because roles');
    await helpers.editRole(GUILD, role.id, { name: 'made anew' });
    await helpers.addRole(GUILD, IDS.MEMBER, role.id);
  },
  async channel() {
    const channel = await helpers.createChannel(GUILD, { name: 'made' }, 'because channels');
    await helpers.editChannel(channel.id, { topic: 'about' });
  },
  async overwrite(m) {
    await helpers.editChannelPermissionOverrides(m.channelId, { id: IDS.MEMBER, type: 1, deny: ['ADD_REACTIONS'] });
  },
  async nick() {
    await helpers.editMember(GUILD, IDS.MEMBER, { nick: 'nicked' });
  },
  async timeout() {
    const communicationDisabledUntil = new Date(Date.now() + 600_000).toISOString();
    await helpers.editMember(GUILD, IDS.MEMBER, { communicationDisabledUntil }, 'because late');
  },
  invite: async (m) => (await helpers.createInvite(m.channelId, { maxAge: 3600, maxUses: 5 })).code,
  async emoji() {
    const image = `data:image/png;base64,${await readFile(process.env.IMAGE, 'base64')}`;
    await helpers.createEmoji(GUILD, { name: 'made', image });
  },
  async sticker() {
    const file = { name: 'made.png', blob: new Blob([await readFile(process.env.IMAGE)], { type: 'image/png' }) };
    await helpers.createGuildSticker(GUILD, { name: 'made', description: 'a sticker', tags: '👍', file });
  },
  chunk: async () => (await bot.gateway.requestMembers(GUILD, { limit: 0, query: '' })).length,
  async presence() {
    await bot.gateway.editBotStatus({ status: 'dnd', activities: [{ name: 'chess', type: 0 }] });
  },
  async typing(m) {
    await helpers.triggerTypingIndicator(m.channelId);
  },
  async voice() {
    await bot.gateway.joinVoiceChannel(GUILD, IDS.VOICE);
  },
  async kick() {
    await helpers.kickMember(GUILD, IDS.TARGET, 'because rude');
  },
  async ban() {
    await helpers.banMember(GUILD, IDS.TARGET, {}, 'because spam');
  },
  async unban() {
    await helpers.unbanMember(GUILD, IDS.TARGET);
  },
  audit: async () => (await helpers.getAuditLog(GUILD, { limit: 50 })).auditLogEntries.map((entry) => entry.targetId).join(' '),
  async commands() {
    await helpers.upsertGuildApplicationCommands(GUILD, COMMANDS);
  },
};
bot.gateway.cache.requestMembers.enabled = true;

/** The library turns names of its own into the API's. */
const camel = (value) =>
  Array.isArray(value)
    ? value.map(camel)
    : value && typeof value === 'object'
      ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.replace(/_(.)/g, (_, letter) => letter.toUpperCase()), camel(inner)]))
      : value;

async function interacted(i) {
  const value = i.data?.options?.[0]?.value;
  if (i.type === 4) {
    const fitting = FRUITS.filter((each) => each.startsWith(value));
    return i.respond({ choices: fitting.map((each) => ({ name: each, value: each })) });
  }
  if (i.type === 5) return i.respond(`form ${i.data.components[0].components[0].value}`);
  if (i.type === 3) {
    if (i.data.customId === 'press') return i.edit({ content: 'pressed' });
    return i.respond({ content: `chose ${i.data.values[0]}`, flags: 64 });
  }
  const name = i.data.name;
  if (name === 'echo') {
    await i.respond(`echo ${value}`);
    await i.respond('followed');
  } else if (name === 'fruit') await i.respond(`fruit ${value}`);
  else if (name === 'slow') {
    await i.defer();
    await i.edit('slow done');
  } else if (name === 'panel') await i.respond({ content: 'panel', components: camel(PANEL) });
  else await i.respond(camel(FORM));
}

say('version', await version('@discordeno/bot'));
await bot.start();

// A bot of discord.js; see docs/libraries.md.
import * as d from 'discord.js';
import { answer, COMMANDS, FORM, FRUITS, IDS, PANEL, say, version } from '../common/lines.mjs';

const host = `http://${process.env.HOST}`;
const client = new d.Client({
  intents: Object.values(d.GatewayIntentBits).filter((bit) => typeof bit === 'number'),
  partials: [d.Partials.Channel],
  rest: { api: `${host}/api`, cdn: `${host}/cdn`, mediaProxy: `${host}/media` },
});
const guild = () => client.guilds.cache.get(IDS.GUILD);
const member = () => guild().members.fetch(IDS.MEMBER);

const steps = {
  async cache() {
    const { members, channels, roles, emojis } = guild();
    const places = channels.cache.filter((channel) => !channel.isThread());
    return `members=${members.cache.size} channels=${places.size} roles=${roles.cache.size} emojis=${emojis.cache.size}`;
  },
  async message(m) {
    await (await m.channel.send('sent')).edit('edited');
  },
  async delete(m) {
    await (await m.channel.send('gone')).delete();
  },
  async reply(m) {
    await m.reply('replied');
  },
  async embed(m) {
    const embed = new d.EmbedBuilder({ title: 'title', description: 'described', color: 0x336699 });
    await m.channel.send({ embeds: [embed.addFields({ name: 'name', value: 'value' })] });
  },
  async attachment(m) {
    await m.channel.send({ files: [new d.AttachmentBuilder(Buffer.from('hello'), { name: 'hello.txt' })] });
  },
  async reaction(m) {
    await m.react('👍');
    await m.react(client.emojis.cache.get(IDS.EMOJI));
  },
  async pin(m) {
    await m.pin();
  },
  async thread(m) {
    await (await m.startThread({ name: 'thread' })).send('in thread');
  },
  async forum() {
    await guild().channels.cache.get(IDS.FORUM).threads.create({ name: 'post', message: { content: 'first' } });
  },
  async poll(m) {
    const answers = [{ text: 'one' }, { text: 'two' }];
    await m.channel.send({ poll: { question: { text: 'which' }, answers, duration: 1, allowMultiselect: false } });
  },
  async webhook(m) {
    await (await m.channel.createWebhook({ name: 'hook' })).send('hooked');
  },
  history: async (m) => (await m.channel.messages.fetch({ limit: 3, cache: false })).size,
  async dm(m) {
    await m.author.send('direct');
  },
  async role() {
    const role = await guild().roles.create({ name: 'made', colors: { primaryColor: 0x336699 }, reason: 'because roles' });
    await role.setName('made anew');
    await (await member()).roles.add(role);
  },
  async channel() {
    const channel = await guild().channels.create({ name: 'made', reason: 'because channels' });
    await channel.setTopic('about');
  },
  async overwrite(m) {
    await m.channel.permissionOverwrites.edit(await member(), { AddReactions: false });
  },
  async nick() {
    await (await member()).setNickname('nicked');
  },
  async timeout() {
    await (await member()).timeout(600_000, 'because late');
  },
  invite: async (m) => (await m.channel.createInvite({ maxAge: 3600, maxUses: 5 })).code,
  async emoji() {
    await guild().emojis.create({ name: 'made', attachment: process.env.IMAGE });
  },
  async sticker() {
    await guild().stickers.create({ name: 'made', description: 'a sticker', tags: '👍', file: process.env.IMAGE });
  },
  chunk: async () => (await guild().members.fetch()).size,
  async presence() {
    client.user.setPresence({ status: 'dnd', activities: [{ name: 'chess' }] });
  },
  async typing(m) {
    await m.channel.sendTyping();
  },
  async voice() {
    guild().shard.send({ op: 4, d: { guild_id: IDS.GUILD, channel_id: IDS.VOICE, self_mute: false, self_deaf: false } });
  },
  async kick() {
    await guild().members.kick(IDS.TARGET, 'because rude');
  },
  async ban() {
    await guild().members.ban(IDS.TARGET, { reason: 'because spam' });
  },
  async unban() {
    await guild().members.unban(IDS.TARGET);
  },
  async audit() {
    const log = await guild().fetchAuditLogs({ limit: 50 });
    return log.entries.map((entry) => entry.target?.id).join(' ');
  },
  async commands() {
    await guild().commands.set(COMMANDS);
  },
};

const commands = {
  async echo(i) {
    await i.reply(`echo ${i.options.getString('text')}`);
    await i.followUp('followed');
  },
  fruit: (i) => i.reply(`fruit ${i.options.getString('name')}`),
  async slow(i) {
    await i.deferReply();
    await i.editReply('slow done');
  },
  panel: (i) => i.reply({ content: 'panel', components: PANEL }),
  form: (i) => i.showModal(FORM),
};

client.on('interactionCreate', async (i) => {
  if (i.isChatInputCommand()) return commands[i.commandName](i);
  if (i.isAutocomplete()) {
    const fitting = FRUITS.filter((each) => each.startsWith(i.options.getFocused()));
    return i.respond(fitting.map((each) => ({ name: each, value: each })));
  }
  if (i.isButton()) return i.update('pressed');
  if (i.isStringSelectMenu()) return i.reply({ content: `chose ${i.values[0]}`, flags: d.MessageFlags.Ephemeral });
  if (i.isModalSubmit()) return i.reply(`form ${i.fields.getTextInputValue('words')}`);
});

client.on('messageCreate', (m) => {
  if (m.author.bot) return;
  say('heard message', m.content);
  if (m.content.startsWith('!')) answer(m.content.slice(1), steps, m);
});
client.on('messageUpdate', (_, m) => say('heard edit', m.content));
client.on('messageDelete', (m) => say('heard deletion', m.id));
client.on('messageReactionAdd', (reaction) => say('heard reaction', reaction.emoji.name));
client.on('typingStart', (typing) => say('heard typing', typing.user.id));
client.on('roleCreate', (role) => say('heard role', role.name));
client.on('channelCreate', (channel) => say('heard channel', channel.name));
client.on('threadCreate', (thread) => say('heard thread', thread.name));
client.on('guildMemberAdd', (joined) => say('heard join', joined.id));
client.on('guildMemberRemove', (left) => say('heard leave', left.id));
client.on('shardReady', () => client.isReady() && say('ready'));
client.once('clientReady', () => say('ready'));
client.on('error', (error) => say('error', error.message));

say('version', await version('discord.js'));
await client.login(process.env.BOT_TOKEN);

/** What of all that comes calls the person: notification settings by community, category and channel (userdoccers, "User Guild Settings"). */
import { ChannelType, MessageType, type Channel, type Id, type Message } from '../types';
import { chooses, isChosen } from './chosen';
import type { Store } from './store.svelte';

export interface MuteConfig {
  end_time?: string | null;
  selected_time_window?: number | null;
}

export interface ChannelOverride {
  channel_id: Id;
  message_notifications?: number;
  muted?: boolean;
  mute_config?: MuteConfig | null;
  flags?: number;
}

export interface GuildSettings {
  guild_id: Id | null;
  message_notifications: number;
  muted: boolean;
  mute_config: MuteConfig | null;
  suppress_everyone: boolean;
  suppress_roles: boolean;
  /** See `chosen.ts`. */
  flags: number;
  channel_overrides: ChannelOverride[];
}

/** Which messages call: all, those with a mention, none; or as the place above says. */
export const Level = { all: 0, mentions: 1, nothing: 2, inherit: 3 } as const;

/** Settings of private conversations have no community. */
export const PRIVATE = '@me';

export function settingsOf(store: Store, guildId: Id | undefined): GuildSettings | undefined {
  return store.guildSettings.get(guildId ?? PRIVATE);
}

const overrideOf = (settings: GuildSettings | undefined, channelId: Id | null | undefined) =>
  settings?.channel_overrides.find((o) => o.channel_id === channelId);

function mutedNow(of: { muted?: boolean; mute_config?: MuteConfig | null } | undefined, nowMs: number): boolean {
  if (!of?.muted) return false;
  const end = of.mute_config?.end_time;
  return !end || Date.parse(end) > nowMs;
}

export function isGuildMuted(store: Store, guildId: Id, nowMs = Date.now()): boolean {
  return mutedNow(settingsOf(store, guildId), nowMs);
}

/** A channel and the places above it, nearest first: thread, channel, category. */
function chain(store: Store, channel: Channel): Channel[] {
  const out: Channel[] = [];
  for (
    let at: Channel | undefined = channel;
    at && out.length < 3;
    at = at.parent_id ? store.channels.get(at.parent_id) : undefined
  )
    out.push(at);
  return out;
}

/** Whether a channel itself, or its category, is muted. */
export function isChannelMuted(store: Store, channel: Channel, nowMs = Date.now()): boolean {
  const settings = settingsOf(store, channel.guild_id);
  return chain(store, channel).some((c) => mutedNow(overrideOf(settings, c.id), nowMs));
}

export function isMuted(store: Store, channel: Channel, nowMs = Date.now()): boolean {
  return isChannelMuted(store, channel, nowMs) || (!!channel.guild_id && isGuildMuted(store, channel.guild_id, nowMs));
}

/** Whether a channel is in the list of its community: those who choose among channels have not all of them there. */
export function isListed(store: Store, channel: Channel): boolean {
  const settings = settingsOf(store, channel.guild_id);
  return !channel.guild_id || !chooses(settings) || chain(store, channel).some((c) => isChosen(settings, c.id));
}

/** Whether what is new in a channel leaves no mark, but for mentions. */
export const isQuiet = (store: Store, channel: Channel): boolean =>
  isMuted(store, channel) || !isListed(store, channel);

/** Which messages of a channel call. */
export function levelOf(store: Store, channel: Channel): number {
  if (channel.type === ChannelType.dm || channel.type === ChannelType.groupDm) return Level.all;
  const settings = settingsOf(store, channel.guild_id);
  for (const c of chain(store, channel)) {
    const level = overrideOf(settings, c.id)?.message_notifications ?? Level.inherit;
    if (level !== Level.inherit) return level;
  }
  const own = settings?.message_notifications ?? Level.inherit;
  return own === Level.inherit
    ? (store.guilds.get(channel.guild_id ?? '')?.default_message_notifications ?? Level.all)
    : own;
}

const BLOCKED = 2;

/** Whether somebody is blocked or ignored: what they write is folded and calls nobody. */
export const isShunned = (store: Store, userId: Id): boolean =>
  store.relationships.get(userId)?.type === BLOCKED || store.ignored.has(userId);

/** Types of messages that people write, by themselves or by a command. */
const WRITTEN: ReadonlySet<number> = new Set([
  MessageType.default,
  MessageType.reply,
  MessageType.command,
  MessageType.contextMenu,
]);

/** Whether the message calls the own user: by name, by role, with everyone, or by being in a private channel. */
export function mentionsMe(store: Store, message: Message): boolean {
  const me = store.me?.id;
  if (!me || message.author?.id === me) return false;
  if (isShunned(store, message.author?.id)) return false;
  const channel = store.channels.get(message.channel_id);
  const isPrivate = channel && (channel.type === ChannelType.dm || channel.type === ChannelType.groupDm);
  // The server counts what people write, and no notices of calls, names and pins.
  if (isPrivate && WRITTEN.has(message.type)) return true;
  if (message.mentions.some((u) => u.id === me)) return true;
  const guildId = message.guild_id ?? channel?.guild_id;
  const settings = settingsOf(store, guildId);
  if (message.mention_everyone && !settings?.suppress_everyone) return true;
  if (settings?.suppress_roles) return false;
  const roles = store.member(guildId, me)?.roles ?? [];
  return message.mention_roles.some((r) => roles.includes(r));
}

/** Flag of a message that is to call nobody (Discord developer docs, "Message Flags"). */
const SILENT = 1 << 12;

/** Whether a new message is told of outside the page. */
export function notifies(store: Store, message: Message, nowMs = Date.now()): boolean {
  const channel = store.channels.get(message.channel_id);
  if (!channel || message.author.id === store.me?.id || (message.flags ?? 0) & SILENT) return false;
  if (isShunned(store, message.author.id) || isMuted(store, channel, nowMs)) return false;
  const level = Math.max(levelOf(store, channel), isListed(store, channel) ? Level.all : Level.mentions);
  if (level === Level.nothing) return false;
  // Of a thread only those hear who have joined it.
  const follows = channel.type < 10 || channel.type > 12 || channel.member !== undefined;
  return mentionsMe(store, message) || (level === Level.all && follows);
}

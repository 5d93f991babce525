/** Questions asked of the store by more than one component. */
import { ALL_PERMISSIONS, channelPermissions, guildPermissions, has, isThread, Permission } from '../permissions';
import { compareIds, idAt, isAfter } from '../snowflake';
import {
  ChannelType,
  type Channel,
  type Guild,
  type Id,
  type Member,
  type Role,
  type Status,
  type User,
} from '../types';
import { isQuiet } from './notify';
import type { Store } from './store.svelte';

/** The name of someone; what is passed counts where the store does not know them. */
export function displayName(store: Store, userId: Id, guildId?: Id, fallback?: User, member?: Member): string {
  const user = store.users.get(userId) ?? fallback;
  return (store.member(guildId, userId) ?? member)?.nick || user?.global_name || user?.username || 'Unknown user';
}

/** The colour of the highest coloured role, as CSS, or null. */
export function memberColor(guild: Guild | undefined, member: Member | undefined): string | null {
  if (!guild || !member) return null;
  let best: Role | undefined;
  for (const role of guild.roles) {
    if (role.color && member.roles.includes(role.id) && (!best || role.position > best.position)) best = role;
  }
  return best ? roleColor(best.color) : null;
}

export function roleColor(color: number): string {
  return `#${(color & 0xffffff).toString(16).padStart(6, '0')}`;
}

export function statusOf(store: Store, userId: Id): Status {
  return shownStatus(store.presences.get(userId)?.status);
}

/** A status as others see it. */
export function shownStatus(status: Status | undefined): Status {
  return !status || status === 'invisible' ? 'offline' : status;
}

export function myGuildPermissions(store: Store, guildId: Id): bigint {
  const guild = store.guilds.get(guildId);
  const me = store.me?.id;
  return guild && me ? guildPermissions(guild, store.member(guildId, me), me) : 0n;
}

export function myPermissions(store: Store, channel: Channel): bigint {
  const me = store.me?.id;
  if (!me) return 0n;
  const guild = channel.guild_id ? store.guilds.get(channel.guild_id) : undefined;
  if (!guild) return isPrivate(channel) ? ALL_PERMISSIONS & ~Permission.MANAGE_MESSAGES : 0n;
  const parent = channel.parent_id ? store.channels.get(channel.parent_id) : undefined;
  return channelPermissions(guild, channel, parent, store.member(guild.id, me), me);
}

export function isPrivate(channel: Channel): boolean {
  return channel.type === ChannelType.dm || channel.type === ChannelType.groupDm;
}

/** Whether messages can be read in a channel of this type. */
export function isTextual(channel: Channel): boolean {
  return channel.type !== ChannelType.category && !isForum(channel);
}

/** Whether a channel holds posts, each a thread, and no messages of its own. */
export function isForum(channel: Channel): boolean {
  return channel.type === ChannelType.forum || channel.type === ChannelType.media;
}

export function channelName(store: Store, channel: Channel): string {
  if (!isPrivate(channel)) return channel.name ?? 'unnamed';
  if (channel.name) return channel.name;
  const names = (channel.recipient_ids ?? []).map((id) => displayName(store, id));
  return names.length ? names.join(', ') : 'Nobody';
}

function byPosition(a: Channel, b: Channel): number {
  const voice = (c: Channel) => (c.type === ChannelType.voice || c.type === ChannelType.stage ? 1 : 0);
  return voice(a) - voice(b) || (a.position ?? 0) - (b.position ?? 0) || compareIds(a.id, b.id);
}

export interface ChannelGroup {
  category: Channel | null;
  channels: Channel[];
}

/** The channels of a guild that the own user can see, under their categories, in order. */
export function channelTree(store: Store, guildId: Id): ChannelGroup[] {
  const all = [...store.channels.values()].filter((c) => c.guild_id === guildId && !isThread(c));
  const visible = (c: Channel) => has(myPermissions(store, c), Permission.VIEW_CHANNEL);
  const leaves = all.filter((c) => c.type !== ChannelType.category && visible(c)).sort(byPosition);
  const groups: ChannelGroup[] = [{ category: null, channels: [] }];
  for (const category of all.filter((c) => c.type === ChannelType.category).sort(byPosition))
    groups.push({ category, channels: [] });
  const index = new Map(groups.map((g) => [g.category?.id ?? null, g]));
  for (const leaf of leaves) (index.get(leaf.parent_id ?? null) ?? groups[0]!).channels.push(leaf);
  return groups.filter(
    (g) => g.channels.length > 0 || (g.category && has(myPermissions(store, g.category), Permission.MANAGE_CHANNELS)),
  );
}

/** Threads under a channel that are not archived, newest activity first. */
export function activeThreads(store: Store, channelId: Id): Channel[] {
  const key = (c: Channel) => store.lastMessage.get(c.id) ?? c.id;
  return [...store.channels.values()]
    .filter((c) => c.parent_id === channelId && isThread(c) && !c.thread_metadata?.archived)
    .sort((a, b) => compareIds(key(b), key(a)));
}

export function privateChannels(store: Store): Channel[] {
  const key = (c: Channel) => store.lastMessage.get(c.id) ?? c.id;
  return [...store.channels.values()].filter(isPrivate).sort((a, b) => compareIds(key(b), key(a)));
}

/** Whether a channel has messages the own user has not read. */
export function isUnread(store: Store, channel: Channel): boolean {
  const newest = store.lastMessage.get(channel.id);
  if (!newest) return false;
  const state = store.readStates.get(channel.id);
  if (state) return isAfter(newest, state.last_message_id);
  if (isThread(channel)) return false;
  // Never opened: what came before joining is not news.
  const joined = channel.guild_id ? store.guilds.get(channel.guild_id)?.joined_at : undefined;
  return !joined || isAfter(newest, idAt(Date.parse(joined)));
}

export function mentionCount(store: Store, channelId: Id): number {
  return store.readStates.get(channelId)?.mention_count ?? 0;
}

export interface GuildBadge {
  unread: boolean;
  mentions: number;
}

/** Unread marks of every guild in one pass over the channels. */
export function guildBadges(store: Store): Map<Id, GuildBadge> {
  const badges = new Map<Id, GuildBadge>();
  for (const channel of store.channels.values()) {
    if (!channel.guild_id || channel.type === ChannelType.category) continue;
    const mentions = mentionCount(store, channel.id);
    // What is muted, or not in the list, shows no mark but for mentions from before.
    if (mentions === 0 && isQuiet(store, channel)) continue;
    const known = badges.get(channel.guild_id);
    if (mentions === 0 && (known?.unread || !isUnread(store, channel))) continue;
    if (!has(myPermissions(store, channel), Permission.VIEW_CHANNEL)) continue;
    badges.set(channel.guild_id, { unread: true, mentions: (known?.mentions ?? 0) + mentions });
  }
  return badges;
}

/** The first channel worth opening in a guild. */
export function landingChannel(store: Store, guildId: Id): Channel | undefined {
  const channels = channelTree(store, guildId).flatMap((g) => g.channels);
  return (
    channels.find((c) => c.type === ChannelType.text || c.type === ChannelType.announcement) ?? channels.find(isTextual)
  );
}

export function friends(store: Store, type: number): Id[] {
  return [...store.relationships.values()].filter((r) => r.type === type).map((r) => r.id);
}

export function highestRole(guild: Guild, member: Member | undefined): number {
  let top = 0;
  for (const role of guild.roles) if (member?.roles.includes(role.id) && role.position > top) top = role.position;
  return top;
}

/** Whether the own user stands above another in the guild's order of roles. */
export function outranks(store: Store, guild: Guild, userId: Id): boolean {
  const me = store.me?.id;
  if (!me || userId === guild.owner_id || userId === me) return false;
  if (guild.owner_id === me) return true;
  return highestRole(guild, store.member(guild.id, me)) > highestRole(guild, store.member(guild.id, userId));
}

/** The member list as rows: from the ranged list of the gateway when there is one, else from what is known. */
import { channelPermissions, has, Permission } from '../permissions';
import { ChannelType, type Channel, type Guild, type Id, type Member } from '../types';
import { allRows, type ListRow, type Rows } from './memberlist.svelte';
import { displayName, statusOf } from './selectors';
import type { Store } from './store.svelte';

/** Without a ranged list, offline members of a guild larger than this are not listed. */
const OFFLINE_SHOWN_MAX = 1000;

function groupOf(hoisted: { id: Id }[], member: Member, online: boolean): string {
  if (!online) return 'offline';
  return hoisted.find((r) => member.roles.includes(r.id))?.id ?? 'online';
}

/** Builds headings and members from the members this client happens to know. */
export function knownRows(store: Store, guild: Guild, channel: Channel | undefined): ListRow[] {
  const hoisted = guild.roles.filter((r) => r.hoist && r.id !== guild.id).sort((a, b) => b.position - a.position);
  const groups = new Map<string, { id: Id; name: string }[]>();
  const parent = channel?.parent_id ? store.channels.get(channel.parent_id) : undefined;
  for (const member of store.members(guild.id).values()) {
    if (channel && !has(channelPermissions(guild, channel, parent, member, member.user_id), Permission.VIEW_CHANNEL))
      continue;
    const key = groupOf(hoisted, member, statusOf(store, member.user_id) !== 'offline');
    const list = groups.get(key) ?? [];
    list.push({ id: member.user_id, name: displayName(store, member.user_id, guild.id).toLowerCase() });
    groups.set(key, list);
  }
  const rows: ListRow[] = [];
  for (const key of [...hoisted.map((r) => r.id), 'online', 'offline']) {
    const list = groups.get(key);
    if (!list) continue;
    list.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    rows.push({ kind: 'group', id: key, count: list.length });
    for (const { id } of key === 'offline' ? list.slice(0, OFFLINE_SHOWN_MAX) : list)
      rows.push({ kind: 'member', userId: id });
  }
  return rows;
}

/** People in a private channel. */
export function privateRows(store: Store, channel: Channel): ListRow[] {
  const ids = [
    ...(channel.recipient_ids ?? []),
    ...(store.me && channel.type === ChannelType.groupDm ? [store.me.id] : []),
  ];
  return [
    { kind: 'group', id: 'members', count: ids.length },
    ...ids.map((userId): ListRow => ({ kind: 'member', userId })),
  ];
}

/** Rows drawn as places until the list of a large guild arrives: the few members known would pass for all of them. */
const PLACES = 40;

export function memberRows(store: Store, guild: Guild, channel: Channel | undefined): Rows {
  const ranged = store.memberLists.get(guild.id);
  if (ranged && ranged.length > 0) return ranged;
  if (guild.large) return { length: Math.min(guild.member_count, PLACES), at: () => undefined };
  return allRows(knownRows(store, guild, channel));
}

const RANGE_ROWS = 100;

/**
 * Ranges of a hundred rows to subscribe to while rows `from`..`to` are in sight; the first is always one of them, and the one
 * that will be in sight next. At most three may be subscribed at once (userdoccers, "Guild Subscriptions").
 */
export function rangesFor(from: number, to: number): [number, number][] {
  const first = Math.floor(Math.max(0, from) / RANGE_ROWS);
  const last = Math.floor(Math.max(0, to) / RANGE_ROWS);
  const middle = (from + to) / 2 / RANGE_ROWS;
  const next = middle - first < 0.5 ? first - 1 : first + 1;
  const near = first === last ? [first, next] : [first, last];
  const pages = [...new Set([0, ...near])].filter((page) => page >= 0).sort((a, b) => a - b);
  return pages.map((page) => [page * RANGE_ROWS, page * RANGE_ROWS + RANGE_ROWS - 1]);
}

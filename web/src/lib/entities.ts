/** People, roles and channels that can be chosen: in the selects of applications and the options of commands. */
import { rank } from './composer/autocomplete';
import { has, Permission } from './permissions';
import { channelName, displayName, myPermissions } from './store/selectors';
import type { Store } from './store/store.svelte';
import type { Channel, Id } from './types';

export type EntityKind = 'user' | 'role' | 'channel' | 'mentionable';

export interface Entity {
  value: Id;
  label: string;
  detail?: string;
  kind: 'user' | 'role' | 'channel';
}

const SHOWN_MAX = 25;

function people(store: Store, channel: Channel): Entity[] {
  const ids = channel.guild_id
    ? [...store.members(channel.guild_id).keys()]
    : [...(channel.recipient_ids ?? []), ...(store.me ? [store.me.id] : [])];
  return ids.flatMap((id) => {
    const user = store.users.get(id);
    return user
      ? [{ value: id, label: displayName(store, id, channel.guild_id), detail: user.username, kind: 'user' as const }]
      : [];
  });
}

function roles(store: Store, channel: Channel): Entity[] {
  const guild = channel.guild_id ? store.guilds.get(channel.guild_id) : undefined;
  return (guild?.roles ?? []).map((r) => ({ value: r.id, label: r.name, detail: 'Role', kind: 'role' as const }));
}

function channels(store: Store, channel: Channel, types: number[] | undefined): Entity[] {
  return [...store.channels.values()]
    .filter(
      (c) =>
        c.guild_id === channel.guild_id &&
        c.guild_id &&
        (!types?.length || types.includes(c.type)) &&
        has(myPermissions(store, c), Permission.VIEW_CHANNEL),
    )
    .map((c) => ({
      value: c.id,
      label: channelName(store, c),
      detail: c.parent_id ? (store.channels.get(c.parent_id)?.name ?? undefined) : undefined,
      kind: 'channel' as const,
    }));
}

/** What can be chosen, best first; of many only those that fit what is typed. */
export function findEntities(
  store: Store,
  kind: EntityKind,
  channel: Channel,
  query: string,
  types?: number[],
): Entity[] {
  const all = [
    ...(kind === 'user' || kind === 'mentionable' ? people(store, channel) : []),
    ...(kind === 'role' || kind === 'mentionable' ? roles(store, channel) : []),
    ...(kind === 'channel' ? channels(store, channel, types) : []),
  ];
  const q = query.trim().replace(/^[@#]/, '');
  return all
    .map((entity) => ({
      entity,
      score: q ? Math.max(rank(entity.label, q), entity.kind === 'user' ? rank(entity.detail ?? '', q) : 0) : 1,
    }))
    .filter((s) => s.score > 0)
    .sort((a, b) => b.score - a.score || (a.entity.label.toLowerCase() < b.entity.label.toLowerCase() ? -1 : 1))
    .slice(0, SHOWN_MAX)
    .map((s) => s.entity);
}

/** The name of something that was chosen. */
export function entityName(store: Store, channel: Channel, id: Id): string {
  const role = channel.guild_id ? store.guilds.get(channel.guild_id)?.roles.find((r) => r.id === id) : undefined;
  const target = store.channels.get(id);
  return role?.name ?? (target ? channelName(store, target) : displayName(store, id, channel.guild_id));
}

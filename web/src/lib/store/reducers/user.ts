import { Level, PRIVATE } from '../notify';
import type { Store } from '../store.svelte';
import type { WireGuildSettings, WirePresence, WireRelationship } from '../../gateway/payloads';
import type { Reducers } from './index';

export function putPresence(store: Store, raw: WirePresence): void {
  const id = raw.user?.id ?? raw.user_id;
  if (!id) return;
  if (raw.user?.username) store.addUser({ ...raw.user, username: raw.user.username });
  store.presences.set(id, { status: raw.status ?? 'offline', activities: raw.activities ?? [] });
}

export function putGuildSettings(store: Store, raw: WireGuildSettings): void {
  store.guildSettings.set(raw.guild_id ?? PRIVATE, {
    guild_id: raw.guild_id ?? null,
    message_notifications: raw.message_notifications ?? Level.inherit,
    muted: raw.muted === true,
    mute_config: raw.mute_config ?? null,
    suppress_everyone: raw.suppress_everyone === true,
    suppress_roles: raw.suppress_roles === true,
    flags: raw.flags ?? 0,
    channel_overrides: Array.isArray(raw.channel_overrides) ? raw.channel_overrides : [],
  });
}

export function putRelationship(store: Store, d: WireRelationship): void {
  store.addUser(d.user);
  const id = d.user?.id ?? d.user_id ?? d.id;
  if (!id) return;
  // Somebody may be ignored, and nothing else.
  if (d.type) store.relationships.set(id, { id, type: d.type });
  else store.relationships.delete(id);
  if (d.user_ignored) store.ignored.add(id);
  else store.ignored.delete(id);
}

export const userReducers: Reducers = {
  USER_UPDATE(store, d) {
    store.addUser(d);
    store.me = { ...store.me, ...d };
  },
  PRESENCE_UPDATE: putPresence,
  USER_GUILD_SETTINGS_UPDATE: putGuildSettings,
  USER_SETTINGS_UPDATE(store, d) {
    if (d.guild_folders) store.folders = d.guild_folders;
  },
  SESSIONS_REPLACE(store, d) {
    const list = Array.isArray(d) ? d : [];
    const own = list.find((s) => s.session_id === 'all') ?? list[0];
    if (own && store.me)
      putPresence(store, { user: { id: store.me.id }, status: own.status, activities: own.activities });
  },
  RELATIONSHIP_ADD: putRelationship,
  RELATIONSHIP_UPDATE: putRelationship,
  RELATIONSHIP_REMOVE(store, d) {
    const id = d.id ?? d.user?.id ?? '';
    store.relationships.delete(id);
    store.ignored.delete(id);
  },
};

import type { Store } from '../store.svelte';
import type { Entries, Ready } from '../../gateway/payloads';
import { putChannel } from './channel';
import { putGuild } from './guild';
import type { Reducers } from './index';
import { putGuildSettings, putPresence, putRelationship } from './user';

function entries<T>(value: Entries<T> | undefined): T[] {
  if (Array.isArray(value)) return value;
  return Array.isArray(value?.entries) ? value.entries : [];
}

function putRelationships(store: Store, list: Ready['relationships']): void {
  for (const r of entries(list)) putRelationship(store, r);
}

export const readyReducers: Reducers = {
  READY(store, d) {
    store.clear();
    for (const user of d.users ?? []) store.addUser(user);
    store.addUser(d.user);
    store.me = d.user;
    (d.guilds ?? []).forEach((guild, i) => {
      for (const m of d.merged_members?.[i] ?? []) store.addMember(guild.id, m);
      putGuild(store, guild);
    });
    for (const channel of d.private_channels ?? []) putChannel(store, channel);
    putRelationships(store, d.relationships);
    store.folders = d.user_settings?.guild_folders ?? [];
    for (const s of entries(d.user_guild_settings)) putGuildSettings(store, s);
    for (const r of entries(d.read_state)) {
      // Kinds other than 0 (channel) count events, not messages.
      if (!r.read_state_type)
        store.readStates.set(r.id, {
          last_message_id: String(r.last_message_id ?? '0'),
          mention_count: r.mention_count ?? 0,
        });
    }
    for (const p of entries(d.presences)) putPresence(store, p);
    const own = (d.sessions ?? []).find((s) => s.session_id === 'all') ?? d.sessions?.[0];
    if (own) putPresence(store, { user: { id: d.user.id }, status: own.status, activities: own.activities });
    else putPresence(store, { user: { id: d.user.id }, status: 'online' });
    store.epoch += 1;
    store.ready = true;
  },

  READY_SUPPLEMENTAL(store, d) {
    (d.guilds ?? []).forEach((guild, i) => {
      for (const v of guild.voice_states ?? []) store.setVoiceState(guild.id, v);
      for (const m of d.merged_members?.[i] ?? []) store.addMember(guild.id, m);
      for (const p of d.merged_presences?.guilds?.[i] ?? []) putPresence(store, p);
    });
    for (const p of d.merged_presences?.friends ?? []) putPresence(store, p);
  },
};

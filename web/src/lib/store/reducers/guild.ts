import type { Guild } from '../../types';
import { RangedList } from '../memberlist.svelte';
import type { Store } from '../store.svelte';
import { isAfter } from '../../snowflake';
import { putChannel } from './channel';
import type { GatewayGuild, RoleChanged, SoundboardSound, StageInstance } from '../../gateway/payloads';
import type { Reducer, Reducers } from './index';
import { noteNewest } from './message';
import { putPresence } from './user';

const FIELDS = [
  'name',
  'icon',
  'description',
  'owner_id',
  'system_channel_id',
  'system_channel_flags',
  'rules_channel_id',
  'default_message_notifications',
  'verification_level',
  'features',
  'large',
] as const;

function copyField<K extends (typeof FIELDS)[number]>(to: Guild, from: Partial<Guild>, field: K): void {
  const value = from[field];
  if (value !== undefined) to[field] = value as Guild[K];
}

/** Takes in a guild as in GUILD_CREATE or READY; its own fields may be flat or under `properties`. */
export function putGuild(store: Store, raw: GatewayGuild): void {
  if (!store.guildOrder.includes(raw.id)) store.guildOrder = [...store.guildOrder, raw.id];
  if (raw.unavailable) {
    const known = store.guilds.get(raw.id);
    if (known) store.guilds.set(raw.id, { ...known, unavailable: true });
    return;
  }
  const flat = { ...raw.properties, ...raw };
  const guild: Guild = {
    id: raw.id,
    name: '',
    owner_id: '',
    roles: raw.roles ?? [],
    emojis: raw.emojis ?? [],
    stickers: raw.stickers ?? [],
    sounds: raw.soundboard_sounds ?? [],
    member_count: raw.member_count ?? raw.members?.length ?? 0,
    joined_at: raw.joined_at,
  };
  for (const field of FIELDS) copyField(guild, flat, field);
  store.guilds.set(raw.id, guild);
  for (const m of raw.members ?? []) store.addMember(raw.id, m);
  for (const c of [...(raw.channels ?? []), ...(raw.threads ?? [])]) putChannel(store, c, raw.id);
  for (const p of raw.presences ?? []) putPresence(store, p);
  for (const v of raw.voice_states ?? []) store.setVoiceState(raw.id, v);
  for (const stage of [...store.stages.values()]) if (stage.guild_id === raw.id) store.stages.delete(stage.channel_id);
  for (const stage of raw.stage_instances ?? []) store.stages.set(stage.channel_id, stage);
}

function putSounds(store: Store, guildId: string, sounds: SoundboardSound[]): void {
  const changed = new Set(sounds.map((s) => s.sound_id));
  patchGuild(store, guildId, (g) => ({
    ...g,
    sounds: [...(g.sounds ?? []).filter((s) => !changed.has(s.sound_id)), ...sounds],
  }));
}

const putSound: Reducer<SoundboardSound> = (store, d) => putSounds(store, d.guild_id ?? '', [d]);
const putStage: Reducer<StageInstance> = (store, d) => void store.stages.set(d.channel_id, d);

function patchGuild(store: Store, id: string, change: (guild: Guild) => Guild): void {
  const guild = store.guilds.get(id);
  if (guild) store.guilds.set(id, change(guild));
}

function putRole(store: Store, d: RoleChanged): void {
  const { role } = d;
  patchGuild(store, d.guild_id, (g) => ({ ...g, roles: [...g.roles.filter((r) => r.id !== role.id), role] }));
}

function countMember(store: Store, guildId: string, by: number): void {
  patchGuild(store, guildId, (g) => ({ ...g, member_count: Math.max(0, g.member_count + by) }));
}

export const guildReducers: Reducers = {
  GUILD_CREATE: putGuild,
  GUILD_UPDATE(store, d) {
    patchGuild(store, d.id, (g) => {
      const next: Guild = {
        ...g,
        roles: d.roles ?? g.roles,
        emojis: d.emojis ?? g.emojis,
        stickers: d.stickers ?? g.stickers,
      };
      for (const field of FIELDS) copyField(next, d, field);
      return next;
    });
  },
  GUILD_DELETE(store, d) {
    if (d.unavailable) patchGuild(store, d.id, (g) => ({ ...g, unavailable: true }));
    else store.removeGuild(d.id);
  },
  GUILD_ROLE_CREATE: putRole,
  GUILD_ROLE_UPDATE: putRole,
  GUILD_ROLE_DELETE(store, d) {
    patchGuild(store, d.guild_id, (g) => ({ ...g, roles: g.roles.filter((r) => r.id !== d.role_id) }));
    const members = store.members(d.guild_id);
    for (const [id, m] of members)
      if (m.roles.includes(d.role_id)) members.set(id, { ...m, roles: m.roles.filter((r) => r !== d.role_id) });
  },
  GUILD_EMOJIS_UPDATE(store, d) {
    patchGuild(store, d.guild_id, (g) => ({ ...g, emojis: d.emojis ?? [] }));
  },
  GUILD_STICKERS_UPDATE(store, d) {
    patchGuild(store, d.guild_id, (g) => ({ ...g, stickers: d.stickers ?? [] }));
  },
  GUILD_SOUNDBOARD_SOUND_CREATE: putSound,
  GUILD_SOUNDBOARD_SOUND_UPDATE: putSound,
  GUILD_SOUNDBOARD_SOUNDS_UPDATE(store, d) {
    putSounds(store, d.guild_id, d.soundboard_sounds ?? []);
  },
  GUILD_SOUNDBOARD_SOUND_DELETE(store, d) {
    patchGuild(store, d.guild_id, (g) => ({ ...g, sounds: g.sounds?.filter((s) => s.sound_id !== d.sound_id) }));
  },
  STAGE_INSTANCE_CREATE: putStage,
  STAGE_INSTANCE_UPDATE: putStage,
  STAGE_INSTANCE_DELETE(store, d) {
    store.stages.delete(d.channel_id);
  },
  GUILD_MEMBER_ADD(store, d) {
    const known = store.member(d.guild_id, d.user?.id ?? '');
    store.addMember(d.guild_id, d);
    if (!known) countMember(store, d.guild_id, 1);
  },
  GUILD_MEMBER_UPDATE(store, d) {
    store.addMember(d.guild_id, d);
  },
  GUILD_MEMBER_REMOVE(store, d) {
    store.members(d.guild_id).delete(d.user?.id);
    countMember(store, d.guild_id, -1);
  },
  GUILD_MEMBERS_CHUNK(store, d) {
    for (const m of d.members ?? []) store.addMember(d.guild_id, m);
    for (const p of d.presences ?? []) putPresence(store, p);
  },
  GUILD_MEMBER_LIST_UPDATE(store, d) {
    let list = store.memberLists.get(d.guild_id);
    const id = String(d.id ?? 'everyone');
    if (!list || list.id !== id) {
      // Another channel's list begins with a SYNC; anything else comes late for one no longer shown.
      if (list && !d.ops?.some((op) => op.op === 'SYNC')) return;
      store.memberLists.set(d.guild_id, (list = new RangedList(id)));
    }
    for (const op of d.ops ?? []) {
      for (const item of 'items' in op ? op.items : 'item' in op ? [op.item] : []) {
        // Who is merely scrolled past is known to the list alone.
        if (!item.member?.user || !store.users.has(item.member.user.id)) continue;
        store.addMember(d.guild_id, item.member);
        if (item.member.presence) putPresence(store, { ...item.member.presence, user: item.member.user });
      }
    }
    list.apply(d.ops ?? [], d.groups);
    if (typeof d.member_count === 'number') list.memberCount = d.member_count;
    if (typeof d.online_count === 'number') list.onlineCount = d.online_count;
  },
  PASSIVE_UPDATE_V2(store, d) {
    for (const c of d.updated_channels ?? []) {
      if (!c.last_message_id) continue;
      noteNewest(store, c.id, c.last_message_id);
      // There are messages that did not come.
      const log = store.knownLog(c.id);
      if (log?.loaded && (!log.last || isAfter(c.last_message_id, log.last.id))) log.stale = true;
    }
    for (const v of d.updated_voice_states ?? []) store.setVoiceState(d.guild_id, { ...v, guild_id: d.guild_id });
    for (const userId of d.removed_voice_states ?? [])
      store.setVoiceState(d.guild_id, { user_id: userId, channel_id: null });
    for (const m of d.updated_members ?? []) store.addMember(d.guild_id, m);
  },
};

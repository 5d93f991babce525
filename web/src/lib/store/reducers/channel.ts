import type { Channel, Id } from '../../types';
import type { Store } from '../store.svelte';
import type { WireChannel } from '../../gateway/payloads';
import { moveInCalls } from './call';
import type { Reducers } from './index';

const FIELDS = [
  'type',
  'name',
  'topic',
  'position',
  'parent_id',
  'nsfw',
  'owner_id',
  'icon',
  'rate_limit_per_user',
  'permission_overwrites',
  'thread_metadata',
  'message_count',
  'member_count',
  'member',
  'flags',
  'available_tags',
  'applied_tags',
  'default_reaction_emoji',
  'default_sort_order',
  'default_forum_layout',
  'default_auto_archive_duration',
  'user_limit',
] as const;

/** A channel as events and answers have it: some name the people in it by their ids alone. */
export type RawChannel = WireChannel & { recipient_ids?: Id[] };

function copyField<K extends (typeof FIELDS)[number]>(to: Channel, from: RawChannel, field: K): void {
  if (from[field] !== undefined) to[field] = from[field];
}

export function putChannel(store: Store, raw: RawChannel, guildId: Id | undefined = raw.guild_id): void {
  const known = store.channels.get(raw.id);
  const channel: Channel = { ...(known ?? { id: raw.id, type: raw.type }), guild_id: guildId ?? known?.guild_id };
  for (const field of FIELDS) copyField(channel, raw, field);
  for (const user of raw.recipients ?? []) store.addUser(user);
  if (raw.recipient_ids) channel.recipient_ids = raw.recipient_ids;
  else if (raw.recipients) channel.recipient_ids = raw.recipients.map((u) => u.id);
  store.channels.set(raw.id, channel);
  if (raw.last_message_id && !known) store.lastMessage.set(raw.id, raw.last_message_id);
}

function patchChannel(store: Store, id: Id, change: Partial<Channel>): void {
  const known = store.channels.get(id);
  if (known) store.channels.set(id, { ...known, ...change });
}

function put(store: Store, d: WireChannel): void {
  putChannel(store, d);
}

export const channelReducers: Reducers = {
  CHANNEL_CREATE: put,
  CHANNEL_UPDATE: put,
  CHANNEL_PINS_UPDATE(store, d) {
    store.pinChanges.set(d.channel_id, (store.pinChanges.get(d.channel_id) ?? 0) + 1);
  },
  THREAD_CREATE: put,
  THREAD_UPDATE: put,
  CHANNEL_DELETE(store, d) {
    for (const c of [...store.channels.values()])
      if (c.parent_id === d.id && c.type >= 10 && c.type <= 12) store.removeChannel(c.id);
    store.removeChannel(d.id);
  },
  THREAD_DELETE(store, d) {
    store.removeChannel(d.id);
  },
  THREAD_LIST_SYNC(store, d) {
    for (const t of d.threads ?? []) putChannel(store, t, d.guild_id);
    for (const m of d.members ?? []) patchChannel(store, m.id, { member: m });
  },
  THREAD_MEMBER_UPDATE(store, d) {
    patchChannel(store, d.id, { member: d });
  },
  THREAD_MEMBERS_UPDATE(store, d) {
    const me = store.me?.id ?? '';
    const change: Partial<Channel> = { member_count: d.member_count };
    if ((d.added_members ?? []).some((m) => m.user_id === me)) change.member = {};
    if ((d.removed_member_ids ?? []).includes(me)) change.member = undefined;
    patchChannel(store, d.id, change);
  },
  CHANNEL_RECIPIENT_ADD(store, d) {
    store.addUser(d.user);
    const known = store.channels.get(d.channel_id);
    if (known)
      patchChannel(store, known.id, { recipient_ids: [...new Set([...(known.recipient_ids ?? []), d.user.id])] });
  },
  CHANNEL_RECIPIENT_REMOVE(store, d) {
    if (d.user?.id === store.me?.id) store.removeChannel(d.channel_id);
    else {
      const known = store.channels.get(d.channel_id);
      if (known)
        patchChannel(store, known.id, { recipient_ids: known.recipient_ids?.filter((id) => id !== d.user?.id) });
    }
  },
  CHANNEL_UNREAD_UPDATE(store, d) {
    for (const c of d.channel_unread_updates ?? [])
      if (c.last_message_id) store.lastMessage.set(c.id, c.last_message_id);
  },
  TYPING_START(store, d, now) {
    if (d.user_id === store.me?.id) return;
    if (d.member && d.guild_id) store.addMember(d.guild_id, d.member);
    const next = new Map(store.typing.get(d.channel_id));
    // A sign lasts ten seconds unless it is renewed (Discord developer docs, "Trigger Typing Indicator").
    next.set(d.user_id, now + 10_000);
    store.typing.set(d.channel_id, next);
  },
  VOICE_STATE_UPDATE(store, d) {
    if (!d.guild_id) return moveInCalls(store, d);
    if (d.member) store.addMember(d.guild_id, d.member);
    store.setVoiceState(d.guild_id, d);
  },
};

/** Takes out typing signs that ran out. */
export function expireTyping(store: Store, now: number): void {
  for (const [channelId, users] of store.typing) {
    const live = new Map([...users].filter(([, until]) => until > now));
    if (live.size === users.size) continue;
    if (live.size) store.typing.set(channelId, live);
    else store.typing.delete(channelId);
  }
}

/** Someone who has just written is not typing any more. */
export function stopTyping(store: Store, channelId: Id, userId: Id): void {
  const users = store.typing.get(channelId);
  if (!users?.has(userId)) return;
  const next = new Map(users);
  next.delete(userId);
  if (next.size) store.typing.set(channelId, next);
  else store.typing.delete(channelId);
}

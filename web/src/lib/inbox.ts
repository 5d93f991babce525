/** The inbox: everything that is unread, what calls the person first. */
import { channels as api } from './api';
import { has, Permission } from './permissions';
import { learnFromHistory, normalizeMessage } from './store/reducers/message';
import { isQuiet, mentionsMe } from './store/notify';
import { isForum, isPrivate, isUnread, mentionCount, myPermissions } from './store/selectors';
import { isAfter } from './snowflake';
import type { Store } from './store/store.svelte';
import { ChannelType, type Channel, type Message } from './types';

export interface Waiting {
  channel: Channel;
  mentions: number;
}

/** Channels with something unread: those that call first, then by the newest message. With `called`, only those that call. */
export function waitingChannels(store: Store, called: boolean): Waiting[] {
  const out: Waiting[] = [];
  for (const channel of store.channels.values()) {
    const mentions = mentionCount(store, channel.id);
    if (channel.type === ChannelType.category || isForum(channel)) continue;
    if (mentions === 0 && (called || isQuiet(store, channel) || !isUnread(store, channel))) continue;
    if (!isPrivate(channel) && !has(myPermissions(store, channel), Permission.VIEW_CHANNEL)) continue;
    out.push({ channel, mentions });
  }
  const newest = (w: Waiting) => store.lastMessage.get(w.channel.id) ?? w.channel.id;
  return out.sort(
    (a, b) => Number(b.mentions > 0) - Number(a.mentions > 0) || (isAfter(newest(a), newest(b)) ? -1 : 1),
  );
}

/** Messages shown of one channel. */
export const SHOWN_MAX = 5;
/** Messages looked through for those that call. */
const LOOKED_AT = 50;

/** The first unread messages of a channel, or of those only the ones that call. */
export async function unreadOf(store: Store, { channel, mentions }: Waiting, called: boolean): Promise<Message[]> {
  const after = store.readStates.get(channel.id)?.last_message_id;
  const page = await api.messages(
    channel.id,
    after && after !== '0' ? { after, limit: LOOKED_AT } : { limit: Math.max(SHOWN_MAX, mentions) },
  );
  const messages = page.map((m) => normalizeMessage({ ...m, guild_id: m.guild_id ?? channel.guild_id }));
  for (const m of messages) learnFromHistory(store, m);
  const wanted = called ? messages.filter((m) => mentionsMe(store, m)) : messages;
  return wanted.sort((a, b) => (isAfter(a.id, b.id) ? 1 : -1)).slice(0, SHOWN_MAX);
}

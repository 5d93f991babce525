/** What the person has read: shown at once, told to the server a moment later. */
import { channels as api } from './api';
import { isAfter } from './snowflake';
import { isUnread, mentionCount } from './store/selectors';
import { store } from './store/store.svelte';
import type { Channel, Id } from './types';

const ACK_AFTER_MS = 300;
/** Acknowledgements in one request (userdoccers, "Bulk Acknowledge"). */
const BULK_MAX = 100;
const acks = new Map<Id, { messageId: Id; timer: ReturnType<typeof setTimeout> }>();
/** Acknowledgements on their way, by channel: what says otherwise must come after them. */
const underWay = new Map<Id, Promise<void>>();

/** Marks a channel as read up to a message: here at once, at the server a moment later. */
export function acknowledge(channelId: Id, messageId: Id): void {
  const known = store.readStates.get(channelId);
  if (known && !isAfter(messageId, known.last_message_id) && known.mention_count === 0) return;
  store.readStates.set(channelId, { last_message_id: messageId, mention_count: 0 });
  clearTimeout(acks.get(channelId)?.timer);
  acks.set(channelId, { messageId, timer: setTimeout(() => sendAck(channelId), ACK_AFTER_MS) });
}

function sendAck(channelId: Id): void {
  const pending = acks.get(channelId);
  if (!pending) return;
  clearTimeout(pending.timer);
  acks.delete(channelId);
  const sent: Promise<void> = Promise.resolve(underWay.get(channelId))
    .then(() => api.ack(channelId, pending.messageId))
    .then(
      () => {},
      () => {},
    )
    .finally(() => underWay.get(channelId) === sent && underWay.delete(channelId));
  underWay.set(channelId, sent);
}

/** What was read is told before the page goes. */
export function flushAcks(): void {
  for (const channelId of [...acks.keys()]) sendAck(channelId);
}

/** Everything from `messageId` on counts as not read: the mark goes to the message before it. */
export async function markUnread(channelId: Id, messageId: Id): Promise<void> {
  clearTimeout(acks.get(channelId)?.timer);
  acks.delete(channelId);
  await underWay.get(channelId);
  const before = (BigInt(messageId) - 1n).toString();
  const previous = store.knownLog(channelId)?.items.findLast((m) => isAfter(messageId, m.id))?.id ?? before;
  store.readStates.set(channelId, { last_message_id: previous, mention_count: 0 });
  await api.ackManually(channelId, previous, 0);
}

/** Marks several channels as read with as few requests as there can be. */
export async function markAllRead(channels: Iterable<Channel>): Promise<void> {
  const read: { channel_id: Id; message_id: Id; read_state_type: number }[] = [];
  for (const channel of channels) {
    if (!(isUnread(store, channel) || mentionCount(store, channel.id))) continue;
    // What called may be deleted since, and be all there was.
    const newest = store.lastMessage.get(channel.id) ?? store.readStates.get(channel.id)?.last_message_id ?? channel.id;
    store.readStates.set(channel.id, { last_message_id: newest, mention_count: 0 });
    read.push({ channel_id: channel.id, message_id: newest, read_state_type: 0 });
  }
  for (let i = 0; i < read.length; i += BULK_MAX) await api.ackBulk(read.slice(i, i + BULK_MAX));
}

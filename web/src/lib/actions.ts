/** What people do to messages and channels, shown at once and then asked of the server. */
import { ApiError, channels as api, describe, users } from './api';
import { idTimestamp, isAfter, makeNonce } from './snowflake';
import { learnFromHistory, noteNewest, normalizeMessage, withReaction } from './store/reducers/message';
import { putChannel } from './store/reducers/channel';
import { store } from './store/store.svelte';
import { router } from './router.svelte';
import type { ChannelLog } from './store/log.svelte';
import { MessageType, type Channel, type Emoji, type Id, type LocalState, type Message } from './types';
import { ui } from './ui.svelte';

export const PAGE_SIZE = 50;
const MEBIBYTE = 1024 * 1024;
/** Upload limits of the API (Discord developer docs, "Uploading Files"). */
export const FILES_MAX = 10;
export const FILE_BYTES_MAX = 10 * MEBIBYTE;
export const REQUEST_BYTES_MAX = 25 * MEBIBYTE;

/** Runs an action of the person's and says so when it fails. Gives whether it worked. */
export async function attempt(action: () => Promise<unknown>, done?: string): Promise<boolean> {
  try {
    await action();
    if (done) ui.toast(done, 'good');
    return true;
  } catch (error) {
    ui.toast(describe(error), 'error');
    return false;
  }
}

// ---- history ----

function takePage(page: Message[], guildId: Id | undefined): Message[] {
  const messages = page.map((m) => normalizeMessage({ ...m, guild_id: m.guild_id ?? guildId }));
  for (const m of messages) learnFromHistory(store, m);
  return messages;
}

async function loading(log: ChannelLog, kind: 'initial' | 'older' | 'newer', work: () => Promise<void>): Promise<void> {
  if (log.loading !== 'none') return;
  log.loading = kind;
  try {
    await work();
    log.error = null;
  } catch (error) {
    log.error = describe(error);
  } finally {
    log.loading = 'none';
  }
}

const guildOf = (channelId: Id) => store.channels.get(channelId)?.guild_id;

export function loadLatest(channelId: Id): Promise<void> {
  const log = store.log(channelId);
  return loading(log, 'initial', async () => {
    const page = takePage(await api.messages(channelId, { limit: PAGE_SIZE }), guildOf(channelId));
    // What came over the gateway while the page was on its way is kept.
    const newest = page[0]?.id;
    const since = log.loaded && !log.hasNewer ? log.items.filter((m) => !newest || isAfter(m.id, newest)) : [];
    log.reset([...page, ...since], page.length >= PAGE_SIZE, false);
    if (newest) noteNewest(store, channelId, newest);
  });
}

export function loadAround(channelId: Id, messageId: Id): Promise<void> {
  const log = store.log(channelId);
  return loading(log, 'initial', async () => {
    const page = takePage(await api.messages(channelId, { around: messageId, limit: PAGE_SIZE }), guildOf(channelId));
    const newest = store.lastMessage.get(channelId);
    const older = page.filter((m) => isAfter(messageId, m.id)).length;
    log.reset(page, older >= PAGE_SIZE / 2 - 1, !!newest && !page.some((m) => m.id === newest));
  });
}

export function loadOlder(channelId: Id): Promise<void> {
  const log = store.log(channelId);
  const first = log.first;
  if (!first || !log.hasOlder) return Promise.resolve();
  return loading(log, 'older', async () => {
    const page = takePage(await api.messages(channelId, { before: first.id, limit: PAGE_SIZE }), guildOf(channelId));
    log.prepend(page, page.length >= PAGE_SIZE);
  });
}

export function loadNewer(channelId: Id): Promise<void> {
  const log = store.log(channelId);
  const last = log.last;
  if (!last || !log.hasNewer) return Promise.resolve();
  return loading(log, 'newer', async () => {
    const page = takePage(await api.messages(channelId, { after: last.id, limit: PAGE_SIZE }), guildOf(channelId));
    log.append(page, page.length >= PAGE_SIZE);
  });
}

// ---- writing ----

export interface Outgoing {
  content: string;
  files: File[];
  replyTo?: { message: Message; mention: boolean } | null;
  previews?: LocalState['previews'];
}

const sendQueues = new Map<Id, Promise<void>>();
const outgoing = new Map<string, Outgoing>();

/** Shows a message at once and sends it after those written before it in the channel. */
export function sendMessage(channel: Channel, out: Outgoing): void {
  if (!store.me) return;
  const nonce = makeNonce();
  const reply = out.replyTo?.message;
  store.log(channel.id).outbox = [
    ...store.log(channel.id).outbox,
    {
      id: nonce,
      nonce,
      channel_id: channel.id,
      guild_id: channel.guild_id,
      author: store.me,
      content: out.content,
      timestamp: new Date(idTimestamp(nonce)).toISOString(),
      type: reply ? MessageType.reply : MessageType.default,
      mentions: [],
      mention_roles: [],
      attachments: [],
      embeds: [],
      message_reference: reply && { message_id: reply.id, channel_id: channel.id },
      referenced_message: reply,
      local: { status: 'sending', previews: out.previews, progress: out.files.length ? 0 : undefined },
    },
  ];
  outgoing.set(nonce, out);
  enqueue(channel.id, nonce);
}

function enqueue(channelId: Id, nonce: string): void {
  const before = sendQueues.get(channelId) ?? Promise.resolve();
  const mine = before.then(() => transmit(channelId, nonce));
  sendQueues.set(channelId, mine);
  void mine.finally(() => sendQueues.get(channelId) === mine && sendQueues.delete(channelId));
}

async function transmit(channelId: Id, nonce: string): Promise<void> {
  const out = outgoing.get(nonce);
  const log = store.log(channelId);
  if (!out || !log.outbox.some((m) => m.nonce === nonce)) return;
  const reply = out.replyTo;
  const body: Record<string, unknown> = {
    content: out.content,
    nonce,
    // A repeat of the same nonce gives the first message, so a retry cannot double it.
    enforce_nonce: true,
    attachments: out.files.length ? out.files.map((f, id) => ({ id, filename: f.name })) : undefined,
    message_reference: reply ? { message_id: reply.message.id, channel_id: channelId, fail_if_not_exists: false } : undefined,
    allowed_mentions: reply ? { parse: ['users', 'roles', 'everyone'], replied_user: reply.mention } : undefined,
  };
  const progress = (fraction: number) => log.updateOutbox(nonce, (m) => ({ ...m, local: { ...m.local!, progress: fraction } }));
  try {
    const sent = await sendPatiently(channelId, body, out.files, progress);
    outgoing.delete(nonce);
    const message = normalizeMessage({ ...sent, nonce, guild_id: guildOf(channelId) });
    noteNewest(store, channelId, message.id);
    store.readStates.set(channelId, { last_message_id: message.id, mention_count: 0 });
    log.add(message);
    log.dropFromOutbox(nonce);
  } catch (error) {
    log.updateOutbox(nonce, (m) => ({ ...m, local: { ...m.local!, status: 'failed', error: describe(error) } }));
  }
}

const SEND_TRIES = 3;

async function sendPatiently(channelId: Id, body: Record<string, unknown>, files: File[], progress: (f: number) => void): Promise<Message> {
  for (let tries = 1; ; tries++) {
    try {
      return await api.send(channelId, body, files, progress);
    } catch (error) {
      if (!(error instanceof ApiError) || !error.retryable || tries >= SEND_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 600 * tries));
    }
  }
}

export function retrySend(channelId: Id, nonce: string): void {
  store.log(channelId).updateOutbox(nonce, (m) => ({ ...m, local: { ...m.local!, status: 'sending', error: undefined } }));
  enqueue(channelId, nonce);
}

export function discardSend(channelId: Id, nonce: string): void {
  for (const p of outgoing.get(nonce)?.previews ?? []) if (p.url) URL.revokeObjectURL(p.url);
  outgoing.delete(nonce);
  store.log(channelId).dropFromOutbox(nonce);
}

export async function editMessage(message: Message, content: string): Promise<boolean> {
  const log = store.log(message.channel_id);
  log.update(message.id, (m) => ({ ...m, content, edited_timestamp: new Date().toISOString() }));
  const worked = await attempt(() => api.edit(message.channel_id, message.id, content));
  if (!worked) log.update(message.id, (m) => ({ ...m, content: message.content, edited_timestamp: message.edited_timestamp }));
  return worked;
}

export function confirmDelete(message: Message): void {
  const run = () => api.deleteMessage(message.channel_id, message.id).then(() => store.knownLog(message.channel_id)?.remove(new Set([message.id])));
  ui.open({ kind: 'confirm', title: 'Delete message', text: 'This cannot be undone.', action: 'Delete', danger: true, message, run });
}

export const emojiParam = (emoji: Emoji) => encodeURIComponent(emoji.id ? `${emoji.name}:${emoji.id}` : emoji.name);

export async function toggleReaction(message: Message, emoji: Emoji): Promise<void> {
  const log = store.log(message.channel_id);
  const mine = log.find(message.id)?.reactions?.find((r) => (r.emoji.id ? r.emoji.id === emoji.id : !emoji.id && r.emoji.name === emoji.name))?.me ?? false;
  const before = log.find(message.id)?.reactions;
  log.update(message.id, (m) => ({ ...m, reactions: withReaction(m.reactions, emoji, mine ? -1 : 1, true) }));
  const call = mine ? api.unreact : api.react;
  if (!(await attempt(() => call(message.channel_id, message.id, emojiParam(emoji))))) {
    log.update(message.id, (m) => ({ ...m, reactions: before }));
  }
}

export async function togglePin(message: Message): Promise<void> {
  const pin = !message.pinned;
  const call = pin ? api.pin : api.unpin;
  if (await attempt(() => call(message.channel_id, message.id), pin ? 'Pinned' : 'Unpinned')) {
    store.knownLog(message.channel_id)?.update(message.id, (m) => ({ ...m, pinned: pin }));
  }
}

// ---- reading ----

const ACK_AFTER_MS = 300;
const acks = new Map<Id, { messageId: Id; timer: ReturnType<typeof setTimeout> }>();

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
  api.ack(channelId, pending.messageId).catch(() => {});
}

// What was read is told before the page goes.
addEventListener('pagehide', () => [...acks.keys()].forEach(sendAck));

const TYPING_EVERY_MS = 8000;
const lastTyping = new Map<Id, number>();

export function noteTyping(channelId: Id): void {
  const now = Date.now();
  if (now - (lastTyping.get(channelId) ?? 0) < TYPING_EVERY_MS) return;
  lastTyping.set(channelId, now);
  api.typing(channelId).catch(() => {});
}

/** Sending ends the sign, so the next keystroke begins a new one. */
export function forgetTyping(channelId: Id): void {
  lastTyping.delete(channelId);
}

export async function openDm(userId: Id): Promise<void> {
  await attempt(async () => {
    const channel = await users.openDm([userId]);
    putChannel(store, channel);
    ui.profile = null;
    router.openChannel(null, channel.id);
  });
}

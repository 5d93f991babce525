/**
 * Messages on their way: shown at once, sent in the order written, and kept on this device until the server has them.
 *
 * What the network or the server could not take waits and goes out by itself when they are back; only what the server refuses is
 * left to the person. A message is sent twice only after a look whether it arrived the first time, as a nonce is remembered by
 * the server for minutes only.
 */
import { ApiError, channels as api, describe } from './api';
import { readStorage, writeStorage } from './prefs.svelte';
import { idTimestamp, isAfter, makeNonce } from './snowflake';
import { noteNewest, normalizeMessage } from './store/reducers/message';
import { store } from './store/store.svelte';
import { MessageType, type Channel, type Id, type LocalState, type Message, type StickerItem } from './types';

const MEBIBYTE = 1024 * 1024;
/** Upload limits of the API (Discord developer docs, "Uploading Files"). */
export const FILES_MAX = 10;
export const FILE_BYTES_MAX = 10 * MEBIBYTE;
export const REQUEST_BYTES_MAX = 25 * MEBIBYTE;

export interface Attached {
  file: File;
  /** Alternative text. */
  description?: string;
  spoiler?: boolean;
}

export interface Outgoing {
  content: string;
  files: Attached[];
  replyTo?: { message: Message; mention: boolean } | null;
  previews?: LocalState['previews'];
  stickers?: StickerItem[];
  /** Further fields of the request, such as a poll. */
  extra?: Record<string, unknown>;
}

interface Entry extends Outgoing {
  nonce: string;
  channelId: Id;
  userId: Id;
  /** The newest message of the channel when this one was written. */
  after: Id | null;
  /** Whether it may have arrived although no answer came. */
  unsure: boolean;
  abort: AbortController;
}

/** An entry as it is stored: without its files, which do not outlive the page. */
interface Stored {
  channelId: Id;
  userId: Id;
  content: string;
  after: Id | null;
  reply?: { message: Message; mention: boolean };
  extra?: Record<string, unknown>;
  stickers?: StickerItem[];
  files: number;
}

const KEY = 'consort:outbox:';
const entries = new Map<string, Entry>();
const queues = new Map<string, Promise<void>>();

function keep(entry: Entry): void {
  const { channelId, userId, content, after, extra, stickers } = entry;
  const stored: Stored = {
    channelId,
    userId,
    content,
    after,
    extra,
    stickers,
    reply: entry.replyTo ?? undefined,
    files: entry.files.length,
  };
  writeStorage(KEY + entry.nonce, stored);
}

function forget(nonce: string): void {
  const entry = entries.get(nonce);
  for (const p of entry?.previews ?? []) if (p.url) URL.revokeObjectURL(p.url);
  entries.delete(nonce);
  writeStorage(KEY + nonce, null);
}

function storedNonces(): string[] {
  try {
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(KEY))
      .map((key) => key.slice(KEY.length));
  } catch {
    return [];
  }
}

function show(entry: Entry, channel: Channel, local: LocalState): void {
  const reply = entry.replyTo?.message;
  const message: Message = {
    id: entry.nonce,
    nonce: entry.nonce,
    channel_id: entry.channelId,
    guild_id: channel.guild_id,
    author: store.me!,
    content: entry.content,
    timestamp: new Date(idTimestamp(entry.nonce)).toISOString(),
    type: reply ? MessageType.reply : MessageType.default,
    mentions: [],
    mention_roles: [],
    attachments: [],
    embeds: [],
    message_reference: reply && { message_id: reply.id, channel_id: channel.id },
    referenced_message: reply,
    sticker_items: entry.stickers,
    local,
  };
  const log = store.log(channel.id);
  log.outbox = [...log.outbox, message];
}

const setLocal = (entry: Entry, change: Partial<LocalState>) =>
  store.log(entry.channelId).updateOutbox(entry.nonce, (m) => ({ ...m, local: { ...m.local!, ...change } }));

/** Shows a message at once and sends it after those written before it in the channel. */
export function sendMessage(channel: Channel, out: Outgoing): void {
  if (!store.me) return;
  const after = store.lastMessage.get(channel.id) ?? null;
  const entry: Entry = {
    ...out,
    nonce: makeNonce(),
    channelId: channel.id,
    userId: store.me.id,
    after,
    unsure: false,
    abort: new AbortController(),
  };
  entries.set(entry.nonce, entry);
  keep(entry);
  show(entry, channel, { status: 'sending', previews: out.previews, progress: out.files.length ? 0 : undefined });
  enqueue(entry);
}

/** Files go beside: words written after an upload do not wait for it. */
function enqueue(entry: Entry): Promise<void> {
  const lane = entry.files.length ? `${entry.channelId}/files` : entry.channelId;
  const before = queues.get(lane) ?? Promise.resolve();
  const mine = before.then(() => transmit(entry));
  queues.set(lane, mine);
  void mine.finally(() => queues.get(lane) === mine && queues.delete(lane));
  return mine;
}

function bodyOf({ content, nonce, files, replyTo, channelId, extra, stickers }: Entry): Record<string, unknown> {
  return {
    ...extra,
    content,
    nonce,
    // A repeat of the same nonce gives the first message, so a retry within minutes cannot double it.
    enforce_nonce: true,
    sticker_ids: stickers?.map((s) => s.id),
    attachments: files.length
      ? files.map((f, id) => ({ id, filename: nameOf(f), description: f.description || undefined }))
      : undefined,
    message_reference: replyTo
      ? { message_id: replyTo.message.id, channel_id: channelId, fail_if_not_exists: false }
      : undefined,
    allowed_mentions: replyTo ? { parse: ['users', 'roles', 'everyone'], replied_user: replyTo.mention } : undefined,
  };
}

/** A spoiler is told by the name of the file (Discord developer docs, "Attachment Object"). */
const nameOf = ({ file, spoiler }: Attached) =>
  spoiler && !file.name.startsWith('SPOILER_') ? `SPOILER_${file.name}` : file.name;
const renamed = (f: Attached) =>
  nameOf(f) === f.file.name ? f.file : new File([f.file], nameOf(f), { type: f.file.type });

async function transmit(entry: Entry): Promise<void> {
  const log = store.log(entry.channelId);
  const current = log.outbox.find((m) => m.nonce === entry.nonce);
  if (!entries.has(entry.nonce) || !current || current.local?.status === 'failed') return;
  // What was written before this one waits: this one does too, so that the order stays.
  if (isBehind(entry)) return setLocal(entry, { status: 'waiting' });
  try {
    const arrived = entry.unsure ? await findArrived(entry) : undefined;
    setLocal(entry, { status: 'sending', error: undefined });
    settle(entry, arrived ?? (await sendPatiently(entry)));
  } catch (error) {
    // It was given up, or the gateway brought it although no answer came.
    if (!log.outbox.some((m) => m.nonce === entry.nonce)) return forget(entry.nonce);
    const waits = error instanceof ApiError && error.retryable && error.code !== SLOW_MODE;
    setLocal(entry, waits ? { status: 'waiting', error: undefined } : { status: 'failed', error: describe(error) });
    if (waits) arm();
  }
}

/** Whether words written earlier in the channel wait. */
function isBehind(entry: Entry): boolean {
  if (entry.files.length) return false;
  const waits = (m: Message) => m.local?.status === 'waiting' && entries.get(String(m.nonce))?.files.length === 0;
  return store.log(entry.channelId).outbox.some((m) => waits(m) && isAfter(entry.nonce, String(m.nonce)));
}

/** The code of a channel's slow mode, which is no failure of the network (Discord developer docs, "JSON Error Codes"). */
const SLOW_MODE = 20016;
const TRIES = 3;

async function sendPatiently(entry: Entry): Promise<Message> {
  const progress = (fraction: number) => setLocal(entry, { progress: fraction });
  for (let tries = 1; ; tries++) {
    try {
      return await api.send(entry.channelId, bodyOf(entry), entry.files.map(renamed), progress, entry.abort.signal);
    } catch (error) {
      if (!(error instanceof ApiError) || !error.retryable || error.code === SLOW_MODE) throw error;
      entry.unsure ||= error.status === 0 || error.status >= 500;
      if (tries >= TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, 600 * tries));
    }
  }
}

function settle(entry: Entry, sent: Message): void {
  const { channelId, nonce } = entry;
  const log = store.log(channelId);
  forget(nonce);
  const message = normalizeMessage({ ...sent, nonce, guild_id: store.channels.get(channelId)?.guild_id });
  noteNewest(store, channelId, message.id);
  store.readStates.set(channelId, { last_message_id: message.id, mention_count: 0 });
  log.add(message);
  log.dropFromOutbox(nonce);
}

/** Messages that were taken for one that was written; each stands for one only. */
const claimed = new Set<Id>();

/** The message that a try without an answer left in the channel, if it did. */
async function findArrived(entry: Entry): Promise<Message | undefined> {
  const page = await api.messages(entry.channelId, entry.after ? { after: entry.after, limit: 100 } : { limit: 100 });
  const known = store.log(entry.channelId);
  const fits = (m: Message) =>
    m.author.id === entry.userId && m.content === entry.content && m.attachments.length === entry.files.length;
  // Those that came back with their nonce were matched already.
  const found = page.filter((m) => fits(m) && !claimed.has(m.id) && known.find(m.id)?.nonce === undefined).at(-1);
  if (found) claimed.add(found.id);
  return found;
}

const RETRY_FIRST_MS = 5_000;
const RETRY_MAX_MS = 60_000;
let retryTimer: ReturnType<typeof setTimeout> | undefined;
let retryMs = RETRY_FIRST_MS;

function arm(): void {
  clearTimeout(retryTimer);
  retryTimer = setTimeout(() => void flush(), retryMs);
  retryMs = Math.min(retryMs * 2, RETRY_MAX_MS);
}

/** Sends what waits: the connection is back, or some time has passed. */
export async function flush(reconnected = false): Promise<void> {
  clearTimeout(retryTimer);
  if (reconnected) retryMs = RETRY_FIRST_MS;
  const stateOf = (e: Entry) => store.log(e.channelId).outbox.find((m) => m.nonce === e.nonce)?.local?.status;
  // What the gateway has brought meanwhile waits no more.
  for (const entry of entries.values()) if (stateOf(entry) === undefined) forget(entry.nonce);
  const waiting = [...entries.values()].filter((e) => stateOf(e) === 'waiting');
  await Promise.all(waiting.sort((a, b) => (isAfter(a.nonce, b.nonce) ? 1 : -1)).map(enqueue));
}

export function retrySend(nonce: string): void {
  const entry = entries.get(nonce);
  if (!entry) return;
  setLocal(entry, { status: 'sending', error: undefined });
  void enqueue(entry);
}

/** Gives a message up; an upload under way ends. */
export function discardSend(channelId: Id, nonce: string): void {
  entries.get(nonce)?.abort.abort();
  forget(nonce);
  store.log(channelId).dropFromOutbox(nonce);
}

/** Whether files are on their way, which would not survive the page. */
export function isUploading(): boolean {
  return [...entries.values()].some((e) => e.files.length > 0);
}

/** Takes up what an earlier page left behind. Channels must be known. */
export async function restore(): Promise<void> {
  for (const nonce of storedNonces().sort((a, b) => (isAfter(a, b) ? 1 : -1))) {
    const stored = readStorage<Stored>(KEY + nonce);
    if (!stored || entries.has(nonce) || stored.userId !== store.me?.id) continue;
    const channel = store.channels.get(stored.channelId);
    if (!channel) {
      forget(nonce);
      continue;
    }
    const entry: Entry = {
      ...stored,
      nonce,
      files: [],
      replyTo: stored.reply,
      unsure: true,
      abort: new AbortController(),
    };
    entries.set(nonce, entry);
    show(
      entry,
      channel,
      stored.files
        ? { status: 'failed', error: 'the page was closed before its files had gone', lost: true }
        : { status: 'waiting' },
    );
  }
  await flush(true);
}

/** Forgets everything, as at logout. */
export function clearOutbox(): void {
  clearTimeout(retryTimer);
  for (const entry of entries.values()) entry.abort.abort();
  for (const nonce of new Set([...entries.keys(), ...storedNonces()])) forget(nonce);
  claimed.clear();
}

/** Lays messages out as rows: who is grouped under whom, where a day begins, where the news begins. */
import { isAfter } from '../../lib/snowflake';
import { sameDay } from '../../lib/time';
import { isEphemeral, MessageType, type Id, type Message } from '../../lib/types';

export type Row =
  | { kind: 'top'; key: string; more: boolean }
  | { kind: 'day'; key: string; at: Date }
  | { kind: 'new'; key: string }
  | { kind: 'message'; key: string; message: Message; grouped: boolean }
  | { kind: 'blocked'; key: string; count: number; open: boolean }
  | { kind: 'end'; key: string }
  | { kind: 'foot'; key: string };

/** Messages of one author closer than this are grouped. */
const GROUP_WITHIN_MS = 7 * 60 * 1000;

/** Ordinary messages, as against notices. */
export function isTalk(message: Message): boolean {
  return TALK.has(message.type);
}
const TALK = new Set<number>([MessageType.default, MessageType.reply, MessageType.command, MessageType.contextMenu]);

/** What a row shows: a thread's first row shows the message that the thread was started from, as its author wrote it. */
export function shownOf(message: Message): Message {
  const starter = message.type === MessageType.threadStarter ? message.referenced_message : undefined;
  return starter ? { ...starter, guild_id: message.guild_id } : message;
}

/** Whether a message of ordinary kind has nothing in it that this client can draw. */
export function isBlank(m: Message): boolean {
  const parts = [m.attachments, m.embeds, m.components, m.sticker_items, m.message_snapshots, m.local?.previews];
  return !m.content && !m.poll && !m.local && parts.every((part) => !part?.length);
}

function continues(previous: Message | undefined, message: Message): boolean {
  return (
    !!previous &&
    isTalk(previous) &&
    message.type === MessageType.default &&
    isEphemeral(previous) === isEphemeral(message) &&
    previous.author.id === message.author.id &&
    previous.author.username === message.author.username &&
    Date.parse(message.timestamp) - Date.parse(previous.timestamp) < GROUP_WITHIN_MS
  );
}

/** Our own message keeps its key when the server accepts it, so that it is not drawn anew. */
export const messageKey = (m: Message): string => (m.nonce !== undefined && m.nonce !== null ? `n${m.nonce}` : m.id);

export interface Layout {
  items: Message[];
  outbox: Message[];
  hasOlder: boolean;
  hasNewer: boolean;
  readUpTo: Id | null;
  meId: Id | undefined;
  isBlocked?: (userId: Id) => boolean;
  /** Keys of the folded rows that were opened. */
  unfolded?: ReadonlySet<string>;
}

/** The rows of a channel; the last is always the foot, the room under the messages. */
export function layOut({ items, outbox, hasOlder, hasNewer, readUpTo, meId, isBlocked, unfolded }: Layout): Row[] {
  const rows: Row[] = [{ kind: 'top', key: 'top', more: hasOlder }];
  let previous: Message | undefined;
  let previousAt: Date | undefined;
  let marked = readUpTo === null;
  let fold: Extract<Row, { kind: 'blocked' }> | null = null;
  for (const message of hasNewer ? items : [...items, ...outbox]) {
    const at = new Date(message.timestamp);
    const newDay = !previousAt || !sameDay(previousAt, at);
    if (newDay) rows.push({ kind: 'day', key: `d${messageKey(message)}`, at });
    let cut = false;
    if (!marked && !message.local && isAfter(message.id, readUpTo) && message.author.id !== meId) {
      marked = true;
      cut = true;
      rows.push({ kind: 'new', key: 'new' });
    }
    if (isBlocked?.(message.author.id)) {
      if (!fold || cut || newDay) {
        const key: string = `b${messageKey(message)}`;
        rows.push((fold = { kind: 'blocked', key, count: 0, open: unfolded?.has(key) ?? false }));
      }
      fold.count += 1;
      previous = fold.open ? previous : undefined;
      previousAt = at;
      if (!fold.open) continue;
    } else fold = null;
    rows.push({
      kind: 'message',
      key: messageKey(message),
      message,
      grouped: !newDay && !cut && continues(previous, message),
    });
    previous = message;
    previousAt = at;
  }
  if (hasNewer) rows.push({ kind: 'end', key: 'end' });
  rows.push({ kind: 'foot', key: 'foot' });
  return rows;
}

/** Lays messages out as rows: who is grouped under whom, where a day begins, where the news begins. */
import { isAfter } from '../../lib/snowflake';
import { sameDay } from '../../lib/time';
import { MessageType, type Id, type Message } from '../../lib/types';

export type Row =
  | { kind: 'top'; key: string; more: boolean }
  | { kind: 'day'; key: string; at: Date }
  | { kind: 'new'; key: string }
  | { kind: 'message'; key: string; message: Message; grouped: boolean }
  | { kind: 'end'; key: string }
  | { kind: 'foot'; key: string };

/** Messages of one author closer than this are grouped. */
const GROUP_WITHIN_MS = 7 * 60 * 1000;

/** Ordinary messages, as against notices. */
export function isTalk(message: Message): boolean {
  return message.type === MessageType.default || message.type === MessageType.reply || message.type === MessageType.command || message.type === MessageType.contextMenu;
}

function continues(previous: Message | undefined, message: Message): boolean {
  return (
    !!previous &&
    isTalk(previous) &&
    message.type === MessageType.default &&
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
}

/** The rows of a channel; the last is always the foot, the room under the messages. */
export function layOut({ items, outbox, hasOlder, hasNewer, readUpTo, meId }: Layout): Row[] {
  const rows: Row[] = [{ kind: 'top', key: 'top', more: hasOlder }];
  let previous: Message | undefined;
  let previousAt: Date | undefined;
  let marked = readUpTo === null;
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
    rows.push({ kind: 'message', key: messageKey(message), message, grouped: !newDay && !cut && continues(previous, message) });
    previous = message;
    previousAt = at;
  }
  if (hasNewer) rows.push({ kind: 'end', key: 'end' });
  rows.push({ kind: 'foot', key: 'foot' });
  return rows;
}

/** What is being completed at the caret, and with what. */
import { emojiName, loadEmoji, searchEmoji } from '../emoji';
import { emojiUrl } from '../cdn';
import { has, isThread, Permission } from '../permissions';
import { displayName, isPrivate, myPermissions } from '../store/selectors';
import type { Store } from '../store/store.svelte';
import { ChannelType, type Channel } from '../types';

export interface Token {
  kind: 'user' | 'channel' | 'emoji';
  query: string;
  /** Where the token begins, counting its first character. */
  start: number;
}

export interface Suggestion {
  key: string;
  label: string;
  detail?: string;
  /** What goes into the text box. */
  insert: string;
  /** What is sent in its place. */
  wire?: string;
  userId?: string;
  color?: string | null;
  unicode?: string;
  image?: string;
}

const SUGGESTIONS_MAX = 8;

/** The token that ends at the caret, or null. */
export function tokenAt(text: string, caret: number): Token | null {
  const before = text.slice(0, caret);
  const m = /(?:^|[\s(])([@#:])([^\s@#:]{0,32})$/.exec(before);
  if (!m) return null;
  const query = m[2]!;
  const kind = m[1] === '@' ? 'user' : m[1] === '#' ? 'channel' : 'emoji';
  if (kind === 'emoji' && (query.length < 2 || !/^[\w+-]+$/.test(query))) return null;
  return { kind, query, start: caret - query.length - 1 };
}

/** How well `name` answers `query`; 0 is not at all. */
export function rank(name: string, query: string): number {
  const n = name.toLowerCase();
  const q = query.toLowerCase();
  if (n.startsWith(q)) return 3;
  if (n.split(/[\s_-]+/).some((word) => word.startsWith(q))) return 2;
  return n.includes(q) ? 1 : 0;
}

function best(list: (Suggestion & { score: number })[]): Suggestion[] {
  return list
    .filter((s) => s.score > 0)
    .sort((a, b) => b.score - a.score || (a.label.toLowerCase() < b.label.toLowerCase() ? -1 : 1))
    .slice(0, SUGGESTIONS_MAX);
}

/** Places kept for roles and for everyone, when there are more people than places. */
const OTHERS_MIN = 3;

/** People first; a few places are left for the rest. */
function mix(people: Suggestion[], others: Suggestion[]): Suggestion[] {
  const kept = Math.max(SUGGESTIONS_MAX - others.length, SUGGESTIONS_MAX - OTHERS_MIN);
  return [...people.slice(0, kept), ...others].slice(0, SUGGESTIONS_MAX);
}

function users(store: Store, channel: Channel, query: string): Suggestion[] {
  const ids = channel.guild_id
    ? [...store.members(channel.guild_id).keys()]
    : [...(channel.recipient_ids ?? []), store.me?.id ?? ''];
  const people = ids.flatMap((id) => {
    const user = store.users.get(id);
    if (!user) return [];
    const name = displayName(store, id, channel.guild_id);
    return [
      {
        key: id,
        label: name,
        detail: user.username,
        insert: `@${user.username}`,
        wire: `<@${id}>`,
        userId: id,
        score: Math.max(rank(name, query), rank(user.username, query)),
      },
    ];
  });
  const guild = channel.guild_id ? store.guilds.get(channel.guild_id) : undefined;
  const mayAll = guild ? has(myPermissions(store, channel), Permission.MENTION_EVERYONE) : false;
  const roles = (guild?.roles ?? [])
    .filter((r) => r.id !== guild?.id && (r.mentionable || mayAll))
    .map((r) => ({
      key: r.id,
      label: `@${r.name}`,
      detail: 'role',
      insert: `@${r.name}`,
      wire: `<@&${r.id}>`,
      color: r.color ? `#${r.color.toString(16).padStart(6, '0')}` : null,
      score: rank(r.name, query),
    }));
  const all = mayAll
    ? ['everyone', 'here'].map((w) => ({
        key: w,
        label: `@${w}`,
        detail: w === 'here' ? 'everyone online' : 'everyone in this channel',
        insert: `@${w}`,
        score: rank(w, query),
      }))
    : [];
  return mix(best(people), best([...roles, ...all]));
}

function channels(store: Store, channel: Channel, query: string): Suggestion[] {
  if (!channel.guild_id) return [];
  const list = [...store.channels.values()].filter(
    (c) =>
      c.guild_id === channel.guild_id &&
      c.type !== ChannelType.category &&
      has(myPermissions(store, c), Permission.VIEW_CHANNEL),
  );
  return best(
    list.map((c) => ({
      key: c.id,
      label: c.name ?? '',
      detail: isThread(c) ? 'thread' : undefined,
      insert: `#${c.name}`,
      wire: `<#${c.id}>`,
      score:
        rank(c.name ?? '', query) * 2 + (query && rank(c.name ?? '', query) && c.type === ChannelType.text ? 1 : 0),
    })),
  );
}

async function emoji(store: Store, channel: Channel, query: string): Promise<Suggestion[]> {
  const external = isPrivate(channel) || has(myPermissions(store, channel), Permission.USE_EXTERNAL_EMOJIS);
  const custom = [...store.guilds.values()]
    .filter((g) => external || g.id === channel.guild_id)
    .flatMap((g) => g.emojis.map((e) => ({ e, g })))
    .map(({ e, g }) => ({
      key: e.id!,
      label: `:${e.name}:`,
      detail: g.name,
      insert: `:${e.name}:`,
      wire: `<${e.animated ? 'a' : ''}:${e.name}:${e.id}>`,
      image: emojiUrl(e.id!, e.animated),
      score: rank(emojiName(e), query) * 2,
    }));
  const standard = searchEmoji(await loadEmoji(), query, SUGGESTIONS_MAX).map((e) => ({
    key: e.unicode,
    label: `:${e.shortcodes[0]}:`,
    insert: e.unicode,
    unicode: e.unicode,
    score: 1,
  }));
  return [...best(custom), ...standard].slice(0, SUGGESTIONS_MAX);
}

export async function suggest(store: Store, channel: Channel, token: Token): Promise<Suggestion[]> {
  if (token.kind === 'user') return users(store, channel, token.query);
  if (token.kind === 'channel') return channels(store, channel, token.query);
  return emoji(store, channel, token.query);
}

/** Search as it is typed: words, and filters such as `from:ada has:image after:2026-01-31`. */
import { idAt } from './snowflake';
import { channelName, displayName } from './store/selectors';
import type { Store } from './store/store.svelte';
import type { Id } from './types';

/** A query of the API (Message page, "Search Guild Messages"). */
export type SearchQuery = Record<string, string | string[]>;

export interface Typed {
  query: SearchQuery;
  /** What could not be understood, in words. */
  problem?: string;
}

const PARTS = ['link', 'embed', 'file', 'image', 'video', 'sound', 'sticker', 'poll', 'snapshot'];
const DAY_MS = 86_400_000;

/** A filter: a name, a colon, and a word or what stands between quotation marks. */
const FILTER = /(?:^|\s)(from|mentions|in|has|before|after|on|pinned|kind):(?:"([^"]*)"|(\S*))/gi;

function personOf(store: Store, name: string, guildId: Id | undefined): Id | undefined {
  if (/^\d{15,20}$/.test(name)) return name;
  const wanted = name.replace(/^@/, '').toLowerCase();
  if (wanted === 'me') return store.me?.id;
  const shown = (id: Id) => displayName(store, id, guildId).toLowerCase();
  const users = [...store.users.values()];
  const exact = users.find((u) => u.username.toLowerCase() === wanted) ?? users.find((u) => shown(u.id) === wanted);
  return (exact ?? users.find((u) => shown(u.id).startsWith(wanted)))?.id;
}

function channelOf(store: Store, name: string, guildId: Id | undefined): Id | undefined {
  if (/^\d{15,20}$/.test(name)) return name;
  const wanted = name.replace(/^#/, '').toLowerCase();
  const channels = [...store.channels.values()].filter((c) => c.guild_id === guildId);
  const named = (c: (typeof channels)[number]) => channelName(store, c).toLowerCase();
  return (channels.find((c) => named(c) === wanted) ?? channels.find((c) => named(c).startsWith(wanted)))?.id;
}

/** The first moment of a day in this time zone. */
function dayOf(text: string): number | undefined {
  const [, year, month, day] = /^(\d{4})-(\d{1,2})-(\d{1,2})$/.exec(text) ?? [];
  if (!year || !month || !day) return undefined;
  const date = new Date(Number(year), Number(month) - 1, Number(day));
  return date.getMonth() === Number(month) - 1 ? date.getTime() : undefined;
}

/** Reads what somebody has typed. */
export function readSearch(store: Store, text: string, guildId: Id | undefined): Typed {
  const query: SearchQuery = {};
  let problem: string | undefined;
  const add = (name: string, value: string | undefined, unknown: string) => {
    if (value === undefined) problem ??= unknown;
    else query[name] = [...(query[name] ?? []), value];
  };
  const limit = (name: 'min_id' | 'max_id', ms: number | undefined, value: string) => {
    if (ms === undefined) problem ??= `“${value}” is not a day; write it as 2026-01-31.`;
    else query[name] = idAt(ms);
  };
  const content = text.replace(FILTER, (_, filter: string, quoted: string | undefined, plain: string | undefined) => {
    const value = quoted ?? plain ?? '';
    if (!value) return ' ';
    switch (filter.toLowerCase()) {
      case 'from':
        add('author_id', personOf(store, value, guildId), `Nobody here is called “${value}”.`);
        break;
      case 'mentions':
        add('mentions', personOf(store, value, guildId), `Nobody here is called “${value}”.`);
        break;
      case 'in':
        add('channel_id', channelOf(store, value, guildId), `There is no channel “${value}”.`);
        break;
      case 'has':
        add(
          'has',
          PARTS.includes(value.replace(/^-/, '')) ? value : undefined,
          `A message may have one of: ${PARTS.join(', ')}.`,
        );
        break;
      case 'kind':
        add(
          'author_type',
          ['user', 'bot', 'webhook'].includes(value) ? value : undefined,
          'Who writes is of the kind user, bot or webhook.',
        );
        break;
      case 'pinned':
        query.pinned = String(!/^(no|false)$/i.test(value));
        break;
      case 'before':
        limit('max_id', dayOf(value), value);
        break;
      case 'after':
        limit('min_id', (dayOf(value) ?? NaN) + DAY_MS || undefined, value);
        break;
      case 'on':
        limit('min_id', dayOf(value), value);
        limit('max_id', (dayOf(value) ?? NaN) + DAY_MS || undefined, value);
        break;
    }
    return ' ';
  });
  const words = content.trim().replace(/\s+/g, ' ');
  if (words) query.content = words;
  return problem ? { query, problem } : { query };
}

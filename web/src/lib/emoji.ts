/** Emoji: their names, and the standard ones, loaded when first needed. */
import type { Emoji } from './types';

/** What an emoji is called. One that was deleted may have no name any more (Discord developer docs, "Emoji Object"). */
export const emojiName = (emoji: Pick<Emoji, 'name'>): string => emoji.name ?? 'deleted emoji';

/** An emoji as text: the character itself, or the name of a custom one between colons. */
export const emojiText = (emoji: Pick<Emoji, 'id' | 'name'>): string =>
  emoji.id ? `:${emojiName(emoji)}:` : emojiName(emoji);

export interface EmojiEntry {
  unicode: string;
  label: string;
  shortcodes: string[];
  tags: string[];
  group: number;
  /** Whether it comes in skin tones. */
  toned: boolean;
}

export const GROUPS = [
  'Smileys',
  'People',
  'Component',
  'Animals & nature',
  'Food & drink',
  'Travel & places',
  'Activities',
  'Objects',
  'Symbols',
  'Flags',
];

let loading: Promise<EmojiEntry[]> | null = null;
let byShortcode = new Map<string, EmojiEntry>();

async function load(): Promise<EmojiEntry[]> {
  const { default: rows } = await import('virtual:emoji-data');
  const entries = rows.map(([unicode, group, label, shortcodes, tags, toned]) => ({
    unicode,
    group,
    label,
    shortcodes: shortcodes.split(' '),
    tags: tags.split(' '),
    toned: toned === 1,
  }));
  byShortcode = new Map(entries.flatMap((e) => e.shortcodes.map((code) => [code, e])));
  return entries;
}

export function loadEmoji(): Promise<EmojiEntry[]> {
  return (loading ??= load().catch((error) => {
    loading = null;
    throw error;
  }));
}

/** The character of a shortcode, if the data is already here. */
export function fromShortcode(code: string): string | undefined {
  return byShortcode.get(code)?.unicode;
}

/** Finds emoji by shortcode, name or tag; better matches first. */
export function searchEmoji(entries: EmojiEntry[], query: string, limit: number): EmojiEntry[] {
  const q = query.toLowerCase();
  const scored: { entry: EmojiEntry; score: number }[] = [];
  for (const entry of entries) {
    const score = scoreOf(entry, q);
    if (score > 0) scored.push({ entry, score });
  }
  return scored
    .sort((a, b) => b.score - a.score)
    .slice(0, limit)
    .map((s) => s.entry);
}

function scoreOf(entry: EmojiEntry, q: string): number {
  let best = 0;
  for (const code of entry.shortcodes) {
    if (code === q) return 10;
    if (code.startsWith(q)) best = Math.max(best, 6);
    else if (code.includes(q)) best = Math.max(best, 3);
  }
  if (entry.tags.some((t) => t.startsWith(q))) best = Math.max(best, 4);
  if (entry.label.includes(q)) best = Math.max(best, 2);
  return best;
}

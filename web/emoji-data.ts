/** Boils emojibase down at build time to what the picker reads: one short row per emoji. */
import { createRequire } from 'node:module';
import type { Plugin } from 'vite';

const ID = 'virtual:emoji-data';
const require = createRequire(import.meta.url);

interface Compact {
  unicode: string;
  label: string;
  hexcode: string;
  order?: number;
  tags?: string[];
  group?: number;
  skins?: { unicode: string }[];
}

/** Group 2 holds skin tones and other parts that are no emoji by themselves. */
const COMPONENT_GROUP = 2;

function rows(): unknown[] {
  const data = require('emojibase-data/en/compact.json') as Compact[];
  const codes = require('emojibase-data/en/shortcodes/github.json') as Record<string, string | string[]>;
  return data
    .filter((e) => e.group !== undefined && e.group !== COMPONENT_GROUP)
    .sort((a, b) => (a.order ?? 0) - (b.order ?? 0))
    .map((e) => {
      const shortcodes = [codes[e.hexcode] ?? e.label.toLowerCase().replace(/\W+/g, '_')].flat();
      return [
        e.unicode,
        e.group,
        e.label,
        shortcodes.join(' '),
        (e.tags ?? []).slice(0, 8).join(' '),
        (e.skins ?? []).length === 5 ? 1 : 0,
      ];
    });
}

export function emojiData(): Plugin {
  return {
    name: 'emoji-data',
    resolveId: (id) => (id === ID ? `\0${ID}` : undefined),
    load: (id) =>
      id === `\0${ID}` ? `export default JSON.parse(${JSON.stringify(JSON.stringify(rows()))})` : undefined,
  };
}

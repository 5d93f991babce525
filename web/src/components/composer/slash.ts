/** What can be picked after a slash: the commands of applications, and a few words that the client itself knows. */
import { rank } from '../../lib/composer/autocomplete';
import type { Usable } from '../../lib/commands.svelte';

export interface Pickable {
  key: string;
  name: string;
  description: string;
  /** A command of an application; without it, text that is put into the message. */
  use?: Usable;
}

const BUILT_IN: Record<string, { description: string; expand: (rest: string) => string }> = {
  shrug: { description: 'Puts ¯\\_(ツ)_/¯ behind the message', expand: (rest) => `${rest} ¯\\\\\\_(ツ)\\_/¯`.trim() },
  tableflip: { description: 'Puts (╯°□°)╯︵ ┻━┻ behind the message', expand: (rest) => `${rest} (╯°□°)╯︵ ┻━┻`.trim() },
  unflip: {
    description: 'Puts ┬─┬ノ( º _ ºノ) behind the message',
    expand: (rest) => `${rest} ┬─┬ノ( º \\_ ºノ)`.trim(),
  },
  me: { description: 'Says what you do', expand: (rest) => (rest ? `_${rest}_` : '') },
  spoiler: { description: 'Hides the message as a spoiler', expand: (rest) => (rest ? `||${rest}||` : '') },
};

const PICKED_MAX = 50;

/** What is typed after the slash while a command is being looked for; null when the text is no command. */
export function slashQuery(text: string): string | null {
  const m = /^\/([^\s/][^\n]{0,63})?$/.exec(text);
  if (!m) return null;
  const query = m[1] ?? '';
  // The words of a built-in command are being written.
  return /^(\S+)\s/.test(query) && BUILT_IN[query.split(/\s/)[0]!] ? null : query;
}

export function pick(commands: Usable[], query: string): Pickable[] {
  const all: Pickable[] = [
    ...commands.map((use) => ({ key: use.key, name: use.name, description: use.description, use })),
    ...Object.entries(BUILT_IN).map(([name, { description }]) => ({ key: name, name, description })),
  ];
  const q = query.trim().toLowerCase();
  return all
    .map((option, i) => ({
      option,
      i,
      score: !q
        ? 1
        : option.name.toLowerCase().startsWith(q)
          ? 4
          : rank(option.name, q) || (rank(option.description, q) ? 0.5 : 0),
    }))
    .filter((s) => s.score > 0)
    .sort((a, b) => b.score - a.score || a.i - b.i)
    .slice(0, PICKED_MAX)
    .map((s) => s.option);
}

/** A message that begins with a built-in command, as it is sent. */
export function expand(text: string): string {
  const m = /^\/(\w+)(?:\s+([\s\S]*))?$/.exec(text.trim());
  const builtIn = m && Object.hasOwn(BUILT_IN, m[1]!) ? BUILT_IN[m[1]!] : undefined;
  return builtIn ? builtIn.expand((m![2] ?? '').trim()) : text;
}

/** Turns what stands in the text box into what is sent, and back for editing. */
import { fromShortcode } from '../emoji';
import type { Store } from '../store/store.svelte';
import type { Channel } from '../types';

/** Characters of a message (Discord developer docs, "Create Message"). */
export const CONTENT_MAX = 2000;

/** Code must go out as it was written. */
const CODE = /(```[\s\S]*?```|`[^`\n]+`)/;

/** Replaces completed names by their wire form, and `:shortcodes:` by emoji. `picked` maps text to wire form. */
export function toWire(text: string, picked: ReadonlyMap<string, string>, store: Store, channel: Channel): string {
  return text
    .split(CODE)
    .map((part, i) => (i % 2 ? part : replaceNames(part, picked, store, channel)))
    .join('')
    .trim();
}

function replaceNames(text: string, picked: ReadonlyMap<string, string>, store: Store, channel: Channel): string {
  let out = text;
  // Longer names first: `@anna` must not take the beginning of `@annabel`.
  for (const [shown, wire] of [...picked].sort((a, b) => b[0].length - a[0].length)) {
    out = out.replaceAll(new RegExp(`${escapeRegExp(shown)}(?![\\w])`, 'g'), wire);
  }
  out = out.replace(/(^|[\s(])@([a-z0-9_.]{2,32})(?![\w@])/g, (whole, lead: string, name: string) => {
    const id = findMember(store, channel, name);
    return id ? `${lead}<@${id}>` : whole;
  });
  return out.replace(/(?<![<\w]|<a):([\w+-]{2,32}):(?!\d)/g, (whole, name: string) => {
    const custom = channel.guild_id
      ? store.guilds.get(channel.guild_id)?.emojis.find((e) => e.name === name)
      : undefined;
    if (custom) return `<${custom.animated ? 'a' : ''}:${custom.name}:${custom.id}>`;
    return fromShortcode(name) ?? whole;
  });
}

function findMember(store: Store, channel: Channel, username: string): string | undefined {
  const ids = channel.guild_id ? store.members(channel.guild_id).keys() : (channel.recipient_ids ?? []);
  for (const id of ids) if (store.users.get(id)?.username === username) return id;
  return undefined;
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** The text box's form of a sent message, with the names to put back when it is sent again. */
export function fromWire(
  content: string,
  store: Store,
  channel: Channel,
): { text: string; picked: Map<string, string> } {
  const picked = new Map<string, string>();
  const name = (wire: string, shown: string) => {
    picked.set(shown, wire);
    return shown;
  };
  const guild = channel.guild_id ? store.guilds.get(channel.guild_id) : undefined;
  const text = content
    .replace(/<@!?(\d+)>/g, (wire, id: string) => {
      const user = store.users.get(id);
      return user ? name(wire, `@${user.username}`) : wire;
    })
    .replace(/<@&(\d+)>/g, (wire, id: string) => {
      const role = guild?.roles.find((r) => r.id === id);
      return role ? name(wire, `@${role.name}`) : wire;
    })
    .replace(/<#(\d+)>/g, (wire, id: string) => {
      const target = store.channels.get(id);
      return target?.name ? name(wire, `#${target.name}`) : wire;
    })
    .replace(/<a?:(\w+):\d+>/g, (wire, emoji: string) => name(wire, `:${emoji}:`));
  return { text, picked };
}

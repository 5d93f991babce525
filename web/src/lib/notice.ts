/** Side effects of dispatches that are not state: announcements, the title's count, moving away from what is gone. */
import { parseRoute, router } from './router.svelte';
import { toPlain } from './markdown/parse';
import { mentionsMe } from './store/notify';
import { normalizeMessage, type RawMessage } from './store/reducers/message';
import { channelName, displayName } from './store/selectors';
import { store } from './store/store.svelte';
import { plural } from './time';
import type { Component, Id, Message } from './types';
import { ui } from './ui.svelte';

export function plainOf(content: string, guildId?: Id): string {
  return toPlain(content, {
    user: (id) => displayName(store, id, guildId),
    role: (id) => (guildId && store.guilds.get(guildId)?.roles.find((r) => r.id === id)?.name) || 'role',
    channel: (id) => store.channels.get(id)?.name ?? 'channel',
  });
}

/** What a message says in a line; what it holds, when it says nothing. */
export function previewOf(message: Partial<Message>, guildId?: Id): string {
  const words = plainOf(message.content ?? '', guildId).trim();
  if (words) return words;
  if (message.poll) return `Poll: ${message.poll.question.text ?? ''}`;
  const texts = displayTexts(message.components ?? []);
  if (texts.length) return plainOf(texts.join(' '), guildId);
  const embed = message.embeds?.[0];
  if (embed) return embed.title ?? plainOf(embed.description ?? '', guildId) ?? 'An embed';
  if (message.attachments?.length) return plural(message.attachments.length, 'file');
  if (message.sticker_items?.length) return `Sticker: ${message.sticker_items[0]!.name}`;
  if (message.message_snapshots?.length) return previewOf(message.message_snapshots[0]!.message, guildId);
  return message.components?.length ? 'Buttons' : 'A message';
}

/** The texts among components, wherever they nest. */
export function displayTexts(components: Component[]): string[] {
  return components.flatMap((c) => [...(c.content ? [c.content] : []), ...displayTexts(c.components ?? [])]);
}

function announceMessage(d: RawMessage): void {
  const message = normalizeMessage(d);
  if (message.author?.id === store.me?.id) return;
  const open = router.route.page === 'channel' && router.route.channelId === message.channel_id;
  const channel = store.channels.get(message.channel_id);
  if (!open && !mentionsMe(store, message)) return;
  const guildId = message.guild_id ?? channel?.guild_id;
  const name = displayName(store, message.author.id, guildId, message.author);
  const text = previewOf(message, guildId);
  ui.announce(open ? `${name}: ${text}` : `${name} in ${channel ? channelName(store, channel) : 'a channel'}: ${text}`);
}

/** Leaves a page whose guild or channel has gone. */
function leaveIfGone(): void {
  const route = parseRoute(location.pathname);
  if (route.page !== 'channel') return;
  if (route.guildId && !store.guilds.has(route.guildId)) router.go('/channels/@me', true);
  else if (route.channelId && !store.channels.has(route.channelId)) router.openChannel(route.guildId, null, null, true);
}

export function onDispatch(t: string, d: unknown): void {
  switch (t) {
    case 'MESSAGE_CREATE':
      announceMessage(d as RawMessage);
      break;
    case 'GUILD_DELETE':
    case 'CHANNEL_DELETE':
    case 'THREAD_DELETE':
      leaveIfGone();
      break;
  }
}

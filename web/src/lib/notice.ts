/** Side effects of dispatches that are not state: announcements, the title's count, moving away from what is gone. */
import { parseRoute, router } from './router.svelte';
import { toPlain } from './markdown/parse';
import { mentionsMe, normalizeMessage } from './store/reducers/message';
import { channelName, displayName } from './store/selectors';
import { store } from './store/store.svelte';
import type { Id } from './types';
import { ui } from './ui.svelte';

export function plainOf(content: string, guildId?: Id): string {
  return toPlain(content, {
    user: (id) => displayName(store, id, guildId),
    role: (id) => (guildId && store.guilds.get(guildId)?.roles.find((r) => r.id === id)?.name) || 'role',
    channel: (id) => store.channels.get(id)?.name ?? 'channel',
  });
}

function announceMessage(d: Record<string, any>): void {
  const message = normalizeMessage(d);
  if (message.author?.id === store.me?.id) return;
  const open = router.route.page === 'channel' && router.route.channelId === message.channel_id;
  const channel = store.channels.get(message.channel_id);
  if (!open && !mentionsMe(store, message)) return;
  const guildId = message.guild_id ?? channel?.guild_id;
  const name = displayName(store, message.author.id, guildId, message.author);
  const text = plainOf(message.content, guildId) || (message.attachments.length ? 'sent a file' : 'sent something');
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
      announceMessage(d as Record<string, any>);
      break;
    case 'GUILD_DELETE':
    case 'CHANNEL_DELETE':
    case 'THREAD_DELETE':
      leaveIfGone();
      break;
  }
}

/** Going from channel to channel by keys. */
import { neighbour } from './order';
import { channelPath, router } from './router.svelte';
import { isQuiet } from './store/notify';
import { channelTree, isUnread, mentionCount, privateChannels } from './store/selectors';
import { store } from './store/store.svelte';
import type { Channel } from './types';

/** Opens the next or previous channel of the list beside the messages, or the next unread one. */
export function walk(by: 1 | -1, unreadOnly: boolean): void {
  const { route } = router;
  if (route.page !== 'channel' && route.page !== 'home') return;
  const guildId = route.page === 'channel' ? route.guildId : null;
  const openId = route.page === 'channel' ? route.channelId : null;
  const all = guildId ? channelTree(store, guildId).flatMap((group) => group.channels) : privateChannels(store);
  const news = (c: Channel) => mentionCount(store, c.id) > 0 || (isUnread(store, c) && !isQuiet(store, c));
  const list = unreadOnly ? all.filter((c) => c.id === openId || news(c)) : all;
  const next = neighbour(
    list,
    list.findIndex((c) => c.id === openId),
    by,
  );
  if (next && next.id !== openId) router.go(channelPath(guildId, next.id));
}

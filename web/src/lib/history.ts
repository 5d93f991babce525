/** Pages of a channel's messages, fetched into its log. */
import { channels as api, describe } from './api';
import { isAfter } from './snowflake';
import type { ChannelLog } from './store/log.svelte';
import { learnFromHistory, noteNewest, normalizeMessage } from './store/reducers/message';
import { store } from './store/store.svelte';
import type { Id, Message } from './types';

export const PAGE_SIZE = 50;

function takePage(page: Message[], guildId: Id | undefined): Message[] {
  const messages = page.map((m) => normalizeMessage({ ...m, guild_id: m.guild_id ?? guildId }));
  for (const m of messages) learnFromHistory(store, m);
  return messages;
}

/** The end of the load that is on its way. */
const underWay = new WeakMap<ChannelLog, Promise<void>>();

/** Loads one page at a time. One that begins anew waits for the page that is on its way; one that goes on is not needed then. */
async function loading(log: ChannelLog, kind: 'initial' | 'older' | 'newer', work: () => Promise<void>): Promise<void> {
  while (kind === 'initial' && underWay.has(log)) await underWay.get(log);
  if (log.loading !== 'none') return;
  let done = () => {};
  underWay.set(log, new Promise((resolve) => (done = resolve)));
  log.loading = kind;
  const journal = log.begin();
  try {
    await work();
    log.error = null;
  } catch (error) {
    log.error = describe(error);
  } finally {
    log.settle(journal);
    for (const id of journal.recounted) void recount(log, id);
    log.loading = 'none';
    underWay.delete(log);
    done();
  }
}

const RECOUNTS_MAX = 3;

/** Asks again for what is counted of a message, where it cannot be known whether a page had counted it. */
async function recount(log: ChannelLog, id: Id): Promise<void> {
  for (let tries = 0; tries < RECOUNTS_MAX; tries++) {
    const message = log.find(id);
    if (!message) return;
    const journal = log.begin();
    const fresh = await api.message(message.channel_id, id).catch(() => null);
    log.settle(journal);
    if (!fresh) return;
    const { reactions, poll } = fresh;
    log.count(id, (m) => ({ ...m, reactions, poll }));
    if (!journal.recounted.has(id)) return;
  }
}

/** The page that is on its way, if there is one. */
export const arriving = (channelId: Id): Promise<void> | undefined => underWay.get(store.log(channelId));

const guildOf = (channelId: Id) => store.channels.get(channelId)?.guild_id;

export function loadLatest(channelId: Id): Promise<void> {
  const log = store.log(channelId);
  return loading(log, 'initial', async () => {
    const page = takePage(await api.messages(channelId, { limit: PAGE_SIZE }), guildOf(channelId));
    // What came over the gateway while the page was on its way is kept.
    const newest = page[0]?.id;
    const since = log.loaded && !log.hasNewer ? log.items.filter((m) => !newest || isAfter(m.id, newest)) : [];
    log.reset([...page, ...since], page.length >= PAGE_SIZE, false);
    if (newest) noteNewest(store, channelId, newest);
  });
}

/** Loads the messages on both sides of an id, which need not be one of a message that is still there. */
export function loadAround(channelId: Id, messageId: Id): Promise<void> {
  const log = store.log(channelId);
  return loading(log, 'initial', async () => {
    const newest = store.lastMessage.get(channelId);
    const page = takePage(await api.messages(channelId, { around: messageId, limit: PAGE_SIZE }), guildOf(channelId));
    const older = page.filter((m) => isAfter(messageId, m.id)).length;
    log.reset(page, older >= PAGE_SIZE / 2 - 1, !!newest && !page.some((m) => m.id === newest));
  });
}

export function loadOlder(channelId: Id): Promise<void> {
  const log = store.log(channelId);
  const first = log.first;
  if (!first || !log.hasOlder) return Promise.resolve();
  return loading(log, 'older', async () => {
    const page = takePage(await api.messages(channelId, { before: first.id, limit: PAGE_SIZE }), guildOf(channelId));
    log.prepend(page, page.length >= PAGE_SIZE);
  });
}

export function loadNewer(channelId: Id): Promise<void> {
  const log = store.log(channelId);
  const last = log.last;
  if (!last || !log.hasNewer) return Promise.resolve();
  return loading(log, 'newer', async () => {
    const page = takePage(await api.messages(channelId, { after: last.id, limit: PAGE_SIZE }), guildOf(channelId));
    log.append(page, page.length >= PAGE_SIZE);
  });
}

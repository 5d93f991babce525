/** Links of this server in a message: to invites and messages, which are shown as cards, and to channels, which are named. */
import { channels, invites } from './api';
import { parse, type Block, type Inline } from './markdown/parse';
import { parseRoute, type Route } from './router.svelte';
import { normalizeMessage } from './store/reducers/message';
import { store } from './store/store.svelte';
import type { Id, Invite, Message } from './types';

const CARDS_MAX = 3;

function linksOf(nodes: readonly (Block | Inline)[], out: string[]): void {
  for (const node of nodes) {
    if (node.kind === 'link') out.push(node.href);
    // What is behind a spoiler is not shown beside it.
    else if (node.kind === 'spoiler') continue;
    else if (node.kind === 'list') for (const item of node.items) linksOf(item, out);
    else if ('children' in node) linksOf(node.children, out);
  }
}

/** Where a link leads inside this client; null for other hosts. */
export function routeOf(href: string, origin: string): Route | null {
  try {
    const url = new URL(href);
    return url.origin === origin && /^\/(channels|invite)\/./.test(url.pathname)
      ? parseRoute(url.pathname, url.search)
      : null;
  } catch {
    return null;
  }
}

function routesIn(content: string, origin: string): Route[] {
  if (!content.includes(origin)) return [];
  const links: string[] = [];
  linksOf(parse(content), links);
  return links.flatMap((href) => routeOf(href, origin) ?? []);
}

/** Codes of the invites that a message links to, each once. */
export function inviteCodes(content: string, origin: string): string[] {
  const codes = routesIn(content, origin).flatMap((route) => (route.page === 'invite' ? [route.code] : []));
  return [...new Set(codes)].slice(0, CARDS_MAX);
}

export interface MessageLink {
  channelId: Id;
  messageId: Id;
}

/** The messages that a message links to, each once. */
export function messageLinks(content: string, origin: string): MessageLink[] {
  const found = new Map<Id, MessageLink>();
  for (const route of routesIn(content, origin)) {
    if (route.page !== 'channel' || !route.channelId || !route.messageId) continue;
    found.set(route.messageId, { channelId: route.channelId, messageId: route.messageId });
  }
  return [...found.values()].slice(0, CARDS_MAX);
}

const linked = new Map<Id, Promise<Message>>();

/** A message that is linked to: the one that is held, or else asked of the server, once for each page. */
export function linkedMessage({ channelId, messageId }: MessageLink): Promise<Message> {
  const held = store.knownLog(channelId)?.find(messageId);
  if (held) return Promise.resolve(held);
  let found = linked.get(messageId);
  if (!found) {
    if (linked.size >= KNOWN_MAX) linked.clear();
    linked.set(messageId, (found = channels.message(channelId, messageId).then(normalizeMessage)));
    found.catch(() => linked.delete(messageId));
  }
  return found;
}

const known = new Map<string, Promise<Invite>>();
const KNOWN_MAX = 100;

/** What an invite leads to; asked once for each page. */
export function inviteOf(code: string): Promise<Invite> {
  let found = known.get(code);
  if (!found) {
    if (known.size >= KNOWN_MAX) known.clear();
    known.set(code, (found = invites.get(code)));
    // Another look may find what a broken connection did not.
    found.catch(() => known.delete(code));
  }
  return found;
}

/** Links of this server in a message: to invites, which are shown as cards, and to messages and channels, which are named. */
import { invites } from './api';
import { parse, type Block, type Inline } from './markdown/parse';
import { parseRoute, type Route } from './router.svelte';
import type { Invite } from './types';

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

/** Codes of the invites that a message links to, each once. */
export function inviteCodes(content: string, origin: string): string[] {
  if (!content.includes('/invite/')) return [];
  const links: string[] = [];
  linksOf(parse(content), links);
  const codes = links.flatMap((href) => {
    const route = routeOf(href, origin);
    return route?.page === 'invite' ? [route.code] : [];
  });
  return [...new Set(codes)].slice(0, CARDS_MAX);
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
